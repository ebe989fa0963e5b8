"""Our noise is Aer's: exact comparison with its model of the whole device."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from qiskit import QuantumCircuit
from qiskit.circuit import Reset
from qiskit.quantum_info import Pauli, SuperOp, average_gate_fidelity
from qiskit_aer import AerSimulator
from qiskit_aer.noise import NoiseModel
from qiskit_ibm_runtime.fake_provider import FakeManilaV2

from qrun.local.devices import device
from qrun.local.simulation import (
    aer,
    chains,
    error_events,
    error_patterns,
    lanes,
    noise,
    one_qubit,
    pauli_frames,
)
from qrun.local.simulation.binding import bind
from qrun.local.simulation.components import components
from qrun.local.simulation.targets import target


@pytest.fixture(scope="module")
def reference() -> Callable[[QuantumCircuit], np.ndarray]:
    """Exact probabilities of all qubits' readout under Aer's noise of the whole device."""
    model = NoiseModel.from_backend(FakeManilaV2())
    simulator = AerSimulator(method="density_matrix", noise_model=model)

    def probabilities(circuit: QuantumCircuit) -> np.ndarray:
        circuit = circuit.remove_final_measurements(inplace=False)
        circuit.save_probabilities()
        exact = np.asarray(simulator.run(circuit, shots=1).result().data()["probabilities"])
        for qubit in range(circuit.num_qubits):
            error = target(device("fake_manila"))["measure"][(qubit,)].error
            readout = np.array([[1 - error, error], [error, 1 - error]])
            exact = np.einsum("htl,tr->hrl", exact.reshape(-1, 2, 2**qubit), readout).reshape(-1)
        return exact

    return probabilities


def ghz(qubits: int) -> QuantumCircuit:
    circuit = QuantumCircuit(qubits)
    circuit.h(0)
    for qubit in range(qubits - 1):
        circuit.cx(qubit, qubit + 1)
    circuit.measure_all()
    return circuit


def mixed() -> QuantumCircuit:
    circuit = QuantumCircuit(5)
    for qubit in range(5):
        circuit.rx(0.3 + qubit, qubit)
    circuit.cx(3, 2)
    circuit.cx(0, 1)
    circuit.delay(4000, 1, unit="ns")
    circuit.reset(4)
    circuit.rx(1.1, 4)
    circuit.rz(0.7, 2)
    circuit.cx(2, 1)
    circuit.measure_all()
    return circuit


@pytest.mark.parametrize("circuit", [ghz(5), ghz(3), mixed()])
def test_density_matrices_agree_with_the_whole_device(
    circuit: QuantumCircuit, compiled: Callable[..., QuantumCircuit], reference: Callable[..., np.ndarray]
) -> None:
    isa = compiled(circuit, "fake_manila", list(range(circuit.num_qubits)))
    expected = reference(isa)
    parts = components(bind(isa, np.zeros((1, 0)), target(device("fake_manila")).dt))
    ours = np.ones(1)
    bits: list[int] = []
    for part in parts:
        table = aer.probabilities(part, part.qubits, "fake_manila", "density_matrix")[0]
        ours = np.kron(table, ours)
        bits += part.clbits
    # Bring the parts' bits into order, and drop the reference's unmeasured qubits.
    measured = len(bits)
    ours = ours.reshape((2,) * measured).transpose(
        [measured - 1 - bits.index(b) for b in range(measured)[::-1]]
    )
    expected = expected.reshape(-1, 2**measured).sum(axis=0)
    np.testing.assert_allclose(ours.reshape(-1), expected, atol=1e-9)


@pytest.mark.parametrize("seed", range(3))
def test_every_way_agrees_with_the_whole_device_over_seeds(
    seed: int,
    compiled: Callable[..., QuantumCircuit],
    reference: Callable[[QuantumCircuit], np.ndarray],
    agrees: Callable[..., bool],
    counted: Callable[[np.ndarray], dict[int, int]],
) -> None:
    """Chi-square tests of shots against Aer's exact probabilities under ``NoiseModel.from_backend``."""
    circuit = ghz(5).remove_final_measurements(inplace=False)
    for qubit, angle in enumerate(np.random.default_rng(seed).integers(0, 4, 5)):
        circuit.rx(angle * np.pi / 2, qubit)
        circuit.delay(20 * qubit, qubit, unit="us")
    circuit.measure_all()
    isa = compiled(circuit, "fake_manila", list(range(5)))
    exact = reference(isa)
    (part,) = components(bind(isa, np.zeros((1, 0)), target(device("fake_manila")).dt))
    order, rng = part.qubits, np.random.default_rng(seed)
    found = [
        pauli_frames.sample(part, "fake_manila", 1, 20_000, rng),
        lanes.sample(part, order, "fake_manila", 1, 20_000, rng),
        chains.sample(part, order, "fake_manila", 1, 20_000, rng),
        error_patterns.sample(part, order, "fake_manila", "statevector", 1, 2000, rng),
        aer.sample(part, order, "fake_manila", "density_matrix", 1, 20_000, rng),
    ]
    assert all(agrees(counted(bits), exact) for bits in found)
    # The test can tell: shots without noise fail it.
    assert not agrees(counted(aer.sample(part, order, None, "statevector", 1, 20_000, rng)), exact)


