"""Groups of compatible PUBs divided into jobs, each as the client would send it, with what it takes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from qrun.plan.estimate import JobEstimate
from qrun.plan.instance import Rules
from qrun.plan.jobs import PlannedJob
from qrun.plan.packing import Limits, Split, pack_groups
from qrun.runtime.client import PreparedJob

Prepare = Callable[[Sequence[PlannedJob]], list[PreparedJob]]
Estimate = Callable[[PlannedJob, PreparedJob], JobEstimate]


@dataclass(frozen=True)
class Division:
    """The jobs of a run."""

    planned: tuple[PlannedJob, ...]
    jobs: tuple[PreparedJob, ...]
    estimates: tuple[JobEstimate, ...]
    groups: tuple[JobEstimate, ...]
    """PUBs that may share a job, each group reckoned as one job."""


def divide(
    groups: Sequence[PlannedJob],
    limits: Callable[[PlannedJob], Limits],
    mode_of: Callable[[int], str],
    rules: Rules,
    prepare: Prepare,
    estimate: Estimate,
) -> Division:
    """Divide groups into jobs.

    Args:
        groups: PUBs that may share a job, each group as one job.
        limits: How large a job of a group may get.
        mode_of: The mode for a number of jobs.
        rules: The numbers of the instance.
        prepare: Has the client prepare jobs.
        estimate: Reckons a prepared job.

    Raises:
        WorkloadError: The client refuses PUBs.
    """
    prepared = prepare(groups)
    wholes = [estimate(group, job) for group, job in zip(groups, prepared, strict=True)]
    bounds = [limits(group) for group in groups]
    splits = pack_groups(wholes, bounds, mode_of, rules)
    parts: list[tuple[PlannedJob, PreparedJob, JobEstimate]] = []
    for group, job, whole, split, bound in zip(groups, prepared, wholes, splits, bounds, strict=True):
        if len(split) == 1:
            parts.append((group, job, whole))
        else:
            parts += _prepared(group, whole, split, bound, prepare)
    return Division(
        planned=tuple(replace(planned, index=index) for index, (planned, _, _) in enumerate(parts)),
        jobs=tuple(job for _, job, _ in parts),
        estimates=tuple(reckoned for _, _, reckoned in parts),
        groups=tuple(wholes),
    )


def _prepared(
    group: PlannedJob, whole: JobEstimate, split: Split, bound: Limits, prepare: Prepare
) -> list[tuple[PlannedJob, PreparedJob, JobEstimate]]:
    planned = [replace(group, pubs=tuple(group.pubs[i] for i in positions)) for positions in split]
    parts = []
    for positions, part, job in zip(split, planned, prepare(planned), strict=True):
        # Its PUBs execute what they did in the whole; the size of its request is measured anew.
        reckoned = replace(whole.part(positions), payload_bytes=job.payload_bytes())
        if reckoned.payload_bytes > bound.max_payload and len(part.pubs) > 1:
            # Sizes were reckoned from the whole's, as if its PUBs were alike.
            half = len(part.pubs) // 2
            halves = [list(range(half)), list(range(half, len(part.pubs)))]
            parts += _prepared(part, reckoned, halves, bound, prepare)
        else:
            parts.append((part, job, reckoned))
    return parts
