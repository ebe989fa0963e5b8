"""Loops at the command line, against the local service."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import numpy as np
import pytest

WORKLOAD = """
name: all-kinds
backend: ideal
defaults: {primitives: v2, options: {simulator: {seed_simulator: 3}}}
circuits:
  turn:
    qasm: 'OPENQASM 3.0; include "stdgates.inc"; input float a; qubit[1] q; rx(a) q[0];'
  measured: {of: turn, measure: all}
loops:
  first:
    minimize: {circuit: turn, observable: Z}
    optimizer: {method: COBYLA, options: {rhobeg: 0.8}}
    initial_point: [2.0]
    stop: {evaluations: 8}
    precision: 0.05
  second:
    minimize:
      pubs:
        - {circuit: turn, observable: Z}
        - {circuit: turn, observable: Y, weight: 0.5}
    optimizer: L-BFGS-B
    initial_point: {loop: first}
    stop: {evaluations: 4}
    precision: 0.05
  sampled:
    minimize: {circuit: measured, cost: {python: own.py:ones, args: {wanted: 1}}}
    optimizer: {python: own.py:search}
    initial_point: [2.0]
    shots: 500
  driven:
    drive: {python: own.py:drive, args: {angles: [0.0, 3.14159]}}
    precision: 0.05
pubs:
  - {name: alone, circuit: turn, observables: Z, parameter_values: [0.0], precision: 0.05}
"""
OWN = """
import numpy as np


def ones(results, wanted):
    counts = results[0].data.meas.get_counts()
    return [(counts.get("1", 0) / sum(counts.values()) - wanted)]


def search(fun, x0):
    points = x0 + np.array([[-0.5], [0.0], [1.0]])
    return points[np.argmin(fun.values(points))]


def drive(qpu, angles):
    found = []
    for angle in angles:
        observable = "Z"
        [result] = qpu.run([(qpu.circuits["turn"], observable, [angle])])
        found.append(float(result.data.evs))
        qpu.iterated()
    return {"z": found}
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    made = tmp_path_factory.mktemp("loops")
    (made / "loops.yaml").write_text(WORKLOAD)
    (made / "own.py").write_text(OWN)
    return made


@pytest.fixture(scope="module")
def run(folder, service_env) -> dict[str, str]:
    """A run of all kinds of loops: its ID, and what was said of it."""
    from tests.command import Qrun

    done = Qrun(service_env, folder)("submit", "loops.yaml")
    return {"id": done.stdout.strip(), "said": done.stderr}


def course(qrun, run, name):
    return qrun.json("results", run["id"], "--loop", name, "--format", "json")


def test_one_session_holds_all_and_is_closed(qrun, run):
    status = qrun.json("status", run["id"], "--json")
    assert status["session"]["state"] == "closed"
    assert {job["state"] for job in status["jobs"]} == {"DONE"}
    assert "4 loops took" in run["said"]
    assert "qrun itself took" in run["said"]


def test_a_loop_finds_the_minimum(qrun, run):
    document = course(qrun, run, "first")
    assert document["jobs"] <= 8
    assert document["best"]["value"] == pytest.approx(-1.0, abs=0.25)
    assert document["best"]["std"] == pytest.approx(0.05, abs=0.05)
    assert document["parameters"] == ["a"]
    assert len({entry["job_id"] for entry in document["evaluations"]}) == document["jobs"]


def test_a_weighted_sum_by_parameter_shift_starts_where_another_loop_was_best(qrun, run):
    document = course(qrun, run, "second")
    assert document["evaluations"][0]["point"] == course(qrun, run, "first")["best"]["point"]
    # Z + Y/2 of a turn about X is cos a - sin a / 2, lowest at -1.118.
    [angle] = document["best"]["point"]
    assert np.cos(angle) - np.sin(angle) / 2 == pytest.approx(-np.sqrt(1.25), abs=0.05)


def test_a_cost_function_of_samples_and_an_optimizer_of_ones_own(qrun, run):
    document = course(qrun, run, "sampled")
    assert document["jobs"] == 1
    assert document["state"] == "ended"
    assert [entry["point"] for entry in document["evaluations"]] == [[1.5], [2.0], [3.0]]
    assert document["final"]["point"] == [3.0]
    exact = [np.cos(a / 2) ** 4 for a in (1.5, 2.0, 3.0)]
    assert [entry["value"] for entry in document["evaluations"]] == pytest.approx(exact, abs=0.1)


def test_a_driver_of_ones_own_runs_pubs_in_the_session(qrun, run):
    document = course(qrun, run, "driven")
    assert (document["jobs"], document["iterations"]) == (2, 2)
    assert document["final"]["point"]["z"] == pytest.approx([1.0, -1.0], abs=0.2)


