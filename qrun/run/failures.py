"""Why a job failed, in the words that ``qrun retry --only`` and ``retry: on:`` take."""

from __future__ import annotations

from qrun.ledger import LedgerJob
from qrun.runtime.records import CANCELLED, ERROR, RAN_TOO_LONG

CANCELLED_BY_USER = "cancelled"
SESSION_ENDED = "session-ended"
"""The batch or session of a job ended before the job could run: it ran out of time, or was closed."""
TOO_LONG = "too-long"
"""The job was stopped at its own time limit."""
SYSTEM = "system"
"""The service failed, not the job."""
JOB = "job"
"""The job itself can't run; sent again as it is, it fails again."""

REASONS = {
    SYSTEM: "the service failed",
    SESSION_ENDED: "its batch or session ended before it could run",
    CANCELLED_BY_USER: "it was cancelled",
    TOO_LONG: "it reached its time limit",
    JOB: "it can't run as it is",
}

_SESSION_CODES = frozenset({4001})
_SYSTEM_CODES = frozenset({1000, 1004, 1999, 3245, 3246, 5201, 5203, 9999})
"""Internal errors, backends that are not available, outages and queues that are off (facts E4)."""


def reason_of(job: LedgerJob) -> str | None:
    """Why the last attempt at a job failed; ``None`` where it has not.

    By the service's code; where it gives none, a job that the service cancelled by itself tells it in words.
    """
    if job.state not in (ERROR, CANCELLED):
        return None
    text = (job.reason or "").lower()
    if job.reason_code == RAN_TOO_LONG or "ran longer than" in text:
        return TOO_LONG
    if job.reason_code in _SESSION_CODES or ("session" in text and "closed" in text):
        return SESSION_ENDED
    if job.state == CANCELLED:
        return CANCELLED_BY_USER
    if job.reason_code in _SYSTEM_CODES or "internal error" in text:
        return SYSTEM
    return JOB
