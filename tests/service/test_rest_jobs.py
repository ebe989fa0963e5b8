from __future__ import annotations

import json
import uuid
from typing import Any

import httpx
import pytest

from tests.service.plain_client import Submit, sampler_job, wait


def test_a_job_runs_and_tells_all_about_itself(api: httpx.Client, submit: Submit) -> None:
    job = submit(tags=["first"], cost=99_999)
    assert len(job) == 20
    ended = wait(api, job)
    assert ended["state"] == {"status": "Completed"}
    assert ended["status"] == "Completed"
    assert ended["cost"] == 10_800
    assert ended["params"]["pubs"][0][2] == 10
    assert ended["usage"]["status"] == "complete"
    assert ended["usage"]["qpu_charge_time_seconds"] == pytest.approx(
        ended["estimated_running_time_seconds"], abs=0.001
    )
    assert "params" not in api.get(f"/jobs/{job}?exclude_params=true").json()
    metrics = api.get(f"/jobs/{job}/metrics").json()
    assert metrics["usage"] == ended["usage"]
    assert metrics["timestamps"]["created"] <= metrics["timestamps"]["running"]
    assert metrics["timestamps"]["running"] < metrics["timestamps"]["finished"]
    assert api.get(f"/jobs/{job}/results").json()
    assert api.get(f"/jobs/{job}/logs").status_code == 200


def test_a_job_that_fails_has_a_reason_and_no_usage(api: httpx.Client, submit: Submit) -> None:
    job = submit(params={"pubs": [["no circuit at all"]], "version": 2})
    ended = wait(api, job)
    assert ended["state"]["status"] == "Failed"
    assert ended["state"]["reason"]
    assert ended["usage"] == {"qpu_charge_time_seconds": 0, "status": "complete"}
    assert ended["state"]["reason"] in api.get(f"/jobs/{job}/results").text


def test_a_queued_job_is_pending_and_can_be_cancelled(
    api: httpx.Client, submit: Submit, occupied: str
) -> None:
    job = submit()
    queued = api.get(f"/jobs/{job}").json()
    assert queued["state"]["status"] == "Queued"
    assert queued["usage"]["status"] == "pending"
    assert queued["estimated_running_time_seconds"] is None
    assert api.get(f"/jobs/{job}/results").status_code == 204
    assert job in [line["id"] for line in api.get("/jobs?pending=true").json()["jobs"]]
    assert api.get("/backends/ideal/status").json()["length_queue"] == 1

    assert api.post(f"/jobs/{job}/cancel").status_code == 204
    assert api.get(f"/jobs/{job}").json()["state"]["status"] == "Cancelled"
    assert api.get(f"/jobs/{job}/metrics").json()["timestamps"]["running"] is None
    again = api.post(f"/jobs/{job}/cancel")
    assert again.status_code == 409
    assert again.json()["error"]["message"] == again.json()["errors"][0]["message"]


def test_a_job_that_has_ended_can_be_deleted(api: httpx.Client, submit: Submit) -> None:
    job = submit()
    wait(api, job)
    assert api.delete(f"/jobs/{job}").status_code == 204
    assert api.get(f"/jobs/{job}").status_code == 404
    assert api.get(f"/jobs/{job}/results").status_code == 404


def test_lists_have_exact_counts_and_pages(api: httpx.Client, submit: Submit) -> None:
    tag = uuid.uuid4().hex
    jobs = [submit(tags=[tag, f"number-{number}"]) for number in range(5)]
    page = api.get("/jobs", params={"tags": tag, "limit": 2, "offset": 3}).json()
    assert (page["count"], page["limit"], page["offset"]) == (5, 2, 3)
    assert [line["id"] for line in page["jobs"]] == [jobs[1], jobs[0]]
    assert "params" not in page["jobs"][0]
    oldest = api.get("/jobs", params={"tags": tag, "sort": "ASC", "limit": 999}).json()
    assert oldest["limit"] == 200
    assert [line["id"] for line in oldest["jobs"]] == jobs
    both = api.get("/jobs", params={"tags": [tag, "number-3"]}).json()
    assert (both["count"], both["jobs"][0]["id"]) == (1, jobs[3])
    assert api.get("/jobs", params={"tags": tag, "backend": "fake_fez"}).json()["count"] == 0
    assert api.get("/jobs", params={"session_id": "unknown"}).json() == {
        "jobs": [], "count": 0, "limit": 200, "offset": 0,
    }  # fmt: skip
    assert api.get("/jobs", params={"offset": 99999999999999999999, "limit": 10**30}).json()["offset"] == 0
    whole = api.get("/jobs", params={"tags": tag, "exclude_params": False}).json()["jobs"]
    assert [line["params"]["version"] for line in whole] == [2] * 5
    created = api.get(f"/jobs/{jobs[2]}").json()["created"]
    assert api.get("/jobs", params={"tags": tag, "created_after": created}).json()["count"] == 3
    assert api.get("/jobs", params={"created_after": "yesterday"}).status_code == 400


