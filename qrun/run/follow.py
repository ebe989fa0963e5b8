"""Following a run, a session or a job: one list request a page and a tick, at a pace that backs off."""

from __future__ import annotations

import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TypeVar

from qrun.errors import ServiceError, TimedOut
from qrun.ledger import Ledger, Run
from qrun.run.pace import Outage, Pace, pause
from qrun.run.reconcile import reconcile
from qrun.run.session_times import SeenSession
from qrun.runtime.control import PAGE, ControlChannel
from qrun.runtime.records import DONE, JobRecord
from qrun.runtime.replies import TOO_MANY_REQUESTS

UNKNOWN_PATIENCE = 600.0
"""Seconds that a job may stay in a state qrun does not know before waiting for it ends."""
SESSION_INTERVAL = 5.0
"""Seconds after which a session is asked for though no job has changed. Its countdowns need no question."""


@dataclass(frozen=True)
class Subject:
    """What is followed: a run, or a session, batch or job that qrun did not submit."""

    id: str
    kind: str
    """``run``, ``session``, ``batch`` or ``job``."""
    name: str | None
    mode: str
    backend: str | None
    session_id: str | None
    total: int
    """Number of jobs, those not sent yet included."""
    budget_seconds: float | None = None
    """Usage at which it is stopped; ``None`` where there is no such limit."""


def subject_of(run: Run) -> Subject:
    """A run as what is followed."""
    budget = run.settings.get("budget")
    return Subject(
        run.id,
        "run",
        run.name,
        run.mode,
        run.backend,
        run.session_id,
        len(run.jobs),
        None if budget is None else float(budget),
    )


class Standing:
    """What is known of jobs at one moment, whosever they are."""

    jobs: tuple[JobRecord, ...]
    changed: tuple[JobRecord, ...]
    session: SeenSession | None

    @property
    def subject(self) -> Subject:
        """What is followed."""
        raise NotImplementedError

    @property
    def ended(self) -> bool:
        """Whether nothing more will happen."""
        raise NotImplementedError

    @cached_property
    def counts(self) -> Counter[str]:
        """Number of jobs in each state."""
        return Counter(job.state for job in self.jobs)

    @property
    def all_done(self) -> bool:
        """Whether every job was accepted and has completed."""
        return len(self.jobs) == self.subject.total and all(job.state == DONE for job in self.jobs)

    @property
    def usage_seconds(self) -> float | None:
        """Usage so far in seconds, by the rule of the mode (M7–M9); ``None`` while nothing is known."""
        if self.session is not None and self.subject.kind != "job":
            if self.session.record.mode == "session":
                return self.session.usage_seconds
            if self.session.record.usage_seconds is not None:
                return self.session.record.usage_seconds
        elif self.subject.mode == "session" and self.subject.kind != "job":
            return None
        return self._qpu_seconds

    @property
    def _qpu_seconds(self) -> float | None:
        return _sum_of_known(job.usage.seconds for job in self.jobs)


