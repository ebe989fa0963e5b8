"""Gradients by parameter shift against derivatives of the exact expectation value."""

from __future__ import annotations

import numpy as np
import pytest
from qiskit.circuit import Parameter, QuantumCircuit
from qiskit.circuit.library import efficient_su2
from qiskit.quantum_info import SparsePauliOp, Statevector

from qrun.workload.parameter_shift import NoParameterShift, plain_inputs, shifted_inputs

A, B = Parameter("a"), Parameter("b")


def shared() -> QuantumCircuit:
    """Each parameter in several gates, with coefficients, in functions, and in gates that are no rotations."""
    circuit = QuantumCircuit(2, global_phase=A)
    circuit.h(0)
    circuit.rx(2 * A + B - 1, 0)
    circuit.cp(A * B, 0, 1)
    circuit.ry(A.sin(), 1)
    circuit.u(A, B, 0.3, 0)
    circuit.crx(B / 2, 1, 0)
    circuit.rzz(-A, 0, 1)
    return circuit


def exact(circuit: QuantumCircuit, values, observable: SparsePauliOp) -> float:
    bound = circuit.assign_parameters(dict(zip(circuit.parameters, values, strict=True)))
    return float(Statevector(bound).expectation_value(observable).real)


@pytest.mark.parametrize("circuit", [shared(), efficient_su2(2, reps=2)], ids=["shared", "library"])
def test_the_gradient_is_the_derivative(circuit):
    observable = SparsePauliOp(["ZZ", "XI", "YX"], [1.0, 0.5, 0.3])
    names = [parameter.name for parameter in circuit.parameters]
    shifted, inputs = shifted_inputs(circuit, names)
    point = np.random.default_rng(3).uniform(-np.pi, np.pi, len(names))
    values = inputs.shifted_values(point)
    assert values.shape == (1 + 2 * shifted.num_parameters, shifted.num_parameters)
    evs = np.array([exact(shifted, row, observable) for row in values])
    assert evs[0] == pytest.approx(exact(circuit, point, observable), abs=1e-12)
    step = 1e-5
    derivative = [
        (exact(circuit, point + d, observable) - exact(circuit, point - d, observable)) / (2 * step)
        for d in step * np.eye(len(point))
    ]
    assert inputs.gradient(point, evs) == pytest.approx(derivative, abs=1e-8)


def test_parameters_that_a_circuit_does_not_have_have_no_gradient():
    circuit = QuantumCircuit(1)
    circuit.rx(A, 0)
    _, inputs = shifted_inputs(circuit, ["a", "other"])
    assert inputs.gradient(np.array([0.3, 0.4]), np.array([0.0, 1.0, 0.5])) == pytest.approx([0.25, 0.0])


def test_plain_inputs_pick_a_circuits_own_parameters():
    circuit = QuantumCircuit(1)
    circuit.rx(B, 0)
    assert plain_inputs(circuit, ["a", "b"]).values(np.array([[1.0, 2.0], [3.0, 4.0]])).tolist() == [
        [2.0],
        [4.0],
    ]


def test_a_parameter_within_a_branch_has_no_rule():
    circuit = QuantumCircuit(1, 1)
    circuit.measure(0, 0)
    with circuit.if_test((circuit.clbits[0], 1)):
        circuit.rx(A, 0)
    with pytest.raises(NoParameterShift, match="if, for or while"):
        shifted_inputs(circuit, ["a"])
