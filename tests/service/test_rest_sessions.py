from __future__ import annotations

import time
from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import Any

import httpx
import pytest

from tests.service.plain_client import Submit, sampler_job, wait


def create(api: httpx.Client, mode: str, **more: Any) -> str:
    response = api.post("/sessions", json={"mode": mode, "backend": "ideal", **more})
    assert response.status_code == 200, response.text
    return str(response.json()["id"])


def read(api: httpx.Client, session: str) -> dict[str, Any]:
    answer: dict[str, Any] = api.get(f"/sessions/{session}").json()
    return answer


@pytest.mark.parametrize(("mode", "ittl"), [("batch", 1), ("dedicated", 60)])
def test_m16_the_times_to_live_are_told(api: httpx.Client, mode: str, ittl: int) -> None:
    session = create(api, mode, max_ttl=1500)
    answer = read(api, session)
    assert (answer["interactive_ttl"], answer["max_ttl"], answer["active_ttl"]) == (ittl, 1500, 1500)
    assert (answer["mode"], answer["state"], answer["state_reason"]) == (mode, "open", "session_created")
    assert answer["backend_name"] == "ideal"
    assert answer["accepting_jobs"] is True
    assert answer["elapsed_time"] is None
    assert [entry["status"] for entry in answer["timestamps"]] == ["open"]
    api.patch(f"/sessions/{session}", json={"accepting_jobs": False})


def test_m16_the_date_of_the_answer_is_of_the_clock_that_its_times_are_of(
    api: httpx.Client, submit: Submit
) -> None:
    """Which is ahead of ours by what was skipped: without it nobody could say how long something has left."""
    session = create(api, "dedicated")
    wait(api, submit(session_id=session))
    answer = api.get(f"/sessions/{session}")
    now = parsedate_to_datetime(answer.headers["Date"])
    ended = datetime.fromisoformat(answer.json()["last_job_completed"].replace("Z", "+00:00"))
    assert -1 <= (now - ended).total_seconds() < answer.json()["interactive_ttl"]
    api.patch(f"/sessions/{session}", json={"accepting_jobs": False})


def test_closing_an_unused_one_ends_it_at_once(api: httpx.Client) -> None:
    session = create(api, "dedicated")
    assert api.patch(f"/sessions/{session}", json={"accepting_jobs": False}).status_code == 204
    answer = read(api, session)
    assert (answer["state"], answer["state_reason"]) == ("closed", "session_closed_early")
    assert answer["elapsed_time"] == 0
    # The flag may be set again, and it stays closed.
    assert api.patch(f"/sessions/{session}", json={"accepting_jobs": True}).status_code == 204
    answer = read(api, session)
    assert (answer["state"], answer["accepting_jobs"]) == ("closed", True)
    refused = api.post("/jobs", json=sampler_job(session_id=session))
    assert refused.status_code == 400
    assert refused.json()["errors"][0]["code"] == 4001


def test_m8_a_batch_costs_what_its_jobs_use(api: httpx.Client, submit: Submit) -> None:
    batch = create(api, "batch")
    jobs = [submit(session_id=batch) for _ in range(3)]
    api.patch(f"/sessions/{batch}", json={"accepting_jobs": False})
    used = sum(wait(api, job)["usage"]["qpu_charge_time_seconds"] for job in jobs)
    answer = read(api, batch)
    assert answer["state"] == "closed"
    assert answer["elapsed_time"] == pytest.approx(used, abs=0.003)
    assert used > 0
    assert api.get("/jobs", params={"session_id": batch}).json()["count"] == 3
    assert answer["last_job_completed"] == answer["closed_at"]


def test_m7_a_session_costs_its_time_from_first_start_to_closing(api: httpx.Client, submit: Submit) -> None:
    session = create(api, "dedicated")
    began = time.monotonic()
    used = wait(api, submit(session_id=session))["usage"]["qpu_charge_time_seconds"]
    assert read(api, session)["state"] == "active"
    assert read(api, session)["elapsed_time"] is None
    thinking = 0.5
    time.sleep(thinking)
    api.patch(f"/sessions/{session}", json={"accepting_jobs": False})
    real = time.monotonic() - began
    answer = read(api, session)
    # A classical stage of one second, the QPU, and all the time that the client let pass, but none twice.
    assert 1 + used + thinking <= answer["elapsed_time"] <= 1 + used + real
    assert [entry["status"] for entry in answer["timestamps"]] == ["open", "active", "closed"]


