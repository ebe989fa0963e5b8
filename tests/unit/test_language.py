"""Circuits, observables and parameter values of every kind that a file can have."""

from __future__ import annotations

import json

import numpy as np
import pytest
from qiskit import QuantumCircuit, qpy
from qiskit.circuit import Parameter, ParameterVector
from qiskit.quantum_info import Operator, SparsePauliOp

from qrun.errors import WorkloadError
from qrun.workload.document import parse_document
from qrun.workload.load import load_workload

PROGRAM = """
from dataclasses import dataclass
import helper
from qiskit import QuantumCircuit
from qiskit.quantum_info import SparsePauliOp

print("this is no result")
LIMIT = 3

@dataclass
class Shape:
    n: int

def trotter(steps, angle=0.1):
    circuit = QuantumCircuit(Shape(2).n)
    for _ in range(steps):
        circuit.rx(angle, [0, 1])
    return circuit

def energy(weight=1.0):
    return SparsePauliOp.from_list([("ZZ", weight)])

def both():
    return [energy(), energy(2.0)]

def broken():
    return helper.fails()

def number():
    return 3

def leaves():
    raise SystemExit("bye")
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("language")
    (path / "circuits").mkdir()
    (path / "c.py").write_text(PROGRAM)
    (path / "helper.py").write_text("def fails():\n    return 1 / 0\n")
    (path / "syntax.py").write_text("def f(:\n")
    (path / "circuits" / "b.qasm").write_text('OPENQASM 2.0; include "qelib1.inc"; qreg q[2]; h q[0];')
    (path / "circuits" / "a.qasm").write_text('OPENQASM 3.0; include "stdgates.inc"; qubit[2] q; x q[0];')
    one, two, same = (QuantumCircuit(2, name=name) for name in ("one", "two", "two"))
    with (path / "circuits" / "several.qpy").open("wb") as file:
        qpy.dump([one, two], file)
    with (path / "unnamed.qpy").open("wb") as file:
        qpy.dump([one, two, same], file)
    op = SparsePauliOp.from_list([("ZZ", 1.0), ("XI", -0.5)])
    (path / "list.json").write_text(json.dumps([[label, coeff.real] for label, coeff in op.to_list()]))
    (path / "complex.json").write_text(json.dumps([[label, str(coeff)] for label, coeff in op.to_list()]))
    (path / "settings.json").write_text('{"data": ["ZZ", "XI"], "coeffs": [1.0, [-0.5, 0]]}')
    (path / "imaginary.json").write_text('[["ZZ", [0, 1]]]')
    np.save(path / "v.npy", np.array([[0.1, 0.2], [0.3, 0.4], [0.5, 0.6]]))
    np.savez(path / "v.npz", a=np.array([1.0, 2.0]), b=np.array([3.0, 4.0]))
    (path / "named.csv").write_text("b, a\n3, 1\n4, 2\n")
    (path / "other.csv").write_text("x, y\n3, 1\n4, 2\n")
    (path / "near.csv").write_text("A, b\n3, 1\n4, 2\n")
    (path / "twice.csv").write_text("a, a\n3, 1\n4, 2\n")
    (path / "one.csv").write_text("x\n3\n4\n")
    (path / "vector.csv").write_text("v[1],v[0]\n3,1\n4,2\n")
    (path / "plain.csv").write_text("1,3\n2,pi\n")
    return path


TWO = (
    "OPENQASM 3.0; include 'stdgates.inc'; input float a; input float b; qubit[2] q; rx(a) q[0]; ry(b) q[1];"
)
DYNAMIC = (
    "OPENQASM 3.0; include 'stdgates.inc'; qubit[2] q; bit[2] c; h q[0]; c[0] = measure q[0]; "
    "if (c[0]) { x q[1]; } else { h q[1]; } while (c[0]) { h q[0]; c[0] = measure q[0]; } c[1] = measure q[1];"
)


def load(folder, *pubs: str, more: str = ""):
    text = f'name: w\ncircuits:\n  two: {{qasm: "{TWO}"}}\n'
    text += f"  suite: {{files: 'circuits/*.qasm'}}\n{more}pubs:\n" + "".join(f"  - {pub}\n" for pub in pubs)
    return load_workload(parse_document(text, str(folder / "w.yaml"))).pubs


def circuit(folder, spec: str) -> QuantumCircuit:
    [pub] = load(folder, f"{{circuit: {spec}, observables: {{II: 1}}}}")
    return pub.circuit


def test_python_circuits(folder, capsys):
    assert circuit(folder, "{python: 'c.py:trotter', args: {steps: 3}}").count_ops() == {"rx": 6}
    assert (
        circuit(folder, "{python: 'qiskit.circuit.library:quantum_volume', args: {num_qubits: 2}}").num_qubits
        == 2
    )
    assert capsys.readouterr().out == ""


def test_files_of_several_circuits(folder):
    assert circuit(folder, "{file: circuits/several.qpy, circuit: two}").name == "two"
    assert circuit(folder, "{file: circuits/several.qpy, circuit: 0}").name == "one"
    assert circuit(folder, "{file: circuits/several.qpy, circuit: -1}").name == "two"
    names = [pub.name for pub in load(folder, "{circuit: {files: '*.qpy'}, observables: II}")]
    assert names == ["pub-0[unnamed/one]", "pub-0[unnamed/1]", "pub-0[unnamed/2]"]


def test_a_group_makes_a_pub_a_circuit(folder):
    pubs = load(folder, "{name: s, circuit: suite, observables: ZZ}", "{circuit: suite/b, observables: ZZ}")
    assert [(pub.index, pub.name, pub.circuit_name) for pub in pubs] == [
        (0, "s[a]", "suite/a"),
        (1, "s[b]", "suite/b"),
        (2, "pub-1", "suite/b"),
    ]
    assert pubs[1].circuit is pubs[2].circuit
    measured = load(folder, "{circuit: {of: suite, measure: all}, shots: 3}")
    assert [pub.circuit.count_ops()["measure"] for pub in measured] == [2, 2]


def test_modifiers_apply_in_their_order(folder):
    made = circuit(folder, "{of: two, measure: [1], repeat: 2, inverse: true, assign: {a: pi/2, b: 0.5}}")
    expected = QuantumCircuit(2)
    for _ in range(2):
        expected.ry(-0.5, 1)
        expected.rx(-np.pi / 2, 0)
    assert made.num_parameters == 0
    assert [register.name for register in made.cregs] == ["meas"]
    assert made.count_ops()["measure"] == 1
    made.remove_final_measurements()
    assert Operator(made) == Operator(expected)


def test_part_of_the_parameters_may_be_assigned(folder):
    library = "{library: real_amplitudes, args: {num_qubits: 2, reps: 1}, assign: {'θ[0]': 1}}"
    [pub] = load(folder, f"{{circuit: {library}, observables: ZZ, parameter_values: {{θ: [1, 2, 3]}}}}")
    assert pub.parameter_values.num_parameters == 3
    whole = library.replace("'θ[0]': 1", "θ: {linspace: [0, 1, 4]}")
    assert circuit(folder, whole).num_parameters == 0


def test_dynamic_circuits_go_through(folder):
    [pub] = load(folder, f'{{circuit: {{qasm: "{DYNAMIC}"}}, shots: 5}}')
    assert {"if_else", "while_loop", "measure"} <= set(pub.circuit.count_ops())


@pytest.mark.parametrize(
    ("spec", "said", "hinted"),
    [
        ("{file: circuits/several.qpy}", "holds 2 circuits", "one | two, or take all with files: "),
        ("{file: circuits/several.qpy, circuit: tow}", "no circuit 'tow'", "'two'"),
        ("{file: circuits/several.qpy, circuit: 2}", "no circuit 2", ""),
        ("{file: c.py}", "neither", ""),
        ("{files: 'circuits/*.qsm'}", "No file fits", ""),
        ("{files: '**/*.qasm'}", "every folder", ""),
        ("{of: tow}", "no circuit 'tow'", "'two'"),
        ("suite/c", "no circuit 'suite/c'", "suite/"),
        ("{python: 'c.py:troter'}", "no function 'troter'", "'trotter'"),
        ("{python: 'c.py'}", "names no function", "file.py:function"),
        ("{python: 'd.py:f'}", "no file d.py", "c.py"),
        ("{python: 'no_such_module:f'}", "can't be imported", ""),
        ("{python: 'syntax.py:f'}", "SyntaxError", "syntax.py:1"),
        ("{python: 'c.py:trotter', args: {stepz: 1}}", "no argument 'stepz'", "'steps'"),
        ("{python: 'c.py:trotter'}", "missing a required argument", "steps"),
        ("{python: 'c.py:broken'}", "ZeroDivisionError", "helper.py:2, in fails"),
        ("{python: 'c.py:leaves'}", "SystemExit: bye", "c.py:"),
        ("{python: 'c.py:number'}", "returns int", "QuantumCircuit"),
        ("{python: 'c.py:LIMIT'}", "no function", ""),
        ("{of: two, assign: {c: 1}}", "no parameter 'c'", "Known here: a, b"),
        ("{library: efficient_su2, args: {num_qubit: 2}}", "no argument 'num_qubit'", "'num_qubits'"),
        ("{library: real_amplitudes, args: {num_qubits: 2}, assign: {theta: 1}}", "no parameter", "'θ'"),
        ("{of: two, assign: {a: [1]}}", "one number", "parameter_values"),
        (
            "{library: real_amplitudes, args: {num_qubits: 2, reps: 1}, assign: {'θ[0]': 1, θ: [1, 2, 3, 4]}}",
            "θ[0] has a value already",
            "",
        ),
        (
            "{library: real_amplitudes, args: {num_qubits: 2, reps: 1}, assign: {θ: [1, 2, 3, 4], 'θ[3]': 1}}",
            "θ[3] has a value already",
            "",
        ),
        ("{of: two, repeat: 0}", "greater than or equal to 1", ""),
        ("{of: two, repeat: 10000000}", "more than", "less"),
        ("{of: two, inverse: 1}", "boolean", ""),
        ("{of: two, measure: some}", "all, or a list", ""),
        ("{of: two, measure: [5]}", "no qubit 5", ""),
        ("{of: two, measure: [0, 0]}", "twice", ""),
        ("{of: two, measur: all}", "no key 'measur'", "'measure'"),
        ("{library: efficient_su2, args: {num_qubits: 100000, reps: 100}}", "more than", ""),
    ],
)
def test_wrong_circuits(folder, spec, said, hinted):
    with pytest.raises(WorkloadError) as error:
        load(folder, f"{{circuit: {spec}, observables: {{II: 1}}}}")
    [mistake] = error.value.mistakes
    assert said in mistake.message, str(mistake)
    assert hinted in (mistake.hint or ""), mistake.hint
    assert mistake.line == 6


def test_circuits_of_themselves(folder):
    with pytest.raises(WorkloadError, match="made of itself"):
        load(folder, "{circuit: x}", more="  x: {of: y}\n  y: {of: x}\n")


ENERGY = SparsePauliOp.from_list([("ZZ", 1.0), ("XI", -0.5)])


@pytest.mark.parametrize(
    ("spec", "meant"),
    [
        ("{ZZ: 1, XI: -1/2}", ENERGY),
        ("{file: list.json}", ENERGY),
        ("{file: complex.json}", ENERGY),
        ("{file: settings.json}", ENERGY),
        ("{ZZ: {on: [0, 1]}, X: {on: [1], coeff: -0.5}}", ENERGY),
        ("{ZX: {on: [0, 1]}}", SparsePauliOp.from_list([("XZ", 1)])),
        ("{Z: [{on: [0]}, {on: [1], coeff: 2}]}", SparsePauliOp.from_list([("IZ", 1), ("ZI", 2)])),
        ("{python: 'c.py:energy', args: {weight: 3}}", SparsePauliOp.from_list([("ZZ", 3)])),
        ("e", ENERGY),
    ],
)
def test_observables(folder, spec, meant):
    [pub] = load(
        folder,
        f"{{circuit: two, observables: {spec}, parameter_values: [0, 0]}}",
        more="observables: {e: {ZZ: 1, XI: -0.5}}\n",
    )
    assert SparsePauliOp.from_list(list(pub.observables.tolist().items())).equiv(meant)


def test_observables_have_the_shape_of_their_lists(folder):
    [pub] = load(
        folder,
        "{circuit: two, observables: [l, [ZZ, {python: 'c.py:energy'}], {python: 'c.py:both'}], "
        "parameter_values: {a: [1, 2], b: 0}}",
        more="observables: {e: ZZ, l: [e, XX]}\n",
    )
    assert pub.observables.shape == (3, 2)
    assert pub.shape == (3, 2)


@pytest.mark.parametrize(
    ("spec", "said", "hinted"),
    [
        ("{ZZ: {on: [0]}}", "2 different qubits", ""),
        ("{ZZ: {on: [0, 0]}}", "different", ""),
        ("{ZZ: {on: [0, 2]}}", "no qubit 2", ""),
        ("{ZZ: {on: [0, true]}}", "needs the qubits", ""),
        ("{ZZ: {onn: [0, 1]}}", "no key 'onn'", "'on'"),
        ("{ZZ: {on: [0, 1], coeff: x}}", "weight of ZZ", ""),
        ("{ZZ: [1]}", "a weight or", ""),
        ("{ZZ: null}", "weight of ZZ", ""),
        ("{ZQ: 1}", "not a Pauli string", ""),
        ("{file: imaginary.json}", "not real", ""),
        ("{file: c.py}", "holds no observable", "to_list"),
        ("{file: lst.json}", "no file", "list.json"),
        ("{file: 3}", "takes text", ""),
        ("{python: 'c.py:number'}", "returns int", "SparsePauliOp"),
        ("[ZZ, [XX]]", "lists where others", ""),
        ("enrgy", "neither", "'energy'"),
        ("true", "An observable is", ""),
        ("[null]", "An observable is", ""),
    ],
)
def test_wrong_observables(folder, spec, said, hinted):
    with pytest.raises(WorkloadError) as error:
        load(
            folder,
            f"{{circuit: two, observables: {spec}, parameter_values: [0, 0]}}",
            more="observables: {energy: ZZ}\n",
        )
    [mistake] = error.value.mistakes
    assert said in mistake.message, str(mistake)
    assert hinted in (mistake.hint or ""), mistake.hint


def test_observables_that_no_pub_uses_are_looked_at_too(folder):
    with pytest.raises(WorkloadError, match="not a Pauli string"):
        load(folder, "{circuit: suite, observables: ZZ}", more="observables: {unused: {ZQ: 1}}\n")


A = [0, np.pi / 2, np.pi]


@pytest.mark.parametrize(
    ("spec", "a", "b"),
    [
        ("[1, pi]", 1, np.pi),
        ("[[1, 2], [3, 4]]", [1, 3], [2, 4]),
        ("{a: {linspace: [0, pi, 3]}, b: '-2*pi/4'}", A, [-np.pi / 2] * 3),
        ("{a: {arange: [0, 3]}, b: {arange: [0, 1.5, 0.5]}}", [0, 1, 2], [0, 0.5, 1]),
        ("{a: {logspace: [0, 2, 3]}, b: 1e-3}", [1, 10, 100], [0.001] * 3),
        ("{a: {values: [1, 2]}, b: [[3], [4]]}", [[1, 2], [1, 2]], [[3, 3], [4, 4]]),
        ("{grid: {a: [1, 2], b: {linspace: [3, 4, 2]}}}", [[1, 1], [2, 2]], [[3, 4], [3, 4]]),
        ("{grid: {a: [1, 2]}, b: 7}", [1, 2], [7, 7]),
        ("{zip: {a: [1, 2], b: [3, 4]}}", [1, 2], [3, 4]),
        ("{file: v.npy}", [0.1, 0.3, 0.5], [0.2, 0.4, 0.6]),
        ("{a: {file: v.npz, array: a}, b: {file: v.npz}}", [1, 2], [3, 4]),
        ("{file: v.npz}", [1, 2], [3, 4]),
        ("{file: named.csv}", [1, 2], [3, 4]),
        ("{b: {file: named.csv}, a: {file: named.csv, column: b}}", [3, 4], [3, 4]),
        ("{file: plain.csv}", [1, 2], [3, np.pi]),
        ("{a: {file: one.csv}, b: 0}", [3, 4], [0, 0]),
        ("[{linspace: [0, 1, 2]}, {linspace: [2, 3, 2]}]", [0, 2], [1, 3]),
        ("{values: {values: [1, 2]}}", 1, 2),
    ],
)
def test_parameter_values(folder, spec, a, b):
    [pub] = load(folder, f"{{circuit: two, observables: ZZ, parameter_values: {spec}}}")
    assert pub.shape == np.shape(a)
    assert np.allclose(pub.parameter_values.as_array(["a", "b"]), np.stack([a, b], axis=-1))


def test_random_values_are_those_of_their_seed(folder):
    spec = "{random: {shape: [5, 2], seed: 7, distribution: normal, mean: 1, std: 0.1}}"
    pubs = load(folder, *[f"{{circuit: two, observables: ZZ, parameter_values: {spec}}}"] * 2)
    expected = np.random.default_rng(7).normal(1, 0.1, (5, 2))
    for pub in pubs:
        assert np.allclose(pub.parameter_values.as_array(["a", "b"]), expected)


@pytest.mark.parametrize(
    ("spec", "said", "hinted"),
    [
        ("{a: 1}", "no values for b", ""),
        ("{a: 1, c: 2}", "no parameter 'c'", ""),
        ("{linspce: [0, 1, 2]}", "no parameter 'linspce'", "'linspace'"),
        ("{a: {linspce: [0, 1, 2]}, b: 1}", "'linspce' makes no numbers", "'linspace'"),
        ("{a: {linspace: [0, 1]}, b: 1}", "takes [start", ""),
        ("{a: {linspace: [0, 1, 0.5]}, b: 1}", "whole number", ""),
        ("{a: {linspace: [0, 1, 1e12]}, b: 1}", "more than 100,000,000", ""),
        ("{a: {arange: [0, 1, 1e-12]}, b: 1}", "more than 100,000,000", ""),
        ("{a: {arange: [0, 1, -1]}, b: 1}", "no values", ""),
        ("{a: {logspace: [0, 400, 2]}, b: 1}", "not finite", ""),
        ("{random: {shape: [2, 2]}}", "needs a seed", "seed: 1"),
        ("{random: {shape: [2, 2], seed: 1, distribution: unifrm}}", "'unifrm'", "'uniform'"),
        ("{random: {shape: [2, 2], seed: 1, mean: 1}}", "no key 'mean'", ""),
        ("{random: {shape: [100000, 100000], seed: 1}}", "more than 100,000,000", ""),
        ("{a: true, b: 1}", "True is not a number", ""),
        ("{a: null, b: 1}", "None is not a number", ""),
        ("{a: pj/2, b: 1}", "name 'pj'", ""),
        ("{a: sqt(2), b: 1}", "name 'sqt'", ""),
        ("{a: 1/0, b: 1}", "divides by zero", ""),
        ("{a: [1, [2]], b: 1}", "equal length", ""),
        ("{a: [1, 2], b: [1, 2, 3]}", "do not fit together", ""),
        ("{zip: {a: [1], b: [1, 2]}}", "equal length: a has 1, b has 2", ""),
        ("{grid: {a: 1, b: [1, 2]}}", "plain list", ""),
        ("{grid: {a: [1, 2]}, a: 1, b: 2}", "already", ""),
        ("{grid: [1]}", "mapping", ""),
        ("{file: v.npz, array: c}", "no array 'c'", ""),
        ("{file: w.npy}", "no file w.npy", "v.npy"),
        ("{file: v.txt}", "no .npy", ""),
        ("{file: other.csv}", "other.csv has values for 'x', which is no parameter", "a, b"),
        ("{file: near.csv}", "near.csv has values for 'A'", "'a'"),
        ("{a: {file: other.csv}, b: 0}", "other.csv has 2 columns, and none is a", "column: x | y"),
        ("[{file: other.csv}, 0]", "other.csv has 2 columns", "column: x | y"),
        ("{file: twice.csv}", "two columns 'a'", ""),
        ("{file: v.npy, arry: a}", "no key 'arry'", "'array'"),
        ("[]", "no values in this list", ""),
    ],
)
def test_wrong_parameter_values(folder, spec, said, hinted):
    with pytest.raises(WorkloadError) as error:
        load(folder, f"{{circuit: two, observables: ZZ, parameter_values: {spec}}}")
    [mistake] = error.value.mistakes
    assert said in mistake.message, str(mistake)
    assert hinted in (mistake.hint or ""), mistake.hint
    assert mistake.line == 6


@pytest.mark.parametrize("spec", ["{file: vector.csv}", "{v: [[1, 3], [2, 4]]}"])
def test_a_vectors_columns_are_called_as_its_elements(folder, spec):
    made = QuantumCircuit(1)
    for element in ParameterVector("v", 2):
        made.rx(element, 0)
    with (folder / "v.qpy").open("wb") as file:
        qpy.dump(made, file)
    [pub] = load(folder, f"{{circuit: {{file: v.qpy}}, observables: Z, parameter_values: {spec}}}")
    assert pub.parameter_values.as_array(["v[0]", "v[1]"]).tolist() == [[1, 3], [2, 4]]


def test_a_parameter_may_be_called_as_a_generator_is(tmp_path):
    made = QuantumCircuit(1)
    made.rx(Parameter("values"), 0)
    with (tmp_path / "c.qpy").open("wb") as file:
        qpy.dump(made, file)
    text = "name: w\npubs: [{circuit: {file: c.qpy}, observables: Z, parameter_values: {values: [1, 2]}}]"
    [pub] = load_workload(parse_document(text, str(tmp_path / "w.yaml"))).pubs
    assert pub.shape == (2,)
