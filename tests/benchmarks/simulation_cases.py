"""The workloads that ``simulation.py`` times: the same circuits for the local service and for the reference.

All are compiled for ``FakeFez`` with one seed, so that both sides are handed the same instructions.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import numpy as np

SEED = 7
SHOTS = 4096
"""Of Sampler jobs: the default of the client."""


@dataclass(frozen=True)
class Case:
    """A workload.

    Args:
        name: What the table calls it.
        jobs: The PUBs of each of its jobs, made when they are needed.
        primitive: ``sampler`` or ``estimator``.
        generation: ``v2`` for the server-side primitives, ``client-side`` for the others.
        mode: ``job``, ``batch`` (all are submitted before the first is read) or ``session`` (one after another).
        options: Options of the primitive.
    """

    name: str
    jobs: Callable[[], list[list[tuple[Any, ...]]]] = field(repr=False)
    primitive: str = "sampler"
    generation: str = "v2"
    mode: str = "job"
    options: dict[str, Any] = field(default_factory=dict)


@cache
def fake_fez() -> Any:
    """The client's fake backend, which the reference runs on and all circuits are compiled for."""
    from qiskit_ibm_runtime.fake_provider import FakeFez

    return FakeFez()


def isa(circuit: Any) -> Any:
    """The circuit compiled for ``FakeFez``."""
    from qiskit.transpiler import generate_preset_pass_manager

    manager = generate_preset_pass_manager(
        backend=fake_fez(), optimization_level=1, seed_transpiler=SEED, layout_method="sabre"
    )
    return manager.run(circuit)


def bell(primitive: str) -> list[list[tuple[Any, ...]]]:
    """Two qubits."""
    from qiskit import QuantumCircuit
    from qiskit.quantum_info import SparsePauliOp

    circuit = QuantumCircuit(2)
    circuit.h(0)
    circuit.cx(0, 1)
    if primitive == "sampler":
        circuit.measure_all()
        return [[(isa(circuit),)]]
    compiled = isa(circuit)
    return [[(compiled, SparsePauliOp(["ZZ", "XX"]).apply_layout(compiled.layout))]]


def ghz() -> list[list[tuple[Any, ...]]]:
    """GHZ on 20 qubits."""
    from qiskit import QuantumCircuit

    circuit = QuantumCircuit(20)
    circuit.h(0)
    for qubit in range(19):
        circuit.cx(qubit, qubit + 1)
    circuit.measure_all()
    return [[(isa(circuit),)]]


def trotter(primitive: str) -> list[list[tuple[Any, ...]]]:
    """Three Trotter steps of an Ising chain of 12 qubits, at 50 lengths of the step."""
    from qiskit import QuantumCircuit
    from qiskit.circuit import Parameter
    from qiskit.quantum_info import SparsePauliOp

    step = Parameter("step")
    circuit = QuantumCircuit(12)
    for _ in range(3):
        for first in (0, 1):
            for qubit in range(first, 11, 2):
                circuit.rzz(2 * step, qubit, qubit + 1)
        circuit.rx(1.6 * step, range(12))
    values = np.linspace(0.02, 1.0, 50)[:, None]
    if primitive == "sampler":
        circuit.measure_all()
        return [[(isa(circuit), values)]]
    compiled = isa(circuit)
    magnetization = SparsePauliOp.from_sparse_list([("Z", [q], 1 / 12) for q in range(12)], 12)
    return [[(compiled, magnetization.apply_layout(compiled.layout), values)]]


def clifford() -> list[list[tuple[Any, ...]]]:
    """Ten layers of random Clifford gates on each of 100 qubits and of entangling ones between neighbours."""
    from qiskit import QuantumCircuit
    from qiskit.circuit.library import HGate, SdgGate, SGate, SXGate, XGate

    rng = np.random.default_rng(SEED)
    circuit = QuantumCircuit(100)
    for layer in range(10):
        for qubit in range(100):
            circuit.append((HGate, SdgGate, SGate, SXGate, XGate)[rng.integers(5)](), [qubit])
        for qubit in range(layer % 2, 99, 2):
            circuit.cz(qubit, qubit + 1)
    circuit.measure_all()
    return [[(isa(circuit),)]]


def shallow() -> list[list[tuple[Any, ...]]]:
    """Two layers of rotations and entangling gates along 40 qubits."""
    from qiskit.circuit.library import efficient_su2

    circuit = efficient_su2(40, reps=2, entanglement="pairwise")
    angles = np.random.default_rng(SEED).uniform(0, 2 * np.pi, circuit.num_parameters)
    circuit = circuit.assign_parameters(angles)
    circuit.measure_all()
    return [[(isa(circuit),)]]


def vqe() -> list[list[tuple[Any, ...]]]:
    """Sixty iterations of a VQE of four qubits: a point each on a walk, so that both sides get the same."""
    from qiskit.circuit.library import efficient_su2
    from qiskit.quantum_info import SparsePauliOp

    compiled = isa(efficient_su2(4, reps=2, entanglement="linear"))
    terms = [("ZZ", [q, q + 1], -1.0) for q in range(3)] + [("X", [q], -0.7) for q in range(4)]
    energy = SparsePauliOp.from_sparse_list(terms, 4).apply_layout(compiled.layout)
    steps = np.random.default_rng(SEED).normal(0, 0.1, (60, compiled.num_parameters))
    return [[(compiled, energy, point)] for point in np.cumsum(steps, axis=0)]


def many() -> list[list[tuple[Any, ...]]]:
    """A hundred jobs of one circuit of five qubits, each with angles of its own."""
    from qiskit.circuit.library import efficient_su2

    ansatz = efficient_su2(5, reps=1, entanglement="linear")
    ansatz.measure_all()
    compiled = isa(ansatz)
    points = np.random.default_rng(SEED).uniform(0, 2 * np.pi, (100, compiled.num_parameters))
    return [[(compiled.assign_parameters(point),)] for point in points]


CASES: Sequence[Case] = (
    Case("Bell, SamplerV2", lambda: bell("sampler")),
    Case("Bell, Sampler", lambda: bell("sampler"), generation="client-side"),
    Case("Bell, EstimatorV2", lambda: bell("estimator"), "estimator"),
    Case("Bell, Estimator", lambda: bell("estimator"), "estimator", "client-side"),
    Case("GHZ-20", ghz),
    Case("Trotter-12 × 50, SamplerV2", lambda: trotter("sampler")),
    Case("Trotter-12 × 50, EstimatorV2", lambda: trotter("estimator"), "estimator"),
    Case("Clifford-100", clifford),
    Case("shallow-40", shallow),
    Case("VQE-4, 60 iterations, session", vqe, "estimator", mode="session"),
    Case("100 jobs, batch", many, mode="batch"),
)
