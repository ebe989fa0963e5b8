"""Ways of simulating wide circuits, against physical noise: the exact density matrix, or one qubit's truth."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from qiskit import QuantumCircuit
from qiskit.circuit import Parameter
from qiskit.quantum_info import Statevector

from qrun.local.devices import device
from qrun.local.simulation import aer, chains, error_events, error_patterns, lanes, noise, pauli_frames
from qrun.local.simulation.binding import bind
from qrun.local.simulation.components import Component, components
from qrun.local.simulation.reference_shots import reference_shots
from qrun.local.simulation.targets import target

Sampled = Callable[..., dict[str, np.ndarray]]
Compiled = Callable[..., QuantumCircuit]
Agrees = Callable[..., bool]
Counted = Callable[[np.ndarray], dict[int, int]]


def ghz(qubits: int) -> QuantumCircuit:
    circuit = QuantumCircuit(qubits)
    circuit.h(0)
    for qubit in range(qubits - 1):
        circuit.cx(qubit, qubit + 1)
    circuit.measure_all()
    return circuit


def ghz_that_waits() -> QuantumCircuit:
    """A GHZ state that relaxes for about as long as it lives, and is then looked at along X."""
    circuit = QuantumCircuit(5)
    circuit.h(0)
    for qubit in range(4):
        circuit.cx(qubit, qubit + 1)
    for qubit in range(5):
        circuit.delay(20 * (qubit + 1), qubit, unit="us")
    circuit.h([0, 2])
    circuit.cx(0, 1)
    circuit.delay(48, 1, unit="us")
    circuit.measure_all()
    return circuit


def random_clifford(seed: int) -> QuantumCircuit:
    rng = np.random.default_rng(seed)
    circuit = QuantumCircuit(5)
    for _ in range(40):
        kind, qubit = rng.integers(6), int(rng.integers(5))
        if kind < 2:
            low = int(rng.integers(4))
            circuit.cx(*((low, low + 1) if kind else (low + 1, low)))
        elif kind < 5:
            (circuit.h, circuit.s, circuit.x)[kind - 2](qubit)
        elif rng.random() < 0.5:
            circuit.delay(4 * int(rng.integers(25)), qubit, unit="us")
        else:
            circuit.reset(qubit)
    for qubit in range(4):
        circuit.cx(qubit, qubit + 1)
    circuit.measure_all()
    return circuit


@pytest.fixture(scope="session")
def only_part(compiled: Compiled) -> Callable[..., Component]:
    """A circuit on fake_manila, where T2 is below T1 everywhere, as its one component."""

    def build(circuit: QuantumCircuit) -> Component:
        isa = compiled(circuit, "fake_manila", list(range(circuit.num_qubits)))
        (part,) = components(bind(isa, np.zeros((1, 0)), target(device("fake_manila")).dt))
        return part

    return build


CIRCUITS = [ghz(5), ghz_that_waits(), random_clifford(1), random_clifford(2), random_clifford(3)]


@pytest.mark.parametrize("circuit", CIRCUITS)
def test_pauli_frames_are_exact(
    circuit: QuantumCircuit, only_part: Callable[..., Component], agrees: Agrees, counted: Counted
) -> None:
    part = only_part(circuit)
    bits = pauli_frames.sample(part, "fake_manila", 2, 30_000, np.random.default_rng(9))
    assert bits.shape == (2, 30_000, 5)
    assert agrees(counted(bits), aer.probabilities(part, part.qubits, "fake_manila", "density_matrix")[0])


@pytest.mark.parametrize("method", ["statevector", "matrix_product_state"])
@pytest.mark.parametrize("circuit", CIRCUITS[:2])
def test_error_patterns_are_exact(
    circuit: QuantumCircuit,
    method: aer.Method,
    only_part: Callable[..., Component],
    agrees: Agrees,
    counted: Counted,
) -> None:
    part = only_part(circuit)
    shots = 4000 if method == "statevector" else 1000
    bits = error_patterns.sample(part, part.qubits, "fake_manila", method, 2, shots, np.random.default_rng(9))
    assert bits.shape == (2, shots, 5)
    assert agrees(counted(bits), aer.probabilities(part, part.qubits, "fake_manila", "density_matrix")[0])


def turned() -> QuantumCircuit:
    """Gates that are not Clifford, long delays, and a bit order that is not the qubits'."""
    circuit = QuantumCircuit(5, 5)
    for layer in range(3):
        for qubit in range(5):
            circuit.rx(0.7 + qubit + layer, qubit)
            circuit.delay(4 * qubit, qubit, unit="us")
        for qubit in range(4):
            circuit.cx(*((qubit, qubit + 1) if layer % 2 else (qubit + 1, qubit)))
    circuit.measure(range(5), [3, 1, 0, 4, 2])
    return circuit


