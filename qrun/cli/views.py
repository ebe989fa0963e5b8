"""How following is shown: a live view, a live line, lines, JSON lines, or not at all."""

from __future__ import annotations

import signal
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from types import FrameType
from typing import TYPE_CHECKING, Any

from qrun.cli.console import err, print_json, print_line, say
from qrun.cli.event_words import digest, in_order, plain, tenths, told
from qrun.cli.secrets import without_secrets
from qrun.run.events import END, JOB, START, Event, EventReader
from qrun.run.pace import Stopwatch
from qrun.units import format_seconds

if TYPE_CHECKING:
    from rich.text import Text

    from qrun.cli.live import Scene
    from qrun.run.follow import Standing, Subject

_FRAMES = 4
"""Frames a second."""
_NEWS = 200
_REASONS = 8
_JOBS_OF_A_REASON = 4


class View:
    """Shows nothing. It is entered before the first question and left after the last answer."""

    def __enter__(self) -> View:
        return self

    def __exit__(self, *details: Any) -> None:
        pass

    def show(self, standing: Standing) -> None:
        """The service has answered."""

    def lost(self, message: str) -> None:
        """It does not answer."""

    def back(self, seconds: float) -> None:
        """It answers again after so many seconds."""


class EventView(View):
    """An event a line on standard output.

    Args:
        subject: What is followed.
        write: Writes one event.
    """

    def __init__(self, subject: Subject, write: Callable[[Event], None]) -> None:
        self._reader = EventReader(subject.id)
        self._write = write

    def show(self, standing: Standing) -> None:
        """Write what has happened."""
        for event in self._reader.read(standing):
            self._write(event)

    def lost(self, message: str) -> None:
        """Write that there is no answer."""
        self._write(self._reader.lost(without_secrets(message)))

    def back(self, seconds: float) -> None:
        """Write that there is one again."""
        self._write(self._reader.back(seconds))


def write_json(event: Event) -> None:
    """An event as a JSON line."""
    print_json(event.as_dict(), one_line=True)


def write_text(event: Event) -> None:
    """An event as a line: time, ID of what is followed, and what has happened."""
    print_line(f"{_clock(event.time)} {event.subject} {told(event)}")


class CountView(View):
    """A line of counts on standard error whenever something has changed."""

    def show(self, standing: Standing) -> None:
        """Tell the counts."""
        if standing.changed:
            say(f"{standing.subject.id}: {_counts(standing)}")

    def lost(self, message: str) -> None:
        """Tell it."""
        tell_lost(message)

    def back(self, seconds: float) -> None:
        """Tell it."""
        tell_back(seconds)


def tell_lost(message: str) -> None:
    """That there is no answer, on standard error."""
    say(f"{message} Asking again …", style="yellow")


def tell_back(seconds: float) -> None:
    """That there is one again, on standard error."""
    say(f"The service answers again after {format_seconds(round(seconds))}.", style="yellow")


