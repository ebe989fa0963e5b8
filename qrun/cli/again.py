"""What ``resume`` and ``retry`` share: one run after another, told, and followed where that is wanted."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Protocol

from qrun.errors import Interrupted

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
    cancel: bool,
) -> None:
    """Do something to each run, print its ID, and follow it where that is wanted.

    Args:
        ids: Words of the command line.
        action: What is done.
        tell: What to say of it.
        watch: Whether to follow each run to its results.
        quiet: Say nothing.
        live: Redraw in place where standard error is a terminal.
        cancel: Cancel the runs that are left, this one too, when a signal comes.

    Raises:
        Interrupted: A signal came. What was in hand has been finished; nothing else is begun.
    """
    from qrun.cli.console import print_line, say
    from qrun.cli.follow import follow_to_results
    from qrun.cli.stopping import cancelled_by_signal
    from qrun.cli.targets import find_runs, target_of
    from qrun.ledger import Ledger

    talk: Callable[[str], None] = (lambda _: None) if quiet else say
    with Ledger() as ledger:
        runs = find_runs(ids, ledger)
        for number, run in enumerate(runs):
            left = [target_of(other) for other in runs[number:]]
            try:
                _finish(ledger, run, action, tell, talk)
            except Interrupted:
                if cancel:
                    raise cancelled_by_signal(ledger, left) from None
                raise
            if watch:
                follow_to_results(ledger, run.id, quiet=quiet, live=live, cancel=left if cancel else ())
            else:
                print_line(run.id)


def _finish(
    ledger: Ledger, run: Run, action: Action, tell: Callable[[Resumed], str], talk: Callable[[str], None]
) -> None:
    """Do it to one run, and say what was done.

    Raises:
        Interrupted: A signal came.
    """
    from qrun.cli.console import say
    from qrun.cli.signals import Finishing
    from qrun.cli.targets import account_of
    from qrun.cli.telling import Teller
    from qrun.runtime.control import ControlChannel

    account = account_of(run)
    if ledger.held_by_others(run.id):
        talk(f"{run.id}: another qrun is sending its jobs; waiting for it")
    with (
        ControlChannel(account) as channel,
        Finishing(lambda: say("stopping after the jobs in hand …")) as stop,
    ):
        teller = Teller(run.id, run.mode, account, talk)
        channel.persist(lambda: stop.asked, teller.limited)
        done = action(channel, ledger, run, listener=teller, stop=stop)
    talk(f"{run.id}: {tell(done)}")
    if stop.asked:
        # It came too late to break anything off; signals are ignored from here on.
        raise Interrupted(
            f"Stopped once run {run.id} had been seen to; its jobs go on.",
            f"Watch it with: qrun watch {run.id}   Stop its jobs with: qrun cancel {run.id}",
        )
