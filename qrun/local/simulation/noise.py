"""Noise of single gates, delays and measurements, from a device's own calibration.

Each error is built when a circuit first uses it, and kept. It is the error that
``qiskit_aer.noise.NoiseModel.from_backend`` has for that gate on the whole device, because the same
function of Aer builds it from the same numbers: only for one gate instead of for all of 156 qubits.
"""

from __future__ import annotations

from functools import cache, lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
from qiskit.quantum_info import SuperOp
from qiskit.transpiler import Target
from qiskit_aer.noise import NoiseModel, QuantumError, ReadoutError, thermal_relaxation_error
from qiskit_aer.noise.device import basic_device_gate_errors

from qrun.local import devices
from qrun.local.simulation.targets import target

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

ComplexArray = npt.NDArray[np.complex128]
FloatArray = npt.NDArray[np.float64]


@cache
def gate_error(device_name: str, gate: str, qubits: tuple[int, ...]) -> QuantumError | None:
    """The error that follows ``gate`` (or ``reset``) on ``qubits`` of a device; ``None`` if there is none."""
    whole = target(devices.device(device_name))
    if gate in ("measure", "delay") or gate not in whole.operation_names:
        return None
    properties = (whole[gate] or {}).get(qubits)
    if properties is None:
        return None
    part = Target(
        num_qubits=len(qubits), qubit_properties=[whole.qubit_properties[qubit] for qubit in qubits]
    )
    part.add_instruction(whole.operation_from_name(gate), {tuple(range(len(qubits))): properties})
    errors = basic_device_gate_errors(target=part)
    if not errors or errors[0][2].ideal():
        return None
    return errors[0][2]


@cache
def gate_error_superoperator(device_name: str, gate: str, qubits: tuple[int, ...]) -> ComplexArray | None:
    """``gate_error`` as a matrix on column-stacked density matrices, shape ``(4**n, 4**n)``."""
    error = gate_error(device_name, gate, qubits)
    return None if error is None else np.asarray(SuperOp(error).data)


@lru_cache(maxsize=4096)
def relaxation(device_name: str, qubit: int, seconds: float) -> QuantumError | None:
    """Thermal relaxation of ``qubit`` during a delay; ``None`` if there's none."""
    t1, t2 = relaxation_times(device_name, qubit)
    if seconds <= 0 or (np.isinf(t1) and np.isinf(t2)):
        return None
    return thermal_relaxation_error(t1, t2, seconds)


def relaxation_times(device_name: str, qubit: int) -> tuple[float, float]:
    """T1 and T2 of a qubit in seconds, infinite where none is known; T2 at most 2·T1, as physics has it."""
    properties = target(devices.device(device_name)).qubit_properties[qubit]
    t1 = np.inf if properties.t1 is None else float(properties.t1)
    t2 = 2 * t1 if properties.t2 is None else min(float(properties.t2), 2 * t1)
    return t1, t2


@cache
def readout_matrix(device_name: str, qubit: int) -> FloatArray:
    """Probabilities of the recorded bit given the true one: shape ``(2, 2)``, ``[true, recorded]``.

    One number for both directions (the calibration's ``readout_error``), as Aer has it for a target.
    """
    measure = target(devices.device(device_name))["measure"] or {}
    properties = measure.get((qubit,))
    error = 0.0 if properties is None or properties.error is None else float(properties.error)
    return np.array([[1 - error, error], [error, 1 - error]])


def noise_model(
    device_name: str,
    qubits: Sequence[int],
    used: Iterable[tuple[str, tuple[int, ...]]],
    *,
    readout: bool = True,
) -> NoiseModel | None:
    """Aer's noise model of a few qubits, which it numbers from 0; ``None`` if nothing in it is noisy.

    Args:
        device_name: The device.
        qubits: Its qubits in the order in which the simulated circuit has them.
        used: Gates that occur, with the device's qubits they are on.
        readout: Whether measurements err too.
    """
    return _noise_model(device_name, tuple(qubits), tuple(sorted(set(used))), readout)


@lru_cache(maxsize=128)
def _noise_model(
    device_name: str, qubits: tuple[int, ...], used: tuple[tuple[str, tuple[int, ...]], ...], readout: bool
) -> NoiseModel | None:
    position = {qubit: index for index, qubit in enumerate(qubits)}
    model: Any = NoiseModel()
    for gate, places in used:
        error = gate_error(device_name, gate, places)
        if error is not None:
            model.add_quantum_error(error, gate, [position[qubit] for qubit in places], warnings=False)
    if readout:
        for qubit in qubits:
            matrix = readout_matrix(device_name, qubit)
            if matrix[0, 1] or matrix[1, 0]:
                model.add_readout_error(ReadoutError(matrix), [position[qubit]], warnings=False)
    return None if model.is_ideal() else model
