"""What is refused, with which code and which words."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

import pytest
from qiskit import QuantumCircuit
from qiskit.circuit.classical import expr
from qiskit.primitives.containers.sampler_pub import SamplerPub
from qiskit_ibm_runtime.options_models.executor import ExecutorOptions
from samplomatic.quantum_program import CircuitItem

from qrun.local.simulation import program
from qrun.local.simulation.client_formats import QuantumProgram
from qrun.local.simulation.programs import ProgramError, run_program

Params = Callable[..., bytes]


def refused(device_name: str, program_id: str, params: bytes) -> ProgramError:
    with pytest.raises(ProgramError) as caught:
        run_program(device_name, program_id, params)
    return caught.value


def measured(circuit: QuantumCircuit) -> SamplerPub:
    circuit.measure_all()
    return SamplerPub.coerce((circuit, None, 10))


def test_a_gate_outside_of_the_target(primitive_params: Params) -> None:
    circuit = QuantumCircuit(2)
    circuit.h(1)
    error = refused("fake_manila", "sampler", primitive_params([measured(circuit)]))
    assert error.code == 1517
    assert "h on qubit 1" in error.message


def test_qubits_that_are_not_coupled(primitive_params: Params) -> None:
    circuit = QuantumCircuit(5)
    circuit.cx(0, 4)
    error = refused("fake_manila", "sampler", primitive_params([measured(circuit)]))
    assert error.code == 1517
    assert "cx on qubits 0, 4" in error.message
    assert "not coupled" in error.message


def test_a_gate_inside_of_a_condition(primitive_params: Params) -> None:
    circuit = QuantumCircuit(3, 1)
    circuit.measure(1, 0)
    with circuit.if_test((circuit.clbits[0], 1)):
        circuit.h(2)
    error = refused("fake_manila", "sampler", primitive_params([measured(circuit)]))
    assert error.code == 1517
    assert "h on qubit 2" in error.message


def test_more_qubits_than_the_device_has(primitive_params: Params) -> None:
    error = refused("fake_manila", "sampler", primitive_params([measured(QuantumCircuit(6))]))
    assert error.code == 1109
    assert "6 qubits" in error.message


def test_an_rzz_angle_that_hardware_does_not_take(primitive_params: Params) -> None:
    circuit = QuantumCircuit(2)
    circuit.rzz(2.0, 0, 1)
    assert refused("ideal", "sampler", primitive_params([measured(circuit)])).code == 1517


@pytest.mark.parametrize(
    ("program_id", "params"),
    [
        ("executor", b"{"),
        ("executor", b'{"schema_version": "v9.9"}'),
        ("executor", b'{"schema_version": "v2.0", "quantum_program": {}}'),
        ("sampler", b"nothing"),
        ("sampler", b'{"pubs": []}'),
        ("sampler", b'{"pubs": [["OPENQASM 3.0; gibberish"]]}'),
        ("sampler", b'{"pubs": [[{"__type__": "QuantumCircuit", "__value__": "eJw="}]]}'),
        ("estimator", b'{"pubs": [[3]]}'),
        ("sampler", b'{"pubs": 5}'),
        ("sampler", b'{"pubs": "x"}'),
        ("sampler", b'{"pubs": [["x"]]}'),
        ("sampler", b'{"pubs": {"a": 1}}'),
        ("sampler", b'{"pubs": [], "options": [1, 2]}'),
        ("sampler", b'{"pubs": [], "options": "x"}'),
        ("sampler", b'{"pubs": [], "options": {"simulator": "x"}}'),
        ("sampler", b'{"pubs": [], "options": {"simulator": {"seed_simulator": "abc"}}}'),
        ("sampler", b'{"pubs": [], "options": {"simulator": {"seed_simulator": -1}}}'),
        ("estimator", b'{"pubs": [], "options": {"seed_estimator": {}}}'),
        ("estimator", b'{"pubs": [], "resilience_level": "x"}'),
        ("estimator", b'{"pubs": [], "options": {"resilience": 3}}'),
    ],
)
def test_params_that_cannot_be_read(program_id: str, params: bytes) -> None:
    error = refused("ideal", program_id, params)
    assert error.code == 1603
    assert not error.message.endswith(": ")


def test_an_option_with_a_wrong_value(primitive_params: Params) -> None:
    params = primitive_params([measured(QuantumCircuit(1))], {"twirling": {"strategy": "sideways"}})
    error = refused("ideal", "sampler", params)
    assert "twirling.strategy" in error.message


def test_a_measurement_level_that_is_not_simulated(executor_params: Params) -> None:
    circuit = QuantumCircuit(1, 1)
    circuit.measure(0, 0)
    program = QuantumProgram(shots=1, items=[CircuitItem(circuit=circuit)], meas_level="kerneled")
    error = refused("ideal", "executor", executor_params(program, ExecutorOptions()))
    assert "not simulated" in error.message


def test_more_shots_than_the_device_takes(primitive_params: Params) -> None:
    circuit = QuantumCircuit(1, 1)
    circuit.measure(0, 0)
    params = primitive_params([SamplerPub.coerce((circuit, None, 200_000))])
    assert refused("ideal", "sampler", params).code == 1103


def too_deep() -> QuantumCircuit:
    circuit = QuantumCircuit(32)
    for layer in range(40):
        for qubit in range(32):
            circuit.rx(0.1 + layer + qubit, qubit)
        for qubit in range(layer % 2, 31, 2):
            circuit.cz(qubit, qubit + 1)
    return measured(circuit)


def test_deep_entanglement_of_many_qubits(primitive_params: Params) -> None:
    error = refused("ideal", "sampler", primitive_params([too_deep()]))
    assert "32 qubits" in error.message
    assert "What would help: fewer qubits (22 or fewer)" in error.message


def test_nothing_is_simulated_where_a_later_pub_is_refused(
    primitive_params: Params, monkeypatch: pytest.MonkeyPatch
) -> None:
    simulated: list[object] = []
    monkeypatch.setattr(program, "sample_circuit", lambda *arguments: simulated.append(arguments))
    first = QuantumCircuit(1)
    error = refused("ideal", "sampler", primitive_params([measured(first), too_deep()]))
    assert "32 qubits" in error.message
    assert simulated == []


def test_a_circuit_without_a_register_to_sample(primitive_params: Params) -> None:
    error = refused("ideal", "sampler", primitive_params([SamplerPub.coerce(QuantumCircuit(1))]))
    assert "classical register" in error.message


def test_variables_that_the_simulator_does_not_run(primitive_params: Params) -> None:
    circuit = QuantumCircuit(1, 1)
    flag = circuit.add_var("flag", expr.lift(False))
    circuit.measure(0, 0)
    circuit.store(flag, expr.lift(circuit.clbits[0]))
    with circuit.if_test(flag):
        circuit.x(0)
    error = refused("ideal", "sampler", primitive_params([measured(circuit)]))
    assert "classical expressions or variables" in error.message


def test_a_program_that_does_not_exist() -> None:
    assert "calibrate" in refused("ideal", "calibrate", b"{}").message


def test_the_error_survives_a_process_boundary() -> None:
    error = pickle.loads(pickle.dumps(ProgramError("wrong", 1517)))
    assert (error.message, error.code) == ("wrong", 1517)


def test_programs_run_in_a_spawned_process(primitive_params: Params) -> None:
    circuit = QuantumCircuit(2)
    circuit.h(1)
    good = primitive_params([measured(QuantumCircuit(2))])
    bad = primitive_params([measured(circuit)])
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        assert pool.submit(run_program, "fake_manila", "sampler", good, seed=1).result().executions == 10
        with pytest.raises(ProgramError) as caught:
            pool.submit(run_program, "fake_manila", "sampler", bad).result()
    assert caught.value.code == 1517
