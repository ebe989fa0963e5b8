"""ISA circuits as OpenQASM 3 come back as what they were, parameters of any name included."""

from __future__ import annotations

import json

import numpy as np
import pytest
from qiskit import QuantumCircuit, qasm3
from qiskit.circuit import Parameter, ParameterVector
from qiskit.quantum_info import Operator, SparsePauliOp

from qrun.errors import WorkloadError
from qrun.workload.document import parse_document
from qrun.workload.expand import expand
from qrun.workload.foreign import payload_document
from qrun.workload.load import load_workload
from qrun.workload.qasm_writing import openqasm

NAMES = ["theta", "t", "gate", "φ", "a b", "q", "pi", "_x_0_", "x[0]", "theta_0", "p_t", "1st"]


def circuit_of(names: list[str], vector: str = "theta") -> QuantumCircuit:
    circuit = QuantumCircuit(2)
    elements = ParameterVector(vector, 3)
    for number, parameter in enumerate([*map(Parameter, names), *elements]):
        circuit.rx(parameter * (number + 1), number % 2)
        circuit.ry(parameter, 1 - number % 2)
    return circuit


def test_parameters_of_any_name_keep_their_values():
    circuit = circuit_of(NAMES)
    text, names = openqasm(circuit)
    again = qasm3.loads(text)
    assert len(set(names.values())) == len(names) == len(NAMES) + 3
    assert names["theta"] == "theta"
    assert names["theta[1]"] == "theta_1"
    values = {name: 0.1 * number for number, name in enumerate(names, start=1)}
    one = circuit.assign_parameters(values)
    other = again.assign_parameters({names[name]: value for name, value in values.items()})
    assert Operator(one).equiv(Operator(other))


def test_the_circuit_stays_as_it_is():
    circuit = circuit_of(["t"])
    before = circuit.copy()
    openqasm(circuit)
    assert circuit == before


def payload(text: str, *parts: object, program: str = "estimator"):
    written = json.dumps({"program_id": program, "parameters": {"pubs": [[text, *parts]]}})
    return load_workload(expand(payload_document(parse_document(written, "p.json"))))


PHYSICAL = 'OPENQASM 3.0; include "stdgates.inc"; h $1; cx $1, $3;'


@pytest.mark.parametrize("width", [4, 5, 127])
def test_a_circuit_on_physical_qubits_is_as_wide_as_its_observables(width):
    label = "ZIZI".rjust(width, "I")
    [pub] = payload(PHYSICAL, [{label: 1}, {"I" * width: 2}]).pubs
    assert pub.circuit.num_qubits == width
    assert pub.circuit.layout.initial_virtual_layout() is not None
    assert [pub.circuit.find_bit(q).index for q in pub.circuit.data[1].qubits] == [1, 3]
    assert pub.observables.tolist() == [{label: 1}, {"I" * width: 2}]


def test_other_circuits_are_not_made_wider():
    with pytest.raises(WorkloadError, match="acts on 5 qubits, the circuit has 2"):
        payload('OPENQASM 3.0; include "stdgates.inc"; qubit[2] q; h q[0];', {"ZZIII": 1})
    with pytest.raises(WorkloadError, match="the circuit has 4"):
        payload(PHYSICAL, {"Z": {"on": [20_000]}})


def test_pubs_share_a_circuit_that_is_made_wider():
    written = {"program_id": "estimator", "parameters": {"pubs": [[PHYSICAL, {"IIIIZ": w}] for w in (1, 2)]}}
    workload = load_workload(expand(payload_document(parse_document(json.dumps(written), "p.json"))))
    assert workload.pubs[0].circuit is workload.pubs[1].circuit


@pytest.mark.parametrize(
    ("label", "expected"),
    [
        ("0", [[1, 0], [0, 0]]),
        ("1", [[0, 0], [0, 1]]),
        ("+", [[0.5, 0.5], [0.5, 0.5]]),
        ("-", [[0.5, -0.5], [-0.5, 0.5]]),
        ("r", [[0.5, -0.5j], [0.5j, 0.5]]),
        ("l", [[0.5, 0.5j], [-0.5j, 0.5]]),
    ],
)
def test_projectors_are_sums_of_paulis(label, expected):
    text = 'OPENQASM 3.0; include "stdgates.inc"; qubit[2] q; h q[0];'
    [pub] = payload(text, {f"{label}Z": 2.0}).pubs
    found = SparsePauliOp.from_list(list(pub.observables.tolist().items())).to_matrix()
    assert np.allclose(found, 2 * np.kron(expected, [[1, 0], [0, -1]]))


def test_projectors_on_many_qubits_are_refused():
    text = 'OPENQASM 3.0; include "stdgates.inc"; qubit[40] q; h q[0];'
    with pytest.raises(WorkloadError, match="1,099,511,627,776 Pauli terms"):
        payload(text, {"0" * 40: 1.0})
