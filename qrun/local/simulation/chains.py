"""Wide circuits with few entangling gates across any cut: a tensor for each qubit, all shots at once.

A gate on two qubits is a sum of products of one-qubit matrices (its operator Schmidt decomposition: two terms
for cx, cz, ecr and rzz). The index of that sum is a bond between the two, so a qubit's whole history is one
tensor that nothing is cut from, and an error on a qubit changes that qubit's tensor and no other. Outcomes
are then drawn qubit by qubit along the chain, each given those before it, from what all later qubits make of
a bond (the *environment*). What resets and measurements on the way do is an index of its own, drawn with
them.

Source of sampling from a matrix product state: Ferris and Vidal, "Perfect sampling with unitary tensor
networks", Phys. Rev. B 85, 165146 (2012).
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from math import prod
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from qrun.local.simulation import error_events
from qrun.local.simulation.error_events import RESET
from qrun.local.simulation.error_patterns import read_out
from qrun.local.simulation.fusion import gate_matrices

if TYPE_CHECKING:
    from collections.abc import Sequence

    from qrun.local.simulation.binding import BoundOperation
    from qrun.local.simulation.components import Component
    from qrun.local.simulation.error_events import Events

BoolArray = npt.NDArray[np.bool_]
IntArray = npt.NDArray[np.int64]
ComplexArray = npt.NDArray[np.complex128]

MAX_BOND_DIMENSION = 32
"""Largest product of bonds across a cut. A shot costs its cube."""
MAX_BRANCHES = 6
"""Most measurements and resets of a qubit: each doubles its tensor."""

_BYTES_AT_ONCE = 2**27
"""Shots are done in chunks whose environments take about this much."""
_TERM_TOLERANCE = 1e-12
"""Terms of a gate that weigh less (it is unitary) are left out."""

_RESETS = np.array([[[1, 0], [0, 0]], [[0, 1], [0, 0]]], dtype=complex)
_PROJECTORS = np.array([[[1, 0], [0, 0]], [[0, 0], [0, 1]]], dtype=complex)
_PAULIS = np.array([[[0, 1], [1, 0]], [[0, -1j], [1j, 0]], [[1, 0], [0, -1]]], dtype=complex)

Strikes = tuple[tuple[int, int], ...]
"""Errors of one qubit in a shot: the operation each follows, and its kind."""


def fits(component: Component) -> bool:
    """Whether a component can be simulated here, if its bonds are small enough."""
    branches = Counter(op.qubits[0] for op in component.operations if op.name in ("measure", "reset"))
    return (
        not component.is_dynamic
        and all(len(operation.qubits) <= 2 for operation in component.operations)
        and max(branches.values(), default=0) <= MAX_BRANCHES
    )


def bond_dimension(component: Component, order: Sequence[int]) -> int:
    """The largest product of bonds across a cut of the chain, for a component that ``fits``."""
    return max((prod(bond.size for bond in cut) for cut in _Chain(component, order).cuts), default=1)


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
        order: Its qubits along the chain.
        device_name: The device whose noise it has.
        sets: How many sets of parameter values there are.
        shots: Shots a set.
        rng: Where randomness comes from.

    Returns:
        Recorded bits, shape ``(sets, shots, len(component.clbits))``.
    """
    chain = _Chain(component, order)
    events = error_events.draw(component.operations, device_name, sets * shots, rng)
    events = events.before(component.final_measurements)
    bits = np.zeros((sets * shots, len(component.clbits)), dtype=bool)
    largest = max((prod(bond.size for bond in cut) for cut in chain.cuts), default=1)
    chunk = max(1, _BYTES_AT_ONCE // (16 * largest**2 * (len(order) + 4)))
    # Shots in the order of their sets, so that a chunk has few different tensors.
    for start in range(0, sets * shots, chunk):
        members = np.arange(start, min(sets * shots, start + chunk))
        sites = [site.tensors(members // shots, site.strikes(events, members)) for site in chain.sites]
        environments = _environments(sites)
        bits[members] = _draw_along(chain, sites, environments, rng)
    return read_out(bits, component, device_name, rng).reshape(sets, shots, -1)


@dataclass(frozen=True, eq=False)
class _Bond:
    """A gate on two qubits as a sum.

    Args:
        operation: The gate's index.
        factors: For each of its qubits (by place in the chain) the terms' matrices, shape
            ``(1 or sets, terms, 2, 2)``.
        ends: Places of its qubits, ascending.
    """

    operation: int
    factors: dict[int, ComplexArray]
    ends: tuple[int, int]

    @property
    def size(self) -> int:
        """How many terms there are."""
        return int(self.factors[self.ends[0]].shape[1])


class _Chain:
    """A component as sites in a row, and the bonds that cross each cut between two neighbours."""

    def __init__(self, component: Component, order: Sequence[int]) -> None:
        place = {qubit: index for index, qubit in enumerate(order)}
        self.bonds = {
            index: _bond(index, operation, [place[qubit] for qubit in operation.qubits])
            for index, operation in enumerate(component.operations)
            if len(operation.qubits) == 2
        }
        self.cuts = [
            [bond for bond in self.bonds.values() if bond.ends[0] <= cut < bond.ends[1]]
            for cut in range(len(order) - 1)
        ]
        cuts = [[], *self.cuts, []]
        writer = {op.clbits[0]: i for i, op in enumerate(component.operations) if op.name == "measure"}
        columns = {index: component.clbits.index(clbit) for clbit, index in writer.items()}
        self.sites = [
            _Site(component, qubit, self.bonds, (cuts[at], cuts[at + 1]), at, columns)
            for at, qubit in enumerate(order)
        ]
        self.columns = len(component.clbits)


def _bond(index: int, operation: BoundOperation, places: list[int]) -> _Bond:
    varying = [len(angle) for angle in operation.angles if isinstance(angle, np.ndarray)]
    unitary = gate_matrices(operation, np.arange(max(varying, default=1)))
    # The first qubit is the lower bit: axes are set, high out, low out, high in, low in.
    split = unitary.reshape(-1, 2, 2, 2, 2).transpose(0, 2, 4, 1, 3).reshape(-1, 4, 4)
    low, weights, high = np.linalg.svd(split)
    terms = max(1, int((weights > _TERM_TOLERANCE).sum(axis=1).max()))
    root = np.sqrt(weights[:, :terms])[:, :, None]
    factors = {
        places[0]: (low[:, :, :terms].swapaxes(1, 2) * root).reshape(-1, terms, 2, 2),
        places[1]: (high[:, :terms] * root).reshape(-1, terms, 2, 2),
    }
    return _Bond(index, factors, (min(places), max(places)))


@dataclass(frozen=True)
class _Tensors:
    """What one qubit is in each shot.

    Args:
        kinds: Tensors, shape ``(n, left bond, outcomes, right bond)``, by their number of outcomes.
        outcomes: Each shot's number of outcomes.
        index: Each shot's tensor among those with as many outcomes.
    """

    kinds: dict[int, ComplexArray]
    outcomes: IntArray
    index: IntArray


class _Site:
    """One qubit: what happens to it, in order."""

    def __init__(
        self,
        component: Component,
        qubit: int,
        bonds: dict[int, _Bond],
        cuts: tuple[list[_Bond], list[_Bond]],
        place: int,
        columns: dict[int, int],
    ) -> None:
        self._qubit, self._bonds, self._cuts, self._place = qubit, bonds, cuts, place
        self._end = component.final_measurements.get(qubit)
        self._steps = [
            (index, operation)
            for index, operation in enumerate(component.operations)
            if qubit in operation.qubits and (self._end is None or index < self._end)
        ]
        inside = [index for index, operation in self._steps if operation.name == "measure"]
        self.records = [columns.get(index) for index in inside]
        """The column of the recorded bit of each measurement on the way; none if it is written over."""
        self.final = None if self._end is None else columns.get(self._end)
        """The column that the measurement at the end writes."""
        self._varies = any(operation.varies for _, operation in self._steps)

    def strikes(self, events: Events, members: IntArray) -> dict[Strikes, list[int]]:
        """Errors on this qubit → the shots (counted from the first of ``members``) that have them."""
        here = (events.qubits == self._qubit) & (events.shots >= members[0]) & (events.shots <= members[-1])
        found: dict[int, Strikes] = {}
        columns = (events.shots[here] - members[0], events.operations[here], events.kinds[here])
        for shot, operation, kind in zip(*(column.tolist() for column in columns), strict=True):
            found[shot] = (*found.get(shot, ()), (operation, kind))
        alike: dict[Strikes, list[int]] = {}
        for shot, strikes in found.items():
            alike.setdefault(strikes, []).append(shot)
        return alike

    def tensors(self, sets: IntArray, struck: dict[Strikes, list[int]]) -> _Tensors:
        """Tensors of shots with these sets of parameter values."""
        numbers = sets if self._varies else np.zeros_like(sets)
        is_struck = np.zeros(len(sets), dtype=bool)
        is_struck[[shot for alike in struck.values() for shot in alike]] = True
        groups: list[tuple[Strikes, IntArray]] = [((), np.flatnonzero(~is_struck))]
        groups += [(strikes, np.array(alike)) for strikes, alike in struck.items()]
        found: dict[int, list[ComplexArray]] = {}
        outcomes, index = np.zeros_like(sets), np.zeros_like(sets)
        for strikes, shots in groups:
            if not len(shots):
                continue
            distinct, which = np.unique(numbers[shots], return_inverse=True)
            built = self._build(distinct, strikes)
            same = found.setdefault(built.shape[2], [])
            outcomes[shots] = built.shape[2]
            index[shots] = which.reshape(-1) + sum(map(len, same))
            same.append(built)
        return _Tensors({count: np.concatenate(parts) for count, parts in found.items()}, outcomes, index)

    def _build(self, sets: IntArray, strikes: Strikes) -> ComplexArray:
        """Tensors of one pattern of errors, shape ``(len(sets), left, outcomes, right)``.

        Bits of an outcome, from the lowest: the qubit at the end, measurements on the way, resets.
        """
        state = np.tile(np.array([1, 0], dtype=complex).reshape(1, 2, 1), (len(sets), 1, 1))
        axes: list[tuple[str, int]] = []
        errors: dict[int, list[int]] = {}
        for after, kind in strikes:
            errors.setdefault(after, []).append(kind)
        for index, operation in self._steps:
            if operation.name in ("measure", "reset"):
                state = _summed(_PROJECTORS if operation.name == "measure" else _RESETS, state)
                axes.append((operation.name, 2))
            elif index in self._bonds:
                factors = self._bonds[index].factors[self._place]
                state = _summed(factors[sets] if len(factors) > 1 else factors, state)
                axes.append((f"bond {index}", factors.shape[1]))
            elif operation.name != "delay":
                state = gate_matrices(operation, sets) @ state
            for kind in errors.get(index, ()):
                if kind == RESET:
                    state = _summed(_RESETS, state)
                    axes.append(("reset", 2))
                else:
                    state = _PAULIS[kind - 1] @ state
        return self._ordered(state, axes)

    def _ordered(self, state: ComplexArray, axes: list[tuple[str, int]]) -> ComplexArray:
        """Bring the axes into their order, and let bonds of other qubits pass by."""
        left, right = self._cuts
        passing = [bond for bond in left if bond in right]
        state = state.reshape(len(state), 2, *(size for _, size in axes))
        names = ["set", "qubit", *(name for name, _ in axes)]
        for bond in passing:
            state = np.multiply.outer(state, np.eye(bond.size))
            names += [f"left {bond.operation}", f"right {bond.operation}"]

        def leg(bond: _Bond, side: str) -> int:
            return names.index(f"{side} {bond.operation}" if bond in passing else f"bond {bond.operation}")

        sides = [leg(bond, "left") for bond in left], [leg(bond, "right") for bond in right]
        measured = [axis for axis, name in enumerate(names) if name == "measure"]
        forgotten = [axis for axis, name in enumerate(names) if name == "reset"]
        middle = [*reversed(forgotten), *reversed(measured), 1]
        ordered = state.transpose([0, *sides[0], *middle, *sides[1]])
        lefts, rights = (prod(bond.size for bond in cut) for cut in (left, right))
        result: ComplexArray = ordered.reshape(len(state), lefts, 2 ** len(middle), rights)
        return result


def _summed(terms: ComplexArray, state: ComplexArray) -> ComplexArray:
    """Apply each of some matrices ``([sets,] terms, 2, 2)`` to ``(sets, 2, more)``; terms come last."""
    each = terms @ state[:, None]
    result: ComplexArray = each.transpose(0, 2, 3, 1).reshape(len(state), 2, -1)
    return result


@dataclass(frozen=True)
class _Environment:
    """What the qubits from one on make of the bond in front of them, in each shot.

    Args:
        matrices: Each that occurs, shape ``(n, bond, bond)``, of any scale.
        index: Each shot's.
    """

    matrices: ComplexArray
    index: IntArray


def _environments(sites: list[_Tensors]) -> list[_Environment]:
    """The environment behind each site."""
    shots = len(sites[0].index)
    found = [_Environment(np.ones((1, 1, 1), dtype=complex), np.zeros(shots, dtype=np.int64))]
    for site in reversed(sites[1:]):
        behind = found[-1]
        index = np.zeros(shots, dtype=np.int64)
        parts: list[ComplexArray] = []
        for outcomes, tensors in site.kinds.items():
            members = np.flatnonzero(site.outcomes == outcomes)
            # Shots whose qubits from here on are the same share what comes of them.
            pairs = site.index[members] * len(behind.matrices) + behind.index[members]
            distinct, which = np.unique(pairs, return_inverse=True)
            tensor = tensors[distinct // len(behind.matrices)]
            count, left, _, right = tensor.shape
            after = tensor.reshape(count, -1, right) @ behind.matrices[distinct % len(behind.matrices)]
            flat = tensor.reshape(count, left, -1)
            matrices = after.reshape(count, left, -1) @ np.conj(flat).swapaxes(1, 2)
            matrices /= np.einsum("nll->n", matrices).real[:, None, None]
            index[members] = which.reshape(-1) + sum(map(len, parts))
            parts.append(matrices)
        found.append(_Environment(np.concatenate(parts), index))
    return found[::-1]


def _draw_along(
    chain: _Chain, sites: list[_Tensors], environments: list[_Environment], rng: np.random.Generator
) -> BoolArray:
    """Draw each shot's outcomes qubit by qubit; recorded bits, shape ``(shots, columns)``."""
    shots = len(sites[0].index)
    bits = np.zeros((shots, chain.columns), dtype=bool)
    front = np.ones((shots, 1), dtype=complex)
    for site, tensors, behind in zip(chain.sites, sites, environments, strict=True):
        after = np.zeros((shots, behind.matrices.shape[1]), dtype=complex)
        uniform = rng.random(shots)
        for outcomes, kinds in tensors.kinds.items():
            members = np.flatnonzero(tensors.outcomes == outcomes)
            flat = kinds.reshape(*kinds.shape[:2], -1)
            through = front[members, None] @ flat[tensors.index[members]]
            through = through.reshape(len(members), outcomes, -1)
            seen = through @ behind.matrices[behind.index[members]]
            weights = np.clip((seen * np.conj(through)).real.sum(axis=2), 0.0, None)
            edges = np.cumsum(weights, axis=1)
            drawn = (uniform[members, None] * edges[:, -1:] >= edges).sum(axis=1)
            each = np.arange(len(members))
            after[members] = through[each, drawn] / np.sqrt(weights[each, drawn])[:, None]
            for bit, column in enumerate([site.final, *site.records]):
                if column is not None:
                    bits[members, column] = drawn >> bit & 1
        front = after
    return bits
