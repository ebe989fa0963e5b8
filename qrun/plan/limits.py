"""What the service takes in one job (facts, G1), checked before anything is sent."""

from __future__ import annotations

import math

from qrun.errors import WorkloadError
from qrun.plan.jobs import PlannedJob
from qrun.workload.load import SAMPLER, Pub, Workload
from qrun.workload.model import LARGEST_PAYLOAD

MOST_EXECUTIONS = 10_000_000
"""Executions of one Sampler job, all of its PUBs together."""
MOST_PAYLOAD_BYTES = LARGEST_PAYLOAD
"""Size of one job's request, encoded."""


def executions(pub: Pub) -> int | None:
    """How often a PUB's circuit is run: its shots at every point of its shape.

    ``None`` for an Estimator PUB: how many bases it measures is the primitive's to choose.
    """
    return None if pub.shots is None else pub.shots * math.prod(pub.shape)


def limit_mistakes(workload: Workload) -> list[WorkloadError]:
    """Sampler PUBs with more executions than a job can have; PUBs that have more together are split."""
    return [
        _too_many(workload, pub, count)
        for pub in workload.pubs
        if (count := executions(pub) or 0) > MOST_EXECUTIONS and pub.primitive == SAMPLER
    ]


def _too_many(workload: Workload, pub: Pub, count: int) -> WorkloadError:
    points = math.prod(pub.shape)
    own = f"{pub.shots:,} shots at {points:,} points" if points > 1 else f"{pub.shots:,} shots"
    return workload.document.error(
        (*pub.location, "shots"),
        f"A Sampler job has at most {MOST_EXECUTIONS:,} executions, this PUB alone has {count:,} "
        f"({pub.name}: {own}).",
        "Take fewer shots or points, or make several PUBs of it.",
    )


def payload_mistake(workload: Workload, job: PlannedJob, size: int) -> WorkloadError | None:
    """What to say of a job whose request has ``size`` bytes; ``None`` where the service takes it."""
    if size <= MOST_PAYLOAD_BYTES:
        return None
    return workload.document.error(
        workload.pubs[job.pubs[0]].location,
        f"A job's request has at most {MOST_PAYLOAD_BYTES:,} bytes, this one has {size:,} "
        f"({len(job.pubs)} PUBs).",
        "Take fewer points, or make several PUBs of it: those that are too large together are split by qrun.",
    )
