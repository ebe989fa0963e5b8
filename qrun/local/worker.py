"""What runs inside a worker process. The slow imports of a simulation happen here and nowhere else."""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import threading
import zlib
from dataclasses import dataclass

_PR_SET_PDEATHSIG = 1
"""Of Linux's ``prctl``: the signal that a process gets when its parent dies."""


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
    """Make this process one that dies with the service, and not by its terminal's Ctrl-C."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
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

    outcome = run_program(device, program, zlib.decompress(params))
    return Prepared(
        result=zlib.compress(outcome.result.encode(), 1),
        log=zlib.compress(outcome.log.encode(), 1),
        qpu_seconds=outcome.qpu_seconds,
        circuits_execution_time_ns=outcome.circuits_execution_time_ns,
    )
