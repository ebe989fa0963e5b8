"""Modelled QPU time, from the device's own numbers.

IBM's guide "Estimate job run time" (facts F2) gives the model:
``usage ≈ overhead + (circuit duration + rep_delay [+ reset]) × executions``.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from qiskit.circuit import BoxOp, ControlFlowOp, Delay, ForLoopOp

from qrun.local.simulation.binding import delay_seconds
from qrun.local.simulation.outcome import ProgramError
from qrun.local.simulation.targets import target

if TYPE_CHECKING:
    from collections.abc import Sequence

    from qiskit import QuantumCircuit
    from qiskit.transpiler import Target

    from qrun.local.devices import Device

JOB_OVERHEAD_SECONDS = 2.0
"""QPU time of a job besides its circuits: "sub-job overhead ~2 s" in IBM's estimate (facts F2); charges of
about 2 s were observed for tiny jobs on ibm_fez (facts F5)."""

CODE_REP_DELAY = 8030
"""IBM's code for a repetition delay that the backend does not support."""


@dataclass(frozen=True)
class ExecutionTiming:
    """What a job asks for that changes how long one execution takes.

    Args:
        rep_delay: Delay between two executions in seconds; ``None`` is the device's default.
        init_qubits: Whether qubits are reset before each execution.
    """

    rep_delay: float | None = None
    init_qubits: bool = True


def circuit_seconds(circuit: QuantumCircuit, device: Device) -> float:
    """Duration of one run through an ISA circuit: its longest path over the device's durations.

    Of the branches of a condition the longest counts; a ``while`` loop counts as one pass, because how
    often it turns is known only in the run; a delay of unknown length counts as none.
    """
    return _longest_path(circuit, range(circuit.num_qubits), target(device))


def execution_seconds(circuit: QuantumCircuit, device: Device, timing: ExecutionTiming) -> float:
    """QPU time of one execution of an ISA circuit, in seconds: its duration, the reset, the delay.

    Raises:
        ProgramError: The delay is outside of the device's range.
    """
    reset = 0.0
    if timing.init_qubits:
        reset = _duration(target(device), "reset", (0,))
    return circuit_seconds(circuit, device) + reset + rep_delay_seconds(device, timing)


def rep_delay_seconds(device: Device, timing: ExecutionTiming) -> float:
    """The delay between executions, in seconds.

    Raises:
        ProgramError: It is outside of the device's range.
    """
    if timing.rep_delay is None:
        return device.default_rep_delay_seconds
    low, high = device.rep_delay_range_seconds
    if not low <= timing.rep_delay <= high:
        raise ProgramError(
            f"The repetition delay {timing.rep_delay} s is not supported by {device.name}; "
            f"it takes {low} to {high} s.",
            CODE_REP_DELAY,
        )
    return timing.rep_delay


def job_seconds(execution_parts: Sequence[float]) -> float:
    """QPU time of a job in seconds, from the seconds that each of its items executes for."""
    return JOB_OVERHEAD_SECONDS + sum(execution_parts)


def _longest_path(circuit: QuantumCircuit, places: Sequence[int], the_target: Target) -> float:
    index = dict(zip(circuit.qubits, places, strict=True))
    free: dict[object, float] = defaultdict(float)
    for instruction in circuit.data:
        # Classical bits are waited for too: a condition starts when what it reads has been measured.
        bits = [*instruction.qubits, *instruction.clbits]
        qubits = tuple(index[bit] for bit in instruction.qubits)
        operation = instruction.operation
        start = max((free[bit] for bit in bits), default=0.0)
        if operation.name == "barrier":
            lasts = 0.0
        elif isinstance(operation, ControlFlowOp):
            lasts = _control_flow_seconds(operation, qubits, the_target)
        elif isinstance(operation, Delay):
            lasts = _known_delay(operation, the_target.dt)
        else:
            lasts = _duration(the_target, operation.name, qubits)
        for bit in bits:
            free[bit] = start + lasts
    return max(free.values(), default=0.0)


def _control_flow_seconds(operation: ControlFlowOp, qubits: Sequence[int], the_target: Target) -> float:
    longest = max((_longest_path(block, qubits, the_target) for block in operation.blocks), default=0.0)
    if isinstance(operation, ForLoopOp):
        return longest * len(list(operation.params[0]))
    if isinstance(operation, BoxOp) and operation.duration is not None and operation.unit == "dt":
        return max(longest, float(operation.duration) * (the_target.dt or 0.0))
    return longest


def _known_delay(delay: Delay, dt: float | None) -> float:
    try:
        return delay_seconds(delay, dt)
    except ProgramError:
        return 0.0


def _duration(the_target: Target, name: str, qubits: tuple[int, ...]) -> float:
    if name not in the_target.operation_names:
        return 0.0
    properties = (the_target[name] or {}).get(qubits)
    if properties is None or properties.duration is None:
        return 0.0
    return float(properties.duration)
