"""Wide circuits with noise: each pattern of errors is evolved once, and most shots have none.

Which errors strike which shot is drawn beforehand (``error_events``). All shots without an error are
samples of one noiseless evolution, and shots that share a pattern share theirs; a simulator that draws
errors as it goes evolves every shot by itself.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from qrun.local.simulation import aer, error_events, noise

if TYPE_CHECKING:
    from collections.abc import Sequence

    from qrun.local.simulation.components import Component

BoolArray = npt.NDArray[np.bool_]

Pattern = tuple[tuple[int, int, int], ...]
"""Errors of a shot: the operation each follows, the qubit it strikes, and its kind."""


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
    events = error_events.draw(component.operations, device_name, sets * shots, rng)
    bits = aer.sample(component, order, None, method, sets, shots, rng).reshape(sets * shots, -1)
    for alike in _struck(events, shots):
        runs = [(index, _errors(pattern)) for index, pattern in alike]
        members = np.array(list(alike.values()))
        found = aer.sample_with_errors(component, order, method, runs, members.shape[1], rng)
        bits[members] = np.stack(found)
    return read_out(bits, component, device_name, rng).reshape(sets, shots, -1)


def _struck(events: error_events.Events, shots: int) -> list[dict[tuple[int, Pattern], list[int]]]:
    """The shots that share a set of parameter values and a pattern of errors.

    Patterns with equally many shots are together, because Aer runs all circuits of a call equally often:
    so no shot is simulated that isn't wanted, nor held in memory.
    """
    patterns: dict[int, list[tuple[int, int, int]]] = defaultdict(list)
    columns = (events.shots, events.operations, events.qubits, events.kinds)
    for shot, *event in zip(*(column.tolist() for column in columns), strict=True):
        patterns[shot].append(tuple(event))
    members: dict[tuple[int, Pattern], list[int]] = defaultdict(list)
    for shot in sorted(patterns):
        members[shot // shots, tuple(patterns[shot])].append(shot)
    groups: dict[int, dict[tuple[int, Pattern], list[int]]] = defaultdict(dict)
    for key, struck in members.items():
        groups[len(struck)][key] = struck
    return [groups[count] for count in sorted(groups)]


def _errors(pattern: Pattern) -> dict[int, list[tuple[int, int]]]:
    """Qubits and kinds of events by the operation that they follow."""
    errors: dict[int, list[tuple[int, int]]] = defaultdict(list)
    for operation, qubit, kind in pattern:
        errors[operation].append((qubit, kind))
    return errors


def read_out(bits: BoolArray, component: Component, device_name: str, rng: np.random.Generator) -> BoolArray:
    """Add the readout's errors to true outcomes, in place; shape ``(shots, len(component.clbits))``."""
    # Where a bit is written more than once, the last measurement stands.
    last = {op.clbits[0]: op.qubits[0] for op in component.operations if op.name == "measure"}
    for clbit, qubit in last.items():
        error = noise.readout_matrix(device_name, qubit)[0, 1]
        if error > 0:
            bits[:, component.clbits.index(clbit)] ^= rng.random(len(bits)) < error
    return bits
