"""Our noise is Aer's: exact comparison with its model of the whole device."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from qiskit import QuantumCircuit
from qiskit.quantum_info import Chi, SuperOp
from qiskit_aer import AerSimulator
from qiskit_aer.noise import NoiseModel
from qiskit_ibm_runtime.fake_provider import FakeManilaV2

from qrun.local.devices import device
from qrun.local.simulation import aer, noise, one_qubit, pauli_noise
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


@pytest.mark.parametrize(
    ("name", "gate", "qubits"),
    [("fake_manila", "cx", (2, 1)), ("fake_manila", "sx", (3,)), ("fake_fez", "cz", (3, 4))],
)
def test_pauli_noise_is_the_twirl_of_the_gate_error(name: str, gate: str, qubits: tuple[int, ...]) -> None:
    process = np.real(np.diag(Chi(SuperOp(noise.gate_error(name, gate, qubits))).data))
    np.testing.assert_allclose(
        pauli_noise.gate_probabilities(name, gate, qubits), process / process.sum(), atol=1e-12
    )


def test_the_ideal_device_has_no_noise() -> None:
    assert noise.gate_error("ideal", "cz", (0, 5)) is None
    assert noise.relaxation("ideal", 3, 1e-3) is None
    assert noise.readout_matrix("ideal", 3).tolist() == [[1, 0], [0, 1]]
    assert pauli_noise.gate_probabilities("ideal", "cz", (0, 5)) is None
    assert noise.gate_error("fake_fez", "rz", (0,)) is None
