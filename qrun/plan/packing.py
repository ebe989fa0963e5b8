"""Which of the PUBs that may share a job do: few jobs, within limits, with lanes where they pay (M19–M21).

Each job costs a fixed overhead, so what can be in one job is (M19), also beyond a minute of QPU time: two
jobs of a minute cost 3 % more than one of two. It is split where a limit asks for it, where the file does, or
where the scheduler that the local service runs on says that parallel lanes end sooner for the same price
(M20, M21).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from qrun.local.scheduling import Rules
from qrun.plan.estimate import JobEstimate
from qrun.plan.limits import MOST_EXECUTIONS, MOST_PAYLOAD_BYTES
from qrun.plan.whatif import Outcome, WhatIfJob, what_if

CLASSICAL_PER_PUB = 0.05
"""Seconds of classical processing that each PUB adds to its job. Our choice: IBM publishes no number, and
reports jobs of a few PUBs as RUNNING for a second or two before they reach the QPU."""
SAME_PRICE = 0.01
"""Prices that differ by less than this share count as one, and the wall clock decides."""
WORTH_SPLITTING = 0.02
"""Share of the wall clock that parallel lanes must save."""
_PAYLOAD_MARGIN = 0.9
"""Share of the limit that a part is given: its size is reckoned from the whole's."""

Split = list[list[int]]
"""Positions in a group of compatible PUBs, a list a job."""


@dataclass(frozen=True)
class Limits:
    """How large a job may get. ``None`` is no bound."""

    max_pubs: int | None = None
    target_qpu_time: float | None = None
    """Seconds of QPU time, overhead included, that jobs shall have at most; one PUB may have more."""
    max_payload: int = MOST_PAYLOAD_BYTES
    """Bytes."""
    max_executions: int | None = MOST_EXECUTIONS
    max_qpu_seconds: float = Rules().max_job_seconds
    """QPU time at which the service ends a job."""

    @property
    def chosen(self) -> bool:
        """Whether the file says how large jobs are; then nothing is split for the sake of lanes."""
        return self.max_pubs is not None or self.target_qpu_time is not None


def classical_seconds(pubs: int, rules: Rules) -> float:
    """Modelled seconds of a job's classical processing."""
    return rules.classical_seconds + CLASSICAL_PER_PUB * (pubs - 1)


def as_what_if(estimates: Sequence[JobEstimate], rules: Rules) -> list[WhatIfJob]:
    """Jobs to run in thought, all there at once."""
    return [WhatIfJob(e.qpu_seconds, classical_seconds(len(e.pubs), rules)) for e in estimates]


def split_within(group: JobEstimate, limits: Limits) -> Split:
    """A group of compatible PUBs in as few jobs as limits allow, in the file's order, of even sizes."""
    whole = list(range(len(group.pubs)))
    if _fits(group, whole, limits):
        return [whole]
    full = _filled(group, limits)
    # The last of jobs that are filled to the brim is nearly empty: even ones end sooner in parallel lanes.
    even = split_evenly(group, len(full))
    return even if all(_fits(group, part, limits) for part in even) else full


def split_evenly(group: JobEstimate, parts: int) -> Split:
    """The PUBs in so many jobs, in the file's order, of about the same QPU time."""
    total, so_far = group.execution_seconds - group.shared_seconds, 0.0
    split: Split = []
    filled: list[int] = []
    for position, pub in enumerate(group.pubs):
        # To the part that the middle of the PUB's time lies in.
        part = int((so_far + pub.seconds / 2) / total * parts) if total > 0 else 0
        while len(split) < part and filled:
            split.append(filled)
            filled = []
        filled.append(position)
        so_far += pub.seconds
    return [*split, filled]


