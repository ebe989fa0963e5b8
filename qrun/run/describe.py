"""A workload in numbers: what its PUBs are, before and after compilation."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qrun.plan.limits import executions
from qrun.run.backend import compile_for, find_backend, widest
from qrun.run.prepare import Choices, Draft
from qrun.workload.compile import Compilation

if TYPE_CHECKING:
    from collections.abc import Callable

    from qiskit.circuit import QuantumCircuit

    from qrun.runtime.client import RuntimeClient
    from qrun.workload.document import Document
    from qrun.workload.model import WorkloadFile


def compile_draft(
    draft: Draft,
    document: Document,
    file: WorkloadFile,
    client: RuntimeClient,
    choices: Choices,
    progress: Callable[[str], None],
) -> tuple[str, Compilation]:
    """The backend's name and the workload compiled for it.

    Raises:
        WorkloadError: There is no such backend, or it doesn't fit.
    """
    backend = find_backend(document, file, client, choices.backend, widest=widest(draft.workload))
    return str(backend.name), compile_for(draft.workload, backend, progress, cache=choices.cache)


def describe(
    draft: Draft, backend: str | None = None, compilation: Compilation | None = None
) -> dict[str, Any]:
    """The workload as one JSON document.

    Args:
        draft: The workload.
        backend: What it is compiled for; ``None`` where it isn't.
        compilation: The compiled PUBs.
    """
    counts = _Counts()
    compiled = [counts.of(isa.circuit) for isa in compilation.pubs] if compilation else None
    job_of = {index: job.index for job in draft.planned for index in job.pubs}
    return {
        "name": draft.workload.name,
        "mode": draft.mode.mode,
        "backend": backend,
        "jobs": len(draft.planned),
        "pubs": [
            {
                "index": pub.index,
                "name": pub.name,
                "primitive": pub.primitive,
                "circuit": pub.circuit_name,
                "num_qubits": pub.circuit.num_qubits,
                "shape": list(pub.shape),
                "shots": pub.shots,
                "precision": pub.precision,
                "executions": executions(pub),
                "job": job_of[pub.index],
                "logical": counts.of(pub.circuit),
                "compiled": compiled[pub.index] if compiled else None,
            }
            for pub in draft.workload.pubs
        ],
    }


class _Counts:
    """Depth and gates of circuits, each circuit counted once; whoever asks holds the circuits."""

    def __init__(self) -> None:
        self._known: dict[int, dict[str, int]] = {}

    def of(self, circuit: QuantumCircuit) -> dict[str, int]:
        found = self._known.get(id(circuit))
        if found is None:
            found = {"depth": int(circuit.depth()), "two_qubit_gates": _two_qubit_gates(circuit)}
            self._known[id(circuit)] = found
        return found


def _two_qubit_gates(circuit: QuantumCircuit) -> int:
    """Gates on two qubits, those within ``if``, ``for`` and ``while`` counted once each."""
    total = 0
    for instruction in circuit.data:
        if blocks := getattr(instruction.operation, "blocks", None):
            total += sum(_two_qubit_gates(block) for block in blocks)
        elif len(instruction.qubits) == 2 and not getattr(instruction.operation, "_directive", False):
            total += 1
    return total
