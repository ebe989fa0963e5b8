"""Workload files: what they mean, and how mistakes in them are told."""

from __future__ import annotations

import contextlib
import math
import textwrap

import numpy as np
import pytest
from qiskit import QuantumCircuit, qpy

from qrun.errors import WorkloadError
from qrun.workload.document import parse_document, read_document
from qrun.workload.load import load_workload
from qrun.workload.validate import InvalidWorkload, validate

BELL = "OPENQASM 3.0; include 'stdgates.inc'; qubit[2] q; bit[2] c; h q[0]; cx q[0], q[1]; c = measure q;"

GOOD = f"""
name: bell
backend: fake_fez
circuits:
  bell: {{qasm: "{BELL}"}}
  ansatz: {{library: efficient_su2, args: {{num_qubits: 2, reps: 1}}}}
observables:
  parity: ZZ
  energy: {{ZZ: -1.0, XI: 0.5}}
pubs:
  - {{circuit: bell, shots: 1000}}
"""


def load(text: str, path="w.yaml"):
    return load_workload(parse_document(textwrap.dedent(text), str(path)))


def with_pubs(*pubs: str) -> str:
    return GOOD.replace("  - {circuit: bell, shots: 1000}\n", "".join(f"  - {pub}\n" for pub in pubs))


def test_sampler_and_estimator_pubs():
    workload = load(
        with_pubs(
            "{circuit: bell, shots: 1000, name: counts}",
            "{circuit: bell, observables: [energy, parity, XX], precision: 0.01}",
            "{circuit: ansatz, observables: energy, parameter_values: [[0, 0, 0, 0, 0, 0, 0, 1]]}",
        ).replace(
            "library: efficient_su2, args: {num_qubits: 2, reps: 1}",
            "library: efficient_su2, args: {num_qubits: 2, reps: 1, su2_gates: [ry, rz]}",
        )
    )
    counts, values, ansatz = workload.pubs
    assert (counts.primitive, counts.shots, counts.shape, counts.name) == ("sampler", 1000, (), "counts")
    assert (values.primitive, values.precision, values.shape, values.name) == (
        "estimator",
        0.01,
        (3,),
        "pub-1",
    )
    assert (ansatz.shape, ansatz.precision) == ((1,), 0.015625)


def test_shots_of_the_pub_the_file_the_options_and_the_client():
    text = with_pubs("{circuit: bell, shots: 7}", "{circuit: bell}")
    assert [pub.shots for pub in load(text).pubs] == [7, 4096]
    assert [pub.shots for pub in load("defaults: {shots: 9}\n" + text).pubs] == [7, 9]
    assert [pub.shots for pub in load("defaults: {options: {default_shots: 5}}\n" + text).pubs] == [7, 5]


def test_default_shots_of_an_estimator_are_left_to_the_client():
    text = "defaults: {options: {default_shots: 500}}\n" + with_pubs("{circuit: bell, observables: ZZ}")
    assert load(text).pubs[0].precision is None


def test_openqasm_2_and_3_and_comments_before_the_header():
    two = '// two\\nOPENQASM 2.0; include \\"qelib1.inc\\"; qreg q[2]; creg c[2]; h q[0]; cx q[0],q[1]; measure q -> c;'
    workload = load(GOOD.replace(BELL, two))
    assert workload.pubs[0].circuit.count_ops()["cx"] == 1


def test_files_of_both_kinds_and_their_names(tmp_path):
    circuit = QuantumCircuit(2, 2)
    circuit.h(0)
    circuit.measure([0, 1], [0, 1])
    (tmp_path / "below").mkdir()
    with (tmp_path / "below" / "c.qpy").open("wb") as file:
        qpy.dump(circuit, file)
    (tmp_path / "b.qasm").write_text(BELL.replace("'", '"'))
    text = with_pubs("{circuit: {file: below/c.qpy}}", "{circuit: {file: b.qasm}}")
    path = tmp_path / "w.yaml"
    path.write_text(text)
    workload = load_workload(read_document(path))
    assert [pub.circuit.num_qubits for pub in workload.pubs] == [2, 2]
    path.write_text(with_pubs("{circuit: {file: c.qasm}}"))
    with pytest.raises(WorkloadError, match=r"no file c\.qasm") as error:
        load_workload(read_document(path))
    assert error.value.mistakes[0].hint == "Did you mean 'b.qasm'?"


