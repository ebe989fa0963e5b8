"""Modelled QPU time, against times worked out by hand from the device's own numbers."""

from __future__ import annotations

import pytest
from qiskit import QuantumCircuit

from qrun.local.devices import device
from qrun.local.simulation.outcome import ProgramError
from qrun.local.simulation.timing import (
    JOB_OVERHEAD_SECONDS,
    ExecutionTiming,
    circuit_seconds,
    execution_seconds,
    job_seconds,
)

SX, CZ, MEASURE, RESET = 24e-9, 84e-9, 1560e-9, 1584e-9
"""Durations of the ideal device's instructions, which are those of the snapshot of ibm_fez."""


def test_longest_path() -> None:
    circuit = QuantumCircuit(3, 3)
    circuit.sx(0)
    circuit.rz(0.1, 0)
    circuit.cz(0, 1)
    circuit.sx(2)
    circuit.measure(range(3), range(3))
    assert circuit_seconds(circuit, device("ideal")) == pytest.approx(SX + CZ + MEASURE)


def test_barriers_and_delays_are_waited_for() -> None:
    circuit = QuantumCircuit(2, 2)
    circuit.delay(100, 0, unit="ns")
    circuit.barrier()
    circuit.delay(10, 1)  # dt, of 4 ns
    circuit.measure(1, 1)
    assert circuit_seconds(circuit, device("ideal")) == pytest.approx(100e-9 + 40e-9 + MEASURE)


def test_the_longest_branch_counts_after_its_condition() -> None:
    circuit = QuantumCircuit(2, 2)
    circuit.measure(0, 0)
    with circuit.if_test((circuit.clbits[0], 1)) as otherwise:
        circuit.x(1)
    with otherwise:
        circuit.x(1)
        circuit.sx(1)
    with circuit.for_loop(range(3)):
        circuit.x(1)
    assert circuit_seconds(circuit, device("ideal")) == pytest.approx(MEASURE + 2 * SX + 3 * SX)


def test_one_execution() -> None:
    circuit = QuantumCircuit(1, 1)
    circuit.measure(0, 0)
    ideal = device("ideal")
    assert execution_seconds(circuit, ideal, ExecutionTiming()) == pytest.approx(MEASURE + RESET + 250e-6)
    assert execution_seconds(circuit, ideal, ExecutionTiming(1e-4, False)) == pytest.approx(MEASURE + 1e-4)


def test_a_delay_outside_of_the_range_is_refused() -> None:
    with pytest.raises(ProgramError, match="repetition delay") as caught:
        execution_seconds(QuantumCircuit(1), device("ideal"), ExecutionTiming(1.0))
    assert caught.value.code == 8030


def test_a_job() -> None:
    assert job_seconds([0.5, 1.0]) == pytest.approx(JOB_OVERHEAD_SECONDS + 1.5)
