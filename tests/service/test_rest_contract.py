"""The interface as other clients than qiskit's meet it: documentation, refusals, mocks, private jobs, plain JSON."""

from __future__ import annotations

from typing import Any

import httpx
import jsonschema
import pytest

from qrun.local.process import ServiceInfo
from tests.service.plain_client import FLIP, Submit, sampler_job, wait

PATHS = {
    ("get", "/v1/jobs"), ("post", "/v1/jobs"), ("get", "/v1/jobs/{job_id}"), ("delete", "/v1/jobs/{job_id}"),
    ("get", "/v1/jobs/{job_id}/results"), ("get", "/v1/jobs/{job_id}/logs"),
    ("post", "/v1/jobs/{job_id}/cancel"), ("get", "/v1/jobs/{job_id}/metrics"),
    ("put", "/v1/jobs/{job_id}/tags"), ("post", "/v1/sessions"), ("get", "/v1/sessions/{session_id}"),
    ("patch", "/v1/sessions/{session_id}"), ("delete", "/v1/sessions/{session_id}/close"),
    ("get", "/v1/backends"), ("get", "/v1/backends/{name}/configuration"),
    ("get", "/v1/backends/{name}/properties"), ("get", "/v1/backends/{name}/status"),
    ("get", "/v1/backends/{name}/defaults"), ("get", "/v1/instance"),
    ("get", "/v1/instances/configuration"), ("put", "/v1/instances/configuration"),
    ("get", "/v1/instances/usage"), ("get", "/v1/workloads"), ("get", "/v1/tags"),
    ("get", "/v1/accounts/{account}"), ("get", "/v1/versions"),
}  # fmt: skip
"""Of the public specification, without its analytics."""


@pytest.fixture
def document(service: ServiceInfo) -> dict[str, Any]:
    return httpx.get(f"{service.url}/openapi.json", trust_env=False).json()


def conforms(answer: httpx.Response, schema: str, document: dict[str, Any]) -> Any:
    """The answer's JSON, which is of that schema of the service's own document."""
    assert answer.status_code == 200, answer.text
    data = answer.json()
    jsonschema.validate(data, {**document, "$ref": f"#/components/schemas/{schema}"})
    return data


def test_every_path_of_the_specification_is_documented(document: dict[str, Any]) -> None:
    described = {
        (method, path.removeprefix("/api")) for path, found in document["paths"].items() for method in found
    }
    assert described == PATHS


def test_the_documentation_needs_no_token_and_tells_no_secret(service: ServiceInfo) -> None:
    for path in ("/docs", "/openapi.json"):
        answer = httpx.get(service.url + path, trust_env=False)
        assert answer.status_code == 200
        assert service.token not in answer.text
        assert service.instance not in answer.text
    page = httpx.get(f"{service.url}/docs", trust_env=False)
    assert "POST /v1/jobs" in page.text
    assert "<script" not in page.text
    assert "default-src 'none'" in page.headers["content-security-policy"]


def test_answers_have_what_the_document_says(
    api: httpx.Client, submit: Submit, document: dict[str, Any]
) -> None:
    job = submit(tags=["contract"])
    wait(api, job)
    conforms(api.get(f"/jobs/{job}"), "Job", document)
    conforms(api.get("/jobs?limit=2&exclude_params=false"), "Jobs", document)
    conforms(api.get(f"/jobs/{job}/metrics"), "JobMetrics", document)
    session = conforms(
        api.post("/sessions", json={"mode": "batch", "backend": "ideal", "max_ttl": 60.0}),
        "Session",
        document,
    )
    assert session["max_ttl"] == 60
    conforms(api.get("/workloads"), "Workloads", document)
    conforms(api.get("/instances/usage"), "Usage", document)
    listed = conforms(api.get("/backends?include_mocks=true"), "Backends", document)["devices"]
    assert len(listed) > 130
    conforms(api.get("/backends/fake_cambridge/configuration"), "BackendConfiguration", document)


@pytest.mark.parametrize(
    "path",
    [
        "/jobs?limit=few", "/jobs?offset=1.5", "/jobs?pending=maybe", "/jobs?sort=up", "/jobs?exclude_params=2",
        "/jobs?include_mocks=x", "/jobs?created_after=yesterday", "/backends?fields=colour",
        "/workloads?sort=name", "/workloads?mode=dedicated", "/workloads?status=cancelled",
        "/workloads?user=you", "/workloads?next=abc", "/tags?type=session&search=abc",
        "/backends/ideal/properties?updated_before=never",
    ],
)  # fmt: skip
def test_a_query_that_says_nothing_is_refused(api: httpx.Client, path: str) -> None:
    answer = api.get(path)
    assert answer.status_code == 400
    assert answer.json()["errors"][0]["message"]


