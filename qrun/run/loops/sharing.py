"""What it saved that loops shared a session."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import pairwise

from qrun.ledger import Ledger, Run
from qrun.ledger.loops import Evaluation, LoopLedger
from qrun.runtime.control import ControlChannel
from qrun.runtime.records import JobTimes

_AT_ONCE = 8
"""Questions for jobs' times at once."""

Interval = tuple[float, float]


@dataclass(frozen=True)
class Sharing:
    """What loops took side by side, and about what they would have taken one after another."""

    loops: int
    together: float | None
    """Seconds from the first job's start to the last one's end, by the service's clock."""
    alone: float | None
    """The same for each loop without the others, added up; an estimate."""
    own_median: float | None
    """Seconds that qrun itself took from a result to the next submission, without the optimizer."""


@dataclass(frozen=True)
class Ran:
    """One evaluation's job."""

    started: float
    finished: float
    """By the service's clock."""
    qpu: float
    """Seconds on the QPU, at the end of the time between."""
    sent: float
    noticed: float
    """By this machine's clock."""

    @property
    def on_qpu(self) -> Interval:
        """When it was on the QPU, as well as that can be told."""
        return (max(self.started, self.finished - self.qpu), self.finished)


def sharing_of(channel: ControlChannel, ledger: Ledger, run: Run) -> Sharing:
    """Work out what sharing saved, of the evaluations that one process has seen from their submission on.

    Args:
        channel: The control channel, which is asked for the jobs' times where there are several loops.
        ledger: The ledger.
        run: The run.

    Raises:
        ServiceError: The service can't be reached.
    """
    records = LoopLedger(ledger, run.id)
    by_loop = {record.name: _seen(records.evaluations(record.name)) for record in records.loops()}
    by_loop = {name: found for name, found in by_loop.items() if found}
    own = [e.timing["own"] for found in by_loop.values() for e in found if e.timing.get("own") is not None]
    median = statistics.median(own) if own else None
    if len(by_loop) < 2:
        return Sharing(len(by_loop), None, None, median)
    ids = {job.index: job.job_id for job in run.jobs if job.job_id}
    wanted = [ids[e.job_index] for found in by_loop.values() for e in found if e.job_index in ids]
    with ThreadPoolExecutor(max_workers=_AT_ONCE) as pool:
        times = dict(zip(wanted, pool.map(channel.job_times, wanted), strict=True))
    ran = {name: _ran(found, ids, times) for name, found in by_loop.items()}
    ran = {name: found for name, found in ran.items() if found}
    if not ran:
        return Sharing(len(by_loop), None, None, median)
    every = [job for found in ran.values() for job in found]
    together = max(job.finished for job in every) - min(job.started for job in every)
    alone = sum(
        alone_seconds(found, [job for other, theirs in ran.items() if other != name for job in theirs])
        for name, found in ran.items()
    )
    return Sharing(len(by_loop), together, alone, median)


def alone_seconds(own: list[Ran], others: Iterable[Ran]) -> float:
    """What a loop would have taken without the others.

    Its jobs' times from start to end, but for the part in which they waited while the QPU ran others';
    and the time between a job's end and the next one's submission, by this machine's clock: the optimizer's,
    qrun's and the network's, which the service's clock need not know of.
    """
    foreign = [job.on_qpu for job in others]
    total = 0.0
    for job in own:
        begun, _ = job.on_qpu
        waited = sum(max(0.0, min(end, begun) - max(start, job.started)) for start, end in foreign)
        total += job.finished - job.started - min(waited, begun - job.started)
    gaps = sum(max(0.0, after.sent - before.noticed) for before, after in pairwise(own))
    return total + gaps


def _seen(evaluations: list[Evaluation]) -> list[Evaluation]:
    return [e for e in evaluations if e.timing.get("sent") and e.timing.get("noticed")]


def _ran(evaluations: list[Evaluation], ids: Mapping[int, str], times: Mapping[str, JobTimes]) -> list[Ran]:
    found = []
    for evaluation in evaluations:
        job = times.get(ids.get(evaluation.job_index, ""))
        if job is None or job.started is None or job.finished is None:
            continue
        found.append(
            Ran(
                started=job.started.timestamp(),
                finished=job.finished.timestamp(),
                qpu=job.usage.seconds or evaluation.timing.get("qpu") or 0.0,
                sent=evaluation.timing["sent"],
                noticed=evaluation.timing["noticed"],
            )
        )
    return found
