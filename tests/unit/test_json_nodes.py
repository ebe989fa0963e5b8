"""JSON is read as JSON: as YAML would, place for place, and with keys that YAML does not take."""

from __future__ import annotations

import contextlib
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qrun.errors import WorkloadError
from qrun.workload.document import parse_document

PRINTED = st.text(st.characters(codec="utf-8", exclude_categories=["C", "Z"]), max_size=8)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | PRINTED,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(PRINTED, inner, max_size=3),
    max_leaves=12,
)


@given(VALUES, st.sampled_from([None, 2]))
def test_places_and_values_are_those_that_yaml_tells(value, indent):
    text = json.dumps({"v": value}, indent=indent, ensure_ascii=False)
    document = parse_document(text, "p.json")
    # A comment makes it YAML and no JSON.
    as_yaml = parse_document(f"{text}\n# no JSON", "p.yaml")
    assert document.data == as_yaml.data == {"v": value}
    for told, expected in [
        (document.places, as_yaml.places),
        (document.key_places, as_yaml.key_places),
    ]:
        assert {at: place[1:] for at, place in told.items()} == {
            at: place[1:] for at, place in expected.items()
        }


@given(st.text(alphabet='{}[]":,\\u0d8c19e+-.tfnNaI \n\t', max_size=40))
def test_what_python_takes_for_json_is_taken_and_nothing_else(text):
    text = f'{{"v": {text}'
    try:
        expected = json.loads(text, parse_constant=lambda word: pytest.fail(word))
    except (ValueError, pytest.fail.Exception):
        with contextlib.suppress(WorkloadError):
            parse_document(text, "p.yaml")
        with pytest.raises(WorkloadError):
            parse_document(text, "p.json")
        return
    with contextlib.suppress(WorkloadError):  # a key twice, half a character, a number beyond floats
        assert parse_document(text, "p.json").data == expected


def test_a_key_as_long_as_a_large_observable():
    label = "Z" * 1121
    text = f'{{"observables": {{"{label}": 1.0}}}}'
    assert parse_document(text, "p.json").data == {"observables": {label: 1.0}}
    assert parse_document(text, "-").data == {"observables": {label: 1.0}}


@pytest.mark.parametrize("written", ["{0}: 1.0", '"{0}": 1.0', "{{{0}: 1.0}}", "a: {{b: 1, {0}: 1.0}}"])
def test_yaml_says_what_to_do_about_such_a_key(written):
    with pytest.raises(WorkloadError, match=r"A key of 1,121 characters is too long") as error:
        parse_document("observables:\n  " + written.format("Z" * 1121), "w.yaml")
    assert error.value.line == 2
    assert "'? ' before it" in error.value.hint
    assert parse_document("o:\n  ? " + "Z" * 1121 + "\n  : 1.0\n", "w.yaml").data == {"o": {"Z" * 1121: 1.0}}


@pytest.mark.parametrize(
    ("text", "place", "said"),
    [
        ('{"a": 1,}', "p.json:1:9", "a key in double quotes is expected"),
        ('{"a": 1\n "b": 2}', "p.json:2:2", "a ',' or a '}' is expected"),
        ('{"a" 1}', "p.json:1:6", "a ':' is expected"),
        ('{"a": 012}', "p.json:1:8", "a ',' or a '}' is expected"),
        ('{"a": tru}', "p.json:1:7", "a value is expected"),
        ('{"a": "x', "p.json:1:7", "unterminated string"),
        ('{"a": 1} 2', "p.json:1:10", "something follows"),
        ('{"a": 1, "a": 2}', "p.json:1:10", "twice"),
        ('{"a":\n  NaN}', "p.json:2:3", "not finite"),
        ('{"a": 1e400}', "p.json:1:7", "not finite"),
        ('{"a": "\\ud800"}', "p.json:1:7", "half a character"),
        ("[" * 100_000, "p.json:1:62", "levels deep"),
        (f'{{"a": [{"1," * 500_001}1]}}', "p.json:1:1000004", "more than 500,000 values"),
        (f'{{"a": {"1" * 5000}}}', "p.json:1:7", "5,000 digits is too long"),
    ],
)
def test_what_is_refused(text, place, said):
    with pytest.raises(WorkloadError) as error:
        parse_document(text, "p.json")
    assert error.value.place == place
    assert said in error.value.message


def test_yaml_that_begins_like_json_is_yaml():
    assert parse_document("{a: ${n}, b: [x]}", "w.yaml").data == {"a": "${n}", "b": ["x"]}
    assert parse_document("[1, 2, x]", "-").data == [1, 2, "x"]
