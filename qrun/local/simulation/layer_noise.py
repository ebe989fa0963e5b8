"""What noise learning would find out about a layer of gates: a sparse Pauli–Lindblad model.

The protocol (E. van den Berg, Z. Minev, A. Kandala, K. Temme, Nature Physics 19, 1116 (2023),
arXiv:2201.09866) repeats a twirled layer at several depths, fits how each Pauli's expectation value decays,
and solves for the rates of generators on single qubits and coupled pairs. Here the decays come from the
device's own gate errors, Pauli by Pauli, and only the counting of shots is random: the same numbers without
simulating any circuit. What the protocol cannot tell apart, a Pauli and what the layer makes of it, is not
told apart here either.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from itertools import product
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
from qiskit.circuit.library import get_standard_gate_name_mapping
from qiskit.quantum_info import Operator
from scipy.optimize import nnls

from qrun.local.simulation import noise
from qrun.local.simulation.outcome import ProgramError
from qrun.local.simulation.targets import target

if TYPE_CHECKING:
    from collections.abc import Sequence

    from qrun.local.devices import Device

FloatArray = npt.NDArray[np.float64]
Generator = tuple[str, tuple[int, ...]]
"""A Pauli as its letters and their places among a layer's qubits: ``("XZ", (0, 1))``."""

_MATRICES = {
    "I": np.eye(2),
    "X": np.array([[0, 1], [1, 0]]),
    "Y": np.array([[0, -1j], [1j, 0]]),
    "Z": np.diag([1, -1]),
}
_ONE = ("X", "Y", "Z")
_TWO = tuple(a + b for a, b in product("IXYZ", repeat=2) if a + b != "II")
"""Paulis of a pair: first letter, first qubit."""
_DRESSING = (("sx", 2), ("rx", 1), ("u3", 1), ("u2", 2))
"""What twirling gates are made of, and how many on a qubit; the first that a device has."""
_SMALLEST_EXPECTATION = 1e-3
"""Expectation values below this say nothing about their logarithm."""
_MOST_FITTED = 600
"""Most generators that are fitted together with none below 0; the time for it grows with their cube."""
_RANDOM_RATE = 0.01
"""Largest rate in the random answers of a dry run."""


@dataclass(frozen=True)
class Layer:
    """Gates that act at the same time.

    Args:
        gates: Name and qubits of each two-qubit gate.
        qubits: All qubits that are twirled, idle ones too, ascending.
    """

    gates: tuple[tuple[str, tuple[int, int]], ...]
    qubits: tuple[int, ...]


@dataclass(frozen=True)
class Learning:
    """How much is measured.

    Args:
        depths: How many pairs of the layer are run, for each point of a decay.
        randomizations: Random circuits for each point and basis.
        shots: Shots of each random circuit.
    """

    depths: tuple[int, ...]
    randomizations: int
    shots: int

    @property
    def samples(self) -> int:
        """Shots of a point, all randomizations together."""
        return self.randomizations * self.shots


@dataclass(frozen=True)
class LearnedNoise:
    """Rates of a Pauli–Lindblad model.

    Args:
        generators: The Paulis.
        rates: Of each, shape ``(generators,)``.
        deviations: Their standard deviations, same shape.
    """

    generators: list[Generator]
    rates: FloatArray
    deviations: FloatArray


def learn_layer(
    layer: Layer, device: Device, learning: Learning, rng: np.random.Generator, where: str
) -> LearnedNoise:
    """Learn the noise of a layer of two-qubit Clifford gates.

    Args:
        layer: The layer.
        device: The device; of a mock, the answer is random.
        learning: How much is measured.
        rng: Where the randomness of shots comes from.
        where: Which layer of the job this is, for the message.

    Raises:
        ProgramError: A decay needs two depths at least.
    """
    generators = _generators(layer, device)
    if device.is_mock:
        return _random(generators, rng)
    if len(set(learning.depths)) < 2:
        raise ProgramError(
            f"The noise of {where} cannot be learned from the layer pair depths {list(learning.depths)}: "
            "a decay needs two different ones at least."
        )
    decays = np.array([_log_fidelity(letters, places, layer, device) for letters, places in generators])
    readout = np.array([_readout_fidelity(letters, places, layer, device) for letters, places in generators])
    measured, deviations = _fitted(decays, readout, learning, rng)
    anticommuting = 2.0 * _anticommuting(generators, len(layer.qubits))
    inverse = np.linalg.inv(anticommuting)
    rates = inverse @ -measured
    if np.any(rates < 0):
        rates = _not_negative(anticommuting, -measured, rates)
    return LearnedNoise(generators, rates, np.sqrt(inverse**2 @ deviations**2))


