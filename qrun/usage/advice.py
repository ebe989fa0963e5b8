"""What could have been cheaper, and by how many seconds. No advice without a number."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from heapq import heappop, heappush

from qrun.plan.price import Price
from qrun.plan.whatif import Outcome, WhatIfJob, what_if
from qrun.units import format_seconds
from qrun.usage.breakdown import breakdown
from qrun.usage.model import JobUsage, UsageAccount

COMBINE_BELOW = 60.0
"""Seconds of QPU time below which jobs should be combined (M19)."""
USUAL_OVERHEAD = 2.0
"""Seconds of overhead a job where the service does not tell (IBM's estimate of workload usage: "~2 s")."""
_WORTH_TELLING = 0.5
"""Seconds below which advice is not worth reading."""


@dataclass(frozen=True)
class Advice:
    """A piece of advice."""

    seconds: float
    """Usage that it would have saved."""
    text: str
    row: str
    """The mission row it comes from."""

    def saving_text(self, price: Price) -> str:
        """``saves 12 s ($19.20):``."""
        return f"{format_seconds(self.seconds)} ({price.text(self.seconds)}) less:"

    def as_dict(self, price: Price) -> dict[str, object]:
        """As ``--json`` prints it."""
        return {
            "seconds": self.seconds,
            "price": price.of(self.seconds),
            "row": self.row,
            "text": self.text,
        }


def advise(account: UsageAccount) -> tuple[Advice, ...]:
    """Advice on an account, the most worth first.

    The pieces are told each by itself: two of them may save the same seconds.
    """
    found = [*_left_open(account), *_beyond_ittl(account), *_failed(account)]
    if not account.ongoing and account.kind != "job":
        found += [*_combine(account), *_other_mode(account)]
    return tuple(sorted((a for a in found if a.seconds >= _WORTH_TELLING), key=lambda a: -a.seconds))


def _left_open(account: UsageAccount) -> Iterator[Advice]:
    """A session that was not closed when its last job had ended: ITTL, or the client, went on."""
    ends = [job.finished for job in account.jobs if job.finished]
    if not account.by_wall_clock or not account.windows or not ends:
        return
    if account.state == "active" and account.ittl_left_seconds is not None:
        yield Advice(
            account.ittl_left_seconds,
            f"The session is open and has no job. Close it now: qrun close {account.session_id}",
            "M18",
        )
        return
    end = account.windows[-1].end
    if end is not None and all(job.ended for job in account.jobs):
        yield Advice(
            round(max(0.0, (end - max(ends)).total_seconds()), 3),
            "The session was left open after its last job. Close it as soon as the last job is submitted: "
            "its jobs still run.",
            "M18",
        )


def _beyond_ittl(account: UsageAccount) -> Iterator[Advice]:
    """Times in which the client took longer than the ITTL, so that the session was paused and queued anew."""
    if not account.by_wall_clock or len(account.windows) < 2:
        return
    wasted = 0.0
    for window in account.windows[:-1]:
        ends = [
            job.finished for job in account.jobs if job.finished and window.end and job.finished <= window.end
        ]
        if ends and window.end is not None:
            wasted += max(0.0, (window.end - max(ends)).total_seconds())
    pauses = len(account.windows) - 1
    yield Advice(
        round(wasted, 3),
        f"The client took longer than the ITTL of {format_seconds(account.interactive_ttl_seconds)} {pauses} "
        f"time{'s' if pauses > 1 else ''}: it was paid for that long, then paused, and queued anew. Make "
        "the classical step shorter, run a second loop in the same session, or use a batch.",
        "M15",
    )


def _failed(account: UsageAccount) -> Iterator[Advice]:
    """Jobs that failed after they had locked the QPU."""
    bad = [job for job in account.jobs if job.state == "ERROR" and job.qpu_seconds]
    if not bad:
        return
    seconds = sum(job.qpu_seconds or 0.0 for job in bad)
    if account.by_wall_clock:
        rest = [job for job in account.jobs if job not in bad]
        seconds = _replay(account, account.jobs).usage_seconds - _replay(account, rest).usage_seconds
    reasons = sorted({job.reason for job in bad if job.reason})
    why = f" ({reasons[0]}{', …' if len(reasons) > 1 else ''})" if reasons else ""
    yield Advice(
        round(max(0.0, seconds), 3),
        f"{len(bad)} job{'s' if len(bad) > 1 else ''} failed after the QPU had been locked{why}. "
        "What a simulator or qrun validate can find costs nothing there.",
        "M12" if account.by_wall_clock else "M11",
    )


def _combine(account: UsageAccount) -> Iterator[Advice]:
    """Jobs of less than a minute that were there at the same time."""
    merged: list[WhatIfJob] = []
    number = 0
    for wave in waves(account.jobs):
        alike: dict[tuple[str | None, str | None], list[JobUsage]] = {}
        for job in wave:
            alike.setdefault((job.program, job.primitive), []).append(job)
        for group in alike.values():
            jobs = [job for job in group if _short(job)]
            packed = _packed(account, jobs)
            number += len(jobs) - len(packed)
            merged += packed if len(packed) < len(jobs) else _jobs(account, jobs)
            merged += _jobs(account, [job for job in group if not _short(job)])
    if number <= 0:
        return
    before, after = _replay(account, account.jobs), _replay_jobs(account, merged)
    yield Advice(
        round(before.usage_seconds - after.usage_seconds, 3),
        f"{len(account.jobs)} jobs, some of them under a minute of QPU time. As {len(merged)}, which takes "
        "the same shots or precision and options for each, they would have used "
        f"{format_seconds(after.usage_seconds)}, because each job has a fixed overhead; wall clock "
        f"{format_seconds(after.wall_clock_seconds)} instead of "
        f"{format_seconds(before.wall_clock_seconds)}.",
        "M19",
    )


def _other_mode(account: UsageAccount) -> Iterator[Advice]:
    """A session whose jobs a batch would have served."""
    if not account.by_wall_clock or not account.jobs or account.usage_seconds is None:
        return
    parts = breakdown(account)
    steps = len(waves(account.jobs))
    batch = _replay(account, account.jobs, "batch")
    if steps == 1:
        text = "No job waited for another's result. A batch"
    elif parts.waiting_seconds is not None and parts.waiting_seconds > account.usage_seconds / 2:
        text = (
            f"More than half of the session had no job. A batch, queueing anew at each of its {steps} steps,"
        )
    else:
        return
    yield Advice(
        round(account.usage_seconds - batch.usage_seconds, 3),
        f"{text} would have used {format_seconds(batch.usage_seconds)}: quantum time only.",
        "M8",
    )


def waves(jobs: Sequence[JobUsage]) -> list[list[JobUsage]]:
    """Jobs in steps: each was submitted when a job of the step before had ended, and may depend on it."""
    steps: list[list[JobUsage]] = []
    known = [(job.created, job.finished, job) for job in jobs if job.created and job.finished]
    # A heap of the jobs that had not ended when the last one was submitted: when each does, and its step.
    running: list[tuple[datetime, int]] = []
    step = 0
    for created, finished, job in sorted(known, key=lambda item: item[:2]):
        while running and running[0][0] <= created:
            step = max(step, heappop(running)[1] + 1)
        if step == len(steps):
            steps.append([])
        steps[step].append(job)
        heappush(running, (finished, step))
    return steps


def _short(job: JobUsage) -> bool:
    return job.state == "DONE" and job.qpu_seconds is not None and 0 < job.qpu_seconds < COMBINE_BELOW


def _packed(account: UsageAccount, jobs: Sequence[JobUsage]) -> list[WhatIfJob]:
    """The same work in jobs of up to a minute of QPU time each, every one with one overhead."""
    packed: list[WhatIfJob] = []
    overhead = _overhead(jobs)
    for job in _jobs(account, jobs):
        work = job.qpu_seconds - overhead
        last = packed[-1] if packed else None
        if last is not None and last.qpu_seconds + work <= COMBINE_BELOW:
            packed[-1] = WhatIfJob(last.qpu_seconds + work, last.classical_seconds, last.arrival)
        else:
            packed.append(job)
    return packed


def _overhead(jobs: Sequence[JobUsage]) -> float:
    """The fixed overhead that each of ``jobs`` had, in seconds: the least that the service told of one."""
    told = [job.overhead_seconds for job in jobs if job.overhead_seconds is not None]
    shortest = min((job.qpu_seconds for job in jobs if job.qpu_seconds), default=USUAL_OVERHEAD)
    return min(told, default=min(USUAL_OVERHEAD, shortest))


def _jobs(account: UsageAccount, jobs: Sequence[JobUsage]) -> list[WhatIfJob]:
    """Jobs as they were, to run in thought."""
    first = min((job.created for job in account.jobs if job.created), default=None)
    classical = min((job.classical_seconds for job in account.jobs if job.classical_seconds), default=1.0)
    return [
        WhatIfJob(
            job.qpu_seconds or 0.0,
            # What is more than the least of all was spent waiting for the QPU.
            min(classical, job.classical_seconds if job.classical_seconds is not None else classical),
            (job.created - first).total_seconds() if job.created and first else 0.0,
        )
        for job in jobs
        if job.qpu_seconds
    ]


def _replay(account: UsageAccount, jobs: Sequence[JobUsage], mode: str | None = None) -> Outcome:
    return _replay_jobs(account, _jobs(account, jobs), mode)


def _replay_jobs(account: UsageAccount, jobs: Sequence[WhatIfJob], mode: str | None = None) -> Outcome:
    return what_if(jobs, mode or account.mode)
