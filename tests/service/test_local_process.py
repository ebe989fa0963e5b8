"""Starting, stopping and surviving. Each test has a service of its own."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from qrun.errors import ServiceError
from qrun.local import process
from tests.service.plain_client import client_of, sampler_job, wait

START = "from qrun.local import process; print(process.start().pid)"


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.setenv("QRUN_HOME", str(tmp_path))
    yield tmp_path
    process.stop()


def long_job(circuits: int, **more: Any) -> dict[str, Any]:
    """Many circuits: something to be killed at."""
    body = sampler_job(**more)
    body["params"]["pubs"] *= circuits
    return body


def family(pid: int) -> set[int]:
    """Processes that ``pid`` has started."""
    try:
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except FileNotFoundError:
        return set()
    return {int(child) for child in children}


def eventually(condition: Callable[[], bool], seconds: float = 10) -> bool:
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.03)
    return True


def gone(pids: set[int]) -> bool:
    """Whether all have ended; a zombie has."""
    for pid in pids:
        try:
            if "State:\tZ" not in Path(f"/proc/{pid}/status").read_text():
                return False
        except FileNotFoundError:
            continue
    return True


def test_it_starts_once_stops_and_comes_back_on_the_same_port(home: Path) -> None:
    assert process.status() is None
    assert process.stop() is False
    first = process.start()
    assert process.start() == first
    assert process.status() == first
    workers = family(first.pid)
    assert process.stop() is True
    assert process.status() is None
    assert eventually(lambda: gone({first.pid, *workers}))
    again = process.start()
    assert (again.url, again.token, again.instance) == (first.url, first.token, first.instance)


def test_two_starts_at_once_end_with_one_service(home: Path) -> None:
    starters = [
        subprocess.Popen([sys.executable, "-c", START], stdout=subprocess.PIPE, text=True) for _ in range(3)
    ]
    answers = [starter.communicate(timeout=60)[0] for starter in starters]
    assert [starter.returncode for starter in starters] == [0, 0, 0]
    assert len(set(answers)) == 1


def test_a_second_one_in_the_foreground_is_refused(home: Path) -> None:
    process.start()
    second = subprocess.run([sys.executable, "-m", "qrun.local"], capture_output=True, text=True, timeout=30)
    assert second.returncode != 0
    assert "runs already" in second.stderr


def test_one_that_cannot_start_says_why(home: Path) -> None:
    from qrun.errors import ServiceError

    (home / "local").mkdir()
    (home / "local" / "state.sqlite").write_text("this is no database")
    with pytest.raises(ServiceError, match="not a database"):
        process.start()


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_killed_at_work_it_loses_no_job_and_leaves_no_worker(home: Path) -> None:
    service = process.start()
    with client_of(service) as api:
        done = api.post("/jobs", json=sampler_job()).json()["id"]
        result = (wait(api, done), api.get(f"/jobs/{done}/results").text)[1]
        session = api.post("/sessions", json={"mode": "dedicated", "backend": "ideal"}).json()["id"]
        bodies = [long_job(1000, session_id=session), *[sampler_job(session_id=session)] * 6]
        jobs = [api.post("/jobs", json=body).json()["id"] for body in bodies]
        assert api.get("/jobs?pending=true").json()["count"] >= 1
        workers = family(service.pid)
        os.kill(service.pid, signal.SIGKILL)
    assert workers
    assert eventually(lambda: gone(workers))
    assert process.status() is None

    with client_of(process.start()) as api:
        assert api.get(f"/jobs/{done}/results").text == result
        assert [wait(api, job)["state"]["status"] for job in jobs] == ["Completed"] * 7
        assert api.get("/jobs").json()["count"] == 8
        api.patch(f"/sessions/{session}", json={"accepting_jobs": False})
        details = api.get(f"/sessions/{session}").json()
        assert details["state"] == "closed"
        times = [entry["timestamp"] for entry in details["timestamps"]]
        assert times == sorted(times)


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_a_worker_that_dies_fails_its_job_and_is_replaced(home: Path) -> None:
    service = process.start()
    with client_of(service) as api:
        wait(api, api.post("/jobs", json=sampler_job()).json()["id"])
        victim = api.post("/jobs", json=long_job(3000)).json()["id"]
        eventually(lambda: api.get(f"/jobs/{victim}").json()["state"]["status"] == "Running")
        time.sleep(0.2)
        for worker in family(service.pid):
            if "spawn_main" in Path(f"/proc/{worker}/cmdline").read_text():
                os.kill(worker, signal.SIGKILL)
        ended = wait(api, victim)
        assert (ended["state"]["status"], ended["state"]["reason_code"]) == ("Failed", 9999)
        assert wait(api, api.post("/jobs", json=sampler_job()).json()["id"])["state"]["status"] == "Completed"


def test_a_terminals_interrupt_does_not_reach_it(home: Path) -> None:
    # The starter's process group is what a terminal signals.
    starter = subprocess.run(
        [sys.executable, "-c", f"import os, signal; {START}; os.killpg(0, signal.SIGINT)"],
        capture_output=True,
        start_new_session=True,
        timeout=60,
    )
    assert starter.returncode != 0
    assert process.status() is not None


def test_the_environment_keeps_the_proxy_settings_of_the_shell(monkeypatch: pytest.MonkeyPatch) -> None:
    info = process.ServiceInfo("http://127.0.0.1:5", 1, "crn:x", "secret", "0", "")
    monkeypatch.setenv("NO_PROXY", "example.com, .corp")
    monkeypatch.setenv("no_proxy", "intern")
    variables = process.environment(info)
    assert variables["NO_PROXY"] == variables["no_proxy"] == "intern,example.com,.corp,127.0.0.1,qrun.local"
    assert variables["QISKIT_IBM_URL"] == "http://127.0.0.1:5/experimental/api/v1"
    assert not {name for name in variables if name.lower() in ("http_proxy", "https_proxy")}


def test_asking_for_a_service_whose_token_is_gone_makes_no_other_token(home: Path) -> None:
    info = process.start()
    token = home / "local" / "token"
    token.unlink()
    assert process.status() is None
    assert not token.exists()
    token.write_text(info.token)
    assert process.status() == info


def test_a_log_that_has_become_long_is_put_aside(home: Path) -> None:
    (home / "local").mkdir()
    log = home / "local" / "service.log"
    log.write_bytes(b"x" * 5_000_001)
    process.start()
    assert log.stat().st_size < 10_000
    assert log.with_name("service.log.1").stat().st_size == 5_000_001


def test_process_imports_nothing_slow() -> None:
    code = "import sys, qrun.local.process; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout.split()
    assert not {"fastapi", "uvicorn", "qiskit", "numpy", "asyncio", "sqlite3"} & set(loaded)


def test_the_service_process_does_not_import_qiskit() -> None:
    code = "import sys, qrun.local.server; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout.split()
    assert "fastapi" in loaded
    assert not {"qiskit", "qiskit_ibm_runtime", "qiskit_aer", "numpy"} & set(loaded)


def test_a_start_that_goes_on_is_waited_for_and_one_that_hangs_is_not(tmp_path: Path) -> None:
    """However long a large state takes to be read, its reader is not killed; it says that it goes on."""
    log = tmp_path / "service.log"
    goes_on = "import sys, time\nfor _ in range(30): open(sys.argv[1], 'a').write('.\\n'); time.sleep(0.1)"
    hangs = "import time; time.sleep(600)"
    for program, said in ((goes_on, "did not start"), (hangs, "did not answer in time")):
        child = subprocess.Popen([sys.executable, "-c", program, str(log)])
        with pytest.raises(ServiceError, match=said):
            process._wait_for(tmp_path, child, 1.5)
        assert child.poll() is not None
