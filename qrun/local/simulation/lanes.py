"""Noisy circuits of a dozen qubits with numpy: many shots' statevectors side by side, a lane each.

Errors are drawn beforehand (``error_events``). Shots without one are samples of one lane for each set of
parameter values, and so are shots that share a pattern of Paulis. A shot that is reset has a lane of its
own, because what a reset does to the other qubits is random. A simulator that is handed one circuit for
each pattern spends milliseconds on it before the first gate; here a lane costs its arithmetic alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from qrun.local.simulation import error_events
from qrun.local.simulation.error_events import RESET, Events
from qrun.local.simulation.error_patterns import read_out

if TYPE_CHECKING:
    from collections.abc import Sequence

    from qiskit.circuit import Instruction

    from qrun.local.simulation.binding import BoundOperation
    from qrun.local.simulation.components import Component

BoolArray = npt.NDArray[np.bool_]
IntArray = npt.NDArray[np.int64]
Amplitudes = npt.NDArray[np.complex64]
"""Single precision: after a thousand gates a probability is off by 1e-5, which no number of shots shows."""

_BYTES_AT_ONCE = 2**21
"""Lanes are done in chunks of this size: larger ones leave the processor's cache."""
_FEWEST_LANES = 8
_GROUP = 4
"""Qubits of a group: its matrices are small next to a statevector, and products with them are efficient."""
_COLUMNS = 16
"""Columns of one such product. Larger ones OpenBLAS shares out to threads, which takes 20 times as long when
other workers have the processor's cores."""

_IDENTITY = np.eye(2, dtype=np.complex64)
_PAULIS = np.array(
    [[[1, 0], [0, 1]], [[0, 1], [1, 0]], [[0, -1j], [1j, 0]], [[1, 0], [0, -1]]], dtype=np.complex64
)


def fits(component: Component) -> bool:
    """Whether a component can be simulated here: measured at its end, of gates on one or two qubits."""
    return (
        not component.is_dynamic
        and component.measures_only_at_the_end
        and all(_is_known(operation) for operation in component.operations)
    )


