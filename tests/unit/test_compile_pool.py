"""Worker processes: they give what this process gives, tell what goes wrong, and are never left behind."""

from __future__ import annotations

import multiprocessing
import os
import signal
import subprocess
import sys
import time
from contextlib import closing

import pytest
from qiskit import QuantumCircuit
from qiskit.circuit import Gate
from qiskit.circuit.library import efficient_su2, quantum_volume

from qrun.workload.compile_pool import CompilePool, Task
from qrun.workload.model import Transpile
from qrun.workload.transpile_options import pass_manager_options
from tests.unit.compiling import backend

OPTIONS = pass_manager_options(Transpile(seed_transpiler=5), backend())


def tasks(number):
    """Circuits that take long enough for a worker to get some of them."""
    return [Task(quantum_volume(5, 40, seed=seed), OPTIONS) for seed in range(number)]


def eager(workers=1):
    """A pool that starts workers as soon as it has compiled one circuit."""
    return CompilePool(backend().target, workers=workers, worth_seconds=0.0)


def test_a_few_small_circuits_need_no_worker():
    pool = CompilePool(backend().target, workers=4)
    done = list(pool.run([Task(efficient_su2(3), OPTIONS) for _ in range(20)]))
    assert sorted(item.index for item in done) == list(range(20))
    assert pool.workers == 0


@pytest.mark.slow
def test_workers_give_what_this_process_gives():
    number = 200
    alone = {item.index: item.circuit for item in CompilePool(backend().target, workers=0).run(tasks(number))}
    pool = eager()
    done = {item.index: item for item in pool.run(tasks(number))}
    assert pool.workers == 1
    assert any(item.qpy is not None for item in done.values())
    assert {index: item.circuit for index, item in done.items()} == alone
    for index, item in done.items():
        assert item.circuit.layout.final_index_layout() == alone[index].layout.final_index_layout()
    assert multiprocessing.active_children() == []


@pytest.mark.slow
def test_a_failure_in_a_worker_is_told_for_its_task():
    opaque = QuantumCircuit(1)
    opaque.append(Gate("magic", 1, []), [0])
    # Workers begin at the far end.
    done = {item.index: item for item in eager().run([*tasks(3), Task(opaque, OPTIONS)])}
    assert "magic" in done[3].failure.message
    assert not done[3].failure.options
    assert all(done[index].failure is None for index in range(3))


@pytest.mark.slow
def test_what_a_killed_worker_had_is_done_here():
    pool = eager()
    killed = False
    done = {}
    with closing(pool.run(tasks(60))) as results:
        for item in results:
            done[item.index] = item
            children = multiprocessing.active_children()
            if children and not killed:
                killed = True
                children[0].kill()
    assert killed
    assert sorted(done) == list(range(60))
    assert all(item.circuit is not None for item in done.values())


SCRIPT = """
from contextlib import closing
from tests.unit.test_compile_pool import eager, tasks
import multiprocessing, time

if __name__ == "__main__":
    pool = eager(2)
    with closing(pool.run(tasks(3000))) as results:
        for number, item in enumerate(results):
            if number == 1:
                print(*[child.pid for child in multiprocessing.active_children()], flush=True)
"""


@pytest.mark.slow
@pytest.mark.parametrize(("number", "wait"), [("SIGINT", 0.0), ("SIGINT", 6.0), ("SIGKILL", 6.0)])
def test_no_worker_is_left(tmp_path, number, wait):
    """Interrupted while workers import, and while they compile; and when nobody could end them."""
    (tmp_path / "main.py").write_text(SCRIPT)
    process = subprocess.Popen(
        [sys.executable, "main.py"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": os.getcwd()},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    workers = [int(word) for word in process.stdout.readline().split()]
    assert len(workers) == 2
    time.sleep(wait)
    # As a terminal does it: to all of the process group. SIGKILL goes to the one that started the others.
    if number == "SIGINT":
        os.killpg(process.pid, signal.SIGINT)
    else:
        process.kill()
    _, errors = process.communicate(timeout=20)
    deadline = time.monotonic() + 10
    while any(_alive(pid) for pid in workers) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not any(_alive(pid) for pid in workers)
    if number == "SIGINT":
        assert errors.count("Traceback") == 1, errors


def _alive(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    # A zombie waits for init to take note of it; it runs no more.
    with open(f"/proc/{pid}/stat") as file:
        return file.read().rpartition(")")[2].split()[0] != "Z"
