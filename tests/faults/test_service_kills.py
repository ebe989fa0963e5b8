"""The local service is killed at random moments while a client works with it: nothing accepted is ever lost.

``QRUN_LONG_TESTS=100 python -m pytest tests/faults/test_service_kills.py`` kills it that many times.
"""

from __future__ import annotations

import contextlib
import os
import random
import signal
import sqlite3
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest

from qrun.errors import ServiceError
from qrun.local import process
from tests.service.plain_client import client_of, sampler_job, wait

KILLS = int(os.environ.get("QRUN_LONG_TESTS", "3"))
DEVICES = ("ideal", "fake_manila")


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.setenv("QRUN_HOME", str(tmp_path))
    yield tmp_path
    process.stop()


@dataclass
class Known:
    """What the service has told its client, and may never take back."""

    jobs: list[str] = field(default_factory=list)
    sessions: list[str] = field(default_factory=list)
    results: dict[str, str] = field(default_factory=dict)
    ended: dict[str, tuple[str, float]] = field(default_factory=dict)
    stamps: dict[str, list[Any]] = field(default_factory=dict)
    usage: float = 0.0


def work(api: httpx.Client, known: Known, luck: random.Random, stop: threading.Event) -> None:
    """Submit, open, close, cancel, read; until the service is gone."""
    with contextlib.suppress(httpx.HTTPError):
        while not stop.is_set():
            what = luck.random()
            if what < 0.45:
                session = luck.choice([None, *known.sessions[-2:]])
                device = DEVICES[known.sessions.index(session) % 2] if session else luck.choice(DEVICES)
                answer = api.post("/jobs", json=sampler_job(backend=device, session_id=session))
                if answer.is_success:
                    known.jobs.append(answer.json()["id"])
            elif what < 0.55:
                device = DEVICES[len(known.sessions) % 2]
                mode = luck.choice(["dedicated", "batch"])
                answer = api.post("/sessions", json={"mode": mode, "backend": device})
                assert answer.is_success, answer.text
                known.sessions.append(answer.json()["id"])
            elif what < 0.65 and known.sessions:
                session = luck.choice(known.sessions)
                api.patch(f"/sessions/{session}", json={"accepting_jobs": False})
            elif what < 0.7 and known.jobs:
                api.post(f"/jobs/{luck.choice(known.jobs)}/cancel")
            elif known.jobs:
                look_at_job(api, known, luck.choice(known.jobs))
                if known.sessions:
                    look_at_session(api, known, luck.choice(known.sessions))


def look_at_job(api: httpx.Client, known: Known, name: str) -> None:
    """A job that has ended stays as it is, and so does its result."""
    answer = api.get(f"/jobs/{name}", params={"exclude_params": True})
    assert answer.status_code == 200, answer.text
    job = answer.json()
    status = job["state"]["status"]
    if status in ("Completed", "Failed", "Cancelled"):
        end = (status, job["usage"]["qpu_charge_time_seconds"])
        assert known.ended.setdefault(name, end) == end
    else:
        assert name not in known.ended
    if status == "Completed":
        result = api.get(f"/jobs/{name}/results").text
        assert known.results.setdefault(name, result) == result


def look_at_session(api: httpx.Client, known: Known, name: str) -> None:
    """A session's history grows and never changes."""
    answer = api.get(f"/sessions/{name}")
    assert answer.status_code == 200, answer.text
    stamps = answer.json()["timestamps"]
    before = known.stamps.get(name, [])
    assert stamps[: len(before)] == before
    known.stamps[name] = stamps


def test_killed_at_any_moment_it_loses_nothing(home: Path) -> None:
    luck = random.Random(f"kills {KILLS}")
    known = Known()
    for _ in range(KILLS):
        info = process.start()
        stop = threading.Event()
        with client_of(info) as api:
            worker = threading.Thread(target=work, args=(api, known, random.Random(luck.random()), stop))
            worker.start()
            time.sleep(luck.uniform(0.05, 1.5))
            os.kill(info.pid, signal.SIGKILL)
            with contextlib.suppress(ChildProcessError):
                os.waitpid(info.pid, 0)
            stop.set()
            worker.join()
    info = process.start()
    assert known.jobs
    with client_of(info) as api:
        for name in known.sessions:
            api.patch(f"/sessions/{name}", json={"accepting_jobs": False})
        for name in known.jobs:
            wait(api, name)
            look_at_job(api, known, name)
        for name in known.sessions:
            look_at_session(api, known, name)
            session = api.get(f"/sessions/{name}").json()
            assert session["state"] == "closed"
            assert session["elapsed_time"] is not None
        listed: list[str] = []
        while True:
            page = api.get("/jobs", params={"offset": len(listed)}).json()
            listed += [job["id"] for job in page["jobs"]]
            if len(listed) >= page["count"]:
                break
        assert len(set(listed)) == len(listed)
        assert set(known.jobs) <= set(listed)
        statuses = {status for status, _ in known.ended.values()}
        assert "Completed" in statuses


def test_a_damaged_state_is_told_and_never_answered_from(home: Path) -> None:
    info = process.start()
    with client_of(info) as api:
        for _ in range(10):
            job = api.post("/jobs", json=sampler_job()).json()["id"]
        wait(api, job)
    process.stop()
    path = home / "local" / "state.sqlite"
    with contextlib.closing(sqlite3.connect(path)) as db:
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    whole = path.read_bytes()
    middle = len(whole) // 2 // 4096 * 4096
    path.write_bytes(whole[:middle] + b"\xff" * 8192 + whole[middle + 8192 :])
    with pytest.raises(ServiceError, match=r"state\.sqlite, can't be used.*(\n.*)*qrun local reset"):
        process.start()
    path.write_bytes(b"this is no database" * 100)
    with pytest.raises(ServiceError, match="file is not a database"):
        process.start()
    path.write_bytes(whole)
    with client_of(process.start()) as api:
        assert api.get(f"/jobs/{job}").json()["state"]["status"] == "Completed"


def test_an_idle_service_uses_no_processor_time_although_others_are_busy(home: Path) -> None:
    from qrun.local.settings import Wishes

    info = process.start(Wishes(background="busy"))
    with client_of(info) as api:
        wait(api, api.post("/jobs", json=sampler_job()).json()["id"])
        api.post("/sessions", json={"mode": "dedicated", "backend": "ideal"})

    def used() -> float:
        fields = Path(f"/proc/{info.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    time.sleep(1.0)
    before = used()
    time.sleep(2.0)
    assert used() - before <= 0.02  # A tick or two of the kernel's own clock.
