"""Circuits of ``qiskit.circuit.library``, by name."""

from __future__ import annotations

import inspect
import math
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from qrun.workload.document import Document, Location
from qrun.workload.library_trial import Trial
from qrun.workload.model import LibraryCircuit
from qrun.workload.words import did_you_mean

if TYPE_CHECKING:
    from qiskit.circuit import QuantumCircuit

MOST_WORK = 1_000_000
"""Product of the numbers among a library circuit's arguments, such as qubits times repetitions."""
_POLYNOMIAL = frozenset(
    {
        "efficient_su2",
        "excitation_preserving",
        "quantum_volume",
        "real_amplitudes",
        "z_feature_map",
        "zz_feature_map",
        "EfficientSU2",
        "QFT",
        "QFTGate",
        "RealAmplitudes",
    }
)
"""What is used most, and has no more gates than triples of qubits times repetitions."""
_FEW_GATES = 10_000_000
"""By that measure, which is far above what there really are: seconds of making."""
_FEW_QUBITS = 12
"""So many make nothing large of anything, 2**12 numbers included."""
_trial = Trial()


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
    maker = getattr(library, spec.library)
    _check_names(spec, maker, document, (*location, "args"))
    _check_size(spec, document, (*location, "args"))
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


def _check_size(spec: LibraryCircuit, document: Document, location: Location) -> None:
    """Refuse arguments that make what fills the memory, or takes for ever."""
    sizes = sorted(_sizes(spec.args))
    if math.prod(sizes) > MOST_WORK:
        raise document.error(
            location, f"These arguments make a circuit of more than {MOST_WORK:,} parts.", "Make it smaller."
        )
    largest = sizes[-1] if sizes else 1
    # Each gate may act on any three qubits.
    small = spec.library in _POLYNOMIAL and math.prod(sizes) * largest**2 <= _FEW_GATES
    if small or largest <= _FEW_QUBITS:
        return
    if refusal := _trial.refusal(spec.library, spec.args):
        raise document.error(location, f"{spec.library}: these arguments {refusal}.", "Make it smaller.")


def _sizes(given: Any) -> Iterator[int]:
    """The whole numbers above one among arguments, and the lengths of lists, at any depth."""
    if isinstance(given, Mapping):
        for name, value in given.items():
            if "seed" not in str(name):
                yield from _sizes(value)
    elif isinstance(given, (list, tuple)):
        # Of many numbers the largest stands for all: a list of weights makes no more than its length.
        inner = [size for value in given for size in _sizes(value)]
        yield from (size for size in (len(given), max(inner, default=1)) if size > 1)
    elif isinstance(given, (int, float)) and not isinstance(given, bool) and given > 1:
        yield math.ceil(given)


def _check_names(spec: LibraryCircuit, maker: Any, document: Document, location: Location) -> None:
    """Refuse an argument that the maker does not have, where it says what it has."""
    known = _names(maker)
    if known is None:
        return
    for name in spec.args:
        if name not in known:
            raise document.error(
                (*location, name),
                f"{spec.library} has no argument {name!r}.",
                did_you_mean(name, known) or "It takes none.",
                at_key=True,
            )


def _names(maker: Any) -> list[str] | None:
    """The names of a function's or class's arguments; ``None`` where it may take any, or can't be asked."""
    try:
        parameters = inspect.signature(maker).parameters.values()
    except (TypeError, ValueError):
        return None
    if any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters):
        return None
    return [parameter.name for parameter in parameters if parameter.kind is not parameter.VAR_POSITIONAL]


def _arguments(maker: Any) -> str | None:
    names = _names(maker)
    return f"Its arguments: {', '.join(names)}." if names else None
