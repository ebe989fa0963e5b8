"""Compiled PUBs: each circuit once, none that an earlier run has compiled, mistakes at their place."""

from __future__ import annotations

import numpy as np
import pytest
from qiskit import QuantumCircuit, qpy
from qiskit.quantum_info import Operator, SparsePauliOp
from qiskit.transpiler import generate_preset_pass_manager

from qrun.errors import WorkloadError
from qrun.workload.compile import compile_pubs
from qrun.workload.compile_cache import CompileCache
from qrun.workload.document import read_document
from qrun.workload.load import load_workload
from tests.unit.compiling import QUBITS, backend, workload

SEEDED = "defaults: {transpile: {optimization_level: 2, seed_transpiler: 3}}\n"
VALUES = [[round(0.1 * (row + column), 1) for column in range(12)] for row in range(3)]
SWEEP = f"{{circuit: ansatz, observables: ZXI, parameter_values: {VALUES}}}"


@pytest.fixture
def cache(tmp_path):
    return CompileCache(tmp_path / "isa")


def counts(done):
    return done.circuits, done.already_isa, done.from_cache, done.compiled


def test_equal_circuits_are_compiled_once(cache):
    small = workload(
        "{name: a, circuit: bell}",
        "{name: b, circuit: again, shots: 7}",
        "{name: c, circuit: bell, observables: ZZ}",
        "{name: d, circuit: again, observables: XX}",
    )
    done = compile_pubs(small, backend(), cache=cache)
    # With final measurements for the Sampler, without for the Estimator.
    assert counts(done) == (2, 0, 0, 2)
    assert done.pubs[0].circuit is done.pubs[1].circuit
    assert done.pubs[2].circuit is done.pubs[3].circuit
    assert "measure" not in done.pubs[2].circuit.count_ops()


def test_the_second_run_compiles_nothing_and_says_nothing(cache):
    pubs = ("{circuit: bell}", "{circuit: bell, observables: ZZ}", SWEEP)
    said: list[str] = []
    first = compile_pubs(workload(*pubs), backend(), cache=cache, progress=said.append)
    assert counts(first) == (3, 0, 0, 3)
    assert said == [
        "compiling 3 circuits for generic_backend_5q: 0 done, now bell",
        "compiling 3 circuits for generic_backend_5q: 1 done, now bell",
        "compiling 3 circuits for generic_backend_5q: 2 done, now ansatz",
    ]
    said.clear()
    second = compile_pubs(workload(*pubs), backend(), cache=cache, progress=said.append)
    assert counts(second) == (3, 0, 3, 0)
    assert said == []
    for one, other in zip(first.pubs, second.pubs, strict=True):
        assert [p.name for p in one.circuit.parameters] == [p.name for p in other.circuit.parameters]
        assert one.circuit.layout.final_index_layout() == other.circuit.layout.final_index_layout()
        if one.observables is not None:
            assert one.observables.equivalent(other.observables)
    assert first.pubs[0].circuit == second.pubs[0].circuit


def test_without_a_cache_every_run_compiles():
    for _ in range(2):
        assert counts(compile_pubs(workload("{circuit: bell}"), backend())) == (1, 0, 0, 1)


def test_values_of_a_sweep_bind_to_a_cached_circuit_as_to_the_source(cache):
    compile_pubs(workload(SWEEP), backend(), cache=cache)
    sweep = workload(SWEEP)
    done = compile_pubs(sweep, backend(), cache=cache)
    assert done.compiled == 0
    [isa], [pub] = done.pubs, sweep.pubs
    source = pub.parameter_values.bind_all(pub.circuit)
    bound = isa.as_tuple()[2].bind_all(isa.circuit)
    for index in range(len(VALUES)):
        expected = _expectation(source[index], SparsePauliOp("ZXI"))
        [term] = isa.observables.ravel().tolist() if isa.observables.shape else [isa.observables[()]]
        assert _expectation(bound[index], SparsePauliOp.from_list(term.items())) == pytest.approx(expected)


def _expectation(circuit, observable):
    state = Operator(circuit).data[:, 0]
    return float(np.real(np.conj(state) @ observable.to_matrix() @ state))


def test_the_circuit_is_what_the_pass_manager_of_the_backend_gives(cache):
    small = workload("{circuit: bell}", head=SEEDED)
    manager = generate_preset_pass_manager(backend=backend(), optimization_level=2, seed_transpiler=3)
    expected = manager.run(small.pubs[0].circuit)
    for _ in range(2):
        assert compile_pubs(small, backend(), cache=cache).pubs[0].circuit == expected


@pytest.mark.parametrize(
    "change",
    [
        {"head": "defaults: {transpile: {optimization_level: 3}}\n"},
        {"head": "defaults: {transpile: {seed_transpiler: 4}}\n"},
        {"head": "defaults: {transpile: {initial_layout: [1, 0]}}\n"},
        {"head": "defaults: {transpile: {approximation_degree: 0.9}}\n"},
        {"calibration": 2},
    ],
)
def test_other_options_or_another_calibration_compile_anew(cache, change):
    compile_pubs(workload("{circuit: bell}"), backend(), cache=cache)
    done = compile_pubs(
        workload("{circuit: bell}", head=change.get("head", "")),
        backend(change.get("calibration", 1)),
        cache=cache,
    )
    assert done.compiled == 1


