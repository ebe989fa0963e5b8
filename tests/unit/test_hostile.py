"""Hostile and broken input: a refusal for the user, in bounded time and memory, and never anything else."""

from __future__ import annotations

import contextlib
import io
import json
import sys
import time
import zipfile

import numpy as np
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from qrun.errors import WorkloadError
from qrun.workload import document as document_module
from qrun.workload.document import parse_document, read_document
from qrun.workload.expand import LoadChoices, expand, open_document
from qrun.workload.load import load_workload
from qrun.workload.validate import validate

QASM = "OPENQASM 3.0; include 'stdgates.inc'; input float a; qubit[2] q; bit[2] c; rx(a) q[0]; c = measure q;"

BASE = {
    "name": "w",
    "vars": {"n": 2, "angles": {"linspace": [0, "pi", 3]}, "again": "${n}"},
    "backend": {"least_busy": {"min_num_qubits": 2}},
    "max_time": "5m",
    "tags": ["a"],
    "defaults": {"shots": 10, "transpile": {"optimization_level": 1}, "options": {"x": {"y": 1}}},
    "circuits": {
        "c": {"qasm": QASM},
        "lib": {"library": "real_amplitudes", "args": {"num_qubits": 2, "reps": "${n}"}},
        "of": {"of": "c", "assign": {"a": "pi/2"}, "repeat": 2, "measure": [0, 1]},
        "file": {"file": "a.qasm", "circuit": 0},
        "files": {"files": "*.qpy"},
        "py": {"python": "p.py:f", "args": {"n": 1}},
    },
    "observables": {
        "e": {"ZZ": -1, "X": {"on": [0], "coeff": "pi"}},
        "f": {"file": "h.json"},
        "l": ["e", "ZZ"],
    },
    "pubs": [
        {"circuit": "c", "parameter_values": {"a": {"random": {"shape": [2], "seed": 1}}}, "shots": 5},
        {
            "circuit": "lib",
            "observables": [["e"], ["ZZ"]],
            "parameter_values": {"grid": {"θ": {"values": [[0, 1, 2, 3, 4, 5]]}}},
        },
        {
            "name": "m-${n}",
            "circuit": "c",
            "observables": "ZZ",
            "parameter_values": "${angles}",
            "precision": 0.1,
            "matrix": {"n": [1, 2], "include": [{"n": 3}], "exclude": [{"n": 1}]},
        },
    ],
}

ODD = st.one_of(
    st.sampled_from(
        [
            None,
            True,
            False,
            0,
            -1,
            1,
            2,
            3,
            10**30,
            1.5,
            -1e300,
            1e-300,
            "",
            "x",
            "ZZ",
            "c",
            "e",
            "of",
            "all",
            "pi/0",
            "9**9**9",
            "1j",
            "__import__('os')",
            "${n}",
            "${angles}",
            "${x}",
            "${env:HOME}",
            "${",
            "$${n}",
            [],
            [[]],
            {},
            [None],
            [[1], [2, 3]],
            ["ZZ", ["XX"]],
            {"": 1},
            {"file": "none.npy"},
            {"file": "../x.npy"},
            {"linspace": [0, 1, 3]},
            {"linspace": 3},
            {"arange": [0, 1, 1e-30]},
            {"logspace": [0, 400, 2]},
            {"random": {"shape": [10**6, 10**6], "seed": 1}},
            {"random": {"seed": True}},
            {"random": []},
            {"grid": {"a": [1, 2]}},
            {"zip": {"a": [1], "b": [1, 2]}},
            {"values": {"values": {}}},
            {"ZZ": {"on": [0, 0]}},
            {"of": "of"},
            {"qasm": ""},
            {"qasm": QASM},
            {"files": "**"},
            {"library": "XGate"},
            {"library": "Measure"},
            "2026-01-01",
            "\x00",
            "é" * 50,
            "a.b",
            "../x",
            "/etc/passwd",
            {"steps": [1, 2]},
        ]
    ),
    st.text(max_size=5),
    st.floats(allow_nan=False, allow_infinity=False),
    st.integers(),
)
VALUES = st.recursive(
    ODD,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["on", "coeff", "linspace", "file", "circuit", "a", "θ", "ZZ", "include", "x", "shots"]
            ),
            inner,
            max_size=3,
        )
    ),
    max_leaves=6,
)


