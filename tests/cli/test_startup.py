"""What a command imports. Waiting two seconds for ``--help`` is where every tool of this field loses."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

SLOW = ("qiskit", "qiskit_aer", "qiskit_ibm_runtime", "numpy", "scipy", "samplomatic", "fastapi")

PROGRAM = """
import json, sys
from qrun.cli.main import main
sys.argv = ["qrun", *sys.argv[1:]]
try:
    main()
except SystemExit:
    pass
sys.stderr.write("\\n" + json.dumps(sorted({name.split(".")[0] for name in sys.modules})))
"""


def imported(env, *words: str) -> set[str]:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, *words],
        capture_output=True,
        text=True,
        env=env,
        stdin=subprocess.DEVNULL,
        check=True,
    )
    return set(json.loads(done.stderr.splitlines()[-1]))


@pytest.fixture(scope="module")
def run_id(service_env, tmp_path_factory):
    from tests.command import ROOT, Qrun, many_jobs

    path = many_jobs(tmp_path_factory.mktemp("w") / "w.yaml", 1)
    return Qrun(service_env, ROOT)("submit", str(path), "--mode", "batch").stdout.strip()


@pytest.mark.parametrize(
    "words",
    [
        "--help",
        "--version",
        "backends fake_manila",
        "submit --help",
        "local --help",
        "local status",
        "local env",
        "list",
        "schema",
        "init -",
    ]
    + ["validate --help", "validate --no-compile nix.yaml", "validate --no-compile {broken}"]
    + [
        f"{command} {{run}}"
        for command in ("status", "wait", "watch", "usage", "close", "cancel", "usage --json", "timeline")
    ]
    + ["usage --since 1d", "usage --check", "report {run} --markdown"],
)
def test_commands_that_do_not_compute_import_nothing_slow(service_env, run_id, words, tmp_path):
    broken = tmp_path / "broken.yaml"
    broken.write_text("name: b\npubs: [{circuit: c, shotz: ${x}}]\n")
    found = imported(service_env, *words.format(run=run_id, broken=broken).split())
    assert found.isdisjoint(SLOW), found & set(SLOW)


def test_help_does_not_import_the_network_either(service_env):
    assert imported(service_env, "--help").isdisjoint({"httpx", "yaml", "pydantic", "sqlite3"})


def test_results_seen_once_are_not_decoded_again(service_env, run_id):
    imported(service_env, "wait", run_id)
    assert "qiskit_ibm_runtime" in imported(service_env, "results", run_id)
    assert imported(service_env, "results", run_id).isdisjoint(SLOW)


def test_the_service_process_itself_does_not_import_qiskit(service_env):
    status = subprocess.run(
        [sys.executable, "-m", "qrun", "local", "status", "--json"],
        capture_output=True,
        text=True,
        env=service_env,
        check=True,
    )
    pid = json.loads(status.stdout)["pid"]
    with open(f"/proc/{pid}/maps") as maps:
        assert "qiskit" not in maps.read()
