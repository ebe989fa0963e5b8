"""The service: what its clients ask of it, the machines that decide, the workers that compute, the store.

Everything here runs on one event loop; only reading and writing of large data and the simulations don't.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import logging
import secrets
import sqlite3
import time
import uuid
import zlib
from concurrent.futures import Future
from dataclasses import dataclass, replace
from functools import partial

from qrun.local.clock import ServiceClock
from qrun.local.desk import Desk
from qrun.local.devices import device_names, is_mock, mock_of
from qrun.local.projection import add_events, drop_needless_events, insert_job, replace_tags
from qrun.local.records import JobRecord, told_created
from qrun.local.refusal import (
    CODE_INTERNAL,
    CODE_JOB_NOT_CANCELLED,
    Refusal,
    backend_not_found,
    invalid,
    job_not_found,
    limit_reached,
    session_not_found,
    sessions_not_allowed,
)
from qrun.local.scheduling import DeviceScheduler, NotAccepting, Others, Rules, Shares, WorkloadHistory
from qrun.local.scheduling.events import (
    OWN,
    Event,
    JobEvent,
    JobFinished,
    JobQueued,
    JobStarted,
    Mode,
    WorkloadAccepting,
    of_others,
)
from qrun.local.scheduling.rules import CODE_SESSION_CLOSED, SESSION_CLOSED
from qrun.local.settings import Settings
from qrun.local.simulation.outcome import ProgramError
from qrun.local.store import Operation, Store
from qrun.local.workers import Unwanted, WorkerDied, Workers

_log = logging.getLogger(__name__)

_LARGE = 1 << 18
"""Bytes of parameters that are more than a small write."""


@dataclass(frozen=True)
class InstanceUsage:
    """What the instance has used. Times are seconds since 1970.

    Args:
        consumed: Seconds of usage within the period.
        since: Start of the rolling period; None where all is counted.
        now: Its end.
        reached: Whether the allocation or the limit has been reached.
    """

    consumed: float
    since: float | None
    now: float
    reached: bool


class LocalService:
    """A Qiskit Runtime service.

    Args:
        store: Its state.
        workers: Its worker processes.
        settings: Plan of its instance, other users, pace.
    """

    def __init__(self, store: Store, workers: Workers, settings: Settings | None = None) -> None:
        self.store = store
        self.settings = settings or Settings()
        self.plan = self.settings.plan
        self.broken: str | None = None
        """Why nothing can be written any more: the service then refuses everything rather than forget it."""
        self._workers = workers
        self._shares = Shares(
            {OWN: self.plan.allocation_seconds},
            period=self.plan.period_seconds,
            fixed=self.settings.background.fractions(),
        )
        self._shares.running = self._running_use
        self._desks: dict[str, Desk] = {}
        self._devices_of_sessions: dict[str, str] = {}
        self._accepting: dict[str, tuple[JobRecord, bytes | None]] = {}
        """Jobs on their way through a machine, with those of their parameters that are not written yet."""
        self._leaving: dict[str, tuple[str, WorkloadHistory]] = {}
        """Sessions that are over, until the store can tell of their end; with their devices."""
        self._last_write: Future[None] | None = None
        self._preparations: set[asyncio.Task[None]] = set()
        self._stopped = False

    # ---------------------------------------------------------------- life

    async def start(self) -> None:
        """Take up the state that there is: what ran when the service stopped is queued again."""
        self._workers.start()
        for name in sorted(set(self.plan.names_devices([])) - set(device_names())):
            _log.warning("plan %s names a device that is not there: %s", self.plan.name, name)
        self._write(_drop_orphans)
        self._write(drop_needless_events)
        await self.durable()
        for at, seconds in self.store.used_since(self._period_start(time.time()) or 0.0):
            self._shares.add(OWN, at, seconds)
        latest, records = self.store.latest_moments(), self.store.live_events()
        for name in {**dict.fromkeys(self.device_names(mocks=True)), **dict.fromkeys(records)}:
            self._desks[name] = self._restored(name, latest.get(name, 0.0), records.get(name, []))
        await self.durable()

    def _restored(self, name: str, latest: float, events: list[Event]) -> Desk:
        background = self.settings.background
        others = Others(background, name) if background.jobs_per_hour else None
        shares = self._shares
        if is_mock(name):
            # Nobody queues for a dry run, and it costs nothing.
            others, shares = None, Shares({OWN: None}, period=self.plan.period_seconds)
        machine = DeviceScheduler.replayed(events, self.rules, others, shares)
        clock = ServiceClock(self.store.clock_offset(name), not_before=latest)
        desk = Desk(name, machine, clock, self.settings.pace, self._record)
        for session in machine.state.workloads:
            self._devices_of_sessions[session] = name
        self._record(desk, machine.suspend(latest))
        machine.forget_closed()
        desk.settle()
        return desk

    async def stop(self) -> None:
        """Put everything down so that the next start takes it up; workers end."""
        self._put_down()
        if self.broken is None:
            for desk in self._desks.values():
                self._record(desk, desk.machine.suspend(desk.clock.now()))
        # Where the disk is full this was logged already, and the next start makes up for it.
        with contextlib.suppress(Refusal):
            await self.durable()
        self.store.close()

    # ---------------------------------------------------------------- jobs

    async def submit(self, job: JobRecord, params: bytes) -> str:
        """Accept a job; it is durable when this returns.

        Args:
            job: The job, without an ID.
            params: Its parameters as JSON, compressed with zlib.

        Returns:
            Its ID.

        Raises:
            Refusal: Its backend or session isn't there, or doesn't take it.
        """
        desk = self._own_desk(job.device)
        self._check_session(job)
        limit = self.plan.limit_seconds
        if limit is not None and not is_mock(job.device) and (used := self.usage().consumed) >= limit:
            raise limit_reached(used, limit)
        job = replace(job, id=_new_job_id())
        if len(params) > _LARGE:
            # They go ahead, so that no event of another job waits behind them.
            await self._written(lambda db: _put_params(db, job.id, params))
        self._accepting[job.id] = (job, None if len(params) > _LARGE else params)
        try:
            desk.do(
                lambda at: desk.machine.submit(
                    job.id, at, workload=job.session_id, limit_seconds=job.cost or None
                )
            )
        except NotAccepting:
            self._accepting.pop(job.id, None)
            self.store.write(lambda db: _drop_params(db, job.id))
            raise _closed() from None
        await self.durable()
        return job.id

    def _check_session(self, job: JobRecord) -> None:
        if job.session_id is None:
            return
        device, history = self.session(job.session_id)
        if device != job.device:
            raise invalid(
                f"Session {job.session_id} is on backend {device}, and the job asks for {job.device}"
            )
        if history.state == "closed" or not history.accepting_jobs:
            raise _closed()

    def job(self, job: str) -> JobRecord:
        """A job.

        Raises:
            Refusal: There is none of that ID.
        """
        found = self.store.job(job)
        if found is None:
            raise job_not_found(job)
        return found

    def usage_of(self, job: JobRecord) -> float:
        """QPU seconds that a job has used, up to now where it still holds the QPU (M9)."""
        if job.ended:
            return job.usage
        desk = self._desks.get(job.device)
        return 0.0 if desk is None else desk.machine.used_so_far(job.id, desk.clock.now())

    async def cancel(self, job: str) -> None:
        """Cancel a job.

        Raises:
            Refusal: There is none of that ID, or it has ended.
        """
        desk = self.desk(self.job(job).device)
        desk.settle()
        if job not in desk.machine.state.jobs:
            raise Refusal(
                409, f"Job {job} is not in a state in which it can be cancelled", CODE_JOB_NOT_CANCELLED
            )
        desk.do(partial(desk.machine.cancel_job, job))
        await self.durable()

    async def delete(self, job: str) -> None:
        """Delete a job that has ended, with all that is kept of it; one that is queued is cancelled first.

        The specification speaks of jobs that have ended alone; the client's own tests delete a queued one.

        Raises:
            Refusal: There is none of that ID, or it runs.
        """
        if self.job(job).status == "Queued":
            await self.cancel(job)
        if not self.job(job).ended:
            raise invalid(f"Job {job} has not ended; cancel it first")
        await self._written(lambda db: _delete_job(db, job))

    async def take_private_result(self, job: str) -> str | None:
        """The result of a private job, which is given out once and then deleted.

        Raises:
            Refusal: It can't be deleted.
        """
        taken: list[bytes] = []

        def take(db: sqlite3.Connection) -> None:
            # Reading and deleting are one operation, so of two that ask at once one gets it.
            row = db.execute("SELECT data FROM results WHERE job = ?", (job,)).fetchone()
            taken.extend(data for data in row or () if data is not None)
            db.execute("UPDATE results SET data = NULL WHERE job = ?", (job,))

        await self._written(take)
        return zlib.decompress(taken[0]).decode() if taken else None

    async def set_tags(self, job: str, tags: list[str]) -> None:
        """Give a job other tags.

        Raises:
            Refusal: There is none of that ID.
        """
        self.job(job)
        await self._written(lambda db: replace_tags(db, job, tags))

    # ---------------------------------------------------------------- sessions

    async def open_session(self, device: str, mode: Mode, max_ttl: int | None) -> str:
        """Create a session or batch, and give its ID; ``max_ttl`` is in seconds.

        Raises:
            Refusal: There is no such backend, or the plan has no sessions.
        """
        if mode == "dedicated" and not self.plan.sessions:
            raise sessions_not_allowed(self.plan.name)
        desk = self._own_desk(device)
        session = str(uuid.uuid4())
        self._devices_of_sessions[session] = device
        desk.do(lambda at: desk.machine.open_workload(session, at, mode=mode, max_ttl=max_ttl))
        await self.durable()
        return session

    def session(self, session: str) -> tuple[str, WorkloadHistory]:
        """The device of a session or batch, and its history up to now.

        Raises:
            Refusal: There is none of that ID.
        """
        device = self._devices_of_sessions.get(session)
        if device is not None:
            desk = self._desks[device]
            desk.settle()
            if (history := desk.machine.workload(session)) is not None:
                return device, history
        stored = self._leaving.get(session) or self.store.session(session)
        if stored is None:
            raise session_not_found(session)
        return stored

    async def set_accepting(self, session: str, accepting: bool) -> None:
        """Let a session or batch take new jobs, or not.

        Raises:
            Refusal: There is none of that ID.
        """
        device, history = self.session(session)
        desk = self.desk(device)
        if desk.machine.workload(session) is not None:
            desk.do(lambda at: desk.machine.set_accepting(session, at, accepting))
        elif history.accepting_jobs != accepting:
            # It is over, and its machine has forgotten it.
            flag, recorded = WorkloadAccepting(desk.clock.now(), session, accepting), time.time()
            flagged = history.copy()
            flagged.apply(flag)
            self._write(lambda db: add_events(db, device, [flag], {session: flagged}, recorded))
            self._keep_until_written(session, device, flagged)
        await self.durable()

    async def cancel_session(self, session: str) -> None:
        """Close a session or batch: its queued jobs do not run.

        Raises:
            Refusal: There is none of that ID.
        """
        device, _ = self.session(session)
        desk = self.desk(device)
        desk.do(partial(desk.machine.cancel_workload, session))
        await self.durable()

    # ---------------------------------------------------------------- the instance

    def desk(self, device: str) -> Desk:
        """The device in operation.

        Raises:
            Refusal: There is no such backend.
        """
        if (desk := self._desks.get(device)) is None:
            raise backend_not_found(device)
        return desk

    def _own_desk(self, device: str) -> Desk:
        """The desk of a device that the instance has: its plan may leave out some.

        Raises:
            Refusal: It hasn't.
        """
        if device not in self.device_names(mocks=True):
            raise backend_not_found(device)
        return self.desk(device)

    @property
    def rules(self) -> Rules:
        """The numbers of its plan."""
        return self.plan.rules

    def device_names(self, *, mocks: bool = False) -> list[str]:
        """The devices of the instance, in the order they are listed in; their mocks last where asked for."""
        known = device_names()
        # One whose calibration was deleted since the plan was read is not there any more.
        names = [name for name in self.plan.names_devices(known) if name in known]
        return list(dict.fromkeys([*names, *map(mock_of, names)])) if mocks else names

    def desks(self) -> list[Desk]:
        """All devices in operation."""
        return list(self._desks.values())

    def queue_length(self, device: str) -> int:
        """Jobs on a device that have not ended, other users' with them."""
        desk = self.desk(device)
        return desk.machine.queue_length(desk.clock.now())

    def usage(self) -> InstanceUsage:
        """What the instance has used within its period, up to now; with what is running."""
        if not self._stopped:
            for desk in filter(_is_used, self._desks.values()):
                desk.settle()
        now = time.time()
        self._shares.forget_before(min([now, *(desk.clock.now() for desk in self._desks.values())]))
        consumed = self._shares.used(OWN, now)
        bounds = (self.plan.allocation_seconds, self.plan.limit_seconds)
        reached = any(bound is not None and consumed >= bound for bound in bounds)
        return InstanceUsage(consumed, self._period_start(now), now, reached)

    def _running_use(self, instance: str) -> float:
        """Seconds that are being used on the devices, of which shares are told when they have ended."""
        if instance != OWN:
            return 0.0
        desks = filter(_is_used, self._desks.values())
        return sum(desk.machine.running_use(desk.clock.now()) for desk in desks)

    def _period_start(self, now: float) -> float | None:
        period = self.plan.period_seconds
        return None if period is None else now - period

    async def durable(self) -> None:
        """Wait until all that has happened so far would survive a crash.

        Raises:
            Refusal: It can't be written.
        """
        if self._last_write is not None:
            await self._wait(self._last_write)

    # ---------------------------------------------------------------- what follows from events

    def _record(self, desk: Desk, events: list[Event]) -> None:
        """Write events down, and do what they call for."""
        events = [event for event in events if not of_others(event)]
        if not events:
            return
        workloads = {event.workload for event in events if event.workload is not None}
        live = {name: desk.machine.workload(name) for name in sorted(workloads)}
        # Copies, since another thread reads them while the machine goes on.
        histories = {name: history.copy() for name, history in live.items() if history is not None}
        accepted = [
            (event.at, *self._accepting.pop(event.job)) for event in events if isinstance(event, JobQueued)
        ]
        offset, recorded = desk.clock.offset, time.time()

        def write(db: sqlite3.Connection) -> None:
            for moment, job, params in accepted:
                created = told_created(recorded, moment)
                insert_job(db, replace(job, created=created, accepted=recorded, queued=moment))
                if params is not None:
                    _put_params(db, job.id, params)
            add_events(db, desk.name, events, histories, recorded)
            db.execute(
                "INSERT OR REPLACE INTO devices (name, clock_offset) VALUES (?, ?)", (desk.name, offset)
            )

        self._write(write)
        for event in events:
            self._follow(desk, event)
        for name in desk.machine.forget_closed():
            self._devices_of_sessions.pop(name, None)
            if name in histories:
                self._keep_until_written(name, desk.name, histories[name])

    def _keep_until_written(self, session: str, device: str, history: WorkloadHistory) -> None:
        """Tell of a session that its machine has forgotten, until what was written of it can be read."""
        loop = asyncio.get_running_loop()
        kept = self._leaving[session] = (device, history)

        def let_go() -> None:
            if self._leaving.get(session) is kept:
                del self._leaving[session]

        def written(_: Future[None]) -> None:
            with contextlib.suppress(RuntimeError):  # The loop may have ended meanwhile.
                loop.call_soon_threadsafe(let_go)

        if self._last_write is not None:
            self._last_write.add_done_callback(written)

    def _follow(self, desk: Desk, event: Event) -> None:
        if isinstance(event, JobStarted) and not self._stopped:
            task = asyncio.get_running_loop().create_task(self._prepare(desk, event.job))
            self._preparations.add(task)
            task.add_done_callback(self._preparations.discard)
        elif isinstance(event, JobFinished):
            self._workers.abandon(event.job)
        if isinstance(event, JobEvent) and not isinstance(event, JobFinished):
            _log.debug("%s %s on %s", event.kind, event.job, desk.name)
        elif isinstance(event, JobFinished):
            _log.info("job %s on %s: %s", event.job, desk.name, event.reason or event.outcome)

    async def _prepare(self, desk: Desk, job: str) -> None:
        """Compute a job that has started, and tell its device what it needs of the QPU."""
        try:
            await self._compute(desk, job)
        except Unwanted:
            return
        except ProgramError as error:
            await self._fail(desk, job, error.message, error.code)
        except WorkerDied:
            reason = "The process that simulated the job died; it may have run out of memory"
            await self._fail(desk, job, reason, CODE_INTERNAL)
        except Exception as error:
            _log.exception("Job %s could not be computed", job)
            reason = f"Internal error: {type(error).__name__}: {error}"
            await self._fail(desk, job, reason, CODE_INTERNAL)

    async def _compute(self, desk: Desk, job: str) -> None:
        await self.durable()
        record = self.job(job)
        params = await asyncio.to_thread(self.store.params, job)
        prepared = await self._workers.run(
            job, desk.name, record.program, params or b"", wanted=lambda: job in desk.machine.state.jobs
        )
        if job not in desk.machine.state.jobs:
            return
        nanoseconds = prepared.circuits_execution_time_ns
        self._write(lambda db: _put_result(db, job, prepared.result, prepared.log, nanoseconds))
        desk.do(lambda at: desk.machine.prepared(job, at, qpu_seconds=prepared.qpu_seconds))

    async def _fail(self, desk: Desk, job: str, reason: str, code: int | None) -> None:
        """Let a job fail that could not be computed; it uses nothing of the QPU (M11).

        That goes for the simulator's own failures too, late as they come: a fault of the system costs its
        user nothing (facts F1), and there is no device here that could fail under the lock. What is charged
        of a job that does not complete is one that is cancelled on the QPU or runs too long. The machine can
        do the other as well: see ``failure`` of :meth:`DeviceScheduler.prepared`.
        """
        if self._stopped or job not in desk.machine.state.jobs:
            return
        # A program may quote what it was sent, which need not be writable.
        reason = reason.encode(errors="replace").decode()
        text = zlib.compress(reason.encode())
        self._write(lambda db: _put_result(db, job, text, text, None))
        desk.do(lambda at: desk.machine.failed_in_preparation(job, at, reason=reason, reason_code=code))

    # ---------------------------------------------------------------- writing

    def _write(self, operation: Operation) -> None:
        """Write what all that follows builds on; if it can't be written, the service is broken."""
        loop = asyncio.get_running_loop()
        self._last_write = self.store.write(operation, vital=True)

        def note(future: Future[None]) -> None:
            if (error := future.exception()) is not None:
                with contextlib.suppress(RuntimeError):  # The loop may have ended meanwhile.
                    loop.call_soon_threadsafe(self._break, error)

        self._last_write.add_done_callback(note)

    def _break(self, error: BaseException) -> None:
        """Do nothing more: what happened from here on could not be kept."""
        if self.broken is not None:
            return
        self.broken = f"The local service can't write its state: {error}"
        _log.critical("%s", self.broken, exc_info=error)
        self._put_down()

    def _put_down(self) -> None:
        self._stopped = True
        for task in self._preparations:
            task.cancel()
        self._workers.stop()
        for desk in self._desks.values():
            desk.stop()

    async def _written(self, operation: Operation) -> None:
        """Write something that nothing else depends on, and wait until it is durable.

        Raises:
            Refusal: It can't be written.
        """
        await self._wait(self.store.write(operation))

    async def _wait(self, future: Future[None]) -> None:
        try:
            await asyncio.wrap_future(future)
        except Exception as error:
            raise Refusal(
                507,
                f"The local service can't write its state: {error}",
                CODE_INTERNAL,
                "Free space on the disk.",
            ) from error


