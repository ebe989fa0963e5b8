"""Circuits of rb-decay.yaml."""

from __future__ import annotations

import numpy as np
from qiskit.circuit import QuantumCircuit
from qiskit.quantum_info import Clifford, random_clifford


def sequence(length: int, seed: int, qubits: int = 2) -> QuantumCircuit:
    """Random Cliffords, the one that undoes them, and a measurement.

    Barriers stand between them, or a compiler would see that nothing is done and do nothing.

    Args:
        length: How many random Cliffords.
        seed: The same seed gives the same sequence.
        qubits: Width.
    """
    generator = np.random.default_rng([seed, length])
    circuit = QuantumCircuit(qubits, name=f"rb-{length}-{seed}")
    total = Clifford(np.eye(2 * qubits, dtype=bool))
    for _ in range(length):
        gate = random_clifford(qubits, seed=generator)
        circuit.compose(gate.to_circuit(), inplace=True)
        circuit.barrier()
        total = total.compose(gate)
    circuit.compose(total.adjoint().to_circuit(), inplace=True)
    circuit.measure_all()
    return circuit
