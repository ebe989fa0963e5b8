"""Loops in the terminal: driven to their end, shown as they go, or as JSON lines in a pipe."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext, suppress
from typing import TYPE_CHECKING, Any

from qrun.errors import ExitCode, Interrupted, QrunError

if TYPE_CHECKING:
    from qrun.ledger import Ledger, Run
    from qrun.run.loops.engine import Outcome
    from qrun.run.loops.evaluating import Watcher
    from qrun.run.prepare import Ready
    from qrun.runtime.client import RuntimeClient


def drive_new(
    ready: Ready,
    client: RuntimeClient,
    ledger: Ledger,
    *,
    settings: tuple[str, ...],
    trusted: bool,
    cache: bool,
    quiet: bool,
    live: bool,
    as_json: bool = False,
) -> None:
    """Run a workload with loops to its end, and say what came of it on standard error.

    Raises:
        Interrupted: A signal came; the run can be resumed.
        SystemExit: With code 1 where a loop failed.
    """
    from qrun.run.loops.driving import submit_loops

    def drive(teller: Any, stop: Any, watcher: Watcher) -> dict[str, Outcome]:
        return submit_loops(
            ready,
            client,
            ledger,
            teller,
            stop,
            watcher,
            settings=settings,
            trusted=trusted,
            cache=cache,
        )

    _driven(
        drive,
        ready.run_id,
        ready.mode.mode,
        client,
        ledger,
        {loop.name: loop.method for loop in ready.workload.loops},
        quiet=quiet,
        live=live,
        as_json=as_json,
    )


def drive_again(run: Run, ledger: Ledger, *, quiet: bool, live: bool, as_json: bool = False) -> bool:
    """Go on with the loops of a run; whether a signal came that found them all ended.

    Raises:
        Interrupted: A signal came; the run can be resumed.
        SystemExit: With code 1 where a loop failed.
    """
    from qrun.cli.targets import account_of
    from qrun.run.loops.driving import LOOPS, resume_loops
    from qrun.runtime.client import RuntimeClient

    client = RuntimeClient(account_of(run))
    methods = {name: about["method"] for name, about in run.settings[LOOPS].items()}
    return _driven(
        lambda teller, stop, watcher: resume_loops(client, ledger, run, teller, stop, watcher),
        run.id,
        run.mode,
        client,
        ledger,
        methods,
        quiet=quiet,
        live=live,
        as_json=as_json,
    )


def resume_loops_first(ids: list[str], *, watch: bool, quiet: bool, live: bool) -> list[str]:
    """Go on with those of the runs that have loops which have not ended.

    Returns:
        The other runs' IDs.

    Raises:
        Interrupted: A signal came; nothing else is begun.
    """
    from qrun.cli.console import print_line
    from qrun.cli.targets import find_runs
    from qrun.ledger import Ledger
    from qrun.run.loops.driving import unfinished

    others = []
    with Ledger() as ledger:
        for run in find_runs(ids, ledger):
            if not unfinished(ledger, run):
                others.append(run.id)
                continue
            try:
                stopped = drive_again(run, ledger, quiet=quiet, live=live)
            finally:
                if not watch:
                    print_line(run.id)
            if stopped:
                raise Interrupted(
                    f"Stopped once the loops of run {run.id} had ended.",
                    f"What came of them: qrun results {run.id}",
                )
            if watch:
                print_loops(ledger, ledger.run(run.id))
    return others


def _driven(
    drive: Callable[[Any, Any, Watcher], dict[str, Outcome]],
    run_id: str,
    mode: str,
    client: RuntimeClient,
    ledger: Ledger,
    methods: Mapping[str, str],
    *,
    quiet: bool,
    live: bool,
    as_json: bool,
) -> bool:
    """Drive loops, and tell what came of them; whether a signal came that found them all ended."""
    from qrun.cli.console import say
    from qrun.cli.signals import Finishing
    from qrun.cli.telling import Teller

    talk: Callable[[str], None] = (lambda _: None) if quiet else say
    account = client.account.at_instance(client.instance)
    with (
        Finishing(lambda: say("stopping after the evaluations in hand …")) as stop,
        _view(methods, quiet=quiet, live=live, as_json=as_json) as watcher,
    ):
        outcomes = drive(Teller(run_id, mode, account, talk), stop, watcher)
    _report(run_id, client, ledger, talk)
    failed = {name: outcome for name, outcome in outcomes.items() if outcome.state == "failed"}
    for name, outcome in failed.items():
        say(f"{name}: failed: {outcome.reason}", style="red")
    if failed:
        say(f"  hint: evaluate again what failed with: qrun resume {run_id}", style="cyan")
        raise SystemExit(ExitCode.JOB_FAILED)
    return stop.asked


def _report(run_id: str, client: RuntimeClient, ledger: Ledger, talk: Callable[[str], None]) -> None:
    """What came of each loop, and what the sharing of the session saved."""
    from qrun.cli.loop_drawing import loop_line, sharing_lines
    from qrun.run.loops.sharing import sharing_of
    from qrun.run.loops.trajectory import trajectories
    from qrun.runtime.control import ControlChannel

    run = ledger.run(run_id)
    for document in trajectories(ledger, run):
        talk(loop_line(document))
    # The loops have ended; a sentence about them is worth no failure.
    with suppress(QrunError), ControlChannel(client.account.at_instance(client.instance)) as channel:
        for line in sharing_lines(sharing_of(channel, ledger, run)):
            talk(line)


def _view(
    methods: Mapping[str, str], *, quiet: bool, live: bool, as_json: bool
) -> AbstractContextManager[Watcher]:
    from qrun.cli.console import err
    from qrun.cli.loop_view import JsonLines, Lines, LiveLoops, Silent

    if as_json:
        return nullcontext(JsonLines())
    if quiet:
        return nullcontext(Silent())
    if live and err().is_terminal:
        return LiveLoops(methods)
    return nullcontext(Lines())


def watch_loops(
    ledger: Ledger, run: Run, *, timeout: float | None, quiet: bool, live: bool, as_json: bool
) -> None:
    """Watch the loops of a run that another process drives, until it does so no more.

    Raises:
        Interrupted: A signal came; the loops go on.
        TimedOut: ``timeout`` is over; the loops go on.
    """
    from qrun.cli.signals import interrupting
    from qrun.run.loops.driving import LOOPS
    from qrun.run.loops.watching import follow_loops

    methods = {name: about["method"] for name, about in run.settings[LOOPS].items()}
    with interrupting(), _view(methods, quiet=quiet, live=live, as_json=as_json) as watcher:
        try:
            for event in follow_loops(ledger, run.id, timeout=timeout):
                watcher.event(event)
        except KeyboardInterrupt:
            raise Interrupted(
                f"Detached from run {run.id}; its loops go on.", f"Watch again with: qrun watch {run.id}"
            ) from None


def print_loops(ledger: Ledger, run: Run) -> None:
    """What came of each loop of a run, as a table on standard output."""
    from qrun.cli.loop_results import draw_loops
    from qrun.run.loops.trajectory import trajectories

    draw_loops(trajectories(ledger, run))
