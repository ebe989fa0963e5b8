"""Usage accounts: what a job, a batch, a session or a run used, and when."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from qrun.runtime.records import CANCELLED, DONE, ERROR, FINAL_STATES, SessionRecord

RULES = {
    "job": "QPU time that the jobs used in processing",
    "batch": "sum of the time that its jobs spent on the QPU",
    "session": "from the start of its first job until it went inactive, was closed or its last job ended",
}
"""What usage means in each mode: M9, M8 and M7."""

FAILURE_RULES = {
    "job": "the time the QPU was locked until then, zero before the lock",
    "batch": "the time the QPU was locked until then, zero before the lock",
    "session": "wall-clock time of the session, whatever became of its jobs",
}
"""What failed and cancelled jobs cost in each mode: M11, M11 and M12."""


@dataclass(frozen=True)
class JobUsage:
    """One job's part."""

    id: str
    state: str
    qpu_seconds: float | None
    """Seconds that the QPU was locked for it; ``None`` while the service has not settled it."""
    created: datetime | None
    started: datetime | None
    finished: datetime | None
    reason: str | None = None
    reason_code: int | None = None
    program: str | None = None
    primitive: str | None = None
    """``sampler`` or ``estimator``, where it is known; one job can't do the work of both."""
    tags: tuple[str, ...] = ()
    so_far_seconds: float | None = None
    """QPU time that the service tells while it has not settled it."""
    execution_seconds: float | None = None
    """Seconds of the QPU time in which circuits ran; ``None`` where the service does not tell."""
    session_id: str | None = None
    estimated_seconds: float | None = None
    """QPU time that the service had reckoned with."""

    @property
    def ended(self) -> bool:
        """Whether nothing more will happen to it."""
        return self.state in FINAL_STATES

    @property
    def queue_seconds(self) -> float | None:
        """From its creation until it started, or ended without having started; ``None`` if not known."""
        until = self.started or (self.finished if self.ended else None)
        return _between(self.created, until)

    @property
    def running_seconds(self) -> float | None:
        """From its start to its end: classical processing, waiting for the QPU and QPU time."""
        return _between(self.started, self.finished)

    @property
    def classical_seconds(self) -> float | None:
        """What of :attr:`running_seconds` was not QPU time: classical processing, and waiting for the QPU.

        ``None`` where it is not known, also where a service that charges whole seconds charged more of them
        than the job ran.
        """
        running = self.running_seconds
        if running is None or self.qpu_seconds is None or running < self.qpu_seconds - 1e-3:
            return None
        return max(0.0, round(running - self.qpu_seconds, 3))

    @property
    def overhead_seconds(self) -> float | None:
        """QPU time in which no circuit ran; ``None`` where the service does not tell."""
        if self.qpu_seconds is None or self.execution_seconds is None:
            return None
        return max(0.0, round(self.qpu_seconds - self.execution_seconds, 3))

    def as_dict(self) -> dict[str, Any]:
        """The job as ``qrun usage --json`` prints it."""
        return {
            "id": self.id,
            "state": self.state,
            "session_id": self.session_id,
            "program": self.program,
            "qpu_seconds": self.qpu_seconds,
            "qpu_seconds_so_far": self.so_far_seconds,
            "estimated_seconds": self.estimated_seconds,
            "overhead_seconds": self.overhead_seconds,
            "queue_seconds": self.queue_seconds,
            "running_seconds": self.running_seconds,
            "classical_seconds": self.classical_seconds,
            "created": iso(self.created),
            "started": iso(self.started),
            "finished": iso(self.finished),
            "reason": self.reason,
            "reason_code": self.reason_code,
            "tags": list(self.tags),
        }


@dataclass(frozen=True)
class Window:
    """A time in which a session or batch was active."""

    start: datetime
    end: datetime | None
    """``None`` while it is active still."""


