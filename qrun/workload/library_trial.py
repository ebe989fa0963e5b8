"""Circuits of the library tried out in a process with limits: some arguments make what no memory holds.

Nothing tells from outside what ``num_qubits: 40`` means: a few gates in one circuit, 2**40 numbers in
another.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import sys
from collections.abc import Mapping
from typing import Any

MOST_SECONDS = 10
"""Processor time that one circuit may take to make."""
MOST_BYTES = 3 * 1024**3
"""Memory that the trying process may have, of which it takes half a gigabyte itself."""
_PATIENCE_SECONDS = 60.0
"""How long the process is waited for, be it to import qiskit or to get its processor time."""
_TOO_LARGE = f"take more than {MOST_SECONDS} s or {MOST_BYTES:,} bytes to make"


class Trial:
    """A process that makes circuits to see whether they can be made; started when it is first needed."""

    def __init__(self) -> None:
        self._process: Any = None
        self._connection: Any = None

    def refusal(self, name: str, args: Mapping[str, Any]) -> str | None:
        """Why a circuit can't be made within the limits; ``None`` where it can.

        What the library itself has against the arguments is no refusal: making it tells.

        Args:
            name: What makes it, of ``qiskit.circuit.library``.
            args: Its arguments.
        """
        try:
            if self._process is None:
                self._start()
            self._connection.send((name, dict(args)))
            if self._connection.poll(_PATIENCE_SECONDS):
                return None if self._connection.recv() else _TOO_LARGE
        except (EOFError, OSError):
            # The end of the time, and of the memory where Rust asks for it, is the end of the process.
            pass
        self.stop()
        return _TOO_LARGE

    def stop(self) -> None:
        """End the process, whatever it does."""
        process, self._process = self._process, None
        if process is not None:
            with contextlib.suppress(OSError, ValueError):
                process.kill()
            process.join()
            self._connection.close()

    def _start(self) -> None:
        context = multiprocessing.get_context("spawn")
        self._connection, theirs = context.Pipe()
        # A daemon ends with this process.
        self._process = context.Process(target=_serve, args=(theirs,), daemon=True)
        self._process.start()
        theirs.close()
        if not self._connection.poll(_PATIENCE_SECONDS):
            raise EOFError
        self._connection.recv()


def _serve(connection: Any) -> None:
    """Life of the process: names and arguments in; out, whether they can be made."""
    import os
    import signal

    import qiskit.circuit.library  # noqa: F401 - before the clock of the first circuit runs

    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # What Rust says when it aborts is nothing for the user's terminal.
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stderr.fileno())
    connection.send(True)
    while True:
        try:
            name, args = connection.recv()
        except EOFError:
            return
        _limit()
        connection.send(_can_be_made(name, args))


def _limit() -> None:
    with contextlib.suppress(ImportError, ValueError, OSError):
        import resource

        _, most = resource.getrlimit(resource.RLIMIT_AS)
        resource.setrlimit(resource.RLIMIT_AS, (MOST_BYTES, most))
        used = resource.getrusage(resource.RUSAGE_SELF)
        _, most = resource.getrlimit(resource.RLIMIT_CPU)
        seconds = int(used.ru_utime + used.ru_stime) + 1 + MOST_SECONDS
        resource.setrlimit(resource.RLIMIT_CPU, (seconds, most))


def _can_be_made(name: str, args: Mapping[str, Any]) -> bool:
    from qiskit.circuit import Instruction, library

    try:
        made = getattr(library, name)(**args)
        # Gates and the library's older classes put off what is large.
        _ = made.definition if isinstance(made, Instruction) else made.data
    except MemoryError:
        return False
    except Exception:
        # The library refuses the arguments, and says why when the circuit is made.
        return True
    return True
