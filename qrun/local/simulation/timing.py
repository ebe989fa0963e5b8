"""Modelled QPU time of a job on a device: :mod:`qrun.qpu_time` with the device's own numbers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from qrun import qpu_time
from qrun.local.simulation.outcome import ProgramError
from qrun.local.simulation.targets import target
from qrun.qpu_time import JOB_OVERHEAD_SECONDS as JOB_OVERHEAD_SECONDS
from qrun.qpu_time import job_seconds as job_seconds

if TYPE_CHECKING:
    from qiskit import QuantumCircuit

    from qrun.local.devices import Device

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
    """Duration of one run through an ISA circuit on a device, in seconds."""
    return qpu_time.circuit_seconds(circuit, target(device))


def execution_seconds(circuit: QuantumCircuit, device: Device, timing: ExecutionTiming) -> float:
    """QPU time of one execution of an ISA circuit, in seconds: its duration, the reset, the delay.

    Raises:
        ProgramError: The delay is outside of the device's range.
    """
    reset = qpu_time.reset_seconds(target(device)) if timing.init_qubits else 0.0
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
