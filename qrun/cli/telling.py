"""Telling a person on standard error how jobs are sent."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from qrun.errors import QrunError
    from qrun.runtime.accounts import Account


class Trouble:
    """Tells that the service does not answer, but not with every request.

    Args:
        talk: Takes each line.
    """

    def __init__(self, talk: Callable[[str], None]) -> None:
        self._talk = talk
        self._told = float("-inf")

    def __call__(self, message: str) -> None:
        """Tell ``message``, if the last was told a while ago."""
        if time.monotonic() - self._told > 60:
            self._talk(f"{message} Asking again …")
            self._told = time.monotonic()


class Teller:
    """Tells the user how a submission goes.

    Args:
        run_id: The run.
        mode: ``job``, ``batch`` or ``session``.
        account: The account that the jobs are sent with.
        talk: Takes each line.
    """

    def __init__(self, run_id: str, mode: str, account: Account, talk: Callable[[str], None]) -> None:
        self._run_id = run_id
        self._mode = mode
        self._account = account
        self._talk = talk
        self._trouble = Trouble(talk)

    def opened(self, session_id: str) -> None:
        """Tell the batch or session, and its times."""
        from qrun.errors import QrunError
        from qrun.runtime.control import ControlChannel
        from qrun.units import format_seconds

        times = ""
        # The times are the service's to say (M16); a sentence about them is worth no failure.
        with (
            suppress(QrunError),
            ControlChannel(self._account) as channel,
        ):
            channel.deadline = time.monotonic()
            session = channel.session(session_id)
            times = (
                f": interactive time to live {format_seconds(session.interactive_ttl_seconds)}, "
                f"maximum {format_seconds(session.max_ttl_seconds)}"
            )
        self._talk(f"{self._mode} {session_id} open{times}")

    def accepted(self, number: int, total: int) -> None:
        """Tell when all are."""
        if number == total:
            self._talk("the job is accepted" if total == 1 else f"all {total} jobs are accepted")

    def limited(self, seconds: float) -> None:
        """Tell how long it will be."""
        self._talk(f"the service takes no more requests for now; sending again in {seconds:.0f} s")

    def troubled(self, message: str) -> None:
        """Tell, but not every time."""
        self._trouble(message)

    def closed(self, session_id: str) -> None:
        """Tell that it is closed."""
        self._talk(f"{self._mode} {session_id} takes no more jobs; it ends with its last one")

    def not_closed(self, session_id: str, error: QrunError) -> None:
        """Tell that it is not, and how to close it, also where all else is quiet."""
        from qrun.cli.console import say

        say(
            f"warning: the {self._mode} {session_id} of run {self._run_id} is not closed. {error.message} "
            f"Close it with: qrun close {self._run_id}",
            style="yellow",
        )
