"""Values that nobody means, in every place of a workload: told with their place, never a traceback."""

from __future__ import annotations

import pytest

from qrun.workload.document import parse_document
from qrun.workload.load import load_workload
from qrun.workload.validate import InvalidWorkload

QASM = "OPENQASM 3.0; include 'stdgates.inc'; qubit[2] q; bit[2] c; h q[0]; c = measure q;"
GOOD = f"""name: good
backend: fake_manila
circuits:
  c: {{qasm: "{QASM}"}}
  a: {{library: efficient_su2, args: {{num_qubits: 2, reps: 1}}}}
pubs:
  - {{circuit: c, shots: 10}}
"""
HUGE = "1" + "0" * 400
SWEEP = "{circuit: a, observables: ZZ, parameter_values: [%s, 0, 0, 0, 0, 0, 0, 0]}"


def load(old: str, new: str):
    assert old in GOOD
    return load_workload(parse_document(GOOD.replace(old, new), "w.yaml"))


@pytest.mark.parametrize(
    ("old", "new", "line"),
    [
        ("shots: 10", f"shots: {HUGE}", 7),
        ("shots: 10", "shots: true", 7),
        ("shots: 10", "shots: null, precision: 1", 7),
        ("shots: 10", f"observables: {{ZZ: {HUGE}}}", 7),
        ("shots: 10", "observables: " + "[" * 33 + "ZZ" + "]" * 33, 7),
        ("shots: 10", "precision: .nan", 7),
        ("{circuit: c, shots: 10}", SWEEP % HUGE, 7),
        ("{circuit: c, shots: 10}", SWEEP % "true", 7),
        ("circuit: c", "circuit: null", 7),
        ("circuit: c", "circuit: [c]", 7),
        ("circuit: c", "circuit: {qasm: 5}", 7),
        ("- {circuit: c, shots: 10}", "- c", 7),
        ("- {circuit: c, shots: 10}", "c: d", 7),
        (f'{{qasm: "{QASM}"}}', '{file: "a\\0b.qasm"}', 4),
        (f'{{qasm: "{QASM}"}}', "{file: " + "x" * 300 + ".qasm}", 4),
        (f'{{qasm: "{QASM}"}}', "{file: 'a.**'}", 4),
        ("name: good", "name: !!bool abc", 1),
        ("name: good", "name: !!timestamp abc", 1),
        ("name: good", "name: good\nmax_time: 1:30", 2),
        ("name: good", "name: good\ndefaults: {precision: true}", 2),
        ("name: good", "name: good\ndefaults: {transpile: {seed_transpiler: true}}", 2),
        ("backend: fake_manila", "backend: 7", 2),
        ("backend: fake_manila", "backend: no", 2),
        ("name: good", "name: 'a b/c'", 1),
    ],
)
def test_odd_values_are_told_once_with_their_place(old, new, line):
    with pytest.raises(Exception) as error:
        load(old, new)
    mistakes = error.value.mistakes if isinstance(error.value, InvalidWorkload) else [error.value]
    assert [mistake.line for mistake in mistakes] == [line]


def test_numbers_are_what_they_look_like():
    """YAML 1.1 reads 010 as eight."""
    assert load("shots: 10", "shots: 010").pubs[0].shots == 10
    assert load("shots: 10", "shots: 1_000").pubs[0].shots == 1000