def test_a_file_outside_the_folder_is_refused(tmp_path):
    (tmp_path / "secret.qasm").write_text(BELL)
    (tmp_path / "in").mkdir()
    path = tmp_path / "in" / "w.yaml"
    for outside in ("../secret.qasm", str(tmp_path / "secret.qasm")):
        path.write_text(with_pubs(f"{{circuit: {{file: '{outside}'}}}}"))
        with pytest.raises(InvalidWorkload, match="outside"):
            load_workload(read_document(path))


def test_a_gate_of_the_library_becomes_a_circuit():
    workload = load(with_pubs("{circuit: {library: QFTGate, args: {num_qubits: 3}}, observables: ZZZ}"))
    assert workload.pubs[0].circuit.num_qubits == 3


def test_parameter_values_by_position_and_by_name():
    qasm = "OPENQASM 3.0; include 'stdgates.inc'; input float a; input float b; qubit q; rx(a) q; ry(b) q;"
    base = GOOD.replace(BELL, qasm)
    by_position = base.replace(
        "{circuit: bell, shots: 1000}", "{circuit: bell, observables: Z, parameter_values: [[1, 2], [3, 4]]}"
    )
    by_name = base.replace(
        "{circuit: bell, shots: 1000}",
        "{circuit: bell, observables: Z, parameter_values: {b: [2, 4], a: [1, 3]}}",
    )
    for text in (by_position, by_name):
        pub = load(text).pubs[0]
        assert pub.shape == (2,)
        assert np.allclose(pub.parameter_values.as_array(["a", "b"]), [[1, 2], [3, 4]])


def test_vector_parameters_by_their_name():
    text = with_pubs(
        "{circuit: {library: real_amplitudes, args: {num_qubits: 2, reps: 1}}, observables: ZZ, parameter_values: {θ: [[0, 1, 2, 3]]}}"
    )
    pub = load(text).pubs[0]
    assert pub.shape == (1,)
    assert pub.parameter_values.num_parameters == 4


def test_one_parameter_needs_no_last_axis():
    qasm = "OPENQASM 3.0; include 'stdgates.inc'; input float a; qubit q; rx(a) q;"
    text = GOOD.replace(BELL, qasm).replace(
        "{circuit: bell, shots: 1000}",
        "{circuit: bell, observables: [[Z], [X]], parameter_values: [0, 1, 2]}",
    )
    assert load(text).pubs[0].shape == (2, 3)


