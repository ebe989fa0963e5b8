"""Circuits of ``qiskit.circuit.library``, by name."""

from __future__ import annotations

import inspect
import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from qrun.workload.document import Document, Location
from qrun.workload.model import LibraryCircuit
from qrun.workload.words import did_you_mean

if TYPE_CHECKING:
    from qiskit.circuit import QuantumCircuit

MOST_WORK = 1_000_000
"""Product of the whole numbers among a library circuit's arguments, such as qubits times repetitions."""


def library_circuit(spec: LibraryCircuit, document: Document, location: Location) -> QuantumCircuit:
    """A circuit that a function or class of the library makes.

    Raises:
        WorkloadError: There is none of the name, or it refuses its arguments.
    """
    from qiskit.circuit import Instruction, QuantumCircuit, library

    known = [name for name in dir(library) if not name.startswith("_") and callable(getattr(library, name))]
    if spec.library not in known:
        raise document.error(
            (*location, "library"),
            f"qiskit.circuit.library has no {spec.library!r}.",
            did_you_mean(spec.library, known) if spec.library else None,
        )
    _check_work(spec.args, document, (*location, "args"))
    maker = getattr(library, spec.library)
    try:
        made: Any = maker(**spec.args)
        if isinstance(made, Instruction):
            circuit = QuantumCircuit(made.num_qubits, made.num_clbits, name=made.name)
            circuit.append(made, range(made.num_qubits), range(made.num_clbits))
            return circuit
        if isinstance(made, QuantumCircuit):
            # The library's older classes put their circuit together when they are first looked at.
            _ = made.data
            return made
    except Exception as error:
        where = "args" if spec.args else "library"
        raise document.error((*location, where), f"{spec.library}: {error}.", _arguments(maker)) from None
    raise document.error(
        (*location, "library"), f"{spec.library} of qiskit.circuit.library does not make a circuit."
    )


def _check_work(args: Mapping[str, Any], document: Document, location: Location) -> None:
    sizes = [
        value
        for name, value in args.items()
        if isinstance(value, int) and not isinstance(value, bool) and value > 1 and "seed" not in name
    ]
    if math.prod(sizes) > MOST_WORK:
        raise document.error(
            location, f"These arguments make a circuit of more than {MOST_WORK:,} parts.", "Make it smaller."
        )


def _arguments(maker: Any) -> str | None:
    try:
        signature = inspect.signature(maker)
    except (TypeError, ValueError):
        return None
    names = [name for name in signature.parameters if name not in ("args", "kwargs")]
    return f"Its arguments: {', '.join(names)}." if names else None