def _paths(value, path=()):
    yield path
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in items:
        yield from _paths(item, (*path, key))


PATHS = sorted(_paths(BASE), key=str)


def _with(value, path, new):
    """A copy of nested data with something else, or something more, at a path."""
    if not path:
        return new
    if isinstance(value, dict):
        return {**value, path[0]: _with(value.get(path[0]), path[1:], new)}
    if isinstance(value, list) and isinstance(path[0], int) and path[0] < len(value):
        return [_with(item, path[1:], new) if i == path[0] else item for i, item in enumerate(value)]
    return value


CHANGES = st.lists(
    st.tuples(
        st.sampled_from(PATHS), st.none() | st.sampled_from(["x", "shots", "of", "file", "repeat"]), VALUES
    ),
    min_size=1,
    max_size=3,
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    from qiskit import QuantumCircuit, qpy

    path = tmp_path_factory.mktemp("fuzz")
    (path / "a.qasm").write_text(QASM.replace("'", '"'))
    with (path / "b.qpy").open("wb") as file:
        qpy.dump([QuantumCircuit(2, name="one"), QuantumCircuit(1, name="two")], file)
    (path / "h.json").write_text('[["ZZ", 1.0]]')
    (path / "p.py").write_text("from qiskit import QuantumCircuit\ndef f(n): return QuantumCircuit(n)\n")
    return path


def load_or_refuse(text: str, path) -> None:
    started = time.process_time()
    with contextlib.suppress(WorkloadError):
        load_workload(expand(parse_document(text, str(path))))
    assert time.process_time() - started < 10


@settings(max_examples=250, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(CHANGES)
@example([(("pubs",), None, 5)])
@example([(("name",), None, None), (("pubs", 0, "shots"), None, True)])
@example([(("observables", "e"), None, {"ZZ": None})])
@example([(("matrix",), None, 3), (("pubs", 2, "matrix", "n"), None, [{}])])
def test_files_near_the_grammar_load_or_are_refused(folder, changes):
    data = BASE
    for path, more, value in changes:
        data = _with(data, path if more is None else (*path, more), value)
    load_or_refuse(json.dumps(data, ensure_ascii=False), folder / "w.yaml")


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(st.sampled_from(PATHS), VALUES), min_size=1, max_size=2), st.text(max_size=10))
def test_settings_are_taken_or_refused(folder, changes, junk):
    document = parse_document(json.dumps(BASE), str(folder / "w.yaml"))
    said = [".".join(map(str, path)) + "=" + json.dumps(value) for path, value in changes]
    for setting in (*said, junk, junk + "=1", "pubs." + junk + "=" + junk):
        with contextlib.suppress(WorkloadError):
            load_workload(expand(document, [setting]))


def test_the_base_of_the_fuzz_is_right(folder):
    assert len(load_workload(expand(parse_document(json.dumps(BASE), str(folder / "w.yaml")))).pubs) == 4


def _bomb(first: str, line: str, quoted: str) -> str:
    rows = [first] + [line.format(i=i, items=", ".join([quoted.format(i=i - 1)] * 10)) for i in range(1, 9)]
    return "name: w\nvars:\n" + "".join(f"  {row}\n" for row in rows)


