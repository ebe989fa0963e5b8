"""``qrun plan`` and what ``qrun submit`` refuses by it, against a real local service."""

from __future__ import annotations

import pytest

HEAD = """name: planned
backend: fake_manila
defaults: {transpile: {optimization_level: 1, seed_transpiler: 7}%s}
circuits:
  bell: {qasm: 'OPENQASM 3.0; include "stdgates.inc"; qubit[2] q; bit[2] c; h q[0]; cx q[0], q[1]; c = measure q;'}
  flip: {qasm: 'OPENQASM 3.0; include "stdgates.inc"; qubit[2] q; bit[2] c; h q[0]; c[0] = measure q[0]; if (c[0]) { x q[1]; } c[1] = measure q[1];'}
  turn: {qasm: 'OPENQASM 3.0; include "stdgates.inc"; input float a; qubit[2] q; ry(a) q[0]; cx q[0], q[1];'}
  read: {of: turn, measure: all}
"""
SAMPLERS = """  - {name: plain, circuit: bell, shots: 1000}
  - {name: branch, circuit: flip, shots: 1000}
  - {name: sweep, circuit: read, shots: 1000, parameter_values: {linspace: [0, pi, 7]}}
  - {name: twirled, circuit: bell, shots: 1000, options: {twirling: {enable_gates: true, enable_measure: true}}}
"""
ESTIMATORS = """  - {name: level0, circuit: turn, observables: [ZZ, XX], parameter_values: [0.3], precision: 0.05, options: {resilience_level: 0}}
  - {name: level1, circuit: turn, observables: [[ZZ], [XX]], parameter_values: {linspace: [0, pi, 3]}, precision: 0.05}
  - {name: shared, circuit: turn, observables: YY, parameter_values: [0.1], precision: 0.05}
  - {name: level2, circuit: turn, observables: [ZZ, XX], parameter_values: [0.3], precision: 0.1, options: {resilience_level: 2}}
"""


@pytest.fixture
def write(tmp_path):
    def file(pubs: str, defaults: str = "", more: str = ""):
        path = tmp_path / "w.yaml"
        path.write_text(HEAD % defaults + more + "pubs:\n" + pubs)
        return str(path)

    return file


@pytest.mark.parametrize(
    ("pubs", "defaults"),
    [
        (SAMPLERS + ESTIMATORS, ""),
        (SAMPLERS + ESTIMATORS, ", primitives: v2"),
        (SAMPLERS, ", options: {execution: {rep_delay: 0.0001, init_qubits: false}}"),
    ],
)
def test_the_plan_is_what_the_service_then_charges(qrun, write, pubs, defaults):
    path = write(pubs, defaults)
    planned = qrun.json("plan", path, "--json")
    run_id = qrun("submit", path, "--watch", "-q", "--mode", "batch").stdout
    assert run_id
    replay = qrun.json("plan", "--replay", "last", "--json")
    totals = {row["name"]: row for row in replay["totals"]}
    assert totals["usage"]["planned"] == planned["usage_seconds"]
    for row in (totals["usage"], totals["QPU time"], totals["overhead"], *replay["jobs"]):
        assert row["was"] == pytest.approx(row["planned"], rel=0.01), row
    assert len(replay["jobs"]) == len(planned["jobs"])


def test_a_plan_tells_modes_packings_jobs_and_savings_and_sends_nothing(qrun, write):
    before = qrun.json("list", "--json", "-n", "1000")
    path = write("  - {circuit: bell, shots: 1000}\n  - {circuit: bell, shots: 2000}\n" + ESTIMATORS)
    done = qrun("plan", path)
    for word in ("job", "batch", "session", "as planned", "one job a PUB", "price: $"):
        assert word in done.stdout
    assert "mode batch: 5 independent jobs" in done.stdout
    assert "share a job and its overhead" in done.stderr
    assert "resilience_level: 0" in done.stderr
    plan = qrun.json("plan", path, "--json", "--price", "2")
    job, batch, session = plan["modes"]
    assert job["usage_seconds"] == batch["usage_seconds"] == plan["usage_seconds"]
    assert session["usage_seconds"] > batch["usage_seconds"]
    assert plan["price"] == round(2 * plan["usage_seconds"], 2)
    assert [[pub["index"] for pub in job["pubs"]] for job in plan["jobs"]] == [[0], [1], [2], [3, 4], [5]]
    assert qrun.json("list", "--json", "-n", "1000") == before


