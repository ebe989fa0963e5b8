"""Reads accounts: what a job, a batch, a session or a run used, by the rule of its mode (M6–M12)."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import datetime, timezone

from qrun.ledger import Run
from qrun.runtime.control import ControlChannel
from qrun.runtime.records import JobRecord, JobTimes, SessionRecord, worst_state
from qrun.usage.memory import UsageMemory
from qrun.usage.model import RULES, JobUsage, UsageAccount, active_windows

__all__ = ["RULES", "JobUsage", "UsageAccount", "job_account", "run_account", "session_account", "settle"]

SETTLING_SECONDS = 5.0
"""How long to wait for a service to settle the usage of what has just ended."""
_AT_ONCE = 16
"""Requests for metrics at a time: there is one a job, and no list of them."""


def job_account(channel: ControlChannel, job_id: str) -> UsageAccount:
    """The account of one job (M9)."""
    record = channel.job(job_id)
    [job] = _job_usages(channel, [record])
    return UsageAccount(
        id=job_id,
        kind="job",
        mode="job" if record.session_id is None else channel.session(record.session_id).mode,
        backend=record.backend,
        state=record.state,
        usage_seconds=job.qpu_seconds,
        interactive_ttl_seconds=None,
        max_ttl_seconds=None,
        started_at=job.started,
        closed_at=job.finished,
        jobs=(job,),
        session_id=record.session_id,
        read_at=_newest([job]),
    )


def session_account(channel: ControlChannel, session_id: str) -> UsageAccount:
    """The account of a session (M7) or a batch (M8)."""
    jobs = _job_usages(channel, channel.jobs(session_id=session_id))
    return _of_sessions(channel, [session_id], jobs)


def run_account(channel: ControlChannel, run: Run, *, times: bool = True) -> UsageAccount:
    """The account of a run: of its sessions or batches where it has any, else the sum of its jobs.

    A run that was retried may have had several; their usage adds up. All jobs of a session are counted, also
    those that something else sent there: the session's time was spent on them.

    Args:
        channel: The control channel to the run's service.
        run: The run.
        times: Whether to ask when each job started and finished, a request a job; what each used is in the
            list of jobs already.
    """
    records = _all_jobs(channel, run)
    sessions = list(dict.fromkeys(record.session_id for record in records if record.session_id))
    if run.session_id is not None and run.session_id not in sessions:
        sessions.append(run.session_id)
    if sessions:
        if run.mode == "session":
            listed = {record.id for record in records}
            for session_id in sessions:
                records += [job for job in channel.jobs(session_id=session_id) if job.id not in listed]
        return _of_sessions(channel, sessions, _of_run(_job_usages(channel, records, times=times), run), run)
    jobs = _of_run(_job_usages(channel, records, times=times), run)
    ends = [job.finished for job in jobs if job.finished]
    return UsageAccount(
        id=run.id,
        kind="run",
        mode=run.mode,
        backend=run.backend,
        state=worst_state(record.state for record in records),
        usage_seconds=_sum([job.qpu_seconds for job in jobs]),
        interactive_ttl_seconds=None,
        max_ttl_seconds=None,
        started_at=min((job.started for job in jobs if job.started), default=None),
        closed_at=max(ends, default=None) if all(record.ended for record in records) else None,
        jobs=jobs,
        read_at=_newest(jobs),
    )


def _of_run(jobs: tuple[JobUsage, ...], run: Run) -> tuple[JobUsage, ...]:
    """Jobs with the primitive that the ledger knows of them: the program of both may be the executor."""
    primitives = {attempt.job_id: attempt.primitive for attempt in run.attempts if attempt.job_id}
    return tuple(replace(job, primitive=primitives.get(job.id)) for job in jobs)


def _all_jobs(channel: ControlChannel, run: Run) -> list[JobRecord]:
    """All jobs that carry the run's tag, those that a list which lags behind may lack included."""
    records = channel.jobs(tags=[run.tag])
    listed = {record.id for record in records}
    missing = [job.job_id for job in run.jobs if job.job_id and job.job_id not in listed]
    return records + [channel.job(job_id) for job_id in missing]


