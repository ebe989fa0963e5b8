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
    import time

    from qrun.cli.durations import seconds_of
    from qrun.cli.follow import Style, exit_by, follow_target, style_of_watch
    from qrun.cli.loops import watch_loops
    from qrun.cli.stopping import cancelled_by_signal
    from qrun.cli.targets import find_targets
    from qrun.cli.views import say_reasons
    from qrun.errors import Interrupted
    from qrun.ledger import Ledger
    from qrun.runtime.control import ControlChannel

    seconds = seconds_of("--timeout", timeout)
    deadline = None if seconds is None else time.monotonic() + seconds
    style = style_of_watch(quiet=quiet, live=not no_progress, as_json=json)
    cancelling = on_signal is options.OnSignal.cancel
    ended = []
    with Ledger() as ledger:
        targets = find_targets(ids, ledger, service)
        for number, target in enumerate(targets):
            cancel = targets[number:] if cancelling else ()
            left = None if deadline is None else round(max(0.0, deadline - time.monotonic()), 1)
            if target.run is not None and target.run.settings.get("loops"):
                try:
                    watch_loops(
                        ledger, target.run, timeout=left, quiet=quiet, live=not no_progress, as_json=json
                    )
                except Interrupted:
                    if cancel:
                        raise cancelled_by_signal(ledger, cancel) from None
                    raise
            with ControlChannel(target.account()) as channel:
                standing = follow_target(channel, ledger, target, timeout=left, style=style, cancel=cancel)
            if style is Style.FULL:
                say_reasons(standing)
            ended.append(standing)
    exit_by(*ended)
