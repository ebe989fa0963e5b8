"""What a service says, read the same whatever its API version (M10)."""

from __future__ import annotations

from datetime import datetime, timezone

import pytest

from qrun.runtime.records import job_record, job_times, parse_time, session_record, usage_of


def _job(**state):
    return {"id": "j1", "state": state, "status": state.get("status"), "program": {"id": "executor"}}


@pytest.mark.parametrize(
    ("status", "state", "ended"),
    [
        ("Queued", "QUEUED", False),
        ("Running", "RUNNING", False),
        ("Completed", "DONE", True),
        ("Failed", "ERROR", True),
        ("Cancelled", "CANCELLED", True),
        ("Cancelled - Ran too long", "ERROR", True),
    ],
)
def test_states(status, state, ended):
    record = job_record(_job(status=status))
    assert (record.state, record.ended, record.unknown) == (state, ended, False)


def test_ran_too_long_is_an_error_although_the_service_says_cancelled():
    record = job_record(_job(status="Cancelled", reason="ran longer", reason_code=1305))
    assert record.state == "ERROR"
    assert record.reason_code == 1305


def test_an_unknown_state_is_shown_as_it_is():
    record = job_record(_job(status="Meditating"))
    assert record.state == "MEDITATING"
    assert record.unknown
    assert not record.ended


@pytest.mark.parametrize(
    ("data", "seconds", "settled"),
    [
        ({"qpu_charge_time_seconds": 3, "status": "complete"}, 3, True),
        ({"qpu_charge_time_seconds": 0, "status": "pending"}, 0, False),
        ({"qpu_charge_time_seconds": 2}, 2, False),
        ({"quantum_seconds": 4.5, "seconds": 5}, 4.5, True),
        ({"seconds": 5}, 5, True),
        ({}, None, False),
        (None, None, False),
    ],
)
def test_m10_usage_under_old_and_new_names(data, seconds, settled):
    usage = usage_of(data)
    assert (usage.seconds, usage.settled) == (seconds, settled)


@pytest.mark.parametrize(
    "text",
    [
        "2026-11-22T10:00:00Z",
        "2026-11-22T10:00:00",
        "2026-11-22T12:00:00.000000000+02:00",
        "2026-11-22T10:00:00.0Z",
    ],
)
def test_times(text):
    assert parse_time(text) == datetime(2026, 11, 22, 10, tzinfo=timezone.utc)


def test_times_that_are_not_there():
    assert parse_time(None) is None
    assert parse_time("soon") is None
    assert job_times({"timestamps": {"created": "2026-11-22T10:00:00Z", "running": None}}).started is None


def test_session_and_batch():
    data = {
        "id": "s",
        "mode": "dedicated",
        "state": "active",
        "accepting_jobs": True,
        "interactive_ttl": 60,
        "max_ttl": 28800,
        "backend_name": "",
        "elapsed_time": None,
    }
    session = session_record(data)
    assert (session.mode, session.backend, session.usage_seconds, session.closed) == (
        "session",
        None,
        None,
        False,
    )
    assert session_record({**data, "mode": "batch", "state": "closed"}).mode == "batch"
