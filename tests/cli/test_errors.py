"""What is wrong is told with its place and the documented exit code, and nothing is submitted."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

CIRCUIT = "OPENQASM 3.0; include 'stdgates.inc'; qubit[2] q; bit[2] c; h q[0]; c = measure q;"
GOOD = f"""name: good
backend: fake_manila
circuits:
  c: {{qasm: "{CIRCUIT}"}}
pubs:
  - {{circuit: c, shots: 10}}
"""


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("shots: 10", "shotz: 10", "w.yaml:6:18: There is no key 'shotz'"),
        ("shots: 10", "shots: [", "w.yaml:6:26: Not YAML"),
        ("backend: fake_manila", "backend: fake_vanilla", "w.yaml:2:10: There is no backend 'fake_vanilla'"),
        (
            "qubit[2] q; bit[2] c",
            "qubit[9] q; bit[9] c",
            "w.yaml:6:15: The circuit 'c' has 9 qubits; fake_manila has 5",
        ),
        ("shots: 10", "observables: ZZZ", "w.yaml:6:18: The observable ZZZ acts on 3 qubits"),
        ("circuit: c", "circuit: d", "w.yaml:6:15: There is no circuit 'd'"),
        ("h q[0];", "h q[7];", "w.yaml:4:13: OpenQASM 3 error"),
        (f'{{qasm: "{CIRCUIT}"}}', "{file: none.qasm}", "w.yaml:4:13: There is no file none.qasm"),
        ("shots: 10", "shots: 10, options: {twirlling: {}}", "w.yaml:6:39: There is no option 'twirlling'"),
        (
            "shots: 10",
            "observables: ZZ, options: {resilience: {zne_mitigation: true, pec_mitigation: true}}",
            "w.yaml:6:5: The estimator refuses the PUBs of this job",
        ),
    ],
)
def test_a_wrong_workload_is_told_with_its_place(qrun, tmp_path, old, new, told):
    before = qrun.json("list", "--json", "-n", "1000")
    path = tmp_path / "w.yaml"
    assert old in GOOD
    path.write_text(GOOD.replace(old, new))
    done = qrun("submit", str(path), code=2)
    assert f"{tmp_path}/{told}" in done.stderr, done.stderr
    assert done.stdout == ""
    assert qrun.json("list", "--json", "-n", "1000") == before


def test_did_you_mean(qrun, tmp_path):
    path = tmp_path / "w.yaml"
    path.write_text(GOOD.replace("fake_manila", "fake_manilla"))
    assert "Did you mean 'fake_manila'?" in qrun("submit", str(path), code=2).stderr


def test_a_backend_of_the_command_line_is_told_without_a_place(qrun):
    done = qrun("submit", "workloads/bell.yaml", "--backend", "nix", code=2)
    assert "error: There is no backend 'nix' here" in done.stderr


@pytest.mark.parametrize(
    "words",
    [
        ("submit",),
        ("submit", "none.yaml"),
        ("submit", "workloads"),
        ("submit", "workloads/bell.yaml", "--mode", "turbo"),
        ("submit", "workloads/bell.yaml", "--max-time", "soon"),
        ("submit", "workloads/bell.yaml", "--tag", "qrun:x"),
        ("wait", "none"),
        ("wait", "last", "--timeout", "soon"),
        ("wait", "-"),
        ("usage", "00000000-0000-0000-0000-000000000000"),
        ("usage", "nonesuch"),
        ("results", "none"),
        ("frobnicate",),
    ],
)
def test_wrong_use_ends_with_2(qrun, words):
    done = qrun(*words, code=2)
    assert done.stdout == ""
    assert done.stderr


def test_an_account_that_is_not_there_ends_with_3(qrun):
    done = qrun("submit", "workloads/bell.yaml", "--service", "nobody", code=3)
    assert "There is no saved account 'nobody'" in done.stderr
    done = qrun("submit", "workloads/bell.yaml", code=3, env={"QRUN_SERVICE": "ibm"})
    assert "There is no default IBM Quantum account" in done.stderr


def test_a_wrong_token_ends_with_3_and_is_not_shown(qrun, service_env):
    import json

    service = json.loads((Path(service_env["QRUN_HOME"]) / "local" / "service.json").read_text())
    env = {
        "QISKIT_IBM_TOKEN": "wrong-token-0123456789",
        "QISKIT_IBM_URL": f"{service['url']}/experimental/api/v1",
        "QISKIT_IBM_INSTANCE": service["instance"],
        "IAM_URL": f"{service['url']}/iam",
        "GLOBAL_SEARCH_URL": f"{service['url']}/search",
        "GLOBAL_CATALOG_URL": f"{service['url']}/catalog",
    }
    for words in (
        ("usage", "x", "--service", "ibm"),
        ("--debug", "submit", "workloads/bell.yaml", "--service", "ibm"),
    ):
        import subprocess

        from tests.command import QRUN

        done = subprocess.run(
            [str(QRUN), *words],
            capture_output=True,
            text=True,
            env={**service_env, **env},
            cwd=qrun.cwd,
            check=False,
        )
        assert done.returncode == 3, done.stderr
        assert "wrong-token" not in done.stderr + done.stdout


def test_a_service_that_cannot_start_ends_with_3(fresh, tmp_path):
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "local").write_text("in the way")
    path = tmp_path / "w.yaml"
    path.write_text(GOOD)
    done = fresh("submit", str(path), code=None)
    (tmp_path / "home" / "local").unlink()
    assert done.returncode == 3
    assert "error:" in done.stderr


def test_a_failed_job_ends_with_1_and_says_why(qrun, tmp_path):
    path = tmp_path / "w.yaml"
    # The client can't know that the local service does not simulate raw measurement data.
    path.write_text(GOOD.replace("shots: 10", "shots: 10, options: {execution: {meas_type: kerneled}}"))
    done = qrun("submit", str(path), "--watch", code=1)
    assert "kerneled" in done.stderr
    run_id = qrun.json("list", "--json", "-n", "1")[0]["run"]
    qrun("wait", run_id, code=1)
    document = qrun.json("results", run_id, "--format", "json", code=1)
    assert document["pubs"][0]["data"] is None
    assert document["pubs"][0]["state"] == "ERROR"
    # M11: it failed before the QPU was locked, so it has no usage.
    assert qrun.json("usage", run_id, "--json")["usage_seconds"] == 0


def test_secrets_are_their_owners_alone(qrun, service_env):
    home = Path(service_env["QRUN_HOME"])
    qrun("submit", "workloads/bell.yaml", "--mode", "job", "--watch")
    token = (home / "local" / "token").read_text().strip()
    for path in home.rglob("*"):
        if path.is_file() and token in path.read_bytes().decode("latin-1"):
            assert path.name == "token", f"the token is in {path}"
    for name in ("local/token", "local/service.json", "ledger.sqlite"):
        assert stat.S_IMODE((home / name).stat().st_mode) == 0o600, name
    assert stat.S_IMODE(home.stat().st_mode) == 0o700
    listing = os.popen("ps -eo args").read()
    assert token not in listing


@pytest.mark.parametrize("command", ["cancel", "status", "usage", "wait", "results", "close"])
def test_an_empty_id_means_nothing(qrun, command):
    """``qrun cancel "$UNSET"`` must not take the only run there is."""
    assert "ID is empty" in qrun(command, "", code=2).stderr


def test_a_home_that_cannot_be_made_is_told(fresh, tmp_path):
    (tmp_path / "file").write_text("")
    for home in (tmp_path / "file", tmp_path / "file" / "below", "/proc/qrun"):
        done = fresh("list", code=3, env={"QRUN_HOME": str(home)})
        assert "QRUN_HOME" in done.stderr
        assert "mistake in qrun" not in done.stderr


def test_standard_output_that_cannot_be_written(qrun):
    import subprocess

    from tests.command import QRUN

    full = subprocess.run(
        f"{QRUN} list --json > /dev/full",
        shell=True,
        capture_output=True,
        text=True,
        env=qrun.env,
        check=False,
    )
    assert full.returncode == 3
    assert "No space left" in full.stderr
    closed = subprocess.run(
        f"{QRUN} list >&-", shell=True, capture_output=True, text=True, env=qrun.env, check=False
    )
    assert closed.returncode == 0, closed.stderr


def test_too_many_tags_are_refused_before_anything_is_sent(qrun):
    tags = [word for i in range(7) for word in ("--tag", f"t{i}")]
    assert "6 tags" in qrun("submit", "workloads/bell.yaml", *tags, code=2).stderr


def test_a_maximum_time_above_the_services_is_told_in_words(qrun):
    done = qrun("submit", "workloads/bell.yaml", "--mode", "batch", "--max-time", "100h", code=3)
    assert "28800" in done.stderr
    assert "{" not in done.stderr


def test_a_workload_from_standard_input_with_settings(qrun):
    words = ("submit", "-", "--set", "pubs.0.shots=7", "--set", "name=changed", "--set", "pubs.0.name=p")
    run = qrun(*words, stdin=GOOD).stdout.strip()
    [pub] = qrun.json("results", run, "--format", "json")["pubs"]
    assert (pub["shots"], pub["name"]) == (7, "p")


def test_mistakes_of_standard_input_and_of_settings(qrun):
    done = qrun(
        "submit", "-", "--set", "defaults.shotz=1", stdin=GOOD.replace("circuit: c", "circuit: d"), code=2
    )
    assert "-:6:15: There is no circuit 'd'" in done.stderr
    assert "--set defaults.shotz: There is no key 'shotz'" in done.stderr
    text = GOOD.replace("circuit: c,", "circuit: {python: 'c.py:f'},")
    assert "--trust" in qrun("submit", "-", stdin=text, code=2).stderr
