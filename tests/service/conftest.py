"""A real local service in a folder of its own, and a plain HTTP client for it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from qrun.local import process
from qrun.local.process import ServiceInfo
from tests.service.plain_client import Submit, client_of, sampler_job, wait


@pytest.fixture(scope="session")
def service_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("local-service")


@pytest.fixture(scope="session")
def service(service_home: Path) -> Iterator[ServiceInfo]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("QRUN_HOME", str(service_home))
        info = process.start()
    yield info
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("QRUN_HOME", str(service_home))
        process.stop()


@pytest.fixture
def api(service: ServiceInfo) -> Iterator[httpx.Client]:
    with client_of(service) as client:
        yield client


@pytest.fixture
def submit(api: httpx.Client) -> Submit:
    """Submit a job of one circuit, which takes no time; its ID."""

    def post(**more: Any) -> str:
        response = api.post("/jobs", json=sampler_job(**more))
        assert response.status_code == 200, response.text
        return str(response.json()["id"])

    return post


@pytest.fixture
def occupied(api: httpx.Client, submit: Submit) -> Iterator[str]:
    """A session that is active on ``ideal`` and waits for its client, so nobody else's job starts there."""
    session = api.post("/sessions", json={"mode": "dedicated", "backend": "ideal"}).json()["id"]
    wait(api, submit(session_id=session))
    yield session
    api.patch(f"/sessions/{session}", json={"accepting_jobs": False})
