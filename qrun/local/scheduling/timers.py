"""What falls due by itself, and when: of jobs by looking at the lanes, of sessions and batches by a heap."""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum

from qrun.local.scheduling.state import Workload


class TimerKind(IntEnum):
    """What falls due; of two at the same moment the lower number comes first.

    The ends of a job's stages stand for work of the device, and are skipped to; the others stand for people's
    time and never are.
    """

    CLASSICAL_END = 0
    QPU_END = 1
    INTERACTIVE_TTL = 2
    MAX_TTL = 3
    UNUSED = 4
    OTHERS_JOB = 5
    """Another user's job comes."""
    ALLOCATION = 6
    """Enough of the instance's use has left the rolling period for its queued jobs to start."""


@dataclass(frozen=True, order=True)
class Timer:
    """Something that happens by itself at ``at``."""

    at: float
    kind: TimerKind
    subject: str
    """A job's ID for the ends of its stages, a workload's for the times to live, else empty."""


class WorkloadTimers:
    """The next time to live that runs out, of any number of sessions and batches.

    What waits for a client is kept apart, by what is left of its time: for it skipped time does not count
    (see :meth:`DeviceScheduler.skip`), so a skip moves all of them at once.

    Args:
        unused_close: Seconds after which one that never had a job is closed.
    """

    def __init__(self, unused_close: float) -> None:
        self._unused_close = unused_close
        self._fixed: list[tuple[float, TimerKind, str, int]] = []
        self._moved: list[tuple[float, TimerKind, str, int]] = []
        self._current: dict[str, int] = {}
        self._count = 0

    def update(self, workload: Workload) -> None:
        """``workload`` has changed."""
        self._count += 1
        self._current[workload.id] = self._count
        for at, kind in self._due(workload):
            heapq.heappush(self._heap_of(kind), (at, kind, workload.id, self._count))
        for heap in (self._fixed, self._moved):
            if len(heap) > 4 * len(self._current) + 64:
                heap[:] = [entry for entry in heap if self._holds(entry)]
                heapq.heapify(heap)

    def forget(self, workload: str) -> None:
        """``workload`` is over."""
        self._current.pop(workload, None)

    def next(self, skipped: float) -> Timer | None:
        """What runs out first.

        Args:
            skipped: Seconds that have been skipped on the device, ever.
        """
        firsts = []
        for heap, later in ((self._fixed, 0.0), (self._moved, skipped)):
            while heap and not self._holds(heap[0]):
                heapq.heappop(heap)
            if heap:
                at, kind, subject, _ = heap[0]
                firsts.append(Timer(at + later, kind, subject))
        return min(firsts, default=None)

    def due(self, workload: Workload, skipped: float) -> list[tuple[float, TimerKind]]:
        """When which of the times to live of ``workload`` run out."""
        due = list(self._due(workload))
        return [(at if kind is TimerKind.MAX_TTL else at + skipped, kind) for at, kind in due]

    def _heap_of(self, kind: TimerKind) -> list[tuple[float, TimerKind, str, int]]:
        return self._fixed if kind is TimerKind.MAX_TTL else self._moved

    def _holds(self, entry: tuple[float, TimerKind, str, int]) -> bool:
        return self._current.get(entry[2]) == entry[3]

    def _due(self, workload: Workload) -> Iterator[tuple[float, TimerKind]]:
        history = workload.history
        if history.state == "closed":
            return
        if history.first_started_at is not None:
            yield history.first_started_at + history.max_ttl, TimerKind.MAX_TTL
        if workload.idle_since is None:
            return
        begins = workload.idle_since - workload.idle_mark
        if history.state == "active":
            yield begins + history.interactive_ttl, TimerKind.INTERACTIVE_TTL
        elif history.state == "open":
            yield begins + self._unused_close, TimerKind.UNUSED
