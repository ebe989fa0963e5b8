"""Two optimizers on H2: side by side in one session, one after another, and as a plain script of the client.

    python tests/benchmarks/loops.py [--evaluations 12] [--precision 0.05]

COBYLA and L-BFGS-B minimise hydrogen's energy on ``fake_fez`` of a local service that is started for this and
stopped again. Side by side is one workload with both loops; one after another is two workloads, a session each;
the plain script opens one session with the stock client and runs both optimizers in turn, with as many jobs and the
same precision. Session usage is the service's own; it counts the wall clock while the session is active, and so
what lies between two jobs.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[2]
QRUN = Path(sys.executable).parent / "qrun"
SETTLE_SECONDS = 10

PLAIN = """
import json, sys, time
from qiskit import qasm3, QuantumCircuit
from qiskit.circuit import Parameter
from qiskit.quantum_info import SparsePauliOp
from qiskit.transpiler import generate_preset_pass_manager
from qiskit_ibm_runtime import QiskitRuntimeService, Session
from qiskit_ibm_runtime.executor_estimator import Estimator
from scipy.optimize import minimize
import numpy as np

evaluations, precision = int(sys.argv[1]), float(sys.argv[2])
theta = Parameter("theta")
circuit = QuantumCircuit(2)
circuit.x(0)
circuit.ry(theta, 1)
circuit.cx(1, 0)
energy = SparsePauliOp(["II", "IZ", "ZI", "ZZ", "XX"], [-0.33240425, 0.39793742, -0.39793742, -0.01128010, 0.18093120])
backend = QiskitRuntimeService().backend("fake_fez")
isa = generate_preset_pass_manager(2, backend=backend, seed_transpiler=7).run(circuit)
observable = energy.apply_layout(isa.layout)
jobs = []

class Enough(Exception):
    pass

def run(points, most):
    if len(jobs) >= most:
        raise Enough
    job = estimator.run([(isa, observable, points)], precision=precision)
    jobs.append(job)
    return np.asarray(job.result()[0].data.evs)

def value_and_gradient(x, most):
    evs = run([[x[0]], [x[0] + np.pi / 2], [x[0] - np.pi / 2]], most)
    return float(evs[0]), np.array([(evs[1] - evs[2]) / 2])

started = time.time()
with Session(backend=backend) as session:
    estimator = Estimator(mode=session)
    try:
        minimize(lambda x: float(run([[x[0]]], evaluations)[0]), [0.5], method="COBYLA", options={"rhobeg": 0.4, "tol": 1e-9})
    except Enough:
        pass
    first = len(jobs)
    try:
        while True:
            minimize(lambda x: value_and_gradient(x, first + evaluations), [0.5], jac=True, method="L-BFGS-B")
    except Enough:
        pass
wall = time.time() - started
usage = None
for _ in range(100):
    usage = session.usage()
    if session.details()["state"] == "closed" and usage is not None:
        break
    time.sleep(0.1)
print(json.dumps({"jobs": len(jobs), "wall": wall, "usage": usage}))
"""


def workload(evaluations: int, precision: float, names: list[str]) -> dict[str, Any]:
    """The gallery's two loops, or one of them, each with exactly so many jobs."""
    made = yaml.safe_load((ROOT / "workloads" / "h2-vqe.yaml").read_text(encoding="utf-8"))
    made["backend"] = "fake_fez"
    made["defaults"] = {"transpile": {"seed_transpiler": 7}}
    common = {"initial_point": [0.5], "precision": precision, "stop": {"evaluations": evaluations}}
    made["loops"]["simplex"] |= {**common, "optimizer": {"method": "COBYLA", "options": {"rhobeg": 0.4}}}
    made["loops"]["simplex"]["stop"] = {"evaluations": evaluations, "tolerance": 1e-9}
    made["loops"]["gradient"] |= common
    # Noise may end it before: a loop of ones own starts it again, as the plain script does.
    made["loops"]["gradient"]["optimizer"] = {"python": "again.py:again", "gradient": "parameter-shift"}
    made["loops"]["gradient"].pop("bounds", None)
    made["loops"] = {name: made["loops"][name] for name in names}
    return made


