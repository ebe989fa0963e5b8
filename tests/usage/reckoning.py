"""A slow, obvious reckoning, tick by tick, from the mission's sentences and an event record alone.

It shares no code with ``qrun.usage`` or with the scheduler's own accounts: each tick it reads the record from
its beginning and asks what was so then.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from qrun.local.scheduling.events import Event


@dataclass(frozen=True)
class Tick:
    """What was so in one short time."""

    states: dict[str, str]
    running: frozenset[str]
    on_qpu: frozenset[str]
    queued: frozenset[str]


def tick(record: Sequence[Event], at: float) -> Tick:
    """What was so just after ``at``."""
    states: dict[str, str] = {}
    running, on_qpu, queued = set[str](), set[str](), set[str]()
    for event in record:
        if event.at > at:
            continue
        job = getattr(event, "job", "")
        match event.kind:
            case "job_queued":
                queued.add(job)
            case "job_started":
                queued.discard(job)
                running.add(job)
            case "job_on_qpu":
                on_qpu.add(job)
            case "job_finished":
                for where in (queued, running, on_qpu):
                    where.discard(job)
            case "workload_opened":
                states[event.workload or ""] = "open"
            case "workload_activated":
                states[event.workload or ""] = "active"
            case "workload_inactivated":
                states[event.workload or ""] = "inactive"
            case "workload_closed":
                states[event.workload or ""] = "closed"
    return Tick(states, frozenset(running), frozenset(on_qpu), frozenset(queued))


class Reckoning:
    """All the ticks of a record.

    Args:
        record: The events.
        start: When to begin.
        end: When to end.
        step: Length of a tick, in seconds.
    """

    def __init__(self, record: Sequence[Event], start: float, end: float, step: float = 1.0) -> None:
        self.step = step
        number = round((end - start) / step)
        self.ticks = [tick(record, start + i * step) for i in range(number)]
        self.jobs_of: dict[str, set[str]] = {}
        for event in record:
            if event.kind == "job_queued" and event.workload is not None:
                self.jobs_of.setdefault(event.workload, set()).add(getattr(event, "job", ""))

    def _seconds(self, ticks: Iterable[Tick]) -> float:
        return sum(1 for _ in ticks) * self.step

    def qpu(self, jobs: Iterable[str]) -> float:
        """M6, M8, M9, M11: the time the QPU is locked for jobs, whatever became of them."""
        return sum(self._seconds(t for t in self.ticks if job in t.on_qpu) for job in jobs)

    def queue(self, job: str) -> float:
        return self._seconds(t for t in self.ticks if job in t.queued)

    def off_qpu(self, job: str) -> float:
        return self._seconds(t for t in self.ticks if job in t.running and job not in t.on_qpu)

    def _charged(self, session: str) -> list[Tick]:
        """M7, M12: from its first job's start until it is inactive, closed, or its last job completes."""
        jobs = self.jobs_of.get(session, set())
        return [
            t
            for t in self.ticks
            if t.states.get(session) == "active"
            or (t.states.get(session) == "closed" and not jobs.isdisjoint(t.running))
        ]

    def session(self, session: str) -> float:
        return self._seconds(self._charged(session))

    def no_job(self, session: str) -> float:
        jobs = self.jobs_of.get(session, set())
        return self._seconds(t for t in self._charged(session) if jobs.isdisjoint(t.running))

    def batch(self, batch: str) -> float:
        return self.qpu(self.jobs_of.get(batch, set()))
