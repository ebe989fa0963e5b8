"""``qrun wait``: come back when runs have ended."""

from __future__ import annotations

from qrun.cli import options


def wait(
    ids: options.RunIds,
    timeout: options.Timeout = None,
    on_signal: options.WhenSignalled = options.OnSignal.detach,
    quiet: options.Quiet = False,
    no_progress: options.NoProgress = False,
) -> None:
    """Wait until runs have ended and print their IDs. Exits with 1 if a job failed, 124 if time ran out."""
    import time

    from qrun.cli.console import print_line
    from qrun.cli.durations import seconds_of
    from qrun.cli.follow import exit_by, follow_run
    from qrun.cli.targets import account_of, find_runs
    from qrun.ledger import Ledger
    from qrun.runtime.control import ControlChannel

    seconds = seconds_of("--timeout", timeout)
    deadline = None if seconds is None else time.monotonic() + seconds
    ended = []
    with Ledger() as ledger:
        for run in find_runs(ids, ledger):
            left = None if deadline is None else round(max(0.0, deadline - time.monotonic()), 1)
            with ControlChannel(account_of(run)) as channel:
                ended.append(
                    follow_run(
                        channel,
                        ledger,
                        run,
                        timeout=left,
                        quiet=quiet,
                        live=not no_progress,
                        cancel=on_signal is options.OnSignal.cancel,
                    )
                )
            print_line(run.id)
    exit_by(*ended)
