"""Wide circuits with Pauli noise: each pattern of errors is evolved once, and most shots have none.

Which errors strike which shot is drawn beforehand, from the Pauli channels that twirling makes of the
device's errors. All shots without an error are samples of one noiseless evolution, and shots that
share a pattern share theirs; a simulator that draws errors as it goes evolves every shot by itself.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from qrun.local.simulation import aer, noise, pauli_noise

if TYPE_CHECKING:
    from collections.abc import Sequence

    from qrun.local.simulation.binding import BoundOperation
    from qrun.local.simulation.components import Component

BoolArray = npt.NDArray[np.bool_]

Pattern = tuple[tuple[int, int], ...]
"""Errors of a shot: which operation each follows, and the index of its Pauli."""


def sample(
    component: Component,
    order: Sequence[int],
    device_name: str,
    method: aer.Method,
    sets: int,
    shots: int,
    rng: np.random.Generator,
) -> BoolArray:
    """Run a component without classical conditions.

    Args:
        component: The component.
        order: Its qubits in the order in which the simulated circuit has them.
        device_name: The device whose noise it has.
        method: Aer's method.
        sets: How many sets of parameter values there are.
        shots: Shots a set.
        rng: Where randomness comes from.

    Returns:
        Recorded bits, shape ``(sets, shots, len(component.clbits))``.
    """
    patterns = draw_patterns(component.operations, device_name, sets * shots, rng)
    members: dict[tuple[int, Pattern], list[int]] = defaultdict(list)
    for shot, pattern in patterns.items():
        members[shot // shots, pattern].append(shot)
    bits = aer.sample(component, order, None, method, sets, shots, rng).reshape(sets * shots, -1)
    if members:
        runs = [(index, _errors(component, pattern)) for index, pattern in members]
        most = max(len(struck) for struck in members.values())
        struck_bits = aer.sample_with_errors(component, order, method, runs, most, rng)
        for struck, found in zip(members.values(), struck_bits, strict=True):
            bits[struck] = found[: len(struck)]
    return _read_out(bits, component, device_name, rng).reshape(sets, shots, -1)


def draw_patterns(
    operations: Sequence[BoundOperation], device_name: str, shots: int, rng: np.random.Generator
) -> dict[int, Pattern]:
    """Draw the errors of each shot; shots without any are left out."""
    found: dict[int, list[tuple[int, int]]] = defaultdict(list)
    for index, operation in enumerate(operations):
        probabilities = pauli_noise.operation_probabilities(device_name, operation)
        if probabilities is None:
            continue
        places, paulis = pauli_noise.draw(probabilities, shots, rng)
        for shot, pauli in zip(places.tolist(), paulis.tolist(), strict=True):
            found[shot].append((index, pauli))
    return {shot: tuple(found[shot]) for shot in sorted(found)}


def _errors(component: Component, pattern: Pattern) -> dict[int, list[tuple[int, int]]]:
    """Paulis (1 … 3 for X, Y, Z) and the qubits they are on, by the operation that they follow."""
    errors: dict[int, list[tuple[int, int]]] = {}
    for index, pauli in pattern:
        qubits = component.operations[index].qubits
        digits = [(qubit, (pauli >> (2 * place)) & 3) for place, qubit in enumerate(qubits)]
        errors[index] = [(qubit, digit) for qubit, digit in digits if digit]
    return errors


def _read_out(bits: BoolArray, component: Component, device_name: str, rng: np.random.Generator) -> BoolArray:
    # Where a bit is written more than once, the last measurement stands.
    last = {op.clbits[0]: op.qubits[0] for op in component.operations if op.name == "measure"}
    for clbit, qubit in last.items():
        error = noise.readout_matrix(device_name, qubit)[0, 1]
        if error > 0:
            bits[:, component.clbits.index(clbit)] ^= rng.random(len(bits)) < error
    return bits
