"""A device's errors as events that strike single shots: Pauli gates and resets, each with its probability.

This is how circuits are simulated that are too wide for a density matrix. A gate's error is, as Aer
builds it, a depolarising channel and then thermal relaxation. The first is a mixture of Paulis. The
second is, for T2 ≤ T1, exactly the mixture of nothing, Z and a reset to the ground state that
``qiskit_aer.noise.thermal_relaxation_error`` documents ("a mixed reset and unitary error channel").
Nothing is twirled: idle qubits relax towards the ground state, which Paulis alone never make them do.

For T1 < T2 ≤ 2·T1 no such mixture exists: the Z would need a negative probability. It is left out there,
which is relaxation with T2 = T1: populations are exact, and coherences last too short a time. The
depolarising part is worked out with that same T2, so that the gate's average error stays what the
calibration reports.
"""

from __future__ import annotations

from dataclasses import dataclass
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
    from collections.abc import Mapping, Sequence

    from qrun.local.simulation.binding import BoundOperation

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]

Z = 3
"""Kind of event that is a Z; X and Y are 1 and 2."""
RESET = 4
"""Kind of event that puts its qubit into its ground state."""


@dataclass(frozen=True)
class Channel:
    """The error that follows one operation.

    Args:
        paulis: What comes first: the probability of each Pauli, shape ``(4**n,)``, the first qubit's in
            the lowest base-4 digit, digits in the order I, X, Y, Z; ``None`` for none.
        relaxations: What comes then: for each qubit the probabilities of nothing, Z and reset.
    """

    paulis: FloatArray | None
    relaxations: tuple[FloatArray, ...]


@dataclass(frozen=True)
class Events:
    """Errors of many shots: arrays of one length, in the order in which things happen in a shot.

    Args:
        operations: Which operation each event follows, ascending.
        qubits: Which qubit it strikes.
        kinds: 1 … 3 for X, Y, Z; ``RESET``.
        shots: Which shot it strikes.
    """

    operations: IntArray
    qubits: IntArray
    kinds: IntArray
    shots: IntArray

    def after(self, operation: int) -> slice:
        """Where the events are that follow an operation."""
        first, last = np.searchsorted(self.operations, [operation, operation + 1])
        return slice(int(first), int(last))

    def before(self, ends: Mapping[int, int]) -> Events:
        """The events that can still be seen: nothing comes of what strikes a qubit after its end."""
        if not ends or not len(self.qubits):
            return self
        end = np.full(max(*ends, int(self.qubits.max())) + 1, np.iinfo(np.int64).max)
        end[list(ends)] = list(ends.values())
        seen = self.operations < end[self.qubits]
        return Events(self.operations[seen], self.qubits[seen], self.kinds[seen], self.shots[seen])


@lru_cache(maxsize=4096)
def relaxation_event_probabilities(device_name: str, qubit: int, seconds: float) -> FloatArray:
    """Probabilities of nothing, Z and reset for a qubit that relaxes for a while."""
    t1, t2 = _event_times(device_name, qubit)
    # Source: qiskit_aer.noise.thermal_relaxation_error, with no excited population in equilibrium.
    stays = exp(-seconds / t1)
    dephases = (1 - exp(-seconds * (1 / t2 - 1 / t1))) / 2
    return np.array([stays * (1 - dephases), stays * dephases, 1 - stays])


@cache
def gate_channel(device_name: str, gate: str, qubits: tuple[int, ...]) -> Channel | None:
    """The error that follows ``gate`` on ``qubits``; ``None`` if there's no error."""
    whole = target(devices.device(device_name))
    properties = (whole[gate] or {}).get(qubits)
    if properties is None:
        return None
    seconds = properties.duration or 0.0
    left = _left_of_paulis(device_name, qubits, seconds)
    is_unitary = isinstance(whole.operation_from_name(gate), Gate)
    strength = _depolarising(left, properties.error or 0.0) if is_unitary else 0.0
    paulis = np.full(len(left), strength / len(left))
    paulis[0] = 1 - paulis[1:].sum()
    relaxations = tuple(relaxation_event_probabilities(device_name, qubit, seconds) for qubit in qubits)
    return _unless_ideal(Channel(paulis if strength > 0 else None, relaxations))


