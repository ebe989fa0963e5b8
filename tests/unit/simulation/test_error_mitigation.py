"""Error mitigation does what it is for: estimates come closer to the ideal values, with statistics over seeds."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from qiskit import QuantumCircuit
from qiskit.quantum_info import SparsePauliOp

from qrun.local.simulation.programs import run_program

Errors = Callable[[QuantumCircuit, dict[str, Any]], np.ndarray]

SEEDS = range(4)
SIGNIFICANT = 5.0
"""Standard errors between two means: seeds for which this fails by chance are one in a million."""


def ghz(echoes: int) -> QuantumCircuit:
    """A GHZ state of three qubits, with pairs of gates after it that undo each other but for their noise."""
    circuit = QuantumCircuit(3)
    circuit.h(0)
    circuit.cx(0, 1)
    circuit.cx(1, 2)
    for _ in range(echoes):
        for pair in ((0, 1), (0, 1), (1, 2), (1, 2)):
            circuit.cx(*pair)
            circuit.barrier()
    return circuit


@pytest.fixture(scope="module")
def errors(
    compiled: Callable[..., QuantumCircuit],
    primitive_params: Callable[..., bytes],
    decoded: Callable[[str, str], Any],
) -> Errors:
    """How far from the ideal value 1 the Estimator's answers are on a noisy device, one for each seed."""
    observable = SparsePauliOp(["ZZI", "IZZ", "XXX"], [1 / 3] * 3)

    def run(circuit: QuantumCircuit, more: dict[str, Any]) -> np.ndarray:
        isa = compiled(circuit, "fake_manila", [1, 2, 3])
        params = primitive_params([[isa, observable.apply_layout(isa.layout), [], 0.02]], **more)
        results = [run_program("fake_manila", "estimator", params, seed=seed).result for seed in SEEDS]
        return np.array([abs(1 - float(decoded("estimator", text)[0].data.evs)) for text in results])

    return run


def is_clearly_less(lower: np.ndarray, higher: np.ndarray) -> bool:
    standard_error = np.sqrt((lower.var(ddof=1) + higher.var(ddof=1)) / len(SEEDS))
    return bool(higher.mean() - lower.mean() > SIGNIFICANT * standard_error)


def test_default_options_mitigate_the_readout(errors: Errors) -> None:
    plain = errors(ghz(0), {"resilience_level": 0})
    mitigated = errors(ghz(0), {})
    assert is_clearly_less(mitigated, plain)
    assert mitigated.mean() < plain.mean() / 2


def test_zero_noise_extrapolation_mitigates_gates(errors: Errors) -> None:
    deep = ghz(6)
    plain, readout, extrapolated = (
        errors(deep, more) for more in ({"resilience_level": 0}, {}, {"resilience_level": 2})
    )
    assert is_clearly_less(readout, plain)
    assert is_clearly_less(extrapolated, readout)
    assert extrapolated.mean() < readout.mean() / 2
