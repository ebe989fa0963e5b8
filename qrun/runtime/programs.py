"""What a prepared job will execute, read back from what would be sent.

The estimate of a job counts these, not the PUBs of the file: shots after twirling, measurement bases, readout
calibration and amplified circuits are all the client's to choose, and they are here as it chose them.
"""

from __future__ import annotations

import zlib
from base64 import b64decode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from io import BytesIO
from math import prod
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from qiskit import QuantumCircuit

    from qrun.runtime.client import PreparedJob

EXECUTOR = "executor"
"""The program that runs what the client-side primitives prepare."""

_SCHEMA = "v2.0"
_CALIBRATION = "trex"


@dataclass(frozen=True)
class ProgramItem:
    """One circuit of a quantum program, with all that is bound to it."""

    circuit: QuantumCircuit = field(repr=False)
    bound: int
    """How many circuits it stands for: points of a sweep × bases × randomizations."""
    pub: int | None
    """Position in the job of the PUB that it is of; ``None`` for a calibration that the job's PUBs share."""


@dataclass(frozen=True)
class Program:
    """A quantum program as a job's request has it."""

    shots: int
    """Shots of each bound circuit."""
    items: tuple[ProgramItem, ...]
    rep_delay: float | None
    """Delay between executions in seconds; ``None`` for the backend's default."""
    init_qubits: bool


class UnknownProgram(Exception):
    """What a job would execute can't be read from its request."""


def program_of(job: PreparedJob) -> Program:
    """The quantum program of a prepared job.

    Raises:
        UnknownProgram: It is a job of the V2 primitives, for which the service chooses, or the client writes
            it in a way that is not known here.
    """
    inputs = job.arguments["inputs"]
    if job.program_id != EXECUTOR or inputs.get("schema_version") != _SCHEMA:
        raise UnknownProgram(job.program_id)
    try:
        written, options = inputs["quantum_program"], inputs["options"]
        circuits = _circuits(written["circuits"]["b64_data"])
        owners = _owners(written)
        items = tuple(
            ProgramItem(circuit, _bound(item), index if owners is None else owners[index])
            for index, (circuit, item) in enumerate(zip(circuits, written["items"], strict=True))
        )
        return Program(int(written["shots"]), items, options["rep_delay"], bool(options["init_qubits"]))
    except (KeyError, TypeError, ValueError) as error:
        raise UnknownProgram(f"{type(error).__name__}: {error}") from error


def _circuits(text: str) -> list[QuantumCircuit]:
    from ibm_quantum_schemas.common.qpy import ANNOTATION_FACTORIES
    from qiskit import qpy

    # The model's own reader would decompress it once more, to check what the client wrote just now.
    with BytesIO(zlib.decompress(b64decode(text))) as file:
        return list(qpy.load(file, annotation_factories=ANNOTATION_FACTORIES))


def _bound(item: Mapping[str, Any]) -> int:
    shape: Sequence[int] = item["shape"]
    if item["item_type"] == "circuit" and not shape:
        shape = item["circuit_arguments"]["shape"][:-1]
    return prod(shape)


def _owners(written: Mapping[str, Any]) -> list[int | None] | None:
    """For each item the position of its PUB; ``None`` where there is an item a PUB, in order.

    The Estimator notes for each of its tasks, which are in the order of the PUBs, at which item it begins;
    the readout calibration that they share is a task too.
    """
    tasks = (written.get("passthrough_data") or {}).get("qiskit_mitigation")
    if tasks is None:
        return None
    begins: dict[int, int | None] = {}
    position = 0
    for task in tasks:
        shared = task.get("mitigation") == _CALIBRATION
        begins[int(task["program_item_index"])] = None if shared else position
        position += not shared
    owners: list[int | None] = []
    owner: int | None = None
    for index in range(len(written["items"])):
        owner = begins.get(index, owner)
        owners.append(owner)
    return owners