class LiveView(View):
    """Redrawn in place on standard error, several times a second, also while no answer comes.

    Args:
        subject: What is followed.
        full: The whole screen; else one line.
    """

    def __init__(self, subject: Subject, *, full: bool) -> None:
        self._subject = subject
        self._full = full
        self._watch, self._answered = Stopwatch(), Stopwatch()
        self._reader = EventReader(subject.id)
        self._news: deque[str] = deque(maxlen=_NEWS)
        self._standing: Standing | None = None
        self._trouble: str | None = None
        self._live: Any = None
        self._stopping: Any = None

    def __enter__(self) -> View:
        from rich.live import Live

        # The other screen of the terminal is redrawn as a whole: nothing is left over when it is resized.
        self._live = Live(
            get_renderable=self._draw,
            console=err(),
            refresh_per_second=_FRAMES,
            transient=True,
            screen=self._full,
            redirect_stdout=False,
            redirect_stderr=False,
        )
        self._stopping = _stoppable(self._live)
        self._stopping.__enter__()
        self._live.__enter__()
        return self

    def __exit__(self, *details: Any) -> None:
        with suppress(OSError):
            self._live.__exit__(*details)
        self._stopping.__exit__(*details)
        if self._standing is not None and self._standing.ended:
            say_end(self._standing, self._watch.seconds)

    def show(self, standing: Standing) -> None:
        """Draw this from now on."""
        self._answered, self._trouble = Stopwatch(), None
        first = self._standing is None
        self._standing, self._subject = standing, standing.subject
        events = [event for event in self._reader.read(standing) if event.kind not in (START, END)]
        if first:
            # How things stood when it began is drawn; it is no news.
            events = [event for event in events if event.kind != JOB]
        self._add(digest(events))

    def lost(self, message: str) -> None:
        """Draw that there is no answer."""
        self._trouble = without_secrets(message)
        self._add(digest([self._reader.lost(self._trouble)]))
        if not self._full:
            tell_lost(message)

    def back(self, seconds: float) -> None:
        """Draw that there is one again."""
        self._trouble = None
        self._add(digest([self._reader.back(seconds)]))
        if not self._full:
            tell_back(seconds)

    def _add(self, texts: list[str]) -> None:
        now = _clock(datetime.now())
        self._news.extend(f"{now} {text}" for text in texts)

    def _draw(self) -> Text:
        from qrun.cli.live import Screen, live_view, one_line

        console = err()
        screen = Screen(console.width, console.height, console.options.ascii_only)
        return (live_view if self._full else one_line)(self._scene(), screen)

    def _scene(self) -> Scene:
        from qrun.cli.live import Scene

        return Scene(
            self._subject,
            self._standing,
            self._watch.seconds,
            tuple(self._news),
            self._trouble,
            self._answered.seconds,
        )


@contextmanager
def _stoppable(live: Any) -> Iterator[None]:
    """Let Ctrl-Z stop the program with the terminal as it was, and ``fg`` bring the view back."""
    if not hasattr(signal, "SIGTSTP"):
        yield
        return

    def stop(_number: int, _frame: FrameType | None) -> None:
        running = live.is_started
        live.stop()
        signal.signal(signal.SIGTSTP, signal.SIG_DFL)
        signal.raise_signal(signal.SIGTSTP)
        signal.signal(signal.SIGTSTP, stop)
        if running:
            live.start(refresh=True)

    before = signal.signal(signal.SIGTSTP, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGTSTP, before)


def say_end(standing: Standing, seconds: float) -> None:
    """How it ended, in one line.

    Args:
        standing: How it stands.
        seconds: How long it was followed.
    """
    usage = standing.usage_seconds
    used = "" if usage is None else f", usage {tenths(usage)}"
    say(f"{standing.subject.id}: {_counts(standing)} after {tenths(seconds)}{used}")


def say_reasons(standing: Standing) -> None:
    """Why jobs failed or were cancelled, a line a reason."""
    by_reason: dict[str, list[str]] = {}
    for job in standing.jobs:
        if job.state in ("ERROR", "CANCELLED"):
            code = f" (code {job.reason_code})" if job.reason_code else ""
            reason = f"{job.state.lower()}: {plain(job.reason or 'no reason given')}{code}"
            by_reason.setdefault(reason, []).append(job.id)
    for reason, jobs in list(by_reason.items())[:_REASONS]:
        named = ", ".join(jobs[:_JOBS_OF_A_REASON]) + (", …" if len(jobs) > _JOBS_OF_A_REASON else "")
        say(f"{len(jobs):,} {'job' if len(jobs) == 1 else 'jobs'} {reason}: {named}", style="red")
    if len(by_reason) > _REASONS:
        say(f"… and {len(by_reason) - _REASONS} more reasons", style="red")


def _counts(standing: Standing) -> str:
    return ", ".join(f"{number} {state.lower()}" for state, number in in_order(standing.counts)) or "no jobs"


def _clock(moment: datetime) -> str:
    return moment.astimezone().strftime("%H:%M:%S")