def _sum_of_known(values: Iterable[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return sum(known) if known else None


@dataclass(frozen=True)
class Progress(Standing):
    """What is known of a run at one moment."""

    run: Run

    jobs: tuple[JobRecord, ...]
    """The jobs that the service has accepted, in the run's order."""
    changed: tuple[JobRecord, ...] = field(default=())
    """Those whose state is not what it was a tick ago."""
    session: SeenSession | None = None
    """Its session or batch, the newest if it has several; where it was asked for."""
    earlier: tuple[SeenSession, ...] = ()
    """Those before it."""

    @cached_property
    def subject(self) -> Subject:
        """The run."""
        return subject_of(self.run)

    @property
    def ended(self) -> bool:
        """Whether nobody sends more jobs and every accepted one has come to its end."""
        accepted = {job.job_id for job in self.run.jobs if job.job_id}
        return not self.run.submitting and accepted <= {job.id for job in self.jobs if job.ended}

    @property
    def usage_seconds(self) -> float | None:
        """Usage of all its sessions, batches and attempts so far, in seconds."""
        if self.run.mode == "session":
            newest = super().usage_seconds
            return _sum_of_known([newest, *(session.usage_seconds for session in self.earlier)])
        if len(self.run.attempts) > len(self.run.jobs):
            return self._qpu_seconds
        return super().usage_seconds

    @property
    def _qpu_seconds(self) -> float | None:
        ids = {job.id for job in self.jobs}
        before = [job.usage_seconds for job in self.run.attempts if job.job_id not in ids]
        return _sum_of_known([super()._qpu_seconds, *before])


@dataclass(frozen=True)
class ForeignProgress(Standing):
    """What is known at one moment of a session, batch or job that qrun did not submit."""

    about: Subject
    jobs: tuple[JobRecord, ...]
    changed: tuple[JobRecord, ...] = field(default=())
    session: SeenSession | None = None

    @property
    def subject(self) -> Subject:
        """The session, batch or job."""
        return self.about

    @property
    def ended(self) -> bool:
        """Whether the job has ended. A session or batch may get more jobs until it is closed."""
        closed = self.session is None or self.session.record.closed or self.subject.kind == "job"
        return closed and all(job.ended for job in self.jobs)


_Seen = TypeVar("_Seen", Progress, ForeignProgress)


def look(channel: ControlChannel, ledger: Ledger, run: Run) -> Progress:
    """Ask once how a run stands, and note it in the ledger.

    Jobs that the service has and the ledger did not are adopted, doubles cancelled.
    """
    found = reconcile(channel, ledger, run, channel.jobs(tags=[run.tag]))
    known = {job.job_id: (job.state, job.usage_seconds) for job in run.jobs}
    changed = [record for record in found.jobs if known.get(record.id, ("", None))[0] != record.state]
    # What a job has used is told later than that it has ended.
    later = [
        record
        for record in found.jobs
        if record not in changed and record.usage.seconds not in (None, known[record.id][1])
    ]
    if changed or later:
        ledger.set_job_states(
            run.id,
            {
                record.id: (record.state, record.reason, record.reason_code, record.usage.seconds)
                for record in (*changed, *later)
            },
        )
    return Progress(ledger.run(run.id), found.jobs, tuple(changed))


def follow(
    channel: ControlChannel,
    ledger: Ledger,
    run: Run,
    *,
    timeout: float | None = None,
    trouble: Callable[[str], None] = lambda _: None,
    back: Callable[[float], None] = lambda _: None,
    with_session: bool = False,
    pace: Pace | None = None,
) -> Iterator[Progress]:
    """Yield a run's progress, tick by tick, until all its jobs have ended.

    A service that can't be reached for a while does not end the following: ``trouble`` is told, and the next
    tick asks again.

    Args:
        channel: The control channel to the run's service.
        ledger: Where states are noted.
        run: The run.
        timeout: Seconds to follow at most, as long as the machine is awake; no limit where ``None``.
        trouble: Told, once an outage, when the service does not answer.
        back: Told when it answers again, with the seconds in between.
        with_session: Whether to ask for its session or batch too.
        pace: How often to ask; that of the account where ``None``.

    Raises:
        TimedOut: ``timeout`` is over; the jobs go on.
        ServiceError: A job has been in a state that qrun does not know for ten minutes, or the service
            refuses the account.
    """
    glances: defaultdict[str, _SessionGlance] = defaultdict(lambda: _SessionGlance(channel))

    def ask() -> Progress:
        progress = look(channel, ledger, ledger.run(run.id))
        if with_session and progress.run.session_ids:
            *earlier, newest = (glances[each](each, progress) for each in progress.run.session_ids)
            progress = replace(progress, session=newest, earlier=tuple(earlier))
        return progress

    return _ticks(channel, ask, f"Run {run.id}", run.id, timeout, Outage(trouble, back), pace)


def follow_foreign(
    channel: ControlChannel,
    kind: str,
    identity: str,
    *,
    timeout: float | None = None,
    trouble: Callable[[str], None] = lambda _: None,
    back: Callable[[float], None] = lambda _: None,
) -> Iterator[ForeignProgress]:
    """Yield how a session, batch or job stands that is not in the ledger, until it is closed or has ended.

    Args:
        channel: The control channel to its service.
        kind: ``session`` (batches too) or ``job``.
        identity: Its ID.
        timeout: As :func:`follow` has it.
        trouble: Likewise.
        back: Likewise.

    Raises:
        TimedOut: ``timeout`` is over.
        ServiceError: As :func:`follow` has it, or there is none of that ID.
    """
    glance = _SessionGlance(channel)

    def ask_job() -> ForeignProgress:
        job = channel.job(identity)
        about = Subject(identity, "job", None, "job", job.backend, job.session_id, 1)
        if job.session_id is None:
            return ForeignProgress(about, (job,))
        # Whether others of its jobs wait or run is not known here.
        seen = replace(glance(job.session_id, ForeignProgress(about, (job,))), idle=False)
        return ForeignProgress(replace(about, mode=seen.record.mode), (job,), session=seen)

    def ask_session() -> ForeignProgress:
        jobs = tuple(channel.jobs(session_id=identity))
        about = Subject(identity, "session", None, "session", None, identity, len(jobs))
        seen = glance(identity, ForeignProgress(about, jobs))
        record = seen.record
        about = replace(about, kind=record.mode, mode=record.mode, backend=record.backend)
        return ForeignProgress(about, jobs, session=seen)

    ask = ask_job if kind == "job" else ask_session
    return _ticks(channel, ask, f"{kind.capitalize()} {identity}", identity, timeout, Outage(trouble, back))


class _SessionGlance:
    """Asks for a session where something may have changed, and otherwise says what it was."""

    def __init__(self, channel: ControlChannel) -> None:
        self._channel = channel
        self._last: SeenSession | None = None
        self._states: tuple[str, ...] = ()

    def __call__(self, session_id: str, standing: Standing) -> SeenSession:
        own = [job for job in standing.jobs if job.session_id == session_id]
        states = tuple(job.state for job in own)
        last = self._last
        if (
            last is None
            or last.record.id != session_id
            or states != self._states
            or (not last.record.closed and last.since.seconds > SESSION_INTERVAL)
        ):
            idle = all(job.ended for job in own)
            self._last = last = SeenSession(self._channel.session(session_id), idle)
            self._states = states
        return last


def _ticks(
    channel: ControlChannel,
    ask: Callable[[], _Seen],
    who: str,
    identity: str,
    timeout: float | None,
    outage: Outage,
    pace: Pace | None = None,
) -> Iterator[_Seen]:
    """Ask again and again until what is followed has ended."""
    deadline = None if timeout is None else time.monotonic() + timeout
    channel.deadline, channel.repeating = deadline, outage.failed
    pace = pace or Pace(channel.account.first_poll_seconds)
    last: dict[str, tuple[str, float]] = {}
    while True:
        try:
            standing = ask()
        except ServiceError as error:
            if not passes(error):
                raise
            outage.failed(error.message)
        else:
            outage.answered()
            changed = _changed(standing.jobs, last)
            yield replace(standing, changed=changed)
            if standing.ended:
                return
            _give_up_on_unknown(standing.jobs, last)
            pace.asked(-(-len(standing.jobs) // PAGE), changed=bool(changed))
        if deadline is not None and time.monotonic() + pace.interval > deadline:
            time.sleep(max(0.0, deadline - time.monotonic()))
            raise out_of_time(who, identity, timeout)
        if pause(pace.interval):
            pace.soon()
        else:
            pace.slower()


def passes(error: ServiceError) -> bool:
    """Whether a failure is an outage, which passes: no answer, a fault of the service, or a limit."""
    return error.status is None or error.status >= 500 or error.status == TOO_MANY_REQUESTS


def out_of_time(who: str, identity: str, timeout: float | None) -> TimedOut:
    """What ends the following once ``timeout`` seconds are over."""
    return TimedOut(
        f"{who} has not ended after {timeout:g} s.",
        f"Its jobs go on. Wait again with: qrun wait {identity}   Stop them with: qrun cancel {identity}",
    )


def _changed(jobs: Sequence[JobRecord], last: dict[str, tuple[str, float]]) -> tuple[JobRecord, ...]:
    now = time.monotonic()
    changed = []
    for job in jobs:
        if job.id not in last or last[job.id][0] != job.state:
            last[job.id] = (job.state, now)
            changed.append(job)
    return tuple(changed)


def _give_up_on_unknown(jobs: Sequence[JobRecord], last: dict[str, tuple[str, float]]) -> None:
    now = time.monotonic()
    for job in jobs:
        if job.unknown and now - last[job.id][1] > UNKNOWN_PATIENCE:
            raise ServiceError(
                f"Job {job.id} has been in the state {job.state!r}, which qrun does not know, for "
                f"{UNKNOWN_PATIENCE / 60:.0f} minutes.",
                "Look at it on the service's own pages; qrun waits no longer.",
            )
