"""Operations of a circuit taken together to blocks of a few qubits, each of which is one small matrix.

A pass through a statevector costs about the same for a gate on one qubit as for a matrix on four, so
neighbouring gates are multiplied into one matrix first. What happens inside of a block to single shots, an
error or a measurement, is carried to the block's end: with ``U`` the whole block and ``V`` its part up to
there, ``E`` in the middle is ``U V† E V U†`` after the whole.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from qiskit.circuit import Instruction

    from qrun.local.simulation.binding import BoundOperation

ComplexArray = npt.NDArray[np.complex128]
Amplitudes = npt.NDArray[np.complex64]
IntArray = npt.NDArray[np.int64]

_WITHOUT_MATRIX = frozenset({"measure", "reset", "delay"})


@dataclass(frozen=True)
class Block:
    """Operations that are one matrix together.

    Args:
        places: The qubits' places; the first is the lowest bit of the block's matrix.
        operations: Indices of the operations, in order.
    """

    places: tuple[int, ...]
    operations: tuple[int, ...]


class BlockMatrices:
    """The matrix of a block in some sets of parameter values, and those of what may strike inside of it.

    Args:
        block: The block.
        operations: All operations of the circuit.
        place: Places of the circuit's qubits.
        sets: Indices of the sets of parameter values.
    """

    def __init__(
        self,
        block: Block,
        operations: Sequence[BoundOperation],
        place: Mapping[int, int],
        sets: IntArray,
    ) -> None:
        size = 2 ** len(block.places)
        self._bit = {at: bit for bit, at in enumerate(block.places)}
        product: ComplexArray = np.eye(size, dtype=complex)[None]
        self._before: dict[int, ComplexArray] = {}
        for index in block.operations:
            operation = operations[index]
            if operation.name not in _WITHOUT_MATRIX:
                bits = [self._bit[place[qubit]] for qubit in operation.qubits]
                product = apply(gate_matrices(operation, sets), product, bits)
            self._before[index] = product
        self._whole = product.astype(np.complex64)
        self._last = product
        self._back: dict[int, Amplitudes] = {}

    def whole_of(self, index: int) -> Amplitudes:
        """The block's matrix in the ``index``-th set."""
        # All sets share one if no angle varies.
        whole: Amplitudes = self._whole[index if len(self._whole) > 1 else 0]
        return whole

    def carried(self, what: Amplitudes, place: int, operation: int, index: int) -> Amplitudes:
        """A ``(2, 2)`` matrix on a qubit right after an operation, as one after the block, in a set."""
        if operation not in self._back:
            back = self._before[operation] @ np.conj(self._last).swapaxes(1, 2)
            self._back[operation] = back.astype(np.complex64)
        stack = self._back[operation]
        back = stack[index if len(stack) > 1 else 0]
        # The bits above the qubit's, the qubit's, all others.
        struck = what @ back.reshape(len(back) >> self._bit[place] + 1, 2, -1)
        carried: Amplitudes = np.conj(back.T) @ struck.reshape(back.shape)
        return carried


def fuse(
    operations: Sequence[BoundOperation], which: Iterable[int], place: Mapping[int, int], size: int
) -> list[Block]:
    """Share operations out to blocks of at most ``size`` qubits; running them in order is the circuit.

    Args:
        operations: All operations of the circuit.
        which: Indices of those to take.
        place: Places of the circuit's qubits.
        size: Most qubits of a block.
    """
    places: list[dict[int, None]] = []
    members: list[list[int]] = []
    latest: dict[tuple[str, int], int] = {}
    for index in which:
        operation = operations[index]
        on = [place[qubit] for qubit in operation.qubits]
        nodes = [("qubit", at) for at in on] + [("bit", clbit) for clbit in operation.clbits]
        earliest = max(0, *(latest.get(node, -1) for node in nodes))
        grown = [
            (sum(at not in places[block] for at in on), block)
            for block in range(earliest, len(places))
            if len(places[block].keys() | on) <= size
        ]
        if not grown:
            places.append({})
            members.append([])
        chosen = min(grown)[1] if grown else len(places) - 1
        places[chosen].update(dict.fromkeys(on))
        members[chosen].append(index)
        latest.update(dict.fromkeys(nodes, chosen))
    return [Block(tuple(at), tuple(inside)) for at, inside in zip(places, members, strict=True)]


def apply(matrices: ComplexArray, array: ComplexArray, bits: Sequence[int]) -> ComplexArray:
    """Apply matrices ``(1 or n, 2**k, 2**k)`` to some bits of an array ``(1 or n, 2**bits, more)``."""
    count, size, more = array.shape
    width = size.bit_length() - 1
    # The highest bit comes first, in the array as in the matrices.
    axes = [width - bit for bit in reversed(bits)]
    front = range(1, len(bits) + 1)
    moved = np.moveaxis(array.reshape(count, *(2,) * width, more), axes, front)
    after = matrices @ moved.reshape(count, 2 ** len(bits), -1)
    unfolded = after.reshape(len(after), *moved.shape[1:])
    result: ComplexArray = np.moveaxis(unfolded, front, axes).reshape(len(after), size, more)
    return result


def gate_matrices(operation: BoundOperation, sets: IntArray) -> ComplexArray:
    """A gate's matrix, shape ``(1, 2**k, 2**k)``, or ``(sets, 2**k, 2**k)`` where its angles vary."""
    gate = operation.operation.base_class
    if not operation.varies:
        return _fixed_matrix(gate, operation.angles)[None]
    if operation.name == "rz":
        turned = np.zeros((len(sets), 2, 2), dtype=complex)
        half = np.asarray(operation.angles[0])[sets] / 2
        turned[:, 0, 0], turned[:, 1, 1] = np.exp(-1j * half), np.exp(1j * half)
        return turned
    columns = [
        np.broadcast_to(angle[sets] if isinstance(angle, np.ndarray) else angle, sets.shape)
        for angle in operation.angles
    ]
    return np.stack([_fixed_matrix(gate, tuple(row)) for row in np.stack(columns, axis=1).tolist()])


@lru_cache(maxsize=4096)
def _fixed_matrix(gate: type[Instruction], angles: tuple[Any, ...]) -> ComplexArray:
    return np.asarray(gate(*angles).to_matrix(), dtype=complex)