@pytest.mark.parametrize("circuit", [ghz_that_waits(), turned()])
@pytest.mark.parametrize("order", [(0, 1, 2, 3, 4), (2, 4, 0, 3, 1)])
def test_lanes_are_exact(
    circuit: QuantumCircuit,
    order: tuple[int, ...],
    only_part: Callable[..., Component],
    agrees: Agrees,
    counted: Counted,
) -> None:
    part = only_part(circuit)
    assert lanes.fits(part)
    bits = lanes.sample(part, order, "fake_manila", 2, 10_000, np.random.default_rng(9))
    assert bits.shape == (2, 10_000, 5)
    assert agrees(counted(bits), aer.probabilities(part, part.qubits, "fake_manila", "density_matrix")[0])


@pytest.mark.parametrize(
    ("circuit", "order", "bonds"),
    [(ghz_that_waits(), (1, 3, 0, 4, 2), 32), (turned(), (4, 3, 2, 1, 0), 8), (ghz(5), (0, 1, 2, 3, 4), 2)],
)
def test_chains_are_exact(
    circuit: QuantumCircuit,
    order: tuple[int, ...],
    bonds: int,
    only_part: Callable[..., Component],
    agrees: Agrees,
    counted: Counted,
) -> None:
    part = only_part(circuit)
    assert chains.fits(part)
    assert chains.bond_dimension(part, order) == bonds
    bits = chains.sample(part, order, "fake_manila", 2, 10_000, np.random.default_rng(9))
    assert agrees(counted(bits), aer.probabilities(part, part.qubits, "fake_manila", "density_matrix")[0])


def test_frames_with_measurements_and_resets_on_the_way(
    compiled: Compiled, agrees: Agrees, counted: Counted
) -> None:
    circuit = QuantumCircuit(3, 7)
    circuit.h(0)
    circuit.cx(0, 1)
    circuit.delay(60, 1, unit="us")
    circuit.measure(0, 0)
    circuit.cx(1, 2)
    circuit.h(1)
    circuit.measure(1, 1)
    circuit.measure(1, 2)
    circuit.reset(1)
    circuit.h(2)
    circuit.cx(2, 1)
    circuit.delay(60, 2, unit="us")
    circuit.measure([0, 1, 2], [3, 4, 5])
    circuit.x(0)
    circuit.measure(0, 6)
    isa = compiled(circuit, "fake_manila", [0, 1, 2])
    (part,) = components(bind(isa, np.zeros((1, 0)), target(device("fake_manila")).dt))
    rng = np.random.default_rng(9)
    truth = counted(aer.sample(part, part.qubits, "fake_manila", "density_matrix", 1, 30_000, rng))
    bits = pauli_frames.sample(part, "fake_manila", 1, 3000, rng)
    assert agrees(counted(bits), {outcome: count / 30_000 for outcome, count in truth.items()})


def test_reference_shots_of_more_measurements_than_a_word_has_bits() -> None:
    circuit = QuantumCircuit(2, 150)
    for time in range(75):
        if time % 3 == 0:
            circuit.x(0)
        circuit.cx(0, 1)
        circuit.measure([0, 1], [2 * time, 2 * time + 1])
    (part,) = components(bind(circuit, np.zeros((1, 0)), None))
    nothing = error_events.Events(*(np.zeros(0, dtype=np.int64) for _ in range(4)))
    found = reference_shots(part, np.zeros(3, dtype=np.int64), nothing)
    first = np.cumsum(np.arange(75) % 3 == 0) % 2
    expected = np.stack([first, np.cumsum(first) % 2], axis=1).reshape(-1)
    assert (found == expected.astype(bool)).all()


