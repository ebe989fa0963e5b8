"""How a component is simulated, why, and what is too large to be.

Too large is known once a job's circuits are unpacked and, for the primitives, prepared: up to a second's work
on untrusted input, which is a worker's and not the service's that answers ``POST /jobs``. So such a job is
accepted and fails at the start of its first stage, before anything of it is simulated and without any usage.
"""

from __future__ import annotations

import os
from collections import defaultdict
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

from qrun.local.simulation import aer, chains, error_events, lanes, noise, one_qubit, pauli_frames
from qrun.local.simulation.outcome import ProgramError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from qrun.local.simulation.components import Component

MAX_EXACT_QUBITS = 10
"""Widest density matrix (16 MiB); wider noisy components are cheaper shot by shot.

Measured, a three-step Trotter circuit with 1024 shots: 4.4 s a set of values for 11 qubits, 0.3 s as lanes.
"""
MAX_STATEVECTOR_QUBITS = 16
"""Widest statevector that is cheap in any case, and widest that Aer evolves shot by shot."""
MAX_BOND_QUBITS = 14
"""log2 of the largest bond dimension that a wide entangled component may need and still be attempted."""
LARGEST_STATEVECTOR_QUBITS = 22
"""Widest statevector at all: beyond it, those that wait while others are computed fill the memory."""
_BYTES_PER_AMPLITUDE = 16
_MEMORY_SHARE = 0.5
"""Share of the machine's memory that one job may fill."""

Kind = Literal[
    "one qubit", "exact", "Pauli frames", "lanes", "chain", "error patterns", "trajectories", "samples"
]

_NOTES: dict[Kind, str] = {
    "lanes": "; errors as Paulis and resets, shots side by side that part where one strikes",
    "chain": " and nothing cut; errors as Paulis and resets, all shots at once",
    "error patterns": "; errors as Paulis and resets, each pattern of errors evolved once",
    "trajectories": ", shot by shot",
    "samples": ", sampled",
}


@dataclass(frozen=True)
class Choice:
    """How one component is simulated.

    Args:
        kind: The way.
        method: Aer's method, where Aer does it.
        why: The reason, for the job's log.
    """

    kind: Kind
    method: aer.Method
    why: str


def choose(component: Component, device_name: str, shots: int) -> Choice:
    """The cheapest way that is exact, or the least inexact one that finishes.

    Raises:
        ProgramError: The component is too large for all of them.
    """
    width = len(component.qubits)
    if one_qubit.fits(component):
        return Choice("one qubit", "density_matrix", "a qubit by itself: density matrix with numpy")
    noisy = is_noisy(component, device_name)
    at_end = component.measures_only_at_the_end and not component.is_dynamic
    bits = len(component.clbits)
    if at_end and noisy and width <= MAX_EXACT_QUBITS and 2**width <= 2 * shots:
        return Choice("exact", "density_matrix", f"{width} noisy qubits: density matrix, exact")
    if at_end and not noisy and width <= MAX_STATEVECTOR_QUBITS and bits <= MAX_EXACT_QUBITS:
        return Choice("exact", "statevector", f"{width} qubits without noise: statevector, exact")
    if width > MAX_EXACT_QUBITS and pauli_frames.fits(component):
        note = ", errors as Paulis and resets" + _dephasing_note(component, device_name) if noisy else ""
        return Choice("Pauli frames", "stabilizer", f"{width} qubits, Clifford: stabilizer{note}")
    if not component.is_dynamic and width > MAX_EXACT_QUBITS:
        parts = noisy or not component.measures_only_at_the_end
        choice = _chain_of_tensors(component) or _wide(component, "error patterns" if parts else "samples")
        if parts and choice.method == "statevector" and lanes.fits(component):
            choice = Choice("lanes", "statevector", f"{width} qubits: statevector{_NOTES['lanes']}")
        note = _dephasing_note(component, device_name) if noisy else ""
        return replace(choice, why=choice.why + note)
    if width <= MAX_STATEVECTOR_QUBITS:
        return Choice("trajectories", "statevector", f"{width} qubits: statevector, shot by shot")
    return _wide(component, "trajectories")


def order(component: Component, choice: Choice) -> tuple[int, ...]:
    """Qubits in the order in which they are simulated: neighbours next to each other where that helps."""
    if component.is_dynamic or not (choice.method == "matrix_product_state" or choice.kind == "lanes"):
        return component.qubits
    return _chain(component)


def is_noisy(component: Component, device_name: str) -> bool:
    """Whether any gate or delay of a component errs; errors of the readout alone do not count."""
    for operation in component.operations:
        if operation.is_dynamic:
            return True
        if operation.name == "delay":
            if noise.relaxation(device_name, operation.qubits[0], operation.seconds) is not None:
                return True
        elif noise.gate_error(device_name, operation.name, operation.qubits) is not None:
            return True
    return False


