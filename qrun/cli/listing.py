"""``qrun list``: the runs of this machine."""

from __future__ import annotations

import time
from contextlib import suppress
from typing import TYPE_CHECKING, Annotated

import typer

from qrun.cli import options

if TYPE_CHECKING:
    from qrun.ledger import Ledger, Run


def list_runs(
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, help="Show at most this many.")] = 20,
    offline: Annotated[
        bool, typer.Option("--offline", help="Show what was last known; ask no service.")
    ] = False,
    state: Annotated[
        list[str] | None,
        typer.Option(
            "--state", help="Only runs in this state, such as running; may be repeated.", show_default=False
        ),
    ] = None,
    name: Annotated[
        str | None, typer.Option("--name", help="Only runs called so; 'ising-*' too.", show_default=False)
    ] = None,
    tag: Annotated[
        str | None, typer.Option("--tag", help="Only runs with this tag.", show_default=False)
    ] = None,
    backend: Annotated[
        str | None, typer.Option("--backend", help="Only runs on this backend.", show_default=False)
    ] = None,
    since: Annotated[
        str | None,
        typer.Option(
            "--since", help="Only runs submitted from then on: a date, or 2d ago.", show_default=False
        ),
    ] = None,
    before: Annotated[
        str | None,
        typer.Option("--before", help="Only runs submitted before: likewise.", show_default=False),
    ] = None,
    json: options.Json = False,
) -> None:
    """List the runs of this machine, the newest first."""
    from qrun.cli.console import print_json, say
    from qrun.cli.durations import moment_of
    from qrun.ledger import Ledger, RunFilter
    from qrun.run.status import list_row

    wanted = RunFilter(name, tag, backend, moment_of("--since", since), moment_of("--before", before))
    # States are the service's and change; runs are picked by them once they are known.
    most = None if state else limit
    with Ledger() as ledger:
        runs = ledger.runs(limit=most, wanted=wanted)
        if not offline:
            _refresh(ledger, runs)
            runs = ledger.runs(limit=most, wanted=wanted)
        rows = [list_row(run) for run in runs]
        if state:
            asked = {word.lower() for word in state}
            rows = [row for row in rows if row["state"].lower() in asked][:limit]
        left_open = ledger.left_open()
    if json:
        print_json(rows)
    elif rows:
        from qrun.cli.drawing import draw_runs

        draw_runs(rows)
    else:
        chosen = bool(state) or wanted != RunFilter()
        say("No run is like that." if chosen else "No runs yet. Submit one with: qrun submit FILE")
    for run in left_open:
        left = "may have left a" if run.may_be_open else "left its"
        say(f"run {run.id} {left} {run.mode} open; close it with: qrun close {run.id}", style="yellow")


def _refresh(ledger: Ledger, runs: list[Run]) -> None:
    """Ask the services of runs that were still going; what can't be reached keeps what was last known."""
    left_open = {run.id: run for run in ledger.left_open()}
    going = {run.id: run for run in runs if not run.ended}
    of_service: dict[tuple[str, str | None], list[Run]] = {}
    for run in {**left_open, **going}.values():
        of_service.setdefault((run.service, run.instance), []).append(run)
    if not of_service:
        return
    from qrun.errors import QrunError
    from qrun.run.follow import look
    from qrun.runtime.accounts import find_account
    from qrun.runtime.control import ControlChannel

    for (service, instance), asked in of_service.items():
        with suppress(QrunError), ControlChannel(find_account(service).at_instance(instance)) as channel:
            # A list is wanted now: a service that does not answer at once is not asked again.
            channel.deadline = time.monotonic()
            for run in asked:
                look(channel, ledger, run)
                for session in run.sessions if run.id in left_open else ():
                    session_id = session.session_id
                    if session_id and not session.closed and channel.session(session_id).closed:
                        ledger.session_closed(session_id)
