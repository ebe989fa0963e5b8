"""What commands that ask a service on the way share: one connection a service, and a spinner meanwhile."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from qrun.runtime.client import RuntimeClient


def connector(service: str | None) -> Callable[[str | None], RuntimeClient]:
    """A function that connects to the service a file names, once however many files name it.

    Args:
        service: The service of the command line, which goes over a file's.
    """
    from qrun import config
    from qrun.runtime.accounts import find_account
    from qrun.runtime.client import RuntimeClient

    clients: dict[str, RuntimeClient] = {}

    def connect(of_file: str | None) -> RuntimeClient:
        name = config.service_name(service, of_file)
        if name not in clients:
            clients[name] = RuntimeClient(find_account(name))
        return clients[name]

    return connect


@contextmanager
def spinner(*, quiet: bool) -> Iterator[Callable[[str], None]]:
    """Tells on a terminal what is being done; the function it gives takes each next step."""
    from qrun.cli.console import err

    if quiet or not err().is_terminal:
        yield lambda _: None
        return
    with err().status("starting") as shown:
        yield shown.update
