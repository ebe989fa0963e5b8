"""``qrun forget``: take runs off the record."""

from __future__ import annotations

from typing import Annotated

import typer

from qrun.cli import options


def forget(
    ids: options.RunIds,
    force: Annotated[
        bool, typer.Option("--force", help="Also runs that have not ended, or have something open.")
    ] = False,
) -> None:
    """Remove runs and their results from this machine. What the service has of them stays there."""
    import shutil

    from qrun import config
    from qrun.cli.console import say
    from qrun.cli.targets import find_runs
    from qrun.errors import UsageError
    from qrun.ledger import Ledger

    with Ledger() as ledger:
        runs = find_runs(ids, ledger)
        for run in runs:
            left_open = any(not session.closed for session in run.sessions)
            if ledger.held(run.id) or ((left_open or not run.ended) and not force):
                raise UsageError(
                    f"Run {run.id} has not ended, or may have something open; nothing was forgotten.",
                    f"Look: qrun status {run.id}   Stop it: qrun cancel {run.id}   Or use --force.",
                )
        for run in runs:
            ledger.forget(run.id)
            shutil.rmtree(config.results_folder(run.id), ignore_errors=True)
            say(f"{run.id} is forgotten")
