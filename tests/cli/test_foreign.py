"""Others' files: a plain OpenQASM file and a QRMI payload are workloads as they are."""

from __future__ import annotations

import json

import pytest

BELL = """OPENQASM 3.0;
include "stdgates.inc";
qubit[2] q;
bit[2] c;
h q[0];
cx q[0], q[1];
c = measure q;
"""
ROTATION = 'OPENQASM 3.0; include "stdgates.inc"; input float a; qubit[2] q; ry(a) q[0]; cx q[0], q[1];'


@pytest.fixture
def bell(tmp_path):
    path = tmp_path / "my bell.qasm"
    path.write_text(BELL)
    return path


@pytest.fixture
def payload(tmp_path):
    def write(program: str = "sampler", pubs: object = None, **more: object):
        path = tmp_path / "payload.json"
        pubs = [[BELL, None, 123]] if pubs is None else pubs
        parameters = {"version": 2, "support_qiskit": False, "pubs": pubs, "options": {}, **more}
        path.write_text(json.dumps({"program_id": program, "parameters": parameters}, indent=1))
        return path

    return write


def test_a_qasm_file_is_a_workload(qrun, bell):
    run_id = qrun("submit", str(bell), "--shots", "77", "--backend", "ideal", "-q").stdout.strip()
    qrun("wait", run_id)
    [pub] = qrun.json("results", run_id, "--format", "json")["pubs"]
    assert sum(pub["data"]["c"]["counts"].values()) == 77
    assert pub["circuit"] == "my-bell"


def test_a_wrong_qasm_file_is_told(qrun, bell):
    bell.write_text(BELL.replace("h q[0]", "hh q[0]"))
    assert (
        f"{bell}:5:1: OpenQASM 3 error: gate 'hh' is not defined"
        in qrun("validate", str(bell), code=2).stderr
    )
    assert "no file" in qrun("submit", "none.qasm", code=2).stderr


def test_shots_are_for_files_that_say_none(qrun):
    assert "--set defaults.shots=5" in qrun("validate", "workloads/bell.yaml", "--shots", "5", code=2).stderr


def test_a_sampler_payload(qrun, payload):
    document = qrun.json("show", str(payload()), "--json")
    assert document["name"] == "payload"
    assert document["pubs"][0]["shots"] == 123
    run_id = qrun("submit", str(payload()), "--backend", "ideal", "-q").stdout.strip()
    qrun("wait", run_id)
    [pub] = qrun.json("results", run_id, "--format", "json")["pubs"]
    assert set(pub["data"]["c"]["counts"]) == {"00", "11"}


def test_an_estimator_payload(qrun, payload):
    pubs = [[ROTATION, [[{"ZZ": 1}], [{"ZI": 0.5}]], [[0], [3.14159265]], 0.05]]
    path = payload("estimator", pubs, resilience_level=0, options={"seed_estimator": 3})
    run_id = qrun("submit", str(path), "--backend", "ideal", "-q").stdout.strip()
    qrun("wait", run_id)
    [pub] = qrun.json("results", run_id, "--format", "json")["pubs"]
    assert pub["precision"] == 0.05
    assert [[round(value, 1) for value in row] for row in pub["data"]["evs"]] == [[1, 1], [0.5, -0.5]]


@pytest.mark.parametrize(
    ("program", "pubs", "more", "told"),
    [
        ("samplr", None, {}, ":2:16: There is no primitive 'samplr'"),
        ("sampler", [], {}, "pubs is a list of PUBs"),
        ("sampler", [[3]], {}, "A PUB's circuit is OpenQASM text"),
        ("sampler", [["x", None, 1, 2]], {}, "A PUB is a list"),
        ("estimator", [[ROTATION]], {}, "A PUB is a list"),
        ("sampler", None, {"version": 1}, "version is not 2"),
        ("sampler", None, {"optionz": {}}, "no key 'optionz' here"),
        ("sampler", None, {"options": {"twirlng": {}}}, ":14:4: There is no option 'twirlng'"),
        ("sampler", [["OPENQASM 3.0; nonsense", None, 1]], {}, ":8:5: OpenQASM 3 error"),
        ("sampler", [[BELL, None, -5]], {}, ":10:5: "),
    ],
)
def test_a_wrong_payload_is_told_with_its_place(qrun, payload, program, pubs, more, told):
    path = payload(program, pubs, **more)
    done = qrun("validate", str(path), code=2)
    assert str(path) in done.stderr
    assert told in done.stderr, done.stderr


