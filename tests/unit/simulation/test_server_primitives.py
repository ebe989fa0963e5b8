"""The programs ``sampler`` and ``estimator``, decoded with the client's own decoder."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from qiskit import QuantumCircuit
from qiskit.circuit import Parameter
from qiskit.primitives.containers.estimator_pub import EstimatorPub
from qiskit.primitives.containers.sampler_pub import SamplerPub
from qiskit.quantum_info import SparsePauliOp

from qrun.local.simulation.programs import run_program

Compiled = Callable[..., QuantumCircuit]
Params = Callable[..., bytes]
Decoded = Callable[[str, str], Any]

BELL_QASM = """OPENQASM 3.0; include "stdgates.inc"; bit[2] c; qubit[2] q;
rz(pi/2) q[0]; sx q[0]; rz(pi/2) q[0]; rz(pi/2) q[1]; sx q[1]; rz(pi/2) q[1];
cz q[0], q[1]; rz(pi/2) q[1]; sx q[1]; rz(pi/2) q[1]; c = measure q;"""


@pytest.fixture
def swept(compiled: Compiled) -> Callable[[bool], QuantumCircuit]:
    """One turned qubit copied to another, with or without its measurement, on the ideal device."""

    def build(measured: bool) -> QuantumCircuit:
        circuit = QuantumCircuit(2, metadata={"mine": 1})
        circuit.rx(Parameter("angle"), 0)
        circuit.cx(0, 1)
        if measured:
            circuit.measure_all()
        return compiled(circuit, "ideal", [2, 7])

    return build


def test_sampler_with_shots_of_its_pubs(
    swept: Callable[[bool], QuantumCircuit], primitive_params: Params, decoded: Decoded
) -> None:
    isa = swept(True)
    pubs = [
        SamplerPub.coerce((isa, [[0.0], [1.0], [np.pi]], 100)),
        SamplerPub.coerce((isa, [np.pi], 300)),
        SamplerPub.coerce((isa, [0.0])),
        SamplerPub.coerce((isa, [0.0], 100)),
    ]
    done = run_program("ideal", "sampler", primitive_params(pubs), seed=2)
    result = decoded("sampler", done.result)
    assert [pub.data.meas.num_shots for pub in result] == [100, 300, 4096, 100]
    assert result[0].data.shape == (3,)
    assert result[1].data.meas.get_counts() == {"11": 300}
    assert result[3].data.meas.get_counts() == {"00": 100}
    assert result[0].metadata == {"circuit_metadata": {"mine": 1}}
    spans = result.metadata["execution"]["execution_spans"]
    assert sum(span.size for span in spans) == 300 + 300 + 4096 + 100
    assert done.executions == 300 + 300 + 4096 + 100


def test_sampler_with_openqasm_text(primitive_params: Params, decoded: Decoded) -> None:
    done = run_program("ideal", "sampler", primitive_params([[BELL_QASM, None, 200]]), seed=2)
    counts = decoded("sampler", done.result)[0].data.c.get_counts()
    assert set(counts) == {"00", "11"}


def test_sampler_with_twirling_and_decoupling(
    compiled: Compiled, primitive_params: Params, decoded: Decoded
) -> None:
    circuit = QuantumCircuit(3)
    circuit.h(0)
    circuit.cx(0, 1)
    circuit.cx(1, 2)
    circuit.measure_all()
    isa = compiled(circuit, "fake_fez", [3, 4, 5])
    options = {
        "twirling": {"enable_gates": True, "enable_measure": True, "num_randomizations": 8},
        "dynamical_decoupling": {"enable": True, "sequence_type": "XY4"},
        "default_shots": 1024,
    }
    done = run_program("fake_fez", "sampler", primitive_params([SamplerPub.coerce(isa)], options), seed=2)
    counts = decoded("sampler", done.result)[0].data.meas.get_counts()
    assert sum(counts.values()) == 1024
    assert (counts["000"] + counts["111"]) / 1024 > 0.85


def test_estimator_with_precisions_of_its_pubs(
    swept: Callable[[bool], QuantumCircuit], primitive_params: Params, decoded: Decoded
) -> None:
    isa = swept(False)
    zz, z = (SparsePauliOp(label).apply_layout(isa.layout) for label in ("ZZ", "IZ"))
    angles = [[0.0], [1.0], [np.pi]]
    pubs = [
        EstimatorPub.coerce((isa, [[zz], [z]], angles)),
        EstimatorPub.coerce((isa, z, [1.0], 0.1)),
    ]
    result = decoded("estimator", run_program("ideal", "estimator", primitive_params(pubs), seed=2).result)
    assert result[0].data.evs.shape == (2, 3)
    np.testing.assert_allclose(result[0].data.evs, [[1, 1, 1], np.cos([0, 1, np.pi])], atol=0.07)
    assert result[0].data.stds.shape == (2, 3)
    assert float(result[1].data.evs) == pytest.approx(np.cos(1.0), abs=0.4)
    assert [pub.metadata["target_precision"] for pub in result] == [0.015625, 0.1]
    assert [pub.metadata["shots"] for pub in result] == [4096, 100]
    assert result.metadata["resilience"]["measure_mitigation"] is True


def test_estimator_resilience_levels(compiled: Compiled, primitive_params: Params, decoded: Decoded) -> None:
    circuit = QuantumCircuit(2)
    circuit.h(0)
    circuit.cx(0, 1)
    isa = compiled(circuit, "fake_manila", [0, 1])
    pub = EstimatorPub.coerce((isa, SparsePauliOp("ZZ").apply_layout(isa.layout)))
    found = {}
    for level in (0, 1, 2):
        params = primitive_params([pub], resilience_level=level)
        (result,) = decoded("estimator", run_program("fake_manila", "estimator", params, seed=4).result)
        found[level] = float(result.data.evs)
    assert abs(found[1] - 1) < abs(found[0] - 1)
    assert found[2] == pytest.approx(1.0, abs=0.15)


def test_a_seed_in_the_options_goes_first_and_unused_options_are_logged(
    swept: Callable[[bool], QuantumCircuit], primitive_params: Params, decoded: Decoded
) -> None:
    pubs = [SamplerPub.coerce((swept(True), [1.0], 50))]
    options = {"simulator": {"seed_simulator": 12, "basis_gates": ["cz"]}, "experimental": {"x": 1}}
    done = [run_program("ideal", "sampler", primitive_params(pubs, options), seed=seed) for seed in (1, 2)]
    counts = [decoded("sampler", each.result)[0].data.meas.array.tolist() for each in done]
    assert counts[0] == counts[1]
    assert "ignored option: simulator.basis_gates" in done[0].log
    assert "ignored option: experimental" in done[0].log