MISTAKES = [
    # (old, new, line, what is said, what is hinted)
    ("shots: 1000", "shotz: 1000", 11, "no key 'shotz'", "shots"),
    ("circuit: bell,", "circuit: ball,", 11, "no circuit 'ball'", "bell"),
    ("shots: 1000", "shots: -5", 11, "greater than or equal to 1", "-5"),
    ("shots: 1000", "shots: many", 11, "valid integer", "many"),
    ("backend: fake_fez", "backand: fake_fez", 3, "no key 'backand'", "backend"),
    ("name: bell", "nam: bell", 2, "no key 'nam'", "name"),
    ("name: bell", "name: 'be ll'", 2, "must begin with a letter", "be ll"),
    ("library: efficient_su2", "library: eficient_su2", 6, "no 'eficient_su2'", "efficient_su2"),
    ("reps: 1", "rips: 1", 6, "rips", "reps"),
    ("{circuit: bell, shots: 1000}", "{circuit: bell, observables: party}", 11, "'party'", "parity"),
    (
        "{circuit: bell, shots: 1000}",
        "{circuit: bell, observables: ZZZ}",
        11,
        "3 qubits, the circuit has 2",
        "letter",
    ),
    ("{circuit: bell, shots: 1000}", "{circuit: bell, observables: [ZZ, ZQ]}", 11, "'ZQ'", ""),
    ("{circuit: bell, shots: 1000}", "{circuit: bell, observables: []}", 11, "empty", ""),
    ("{circuit: bell, shots: 1000}", "{circuit: bell, precision: 0.1}", 11, "has shots", "shots"),
    (
        "{circuit: bell, shots: 1000}",
        "{circuit: bell, observables: ZZ, shots: 5}",
        11,
        "has a precision",
        "precision",
    ),
    ("{circuit: bell, shots: 1000}", "{circuit: ansatz}", 11, "measures nothing", "observables"),
    (
        "{circuit: bell, shots: 1000}",
        "{circuit: ansatz, observables: ZZ}",
        11,
        "8 parameters",
        "parameter_values",
    ),
    (
        "{circuit: bell, shots: 1000}",
        "{circuit: ansatz, observables: ZZ, parameter_values: [1, 2]}",
        11,
        "2 values",
        "axis",
    ),
    ("{circuit: bell, shots: 1000}", "{circuit: bell, parameter_values: [1]}", 11, "no parameters", "out"),
    (
        "{circuit: bell, shots: 1000}",
        "{circuit: ansatz, observables: ZZ, parameter_values: {θ: [1]}}",
        11,
        "1 values",
        "",
    ),
    ("energy: {ZZ: -1.0, XI: 0.5}", "energy: {ZZ: -1.0, XIX: 0.5}\nx: 1", 10, "no key 'x'", ""),
    ("shots: 1000", "shots: 1000, options: [1]", 11, "must be a mapping", ""),
    (
        "bit[2] c; h q[0]; cx q[0], q[1]; c = measure q;",
        "bit c; c = measure q[0];",
        11,
        "bits of no register",
        "register",
    ),
    ('{qasm: "', '{qsam: "', 5, "a circuit is one of", ""),
    ("OPENQASM 3.0;", "", 5, "does not begin with its version", "OPENQASM"),
    ("OPENQASM 3.0;", "OPENQASM 4.0;", 5, "no OpenQASM 4", "3.0"),
    ("h q[0];", "hh q[0];", 5, "OpenQASM 3 error", ""),
]


@pytest.mark.parametrize(
    ("old", "new", "line", "said", "hinted"), MISTAKES, ids=[m[1][:60] for m in MISTAKES]
)
def test_mistakes_are_told_with_their_place(old, new, line, said, hinted):
    assert old in GOOD
    with pytest.raises(WorkloadError) as error:
        load(GOOD.replace(old, new))
    told = error.value.mistakes if isinstance(error.value, InvalidWorkload) else [error.value]
    fitting = [m for m in told if said in m.message]
    assert fitting, [str(m) for m in told]
    assert fitting[0].line == line, str(fitting[0])
    assert fitting[0].column
    assert hinted in (fitting[0].hint or "")


def test_all_mistakes_are_told_at_once():
    text = with_pubs("{circuit: nix}", "{circuit: bell, observables: Z}", "{circuit: bell}")
    with pytest.raises(InvalidWorkload) as error:
        load(text)
    assert [m.line for m in error.value.mistakes] == [11, 12]


