"""Observables: Pauli strings and weighted sums, in the shape that the file gives them.

Pauli strings read as qiskit's do: the rightmost letter is for qubit 0.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from qrun.workload.document import Document, Location
from qrun.workload.validate import did_you_mean

if TYPE_CHECKING:
    from qiskit.primitives.containers.observables_array import ObservablesArray
    from qiskit.quantum_info import SparsePauliOp

_PAULI = re.compile(r"[IXYZ]+")


def build_observables(
    spec: Any,
    named: Mapping[str, str | dict[str, float]],
    num_qubits: int,
    document: Document,
    location: Location,
) -> ObservablesArray:
    """The observables of a PUB.

    Args:
        spec: A name, a Pauli string, a weighted sum, or a (nested) list of these.
        named: The file's ``observables``.
        num_qubits: Width of the PUB's circuit.
        document: The file.
        location: Where ``spec`` stands in it.

    Returns:
        The observables, of the shape of the lists; ``()`` where there is no list.

    Raises:
        WorkloadError: A name isn't known, or a width is wrong.
    """
    from qiskit.primitives.containers.observables_array import ObservablesArray

    nested = _resolve(spec, named, num_qubits, document, location)
    try:
        return ObservablesArray.coerce(nested)
    except (ValueError, TypeError) as error:
        raise document.error(location, f"These observables do not make an array: {error}.") from None


def _resolve(
    spec: Any,
    named: Mapping[str, str | dict[str, float]],
    num_qubits: int,
    document: Document,
    location: Location,
) -> Any:
    if isinstance(spec, list):
        if not spec:
            raise document.error(
                location, "The list of observables is empty.", "Leave the key out for a Sampler PUB."
            )
        return [
            _resolve(item, named, num_qubits, document, (*location, index)) for index, item in enumerate(spec)
        ]
    if isinstance(spec, str) and spec in named:
        location = ("observables", spec)
        spec = named[spec]
    if isinstance(spec, str):
        if not _PAULI.fullmatch(spec):
            hint = did_you_mean(spec, list(named)) if named else "Write Pauli letters I, X, Y and Z."
            raise document.error(
                location, f"{spec!r} is neither an observable's name nor a Pauli string.", hint
            )
        spec = {spec: 1.0}
    if isinstance(spec, dict):
        return _sum(spec, num_qubits, document, location)
    raise document.error(
        location, f"An observable is a name, a Pauli string or a weighted sum, not {spec!r}."
    )


def _sum(terms: Mapping[str, Any], num_qubits: int, document: Document, location: Location) -> SparsePauliOp:
    from qiskit.quantum_info import SparsePauliOp

    if not terms:
        raise document.error(location, "The weighted sum is empty.", "For example:  {ZZ: -1.0, XI: 0.5}")
    pairs = []
    for pauli, weight in terms.items():
        here = (*location, pauli)
        if not isinstance(pauli, str) or not _PAULI.fullmatch(pauli):
            raise document.error(
                here, f"{pauli!r} is not a Pauli string.", "Write letters I, X, Y and Z.", at_key=True
            )
        if len(pauli) != num_qubits:
            raise document.error(
                here,
                f"The observable {pauli} acts on {len(pauli)} qubits, the circuit has {num_qubits}.",
                "Write one letter a qubit; the rightmost is for qubit 0.",
                at_key=True,
            )
        if isinstance(weight, bool) or not isinstance(weight, (int, float)):
            raise document.error(here, f"The weight of {pauli} is not a number: {weight!r}.")
        if weight != weight or weight in (float("inf"), float("-inf")):
            raise document.error(here, f"The weight of {pauli} is not finite.")
        pairs.append((pauli, float(weight)))
    return SparsePauliOp.from_list(pairs)