def test_pubs_beside_loops_are_in_the_same_run(qrun, run):
    document = qrun.json("results", run["id"], "--format", "json")
    assert document["pubs"][0]["data"]["evs"] == pytest.approx(1.0, abs=0.2)
    assert [loop["loop"] for loop in document["loops"]] == ["first", "second", "sampled", "driven"]
    table = qrun("results", run["id"]).stdout
    assert "alone" in table
    assert "driven" in table


def test_a_course_as_csv_and_arrays(qrun, run, tmp_path):
    expected = course(qrun, run, "first")["evaluations"]
    rows = list(
        csv.DictReader(io.StringIO(qrun("results", run["id"], "--loop", "first", "-f", "csv").stdout))
    )
    assert [float(row["value"]) for row in rows] == [entry["value"] for entry in expected]
    assert [[float(row["a"])] for row in rows] == [entry["point"] for entry in expected]
    [path] = qrun(
        "results", run["id"], "--loop", "first", "-f", "npz", "-o", str(tmp_path)
    ).stdout.splitlines()
    with np.load(path) as arrays:
        assert arrays["points"].tolist() == [entry["point"] for entry in expected]
        assert arrays["stds"].tolist() == [entry["std"] for entry in expected]
    assert "Did you mean 'first'" in qrun("results", run["id"], "--loop", "frist", code=2).stderr


def test_watching_from_elsewhere_tells_each_evaluation(qrun, run):
    events = [json.loads(line) for line in qrun("watch", run["id"], "--json").stdout.splitlines()]
    of_first = [event for event in events if event.get("loop") == "first"]
    assert of_first[-1]["event"] in ("ended", "stopped")
    values = [value for event in of_first[:-1] for value in event["values"]]
    assert values == [entry["value"] for entry in course(qrun, run, "first")["evaluations"]]


def test_resuming_what_has_ended_runs_nothing(qrun, run):
    before = len(qrun.json("status", run["id"], "--json")["jobs"])
    qrun("resume", run["id"])
    assert len(qrun.json("status", run["id"], "--json")["jobs"]) == before


SMALL = """
name: small
backend: ideal
circuits: {turn: {library: efficient_su2, args: {num_qubits: 1, reps: 1}}}
loops:
  a:
    minimize: {circuit: turn, observable: Z}
    optimizer: {python: own.py:search}
    precision: 0.1
"""


@pytest.mark.parametrize("mode", ["batch", "job"])
def test_other_modes_run_loops_and_say_what_that_costs(qrun, tmp_path, mode):
    (tmp_path / "w.yaml").write_text(
        SMALL.replace("{python: own.py:search}", "{method: SPSA, options: {maxiter: 1, a: 0.1}}")
    )
    done = qrun("submit", str(tmp_path / "w.yaml"), "--mode", mode)
    assert "each iteration waits in the queue anew" in done.stderr
    status = qrun.json("status", done.stdout.strip(), "--json")
    assert [job["state"] for job in status["jobs"]] == ["DONE", "DONE"]


def test_a_loop_that_fails_says_why_and_the_run_can_be_resumed(qrun, tmp_path):
    (tmp_path / "w.yaml").write_text(SMALL)
    own = tmp_path / "own.py"
    own.write_text("def search(fun, x0):\n    fun(x0)\n    raise RuntimeError('no idea')\n")
    failed = qrun("submit", str(tmp_path / "w.yaml"), code=1)
    run = failed.stdout.strip()
    assert "own.py:search failed: RuntimeError: no idea" in failed.stderr
    own.write_text("def search(fun, x0):\n    fun(x0)\n    return x0\n")
    qrun("resume", run)
    document = qrun.json("results", run, "--loop", "a", "-f", "json")
    assert (document["state"], document["jobs"]) == ("ended", 1)


def test_an_optimizer_that_asks_otherwise_than_before_is_told_so(qrun, tmp_path):
    (tmp_path / "w.yaml").write_text(SMALL)
    own = tmp_path / "own.py"
    own.write_text("def search(fun, x0):\n    fun(x0)\n    fun(x0 + 1)\n    raise RuntimeError('no idea')\n")
    run = qrun("submit", str(tmp_path / "w.yaml"), code=1).stdout.strip()
    own.write_text("def search(fun, x0):\n    fun(x0)\n    fun(x0 + 2)\n    return x0\n")
    again = qrun("resume", run)
    assert "does not ask for what it asked before the interruption (evaluation 1)" in again.stderr
    document = qrun.json("results", run, "--loop", "a", "-f", "json")
    assert [entry["point"][0] for entry in document["evaluations"]] == [0.0, 2.0]


def test_a_budget_stops_loops(qrun, tmp_path):
    (tmp_path / "w.yaml").write_text(SMALL.replace("{python: own.py:search}", "COBYLA"))
    done = qrun("submit", str(tmp_path / "w.yaml"), "--budget", "1s")
    document = qrun.json("results", done.stdout.strip(), "--loop", "a", "-f", "json")
    assert document["state"] == "stopped"
    assert "budget of 1 s" in document["reason"]
    assert document["qpu_seconds"] >= 1