def one_qubit_truth(qubit: int, seconds: float) -> float:
    """Probability to read 1 of a qubit that was excited and then left alone."""
    t1, _ = noise.relaxation_times("fake_fez", qubit)
    error = noise.readout_matrix("fake_fez", qubit)[0, 1]
    excited = np.exp(-seconds / t1)
    return float(excited * (1 - error) + (1 - excited) * error)


@pytest.mark.parametrize("clifford", [True, False])
def test_wide_circuits_relax_towards_their_ground_state(clifford: bool, sampled: Sampled) -> None:
    row = range(12)
    circuit = QuantumCircuit(12)
    circuit.x(range(0, 12, 2))
    for qubit in row[:-1]:
        circuit.cz(qubit, qubit + 1)
    if not clifford:
        circuit.rz(0.3, row)
    for qubit in row:
        circuit.delay(150, qubit, unit="us")
    circuit.measure_all()
    log: list[str] = []
    shots = 3000 if clifford else 600
    bits = sampled(circuit, "fake_fez", shots, log=log)["meas"]
    assert ("Clifford" in log[0]) == clifford
    assert "T2 cut to T1 on 2 of the qubits" in log[0]
    expected = np.array(
        [one_qubit_truth(q, 150e-6) if q % 2 == 0 else noise.readout_matrix("fake_fez", q)[0, 1] for q in row]
    )
    # The gates' own errors, of a percent or so, are left out of the truth.
    allowed = 4.5 * np.sqrt(expected * (1 - expected) / shots) + 0.02
    assert (np.abs(bits.mean(axis=0) - expected) < allowed).all()


def test_a_hundred_entangled_qubits_of_a_noisy_device(sampled: Sampled, compiled: Compiled) -> None:
    """Neighbours' parity under noise: each gate that touches them, and relaxation, spoils a little of it."""
    log: list[str] = []
    isa = compiled(ghz(100), "fake_fez")
    bits = sampled(isa, "fake_fez", 4000, log=log)["meas"]
    assert "100 qubits, Clifford" in log[0]
    measured = {
        isa.find_bit(i.clbits[0]).index: isa.find_bit(i.qubits[0]).index for i in isa.data if i.clbits
    }
    worse = 0.0
    for qubit in range(99):
        flips = [noise.readout_matrix("fake_fez", measured[q])[0, 1] for q in (qubit, qubit + 1)]
        readout = flips[0] * (1 - flips[1]) + flips[1] * (1 - flips[0])
        apart = float(np.mean(bits[:, qubit] != bits[:, qubit + 1]))
        assert apart > readout - 4.5 * np.sqrt(readout * (1 - readout) / 4000)
        worse += apart - readout
    errors = [
        target(device("fake_fez"))["cz"][tuple(isa.find_bit(q).index for q in i.qubits)].error
        for i in isa.data
        if i.name == "cz"
    ]
    # A gate's error spoils the parities of the few pairs it touches or is carried on to, and not more.
    assert 0.2 * sum(errors) < worse < 5 * sum(errors)
    assert bits[:, 50].mean() == pytest.approx(0.5, abs=0.05)


def parting() -> QuantumCircuit:
    """Measurements and a reset on the way, of qubits that go on, and bits that are written more than once."""
    circuit = QuantumCircuit(4, 7)
    for qubit in range(4):
        circuit.rx(0.7 + qubit, qubit)
    circuit.cx(0, 1)
    circuit.cx(1, 2)
    circuit.delay(40, 1, unit="us")
    circuit.measure(1, 0)
    circuit.ry(0.4, 1)
    circuit.cx(1, 2)
    circuit.measure(1, 1)
    circuit.reset(0)
    circuit.ry(1.2, 0)
    circuit.cx(0, 1)
    circuit.measure(2, 6)
    circuit.rx(0.3, 2)
    circuit.cx(3, 2)
    circuit.measure([0, 1, 2, 3], [2, 3, 4, 5])
    circuit.measure(3, 6)
    return circuit


