"""How long jobs take on the local service's noisy 156 qubits, against local testing mode of the client.

    python tests/benchmarks/simulation.py [--case TEXT …] [--no-reference] [--longest-reference SECONDS]

One service is started for this, warmed up, and stopped again. A job's time is from its POST to its decoded
result, over HTTP, on ``fake_fez``; the reference is the same circuits on ``FakeFez`` in a process of its own,
from ``run`` to ``result``, without its imports. A reference that does not end in time is stopped: the time it
would have taken is then worked out from the jobs it finished (``≈``), or is at least what it had (``>``).

*Overhead* is a job's total without the simulator's own time, which the job's log tells; for jobs that ran side by
side that time is shared out to the worker processes. *Preparing* is what the client needs to encode all jobs,
before the first POST.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

sys.path.insert(0, str(Path(__file__).parents[2]))

from tests.benchmarks.simulation_cases import CASES, SHOTS, Case

POLL_SECONDS = 0.005
REFERENCE = Path(__file__).with_name("local_testing_mode.py")
_SIMULATED = re.compile(r"^simulated in ([\d.]+) s$", re.MULTILINE)


@dataclass(frozen=True)
class Measured:
    """Seconds that a case took on the local service.

    Args:
        preparing: What the client needs before the first POST.
        total: From the first POST to the last decoded result.
        simulating: The simulator's own time, over all jobs and side by side where they were.
        jobs: How many jobs it has.
        ways: How components were simulated, from the jobs' logs.
    """

    preparing: float
    total: float
    simulating: float
    jobs: int
    ways: list[str]

    @property
    def overhead(self) -> float:
        """Seconds a job that are not the simulator's."""
        return (self.total - self.simulating) / self.jobs


class Service:
    """A warm service of this benchmark's own, and the client's encoders for it."""

    def __init__(self) -> None:
        from qrun.local import process
        from qrun.runtime.accounts import find_account
        from qrun.runtime.client import RuntimeClient

        info = process.start()
        headers = {"Authorization": f"apikey {info.token}", "Service-CRN": info.instance}
        self.api = httpx.Client(base_url=f"{info.url}/api/v1", headers=headers, timeout=600, trust_env=False)
        self.client = RuntimeClient(find_account("local"))
        self.backend = self.client.backend("fake_fez")
        self.workers = min(4, os.cpu_count() or 1)

    def prepare(self, case: Case) -> list[dict[str, Any]]:
        """The bodies of a case's requests."""
        from qiskit_ibm_runtime import RuntimeEncoder

        bodies = []
        for pubs in case.jobs():
            prepared = self.client.prepare(
                case.primitive,
                pubs,
                backend=self.backend,
                options=case.options,
                tags=[],
                shots=SHOTS if case.primitive == "sampler" else None,
                generation=case.generation,
            )
            params = json.loads(json.dumps(prepared.arguments["inputs"], cls=RuntimeEncoder))
            bodies.append({"program_id": prepared.program_id, "backend": "fake_fez", "params": params})
        return bodies

    def measure(self, case: Case) -> Measured:
        """Run a case once."""
        began = time.perf_counter()
        bodies = self.prepare(case)
        preparing = time.perf_counter() - began
        session = self._open(case.mode)
        began = time.perf_counter()
        if case.mode == "batch":
            jobs = [(self._post(body, session), body["program_id"]) for body in bodies]
            for job, program in jobs:
                self._collect(job, program)
        else:
            jobs = []
            for body in bodies:
                jobs.append((self._post(body, session), body["program_id"]))
                self._collect(*jobs[-1])
        total = time.perf_counter() - began
        if session:
            self.api.delete(f"/sessions/{session}/close")
        logs = [self.api.get(f"/jobs/{job}/logs").text for job, _ in jobs]
        simulating = sum(float(seconds) for log in logs for seconds in _SIMULATED.findall(log))
        ways = list(
            dict.fromkeys(line.strip() for log in logs for line in log.splitlines() if line[:2] == "  ")
        )
        side_by_side = self.workers if case.mode == "batch" else 1
        return Measured(preparing, total, simulating / side_by_side, len(jobs), ways)

    def _open(self, mode: str) -> str | None:
        if mode == "job":
            return None
        kind = {"batch": "batch", "session": "dedicated"}[mode]
        answer = self.api.post("/sessions", json={"mode": kind, "backend": "fake_fez"})
        return str(answer.raise_for_status().json()["id"])

    def _post(self, body: dict[str, Any], session: str | None) -> str:
        answer = self.api.post("/jobs", json={**body, **({"session_id": session} if session else {})})
        return str(answer.raise_for_status().json()["id"])

    def _collect(self, job: str, program: str) -> Any:
        from qrun.runtime.client import decode_result

        while True:
            state = self.api.get(f"/jobs/{job}?exclude_params=true").json()["state"]
            if state["status"] == "Completed":
                return decode_result(program, self.api.get(f"/jobs/{job}/results").text)
            if state["status"] in ("Failed", "Cancelled"):
                raise SystemExit(f"a job failed: {state}")
            time.sleep(POLL_SECONDS)


