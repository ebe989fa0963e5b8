"""One noiseless shot of a Clifford circuit for each of many patterns of resets, all at once.

Pauli frames need a noiseless shot to start from. Paulis that strike a shot leave that shot what it is,
but a reset changes the circuit: each pattern of resets has a noiseless shot of its own.

Measurements are carried back through the circuit as Paulis (the Heisenberg picture), all lanes of all
patterns together, a bit each. Where the circuit resets or measures a qubit, a Pauli with an X on it has
a random outcome: it is *dead*, and multiplied into the others with an X there, which sets them right.
At the start all qubits are in |0⟩, a reset like any other. What is left of a Pauli that lives is the sign
that its outcome has, given that all dead ones gave 0. That is one possible shot, which is all frames need.

Source of the stabilizer formalism, and of measurements by pivots: Aaronson and Gottesman, "Improved
simulation of stabilizer circuits", Phys. Rev. A 70, 052328 (2004).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache, reduce
from itertools import combinations
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from qiskit.circuit import Instruction

    from qrun.local.simulation.binding import BoundOperation
    from qrun.local.simulation.components import Component
    from qrun.local.simulation.error_events import Events

BoolArray = npt.NDArray[np.bool_]
IntArray = npt.NDArray[np.int64]
Words = npt.NDArray[np.uint64]

_BYTES_AT_ONCE = 8_000_000
"""Lanes are done in chunks of this size: larger ones leave the processor's cache."""
_WORD = 64


