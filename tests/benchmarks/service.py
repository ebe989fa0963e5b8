"""How fast the local service answers, with few jobs and with many, and how much memory it takes.

Run it as ``python -m tests.benchmarks.service [--jobs 10000] [--sessions 200]``. It starts services of its own, in
folders of their own. Figures are ratios to the smallest request there is (``/health``), measured at the same time,
and absolute ones beside them. Jobs stay queued: a session that is active and waits holds each device.
"""

from __future__ import annotations

import argparse
import os
import statistics
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path

import httpx

from qrun.local import process
from tests.service.plain_client import client_of, sampler_job, wait

DEVICE = "ideal"
KINDS = ("health", "submit", "status", "list", "list a tag", "workloads", "session")
_LAYER = "".join(f"sx ${qubit};" for qubit in range(5)) + "".join(
    f"cx ${qubit}, ${qubit + 1};" for qubit in range(4)
)
HARD = (
    'OPENQASM 3.0; include "stdgates.inc"; bit[5] c; '
    + 200 * _LAYER
    + "".join(f"c[{qubit}] = measure ${qubit};" for qubit in range(5))
)
"""A circuit whose simulation takes seconds."""


def timed(times: int, call: Callable[[], httpx.Response]) -> list[float]:
    """Seconds of each call."""
    seconds = []
    for _ in range(times):
        begin = time.perf_counter()
        answer = call()
        seconds.append(time.perf_counter() - begin)
        assert answer.is_success, answer.text
    return seconds


def memory_of(pid: int) -> float:
    """Resident megabytes of a process."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS"):
            return int(line.split()[1]) / 1000
    return 0.0


def fill(info: process.ServiceInfo, jobs: int, session: str | None) -> list[str]:
    """Submit ``jobs`` jobs, as fast as eight clients can; their IDs."""
    ids: list[str] = []

    def some(count: int) -> None:
        with client_of(info) as api:
            for number in range(count):
                body = sampler_job(backend=DEVICE, tags=[f"t{number % 50}"], session_id=session)
                ids.append(api.post("/jobs", json=body).json()["id"])

    threads = [threading.Thread(target=some, args=(jobs // 8,)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return ids


def while_simulating(api: httpx.Client, job: str, times: int) -> None:
    """Print how fast a job is read while all simulators are at work."""
    params = {"pubs": [[HARD, [], 100_000]] * 4, "version": 2, "support_qiskit": False, "options": {}}
    hard = [
        api.post("/jobs", json={"program_id": "sampler", "backend": "fake_manila", "params": params}).json()[
            "id"
        ]
        for _ in range(4)
    ]
    time.sleep(0.5)
    seconds = sorted(timed(times, lambda: api.get(f"/jobs/{job}", params={"exclude_params": True})))
    states = [api.get(f"/jobs/{name}").json()["state"]["status"] for name in hard]
    print(
        f"  status while simulators run: p50 {1000 * statistics.median(seconds):.1f} ms, p99"
        f" {1000 * seconds[int(0.99 * (len(seconds) - 1))]:.1f} ms; {states.count('Completed')} of 4 were over by then"
    )


def measure(api: httpx.Client, info: process.ServiceInfo, jobs: list[str], session: str, times: int) -> None:
    """Print a line for each kind of request."""
    calls: dict[str, Callable[[], httpx.Response]] = {
        "health": lambda: api.get(f"{info.url}/health"),
        "submit": lambda: api.post("/jobs", json=sampler_job(backend=DEVICE)),
        "status": lambda: api.get(f"/jobs/{jobs[len(jobs) // 2]}", params={"exclude_params": True}),
        "list": lambda: api.get("/jobs", params={"limit": 20, "pending": True}),
        "list a tag": lambda: api.get("/jobs", params={"limit": 20, "tags": "t7"}),
        "workloads": lambda: api.get("/workloads"),
        "session": lambda: api.get(f"/sessions/{session}"),
    }
    base = 0.0
    for kind in KINDS:
        seconds = sorted(timed(times, calls[kind]))
        p50, p99 = statistics.median(seconds), seconds[int(0.99 * (len(seconds) - 1))]
        base = base or p50
        rate = len(seconds) / sum(seconds)
        print(
            f"  {kind:11} p50 {1000 * p50:6.1f} ms ({p50 / base:5.1f} x health)  p99 {1000 * p99:6.1f} ms"
            f"  {rate:6.0f} requests/s",
            flush=True,
        )


def run(jobs: int, sessions: int, times: int) -> None:
    """One service with ``jobs`` queued jobs and ``sessions`` open sessions."""
    with tempfile.TemporaryDirectory() as home:
        os.environ["QRUN_HOME"] = home
        info = process.start()
        try:
            with client_of(info) as api:
                holder = api.post("/sessions", json={"mode": "dedicated", "backend": DEVICE}).json()["id"]
                keep = threading.Event()

                def hold() -> None:
                    # The device is held by a session that thinks, for less than its ITTL at a time.
                    with client_of(info) as own:
                        while not keep.is_set():
                            wait(own, own.post("/jobs", json=sampler_job(session_id=holder)).json()["id"])
                            keep.wait(30)

                thread = threading.Thread(target=hold)
                thread.start()
                time.sleep(5)
                begin = time.perf_counter()
                for _ in range(sessions):
                    api.post("/sessions", json={"mode": "dedicated", "backend": DEVICE})
                opened = time.perf_counter()
                ids = fill(info, jobs, None)
                filled = time.perf_counter()
                print(
                    f"{jobs} jobs queued, {sessions} open sessions"
                    f" (opened at {sessions / (opened - begin):.0f}/s, filled at {jobs / (filled - opened):.0f}/s"
                    f" by 8 clients)",
                    flush=True,
                )
                measure(api, info, ids, holder, times)
                while_simulating(api, ids[0], times)
                print(f"  memory of the service {memory_of(info.pid):.0f} MB", flush=True)
                begin = time.perf_counter()
                process.stop()
                stopped = time.perf_counter()
                process.start()
                print(
                    f"  stop {stopped - begin:.1f} s, start with all of it {time.perf_counter() - stopped:.1f} s"
                )
                keep.set()
        finally:
            keep.set()
            process.stop()
            thread.join()


def main() -> None:
    """Measure with few jobs and with many."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--jobs", type=int, default=10_000)
    parser.add_argument("--sessions", type=int, default=200)
    parser.add_argument("--times", type=int, default=200)
    chosen = parser.parse_args()
    run(100, 2, chosen.times)
    run(chosen.jobs, chosen.sessions, chosen.times)


if __name__ == "__main__":
    main()
