"""The numbers that the execution modes rest on, each with its source, and the set of them an instance has."""

from __future__ import annotations

from dataclasses import dataclass

LANES = 5
"""Jobs in classical processing at once on one QPU (mission M17; facts B7)."""

SESSION_INTERACTIVE_TTL = 60
"""Seconds a session may wait for its next job before it is paused (mission M14)."""

BATCH_INTERACTIVE_TTL = 1
"""Seconds a batch may wait for its next job before it is paused, on every plan (mission M13).

IBM's text also says 60 s; the mission decides (facts K)."""

MAX_TTL = 28_800
"""Seconds a session or batch may live, counted from its first job's start: 8 hours (facts B3)."""

UNUSED_CLOSE = 1_800
"""Seconds after which a session or batch that has no job and never ran one is closed (facts B3)."""

MAX_JOB_SECONDS = 10_800
"""Most QPU seconds that one job may use: 3 hours (facts E3)."""

CLASSICAL_SECONDS = 1.0
"""Modelled seconds of a job's classical stage, whatever it takes to simulate it. Our choice: IBM gives no
number, and jobs of a few PUBs are reported as RUNNING for a second or two before they reach the QPU."""

REASON_SESSION_CREATED = "session_created"
"""Seen on IBM's service (facts B4)."""
REASON_INTERACTIVE_TTL = "session_inactivated_by_interactive_ttl"
"""Seen on IBM's service (facts B4)."""
REASON_CLOSED_EARLY = "session_closed_early"
"""Seen on IBM's service, when a session without jobs is closed (facts B4)."""
REASON_ACTIVATED = "session_activated"
"""Our choice; the value on IBM's service isn't known (facts L3)."""
REASON_CLOSED = "session_closed"
"""Closed after its last job, as its client had asked. Our choice (facts L3)."""
REASON_MAX_TTL = "session_closed_by_max_ttl"
"""Our choice (facts L3)."""
REASON_CANCELLED = "session_cancelled"
"""Our choice (facts L3)."""
REASON_UNUSED = "session_closed_unused"
"""Our choice (facts L3)."""
REASON_OTHER_SESSION = "session_inactivated_by_other_session"
"""A session got the device for itself while this batch waited for its client. Our choice (facts L3)."""
REASON_SERVICE_STOPPED = "session_inactivated_by_service_stop"
"""The local service itself was stopped or killed. Has no counterpart on IBM's service."""

CODE_RAN_TOO_LONG = 1305
"""A job reached its limit of QPU seconds (facts E3). Its ``reason`` is :data:`RAN_TOO_LONG`."""
RAN_TOO_LONG = "Ran too long"

CODE_SESSION_CLOSED = 4001
"""For a job that was still queued when its session reached its maximum TTL, and for one that is submitted
to a closed session. Our choice of code and of state ``Failed`` (facts L2, L4)."""
SESSION_CLOSED = "Job is part of a session that's been closed"

CANCELLED_BY_USER = "Job was cancelled"
"""Reason of a job that its user cancelled, alone or with its session. Has no code."""


@dataclass(frozen=True)
class Rules:
    """The numbers of one instance. All times are seconds of the service clock.

    Args:
        lanes: Jobs in classical processing at once.
        classical_seconds: Modelled length of a job's classical stage.
        session_interactive_ttl: ITTL of a session.
        batch_interactive_ttl: ITTL of a batch.
        max_ttl: Maximum TTL of either, and the largest that may be asked for.
        unused_close: When one that never had a job is closed.
        max_job_seconds: Most QPU seconds of a job, and its limit where it asks for none.
    """

    lanes: int = LANES
    classical_seconds: float = CLASSICAL_SECONDS
    session_interactive_ttl: int = SESSION_INTERACTIVE_TTL
    batch_interactive_ttl: int = BATCH_INTERACTIVE_TTL
    max_ttl: int = MAX_TTL
    unused_close: int = UNUSED_CLOSE
    max_job_seconds: int = MAX_JOB_SECONDS

    def interactive_ttl(self, mode: str) -> int:
        """ITTL of a workload, in seconds; ``mode`` is ``dedicated`` (a session) or ``batch``."""
        return self.session_interactive_ttl if mode == "dedicated" else self.batch_interactive_ttl
