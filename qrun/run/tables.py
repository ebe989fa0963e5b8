"""A run's results for other programs: rows of numbers, and arrays as the client has them."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from qrun.errors import ServiceError, UsageError
from qrun.ledger import Run
from qrun.run.results import read_result, result_path

COLUMNS = (
    "run", "pub", "name", "index",
    "register", "outcome", "count", "probability",
    "observable", "value", "error",
)  # fmt: skip
"""Columns of a row: counts fill the second line, expectation values the third; both have a standard error."""


def select(document: dict[str, Any], names: Iterable[str], kind: str | None) -> dict[str, Any]:
    """The document with the PUBs that are wanted.

    Args:
        document: What a run has measured.
        names: Names of PUBs, or their numbers from 0; all where empty.
        kind: ``sampler`` or ``estimator``; both where ``None``.

    Raises:
        UsageError: There is no PUB of such a name.
    """
    wanted = list(names)
    known = {str(key) for pub in document["pubs"] for key in (pub["name"], pub["index"])}
    for name in wanted:
        if name not in known:
            there = ", ".join(dict.fromkeys(str(pub["name"]) for pub in document["pubs"]))
            raise UsageError(f"Run {document['run']} has no PUB {name!r}.", f"It has: {there}")
    pubs = [
        pub
        for pub in document["pubs"]
        if (not wanted or pub["name"] in wanted or str(pub["index"]) in wanted)
        and (kind is None or pub["primitive"] == kind)
    ]
    return {**document, "pubs": pubs}


def as_csv(documents: Iterable[dict[str, Any]]) -> str:
    """All numbers of runs as CSV, a row an outcome or an expectation value, with a line of column names."""
    text = io.StringIO()
    writer = csv.DictWriter(text, COLUMNS, restval="", lineterminator="\n")
    writer.writeheader()
    for document in documents:
        for pub in document["pubs"]:
            head = {"run": document["run"], "pub": pub["index"], "name": pub["name"]}
            writer.writerows({**head, **row} for row in _rows(pub))
    return text.getvalue()


def _rows(pub: dict[str, Any]) -> Iterator[dict[str, Any]]:
    data = pub["data"]
    if data is None:
        return
    if pub["primitive"] == "estimator":
        errors = dict(_leaves(data["stds"]))
        labels = dict(_leaves(pub["observables"]))
        for index, value in _leaves(data["evs"]):
            yield {
                "index": _index(index),
                # Labels have the observables' own shape, which is the last axes of the PUB's.
                "observable": labels.get(index[len(index) - len(next(iter(labels), ())) :], ""),
                "value": value,
                "error": errors[index],
            }
        return
    for register, values in data.items():
        if "counts" not in values:
            continue
        for index, counts in _leaves(values["counts"]):
            shots = sum(counts.values())
            for outcome, count in counts.items():
                yield {
                    "index": _index(index),
                    "register": register,
                    "outcome": outcome,
                    "count": count,
                    "probability": count / shots,
                    "error": binomial_error(count, shots),
                }


def binomial_error(count: int, shots: int) -> float:
    """Standard error of a probability estimated as ``count / shots``: the square root of p(1−p)/shots."""
    share = count / shots
    return float((share * (1 - share) / shots) ** 0.5)


def _leaves(values: Any, index: tuple[int, ...] = ()) -> Iterator[tuple[tuple[int, ...], Any]]:
    if isinstance(values, list):
        for position, item in enumerate(values):
            yield from _leaves(item, (*index, position))
    else:
        yield index, values


def _index(index: tuple[int, ...]) -> str:
    return " ".join(str(position) for position in index)


def write_npz(run: Run, document: dict[str, Any], path: Path) -> None:
    """Write the arrays of a run's results for ``numpy.load``.

    ``<pub>/evs`` and ``<pub>/stds`` in the PUB's shape, ``<pub>/<register>`` with the packed bits of each
    shot, of shape ``(*shape, shots, bytes)`` as ``BitArray.array`` has them, and
    ``<pub>/<register>/num_bits``; ``<pub>`` is the PUB's number.
    """
    import numpy as np

    arrays: dict[str, Any] = {}
    for pub in document["pubs"]:
        if pub["data"] is None:
            continue
        ledger_pub = run.pubs[pub["index"]]
        result = read_result(run, run.jobs[ledger_pub.job_index])
        for name, values in result[ledger_pub.position].data.items():
            packed = hasattr(values, "num_bits")
            arrays[f"{pub['index']}/{name}"] = values.array if packed else np.asarray(values)
            if packed:
                arrays[f"{pub['index']}/{name}/num_bits"] = np.asarray(values.num_bits)
    with path.open("wb") as file:
        np.savez_compressed(file, **arrays)


def write_raw(run: Run, folder: Path) -> list[Path]:
    """Copy the results as the service wrote them, in the client's own encoding, a file a job."""
    written = []
    for job in run.jobs:
        if job.result_file is None:
            continue
        target = folder / f"{run.id}-{job.result_file}"
        try:
            target.write_bytes(result_path(run, job).read_bytes())
        except OSError as error:
            raise ServiceError(f"{target} can't be written: {error.strerror}.", "Check the disk.") from None
        written.append(target)
    return written