MANY_MATRIX = (
    "name: w\npubs:\n - circuit: x\n   matrix: {" + ", ".join(f"k{i}: [1, 2, 3]" for i in range(30)) + "}\n"
)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (_bomb("a0: &a0 [x, x]", "a{i}: &a{i} [{items}]", "*a{i}"), "larger"),
        (_bomb("a0: [x, x]", "a{i}: [{items}]", "'${{a{i}}}'"), "more than 2,000,000 values"),
        (_bomb("a0: xxxxxxxxxx", "a{i}: '{items}'", "${{a{i}}}"), "characters of text"),
        (_bomb("a0: [x, x]", "a{i}: ['${{b{i}}}']\n  b{i}: ['${{a{i}}}']", ""), "refers to itself"),
        (
            "name: w\nvars:\n  a0: 1\n" + "".join(f"  a{i}: ['${{a{i - 1}}}']\n" for i in range(1, 999)),
            "deep",
        ),
        (MANY_MATRIX, "10,000 PUBs are the most"),
        ("name: w\npubs: [" + "3," * 20_000 + "]", "more than 10,000 PUBs"),
        ("[" + "1," * 600_000 + "1]", "more than 500,000 values"),
        ("name: .nan\n", "not finite"),
        ("name: [-.inf]\n", "not finite"),
        ("name: 1e999\n", "not finite"),
        ("max_time: " + "9" * 4000, "too long"),
        ("name: w\n" + "".join(f"k{i}: 1\n" for i in range(5000)), "missing"),
    ],
    ids=lambda value: value[:30].replace("\n", " "),
)
def test_bombs_are_refused_in_a_moment(text, said):
    started = time.process_time()
    with pytest.raises(WorkloadError) as error:
        validate(expand(parse_document(text, "w.yaml")))
    assert any(said in m.message for m in getattr(error.value, "mistakes", [error.value])), str(error.value)
    assert time.process_time() - started < 8


QASM_3 = 'OPENQASM 3.0; include "stdgates.inc"; '
QASM_2 = 'OPENQASM 2.0; include "qelib1.inc"; '


@pytest.mark.parametrize(
    ("qasm", "said"),
    [
        (QASM_3 + 'include "/etc/passwd"; qubit q;', "/etc/passwd"),
        (QASM_2 + 'include "/etc/passwd"; qreg q[1];', "/etc/passwd"),
        (QASM_2 + 'include/* */ // x\n"../w.yaml"; qreg q[1];', "../w.yaml"),
        # To the parser a pragma takes the whole line, so that no comment begins in it.
        (QASM_3 + 'pragma /*\ninclude "/etc/passwd"; // */\nqubit q;', "/etc/passwd"),
        (QASM_3 + "qubit[1000000000] q;", "1000000000"),
        (QASM_2 + "qreg q[1000000000];", "1000000000"),
        (QASM_2 + "qreg q[1]; creg c[99999999999999999999];", "9999999"),
        (QASM_3 + "const int n = 1000000000; qubit[n] q;", "1000000000"),
        (QASM_3 + "const int n = 2**30; qubit[n] q;", "2**30"),
        (QASM_2 + "qreg q[1]; rx(" + "(" * 100_000 + "1" + ")" * 100_000 + ") q[0];", "levels deep"),
        (QASM_3 + "qubit q; " + "if (true) " * 9000 + "x q;", "OpenQASM 3 error"),
        (QASM_3 + "x q; " * 500_000, "2,097,152 are the most"),
        (QASM_3 + "/* */" * 50_000 + 'include "x"; @', "'x'"),
    ],
    ids=lambda value: value[36:80].replace("\n", " "),
)
def test_qasm_is_looked_at_before_it_is_parsed(qasm, said):
    started = time.process_time()
    text = "name: w\npubs: [{circuit: {qasm: " + json.dumps(qasm) + "}}]"
    with pytest.raises(WorkloadError) as error:
        load_workload(parse_document(text, "w.yaml"))
    assert said in error.value.message
    assert error.value.place == "w.yaml:2:25"
    assert time.process_time() - started < 8


def test_a_large_file_is_refused_by_its_size(tmp_path):
    path = tmp_path / "w.yaml"
    with path.open("wb") as file:
        file.truncate(100 * 1024 * 1024)
    with pytest.raises(WorkloadError, match="too large: 104,857,600 bytes"):
        read_document(path)


