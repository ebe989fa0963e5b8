"""``qrun watch``: follow what runs."""

from __future__ import annotations

from typing import Annotated

import typer

from qrun.cli import options


def watch(
    ids: options.Ids,
    json: Annotated[bool, typer.Option("--json", help="Print a JSON line an event.")] = False,
    timeout: options.Timeout = None,
    service: options.Service = None,
    on_signal: options.WhenSignalled = options.OnSignal.detach,
    quiet: options.Quiet = False,
    no_progress: options.NoProgress = False,
) -> None:
    """Follow runs, sessions, batches or jobs to their end; Ctrl-C detaches. In a pipe, a line an event."""
    from qrun.cli.durations import seconds_of
    from qrun.cli.follow import Style, exit_by, follow_target, style_of_watch
    from qrun.cli.loops import watch_loops
    from qrun.cli.targets import find_targets
    from qrun.cli.views import say_reasons
    from qrun.ledger import Ledger
    from qrun.runtime.control import ControlChannel

    seconds = seconds_of("--timeout", timeout)
    style = style_of_watch(quiet=quiet, live=not no_progress, as_json=json)
    cancelling = on_signal is options.OnSignal.cancel
    ended = []
    with Ledger() as ledger:
        for target in find_targets(ids, ledger, service):
            if target.run is not None and target.run.settings.get("loops"):
                watch_loops(
                    ledger, target.run, timeout=seconds, quiet=quiet, live=not no_progress, as_json=json
                )
            with ControlChannel(target.account()) as channel:
                standing = follow_target(
                    channel, ledger, target, timeout=seconds, style=style, cancel=cancelling
                )
            if style is Style.FULL:
                say_reasons(standing)
            ended.append(standing)
    exit_by(*ended)
