"""How long qrun takes to compile 200 mixed circuits at level 2, cold and from its cache, against a plain loop.

    python tests/benchmarks/compile.py [--circuits 200] [--repeat 1]
    python tests/benchmarks/compile.py --heavy [--circuits 24]

``--heavy`` takes large circuits at level 3 instead, without a cache, and compares this process alone with worker
processes beside it: each run compiles the same circuits, and what they give is compared.

The backend is ``fake_fez`` of a local service that is started for this and stopped again, fetched by the client
as a run would have it. The plain loop is ``pm.run(circuit)`` with one pass manager, in the same process, after a
warm-up; both sides use the same seed, and what they give is compared.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import textwrap
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

SEED = 7
LEVEL = 2
HEAVY_LEVEL = 3
SETTLE_SECONDS = 15


def circuit(number: int) -> Any:
    """One of five kinds, of a size and with parameters or a seed that follow from its number."""
    from qiskit import QuantumCircuit
    from qiskit.circuit.library import QFTGate, efficient_su2, qaoa_ansatz, quantum_volume
    from qiskit.quantum_info import SparsePauliOp

    kind, step = number % 5, number // 5
    if kind == 0:
        made = QuantumCircuit(5 + step)
        made.h(0)
        for qubit in range(4 + step):
            made.cx(qubit, qubit + 1)
    elif kind == 1:
        made = efficient_su2(4 + step % 20, reps=1 + step // 10, entanglement="linear")
    elif kind == 2:
        made = quantum_volume(3 + step % 8, 4, seed=step).decompose()
    elif kind == 3:
        made = QuantumCircuit(3 + step % 10)
        made.h(step % 3)
        made.append(QFTGate(3 + step % 10), range(3 + step % 10))
        made.rz(step, 0)
    else:
        width = 5 + step % 15
        terms = [("ZZ", [qubit, (qubit + 1 + step % 3) % width], 1.0 + step) for qubit in range(width)]
        made = qaoa_ansatz(SparsePauliOp.from_sparse_list(terms, width), reps=1 + step // 20)
    made.measure_all()
    return made


def large_circuit(number: int) -> Any:
    """A circuit that takes the better part of a second to compile, or more."""
    from qiskit.circuit.library import efficient_su2, quantum_volume

    if number % 2:
        made = efficient_su2(30 + number % 7, reps=2, entanglement="full")
    else:
        made = quantum_volume(16 + number % 5, 16, seed=number).decompose()
    made.measure_all()
    return made


def workload(number: int, make: Callable[[int], Any] = circuit, level: int = LEVEL) -> Any:
    """A workload with that many Sampler PUBs, parameters bound by name."""
    from qiskit import qpy

    from qrun.workload.document import read_document
    from qrun.workload.load import load_workload

    folder = Path(tempfile.mkdtemp(prefix="qrun-benchmark-"))
    lines = []
    for index in range(number):
        made = make(index)
        with (folder / f"{index}.qpy").open("wb") as file:
            qpy.dump(made, file)
        values = f", parameter_values: {[0.1] * made.num_parameters}" if made.num_parameters else ""
        lines.append(f"  - {{circuit: {{file: {index}.qpy}}{values}}}")
    text = f"""\
        name: benchmark
        backend: fake_fez
        defaults: {{transpile: {{optimization_level: {level}, seed_transpiler: {SEED}}}}}
        pubs:
        """
    path = folder / "workload.yaml"
    path.write_text(textwrap.dedent(text) + "\n".join(lines) + "\n")
    return load_workload(read_document(path))


def timed(what: Callable[[], Any]) -> tuple[float, Any]:
    """Seconds of wall clock that something took, and what it gave."""
    began = time.perf_counter()
    result = what()
    return time.perf_counter() - began, result


def measure(number: int, backend: Any) -> dict[str, Any]:
    """Compile once in each way."""
    from qiskit.transpiler import generate_preset_pass_manager

    from qrun.workload.compile import compile_pubs
    from qrun.workload.compile_cache import CompileCache

    pubs = workload(number)
    sources = [pub.circuit for pub in pubs.pubs]
    manager = generate_preset_pass_manager(backend=backend, optimization_level=LEVEL, seed_transpiler=SEED)
    manager.run(circuit(1))
    plain, expected = timed(lambda: [manager.run(source) for source in sources])
    cache = CompileCache(Path(tempfile.mkdtemp(prefix="qrun-benchmark-")))
    cold, first = timed(lambda: compile_pubs(pubs, backend, cache=cache))
    cached, second = timed(lambda: compile_pubs(pubs, backend, cache=cache))
    assert second.compiled == 0
    for pub, again, other in zip(first.pubs, second.pubs, expected, strict=True):
        assert pub.circuit == again.circuit, pub.pub.circuit_name
        assert pub.circuit == other, pub.pub.circuit_name
    return {
        "plain": plain,
        "cold": cold,
        "cached": cached,
        "different": first.circuits,
        "workers": first.workers,
    }


def measure_workers(number: int, backend: Any) -> dict[str, Any]:
    """Compile large circuits by this process alone, and with workers as qrun starts them."""
    from qrun.workload.compile import compile_pubs

    pubs = workload(number, large_circuit, HEAVY_LEVEL)
    compile_pubs(workload(1), backend)
    alone, first = timed(lambda: compile_pubs(pubs, backend, workers=0))
    beside, second = timed(lambda: compile_pubs(pubs, backend))
    for one, other in zip(first.pubs, second.pubs, strict=True):
        assert one.circuit == other.circuit, one.pub.circuit_name
    return {"alone": alone, "beside": beside, "workers": second.workers}


def report_mixed(number: int, backend: Any) -> None:
    """Measure mixed circuits against the plain loop, and print."""
    found = measure(number, backend)
    plain = found["plain"]
    print(f"{number} circuits ({found['different']} different), level {LEVEL}, fake_fez")
    print(f"plain loop of pm.run   {plain:8.2f} s")
    for name in ("cold", "cached"):
        print(f"qrun {name:<17} {found[name]:8.2f} s   {plain / found[name]:6.2f} times as fast")
    print(f"worker processes       {found['workers']:8d}")


def report_heavy(number: int, backend: Any) -> None:
    """Measure large circuits with and without workers, and print."""
    found = measure_workers(number, backend)
    print(f"{number} large circuits, level {HEAVY_LEVEL}, fake_fez, load {os.getloadavg()[0]:.1f}")
    print(f"this process alone     {found['alone']:8.2f} s")
    ratio = found["alone"] / found["beside"]
    print(f"with {found['workers']} workers         {found['beside']:8.2f} s   {ratio:6.2f} times as fast")


def main() -> None:
    """Start a service, measure, print ratios."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--circuits", type=int)
    parser.add_argument("--heavy", action="store_true")
    parser.add_argument("--repeat", type=int, default=1)
    words = parser.parse_args()
    home = tempfile.mkdtemp(prefix="qrun-benchmark-")
    os.environ.update({"QRUN_HOME": home, "HOME": home})

    from qrun.local import process
    from qrun.runtime.accounts import find_account
    from qrun.runtime.client import RuntimeClient

    try:
        backend = RuntimeClient(find_account("local")).backend("fake_fez")
        # The service's own workers import qiskit meanwhile, on the same processors.
        time.sleep(SETTLE_SECONDS)
        for _ in range(words.repeat):
            if words.heavy:
                report_heavy(words.circuits or 24, backend)
            else:
                report_mixed(words.circuits or 200, backend)
    finally:
        process.stop()


if __name__ == "__main__":
    main()
