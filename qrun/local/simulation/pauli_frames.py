"""Clifford circuits of any width with Pauli noise: exact, and as cheap as moving a few bits.

A shot of a noisy Clifford circuit is a shot of the noiseless one with a Pauli in front of each
measurement: the *frame*, which gates carry along and noise adds to. So one noiseless shot (from Aer's
stabilizer simulator) and frames for all shots at once give all shots. A uniformly random Z at the start
and after each measurement makes the other outcomes of the noiseless circuit come up as they should.

Gate errors and relaxation take the form of Pauli channels here: what twirling makes of them.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
from qiskit.quantum_info import Clifford

from qrun.local.simulation import noise, pauli_noise

if TYPE_CHECKING:
    from qiskit.circuit import Instruction

    from qrun.local.simulation.binding import BoundOperation
    from qrun.local.simulation.components import Component

BoolArray = npt.NDArray[np.bool_]

CLIFFORD_GATES = frozenset(
    {"id", "x", "y", "z", "h", "s", "sdg", "sx", "sxdg", "cx", "cy", "cz", "ecr", "swap", "rz"}
)
"""Gates that are Clifford, ``rz`` at multiples of π/2; all known to Aer's stabilizer simulator."""

_OTHER = frozenset({"measure", "reset", "delay"})


def fits(component: Component) -> bool:
    """Whether a component is Clifford in every set of parameter values, without classical conditions."""
    return not component.is_dynamic and all(_is_clifford(operation) for operation in component.operations)


def sample(
    component: Component, device_name: str, reference: BoolArray, shots: int, rng: np.random.Generator
) -> BoolArray:
    """Turn one noiseless shot a set into ``shots`` noisy ones.

    Args:
        component: A component that ``fits``.
        device_name: The device whose noise it has.
        reference: One noiseless shot of each set, shape ``(sets, measurements)``, in the order of the
            component's measurements.
        shots: Shots a set.
        rng: Where randomness comes from.

    Returns:
        Recorded bits, shape ``(sets, shots, len(component.clbits))``.
    """
    sets = reference.shape[0]
    frames = _Frames(component, device_name, (sets, shots), rng)
    bits = np.zeros((sets, shots, len(component.clbits)), dtype=bool)
    measured = 0
    for operation in component.operations:
        if operation.name == "measure":
            outcome = reference[:, measured, None] ^ frames.measure(operation.qubits[0])
            bits[:, :, component.clbits.index(operation.clbits[0])] = outcome
            measured += 1
        else:
            frames.apply(operation)
    return bits


def _is_clifford(operation: BoundOperation) -> bool:
    if operation.name in _OTHER:
        return True
    if operation.name not in CLIFFORD_GATES:
        return False
    return all(bool(np.all(np.isclose(np.mod(angle, np.pi / 2), 0.0))) for angle in operation.angles)


class _Frames:
    """The X and Z parts of each shot's Pauli on each qubit; arrays of shape ``(sets, shots)``."""

    def __init__(
        self, component: Component, device_name: str, shape: tuple[int, int], rng: np.random.Generator
    ) -> None:
        self._device_name = device_name
        self._shape = shape
        self._rng = rng
        self._x = {qubit: np.zeros(shape, dtype=bool) for qubit in component.qubits}
        self._z = {qubit: self._coin() for qubit in component.qubits}

    def apply(self, operation: BoundOperation) -> None:
        """Carry the frames through a gate, a reset or a delay, and add its noise."""
        qubits = operation.qubits
        if operation.name == "reset":
            self._x[qubits[0]] = np.zeros(self._shape, dtype=bool)
            self._z[qubits[0]] = self._coin()
        elif operation.name == "rz":
            self._quarter_turns(qubits[0], operation.angles[0])
        elif operation.name not in ("id", "delay"):
            self._carry(_symplectic(operation.operation.base_class), qubits)
        self._add_noise(pauli_noise.operation_probabilities(self._device_name, operation), qubits)

    def measure(self, qubit: int) -> BoolArray:
        """Whether each shot records the opposite of the noiseless outcome."""
        flips: BoolArray = self._x[qubit].copy()
        self._z[qubit] ^= self._coin()
        readout = noise.readout_matrix(self._device_name, qubit)
        # The calibration gives one number for both directions, so a record flips whatever it was.
        error = readout[0, 1]
        if error > 0:
            flips ^= self._rng.random(self._shape) < error
        return flips

    def _coin(self) -> BoolArray:
        return self._rng.integers(0, 2, size=self._shape, dtype=np.uint8).astype(bool)

    def _quarter_turns(self, qubit: int, angle: Any) -> None:
        # An odd number of quarter turns about Z takes X to Y; an even one changes signs only.
        odd = np.round(np.asarray(angle) / (np.pi / 2)).astype(int) % 2 == 1
        self._z[qubit] = self._z[qubit] ^ (self._x[qubit] & odd.reshape(-1, 1))

    def _carry(self, matrix: BoolArray, qubits: tuple[int, ...]) -> None:
        before = [self._x[qubit] for qubit in qubits] + [self._z[qubit] for qubit in qubits]
        after = []
        for column in range(len(before)):
            total = np.zeros(self._shape, dtype=bool)
            for row in np.flatnonzero(matrix[:, column]):
                total = total ^ before[row]
            after.append(total)
        for index, qubit in enumerate(qubits):
            self._x[qubit] = after[index]
            self._z[qubit] = after[len(qubits) + index]

    def _add_noise(self, probabilities: npt.NDArray[np.float64] | None, qubits: tuple[int, ...]) -> None:
        if probabilities is None:
            return
        places, paulis = pauli_noise.draw(probabilities, self._shape[0] * self._shape[1], self._rng)
        for index, qubit in enumerate(qubits):
            digit = (paulis >> (2 * index)) & 3
            # Digits 0 … 3 are I, X, Y, Z.
            x_part = places[(digit == 1) | (digit == 2)]
            z_part = places[digit >= 2]
            self._x[qubit] = _flipped(self._x[qubit], x_part)
            self._z[qubit] = _flipped(self._z[qubit], z_part)


def _flipped(array: BoolArray, places: npt.NDArray[np.int64]) -> BoolArray:
    changed: BoolArray = array.copy()
    flat = changed.reshape(-1)
    flat[places] = ~flat[places]
    return changed


@lru_cache(maxsize=64)
def _symplectic(gate: type[Instruction]) -> BoolArray:
    """How a gate carries Paulis: rows are X of each qubit then Z of each, columns what they become."""
    matrix: BoolArray = Clifford(gate()).symplectic_matrix
    return matrix
