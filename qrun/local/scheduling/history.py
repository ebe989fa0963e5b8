"""What an event record says of one job or of one session or batch: its state, its times, its usage so far."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Literal

from qrun.local.scheduling.events import (
    Event,
    JobEvent,
    JobFinished,
    JobOnQpu,
    JobPrepared,
    JobQueued,
    JobReady,
    JobRequeued,
    JobStarted,
    Mode,
    Outcome,
    WorkloadAccepting,
    WorkloadActivated,
    WorkloadClosed,
    WorkloadEvent,
    WorkloadInactivated,
    WorkloadOpened,
)

WorkloadState = Literal["open", "active", "inactive", "closed"]


@dataclass
class JobHistory:
    """One job's times (seconds of the service clock), as far as they have come."""

    queued_at: float | None = None
    started_at: float | None = None
    ready_at: float | None = None
    on_qpu_at: float | None = None
    finished_at: float | None = None
    outcome: Outcome | None = None
    reason: str | None = None
    reason_code: int | None = None
    needed_seconds: float | None = None
    """QPU seconds that it was found to need."""

    @classmethod
    def of(cls, job: str, events: Iterable[Event]) -> JobHistory:
        """The history of ``job`` in a record that may be of a whole device."""
        history = cls()
        for event in events:
            if isinstance(event, JobEvent) and event.job == job:
                history.apply(event)
        return history

    def apply(self, event: JobEvent) -> None:
        """Take in the next event of this job."""
        match event:
            case JobQueued():
                self.queued_at = event.at
            case JobStarted():
                self.started_at = event.at
            case JobPrepared():
                self.needed_seconds = event.qpu_seconds
            case JobReady():
                self.ready_at = event.at
            case JobOnQpu():
                self.on_qpu_at = event.at
            case JobRequeued():
                # What it did before the service stopped is lost and not charged: a fault of the
                # system costs its user nothing (facts F1).
                self.started_at = self.ready_at = self.on_qpu_at = None
            case JobFinished():
                self.finished_at = event.at
                self.outcome, self.reason, self.reason_code = event.outcome, event.reason, event.reason_code


@dataclass
class WorkloadHistory:
    """One session's or batch's states and times (seconds of the service clock), as far as they have come.

    It stays as small after ten thousand jobs as after one, so it can be kept with the session.
    """

    mode: Mode = "batch"
    max_ttl: int = 0
    interactive_ttl: int = 0
    state: WorkloadState = "open"
    state_reason: str = ""
    accepting_jobs: bool = True
    opened_at: float = 0.0
    first_started_at: float | None = None
    activated_at: float | None = None
    closed_at: float | None = None
    last_job_started: float | None = None
    last_job_completed: float | None = None
    timestamps: list[tuple[WorkloadState, float]] = field(default_factory=list)
    running: dict[str, float | None] = field(default_factory=dict)
    """Jobs that have started and not ended → when they took the QPU lock."""
    requeued: list[str] = field(default_factory=list)
    """Jobs that had started when the service stopped, and will start again even if this is closed."""
    job_qpu_seconds: float = 0.0
    """QPU-lock time of all its ended jobs."""
    window_from: float | None = None
    """Start of the active window that has not ended: it outlives closing while jobs still run (M7)."""
    windows_seconds: float = 0.0
    """Length of all its active windows that have ended."""

    @classmethod
    def of(cls, workload: str, events: Iterable[Event]) -> WorkloadHistory:
        """The history of ``workload`` in a record that may be of a whole device."""
        history = cls()
        for event in events:
            if event.workload == workload:
                history.apply(event)
        return history

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> WorkloadHistory:
        """The history that :meth:`to_dict` made ``data`` of."""
        # Older ones have a field more: then skipped time was taken off the maximum TTL.
        data = {key: value for key, value in data.items() if key != "spared_seconds"}
        return cls(**{**data, "timestamps": [(state, at) for state, at in data["timestamps"]]})

    def to_dict(self) -> dict[str, Any]:
        """The history as plain JSON."""
        return asdict(self)

    def copy(self) -> WorkloadHistory:
        """The history as it is now, whatever comes."""
        return replace(
            self,
            timestamps=list(self.timestamps),
            running=dict(self.running),
            requeued=list(self.requeued),
        )

    @property
    def ongoing(self) -> bool:
        """Whether its usage may still grow without a new job."""
        return self.state in ("open", "active") or bool(self.running or self.requeued)

    def apply(self, event: Event) -> None:
        """Take in the next event of this workload or of one of its jobs."""
        if isinstance(event, JobEvent):
            self._apply_to_jobs(event)
        elif isinstance(event, WorkloadEvent):
            self._apply_to_state(event)

    def _apply_to_jobs(self, event: JobEvent) -> None:
        match event:
            case JobStarted():
                self.running[event.job] = None
                self._forget_requeued(event.job)
                if self.state == "closed" and self.window_from is None:
                    # Its time goes on where it ended when the service stopped (M7).
                    self.window_from = event.at
                self.last_job_started = event.at
                if self.first_started_at is None:
                    self.first_started_at = event.at
            case JobOnQpu():
                self.running[event.job] = event.at
            case JobRequeued():
                self.running.pop(event.job, None)
                self.requeued.append(event.job)
                if self.state == "closed":
                    self._end_window(event.at)
            case JobFinished():
                if event.job in self.running:
                    self.last_job_completed = event.at
                locked_at = self.running.pop(event.job, None)
                # Rounded as each job's own usage is, so that a batch is the sum of what its jobs say (M8).
                self.job_qpu_seconds += 0.0 if locked_at is None else round(event.at - locked_at, 3)
                self._forget_requeued(event.job)
                if self.state == "closed":
                    self._end_window(event.at)

    def _apply_to_state(self, event: WorkloadEvent) -> None:
        match event:
            case WorkloadOpened():
                self.mode, self.max_ttl = event.mode, event.max_ttl
                self.interactive_ttl, self.opened_at = event.interactive_ttl, event.at
                self._enter("open", event.at, event.reason)
            case WorkloadActivated():
                self.activated_at = self.window_from = event.at
                self._enter("active", event.at, event.reason)
            case WorkloadInactivated():
                self._enter("inactive", event.at, event.reason)
                self._end_window(event.at)
            case WorkloadAccepting():
                self.accepting_jobs = event.accepting
            case WorkloadClosed():
                self.closed_at, self.accepting_jobs = event.at, False
                self._enter("closed", event.at, event.reason)
                self._end_window(event.at)

    def _forget_requeued(self, job: str) -> None:
        if job in self.requeued:
            self.requeued.remove(job)

    def _enter(self, state: WorkloadState, at: float, reason: str) -> None:
        self.state, self.state_reason = state, reason
        self.timestamps.append((state, at))

    def _end_window(self, at: float) -> None:
        if self.window_from is not None and not self.running:
            self.windows_seconds += at - self.window_from
            self.window_from = None
