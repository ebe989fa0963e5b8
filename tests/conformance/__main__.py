"""The client's own integration tests against the local service.

    python -m tests.conformance [--keep FOLDER] [--only TEXT]

Fetches the source distribution of the installed qiskit-ibm-runtime from the package index, takes the tests out
of it, starts a local service in a folder of its own and runs them there. Nothing of it is kept in this repository.
Prints what passed, failed and was skipped; exits with 1 if that isn't what ``expected.json`` says.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tarfile
import tempfile
import time
import venv
import xml.etree.ElementTree as ElementTree
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import httpx

CLIENT = "qiskit-ibm-runtime"
WANTED = ("pproxy==2.7.8", "simplejson", "qiskit-noise-learning")
"""What the tests import besides what the client needs."""
HERE = Path(__file__).parent
QPU = "test_eagle"
DEVICES = {"ibm_fez": "ideal", "alt_fez": "ideal", "ibm_miami": "ideal", QPU: "fake_kyiv"}
"""Names that the tests ask for, and devices like them. Of some, fractional gates are wanted."""
REAL_PACE = ("test_results.py", "test_ibm_job.py", "test_job.py", "test_retrieve_job.py")
"""Files with tests that want to see a job queued or running; the others run with modelled waiting skipped."""
LEFT_OUT = ("test_fake_backends.py",)
"""Of the client alone; no service is asked."""
QUEUED = (
    "test_job.py::TestIntegrationJob::test_cancel_job_queued",
    "test_job.py::TestIntegrationJob::test_delete_job_queued",
    "test_retrieve_job.py::TestIntegrationRetrieveJob::test_retrieve_job_queued",
)
"""Tests that skip themselves unless a job waits. With five lanes a second job does not, so here somebody else's
session holds the devices meanwhile."""
EARLIER_JOBS = 12
"""Some tests look for jobs of earlier days: a service that has just been made has none."""


@dataclass(frozen=True)
class Part:
    """Tests that want the same kind of service.

    Args:
        name: What it is called here.
        chosen: Files or tests of the client's folder ``test/integration``.
        left_out: Tests of those files that belong to another part.
        pace: As ``qrun local start --pace`` takes it.
        occupied: Whether somebody's sessions hold all devices.
    """

    name: str
    chosen: tuple[str, ...]
    left_out: tuple[str, ...] = ()
    pace: str = "skip"
    occupied: bool = False


def parts(tests: Path) -> list[Part]:
    """All tests, each in one part."""
    place = tests / "test" / "integration"
    files = sorted(path.name for path in place.glob("test_*.py") if path.name not in LEFT_OUT)
    return [
        Part("skip", tuple(name for name in files if name not in REAL_PACE)),
        Part("real", tuple(name for name in files if name in REAL_PACE), left_out=QUEUED, pace="real"),
        Part("queued", QUEUED, pace="real", occupied=True),
    ]


@dataclass(frozen=True)
class Outcome:
    """How one test went: ``passed``, ``failed`` or ``skipped``, and why."""

    test: str
    outcome: str
    why: str = ""


def main() -> int:
    """Run the tests and compare."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.conformance", description=__doc__.partition("\n")[0]
    )
    parser.add_argument("--keep", type=Path, help="a folder to work in and to leave as it is")
    parser.add_argument("--only", default="", help="run only the tests whose name has this in it (pytest -k)")
    asked = parser.parse_args()
    with working_folder(asked.keep) as folder:
        tests = fetch_tests(folder)
        python = environment_of_tests(folder)
        outcomes: list[Outcome] = []
        for part in parts(tests):
            with service(folder, part) as variables:
                outcomes += run(tests, python, variables, part, asked.only, folder)
    return report(outcomes, partial=bool(asked.only))


@contextmanager
def working_folder(kept: Path | None) -> Iterator[Path]:
    """A folder to work in."""
    if kept is not None:
        kept.mkdir(parents=True, exist_ok=True)
        yield kept.resolve()
        return
    with tempfile.TemporaryDirectory(prefix="qrun-conformance-") as folder:
        yield Path(folder)


def fetch_tests(folder: Path) -> Path:
    """The folder that holds the client's ``test`` folder."""
    release = version(CLIENT)
    place = folder / "tests"
    if not (place / "test").exists():
        say(f"fetching the source distribution of {CLIENT} {release}")
        wanted = ["--no-deps", "--no-binary", ":all:", "--dest", str(folder), f"{CLIENT}=={release}"]
        subprocess.run([sys.executable, "-m", "pip", "-q", "download", *wanted], check=True)
        (archive,) = folder.glob("*.tar.gz")
        with tarfile.open(archive) as source:
            for member in source.getmembers():
                _, _, inside = member.name.partition("/")
                if inside == "pyproject.toml" or inside.startswith("test/"):
                    member.name = inside
                    source.extract(member, place, filter="data")
    return place


def environment_of_tests(folder: Path) -> Path:
    """A Python with all that this one has and what the tests need besides; its path."""
    place = folder / "venv"
    python = place / "bin" / "python"
    if not python.exists():
        say("installing what the tests need: " + ", ".join(WANTED))
        venv.create(place, with_pip=False, symlinks=True)
        (site,) = place.glob("lib/python*/site-packages")
        ours = [path for path in sys.path if path.endswith("site-packages")]
        (site / "this.pth").write_text("\n".join(ours) + "\n")
        subprocess.run([python, "-m", "pip", "-q", "install", *WANTED], check=True)
    return python


