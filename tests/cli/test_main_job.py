"""The main job: a workload file runs in each mode, and its usage is read back."""

from __future__ import annotations

import pytest

MODES = ("job", "batch", "session")


def test_watch_prints_counts_expectation_values_and_what_it_cost(qrun):
    done = qrun("submit", "workloads/bell.yaml", "--mode", "batch", "--watch")
    assert "counts: bell, sampler, 1000 shots" in done.stdout
    assert "paulis: bell, estimator, precision 0.02" in done.stdout
    assert "usage:" in done.stdout
    assert "batch: sum of the time that its jobs spent on the QPU" in done.stdout
    assert "interactive time to live 1 s" in done.stderr


@pytest.mark.parametrize("mode", MODES)
def test_each_mode_runs_and_its_usage_is_read_from_another_process(qrun, mode):
    submitted = qrun("submit", "workloads/bell.yaml", "--mode", mode)
    run_id = submitted.stdout.strip()
    assert submitted.stdout == run_id + "\n", "nothing but the ID goes to standard output"
    qrun("wait", run_id)
    usage = qrun.json("usage", run_id, "--json")
    assert usage["kind"] == "run"
    assert usage["mode"] == mode
    assert usage["backend"] == "fake_fez"
    assert usage["usage_status"] == "complete"
    assert len(usage["jobs"]) == 2
    assert all(job["state"] == "DONE" and job["qpu_seconds"] > 2 for job in usage["jobs"])
    quantum = sum(job["qpu_seconds"] for job in usage["jobs"])
    assert usage["qpu_seconds"] == pytest.approx(quantum)
    if mode == "session":
        # M7: from the first job's start to the end of the last, so classical time counts too.
        assert usage["usage_seconds"] > quantum
    else:
        # M8 and M9: quantum time only.
        assert usage["usage_seconds"] == pytest.approx(quantum)


@pytest.mark.parametrize(("mode", "interactive"), [("batch", 1), ("session", 60)])
def test_usage_of_a_session_or_batch_and_of_a_job_by_their_own_ids(qrun, mode, interactive):
    run_id = qrun("submit", "workloads/bell.yaml", "--mode", mode).stdout.strip()
    qrun("wait", run_id)
    session_id = qrun.json("usage", run_id, "--json")["session_id"]
    usage = qrun.json("usage", session_id, "--json")
    assert set(usage) >= {
        "id",
        "kind",
        "mode",
        "backend",
        "state",
        "usage_seconds",
        "qpu_seconds",
        "interactive_ttl_seconds",
        "max_ttl_seconds",
        "started_at",
        "closed_at",
        "jobs",
    }
    assert (usage["id"], usage["kind"], usage["mode"], usage["state"]) == (session_id, mode, mode, "closed")
    assert usage["interactive_ttl_seconds"] == interactive
    assert usage["max_ttl_seconds"] == 28800
    assert usage["started_at"] < usage["closed_at"]
    for job in usage["jobs"]:
        assert set(job) >= {"id", "state", "qpu_seconds", "created", "started", "finished"}
        assert job["created"] <= job["started"] < job["finished"]
    one = qrun.json("usage", usage["jobs"][0]["id"], "--json")
    assert (one["kind"], one["mode"], one["session_id"]) == ("job", mode, session_id)
    assert one["usage_seconds"] == usage["jobs"][0]["qpu_seconds"]
    assert session_id in qrun("usage", session_id).stdout


def test_the_pipeline_of_the_mission(qrun):
    run_id = qrun("submit", "workloads/bell.yaml", "--mode", "batch").stdout
    waited = qrun("wait", "-", stdin=run_id).stdout
    assert waited == run_id
    results = qrun("results", "-", "--format", "json", stdin=waited)
    import json

    document = json.loads(results.stdout)
    assert (document["run"], document["mode"], document["backend"]) == (run_id.strip(), "batch", "fake_fez")
    counts, paulis = document["pubs"]
    assert (counts["index"], counts["name"], counts["circuit"], counts["primitive"], counts["shots"]) == (
        0,
        "counts",
        "bell",
        "sampler",
        1000,
    )
    assert sum(counts["data"]["c"]["counts"].values()) == 1000
    assert counts["data"]["c"]["counts"]["00"] > 400
    assert (paulis["primitive"], paulis["precision"]) == ("estimator", 0.02)
    evs, stds = paulis["data"]["evs"], paulis["data"]["stds"]
    assert evs == pytest.approx([1, 1, -1, 1], abs=0.1)
    assert len(stds) == 4
    assert counts["job_id"] != paulis["job_id"]


