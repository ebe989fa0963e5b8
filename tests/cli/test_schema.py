"""``qrun schema``: one JSON document, for editors."""

from __future__ import annotations

import subprocess

import jsonschema

from tests.command import QRUN


def test_it_prints_the_schema(qrun):
    schema = qrun.json("schema")
    jsonschema.Draft202012Validator.check_schema(schema)
    assert {"name", "pubs", "include"} <= set(schema["properties"])


def test_a_reader_that_leaves_early_is_no_fault(qrun):
    done = subprocess.run(
        f"set -o pipefail; {QRUN} schema | head -c 10",
        shell=True,
        executable="/bin/bash",
        capture_output=True,
        text=True,
        env=qrun.env,
        check=False,
    )
    assert done.stderr == ""


def test_it_takes_no_words(qrun):
    assert "Traceback" not in qrun("schema", "workloads/bell.yaml", code=2).stderr