def test_what_has_no_size_is_read_no_further_than_a_workload_goes(monkeypatch):
    class Endless(io.RawIOBase):
        taken = 0

        def read(self, size=-1):
            assert size >= 0
            self.taken += size
            return b"#" * size

    class Stdin:
        buffer = Endless()

    monkeypatch.setattr(sys, "stdin", Stdin)
    for path in ("-", "/dev/zero"):
        with pytest.raises(WorkloadError, match="too large"):
            open_document(path)
    assert Stdin.buffer.taken <= document_module.MOST_BYTES + 1


def _load_beside(folder, **pub):
    text = "name: w\npubs: [" + json.dumps({"circuit": "c", **pub}) + "]\n"
    text += "circuits: {c: {qasm: " + json.dumps(QASM_3 + "input float a; qubit q; rx(a) q;") + "}}\n"
    return load_workload(parse_document(text, str(folder / "w.yaml")))


def test_files_that_lead_outside_are_refused_also_through_links(tmp_path):
    inside = tmp_path / "in"
    (inside / "sub").mkdir(parents=True)
    (tmp_path / "secret.qasm").write_text(QASM_3 + "qubit q;")
    (tmp_path / "secret.py").write_text("def f(): raise SystemExit('ran')")
    (tmp_path / "secret.yaml").write_text("tags: [secret]")
    (inside / "link.qasm").symlink_to(tmp_path / "secret.qasm")
    (inside / "link").symlink_to(tmp_path)
    (inside / "loop").symlink_to(inside / "loop")
    for circuit in (
        {"file": "link.qasm"},
        {"file": "link/secret.qasm"},
        {"file": "../secret.qasm"},
        {"files": "lin*.qasm"},
        {"python": "../secret.py:f"},
        {"python": "link/secret.py:f"},
        {"file": "loop/x.qasm"},
        {"file": "a\0.qasm"},
    ):
        with pytest.raises(WorkloadError) as error:
            _load_beside(inside, circuit=circuit)
        assert "outside" in error.value.message or "path" in error.value.message, str(error.value)
    with pytest.raises(WorkloadError, match="leads outside"):
        _load_beside(inside, circuit={"files": "../*.qasm"})
    for name in ("../secret.yaml", "link/secret.yaml"):
        with pytest.raises(WorkloadError, match="outside"):
            expand(parse_document(f"include: {name}", str(inside / "w.yaml")))


