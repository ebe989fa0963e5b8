"""A batch or session that was asked for, and whose answer never came."""

from __future__ import annotations

import signal
import time
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from qrun.ledger import Ledger
from tests.command import many_jobs
from tests.faults.faulty_proxy import Fault, faulty_proxy
from tests.service.plain_client import client_of_home

CREATE = r"/sessions$"


@pytest.fixture
def home(service_env):
    return Path(service_env["QRUN_HOME"])


@pytest.fixture
def doubtful(qrun, home, tmp_path):
    """The command through a proxy, the proxy, and a run whose process was stopped while it asked for a batch."""
    with faulty_proxy(home, Fault("POST", CREATE, "drop", times=100)) as proxy:
        command = replace(qrun, env={**qrun.env, **proxy.env})
        process = command.start("submit", str(many_jobs(tmp_path / "w.yaml", 2)), "--mode", "batch")
        while process.poll() is None and not proxy.count("POST", CREATE):
            time.sleep(0.01)
        process.send_signal(signal.SIGTERM)
        _, err = process.communicate(timeout=60)
        assert process.returncode == 130, err
        proxy.faults.clear()
        yield command, proxy, command.json("list", "--json", "--offline", "-n", "1")[0]["run"]


def _long_ago(home: Path, run_id: str) -> None:
    """Make it as if the request had been sent an hour ago."""
    with Ledger(home / "ledger.sqlite") as ledger:
        [session] = ledger.run(run_id).sessions
        ledger.session_asked_again(run_id, session.asked - timedelta(hours=1))


def test_what_another_program_opened_later_is_not_taken_over(doubtful, home):
    command, _, run_id = doubtful
    _long_ago(home, run_id)
    with client_of_home(home) as api:
        other = api.post("/sessions", json={"mode": "batch", "backend": "fake_manila"}).json()["id"]
        assert "2 sent" in command("resume", run_id).stderr
        [session] = command.json("record", run_id, "--json")["sessions"]
        assert session["id"] != other
        assert api.get(f"/sessions/{other}").json()["accepting_jobs"]
        api.patch(f"/sessions/{other}", json={"accepting_jobs": False})


def test_what_may_be_open_is_told_kept_and_found(doubtful, home):
    command, _, run_id = doubtful
    assert f"run {run_id} may have left a batch open" in command("list", "--offline").stderr
    assert "may have something open" in command("forget", run_id, code=2).stderr
    assert "got no answer" in command("close", run_id, code=3).stderr
    # The service takes its time: now it has created what was asked for.
    with client_of_home(home) as api:
        late = api.post("/sessions", json={"mode": "batch", "backend": "fake_manila"}).json()["id"]
        assert f"{late}: takes no more jobs" in command("close", run_id).stderr
        assert not api.get(f"/sessions/{late}").json()["accepting_jobs"]
    assert run_id not in command("list", "--offline").stderr


def test_what_was_never_opened_is_settled(doubtful, home):
    command, _, run_id = doubtful
    _long_ago(home, run_id)
    assert "no batch was opened" in command("close", run_id).stderr
    assert run_id not in command("list", "--offline").stderr
    command("forget", run_id)
