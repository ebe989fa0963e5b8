"""What a job, a batch, a session or a run used, by the rule of its mode (M6–M12)."""

from __future__ import annotations

import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from qrun.ledger import Run
from qrun.runtime.control import ControlChannel
from qrun.runtime.records import JobRecord, JobTimes, SessionRecord, worst_state

SETTLING_SECONDS = 5.0
"""How long to wait for a service to settle the usage of what has just ended."""
_AT_ONCE = 8

RULES = {
    "job": "QPU time that the jobs used in processing",
    "batch": "sum of the time that its jobs spent on the QPU",
    "session": "from the start of its first job until it went inactive, was closed or its last job ended",
}
"""What usage means in each mode: M9, M8 and M7."""


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

    @property
    def qpu_seconds(self) -> float | None:
        """QPU time of all jobs that have been settled; ``None`` where there are jobs and none has."""
        settled = [job.qpu_seconds for job in self.jobs if job.qpu_seconds is not None]
        return sum(settled) if settled or not self.jobs else None

    @property
    def settled(self) -> bool:
        """Whether the numbers are the service's last word."""
        if self.session_id is not None and self.kind != "job" and self.state != "closed":
            return False
        return self.usage_seconds is not None and all(job.qpu_seconds is not None for job in self.jobs)

    def as_dict(self) -> dict[str, Any]:
        """The account as ``qrun usage --json`` prints it."""
        return {
            "id": self.id,
            "kind": self.kind,
            "mode": self.mode,
            "backend": self.backend,
            "state": self.state,
            "session_id": self.session_id,
            "usage_seconds": self.usage_seconds,
            "usage_status": "complete" if self.settled else "pending",
            "qpu_seconds": self.qpu_seconds,
            "interactive_ttl_seconds": self.interactive_ttl_seconds,
            "max_ttl_seconds": self.max_ttl_seconds,
            "started_at": _iso(self.started_at),
            "closed_at": _iso(self.closed_at),
            "jobs": [
                {
                    "id": job.id,
                    "state": job.state,
                    "qpu_seconds": job.qpu_seconds,
                    "created": _iso(job.created),
                    "started": _iso(job.started),
                    "finished": _iso(job.finished),
                    "reason": job.reason,
                }
                for job in self.jobs
            ],
        }


def job_account(channel: ControlChannel, job_id: str) -> UsageAccount:
    """The account of one job (M9)."""
    record = channel.job(job_id)
    jobs = _job_usages(channel, [record])
    return UsageAccount(
        id=job_id,
        kind="job",
        mode="job" if record.session_id is None else channel.session(record.session_id).mode,
        backend=record.backend,
        state=record.state,
        usage_seconds=jobs[0].qpu_seconds,
        interactive_ttl_seconds=None,
        max_ttl_seconds=None,
        started_at=jobs[0].started,
        closed_at=jobs[0].finished,
        jobs=jobs,
        session_id=record.session_id,
    )


def session_account(channel: ControlChannel, session_id: str) -> UsageAccount:
    """The account of a session (M7) or a batch (M8)."""
    return _of_session(channel, session_id, channel.jobs(session_id=session_id))


def run_account(channel: ControlChannel, run: Run) -> UsageAccount:
    """The account of a run: of its session or batch where it has one, else the sum of its jobs."""
    records = _all_jobs(channel, run)
    if run.session_id is not None:
        whole = _of_session(channel, run.session_id, records)
        return replace(whole, id=run.id, kind="run", backend=run.backend)
    jobs = _job_usages(channel, records)
    times = [job.started for job in jobs if job.started]
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
        started_at=min(times, default=None),
        closed_at=max(ends, default=None) if all(record.ended for record in records) else None,
        jobs=jobs,
    )


def _all_jobs(channel: ControlChannel, run: Run) -> list[JobRecord]:
    """All jobs that carry the run's tag, those that a list which lags behind may lack included."""
    records = channel.jobs(tags=[run.tag])
    listed = {record.id for record in records}
    missing = [job.job_id for job in run.jobs if job.job_id and job.job_id not in listed]
    return records + [channel.job(job_id) for job_id in missing]


def settle(read: Any, seconds: float = SETTLING_SECONDS) -> UsageAccount:
    """Read an account, again and again for a little while, until its numbers are settled.

    Args:
        read: Reads it.
        seconds: How long to try.
    """
    deadline = time.monotonic() + seconds
    interval = 0.2
    while True:
        account: UsageAccount = read()
        if account.settled or time.monotonic() > deadline:
            return account
        time.sleep(interval)
        interval *= 1.5


def _of_session(channel: ControlChannel, session_id: str, records: Sequence[JobRecord]) -> UsageAccount:
    session: SessionRecord = channel.session(session_id)
    jobs = _job_usages(channel, records)
    return UsageAccount(
        id=session_id,
        kind=session.mode,
        mode=session.mode,
        backend=session.backend,
        state=session.state,
        usage_seconds=session.usage_seconds,
        interactive_ttl_seconds=session.interactive_ttl_seconds,
        max_ttl_seconds=session.max_ttl_seconds,
        started_at=session.started_at,
        closed_at=session.closed_at,
        jobs=jobs,
        session_id=session_id,
    )


def _job_usages(channel: ControlChannel, records: Sequence[JobRecord]) -> tuple[JobUsage, ...]:
    if not records:
        return ()
    with ThreadPoolExecutor(max_workers=min(_AT_ONCE, len(records))) as pool:
        times = list(pool.map(lambda record: channel.job_times(record.id), records))
    return tuple(_job_usage(record, when) for record, when in zip(records, times, strict=True))


def _job_usage(record: JobRecord, when: JobTimes) -> JobUsage:
    usage = when.usage if when.usage.seconds is not None else record.usage
    return JobUsage(
        id=record.id,
        state=record.state,
        # While the service says pending, its zero is no zero.
        qpu_seconds=usage.seconds if usage.settled else None,
        created=when.created or record.created,
        started=when.started,
        finished=when.finished,
        reason=record.reason,
    )


def _sum(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return sum(known) if len(known) == len(values) else None


def _iso(moment: datetime | None) -> str | None:
    return moment.isoformat() if moment else None