def test_mistakes_of_every_kind_are_told_together():
    text = with_pubs(
        "{circuit: bell, shotz: 1, observables: ZQ}",
        "{circuit: nix}",
        "{circuit: broken}",
        "{circuit: bell, shots: true}",
        "{circuit: bell, name: same}",
        "{circuit: bell, name: same}",
    ).replace("circuits:\n", "circuits:\n  broken: {qasn: x}\n")
    text = text.replace("backend: fake_fez", "backend: {least_bussy: {}}\nmode: sesion\ndefaults: null")
    with pytest.raises(InvalidWorkload) as error:
        load(text)
    assert [(m.line, m.message[:24]) for m in error.value.mistakes] == [
        (3, "The key 'least_busy' is "),
        (3, "There is no key 'least_b"),
        (4, "mode: 'sesion' is none o"),
        (5, "defaults: must be a mapp"),
        (7, "circuits.broken: a circu"),
        (14, "There is no key 'shotz' "),
        (14, "'ZQ' is neither an obser"),
        (15, "There is no circuit 'nix"),
        (17, "pubs[3].shots: this is a"),
        (19, "Two PUBs are called 'sam"),
    ]


def test_all_that_is_wrong_with_one_pub_is_told():
    text = with_pubs(
        "{circuit: nix, observables: ZQ}",
        "{circuit: bell, observables: ZQ, parameter_values: [1, 2, 3], shots: 5}",
        "{circuit: bell, observable: ZQ}",
    )
    with pytest.raises(InvalidWorkload) as error:
        load(text)
    assert [(m.line, m.message[:24]) for m in error.value.mistakes] == [
        (11, "There is no circuit 'nix"),
        (11, "'ZQ' is neither an obser"),
        (12, "'ZQ' is neither an obser"),
        (12, "The circuit has no param"),
        (12, "An Estimator PUB has a p"),
        (13, "'ZQ' is neither an obser"),
        (13, "There is no key 'observa"),
    ]


def test_a_wrong_default_does_not_hide_those_beside_it():
    defaults = (
        "defaults: {shotz: 1, transpile: {optimisation_level: 1, routing_method: sabr, initial_layout: [x]}}"
    )
    with pytest.raises(InvalidWorkload) as error:
        load(GOOD.replace("backend: fake_fez", f"backend: fake_fez\n{defaults}"))
    told = [m.message for m in error.value.mistakes]
    assert len(told) == 4, told
    for said in ("'shotz'", "'optimisation_level'", "'sabr'", "initial_layout"):
        assert any(said in message for message in told), told


@pytest.mark.parametrize("odd", ["true", "null", "[]", "{}", "[[]]", "-1", "1.5", "''", "2026-01-01"])
def test_odd_values_anywhere_are_refused_or_taken(odd):
    for line in GOOD.splitlines():
        for key in (
            "name",
            "backend",
            "circuits",
            "bell",
            "qasm",
            "args",
            "reps",
            "parity",
            "ZZ",
            "pubs",
            "shots",
        ):
            for value in (f"{key}: {odd}", f"{{{key}: {odd}"):
                if f"{key}: " in line or line == f"{key}:":
                    with contextlib.suppress(WorkloadError):
                        load(GOOD.replace(line, line.split(key)[0].rstrip("{") + value))
    for key in ("mode", "service", "max_time", "tags", "defaults", "vars", "include", "pubs", "observables"):
        with contextlib.suppress(WorkloadError):
            load(GOOD.replace("backend: fake_fez", f"{key}: {odd}"))


def test_a_broken_circuit_is_told_once_however_many_pubs_use_it():
    text = with_pubs("{circuit: bell}", "{circuit: bell}").replace("h q[0];", "hh q[0];")
    with pytest.raises(InvalidWorkload) as error:
        load(text)
    assert len(error.value.mistakes) == 1


def test_weights_must_be_numbers():
    for weight in ("true", ".inf", ".nan", "abc"):
        with pytest.raises(WorkloadError):
            load(GOOD.replace("XI: 0.5", f"XI: {weight}").replace("shots: 1000", "observables: energy"))


@pytest.mark.parametrize("text", ["[]", "3", "name: x", "- a"])
def test_not_a_workload(text):
    with pytest.raises(WorkloadError):
        validate(parse_document(text, "w.yaml"))


