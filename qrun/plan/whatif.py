"""What if: the same jobs in another mode, packed otherwise, or without some.

Virtual time, no circuits: the scheduler of the local service says what it would have accounted for.
"""

from __future__ import annotations

import heapq
from collections.abc import Sequence
from dataclasses import dataclass, replace

from qrun.local.scheduling import (
    Background,
    DeviceScheduler,
    JobHistory,
    Others,
    Rules,
    WorkloadHistory,
)
from qrun.local.scheduling import job_usage as _job_usage
from qrun.local.scheduling import workload_usage as _workload_usage
from qrun.local.scheduling.events import OTHERS, Event, JobEvent, JobStarted

_SESSION = "session"


@dataclass(frozen=True)
class WhatIfJob:
    """A job to run in thought."""

    qpu_seconds: float
    """How long it holds the QPU."""
    classical_seconds: float = 1.0
    """How long its classical processing takes before."""
    arrival: float = 0.0
    """When it is submitted, in seconds after the first."""


@dataclass(frozen=True)
class Outcome:
    """What would have been."""

    mode: str
    jobs: int
    usage_seconds: float
    """By the rule of the mode (M7–M9)."""
    qpu_seconds: float
    wall_clock_seconds: float
    """From the first arrival to the end of the last job."""

    @property
    def idle_seconds(self) -> float:
        """Usage that was not QPU time; of a session alone."""
        return max(0.0, round(self.usage_seconds - self.qpu_seconds, 3))


def what_if(
    jobs: Sequence[WhatIfJob],
    mode: str,
    rules: Rules | None = None,
    *,
    closed_after: float = 0.0,
    background: Background | None = None,
    device: str = "",
) -> Outcome:
    """What ``jobs`` would use in ``mode``.

    Args:
        jobs: The jobs, in any order.
        mode: ``job``, ``batch`` or ``session``.
        rules: The numbers of the instance; the usual ones where ``None``.
        closed_after: Seconds between the last arrival and the client's closing of its batch or session.
        background: Other users' jobs on the device; nobody uses it where ``None``.
        device: Its name, since other users' jobs differ from device to device.
    """
    others = None if background is None else Others(background, device)
    rehearsal = _Rehearsal(jobs, mode, rules or Rules(), closed_after, others)
    rehearsal.run()
    return rehearsal.outcome()


class _Rehearsal:
    """The scheduler, and what the client and the classical processing do to it, in order of time."""

    def __init__(
        self,
        jobs: Sequence[WhatIfJob],
        mode: str,
        rules: Rules,
        closed_after: float,
        others: Others | None,
    ) -> None:
        self._jobs = jobs
        self._mode = mode
        # Each job's classical time is its own here.
        self._machine = DeviceScheduler(replace(rules, classical_seconds=0.0), others)
        self._record: list[Event] = []
        self._actions: list[tuple[float, int, str, int]] = []
        for index, job in enumerate(jobs):
            self._plan(job.arrival, "submit", index)
        if mode != "job":
            self._record += self._machine.open_workload(
                _SESSION, 0.0, mode="dedicated" if mode == "session" else "batch"
            )
            last = max((job.arrival for job in jobs), default=0.0)
            self._plan(last + closed_after, "close", len(jobs))

    def _plan(self, at: float, what: str, index: int) -> None:
        heapq.heappush(self._actions, (at, len(self._record) + index, what, index))

    def run(self) -> None:
        """Until nothing is left to do."""
        while True:
            timer = self._machine.next_timer()
            if self._actions and (timer is None or self._actions[0][0] <= timer.at):
                at, _, what, index = heapq.heappop(self._actions)
                self._take(self._act(at, what, index))
            elif timer is not None and (self._machine.state.jobs or self._actions):
                self._take(self._machine.advance(timer.at))
            else:
                return

    def _act(self, at: float, what: str, index: int) -> list[Event]:
        workload = None if self._mode == "job" else _SESSION
        if what == "submit":
            return self._machine.submit(str(index), at, workload=workload)
        if what == "prepare":
            return self._machine.prepared(str(index), at, qpu_seconds=self._jobs[index].qpu_seconds)
        return self._machine.stop_accepting(_SESSION, at)

    def _take(self, events: list[Event]) -> None:
        self._record += events
        for event in events:
            if isinstance(event, JobStarted) and not event.job.startswith(OTHERS):
                index = int(event.job)
                self._plan(event.at + self._jobs[index].classical_seconds, "prepare", index)

    def outcome(self) -> Outcome:
        """What the record says."""
        of_job: dict[str, list[Event]] = {}
        for event in self._record:
            if isinstance(event, JobEvent) and not event.job.startswith(OTHERS):
                of_job.setdefault(event.job, []).append(event)
        histories = [JobHistory.of(job, events) for job, events in of_job.items()]
        quantum = sum(_job_usage(history) for history in histories)
        ends = [history.finished_at for history in histories if history.finished_at is not None]
        usage = quantum
        if self._mode == "session":
            usage = _workload_usage(WorkloadHistory.of(_SESSION, self._record))
        first = min((job.arrival for job in self._jobs), default=0.0)
        return Outcome(
            self._mode, len(self._jobs), round(usage, 3), round(quantum, 3), max(ends, default=first) - first
        )
