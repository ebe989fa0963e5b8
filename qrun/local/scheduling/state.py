"""What a device holds at a moment, and how each event of the record changes it.

Only :meth:`DeviceState.apply` changes it, so replaying a record gives the same state again.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum

from qrun.local.scheduling.events import (
    OTHERS,
    OWN,
    Event,
    JobEvent,
    JobFinished,
    JobOnQpu,
    JobPrepared,
    JobQueued,
    JobReady,
    JobRequeued,
    JobStarted,
    OthersCame,
    OthersLeft,
    TimeSkipped,
    WorkloadActivated,
    WorkloadClosed,
    WorkloadEvent,
    WorkloadInactivated,
    WorkloadOpened,
)
from qrun.local.scheduling.history import WorkloadHistory


class Stage(Enum):
    """Where a job is that has not ended."""

    QUEUED = "queued"
    CLASSICAL = "classical"
    READY = "ready"
    QPU = "qpu"


@dataclass
class Job:
    """A job that has not ended. Times are seconds of the service clock."""

    id: str
    workload: str | None
    limit_seconds: float
    order: int
    """Its place in the queue, by acceptance."""
    instance: str = OWN
    needs: float | None = None
    """QPU seconds that it is known to need before it starts; of other users' jobs alone."""
    stage: Stage = Stage.QUEUED
    lane: int | None = None
    started_at: float = 0.0
    prepared_at: float | None = None
    qpu_seconds: float = 0.0
    failure: str | None = None
    failure_code: int | None = None
    ready_at: float = 0.0
    on_qpu_at: float = 0.0

    @property
    def of_others(self) -> bool:
        """Whether it is another user's."""
        return self.id.startswith(OTHERS)


@dataclass
class Workload:
    """A session or batch; a closed one stays until it is forgotten."""

    id: str
    history: WorkloadHistory = field(default_factory=WorkloadHistory)
    jobs: dict[str, Job] = field(default_factory=dict)
    """Its jobs that have not ended, in order."""
    queued: dict[str, Job] = field(default_factory=dict)
    """Those of them that have not started."""
    idle_since: float | None = None
    """When it came to have no job: ITTL counts from here, and so does the close of an unused one."""
    idle_mark: float = 0.0
    """Seconds that had been skipped on the device by then: what is skipped later does not close it unused."""

    @property
    def dedicated(self) -> bool:
        """Whether it is a session."""
        return self.history.mode == "dedicated"

    @property
    def active(self) -> bool:
        """Whether it has priority on the device."""
        return self.history.state == "active"


