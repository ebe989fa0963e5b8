"""ISA circuits: circuits compiled for a backend, each of them once, with observables on its qubits."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from qrun.errors import WorkloadError
from qrun.workload.load import ESTIMATOR, Pub, Workload
from qrun.workload.model import Transpile
from qrun.workload.validate import in_file_order

if TYPE_CHECKING:
    from qiskit.circuit import QuantumCircuit
    from qiskit.providers import BackendV2


@dataclass(frozen=True)
class IsaPub:
    """A PUB compiled for a backend."""

    pub: Pub
    circuit: QuantumCircuit = field(repr=False)
    observables: Any = field(repr=False)

    def as_tuple(self) -> tuple[Any, ...]:
        """The PUB as a primitive takes it; shots or precision are the job's."""
        parts = [self.circuit] if self.observables is None else [self.circuit, self.observables]
        return tuple(parts) if self.pub.parameter_values is None else (*parts, self.pub.parameter_values)


def compile_pubs(workload: Workload, backend: BackendV2) -> list[IsaPub]:
    """Compile a workload's PUBs for a backend.

    Equal circuits are compiled once.

    Raises:
        InvalidWorkload: A circuit doesn't fit the backend; all that don't are told.
    """
    mistakes: list[WorkloadError] = []
    fitting = []
    for pub in workload.pubs:
        if pub.circuit.num_qubits > backend.num_qubits:
            mistakes.append(
                workload.document.error(
                    (*pub.location, "circuit"),
                    f"The circuit {pub.circuit_name!r} has {pub.circuit.num_qubits} qubits; "
                    f"{backend.name} has {backend.num_qubits}.",
                    "Choose a wider backend: backend: {least_busy: {min_num_qubits: "
                    f"{pub.circuit.num_qubits}" + "}}",
                )
            )
        else:
            fitting.append(pub)
    if mistakes:
        raise in_file_order(mistakes)
    return _compile(fitting, workload, backend)


def _compile(pubs: Sequence[Pub], workload: Workload, backend: BackendV2) -> list[IsaPub]:
    pass_manager = _pass_manager(workload.file.defaults.transpile, workload, backend)
    compiled: dict[tuple[int, bool], QuantumCircuit] = {}
    mistakes: list[WorkloadError] = []
    isa = []
    for pub in pubs:
        key = (id(pub.circuit), pub.primitive == ESTIMATOR)
        try:
            if key not in compiled:
                compiled[key] = pass_manager.run(_source(pub))
            isa.append(_isa_pub(pub, compiled[key]))
        except Exception as error:
            # Passes raise errors of many kinds; whichever it is, this circuit can't be compiled.
            message = str(getattr(error, "message", "") or error)
            mistakes.append(
                workload.document.error(
                    (*pub.location, "circuit"),
                    f"The circuit {pub.circuit_name!r} can't be compiled for {backend.name}: {message}",
                    "Check the circuit's gates and defaults.transpile.",
                )
            )
    if mistakes:
        raise in_file_order(mistakes)
    return isa


def _pass_manager(options: Transpile, workload: Workload, backend: BackendV2) -> Any:
    from qiskit.transpiler import generate_preset_pass_manager

    try:
        return generate_preset_pass_manager(
            backend=backend,
            optimization_level=options.optimization_level,
            seed_transpiler=options.seed_transpiler,
            initial_layout=options.initial_layout,
        )
    except Exception as error:
        raise workload.document.error(
            ("defaults", "transpile"), f"These options are refused: {error}"
        ) from None


def _source(pub: Pub) -> QuantumCircuit:
    """The circuit to compile. The Estimator ignores final measurements, so they are not compiled for it."""
    if pub.primitive == ESTIMATOR and pub.circuit.num_clbits:
        return pub.circuit.remove_final_measurements(inplace=False)
    return pub.circuit


def _isa_pub(pub: Pub, circuit: QuantumCircuit) -> IsaPub:
    if pub.observables is None:
        return IsaPub(pub, circuit, None)
    if circuit.layout is None:
        return IsaPub(pub, circuit, pub.observables)
    return IsaPub(pub, circuit, pub.observables.apply_layout(circuit.layout))
