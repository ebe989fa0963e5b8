"""``include``, ``vars``, ``${…}``, ``--set`` and ``matrix``: what a file means, and where its mistakes are."""

from __future__ import annotations

import pytest

from qrun.errors import WorkloadError
from qrun.workload.document import parse_document
from qrun.workload.expand import LoadChoices, expand, open_document
from qrun.workload.load import load_workload
from qrun.workload.model import LONGEST_NAME
from qrun.workload.validate import InvalidWorkload, validate


def data(text: str, *settings: str):
    document = expand(parse_document(text, "w.yaml"), settings)
    assert not document.mistakes, list(map(str, document.mistakes))
    return document.data


def told(text: str, *settings: str) -> list[WorkloadError]:
    """All mistakes of a file without circuits of its own."""
    try:
        validate(expand(parse_document(text, "w.yaml"), settings))
    except InvalidWorkload as error:
        return error.mistakes
    except WorkloadError as error:
        return [error]
    return []


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("${n}", 3),
        ("a${n}b${x}", "a3bword"),
        ("'${n}'", 3),
        ("${l}", [1, 3]),
        ("{k: ${n}}", {"k": 3}),
        ("[${n}, ${x}]", [3, "word"]),
        ("$${n}", "${n}"),
        ("$$ $n {n}", "$$ $n {n}"),
        ("${f}${t}", "0.5true"),
        ("${again}", "3!"),
        ("${env:QRUN_TEST_WORD}", "from outside"),
        ("${env:QRUN_TEST_NONE:-else}", "else"),
        ("${env:QRUN_TEST_NONE:-}", ""),
        ("'text }{ # ${n}'", "text }{ # 3"),
    ],
)
def test_references(written, meant, monkeypatch):
    monkeypatch.setenv("QRUN_TEST_WORD", "from outside")
    text = "vars: {n: 3, x: word, l: [1, '${n}'], f: 0.5, t: true, again: '${n}!'}\n"
    assert data(text + f"v: {written}")["v"] == meant


@pytest.mark.parametrize(
    ("written", "place", "said", "hinted"),
    [
        ("${stepz}", "w.yaml:2:7", "no name 'stepz'", "'steps'"),
        ("[1, {a: ${stepz}}]", "w.yaml:2:15", "no name 'stepz'", "'steps'"),
        ("${env:QRUN_TEST_NONE}", "w.yaml:2:7", "not set", ":-default"),
        ("${env:IBM_TOKEN}", "w.yaml:2:7", "credential", ""),
        ("'${1+1}'", "w.yaml:2:7", "not a reference", "$${"),
        ("'${steps'", "w.yaml:2:7", "not closed", "$${"),
        ("'x${list}'", "w.yaml:2:7", "no single value", "alone"),
        ("${self}", "w.yaml:1:35", "refers to itself", ""),
    ],
)
def test_references_to_nothing(written, place, said, hinted):
    text = f"vars: {{steps: 1, list: [1], self: 'x${{self}}'}}\nname: {written}\n"
    if "self" not in written:
        text = text.replace(", self: 'x${self}'", "")
    fitting = [m for m in told(text) if said in m.message]
    assert fitting
    assert fitting[0].place == place
    assert hinted in (fitting[0].hint or "")


def test_a_wrong_reference_is_told_with_all_other_mistakes_and_once():
    mistakes = told("name: w\nbackand: x\npubs:\n - circuit: c\n   shots: ${x}\n   matrix: {a: [1, 2, 3]}\n")
    assert [(m.line, m.message[:20]) for m in mistakes] == [
        (2, "There is no key 'bac"),
        (5, "There is no name 'x'"),
    ]


MATRIX = [
    ("{a: [1, 2], b: [x, y]}", ["a=1,b=x", "a=1,b=y", "a=2,b=x", "a=2,b=y"]),
    ("{a: [1, 2, 3], exclude: [{a: 2}]}", ["a=1", "a=3"]),
    ("{a: [1, 2], b: [1, 2], exclude: [{a: 1, b: 2}]}", ["a=1,b=1", "a=2,b=1", "a=2,b=2"]),
    ("{a: [1, 2], include: [{a: 2, c: 5}]}", ["a=1", "a=2,c=5"]),
    ("{a: [1, 2], include: [{c: 5}, {a: 3}]}", ["a=1,c=5", "a=2,c=5", "a=3"]),
    ("{include: [{a: 1}, {a: 2, b: 3}]}", ["a=1", "a=2,b=3"]),
    ("{a: ${list}}", ["a=7", "a=8"]),
    ("{a: [[1, 2], true, null, 0.5]}", ["a=[1,2]", "a=true", "a=null", "a=0.5"]),
    ("{a: [1, true], exclude: [{a: true}]}", ["a=1"]),
]


