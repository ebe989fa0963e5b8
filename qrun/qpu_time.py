"""Modelled QPU time of ISA circuits on a target: what the local service charges and what a plan estimates.

IBM's guide "Estimate job run time" (facts F2) gives the model:
``usage ≈ overhead + (circuit duration + rep_delay [+ reset]) × executions``.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from qiskit import QuantumCircuit
    from qiskit.circuit import ControlFlowOp, Delay
    from qiskit.transpiler import Target

JOB_OVERHEAD_SECONDS = 2.0
"""QPU time of a job besides its circuits: "sub-job overhead ~2 s" in IBM's estimate (facts F2); charges of
about 2 s were observed for tiny jobs on ibm_fez (facts F5)."""

SECONDS_OF_UNIT = {"s": 1.0, "ms": 1e-3, "us": 1e-6, "µs": 1e-6, "ns": 1e-9, "ps": 1e-12}
"""Seconds of the units that a delay may be written in, but ``dt``, which is the target's own."""


def circuit_seconds(circuit: QuantumCircuit, target: Target) -> float:
    """Duration of one run through an ISA circuit, in seconds: its longest path over the target's durations.

    Of the branches of a condition the longest counts; a ``while`` loop counts as one pass, because how
    often it turns is known only in the run; a delay of unknown length counts as none.
    """
    return _longest_path(circuit, range(circuit.num_qubits), target)


def reset_seconds(target: Target) -> float:
    """How long the reset before each execution takes, in seconds."""
    return _duration(target, "reset", (0,))


def job_seconds(execution_parts: Sequence[float]) -> float:
    """QPU time of a job in seconds, from the seconds that each of its items executes for."""
    return JOB_OVERHEAD_SECONDS + sum(execution_parts)


def _longest_path(circuit: QuantumCircuit, places: Sequence[int], target: Target) -> float:
    from qiskit.circuit import ControlFlowOp, Delay

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
            lasts = _control_flow_seconds(operation, qubits, target)
        elif isinstance(operation, Delay):
            lasts = _known_delay(operation, target.dt)
        else:
            lasts = _duration(target, operation.name, qubits)
        for bit in bits:
            free[bit] = start + lasts
    return max(free.values(), default=0.0)


def _control_flow_seconds(operation: ControlFlowOp, qubits: Sequence[int], target: Target) -> float:
    from qiskit.circuit import BoxOp, ForLoopOp

    longest = max((_longest_path(block, qubits, target) for block in operation.blocks), default=0.0)
    if isinstance(operation, ForLoopOp):
        return longest * len(list(operation.params[0]))
    if isinstance(operation, BoxOp) and operation.duration is not None and operation.unit == "dt":
        return max(longest, float(operation.duration) * (target.dt or 0.0))
    return longest


def _known_delay(delay: Delay, dt: float | None) -> float:
    scale = (dt or 0.0) if delay.unit == "dt" else SECONDS_OF_UNIT.get(delay.unit, 0.0)
    try:
        return float(delay.duration) * scale if scale else 0.0
    except TypeError:  # A parameter.
        return 0.0


def _duration(target: Target, name: str, qubits: tuple[int, ...]) -> float:
    if name not in target.operation_names:
        return 0.0
    properties = (target[name] or {}).get(qubits)
    if properties is None or properties.duration is None:
        return 0.0
    return float(properties.duration)