def test_measurements_and_resets_on_the_way(
    only_part: Callable[..., Component], agrees: Agrees, counted: Counted
) -> None:
    part = only_part(parting())
    rng = np.random.default_rng(9)
    truth = counted(aer.sample(part, part.qubits, "fake_manila", "density_matrix", 1, 20_000, rng))
    for way in (lanes, chains):
        assert way.fits(part)
        bits = way.sample(part, part.qubits, "fake_manila", 2, 1000, rng)
        assert agrees(counted(bits), {outcome: count / 20_000 for outcome, count in truth.items()})


@pytest.mark.parametrize("bytes_at_once", [1, 2**27])
def test_a_chain_with_sets_of_values(
    bytes_at_once: int,
    agrees: Agrees,
    counted: Counted,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Each set's own angles, in gates that are a bond and in others, whatever the chunks are."""
    monkeypatch.setattr(chains, "_BYTES_AT_ONCE", bytes_at_once)
    shots = 200 if bytes_at_once == 1 else 4000
    angle = Parameter("angle")
    circuit = QuantumCircuit(3)
    circuit.sx(range(3))
    circuit.rzz(angle, 0, 1)
    circuit.rx(angle, range(3))
    circuit.cz(1, 2)
    circuit.sx(range(3))
    circuit.measure_all()
    values = np.array([[0.2], [0.9], [1.5]])
    (part,) = components(bind(circuit, values, None))
    assert chains.bond_dimension(part, (2, 0, 1)) == 4
    bits = chains.sample(part, (2, 0, 1), "ideal", 3, shots, np.random.default_rng(9))
    for index in range(3):
        (alone,) = components(bind(circuit, values[index : index + 1], None))
        exact = aer.probabilities(alone, alone.qubits, "ideal", "statevector")[0]
        assert agrees(counted(bits[index]), exact)


def test_forty_shallow_qubits_are_a_chain(sampled: Sampled) -> None:
    circuit = QuantumCircuit(40)
    circuit.sx(range(40))
    circuit.rz(0.4, range(40))
    for qubit in range(39):
        circuit.cz(qubit, qubit + 1)
    circuit.sx(range(40))
    circuit.measure_all()
    log: list[str] = []
    bits = sampled(circuit, "ideal", 4000, log=log)["meas"]
    assert "bond dimension 2 and nothing cut" in log[0]
    # A qubit sees no further than its neighbours, so three in the middle tell of any but the ends.
    few = QuantumCircuit(3)
    few.sx(range(3))
    few.rz(0.4, range(3))
    few.cz([0, 1], [1, 2])
    few.sx(range(3))
    exact = np.array([Statevector(few).probabilities([qubit])[1] for qubit in (0, *[1] * 38, 2)])
    assert np.abs(bits.mean(axis=0) - exact).max() < 4.5 * 0.5 / 4000**0.5


@pytest.mark.parametrize("most", [1, 3])
def test_lanes_that_wait_for_room(
    most: int,
    only_part: Callable[..., Component],
    agrees: Agrees,
    counted: Counted,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(lanes, "_BYTES_AT_ONCE", most * 8 * 2**5)
    part = only_part(turned())
    bits = lanes.sample(part, part.qubits, "fake_manila", 1, 4000, np.random.default_rng(9))
    assert agrees(counted(bits), aer.probabilities(part, part.qubits, "fake_manila", "density_matrix")[0])


def test_a_dozen_qubits_measured_on_the_way_are_lanes(sampled: Sampled) -> None:
    circuit = QuantumCircuit(12, 13)
    for qubit in range(12):
        circuit.sx(qubit)
        circuit.rz(0.3 + qubit, qubit)
        circuit.sx(qubit)
    for qubit in [*range(11)] * 3:
        circuit.cz(qubit, qubit + 1)
    circuit.measure(5, 12)
    circuit.sx(5)
    circuit.measure(range(12), range(12))
    log: list[str] = []
    bits = sampled(circuit, "ideal", 300, log=log)["c"]
    assert "shots side by side" in log[0]
    expected = np.cos((0.3 + np.arange(12)) / 2) ** 2
    assert bits[:, 12].mean() == pytest.approx(expected[5], abs=0.14)