def test_an_export_gives_the_same_results_again(qrun, tmp_path):
    source = tmp_path / "source.yaml"
    source.write_text(
        f"""name: source
backend: fake_manila
circuits:
  bell: {{qasm: '{BELL.replace(chr(10), " ")}'}}
  turned: {{qasm: '{ROTATION}'}}
pubs:
  - {{circuit: bell, shots: 50}}
  - {{circuit: turned, observables: [[ZZ], [{{ZI: 0.5}}]], parameter_values: {{a: [0, pi]}}, precision: 0.05}}
"""
    )
    out = tmp_path / "out.json"
    before = qrun.json("list", "--json", "-n", "1000")
    written = qrun("export", "--qrmi", str(source), "-o", str(out)).stdout.split()
    assert written == [str(tmp_path / "out-1.json"), str(tmp_path / "out-2.json")]
    assert qrun.json("list", "--json", "-n", "1000") == before
    estimator = json.loads((tmp_path / "out-2.json").read_text())
    assert estimator["program_id"] == "estimator"
    [[text, observables, values, precision]] = estimator["parameters"]["pubs"]
    assert text.startswith("OPENQASM 3")
    assert len(next(iter(observables[0][0]))) == 5
    assert values == {"a": [0, pytest.approx(3.14159, abs=1e-4)]}
    assert precision == 0.05
    again = []
    for path in written:
        shown = qrun.json("show", path, "--backend", "fake_manila", "--compiled", "--json")["pubs"][0]
        # What is compiled already stays as it is.
        assert shown["compiled"] == shown["logical"]
        again.append(qrun("submit", path, "--backend", "fake_manila", "-q").stdout.strip())
    qrun("wait", *again)
    [counts] = qrun.json("results", again[0], "--format", "json")["pubs"]
    found = counts["data"]["c"]["counts"]
    assert found.get("00", 0) + found.get("11", 0) > 40
    [values] = qrun.json("results", again[1], "--format", "json")["pubs"]
    (one, other), (plus, minus) = values["data"]["evs"]
    assert min(one, other) > 0.8
    assert plus > 0.35
    assert minus < -0.35


def test_an_export_of_vector_parameters_is_a_workload_with_the_same_values(qrun, tmp_path):
    source = tmp_path / "source.yaml"
    source.write_text(
        """name: source
backend: ideal
circuits:
  ansatz: {library: efficient_su2, args: {num_qubits: 2, reps: 1, su2_gates: [ry]}}
pubs:
  - {circuit: ansatz, observables: [[ZI], [IZ], ["00"]], parameter_values: {θ: [[0, 0, 0, 0], [pi, 0, 0, 0], [0, pi, 0, 0]]}, precision: 0.02}
"""
    )
    out = tmp_path / "out.json"
    qrun("export", "--qrmi", str(source), "-o", str(out))
    qrun("validate", str(out), "--backend", "ideal")
    runs = [qrun("submit", str(path), "--backend", "ideal", "-q").stdout.strip() for path in (source, out)]
    qrun("wait", *runs)
    first, again = (qrun.json("results", run, "--format", "json")["pubs"][0]["data"]["evs"] for run in runs)
    expected = [[1, -1, -1], [1, -1, 1], [1, 0, 0]]
    assert [[round(value) for value in row] for row in first] == expected
    assert [[round(value) for value in row] for row in again] == expected


def test_a_payload_on_physical_qubits_with_observables_as_wide_as_the_device(qrun, payload):
    text = 'OPENQASM 3.0; include "stdgates.inc"; x $1; cx $1, $2;'
    path = payload("estimator", [[text, [{"IIZZI": 1}, {"II11I": 1}, {"ZIIII": 1}], None, 0.05]])
    run_id = qrun("submit", str(path), "--backend", "fake_manila", "-q").stdout.strip()
    qrun("wait", run_id)
    [pub] = qrun.json("results", run_id, "--format", "json")["pubs"]
    assert min(pub["data"]["evs"]) > 0.8


def test_an_export_goes_into_a_pipe(qrun, bell):
    done = qrun("export", "--qrmi", str(bell), "--shots", "9", "--backend", "fake_manila")
    assert json.loads(done.stdout)["parameters"]["pubs"][0][1:] == [None, 9]
    qrun("validate", "-", "--backend", "fake_manila", stdin=done.stdout)


def test_an_export_that_cannot_be(qrun, bell, tmp_path):
    assert "--qrmi" in qrun("export", str(bell), code=2).stderr
    assert "no backend 'nix'" in qrun("export", "--qrmi", str(bell), "--backend", "nix", code=2).stderr
    for place, told in [(tmp_path / "none" / "x.json", "no folder"), (tmp_path, "is a folder")]:
        # Told before anything is compiled, and before the file is looked at.
        assert told in qrun("export", "--qrmi", "none.qasm", "-o", str(place), code=2).stderr


def test_an_option_that_only_client_side_primitives_have_is_told_where_it_is_written(qrun, tmp_path):
    path = tmp_path / "w.yaml"
    path.write_text(
        f"""name: w
backend: fake_manila
circuits: {{turned: {{qasm: '{ROTATION}'}}}}
pubs:
  - circuit: turned
    observables: ZZ
    parameter_values: 0
    options:
      simulator: {{layer_noise_model: null}}
"""
    )
    qrun("validate", str(path))
    told = qrun("export", "--qrmi", str(path), code=2).stderr
    assert f"{path}:9:19: A QRMI payload is for the V2 primitives" in told
    assert "simulator.noise_model" in told