class DeviceState:
    """Queue, lanes, QPU lock, sessions and batches of one device."""

    def __init__(self) -> None:
        self.now = 0.0
        self.jobs: dict[str, Job] = {}
        self.others: dict[str, Job] = {}
        """Those of them that are other users'."""
        self.others_until: float | None = None
        """Up to when other users' jobs have come; None while they are not looked at."""
        self.queues: dict[str, dict[str, Job]] = {}
        """Instance → its jobs that have not started, in order."""
        self.lanes: dict[int, Job] = {}
        self.on_qpu: Job | None = None
        self.workloads: dict[str, Workload] = {}
        self.active: dict[str, Workload] = {}
        """Active ones, in the order they became so."""
        self.over: dict[str, Workload] = {}
        """Closed ones without jobs."""
        self.skipped = 0.0
        """Seconds that have been skipped, ever."""
        self._accepted = 0

    def knows(self, event: Event) -> bool:
        """Whether ``event`` begins something or goes on with what has begun."""
        if isinstance(event, WorkloadOpened):
            return True
        if event.workload is not None and event.workload not in self.workloads:
            return False
        return isinstance(event, JobQueued) or not isinstance(event, JobEvent) or event.job in self.jobs

    def apply(self, event: Event) -> None:
        """Take in the next event of the device's record."""
        self.now = max(self.now, event.at)
        workload = self.workloads.get(event.workload) if event.workload else None
        if isinstance(event, WorkloadOpened):
            workload = self.workloads[event.workload] = Workload(event.workload)
        if workload is not None:
            workload.history.apply(event)
        if isinstance(event, JobEvent):
            self._apply_to_job(event, workload)
        elif isinstance(event, WorkloadEvent) and workload is not None:
            self._apply_to_workload(event, workload)
        else:
            self._apply_to_device(event)
        if workload is not None and workload.history.state == "closed" and not workload.jobs:
            self.over[workload.id] = workload

    def _apply_to_device(self, event: Event) -> None:
        match event:
            case TimeSkipped():
                self.skipped += event.seconds
            case OthersCame():
                self.others_until = event.at
            case OthersLeft():
                self.others_until = None
                for job in list(self.others.values()):
                    self._release(job)
                    self._unqueue(job, None)
                    del self.jobs[job.id]
                self.others.clear()

    def _queue(self, event: JobQueued, workload: Workload | None) -> None:
        self._accepted += 1
        job = Job(event.job, event.workload, event.limit_seconds, self._accepted, event.instance, event.needs)
        self.jobs[job.id] = job
        self.queues.setdefault(job.instance, {})[job.id] = job
        if job.of_others:
            self.others[job.id] = job
            self.others_until = event.at
        if workload is not None:
            workload.jobs[job.id] = workload.queued[job.id] = job
            workload.idle_since = None

    def _apply_to_job(self, event: JobEvent, workload: Workload | None) -> None:
        if isinstance(event, JobQueued):
            self._queue(event, workload)
            return
        job = self.jobs[event.job]
        match event:
            case JobStarted():
                job.stage, job.started_at, job.lane = Stage.CLASSICAL, event.at, event.lane
                self.lanes[event.lane] = job
                self._unqueue(job, workload)
            case JobPrepared():
                job.prepared_at, job.qpu_seconds = event.at, event.qpu_seconds
                job.failure, job.failure_code = event.failure, event.failure_code
            case JobReady():
                job.stage, job.ready_at = Stage.READY, event.at
            case JobOnQpu():
                job.stage, job.on_qpu_at = Stage.QPU, event.at
                self.on_qpu = job
            case JobRequeued():
                self._release(job)
                self._requeue(job, workload)
            case JobFinished():
                self._release(job)
                self._unqueue(job, workload)
                del self.jobs[job.id]
                self.others.pop(job.id, None)
                if workload is not None:
                    del workload.jobs[job.id]
                    if not workload.jobs:
                        workload.idle_since, workload.idle_mark = event.at, self.skipped

    def _apply_to_workload(self, event: WorkloadEvent, workload: Workload) -> None:
        match event:
            case WorkloadOpened():
                workload.idle_since, workload.idle_mark = event.at, self.skipped
            case WorkloadActivated():
                self.active[workload.id] = workload
            case WorkloadInactivated() | WorkloadClosed():
                self.active.pop(workload.id, None)

    def _unqueue(self, job: Job, workload: Workload | None) -> None:
        queue = self.queues.get(job.instance, {})
        queue.pop(job.id, None)
        if not queue:
            self.queues.pop(job.instance, None)
        if workload is not None:
            workload.queued.pop(job.id, None)

    def _release(self, job: Job) -> None:
        if job.lane is not None:
            del self.lanes[job.lane]
        if self.on_qpu is job:
            self.on_qpu = None

    def _requeue(self, job: Job, workload: Workload | None) -> None:
        """Put ``job`` back to the place in the queue that it had."""
        job.stage, job.lane, job.prepared_at = Stage.QUEUED, None, None
        job.qpu_seconds, job.failure, job.failure_code = 0.0, None, None
        queue = self.queues.get(job.instance, {})
        self.queues[job.instance] = _in_order({**queue, job.id: job})
        if workload is not None:
            workload.queued = _in_order({**workload.queued, job.id: job})


def _in_order(jobs: dict[str, Job]) -> dict[str, Job]:
    return dict(sorted(jobs.items(), key=lambda item: item[1].order))