def _dephasing_note(component: Component, device_name: str) -> str:
    qubits = error_events.dephasing_too_much(device_name, component.qubits)
    return f" (T2 cut to T1 on {qubits} of the qubits)" if qubits else ""


def _chain_of_tensors(component: Component) -> Choice | None:
    """A chain of tensors, where that is exact and cheaper than a statevector."""
    width = len(component.qubits)
    if not chains.fits(component):
        return None
    chain = _chain(component)
    if 2 ** max(_crossings(component, chain)) > chains.MAX_BOND_DIMENSION:
        return None  # Each gate has two terms at least.
    dimension = chains.bond_dimension(component, chain)
    if dimension > chains.MAX_BOND_DIMENSION or width * dimension**3 > 2**width:
        return None
    why = f"{width} qubits: matrix product state, bond dimension {dimension}{_NOTES['chain']}"
    return Choice("chain", "matrix_product_state", why)


def _wide(component: Component, kind: Kind) -> Choice:
    """Statevector or matrix product state, whichever is cheaper and fits."""
    width = len(component.qubits)
    note = _NOTES[kind]
    bond_qubits = width // 2 if component.is_dynamic else _bond_qubits(component, _chain(component))
    if not component.is_dynamic and width <= LARGEST_STATEVECTOR_QUBITS:
        # What a pass through either costs; a matrix product state is a chain of products of matrices.
        dimension = min(2**bond_qubits, aer.MAX_BOND_DIMENSION)
        is_cheaper = width <= MAX_STATEVECTOR_QUBITS or 2**width <= width * dimension**3
        if is_cheaper and 2**width * _BYTES_PER_AMPLITUDE <= _memory_to_use():
            return Choice(kind, "statevector", f"{width} qubits: statevector{note}")
    if bond_qubits <= MAX_BOND_QUBITS:
        cut = f"cut at {aer.MAX_BOND_DIMENSION}"
        exact = f"at most {2**bond_qubits}"
        bond = cut if 2**bond_qubits > aer.MAX_BOND_DIMENSION else exact
        why = f"{width} qubits: matrix product state, bond dimension {bond}{note}"
        return Choice(kind, "matrix_product_state", why)
    if width <= LARGEST_STATEVECTOR_QUBITS and 2**width * _BYTES_PER_AMPLITUDE <= _memory_to_use():
        return Choice(kind, "statevector", f"{width} qubits: statevector{note}")
    raise ProgramError(
        f"{width} qubits of a circuit are entangled with one another so deeply (bond dimension up to "
        f"2^{bond_qubits}) that this machine cannot simulate them. What would help: fewer qubits "
        f"({LARGEST_STATEVECTOR_QUBITS} or fewer), fewer layers of two-qubit gates, or a Clifford circuit "
        "(rz angles in multiples of π/2), which runs at any width."
    )


def _chain(component: Component) -> tuple[int, ...]:
    """Qubits along a walk through the gates between them, starting at an end."""
    neighbours: dict[int, set[int]] = defaultdict(set)
    for operation in component.operations:
        for qubit in operation.qubits:
            neighbours[qubit].update(other for other in operation.qubits if other != qubit)
    start = min(component.qubits, key=lambda qubit: (len(neighbours[qubit]), qubit))
    seen: dict[int, None] = {}
    stack = [start]
    while stack:
        qubit = stack.pop()
        if qubit not in seen:
            seen[qubit] = None
            stack.extend(sorted(neighbours[qubit] - seen.keys(), key=lambda other: -len(neighbours[other])))
    return tuple(seen)


def _crossings(component: Component, chain: Sequence[int]) -> list[int]:
    """How many gates cross each cut of the chain."""
    place = {qubit: index for index, qubit in enumerate(chain)}
    crossing = [0] * (len(chain) - 1)
    for operation in component.operations:
        places = [place[qubit] for qubit in operation.qubits]
        for cut in range(min(places), max(places)):
            crossing[cut] += 1
    return crossing


def _bond_qubits(component: Component, chain: Sequence[int]) -> int:
    """An upper bound of log2 of the bond dimension over all cuts of the chain."""
    # cx, cz, ecr and rzz have two terms each: they can double the bond dimension and no more.
    crossing = enumerate(_crossings(component, chain))
    return max((min(count, cut + 1, len(chain) - cut - 1) for cut, count in crossing), default=0)


def _memory_to_use() -> float:
    return _MEMORY_SHARE * os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