def test_m13_m15_a_batch_is_paused_after_a_second_and_a_later_job_wakes_it(
    api: httpx.Client, submit: Submit
) -> None:
    batch = create(api, "batch")
    wait(api, submit(session_id=batch))
    time.sleep(1.1)
    answer = read(api, batch)
    assert (answer["state"], answer["state_reason"]) == ("inactive", "session_inactivated_by_interactive_ttl")
    assert answer["elapsed_time"] > 0
    wait(api, submit(session_id=batch))
    api.patch(f"/sessions/{batch}", json={"accepting_jobs": False})
    states = [entry["status"] for entry in read(api, batch)["timestamps"]]
    assert states == ["open", "active", "inactive", "active", "closed"]


def test_cancel_ends_queued_jobs(api: httpx.Client, submit: Submit, occupied: str) -> None:
    batch = create(api, "batch")
    job = submit(session_id=batch)
    assert api.delete(f"/sessions/{batch}/close").status_code == 204
    assert read(api, batch)["state"] == "closed"
    assert api.get(f"/jobs/{job}").json()["state"]["status"] == "Cancelled"


def test_m3_nobody_elses_job_starts_while_a_session_is_active(
    api: httpx.Client, submit: Submit, occupied: str
) -> None:
    other = submit()
    wait(api, submit(session_id=occupied))
    assert api.get(f"/jobs/{other}").json()["state"]["status"] == "Queued"
    api.patch(f"/sessions/{occupied}", json={"accepting_jobs": False})
    assert wait(api, other)["state"]["status"] == "Completed"


def test_wrong_requests_are_refused(api: httpx.Client) -> None:
    assert api.post("/sessions", json={"mode": "job", "backend": "ideal"}).status_code == 400
    assert api.post("/sessions", json={"mode": "batch"}).status_code == 400
    assert api.post("/sessions", json={"mode": "batch", "backend": "nowhere"}).status_code == 404
    assert api.post("/sessions", json={"mode": "batch", "backend": "ideal", "max_ttl": 0}).status_code == 400
    assert (
        api.post("/sessions", json={"mode": "batch", "backend": "ideal", "max_ttl": 99999}).status_code == 400
    )
    assert api.get("/sessions/none").status_code == 404
    assert api.patch("/sessions/none", json={"accepting_jobs": False}).status_code == 404
    assert api.delete("/sessions/none/close").status_code == 404
    session = create(api, "batch")
    assert api.patch(f"/sessions/{session}", json={"accepting_jobs": "no"}).status_code == 400
    elsewhere = api.post("/jobs", json=sampler_job(session_id=session, backend="fake_manila"))
    assert elsewhere.status_code == 400
    api.patch(f"/sessions/{session}", json={"accepting_jobs": False})


def test_workloads_lists_jobs_and_sessions_together(api: httpx.Client, submit: Submit) -> None:
    batch = create(api, "batch")
    wait(api, submit(session_id=batch))
    job = submit()
    wait(api, job)
    api.patch(f"/sessions/{batch}", json={"accepting_jobs": False})
    page = api.get("/workloads", params={"limit": 1}).json()
    assert page["total_count"] >= 2
    assert [line["id"] for line in page["workloads"]] == [job]
    assert page["next"]["href"].endswith("next=1")
    assert "previous" not in page
    page = api.get("/workloads", params={"limit": 1, "next": 1}).json()
    assert [line["id"] for line in page["workloads"]] == [batch]
    assert page["previous"]["href"].endswith("previous=0")
    page = api.get(
        "/workloads", params={"limit": 1, "sort": "createdAt", "backend": "ideal", "next": 1}
    ).json()
    assert page["previous"]["href"] == "/v1/workloads?limit=1&sort=createdAt&backend=ideal&previous=0"
    listed = {line["id"]: line for line in api.get("/workloads", params={"limit": 50}).json()["workloads"]}
    assert listed[batch]["mode"] == "batch"
    assert listed[batch]["status"] == "completed"
    assert listed[job]["mode"] == "job"
    assert listed[job]["usage"]["qpu_charge_time_seconds"] > 0