def learn_readout(
    qubits: Sequence[int], device: Device, learning: Learning, rng: np.random.Generator
) -> LearnedNoise:
    """Learn the readout errors of qubits, as rates of an X on each before its measurement (TREX)."""
    generators: list[Generator] = [("X", (place,)) for place in range(len(qubits))]
    if device.is_mock:
        return _random(generators, rng)
    flips = np.array([noise.readout_matrix(device.name, qubit)[0, 1] for qubit in qubits])
    samples = learning.samples
    seen = np.clip(rng.binomial(samples, flips) / samples, 0.0, 0.5 - 0.5 * _SMALLEST_EXPECTATION)
    fidelities = 1 - 2 * seen
    deviations = np.sqrt(seen * (1 - seen) / samples) / fidelities
    return LearnedNoise(generators, -0.5 * np.log(fidelities), deviations)


def _random(generators: list[Generator], rng: np.random.Generator) -> LearnedNoise:
    return LearnedNoise(generators, rng.uniform(0, _RANDOM_RATE, len(generators)), np.zeros(len(generators)))


def _generators(layer: Layer, device: Device) -> list[Generator]:
    """Paulis on each qubit, and on each pair of qubits that the device couples."""
    place = {qubit: index for index, qubit in enumerate(layer.qubits)}
    pairs = {tuple(sorted(qubits)) for _, qubits in layer.gates}
    coupling = target(device).build_coupling_map()
    for a, b in coupling.get_edges() if coupling is not None else ():
        if a in place and b in place:
            pairs.add((min(a, b), max(a, b)))
    found: list[Generator] = [(letter, (index,)) for index in range(len(layer.qubits)) for letter in _ONE]
    for a, b in sorted(pairs):
        found += [(letters, (place[a], place[b])) for letters in _TWO if "I" not in letters]
    return found


def _log_fidelity(letters: str, places: tuple[int, ...], layer: Layer, device: Device) -> float:
    """Log of how much of a Pauli one twirled layer leaves, averaged over it and its partner."""
    on = {layer.qubits[place]: letter for letter, place in zip(letters, places, strict=True)}
    total = 0.0
    busy: set[int] = set()
    for name, (a, b) in layer.gates:
        busy |= {a, b}
        label = on.get(a, "I") + on.get(b, "I")
        if label != "II":
            total += _gate_log_fidelities(device.name, name, (a, b))[label]
    dressing = (
        _dressing_log_fidelities(device.name, qubit)[letter]
        for qubit, letter in on.items()
        if qubit not in busy
    )
    return total + sum(dressing)


def _readout_fidelity(letters: str, places: tuple[int, ...], layer: Layer, device: Device) -> float:
    left = 1.0
    for place in places:
        left *= 1 - 2 * noise.readout_matrix(device.name, layer.qubits[place])[0, 1]
    return max(left, _SMALLEST_EXPECTATION)


@cache
def _gate_log_fidelities(device_name: str, name: str, qubits: tuple[int, int]) -> dict[str, float]:
    """Of a gate with the twirling gates before it, for each Pauli of its pair, shared with its partner."""
    error = noise.gate_error_superoperator(device_name, name, qubits)
    dressings = [_dressing_log_fidelities(device_name, qubit) for qubit in qubits]
    alone: dict[str, float] = {}
    for label in _TWO:
        alone[label] = 0.0 if error is None else _log(_kept(error, label))
        alone[label] += sum(
            dressing[letter] for dressing, letter in zip(dressings, label, strict=True) if letter != "I"
        )
    unitary = np.asarray(Operator(get_standard_gate_name_mapping()[name]).data)
    return {label: 0.5 * (alone[label] + alone[_conjugate(unitary, label)]) for label in _TWO}


