"""The Pauli channels that twirling makes of a device's errors, for circuits simulated by Pauli frames.

They are worked out from the calibration's numbers directly: going through Aer's error and its matrix
gives the same (a test holds them together) and takes 0.1 s a gate.
"""

from __future__ import annotations

from functools import cache, lru_cache, reduce
from math import exp
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
from qiskit.circuit import Gate

from qrun.local import devices
from qrun.local.simulation.noise import relaxation_times
from qrun.local.simulation.targets import target

if TYPE_CHECKING:
    from qrun.local.simulation.binding import BoundOperation

FloatArray = npt.NDArray[np.float64]

_COMMUTES = np.array([[1, 1, 1, 1], [1, 1, -1, -1], [1, -1, 1, -1], [1, -1, -1, 1]], dtype=float)
"""1 where two of I, X, Y, Z commute, −1 where they don't."""


@cache
def gate_probabilities(device_name: str, gate: str, qubits: tuple[int, ...]) -> FloatArray | None:
    """The twirl of the error that follows ``gate`` on ``qubits``; ``None`` if there's no error.

    Returns:
        Shape ``(4**n,)``: probability of each Pauli, the first qubit's in the lowest base-4 digit, digits
        in the order I, X, Y, Z.
    """
    whole = target(devices.device(device_name))
    properties = (whole[gate] or {}).get(qubits)
    if properties is None:
        return None
    relaxing = _relaxed(device_name, qubits, properties.duration or 0.0)
    is_unitary = isinstance(whole.operation_from_name(gate), Gate)
    depolarised = _depolarising(relaxing, properties.error or 0.0) if is_unitary else 0.0
    # A depolarising channel shrinks every Pauli but the identity by the same factor.
    shrinks = np.where(np.arange(len(relaxing)) == 0, 1.0, 1.0 - depolarised)
    return _probabilities(relaxing * shrinks, len(qubits))


@lru_cache(maxsize=4096)
def relaxation_probabilities(device_name: str, qubit: int, seconds: float) -> FloatArray | None:
    """The twirl of ``qubit``'s relaxation during a delay, shape ``(4,)``; ``None`` if there's none."""
    return _probabilities(_relaxed(device_name, (qubit,), seconds), 1)


def operation_probabilities(device_name: str, operation: BoundOperation) -> FloatArray | None:
    """The twirl of the error that follows an operation, as of a gate or a delay; ``None`` if there's none."""
    if operation.name == "delay":
        return relaxation_probabilities(device_name, operation.qubits[0], operation.seconds)
    if operation.name in ("measure", "reset"):
        # A qubit in its ground state does not relax, whatever the twirled channel of the reset says.
        return None
    return gate_probabilities(device_name, operation.name, operation.qubits)


def draw(
    probabilities: FloatArray, shots: int, rng: np.random.Generator
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Draw which of ``shots`` are struck by a Pauli other than I, and the index of the Pauli of each."""
    # Errors are rare: their number is drawn first, then which shots they hit.
    struck = int(rng.binomial(shots, 1.0 - probabilities[0]))
    if struck == 0:
        return np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.int64)
    places = rng.choice(shots, size=struck, replace=False, shuffle=False)
    weights = probabilities[1:] / probabilities[1:].sum()
    return places, rng.choice(len(weights), size=struck, p=weights) + 1


def _relaxed(device_name: str, qubits: tuple[int, ...], seconds: float) -> FloatArray:
    """How much of each Pauli's expectation value relaxation leaves."""
    each = []
    for qubit in qubits:
        t1, t2 = relaxation_times(device_name, qubit)
        dephased = exp(-seconds / t2)
        each.append(np.array([1.0, dephased, dephased, exp(-seconds / t1)]))
    return reduce(lambda low, high: np.kron(high, low), each)


def _depolarising(relaxing: FloatArray, error: float) -> float:
    """Strength of the depolarising channel that, with the relaxation, has the reported average gate error."""
    dimension = round(len(relaxing) ** 0.5)
    fidelity = (dimension * float(relaxing.mean()) + 1) / (dimension + 1)
    if error <= 1 - fidelity:
        return 0.0
    physical = min(error, dimension / (dimension + 1))
    strength = dimension * (physical - (1 - fidelity)) / (dimension * fidelity - 1)
    return float(min(strength, dimension**2 / (dimension**2 - 1)))


def _probabilities(shrinks: FloatArray, qubits: int) -> FloatArray | None:
    if bool(np.all(shrinks == 1.0)):
        return None
    signs = reduce(np.kron, [_COMMUTES] * qubits)
    probabilities = np.clip(signs @ shrinks / len(shrinks), 0.0, None)
    normalised: FloatArray = probabilities / probabilities.sum()
    return normalised
