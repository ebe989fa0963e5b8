"""Being the one that is at work on a run, until somebody else cancels it."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext

from qrun.errors import Interrupted
from qrun.ledger import Ledger
from qrun.run.listening import Stop


class UntilCancelled:
    """Stops also where another process cancels the run. Every thread may ask it.

    Args:
        stop: Whether someone wants this process to stop.
        ledger: The ledger.
        run_id: The run; what was asked of whoever held it before now is over.
    """

    def __init__(self, stop: Stop, ledger: Ledger, run_id: str) -> None:
        self._stop = stop
        self._ledger = ledger
        self._run_id = run_id
        self._before = ledger.stops_asked(run_id)

    @property
    def asked(self) -> bool:
        """Whether a signal, or a cancellation of the run, has come."""
        return self._stop.asked or self._ledger.stops_asked(self._run_id) > self._before

    def interruptible(self) -> AbstractContextManager[None]:
        """Where a second Ctrl-C may break off what hangs."""
        return self._stop.interruptible()


class Within:
    """Stops after a while.

    Args:
        seconds: How long that is.
    """

    def __init__(self, seconds: float) -> None:
        self._deadline = time.monotonic() + seconds

    @property
    def asked(self) -> bool:
        """Whether it is over."""
        return time.monotonic() > self._deadline

    def interruptible(self) -> AbstractContextManager[None]:
        """Everywhere."""
        return nullcontext()


@contextmanager
def alone(ledger: Ledger, run_id: str, stop: Stop) -> Iterator[None]:
    """Hold a run, once no other process does.

    Raises:
        Interrupted: ``stop`` said so before.
    """

    def waiting() -> None:
        if stop.asked:
            raise Interrupted(f"Another qrun is sending the jobs of run {run_id}.", "It goes on.")

    with ledger.hold(run_id, waiting):
        yield