def sample(
    component: Component,
    order: Sequence[int],
    device_name: str,
    sets: int,
    shots: int,
    rng: np.random.Generator,
) -> BoolArray:
    """Run a component.

    Args:
        component: A component that ``fits``.
        order: Its qubits in the order in which the statevector has them, neighbours close together.
        device_name: The device whose noise it has.
        sets: How many sets of parameter values there are.
        shots: Shots a set.
        rng: Where randomness comes from.

    Returns:
        Recorded bits, shape ``(sets, shots, len(component.clbits))``.
    """
    events = _before_measurement(
        component, error_events.draw(component.operations, device_name, sets * shots, rng)
    )
    lanes = _lanes(events, sets, shots)
    bits = np.zeros((sets * shots, len(component.clbits)), dtype=bool)
    size = max(_FEWEST_LANES, _BYTES_AT_ONCE // (8 * 2 ** len(component.qubits)))
    for start in range(0, len(lanes.sets), size):
        part = slice(start, min(start + size, len(lanes.sets)))
        outcomes = _run_lanes(component, order, lanes, part, rng)
        bits[lanes.members(part)] = _outcome_bits(component, order, outcomes)
    return read_out(bits, component, device_name, rng).reshape(sets, shots, -1)


@dataclass(frozen=True)
class _Lanes:
    """What is evolved, and for which shots.

    Args:
        sets: The set of parameter values of each lane.
        shots: All shots, those of a lane next to each other.
        ends: For each lane where its shots end in ``shots``.
        events: What strikes the lanes, in the order of operations; ``events.shots`` are lanes.
    """

    sets: IntArray
    shots: IntArray
    ends: IntArray
    events: Events

    def members(self, part: slice) -> IntArray:
        """The shots of a part of the lanes."""
        first = 0 if part.start == 0 else int(self.ends[part.start - 1])
        return self.shots[first : int(self.ends[part.stop - 1])]

    def counts(self, part: slice) -> IntArray:
        """How many shots each of a part of the lanes has."""
        return np.diff(self.ends, prepend=0)[part]

    def events_of(self, part: slice) -> Events:
        """What strikes a part of the lanes, which are numbered from 0."""
        inside = (self.events.shots >= part.start) & (self.events.shots < part.stop)
        return _chosen(self.events, inside, self.events.shots[inside] - part.start)


def _is_known(operation: BoundOperation) -> bool:
    if operation.name in ("measure", "delay"):
        return True
    return operation.name != "reset" and (
        len(operation.qubits) == 1 or (len(operation.qubits) == 2 and not operation.angles)
    )


def _chosen(events: Events, which: BoolArray, shots: IntArray) -> Events:
    return Events(events.operations[which], events.qubits[which], events.kinds[which], shots)


def _before_measurement(component: Component, events: Events) -> Events:
    """The events that can still be seen: what strikes a qubit after its measurement changes nothing."""
    last = {op.qubits[0]: index for index, op in enumerate(component.operations) if op.name == "measure"}
    measured = np.full(max(component.qubits) + 1, len(component.operations))
    for qubit, index in last.items():
        measured[qubit] = index
    seen = events.operations < measured[events.qubits]
    return _chosen(events, seen, events.shots[seen])


def _lanes(events: Events, sets: int, shots: int) -> _Lanes:
    """Share out shots to lanes by set and pattern of errors."""
    patterns: dict[int, list[Any]] = {}
    columns = (events.shots, events.operations, events.qubits, events.kinds)
    for shot, *event in zip(*(column.tolist() for column in columns), strict=True):
        pattern = patterns.setdefault(shot, [])
        pattern.append(tuple(event))
        if event[2] == RESET:
            pattern.append(shot)  # Which makes it unlike all others.
    struck = np.zeros(sets * shots, dtype=bool)
    struck[list(patterns)] = True
    clean = (~struck).reshape(sets, shots)
    members = {(index, ()): np.flatnonzero(clean[index]) + index * shots for index in range(sets)}
    shared: dict[tuple[int, tuple[Any, ...]], list[int]] = {}
    for shot in sorted(patterns):
        shared.setdefault((shot // shots, tuple(patterns[shot])), []).append(shot)
    members.update({key: np.array(alike) for key, alike in shared.items()})
    members = {key: alike for key, alike in members.items() if len(alike)}
    # A lane is struck by what strikes the first of its shots.
    lane_of = np.full(sets * shots, -1)
    for lane, (key, alike) in enumerate(members.items()):
        if key[1]:
            lane_of[alike[0]] = lane
    first = lane_of[events.shots] >= 0
    return _Lanes(
        sets=np.array([key[0] for key in members], dtype=np.int64),
        shots=np.concatenate([np.zeros(0, dtype=np.int64), *members.values()]),
        ends=np.cumsum([len(alike) for alike in members.values()], dtype=np.int64),
        events=_chosen(events, first, lane_of[events.shots[first]]),
    )


def _run_lanes(
    component: Component, order: Sequence[int], lanes: _Lanes, part: slice, rng: np.random.Generator
) -> IntArray:
    """Outcomes of all shots of some lanes: bit *i* is the *i*-th qubit of the order."""
    place = {qubit: index for index, qubit in enumerate(order)}
    states = _States(len(place), part.stop - part.start, rng)
    events, sets = lanes.events_of(part), lanes.sets[part]
    for index, operation in enumerate(component.operations):
        places = [place[qubit] for qubit in operation.qubits]
        if len(places) == 2:
            states.apply_to_two(_fixed_matrix(operation.operation.base_class, ()), *places)
        elif operation.name not in ("measure", "delay"):
            states.apply_to_one(_matrices(operation, sets), places[0])
        after = events.after(index)
        struck = zip(events.qubits[after], events.kinds[after], events.shots[after], strict=True)
        for qubit, kind, lane in struck:
            states.strike(place[int(qubit)], int(kind), int(lane))
    return states.draw(lanes.counts(part))


def _outcome_bits(component: Component, order: Sequence[int], outcomes: IntArray) -> BoolArray:
    measured = {op.clbits[0]: op.qubits[0] for op in component.operations if op.name == "measure"}
    places = np.array([order.index(measured[clbit]) for clbit in component.clbits])
    bits: BoolArray = ((outcomes[:, None] >> places) & 1).astype(bool)
    return bits


def _matrices(operation: BoundOperation, sets: IntArray) -> Amplitudes:
    """A gate on one qubit, shape ``(2, 2)``, or ``(lanes, 2, 2)`` where its angles vary."""
    gate = operation.operation.base_class
    if not operation.varies:
        return _fixed_matrix(gate, operation.angles)
    if operation.name == "rz":
        turned = np.zeros((len(sets), 2, 2), dtype=np.complex64)
        half = np.asarray(operation.angles[0])[sets] / 2
        turned[:, 0, 0], turned[:, 1, 1] = np.exp(-1j * half), np.exp(1j * half)
        return turned
    columns = [
        np.broadcast_to(angle[sets] if isinstance(angle, np.ndarray) else angle, sets.shape)
        for angle in operation.angles
    ]
    return np.stack([_fixed_matrix(gate, tuple(row)) for row in np.stack(columns, axis=1).tolist()])


@lru_cache(maxsize=4096)
def _fixed_matrix(gate: type[Instruction], angles: tuple[Any, ...]) -> Amplitudes:
    return np.asarray(gate(*angles).to_matrix(), dtype=np.complex64)


class _States:
    """Statevectors of some lanes, shape ``(lanes, 2**qubits, 1)``.

    Passing through all amplitudes is what costs, so as much as possible is done before: gates on a
    qubit, and Paulis that strike it, are multiplied into a 2 × 2 matrix for each lane, which *waits*;
    where another gate needs it, it goes into the matrix that is *gathered* for a group of four neighbouring
    qubits, and so do gates between those. Only a gate between groups takes that to the amplitudes.
    """

    def __init__(self, qubits: int, lanes: int, rng: np.random.Generator) -> None:
        self._rng = rng
        self._lanes = lanes
        self._qubits = qubits
        self._amplitudes = np.zeros((lanes, 2**qubits, 1), dtype=np.complex64)
        self._amplitudes[:, 0] = 1
        self._spare = np.empty_like(self._amplitudes)
        self._waiting: list[Amplitudes | None] = [None] * qubits
        self._gathered: list[Amplitudes | None] = [None] * -(-qubits // _GROUP)

    def apply_to_one(self, gates: Amplitudes, qubit: int) -> None:
        """Let a gate wait, ``(2, 2)`` or one for each lane."""
        waiting = self._waiting[qubit]
        self._waiting[qubit] = gates if waiting is None else gates @ waiting

    def apply_to_two(self, gate: Amplitudes, low: int, high: int) -> None:
        """Apply a gate to two qubits, ``low`` being the lower bit of its matrix."""
        is_diagonal = not np.any(gate - np.diag(np.diag(gate)))
        for qubit in (low, high):
            waiting = self._waiting[qubit]
            # Diagonal gates commute, so those that wait may go on waiting.
            if waiting is not None and not (is_diagonal and not waiting[..., 0, 1].any()):
                self._gather(qubit)
        group = low // _GROUP
        if group == high // _GROUP:
            gathered = self._group_matrix(group)
            _apply_to_two(gathered, gate, low - group * _GROUP, high - group * _GROUP)
            return
        self._settle(group)
        self._settle(high // _GROUP)
        _apply_to_two(self._amplitudes, gate, low, high)

    def strike(self, qubit: int, kind: int, lane: int) -> None:
        """Let an error strike one lane."""
        waiting = self._waiting[qubit]
        each = np.broadcast_to(_IDENTITY if waiting is None else waiting, (self._lanes, 2, 2)).copy()
        self._waiting[qubit] = each
        if kind == RESET:
            self._settle_lane(qubit, each[lane], lane)
            each[lane] = _IDENTITY
            self._reset(qubit, lane)
        else:
            each[lane] = _PAULIS[kind] @ each[lane]

    def draw(self, counts: IntArray) -> IntArray:
        """Measure all qubits, each lane as often as ``counts`` says; outcomes lane by lane."""
        for qubit in range(self._qubits):
            self._gather(qubit)
        for group in range(len(self._gathered)):
            self._settle(group)
        amplitudes = self._amplitudes[:, :, 0]
        edges = np.cumsum(amplitudes.real**2 + amplitudes.imag**2, axis=1, dtype=np.float64)
        found = [
            # Side "right", so that an outcome without weight is never drawn.
            np.searchsorted(edge, self._rng.random(count) * edge[-1], side="right")
            for edge, count in zip(edges, counts.tolist(), strict=True)
        ]
        outcomes: IntArray = np.minimum(np.concatenate(found), 2**self._qubits - 1)
        return outcomes

    def _group_matrix(self, group: int) -> Amplitudes:
        gathered = self._gathered[group]
        if gathered is None:
            size = 2 ** min(_GROUP, self._qubits - group * _GROUP)
            gathered = np.tile(np.eye(size, dtype=np.complex64), (self._lanes, 1, 1))
            self._gathered[group] = gathered
        return gathered

    def _gather(self, qubit: int) -> None:
        """Take what waits for a qubit into its group's matrix."""
        waiting, self._waiting[qubit] = self._waiting[qubit], None
        if waiting is not None:
            _apply_to_one(self._group_matrix(qubit // _GROUP), waiting, qubit % _GROUP)

    def _settle(self, group: int) -> None:
        """Take a group's matrix to the amplitudes."""
        gathered, self._gathered[group] = self._gathered[group], None
        if gathered is None:
            return
        _multiply(gathered, self._amplitudes, self._spare, group * _GROUP)
        self._amplitudes, self._spare = self._spare, self._amplitudes

    def _settle_lane(self, qubit: int, waiting: Amplitudes, lane: int) -> None:
        """Take what waits for a qubit, and its group's matrix, to the amplitudes of one lane."""
        group = qubit // _GROUP
        amplitudes, gathered = self._amplitudes[lane : lane + 1], self._gathered[group]
        if gathered is not None:
            after = np.empty_like(amplitudes)
            _multiply(gathered[lane : lane + 1], amplitudes, after, group * _GROUP)
            amplitudes[...] = after
            gathered[lane] = np.eye(gathered.shape[1])
        _apply_to_one(amplitudes, waiting, qubit)

    def _reset(self, qubit: int, lane: int) -> None:
        """Reset a qubit of one lane, for which nothing waits: measure it, and turn it to 0."""
        zero, one = (_where(self._amplitudes[lane : lane + 1], {qubit: value}) for value in (0, 1))
        weights = [float(np.sum(part.real**2 + part.imag**2)) for part in (zero, one)]
        is_one = self._rng.random() * sum(weights) >= weights[0]
        zero[...] = (one if is_one else zero) / np.sqrt(weights[is_one])
        one[...] = 0


def _multiply(matrices: Amplitudes, before: Amplitudes, after: Amplitudes, lowest: int) -> None:
    """Apply a matrix for each lane to neighbouring bits, ``lowest`` and those above it."""
    size = matrices.shape[1]
    shape: tuple[int, ...]
    if lowest == 0:
        # One product of matrices instead of many of a matrix and a vector.
        shape = (len(before), -1, min(_COLUMNS, before.shape[1] // size), size)
        np.matmul(before.reshape(shape), matrices.swapaxes(1, 2)[:, None], out=after.reshape(shape))
        return
    columns = min(_COLUMNS, 2**lowest)
    shape = (len(before), -1, size, 2**lowest // columns, columns)
    source, result = (part.reshape(shape).swapaxes(2, 3) for part in (before, after))
    np.matmul(matrices[:, None, None], source, out=result)


def _where(array: Amplitudes, values: dict[int, int]) -> Amplitudes:
    """A view of an array ``(lanes, 2**bits, more)`` where some bits have given values."""
    lanes, size, more = array.shape
    shape, index = [lanes], [slice(None)]  # type: list[int], list[int | slice]
    above = size.bit_length() - 1
    for bit in sorted(values, reverse=True):
        shape += [2 ** (above - bit - 1), 2]
        index += [slice(None), values[bit]]
        above = bit
    return array.reshape(*shape, 2**above * more)[tuple(index)]


def _apply_to_one(array: Amplitudes, gates: Amplitudes, bit: int) -> None:
    """Apply ``(2, 2)`` matrices, one for all lanes or one for each, to a bit in place."""
    zero, one = _where(array, {bit: 0}), _where(array, {bit: 1})
    each = gates[..., None, None]
    if gates.ndim == 3:
        each = gates.transpose(1, 2, 0)[..., None, None]
    from_zero, from_one = zero * each[1, 0], one * each[0, 1]
    zero *= each[0, 0]
    zero += from_one
    one *= each[1, 1]
    one += from_zero


def _apply_to_two(array: Amplitudes, gate: Amplitudes, low: int, high: int) -> None:
    """Apply a ``(4, 4)`` matrix to two bits in place."""
    parts = [_where(array, {low: index & 1, high: index >> 1}) for index in range(4)]
    after = [
        sum(gate[row, column] * parts[column] for column in np.flatnonzero(gate[row]))
        if np.any(gate[row] != np.eye(4)[row])
        else None
        for row in range(4)
    ]
    for part, value in zip(parts, after, strict=True):
        if value is not None:
            part[...] = value
