"""``qrun wait``: come back when what runs has ended."""

from __future__ import annotations

from qrun.cli import options


def wait(
    ids: options.Ids,
    timeout: options.Timeout = None,
    service: options.Service = None,
    on_signal: options.WhenSignalled = options.OnSignal.detach,
    quiet: options.Quiet = False,
    no_progress: options.NoProgress = False,
) -> None:
    """Wait until all have ended and print their IDs. Exits with 1 if a job failed, 124 if time ran out."""
    import time

    from qrun.cli.console import print_line
    from qrun.cli.durations import seconds_of
    from qrun.cli.follow import exit_by, follow_target, style_of_wait
    from qrun.cli.targets import find_targets
    from qrun.ledger import Ledger
    from qrun.runtime.control import ControlChannel

    seconds = seconds_of("--timeout", timeout)
    deadline = None if seconds is None else time.monotonic() + seconds
    style = style_of_wait(quiet=quiet, live=not no_progress)
    cancelling = on_signal is options.OnSignal.cancel
    ended = []
    with Ledger() as ledger:
        targets = find_targets(ids, ledger, service)
        for number, target in enumerate(targets):
            cancel = targets[number:] if cancelling else ()
            left = None if deadline is None else round(max(0.0, deadline - time.monotonic()), 1)
            with ControlChannel(target.account()) as channel:
                ended.append(follow_target(channel, ledger, target, timeout=left, style=style, cancel=cancel))
            print_line(target.run.id if target.run else target.id)
    exit_by(*ended)
