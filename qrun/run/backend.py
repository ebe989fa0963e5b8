"""The backend of a run, and its circuits compiled for it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from qrun.errors import UsageError
from qrun.runtime.client import NoFractionalGates, RuntimeClient
from qrun.workload.compile import Compilation, compile_pubs
from qrun.workload.compile_cache import default_cache
from qrun.workload.document import Document
from qrun.workload.load import Workload
from qrun.workload.model import LeastBusyBackend, WorkloadFile
from qrun.workload.words import did_you_mean

if TYPE_CHECKING:
    from qiskit.providers import BackendV2


def widest(workload: Workload) -> int:
    """Qubits of the widest circuit."""
    return max((int(pub.circuit.num_qubits) for pub in workload.whole.pubs), default=1)


def find_backend(
    document: Document,
    file: WorkloadFile,
    client: RuntimeClient,
    asked: str | None = None,
    *,
    widest: int = 1,
) -> BackendV2:
    """The backend that the command line or the file asks for.

    Args:
        document: The parsed file.
        file: The validated file.
        client: The service.
        asked: A backend's name from the command line.
        widest: Qubits that the least busy backend must have.

    Raises:
        UsageError: The command line names one that isn't there.
        WorkloadError: The file does.
    """
    wanted = asked or file.backend
    if isinstance(wanted, LeastBusyBackend):
        return _least_busy(document, file, client, wanted, widest)
    try:
        backend = client.backend(wanted, fractional_gates=file.defaults.transpile.fractional_gates)
    except NoFractionalGates as error:
        raise document.error(
            ("defaults", "transpile", "fractional_gates"),
            error.message,
            f"{error.hint} Backends here that have them: "
            f"{', '.join(client.names_with_fractional_gates()) or 'none'}.",
        ) from None
    if backend is not None:
        return backend
    message, hint = f"There is no backend {wanted!r} here.", did_you_mean(wanted, client.backend_names())
    if asked:
        raise UsageError(message, hint)
    raise document.error(("backend",), message, hint)


def _least_busy(
    document: Document, file: WorkloadFile, client: RuntimeClient, wanted: LeastBusyBackend, widest: int
) -> BackendV2:
    # A backend too narrow for the workload is of no use, however short its queue.
    needed = max(wanted.least_busy.min_num_qubits or 1, widest)
    fractional = file.defaults.transpile.fractional_gates
    found = client.least_busy(min_num_qubits=needed, fractional_gates=fractional)
    if found is None:
        having = f"{needed} qubits and fractional gates" if fractional else f"{needed} qubits"
        raise document.error(
            ("backend",), f"No backend of this instance has {having} and is online.", "Choose another."
        )
    return found


def compile_for(
    workload: Workload,
    backend: BackendV2,
    progress: Callable[[str], None],
    *,
    cache: bool,
) -> Compilation:
    """The PUBs compiled for a backend, with what earlier runs have compiled.

    Args:
        workload: The workload, or the part of it that fits the backend.
        backend: What to compile for.
        progress: Told what is being done.
        cache: Whether circuits that earlier runs compiled are used, and this run's are kept.

    Raises:
        InvalidWorkload: A circuit doesn't fit or can't be compiled; all such are told.
    """
    return compile_pubs(workload, backend, cache=default_cache() if cache else None, progress=progress)