def test_arrays_that_lie_about_their_size_are_refused(tmp_path):
    header = np.lib.format.magic(1, 0)
    said = b"{'descr': '<f8', 'fortran_order': False, 'shape': (1000000000000,), }".ljust(117) + b"\n"
    (tmp_path / "huge.npy").write_bytes(header + len(said).to_bytes(2, "little") + said)
    np.save(tmp_path / "object.npy", np.array([{"a": 1}], dtype=object), allow_pickle=True)
    np.save(tmp_path / "nan.npy", np.array([np.nan]))
    (tmp_path / "broken.npy").write_bytes(b"\x93NUMPY")
    (tmp_path / "broken.npz").write_bytes(b"PK\x03\x04")
    with zipfile.ZipFile(tmp_path / "bomb.npz", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.npy", (tmp_path / "huge.npy").read_bytes() + bytes(10_000_000))
    (tmp_path / "ragged.csv").write_text("a,b\n1,2\n3\n")
    (tmp_path / "words.csv").write_text("a\n__import__('os')\n")
    for name, words in {
        "huge.npy": "more than 100,000,000",
        "object.npy": "not numbers",
        "nan.npy": "not finite",
        "broken.npy": "can't be read",
        "broken.npz": "can't be read",
        "bomb.npz": "more than 100,000,000",
        "ragged.csv": "no table",
        "words.csv": "__import__",
    }.items():
        with pytest.raises(WorkloadError, match=words):
            _load_beside(tmp_path, observables="Z", parameter_values={"a": {"file": name}})


def test_python_runs_from_standard_input_only_with_trust(tmp_path, monkeypatch):
    (tmp_path / "c.py").write_text("from qiskit import QuantumCircuit\ndef f(): return QuantumCircuit(1)\n")
    text = b"name: w\npubs: [{circuit: {python: 'c.py:f'}, observables: Z}]\n"
    monkeypatch.chdir(tmp_path)
    for trust in (False, True):
        monkeypatch.setattr(sys, "stdin", type("Stdin", (), {"buffer": io.BytesIO(text)}))
        document = open_document("-", LoadChoices(trust=trust))
        if trust:
            assert len(load_workload(document).pubs) == 1
        else:
            with pytest.raises(WorkloadError, match="may not"):
                load_workload(document)


def test_arithmetic_is_arithmetic(tmp_path):
    for text in (
        "__import__('os').system('x')",
        "().__class__",
        "9**9**9**9",
        "2**2**2**2**2**2",
        "'a'*1000",
        "[1]*1000",
        "pi if 1 else 2",
        "lambda: 1",
        "exp(1000)",
        "sqrt(-1)",
        "1/0",
        "(-1)**0.5",
        "1" * 201,
        "inf",
        "x := 3",
        "True",
        "nan",
    ):
        with pytest.raises(WorkloadError) as error:
            _load_beside(tmp_path, observables="Z", parameter_values={"a": text})
        assert "qrun" not in error.value.message
    pub = _load_beside(tmp_path, observables="Z", parameter_values={"a": "-2*pi/3 + sqrt(2)/2"}).pubs[0]
    assert pub.parameter_values.as_array(["a"]) == pytest.approx(-2 * np.pi / 3 + 2**0.5 / 2)


def test_text_times_a_number_is_no_arithmetic():
    from qrun.workload.arithmetic import number

    with pytest.raises(ValueError, match="not arithmetic"):
        number("'a'*1500000000")


def test_a_payload_of_another_tool_runs_no_code(tmp_path):
    import json

    from qrun.workload.expand import LoadChoices, open_document
    from qrun.workload.load import load_workload

    circuit = 'OPENQASM 3.0; include "stdgates.inc"; qubit[1] q; h q[0];'
    touched = tmp_path / "touched"
    code = {"python": "os:system", "args": {"command": f"touch {touched}"}}
    path = tmp_path / "p.json"
    path.write_text(json.dumps({"program_id": "estimator", "parameters": {"pubs": [[circuit, code]]}}))
    with pytest.raises(WorkloadError, match="python: runs code"):
        load_workload(open_document(path, LoadChoices()))
    assert not touched.exists()


def test_a_numpy_file_with_a_negative_shape_is_refused(tmp_path):
    import numpy as np

    np.save(tmp_path / "x.npy", np.zeros(4))
    raw = (tmp_path / "x.npy").read_bytes().replace(b"(4,), ", b"(-1,),")
    (tmp_path / "x.npy").write_bytes(raw)
    path = tmp_path / "w.yaml"
    path.write_text(
        "name: w\ncircuits: {c: {qasm: \"OPENQASM 3.0; include 'stdgates.inc'; input float a; qubit q; rx(a) q;\"}}\n"
        "pubs: [{circuit: c, observables: Z, parameter_values: {file: x.npy}}]\n"
    )
    from qrun.workload.expand import LoadChoices, open_document
    from qrun.workload.load import load_workload

    with pytest.raises(WorkloadError, match=r"shape is \(-1,\)"):
        load_workload(open_document(path, LoadChoices()))


@pytest.mark.parametrize("version", [2, 3])
def test_gates_that_double_thirty_times_are_counted_not_expanded(version):
    from qrun.workload.document import parse_document
    from qrun.workload.load import load_workload

    gates = "gate g0 a { U(0,0,0) a; } " + "".join(
        f"gate g{i} a {{ g{i - 1} a; g{i - 1} a; }} " for i in range(1, 31)
    )
    program = {
        2: f"OPENQASM 2.0; {gates} qreg q[1]; g30 q[0];",
        3: f"OPENQASM 3.0; {gates} qubit[1] q; g30 q[0];",
    }[version]
    with pytest.raises(WorkloadError, match="instructions once expanded"):
        load_workload(
            parse_document(
                f"name: w\ncircuits: {{c: {{qasm: '{program}'}}}}\npubs: [{{circuit: c, observables: Z}}]\n",
                "w.yaml",
            )
        )
