"""Requests made up from the service's own OpenAPI document, good ones and bad ones.

    python -m tests.conformance.fuzz [--examples N]

Needs schemathesis (``pip install -e '.[conformance]'``). Starts a local service in a folder of its own, with a job
and a session to be found, and runs all of schemathesis's checks against it. Exits with 1 if one finds something.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from qrun.local import process
from tests.service.plain_client import client_of, sampler_job, wait


def main() -> int:
    """Run schemathesis; its exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.conformance.fuzz")
    parser.add_argument("--examples", type=int, default=50, help="most requests of one kind")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="qrun-fuzz-") as home, pytest.MonkeyPatch.context() as patch:
        patch.setenv("QRUN_HOME", home)
        patch.setenv("NO_PROXY", "127.0.0.1")
        info = process.start()
        try:
            with client_of(info) as client:
                wait(client, client.post("/jobs", json=sampler_job()).json()["id"])
                client.post("/sessions", json={"mode": "batch", "backend": "ideal"}).raise_for_status()
            command = [
                str(Path(sys.executable).with_name("schemathesis")),
                "run",
                f"{info.url}/openapi.json",
                *("-H", f"Authorization: apikey {info.token}", "-H", f"Service-CRN: {info.instance}"),
                *("--checks", "all", "--max-examples", str(asked.examples), "--seed", "1"),
                *("--suppress-health-check", "all"),
            ]
            return subprocess.run(command, cwd=home, env=os.environ, check=False).returncode
        finally:
            process.stop()


if __name__ == "__main__":
    sys.exit(main())