def settle(read: Callable[[], UsageAccount], seconds: float = SETTLING_SECONDS) -> UsageAccount:
    """Read an account, again and again for a little while, until its numbers are settled.

    Args:
        read: Reads it.
        seconds: How long to try.
    """
    deadline = time.monotonic() + seconds
    interval = 0.2
    while True:
        account = read()
        if account.settled or time.monotonic() > deadline:
            return account
        time.sleep(interval)
        interval *= 1.5


def _of_sessions(
    channel: ControlChannel, session_ids: Sequence[str], jobs: tuple[JobUsage, ...], run: Run | None = None
) -> UsageAccount:
    sessions = [channel.session(session_id) for session_id in session_ids]
    account = account_of_sessions(sessions, jobs, now=datetime.now(timezone.utc))
    return replace(account, id=run.id, kind="run", backend=run.backend) if run else account


def account_of_sessions(
    sessions: Sequence[SessionRecord], jobs: tuple[JobUsage, ...], *, now: datetime
) -> UsageAccount:
    """The account of one session or batch, or of several that one run had.

    Args:
        sessions: One or more, in the order in which they were opened.
        jobs: All their jobs.
        now: The present moment.
    """
    newest = sessions[-1]
    windows = [window for session in sessions for window in active_windows(session, jobs)]
    still_open = next((session.state for session in sessions if not session.closed), None)
    return UsageAccount(
        id=newest.id,
        kind=newest.mode,
        mode=newest.mode,
        backend=newest.backend,
        state=still_open or newest.state,
        state_reason=newest.state_reason,
        accepting_jobs=newest.accepting_jobs,
        usage_seconds=_sum([session.usage_seconds for session in sessions]),
        interactive_ttl_seconds=newest.interactive_ttl_seconds,
        max_ttl_seconds=newest.max_ttl_seconds,
        started_at=min((s.started_at for s in sessions if s.started_at), default=None),
        closed_at=None if still_open else newest.closed_at,
        jobs=jobs,
        session_id=newest.id,
        windows=tuple(sorted(windows, key=lambda window: window.start)),
        read_at=_newest(jobs, now, [moment for s in sessions for _, moment in s.transitions]),
    )


def _newest(
    jobs: Sequence[JobUsage], now: datetime | None = None, others: Sequence[datetime] = ()
) -> datetime:
    """The present moment: by this machine's clock, or later where the service's is ahead of it."""
    times = [moment for job in jobs for moment in (job.created, job.started, job.finished) if moment]
    return max([now or datetime.now(timezone.utc), *times, *others])


def _job_usages(
    channel: ControlChannel, records: Sequence[JobRecord], *, times: bool = True
) -> tuple[JobUsage, ...]:
    """The jobs with their times. Those that have ended and are settled are asked for once in their life."""
    if not records:
        return ()
    if not times and all(record.usage.seconds is not None for record in records):
        # Services of older interfaces don't tell it in their lists.
        return tuple(job_usage(r, JobTimes(r.created, None, None, r.usage)) for r in records)
    with UsageMemory(channel.account) as memory:
        known = memory.recall([record.id for record in records if record.ended])
        unknown = [record for record in records if record.id not in known]
        if unknown:
            with ThreadPoolExecutor(max_workers=min(_AT_ONCE, len(unknown))) as pool:
                metrics = list(pool.map(lambda record: channel.job_times(record.id), unknown))
            read = {record.id: when for record, when in zip(unknown, metrics, strict=True)}
            final = {record.id for record in unknown if record.ended}
            memory.keep({job: when for job, when in read.items() if job in final and when.usage.settled})
            known = {**known, **read}
    return tuple(job_usage(record, known[record.id]) for record in records)


def job_usage(record: JobRecord, when: JobTimes) -> JobUsage:
    """One job's part, of what the service says of it in its list and in its metrics."""
    usage = when.usage if when.usage.seconds is not None else record.usage
    return JobUsage(
        id=record.id,
        state=record.state,
        # While the service says pending, its zero is no zero.
        qpu_seconds=usage.seconds if usage.settled else None,
        so_far_seconds=None if usage.settled else usage.seconds,
        execution_seconds=when.execution_seconds,
        created=when.created or record.created,
        started=when.started,
        finished=when.finished,
        reason=record.reason,
        reason_code=record.reason_code,
        program=record.program,
        tags=record.tags,
        session_id=record.session_id,
        estimated_seconds=record.estimated_seconds,
    )


def _sum(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return round(sum(known), 3) if len(known) == len(values) else None