AGAIN = """
from scipy.optimize import minimize


def again(fun, x0, callback):
    while True:
        minimize(fun.value_and_gradient, x0, jac=True, method="L-BFGS-B", callback=callback)
"""


def measured(folder: Path, evaluations: int, precision: float, names: list[str]) -> dict[str, Any]:
    path = folder / "w.yaml"
    path.write_text(yaml.safe_dump(workload(evaluations, precision, names)), encoding="utf-8")
    (folder / "again.py").write_text(AGAIN, encoding="utf-8")
    started = time.time()
    done = subprocess.run([str(QRUN), "submit", str(path)], capture_output=True, text=True, check=False)
    wall = time.time() - started
    if done.returncode:
        raise SystemExit(done.stderr)
    subprocess.run([str(QRUN), "wait", done.stdout.strip()], capture_output=True, check=True)
    usage = json.loads(
        subprocess.run(
            [str(QRUN), "usage", done.stdout.strip(), "--json"], capture_output=True, text=True, check=True
        ).stdout
    )
    own = re.search(r"qrun itself took (\d+) ms", done.stderr)
    return {
        "jobs": len(usage["jobs"]),
        "wall": wall,
        "usage": usage["usage_seconds"],
        "qpu": usage["qpu_seconds"],
        "own": int(own[1]) if own else None,
        "said": done.stderr.splitlines()[-1],
    }


def plain(folder: Path, evaluations: int, precision: float) -> dict[str, Any]:
    path = folder / "plain.py"
    path.write_text(PLAIN, encoding="utf-8")
    printed = subprocess.run([str(QRUN), "local", "env"], capture_output=True, text=True, check=True).stdout
    exports = dict(re.findall(r"^export (\w+)='?(.*?)'?$", printed, re.MULTILINE))
    started = time.time()
    done = subprocess.run(
        [sys.executable, str(path), str(evaluations), str(precision)],
        env={**os.environ, **exports},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise SystemExit(done.stderr)
    return {**json.loads(done.stdout.splitlines()[-1]), "program": time.time() - started}


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--evaluations", type=int, default=12)
    parser.add_argument("--precision", type=float, default=0.05)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        os.environ["QRUN_HOME"] = str(folder / "home")
        subprocess.run([str(QRUN), "local", "start"], check=True, capture_output=True)
        try:
            time.sleep(SETTLE_SECONDS)
            n, precision = given.evaluations, given.precision
            measured(folder, 2, precision, ["simplex", "gradient"])  # compiles, and warms the simulator
            together = measured(folder, n, precision, ["simplex", "gradient"])
            apart = [measured(folder, n, precision, [loop]) for loop in ("simplex", "gradient")]
            script = plain(folder, n, precision)
        finally:
            subprocess.run([str(QRUN), "local", "stop"], check=False, capture_output=True)
    sequential = sum(found["usage"] for found in apart)
    print(f"{'':34}{'jobs':>6}{'usage':>10}{'wall':>10}")
    for label, found in (
        ("qrun, side by side", together),
        (
            "qrun, one after another",
            {**apart[0], "jobs": 2 * n, "usage": sequential, "wall": sum(f["wall"] for f in apart)},
        ),
        ("plain script, one after another", {**script, "wall": script["program"]}),
    ):
        print(f"{label:34}{found['jobs']:>6}{found['usage']:>9.1f}s{found['wall']:>9.1f}s")
    print(f"usage, one after another : side by side   {sequential / together['usage']:.2f}")
    print(f"usage, plain script : side by side        {script['usage'] / together['usage']:.2f}")
    print(f"usage, plain script : one after another   {script['usage'] / sequential:.2f}")
    print(f"wall, plain script : side by side         {script['program'] / together['wall']:.2f}")
    print(
        f"qrun's own time from a result to the next submission: {together['own']} ms side by side, {apart[0]['own']} ms alone"
    )
    print(together["said"])


if __name__ == "__main__":
    main()
