"""What is refused before anything is simulated, in words that say which gate is wrong and where."""

from __future__ import annotations

from math import pi
from typing import TYPE_CHECKING

import numpy as np
from qiskit.circuit import ControlFlowOp, ParameterExpression

from qrun.local.simulation.outcome import CODE_NOT_ISA, CODE_TOO_MANY_QUBITS, ProgramError
from qrun.local.simulation.targets import target

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt
    from qiskit import QuantumCircuit
    from qiskit.circuit import Instruction
    from qiskit.transpiler import Target

    from qrun.local.devices import Device

CODE_TOO_MANY_SHOTS = 1103
"""IBM's code for more shots than the backend supports."""

_ALWAYS_ALLOWED = frozenset({"barrier", "store", "break_loop", "continue_loop"})
_ANGLE_TOLERANCE = 1e-9


def check_shots(shots: int, device: Device) -> None:
    """Refuse more shots of one circuit than the device takes.

    Raises:
        ProgramError: There are too many.
    """
    if shots > device.max_shots:
        raise ProgramError(
            f"{shots} shots are more than the {device.max_shots} that {device.name} takes for a circuit.",
            CODE_TOO_MANY_SHOTS,
        )


def check_circuit(circuit: QuantumCircuit, device: Device, where: str) -> None:
    """Refuse a circuit that the device cannot run.

    Args:
        circuit: The circuit.
        device: The device.
        where: Which circuit of the job this is, for the message.

    Raises:
        ProgramError: It has too many qubits, or an instruction that the device's target does not support.
    """
    if circuit.num_qubits > device.num_qubits:
        raise ProgramError(
            f"The circuit of {where} has {circuit.num_qubits} qubits; {device.name} has {device.num_qubits}.",
            CODE_TOO_MANY_QUBITS,
        )
    _check_block(circuit, range(circuit.num_qubits), target(device), device.name, where)


def check_rzz_angles(
    circuit: QuantumCircuit, values: npt.NDArray[np.float64], device: Device, where: str
) -> None:
    """Refuse ``rzz`` angles outside of 0 … π/2, which is what the hardware takes.

    Args:
        circuit: The circuit.
        values: Its parameter values, the last axis being over ``circuit.parameters``.
        device: The device.
        where: Which circuit of the job this is, for the message.

    Raises:
        ProgramError: An angle is outside.
    """
    columns = {parameter: values[..., index] for index, parameter in enumerate(circuit.parameters)}
    for instruction in circuit.data:
        if instruction.name != "rzz":
            continue
        angle = instruction.operation.params[0]
        if isinstance(angle, ParameterExpression):
            if angle not in columns:
                continue  # An expression's values are what the client has checked; here they only cost time.
            angle = columns[angle]
        outside = (np.asarray(angle) < -_ANGLE_TOLERANCE) | (np.asarray(angle) > pi / 2 + _ANGLE_TOLERANCE)
        if np.any(outside):
            raise ProgramError(
                f"The circuit of {where} has an rzz gate with an angle outside of 0 … π/2, which "
                f"{device.name} does not support.",
                CODE_NOT_ISA,
            )


def _check_block(
    block: QuantumCircuit, places: Sequence[int], the_target: Target, device_name: str, where: str
) -> None:
    index = dict(zip(block.qubits, places, strict=True))
    for instruction in block.data:
        operation = instruction.operation
        qubits = tuple(index[bit] for bit in instruction.qubits)
        if operation.name in _ALWAYS_ALLOWED:
            continue
        if not _is_supported(operation, qubits, the_target):
            raise ProgramError(_unsupported(operation, qubits, the_target, device_name, where), CODE_NOT_ISA)
        if isinstance(operation, ControlFlowOp):
            for inner in operation.blocks:
                _check_block(inner, qubits, the_target, device_name, where)


def _is_supported(operation: Instruction, qubits: tuple[int, ...], the_target: Target) -> bool:
    if isinstance(operation, ControlFlowOp):
        return operation.name in the_target.operation_names
    return bool(the_target.instruction_supported(operation.name, qargs=qubits))


def _unsupported(
    operation: Instruction, qubits: tuple[int, ...], the_target: Target, device_name: str, where: str
) -> str:
    places = ", ".join(map(str, qubits))
    on = f"qubit {places}" if len(qubits) == 1 else f"qubits {places}"
    start = (
        f"The instruction {operation.name} on {on} in the circuit of {where} "
        f"is not supported by {device_name}"
    )
    if operation.name in the_target.operation_names and len(qubits) > 1:
        reason = "these qubits are not coupled that way"
    else:
        reason = f"it supports {', '.join(sorted(the_target.operation_names))}"
    return f"{start}: {reason}. Transpile the circuit for this backend."
