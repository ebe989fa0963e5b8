"""YAML as data with places, and what is refused in it."""

from __future__ import annotations

import contextlib
import textwrap

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qrun.errors import WorkloadError
from qrun.workload.document import parse_document, read_document


def test_values_know_where_they_stand():
    document = parse_document("name: bell\npubs:\n  - circuit: ghz\n    shots: 10\n", "w.yaml")
    assert document.data == {"name": "bell", "pubs": [{"circuit": "ghz", "shots": 10}]}
    assert document.error(("pubs", 0, "shots"), "x").place == "w.yaml:4:12"
    assert document.error(("pubs", 0, "shots"), "x", at_key=True).place == "w.yaml:4:5"


def test_a_location_that_is_not_in_the_file_means_the_nearest_above():
    document = parse_document("pubs:\n  - circuit: ghz\n", "w.yaml")
    assert document.error(("pubs", 0, "name"), "x").place == "w.yaml:2:5"


def test_names_that_validators_put_between_are_passed_over():
    document = parse_document("circuits:\n  a: {file: x.qasm}\n", "w.yaml")
    assert document.error(("circuits", "a", "FileCircuit", "file"), "x").place == "w.yaml:2:13"


@pytest.mark.parametrize(
    ("text", "place", "said"),
    [
        ("a: [1, 2\nb: 3\n", "w.yaml:2:2", "Not YAML"),
        ("a: 1\na: 2\n", "w.yaml:2:1", "twice"),
        ("a: !!python/object/apply:os.system [ls]\n", "w.yaml:1:4", "tag"),
        ("a: !foo 1\n", "w.yaml:1:4", "tag"),
        ("? [1, 2]\n: 3\n", "w.yaml:1:3", "key must be a word"),
        ("a: &x {b: 1}\nc: {<<: *x}\n", "w.yaml:2:5", "Merge"),
        ("\ta: 1\n", "w.yaml:1:1", "A tab"),
        ("a:\n\t- 1\n", "w.yaml:2:1", "A tab"),
        ("é: 1\nb: \0\n", "w.yaml:2:4", "character 0x0000"),
        ("a: 1\nb: \ud800\n", "w.yaml:2:4", "character 0xd800"),
        ("", "w.yaml", "empty"),
    ],
)
def test_what_is_refused(text, place, said):
    with pytest.raises(WorkloadError) as error:
        parse_document(text, "w.yaml")
    assert error.value.place == place
    assert said in error.value.message


def test_tags_are_not_constructed_even_in_containers():
    with pytest.raises(WorkloadError):
        parse_document("a: !!python/object/new:os.system\n- x\n", "w.yaml")


def test_alias_bomb_is_refused():
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    for level in range(1, 9):
        lines.append(f"a{level}: &a{level} [" + ", ".join([f"*a{level - 1}"] * 10) + "]")
    with pytest.raises(WorkloadError, match="larger"):
        parse_document("\n".join(lines), "w.yaml")


def test_deep_nesting_is_refused():
    for text in ("[" * 100_000, "[" * 500 + "]" * 500, "- " * 5000 + "x", "{a: " * 100_000):
        with pytest.raises(WorkloadError, match="levels deep"):
            parse_document(text, "w.yaml")


def test_numbers_with_an_exponent_are_numbers():
    assert parse_document("[1e-3, 2E4, -.5e1, '1e-3', e5]", "w.yaml").data == [
        0.001,
        20000.0,
        -5.0,
        "1e-3",
        "e5",
    ]


def test_dates_stay_text():
    assert parse_document("a: 2026-11-22\n", "w.yaml").data == {"a": "2026-11-22"}


def test_not_utf8(tmp_path):
    path = tmp_path / "w.yaml"
    path.write_bytes(b"name: \xff\xfe\n")
    with pytest.raises(WorkloadError, match="UTF-8"):
        read_document(path)


def test_missing_file_and_folder(tmp_path):
    with pytest.raises(WorkloadError, match="no file"):
        read_document(tmp_path / "none.yaml")
    with pytest.raises(WorkloadError, match="folder"):
        read_document(tmp_path)


@given(st.text())
def test_any_text_parses_or_is_refused_with_an_error_for_the_user(text):
    with contextlib.suppress(WorkloadError):
        parse_document(text, "w.yaml")


@given(
    st.recursive(
        st.none()
        | st.booleans()
        | st.integers()
        | st.text(st.characters(codec="ascii", exclude_categories=["C"])),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(st.from_regex(r"[a-z]{1,8}", fullmatch=True), inner, max_size=3)
        ),
        max_leaves=12,
    )
)
def test_json_means_itself(value):
    import json

    document = parse_document(json.dumps({"v": value}), "w.yaml")
    assert document.data == {"v": value}


def test_the_documentation_of_an_error_is_its_place_and_message():
    error = parse_document(textwrap.dedent("a: 1\n"), "w.yaml").error(("a",), "wrong", "right")
    assert str(error) == "w.yaml:1:4: wrong"
    assert error.hint == "right"