def test_results_follow_the_shape_of_the_pub_and_the_order_of_the_file(qrun, tmp_path):
    path = tmp_path / "w.yaml"
    path.write_text(
        """
name: shapes
backend: ideal
circuits:
  turn: {qasm: "OPENQASM 3.0; include 'stdgates.inc'; input float turn; qubit[2] q; bit[2] c; rx(turn) q[0]; c = measure q;"}
pubs:
  - {name: grid, circuit: turn, observables: [[ZI], [IZ]], parameter_values: [0, 3.141592653589793, 0], precision: 0.05}
  - {name: sweep, circuit: turn, parameter_values: [0, 3.141592653589793], shots: 50}
  - {name: point, circuit: turn, parameter_values: 0, shots: 50}
  - {name: fewer, circuit: turn, parameter_values: 0, shots: 20}
"""
    )
    run_id = qrun("submit", str(path), "--mode", "batch").stdout.strip()
    qrun("wait", run_id)
    pubs = qrun.json("results", run_id, "--format", "json")["pubs"]
    assert [pub["name"] for pub in pubs] == ["grid", "sweep", "point", "fewer"]
    assert [pub["shape"] for pub in pubs] == [[2, 3], [2], [], []]
    assert pubs[0]["observables"] == [["ZI"], ["IZ"]]
    assert pubs[0]["data"]["evs"] == [pytest.approx([1, 1, 1]), pytest.approx([1, -1, 1])]
    assert pubs[1]["data"] == {"c": {"counts": [{"00": 50}, {"01": 50}]}}
    assert pubs[2]["data"] == {"c": {"counts": {"00": 50}}}
    assert pubs[3]["data"] == {"c": {"counts": {"00": 20}}}
    assert pubs[1]["job_id"] == pubs[2]["job_id"] != pubs[3]["job_id"]
    table = qrun("results", run_id).stdout
    assert "[1, 1]" in table
    assert [line.split()[2] for line in table.splitlines() if line.startswith("[")][:6] == ["ZI"] * 3 + [
        "IZ"
    ] * 3
    assert "-1.0000" in table


def test_v2_primitives_give_the_same(qrun, tmp_path):
    text = (qrun.cwd / "workloads/bell.yaml").read_text()
    path = tmp_path / "v2.yaml"
    path.write_text(text.replace("defaults:", "defaults:\n  primitives: v2"))
    run_id = qrun("submit", str(path), "--mode", "batch").stdout.strip()
    qrun("wait", run_id)
    counts, paulis = qrun.json("results", run_id, "--format", "json")["pubs"]
    assert counts["data"]["c"]["counts"]["11"] > 400
    assert paulis["data"]["evs"] == pytest.approx([1, 1, -1, 1], abs=0.1)


def test_mode_auto_takes_the_fitting_one_and_says_why(qrun):
    done = qrun("submit", "workloads/bell.yaml", "--mode", "auto")
    assert "mode batch: 2 independent jobs; one scheduling for all" in done.stderr
    done = qrun("submit", "workloads/ghz-sweep.yaml")
    assert "mode job: one job; easiest" in done.stderr


def test_least_busy_backend_is_wide_enough(qrun, tmp_path):
    path = tmp_path / "w.yaml"
    path.write_text(
        "name: wide\nbackend: {least_busy: {min_num_qubits: 130}}\n"
        'circuits: {c: {qasm: "OPENQASM 3.0; qubit q; bit[1] b; b[0] = measure q;"}}\npubs: [{circuit: c, shots: 5}]\n'
    )
    assert "on fake_fez" in qrun("submit", str(path)).stderr
