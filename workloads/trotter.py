"""Circuit and observable of ising-quench.yaml."""

from __future__ import annotations

from qiskit.circuit import Parameter, QuantumCircuit
from qiskit.quantum_info import SparsePauliOp


def quench(spins: int, steps: int, coupling: float = 1.0, field: float = 1.0) -> QuantumCircuit:
    """Evolution of a chain of spins, all up, under ``-coupling ΣZZ - field ΣX``, by second-order steps.

    Args:
        spins: Length of the chain, whose ends are open.
        steps: How many steps the time is cut into; their error falls as ``1 / steps²``.
        coupling: Strength of the neighbours' coupling.
        field: Strength of the transverse field.

    Returns:
        A circuit of the parameter ``time``.
    """
    step = Parameter("time") / steps
    circuit = QuantumCircuit(spins, name=f"quench{steps}")
    for _ in range(steps):
        circuit.rx(-field * step, range(spins))
        # Even bonds, then odd ones: the bonds of each kind run at the same time.
        for first in (*range(0, spins - 1, 2), *range(1, spins - 1, 2)):
            circuit.rzz(-2 * coupling * step, first, first + 1)
        circuit.rx(-field * step, range(spins))
    return circuit


def mean_magnetisation(spins: int) -> SparsePauliOp:
    """The mean of Z over a chain of ``spins``."""
    return SparsePauliOp.from_sparse_list([("Z", [i], 1 / spins) for i in range(spins)], num_qubits=spins)