@pytest.mark.parametrize(("matrix", "combinations"), MATRIX)
def test_matrix(matrix, combinations):
    text = f"vars: {{list: [7, 8]}}\npubs:\n - circuit: c\n - {{name: m, circuit: c, matrix: {matrix}}}\n - circuit: d\n"
    document = expand(parse_document(text, "w.yaml"))
    first, *made, last = document.data["pubs"]
    assert (first, last) == ({"circuit": "c"}, {"circuit": "d"})
    assert made == [{"name": f"m[{one}]", "circuit": "c"} for one in combinations]
    assert [document.origin(i).index for i in range(len(made) + 2)] == [0, *[1] * len(made), 2]


def test_names_of_a_matrix():
    pubs = "pubs: [{name: 'n-${a}', circuit: '${a}', matrix: {a: [1, x]}}, {circuit: c, matrix: {b: [2]}}]"
    assert data(pubs)["pubs"] == [
        {"name": "n-1", "circuit": 1},
        {"name": "n-x", "circuit": "x"},
        {"name": "pub-1[b=2]", "circuit": "c"},
    ]
    long = data("pubs: [{circuit: c, matrix: {a: [" + "x" * 99 + "1, " + "x" * 99 + "2]}}]")["pubs"]
    assert len({pub["name"] for pub in long}) == 2


@pytest.mark.parametrize(
    ("matrix", "column", "said", "hinted"),
    [
        ("[1]", 13, "mapping of names", "steps"),
        ("{}", 13, "mapping of names", ""),
        ("{a: 3}", 17, "not a list", "[1, 2]"),
        ("{a: []}", 17, "not a list", ""),
        ("{steps: [1], exclude: [{stepz: 1}]}", 37, "'stepz'", "'steps'"),
        ("{a: [1], exclude: [{a: 1}]}", 13, "no combination left", ""),
        ("{a: [1], include: 3}", 31, "list of mappings", ""),
    ],
)
def test_wrong_matrices(matrix, column, said, hinted):
    [mistake] = [
        m for m in told(f"name: w\npubs:\n  - circuit: c\n    matrix: {matrix}\n") if said in m.message
    ]
    assert mistake.place == f"w.yaml:4:{column}"
    assert hinted in (mistake.hint or "")


def test_a_mistake_of_one_combination_is_told_where_it_is_written_and_with_which():
    mistakes = told("name: w\npubs:\n  - circuit: c\n    shots: ${n}\n    matrix: {n: [5, -1, -2]}\n")
    assert [(m.place, m.hint) for m in mistakes] == [("w.yaml:4:12", "It says -1. This is with n=-1.")]


SET = [
    ("defaults.shots=100", ("defaults", "shots"), 100),
    ("defaults.new.deep=[1, {a: b}]", ("defaults", "new", "deep"), [1, {"a": "b"}]),
    ("pubs.0.shots=7", ("pubs", 0, "shots"), 7),
    ("pubs[1].circuit=d", ("pubs", 1, "circuit"), "d"),
    ('circuits."a.b".qasm=x', ("circuits", "a.b", "qasm"), "x"),
    ("name=", ("name",), None),
    ("name=a=b", ("name",), "a=b"),
    ("name=${v}", ("name",), 5),
    ("vars.v=1e-3", ("name",), 0.001),
]


@pytest.mark.parametrize(("setting", "path", "meant"), SET)
def test_settings(setting, path, meant):
    text = "name: ${v}\nvars: {v: 5}\ndefaults: {shots: 1}\npubs: [{circuit: c}, {circuit: c}]\n"
    value = data(text, setting)
    for part in path:
        value = value[part]
    assert value == meant


def test_setting_of_a_matrix_means_every_pub_that_has_it():
    text = "pubs: [{circuit: a, matrix: {s: [1]}}, {circuit: b, matrix: {t: [1]}}, {circuit: c, matrix: {s: [3]}}]"
    assert [pub["circuit"] for pub in data(text, "matrix.s=[1, 2]")["pubs"]] == ["a", "a", "b", "c", "c"]


def test_names_that_a_matrix_makes_too_long_are_cut_and_stay_different():
    keys = "abcdefghijklmnopqrstuvwxyz"
    axes = ", ".join(f"{key}: [{key * 39}]" for key in keys[:-1])
    text = f"pubs: [{{name: long, circuit: c, matrix: {{{axes}, z: [1, 2]}}}}, {{circuit: d, matrix: {{x: [1]}}}}]"
    first, second, short = (pub["name"] for pub in data(text)["pubs"])
    assert (first[:12], first[-2:], second) == ("long[a=aaaaa", "…]", f"{first}#2")
    assert len(f"{first}#10000") == LONGEST_NAME
    assert short == "pub-1[x=1]"


