"""The program ``noise-learner``: what it learns is what the device does."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from qiskit import QuantumCircuit
from qiskit.primitives.containers.estimator_pub import EstimatorPub
from qiskit.quantum_info import SparsePauliOp
from qiskit_ibm_runtime.json import RuntimeEncoder
from qiskit_ibm_runtime.options_models import NoiseLearnerV3Options
from samplomatic.transpiler import generate_boxing_pass_manager
from samplomatic.utils import find_unique_box_instructions

from qrun.local.devices import device
from qrun.local.simulation import noise
from qrun.local.simulation.client_formats import DEFAULT_DECODERS, NOISE_LEARNER_PARAMS_CONVERTERS
from qrun.local.simulation.layer_noise import Layer, Learning, learn_layer, learn_readout
from qrun.local.simulation.outcome import ProgramError
from qrun.local.simulation.programs import run_program

Compiled = Callable[..., QuantumCircuit]
Params = Callable[..., bytes]
Decoded = Callable[[str, str], Any]
MANY = Learning((0, 1, 2, 4, 16, 32), 1000, 10_000)


@pytest.fixture
def ghz(compiled: Compiled) -> QuantumCircuit:
    circuit = QuantumCircuit(3)
    circuit.h(0)
    circuit.cx(0, 1)
    circuit.cx(1, 2)
    circuit.measure_all()
    return compiled(circuit, "fake_manila", [0, 1, 2])


def test_a_layer_loses_what_its_gate_and_the_twirl_lose() -> None:
    """Rates give back the decay of each Pauli: exp(−2 Σ rates of the generators that anticommute)."""
    manila = device("fake_manila")
    learned = learn_layer(Layer((("cx", (0, 1)),), (0, 1)), manila, MANY, np.random.default_rng(3), "it")
    rates = {
        (letters, places): rate
        for (letters, places), rate in zip(learned.generators, learned.rates, strict=True)
    }
    assert len(rates) == 6 + 9
    # Depolarising noise of infidelity e loses e·16/15 of each Pauli; thermal relaxation shifts that a little.
    average = 1 - np.mean(
        [
            np.exp(
                -2
                * sum(
                    rate
                    for (letters, places), rate in rates.items()
                    if _anticommute(
                        pauli, ["I" if q not in places else letters[places.index(q)] for q in (0, 1)]
                    )
                )
            )
            for pauli in (a + b for a in "IXYZ" for b in "IXYZ" if a + b != "II")
        ]
    )
    error = noise.gate_error_superoperator("fake_manila", "cx", (0, 1))
    dressing = (
        sum(2 * _lost(noise.gate_error_superoperator("fake_manila", "sx", (q,)), 4) for q in (0, 1)) * 0.75
    )
    assert average == pytest.approx(_lost(error, 16) * 16 / 15 + dressing * 16 / 15, rel=0.1)


def _anticommute(first: str, second: list[str]) -> bool:
    return sum(a != b and "I" not in (a, b) for a, b in zip(first, second, strict=True)) % 2 == 1


def _lost(superoperator: Any, size: int) -> float:
    """Of all Paulis but the identity, on average over all."""
    return float(1 - (np.trace(superoperator).real / size))


def test_more_shots_mean_smaller_deviations() -> None:
    layer, manila = Layer((("cx", (0, 1)),), (0, 1)), device("fake_manila")
    few = learn_layer(layer, manila, Learning((0, 4, 16), 4, 16), np.random.default_rng(1), "it")
    many = learn_layer(layer, manila, Learning((0, 4, 16), 400, 16), np.random.default_rng(1), "it")
    assert np.median(few.deviations / many.deviations) == pytest.approx(10, rel=0.3)
    assert (many.rates >= 0).all()


def test_readout_is_learned_as_the_calibration_has_it() -> None:
    learned = learn_readout([0, 3], device("fake_manila"), MANY, np.random.default_rng(2))
    flips = [noise.readout_matrix("fake_manila", qubit)[0, 1] for qubit in (0, 3)]
    np.testing.assert_allclose((1 - np.exp(-2 * learned.rates)) / 2, flips, rtol=0.02)


def test_one_depth_is_no_decay() -> None:
    with pytest.raises(ProgramError, match="two different ones"):
        learn_layer(
            Layer((("cx", (0, 1)),), (0, 1)), device("fake_manila"), Learning((4,), 1, 1),
            np.random.default_rng(1), "it",
        )  # fmt: skip


@pytest.mark.parametrize("version", list(NOISE_LEARNER_PARAMS_CONVERTERS))
def test_boxed_instructions_in_every_version(ghz: QuantumCircuit, version: str) -> None:
    boxed = generate_boxing_pass_manager(enable_gates=True, enable_measures=True).run(ghz)
    boxes = find_unique_box_instructions(boxed)
    options = NoiseLearnerV3Options(
        layer_pair_depths=[0, 2, 8], num_randomizations=4, shots_per_randomization=50
    )
    params = NOISE_LEARNER_PARAMS_CONVERTERS[version].encoder(boxes, options).model_dump_json().encode()
    done = run_program("fake_manila", "noise-learner", params, seed=1)
    result = DEFAULT_DECODERS["noise-learner"][1].decode(done.result)
    protocols = [datum.metadata["learning_protocol"] for datum in result.data]
    assert protocols.count("trex") == 1
    assert protocols.count("lindblad") == len(boxes) - 1
    for datum, box in zip(result.data, boxes, strict=True):
        assert datum.to_pauli_lindblad_map().num_qubits == len(box.qubits)
    assert done.executions == (len(boxes) - 1) * 9 * 3 * 4 * 50 + 4 * 50
    assert done.qpu_seconds > 2 + 250e-6 * done.executions


def test_circuits_fall_into_layers_of_which_the_commonest_are_learned(
    ghz: QuantumCircuit, decoded: Decoded
) -> None:
    def run(**options: Any) -> Any:
        given = {"support_qiskit": True, "layer_pair_depths": [0, 1, 4], **options}
        params = json.dumps({"circuits": [ghz, ghz], "options": given}, cls=RuntimeEncoder).encode()
        return run_program("fake_manila", "noise-learner", params, seed=1)

    result = decoded("noise-learner", run().result)
    assert [error.qubits for error in result] == [[0, 1], [0, 1, 2]]
    assert result.metadata["backend"] == "fake_manila"
    assert result.metadata["input_options"]["twirling_strategy"] == "active-accum"
    limited = run(max_layers_to_learn=1, experimental={"x": 1})
    assert len(decoded("noise-learner", limited.result)) == 1
    assert "1 layers more were not learned" in limited.log
    assert "ignored option: experimental" in limited.log
    assert json.loads(run(support_qiskit=False).result)["data"][0]["qubits"] == [0, 1]
    with pytest.raises(ProgramError, match="twirling_strategy"):
        run(twirling_strategy="some")
    with pytest.raises(ProgramError, match="num_randomizations"):
        run(num_randomizations=0)


@pytest.mark.parametrize("mitigation", ["pea", "pec"])
def test_the_estimator_learns_what_it_is_not_given(
    ghz: QuantumCircuit, primitive_params: Params, decoded: Decoded, mitigation: str
) -> None:
    circuit = ghz.remove_final_measurements(inplace=False)
    pub = EstimatorPub.coerce((circuit, SparsePauliOp("ZZI").apply_layout(ghz.layout), None, 0.05))
    resilience: dict[str, Any] = {"layer_noise_learning": {"layer_pair_depths": [0, 1, 8]}}
    if mitigation == "pec":
        resilience["pec_mitigation"] = True
    else:
        resilience |= {"zne_mitigation": True, "zne": {"amplifier": "pea"}}
    params = primitive_params([pub], {"resilience": resilience})
    done = run_program("fake_manila", "estimator", params, seed=5)
    result = decoded("estimator", done.result)
    assert float(result[0].data.evs) == pytest.approx(1.0, abs=0.3)
    models = result.metadata["resilience"]["layer_noise_model"]
    assert [model.qubits for model in models] == [[0, 1], [0, 1, 2]]
    assert done.log.count("its noise was learned") == 2

    resilience["layer_noise_model"] = list(models)
    again = run_program(
        "fake_manila", "estimator", primitive_params([pub], {"resilience": resilience}), seed=5
    )
    assert again.log.count("its noise model came with the job") == 2
    assert again.qpu_seconds < done.qpu_seconds
