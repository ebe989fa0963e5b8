"""Who is told how a run is sent, and who may stop it."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Protocol

from qrun.errors import QrunError


class Listener(Protocol):
    """Who is told how a submission goes. What it does must not fail."""

    def opened(self, session_id: str) -> None:
        """A batch or session is open."""

    def accepted(self, number: int, total: int) -> None:
        """The service has accepted one more job."""

    def limited(self, seconds: float) -> None:
        """The service takes no more requests for now; the jobs are sent on after ``seconds``."""

    def troubled(self, message: str) -> None:
        """The service does not answer, or fails; it is asked again."""

    def closed(self, session_id: str) -> None:
        """The batch or session takes no more jobs."""

    def not_closed(self, session_id: str, error: QrunError) -> None:
        """The batch or session could not be closed; the ledger remembers it."""


class Stop(Protocol):
    """Whether someone wants the submission to stop."""

    @property
    def asked(self) -> bool:
        """Whether a signal has come: no further job is to be sent."""

    def interruptible(self) -> AbstractContextManager[None]:
        """Where a second Ctrl-C may break off what hangs."""
