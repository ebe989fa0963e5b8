"""Following runs, sessions and jobs in the terminal; then, where it is asked for, results and cost."""

from __future__ import annotations

import sys
from enum import Enum
from typing import TYPE_CHECKING, TypeVar

from qrun.cli.console import err
from qrun.cli.views import CountView, EventView, LiveView, View, write_json, write_text
from qrun.errors import ExitCode, Interrupted, QrunError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from qrun.cli.targets import Target
    from qrun.ledger import Ledger, Run
    from qrun.run.follow import ForeignProgress, Progress, Standing, Subject
    from qrun.runtime.control import ControlChannel

_Seen = TypeVar("_Seen", "Progress", "ForeignProgress")


class Style(Enum):
    """How following is shown."""

    NOTHING = "nothing"
    COUNTS = "counts"
    """A line of counts on standard error at every change."""
    LINE = "line"
    """One line on standard error, redrawn."""
    FULL = "full"
    """The whole terminal, redrawn."""
    EVENTS = "events"
    """A line an event on standard output."""
    JSON = "json"
    """A JSON line an event on standard output."""


def style_of_watch(*, quiet: bool, live: bool, as_json: bool) -> Style:
    """How ``watch`` shows it: the events are its data, unless a person looks on."""
    if as_json:
        return Style.JSON
    if quiet:
        return Style.NOTHING
    return Style.FULL if live and sys.stdout.isatty() and _can_redraw() else Style.EVENTS


def style_of_wait(*, quiet: bool, live: bool, full: bool = False) -> Style:
    """How what prints other data shows it meanwhile, on standard error.

    Args:
        quiet: Not at all.
        live: Redrawn where standard error is a terminal.
        full: On the whole terminal.
    """
    if quiet:
        return Style.NOTHING
    if not (live and _can_redraw()):
        return Style.COUNTS
    return Style.FULL if full else Style.LINE


def _can_redraw() -> bool:
    return err().is_terminal and not err().is_dumb_terminal


def follow_run(
    channel: ControlChannel,
    ledger: Ledger,
    run: Run,
    *,
    timeout: float | None = None,
    style: Style,
    cancel: Sequence[Target] = (),
    meanwhile: Callable[[Progress], None] = lambda _: None,
) -> Progress:
    """Follow a run to its end.

    Args:
        channel: The control channel to the run's service.
        ledger: The ledger.
        run: The run.
        timeout: Seconds at most.
        style: How to show it.
        cancel: What a signal cancels; the jobs go on where it is empty.
        meanwhile: Told how the run stands, tick by tick.

    Raises:
        Interrupted: A signal came; the jobs go on, or have been cancelled.
        LimitError: The run's budget is used up.
        TimedOut: ``timeout`` is over; the jobs go on.
    """
    from qrun.cli.console import say
    from qrun.cli.signals import never_asked
    from qrun.cli.telling import Teller
    from qrun.run.attend import attend
    from qrun.run.follow import subject_of

    quiet = style is Style.NOTHING
    teller = Teller(run.id, run.mode, channel.account, (lambda _: None) if quiet else say)

    def ticks(view: View) -> Iterator[Progress]:
        for progress in attend(
            channel,
            ledger,
            run,
            listener=teller,
            stop=never_asked,
            timeout=timeout,
            trouble=view.lost,
            back=view.back,
            with_session=style in (Style.FULL, Style.EVENTS, Style.JSON),
        ):
            meanwhile(progress)
            yield progress

    return _shown(ticks, subject_of(run), style, stopping=_stopping(ledger, cancel))


def follow_target(
    channel: ControlChannel,
    ledger: Ledger,
    target: Target,
    *,
    timeout: float | None,
    style: Style,
    cancel: Sequence[Target] = (),
) -> Standing:
    """Follow what an ID means: a run of this machine, or a session, batch or job that qrun did not submit.

    Args:
        channel: The control channel to its service.
        ledger: The ledger.
        target: What the ID means.
        timeout: As :func:`follow_run` has it.
        style: Likewise.
        cancel: Likewise.

    Raises:
        Interrupted: As :func:`follow_run` has it.
        LimitError: Likewise.
        TimedOut: Likewise.
    """
    from qrun.run.follow import Subject, follow_foreign

    if target.run is not None:
        return follow_run(channel, ledger, target.run, timeout=timeout, style=style, cancel=cancel)
    about = Subject(target.id, target.kind, None, target.kind, None, None, 0)

    def ticks(view: View) -> Iterator[ForeignProgress]:
        return follow_foreign(
            channel, target.kind, target.id, timeout=timeout, trouble=view.lost, back=view.back
        )

    return _shown(ticks, about, style, service=target.service, stopping=_stopping(ledger, cancel))


def _stopping(ledger: Ledger, targets: Sequence[Target]) -> Callable[[], QrunError] | None:
    from qrun.cli.stopping import cancelled_by_signal

    return (lambda: cancelled_by_signal(ledger, targets)) if targets else None


def follow_to_results(
    ledger: Ledger, run_id: str, *, quiet: bool = False, live: bool = True, cancel: Sequence[Target] = ()
) -> None:
    """Follow a run, then print its results and what it cost.

    Raises:
        SystemExit: With code 1 where a job failed or was cancelled.
    """
    from qrun.cli.drawing import draw_cost, draw_failures, draw_results
    from qrun.cli.targets import account_of
    from qrun.run.results import Collector, results_document
    from qrun.runtime.control import ControlChannel
    from qrun.usage.account import run_account, settle

    run = ledger.run(run_id)
    style = style_of_wait(quiet=quiet, live=live, full=True)
    with ControlChannel(account_of(run)) as channel:
        with Collector(channel, ledger, run) as collector:
            progress = follow_run(
                channel,
                ledger,
                run,
                style=style,
                cancel=cancel,
                meanwhile=lambda standing: collector.begin(standing.jobs),
            )
            run = collector.finish()
        draw_results(results_document(run))
        draw_failures(run, progress.jobs)
        draw_cost(settle(lambda: run_account(channel, run, times=False)))
    exit_by(progress)


def exit_by(*ended: Standing) -> None:
    """Exit with 1 unless every job was accepted and has completed."""
    if not all(standing.all_done for standing in ended):
        raise SystemExit(ExitCode.JOB_FAILED)


def _shown(
    ticks: Callable[[View], Iterator[_Seen]],
    about: Subject,
    style: Style,
    *,
    service: str | None = None,
    stopping: Callable[[], QrunError] | None = None,
) -> _Seen:
    from qrun.cli.signals import interrupting

    at = f" --service {service}" if service else ""
    with interrupting(), _view(about, style) as view:
        try:
            for standing in ticks(view):
                view.show(standing)
        except KeyboardInterrupt:
            if stopping is not None:
                raise stopping() from None
            raise Interrupted(
                f"Detached from {about.kind} {about.id}; its jobs go on.",
                f"Watch again with: qrun watch {about.id}{at}   Stop them with: qrun cancel {about.id}{at}",
            ) from None
    return standing


def _view(about: Subject, style: Style) -> View:
    if style is Style.JSON:
        return EventView(about, write_json)
    if style is Style.EVENTS:
        return EventView(about, write_text)
    if style is Style.COUNTS:
        return CountView()
    if style is Style.NOTHING:
        return View()
    return LiveView(about, full=style is Style.FULL)
