"""What runs inside a worker process. The slow imports of a simulation happen here and nowhere else."""

from __future__ import annotations

import multiprocessing
import os
import resource
import signal
import sys
import threading
import time
import zlib
from dataclasses import dataclass

from qrun.local.simulation.outcome import ProgramError

_PR_SET_PDEATHSIG = 1
"""Of Linux's ``prctl``: the signal that a process gets when its parent dies."""

_MEMORY_SHARE = 0.5
"""Share of the machine's memory that one job may fill."""
_UNTOUCHED_BYTES = 4 << 30
"""Address space that a worker has and does not fill: libraries, stacks and arenas of their threads."""


@dataclass(frozen=True)
class Prepared:
    """What a program left, its texts compressed with zlib.

    Args:
        result: The result document.
        log: The job's log.
        qpu_seconds: QPU time that the job needs.
        circuits_execution_time_ns: Its part in which circuits run.
    """

    result: bytes
    log: bytes
    qpu_seconds: float
    circuits_execution_time_ns: int


def start_up() -> None:
    """Make this process die with the service and not by its terminal's Ctrl-C, and bound its memory."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # Before numpy is imported. It is workers that run side by side: OpenBLAS that shares small products out
    # to threads of its own takes ten times as long once others have the cores, and rounds in another order.
    os.environ["OPENBLAS_NUM_THREADS"] = "1"
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    limit_address_space(int(_MEMORY_SHARE * memory) + _UNTOUCHED_BYTES)
    service = multiprocessing.parent_process()
    if service is None:
        return
    if sys.platform == "linux":
        # A long call into a simulator may keep the thread below from running, so the kernel sees to it.
        import ctypes

        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != service.pid:
            os._exit(1)

    def die_with_the_service() -> None:
        service.join()
        os._exit(1)

    threading.Thread(target=die_with_the_service, name="die-with-service", daemon=True).start()


def limit_address_space(size: int) -> None:
    """Let this process have ``size`` bytes at most; asking for more is a ``MemoryError``.

    A few kilobytes that a job sends may stand for any amount of zeros, compressed. Only Linux keeps to it.
    """
    if sys.platform == "linux":
        most = resource.getrlimit(resource.RLIMIT_AS)[1]
        resource.setrlimit(resource.RLIMIT_AS, (size if most < 0 else min(size, most), most))


def identify() -> int:
    """The process ID of this worker."""
    return os.getpid()


def warm_up(device: str) -> None:
    """Import what programs need, so that the first job does not wait for it."""
    from qrun.local.simulation import programs

    programs.warm_up(device)


def work(device: str, program: str, params: bytes) -> Prepared:
    """Run a program of a job.

    Args:
        device: Name of the device.
        program: The program's ID.
        params: Its parameters as JSON, compressed with zlib.

    Raises:
        ProgramError: The job's own fault.
    """
    from qrun.local.simulation.programs import run_program

    began = time.perf_counter()
    try:
        outcome = run_program(device, program, zlib.decompress(params))
    except MemoryError:
        raise ProgramError("The job needs more memory than one job may fill; split it.") from None
    log = f"{outcome.log}simulated in {time.perf_counter() - began:.3f} s\n"
    return Prepared(
        result=zlib.compress(outcome.result.encode(), 1),
        log=zlib.compress(log.encode(), 1),
        qpu_seconds=outcome.qpu_seconds,
        circuits_execution_time_ns=outcome.circuits_execution_time_ns,
    )
