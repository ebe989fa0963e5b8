"""Circuits compiled by this process, and by workers beside it where there is enough to do for them."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import pickle
import signal
import time
from collections import deque
from collections.abc import Generator, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, BrokenExecutor, Executor, Future, ProcessPoolExecutor, wait
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from qrun.workload import compile_worker
from qrun.workload.compile_worker import CompileFailed, Compiler, from_qpy, packed, unpacked

if TYPE_CHECKING:
    from qiskit.circuit import QuantumCircuit
    from qiskit.transpiler import Target

MOST_WORKERS = 16
START_SECONDS = 3.0
"""What starting a worker costs: 2.0 to 2.7 s of processor time to import qiskit and the client's passes
(measured on two processors), and its first circuits, which are slower. One is started for each such time of
work left.
"""
WORTH_SECONDS = 2 * START_SECONDS
"""Work that must be left, judged by what has been compiled so far, before workers are started.

Measured where other programs kept both processors busy, which is the worst case: with 4 s of work a worker
made 4.2 to 4.4 s into 4.9 to 5.7 s; with 12 s of work it made no difference.
"""


@dataclass(frozen=True)
class Task:
    """A circuit to compile."""

    circuit: QuantumCircuit = field(repr=False)
    options: Mapping[str, Any]


@dataclass(frozen=True)
class Done:
    """What became of a task."""

    index: int
    """Which of the tasks."""
    circuit: QuantumCircuit | None = field(default=None, repr=False)
    qpy: bytes | None = field(default=None, repr=False)
    """The circuit as QPY bytes, where it came from a worker as such."""
    failure: CompileFailed | None = None


def processors() -> int:
    """How many processors this process may use."""
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:
        return os.cpu_count() or 1


class CompilePool:
    """Compiles tasks here, and in worker processes beside this one.

    This process always compiles too: it begins at once, while a worker imports qiskit for one to three
    seconds, and times what it does. Workers are started when what is left would take this process longer
    than ``worth_seconds`` by that measure, so a small workload never pays for them.

    Args:
        target: What to compile for.
        workers: Most worker processes; one fewer than there are processors unless given.
        worth_seconds: Work that must be left before they are started.
    """

    def __init__(
        self, target: Target, workers: int | None = None, worth_seconds: float = WORTH_SECONDS
    ) -> None:
        self._target = target
        self._most = min(MOST_WORKERS, processors() - 1) if workers is None else workers
        self._worth_seconds = worth_seconds
        self._compiler = Compiler(target)
        self._left: deque[tuple[int, Task]] = deque()
        self._given: dict[Future[bytes], tuple[int, Task]] = {}
        self._executor: Executor | None = None
        self._executor_lost = False
        self._processes: list[Any] = []
        self._seconds, self._compiled = 0.0, 0
        self.workers = 0
        """How many worker processes were started."""

    def run(self, tasks: Sequence[Task]) -> Generator[Done, None, None]:
        """Compile tasks, each told as soon as it is done, in no certain order.

        However this ends, no worker is left.
        """
        self._left = deque(enumerate(tasks))
        try:
            while self._left or self._given:
                self._give()
                # With nothing left to begin, this process takes back what no worker has begun either.
                if own := self._left.popleft() if self._left else self._taken_back():
                    yield self._compile(*own)
                else:
                    wait(self._given, return_when=FIRST_COMPLETED)
                yield from self._finished()
        finally:
            self._stop()

    def _compile(self, index: int, task: Task) -> Done:
        began = time.monotonic()
        try:
            return Done(index, self._compiler.run(task.circuit, task.options))
        except CompileFailed as failure:
            return Done(index, failure=failure)
        finally:
            self._seconds += time.monotonic() - began
            self._compiled += 1

    def _give(self) -> None:
        """Keep workers busy: one task in hand and one waiting for each, from the far end of what is left."""
        if self._executor_lost or (self._executor is None and not self._start()):
            return
        while self._left and len(self._given) < 2 * self.workers:
            index, task = self._left.pop()
            try:
                future = self._submit(task)
            except (BrokenExecutor, OSError):
                # No worker can be started here, or one has died: this process does the rest.
                self._left.append((index, task))
                self._executor_lost = True
                return
            except Exception:
                # What QPY can't write can't travel; this process compiles it next.
                self._left.appendleft((index, task))
                return
            self._given[future] = (index, task)

    def _start(self) -> bool:
        if self._most < 1 or len(self._left) < 2 or not self._compiled:
            return False
        seconds = len(self._left) * self._seconds / self._compiled
        if seconds < self._worth_seconds:
            return False
        self.workers = min(self._most, len(self._left) - 1, max(1, int(seconds / START_SECONDS)))
        self._executor = ProcessPoolExecutor(
            self.workers,
            mp_context=multiprocessing.get_context("spawn"),
            initializer=compile_worker.start_up,
            initargs=(pickle.dumps(self._target),),
        )
        return True

    def _submit(self, task: Task) -> Future[bytes]:
        assert self._executor is not None
        text = packed(task.circuit)
        before = multiprocessing.active_children()
        with _interrupts_held():
            # The first one starts the processes.
            future = self._executor.submit(compile_worker.work, text, dict(task.options))
        self._processes += [child for child in multiprocessing.active_children() if child not in before]
        return future

    def _taken_back(self) -> tuple[int, Task] | None:
        """A task that waits for a worker, if one still can be had back."""
        for future in list(self._given):
            if future.cancel():
                return self._given.pop(future)
        return None

    def _finished(self) -> Iterator[Done]:
        for future in [future for future in self._given if future.done()]:
            index, task = self._given.pop(future)
            try:
                text = future.result()
            except CompileFailed as failure:
                yield Done(index, failure=failure)
            except Exception:
                # The worker died, or could not send what it made; this process does its work.
                self._left.append((index, task))
            else:
                qpy = unpacked(text)
                yield Done(index, from_qpy(qpy), qpy)

    def _stop(self) -> None:
        if self._executor is None:
            return
        if self._given:
            # Interrupted: nobody wants what they still compile, which may take minutes.
            for process in self._processes:
                with contextlib.suppress(OSError, ValueError):
                    process.kill()
        self._executor.shutdown(wait=True, cancel_futures=True)


@contextlib.contextmanager
def _interrupts_held() -> Iterator[None]:
    """Start processes that no Ctrl-C reaches, not even while they import.

    A process is born with the signals held back that the thread which starts it holds back.
    """
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
