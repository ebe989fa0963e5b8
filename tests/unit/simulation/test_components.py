"""Splitting circuits into groups of qubits that interact."""

from __future__ import annotations

import numpy as np
from qiskit import ClassicalRegister, QuantumCircuit, QuantumRegister
from qiskit.circuit.classical import expr

from qrun.local.simulation.binding import bind
from qrun.local.simulation.components import Component, components


def parts_of(circuit: QuantumCircuit) -> list[Component]:
    return components(bind(circuit, np.zeros((1, circuit.num_parameters)), 1e-9))


def test_gates_join_and_barriers_and_delays_do_not() -> None:
    circuit = QuantumCircuit(6, 5)
    circuit.cx(0, 1)
    circuit.barrier()
    circuit.delay(100, 5)
    circuit.cx(2, 3)
    circuit.measure(range(5), range(5))
    assert [part.qubits for part in parts_of(circuit)] == [(0, 1), (2, 3), (4,)]


def test_what_is_never_measured_is_left_out() -> None:
    circuit = QuantumCircuit(3, 1)
    circuit.cx(0, 1)
    circuit.measure(2, 0)
    assert [part.qubits for part in parts_of(circuit)] == [(2,)]


def test_a_condition_joins_with_what_was_measured_for_it() -> None:
    circuit = QuantumCircuit(4, 4)
    circuit.measure(0, 0)
    with circuit.if_test((circuit.clbits[0], 1)):
        circuit.x(1)
    circuit.measure([1, 2], [1, 2])
    assert [part.qubits for part in parts_of(circuit)] == [(0, 1), (2,)]
    assert parts_of(circuit)[0].is_dynamic


def test_a_bit_that_is_written_twice_joins_its_writers() -> None:
    circuit = QuantumCircuit(QuantumRegister(2), ClassicalRegister(1))
    circuit.measure(0, 0)
    circuit.measure(1, 0)
    (part,) = parts_of(circuit)
    assert part.qubits == (0, 1)
    assert not part.measures_only_at_the_end


def test_a_store_joins_the_bits_of_its_expressions() -> None:
    circuit = QuantumCircuit(3, 3)
    circuit.measure(0, 0)
    circuit.store(circuit.clbits[1], expr.lift(circuit.clbits[0]))
    circuit.measure(2, 2)
    assert [(part.qubits, part.clbits) for part in parts_of(circuit)] == [((0,), (0, 1)), ((2,), (2,))]


def test_a_condition_without_a_list_of_bits_joins_those_of_its_expression() -> None:
    circuit = QuantumCircuit(2, 2)
    circuit.measure(0, 0)
    body = QuantumCircuit(1)
    body.x(0)
    circuit.if_test(expr.lift(circuit.clbits[0]), body, [1], [])
    circuit.measure(1, 1)
    assert [part.qubits for part in parts_of(circuit)] == [(0, 1)]
