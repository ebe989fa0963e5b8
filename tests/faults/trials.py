"""Random trials: runs of many jobs through everything that can go wrong, and what became of them.

    python -m tests.faults.trials [--trials 300] [--jobs 50] [--seed 1] [--cut 60]

Each trial is ``qrun submit`` of a run of its own, as a process, against a real local service behind a proxy with
faults drawn at random: requests and answers lost, 500, 502 and 429, delays, answers that break off, outages,
every fifth of ``--cut`` seconds; qrun or the service killed with SIGKILL at a random moment, a disk that takes no more for the ledger. Then ``qrun resume``,
once or twice at the same time, while what is left of the faults lasts, and once more after. The service is asked
then which of the jobs have run. qrun is forked from a process that has imported its libraries, which makes a trial
cost seconds; it is the same command in all else.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import random
import resource
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from qrun.ledger import Ledger
from tests.command import QRUN, Qrun, many_jobs
from tests.faults.faulty_proxy import Fault, FaultyProxy, faulty_proxy
from tests.service.plain_client import client_of_home, info_of_home

MOST_SECONDS = 180.0
"""How long one command may take before the trial counts as one that needed a person."""

REQUESTS = {
    "submit a job": ("POST", r"/jobs$"),
    "create the batch or session": ("POST", r"/sessions$"),
    "close it": ("PATCH", r"/sessions/"),
    "list jobs": ("GET", r"/jobs\?"),
    "list workloads": ("GET", r"/workloads"),
    "fetch a result": ("GET", r"/results$"),
}
ACTIONS = (
    "drop", "cut", "reset", "after:500", "after:502", "refuse:500", "refuse:502", "refuse:429:1", "refuse:429:0",
    "delay:0.3",
)  # fmt: skip


@dataclass
class Outcome:
    """What became of one trial."""

    seed: int
    faults: list[str]
    lost: int = 0
    twice: int = 0
    left_open: int = 0
    needed_person: bool = False
    resumes: int = 0
    said: list[str] = field(default_factory=list)

    @property
    def good(self) -> bool:
        """Whether nothing is wrong."""
        return not (self.lost or self.twice or self.left_open or self.needed_person)


def _command(words: list[str], env: dict[str, str], said: str, most_bytes: int | None) -> None:
    """A qrun process, from here on."""
    os.environ.clear()
    os.environ.update(env)
    os.setsid()
    with open(said, "a") as file:
        for number in (1, 2):
            os.dup2(file.fileno(), number)
    if most_bytes is not None:
        # The nearest to a full disk that needs no disk of its own: no file grows beyond this.
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (most_bytes, resource.RLIM_INFINITY))
    sys.argv = ["qrun", *words]
    from qrun.cli.entry import main

    main()


class Trials:
    """Trials on one local service.

    Args:
        home: A ``QRUN_HOME`` whose service is running.
        env: The environment of a shell.
        jobs: Jobs of each run.
        folder: Where workloads and what was said are kept.
        cut: Seconds for which every fifth outage lasts; the others last three at most.
    """

    def __init__(
        self, home: Path, env: dict[str, str], jobs: int, folder: Path, *, cut: float | None = None
    ) -> None:
        self._home = home
        self._qrun = Qrun({**env, "QRUN_HOME": str(home)}, folder)
        self._jobs = jobs
        self._folder = folder
        self._cut = cut
        self._outages = 0
        self._seen: set[str] = set()
        self._context = multiprocessing.get_context("forkserver")
        self._context.set_forkserver_preload(["tests.faults.warm"])

    def run(self, seed: int) -> Outcome:
        """One trial."""
        rng = random.Random(seed)
        mode = rng.choice(["batch", "session", "batch", "session", "job"])
        faults = [self._fault(rng) for _ in range(rng.randint(1, 4))]
        outcome = Outcome(seed, [mode, *(f"{f.method} {f.path} {f.action}" for f in faults)])
        with faulty_proxy(self._home, *faults) as proxy:
            proxy.latency = rng.choice([0.0, 0.002, 0.02])
            path = many_jobs(self._folder / f"w{seed}.yaml", self._jobs)
            self._submit(rng, proxy, path, mode, outcome)
            self._resume(rng, proxy, outcome)
        return outcome

    def _fault(self, rng: random.Random) -> Fault:
        request = rng.choice([*REQUESTS, "submit a job", "submit a job", "submit a job"])
        method, path = REQUESTS[request]
        skip = rng.randint(0, self._jobs - 1) if request == "submit a job" else rng.randint(0, 2)
        return Fault(method, path, rng.choice(ACTIONS), times=rng.randint(1, 3), skip=skip)

    def _submit(
        self, rng: random.Random, proxy: FaultyProxy, path: Path, mode: str, outcome: Outcome
    ) -> None:
        trouble = rng.choice(["none", "kill", "kill", "outage", "disk", "service"])
        outcome.faults.append(trouble)
        process = self._start(
            proxy, ["submit", str(path), "--mode", mode], outcome, self._limit(rng, trouble)
        )
        self._wait_for(lambda: proxy.count("POST", r"/(jobs|sessions)$") > 0, process)
        if trouble == "kill":
            moment = rng.randint(0, self._jobs)
            self._wait_for(lambda: proxy.count("POST", r"/jobs$") >= moment, process)
            time.sleep(rng.uniform(0, 0.05))
            process.kill()
        elif trouble == "outage":
            self._wait_for(lambda: proxy.count("POST", r"/jobs$") >= self._jobs // 3, process)
            self._outages += 1
            seconds = rng.uniform(0.5, 3)
            if self._cut is not None and self._outages % 5 == 1:
                seconds = self._cut
                outcome.faults.append(f"for {seconds:g} s")
            proxy.away_until = time.monotonic() + seconds
        elif trouble == "service":
            self._wait_for(lambda: proxy.count("POST", r"/jobs$") >= self._jobs // 3, process)
            self._kill_service()
        self._end(process, outcome)

    def _limit(self, rng: random.Random, trouble: str) -> int | None:
        """Bytes that a file may have, so that the ledger is full at some moment of the submission."""
        if trouble != "disk":
            return None
        files = [self._home / "ledger.sqlite", self._home / "ledger.sqlite-wal"]
        grown = max((file.stat().st_size for file in files if file.exists()), default=0)
        return grown + rng.randint(0, 200_000)

    def _kill_service(self) -> None:
        os.kill(info_of_home(self._home).pid, signal.SIGKILL)
        time.sleep(0.3)
        self._qrun("local", "start")

    def _resume(self, rng: random.Random, proxy: FaultyProxy, outcome: Outcome) -> None:
        """Resume while the faults last, then without; then look at what the service has."""
        with Ledger(self._home / "ledger.sqlite") as ledger:
            run_id = next((run.id for run in ledger.runs(limit=1)), None)
        if run_id is None or run_id in self._seen:
            # Nothing had been sent when it was stopped.
            return
        self._seen.add(run_id)
        words = ["resume", run_id]
        started = [self._start(proxy, words, outcome) for _ in range(rng.choice([1, 1, 2]))]
        if rng.random() < 0.3:
            time.sleep(rng.uniform(0, 1))
            started[0].kill()
        for process in started:
            self._end(process, outcome)
        outcome.resumes = len(started) + 1
        proxy.faults.clear()
        last = self._start(proxy, words, outcome)
        self._end(last, outcome)
        outcome.needed_person |= last.exitcode != 0
        self._end(self._start(proxy, ["wait", run_id], outcome), outcome)
        again = self._start(proxy, words, outcome)
        self._end(again, outcome)
        self._judge(run_id, outcome)

    def _judge(self, run_id: str, outcome: Outcome) -> None:
        """What the service, which knows nothing of faults, says of the run."""
        with client_of_home(self._home) as api:
            jobs: list[dict[str, Any]] = []
            while page := api.get(f"/jobs?tags=qrun:{run_id}&offset={len(jobs)}").json()["jobs"]:
                jobs += page
            done: Counter[str] = Counter()
            ran: Counter[str] = Counter()
            for job in jobs:
                tag = next(tag for tag in job["tags"] if tag.startswith(f"qrun:{run_id}:"))
                done[tag] += job["state"]["status"] == "Completed"
                # A double that was cancelled before the QPU had it cost nothing.
                ran[tag] += (
                    job["state"]["status"] == "Completed" or job["usage"]["qpu_charge_time_seconds"] > 0
                )
            outcome.lost = self._jobs - sum(number > 0 for number in done.values())
            outcome.twice = sum(number > 1 for number in ran.values())
            for mode in ("batch", "session"):
                found = api.get(f"/workloads?mode={mode}&limit=50").json()["workloads"]
                outcome.left_open += sum(workload["accepting_jobs"] for workload in found)

    def _start(
        self, proxy: FaultyProxy, words: list[str], outcome: Outcome, most_bytes: int | None = None
    ) -> Any:
        said = str(self._folder / f"{outcome.seed}.log")
        env = {**self._qrun.env, **proxy.env}
        process = self._context.Process(target=_command, args=(words, env, said, most_bytes))
        process.start()
        return process

    def _end(self, process: Any, outcome: Outcome) -> None:
        process.join(MOST_SECONDS)
        if process.exitcode is None:
            process.kill()
            outcome.needed_person = True
            outcome.said.append("a command did not end")

    def _wait_for(self, condition: Any, process: Any) -> None:
        while process.exitcode is None and not condition():
            time.sleep(0.002)


def summary(outcomes: list[Outcome], jobs: int) -> str:
    """The table of all trials."""
    rows = {
        "trials": len(outcomes),
        "jobs": len(outcomes) * jobs,
        "resumes": sum(outcome.resumes for outcome in outcomes),
        "jobs lost": sum(outcome.lost for outcome in outcomes),
        "jobs run twice": sum(outcome.twice for outcome in outcomes),
        "batches and sessions left open": sum(outcome.left_open for outcome in outcomes),
        "runs that needed a person": sum(outcome.needed_person for outcome in outcomes),
    }
    lines = [f"{name:32}{number:>8,}" for name, number in rows.items()]
    lines += [f"  not good: {outcome}" for outcome in outcomes if not outcome.good]
    return "\n".join(lines)


def main() -> int:
    """Run the trials and print their table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--trials", type=int, default=300)
    parser.add_argument("--jobs", type=int, default=50)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--cut", type=float, default=60.0, help="seconds for which every fifth outage lasts")
    chosen = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="qrun-trials-"))
    home = folder / "home"
    env = {**os.environ, "QRUN_HOME": str(home), "HOME": str(folder), "NO_COLOR": "1"}
    subprocess.run([str(QRUN), "local", "start"], env=env, check=True, capture_output=True)
    outcomes: list[Outcome] = []
    began = time.monotonic()
    try:
        trials = Trials(home, env, chosen.jobs, folder, cut=chosen.cut)
        for seed in range(chosen.seed, chosen.seed + chosen.trials):
            outcomes.append(trials.run(seed))
            print(f"{time.monotonic() - began:6.0f} s  {outcomes[-1]}", file=sys.stderr)
    finally:
        subprocess.run([str(QRUN), "local", "stop"], env=env, check=False, capture_output=True)
        print(summary(outcomes, chosen.jobs))
    return 0 if all(outcome.good for outcome in outcomes) else 1


if __name__ == "__main__":
    sys.exit(main())
