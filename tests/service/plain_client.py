"""A plain HTTP client of the local service, and the smallest job there is."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx

from qrun.local.process import ServiceInfo

FLIP = 'OPENQASM 3.0; include "stdgates.inc"; bit[1] c; x $0; c[0] = measure $0;'

Submit = Callable[..., str]


def info_of_home(home: Path) -> ServiceInfo:
    """The running service whose ``QRUN_HOME`` is ``home``."""
    service = json.loads((home / "local" / "service.json").read_text())
    return ServiceInfo(token=(home / "local" / "token").read_text().strip(), **service)


def client_of_home(home: Path) -> httpx.Client:
    """A client of that service."""
    return client_of(info_of_home(home))


def client_of(info: ServiceInfo) -> httpx.Client:
    headers = {"Authorization": f"apikey {info.token}", "Service-CRN": info.instance}
    return httpx.Client(base_url=f"{info.url}/api/v1", headers=headers, timeout=60, trust_env=False)


def sampler_job(**more: Any) -> dict[str, Any]:
    params = {"pubs": [[FLIP, [], 10]], "version": 2, "support_qiskit": False, "options": {}}
    return {"program_id": "sampler", "backend": "ideal", "params": params, **more}


def wait(api: httpx.Client, job: str, seconds: float = 60) -> dict[str, Any]:
    """The job, once it has ended."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        answer: dict[str, Any] = api.get(f"/jobs/{job}").json()
        if answer["state"]["status"] in ("Completed", "Failed", "Cancelled"):
            return answer
        time.sleep(0.03)
    raise AssertionError(f"job {job} has not ended: {answer}")
