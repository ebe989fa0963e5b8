"""``qrun record``: everything that is on record of a run."""

from __future__ import annotations

from typing import Annotated

import typer

from qrun.cli import options


def record(
    ids: options.RunIds,
    workload: Annotated[
        bool, typer.Option("--workload", help="Print the workload alone, as it was submitted.")
    ] = False,
    json: options.Json = False,
) -> None:
    """Show all that is on record of runs: workload, versions, seeds, jobs, files. No service is asked."""
    from qrun.cli.console import print_json, print_line
    from qrun.cli.targets import find_runs
    from qrun.ledger import Ledger
    from qrun.run.status import run_record

    with Ledger() as ledger:
        found = [run_record(run, ledger.history(run.id)) for run in find_runs(ids, ledger)]
    if workload:
        for document in found:
            print_line(document["workload"]["text"].rstrip("\n"))
    elif json:
        print_json(found[0] if len(found) == 1 else found)
    else:
        from qrun.cli.recorded import draw_record

        for document in found:
            draw_record(document)
