"""Which qubits of a circuit have to be simulated together.

Qubits that never share a gate, a classical bit or a condition are independent of each other: each
group is simulated alone and the shots are put side by side, which is exact.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from qrun.local.simulation.binding import BoundOperation


@dataclass(frozen=True)
class Component:
    """Qubits that are simulated together.

    Args:
        qubits: Their indices in the circuit, ascending.
        clbits: Classical bits that they write, ascending.
        operations: What is done to them, in order.
    """

    qubits: tuple[int, ...]
    clbits: tuple[int, ...]
    operations: tuple[BoundOperation, ...]

    @property
    def is_dynamic(self) -> bool:
        """Whether anything in it depends on classical values."""
        return any(operation.is_dynamic for operation in self.operations)

    @cached_property
    def final_measurements(self) -> dict[int, int]:
        """For each qubit that nothing but delays happen to after a measurement: that measurement's index."""
        last: dict[int, int] = {}
        for index, operation in enumerate(self.operations):
            if operation.name != "delay":
                last.update(dict.fromkeys(operation.qubits, index))
        return {qubit: index for qubit, index in last.items() if self.operations[index].name == "measure"}

    @property
    def measures_only_at_the_end(self) -> bool:
        """Whether no qubit is used after its measurement, and no bit is written twice."""
        measured: set[int] = set()
        written: set[int] = set()
        for operation in self.operations:
            if operation.name == "delay":
                continue
            if measured.intersection(operation.qubits) or written.intersection(operation.clbits):
                return False
            if operation.name == "measure":
                measured.update(operation.qubits)
                written.update(operation.clbits)
        return True


def components(operations: Sequence[BoundOperation], *, together: bool = False) -> list[Component]:
    """Split a circuit into independent groups, leaving out those that write no classical bit.

    Args:
        operations: The circuit's instructions without barriers.
        together: Keep all qubits in use in one group, as real-time classical variables need.
    """
    parent: dict[tuple[str, int], tuple[str, int]] = {}

    def root(node: tuple[str, int]) -> tuple[str, int]:
        parent.setdefault(node, node)
        while parent[node] != node:
            parent[node] = parent[parent[node]]
            node = parent[node]
        return node

    # A classical bit is a node too: it joins the qubits measured into it with those conditioned on it.
    for operation in operations:
        if operation.name == "delay":
            continue
        nodes = _nodes(operation) + ([("all", 0)] if together else [])
        for node in nodes:
            parent[root(node)] = root(nodes[0])

    grouped: dict[tuple[str, int], list[BoundOperation]] = {}
    for operation in operations:
        nodes = _nodes(operation)
        # A delay on a qubit that nothing else happens to has no effect; so has an instruction on no bits.
        if nodes and nodes[0] in parent:
            grouped.setdefault(root(nodes[0]), []).append(operation)
    found = [_component(part) for part in grouped.values()]
    return sorted((part for part in found if part.clbits), key=lambda part: (part.qubits, part.clbits))


def _nodes(operation: BoundOperation) -> list[tuple[str, int]]:
    return [("q", qubit) for qubit in operation.qubits] + [("c", clbit) for clbit in operation.clbits]


def _component(operations: list[BoundOperation]) -> Component:
    return Component(
        qubits=tuple(sorted({qubit for operation in operations for qubit in operation.qubits})),
        clbits=tuple(sorted({clbit for operation in operations for clbit in operation.clbits})),
        operations=tuple(operations),
    )
