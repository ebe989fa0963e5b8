"""A picture of an account as numbers: lanes over time, as IBM's page on execution modes draws them.

All times are seconds from the timeline's beginning. The service tells when a job was created, started and
finished and how long it held the QPU, but not when it took it. A job gives the QPU back when it ends, so QPU
time is placed at the end of its running time.
"""

from __future__ import annotations

import heapq
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from typing import NamedTuple

from qrun.usage.breakdown import running_spans
from qrun.usage.model import JobUsage, UsageAccount

_LONG_QUIET = 0.12
"""Where nothing runs for longer than this share of the time in which something does, the axis is broken."""


class Span(NamedTuple):
    """From and to, in seconds."""

    start: float
    end: float

    @property
    def length(self) -> float:
        """Seconds."""
        return self.end - self.start


@dataclass(frozen=True)
class Bar:
    """One job's part of the picture."""

    job: JobUsage
    number: int
    """From 1, in the account's order."""
    queued: Span | None
    running: Span | None
    qpu: Span | None
    lane: int | None
    """From 1; ``None`` for a job that has not started."""


@dataclass(frozen=True)
class Timeline:
    """The picture of an account."""

    account: UsageAccount
    origin: datetime
    end: float
    bars: tuple[Bar, ...]
    busy: tuple[Span, ...]
    """When at least one job ran."""
    active: tuple[Span, ...]
    """When its session or batch was active."""

    @property
    def lanes(self) -> int:
        """How many jobs ran at once at most."""
        return max((bar.lane or 0 for bar in self.bars), default=0)

    @property
    def lock(self) -> list[Span]:
        """When the QPU was locked, in order."""
        return sorted(bar.qpu for bar in self.bars if bar.qpu is not None)

    @property
    def inactive(self) -> list[Span]:
        """When its session or batch was paused between two active windows."""
        pairs = pairwise(self.active)
        return [Span(before.end, after.start) for before, after in pairs if after.start > before.end]

    @property
    def idle(self) -> list[Span]:
        """When its session or batch was active and no job ran: ITTL was running."""
        return [gap for window in self.active for gap in _gaps(window, self.busy)]

    @property
    def overlapping(self) -> bool:
        """Whether QPU times overlap where they are placed: jobs then ended some time after their QPU time."""
        lock = self.lock
        return any(after.start < before.end - 1.0 for before, after in pairwise(lock))

    def queued_at(self, moments: Sequence[float]) -> list[int]:
        """How many jobs were queued at each of ``moments``."""
        spans = [bar.queued for bar in self.bars if bar.queued is not None]
        starts, ends = sorted(s.start for s in spans), sorted(s.end for s in spans)
        return [bisect_right(starts, moment) - bisect_right(ends, moment) for moment in moments]


def timeline_of(account: UsageAccount) -> Timeline:
    """The picture of an account."""
    jobs = account.jobs
    times = [moment for job in jobs for moment in (job.created, job.started) if moment]
    times += [window.start for window in account.windows]
    now = account.read_at
    origin = min(times, default=now or account.started_at or datetime.now().astimezone())
    ends = [job.finished for job in jobs if job.finished] + [w.end for w in account.windows if w.end]
    if now is not None and account.ongoing:
        ends.append(now)
    end = max([*ends, *times, origin])

    def span(start: datetime | None, until: datetime | None) -> Span | None:
        if start is None or until is None or until < start:
            return None
        return Span((start - origin).total_seconds(), (until - origin).total_seconds())

    lanes = _lanes(jobs, end)
    bars = []
    for number, job in enumerate(jobs, start=1):
        last = job.finished or (None if job.ended else end)
        running = span(job.started, last)
        bars.append(
            Bar(
                job,
                number,
                span(job.created, job.started or last),
                running,
                _qpu(job, running),
                lanes[number],
            )
        )
    active = [span(window.start, window.end or end) for window in account.windows]
    busy = [span(*found) for found in running_spans(jobs, end)]
    return Timeline(
        account=account,
        origin=origin,
        end=(end - origin).total_seconds(),
        bars=tuple(bars),
        busy=tuple(found for found in busy if found is not None),
        active=tuple(found for found in active if found is not None),
    )


def _qpu(job: JobUsage, running: Span | None) -> Span | None:
    seconds = job.qpu_seconds if job.qpu_seconds is not None else job.so_far_seconds
    if running is None or not seconds:
        return None
    return Span(max(running.start, running.end - seconds), running.end)


def _lanes(jobs: Sequence[JobUsage], end: datetime) -> dict[int, int | None]:
    """A lane for each job's number: the lowest that is free when it starts."""
    lanes: dict[int, int | None] = dict.fromkeys(range(1, len(jobs) + 1))
    started = [(job.started, number, job) for number, job in enumerate(jobs, 1) if job.started is not None]
    busy: list[tuple[datetime, int]] = []
    free: list[int] = []
    for start, number, job in sorted(started, key=lambda item: item[:2]):
        while busy and busy[0][0] <= start:
            heapq.heappush(free, heapq.heappop(busy)[1])
        lane = heapq.heappop(free) if free else len(busy) + 1
        lanes[number] = lane
        heapq.heappush(busy, (job.finished or (start if job.ended else end), lane))
    return lanes


