"""``qrun results``: what runs have measured."""

from __future__ import annotations

from enum import Enum
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


def results(
    ids: options.RunIds,
    format: Annotated[Format, typer.Option("--format", "-f", help="How to print them.")] = Format.table,
) -> None:
    """Print the results of runs, PUBs in the order of the file. Exits with 1 if some are missing."""
    from qrun.cli.console import print_json
    from qrun.cli.targets import find_runs
    from qrun.errors import ExitCode
    from qrun.ledger import Ledger

    documents, complete = [], True
    with Ledger() as ledger:
        for run in find_runs(ids, ledger):
            document, progress = _collected(ledger, run)
            documents.append(document)
            complete = complete and all(pub["data"] is not None for pub in document["pubs"])
            if format is Format.table:
                from qrun.cli.drawing import draw_failures, draw_results

                draw_results(document)
                if progress is not None:
                    draw_failures(ledger.run(run.id), progress.jobs)
    if format is Format.json:
        print_json(documents[0] if len(documents) == 1 else documents)
    if not complete:
        raise SystemExit(ExitCode.JOB_FAILED)


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
