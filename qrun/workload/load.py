"""A workload file, read whole: its circuits built and its PUBs put together."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from qrun.errors import WorkloadError
from qrun.workload.circuits import build_circuit
from qrun.workload.document import Document, Location
from qrun.workload.model import PubSpec, WorkloadFile
from qrun.workload.observables import build_observables
from qrun.workload.parameters import build_parameter_values
from qrun.workload.validate import did_you_mean, in_file_order, validate

if TYPE_CHECKING:
    from qiskit.circuit import QuantumCircuit
    from qiskit.primitives.containers.bindings_array import BindingsArray
    from qiskit.primitives.containers.observables_array import ObservablesArray

SAMPLER = "sampler"
ESTIMATOR = "estimator"

DEFAULT_SHOTS = 4096
"""Shots of a Sampler PUB where nothing says otherwise: the client's own ``default_shots`` (facts, H3)."""
DEFAULT_PRECISION = 0.015625
"""Precision of an Estimator PUB where nothing says otherwise: the client's own default, 4096 shots (H3)."""


@dataclass(frozen=True)
class Pub:
    """One primitive unified bloc, before compilation."""

    index: int
    name: str
    circuit_name: str
    primitive: str
    circuit: QuantumCircuit = field(repr=False)
    observables: ObservablesArray | None = field(repr=False)
    parameter_values: BindingsArray | None = field(repr=False)
    shots: int | None
    precision: float | None
    options: Mapping[str, Any]
    """The PUB's own options over the file's; a default counts only for primitives that know it."""
    location: Location

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the PUB: observables and parameter values broadcast."""
        import numpy as np

        shapes = [array.shape for array in (self.observables, self.parameter_values) if array is not None]
        return np.broadcast_shapes(*shapes)


@dataclass(frozen=True)
class Workload:
    """One experiment."""

    file: WorkloadFile
    document: Document = field(repr=False)
    pubs: tuple[Pub, ...]

    @property
    def name(self) -> str:
        """The name that the file gives it."""
        return self.file.name


def load_workload(document: Document, file: WorkloadFile | None = None) -> Workload:
    """Read a workload.

    Args:
        document: The parsed file.
        file: The validated file, where that has been done already.

    Raises:
        InvalidWorkload: Something is wrong; all mistakes are told at once.
    """
    file = file or validate(document)
    mistakes: list[WorkloadError] = []
    circuits = _named_circuits(file, document, mistakes)
    pubs = []
    for index, spec in enumerate(file.pubs):
        try:
            pubs.append(_pub(index, spec, file, circuits, document))
        except _AlreadyTold:
            continue
        except WorkloadError as mistake:
            mistakes.append(mistake)
    if mistakes:
        raise in_file_order(mistakes)
    _refuse_equal_names(pubs, document)
    return Workload(file, document, tuple(pubs))


class _AlreadyTold(Exception):
    """A PUB uses a circuit whose mistake has been told."""


def _named_circuits(
    file: WorkloadFile, document: Document, mistakes: list[WorkloadError]
) -> dict[str, QuantumCircuit | None]:
    circuits: dict[str, QuantumCircuit | None] = {}
    for name, spec in file.circuits.items():
        try:
            circuits[name] = build_circuit(spec, document, ("circuits", name))
        except WorkloadError as mistake:
            mistakes.append(mistake)
            circuits[name] = None
    return circuits


def _pub(
    index: int,
    spec: PubSpec,
    file: WorkloadFile,
    circuits: Mapping[str, QuantumCircuit | None],
    document: Document,
) -> Pub:
    location: Location = ("pubs", index)
    circuit_name, circuit = _circuit_of(index, spec, circuits, document)
    primitive = SAMPLER if spec.observables is None else ESTIMATOR
    _check_counts(spec, primitive, document, location)
    observables = None
    if primitive == ESTIMATOR:
        observables = build_observables(
            spec.observables, file.observables, circuit.num_qubits, document, (*location, "observables")
        )
    else:
        _check_measures(circuit, circuit_name, document, (*location, "circuit"))
    options = _merge(file.defaults.options, spec.options)
    pub = Pub(
        index=index,
        name=spec.name or f"pub-{index}",
        circuit_name=circuit_name,
        primitive=primitive,
        circuit=circuit,
        observables=observables,
        parameter_values=build_parameter_values(
            spec.parameter_values, circuit, document, (*location, "parameter_values")
        ),
        shots=_shots(spec, file, options) if primitive == SAMPLER else None,
        precision=_precision(spec, file, options) if primitive == ESTIMATOR else None,
        options=options,
        location=location,
    )
    _check_broadcast(pub, document)
    return pub


def _circuit_of(
    index: int, spec: PubSpec, circuits: Mapping[str, QuantumCircuit | None], document: Document
) -> tuple[str, QuantumCircuit]:
    location: Location = ("pubs", index, "circuit")
    if not isinstance(spec.circuit, str):
        return f"pubs[{index}]", build_circuit(spec.circuit, document, location)
    if spec.circuit not in circuits:
        raise document.error(
            location,
            f"There is no circuit {spec.circuit!r}.",
            did_you_mean(spec.circuit, list(circuits)) or "Define it under circuits:",
        )
    circuit = circuits[spec.circuit]
    if circuit is None:
        raise _AlreadyTold
    return spec.circuit, circuit


def _check_counts(spec: PubSpec, primitive: str, document: Document, location: Location) -> None:
    if primitive == SAMPLER and spec.precision is not None:
        raise document.error(
            (*location, "precision"), "A Sampler PUB has shots, not a precision.", "Use shots:", at_key=True
        )
    if primitive == ESTIMATOR and spec.shots is not None:
        raise document.error(
            (*location, "shots"),
            "An Estimator PUB has a precision, not shots.",
            "Use precision: 0.01 (about 1/precision² shots a measurement basis).",
            at_key=True,
        )


def _shots(spec: PubSpec, file: WorkloadFile, options: Mapping[str, Any]) -> int:
    return spec.shots or file.defaults.shots or options.get("default_shots") or DEFAULT_SHOTS


def _precision(spec: PubSpec, file: WorkloadFile, options: Mapping[str, Any]) -> float | None:
    """``None`` leaves it to the option ``default_shots``, which the client puts above a default precision."""
    asked = spec.precision or file.defaults.precision
    if asked is None and options.get("default_shots"):
        return None
    return asked or options.get("default_precision") or DEFAULT_PRECISION


def _check_broadcast(pub: Pub, document: Document) -> None:
    try:
        _ = pub.shape
    except ValueError:
        observables = pub.observables.shape if pub.observables is not None else ()
        values = pub.parameter_values.shape if pub.parameter_values is not None else ()
        raise document.error(
            pub.location,
            f"Observables of shape {observables} and parameter values of shape {values} do not broadcast.",
            "Aligned from the right, each axis must be equal or 1, as NumPy has it.",
        ) from None


def _refuse_equal_names(pubs: list[Pub], document: Document) -> None:
    seen: set[str] = set()
    for pub in pubs:
        if pub.name in seen:
            raise document.error((*pub.location, "name"), f"Two PUBs are called {pub.name!r}.", "Rename one.")
        seen.add(pub.name)


def _check_measures(circuit: QuantumCircuit, name: str, document: Document, location: Location) -> None:
    """A Sampler returns what the circuit writes to its classical registers, so there must be something."""
    written = [bit for instruction in circuit.data for bit in instruction.clbits]
    if not written:
        raise document.error(
            location,
            f"The circuit {name!r} measures nothing, so there is nothing to sample.",
            "Measure qubits in the circuit, or give the PUB observables to estimate.",
        )
    if not any(circuit.find_bit(bit).registers for bit in written):
        raise document.error(
            location,
            f"The circuit {name!r} measures into bits of no register, and a Sampler returns registers.",
            "Declare them as a register: bit[1] b; instead of bit b;",
        )


def _merge(base: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(base)
    for key, value in over.items():
        below = merged.get(key)
        merged[key] = _merge(below, value) if isinstance(below, dict) and isinstance(value, dict) else value
    return merged