def reference_shots(component: Component, lane_sets: IntArray, resets: Events) -> BoolArray:
    """Noiseless shots of a Clifford component.

    Args:
        component: The component, without classical conditions.
        lane_sets: For each shot wanted (a lane) its set of parameter values.
        resets: Resets that strike lanes; ``resets.shots`` are lanes.

    Returns:
        Shape ``(lanes, measurements)``, in the order of the component's measurements.
    """
    measurements = sum(operation.name == "measure" for operation in component.operations)
    words = -(-measurements // _WORD)
    chunk = max(1, _BYTES_AT_ONCE // (16 * words * len(component.qubits)))
    found = [
        _chunk_of_shots(component, lane_sets[start : start + chunk], start, resets, measurements)
        for start in range(0, len(lane_sets), chunk)
    ]
    return np.concatenate([np.zeros((0, measurements), dtype=bool), *found])


def _chunk_of_shots(
    component: Component, lane_sets: IntArray, start: int, resets: Events, measurements: int
) -> BoolArray:
    place = {qubit: index for index, qubit in enumerate(component.qubits)}
    rows = _Rows(len(place), len(lane_sets), measurements)
    every = np.arange(len(lane_sets))
    measured = measurements
    for index in range(len(component.operations) - 1, -1, -1):
        operation = component.operations[index]
        _carry_back_resets(rows, resets, index, start, place)
        places = [place[qubit] for qubit in operation.qubits]
        if operation.name == "measure":
            measured -= 1
            rows.measure(places[0], measured)
        elif operation.name == "reset":
            rows.reset(places[0], every)
        elif operation.name == "rz":
            rows.turn(places[0], _quarters(operation, lane_sets))
        elif operation.name not in ("id", "delay"):
            rows.conjugate(_conjugation(operation.operation.base_class), places)
    for qubit in rows.from_the_least_spread():
        rows.reset(qubit, every)
    return rows.signs()


def _carry_back_resets(
    rows: _Rows, resets: Events, operation: int, start: int, place: dict[int, int]
) -> None:
    part = resets.after(operation)
    lanes, qubits = resets.shots[part] - start, resets.qubits[part]
    inside = (lanes >= 0) & (lanes < rows.lanes)
    for qubit in np.unique(qubits[inside]):
        rows.reset(place[int(qubit)], np.unique(lanes[inside & (qubits == qubit)]))


def _quarters(operation: BoundOperation, lane_sets: IntArray) -> IntArray:
    """Quarter turns of an ``rz``, shape ``(lanes, 1)`` or ``(1, 1)``."""
    quarters = np.round(np.asarray(operation.angles[0]) / (np.pi / 2)).astype(np.int64) % 4
    return (quarters[lane_sets] if quarters.ndim else quarters).reshape(-1, 1)


class _Rows:
    """A Pauli for each measurement in each lane: i^phase · Π X^x Z^z over the qubits.

    Bits of words are measurements. Shapes: ``x`` and ``z`` ``(qubits, lanes, words)``; ``phase``
    ``(2, lanes, words)``, the lower and the higher bit of the power of i.
    """

    def __init__(self, qubits: int, lanes: int, measurements: int) -> None:
        words = -(-measurements // _WORD)
        self.lanes = lanes
        self._measurements = measurements
        self._x = np.zeros((qubits, lanes, words), dtype=np.uint64)
        self._z = np.zeros((qubits, lanes, words), dtype=np.uint64)
        self._phase = np.zeros((2, lanes, words), dtype=np.uint64)
        self._reach = np.zeros((measurements, qubits), dtype=bool)
        """Whether a measurement's Pauli may be on a qubit, in any lane: what is not need not be looked at."""

    def from_the_least_spread(self) -> Iterator[int]:
        """All qubits, each when the Paulis on it are on few others; none are on it any more after that."""
        left = set(range(self._reach.shape[1]))
        while left:
            qubit = min(left, key=lambda at: (len(self._seen_from(at)), at))
            yield qubit
            left.remove(qubit)
            self._reach[:, qubit] = False

    def _seen_from(self, qubit: int) -> IntArray:
        """Qubits that Paulis on this one may be on."""
        found: IntArray = np.flatnonzero(self._reach[self._reach[:, qubit]].any(axis=0))
        return found

    def signs(self) -> BoolArray:
        """Whether each Pauli's sign is negative, shape ``(lanes, measurements)``."""
        raw = np.ascontiguousarray(self._phase[1]).astype("<u8").view(np.uint8)
        return np.unpackbits(raw, axis=1, count=self._measurements, bitorder="little").astype(bool)

    def measure(self, qubit: int, measurement: int) -> None:
        """Carry back through a measurement, which is where its own Pauli starts, as a Z."""
        self._collapse(qubit, np.arange(self.lanes))
        self._z[qubit, :, measurement // _WORD] |= np.uint64(1 << (measurement % _WORD))
        self._reach[measurement, qubit] = True

    def reset(self, qubit: int, lanes: IntArray) -> None:
        """Carry back through a reset of a qubit in some lanes."""
        self._collapse(qubit, lanes)
        # After it the qubit's Z is +1, whatever was before.
        self._z[qubit, lanes] = 0

    def turn(self, qubit: int, quarters: IntArray) -> None:
        """Carry back through quarter turns about Z, which take X to i^(−quarters) · X · Z^quarters."""
        x = self._x[qubit]
        odd = np.where(quarters % 2 == 1, x, np.uint64(0))
        self._z[qubit] ^= odd
        self._add_phase(odd, np.where((quarters == 1) | (quarters == 2), x, np.uint64(0)))

    def conjugate(self, conjugation: _Conjugation, qubits: Sequence[int]) -> None:
        """Carry back through a gate."""
        before = [self._x[qubit] for qubit in qubits] + [self._z[qubit] for qubit in qubits]
        low, high = (
            reduce(np.bitwise_xor, (_product(before, term) for term in terms), np.uint64(0))
            for terms in conjugation.phase_terms
        )
        after = [reduce(np.bitwise_xor, (before[row] for row in rows)) for rows in conjugation.images]
        self._reach[:, qubits] = self._reach[:, qubits].any(axis=1, keepdims=True)
        for index, qubit in enumerate(qubits):
            self._x[qubit], self._z[qubit] = after[index], after[len(qubits) + index]
        self._add_phase(low, high)

    def _add_phase(self, low: Any, high: Any) -> None:
        carry = self._phase[0] & low
        self._phase[0] ^= low
        self._phase[1] ^= high ^ carry

    def _collapse(self, qubit: int, lanes: IntArray) -> None:
        """Let no Pauli have an X on a qubit in some lanes: one dies, and is multiplied into the others."""
        lanes = lanes[self._x[qubit, lanes].any(axis=1)]
        if not len(lanes):
            return
        hit = self._x[qubit, lanes]
        pivot = _lowest_bit(hit)
        others = hit ^ pivot
        near = self._seen_from(qubit)
        self._reach[np.ix_(self._reach[:, qubit], near)] = True
        part = np.ix_(near, lanes)
        x, z, phase = self._x[part], self._z[part], self._phase[:, lanes]
        pivot_x, pivot_z, pivot_phase = (
            np.where((each & pivot).any(axis=2, keepdims=True), others, np.uint64(0))
            for each in (x, z, phase)
        )
        # Z of the one in front has to pass X of the pivot: a sign for each qubit where both are.
        sign = np.bitwise_xor.reduce(z & pivot_x, axis=0)
        carry = phase[0] & pivot_phase[0]
        phase ^= pivot_phase
        phase[1] ^= carry ^ sign
        self._x[part] = (x ^ pivot_x) & ~pivot
        self._z[part] = (z ^ pivot_z) & ~pivot
        self._phase[:, lanes] = phase & ~pivot


def _lowest_bit(words: Words) -> Words:
    """The lowest set bit of each row, alone."""
    first = (words != 0).argmax(axis=1)
    each = np.arange(len(words))
    lowest = np.zeros_like(words)
    lowest[each, first] = words[each, first] & (~words[each, first] + np.uint64(1))
    return lowest


def _product(columns: Sequence[Words], term: tuple[int, ...]) -> Words:
    return reduce(np.bitwise_and, (columns[index] for index in term))


@dataclass(frozen=True)
class _Conjugation:
    """What carrying a Pauli back through a gate makes of it.

    Bits are X of each qubit, then Z of each.

    Args:
        images: For each bit after, the bits before that it is the sum of.
        phase_terms: For the lower and the higher bit of the power of i that the Pauli gains, the
            products of bits before that it is the sum of.
    """

    images: tuple[tuple[int, ...], ...]
    phase_terms: tuple[tuple[tuple[int, ...], ...], tuple[tuple[int, ...], ...]]


@lru_cache(maxsize=64)
def _conjugation(gate: type[Instruction]) -> _Conjugation:
    unitary = np.asarray(gate().to_matrix())
    qubits = len(unitary).bit_length() - 1
    bits = 2 * qubits
    power = np.zeros(2**bits, dtype=int)
    image = np.zeros(2**bits, dtype=int)
    for pattern in range(2**bits):
        power[pattern], image[pattern] = _read_pauli(
            unitary.conj().T @ _pauli_matrix(pattern, qubits) @ unitary, qubits
        )
    return _Conjugation(
        tuple(tuple(row for row in range(bits) if image[1 << row] >> bit & 1) for bit in range(bits)),
        (tuple(_polynomial(power & 1, bits)), tuple(_polynomial(power >> 1, bits))),
    )


def _pauli_matrix(pattern: int, qubits: int) -> npt.NDArray[np.complex128]:
    x, z = np.array([[0, 1], [1, 0]], dtype=complex), np.diag([1, -1]).astype(complex)
    each = [
        np.linalg.matrix_power(x, pattern >> qubit & 1)
        @ np.linalg.matrix_power(z, pattern >> (qubits + qubit) & 1)
        for qubit in range(qubits)
    ]
    matrix = np.eye(1, dtype=complex)
    for factor in each:
        matrix = np.kron(factor, matrix)
    return matrix


def _read_pauli(matrix: npt.NDArray[np.complex128], qubits: int) -> tuple[int, int]:
    """Power of i and pattern of bits of a Pauli's matrix."""
    x = int(np.abs(matrix[:, 0]).argmax())
    factor = matrix[x, 0]
    z = sum(1 << q for q in range(qubits) if (matrix[x ^ (1 << q), 1 << q] / factor).real < 0)
    return round(np.angle(factor) / (np.pi / 2)) % 4, x | z << qubits


def _polynomial(values: npt.NDArray[np.int64], bits: int) -> Iterator[tuple[int, ...]]:
    """Products whose sum modulo 2 has these values at all patterns of bits (the algebraic normal form)."""
    for size in range(1, bits + 1):
        for term in combinations(range(bits), size):
            mask = sum(1 << index for index in term)
            # Möbius: a product is in the sum if the values below it are odd in number.
            if sum(int(values[pattern]) for pattern in range(2**bits) if pattern & ~mask == 0) % 2:
                yield term
