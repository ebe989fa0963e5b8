"""``matrix`` on a PUB: one PUB a combination of values, as CI systems have it."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from itertools import islice, product
from typing import Any

from qrun.workload.document import Document, Location
from qrun.workload.words import did_you_mean

MOST_PUBS = 10_000
"""PUBs of one workload. More is a sweep, which one PUB with an array does at a fraction of the cost."""
SWEEP_HINT = "A sweep over parameters is one PUB with an array of parameter_values."

INCLUDE, EXCLUDE = "include", "exclude"
_LONGEST_SHOWN = 40
_ENCODER = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"))

Combination = dict[str, Any]


def combinations(matrix: Any, document: Document, location: Location) -> list[Combination]:
    """The combinations of a ``matrix``, in the order of the file, the last key fastest.

    ``exclude`` takes away the combinations that have all of its values. Then each mapping of ``include``
    is added to the combinations that it agrees with in the matrix's own keys, or is one more combination
    where it agrees with none.

    Args:
        matrix: The value of the key, with its references filled in.
        document: The file.
        location: Where it stands.

    Raises:
        WorkloadError: It is no mapping of lists, excludes everything, or makes too many PUBs.
    """
    if not isinstance(matrix, dict) or not matrix:
        raise document.error(
            location, "A matrix is a mapping of names to lists.", "For example:  {steps: [1, 2]}"
        )
    axes = {key: matrix[key] for key in matrix if key not in (INCLUDE, EXCLUDE)}
    for key, values in axes.items():
        if not isinstance(values, list) or not values:
            raise document.error(
                (*location, key), f"matrix: {key} is not a list of values.", f"For example:  {key}: [1, 2]"
            )
    count = math.prod(len(values) for values in axes.values())
    if count > MOST_PUBS:
        raise document.error(
            location, f"This matrix has {count:,} combinations; {MOST_PUBS:,} PUBs are the most.", SWEEP_HINT
        )
    made = [dict(zip(axes, values, strict=True)) for values in product(*axes.values())] if axes else []
    excluded = _mappings(matrix, EXCLUDE, axes, document, location)
    made = [one for one in made if not any(_agrees(one, out, out) for out in excluded)]
    made = _included(made, axes, _mappings(matrix, INCLUDE, None, document, location))
    if not made:
        raise document.error(location, "This matrix has no combination left.", "Exclude less.")
    return made


def describe(combination: Mapping[str, Any]) -> str:
    """A combination as a PUB's name has it: ``steps=2,theta=0.5``."""
    return ",".join(f"{key}={_shown(value)}" for key, value in combination.items())


def _shown(value: Any) -> str:
    # The encoder is asked for no more than is shown: the value may be a long list, and shown for each PUB.
    text = value if isinstance(value, str) else "".join(islice(_ENCODER.iterencode(value), _LONGEST_SHOWN))
    return text if len(text) <= _LONGEST_SHOWN else text[: _LONGEST_SHOWN - 1] + "…"


def _mappings(
    matrix: Mapping[str, Any],
    key: str,
    axes: Mapping[str, Any] | None,
    document: Document,
    location: Location,
) -> list[Combination]:
    given = matrix.get(key, [])
    if not isinstance(given, list) or not all(isinstance(one, dict) and one for one in given):
        raise document.error(
            (*location, key), f"matrix: {key} is a list of mappings.", f"For example:  {key}: [{{steps: 2}}]"
        )
    for index, one in enumerate(given):
        for name in one:
            if axes is not None and name not in axes:
                raise document.error(
                    (*location, key, index, name),
                    f"matrix: {key} names {name!r}, which the matrix does not have.",
                    did_you_mean(name, axes),
                    at_key=True,
                )
    return given


def _included(
    made: list[Combination], axes: Mapping[str, Any], more: Sequence[Combination]
) -> list[Combination]:
    own = len(made)
    for one in more:
        shared = [key for key in one if key in axes]
        fitting = [made[i] for i in range(own) if _agrees(made[i], one, shared)]
        for combination in fitting:
            combination.update(one)
        if not fitting:
            made.append(dict(one))
    return made


def _agrees(combination: Mapping[str, Any], other: Mapping[str, Any], keys: Any) -> bool:
    # 1 and true are equal to Python and not to a user.
    return all(
        key in combination
        and combination[key] == other[key]
        and isinstance(combination[key], bool) == isinstance(other[key], bool)
        for key in keys
    )