@cache
def _dressing_log_fidelities(device_name: str, qubit: int) -> dict[str, float]:
    for name, count in _DRESSING:
        if (error := noise.gate_error_superoperator(device_name, name, (qubit,))) is not None:
            return {letter: count * _log(_kept(error, letter)) for letter in _ONE}
    return dict.fromkeys(_ONE, 0.0)


def _pauli(label: str) -> npt.NDArray[np.complex128]:
    """The matrix of a Pauli whose first letter is on the first qubit, which qiskit writes last."""
    matrix = np.eye(1, dtype=np.complex128)
    for letter in label:
        matrix = np.kron(_MATRICES[letter], matrix)
    return matrix


def _kept(superoperator: npt.NDArray[np.complex128], label: str) -> float:
    """Which share of a Pauli a channel leaves, once it has been twirled."""
    pauli = _pauli(label)
    size = len(pauli)
    after = (superoperator @ pauli.reshape(-1, order="F")).reshape(size, size, order="F")
    return float(np.real(np.trace(pauli @ after)) / size)


def _conjugate(unitary: npt.NDArray[np.complex128], label: str) -> str:
    """What a Clifford gate makes of a Pauli, without its sign."""
    after = unitary @ _pauli(label) @ unitary.conj().T
    return max(_TWO, key=lambda other: abs(np.trace(_pauli(other) @ after)))


def _log(fidelity: float) -> float:
    return float(np.log(max(fidelity, _SMALLEST_EXPECTATION)))


def _fitted(
    decays: FloatArray, readout: FloatArray, learning: Learning, rng: np.random.Generator
) -> tuple[FloatArray, FloatArray]:
    """Logs of fidelities as a fit of sampled decays gives them, and their standard deviations."""
    lengths = 2.0 * np.array(sorted(set(learning.depths)))
    expectations = readout[:, None] * np.exp(decays[:, None] * lengths)
    samples = learning.samples
    seen = 2 * rng.binomial(samples, (1 + expectations) / 2) / samples - 1
    usable = np.clip(seen, _SMALLEST_EXPECTATION, 1.0)
    # A log's variance is the value's over its square; a value of exactly 1 has that of one shot.
    variances = np.maximum(1 - usable**2, 1 / samples) / samples / usable**2
    weights = np.where(seen > _SMALLEST_EXPECTATION, 1 / variances, 1e-6 / variances)
    total = weights.sum(axis=1)
    middle = (weights * lengths).sum(axis=1) / total
    spread = (weights * (lengths - middle[:, None]) ** 2).sum(axis=1)
    slopes = (weights * (lengths - middle[:, None]) * np.log(usable)).sum(axis=1) / spread
    return np.minimum(slopes, 0.0), 1 / np.sqrt(spread)


def _not_negative(matrix: FloatArray, measured: FloatArray, rates: FloatArray) -> FloatArray:
    """Rates nearest to the measured decays with none below 0; of large layers, those below 0 become 0."""
    if len(rates) > _MOST_FITTED:
        return np.maximum(rates, 0.0)
    fitted: FloatArray = nnls(matrix, measured, maxiter=30 * len(rates))[0]
    return fitted


def _anticommuting(generators: list[Generator], qubits: int) -> FloatArray:
    """1 where two Paulis anticommute, else 0: shape ``(generators, generators)``."""
    x = np.zeros((len(generators), qubits), dtype=np.int64)
    z = np.zeros_like(x)
    for row, (letters, places) in enumerate(generators):
        for letter, place in zip(letters, places, strict=True):
            x[row, place] = letter in "XY"
            z[row, place] = letter in "ZY"
    found: FloatArray = ((x @ z.T + z @ x.T) % 2).astype(float)
    return found