def operation_channel(device_name: str, operation: BoundOperation) -> Channel | None:
    """The error that follows an operation, a gate or a delay; ``None`` if there's none."""
    if operation.name == "delay":
        (qubit,) = operation.qubits
        probabilities = relaxation_event_probabilities(device_name, qubit, operation.seconds)
        return _unless_ideal(Channel(None, (probabilities,)))
    if operation.name in ("measure", "reset"):
        # A qubit in its ground state does not relax; Aer's model has no error of measuring but the readout's.
        return None
    return gate_channel(device_name, operation.name, operation.qubits)


def draw(
    operations: Sequence[BoundOperation], device_name: str, shots: int, rng: np.random.Generator
) -> Events:
    """Draw the errors that strike each of ``shots`` runs through operations."""
    found = [
        (index, *strike)
        for index, operation in enumerate(operations)
        if (channel := operation_channel(device_name, operation)) is not None
        for strike in _strikes(channel, operation.qubits, shots, rng)
    ]
    columns = (
        [np.full(len(places), index) for index, _, _, places in found],
        [np.full(len(places), qubit) for _, qubit, _, places in found],
        [kinds for _, _, kinds, _ in found],
        [places for _, _, _, places in found],
    )
    return Events(*(np.concatenate([np.zeros(0, dtype=np.int64), *column]) for column in columns))


def dephasing_too_much(device_name: str, qubits: Sequence[int]) -> int:
    """How many of the qubits have a T2 above T1, so that events dephase them more than they should."""
    return sum(relaxation_times(device_name, q) != _event_times(device_name, q) for q in qubits)


def _event_times(device_name: str, qubit: int) -> tuple[float, float]:
    t1, t2 = relaxation_times(device_name, qubit)
    return t1, min(t1, t2)


def _unless_ideal(channel: Channel) -> Channel | None:
    relaxes = any(probabilities[0] < 1 for probabilities in channel.relaxations)
    return channel if relaxes or channel.paulis is not None else None


def _strikes(
    channel: Channel, qubits: tuple[int, ...], shots: int, rng: np.random.Generator
) -> list[tuple[int, IntArray, IntArray]]:
    """Struck qubit, kinds and shots of each part of a channel, in the order of the parts."""
    strikes = []
    if channel.paulis is not None:
        places, paulis = _draw_rare(channel.paulis, shots, rng)
        for index, qubit in enumerate(qubits):
            digit = (paulis >> (2 * index)) & 3
            strikes.append((qubit, digit[digit > 0], places[digit > 0]))
    for qubit, probabilities in zip(qubits, channel.relaxations, strict=True):
        places, kinds = _draw_rare(probabilities, shots, rng)
        strikes.append((qubit, np.where(kinds == 1, Z, RESET), places))
    return strikes


def _draw_rare(probabilities: FloatArray, shots: int, rng: np.random.Generator) -> tuple[IntArray, IntArray]:
    """Draw which of ``shots`` get an outcome other than the first, and the outcome of each."""
    # Errors are rare: their number is drawn first, then which shots they hit.
    struck = int(rng.binomial(shots, min(1.0, float(probabilities[1:].sum()))))
    if struck == 0:
        return np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.int64)
    places = rng.choice(shots, size=struck, replace=False, shuffle=False)
    weights = probabilities[1:] / probabilities[1:].sum()
    return places, rng.choice(len(weights), size=struck, p=weights) + 1


def _left_of_paulis(device_name: str, qubits: tuple[int, ...], seconds: float) -> FloatArray:
    """How much of each Pauli's expectation value relaxation leaves."""
    each = []
    for qubit in qubits:
        t1, t2 = _event_times(device_name, qubit)
        dephased = exp(-seconds / t2)
        each.append(np.array([1.0, dephased, dephased, exp(-seconds / t1)]))
    return reduce(lambda low, high: np.kron(high, low), each)


def _depolarising(left: FloatArray, error: float) -> float:
    """Strength of the depolarising channel that, with the relaxation, has the reported average gate error.

    Source: ``qiskit_aer.noise.device.models``, which solves the same equation.
    """
    dimension = round(len(left) ** 0.5)
    fidelity = (dimension * float(left.mean()) + 1) / (dimension + 1)
    if error <= 1 - fidelity:
        return 0.0
    physical = min(error, dimension / (dimension + 1))
    strength = dimension * (physical - (1 - fidelity)) / (dimension * fidelity - 1)
    return float(min(strength, dimension**2 / (dimension**2 - 1)))
