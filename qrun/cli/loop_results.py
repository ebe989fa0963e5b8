"""Loops' results: a table, JSON, CSV, NumPy's own format, or a picture."""

from __future__ import annotations

import csv
import io
import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from qrun.cli.console import out, print_json, print_line
from qrun.errors import UsageError
from qrun.units import format_seconds
from qrun.workload.words import did_you_mean


def print_courses(
    ids: Iterable[str], names: Sequence[str], format: str, plot: Path | None, folder: Path | None
) -> None:
    """Print the courses of loops, write them to files, or plot them.

    Args:
        ids: Words of the command line.
        names: The loops; all where there is none.
        format: ``table``, ``json``, ``csv`` or ``npz``.
        plot: Picture to plot them to.
        folder: Where to write files to.

    Raises:
        UsageError: A run has no such loop, or the format is not one for loops.
    """
    from qrun.cli.targets import find_runs
    from qrun.ledger import Ledger
    from qrun.run.loops.trajectory import trajectories

    documents = []
    with Ledger() as ledger:
        for run in find_runs(ids, ledger):
            documents += _named(run.id, trajectories(ledger, run), names)
    if plot is not None:
        plot_loops(documents, plot)
        if not names:
            return
    if format == "raw":
        raise UsageError("A loop's course has no raw form.", "Leave --loop out: … --format raw -o DIR")
    if folder is not None or format == "npz":
        _write(documents, format, folder)
    elif format == "json":
        print_json(documents[0] if len(documents) == 1 else documents)
    elif format == "csv":
        sys.stdout.write("".join(as_csv(document) for document in documents))
        sys.stdout.flush()
    else:
        for document in documents:
            draw_trajectory(document)


def _named(run_id: str, found: list[dict[str, Any]], names: Sequence[str]) -> list[dict[str, Any]]:
    if not found:
        raise UsageError(f"Run {run_id} has no loops.", f"Its PUBs' results: qrun results {run_id}")
    known = [document["loop"] for document in found]
    for name in names:
        if name not in known:
            raise UsageError(f"Run {run_id} has no loop {name!r}.", did_you_mean(name, known))
    return [document for document in found if not names or document["loop"] in names]


def _write(documents: Sequence[dict[str, Any]], format: str, folder: Path | None) -> None:
    """Write a file a loop, and print their names."""
    if folder is None:
        raise UsageError("--format npz makes files.", "Say where to: -o DIR")
    folder.mkdir(parents=True, exist_ok=True)
    for document in documents:
        path = folder / f"{document['run']}.{document['loop']}.{'json' if format == 'table' else format}"
        if format == "npz":
            write_npz(document, path)
        elif format == "csv":
            path.write_text(as_csv(document), "utf-8")
        else:
            path.write_text(json.dumps(document, indent=2, allow_nan=False) + "\n", "utf-8")
        print_line(str(path))


def draw_loops(documents: Sequence[Mapping[str, Any]]) -> None:
    """One line a loop."""
    from rich.table import Table

    table = Table(box=None, pad_edge=False)
    for name in ("loop", "optimizer", "state", "jobs", "QPU", "best cost", "std", "best point"):
        table.add_column(name, justify="right" if name in ("jobs", "QPU", "best cost", "std") else "left")
    for document in documents:
        best = document["best"] or {"value": None, "std": None, "point": []}
        table.add_row(
            document["loop"],
            document["method"],
            document["state"],
            str(document["jobs"]),
            format_seconds(round(document["qpu_seconds"], 1)),
            _number(best["value"], ".8g"),
            _number(best["std"], ".2g"),
            _point(best["point"]),
        )
    out().print(table)


def draw_trajectory(document: Mapping[str, Any]) -> None:
    """One line an evaluated point."""
    from rich.table import Table

    table = Table(box=None, pad_edge=False)
    for name in ("job", "iteration", "cost", "std", "job ID", "point"):
        table.add_column(name, justify="right" if name in ("job", "iteration", "cost", "std") else "left")
    for entry in document["evaluations"]:
        table.add_row(
            str(entry["number"]),
            str(entry["iteration"]),
            _number(entry["value"], ".8g"),
            _number(entry["std"], ".2g"),
            entry["job_id"] or "",
            _point(entry["point"]),
        )
    out().print(table)


def as_csv(document: Mapping[str, Any]) -> str:
    """A line an evaluated point, a column a parameter."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    columns = ("number", "iteration", "value", "std", "job_id", "qpu_seconds")
    writer.writerow(["loop", *columns, *document["parameters"]])
    for entry in document["evaluations"]:
        writer.writerow([document["loop"], *(entry[name] for name in columns), *entry["point"]])
    return text.getvalue()


def write_npz(document: Mapping[str, Any], path: Path) -> None:
    """Arrays for NumPy.

    ``points`` of shape ``(evaluations, parameters)``; ``values``, ``stds``, ``iterations`` and ``job_ids`` of
    shape ``(evaluations,)``; ``best_point``, ``best_value`` and ``parameters``.
    """
    import numpy as np

    entries, best = document["evaluations"], document["best"]
    np.savez(
        path,
        points=np.array([entry["point"] for entry in entries], dtype=float),
        values=np.array([entry["value"] for entry in entries], dtype=float),
        stds=np.array([entry["std"] for entry in entries], dtype=float),
        iterations=np.array([entry["iteration"] for entry in entries], dtype=int),
        job_ids=np.array([entry["job_id"] or "" for entry in entries]),
        parameters=np.array(document["parameters"]),
        best_point=np.array(best["point"] if best else [], dtype=float),
        best_value=np.array(best["value"] if best else np.nan),
    )


def plot_loops(documents: Sequence[Mapping[str, Any]], path: Path) -> None:
    """Cost against evaluations as a picture, whose format the file's name tells.

    Raises:
        UsageError: The name ends with no format that there is.
    """
    if path.suffix.lower() not in (".png", ".svg", ".pdf"):
        raise UsageError(f"{path} is no name of a picture.", "Name it .png, .svg or .pdf.")
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7, 4.5), layout="constrained")
    axes = figure.add_subplot()
    for document in documents:
        entries = document["evaluations"]
        stds = [entry["std"] for entry in entries]
        axes.errorbar(
            range(1, len(entries) + 1),
            [entry["value"] for entry in entries],
            yerr=None if None in stds else stds,
            fmt=".-",
            linewidth=1,
            capsize=2,
            label=f"{document['loop']} ({document['method']})",
        )
    axes.set_xlabel("evaluated point")
    axes.set_ylabel("cost")
    axes.legend()
    figure.savefig(path)


def _number(value: float | None, form: str) -> str:
    return "–" if value is None else format(value, form)


def _point(point: Sequence[float]) -> str:
    shown = ", ".join(f"{value:.4f}" for value in point[:8])
    return f"[{shown}{', …' if len(point) > 8 else ''}]"
