"""A batch of one-circuit jobs: qrun against a plain script with the stock client, near and far from the service.

    python tests/benchmarks/submission.py [--jobs 100] [--latency 0 0.1]

Both go through a proxy that counts requests and makes each take ``--latency`` seconds longer, to a local service
started for this. The script submits in a loop inside ``Batch`` and then asks each job for its result; qrun is
``qrun submit --watch``. What is compared is the time from the first request that creates something to the last
answer, because both import and compile the same things before, and the requests that submitting and following take.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tests.command import QRUN, many_jobs
from tests.faults.faulty_proxy import FaultyProxy, faulty_proxy

STOCK = """
import sys
from qiskit import QuantumCircuit
from qiskit_ibm_runtime import Batch, QiskitRuntimeService
from qiskit_ibm_runtime.executor_sampler import Sampler

service = QiskitRuntimeService()
backend = service.backend("fake_manila")
circuit = QuantumCircuit(1, 1)
circuit.x(0)
circuit.measure(0, 0)
with Batch(backend=backend) as batch:
    sampler = Sampler(mode=batch)
    jobs = [sampler.run([(circuit,)], shots=100 + i) for i in range(int(sys.argv[1]))]
for job in jobs:
    job.result()
"""


def measure(words: list[str], env: dict[str, str], proxy: FaultyProxy) -> dict[str, float]:
    """Seconds and requests of one side, from its first POST on."""
    proxy.seen.clear()
    proxy.times.clear()
    done = subprocess.run(words, env={**env, **proxy.env}, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(done.stderr)
    creating = [
        i for i, (method, path) in enumerate(proxy.seen) if (method, path[-9:]) == ("POST", "/sessions")
    ]
    posts = [i for i, (method, path) in enumerate(proxy.seen) if method == "POST" and path.endswith("/jobs")]
    first, last = creating[0], posts[-1]
    return {
        "submit_s": proxy.times[last] - proxy.times[first],
        "all_s": proxy.times[-1] - proxy.times[first],
        "submit_requests": last - first + 1,
        "follow_requests": len(proxy.seen) - last - 1,
    }


def main() -> None:
    """Measure both sides at each latency, and print the ratios."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--jobs", type=int, default=100)
    parser.add_argument("--latency", type=float, nargs="+", default=[0.0, 0.1])
    chosen = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="qrun-benchmark-"))
    home = folder / "home"
    env = {**os.environ, "QRUN_HOME": str(home), "HOME": str(folder), "NO_COLOR": "1"}
    subprocess.run([str(QRUN), "local", "start"], env=env, check=True, capture_output=True)
    script = folder / "stock.py"
    script.write_text(STOCK)
    path = many_jobs(folder / "w.yaml", chosen.jobs)
    try:
        with faulty_proxy(home) as proxy:
            for latency in chosen.latency:
                proxy.latency = latency
                began = time.monotonic()
                stock = measure([sys.executable, str(script), str(chosen.jobs)], env, proxy)
                ours = measure([str(QRUN), "submit", str(path), "--mode", "batch", "--watch"], env, proxy)
                report(latency, chosen.jobs, stock, ours)
                print(f"  (measured in {time.monotonic() - began:.0f} s)")
    finally:
        subprocess.run([str(QRUN), "local", "stop"], env=env, check=False, capture_output=True)


def report(latency: float, jobs: int, stock: dict[str, float], ours: dict[str, float]) -> None:
    """Print one comparison."""
    print(f"{jobs} jobs in a batch, {latency * 1000:.0f} ms added to each request")
    print(f"  {'':28}{'stock':>10}{'qrun':>10}{'ratio':>8}")
    for key, name, digits in (
        ("submit_s", "submitting, seconds", 2),
        ("all_s", "to the last answer, seconds", 2),
    ):
        ratio = stock[key] / ours[key]
        print(f"  {name:28}{stock[key]:>10.{digits}f}{ours[key]:>10.{digits}f}{ratio:>8.1f}")
    for key, name in (("submit_requests", "requests a job, submitting"), ("follow_requests", "following")):
        print(f"  {name:28}{stock[key] / jobs:>10.2f}{ours[key] / jobs:>10.2f}")


if __name__ == "__main__":
    main()
