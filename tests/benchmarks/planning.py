"""What qrun's packing and mode save, and how well a plan foretells what then happens, on the local service.

    python tests/benchmarks/planning.py [NAME ...]

Each workload runs (a) with one job a PUB in job mode, (b) in as few jobs as can hold its PUBs, (c) in a batch of
chunks of five PUBs, as IBM's guide on batches shows, and (d) as ``auto`` packs it. Usage is what the service
charged; the wall clock is from the first job's start to the last one's end, by the service's own clock.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import tempfile
from pathlib import Path
from typing import Any

from tests.command import QRUN

HEAD = """name: {name}
backend: fake_manila
defaults: {{transpile: {{optimization_level: 1, seed_transpiler: 7}}}}
circuits:
  bell: {{qasm: 'OPENQASM 3.0; include "stdgates.inc"; qubit[2] q; bit[2] c; h q[0]; cx q[0], q[1]; c = measure q;'}}
  turn: {{qasm: 'OPENQASM 3.0; include "stdgates.inc"; input float a; qubit[2] q; ry(a) q[0]; cx q[0], q[1];'}}
  read: {{of: turn, measure: all}}
pubs:
"""
TWIRLED = "options: {twirling: {enable_gates: true, enable_measure: true}}"
WORKLOADS = {
    "many-small": ["{circuit: bell, shots: 500}"] * 20,
    "few-large": ["{circuit: read, shots: 100000, parameter_values: {linspace: [0, pi, 3]}}"] * 3,
    "mixed-shots": [f"{{circuit: bell, shots: {shots}}}" for shots in (100, 1000, 10000) * 4],
    "sweep": ["{circuit: read, shots: 1000, parameter_values: {linspace: [0, pi, 50]}}"] * 2,
    "twirled": [f"{{circuit: bell, shots: 1000, {TWIRLED}}}"] * 8,
    "estimator": [
        f"{{circuit: turn, observables: [ZZ, XX], parameter_values: [0.{i}], precision: 0.05}}"
        for i in range(1, 9)
    ],
    "mitigated": [
        f"{{circuit: turn, observables: ZZ, parameter_values: [0.{i}], precision: 0.1, "
        "options: {resilience_level: 2}}"
        for i in range(1, 5)
    ],
    "both-primitives": [
        *["{circuit: bell, shots: 1000}"] * 4,
        *["{circuit: turn, observables: ZZ, parameter_values: [0.3], precision: 0.05}"] * 4,
    ],
    "one": ["{circuit: bell, shots: 1000}"],
}
WAYS = {
    "a": ("--mode", "job", "--set", "partition={max_pubs: 1}"),
    "b": ("--mode", "job"),
    "c": ("--mode", "batch", "--set", "partition={max_pubs: 5}"),
    "d": (),
}


def run(words: list[str], env: dict[str, str]) -> str:
    """What a command prints."""
    done = subprocess.run([str(QRUN), *words], env=env, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(done.stderr)
    return done.stdout


def measure(path: Path, way: tuple[str, ...], env: dict[str, str]) -> dict[str, Any]:
    """Usage and wall clock, planned and as it was, of one way of running a workload."""
    run(["submit", str(path), *way, "--watch", "-q"], env)
    replay = json.loads(run(["plan", "--replay", "last", "--json"], env))
    totals = {row["name"]: row for row in replay["totals"]}
    return {**totals, "mode": replay["mode"], "jobs": len(replay["jobs"])}


def main() -> None:
    """Run every workload in every way and print a line each."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(WORKLOADS))
    names = parser.parse_args().names or list(WORKLOADS)
    folder = Path(tempfile.mkdtemp(prefix="qrun-benchmark-"))
    env = {**os.environ, "QRUN_HOME": str(folder / "home"), "HOME": str(folder), "NO_COLOR": "1"}
    run(["local", "start"], env)
    print(
        "workload          way  mode     jobs   usage s  planned s  prediction  wall s  usage of (a)  of best",
        flush=True,
    )
    try:
        for name in names:
            path = folder / f"{name}.yaml"
            path.write_text(HEAD.format(name=name) + "".join(f"  - {pub}\n" for pub in WORKLOADS[name]))
            found = {way: measure(path, words, env) for way, words in WAYS.items()}
            best = min(found[way]["usage"]["was"] for way in "abc")
            for way, of in found.items():
                usage = of["usage"]["was"]
                print(
                    f"{name:<16}  {way}    {of['mode']:<7} {of['jobs']:>5} {usage:>9.3f} "
                    f"{of['usage']['planned']:>10.3f} {of['usage']['difference']:>+11.3%} "
                    f"{of['wall clock']['was']:>7.1f} {usage / found['a']['usage']['was']:>13.3f} {usage / best:>8.3f}",
                    flush=True,
                )
    finally:
        run(["local", "stop"], env)


if __name__ == "__main__":
    main()
