"""Following runs in the terminal: a live view, lines in a pipe, or JSON lines; then results and cost."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, Any

from qrun.cli.console import err, print_json, say
from qrun.errors import ExitCode, Interrupted

if TYPE_CHECKING:
    from qrun.ledger import Ledger, Run
    from qrun.run.follow import Progress
    from qrun.runtime.control import ControlChannel

Show = Callable[["Progress"], None]


def follow_run(
    channel: ControlChannel,
    ledger: Ledger,
    run: Run,
    *,
    timeout: float | None = None,
    quiet: bool = False,
    live: bool = True,
    as_json: bool = False,
    cancel: bool = False,
) -> Progress:
    """Follow a run to its end.

    Args:
        channel: The control channel to the run's service.
        ledger: The ledger.
        run: The run.
        timeout: Seconds at most.
        quiet: Show nothing.
        live: Redraw in place where standard error is a terminal.
        as_json: A JSON line an event on standard output.
        cancel: Cancel the jobs when a signal comes.

    Raises:
        Interrupted: A signal came; the jobs go on, or have been cancelled.
        LimitError: The run's budget is used up.
        TimedOut: ``timeout`` is over; the jobs go on.
    """
    from qrun.cli.signals import interrupting, never_asked
    from qrun.cli.telling import Teller
    from qrun.run.attend import attend

    trouble = (lambda _: None) if quiet else _Trouble()
    teller = Teller(run.id, run.mode, channel.account, (lambda _: None) if quiet else say)
    with interrupting(), _view(run, quiet=quiet, live=live, as_json=as_json) as show:
        try:
            for progress in attend(
                channel, ledger, run, listener=teller, stop=never_asked, timeout=timeout, trouble=trouble
            ):
                show(progress)
        except KeyboardInterrupt:
            if cancel:
                raise _cancelled(channel, ledger, run) from None
            raise Interrupted(
                f"Detached from run {run.id}; its jobs go on.",
                f"Watch again with: qrun watch {run.id}   Stop them with: qrun cancel {run.id}",
            ) from None
    return progress


def _cancelled(channel: ControlChannel, ledger: Ledger, run: Run) -> Interrupted:
    """Cancel a run's jobs; a second signal does not keep it from being done."""
    from qrun.cli.signals import Finishing
    from qrun.run.stop import cancel_run

    with Finishing(lambda: None):
        done = cancel_run(channel, ledger, ledger.run(run.id))
    return Interrupted(
        f"Run {run.id}: {len(done.jobs)} cancelled, {done.already_ended} had ended.",
        f"Its results so far: qrun results {run.id}",
    )


def follow_to_results(
    ledger: Ledger, run_id: str, *, quiet: bool = False, live: bool = True, cancel: bool = False
) -> None:
    """Follow a run, then print its results and what it cost.

    Raises:
        SystemExit: With code 1 where a job failed or was cancelled.
    """
    from qrun.cli.drawing import draw_cost, draw_failures, draw_results
    from qrun.cli.targets import account_of
    from qrun.run.results import collect, results_document
    from qrun.runtime.control import ControlChannel
    from qrun.usage.account import run_account, settle

    run = ledger.run(run_id)
    with ControlChannel(account_of(run)) as channel:
        progress = follow_run(channel, ledger, run, quiet=quiet, live=live, cancel=cancel)
        run = collect(channel, ledger, ledger.run(run_id), progress.jobs)
        draw_results(results_document(run))
        draw_failures(run, progress.jobs)
        draw_cost(settle(lambda: run_account(channel, run)))
    exit_by(progress)


def exit_by(*ended: Progress) -> None:
    """Exit with 1 unless every job was accepted and has completed."""
    if not all(progress.all_done for progress in ended):
        raise SystemExit(ExitCode.JOB_FAILED)


class _Trouble:
    """Tells that the service does not answer, but not with every tick."""

    def __init__(self) -> None:
        self._told = 0.0

    def __call__(self, message: str) -> None:
        if time.monotonic() - self._told > 60:
            say(f"{message} Asking again …", style="yellow")
            self._told = time.monotonic()


def _view(run: Run, *, quiet: bool, live: bool, as_json: bool) -> AbstractContextManager[Show]:
    if as_json:
        return nullcontext(_json_line)
    if quiet:
        return nullcontext(lambda _: None)
    if live and err().is_terminal:
        return _Live(run)
    return nullcontext(_line)


def _json_line(progress: Progress) -> None:
    for job in progress.changed:
        print_json(
            {"event": "job", "run": progress.run.id, "job": job.id, "state": job.state, "reason": job.reason},
            one_line=True,
        )
    if progress.ended:
        print_json({"event": "end", "run": progress.run.id, "states": dict(progress.counts)}, one_line=True)


def _line(progress: Progress) -> None:
    """One line on standard error when something has changed."""
    if progress.changed:
        counts = ", ".join(f"{number} {state.lower()}" for state, number in sorted(progress.counts.items()))
        say(f"{progress.run.id}: {counts}")


class _Live:
    """A bar of the run's jobs by state, redrawn in place on standard error."""

    def __init__(self, run: Run) -> None:
        self._run = run
        self._started = time.monotonic()
        self._live: Any = None
        self._last: Progress | None = None

    def __enter__(self) -> Show:
        from rich.live import Live

        self._live = Live(get_renderable=self._draw, console=err(), refresh_per_second=4, transient=True)
        self._live.__enter__()
        return self._show

    def __exit__(self, *details: Any) -> None:
        self._live.__exit__(*details)
        if self._last is not None:
            _line_of_end(self._last, time.monotonic() - self._started)

    def _show(self, progress: Progress) -> None:
        self._last = progress

    def _draw(self) -> Any:
        from qrun.cli.drawing import progress_view

        return progress_view(self._run, self._last, time.monotonic() - self._started, err().width)


def _line_of_end(progress: Progress, seconds: float) -> None:
    from qrun.units import format_seconds

    if progress.ended:
        counts = ", ".join(f"{number} {state.lower()}" for state, number in sorted(progress.counts.items()))
        say(f"{progress.run.id}: {counts} after {format_seconds(round(seconds, 1))}")