def test_one_qubit_sampling_agrees_with_the_whole_device(
    compiled: Callable[..., QuantumCircuit], reference: Callable[..., np.ndarray]
) -> None:
    isa = compiled(mixed(), "fake_manila", [0, 1, 2, 3, 4])
    parts = components(bind(isa, np.zeros((1, 0)), target(device("fake_manila")).dt))
    (alone,) = [part for part in parts if part.qubits == (4,)]
    assert one_qubit.fits(alone)
    bits = one_qubit.sample(alone, "fake_manila", 1, 400_000, np.random.default_rng(3))
    expected = reference(isa).reshape(2, -1)[1].sum()
    assert bits.mean() == pytest.approx(expected, abs=4 * 0.5 / 400_000**0.5)


def event_superoperator(channel: error_events.Channel) -> np.ndarray:
    """The channel that the events of an operation make together."""
    paulis = [Pauli(label) for label in "IXYZ"]
    qubits = len(channel.relaxations)
    whole = np.eye(4**qubits)
    if channel.paulis is not None:
        whole = np.zeros((4**qubits, 4**qubits), dtype=complex)
        for index, probability in enumerate(channel.paulis):
            digits = [paulis[index >> (2 * place) & 3] for place in range(qubits)]
            gate = digits[0] if qubits == 1 else digits[1].tensor(digits[0])
            whole += probability * SuperOp(gate).data
    relaxed = [
        SuperOp(
            sum(p * SuperOp(what).data for p, what in zip(each, (paulis[0], paulis[3], Reset()), strict=True))
        )
        for each in channel.relaxations
    ]
    after = relaxed[0] if qubits == 1 else relaxed[1].tensor(relaxed[0])
    return np.asarray(after.data @ whole)


@pytest.mark.parametrize(
    ("name", "gate", "qubits"),
    [
        ("fake_manila", "cx", (2, 1)),
        ("fake_manila", "sx", (3,)),
        ("fake_fez", "cz", (3, 4)),
        ("fake_sherbrooke", "ecr", (5, 4)),
    ],
)
def test_events_are_exactly_the_gate_error(name: str, gate: str, qubits: tuple[int, ...]) -> None:
    assert error_events.dephasing_too_much(name, qubits) == 0
    channel = error_events.gate_channel(name, gate, qubits)
    np.testing.assert_allclose(
        event_superoperator(channel), SuperOp(noise.gate_error(name, gate, qubits)).data, atol=1e-9
    )


def test_events_of_a_delay_are_exactly_its_relaxation() -> None:
    probabilities = error_events.relaxation_event_probabilities("fake_fez", 3, 50e-6)
    np.testing.assert_allclose(
        event_superoperator(error_events.Channel(None, (probabilities,))),
        SuperOp(noise.relaxation("fake_fez", 3, 50e-6)).data,
        atol=1e-9,
    )


def test_events_where_t2_is_above_t1() -> None:
    """Populations and the gate's average error are right; coherences are what is not."""
    qubit = next(q for q in range(156) if error_events.dephasing_too_much("fake_fez", [q]))
    relaxation = noise.relaxation("fake_fez", qubit, 50e-6)
    probabilities = error_events.relaxation_event_probabilities("fake_fez", qubit, 50e-6)
    assert probabilities[1] == 0
    ours = event_superoperator(error_events.Channel(None, (probabilities,)))
    exact = np.asarray(SuperOp(relaxation).data)
    np.testing.assert_allclose(ours[np.ix_([0, 3], [0, 3])], exact[np.ix_([0, 3], [0, 3])], atol=1e-9)
    assert 0 < ours[1, 1].real < exact[1, 1].real
    gate = SuperOp(event_superoperator(error_events.gate_channel("fake_fez", "sx", (qubit,))))
    expected = average_gate_fidelity(SuperOp(noise.gate_error("fake_fez", "sx", (qubit,))))
    assert average_gate_fidelity(gate) == pytest.approx(expected, abs=1e-9)


def test_the_ideal_device_has_no_noise() -> None:
    assert noise.gate_error("ideal", "cz", (0, 5)) is None
    assert noise.relaxation("ideal", 3, 1e-3) is None
    assert noise.readout_matrix("ideal", 3).tolist() == [[1, 0], [0, 1]]
    assert error_events.gate_channel("ideal", "cz", (0, 5)) is None
    assert noise.gate_error("fake_fez", "rz", (0,)) is None