@dataclass(frozen=True)
class UsageAccount:
    """What something used, and when."""

    id: str
    kind: str
    """``job``, ``batch``, ``session`` or ``run``."""
    mode: str
    backend: str | None
    state: str
    usage_seconds: float | None
    """Usage by the rule of the mode; ``None`` while the service has not settled it."""
    interactive_ttl_seconds: float | None
    max_ttl_seconds: float | None
    started_at: datetime | None
    closed_at: datetime | None
    jobs: tuple[JobUsage, ...] = field(default=())
    session_id: str | None = None
    """Its session or batch; the newest, where a run had several."""
    windows: tuple[Window, ...] = ()
    """When its session or batch was active; empty where the service does not tell."""
    read_at: datetime | None = None
    """When this was read, or the newest time in it where the service's clock is ahead."""
    state_reason: str | None = None
    accepting_jobs: bool | None = None

    @property
    def qpu_seconds(self) -> float | None:
        """QPU time of all jobs that have been settled; ``None`` where there are jobs and none has."""
        settled = [job.qpu_seconds for job in self.jobs if job.qpu_seconds is not None]
        return round(sum(settled), 3) if settled or not self.jobs else None

    @property
    def settled(self) -> bool:
        """Whether the numbers are the service's last word."""
        if self.session_id is not None and self.kind != "job" and self.state != "closed":
            return False
        return self.usage_seconds is not None and all(job.qpu_seconds is not None for job in self.jobs)

    @property
    def ongoing(self) -> bool:
        """Whether its usage may still grow."""
        if self.kind != "job" and self.session_id is not None and self.state != "closed":
            return True
        return not all(job.ended for job in self.jobs)

    @property
    def so_far_seconds(self) -> float | None:
        """Usage, or what can be told of it while the service has not settled it: no less than this."""
        if self.usage_seconds is not None:
            return self.usage_seconds
        if self.mode == "session" and self.kind != "job":
            return round(sum(seconds_of(window, self.read_at) for window in self.windows), 3)
        told = [_first_known(job.qpu_seconds, job.so_far_seconds) for job in self.jobs]
        return round(sum(value for value in told if value is not None), 3)

    @property
    def by_wall_clock(self) -> bool:
        """Whether wall-clock time is what counts: of a session, but not of one job in it."""
        return self.mode == "session" and self.kind != "job"

    @property
    def ttl_left_seconds(self) -> float | None:
        """What remains of its maximum time to live; ``None`` before its first job and after its end."""
        if self.max_ttl_seconds is None or self.started_at is None or self.read_at is None:
            return None
        if self.state == "closed":
            return None
        return max(0.0, round(self.max_ttl_seconds - (self.read_at - self.started_at).total_seconds(), 3))

    @property
    def ittl_left_seconds(self) -> float | None:
        """What remains until it goes inactive for want of jobs; ``None`` unless it is active and has none."""
        if self.interactive_ttl_seconds is None or self.state != "active" or self.read_at is None:
            return None
        ends = [job.finished for job in self.jobs if job.finished]
        if not ends or not all(job.ended for job in self.jobs):
            return None
        return max(0.0, round(self.interactive_ttl_seconds - (self.read_at - max(ends)).total_seconds(), 3))

    @property
    def rule(self) -> str:
        """What usage means here, in the mission's words."""
        return RULES["job" if self.kind == "job" else self.mode]

    def ended_badly(self, state: str) -> tuple[JobUsage, ...]:
        """Its jobs that ended in ``ERROR`` or ``CANCELLED``."""
        return tuple(job for job in self.jobs if job.state == state)

    def as_dict(self) -> dict[str, Any]:
        """The account as ``qrun usage --json`` prints it."""
        return {
            "id": self.id,
            "kind": self.kind,
            "mode": self.mode,
            "backend": self.backend,
            "state": self.state,
            "state_reason": self.state_reason,
            "session_id": self.session_id,
            "usage_seconds": self.usage_seconds,
            "usage_seconds_so_far": self.so_far_seconds,
            "usage_status": "complete" if self.settled else "pending",
            "usage_rule": self.rule,
            "qpu_seconds": self.qpu_seconds,
            "interactive_ttl_seconds": self.interactive_ttl_seconds,
            "interactive_ttl_left_seconds": self.ittl_left_seconds,
            "max_ttl_seconds": self.max_ttl_seconds,
            "max_ttl_left_seconds": self.ttl_left_seconds,
            "started_at": iso(self.started_at),
            "closed_at": iso(self.closed_at),
            "windows": [{"start": iso(window.start), "end": iso(window.end)} for window in self.windows],
            "jobs": [job.as_dict() for job in self.jobs],
        }


def active_windows(session: SessionRecord, jobs: Sequence[JobUsage]) -> tuple[Window, ...]:
    """When a session or batch was active, as far as its usage is concerned (M7).

    One that is closed while jobs of it run goes on until the last of them has ended.

    Args:
        session: The session or batch.
        jobs: All its jobs; those of others among them are passed over.
    """
    jobs = [job for job in jobs if job.session_id == session.id]
    windows: list[Window] = []
    since: datetime | None = None
    for state, moment in session.transitions:
        if state == "active":
            since = since or moment
        elif since is not None:
            windows.append(Window(since, _end_of_jobs(moment, jobs) if state == "closed" else moment))
            since = None
    if since is not None:
        windows.append(Window(since, None))
    return tuple(windows)


def _end_of_jobs(closed: datetime, jobs: Iterable[JobUsage]) -> datetime | None:
    """When the last job that ran at ``closed`` ended; ``None`` while one of them runs."""
    end = closed
    for job in jobs:
        if job.started is not None and job.started <= closed:
            if job.finished is None and not job.ended:
                return None
            end = max(end, job.finished or end)
    return end


def seconds_of(window: Window, now: datetime | None) -> float:
    """Length of a window, up to ``now`` where it has not ended."""
    end = window.end or now
    return 0.0 if end is None else max(0.0, (end - window.start).total_seconds())


def worst_first(states: Iterable[str]) -> list[str]:
    """States that occur, the bad ends first."""
    order = {ERROR: 0, CANCELLED: 1, DONE: 9}
    return sorted(set(states), key=lambda state: (order.get(state, 5), state))


def iso(moment: datetime | None) -> str | None:
    """A time as JSON has it."""
    return moment.isoformat() if moment else None


def _between(start: datetime | None, end: datetime | None) -> float | None:
    if start is None or end is None:
        return None
    return max(0.0, round((end - start).total_seconds(), 3))


def _first_known(*values: float | None) -> float | None:
    return next((value for value in values if value is not None), None)
