"""``qrun schema``: one JSON document, for editors."""

from __future__ import annotations

import subprocess

import jsonschema
import pytest

from tests.command import QRUN, ROOT


def test_it_prints_the_schema(qrun):
    schema = qrun.json("schema")
    jsonschema.Draft202012Validator.check_schema(schema)
    assert {"name", "pubs", "include"} <= set(schema["properties"])


@pytest.mark.parametrize("command", ["schema", "show workloads/bell.yaml", "show --json workloads/bell.yaml"])
def test_a_reader_that_leaves_early_is_no_fault(qrun, command):
    done = subprocess.run(
        f"set -o pipefail; {QRUN} {command} | true",
        shell=True,
        executable="/bin/bash",
        capture_output=True,
        text=True,
        env=qrun.env,
        cwd=ROOT,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_it_takes_no_words(qrun):
    assert "Traceback" not in qrun("schema", "workloads/bell.yaml", code=2).stderr