def pack_groups(
    groups: Sequence[JobEstimate],
    limits: Sequence[Limits],
    mode_of: Callable[[int], str],
    rules: Rules,
) -> list[Split]:
    """Decide on the jobs of each group.

    Args:
        groups: Compatible PUBs, each group reckoned as one job.
        limits: The limits of each group's jobs.
        mode_of: The mode for a number of jobs.
        rules: The numbers of the instance.
    """
    splits = [split_within(group, limit) for group, limit in zip(groups, limits, strict=True)]
    candidates = [splits]
    for lanes in range(2, rules.lanes + 1):
        finer = [
            _finer(group, split, limit, lanes)
            for group, split, limit in zip(groups, splits, limits, strict=True)
        ]
        if finer not in candidates and mode_of(sum(map(len, finer))) != "job":
            candidates.append(finer)
    if len(candidates) == 1:
        return splits
    outcomes = [_run(groups, candidate, mode_of, rules) for candidate in candidates]
    return candidates[best_of(outcomes)]


def best_of(outcomes: Sequence[Outcome]) -> int:
    """Index of the cheapest outcome; of those as cheap, that which is over sooner, if it is worth it."""
    cheapest = min(outcome.usage_seconds for outcome in outcomes)
    near = [i for i, o in enumerate(outcomes) if o.usage_seconds <= cheapest * (1 + SAME_PRICE)]
    soonest = min(outcomes[i].wall_clock_seconds for i in near)
    # The first is the one with the fewest jobs.
    return next(i for i in near if outcomes[i].wall_clock_seconds <= soonest * (1 + WORTH_SPLITTING))


def parts_of(groups: Sequence[JobEstimate], splits: Sequence[Split]) -> list[JobEstimate]:
    """What the jobs take."""
    return [group.part(positions) for group, split in zip(groups, splits, strict=True) for positions in split]


def _finer(group: JobEstimate, split: Split, limits: Limits, lanes: int) -> Split:
    # A group that a limit has split has parts enough.
    if limits.chosen or len(split) >= lanes or len(group.pubs) < lanes:
        return split
    finer = split_evenly(group, lanes)
    return finer if all(_fits(group, part, limits) for part in finer) else split


def _run(
    groups: Sequence[JobEstimate], splits: Sequence[Split], mode_of: Callable[[int], str], rules: Rules
) -> Outcome:
    jobs = as_what_if(parts_of(groups, splits), rules)
    return what_if(jobs, mode_of(len(jobs)), rules)


def _filled(group: JobEstimate, limits: Limits) -> Split:
    """PUBs put into a job while they fit."""
    split: Split = []
    bounds = _bounds(group, limits)
    loads = [0.0] * len(bounds)
    for position in range(len(group.pubs)):
        weights = _weights(group, position)
        loads = [load + weight for load, weight in zip(loads, weights, strict=True)]
        if not split or any(load > bound for load, bound in zip(loads, bounds, strict=True)):
            split.append([])
            loads = list(weights)
        split[-1].append(position)
    return split


def _fits(group: JobEstimate, positions: Sequence[int], limits: Limits) -> bool:
    if len(positions) == len(group.pubs) and group.payload_bytes > limits.max_payload:
        return False
    sums = [sum(column) for column in zip(*(_weights(group, i) for i in positions), strict=True)]
    if len(positions) == len(group.pubs):
        sums[-1] = 0.0  # Measured, not reckoned.
    return all(load <= bound for load, bound in zip(sums, _bounds(group, limits), strict=True))


def _weights(group: JobEstimate, position: int) -> tuple[float, ...]:
    pub = group.pubs[position]
    return (1.0, pub.seconds, float(pub.executions), group.payload_bytes / len(group.pubs))


def _bounds(group: JobEstimate, limits: Limits) -> tuple[float, ...]:
    """What the PUBs of one job may add up to, in the order of their weights."""
    seconds = min(limits.target_qpu_time or math.inf, limits.max_qpu_seconds)
    executions = math.inf if limits.max_executions is None else limits.max_executions
    return (
        math.inf if limits.max_pubs is None else limits.max_pubs,
        seconds - group.overhead_seconds - group.shared_seconds,
        executions - group.shared_executions,
        limits.max_payload * _PAYLOAD_MARGIN,
    )
