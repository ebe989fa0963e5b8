"""What all tests share: a home of their own, so that no test sees or touches the user's."""

from __future__ import annotations

import os
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.command import QRUN, ROOT, Qrun


@pytest.fixture(autouse=True, scope="session")
def _own_home(tmp_path_factory: pytest.TempPathFactory):
    """A ``QRUN_HOME`` and a ``HOME`` for this test process, and no account of the user's in its environment."""
    folder = tmp_path_factory.mktemp("home")
    before = dict(os.environ)
    for name in [name for name in os.environ if name.startswith(("QISKIT_IBM", "QRUN_"))]:
        del os.environ[name]
    os.environ["QRUN_HOME"] = str(folder / "qrun")
    os.environ["HOME"] = str(folder)
    yield
    os.environ.clear()
    os.environ.update(before)


@pytest.fixture
def root() -> Path:
    """The repository."""
    return ROOT


@pytest.fixture(scope="session")
def service_env(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """The environment of a shell whose local service is running."""
    home = tmp_path_factory.mktemp("service")
    env = {
        **{k: v for k, v in os.environ.items() if not k.startswith(("QRUN_", "QISKIT_IBM"))},
        "QRUN_HOME": str(home / "qrun"),
        "HOME": str(home),
        "COLUMNS": "120",
        "NO_COLOR": "1",
    }
    subprocess.run([str(QRUN), "local", "start"], env=env, check=True, capture_output=True)
    yield env
    subprocess.run([str(QRUN), "local", "stop"], env=env, check=True, capture_output=True)


@pytest.fixture
def qrun(service_env: dict[str, str], root: Path) -> Qrun:
    """The command in the repository's folder."""
    return Qrun(service_env, root)


@pytest.fixture
def fresh(service_env: dict[str, str], tmp_path: Path) -> Iterator[Qrun]:
    """The command in an empty folder, with an empty home and a local service that it may start."""
    command = Qrun({**service_env, "QRUN_HOME": str(tmp_path / "home"), "HOME": str(tmp_path)}, tmp_path)
    yield command
    command("local", "stop")


@pytest.fixture
def occupied(service_env: dict[str, str]) -> Iterator[str]:
    """A device that another user's active session holds: whatever is submitted to it stays queued.

    The session waits for its client, whose time is real; a minute of it is allowed, so a job comes again and
    again, however slow the machine is.
    """
    from tests.service.plain_client import client_of_home, sampler_job, wait

    device = "fake_sherbrooke"
    with client_of_home(Path(service_env["QRUN_HOME"])) as api:
        session = api.post("/sessions", json={"mode": "dedicated", "backend": device}).json()["id"]
        job = sampler_job(backend=device, session_id=session)
        wait(api, api.post("/jobs", json=job).json()["id"])
        over = threading.Event()

        def keep() -> None:
            while not over.wait(15):
                api.post("/jobs", json=job)

        keeper = threading.Thread(target=keep, daemon=True)
        keeper.start()
        yield device
        over.set()
        keeper.join()
        api.patch(f"/sessions/{session}", json={"accepting_jobs": False})