def _is_used(desk: Desk) -> bool:
    """Whether something is there that may cost; a dry run doesn't."""
    return bool(desk.machine.state.workloads or desk.machine.state.jobs) and not is_mock(desk.name)


def _closed() -> Refusal:
    return Refusal(
        400, SESSION_CLOSED, CODE_SESSION_CLOSED, "Create a new session, and close it after its last job."
    )


def _new_job_id() -> str:
    """20 characters in IBM's manner: seconds since 1970 and 8 random bytes in base 32."""
    data = int(time.time()).to_bytes(4, "big") + secrets.token_bytes(8)
    return base64.b32hexencode(data).decode().rstrip("=").lower()


def _put_params(db: sqlite3.Connection, job: str, params: bytes) -> None:
    db.execute("INSERT INTO params (job, data) VALUES (?, ?)", (job, params))


def _drop_params(db: sqlite3.Connection, job: str) -> None:
    db.execute("DELETE FROM params WHERE job = ?", (job,))


def _drop_orphans(db: sqlite3.Connection) -> None:
    """Parameters that came in and whose job was never accepted, since the service was killed between."""
    db.execute("DELETE FROM params WHERE job NOT IN (SELECT id FROM jobs)")


def _put_result(db: sqlite3.Connection, job: str, result: bytes, log: bytes, nanoseconds: int | None) -> None:
    db.execute("INSERT OR REPLACE INTO results (job, data, log) VALUES (?, ?, ?)", (job, result, log))
    db.execute("UPDATE jobs SET execution_ns = ? WHERE id = ?", (nanoseconds, job))


def _delete_job(db: sqlite3.Connection, job: str) -> None:
    # The row stays, since what the job used stays used.
    db.execute("UPDATE jobs SET deleted = 1 WHERE id = ?", (job,))
    for table in ("params", "results", "job_tags"):
        db.execute(f"DELETE FROM {table} WHERE job = ?", (job,))  # noqa: S608
