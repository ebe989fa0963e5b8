"""The numbers of a report are those of a slow reckoning from the mission's sentences (M6–M12)."""

from __future__ import annotations

from datetime import datetime, timezone

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from qrun.runtime.records import job_record, job_times, session_record
from qrun.usage.account import account_of_sessions, job_usage
from qrun.usage.breakdown import breakdown
from qrun.usage.model import JobUsage
from tests.command import many_jobs
from tests.usage.histories import ACTION, EPOCH, History
from tests.usage.reckoning import Reckoning


def _job(history: History, job: str) -> JobUsage:
    record, metrics = history.job_documents(job)
    return job_usage(job_record(record), job_times(metrics))


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(ACTION, max_size=18), st.sampled_from([30, 28_800]))
@example([("submit", 1, 3, 0), ("fail", 1, 9, 0), ("fail", 1, 1, 2), ("submit", 1, 3, 70)], 28_800)
@example([("submit", 1, 9, 0), ("submit", 1, 9, 0), ("submit", 1, 9, 0), ("submit", 1, 9, 0)], 30)
@example(
    [("submit", 1, 0, 0)] + [("submit", 0, 0, 0)] * 5 + [("submit", 0, 0, 70), ("submit", 1, 0, 0)], 28_800
)
@example([("submit", 3, 9, 0)] * 7 + [("cancel", 0, 6, 1), ("cancel", 0, 0, 2)], 28_800)
def test_every_number_is_that_of_the_slow_reckoning(actions, max_ttl):
    history = History(actions, max_ttl)
    slow = Reckoning(history.record, EPOCH, history.now)
    jobs = {name: _job(history, name) for name in history.jobs}
    for name, job in jobs.items():
        if job.ended:
            assert job.qpu_seconds == slow.qpu([name])
            assert job.queue_seconds == slow.queue(name)
        else:
            assert job.qpu_seconds is None
            assert job.so_far_seconds == slow.qpu([name])
        if job.ended and job.started is not None:
            assert job.classical_seconds == slow.off_qpu(name)
    for workload in ("s1", "s2", "b"):
        _check_workload(history, slow, jobs, workload)


def _check_workload(history: History, slow: Reckoning, jobs: dict[str, JobUsage], workload: str) -> None:
    session = session_record(history.session_document(workload))
    mine = tuple(job for job in jobs.values() if job.session_id == workload)
    account = account_of_sessions([session], mine, now=datetime.fromtimestamp(history.now, timezone.utc))
    parts = breakdown(account)
    quantum = slow.batch(workload)
    assert account.so_far_seconds == (quantum if session.mode == "batch" else slow.session(workload))
    if account.usage_seconds is not None:
        assert account.usage_seconds == account.so_far_seconds
    if all(job.qpu_seconds is not None for job in mine):
        assert account.qpu_seconds == quantum
    assert parts.failed.seconds == slow.qpu(job.id for job in mine if job.state == "ERROR")
    assert parts.cancelled.seconds == slow.qpu(job.id for job in mine if job.state == "CANCELLED")
    assert parts.failed.unlocked == sum(slow.qpu([job.id]) == 0 for job in mine if job.state == "ERROR")
    if session.mode == "session":
        assert parts.idle_seconds == slow.session(workload) - quantum
        if account.windows:
            assert parts.waiting_seconds == slow.no_job(workload)
            assert parts.classical_seconds == parts.idle_seconds - slow.no_job(workload)
    else:
        assert parts.idle_seconds is None


def test_the_reckoning_itself_by_hand():
    """A session: classical 0–1, QPU 1–5; ITTL until 65; a job at 100 that fails in preparation."""
    history = History([("submit", 1, 3, 0), ("fail", 1, 0, 70), ("close", 1, 0, 5)], 28_800)
    slow = Reckoning(history.record, EPOCH, history.now)
    assert slow.qpu(["j0"]) == 4
    assert slow.off_qpu("j0") == 1
    # Active 0–65; the failed job starts and ends at 70, and the session it woke is closed at 75.
    assert slow.session("s1") == 65 + 5
    assert slow.no_job("s1") == 60 + 5


@pytest.mark.parametrize("mode", ["session", "batch"])
def test_the_numbers_of_the_command_are_in_the_services_own_record(qrun, service_env, tmp_path, mode):
    """From YAML to ``qrun usage``, against the event record that the service keeps."""
    import json
    import sqlite3
    from pathlib import Path

    from qrun.local.scheduling.events import from_dict

    path = many_jobs(tmp_path / "w.yaml", 3, "ideal")
    run_id = qrun("submit", str(path), "--mode", mode).stdout.strip()
    qrun("wait", run_id)
    usage = qrun.json("usage", run_id, "--json")
    [path] = (Path(service_env["QRUN_HOME"]) / "local").glob("*.sqlite")
    with sqlite3.connect(path) as db:
        rows = db.execute("SELECT data FROM events WHERE workload = ? ORDER BY seq", (usage["session_id"],))
        record = [from_dict(json.loads(data)) for (data,) in rows]
    slow = Reckoning(record, record[0].at, record[-1].at + 0.1, step=0.002)
    jobs = [job["id"] for job in usage["jobs"]]
    assert usage["qpu_seconds"] == pytest.approx(slow.qpu(jobs), abs=0.02)
    charged = slow.session(usage["session_id"]) if mode == "session" else slow.qpu(jobs)
    assert usage["usage_seconds"] == pytest.approx(charged, abs=0.02)
    if mode == "session":
        idle = usage["breakdown"]["idle_seconds"]
        assert idle == pytest.approx(charged - slow.qpu(jobs), abs=0.02)
    for job in usage["jobs"]:
        assert job["qpu_seconds"] == pytest.approx(slow.qpu([job["id"]]), abs=0.01)
        assert job["classical_seconds"] == pytest.approx(slow.off_qpu(job["id"]), abs=0.01)
