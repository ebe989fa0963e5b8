"""Shots of circuits: statistics, shapes, mid-circuit work, and every way of simulating."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from qiskit import ClassicalRegister, QuantumCircuit, QuantumRegister
from qiskit.circuit import Parameter
from qiskit.circuit.classical import expr
from qiskit_aer import AerSimulator
from qiskit_aer.noise import NoiseModel
from qiskit_ibm_runtime.fake_provider import FakeManilaV2

Sampled = Callable[..., dict[str, np.ndarray]]
Compiled = Callable[..., QuantumCircuit]


def bell(pairs: int = 1) -> QuantumCircuit:
    circuit = QuantumCircuit(2 * pairs)
    for pair in range(pairs):
        circuit.h(2 * pair)
        circuit.cx(2 * pair, 2 * pair + 1)
    circuit.measure_all()
    return circuit


def ghz(qubits: int) -> QuantumCircuit:
    circuit = QuantumCircuit(qubits)
    circuit.h(0)
    for qubit in range(qubits - 1):
        circuit.cx(qubit, qubit + 1)
    circuit.measure_all()
    return circuit


def test_bell_on_the_ideal_device(
    sampled: Sampled, compiled: Compiled, agrees: Callable[..., bool], counted: Callable[..., dict[int, int]]
) -> None:
    bits = sampled(compiled(bell(), "ideal"), "ideal", 10_000)["meas"]
    assert bits.shape == (10_000, 2)
    counts = counted(bits)
    assert set(counts) == {0, 3}
    assert agrees(counts, [0.5, 0, 0, 0.5])


def test_ghz_with_noise_agrees_with_aers_whole_device(
    sampled: Sampled, compiled: Compiled, agrees: Callable[..., bool], counted: Callable[..., dict[int, int]]
) -> None:
    isa = compiled(ghz(5), "fake_manila", [0, 1, 2, 3, 4])
    model = NoiseModel.from_backend(FakeManilaV2())
    simulator = AerSimulator(method="density_matrix", noise_model=model)
    shots = 1_000_000
    reference = simulator.run(isa, shots=shots, seed_simulator=5).result().get_counts()
    expected = {int(outcome, 2): count / shots for outcome, count in reference.items()}
    assert agrees(counted(sampled(isa, "fake_manila", 20_000)["meas"]), expected)


def test_pairs_are_correlated_within_and_independent_across(sampled: Sampled, compiled: Compiled) -> None:
    isa = compiled(bell(2), "ideal")
    log: list[str] = []
    bits = sampled(isa, "ideal", 20_000, log=log)["meas"]
    assert log == ["  2 × 2 qubits without noise: statevector, exact"]
    assert (bits[:, 0] == bits[:, 1]).all()
    assert (bits[:, 2] == bits[:, 3]).all()
    assert np.mean(bits[:, 0] == bits[:, 2]) == pytest.approx(0.5, abs=4 * 0.5 / 20_000**0.5)


def test_shots_of_separate_parts_run_shot_by_shot_are_independent(sampled: Sampled) -> None:
    circuit = QuantumCircuit(4, 8)
    for first in (0, 2):
        for time in (0, 4):
            circuit.sx(first)
            circuit.cz(first, first + 1)
            circuit.measure([first, first + 1], [first + time, first + 1 + time])
    log: list[str] = []
    bits = sampled(circuit, "ideal", 8000, log=log)["c"]
    assert "shot by shot" in log[0]
    assert np.mean(bits[:, 0] == bits[:, 2]) == pytest.approx(0.5, abs=0.025)


def test_sweep_has_the_shape_of_its_values(sampled: Sampled) -> None:
    angle, other = Parameter("angle"), Parameter("other")
    circuit = QuantumCircuit(3)
    circuit.rx(angle, 0)
    circuit.rx(2 * angle + other, 1)
    circuit.rx(other, 2)
    circuit.cz(1, 2)
    circuit.measure_all()
    values = np.stack(np.meshgrid([0, 0.5, np.pi], [0, np.pi / 2], indexing="ij"), axis=-1)
    bits = sampled(circuit, "ideal", 4000, values)["meas"]
    assert bits.shape == (3, 2, 4000, 3)
    first, second = values[..., 0], values[..., 1]
    np.testing.assert_allclose(bits.mean(axis=2)[..., 0], np.sin(first / 2) ** 2, atol=0.035)
    np.testing.assert_allclose(bits.mean(axis=2)[..., 1], np.sin(first + second / 2) ** 2, atol=0.035)
    np.testing.assert_allclose(bits.mean(axis=2)[..., 2], np.sin(second / 2) ** 2, atol=0.035)


def test_registers_keep_their_places_and_unmeasured_bits_are_zero(sampled: Sampled) -> None:
    circuit = QuantumCircuit(QuantumRegister(3), ClassicalRegister(2, "a"), ClassicalRegister(3, "b"))
    circuit.x([0, 2])
    circuit.measure([0, 1, 2], [1, 2, 4])
    found = sampled(circuit, "ideal", 10)
    assert found["a"].all(axis=0).tolist() == [False, True]
    assert found["b"].all(axis=0).tolist() == [False, False, True]
    assert not found["b"][:, 1].any()


@pytest.mark.parametrize("name", ["ideal", "fake_fez"])
def test_measurement_in_the_middle_and_a_condition(name: str, sampled: Sampled, compiled: Compiled) -> None:
    circuit = QuantumCircuit(QuantumRegister(3), ClassicalRegister(1, "a"), ClassicalRegister(2, "b"))
    circuit.h(0)
    circuit.measure(0, 0)
    with circuit.if_test((circuit.cregs[0], 1)):
        circuit.x(1)
    circuit.measure(1, 1)
    circuit.reset(1)
    circuit.measure(1, 2)
    found = sampled(compiled(circuit, name, [3, 4, 5]), name, 2000)
    same = np.mean(found["a"][:, 0] == found["b"][:, 0])
    assert same == 1.0 if name == "ideal" else same > 0.95
    assert found["b"][:, 1].mean() < 0.03
    assert found["a"].mean() == pytest.approx(0.5, abs=0.06)


def test_switch_and_loops(sampled: Sampled) -> None:
    circuit = QuantumCircuit(3, 3)
    circuit.x(0)
    circuit.measure([0, 1], [0, 1])
    with circuit.switch(circuit.cregs[0]) as case:
        with case(1):
            circuit.x(2)
        with case(case.DEFAULT):
            circuit.sx(2)
    with circuit.for_loop(range(3)):
        circuit.x(1)
    circuit.measure([1, 2], [1, 2])
    assert sampled(circuit, "ideal", 50)["c"].all()


def test_while_loop_and_expression(sampled: Sampled) -> None:
    circuit = QuantumCircuit(2, 2)
    circuit.sx(0)
    circuit.measure(0, 0)
    with circuit.while_loop((circuit.clbits[0], 0)):
        circuit.sx(0)
        circuit.measure(0, 0)
    with circuit.if_test(expr.logic_not(expr.lift(circuit.clbits[0]))):
        circuit.x(1)
    circuit.measure(1, 1)
    assert sampled(circuit, "ideal", 50)["c"].mean(axis=0).tolist() == [1, 0]


def test_a_bit_that_is_stored_into_another(sampled: Sampled) -> None:
    circuit = QuantumCircuit(3, 3)
    circuit.x(0)
    circuit.measure(0, 0)
    circuit.store(circuit.clbits[1], expr.lift(circuit.clbits[0]))
    circuit.measure(2, 2)
    assert sampled(circuit, "ideal", 50)["c"].mean(axis=0).tolist() == [1, 1, 0]


def test_a_register_that_is_stored_into_another(sampled: Sampled) -> None:
    circuit = QuantumCircuit(QuantumRegister(2), ClassicalRegister(2, "a"), ClassicalRegister(2, "b"))
    circuit.x(1)
    circuit.measure([0, 1], [0, 1])
    circuit.store(expr.lift(circuit.cregs[1]), expr.bit_not(circuit.cregs[0]))
    found = sampled(circuit, "ideal", 50)
    assert found["a"].mean(axis=0).tolist() == [0, 1]
    assert found["b"].mean(axis=0).tolist() == [1, 0]


def test_a_constant_that_is_stored(sampled: Sampled) -> None:
    circuit = QuantumCircuit(1, 2)
    circuit.store(circuit.clbits[1], expr.lift(True))
    circuit.measure(0, 0)
    assert sampled(circuit, "ideal", 50)["c"].mean(axis=0).tolist() == [0, 1]


def test_a_sweep_of_no_points(sampled: Sampled) -> None:
    circuit = QuantumCircuit(1, 1)
    circuit.rz(Parameter("angle"), 0)
    circuit.measure(0, 0)
    assert sampled(circuit, "ideal", 5, np.zeros((0, 1)))["c"].shape == (0, 5, 1)


def test_a_delay_beside_a_condition_relaxes_its_qubit(sampled: Sampled) -> None:
    circuit = QuantumCircuit(2, 2)
    circuit.x(1)
    circuit.delay(1.0, 1, unit="ms")
    circuit.measure(0, 0)
    with circuit.if_test((circuit.clbits[0], 1)):
        circuit.x(1)
    circuit.measure(1, 1)
    assert sampled(circuit, "fake_manila", 1000)["c"][:, 1].mean() < 0.1


def test_a_condition_with_parameters_is_swept(sampled: Sampled) -> None:
    angle = Parameter("angle")
    circuit = QuantumCircuit(2, 2)
    circuit.x(0)
    circuit.measure(0, 0)
    with circuit.if_test((circuit.clbits[0], 1)):
        circuit.rx(angle, 1)
    circuit.measure(1, 1)
    bits = sampled(circuit, "ideal", 1000, [[0.0], [np.pi]])["c"]
    assert bits[..., 1].mean(axis=1).tolist() == [0.0, 1.0]


def test_one_qubit_is_measured_twice(sampled: Sampled) -> None:
    circuit = QuantumCircuit(1, 3)
    circuit.sx(0)
    circuit.measure(0, 0)
    circuit.x(0)
    circuit.measure(0, 1)
    circuit.reset(0)
    circuit.measure(0, 2)
    bits = sampled(circuit, "ideal", 4000)["c"]
    assert (bits[:, 0] != bits[:, 1]).all()
    assert not bits[:, 2].any()
    assert bits[:, 0].mean() == pytest.approx(0.5, abs=0.035)


def test_wide_clifford_circuit_without_noise(sampled: Sampled) -> None:
    circuit = QuantumCircuit(32)
    circuit.sx(0)
    for qubit in range(31):
        _cx(circuit, qubit, qubit + 1)
    circuit.measure_all()
    log: list[str] = []
    bits = sampled(circuit, "ideal", 4000, log=log)["meas"]
    assert log == ["  32 qubits, Clifford: stabilizer"]
    assert (bits.all(axis=1) | ~bits.any(axis=1)).all()
    assert bits[:, 0].mean() == pytest.approx(0.5, abs=0.035)


@pytest.mark.parametrize(("layers", "way"), [(3, "shots side by side"), (1, "all shots at once")])
def test_lanes_and_chains_follow_a_sweep(layers: int, way: str, sampled: Sampled, compiled: Compiled) -> None:
    angle = Parameter("angle")
    circuit = QuantumCircuit(12)
    for qubit in range(12):
        circuit.rx(angle, qubit)
    for _ in range(layers):
        for qubit in range(11):
            circuit.cz(qubit, qubit + 1)
        circuit.barrier()
    circuit.measure_all()
    log: list[str] = []
    isa = compiled(circuit, "fake_fez")
    bits = sampled(isa, "fake_fez", 200, [[0.0], [1.0], [np.pi]], log=log)["meas"]
    assert way in log[0]
    np.testing.assert_allclose(bits.mean(axis=(1, 2)), np.sin(np.array([0, 0.5, np.pi / 2])) ** 2, atol=0.06)


def test_wide_shallow_circuit_as_a_matrix_product_state(sampled: Sampled) -> None:
    circuit = QuantumCircuit(30)
    for qubit in range(30):
        circuit.rx(0.3, qubit)
    for qubit in range(29):
        circuit.cz(qubit, qubit + 1)
    circuit.measure_all()
    log: list[str] = []
    bits = sampled(circuit, "ideal", 500, log=log)["meas"]
    assert "matrix product state" in log[0]
    np.testing.assert_allclose(bits.mean(), np.sin(0.15) ** 2, atol=0.01)


@pytest.mark.parametrize("name", ["ideal", "fake_manila"])
def test_a_seed_gives_the_same_bits(name: str, sampled: Sampled, compiled: Compiled) -> None:
    isa = compiled(ghz(4), name)
    first, again, other = (sampled(isa, name, 500, seed=seed)["meas"] for seed in (1, 1, 2))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


def _cx(circuit: QuantumCircuit, control: int, target: int) -> None:
    """A cx in the ideal device's gates."""
    for gate in ("h", "cz", "h"):
        if gate == "cz":
            circuit.cz(control, target)
        else:
            circuit.rz(np.pi / 2, target)
            circuit.sx(target)
            circuit.rz(np.pi / 2, target)
