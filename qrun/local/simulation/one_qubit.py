"""Qubits that interact with no other: density matrices with numpy, all sets of parameter values at once.

A readout calibration measures each of 156 qubits under 32 randomisations: 4992 one-qubit circuits that
no simulator call needs to be made for.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
from qiskit.quantum_info import SuperOp

from qrun.local.simulation import noise
from qrun.local.simulation.draws import draw_outcomes, outcome_bits

if TYPE_CHECKING:
    from qiskit.circuit import Instruction

    from qrun.local.simulation.binding import BoundOperation
    from qrun.local.simulation.components import Component

ComplexArray = npt.NDArray[np.complex128]

MAX_MEASUREMENTS = 6
"""Each measurement doubles the branches to follow; beyond this many, trajectories are cheaper."""

_GROUND = np.array([1, 0, 0, 0], dtype=complex)
_RESET = np.array([[1, 0, 0, 1], [0, 0, 0, 0], [0, 0, 0, 0], [0, 0, 0, 0]], dtype=complex)


def fits(component: Component) -> bool:
    """Whether a component can be simulated here."""
    measurements = sum(operation.name == "measure" for operation in component.operations)
    return len(component.qubits) == 1 and not component.is_dynamic and measurements <= MAX_MEASUREMENTS


def sample(
    component: Component, device_name: str, sets: int, shots: int, rng: np.random.Generator
) -> npt.NDArray[np.bool_]:
    """Measure one qubit ``shots`` times for each set of parameter values.

    Args:
        component: What happens to the qubit.
        device_name: The device whose noise it has.
        sets: How many sets of parameter values there are.
        shots: Shots a set.
        rng: Where randomness comes from.

    Returns:
        Recorded bits, shape ``(sets, shots, len(component.clbits))``.
    """
    qubit = component.qubits[0]
    # Axes: set (1 until sets differ), record of measurements so far, column-stacked density matrix.
    states = _GROUND.reshape(1, 1, 4)
    written: list[int] = []
    for operation in component.operations:
        if operation.name == "measure":
            states = _measure(states, device_name, qubit)
            written.append(operation.clbits[0])
            continue
        for matrix in _channels(operation, device_name, qubit):
            # Shapes (1 or sets, 4, 4) and (1 or sets, records, 4); matmul broadcasts over the sets.
            states = states @ np.swapaxes(matrix, -1, -2)
    probabilities = np.real(states[:, :, 0] + states[:, :, 3])
    records = outcome_bits(draw_outcomes(probabilities, sets, shots, rng), len(written))
    bits = np.zeros((sets, shots, len(component.clbits)), dtype=bool)
    for index, clbit in enumerate(written):
        bits[:, :, component.clbits.index(clbit)] = records[:, :, index]
    return bits


def _measure(states: ComplexArray, device_name: str, qubit: int) -> ComplexArray:
    """Split each record into one with 0 and one with 1 added as its highest bit."""
    readout = noise.readout_matrix(device_name, qubit)
    parts = []
    for recorded in (0, 1):
        part = np.zeros_like(states)
        part[:, :, 0] = readout[0, recorded] * states[:, :, 0]
        part[:, :, 3] = readout[1, recorded] * states[:, :, 3]
        parts.append(part)
    return np.concatenate(parts, axis=1)


def _channels(operation: BoundOperation, device_name: str, qubit: int) -> list[ComplexArray]:
    """What an instruction does, in order; each of shape ``(4, 4)`` or ``(sets, 4, 4)``."""
    if operation.name == "delay":
        error = noise.relaxation(device_name, qubit, operation.seconds)
        return [] if error is None else [np.asarray(SuperOp(error).data)]
    action = _RESET if operation.name == "reset" else _gate(operation)
    follows = noise.gate_error_superoperator(device_name, operation.name, (qubit,))
    return [action] if follows is None else [action, follows]


def _gate(operation: BoundOperation) -> ComplexArray:
    if not operation.varies:
        return _fixed_gate(operation.operation.base_class, operation.name, operation.angles)
    if operation.name == "rz":
        return _rz(np.asarray(operation.angles[0]))
    sets = max(len(angle) for angle in operation.angles if isinstance(angle, np.ndarray))
    table = np.stack([np.broadcast_to(angle, (sets,)) for angle in operation.angles], axis=1)
    distinct, which = np.unique(table, axis=0, return_inverse=True)
    gates = [
        _fixed_gate(operation.operation.base_class, operation.name, tuple(row)) for row in distinct.tolist()
    ]
    return np.stack(gates)[which.reshape(-1)]


def _rz(angles: npt.NDArray[np.float64]) -> ComplexArray:
    gates = np.zeros((len(angles), 4, 4), dtype=complex)
    gates[:, 0, 0] = gates[:, 3, 3] = 1
    gates[:, 1, 1] = np.exp(1j * angles)
    gates[:, 2, 2] = np.exp(-1j * angles)
    return gates


@lru_cache(maxsize=4096)
def _fixed_gate(gate: type[Instruction], name: str, angles: tuple[Any, ...]) -> ComplexArray:
    unitary = gate(*angles).to_matrix()
    # Column-stacking: vec(U ρ U†) = (U* ⊗ U) vec(ρ).
    return np.kron(unitary.conj(), unitary)