@pytest.mark.parametrize(
    ("setting", "place", "said", "hinted"),
    [
        ("shots", "--set", "not PATH=VALUE", "defaults.shots=100"),
        ("=1", "--set", "not PATH=VALUE", ""),
        ("a..b=1", "--set a..b", "not a path", "pubs.0.shots"),
        ("pubs.9.shots=1", "--set pubs.9.shots", "list of 1", "0 to 0"),
        ("pubs.x.shots=1", "--set pubs.x.shots", "list of 1", "0 to 0"),
        ("name.x=1", "--set name.x", "no 'x' in it", ""),
        ("matrix.stepz=[1]", "--set matrix.stepz", "'stepz'", "'steps'"),
        ("matrix=[1]", "--set matrix", "needs a key", ""),
        ("name=[1", "--set name", "Not YAML", ""),
        ("include=other.yaml", "--set include", "not changed on the command line", "${…}"),
        ("include[0]=other.yaml", "--set include[0]", "not changed on the command line", ""),
        ("defaults.shotz=1", "--set defaults.shotz", "no key 'shotz'", "'shots'"),
        ("defaults.shots=many", "--set defaults.shots", "valid integer", "many"),
        ("pubs[0].shots=-1", "--set pubs[0].shots", "greater", "-1"),
        ("pubs.0.shots=-1", "--set pubs.0.shots", "greater", "-1"),
        ("defaults={shots: 1, precison: 2}", "--set defaults", "precison", "precision"),
    ],
)
def test_wrong_settings(setting, place, said, hinted):
    text = "name: w\npubs: [{circuit: c, matrix: {steps: [1]}}]\ndefaults: {shots: 3}\n"
    [mistake] = [m for m in told(text, setting) if said in m.message]
    assert mistake.place == place
    assert hinted in (mistake.hint or "")


def test_include(tmp_path):
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "circuits.yaml").write_text("circuits:\n  c: {file: c.qasm}\n  bad: {fil: x}\n")
    (tmp_path / "sub" / "c.qasm").write_text(
        'OPENQASM 2.0; include "qelib1.inc"; qreg q[1]; creg c[1]; measure q->c;'
    )
    (tmp_path / "common.yaml").write_text(
        "include: sub/circuits.yaml\ntags: [a, b]\ndefaults: {shots: 5, options: {x: 1}}\n"
    )
    path = tmp_path / "w.yaml"
    path.write_text(
        "include: [common.yaml]\nname: w\ntags: [c]\ndefaults: {shots: 6}\npubs: [{circuit: c}, {circuit: d}]\n"
    )
    document = open_document(path, LoadChoices(("circuits.bad={of: c}",)))
    assert document.data["tags"] == ["c"]
    assert document.data["defaults"] == {"shots": 6, "options": {"x": 1}}
    with pytest.raises(InvalidWorkload) as error:
        load_workload(document)
    assert [str(m) for m in error.value.mistakes] == [f"{path}:5:32: There is no circuit 'd'."]
    with pytest.raises(InvalidWorkload) as error:
        load_workload(open_document(path))
    places = [m.place for m in error.value.mistakes]
    assert places == [f"{tmp_path / 'sub' / 'circuits.yaml'}:3:8", f"{path}:5:32"]


@pytest.mark.parametrize(
    ("files", "place", "said"),
    [
        ({"w": "include: w.yaml"}, "w.yaml:1:10", "includes itself"),
        ({"w": "include: [b.yaml]", "b": "include: w.yaml"}, "b.yaml:1:10", "includes itself"),
        ({"w": "include: [b.yml]", "b": ""}, "w.yaml:1:11", "no file b.yml"),
        ({"w": "include: b.yaml", "b": "[1]"}, "w.yaml:1:10", "not a mapping"),
        ({"w": "include: b.yaml", "b": "a: [1"}, "b.yaml:2:1", "Not YAML"),
        ({"w": "include: [1]"}, "w.yaml:1:11", "takes the path"),
        ({"w": "include: null"}, "w.yaml:1:10", "takes the path"),
    ],
)
def test_wrong_includes(tmp_path, files, place, said):
    for name, text in files.items():
        (tmp_path / f"{name}.yaml").write_text(text)
    with pytest.raises(WorkloadError, match=said) as error:
        open_document(tmp_path / "w.yaml")
    assert error.value.place == f"{tmp_path}/{place}"


def test_a_sweep_over_many_pubs_shares_what_it_can():
    text = (
        "name: w\ncircuits: {c: {qasm: 'OPENQASM 2.0; qreg q[1]; creg c[1]; measure q -> c;'}}\n"
        "pubs: [{circuit: c, shots: ${s}, matrix: {s: ["
        + ", ".join(str(s + 1) for s in range(100))
        + "], r: ["
        + ", ".join(map(str, range(100)))
        + "]}}]\n"
    )
    workload = load_workload(parse_document(text, "w.yaml"))
    assert len(workload.pubs) == 10_000
    assert len({id(pub.circuit) for pub in workload.pubs}) == 1
    assert workload.pubs[-1].name == "pub-0[s=100,r=99]"
