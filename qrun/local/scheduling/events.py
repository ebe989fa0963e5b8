"""What happens on a device, as a record: the one source of states, timestamps, usage and timelines.

Every event carries ``at`` (seconds of the device's service clock) and the workload it concerns, which is
``None`` for a job that runs in job mode.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, ClassVar, Literal

OTHERS = "~"
"""What IDs of other users' jobs, and of their instances, begin with."""

OWN = "own"
"""The service's own instance."""

Mode = Literal["dedicated", "batch"]
Outcome = Literal["completed", "failed", "cancelled"]


@dataclass(frozen=True)
class Event:
    """Something that happened at a time."""

    kind: ClassVar[str] = ""

    at: float
    workload: str | None


@dataclass(frozen=True)
class JobEvent(Event):
    """Something that happened to a job."""

    job: str


@dataclass(frozen=True)
class JobQueued(JobEvent):
    """It was accepted. It may hold the QPU for ``limit_seconds`` at most.

    Of another user's job it is known from the start how long it ``needs`` the QPU, in seconds.
    """

    kind = "job_queued"
    limit_seconds: float
    instance: str = OWN
    needs: float | None = None


@dataclass(frozen=True)
class JobStarted(JobEvent):
    """It took a classical lane; its state is ``Running`` from here (facts B7)."""

    kind = "job_started"
    lane: int


@dataclass(frozen=True)
class JobPrepared(JobEvent):
    """Its real preparation is over, and what it needs of the QPU is known.

    With a ``failure`` it fails on the QPU after ``qpu_seconds``.
    """

    kind = "job_prepared"
    qpu_seconds: float
    failure: str | None = None
    failure_code: int | None = None


@dataclass(frozen=True)
class JobReady(JobEvent):
    """Its classical stage is over; it waits for the QPU."""

    kind = "job_ready"


@dataclass(frozen=True)
class JobOnQpu(JobEvent):
    """It took the QPU lock: its usage begins (mission M6)."""

    kind = "job_on_qpu"


@dataclass(frozen=True)
class JobFinished(JobEvent):
    """It ended and gave back its lane and, where it had it, the QPU lock."""

    kind = "job_finished"
    outcome: Outcome
    reason: str | None = None
    reason_code: int | None = None


@dataclass(frozen=True)
class JobRequeued(JobEvent):
    """The service stopped while it ran: it is queued again, and will run from its start."""

    kind = "job_requeued"


@dataclass(frozen=True)
class WorkloadEvent(Event):
    """Something that happened to a session or batch."""

    workload: str


@dataclass(frozen=True)
class WorkloadOpened(WorkloadEvent):
    """It was created. Times to live are seconds."""

    kind = "workload_opened"
    mode: Mode
    max_ttl: int
    interactive_ttl: int
    reason: str


@dataclass(frozen=True)
class WorkloadActivated(WorkloadEvent):
    """A job of it started while it was open or inactive."""

    kind = "workload_activated"
    reason: str


@dataclass(frozen=True)
class WorkloadInactivated(WorkloadEvent):
    """It lost its priority, and is paused until another job of it starts."""

    kind = "workload_inactivated"
    reason: str


@dataclass(frozen=True)
class WorkloadSpared(WorkloadEvent):
    """How much was skipped while it had no job. In the record of an older qrun alone, and without effect."""

    kind = "workload_spared"
    seconds: float


@dataclass(frozen=True)
class WorkloadAccepting(WorkloadEvent):
    """Its client said whether it takes new jobs."""

    kind = "workload_accepting"
    accepting: bool


@dataclass(frozen=True)
class WorkloadClosed(WorkloadEvent):
    """It takes and starts no job any more; jobs that run go on."""

    kind = "workload_closed"
    reason: str


@dataclass(frozen=True)
class TimeSkipped(Event):
    """The device's clock jumped over ``seconds`` of modelled waiting."""

    kind = "time_skipped"
    seconds: float


@dataclass(frozen=True)
class OthersCame(Event):
    """Somebody waits for the device, so other users' jobs are looked at from here on."""

    kind = "others_came"


@dataclass(frozen=True)
class OthersLeft(Event):
    """Nobody waits for the device any more: other users' jobs are let go of."""

    kind = "others_left"


_KINDS: dict[str, type[Event]] = {
    kind.kind: kind
    for kind in (
        JobQueued, JobStarted, JobPrepared, JobReady, JobOnQpu, JobFinished, JobRequeued,
        WorkloadOpened, WorkloadActivated, WorkloadInactivated, WorkloadSpared, WorkloadAccepting,
        WorkloadClosed, TimeSkipped, OthersCame, OthersLeft,
    )
}  # fmt: skip


def of_others(event: Event) -> bool:
    """Whether it tells of other users alone, which is a function of time and need not be kept."""
    if isinstance(event, JobEvent):
        return event.job.startswith(OTHERS)
    return isinstance(event, (OthersCame, OthersLeft))


def to_dict(event: Event) -> dict[str, Any]:
    """The event as plain JSON."""
    return {"kind": event.kind, **asdict(event)}


def from_dict(data: dict[str, Any]) -> Event:
    """The event that :func:`to_dict` made ``data`` of.

    Raises:
        KeyError: It is of no known kind.
    """
    fields = dict(data)
    return _KINDS[fields.pop("kind")](**fields)
