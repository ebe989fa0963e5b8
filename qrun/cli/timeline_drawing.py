"""A timeline in characters, legible in 80 columns and without colour."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import groupby

from rich.text import Text

from qrun.runtime.records import CANCELLED, ERROR
from qrun.units import format_seconds
from qrun.usage.timeline import Axis, Bar, Span, Timeline, tick_text

_LABEL = 11
_NARROWEST, _WIDEST = 20, 200
_GAP = 5.0
"""Columns of a break in the axis."""
MOST_JOB_ROWS = 30
"""With more jobs than these, rows are lanes."""


@dataclass(frozen=True)
class Glyphs:
    """The characters of a picture."""

    queued: str
    classical: str
    qpu: str
    active: str
    idle: str
    inactive: str
    failed: str
    cancelled: str
    broken: str
    levels: str


FANCY = Glyphs("·", "▒", "█", "━", "╍", "·", "✗", "○", "⫽", " ▁▂▃▄▅▆▇█")
PLAIN = Glyphs(".", "-", "#", "=", "~", ".", "X", "O", "/", " .:-=+*#@")

_STYLES = {
    "queued": "yellow",
    "classical": "cyan",
    "qpu": "green",
    "active": "blue",
    "idle": "magenta",
    "inactive": "dim",
    "failed": "bold red",
    "cancelled": "bold magenta",
    "broken": "dim",
}


def timeline_lines(
    timeline: Timeline, width: int, *, rows: str | None = None, fancy: bool = True
) -> list[Text]:
    """The picture, a line a row.

    Args:
        timeline: What to draw.
        width: Columns.
        rows: ``jobs`` or ``lanes``; by the number of jobs where ``None``.
        fancy: Whether the terminal knows more than ASCII.
    """
    picture = _Picture(timeline, max(_NARROWEST, min(width, _WIDEST) - _LABEL - 1), FANCY if fancy else PLAIN)
    rows = rows or ("jobs" if len(timeline.bars) <= MOST_JOB_ROWS else "lanes")
    lines = list(picture.workload_rows())
    lines += picture.job_rows() if rows == "jobs" else picture.lane_rows()
    return [*lines, *picture.axis_rows(), *picture.legend(rows)]


class _Row:
    """One row: a kind of mark a cell."""

    def __init__(self, cells: int) -> None:
        self.marks: list[str | None] = [None] * cells

    def paint(self, axis: Axis, spans: Iterable[Span], mark: str) -> None:
        """Mark the cells of ``spans``: at least one each, else those that they fill by half or more."""
        last = len(self.marks) - 1
        for span in spans:
            left, right = axis.position(span.start), axis.position(span.end)
            first = min(round(left), last)
            for cell in range(first, max(first + 1, min(round(right), last + 1))):
                self.marks[cell] = mark


class _Picture:
    def __init__(self, timeline: Timeline, cells: int, glyphs: Glyphs) -> None:
        self.timeline = timeline
        self.cells = cells
        self.glyphs = glyphs
        self.axis = Axis(timeline, cells, _GAP)
        self._used: dict[str, None] = {}

    def workload_rows(self) -> Iterator[Text]:
        """The session or batch, and the QPU lock."""
        timeline = self.timeline
        if timeline.active:
            row = _Row(self.cells)
            row.paint(self.axis, timeline.active, "active")
            row.paint(self.axis, timeline.idle, "idle")
            row.paint(self.axis, timeline.inactive, "inactive")
            yield self._line(timeline.account.mode, row)
        row = _Row(self.cells)
        row.paint(self.axis, timeline.lock, "qpu")
        yield self._line("QPU lock", row)

    def job_rows(self) -> Iterator[Text]:
        """A row a job."""
        for bar in self.timeline.bars:
            row = _Row(self.cells)
            self._paint(row, bar, with_queue=True)
            yield self._line(f"{bar.number:>2} {_short(bar.job.id)}", row)

    def lane_rows(self) -> Iterator[Text]:
        """A row a lane, and how many jobs were queued."""
        moments = [self.axis.moment(cell + 0.5) for cell in range(self.cells)]
        depths = self.timeline.queued_at(moments)
        most = max(depths, default=0)
        levels = self.glyphs.levels
        marks = "".join(levels[-(-depth * (len(levels) - 1) // most)] if most else " " for depth in depths)
        yield Text.assemble(f"{'queued':<{_LABEL}} ", (marks, _STYLES["queued"]))
        for lane in range(1, self.timeline.lanes + 1):
            row = _Row(self.cells)
            for bar in self.timeline.bars:
                if bar.lane == lane:
                    self._paint(row, bar, with_queue=False)
            yield self._line(f"lane {lane}", row)

    def _paint(self, row: _Row, bar: Bar, *, with_queue: bool) -> None:
        parts: list[tuple[Span | None, str]] = [(bar.running, "classical"), (bar.qpu, "qpu")]
        if with_queue:
            parts.insert(0, (bar.queued, "queued"))
        for span, mark in parts:
            if span is not None and (span.length > 0 or mark != "queued"):
                row.paint(self.axis, [span], mark)
        end = {ERROR: "failed", CANCELLED: "cancelled"}.get(bar.job.state)
        last = bar.running or (bar.queued if with_queue else None)
        if end is not None and last is not None:
            place = min(max(0, round(self.axis.position(last.end)) - 1), self.cells - 1)
            row.marks[place] = end

    def _line(self, label: str, row: _Row) -> Text:
        for piece in self.axis.breaks:
            # Two of its cells, so that what is there before and after can be seen.
            for cell in range(int(piece.left) + 1, min(int(piece.left) + 3, self.cells)):
                row.marks[cell] = "broken"
        line = Text(f"{label:<{_LABEL}} ")
        for mark, run in groupby(row.marks):
            number = len(list(run))
            if mark is None:
                line.append(" " * number)
            else:
                self._used[mark] = None
                line.append(getattr(self.glyphs, mark) * number, style=_STYLES[mark])
        line.rstrip()
        return line

    def axis_rows(self) -> Iterator[Text]:
        """Times, and how long the breaks are."""
        text = [" "] * self.cells
        free = 0
        for moment, place in self.axis.ticks(10):
            start = round(place)
            label = f"{'|' if free <= start else ''}{tick_text(moment)}"
            if free <= start and start + len(label) <= self.cells:
                text[start : start + len(label)] = label
                free = start + len(label) + 1
        yield Text(f"{'':<{_LABEL}} {''.join(text).rstrip()}", style="dim")
        if self.axis.breaks:
            cut = ", ".join(format_seconds(piece.end - piece.start) for piece in self.axis.breaks)
            mark = self.glyphs.broken * 2
            yield Text(f"{'':<{_LABEL}} {mark} cut short: {cut} in which nothing ran", style="dim")

    def legend(self, rows: str) -> Iterator[Text]:
        """What the marks mean, those that occur."""
        meanings = {
            "queued": "queued",
            "classical": "running, not on the QPU",
            "qpu": "on the QPU",
            "active": "active",
            "idle": "active without a job (ITTL)",
            "inactive": "inactive",
            "failed": "failed",
            "cancelled": "cancelled",
        }
        used = [mark for mark in meanings if mark in self._used]
        parts = [f"{getattr(self.glyphs, mark)} {meanings[mark]}" for mark in used]
        if rows == "lanes":
            depth = max(
                self.timeline.queued_at([bar.queued.start for bar in self.timeline.bars if bar.queued]),
                default=0,
            )
            parts.append(f"queued: {self.glyphs.levels[-1]} {depth} jobs")
        line = ""
        for part in parts:
            if line and len(line) + len(part) + 3 > self.cells + _LABEL:
                yield Text(line, style="dim")
                line = ""
            line += ("   " if line else "") + part
        yield Text(line, style="dim")


def _short(job_id: str) -> str:
    """The end of an ID: those made at the same time begin alike."""
    return job_id if len(job_id) <= 8 else f"…{job_id[-7:]}"