@pytest.mark.parametrize(
    "more",
    [{"log_level": "loud"}, {"private": "yes"}, {"session_id": "x" * 37}, {"cost": 1.5}, {"cost": True}],
)
def test_a_job_that_says_nothing_is_refused(api: httpx.Client, more: dict[str, Any]) -> None:
    assert api.post("/jobs", json=sampler_job(**more)).status_code == 400


def test_limits_out_of_range_are_the_default_ones(api: httpx.Client) -> None:
    assert api.get("/jobs?limit=201").json()["limit"] == 200
    assert api.get("/jobs?limit=0&offset=-1").json()["offset"] == 0
    assert api.get(f"/jobs?limit={'9' * 5000}").json()["limit"] == 200
    assert api.get("/workloads?limit=51").json()["limit"] == 10


def test_a_method_that_a_path_does_not_know(api: httpx.Client) -> None:
    answer = api.post("/sessions/abc")
    assert answer.status_code == 405
    assert answer.headers["allow"] == "GET, PATCH"
    assert answer.json()["errors"]


def test_an_unknown_version_of_the_interface_is_refused(api: httpx.Client) -> None:
    known = api.get("/versions").json()["versions"]
    for version in (known[0], known[-1]):
        assert api.get("/jobs?limit=1", headers={"IBM-API-Version": version}).status_code == 200
    answer = api.get("/jobs?limit=1", headers={"IBM-API-Version": "1999-01-01"})
    assert answer.status_code == 400
    assert known[-1] in answer.json()["errors"][0]["solution"]


def test_a_calibration_that_is_not_there(api: httpx.Client) -> None:
    for part in ("configuration", "properties"):
        answer = api.get(f"/backends/ideal/{part}?calibration_id=other")
        assert answer.status_code == 404
        assert "other" in answer.json()["errors"][0]["message"]


def test_the_result_of_a_private_job_is_given_out_once(api: httpx.Client, submit: Submit) -> None:
    job = submit(private=True)
    assert wait(api, job)["private"] is True
    assert api.get(f"/jobs/{job}/results").json()["results"]
    assert api.get(f"/jobs/{job}/results").status_code == 204


def test_a_dry_run_is_checked_costs_nothing_and_is_hidden(api: httpx.Client, submit: Submit) -> None:
    before = api.get("/instances/usage").json()["usage_consumed_seconds"]
    job = submit(backend="mock_fez")
    ended = wait(api, job)
    assert ended["state"]["status"] == "Completed"
    assert ended["estimated_running_time_seconds"] > 2
    bits = api.get(f"/jobs/{job}/results").json()["results"][0]["data"]["c"]
    assert len(bits["samples"]) == 10
    assert "random data" in api.get(f"/jobs/{job}/logs").text
    assert api.get("/instances/usage").json()["usage_consumed_seconds"] == before
    for path in ("/jobs?limit=200", "/workloads?limit=50"):
        assert job not in api.get(path).text
        assert job in api.get(f"{path}&include_mocks=true").text
    wrong = FLIP.replace("x $0", "h $0")
    failed = wait(api, submit(backend="mock_fez", params={"pubs": [[wrong, None, 10]], "version": 2}))
    assert failed["state"]["reason_code"] == 1517


def test_mocks_are_listed_where_they_are_asked_for(api: httpx.Client) -> None:
    def classes(path: str) -> dict[str, str | None]:
        return {line["name"]: line.get("class") for line in api.get(path).json()["devices"]}

    assert "mock" not in classes("/backends").values()
    with_mocks = classes("/backends?include_mocks=true")
    assert with_mocks["mock_fez"] == "mock"
    assert with_mocks["fake_fez"] is None


def test_openqasm_and_plain_json_there_and_back(api: httpx.Client, submit: Submit) -> None:
    params = {"pubs": [[FLIP.replace("$0", "$5"), None, 4]], "version": 2}
    job = submit(params=params)
    wait(api, job)
    answer = api.get(f"/jobs/{job}/results")
    assert answer.headers["content-type"].startswith("text/plain")
    assert answer.json()["results"][0]["data"] == {"c": {"samples": ["0x1"] * 4, "num_bits": 1}}
    assert api.get(f"/jobs/{job}").json()["params"] == params

    text = 'OPENQASM 3.0; include "stdgates.inc"; x $5;'
    observables = [{"ZIIIII": 1.0}, {"IZIIII": 0.5, "IIIIII": 0.25}]
    job = submit(program_id="estimator", params={"pubs": [[text, observables]], "version": 2})
    wait(api, job)
    (result,) = api.get(f"/jobs/{job}/results").json()["results"]
    assert result["data"]["evs"] == [-1.0, 0.75]
    assert result["metadata"]["shots"] == 4096
