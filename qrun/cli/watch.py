"""``qrun watch``: follow runs in the terminal."""

from __future__ import annotations

from typing import Annotated

import typer

from qrun.cli import options


def watch(
    ids: options.RunIds,
    json: Annotated[bool, typer.Option("--json", help="Print a JSON line an event.")] = False,
    timeout: options.Timeout = None,
    on_signal: options.WhenSignalled = options.OnSignal.detach,
    quiet: options.Quiet = False,
    no_progress: options.NoProgress = False,
) -> None:
    """Follow runs until their jobs have ended; Ctrl-C detaches. --json prints a line an event."""
    from qrun.cli.durations import seconds_of
    from qrun.cli.follow import exit_by, follow_run
    from qrun.cli.loops import watch_loops
    from qrun.cli.targets import account_of, find_runs
    from qrun.ledger import Ledger
    from qrun.runtime.control import ControlChannel

    seconds = seconds_of("--timeout", timeout)
    ended = []
    with Ledger() as ledger:
        for run in find_runs(ids, ledger):
            if run.settings.get("loops"):
                watch_loops(ledger, run, timeout=seconds, quiet=quiet, live=not no_progress, as_json=json)
                run = ledger.run(run.id)
            with ControlChannel(account_of(run)) as channel:
                ended.append(
                    follow_run(
                        channel,
                        ledger,
                        run,
                        timeout=seconds,
                        quiet=quiet,
                        live=not no_progress,
                        as_json=json,
                        cancel=on_signal is options.OnSignal.cancel,
                    )
                )
    exit_by(*ended)
