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
    assert f"{bell}:1:1: OpenQASM 3 error" in qrun("validate", str(bell), code=2).stderr
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
