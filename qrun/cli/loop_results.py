"""Loops' results: a table, JSON, CSV, NumPy's own format, or a picture."""

from __future__ import annotations

import csv
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from qrun.cli.console import out, print_json
from qrun.errors import UsageError
from qrun.units import format_seconds


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


def print_csv(document: Mapping[str, Any]) -> None:
    """A line an evaluated point, a column a parameter, on standard output."""
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow(["number", "iteration", "value", "std", "job_id", "qpu_seconds", *document["parameters"]])
    for entry in document["evaluations"]:
        own = [entry[name] for name in ("number", "iteration", "value", "std", "job_id", "qpu_seconds")]
        writer.writerow([*own, *entry["point"]])
    sys.stdout.flush()


def write_npz(document: Mapping[str, Any]) -> None:
    """Arrays for NumPy on standard output, which must not be a terminal.

    ``points`` of shape ``(evaluations, parameters)``; ``values``, ``stds``, ``iterations`` and ``job_ids`` of
    shape ``(evaluations,)``; ``best_point``, ``best_value`` and ``parameters``.

    Raises:
        UsageError: It is a terminal.
    """
    import numpy as np

    if sys.stdout.isatty():
        raise UsageError("npz is no text for a terminal.", "Write it to a file: … --format npz > loop.npz")
    entries, best = document["evaluations"], document["best"]
    np.savez(
        sys.stdout.buffer,
        points=np.array([entry["point"] for entry in entries], dtype=float),
        values=np.array([entry["value"] for entry in entries], dtype=float),
        stds=np.array([entry["std"] for entry in entries], dtype=float),
        iterations=np.array([entry["iteration"] for entry in entries], dtype=int),
        job_ids=np.array([entry["job_id"] or "" for entry in entries]),
        parameters=np.array(document["parameters"]),
        best_point=np.array(best["point"] if best else [], dtype=float),
        best_value=np.array(best["value"] if best else np.nan),
    )
    sys.stdout.buffer.flush()


def print_documents(documents: Sequence[Mapping[str, Any]]) -> None:
    """As JSON: one document, or a list of them."""
    print_json(documents[0] if len(documents) == 1 else list(documents))


def plot_loops(documents: Sequence[Mapping[str, Any]], path: Path) -> None:
    """Cost against evaluations as a picture, whose format the file's name tells.

    Raises:
        UsageError: The name ends with no format that there is, or matplotlib is not installed.
    """
    if path.suffix.lower() not in (".png", ".svg", ".pdf"):
        raise UsageError(f"{path} is no name of a picture.", "Name it .png, .svg or .pdf.")
    try:
        from matplotlib.figure import Figure
    except ImportError:
        raise UsageError(
            "A plot needs matplotlib, which is not installed.", "pip install 'qiskit-qrun[plot]'"
        ) from None
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
