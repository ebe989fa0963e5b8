"""A device whose clock the test drives by hand, and the record of what happened on it."""

from __future__ import annotations

from qrun.local.scheduling import (
    DeviceScheduler,
    JobHistory,
    Rules,
    WorkloadHistory,
    job_usage,
    workload_usage,
)
from qrun.local.scheduling.events import Event


class Rehearsal:
    def __init__(self, rules: Rules | None = None) -> None:
        self.machine = DeviceScheduler(rules)
        self.record: list[Event] = []

    def session(self, name: str, at: float, **ttl: int) -> None:
        self.record += self.machine.open_workload(name, at, mode="dedicated", **ttl)

    def batch(self, name: str, at: float, **ttl: int) -> None:
        self.record += self.machine.open_workload(name, at, mode="batch", **ttl)

    def submit(self, job: str, at: float, workload: str | None = None, limit: float | None = None) -> None:
        self.record += self.machine.submit(job, at, workload=workload, limit_seconds=limit)

    def prepare(self, job: str, at: float, qpu_seconds: float, failure: str | None = None) -> None:
        self.record += self.machine.prepared(job, at, qpu_seconds=qpu_seconds, failure=failure)

    def fail_in_preparation(self, job: str, at: float) -> None:
        self.record += self.machine.failed_in_preparation(job, at, reason="it does not fit", reason_code=1517)

    def run(self, job: str, at: float, qpu_seconds: float, workload: str | None = None) -> None:
        """Submit a job that needs ``qpu_seconds``, on a device with a free lane."""
        self.submit(job, at, workload)
        self.prepare(job, at, qpu_seconds)

    def cancel(self, job: str, at: float) -> None:
        self.record += self.machine.cancel_job(job, at)

    def close(self, workload: str, at: float) -> None:
        self.record += self.machine.stop_accepting(workload, at)

    def cancel_workload(self, workload: str, at: float) -> None:
        self.record += self.machine.cancel_workload(workload, at)

    def until(self, at: float) -> None:
        self.record += self.machine.advance(at)

    def skip(self, to: float) -> None:
        """Jump from the present moment."""
        self.record += self.machine.skip(to, to - self.machine.now)

    def suspend(self, at: float) -> None:
        self.record += self.machine.suspend(at)

    def job(self, job: str) -> JobHistory:
        return JobHistory.of(job, self.record)

    def job_usage(self, job: str) -> float:
        return job_usage(self.job(job))

    def history(self, workload: str) -> WorkloadHistory:
        return WorkloadHistory.of(workload, self.record)

    def usage(self, workload: str) -> float:
        return workload_usage(self.history(workload))

    def states(self, workload: str) -> list[tuple[str, float]]:
        return list(self.history(workload).timestamps)

    @property
    def on_qpu(self) -> str | None:
        holder = self.machine.state.on_qpu
        return holder.id if holder else None

    @property
    def in_lanes(self) -> set[str]:
        return {job.id for job in self.machine.state.lanes.values()}
