"""Noisy circuits of a dozen qubits or two with numpy: many shots' statevectors side by side, a lane each.

Errors are drawn beforehand (``error_events``). All shots of a set of parameter values start in one lane.
Where an error strikes, the shots that it strikes go on in a lane of their own; a reset or a measurement on
the way parts a lane's shots by its random outcome. So what shots have in common is computed once, and a lane
costs its arithmetic alone, from where it parted on.

Lanes go through the circuit block by block (``fusion``): a block is one product of matrices for all of them.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from qrun.local.simulation import error_events
from qrun.local.simulation.error_events import RESET, Events
from qrun.local.simulation.error_patterns import read_out
from qrun.local.simulation.fusion import Block, BlockMatrices, fuse

if TYPE_CHECKING:
    from collections.abc import Sequence

    from qrun.local.simulation.components import Component

BoolArray = npt.NDArray[np.bool_]
IntArray = npt.NDArray[np.int64]
Amplitudes = npt.NDArray[np.complex64]
"""Single precision: after a thousand gates a probability is off by 1e-5, which no number of shots shows."""

BLOCK_QUBITS = 4
"""Widest block. A matrix on more qubits costs more arithmetic than the passes that it saves."""
_BYTES_AT_ONCE = 2**21
"""Lanes go side by side up to this size: larger ones leave the processor's cache."""
_SETS_AT_ONCE = 16
"""Sets of parameter values whose blocks are multiplied out together."""

_DRAWS_AT_ONCE = 1024

_PAULIS = np.array(
    [[[1, 0], [0, 1]], [[0, 1], [1, 0]], [[0, -1j], [1j, 0]], [[1, 0], [0, -1]]], dtype=np.complex64
)
_PROJECTORS = np.array([[[1, 0], [0, 0]], [[0, 0], [0, 1]]], dtype=np.complex64)
_RESETS = np.array([[[1, 0], [0, 0]], [[0, 1], [0, 0]]], dtype=np.complex64)

Step = tuple[int, int, int]
"""What happens to shots inside of a block: after which operation, to which qubit, the kind of event."""
_MEASURE = 5
"""Kind of step that is a measurement, beside those of ``error_events``."""


