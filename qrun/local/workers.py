"""The worker processes that simulate, seen from the service."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import multiprocessing
import os
import signal
from collections.abc import Callable
from concurrent.futures import BrokenExecutor, Executor, Future, ProcessPoolExecutor
from typing import TypeVar

from qrun.local import worker
from qrun.local.worker import Prepared

_log = logging.getLogger(__name__)
T = TypeVar("T")

MOST_WORKERS = 4
ABANDON_SECONDS = 5.0
"""How long the computing of a cancelled job may go on before its worker is killed. Starting another takes
about as long, so killing one for less would cost more than it saves."""


class WorkerDied(Exception):
    """The process that computed a job is gone; somebody killed it, or it ran out of memory."""


class Unwanted(Exception):
    """The job was cancelled before a worker was free."""


class Workers:
    """Worker processes, each its own pool of one: when one dies it is known whose job it was.

    Args:
        count: How many; as many as there are processors, up to :data:`MOST_WORKERS`, unless given.
        warm_device: The device that each prepares for before it has a job.
    """

    def __init__(self, warm_device: str, count: int | None = None) -> None:
        self._warm_device = warm_device
        self._slots = [_Slot() for _ in range(count or min(MOST_WORKERS, os.cpu_count() or 1))]
        self._free: asyncio.Queue[_Slot] = asyncio.Queue()
        self._warming: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Start them, and let them import what they need."""
        # The first takes jobs at once, which wait until it is warm; the others when they are warm, since
        # before that the first is sooner done with a job than they are with their imports.
        self._free.put_nowait(self._slots[0])
        self._warming = asyncio.create_task(self._warm_up())

    async def _warm_up(self) -> None:
        # One after the other: a person's first command imports qiskit at the same time, and three at
        # once on two processors would make that command wait.
        for slot in self._slots:
            try:
                await slot.warm_up(self._warm_device)
            except BrokenExecutor:
                pass  # The next job starts another.
            except Exception:
                _log.exception("A worker could not warm up")
            if slot is not self._slots[0]:
                self._free.put_nowait(slot)

    async def run(
        self, job: str, device: str, program: str, params: bytes, wanted: Callable[[], bool]
    ) -> Prepared:
        """Run a program as soon as a worker is free.

        Args:
            job: Whose it is.
            device: Name of the device.
            program: The program's ID.
            params: Its parameters, compressed.
            wanted: Whether the job is still to be run, asked when a worker is free.

        Raises:
            Unwanted: It wasn't.
            WorkerDied: The worker is gone; another one has taken its place.
            Exception: Whatever the program raised.
        """
        slot = await self._free.get()
        try:
            if not wanted():
                raise Unwanted(job)
            return await slot.run(job, device, program, params)
        except BrokenExecutor:
            raise WorkerDied(job) from None
        finally:
            self._free.put_nowait(slot)

    def abandon(self, job: str) -> None:
        """Nobody wants the result of ``job`` any more: free its worker if it goes on for long."""
        for slot in self._slots:
            if slot.job == job:
                asyncio.get_running_loop().call_later(ABANDON_SECONDS, slot.kill, job)

    def stop(self) -> None:
        """End them at once; they keep nothing that would be lost."""
        if self._warming is not None:
            self._warming.cancel()
        for slot in self._slots:
            slot.stop()


class _Slot:
    """One worker process behind an executor."""

    def __init__(self) -> None:
        self.job: str | None = None
        self._executor: Executor | None = None
        self._pid: int | None = None

    async def _ready(self) -> Executor:
        """The executor, its process running.

        A process is started by the thread of the event loop alone: on Linux a worker's life is tied to the
        thread that started it.
        """
        if self._executor is None:
            context = multiprocessing.get_context("spawn")
            executor = ProcessPoolExecutor(1, mp_context=context, initializer=worker.start_up)
            self._executor = executor
            pid = await self._result(executor, executor.submit(worker.identify))
            if self._executor is executor:
                self._pid = pid
            return executor
        return self._executor

    async def warm_up(self, device: str) -> None:
        executor = await self._ready()
        await self._result(executor, executor.submit(worker.warm_up, device))

    async def run(self, job: str, device: str, program: str, params: bytes) -> Prepared:
        self.job = job
        try:
            executor = await self._ready()
            try:
                future = executor.submit(worker.work, device, program, params)
            except BrokenExecutor:
                # It died before it had this job, which is not to blame.
                self._forget(executor)
                executor = await self._ready()
                future = executor.submit(worker.work, device, program, params)
            return await self._result(executor, future)
        finally:
            self.job = None

    async def _result(self, executor: Executor, future: Future[T]) -> T:
        try:
            return await asyncio.wrap_future(future)
        except BrokenExecutor:
            self._forget(executor)
            raise

    def kill(self, job: str) -> None:
        """Kill the process if it still computes ``job``."""
        if self.job == job:
            self._kill()

    def stop(self) -> None:
        self._kill()
        if self._executor is not None:
            self._forget(self._executor)

    def _forget(self, broken: Executor) -> None:
        """Forget a process that died; the next job starts another.

        Whoever waits for it, a job or the warming up, learns of its death, the later one perhaps when another
        has taken its place already: that one stays.
        """
        if self._executor is broken:
            self._executor, self._pid = None, None
        broken.shutdown(wait=False, cancel_futures=True)

    def _kill(self) -> None:
        if self._pid is not None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self._pid, signal.SIGKILL)
