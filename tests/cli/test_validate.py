"""``qrun validate``: every mistake of every file, and nothing sent."""

from __future__ import annotations

import json

import pytest

from tests.cli.test_errors import CIRCUIT, GOOD


@pytest.fixture
def good(tmp_path):
    path = tmp_path / "good.yaml"
    path.write_text(GOOD)
    return path


def test_examples_have_nothing_wrong(qrun, root):
    before = qrun.json("list", "--json", "-n", "1000")
    files = sorted(str(path) for path in (root / "workloads").glob("*.yaml"))
    assert qrun.json("validate", "--json", *files) == []
    done = qrun("validate", "--no-compile", *files)
    assert done.stdout == ""
    assert done.stderr.count("nothing wrong with the text; no circuit was built") == len(files)
    assert qrun.json("list", "--json", "-n", "1000") == before


def test_all_mistakes_of_all_files_are_told_in_the_order_of_the_files(qrun, tmp_path, good):
    wrong = tmp_path / "wrong.yaml"
    wrong.write_text(
        f"""name: wrong
backend: fake_manilla
mode: sesion
circuits:
  c: {{qasm: "{CIRCUIT}"}}
pubs:
  - {{circuit: c, shotz: 10}}
  - {{circuit: d, shots: 10}}
"""
    )
    done = qrun("validate", "--json", "none.yaml", str(wrong), str(good), code=2)
    found = json.loads(done.stdout)
    assert [(m["file"], m["line"], m["column"]) for m in found] == [
        ("none.yaml", None, None),
        *((str(wrong), *place) for place in [(2, 10), (3, 7), (7, 18), (8, 15)]),
    ]
    assert {m["severity"] for m in found} == {"error"}
    assert found[1]["hint"] == "Did you mean 'fake_manila'?"
    told = qrun("validate", str(wrong), str(good), code=2)
    assert told.stdout == ""
    assert f"error: {wrong}:7:18: There is no key 'shotz' here." in told.stderr
    assert f"{good}: nothing wrong" in told.stderr


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("qubit[2] q; bit[2] c", "qubit[9] q; bit[9] c", "6:15: The circuit 'c' has 9 qubits"),
        ("shots: 10", "shots: 10000001", "6:25: A Sampler job has at most 10,000,000 executions"),
        (
            "shots: 10",
            "observables: ZZ, options: {resilience: {zne_mitigation: true, pec_mitigation: true}}",
            "6:5: The estimator refuses the PUBs of this job",
        ),
        (
            "backend: fake_manila",
            "backend: fake_manila\ndefaults: {transpile: {layout_method: nix}}",
            "3:39: ",
        ),
    ],
)
def test_what_only_the_backend_and_the_client_know_is_told(qrun, tmp_path, old, new, told):
    path = tmp_path / "w.yaml"
    path.write_text(GOOD.replace(old, new))
    done = qrun("validate", str(path), code=2)
    assert f"{path}:{told}" in done.stderr
    # The text alone is fine.
    qrun("validate", "--no-compile", str(path))


def test_choices_of_the_command_line_count(qrun, good):
    assert "no backend 'nix'" in qrun("validate", str(good), "--backend", "nix", code=2).stderr
    assert "--set" in qrun("validate", "--no-compile", str(good), "--set", "pubs.0.shots=no", code=2).stderr
    qrun("validate", str(good), "--set", "pubs.0.shots=20", "--backend", "ideal")


def test_a_file_on_standard_input(qrun):
    qrun("validate", "-", stdin=GOOD)
    assert "-:6:18" in qrun("validate", "-", stdin=GOOD.replace("shots", "shotz"), code=2).stderr


def test_a_service_that_is_not_there_ends_with_3_and_what_was_found_is_told(qrun, tmp_path, good):
    wrong = tmp_path / "w.yaml"
    wrong.write_text(GOOD.replace("shots", "shotz"))
    done = qrun("validate", str(wrong), str(good), "--service", "nobody", code=3)
    assert "There is no key 'shotz'" in done.stderr
    assert "nobody" in done.stderr
    assert "nothing wrong" not in done.stderr
    assert "nothing wrong" not in qrun("validate", str(good), "--service", "nobody", code=3).stderr
    qrun("validate", "--no-compile", str(good), "--service", "nobody")


def test_a_wrong_option_and_an_unknown_circuit_are_told_together(qrun, tmp_path):
    path = tmp_path / "w.yaml"
    path.write_text(
        "name: w\nbackend: fake_manila\ndefaults: {options: {resilience: {measure_mitigatoin: true}}}\n"
        'circuits: {c: {qasm: "OPENQASM 3.0; qubit[2] q;"}}\n'
        "pubs: [{circuit: cc, shots: 3}, {circuit: c, observables: ZZ}]\n"
    )
    told = qrun("validate", str(path), code=2).stderr
    assert "w.yaml:3:35: estimator: there is no option 'resilience.measure_mitigatoin'" in told
    assert "w.yaml:5:18: There is no circuit 'cc'" in told


def test_a_wrong_option_and_a_wrong_key_are_told_together(qrun, tmp_path):
    path = tmp_path / "w.yaml"
    path.write_text(
        "name: w\nmod: job\nbackend: fake_manila\n"
        "defaults: {options: {resilience: {measure_mitigatoin: true}}}\n"
        'circuits: {c: {qasm: "OPENQASM 3.0; qubit[2] q;"}}\n'
        "pubs: [{circuit: c, observables: ZZ}]\n"
    )
    told = qrun("validate", str(path), code=2).stderr
    assert "w.yaml:2:1: There is no key 'mod'" in told
    assert "w.yaml:4:35: estimator: there is no option 'resilience.measure_mitigatoin'" in told


def test_an_option_is_not_unknown_because_the_pub_that_takes_it_is_broken(qrun, tmp_path):
    path = tmp_path / "w.yaml"
    path.write_text(
        "name: w\nbackend: fake_manila\ndefaults: {options: {resilience_level: 0}}\n"
        'circuits: {c: {qasm: "OPENQASM 3.0; qubit[2] q; bit[2] b; b = measure q;"}}\n'
        "pubs: [{circuit: c, shots: 3}, {circuit: cc, observables: ZZ}]\n"
    )
    told = qrun("validate", str(path), code=2).stderr
    assert "resilience_level" not in told
    assert "There is no circuit 'cc'" in told
