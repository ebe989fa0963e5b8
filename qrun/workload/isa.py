"""Circuits that a backend can run as they are."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from qiskit.circuit import QuantumCircuit
    from qiskit.transpiler import Target

_RZZ_LIMIT = math.pi / 2 + 1e-10
"""Largest angle of ``rzz`` that IBM's backends run; the client refuses others, though no target says so."""


def on_physical_qubits(circuit: QuantumCircuit, target: Target) -> bool:
    """Whether the circuit's qubits mean those of the backend.

    They do when there are as many of them, and when the circuit has a layout: it has been compiled before, or
    its OpenQASM writes ``$0``.
    """
    return circuit.num_qubits == target.num_qubits or circuit.layout is not None


def widened(circuit: QuantumCircuit, num_qubits: int) -> QuantumCircuit:
    """A circuit on physical qubits with those up to ``num_qubits`` that it does nothing on."""
    from qiskit.circuit import Qubit
    from qiskit.transpiler import Layout, TranspileLayout

    made = circuit.copy()
    made._layout = None  # the layout of the bits that it has would be wrong for more of them
    made.add_bits([Qubit() for _ in range(num_qubits - circuit.num_qubits)])
    places = {qubit: index for index, qubit in enumerate(made.qubits)}
    # Each is where it says, as the reader of OpenQASM has it for $0, $1 …
    made._layout = TranspileLayout(Layout(dict(places)), places)
    return made


def is_isa(circuit: QuantumCircuit, target: Target) -> bool:
    """Whether the backend runs the circuit as it is: on its qubits, with its instructions and connections.

    A narrow circuit on qubits of its own is not taken for one even if its gates happen to fit the first few
    qubits of the backend, because where it should go is for the layout to choose.
    """
    if not on_physical_qubits(circuit, target) or circuit.num_qubits > target.num_qubits:
        return False
    return _fits(circuit, target, {bit: index for index, bit in enumerate(circuit.qubits)})


def _fits(circuit: QuantumCircuit, target: Target, places: Mapping[Any, int]) -> bool:
    from qiskit.circuit import ControlFlowOp

    for instruction in circuit.data:
        operation = instruction.operation
        qubits = tuple(places[bit] for bit in instruction.qubits)
        if isinstance(operation, ControlFlowOp):
            if not target.instruction_supported(operation.name) or not all(
                _fits(block, target, dict(zip(block.qubits, qubits, strict=True)))
                for block in operation.blocks
            ):
                return False
        elif not _supported(operation, qubits, target):
            return False
    return True


def _supported(operation: Any, qubits: tuple[int, ...], target: Target) -> bool:
    if operation.name in ("barrier", "store", "break_loop", "continue_loop"):
        return True
    if operation.name == "rzz" and not _rzz_runs(operation.params[0]):
        return False
    # A delay's duration is none of the parameters that a target knows.
    parameters = None if operation.name == "delay" else list(operation.params) or None
    return bool(target.instruction_supported(operation.name, qubits, parameters=parameters))


def _rzz_runs(angle: Any) -> bool:
    """Whether the angle is in range; that of a parameter is the client's to check, with its values."""
    return not isinstance(angle, (int, float)) or 0 <= angle <= _RZZ_LIMIT
