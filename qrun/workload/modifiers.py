"""What a file does to a circuit: ``assign``, ``inverse``, ``repeat``, ``measure``, in this order."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from qrun.workload.arrays import Numbers
from qrun.workload.document import Document, Location
from qrun.workload.model import AnyCircuit
from qrun.workload.words import did_you_mean, said

if TYPE_CHECKING:
    from qiskit.circuit import QuantumCircuit

MOST_INSTRUCTIONS = 2_000_000
"""Instructions that ``repeat`` may make."""
REGISTER = "meas"
"""The register that ``measure`` measures into; Qiskit's own name for it."""


def modify(
    circuit: QuantumCircuit, spec: AnyCircuit, document: Document, location: Location
) -> QuantumCircuit:
    """A circuit with the modifiers of its spec applied; the circuit itself stays as it is.

    Raises:
        WorkloadError: A modifier does not fit the circuit.
    """
    if spec.assign:
        circuit = _assign(circuit, spec.assign, document, (*location, "assign"))
    if spec.inverse:
        circuit = _guarded(circuit.inverse, "be inverted", document, (*location, "inverse"))
    if spec.repeat is not None and spec.repeat > 1:
        circuit = _repeat(circuit, spec.repeat, document, (*location, "repeat"))
    if spec.measure is not None:
        circuit = _measure(circuit, spec.measure, document, (*location, "measure"))
    return circuit


def _assign(
    circuit: QuantumCircuit, values: Mapping[str, Any], document: Document, location: Location
) -> QuantumCircuit:
    vectors: dict[str, list[Any]] = {}
    singles = {parameter.name: parameter for parameter in circuit.parameters}
    for parameter in circuit.parameters:
        if hasattr(parameter, "vector"):
            vectors.setdefault(parameter.vector.name, []).append(parameter)
    numbers = Numbers(document)
    assigned: dict[Any, float] = {}
    for name, value in values.items():
        here = (*location, name)
        if name not in vectors and name not in singles:
            raise document.error(
                here,
                f"The circuit has no parameter {name!r}.",
                did_you_mean(name, sorted({*singles, *vectors})) or "It has no parameters at all.",
                at_key=True,
            )
        array = numbers.array(value, here)
        if array.shape != ((len(vectors[name]),) if name in vectors else ()):
            takes = f"a list of {len(vectors[name])} numbers" if name in vectors else "one number"
            raise document.error(here, f"{name} takes {takes}.", "A sweep goes into parameter_values.")
        elements = vectors[name] if name in vectors else [singles[name]]
        if twice := [element for element in elements if element in assigned]:
            raise document.error(
                here, f"{twice[0].name} has a value already.", "Give each parameter one.", at_key=True
            )
        assigned.update(zip(elements, array.reshape(-1).tolist(), strict=True))
    return _guarded(
        lambda: circuit.assign_parameters(assigned, inplace=False), "take these values", document, location
    )


def _repeat(circuit: QuantumCircuit, times: int, document: Document, location: Location) -> QuantumCircuit:
    if times * max(1, len(circuit.data)) > MOST_INSTRUCTIONS:
        raise document.error(
            location,
            f"{times:,} times {len(circuit.data):,} instructions are more than {MOST_INSTRUCTIONS:,}.",
            "Repeat less.",
        )

    def repeated() -> QuantumCircuit:
        # One after the other, not a gate of gates: so each keeps its measurements.
        made = circuit.copy()
        for _ in range(times - 1):
            made.compose(circuit, inplace=True, copy=False)
        return made

    return _guarded(repeated, "be repeated", document, location)


def _measure(circuit: QuantumCircuit, qubits: Any, document: Document, location: Location) -> QuantumCircuit:
    from qiskit.circuit import ClassicalRegister

    chosen = list(range(circuit.num_qubits)) if qubits == "all" else qubits
    for index, qubit in enumerate(chosen):
        if not qubit < circuit.num_qubits:
            raise document.error(
                (*location, index),
                f"There is no qubit {qubit}; the circuit has {circuit.num_qubits}.",
                "Qubits count from 0.",
            )
        if qubit in chosen[:index]:
            raise document.error((*location, index), f"Qubit {qubit} is there twice.", "Keep one of them.")

    def measured() -> QuantumCircuit:
        made = circuit.copy()
        register = ClassicalRegister(len(chosen), REGISTER)
        made.add_register(register)
        made.barrier()
        made.measure(chosen, register)
        return made

    if any(register.name == REGISTER for register in circuit.cregs):
        raise document.error(location, f"The circuit measures into {REGISTER} already.", "Leave measure out.")
    return _guarded(measured, "be measured", document, location)


def _guarded(make: Any, what: str, document: Document, location: Location) -> QuantumCircuit:
    try:
        return make()
    except Exception as error:
        # Each instruction of a circuit may refuse in words of its own.
        message = said(error)
        raise document.error(
            location,
            f"The circuit can't {what}: {message}.",
            "Leave the modifier out, or change the circuit.",
        ) from None