def test_other_users_and_variants_beside_each_other(qrun, write):
    path = write(SAMPLERS)
    busy = qrun.json("plan", path, "--json", "--background", "busy")
    plans = qrun.json(
        "plan", path, "--json", "--compare", "--set", "pubs.0.shots=4000", "--set", "mode=session"
    )
    assert [plan["label"] for plan in plans] == [path, "pubs.0.shots=4000", "mode=session"]
    alone = plans[0]
    assert busy["usage_seconds"] == alone["usage_seconds"]
    assert busy["wall_clock_seconds"] > alone["wall_clock_seconds"]
    assert plans[1]["usage_seconds"] > alone["usage_seconds"]
    assert [plan["mode"]["chosen"] for plan in plans] == ["batch", "batch", "session"]


def test_results_come_in_the_order_of_the_file_whatever_the_packing(qrun, write):
    path = write(
        "".join(f"  - {{name: p{i}, circuit: bell, shots: {100 + 100 * (i % 2)}}}\n" for i in range(5)),
        more="partition: {max_pubs: 2}\n",
    )
    jobs = qrun.json("plan", path, "--json")["jobs"]
    assert [[pub["name"] for pub in job["pubs"]] for job in jobs] == [["p0"], ["p2", "p4"], ["p1", "p3"]]
    qrun("submit", path, "--watch", "-q")
    results = qrun.json("results", "last", "--format", "json")
    assert [pub["name"] for pub in results["pubs"]] == [f"p{i}" for i in range(5)]
    counts = [next(iter(pub["data"].values()))["counts"] for pub in results["pubs"]]
    assert [sum(each.values()) for each in counts] == [100, 200, 100, 200, 100]


def test_a_mode_against_the_advice_is_told_its_price_and_runs(qrun, write):
    done = qrun("submit", write("  - {circuit: bell, shots: 100}\n"), "--mode", "session", "--watch")
    assert "advice: mode job would use 1 s ($1.60) less" in done.stderr


def test_more_than_a_budget_is_refused_before_sending(qrun, write):
    before = qrun.json("list", "--json", "-n", "1000")
    path = write("  - {circuit: bell, shots: 1000}\n")
    done = qrun("submit", path, "--budget", "2s", code=4)
    assert "would use 2.3 s, more than its budget of 2 s" in done.stderr
    assert qrun.json("list", "--json", "-n", "1000") == before
    assert qrun("submit", path, "--budget", "2s", "--force").stdout


def test_what_an_open_plan_does_not_allow_is_refused_before_sending(fresh, write):
    fresh("local", "start", "--plan", "open")
    # Two PUBs of 275 s and 550 s: more than the ten minutes of the allocation, and more than one job may take.
    large = write("  - {circuit: bell, shots: 1000000}\n  - {circuit: bell, shots: 1000000}\n" * 2)
    document = fresh.json("plan", large, "--json")
    assert document["remaining_seconds"] == 600
    assert document["share_of_remaining"] > 1
    assert max(job["qpu_seconds"] for job in document["jobs"]) < 600
    assert [mode["name"] for mode in document["modes"]] == ["job", "batch"]
    done = fresh("submit", large, code=4)
    assert "the instance has 10 m 00 s left" in done.stderr
    assert "--force" in done.stderr
    small = write("  - {circuit: bell, shots: 10}\n", more="exclusive: true\n")
    assert "no sessions" in fresh("submit", small, code=4).stderr
    assert fresh.json("list", "--json") == []


def test_wrong_use_is_told(qrun, write):
    path = write(SAMPLERS)
    assert "There is no file" in qrun("plan", code=2).stderr
    assert "in place of files" in qrun("plan", path, "--replay", "last", code=2).stderr
    assert "--backend is empty" in qrun("plan", path, "--backend", "", code=2).stderr
    wrong = write(SAMPLERS, more="partition: {max_payload: 3 apples}\n")
    assert "a size is 1 to 50000000 bytes" in qrun("plan", wrong, code=2).stderr