def reference(case: Case, longest: float) -> tuple[float | None, str]:
    """Seconds that local testing mode takes, where that is known, and what the table says."""
    child = subprocess.Popen(
        [sys.executable, REFERENCE, str(CASES.index(case))],
        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
    )  # fmt: skip
    lines: list[dict[str, Any]] = []

    def read() -> None:
        assert child.stdout is not None
        lines.extend(json.loads(line) for line in child.stdout)

    reader = threading.Thread(target=read)
    reader.start()
    reader.join(longest)
    ran_out = reader.is_alive()
    child.kill()
    child.wait()
    reader.join()
    errors = [line["error"] for line in lines if "error" in line]
    steps = [line for line in lines if "done" in line]
    if errors:
        return None, f"fails: {errors[0].splitlines()[0][:90]}"
    if ran_out and not steps:
        return longest, f"> {longest:.0f}"
    if not steps:
        return None, f"died with {child.returncode}"
    seconds, jobs = steps[-1]["seconds"], lines[0]["jobs"]
    if steps[-1]["done"] < jobs:
        seconds *= jobs / steps[-1]["done"]
        return seconds, f"≈ {seconds:.1f}"
    return seconds, f"{seconds:.2f}"


def main() -> None:
    """Start a service, measure, print a table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--case", nargs="*", default=[""], help="cases whose names contain one of these")
    parser.add_argument("--no-reference", action="store_true")
    parser.add_argument("--longest-reference", type=float, default=300, metavar="SECONDS")
    parser.add_argument("--repeat", type=int, default=3, help="the best of so many counts")
    words = parser.parse_args()
    home = tempfile.mkdtemp(prefix="qrun-benchmark-")
    os.environ.update({"QRUN_HOME": home, "HOME": home})

    from qrun.local import process

    cases = [case for case in CASES if any(text.lower() in case.name.lower() for text in words.case)]
    try:
        service = Service()
        for case in CASES[:4] * 2 * service.workers:
            service.measure(case)
        header = (
            "",
            "preparing s",
            "total s",
            "simulator s",
            "overhead ms/job",
            "reference s",
            "times faster",
        )
        print("{:<30}{:>12}{:>9}{:>12}{:>16}{:>14}{:>14}".format(*header))
        for case in cases:
            tries = [service.measure(case) for _ in range(words.repeat)]
            best = min(tries, key=lambda found: found.total)
            known, told = (None, "") if words.no_reference else reference(case, words.longest_reference)
            ratio = f"{known / best.total:.1f}" if known else ""
            if told.startswith(">"):
                ratio = f"> {ratio}"
            print(
                f"{case.name:<30}{best.preparing:12.2f}{best.total:9.3f}{best.simulating:12.3f}"
                f"{best.overhead * 1000:16.1f}{told:>14}{ratio:>14}",
                flush=True,
            )
            for way in best.ways:
                print(f"    {way}")
    finally:
        process.stop()


if __name__ == "__main__":
    main()
