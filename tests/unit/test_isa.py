"""Circuits that a backend can run as they are, and those that only look like it."""

from __future__ import annotations

import math

import pytest
from qiskit import QuantumCircuit, qasm3
from qiskit.circuit import Parameter
from qiskit.providers.fake_provider import GenericBackendV2
from qiskit.transpiler import generate_preset_pass_manager

from qrun.workload.compile import compile_pubs
from qrun.workload.isa import is_isa
from tests.unit.compiling import QUBITS, backend, workload

FRACTIONAL = GenericBackendV2(3, basis_gates=["cz", "rz", "rzz", "rx", "sx", "x"], seed=1)

PHYSICAL = 'OPENQASM 3.0; include "stdgates.inc"; bit[1] c; {gates} c[0] = measure $2;'


def wide(*gates):
    circuit = QuantumCircuit(QUBITS, 1)
    for name, *arguments in gates:
        getattr(circuit, name)(*arguments)
    return circuit


@pytest.mark.parametrize(
    ("circuit", "expected"),
    [
        (wide(("sx", 0), ("cx", 1, 2), ("measure", 2, 0)), True),
        (wide(("rz", Parameter("a"), 0), ("rz", 2 * Parameter("b") + 1, 4)), True),
        (wide(("barrier",), ("reset", 3), ("delay", 100, 0)), True),
        (wide(("h", 0)), False),
        (wide(("cx", 0, 2)), False),
    ],
)
def test_gates_and_connections_decide(circuit, expected):
    assert is_isa(circuit, backend().target) is expected


def test_blocks_of_control_flow_are_looked_into():
    circuits = []
    for gate in ("x", "h"):
        circuit = QuantumCircuit(QUBITS, 1)
        circuit.measure(3, 0)
        with circuit.if_test((circuit.clbits[0], 1)):
            getattr(circuit, gate)(4)
        circuits.append(circuit)
    assert [is_isa(circuit, backend().target) for circuit in circuits] == [True, False]
    crossing = QuantumCircuit(QUBITS, 1)
    with crossing.if_test((crossing.clbits[0], 1)):
        crossing.cx(4, 0)
    assert not is_isa(crossing, backend().target)


def test_a_narrow_circuit_is_not_taken_for_one_on_the_first_qubits():
    narrow = QuantumCircuit(2)
    narrow.cx(0, 1)
    assert not is_isa(narrow, backend().target)


def test_physical_qubits_of_openqasm_are_the_backends():
    assert is_isa(qasm3.loads(PHYSICAL.format(gates="sx $1; cx $1, $2;")), backend().target)
    assert not is_isa(qasm3.loads(PHYSICAL.format(gates="h $1;")), backend().target)


def test_physical_qubits_stay_where_they_are_when_gates_are_translated():
    text = PHYSICAL.format(gates="h $1; cx $1, $2;")
    small = workload(
        "{name: a, circuit: physical}",
        "{name: b, circuit: physical, observables: ZII}",
        circuits=f"  physical: {{qasm: '{text}'}}\n",
    )
    for isa in compile_pubs(small, backend()).pubs:
        used = {isa.circuit.find_bit(bit).index for item in isa.circuit.data for bit in item.qubits}
        assert used == {1, 2}
        if isa.observables is not None:
            assert isa.observables.tolist() == {"IIZII": 1.0}


def test_physical_isa_circuits_stay_whole_for_both_primitives():
    text = PHYSICAL.format(gates="sx $1; cx $1, $2;")
    small = workload(
        "{name: a, circuit: physical}",
        "{name: b, circuit: physical, observables: ZII}",
        circuits=f"  physical: {{qasm: '{text}'}}\n",
    )
    done = compile_pubs(small, backend())
    assert (done.already_isa, done.compiled) == (2, 0)
    assert [isa.circuit.num_qubits for isa in done.pubs] == [3, 3]


@pytest.mark.parametrize(
    ("angle", "expected"), [(1.0, True), (Parameter("a"), True), (2.0, False), (-1.0, False)]
)
def test_an_angle_of_rzz_that_no_backend_runs_is_compiled(angle, expected):
    circuit = QuantumCircuit(3)
    circuit.rzz(angle, 0, 1)
    assert is_isa(circuit, FRACTIONAL.target) is expected


def test_what_the_transpiler_gives_is_an_isa_circuit():
    circuit = QuantumCircuit(3, 3)
    circuit.rx(Parameter("a"), 0)
    circuit.rzz(Parameter("b") * math.pi, 0, 1)
    circuit.ccx(0, 1, 2)
    circuit.measure([0, 1, 2], [0, 1, 2])
    target = backend().target
    for level in range(4):
        manager = generate_preset_pass_manager(target=target, optimization_level=level)
        assert is_isa(manager.run(circuit), target)