def test_tags_are_replaced_found_and_limited(api: httpx.Client, submit: Submit) -> None:
    job = submit(tags=["before"])
    tag = uuid.uuid4().hex
    assert api.put(f"/jobs/{job}/tags", json={"tags": [tag]}).status_code == 204
    assert api.get(f"/jobs/{job}").json()["tags"] == [tag]
    assert api.get("/tags", params={"type": "job", "search": tag[:10]}).json() == {"tags": [tag]}
    for tags in (["x"] * 9, ["x" * 87], "x", [1], None):
        assert api.put(f"/jobs/{job}/tags", json={"tags": tags or [None]}).status_code == 400
    assert api.post("/jobs", json=sampler_job(tags=["x"] * 9)).status_code == 400


@pytest.mark.parametrize(
    "change",
    [
        {"tags": ["\ud800"]},
        {"program_id": "\udfff"},
        {"backend": "\ud800"},
        {"session_id": "\ud800"},
        {"params": {"pubs": [{"\ud800": 1}]}},
    ],
)
def test_text_that_is_not_utf_8_is_refused(api: httpx.Client, submit: Submit, change: dict[str, Any]) -> None:
    response = api.post("/jobs", content=json.dumps(sampler_job(**change)))
    assert response.status_code == 400
    assert "UTF-8" in response.json()["errors"][0]["message"]
    assert wait(api, submit(tags=["\U0001f600", "\\ud800"]))["tags"] == ["\U0001f600", "\\ud800"]


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({"program_id": "unheard-of"}, 404),
        ({"program_id": None}, 400),
        ({"backend": "ibm_nowhere"}, 404),
        ({"backend": 7}, 400),
        ({"session_id": "none"}, 404),
        ({"cost": -1}, 400),
        ({"cost": "much"}, 400),
        ({"params": [1]}, 400),
        ({"params": {"pubs": 5}}, 400),
        ({"params": {"pubs": "x"}}, 400),
        ({"params": {"pubs": [], "options": [1, 2]}}, 400),
        ({"params": {"pubs": [], "options": "x"}}, 400),
        ({"tags": "one"}, 400),
    ],
)
def test_what_cannot_be_accepted_is_refused(
    api: httpx.Client, change: dict[str, object], status: int
) -> None:
    response = api.post("/jobs", json=sampler_job(**change))
    assert response.status_code == status
    assert response.json()["errors"][0]["message"]


def test_a_body_that_is_no_json_object_or_too_large_is_refused(api: httpx.Client) -> None:
    assert api.post("/jobs", content=b"{").status_code == 400
    assert api.post("/jobs", content=b"[1]").status_code == 400
    assert api.post("/jobs", content=b"\xff\xfe").status_code == 400
    assert api.post("/jobs", content=b'{"tags": ["\xed\xa0\x80"]}').status_code == 400
    assert api.post("/jobs", content=b"[" * 100_000).status_code == 400
    assert api.post("/jobs", content=b" " * 50_000_001).status_code == 413


def test_parameters_are_given_out_as_they_came(api: httpx.Client) -> None:
    body = json.dumps(sampler_job(params={"pubs": [], "x": [float("nan"), float("inf"), "\u00e9\U0001f600"]}))
    job = api.post("/jobs", content=body).json()["id"]
    answer = json.loads(api.get(f"/jobs/{job}").content)
    assert str(answer["params"]["x"][:2]) == "[nan, inf]"
    assert answer["params"]["x"][2] == "\u00e9\U0001f600"
    assert answer["id"] == job
    wait(api, job)


def test_parameters_of_a_private_job_are_not_given_out(api: httpx.Client, submit: Submit) -> None:
    job = submit(private=True)
    answer = api.get(f"/jobs/{job}").json()
    assert answer["private"] is True
    assert "params" not in answer