def fits(component: Component) -> bool:
    """Whether a component can be simulated here: without classical conditions, of gates on few qubits."""
    return not component.is_dynamic and all(len(op.qubits) <= BLOCK_QUBITS for op in component.operations)


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
        order: Its qubits in the order in which the statevector has them.
        device_name: The device whose noise it has.
        sets: How many sets of parameter values there are.
        shots: Shots a set.
        rng: Where randomness comes from.

    Returns:
        Recorded bits, shape ``(sets, shots, len(component.clbits))``.
    """
    circuit = _Circuit(component, order)
    bits = np.zeros((sets * shots, len(component.clbits)), dtype=bool)
    # Sets that do not differ are one, with more shots.
    differ = any(operation.varies for operation in component.operations)
    count, each = (sets, shots) if differ else (1, sets * shots)
    events = error_events.draw(component.operations, device_name, sets * shots, rng)
    events = events.before(component.final_measurements)
    strikes = _Strikes(circuit, events, sets * shots)
    for start in range(0, count, _SETS_AT_ONCE):
        chunk = np.arange(start, min(count, start + _SETS_AT_ONCE))
        matrices = [
            BlockMatrices(block, component.operations, circuit.place, chunk) for block in circuit.blocks
        ]
        for index, number in enumerate(chunk.tolist()):
            members = np.arange(number * each, (number + 1) * each)
            _Run(circuit, matrices, index, strikes, bits, rng).run(members)
    return read_out(bits, component, device_name, rng).reshape(sets, shots, -1)


class _Circuit:
    """A component as blocks, and the measurements that end it."""

    def __init__(self, component: Component, order: Sequence[int]) -> None:
        self.operations = component.operations
        self.clbits = component.clbits
        self.place = {qubit: index for index, qubit in enumerate(order)}
        ends = component.final_measurements
        ended = set(ends.values())
        inside = [
            index
            for index, operation in enumerate(component.operations)
            if index not in ended and index < ends.get(operation.qubits[0], index + 1)
        ]
        self.blocks = fuse(component.operations, inside, self.place, BLOCK_QUBITS)
        self.steps = [self._steps_of_all(block) for block in self.blocks]
        """For each block the measurements and resets in it, which happen to all shots."""
        writer = {
            clbit: i
            for i, op in enumerate(component.operations)
            if op.name == "measure"
            for clbit in op.clbits
        }
        self.final = {
            clbit: component.operations[index].qubits[0] for clbit, index in writer.items() if index in ended
        }
        """The bits that are written at the end, and by which qubit."""

    @cached_property
    def block_of(self) -> IntArray:
        """The block of each operation."""
        found = np.full(len(self.operations), -1)
        for number, block in enumerate(self.blocks):
            found[list(block.operations)] = number
        return found

    def _steps_of_all(self, block: Block) -> list[Step]:
        kinds = {"measure": _MEASURE, "reset": RESET}
        named = [(index, self.operations[index]) for index in block.operations]
        return [(index, op.qubits[0], kinds[op.name]) for index, op in named if op.name in kinds]


class _Strikes:
    """Which shots are struck in which block, and by what."""

    def __init__(self, circuit: _Circuit, events: Events, shots: int) -> None:
        self._always = circuit.steps
        self._patterns: list[dict[int, list[Step]]] = [{} for _ in circuit.blocks]
        blocks = circuit.block_of[events.operations]
        columns = (blocks, events.shots, events.operations, events.qubits, events.kinds)
        for block, shot, *step in zip(*(column.tolist() for column in columns), strict=True):
            self._patterns[block].setdefault(shot, []).append((step[0], step[1], step[2]))
        self._is_struck = np.zeros((len(circuit.blocks), shots), dtype=bool)
        self._is_struck[blocks, events.shots] = True

    def groups(self, block: int, shots: IntArray, columns: IntArray) -> list[_Group]:
        """Shots to which something happens in a block, those together that share it and a statevector."""
        always = self._always[block]
        which = np.arange(len(shots)) if always else np.flatnonzero(self._is_struck[block, shots])
        patterns = self._patterns[block]
        found: dict[tuple[int, tuple[Step, ...]], list[int]] = {}
        for shot, column in zip(shots[which].tolist(), columns[which].tolist(), strict=True):
            # An operation comes before the errors that follow it, and sorting keeps those in their order.
            steps = sorted([*always, *patterns.get(shot, [])], key=lambda step: step[0])
            found.setdefault((column, tuple(steps)), []).append(shot)
        return [_Group(column, steps, np.array(alike)) for (column, steps), alike in found.items()]


@dataclass
class _Group:
    """Shots of one lane that go on together.

    Args:
        column: The lane's column.
        steps: What happens to them in the block that the lane has just been through.
        shots: The shots.
    """

    column: int
    steps: tuple[Step, ...]
    shots: IntArray

    @property
    def is_random(self) -> bool:
        """Whether a step has a random outcome."""
        return any(step[2] > error_events.Z for step in self.steps)


@dataclass
class _Batch:
    """Lanes side by side, after a block.

    Args:
        block: The block.
        states: Statevectors, shape ``(2**qubits, columns)``, the block's qubits being the highest bits.
        places: Places of the qubits, from the highest bit to the lowest.
        shots: The shots that go on.
        columns: Their lanes' columns.
        more: Statevectors of further columns.
    """

    block: int
    states: Amplitudes
    places: list[int]
    shots: IntArray
    columns: IntArray
    more: list[Amplitudes]

    def add(self, state: Amplitudes, shots: IntArray) -> None:
        """Add a lane."""
        column = self.states.shape[1] + len(self.more)
        self.more.append(state)
        self.shots = np.concatenate([self.shots, shots])
        self.columns = np.concatenate([self.columns, np.full(len(shots), column)])

    def rearranged(self, places: list[int]) -> Amplitudes:
        """All columns, with the qubits in another order."""
        width = len(places)
        axes = [*(self.places.index(at) for at in places), width]
        columns = self.states.shape[1]
        after = np.empty((*(2,) * width, columns + len(self.more)), dtype=np.complex64)
        after[..., :columns] = self.states.reshape(*(2,) * width, columns).transpose(axes)
        if self.more:
            more = np.stack(self.more, axis=1).reshape(*(2,) * width, len(self.more))
            after[..., columns:] = more.transpose(axes)
        return after.reshape(2**width, -1)


class _Run:
    """All shots of one set of parameter values."""

    def __init__(
        self,
        circuit: _Circuit,
        matrices: Sequence[BlockMatrices],
        index: int,
        strikes: _Strikes,
        bits: BoolArray,
        rng: np.random.Generator,
    ) -> None:
        self._circuit, self._matrices, self._index = circuit, matrices, index
        self._strikes, self._bits, self._rng = strikes, bits, rng
        self._qubits = len(circuit.place)
        self._most = max(1, _BYTES_AT_ONCE // (8 * 2**self._qubits))
        self._waiting: list[tuple[_Batch, list[_Group]]] = []

    def run(self, shots: IntArray) -> None:
        """Take shots through the circuit and write down what they record."""
        states = np.zeros((2**self._qubits, 1), dtype=np.complex64)
        states[0] = 1
        places = list(range(self._qubits))[::-1]
        self._finish(_Batch(-1, states, places, shots, np.zeros(len(shots), dtype=np.int64), []))
        while self._waiting:
            before, groups = self._waiting.pop()
            nothing = np.zeros(0, dtype=np.int64)
            batch = replace(before, states=before.states[:, :0], shots=nothing, columns=nothing, more=[])
            for state, found in self._struck(before, groups):
                batch.add(state, found)
            self._finish(batch)

    def _finish(self, batch: _Batch) -> None:
        """Take lanes through all blocks that are left."""
        while batch.block + 1 < len(self._circuit.blocks):
            self._next_block(batch)
            if not len(batch.shots):
                return
        self._record(batch)

    def _next_block(self, batch: _Batch) -> None:
        """Take lanes through a block; shots that part there go on in this batch while there is room."""
        batch.block += 1
        front = list(self._circuit.blocks[batch.block].places)[::-1]
        places = front + [at for at in batch.places if at not in front]
        whole = self._matrices[batch.block].whole_of(self._index)
        states = batch.rearranged(places)
        batch.states = (whole @ states.reshape(len(whole), -1)).reshape(states.shape)
        batch.places, batch.more = places, []
        groups = self._strikes.groups(batch.block, batch.shots, batch.columns)
        if groups:
            self._part(batch, groups)

    def _part(self, batch: _Batch, groups: list[_Group]) -> None:
        """Give shots that something happens to a column of their own, or change theirs if all are in it."""
        sizes = np.bincount(batch.columns, minlength=batch.states.shape[1])
        room = max(0, self._most - batch.states.shape[1])
        whole = [group for group in groups if len(group.shots) == sizes[group.column]]
        parts = [group for group in groups if len(group.shots) < sizes[group.column]]
        # Those that wait find their columns as they are now: changed are only columns that they are not in.
        for start in range(room, len(parts), self._most):
            self._waiting.append((replace(batch), parts[start : start + self._most]))
        here = whole + parts[:room]
        gone = np.isin(batch.shots, np.concatenate([group.shots for group in groups]))
        batch.shots, batch.columns = batch.shots[~gone], batch.columns[~gone]
        free = {group.column for group in whole}
        found = self._struck(batch, here)
        for state, shots in found:
            if free:
                column = free.pop()
                batch.states[:, column] = state
                batch.shots = np.concatenate([batch.shots, shots])
                batch.columns = np.concatenate([batch.columns, np.full(len(shots), column)])
            else:
                batch.add(state, shots)

    def _struck(self, batch: _Batch, groups: list[_Group]) -> list[tuple[Amplitudes, IntArray]]:
        """Statevectors after their steps, and the shots that have them."""
        width = 2 ** len(self._circuit.blocks[batch.block].places)
        found: list[tuple[Amplitudes, IntArray]] = []
        certain = [group for group in groups if not group.is_random]
        if certain:
            states = batch.states.T[[group.column for group in certain]].reshape(len(certain), width, -1)
            after = np.stack([self._product(group.steps) for group in certain]) @ states
            found += zip(after.reshape(len(certain), -1), (group.shots for group in certain), strict=True)
        for group in groups:
            if group.is_random:
                state = batch.states[:, group.column].reshape(width, -1)
                found += self._branches(state, group.shots, group.steps)
        return found

    def _product(self, steps: Sequence[Step]) -> Amplitudes:
        """Paulis inside of a block as one matrix after it."""
        product = self._carried(steps[0], _PAULIS[steps[0][2]])
        for step in steps[1:]:
            product = self._carried(step, _PAULIS[step[2]]) @ product
        return product

    def _branches(
        self, state: Amplitudes, shots: IntArray, steps: Sequence[Step]
    ) -> list[tuple[Amplitudes, IntArray]]:
        """Statevectors and shots that come of steps with random outcomes."""
        for number, step in enumerate(steps):
            if step[2] <= error_events.Z:
                state = self._carried(step, _PAULIS[step[2]]) @ state
                continue
            measures = step[2] == _MEASURE
            parts = [self._carried(step, kind) @ state for kind in (_PROJECTORS if measures else _RESETS)]
            weights = [float(np.vdot(part, part).real) for part in parts]
            outcomes = self._rng.random(len(shots)) * sum(weights) >= weights[0]
            if measures:
                (clbit,) = self._circuit.operations[step[0]].clbits
                self._bits[shots, self._circuit.clbits.index(clbit)] = outcomes
            found = []
            for outcome, part in enumerate(parts):
                members = shots[outcomes == bool(outcome)]
                if len(members):
                    part /= np.float32(np.sqrt(weights[outcome]))
                    found += self._branches(part, members, steps[number + 1 :])
            return found
        return [(state.reshape(-1), shots)]

    def _carried(self, step: Step, matrix: Amplitudes) -> Amplitudes:
        operation, qubit, _ = step
        block = self._matrices[int(self._circuit.block_of[operation])]
        return block.carried(matrix, self._circuit.place[qubit], operation, self._index)

    def _record(self, batch: _Batch) -> None:
        """Measure the qubits that are measured at the end: each lane as often as it has shots."""
        states = batch.rearranged(batch.places) if batch.more else batch.states
        outcomes = _draw(states.real**2 + states.imag**2, batch.columns, self._rng)
        columns = [self._circuit.clbits.index(clbit) for clbit in self._circuit.final]
        bit = {at: self._qubits - 1 - index for index, at in enumerate(batch.places)}
        shifts = [bit[self._circuit.place[qubit]] for qubit in self._circuit.final.values()]
        self._bits[batch.shots[:, None], columns] = (outcomes[:, None] >> np.array(shifts, dtype=int)) & 1


def _draw(weights: npt.NDArray[np.float32], columns: IntArray, rng: np.random.Generator) -> IntArray:
    """Draw an outcome for each shot.

    Args:
        weights: Probabilities, shape ``(outcomes, lanes)``; each lane's sum is about 1.
        columns: The lane of each shot.
        rng: Where randomness comes from.
    """
    outcomes, lanes = weights.shape
    # First which of some large parts of the outcomes, then which outcome of that part: two short sums
    # instead of a long one.
    inner = 2 ** (outcomes.bit_length() // 2)
    parts = weights.reshape(-1, inner, lanes)
    outer = np.cumsum(parts.sum(axis=1, dtype=np.float64), axis=0)
    drawn = np.empty(len(columns), dtype=np.int64)
    for start in range(0, len(columns), _DRAWS_AT_ONCE):
        lane = columns[start : start + _DRAWS_AT_ONCE]
        at = rng.random(len(lane)) * outer[-1, lane]
        # Greater or equal, so that an outcome without weight is never drawn.
        part = np.minimum((at >= outer[:, lane]).sum(axis=0), len(outer) - 1)
        at -= np.where(part > 0, outer[part - 1, lane], 0.0)
        edges = np.cumsum(parts[part, :, lane], axis=1, dtype=np.float64)
        # The two sums round differently.
        inside = np.minimum((at[:, None] >= edges).sum(axis=1), _last_with_weight(edges))
        drawn[start : start + _DRAWS_AT_ONCE] = part * inner + inside
    return drawn


def _last_with_weight(edges: npt.NDArray[np.float64]) -> IntArray:
    found: IntArray = (edges < edges[:, -1:]).sum(axis=1)
    return found
