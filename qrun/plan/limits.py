"""What the service takes in one job (facts, G1), checked before anything is sent."""

from __future__ import annotations

import math
from collections.abc import Sequence

from qrun.errors import WorkloadError
from qrun.plan.jobs import PlannedJob
from qrun.workload.load import SAMPLER, Pub, Workload

MOST_EXECUTIONS = 10_000_000
"""Executions of one Sampler job, all of its PUBs together."""
MOST_PAYLOAD_BYTES = 50_000_000
"""Size of one job's request, encoded."""


def executions(pub: Pub) -> int | None:
    """How often a PUB's circuit is run: its shots at every point of its shape.

    ``None`` for an Estimator PUB: how many bases it measures is the primitive's to choose.
    """
    return None if pub.shots is None else pub.shots * math.prod(pub.shape)


def limit_mistakes(workload: Workload, jobs: Sequence[PlannedJob]) -> list[WorkloadError]:
    """Sampler jobs with more executions than one job can have."""
    mistakes = []
    for job in jobs:
        if job.primitive != SAMPLER:
            continue
        counts = {index: executions(workload.pubs[index]) or 0 for index in job.pubs}
        total = sum(counts.values())
        if total > MOST_EXECUTIONS:
            largest = workload.pubs[max(counts, key=lambda index: counts[index])]
            mistakes.append(_too_many(workload, largest, total, len(job.pubs)))
    return mistakes


def _too_many(workload: Workload, pub: Pub, total: int, num_pubs: int) -> WorkloadError:
    points = math.prod(pub.shape)
    own = f"{pub.shots:,} shots at {points:,} points" if points > 1 else f"{pub.shots:,} shots"
    also = "" if num_pubs == 1 else f"; {num_pubs} PUBs share this job"
    return workload.document.error(
        (*pub.location, "shots"),
        f"A Sampler job has at most {MOST_EXECUTIONS:,} executions, this one has {total:,} "
        f"({pub.name}: {own}{also}).",
        "Take fewer shots or points. PUBs of different shots or options go to jobs of their own.",
    )


def payload_mistake(workload: Workload, job: PlannedJob, size: int) -> WorkloadError | None:
    """What to say of a job whose request has ``size`` bytes; ``None`` where the service takes it."""
    if size <= MOST_PAYLOAD_BYTES:
        return None
    return workload.document.error(
        workload.pubs[job.pubs[0]].location,
        f"A job's request has at most {MOST_PAYLOAD_BYTES:,} bytes, this one has {size:,} "
        f"({len(job.pubs)} PUBs).",
        "Give some of its PUBs another number of shots or precision, so that they go to a job of their own.",
    )