def _gaps(window: Span, busy: Sequence[Span]) -> list[Span]:
    gaps, last = [], window.start
    for span in busy:
        if span.end <= window.start or span.start >= window.end:
            continue
        if span.start > last:
            gaps.append(Span(last, span.start))
        last = max(last, span.end)
    return [*gaps, Span(last, window.end)] if last < window.end else gaps


class Piece(NamedTuple):
    """A part of the axis: from and to in seconds, and on paper."""

    start: float
    end: float
    left: float
    right: float
    broken: bool


class Axis:
    """Time on paper, with long times in which nothing runs cut short.

    Args:
        timeline: What to draw.
        width: Width of the paper, in any unit.
        gap: Width of what is cut short.
    """

    def __init__(self, timeline: Timeline, width: float, gap: float) -> None:
        spans = self._spans(timeline)
        shown = sum(end - start for start, end, broken in spans if not broken)
        breaks = sum(broken for *_, broken in spans)
        scale = (width - gap * breaks) / shown if shown > 0 else 0.0
        self.width = width
        self.pieces: list[Piece] = []
        left = 0.0
        for start, end, broken in spans:
            right = left + (gap if broken else (end - start) * scale)
            self.pieces.append(Piece(start, end, left, right, broken))
            left = right
        self._starts = [piece.start for piece in self.pieces]

    @staticmethod
    def _spans(timeline: Timeline) -> list[tuple[float, float, bool]]:
        awake = _merged([*timeline.busy, *timeline.active]) or [Span(0.0, max(timeline.end, 1e-3))]
        limit = _LONG_QUIET * max(sum(span.length for span in awake), 1e-3)
        spans: list[tuple[float, float, bool]] = []
        last = 0.0
        for span in awake:
            if span.start > last:
                spans.append((last, span.start, span.start - last > limit))
            spans.append((span.start, max(span.end, span.start + 1e-3), False))
            last = max(span.end, span.start + 1e-3)
        if timeline.end > last:
            spans.append((last, timeline.end, timeline.end - last > limit))
        return spans

    def position(self, moment: float) -> float:
        """Where ``moment`` is on the paper."""
        piece = self.pieces[max(0, bisect_right(self._starts, moment) - 1)]
        length = piece.end - piece.start
        share = (moment - piece.start) / length if length > 0 else 0.0
        return piece.left + min(1.0, max(0.0, share)) * (piece.right - piece.left)

    def moment(self, position: float) -> float:
        """What time it is at a place on the paper."""
        rights = [piece.right for piece in self.pieces]
        piece = self.pieces[min(bisect_left(rights, position), len(self.pieces) - 1)]
        width = piece.right - piece.left
        share = (position - piece.left) / width if width > 0 else 0.0
        return piece.start + min(1.0, max(0.0, share)) * (piece.end - piece.start)

    @property
    def breaks(self) -> list[Piece]:
        """What is cut short."""
        return [piece for piece in self.pieces if piece.broken]

    def ticks(self, distance: float) -> list[tuple[float, float]]:
        """Round times and where they are, no closer than ``distance``."""
        shown = [piece for piece in self.pieces if not piece.broken]
        seconds = sum(piece.end - piece.start for piece in shown)
        room = max(1.0, self.width / distance)
        step = next((s for s in _STEPS if seconds / s <= room), _STEPS[-1])
        ticks: list[tuple[float, float]] = []
        for piece in shown:
            moment = step * -(-piece.start // step)
            while moment <= piece.end:
                place = self.position(moment)
                if not ticks or place - ticks[-1][1] >= distance * 0.999:
                    ticks.append((moment, place))
                moment += step
        return ticks


_STEPS = (
    0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400,
    28800, 86400, 172800, 604800, 2592000,
)  # fmt: skip


def _merged(spans: Sequence[Span]) -> list[Span]:
    merged: list[Span] = []
    for span in sorted(spans):
        if merged and span.start <= merged[-1].end:
            merged[-1] = Span(merged[-1].start, max(merged[-1].end, span.end))
        else:
            merged.append(span)
    return merged


def tick_text(seconds: float) -> str:
    """``0``, ``1.5 s``, ``90 s``, ``5 m``, ``1 h 30 m`` after the beginning."""
    if seconds < 120:
        return f"{seconds:g} s"
    whole = round(seconds)
    if whole < 3600:
        return f"{whole // 60} m" if whole % 60 == 0 else f"{whole // 60} m {whole % 60:02d} s"
    if whole < 172_800:
        return f"{whole // 3600} h" if whole % 3600 == 0 else f"{whole // 3600} h {whole % 3600 // 60:02d} m"
    return f"{whole // 86400} d {whole % 86400 // 3600} h"
