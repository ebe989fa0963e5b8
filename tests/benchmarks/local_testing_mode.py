"""One workload in the client's own local testing mode: prints a line of JSON after each job.

    python tests/benchmarks/local_testing_mode.py NUMBER

A process of its own, which ``simulation.py`` can end when it takes too long. NUMBER is a case's place in
``simulation_cases.CASES``. The clock starts after imports, compiling, and building the fake backend.
"""

from __future__ import annotations

import contextlib
import json
import sys
import time
import warnings
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[2]))

from tests.benchmarks.simulation_cases import CASES, SHOTS, Case, fake_fez


def primitive_class(case: Case) -> Any:
    import qiskit_ibm_runtime
    from qiskit_ibm_runtime.executor_estimator import Estimator
    from qiskit_ibm_runtime.executor_sampler import Sampler

    if case.generation == "client-side":
        return Sampler if case.primitive == "sampler" else Estimator
    return qiskit_ibm_runtime.SamplerV2 if case.primitive == "sampler" else qiskit_ibm_runtime.EstimatorV2


def run(case: Case) -> None:
    from qiskit_ibm_runtime import Batch, Session

    backend, jobs, kind = fake_fez(), case.jobs(), primitive_class(case)
    more = {"shots": SHOTS} if case.primitive == "sampler" else {}
    opened = {"job": contextlib.nullcontext, "batch": Batch, "session": Session}[case.mode](backend)
    print(json.dumps({"jobs": len(jobs)}), flush=True)
    began = time.perf_counter()
    with opened as mode:
        primitive = kind(mode=mode or backend, options=case.options or None)
        running = []
        for done, pubs in enumerate(jobs):
            running.append(primitive.run(pubs, **more))
            if case.mode != "batch":
                running[-1].result()
                print(json.dumps({"done": done + 1, "seconds": time.perf_counter() - began}), flush=True)
        if case.mode == "batch":
            for done, job in enumerate(running):
                job.result()
                print(json.dumps({"done": done + 1, "seconds": time.perf_counter() - began}), flush=True)


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    try:
        run(CASES[int(sys.argv[1])])
    except Exception as error:
        print(json.dumps({"error": f"{type(error).__name__}: {error}"}), flush=True)
