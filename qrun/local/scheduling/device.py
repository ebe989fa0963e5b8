"""One device: what may start when, who gets the QPU, and what each tick of time brings (M1–M17)."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator

from qrun.local.scheduling import rules as r
from qrun.local.scheduling.background import Arrival, Others
from qrun.local.scheduling.events import (
    OWN,
    Event,
    JobFinished,
    JobOnQpu,
    JobPrepared,
    JobQueued,
    JobReady,
    JobRequeued,
    JobStarted,
    Mode,
    OthersCame,
    OthersLeft,
    Outcome,
    TimeSkipped,
    WorkloadAccepting,
    WorkloadActivated,
    WorkloadClosed,
    WorkloadInactivated,
    WorkloadOpened,
)
from qrun.local.scheduling.history import WorkloadHistory
from qrun.local.scheduling.rules import Rules
from qrun.local.scheduling.shares import Shares
from qrun.local.scheduling.state import DeviceState, Job, Stage, Workload
from qrun.local.scheduling.timers import Timer, TimerKind, WorkloadTimers
from qrun.local.scheduling.usage import workload_usage

_log = logging.getLogger(__name__)


class NotAccepting(Exception):
    """The session or batch is closed, or takes no new jobs."""


_COUNTDOWNS = {
    TimerKind.INTERACTIVE_TTL: "interactive_ttl_left",
    TimerKind.MAX_TTL: "max_ttl_left",
    TimerKind.UNUSED: "unused_left",
}


class DeviceScheduler:
    """The state machine of one device.

    Every input takes ``at``, the moment on the device's service clock, and returns the events that it and
    the time that has passed have caused, in order. A moment before an earlier one counts as that one.

    Args:
        rules: The numbers of the instance.
        others: Other users' jobs on the device.
        shares: What instances have used. It is told what is used here.
    """

    def __init__(
        self, rules: Rules | None = None, others: Others | None = None, shares: Shares | None = None
    ) -> None:
        self.rules = rules or Rules()
        self.state = DeviceState()
        self._others = others
        self._shares = shares or Shares()
        self._timers = WorkloadTimers(self.rules.unused_close)
        self._events: list[Event] = []

    @classmethod
    def replayed(
        cls,
        events: Iterable[Event],
        rules: Rules | None = None,
        others: Others | None = None,
        shares: Shares | None = None,
    ) -> DeviceScheduler:
        """The machine as it was after ``events``; ``shares`` knows already what was used in them.

        An event of a job or workload whose beginning the record lacks is passed over: the rest of the device
        shall not be lost with it.
        """
        machine = cls(rules, others, shares)
        for event in events:
            if machine.state.knows(event):
                machine._apply(event)
            else:
                _log.error("The record lacks the beginning of what %r goes on with", event)
        return machine

    # ---------------------------------------------------------------- inputs

    def open_workload(
        self,
        workload: str,
        at: float,
        *,
        mode: Mode,
        max_ttl: int | None = None,
        interactive_ttl: int | None = None,
    ) -> list[Event]:
        """Create a session (``dedicated``) or batch; its times to live are seconds."""
        at = self._until(at)
        ttl = self.rules.interactive_ttl(mode) if interactive_ttl is None else interactive_ttl
        longest = min(max_ttl or self.rules.max_ttl, self.rules.max_ttl)
        self._emit(WorkloadOpened(at, workload, mode, longest, ttl, r.REASON_SESSION_CREATED))
        return self._settled(at)

    def submit(
        self,
        job: str,
        at: float,
        *,
        workload: str | None = None,
        limit_seconds: float | None = None,
        instance: str = OWN,
    ) -> list[Event]:
        """Accept a job of ``instance``, which may hold the QPU for ``limit_seconds`` at most.

        Raises:
            NotAccepting: Its session or batch is closed or takes no new jobs.
        """
        at = self._until(at)
        if workload is not None and not self.accepts(workload):
            raise NotAccepting(workload)
        limit = min(limit_seconds or self.rules.max_job_seconds, self.rules.max_job_seconds)
        if not self._shares.reached(instance, at):
            self._let_others_come(at)
        self._emit(JobQueued(at, workload, job, limit, instance))
        return self._settled(at)

    def prepared(
        self,
        job: str,
        at: float,
        *,
        qpu_seconds: float,
        failure: str | None = None,
        failure_code: int | None = None,
    ) -> list[Event]:
        """A job's real preparation is over: it needs the QPU for ``qpu_seconds``.

        With a ``failure`` it fails then. Without effect for a job that has ended meanwhile.
        """
        at = self._until(at)
        held = self.state.jobs.get(job)
        if held is not None and held.stage is Stage.CLASSICAL:
            self._emit(JobPrepared(at, held.workload, job, qpu_seconds, failure, failure_code))
        return self._settled(at)

    def failed_in_preparation(
        self, job: str, at: float, *, reason: str, reason_code: int | None = None
    ) -> list[Event]:
        """A job failed before it needed the QPU: its usage is zero (M11)."""
        at = self._until(at)
        if held := self.state.jobs.get(job):
            self._finish(held, at, "failed", reason, reason_code)
        return self._settled(at)

    def cancel_job(self, job: str, at: float) -> list[Event]:
        """A job's user cancels it, queued or running. Without effect for one that has ended."""
        at = self._until(at)
        if held := self.state.jobs.get(job):
            self._finish(held, at, "cancelled", r.CANCELLED_BY_USER)
        return self._settled(at)

    def set_accepting(self, workload: str, at: float, accepting: bool) -> list[Event]:
        """Let a session or batch take new jobs or not; it closes when it takes none and has none left.

        Of a closed one the flag alone changes, as seen on IBM's service (facts B4).
        """
        at = self._until(at)
        held = self.state.workloads.get(workload)
        if held is not None:
            self._emit(WorkloadAccepting(at, workload, accepting))
            self._close_if_done(held, at)
        return self._settled(at)

    def stop_accepting(self, workload: str, at: float) -> list[Event]:
        """What the client's ``close()`` asks for: its jobs still run, new ones are refused (facts B5)."""
        return self.set_accepting(workload, at, False)

    def cancel_workload(self, workload: str, at: float) -> list[Event]:
        """What the client's ``cancel()`` asks for: queued jobs do not run, running ones finish (facts B5)."""
        at = self._until(at)
        held = self.state.workloads.get(workload)
        if held is not None and held.history.state != "closed":
            self._close(held, at, r.REASON_CANCELLED, "cancelled", r.CANCELLED_BY_USER)
        return self._settled(at)

    def advance(self, to: float) -> list[Event]:
        """Let time pass."""
        return self._settled(self._until(to))

    def skip(self, to: float, seconds: float) -> list[Event]:
        """Let time pass, ``seconds`` of which nobody has lived through: the clock jumped over them.

        They count towards the maximum TTL of a session or batch, which runs from its first job's start and
        never pauses (M15): its timestamps keep to it. They do not count towards the close of one that never
        had a job: there it is the client that is waited for, and a client's own time is never scaled.
        """
        if seconds > 0 and self.state.workloads:
            self._emit(TimeSkipped(self.state.now, None, seconds))
        return self.advance(to)

    def suspend(self, at: float) -> list[Event]:
        """The service stops, or had stopped, at ``at``: what ran is queued again, what was active is paused.

        A session is not charged for the time its service is down, so it ends its active window here. The
        caller does not use this machine again before it starts it with :meth:`advance`.
        """
        at = max(at, self.state.now)
        if self.state.others_until is not None:
            self._emit(OthersLeft(at, None))
        for job in sorted(self.state.lanes.values(), key=lambda job: job.order):
            self._emit(JobRequeued(at, job.workload, job.id))
        for workload in list(self.state.active.values()):
            self._emit(WorkloadInactivated(at, workload.id, r.REASON_SERVICE_STOPPED))
        return self._take()

    # ---------------------------------------------------------------- questions

    @property
    def now(self) -> float:
        """The latest moment that it has been told."""
        return self.state.now

    def queue_length(self, at: float) -> int:
        """Jobs that have not ended, other users' with them."""
        length = len(self.state.jobs)
        if self._others is not None and self.state.others_until is None:
            length += len(self._others.waiting(at))
        return length

    @property
    def idle(self) -> bool:
        """Whether there is no job of ours and nobody has priority."""
        return len(self.state.jobs) == len(self.state.others) and not self.state.active

    @property
    def waiting_for_client(self) -> bool:
        """Whether an active session or batch has no job: its client thinks, and that takes real time."""
        return any(workload.idle_since is not None for workload in self.state.active.values())

    def used_so_far(self, job: str, at: float) -> float:
        """Seconds that a job has held the QPU up to ``at``; 0 where it does not hold it."""
        held = self.state.on_qpu
        if held is None or held.id != job:
            return 0.0
        return round(max(0.0, min(at - held.on_qpu_at, held.qpu_seconds, held.limit_seconds)), 3)

    def running_use(self, at: float) -> float:
        """Seconds of the instance's usage up to ``at`` that have not ended, and that no share counts yet.

        Active windows of sessions, and the time that a job of a batch or of none holds the QPU.
        """
        histories = (held.history for held in self.state.workloads.values())
        seconds = sum(workload_usage(history, at) - workload_usage(history) for history in histories)
        holder = self.state.on_qpu
        if holder is not None and holder.workload is None and holder.instance == OWN:
            seconds += self.used_so_far(holder.id, at)
        return round(seconds, 3)

    def accepts(self, workload: str) -> bool:
        """Whether a job may be submitted to this session or batch."""
        held = self.state.workloads.get(workload)
        return held is not None and held.history.state != "closed" and held.history.accepting_jobs

    def runs(self, workload: str) -> bool:
        """Whether a job of this session or batch has started and not ended."""
        held = self.state.workloads.get(workload)
        return held is not None and bool(held.history.running)

    def workload(self, workload: str) -> WorkloadHistory | None:
        """The history of a session or batch; None for one that is unknown or forgotten."""
        held = self.state.workloads.get(workload)
        return held.history if held else None

    def countdowns(self, workload: str, at: float) -> dict[str, float]:
        """What is left of the times to live that run for a session or batch, in seconds by their names.

        ``interactive_ttl_left``, ``max_ttl_left``, ``unused_left``.
        """
        held = self.state.workloads[workload]
        return {
            _COUNTDOWNS[kind]: round(max(0.0, end - at), 3)
            for end, kind in self._timers.due(held, self.state.skipped)
        }

    def forget_closed(self) -> list[str]:
        """Let go of the sessions and batches that are over, so that they take no memory; which they were."""
        over, self.state.over = self.state.over, {}
        for name in over:
            del self.state.workloads[name]
            self._timers.forget(name)
        return list(over)

    def next_timer(self) -> Timer | None:
        """What happens next by itself."""
        return min(self._next_timers(), default=None)

    def next_modelled(self) -> float | None:
        """When the device is next done with something."""
        return min((timer.at for timer in self._timers_of_lanes()), default=None)

    def hold(self) -> float | None:
        """The moment that time should not pass yet, because a job's real preparation is not over.

        It is the modelled end of that job's classical stage.
        """
        starts = (job.started_at for job in self.state.lanes.values() if job.prepared_at is None)
        return min((start + self.rules.classical_seconds for start in starts), default=None)

    # ---------------------------------------------------------------- time

    def _until(self, at: float) -> float:
        """Process what falls due up to ``at``; the moment that has been reached."""
        while (timer := self.next_timer()) is not None and timer.at <= at:
            moment = self.state.now = max(timer.at, self.state.now)
            self._fire(timer, moment)
            if (following := self.next_timer()) is None or following.at > moment:
                # Only after all that falls due at this moment: of the jobs that are ready at once, the
                # first in the queue gets the QPU.
                self._dispatch(moment)
        self.state.now = max(self.state.now, at)
        return self.state.now

    def _next_timers(self) -> Iterator[Timer]:
        yield from self._timers_of_lanes()
        if (timer := self._timers.next(self.state.skipped)) is not None:
            yield timer
        if self._others is not None and self.state.others_until is not None:
            if (arrival := self._others.next_after(self.state.others_until)) is not None:
                yield Timer(arrival.at, TimerKind.OTHERS_JOB, "")
        elif self._waits_for_allocation() and (free := self._shares.free_at(OWN)) is not None:
            yield Timer(free, TimerKind.ALLOCATION, "")

    def _timers_of_lanes(self) -> Iterator[Timer]:
        for job in self.state.lanes.values():
            if job.stage is Stage.CLASSICAL and job.prepared_at is not None:
                end = max(job.started_at + self.rules.classical_seconds, job.prepared_at)
                yield Timer(end, TimerKind.CLASSICAL_END, job.id)
            elif job.stage is Stage.QPU:
                end = job.on_qpu_at + min(job.qpu_seconds, job.limit_seconds)
                yield Timer(end, TimerKind.QPU_END, job.id)

    def _fire(self, timer: Timer, at: float) -> None:
        match timer.kind:
            case TimerKind.CLASSICAL_END:
                job = self.state.jobs[timer.subject]
                self._emit(JobReady(at, job.workload, job.id))
            case TimerKind.QPU_END:
                self._end_on_qpu(self.state.jobs[timer.subject], at)
            case TimerKind.INTERACTIVE_TTL:
                self._emit(WorkloadInactivated(at, timer.subject, r.REASON_INTERACTIVE_TTL))
            case TimerKind.MAX_TTL:
                workload = self.state.workloads[timer.subject]
                self._close(workload, at, r.REASON_MAX_TTL, "failed", r.SESSION_CLOSED, r.CODE_SESSION_CLOSED)
            case TimerKind.UNUSED:
                self._close(self.state.workloads[timer.subject], at, r.REASON_UNUSED)
            case TimerKind.OTHERS_JOB:
                self._take_in_others_job(at)
            case TimerKind.ALLOCATION:
                pass  # Dispatching sees to it.

    def _end_on_qpu(self, job: Job, at: float) -> None:
        if job.qpu_seconds > job.limit_seconds:
            self._finish(job, at, "cancelled", r.RAN_TOO_LONG, r.CODE_RAN_TOO_LONG)
        elif job.failure is not None:
            self._finish(job, at, "failed", job.failure, job.failure_code)
        else:
            self._finish(job, at, "completed")

    # ---------------------------------------------------------------- who comes next

    def _dispatch(self, at: float) -> None:
        if not self._somebody_waits(at):
            self._let_others_leave(at)
        elif not self._shares.reached(OWN, at):
            self._let_others_come(at)
        self._fill_lanes(at)

    def _fill_lanes(self, at: float) -> None:
        while (job := self._next_for_lane(at)) is not None:
            self._start(job, at)
        if self.state.on_qpu is None and (job := self._next_for_qpu()) is not None:
            self._emit(JobOnQpu(at, job.workload, job.id))

    def _next_for_lane(self, at: float) -> Job | None:
        if len(self.state.lanes) >= self.rules.lanes:
            return None
        if (holder := self._exclusive_session()) is not None:
            return _first(holder.queued)
        for batch in self.state.active.values():
            if batch.queued:
                return _first(batch.queued)
        job = self._next_in_queue(at)
        if job is not None and self.state.lanes and self._of_session(job):
            # A session starts on an empty device. Until it is empty nobody else is let in, so the
            # session waits for five jobs at most, however many are queued behind it.
            return None
        return job

    def _next_in_queue(self, at: float) -> Job | None:
        """The first job of the instance that has used least of its allocation (fair share, facts B9).

        An instance that has used all of it waits (facts G3).
        """
        firsts = []
        for instance, queue in self.state.queues.items():
            if (job := _first(queue)) is not None and not self._shares.reached(instance, at):
                firsts.append((self._shares.fraction(instance, at), job.order, job))
        return min(firsts)[2] if firsts else None

    def _exclusive_session(self) -> Workload | None:
        """The session that has the device for itself.

        An active one, or one that was closed while jobs of it run, since these still count as its usage (M7).
        """
        for workload in self.state.active.values():
            if workload.dedicated:
                return workload
        for job in self.state.lanes.values():
            if self._of_session(job):
                return self.state.workloads[job.workload or ""]
        return None

    def _of_session(self, job: Job) -> bool:
        return job.workload is not None and self.state.workloads[job.workload].dedicated

    def _next_for_qpu(self) -> Job | None:
        ready = (job for job in self.state.lanes.values() if job.stage is Stage.READY)
        return min(
            ready,
            key=lambda job: (job.workload not in self.state.active, job.ready_at, job.order),
            default=None,
        )

    def _start(self, job: Job, at: float) -> None:
        if self._of_session(job):
            # A batch that waits for its client has no priority any more where nobody but the session runs.
            for other in [name for name in self.state.active if name != job.workload]:
                self._emit(WorkloadInactivated(at, other, r.REASON_OTHER_SESSION))
        lane = min(set(range(1, self.rules.lanes + 1)) - self.state.lanes.keys())
        self._emit(JobStarted(at, job.workload, job.id, lane))
        if job.needs is not None:
            self._emit(JobPrepared(at, job.workload, job.id, job.needs))
        workload = self.state.workloads.get(job.workload or "")
        if workload is not None and workload.history.state in ("open", "inactive"):
            self._emit(WorkloadActivated(at, workload.id, r.REASON_ACTIVATED))

    # ---------------------------------------------------------------- other users

    def _somebody_waits(self, at: float) -> bool:
        """Whether a job of ours runs or may start, so that it matters what other users do."""
        ours = len(self.state.jobs) - len(self.state.others)
        if ours == 0 or not self._shares.reached(OWN, at):
            return ours > 0
        running = any(not job.of_others for job in self.state.lanes.values())
        return running or any(workload.queued for workload in self.state.active.values())

    def _waits_for_allocation(self) -> bool:
        return OWN in self.state.queues and self._shares.reached(OWN, self.state.now)

    def _let_others_come(self, at: float) -> None:
        """Look at other users' jobs from here on, beginning with those that are there already."""
        if self._others is None or self.state.others_until is not None:
            return
        self._emit(OthersCame(at, None))
        for arrival in self._others.waiting(at):
            self._queue_others_job(at, arrival)
        # They were here first.
        self._fill_lanes(at)

    def _let_others_leave(self, at: float) -> None:
        if self.state.others_until is not None:
            self._emit(OthersLeft(at, None))

    def _take_in_others_job(self, at: float) -> None:
        if self._others is None or self.state.others_until is None:
            return
        if (arrival := self._others.next_after(self.state.others_until)) is not None:
            self._queue_others_job(at, arrival)

    def _queue_others_job(self, at: float, arrival: Arrival) -> None:
        needs = min(arrival.qpu_seconds, r.MAX_JOB_SECONDS)
        self._emit(JobQueued(at, None, arrival.job, needs, arrival.instance, needs))

    # ---------------------------------------------------------------- ends

    def _finish(
        self, job: Job, at: float, outcome: Outcome, reason: str | None = None, code: int | None = None
    ) -> None:
        self._emit(JobFinished(at, job.workload, job.id, outcome, reason, code))
        if job.workload is not None and (workload := self.state.workloads.get(job.workload)) is not None:
            self._close_if_done(workload, at)

    def _close_if_done(self, workload: Workload, at: float) -> None:
        history = workload.history
        if history.accepting_jobs or workload.jobs or history.state == "closed":
            return
        reason = r.REASON_CLOSED_EARLY if history.state == "open" else r.REASON_CLOSED
        self._emit(WorkloadClosed(at, workload.id, reason))

    def _close(
        self,
        workload: Workload,
        at: float,
        reason: str,
        outcome: Outcome = "cancelled",
        job_reason: str | None = None,
        job_code: int | None = None,
    ) -> None:
        """Close it now: its queued jobs end with ``outcome``, its running ones go on."""
        queued = list(workload.queued.values())
        self._emit(WorkloadClosed(at, workload.id, reason))
        for job in queued:
            self._emit(JobFinished(at, workload.id, job.id, outcome, job_reason, job_code))

    # ---------------------------------------------------------------- the record

    def _emit(self, event: Event) -> None:
        self._events.append(event)
        workload = self.state.workloads.get(event.workload or "")
        used = workload_usage(workload.history) if workload is not None else 0.0
        holder = self.state.on_qpu
        self._apply(event)
        if workload is not None:
            self._shares.add(OWN, event.at, workload_usage(workload.history) - used)
        elif isinstance(event, JobFinished) and holder is not None and holder.id == event.job:
            self._shares.add(holder.instance, event.at, event.at - holder.on_qpu_at)

    def _apply(self, event: Event) -> None:
        self.state.apply(event)
        if (workload := self.state.workloads.get(event.workload or "")) is not None:
            self._timers.update(workload)

    def _settled(self, at: float) -> list[Event]:
        self._dispatch(at)
        return self._take()

    def _take(self) -> list[Event]:
        events, self._events = self._events, []
        return events


def _first(jobs: dict[str, Job]) -> Job | None:
    return next(iter(jobs.values()), None)
