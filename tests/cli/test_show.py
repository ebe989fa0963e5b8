"""``qrun show``: a workload in a table, and drawn."""

from __future__ import annotations

import pytest

from tests.cli.test_errors import GOOD


def test_shapes_shots_and_gates(qrun):
    document = qrun.json("show", "workloads/bell.yaml", "--json")
    assert (document["name"], document["jobs"], document["backend"]) == ("bell", 2, None)
    counts, paulis = document["pubs"]
    assert counts["executions"] == counts["shots"] == 1000
    assert counts["logical"] == {"depth": 3, "two_qubit_gates": 1}
    assert (paulis["shape"], paulis["shots"], paulis["precision"]) == ([4], None, 0.02)
    assert paulis["executions"] is None
    assert paulis["compiled"] is None


def test_compiled_for_the_backend(qrun):
    document = qrun.json("show", "workloads/bell.yaml", "--compiled", "--json", "--backend", "fake_manila")
    assert document["backend"] == "fake_manila"
    assert document["pubs"][0]["compiled"]["two_qubit_gates"] == 1


def test_sampler_executions_count_the_shape(qrun):
    text = """name: s
circuits:
  c: {qasm: "OPENQASM 3.0; include 'stdgates.inc'; input float a; qubit q; bit[1] c; rx(a) q; c[0] = measure q;"}
pubs: [{circuit: c, shots: 10, parameter_values: {linspace: [0, 1, 7]}}]
"""
    done = qrun("show", "-", stdin=text)
    assert " 70 " in done.stdout


@pytest.mark.parametrize("width", [40, 60, 200])
def test_it_fits_the_terminal(qrun, width):
    env = {"COLUMNS": str(width)}
    done = qrun("show", "workloads/ising.yaml", "--circuits", env=env)
    assert "entangled" in done.stdout
    assert "┤" in done.stdout
    assert max(map(len, done.stdout.splitlines())) <= width
    assert ("not shown for lack of room" in done.stderr) == (width < 200)


def test_a_wrong_file_is_told_with_its_place(qrun, tmp_path):
    path = tmp_path / "w.yaml"
    path.write_text(GOOD.replace("shots", "shotz").replace("circuit: c", "circuit: d"))
    done = qrun("show", str(path), code=2)
    assert done.stdout == ""
    assert f"{path}:6:15" in done.stderr
    assert f"{path}:6:18" in done.stderr
