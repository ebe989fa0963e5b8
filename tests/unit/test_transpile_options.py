"""Transpile options: names that no installed plugin has, and values that no pass manager takes."""

from __future__ import annotations

import json

import pytest
from qiskit.transpiler import generate_preset_pass_manager

from qrun.errors import WorkloadError
from qrun.workload.compile import compile_pubs
from qrun.workload.model import Transpile
from qrun.workload.transpile_options import check_transpile, file_mistakes, pass_manager_options
from tests.unit.compiling import backend, workload


def mistakes(options):
    small = workload("{circuit: bell}", head=f"defaults:\n  transpile: {options}\n")
    return check_transpile(small.file.defaults.transpile, small.document, ("defaults", "transpile"))


@pytest.mark.parametrize(
    ("options", "message", "hint"),
    [
        ("{layout_method: saber}", "layout_method: there is no method 'saber'.", "'sabre'"),
        ("{routing_method: lookahed}", "routing_method: there is no method 'lookahed'.", "'lookahead'"),
        ("{translation_method: sinthesis}", "translation_method: there is no", "'synthesis'"),
        ("{scheduling_method: alab}", "scheduling_method: there is no", "'alap'"),
        ("{init_method: x}", "init_method: there is no method 'x'.", "default"),
        ("{unitary_synthesis_method: gridsinth}", "unitary_synthesis_method: there is no", "'gridsynth'"),
        ("{hls_config: {clifor: [default]}}", "an operation called 'clifor'", "'clifford'"),
        (
            "{hls_config: {clifford: [defalt]}}",
            "hls_config.clifford: there is no method 'defalt'",
            "'default'",
        ),
        ("{initial_layout: [3, 1, 3]}", "puts two qubits of the circuit on physical qubit 3", "once"),
    ],
)
def test_a_mistake_is_told_with_its_place_and_the_right_word(options, message, hint):
    [mistake] = mistakes(options)
    assert message in mistake.message
    assert hint in mistake.hint
    assert (mistake.path, mistake.line) == ("w.yaml", 2)
    assert mistake.column > 15


def test_mistakes_in_a_circuits_own_options_are_told_wherever_it_stands():
    circuits = "  own: {of: bell, transpile: {layout_method: saber}}\n"
    inline = (
        "{circuit: {of: bell, transpile: {routing_method: sabr}}, matrix: {shots: [1, 2]}, shots: '${shots}'}"
    )
    small = workload(inline, circuits=circuits, head="defaults: {transpile: {init_method: x}}\n")
    found = [(m.line, m.message.partition(":")[0]) for m in file_mistakes(small.file, small.document)]
    assert found == [(1, "init_method"), (6, "layout_method"), (11, "routing_method")]


def test_a_circuit_can_not_have_fractional_gates_by_itself():
    with pytest.raises(WorkloadError) as error:
        workload("{circuit: {of: bell, transpile: {fractional_gates: true}}}")
    assert "defaults.transpile.fractional_gates" in error.value.hint
    with pytest.raises(WorkloadError) as error:
        workload("{circuit: {of: bell, transpile: {optimisation_level: 1}}}")
    assert error.value.hint == "Did you mean 'optimization_level'?"


def test_all_are_told():
    assert len(mistakes("{layout_method: a, routing_method: b, unitary_synthesis_method: c}")) == 3


@pytest.mark.parametrize(
    "options",
    [
        "{approximation_degree: 1.5}",
        "{seed_transpiler: -1}",
        "{optimization_level: 4}",
        "{fractional_gates: 3}",
    ],
)
def test_values_that_the_model_refuses(options):
    with pytest.raises(WorkloadError) as error:
        mistakes(options)
    assert error.value.line == 2


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"layout_method": "dense", "routing_method": "sabre", "translation_method": "translator"},
        {"scheduling_method": "asap", "approximation_degree": None, "qubits_initially_zero": False},
        {"hls_config": {"clifford": ["layers", "default"]}, "init_method": "default"},
        {"unitary_synthesis_method": "sk", "unitary_synthesis_plugin_config": {"recursion_degree": 1}},
        {"optimization_method": "default", "optimization_level": 3, "seed_transpiler": 1},
    ],
)
def test_the_pass_manager_takes_them(options):
    small = workload(f"{{circuit: {{of: bell, transpile: {json.dumps(options)}}}}}")
    assert file_mistakes(small.file, small.document) == []
    done = compile_pubs(small, backend())
    assert done.compiled == 1


def test_every_option_is_one_of_the_pass_manager():
    import inspect

    known = inspect.signature(generate_preset_pass_manager).parameters
    assert set(pass_manager_options(Transpile(), backend())) <= set(known)
