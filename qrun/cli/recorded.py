"""A run's record, drawn."""

from __future__ import annotations

from typing import Any

from qrun.cli.console import out
from qrun.units import format_seconds


def draw_record(document: dict[str, Any]) -> None:
    """Draw what the ledger holds of a run: its particulars, then a line an attempt at a job."""
    from rich.table import Table
    from rich.text import Text

    settings, workload = document["settings"], document["workload"]
    particulars = {
        "run": f"{document['run']}  {document['name']}",
        "state": document["state"].lower(),
        "submitted": document["submitted"],
        "mode": f"{document['mode']}  {settings.get('mode_reason') or ''}".rstrip(),
        "backend": f"{document['backend']} on {document['service']}",
        "calibration": settings.get("calibration"),
        "seed": settings.get("seed_transpiler"),
        "tags": ", ".join(settings.get("tags") or []),
        "budget": settings.get("budget") and format_seconds(settings["budget"]),
        "sessions": ", ".join(
            f"{session['id']} ({'closed' if session['closed'] else 'open'})"
            for session in document["sessions"]
        ),
        "workload": f"{workload['path']}  sha256 {workload['sha256'][:12]}",
        "versions": ", ".join(f"{name} {version}" for name, version in document["versions"].items()),
    }
    grid = Table.grid(padding=(0, 2))
    for key, value in particulars.items():
        if value not in (None, ""):
            grid.add_row(key, Text(str(value)))
    out().print(grid)
    table = Table(box=None, header_style="bold", pad_edge=False)
    for column in ("job", "attempt", "id", "state", "QPU time", "result", "failed for"):
        table.add_column(column)
    for job in document["attempts"]:
        table.add_row(
            str(job["job"]),
            str(job["attempt"]),
            job["id"] or "–",
            (job["state"] or "not sent").lower(),
            format_seconds(job["qpu_seconds"]),
            "here" if job["result"] else "–",
            job["failed_for"] or "",
        )
    out().print(table)
