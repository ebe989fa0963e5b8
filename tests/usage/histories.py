"""Random histories of a device, and what the REST interface says of them."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from qrun.local.rest.answers import seconds, timestamp
from qrun.local.scheduling import DeviceScheduler, JobHistory, WorkloadHistory, job_usage, workload_usage
from qrun.local.scheduling.events import Event

EPOCH = 1_790_000_000.0
"""The histories begin here: the service tells times since 1970."""

ACTION = st.tuples(
    st.sampled_from(["submit", "submit", "submit", "fail", "cancel", "close", "stop", "wait"]),
    st.integers(0, 3),  # which workload; 0 is job mode
    st.integers(0, 9),  # how long, or which job
    st.sampled_from([0, 0, 0, 1, 2, 5, 70]),  # seconds that pass before it
)


class History:
    """A device on which ``actions`` happened, times in whole seconds."""

    def __init__(self, actions: list[tuple[str, int, int, int]], max_ttl: int) -> None:
        self.machine = DeviceScheduler()
        self.record: list[Event] = []
        self.now = EPOCH
        self.jobs: list[str] = []
        self.workloads = {1: ("s1", "dedicated"), 2: ("s2", "dedicated"), 3: ("b", "batch")}
        for name, mode in self.workloads.values():
            self.record += self.machine.open_workload(name, EPOCH, mode=mode, max_ttl=max_ttl)
        for action in actions:
            self._act(*action)
        self.now += 40  # Some are still at it then, most are not.
        self.record += self.machine.advance(self.now)

    def _act(self, what: str, where: int, number: int, wait: int) -> None:
        self.now += wait
        self.record += self.machine.advance(self.now)
        workload = self.workloads[where][0] if where else None
        if what in ("submit", "fail"):
            if workload is not None and not self.machine.accepts(workload):
                return
            job = f"j{len(self.jobs)}"
            self.jobs.append(job)
            self.record += self.machine.submit(job, self.now, workload=workload)
            self._prepare(job, number, what)
        elif what == "cancel" and self.jobs:
            self.record += self.machine.cancel_job(self.jobs[number % len(self.jobs)], self.now)
        elif what == "close" and workload is not None:
            self.record += self.machine.stop_accepting(workload, self.now)
        elif what == "stop" and workload is not None:
            self.record += self.machine.cancel_workload(workload, self.now)
        for job in self.jobs:  # Those that have got a lane meanwhile.
            self._prepare(job, len(job) + int(job[1:]) % 7, "submit")

    def _prepare(self, job: str, number: int, what: str) -> None:
        held = self.machine.state.jobs.get(job)
        if held is None or held.prepared_at is not None:
            return
        if what == "fail" and number < 4:
            self.record += self.machine.failed_in_preparation(job, self.now, reason="bad", reason_code=1517)
        else:
            failure = "lost" if what == "fail" else None
            self.record += self.machine.prepared(job, self.now, qpu_seconds=number + 1, failure=failure)

    def session_document(self, name: str) -> dict[str, Any]:
        """As ``GET /sessions/{id}`` has it."""
        history = WorkloadHistory.of(name, self.record)
        return {
            "id": name,
            "backend_name": "ideal",
            "started_at": timestamp(history.first_started_at),
            "closed_at": timestamp(history.closed_at),
            "last_job_completed": timestamp(history.last_job_completed),
            "interactive_ttl": history.interactive_ttl,
            "max_ttl": history.max_ttl,
            "state": history.state,
            "state_reason": history.state_reason,
            "accepting_jobs": history.accepting_jobs,
            "mode": history.mode,
            "timestamps": [{"status": s, "timestamp": timestamp(at)} for s, at in history.timestamps],
            "elapsed_time": None if history.ongoing else seconds(workload_usage(history)),
        }

    def job_documents(self, job: str) -> tuple[dict[str, Any], dict[str, Any]]:
        """As ``GET /jobs/{id}`` and ``GET /jobs/{id}/metrics`` have it."""
        history = JobHistory.of(job, self.record)
        [workload] = [e.workload for e in self.record if e.kind == "job_queued" and e.job == job]
        word = {"completed": "Completed", "failed": "Failed", "cancelled": "Cancelled"}.get(
            history.outcome or "", "Queued" if history.started_at is None else "Running"
        )
        ended = history.finished_at is not None
        usage = {
            "qpu_charge_time_seconds": seconds(job_usage(history, self.now)),
            "status": "complete" if ended else "pending",
        }
        times = {
            "created": timestamp(history.queued_at),
            "running": timestamp(history.started_at),
            "finished": timestamp(history.finished_at),
        }
        state = {"status": word, "reason": history.reason, "reason_code": history.reason_code}
        about = {"id": job, "backend": "ideal", "state": state, "program": {"id": "sampler"}, "usage": usage}
        return {**about, "created": times["created"], "session_id": workload}, {
            "timestamps": times,
            "usage": usage,
        }
