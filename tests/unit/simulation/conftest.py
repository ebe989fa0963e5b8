"""What the tests of the simulation room share: compiled circuits, requests as clients send them, statistics."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pytest
from qiskit import QuantumCircuit, transpile
from scipy.stats import chi2

from qrun.local.devices import device
from qrun.local.simulation.client_formats import (
    DEFAULT_DECODERS,
    QUANTUM_PROGRAM_PARAMS_CONVERTERS,
    RuntimeEncoder,
)
from qrun.local.simulation.sampling import plan_circuit, sample_circuit
from qrun.local.simulation.targets import target


@pytest.fixture(scope="session")
def compiled() -> Callable[..., QuantumCircuit]:
    """Compile a circuit for a device."""

    def compile_it(circuit: QuantumCircuit, name: str, layout: list[int] | None = None) -> QuantumCircuit:
        return transpile(
            circuit,
            target=target(device(name)),
            initial_layout=layout,
            optimization_level=1,
            seed_transpiler=11,
        )

    return compile_it


@pytest.fixture(scope="session")
def decoded() -> Callable[[str, str], Any]:
    """Decode a result as the client's ``RuntimeJobV2.result()`` does."""

    def decode(program_id: str, text: str) -> Any:
        result: Any = text
        for decoder in DEFAULT_DECODERS[program_id]:
            if result is text and decoder is DEFAULT_DECODERS[program_id][0]:
                result = decoder.decode(result)
            elif decoder.is_applicable(result):
                return decoder.decode(result)
        return result

    return decode


@pytest.fixture(scope="session")
def executor_params() -> Callable[..., bytes]:
    """A program as the client sends it."""

    def encode(program: Any, options: Any, role: str | None = None, version: str = "v2.0") -> bytes:
        program._semantic_role = role
        model = QUANTUM_PROGRAM_PARAMS_CONVERTERS[version].encoder(program, options)
        return model.model_dump_json().encode()

    return encode


@pytest.fixture(scope="session")
def primitive_params() -> Callable[..., bytes]:
    """A job of a server-side primitive as the client sends it."""

    def encode(pubs: list[Any], options: dict[str, Any] | None = None, **more: Any) -> bytes:
        params = {"pubs": pubs, "options": options or {}, "version": 2, "support_qiskit": True, **more}
        return json.dumps(params, cls=RuntimeEncoder).encode()

    return encode


@pytest.fixture(scope="session")
def sampled() -> Callable[..., dict[str, np.ndarray]]:
    """Sample a circuit with a fixed seed."""

    def sample(
        circuit: QuantumCircuit,
        name: str,
        shots: int,
        values: Any = (),
        seed: int = 7,
        log: list[str] | None = None,
    ) -> dict[str, np.ndarray]:
        rng = np.random.default_rng(seed)
        plan = plan_circuit(circuit, np.asarray(values, dtype=float), shots, device(name))
        if log is not None:
            log.extend(plan.log_lines())
        return sample_circuit(plan, rng)

    return sample


@pytest.fixture(scope="session")
def agrees() -> Callable[..., bool]:
    """Whether counts of outcomes could come from probabilities: a chi-square test at one in 10 000."""

    def test(counts: Mapping[int, int], probabilities: Mapping[int, float] | np.ndarray) -> bool:
        expected = dict(
            probabilities.items() if isinstance(probabilities, Mapping) else enumerate(probabilities)
        )
        shots = sum(counts.values())
        # Outcomes too rare for the chi-square distribution are taken together.
        common = [outcome for outcome, p in expected.items() if p * shots >= 5]
        rest = shots - sum(counts.get(outcome, 0) for outcome in common)
        rest_expected = shots * (1 - sum(expected[outcome] for outcome in common))
        terms = [
            (counts.get(outcome, 0) - expected[outcome] * shots) ** 2 / (expected[outcome] * shots)
            for outcome in common
        ]
        if rest_expected > 1:
            terms.append((rest - rest_expected) ** 2 / rest_expected)
        return sum(terms) < chi2.ppf(0.9999, max(1, len(terms) - 1))

    return test


@pytest.fixture(scope="session")
def counted() -> Callable[[np.ndarray], dict[int, int]]:
    """Counts of the integers that rows of bits, lowest first, stand for."""

    def count(bits: np.ndarray) -> dict[int, int]:
        numbers = bits.reshape(-1, bits.shape[-1]) @ (1 << np.arange(bits.shape[-1]))
        outcomes, times = np.unique(numbers, return_counts=True)
        return dict(zip(outcomes.tolist(), times.tolist(), strict=True))

    return count
