"""Compiling one circuit: what this process does, and what a worker process does with bytes."""

from __future__ import annotations

import io
import json
import os
import pickle
import signal
import threading
import warnings
import zlib
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from qiskit.circuit import QuantumCircuit
    from qiskit.transpiler import Target


class CompileFailed(Exception):
    """A circuit can't be compiled.

    Args:
        message: What the pass said.
        options: Whether the options are to blame, rather than the circuit.
    """

    def __init__(self, message: str, options: bool = False) -> None:
        super().__init__(message, options)
        self.message = message
        self.options = options


class Compiler:
    """Compiles for one target; a pass manager is made once for each set of options.

    Args:
        target: What to compile for.
    """

    def __init__(self, target: Target) -> None:
        self.target = target
        self._managers: dict[str, Any] = {}

    def run(self, circuit: QuantumCircuit, options: Mapping[str, Any]) -> QuantumCircuit:
        """The ISA circuit, with its layout.

        Args:
            circuit: The circuit.
            options: Arguments of ``generate_preset_pass_manager``, as plain data.

        Raises:
            CompileFailed: A pass, or the making of the passes, raised an error.
        """
        manager = self._manager(options)
        try:
            return manager.run(circuit)
        except (KeyboardInterrupt, SystemExit, MemoryError):
            raise
        except BaseException as error:
            # Passes raise errors of many kinds, and those written in Rust panic outside of Exception.
            raise CompileFailed(_message(error)) from error

    def _manager(self, options: Mapping[str, Any]) -> Any:
        key = json.dumps(options, sort_keys=True)
        if key not in self._managers:
            from qiskit.transpiler import generate_preset_pass_manager
            from qiskit.transpiler.passes import HLSConfig

            arguments = dict(options)
            if arguments.get("hls_config") is not None:
                arguments["hls_config"] = HLSConfig(**arguments["hls_config"])
            try:
                self._managers[key] = generate_preset_pass_manager(target=self.target, **arguments)
            except Exception as error:
                raise CompileFailed(_message(error), options=True) from error
        return self._managers[key]


def to_qpy(circuit: QuantumCircuit) -> bytes:
    """A circuit as QPY bytes. Its layout is kept."""
    from qiskit import qpy

    written = io.BytesIO()
    qpy.dump(circuit, written)
    return written.getvalue()


def from_qpy(text: bytes) -> QuantumCircuit:
    """The first circuit of QPY bytes."""
    from qiskit import qpy

    return qpy.load(io.BytesIO(text))[0]


def packed(circuit: QuantumCircuit) -> bytes:
    """A circuit as it travels between processes: QPY bytes, compressed.

    What no worker has read yet has to fit in a pipe, or its writer waits, even when the workers are gone.
    """
    return zlib.compress(to_qpy(circuit), 1)


def unpacked(text: bytes) -> bytes:
    """The QPY bytes of what :func:`packed` made."""
    return zlib.decompress(text)


def start_up(target: bytes) -> None:
    """Begin the life of a worker process.

    Args:
        target: The target, pickled: reading that takes 5 ms, making it anew of a backend 450 ms and a client.
    """
    # A Ctrl-C in the terminal reaches workers too; it is the parent that ends them.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # What a pass has to say would come once a worker, between the lines of whatever is on the screen.
    warnings.simplefilter("ignore")
    threading.Thread(target=_end_with_parent, daemon=True).start()
    # Each worker is one of several: passes that would use all processors by themselves keep to one.
    os.environ["QISKIT_IN_PARALLEL"] = "TRUE"
    _own.append(Compiler(pickle.loads(target)))  # noqa: S301 - the parent's own bytes


def work(circuit: bytes, options: Mapping[str, Any]) -> bytes:
    """Compile a circuit in a worker process; gives the ISA circuit, packed.

    Args:
        circuit: The circuit, packed.
        options: Arguments of ``generate_preset_pass_manager``, as plain data.

    Raises:
        CompileFailed: It can't be compiled.
    """
    return packed(_own[0].run(from_qpy(unpacked(circuit)), options))


_own: list[Compiler] = []
"""The compiler of this worker process."""


def _end_with_parent() -> None:
    """End this process when the one that started it is gone, however that one ended."""
    import multiprocessing
    from multiprocessing.connection import wait

    parent = multiprocessing.parent_process()
    if parent is not None:
        wait([parent.sentinel])
        os._exit(1)


def _message(error: BaseException) -> str:
    text = str(getattr(error, "message", "") or error)
    # Qiskit's errors print their message in quotes.
    quoted = len(text) > 1 and text[0] == text[-1] and text[0] in "'\""
    return (text[1:-1] if quoted else text) or type(error).__name__
