"""The README: every command in it runs, and every command and option has its place in it."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import pytest

from tests.command import QRUN, ROOT

README = (ROOT / "README.md").read_text(encoding="utf-8")
CONSOLE = re.findall(r"^```console\n(.*?)^```", README, re.DOTALL | re.MULTILINE)
COMMANDS = [
    line.removeprefix("$ ") for block in CONSOLE for line in block.splitlines() if line.startswith("$ ")
]


def test_every_command_line_of_the_readme_runs(fresh):
    assert len(COMMANDS) >= 10
    env = {**fresh.env, "PATH": f"{QRUN.parent}{os.pathsep}{os.environ['PATH']}"}
    for command in COMMANDS:
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", command],
            cwd=ROOT,
            env=env,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert done.returncode == 0, (command, done.stdout, done.stderr)


def _words(*command: str) -> str:
    env = {**os.environ, "NO_COLOR": "1", "TERM": "dumb", "COLUMNS": "200"}
    return subprocess.run(
        [str(QRUN), *command, "--help"], capture_output=True, text=True, env=env, check=True
    ).stdout


def test_every_command_is_in_the_readme():
    commands = re.findall(r"^│ (\w+) ", _words().split("Commands")[1], re.MULTILINE)
    assert {"submit", "usage", "local"} <= set(commands)
    for command in commands:
        assert f"`qrun {command}" in README, command
    for command in re.findall(r"^│ (\w+) ", _words("local").split("Commands")[1], re.MULTILINE):
        assert f"`{command}`" in README, command


def test_the_example_in_the_readme_is_the_example(root):
    import yaml

    shown = re.search(r"^```yaml\n(.*?)^```", README, re.DOTALL | re.MULTILINE)
    assert shown
    assert yaml.safe_load(shown[1]) == yaml.safe_load((root / "workloads" / "bell.yaml").read_text())


def test_exit_codes_in_the_readme_are_those_of_the_program():
    from qrun.errors import ExitCode

    listed = {int(code) for code in re.findall(r"^\| (\d+) \|", README, re.MULTILINE)}
    assert listed == {int(code) for code in ExitCode}


@pytest.mark.parametrize(
    "key",
    [
        "name",
        "backend",
        "mode",
        "service",
        "max_time",
        "tags",
        "budget",
        "exclusive",
        "partition",
        "retry",
        "defaults",
        "circuits",
        "observables",
        "pubs",
        "loops",
        "include",
        "vars",
    ],
)
def test_every_key_of_a_workload_is_in_the_readme(key):
    from qrun.workload.model import WorkloadFile

    assert key in WorkloadFile.model_fields
    assert f"| `{key}` |" in README


def test_every_kind_of_circuit_and_every_generator_is_in_the_readme():
    from qrun.workload.arrays import GENERATORS
    from qrun.workload.model import CIRCUIT_KINDS
    from qrun.workload.parameters import SWEEPS

    for word in (*CIRCUIT_KINDS, *GENERATORS, *SWEEPS, "assign", "inverse", "repeat", "measure", "matrix"):
        assert word == "values" or f"{{{word}: " in README or f"`{word}: " in README, word


def test_ci_runs_the_test_command_of_the_readme():
    ci = Path(ROOT / ".ci" / "run").read_text()
    assert "Run the tests:" in ci
    assert README.count("Run the tests:") == 1
