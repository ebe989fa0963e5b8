"""PUBs into jobs: what one job can hold together, and what it can't."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from qrun.workload.load import Pub


@dataclass(frozen=True)
class PlannedJob:
    """One job to send."""

    index: int
    primitive: str
    pubs: tuple[int, ...]
    """Indices of its PUBs in the file."""
    shots: int | None
    precision: float | None
    options: Mapping[str, Any]


def pack(pubs: Iterable[Pub], option_names: Mapping[str, Collection[str]]) -> list[PlannedJob]:
    """Put PUBs together that one job can hold.

    A job has one primitive, one set of options, and one number of shots or one precision: the client
    refuses a mixture (facts, H4). PUBs that agree in all of these share a job, because each job costs a
    fixed overhead (M19).

    Args:
        pubs: The PUBs, in the file's order.
        option_names: Top-level option names that each primitive knows. The file's defaults hold for both
            primitives, so that one which a primitive doesn't know does not count for it.
    """
    groups: dict[str, list[Pub]] = {}
    for pub in pubs:
        key = json.dumps(
            [pub.primitive, pub.shots, pub.precision, _options(pub, option_names)],
            sort_keys=True,
            default=str,
        )
        groups.setdefault(key, []).append(pub)
    return [
        PlannedJob(
            index=index,
            primitive=group[0].primitive,
            pubs=tuple(pub.index for pub in group),
            shots=group[0].shots,
            precision=group[0].precision,
            options=_options(group[0], option_names),
        )
        for index, group in enumerate(groups.values())
    ]


def _options(pub: Pub, option_names: Mapping[str, Collection[str]]) -> dict[str, Any]:
    return {key: value for key, value in pub.options.items() if key in option_names[pub.primitive]}
