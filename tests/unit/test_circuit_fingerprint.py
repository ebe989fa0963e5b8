"""Circuits are recognised by their content, in every process."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
from qiskit import QuantumCircuit
from qiskit.circuit import Parameter, ParameterVector
from qiskit.circuit.classical import expr
from qiskit.circuit.library import PauliEvolutionGate, QFTGate, UnitaryGate, XGate, efficient_su2
from qiskit.quantum_info import SparsePauliOp

from qrun.workload.circuit_fingerprint import fingerprint


def _expressions():
    circuit = QuantumCircuit(2)
    a, b, c = map(Parameter, "abc")
    circuit.rx(2 * a + b * c - a.sin() / 3, 0)
    circuit.global_phase = a + b
    return circuit


def _vector(factor: float = 2.0):
    circuit = QuantumCircuit(2)
    vector = ParameterVector("v", 3)
    circuit.rx(vector[2], 0)
    circuit.ry(vector[0] * factor + vector[1], 1)
    return circuit


def _custom(angle: float = 0.3):
    inner = QuantumCircuit(2)
    inner.rx(angle, 0)
    inner.cx(0, 1)
    circuit = QuantumCircuit(4)
    circuit.append(inner.to_gate(), [0, 1])
    circuit.append(inner.to_gate().control(1), [0, 1, 2])
    circuit.append(XGate().control(3, annotated=True), [0, 1, 2, 3])
    return circuit


def _special(time: str = "t"):
    circuit = QuantumCircuit(3)
    circuit.append(PauliEvolutionGate(SparsePauliOp(["XXI", "IZZ"]), Parameter(time)), [0, 1, 2])
    circuit.append(QFTGate(3), [0, 1, 2])
    circuit.append(UnitaryGate(np.eye(4)), [0, 1])
    circuit.rx(Parameter("a + b"), 0)
    circuit.delay(100, 0, unit="ns")
    return circuit


def _dynamic(turned: float = 0.1):
    circuit = QuantumCircuit(2, 2)
    a, b = Parameter("a"), Parameter("b")
    variable = circuit.add_var("v", expr.lift(False))
    circuit.measure(0, 0)
    with circuit.if_test((circuit.clbits[0], 1)) as otherwise:
        circuit.rx(a * b, 1)
        circuit.store(variable, True)
    with otherwise:
        circuit.x(1)
    with circuit.if_test(expr.logic_and(variable, circuit.clbits[0])):
        circuit.store(variable, expr.logic_not(variable))
    with circuit.for_loop(range(3)) as index:
        circuit.rz(index * turned, 0)
    return circuit


BUILDERS = [_expressions, _vector, _custom, _special, _dynamic]


@pytest.mark.parametrize("build", BUILDERS)
def test_built_anew_it_is_the_same_circuit(build):
    assert fingerprint(build()) == fingerprint(build())


def test_it_is_the_same_in_every_process():
    program = (
        "from tests.unit.test_circuit_fingerprint import BUILDERS, fingerprint\n"
        "print(*[fingerprint(build()) for build in BUILDERS])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.split() == [fingerprint(build()) for build in BUILDERS]


def test_name_and_metadata_do_not_count():
    circuit, other = efficient_su2(3), efficient_su2(3)
    other.name, other.metadata = "another", {"a": 1}
    assert fingerprint(circuit) == fingerprint(other)


def _changed(change):
    circuit = QuantumCircuit(2, 2)
    circuit.rx(0.1, 0)
    circuit.cx(0, 1)
    circuit.measure([0, 1], [0, 1])
    change(circuit)
    return circuit


def test_whatever_differs_in_content_differs():
    circuits = [
        _changed(lambda c: None),
        _changed(lambda c: c.cx(1, 0)),
        _changed(lambda c: c.cx(0, 1)),
        _changed(lambda c: c.cx(0, 1, ctrl_state=0)),
        _changed(lambda c: c.measure(0, 1)),
        _changed(lambda c: c.rx(0.1, 0)),
        _changed(lambda c: c.rx(0.1 + 1e-16, 0)),
        _changed(lambda c: c.rx(Parameter("a"), 0)),
        _changed(lambda c: c.rx(Parameter("b"), 0)),
        _changed(lambda c: c.rx(-Parameter("a"), 0)),
        _changed(lambda c: setattr(c, "global_phase", 0.1)),
        _changed(lambda c: c.add_bits([QuantumCircuit(1).qubits[0]])),
        _changed(lambda c: c.delay(1, 0, "ns")),
        _changed(lambda c: c.delay(1, 0, "us")),
        _changed(lambda c: c.unitary(np.eye(2), 0)),
        _changed(lambda c: c.unitary(np.diag([1, -1]), 0)),
        *[build() for build in BUILDERS],
        _vector(2.5),
        _custom(0.4),
        _special("time"),
        _dynamic(0.2),
    ]
    hashes = [fingerprint(circuit) for circuit in circuits]
    assert len(set(hashes)) == len(circuits)