@contextmanager
def service(folder: Path, part: Part) -> Iterator[dict[str, str]]:
    """A local service such as the tests want, and the variables that lead them to it."""
    home = folder / "home"
    devices = home / "local" / "devices"
    devices.mkdir(parents=True, exist_ok=True)
    for name, like in DEVICES.items():
        (devices / f"{name}.json").write_text(json.dumps({"like": like}))
    variables = {
        **{name: value for name, value in os.environ.items() if "proxy" not in name.lower()},
        "QRUN_HOME": str(home),
        "HOME": str(home),
    }
    qrun = [sys.executable, "-m", "qrun", "local"]
    start = [*qrun, "start", "--plan", str(HERE / "internal.toml"), "--pace", part.pace]
    subprocess.run(start, check=True, env=variables, stdout=subprocess.DEVNULL)
    try:
        announced = json.loads((home / "local" / "service.json").read_text())
        token = (home / "local" / "token").read_text().strip()
        submit_earlier_jobs(announced, token)
        if part.occupied:
            occupy(announced, token)
        yield {
            **variables,
            # In proxy form, so that the tests find all of IBM's hosts below one name.
            "http_proxy": announced["url"],
            "QISKIT_IBM_URL": "http://qrun.local",
            "IAM_URL": "http://iam.qrun.local",
            "QISKIT_IBM_TOKEN": token,
            "QISKIT_IBM_INSTANCE": announced["instance"],
            "QISKIT_IBM_QPU": QPU,
        }
    finally:
        subprocess.run([*qrun, "stop"], check=False, env=variables, stderr=subprocess.DEVNULL)


def client_of(announced: dict[str, str], token: str) -> httpx.Client:
    """A plain client of the service."""
    headers = {"Authorization": f"apikey {token}", "Service-CRN": announced["instance"]}
    return httpx.Client(base_url=announced["url"], headers=headers, trust_env=False, timeout=60)


def job_on(device: str, **more: str) -> dict[str, Any]:
    """A small job."""
    flip = 'OPENQASM 3.0; include "stdgates.inc"; bit[1] c; x $0; c[0] = measure $0;'
    params = {"pubs": [[flip, None, 10]], "version": 2}
    return {"program_id": "sampler", "backend": device, "params": params, **more}


def occupy(announced: dict[str, str], token: str) -> None:
    """Open a session on each device and run a job in it: until its ITTL it keeps all others out."""
    with client_of(announced, token) as client:
        for device in DEVICES:
            session = client.post("/v1/sessions", json={"mode": "dedicated", "backend": device}).json()["id"]
            job = client.post("/v1/jobs", json=job_on(device, session_id=session)).json()["id"]
            while client.get(f"/v1/jobs/{job}").json()["status"] in ("Queued", "Running"):
                time.sleep(0.2)


def submit_earlier_jobs(announced: dict[str, str], token: str) -> None:
    """Make sure that the QPU has had some jobs."""
    job = job_on(QPU)
    with client_of(announced, token) as client:
        had = client.get("/v1/jobs", params={"limit": 1}).json()["count"]
        for _ in range(max(0, EARLIER_JOBS - had)):
            client.post("/v1/jobs", json=job).raise_for_status()


def run(
    tests: Path, python: Path, variables: dict[str, str], part: Part, only: str, folder: Path
) -> list[Outcome]:
    """Run the tests of a part."""
    place = "test/integration"
    document = folder / f"{part.name}.xml"
    say(f"running part {part.name!r}: pace {part.pace}, {len(part.chosen)} files or tests")
    options = ["-q", "-p", "no:cacheprovider", "-W", "ignore", f"--junitxml={document}", "-k", only]
    options += [f"--deselect={place}/{name}" for name in part.left_out]
    subprocess.run(
        [python, "-m", "pytest", *options, *(f"{place}/{name}" for name in part.chosen)],
        cwd=tests,
        env={**variables, "PATH": f"{python.parent}{os.pathsep}{variables.get('PATH', '')}"},
        check=False,
    )
    return list(outcomes_in(document))


def outcomes_in(document: Path) -> Iterator[Outcome]:
    """The outcomes in pytest's own report."""
    for case in ElementTree.parse(document).iter("testcase"):
        name = f"{case.get('classname', '').removeprefix('test.integration.')}::{case.get('name')}"
        for child in case:
            if child.tag in ("failure", "error", "skipped"):
                outcome = "skipped" if child.tag == "skipped" else "failed"
                yield Outcome(name, outcome, (child.get("message") or "").partition("\n")[0])
                break
        else:
            yield Outcome(name, "passed")


def report(outcomes: list[Outcome], partial: bool) -> int:
    """Print a summary; 1 if anything went otherwise than expected."""
    expected: dict[str, str] = json.loads((HERE / "expected.json").read_text()).get(version(CLIENT), {})
    counts = Counter(outcome.outcome for outcome in outcomes)
    others = [outcome for outcome in outcomes if outcome.outcome != "passed"]
    print(
        f"\n{CLIENT} {version(CLIENT)}: {len(outcomes)} tests, "
        + ", ".join(f"{counts[name]} {name}" for name in ("passed", "failed", "skipped"))
    )
    surprises = 0
    for outcome in others:
        known = expected.get(outcome.test)
        surprises += known is None
        print(f"  {outcome.outcome:8} {outcome.test}\n           {known or 'NOT EXPECTED: ' + outcome.why}")
    passed = {outcome.test for outcome in outcomes if outcome.outcome == "passed"}
    for test in sorted(passed & expected.keys()):
        print(f"  passed   {test}, which expected.json says can't")
    if not expected:
        print(f"  nothing is written in expected.json about {CLIENT} {version(CLIENT)}")
    if not partial and surprises == 0:
        print("as expected")
    return 1 if surprises else 0


def say(text: str) -> None:
    """Tell what is being done."""
    print(f"conformance: {text}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