def test_every_example_loads(root):
    examples = sorted((root / "workloads").glob("*.yaml"))
    assert len(examples) >= 3
    for path in examples:
        workload = load_workload(read_document(path))
        assert workload.pubs or workload.loops, path


def test_ising_example_is_what_its_comment_says(root):
    from qiskit.quantum_info import SparsePauliOp, Statevector

    workload = load_workload(read_document(root / "workloads" / "ising.yaml"))
    product, entangled = workload.pubs
    energy = SparsePauliOp.from_list(workload.file.observables["energy"].items())
    thetas = product.parameter_values.as_array(product.circuit.parameters)[:, 0]
    for theta in thetas:
        state = Statevector(product.circuit.assign_parameters([theta]))
        expected = -3 * math.cos(theta) ** 2 - 2 * math.sin(theta)
        assert state.expectation_value(energy).real == pytest.approx(expected)
    angles = entangled.parameter_values.as_array(entangled.circuit.parameters)
    assert Statevector(entangled.circuit.assign_parameters(angles)).expectation_value(
        energy
    ).real == pytest.approx(-3.383, abs=1e-3)
    assert np.linalg.eigvalsh(energy.to_matrix())[0] == pytest.approx(-3.427, abs=1e-3)


@pytest.mark.parametrize(
    ("program", "line", "column"),
    [
        ('OPENQASM 3.0;\ninclude "stdgates.inc";\nqubit q;\nhh q;', 8, 7),
        ('OPENQASM 2.0;\ninclude "qelib1.inc";\nqreg q[1];\n\nhh q[0];', 9, 7),
    ],
)
def test_a_mistake_in_a_block_of_openqasm_is_told_at_its_own_line(program, line, column):
    indented = "\n".join("      " + text for text in program.splitlines())
    text = (
        f"name: n\ncircuits:\n  c: # a comment\n    qasm: |\n{indented}\npubs: [{{circuit: c, shots: 1}}]\n"
    )
    with pytest.raises(InvalidWorkload) as error:
        load(text)
    [mistake] = error.value.mistakes
    assert (mistake.line, mistake.column) == (line, column)
    assert "hh" in mistake.message


def test_the_same_name_in_an_included_folder_is_another_python_file(tmp_path):
    from qrun.workload.expand import LoadChoices, open_document

    source = "from qiskit import QuantumCircuit\n\n\ndef f():\n    c = QuantumCircuit(1)\n    c.{}(0)\n    return c\n"
    (tmp_path / "sub").mkdir()
    (tmp_path / "circ.py").write_text(source.format("x"))
    (tmp_path / "sub" / "circ.py").write_text(source.format("h"))
    (tmp_path / "sub" / "inc.yaml").write_text("circuits: {inner: {python: 'circ.py:f'}}\n")
    path = tmp_path / "w.yaml"
    path.write_text(
        "name: w\ninclude: sub/inc.yaml\ncircuits: {outer: {python: 'circ.py:f'}}\n"
        "pubs: [{circuit: outer, observables: Z}, {circuit: inner, observables: Z}]\n"
    )
    outer, inner = load_workload(open_document(path, LoadChoices())).pubs
    assert (dict(outer.circuit.count_ops()), dict(inner.circuit.count_ops())) == ({"x": 1}, {"h": 1})


def test_a_pubs_own_option_goes_before_the_files_default():
    text = "defaults: {shots: 9}\n" + with_pubs("{circuit: bell, options: {default_shots: 5}}")
    assert load(text).pubs[0].shots == 5


@pytest.mark.parametrize("given", ["abc", "[1]", "{a: 1}", "0"])
def test_an_option_of_the_wrong_type_does_not_become_shots(given):
    text = f"defaults: {{options: {{default_shots: {given}}}}}\n" + with_pubs("{circuit: bell}")
    assert load(text).pubs[0].shots == 4096
