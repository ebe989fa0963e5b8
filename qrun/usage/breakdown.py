"""Where the seconds of an account went (M6–M12): on the QPU, in overhead, in classical steps, waiting."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise

from qrun.runtime.records import CANCELLED, ERROR
from qrun.usage.model import JobUsage, UsageAccount, seconds_of

_ROUNDING = 1.5
"""Seconds that usage and the length of the active windows may differ by: services charge whole seconds."""


@dataclass(frozen=True)
class Share:
    """Some jobs of an account, and their QPU time."""

    number: int
    seconds: float
    """QPU seconds of those whose time is settled."""
    pending: int
    """How many of them are not settled."""
    unlocked: int
    """How many of them never locked the QPU, and so cost nothing of their own."""

    @classmethod
    def of(cls, jobs: Sequence[JobUsage]) -> Share:
        """The share of ``jobs``."""
        known = [job.qpu_seconds for job in jobs if job.qpu_seconds is not None]
        return cls(len(jobs), round(sum(known), 3), len(jobs) - len(known), known.count(0))


@dataclass(frozen=True)
class Breakdown:
    """Where the seconds of an account went; ``None`` for what the service does not tell."""

    usage_seconds: float | None
    """Usage by the rule of the mode, or so far."""
    so_far: bool
    """Whether more may come."""
    qpu_seconds: float | None
    execution_seconds: float | None
    """QPU time in which circuits ran, of the jobs for which the service tells it."""
    overhead_seconds: float | None
    """The rest of those jobs' QPU time."""
    overhead_jobs: int
    """How many jobs that is."""
    idle_seconds: float | None
    """Of a session: usage minus QPU time."""
    classical_seconds: float | None
    """What of the idle time was spent with a job running: in classical steps, or in between lanes and QPU."""
    waiting_seconds: float | None
    """What of the idle time was spent without any job: waiting for the client, or for ITTL to pass."""
    failed: Share
    cancelled: Share
    inactive_seconds: float | None
    """Time between active windows: not charged."""


def breakdown(account: UsageAccount) -> Breakdown:
    """Where the seconds of an account went."""
    told = [job for job in account.jobs if job.overhead_seconds is not None]
    executing = sum(job.execution_seconds or 0.0 for job in told)
    idle, waiting = _idle(account), _waiting(account)
    # Whole seconds may be charged, so that the parts need not add up to the last digit.
    classical = None if idle is None or waiting is None else max(0.0, round(idle - waiting, 3))
    return Breakdown(
        usage_seconds=account.so_far_seconds,
        so_far=account.usage_seconds is None or account.ongoing,
        qpu_seconds=account.qpu_seconds,
        execution_seconds=round(executing, 3) if told else None,
        overhead_seconds=round(sum(job.overhead_seconds or 0.0 for job in told), 3) if told else None,
        overhead_jobs=len(told),
        idle_seconds=idle,
        classical_seconds=classical,
        waiting_seconds=waiting,
        failed=Share.of(account.ended_badly(ERROR)),
        cancelled=Share.of(account.ended_badly(CANCELLED)),
        inactive_seconds=_inactive(account),
    )


def running_spans(jobs: Iterable[JobUsage], now: datetime | None) -> list[tuple[datetime, datetime]]:
    """When at least one of the jobs ran, in order and without overlap; up to ``now`` for those that do."""
    spans: list[tuple[datetime, datetime]] = []
    ends = [(job.started, job.finished or (None if job.ended else now)) for job in jobs]
    for start, end in sorted((start, end) for start, end in ends if start is not None and end is not None):
        if spans and start <= spans[-1][1]:
            spans[-1] = (spans[-1][0], max(spans[-1][1], end))
        else:
            spans.append((start, end))
    return spans


def _idle(account: UsageAccount) -> float | None:
    usage = account.so_far_seconds
    if not account.by_wall_clock or usage is None:
        return None
    # Of a job that has ended and isn't settled nothing is known; of one that has not, what it has used.
    if any(job.qpu_seconds is None and job.ended for job in account.jobs):
        return None
    on_qpu = [job.qpu_seconds if job.qpu_seconds is not None else job.so_far_seconds for job in account.jobs]
    return max(0.0, round(usage - sum(seconds or 0.0 for seconds in on_qpu), 3))


def _waiting(account: UsageAccount) -> float | None:
    """Seconds of the active windows in which no job ran."""
    usage = account.so_far_seconds
    if not account.by_wall_clock or not account.windows or usage is None:
        return None
    active = sum(seconds_of(window, account.read_at) for window in account.windows)
    if abs(active - usage) > _ROUNDING:
        return None
    busy = 0.0
    for start, end in running_spans(account.jobs, account.read_at):
        for window in account.windows:
            last = window.end or account.read_at or end
            busy += max(0.0, (min(end, last) - max(start, window.start)).total_seconds())
    return max(0.0, round(active - busy, 3))


def _inactive(account: UsageAccount) -> float | None:
    gaps = [
        (after.start - before.end).total_seconds()
        for before, after in pairwise(account.windows)
        if before.end is not None
    ]
    return round(sum(gaps), 3) if account.windows else None
