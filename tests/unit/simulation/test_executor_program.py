"""The program ``executor``, decoded with the client's own decoders."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from qiskit import QuantumCircuit
from qiskit.circuit import Parameter
from qiskit.quantum_info import SparsePauliOp
from qiskit_ibm_runtime.options_models.executor import ExecutorOptions
from samplomatic.quantum_program import CircuitItem

from qrun.local.simulation.client_formats import (
    QUANTUM_PROGRAM_PARAMS_CONVERTERS,
    EstimatorOptions,
    QuantumProgram,
    SamplerOptions,
    prepare_estimator,
    prepare_sampler,
)
from qrun.local.simulation.programs import run_program

Compiled = Callable[..., QuantumCircuit]
Params = Callable[..., bytes]
Decoded = Callable[[str, str], Any]


def bell(measured: bool = True) -> QuantumCircuit:
    circuit = QuantumCircuit(2)
    circuit.h(0)
    circuit.cx(0, 1)
    if measured:
        circuit.measure_all()
    return circuit


@pytest.mark.parametrize("version", QUANTUM_PROGRAM_PARAMS_CONVERTERS)
def test_every_schema_version(
    version: str, compiled: Compiled, executor_params: Params, decoded: Decoded
) -> None:
    angle = Parameter("angle")
    swept = QuantumCircuit(1, 1)
    swept.rz(0.3, 0)
    swept.rx(angle, 0)
    swept.measure(0, 0)
    passthrough = {"array": np.arange(3.0), "text": "here"} if version != "v0.1" else None
    program = QuantumProgram(
        shots=50,
        items=[
            CircuitItem(circuit=compiled(bell(), "ideal")),
            CircuitItem(circuit=swept, circuit_arguments=[[0.0], [np.pi]]),
        ],
        passthrough_data=passthrough,
    )
    params = executor_params(program, ExecutorOptions(), None, version)
    done = run_program("ideal", "executor", params, seed=3)
    result = decoded("executor", done.result)
    assert result[0]["meas"].shape == (50, 2)
    assert result[1]["c"].shape == (2, 50, 1)
    assert result[1]["c"].mean(axis=1).reshape(-1).tolist() == [0.0, 1.0]
    assert [part.idx_item for span in result.metadata.chunk_timing for part in span.parts] == [0, 1]
    if passthrough:
        assert result.passthrough_data["text"] == "here"
        np.testing.assert_array_equal(result.passthrough_data["array"], np.arange(3.0))
    assert done.executions == 150


@pytest.mark.parametrize("twirled", [False, True])
def test_client_side_sampler(
    twirled: bool,
    compiled: Compiled,
    executor_params: Params,
    decoded: Decoded,
    agrees: Callable[..., bool],
    counted: Callable[..., dict[int, int]],
) -> None:
    options = SamplerOptions(twirling={"enable_gates": twirled, "enable_measure": twirled})
    program, executor_options = prepare_sampler([compiled(bell(), "ideal", [4, 9])], options, 2048)
    done = run_program("ideal", "executor", executor_params(program, executor_options, "sampler_v2"), seed=1)
    (pub,) = decoded("executor", done.result)
    assert pub.data.meas.num_shots == 2048
    assert agrees(counted(pub.data.meas.to_bool_array(order="little")), [0.5, 0, 0, 0.5])


def test_client_side_sampler_sweep_with_twirling(
    compiled: Compiled, executor_params: Params, decoded: Decoded
) -> None:
    angle = Parameter("angle")
    circuit = QuantumCircuit(2)
    circuit.rx(angle, 0)
    circuit.cx(0, 1)
    circuit.measure_all()
    options = SamplerOptions(twirling={"enable_gates": True, "enable_measure": True})
    values = np.array([[0.0, 1.0], [2.0, np.pi]])[..., None]
    program, executor_options = prepare_sampler([(compiled(circuit, "ideal"), values)], options, 1024)
    done = run_program("ideal", "executor", executor_params(program, executor_options, "sampler_v2"), seed=1)
    (pub,) = decoded("executor", done.result)
    assert pub.data.shape == (2, 2)
    bits = pub.data.meas.to_bool_array(order="little")
    assert (bits[..., 0] == bits[..., 1]).all()
    np.testing.assert_allclose(bits[..., 0].mean(axis=-1), np.sin(values[..., 0] / 2) ** 2, atol=0.07)


def test_client_side_estimator_with_default_options(
    compiled: Compiled, executor_params: Params, decoded: Decoded
) -> None:
    isa = compiled(bell(False), "fake_fez", [3, 4])
    observables = SparsePauliOp(["ZZ", "XX", "ZI"], [1.0, 1.0, 0.5]).apply_layout(isa.layout)
    program, executor_options = prepare_estimator([(isa, observables)], EstimatorOptions())
    params = executor_params(program, executor_options, "estimator_v2")
    done = run_program("fake_fez", "executor", params, seed=5)
    (pub,) = decoded("executor", done.result)
    # Readout errors, of about one in fifty here, are mitigated; gate errors are small.
    assert float(pub.data.evs) == pytest.approx(2.0, abs=0.06)
    assert done.qpu_seconds == pytest.approx(2.0 + done.circuits_execution_time_ns * 1e-9)
    assert done.executions == (64 + 32) * 128
    assert "qubit by itself" in done.log


def test_a_seed_gives_the_same_data(compiled: Compiled, executor_params: Params, decoded: Decoded) -> None:
    isa = compiled(bell(False), "fake_manila", [1, 2])
    observables = SparsePauliOp(["ZZ", "XX"]).apply_layout(isa.layout)
    program, executor_options = prepare_estimator([(isa, observables)], EstimatorOptions())
    params = executor_params(program, executor_options, "estimator_v2")
    values = [
        float(
            decoded("executor", run_program("fake_manila", "executor", params, seed=seed).result)[0].data.evs
        )
        for seed in (8, 8, 9, None, None)
    ]
    assert values[0] == values[1]
    assert len(set(values)) == 4


def test_options_that_change_nothing_are_in_the_log(compiled: Compiled, executor_params: Params) -> None:
    options = ExecutorOptions()
    options.execution.scheduler_timing = True
    program = QuantumProgram(shots=1, items=[CircuitItem(circuit=compiled(bell(), "ideal"))])
    done = run_program("ideal", "executor", executor_params(program, options))
    assert "ignored option: scheduler_timing" in done.log


def test_a_wide_twirled_clifford_circuit_stays_clifford(
    compiled: Compiled, executor_params: Params, decoded: Decoded
) -> None:
    circuit = QuantumCircuit(14)
    circuit.h(0)
    for qubit in range(13):
        circuit.cx(qubit, qubit + 1)
    circuit.measure_all()
    options = SamplerOptions(twirling={"enable_gates": True, "enable_measure": True})
    program, executor_options = prepare_sampler([compiled(circuit, "ideal")], options, 512)
    params = executor_params(program, executor_options, "sampler_v2")
    # On the ideal device such a circuit would go to a statevector; the noisy one tells Clifford from not.
    isa = compiled(circuit, "fake_fez")
    program, executor_options = prepare_sampler([isa], options, 512)
    noisy = executor_params(program, executor_options, "sampler_v2")
    (pub,) = decoded("executor", run_program("ideal", "executor", params, seed=1).result)
    assert set(pub.data.meas.get_counts()) == {"0" * 14, "1" * 14}
    assert "14 qubits, Clifford" in run_program("fake_fez", "executor", noisy, seed=1).log
