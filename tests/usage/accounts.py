"""Accounts made by the scheduler, for tests of what is drawn of them."""

from __future__ import annotations

from datetime import datetime, timezone

from qrun.runtime.records import job_record, job_times, session_record
from qrun.usage.account import account_of_sessions, job_usage
from qrun.usage.model import JobUsage, UsageAccount
from tests.usage.histories import History

PAUSED = [
    ("submit", 1, 3, 0),
    ("fail", 1, 1, 0),
    ("fail", 1, 8, 2),
    ("submit", 1, 5, 1),
    ("cancel", 0, 3, 1),
    ("submit", 1, 2, 20),
    ("wait", 0, 0, 70),
    ("submit", 1, 9, 70),
    ("close", 1, 0, 0),
]
"""A session with a failure before the lock, one on the QPU, a cancellation, and a pause."""


def jobs_of(history: History) -> tuple[JobUsage, ...]:
    """The jobs of a history, as the service tells of them."""
    documents = [history.job_documents(job) for job in history.jobs]
    return tuple(job_usage(job_record(about), job_times(metrics)) for about, metrics in documents)


def account_of(history: History, workload: str = "s1") -> UsageAccount:
    """The account of one of a history's sessions or batches."""
    mine = tuple(job for job in jobs_of(history) if job.session_id == workload)
    session = session_record(history.session_document(workload))
    return account_of_sessions([session], mine, now=datetime.fromtimestamp(history.now, timezone.utc))


def paused_session() -> UsageAccount:
    """The account of :data:`PAUSED`."""
    return account_of(History(PAUSED, 28_800))


def many_jobs(number: int) -> UsageAccount:
    """A batch of ``number`` jobs: five lanes, and a queue before them."""
    from datetime import timedelta

    base = datetime(2026, 11, 1, tzinfo=timezone.utc)
    jobs = []
    for i in range(number):
        start = base + timedelta(seconds=600 if i < 5 else 601 + 2.5 * (i - 4))
        end = base + timedelta(seconds=601 + 2.5 * (i + 1))
        states = {3: "ERROR", 4: "CANCELLED"}
        jobs.append(
            JobUsage(
                id=f"j{i:06d}",
                state=states.get(i % 97, "DONE"),
                qpu_seconds=2.5,
                created=base + timedelta(seconds=i * 0.01),
                started=start,
                finished=end,
                tags=(f"tag{i % 7}",),
                execution_seconds=0.5,
                session_id="b",
            )
        )
    session = session_record(
        {
            "id": "b",
            "mode": "batch",
            "backend_name": "ideal",
            "state": "closed",
            "started_at": jobs[0].started.isoformat(),
            "closed_at": jobs[-1].finished.isoformat(),
            "timestamps": [
                {"status": "active", "timestamp": jobs[0].started.isoformat()},
                {"status": "closed", "timestamp": jobs[-1].finished.isoformat()},
            ],
            "elapsed_time": 2.5 * number,
        }
    )
    return account_of_sessions([session], tuple(jobs), now=jobs[-1].finished)