def test_options_of_each_pub():
    small = workload(
        "{name: a, circuit: bell}",
        "{name: b, circuit: {of: bell, transpile: {initial_layout: [3, 4]}}}",
        "{name: c, circuit: {of: again, transpile: {initial_layout: [3, 4]}}}",
        head="defaults: {transpile: {initial_layout: [0, 1]}}\n",
    )
    done = compile_pubs(small, backend())
    assert counts(done) == (2, 0, 0, 2)
    layouts = [isa.circuit.layout.final_index_layout() for isa in done.pubs]
    assert layouts == [[0, 1], [3, 4], [3, 4]]


def test_options_of_a_circuit_count_over_those_of_what_it_is_made_of_and_over_the_files():
    circuits = """\
  one: {library: efficient_su2, args: {num_qubits: 2}, transpile: {seed_transpiler: 5, optimization_level: 3}}
  two: {of: one, transpile: {optimization_level: 2}}
"""
    small = workload(
        f"{{circuit: two, observables: ZZ, parameter_values: {[0] * 16}}}",
        "{circuit: bell}",
        head="defaults: {transpile: {optimization_level: 1, seed_transpiler: 4, initial_layout: [1, 2]}}\n",
        circuits=circuits,
    )
    two, bell = (pub.transpile.options for pub in small.pubs)
    # Two is the default's value, and counts all the same because it is written.
    assert (two.optimization_level, two.seed_transpiler, two.initial_layout) == (2, 5, [1, 2])
    assert (bell.optimization_level, bell.seed_transpiler) == (1, 4)
    written = small.pubs[0].transpile
    assert written.place("seed_transpiler") == ("circuits", "one", "transpile", "seed_transpiler")
    assert written.place("initial_layout") == ("defaults", "transpile", "initial_layout")
    assert written.place() == ("circuits", "two", "transpile")


def test_circuits_that_differ_in_a_written_default_alone_are_not_one():
    small = workload(
        "{name: a, circuit: {of: bell, transpile: {optimization_level: 2}}}",
        "{name: b, circuit: {of: bell}}",
        head="defaults: {transpile: {optimization_level: 0}}\n",
    )
    assert [pub.transpile.options.optimization_level for pub in small.pubs] == [2, 0]


def test_methods_are_followed():
    head = "defaults: {transpile: {layout_method: trivial, routing_method: basic, scheduling_method: alap}}\n"
    isa = compile_pubs(workload("{circuit: bell}", head=head), backend()).pubs[0].circuit
    assert isa.layout.final_index_layout() == [0, 1]
    assert "delay" in isa.count_ops()


def test_a_compiled_circuit_is_left_alone(tmp_path, cache):
    source = QuantumCircuit(2)
    source.h(0)
    source.cx(0, 1)
    isa = generate_preset_pass_manager(backend=backend(), initial_layout=[3, 2]).run(source)
    with (tmp_path / "isa.qpy").open("wb") as file:
        qpy.dump(isa, file)
    (tmp_path / "w.yaml").write_text(
        "name: w\npubs:\n  - {circuit: {file: isa.qpy}, observables: IZZII, precision: 0.1}\n"
    )
    done = compile_pubs(load_workload(read_document(tmp_path / "w.yaml")), backend(), cache=cache)
    assert counts(done) == (1, 1, 0, 0)
    assert done.pubs[0].circuit == isa
    assert done.pubs[0].observables.tolist() == {"IZZII": 1.0}


def _mistakes(small, **arguments):
    with pytest.raises(WorkloadError) as error:
        compile_pubs(small, backend(), **arguments)
    return error.value.mistakes


def test_circuits_that_are_too_wide_are_all_told():
    circuits = "  wide: {library: efficient_su2, args: {num_qubits: 6}}\n"
    pub = f"{{circuit: wide, observables: ZZZZZZ, parameter_values: {[0] * 48}}}"
    mistakes = _mistakes(workload(f"{{name: a, {pub[1:]}", f"{{name: b, {pub[1:]}", circuits=circuits))
    assert [m.message for m in mistakes] == [
        f"The circuit 'wide' has 6 qubits; generic_backend_5q has {QUBITS}."
    ] * 2
    assert mistakes[0].line != mistakes[1].line


def test_what_a_pass_says_is_told_at_the_first_pub_of_the_circuit():
    circuits = (
        '  opaque: {qasm: "OPENQASM 2.0; include \\"qelib1.inc\\"; opaque magic a; qreg q[1]; creg c[1]; '
        'magic q[0]; measure q -> c;"}\n'
    )
    small = workload(
        "{name: a, circuit: bell}",
        "{name: b, circuit: opaque}",
        "{name: c, circuit: opaque}",
        circuits=circuits,
    )
    [mistake] = _mistakes(small)
    assert "The circuit 'opaque' (1 more PUB uses it) can't be compiled" in mistake.message
    assert '"magic"' in mistake.message
    assert mistake.place == f"w.yaml:{mistake.line}:{mistake.column}"
    assert mistake.line == 11


@pytest.mark.parametrize(
    ("layout", "said"),
    [
        ("[0, 1, 2]", "names 3 qubits; the circuit 'bell' has 2"),
        ("[0, 9]", "names qubit 9; generic_backend_5q has 5"),
    ],
)
def test_a_layout_that_does_not_fit(layout, said):
    options = f"{{transpile: {{initial_layout: {layout}}}}}"
    [mistake] = _mistakes(workload("{circuit: bell}", head=f"defaults: {options}\n"))
    assert said in mistake.message
    assert mistake.line == 1
    pub = f"{{circuit: {{of: bell, {options[1:]}}}"
    [mistake] = _mistakes(
        workload("{circuit: again}", pub, head="defaults: {transpile: {seed_transpiler: 1}}\n")
    )
    assert said.replace("'bell'", "'pubs[1]'") in mistake.message
    assert mistake.line == 11
