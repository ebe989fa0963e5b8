"""The unmodified client against the local service, in a process of its own that knows nothing of qrun."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from qrun.local import process
from qrun.local.process import ServiceInfo

SCRIPT = Path(__file__).with_name("stock_client_script.py")


def run(variables: dict[str, str], *arguments: str, folder: Path) -> dict[str, Any]:
    # A proxy that nobody listens at: whatever tried to leave this machine would fail.
    nowhere = dict.fromkeys(("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"), "http://127.0.0.1:9")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("QISKIT", "QRUN"))}
    finished = subprocess.run(
        [sys.executable, "-W", "error:Unable to retrieve IBM Cloud", SCRIPT, *arguments],
        capture_output=True, text=True, timeout=120, cwd=folder,
        env={**kept, **nowhere, "HOME": str(folder), **variables},
    )  # fmt: skip
    assert finished.returncode == 0, finished.stderr
    found: dict[str, Any] = json.loads(finished.stdout.splitlines()[-1])
    return found


@pytest.fixture(scope="module")
def found(service: ServiceInfo, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    return run(process.environment(service), folder=tmp_path_factory.mktemp("script"))


def test_it_finds_the_devices(found: dict[str, Any]) -> None:
    assert {"fake_fez", "fake_sherbrooke", "fake_manila", "ideal"} <= set(found["backends"])


@pytest.mark.parametrize("mode", ["Session", "Batch"])
def test_it_runs_client_side_and_v2_primitives(found: dict[str, Any], mode: str) -> None:
    for job in found["modes"][mode]["jobs"]:
        assert job["status"] == "DONE"
        if isinstance(job["value"], dict):
            assert sum(job["value"].values()) == 1000
            assert job["value"]["00"] + job["value"]["11"] > 800
        else:
            assert 0.8 < job["value"] < 1.1
        assert job["metrics"]["usage"] == {"qpu_charge_time_seconds": job["usage"], "status": "complete"}
        assert job["estimate"] == pytest.approx(job["usage"], abs=0.001)
        assert job["usage"] > 1
        assert job["metrics"]["circuits_execution_time_ns"] > 0
        assert job["metrics"]["timestamps"]["finished"]


@pytest.mark.parametrize(("mode", "ittl"), [("Session", 60), ("Batch", 1)])
def test_it_reads_status_usage_and_details(found: dict[str, Any], mode: str, ittl: int) -> None:
    told = found["modes"][mode]
    assert told["statuses"] == ["Pending", "In progress, accepting new jobs", "Closed"]
    assert sorted(told["listed"]) == sorted(job["id"] for job in told["jobs"])
    used = sum(job["usage"] for job in told["jobs"])
    if mode == "Batch":
        assert told["usage"] == pytest.approx(used, abs=0.01)  # M8
    else:
        assert told["usage"] > used  # M7: classical time and the client's thinking count too
    details = told["details"]
    assert (details["interactive_timeout"], details["max_time"]) == (ittl, 1500)
    assert details["usage_time"] == told["usage"]
    assert details["state"] == "closed"
    assert [entry["status"] for entry in details["timestamps"]] == ["open", "active", "closed"]
    assert details["backend_name"] == "fake_manila"


def test_it_runs_in_job_mode(found: dict[str, Any]) -> None:
    assert found["job"]["session"] is None
    assert found["job"]["tags"] == ["kept"]
    assert "pubs" in found["job"]["inputs"]
    assert found["instance_usage"] > 0


def test_it_is_told_that_a_job_ran_too_long(found: dict[str, Any]) -> None:
    assert found["late"] == {"status": "ERROR", "error": "RuntimeJobMaxTimeoutError", "usage": 1}


def test_the_services_own_domain_through_its_proxy(service: ServiceInfo, tmp_path: Path) -> None:
    account = {
        "channel": "ibm_quantum_platform",
        "token": service.token,
        "url": "http://qrun.local",
        "instance": service.instance,
        "proxies": {"urls": {"http": service.url}},
    }
    found = run(
        {"IAM_URL": "http://iam.qrun.local", "NO_PROXY": "qrun.local"}, json.dumps(account), folder=tmp_path
    )
    assert found["modes"]["Batch"]["statuses"][-1] == "Closed"
