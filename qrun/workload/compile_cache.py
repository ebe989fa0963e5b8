"""ISA circuits kept on disk, so that the second run of a workload compiles nothing."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import tempfile
import time
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from qrun.workload.compile_worker import from_qpy

if TYPE_CHECKING:
    from qiskit.circuit import QuantumCircuit
    from qiskit.transpiler import Target

MOST_BYTES = 500 * 1000 * 1000
"""How large the cache may grow; what was used longest ago goes first."""

_MAGIC = b"qrun isa 1\n"
_DIGEST_BYTES = 32
_AFTER_TRIMMING = 0.9
"""Part of the allowed size that is left after trimming, so that not every run trims."""
_ABANDONED_SECONDS = 3600
"""Age at which a half-written file is nobody's any more."""


class CompileCache:
    """A folder of ISA circuits, each by the key of what it was compiled from.

    No method raises for what may be wrong with the disk: a cache that can't be read or written is as good as
    none. Several processes may use one folder at once, because a file appears in it whole or not at all.

    Args:
        folder: Where; made when something is first written.
        most_bytes: How large it may grow.
    """

    def __init__(self, folder: Path, most_bytes: int = MOST_BYTES) -> None:
        self._folder = folder
        self._most_bytes = most_bytes
        self._written = False

    def get(self, key: str) -> QuantumCircuit | None:
        """The ISA circuit of ``key``; ``None`` where there is none that is whole."""
        path = self._path(key)
        try:
            content = path.read_bytes()
        except OSError:
            return None
        try:
            circuit = _decoded(content)
        except Exception:
            # Whatever is wrong with it, it is no circuit; the one compiled in its stead replaces it.
            return None
        with contextlib.suppress(OSError):
            os.utime(path)
        return circuit

    def put(self, key: str, circuit: bytes) -> None:
        """Keep an ISA circuit, given as QPY bytes."""
        path = self._path(key)
        with contextlib.suppress(OSError):
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            # mkstemp makes files of mode 0600.
            handle, name = tempfile.mkstemp(dir=path.parent, suffix=".part")
            try:
                with os.fdopen(handle, "wb") as file:
                    file.write(_MAGIC + hashlib.sha256(circuit).digest() + circuit)
                os.replace(name, path)
                self._written = True
            except BaseException:
                # A full disk, or Ctrl-C: what is half written goes away, and the run goes on or ends.
                Path(name).unlink(missing_ok=True)
                raise

    def trim(self) -> None:
        """Remove what was used longest ago while there is too much, and what was never written to its end."""
        if not self._written:
            return
        self._written = False
        found = []
        for path in self._folder.glob("*/*"):
            with contextlib.suppress(OSError):
                status = path.stat()
                if path.suffix == ".part" and status.st_mtime < time.time() - _ABANDONED_SECONDS:
                    path.unlink()
                else:
                    found.append((status.st_mtime, status.st_size, path))
        total = sum(size for _, size, _ in found)
        if total <= self._most_bytes:
            return
        for _, size, path in sorted(found):
            if total <= self._most_bytes * _AFTER_TRIMMING:
                break
            with contextlib.suppress(OSError):
                path.unlink()
                total -= size

    def _path(self, key: str) -> Path:
        return self._folder / key[:2] / f"{key}.qpy"


def default_cache() -> CompileCache:
    """The cache below the user's ``QRUN_HOME``."""
    from qrun import config

    return CompileCache(config.home() / "cache" / "isa")


def key_of(fingerprint: str, target: str, backend: str, options: Mapping[str, Any]) -> str:
    """Key of an ISA circuit: everything that decides what compiling gives.

    That is the circuit's content, the backend and its calibration, the options, and the versions of what
    compiles. Without a seed each compilation gives a different circuit and any of them is right, so one is
    kept as well: a second run must compile nothing. ``--no-cache`` compiles anew.

    Args:
        fingerprint: Hash of the circuit's content.
        target: Hash of the target's content.
        backend: Name of the backend.
        options: Arguments of ``generate_preset_pass_manager``, as plain data.
    """
    import qiskit

    import qrun

    parts = [fingerprint, target, backend, options, qiskit.__version__, qrun.__version__, *_plugins()]
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


def target_hash(target: Target) -> str:
    """A hash of what a backend can do and how well: its instructions, their errors and durations.

    The calibration is in it by content, which also holds where a backend gives no date for it.
    """
    instructions = [
        (name, _parameters(target, name), _properties(target, name))
        for name in sorted(target.operation_names)
    ]
    timing = target.timing_constraints()
    rest = (
        target.num_qubits,
        target.dt,
        (timing.granularity, timing.min_length, timing.pulse_alignment, timing.acquire_alignment),
        instructions,
    )
    return hashlib.sha256(repr(rest).encode()).hexdigest()


def _parameters(target: Target, name: str) -> list[str]:
    operation = target.operation_from_name(name)
    parameters = [] if isinstance(operation, type) else operation.params
    return [str(parameter) for parameter in parameters]


def _properties(target: Target, name: str) -> list[tuple[Any, ...]]:
    found: list[tuple[Any, ...]] = []
    for qubits, properties in target[name].items():
        place = () if qubits is None else tuple(qubits)
        if properties is None:
            found.append((place,))
        else:
            found.append((place, repr(properties.duration), repr(properties.error)))
    return sorted(found)


def _decoded(content: bytes) -> QuantumCircuit:
    start = len(_MAGIC) + _DIGEST_BYTES
    magic, digest, circuit = content[: len(_MAGIC)], content[len(_MAGIC) : start], content[start:]
    if magic != _MAGIC or digest != hashlib.sha256(circuit).digest():
        raise ValueError("not an entry of this cache")
    return from_qpy(circuit)


@cache
def _plugins() -> list[str]:
    """Versions of what brings stages of the pass manager into qiskit: here the client's translation."""
    from importlib.metadata import PackageNotFoundError, version

    try:
        return [version("qiskit-ibm-runtime")]
    except PackageNotFoundError:
        return []
