"""What ``resume`` and ``retry`` share: one run after another, told, and followed where that is wanted."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from qrun.ledger import Ledger, Run
    from qrun.run.listening import Listener, Stop
    from qrun.run.resume import Resumed
    from qrun.runtime.control import ControlChannel


class Action(Protocol):
    """What is done to a run."""

    def __call__(
        self, channel: ControlChannel, ledger: Ledger, run: Run, /, *, listener: Listener, stop: Stop
    ) -> Resumed:
        """Do it."""


def each_run(
    ids: Iterable[str],
    action: Action,
    tell: Callable[[Resumed], str],
    *,
    watch: bool,
    quiet: bool,
    live: bool,
) -> None:
    """Do something to each run, print its ID, and follow it where that is wanted.

    Args:
        ids: Words of the command line.
        action: What is done.
        tell: What to say of it.
        watch: Whether to follow each run to its results.
        quiet: Say nothing.
        live: Redraw in place where standard error is a terminal.
    """
    from qrun.cli.console import print_line, say
    from qrun.cli.follow import follow_to_results
    from qrun.cli.signals import Finishing
    from qrun.cli.targets import account_of, find_runs
    from qrun.cli.telling import Teller
    from qrun.ledger import Ledger
    from qrun.runtime.control import ControlChannel

    talk: Callable[[str], None] = (lambda _: None) if quiet else say
    with Ledger() as ledger:
        for run in find_runs(ids, ledger):
            account = account_of(run)
            if ledger.held_by_others(run.id):
                talk(f"{run.id}: another qrun is sending its jobs; waiting for it")
            with (
                ControlChannel(account) as channel,
                Finishing(lambda: say("stopping after the jobs in hand …")) as stop,
            ):
                done = action(
                    channel, ledger, run, listener=Teller(run.id, run.mode, account, talk), stop=stop
                )
            talk(f"{run.id}: {tell(done)}")
            if watch:
                follow_to_results(ledger, run.id, quiet=quiet, live=live)
            else:
                print_line(run.id)
