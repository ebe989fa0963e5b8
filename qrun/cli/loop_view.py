"""How loops go, as it happens: a plot that is redrawn in place, a line now and then, or JSON lines."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from qrun.cli.console import err, print_json, say
from qrun.cli.loop_drawing import loops_panel
from qrun.units import format_seconds

_LINE_EVERY = 2.0
"""Seconds between two lines of a loop in a pipe."""


@dataclass
class LoopProgress:
    """What is known of a loop while it runs."""

    name: str
    method: str
    costs: list[float] = field(default_factory=list)
    """The lowest cost of each evaluation."""
    best: float | None = None
    std: float | None = None
    """Standard error of the last cost."""
    iteration: int = 0
    evaluations: int = 0
    replayed: int = 0
    qpu: float = 0.0
    step: float | None = None
    """How far the last point lies from the one before it."""
    state: str = "running"
    reason: str = ""
    _point: list[float] | None = None

    def note(self, event: Mapping[str, Any]) -> None:
        """Take in an event."""
        kind = event["event"]
        if kind in ("ended", "stopped", "failed"):
            self.state, self.reason = kind, str(event.get("reason", ""))
            return
        self.evaluations += 1
        self.replayed += kind == "replayed"
        self.iteration = max(self.iteration, event.get("iteration") or 0)
        self.qpu += event.get("qpu") or 0.0
        if event.get("values"):
            self._note_values(event)

    def _note_values(self, event: Mapping[str, Any]) -> None:
        values = event["values"]
        lowest = min(range(len(values)), key=values.__getitem__)
        self.costs.append(values[lowest])
        self.best = values[lowest] if self.best is None else min(self.best, values[lowest])
        self.std = (event.get("stds") or [None] * len(values))[lowest]
        point = event["points"][lowest]
        if self._point is not None and len(self._point) == len(point):
            self.step = sum((a - b) ** 2 for a, b in zip(point, self._point, strict=True)) ** 0.5
        self._point = point


class SessionTimes:
    """How long a session may still live.

    Args:
        ittl: Interactive time to live, in seconds.
        max_ttl: Maximum time to live, in seconds.
    """

    def __init__(self, ittl: float | None, max_ttl: float | None) -> None:
        self._ittl, self._max_ttl = ittl, max_ttl
        self._first: float | None = None
        self._last = time.monotonic()

    def touched(self) -> None:
        """A job has ended."""
        self._last = time.monotonic()
        # The maximum time to live begins with the first job.
        self._first = self._first or self._last

    def told(self) -> str:
        """What is left of either."""
        now, parts = time.monotonic(), []
        if self._ittl is not None:
            left = max(0.0, self._ittl - (now - self._last))
            parts.append(f"inactive in {format_seconds(round(left))} without a job")
        if self._max_ttl is not None:
            left = max(0.0, self._max_ttl - (now - (self._first or now)))
            parts.append(f"ends in {format_seconds(round(left))} at most")
        return ", ".join(parts)


def told(event: Mapping[str, Any]) -> str | None:
    """What a person must know at once, besides the loops' progress."""
    if event["event"] == "idle":
        ittl = format_seconds(event["ittl"])
        return (
            f"the optimizers have taken longer than the session's interactive time to live of {ittl}: the "
            f"session is inactive, those {ittl} count as usage, and the next job waits in the queue"
        )
    if event["event"] == "diverged":
        return (
            f"{event['loop']}: the optimizer does not ask for what it asked before the interruption "
            f"(evaluation {event['number']}); from here on its points are evaluated anew"
        )
    return None


class Silent:
    """Tells nothing but what must be known."""

    def event(self, event: Mapping[str, Any]) -> None:
        """Take in an event."""
        if message := told(event):
            say(f"warning: {message}", style="yellow")


class JsonLines(Silent):
    """A JSON line an event on standard output."""

    def __init__(self) -> None:
        self._lock = threading.Lock()

    def event(self, event: Mapping[str, Any]) -> None:
        """Take in an event."""
        with self._lock:
            print_json(dict(event), one_line=True)


class Lines(Silent):
    """A line a loop every few seconds, on standard error."""

    def __init__(self) -> None:
        self._loops: dict[str, LoopProgress] = {}
        self._last: dict[str, float] = {}
        self._lock = threading.Lock()

    def event(self, event: Mapping[str, Any]) -> None:
        """Take in an event."""
        super().event(event)
        name = event.get("loop")
        if name is None or event["event"] == "diverged":
            return
        with self._lock:
            progress = self._loops.setdefault(name, LoopProgress(name, ""))
            progress.note(event)
            now = time.monotonic()
            if event["event"] != "evaluated" or now - self._last.get(name, float("-inf")) < _LINE_EVERY:
                return
            self._last[name] = now
            say(line_of(progress))


def line_of(progress: LoopProgress) -> str:
    """A loop's progress in a line."""
    parts = [f"{progress.name}: evaluation {progress.evaluations}"]
    if progress.costs:
        error = "" if progress.std is None else f" ± {progress.std:.2g}"
        parts.append(f"cost {progress.costs[-1]:.6g}{error}, best {progress.best:.6g}")
    parts.append(f"QPU {progress.qpu:.1f} s")
    return ", ".join(parts)


class LiveLoops:
    """All loops in one picture, redrawn in place on standard error. Use it as a context manager.

    Args:
        methods: What each loop's optimizer is called.
    """

    def __init__(self, methods: Mapping[str, str]) -> None:
        self._loops = {name: LoopProgress(name, method) for name, method in methods.items()}
        self._started = time.monotonic()
        self._live: Any = None
        self._session: SessionTimes | None = None
        self._lock = threading.Lock()

    def __enter__(self) -> LiveLoops:
        from rich.live import Live

        self._live = Live(get_renderable=self._draw, console=err(), refresh_per_second=4, transient=True)
        self._live.__enter__()
        return self

    def __exit__(self, *details: Any) -> None:
        self._live.__exit__(*details)

    def event(self, event: Mapping[str, Any]) -> None:
        """Take in an event."""
        if message := told(event):
            say(f"warning: {message}", style="yellow")
        with self._lock:
            if event["event"] == "session":
                self._session = SessionTimes(event.get("ittl"), event.get("max_ttl"))
            if event["event"] == "evaluated" and self._session is not None:
                self._session.touched()
            if (progress := self._loops.get(event.get("loop", ""))) and event["event"] != "diverged":
                progress.note(event)

    def _draw(self) -> Any:
        with self._lock:
            times = None if self._session is None else self._session.told()
            seconds = time.monotonic() - self._started
            return loops_panel(list(self._loops.values()), seconds, times, err().width)
