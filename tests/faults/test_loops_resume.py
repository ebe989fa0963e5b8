"""Loops that are killed or interrupted go on where they were: no job is run twice, and the end is the same."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.command import QRUN, Qrun

WORKLOAD = """
name: loops
backend: ideal
defaults:
  primitives: v2                                   # whose simulator takes a seed: the same point, the same value
  options: {simulator: {seed_simulator: 5}}
circuits:
  ansatz: {library: efficient_su2, args: {num_qubits: 2, reps: 1}}
observables:
  energy: {ZZ: 1.0, XI: 0.5, IX: 0.5}
loops:
  simplex:
    minimize: {circuit: ansatz, observable: energy}
    optimizer: {method: COBYLA, options: {maxiter: 10}}
    initial_point: {random: {seed: 1}}
    precision: 0.05
  random:
    minimize: {circuit: ansatz, observable: energy}
    optimizer: {method: SPSA, options: {maxiter: 5, calibration: 2}}
    initial_point: {random: {seed: 2}}
    precision: 0.05
"""
ROUNDS = {"simplex": 10, "random": 7}


@pytest.fixture
def workload(tmp_path: Path) -> Path:
    path = tmp_path / "loops.yaml"
    path.write_text(WORKLOAD)
    return path


def results(qrun: Qrun, run: str) -> dict[str, Any]:
    return {
        name: json.loads(qrun("results", run, "--loop", name, "--format", "json").stdout) for name in ROUNDS
    }


def course(document: dict[str, Any]) -> list[tuple[Any, ...]]:
    return [(entry["point"], entry["value"], entry["std"]) for entry in document["evaluations"]]


def ended(qrun: Qrun, run: str) -> int:
    """How many jobs of a run the service has, all of them done."""
    from tests.service.plain_client import client_of_home

    with client_of_home(Path(qrun.env["QRUN_HOME"])) as api:
        jobs = api.get("/jobs", params={"tags": f"qrun:{run}", "limit": 200}).json()["jobs"]
        sessions = {job["session_id"] for job in jobs}
        assert all(api.get(f"/sessions/{session}").json()["state"] == "closed" for session in sessions)
    assert {job["state"]["status"] for job in jobs} == {"Completed"}
    return len(jobs)


def break_off(qrun: Qrun, workload: Path, number: signal.Signals, after: int) -> tuple[str, int]:
    """Submit, and send a signal once so many evaluations are done; the run and the exit code."""
    process = subprocess.Popen(
        [str(QRUN), "submit", str(workload), "--quiet"],
        env=qrun.env,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    database = Path(qrun.env["QRUN_HOME"]) / "ledger.sqlite"
    wait_for(lambda: evaluated(database, process.pid) >= after, process)
    os.kill(process.pid, number)
    process.communicate(timeout=60)
    [run] = query(database, "SELECT id FROM runs WHERE process = ? ORDER BY rowid DESC LIMIT 1", process.pid)
    return run[0], process.returncode


def wait_for(condition: Callable[[], bool], process: subprocess.Popen[str]) -> None:
    for _ in range(2400):
        if condition():
            return
        assert process.poll() is None, process.communicate()
        time.sleep(0.05)
    raise AssertionError("it does not come about")


def evaluated(database: Path, process: int) -> int:
    [[count]] = query(
        database,
        "SELECT count(*) FROM evaluations JOIN runs ON runs.id = run_id WHERE process = ? "
        "AND reply IS NOT NULL",
        process,
    )
    return int(count)


def query(database: Path, sql: str, *values: Any) -> list[Any]:
    connection = sqlite3.connect(database, timeout=30)
    try:
        return connection.execute(sql, values).fetchall()
    finally:
        connection.close()


def test_a_killed_run_ends_where_an_uninterrupted_one_does(qrun, workload):
    whole = qrun("submit", str(workload), "--quiet").stdout.strip()
    expected = results(qrun, whole)
    assert {name: document["jobs"] for name, document in expected.items()} == ROUNDS
    assert ended(qrun, whole) == sum(ROUNDS.values())

    killed, code = break_off(qrun, workload, signal.SIGKILL, after=5)
    assert code == -signal.SIGKILL
    assert qrun("resume", killed).stdout.split() == [killed]
    again = results(qrun, killed)
    assert {name: course(document) for name, document in again.items()} == {
        name: course(document) for name, document in expected.items()
    }
    assert {name: document["final"]["point"] for name, document in again.items()} == {
        name: document["final"]["point"] for name, document in expected.items()
    }
    assert ended(qrun, killed) == sum(ROUNDS.values())


def test_ctrl_c_keeps_what_was_evaluated_and_closes_the_session(qrun, workload):
    run, code = break_off(qrun, workload, signal.SIGINT, after=4)
    assert code == 130
    kept = results(qrun, run)
    assert any(document["state"] == "running" for document in kept.values())
    done = qrun("resume", run, "--watch")
    assert "simplex" in done.stdout
    again = results(qrun, run)
    for name, document in kept.items():
        assert course(again[name])[: len(course(document))] == course(document)
        assert again[name]["state"] == "ended"
    assert ended(qrun, run) == sum(ROUNDS.values())
