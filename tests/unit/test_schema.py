"""The JSON Schema says of a file what ``validate`` says of it, as far as a schema can."""

from __future__ import annotations

import jsonschema
import pytest

from qrun.errors import WorkloadError
from qrun.workload.document import parse_document, read_document
from qrun.workload.model import CIRCUIT_KINDS, Defaults, PubSpec, Transpile, WorkloadFile
from qrun.workload.schema import workload_schema
from qrun.workload.validate import validate
from tests.command import ROOT

SCHEMA = workload_schema()
VALIDATOR = jsonschema.Draft202012Validator(SCHEMA)
HEAD = "name: w\n"
PUB = "pubs: [{circuit: c, shots: 10}]\n"


def mistakes(text: str) -> list[str]:
    return [error.message for error in VALIDATOR.iter_errors(parse_document(text, "w.yaml").data)]


def test_it_is_a_schema():
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    assert SCHEMA["$schema"].endswith("2020-12/schema")
    assert all("description" in value for value in SCHEMA["properties"].values() if "$ref" not in value)


@pytest.mark.parametrize(
    "path",
    [*sorted((ROOT / "workloads").glob("*.yaml")), ROOT / "qrun" / "workload" / "starter.yaml"],
    ids=lambda path: path.name,
)
def test_every_example_validates(path):
    assert list(VALIDATOR.iter_errors(read_document(path).data)) == []


@pytest.mark.parametrize(
    "text",
    [
        HEAD + PUB,
        "include: base.yaml\npubs: [{circuit: c}]\n",
        "name: run-${n}\nvars: {n: 3}\n" + PUB,
        HEAD + "max_time: 25m\nmode: ${mode}\nbackend: {least_busy: {min_num_qubits: '${n}'}}\n" + PUB,
        HEAD + "defaults: {shots: '${shots}', transpile: {initial_layout: [0, '${q}']}}\n" + PUB,
        HEAD + "pubs: [{circuit: c, matrix: {a: [1, 2], exclude: [{a: 1}]}, shots: '${a}'}]\n",
        HEAD
        + "pubs: [{circuit: {library: efficient_su2, args: {num_qubits: '${n}'}}, observables: [[ZZ]]}]\n",
        HEAD + "pubs: [{circuit: c, parameter_values: [pi/4, [1, '${x}']]}]\n",
        HEAD + "pubs: [{circuit: c, parameter_values: {a: {linspace: [0, 2*pi, 9]}, b: 1}}]\n",
        HEAD + "pubs: [{circuit: c, parameter_values: {grid: {a: [1, 2], b: {arange: [0, 3]}}}}]\n",
        HEAD + "pubs: [{circuit: c, parameter_values: {file: v.npz, array: a}}]\n",
        HEAD + "pubs: [{circuit: c, parameter_values: {random: {seed: 1, shape: [2, 3]}}}]\n",
        HEAD + "observables: {a: {ZZ: {on: [0, 5], coeff: pi/2}, X: [{on: [1]}]}, b: {file: h.json}}\n" + PUB,
        HEAD
        + "circuits: {c: {of: d, measure: [0, 1], assign: {t: pi}, transpile: {optimization_level: '${o}'}}, d: {files: '*.qasm'}}\n"
        + PUB,
    ],
)
def test_what_a_file_may_say_validates(text):
    assert mistakes(text) == []
    if "${" not in text and "include" not in text:
        validate(parse_document(text, "w.yaml"))


@pytest.mark.parametrize(
    ("text", "path"),
    [
        (PUB, ()),
        (HEAD, ()),
        (HEAD + "pubs: []\n", ("pubs",)),
        ("name: my run\n" + PUB, ("name",)),
        (HEAD + "mode: sesion\n" + PUB, ("mode",)),
        (HEAD + "colour: red\n" + PUB, ()),
        (HEAD + "pubs: [{circuit: c, shotz: 10}]\n", ("pubs", 0)),
        (HEAD + "pubs: [{circuit: c, shots: many}]\n", ("pubs", 0, "shots")),
        (HEAD + "pubs: [{circuit: c, shots: 0}]\n", ("pubs", 0, "shots")),
        (HEAD + "pubs: [{shots: 10}]\n", ("pubs", 0)),
        (HEAD + "pubs: [{circuit: {qazm: x}}]\n", ("pubs", 0, "circuit")),
        (HEAD + "pubs: [{circuit: c, matrix: {a: 3}}]\n", ("pubs", 0, "matrix")),
        (HEAD + "pubs: [{circuit: c, precision: -1}]\n", ("pubs", 0, "precision")),
        (
            HEAD + "pubs: [{circuit: c, parameter_values: {linspace: [0, 1]}}]\n",
            ("pubs", 0, "parameter_values"),
        ),
        (HEAD + "pubs: [{circuit: c, observables: {ZQ: 1}}]\n", ("pubs", 0, "observables")),
        (HEAD + "pubs: [{circuit: c, observables: {ZZ: {om: [0, 1]}}}]\n", ("pubs", 0, "observables")),
        (HEAD + "defaults: {transpile: {optimization_level: 7}}\n" + PUB, ("defaults",)),
        (HEAD + "circuits: {c: {qasm: x, transpile: {fractional_gates: true}}}\n" + PUB, ("circuits",)),
        (HEAD + "circuits: {c: {qasm: x, transpile: {optimization_level: 4}}}\n" + PUB, ("circuits",)),
        (HEAD + "max_time: soon\n" + PUB, ("max_time",)),
        (HEAD + "tags: [a, b, c, d, e, f, g]\n" + PUB, ("tags",)),
    ],
)
def test_typical_mistakes_do_not(text, path):
    document = parse_document(text, "w.yaml")
    # One mistake, told where it is made: another one would hide that this one is not found.
    assert [tuple(error.absolute_path) for error in VALIDATOR.iter_errors(document.data)] == [path]
    if path[-1:] not in (("matrix",), ("parameter_values",), ("observables",)):  # looked at with the circuit
        with pytest.raises(WorkloadError):
            validate(document)


def test_the_schema_and_the_models_agree_on_every_key():
    """No key of a model is missing in the schema, and none that the schema has is unknown to the models."""
    for name, model in (("PubSpec", PubSpec), ("Defaults", Defaults), ("Transpile", Transpile)):
        assert set(SCHEMA["$defs"][name]["properties"]) == set(model.model_fields)
    assert set(SCHEMA["properties"]) == set(WorkloadFile.model_fields)
    for kind, circuit in CIRCUIT_KINDS.items():
        assert kind in SCHEMA["$defs"][circuit.__name__]["required"]
        assert set(SCHEMA["$defs"][circuit.__name__]["properties"]) == set(circuit.model_fields)
