"""The installed command, run as a user runs it; and workloads for it to run."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

QRUN = Path(sys.executable).parent / "qrun"
ROOT = Path(__file__).parent.parent


@dataclass(frozen=True)
class Qrun:
    """The command, in a folder, with a home of its own."""

    env: dict[str, str]
    cwd: Path

    def __call__(
        self, *words: str, stdin: str = "", code: int | None = 0, env: dict[str, str] | None = None
    ) -> subprocess.CompletedProcess[str]:
        """Run it; its exit code must be ``code`` where that is not ``None``."""
        done = subprocess.run(
            [str(QRUN), *words],
            input=stdin,
            capture_output=True,
            text=True,
            timeout=120,
            env={**self.env, **(env or {})},
            cwd=self.cwd,
            check=False,
        )
        assert code is None or done.returncode == code, (done.returncode, done.stdout, done.stderr)
        assert "Traceback" not in done.stderr, done.stderr
        assert "mistake in qrun" not in done.stderr, done.stderr
        return done

    def json(self, *words: str, code: int | None = 0) -> Any:
        """The JSON document that it prints."""
        return json.loads(self(*words, code=code).stdout)

    def start(self, *words: str) -> subprocess.Popen[str]:
        """Start it and come back at once."""
        return subprocess.Popen(
            [str(QRUN), *words],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=self.env,
            cwd=self.cwd,
        )


def many_jobs(path: Path, number: int, backend: str = "fake_manila") -> Path:
    """A workload of ``number`` jobs: PUBs that differ in shots can't share one."""
    lines = "\n".join(f"  - {{circuit: c, shots: {100 + i}}}" for i in range(number))
    path.write_text(
        f"name: many\nbackend: {backend}\ndefaults: {{transpile: {{optimization_level: 0}}}}\ncircuits:\n"
        "  c: {qasm: \"OPENQASM 3.0; include 'stdgates.inc'; qubit q; bit[1] b; h q; b[0] = measure q;\"}\n"
        f"pubs:\n{lines}\n"
    )
    return path
