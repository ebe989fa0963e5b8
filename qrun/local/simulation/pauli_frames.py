"""Clifford circuits of any width with noise: as cheap as moving a few bits.

A shot of a Clifford circuit struck by Paulis is a shot of the noiseless one with a Pauli in front of each
measurement: the *frame*, which gates carry along and noise adds to. So one noiseless shot and frames for
all shots at once give all shots. A uniformly random Z at the start, after each measurement and after each
reset makes the other outcomes of the noiseless circuit come up as they should. Shots that relaxation
resets somewhere are shots of a circuit of their own, with a noiseless shot of their own.
"""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
from qiskit.quantum_info import Clifford

from qrun.local.simulation import error_events, noise
from qrun.local.simulation.error_events import RESET, Events
from qrun.local.simulation.reference_shots import reference_shots

if TYPE_CHECKING:
    from qiskit.circuit import Instruction

    from qrun.local.simulation.binding import BoundOperation
    from qrun.local.simulation.components import Component

BoolArray = npt.NDArray[np.bool_]
IntArray = npt.NDArray[np.int64]

CLIFFORD_GATES = frozenset(
    {"id", "x", "y", "z", "h", "s", "sdg", "sx", "sxdg", "cx", "cy", "cz", "ecr", "swap", "rz"}
)
"""Gates that are Clifford, ``rz`` at multiples of π/2."""

_OTHER = frozenset({"measure", "reset", "delay"})


def fits(component: Component) -> bool:
    """Whether a component is Clifford in every set of parameter values, without classical conditions."""
    return not component.is_dynamic and all(_is_clifford(operation) for operation in component.operations)


def sample(
    component: Component, device_name: str, sets: int, shots: int, rng: np.random.Generator
) -> BoolArray:
    """Run a component.

    Args:
        component: A component that ``fits``.
        device_name: The device whose noise it has.
        sets: How many sets of parameter values there are.
        shots: Shots a set.
        rng: Where randomness comes from.

    Returns:
        Recorded bits, shape ``(sets, shots, len(component.clbits))``.
    """
    events = error_events.draw(component.operations, device_name, sets * shots, rng)
    lanes, reference = _references(component, events, sets, shots)
    frames = _Frames(component, device_name, (sets, shots), rng)
    bits = np.zeros((sets, shots, len(component.clbits)), dtype=bool)
    measured = 0
    for index, operation in enumerate(component.operations):
        if operation.name == "measure":
            flips = frames.measure(operation.qubits[0])
            outcome = reference[:, measured][lanes].reshape(sets, shots) ^ flips
            bits[:, :, component.clbits.index(operation.clbits[0])] = outcome
            measured += 1
        else:
            frames.apply(operation)
            frames.strike(events, events.after(index))
    return bits


def _references(component: Component, events: Events, sets: int, shots: int) -> tuple[IntArray, BoolArray]:
    """Noiseless shots, and which of them each shot starts from: its set's, or its own if it is reset."""
    is_reset = events.kinds == RESET
    struck, numbers = np.unique(events.shots[is_reset], return_inverse=True)
    lanes = np.repeat(np.arange(sets), shots)
    lanes[struck] = sets + np.arange(len(struck))
    resets = replace(
        events,
        operations=events.operations[is_reset],
        qubits=events.qubits[is_reset],
        kinds=events.kinds[is_reset],
        shots=sets + numbers.reshape(-1),
    )
    lane_sets = np.concatenate([np.arange(sets), struck // shots])
    return lanes, reference_shots(component, lane_sets, resets)


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
        """Carry the frames through a gate, a reset or a delay."""
        qubits = operation.qubits
        if operation.name == "reset":
            self._x[qubits[0]] = np.zeros(self._shape, dtype=bool)
            self._z[qubits[0]] = self._coin()
        elif operation.name == "rz":
            self._quarter_turns(qubits[0], operation.angles[0])
        elif operation.name not in ("id", "delay"):
            self._carry(_symplectic(operation.operation.base_class), qubits)

    def measure(self, qubit: int) -> BoolArray:
        """Whether each shot records the opposite of the noiseless outcome."""
        flips: BoolArray = self._x[qubit].copy()
        self._z[qubit] = self._z[qubit] ^ self._coin()
        readout = noise.readout_matrix(self._device_name, qubit)
        # The calibration gives one number for both directions, so a record flips whatever it was.
        error = readout[0, 1]
        if error > 0:
            flips ^= self._rng.random(self._shape) < error
        return flips

    def strike(self, events: Events, part: slice) -> None:
        """Add errors to the frames, in their order."""
        kinds, qubits, shots = events.kinds[part], events.qubits[part], events.shots[part]
        for struck in dict.fromkeys(qubits.tolist()):
            on = qubits == struck
            # A reset comes last of what follows an operation on a qubit, and forgets all before it.
            for wanted in (kinds <= error_events.Z, kinds == RESET):
                self._strike_qubit(struck, kinds[on & wanted], shots[on & wanted])

    def _strike_qubit(self, qubit: int, kinds: IntArray, shots: IntArray) -> None:
        if not len(kinds):
            return
        x, z = self._x[qubit].copy().reshape(-1), self._z[qubit].copy().reshape(-1)
        if kinds[0] == RESET:
            x[shots] = False
            z[shots] = self._rng.integers(0, 2, size=len(shots), dtype=np.uint8).astype(bool)
        else:
            # A shot may have a Pauli of a gate's error and a Z of its relaxation.
            np.logical_xor.at(x, shots, kinds <= 2)
            np.logical_xor.at(z, shots, kinds >= 2)
        self._x[qubit], self._z[qubit] = x.reshape(self._shape), z.reshape(self._shape)

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


@lru_cache(maxsize=64)
def _symplectic(gate: type[Instruction]) -> BoolArray:
    """How a gate carries Paulis: rows are X of each qubit then Z of each, columns what they become."""
    matrix: BoolArray = Clifford(gate()).symplectic_matrix
    return matrix
