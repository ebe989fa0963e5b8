"""``qrun results``: what runs have measured."""

from __future__ import annotations

from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from qrun.cli import options

if TYPE_CHECKING:
    from qrun.ledger import Ledger, Run
    from qrun.run.follow import Progress


class Format(str, Enum):
    """How results are printed."""

    table = "table"
    json = "json"
    csv = "csv"
    npz = "npz"
    raw = "raw"


def results(
    ids: options.RunIds,
    format: Annotated[
        Format,
        typer.Option(
            "--format", "-f", help="How to print them; npz (arrays) and raw (as the service wrote) need -o."
        ),
    ] = Format.table,
    pub: Annotated[
        list[str] | None,
        typer.Option("--pub", help="Only this PUB, by name or number; may be repeated.", show_default=False),
    ] = None,
    counts: Annotated[bool, typer.Option("--counts", help="Only counts.")] = False,
    expectation: Annotated[bool, typer.Option("--expectation", help="Only expectation values.")] = False,
    loop: Annotated[
        list[str] | None,
        typer.Option("--loop", help="The course of this loop; may be repeated.", show_default=False),
    ] = None,
    plot: Annotated[
        Path | None,
        typer.Option(
            "--plot", help="Plot the loops' costs to this .png, .svg or .pdf file.", show_default=False
        ),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option(
            "-o", "--output", help="Folder to write files to; prints their names.", show_default=False
        ),
    ] = None,
) -> None:
    """Print the results of runs, PUBs in the order of the file. Exits with 1 if some are missing."""
    if loop or plot is not None:
        from qrun.cli.loop_results import print_courses

        print_courses(ids, loop or [], format.value, plot, output)
        return
    from qrun.cli.targets import find_runs
    from qrun.errors import ExitCode, UsageError
    from qrun.ledger import Ledger
    from qrun.run.loops.trajectory import trajectories
    from qrun.run.tables import select

    if output is None and format in (Format.npz, Format.raw):
        raise UsageError(f"--format {format.value} makes files.", "Say where to: -o DIR")
    kind = None if counts == expectation else "sampler" if counts else "estimator"

    documents, complete = [], True
    with Ledger() as ledger:
        for run in find_runs(ids, ledger):
            document, progress = _collected(ledger, run)
            document = select(document, pub or (), kind)
            if courses := trajectories(ledger, run):
                document = {**document, "loops": courses}
            documents.append(document)
            complete = complete and all(pub["data"] is not None for pub in document["pubs"])
            if output is not None:
                _write(ledger.run(run.id), document, format, output)
            elif format is Format.table:
                from qrun.cli.drawing import draw_failures, draw_results

                if document["pubs"]:
                    draw_results(document)
                if document.get("loops"):
                    from qrun.cli.loop_results import draw_loops

                    draw_loops(document["loops"])
                if progress is not None:
                    draw_failures(ledger.run(run.id), progress.jobs)
    if output is None:
        _print(documents, format)
    if not complete:
        raise SystemExit(ExitCode.JOB_FAILED)


def _print(documents: list[dict[str, Any]], format: Format) -> None:
    from qrun.cli.console import print_json, print_line
    from qrun.run.tables import as_csv

    if format is Format.json:
        print_json(documents[0] if len(documents) == 1 else documents)
    elif format is Format.csv:
        print_line(as_csv(documents).rstrip("\n"))


def _write(run: Run, document: dict[str, Any], format: Format, folder: Path) -> None:
    """Write a run's results to files, and print their names."""
    import json

    from qrun.cli.console import print_line
    from qrun.run.tables import as_csv, write_npz, write_raw

    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{run.id}.{'json' if format is Format.table else format.value}"
    if format is Format.raw:
        for written in write_raw(run, folder):
            print_line(str(written))
        return
    if format is Format.npz:
        write_npz(run, document, path)
    elif format is Format.csv:
        path.write_text(as_csv([document]), "utf-8")
    else:
        path.write_text(json.dumps(document, indent=2, ensure_ascii=False, allow_nan=False) + "\n", "utf-8")
    print_line(str(path))


def _collected(ledger: Ledger, run: Run) -> tuple[dict[str, Any], Progress | None]:
    """The results of a run; the service is asked only for what isn't here yet."""
    from qrun.cli.targets import account_of
    from qrun.run.follow import look
    from qrun.run.results import collect, has_all_results, results_document
    from qrun.runtime.control import ControlChannel

    if has_all_results(run):
        return results_document(run), None
    with ControlChannel(account_of(run)) as channel:
        progress = look(channel, ledger, run)
        return results_document(collect(channel, ledger, ledger.run(run.id), progress.jobs)), progress
