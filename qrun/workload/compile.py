"""PUBs compiled for a backend: each circuit once, from the disk where it has been compiled before."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from qrun.errors import WorkloadError
from qrun.workload.circuit_fingerprint import NoFingerprint, fingerprint
from qrun.workload.compile_cache import CompileCache, key_of, target_hash
from qrun.workload.compile_pool import CompilePool, Task
from qrun.workload.compile_worker import CompileFailed, to_qpy
from qrun.workload.isa import is_isa, on_physical_qubits
from qrun.workload.load import ESTIMATOR, Pub, Workload
from qrun.workload.transpile_options import Layered, pass_manager_options
from qrun.workload.validate import in_file_order

if TYPE_CHECKING:
    from qiskit.circuit import QuantumCircuit
    from qiskit.providers import BackendV2
    from qiskit.transpiler import Target


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


@dataclass(frozen=True)
class Compilation:
    """Compiled PUBs, and what it took."""

    pubs: list[IsaPub]
    circuits: int
    """Different circuits, a circuit under different options counting as two."""
    already_isa: int
    """How many of them the backend runs as they are."""
    from_cache: int
    """How many were compiled by an earlier run."""
    compiled: int
    """How many have been compiled now."""
    workers: int
    """Worker processes that helped."""


@dataclass
class _Work:
    """A circuit to compile, and the PUBs that want it."""

    source: QuantumCircuit
    options: Mapping[str, Any]
    written: Layered
    """The options as the file has them."""
    key: str | None
    """Its key in the cache; ``None`` where its content can't be told, so that it is nobody else's."""
    pubs: list[Pub] = field(default_factory=list)
    isa: QuantumCircuit | None = None


def compile_pubs(
    workload: Workload,
    backend: BackendV2,
    *,
    cache: CompileCache | None = None,
    workers: int | None = None,
    progress: Callable[[str], None] = lambda _: None,
) -> Compilation:
    """Compile a workload's PUBs for a backend.

    Circuits of equal content are compiled once under the same options. The Estimator ignores final
    measurements, and passes drop what can't change the counts of one, so a circuit that both primitives use
    is compiled without its final measurements for the Estimator, and with them for the Sampler.

    Args:
        workload: The workload.
        backend: What to compile for.
        cache: Circuits that earlier runs compiled; none are used or kept where it is left out.
        workers: Most worker processes; one fewer than there are processors unless given.
        progress: Told what is being compiled; nothing where nothing is.

    Raises:
        InvalidWorkload: A circuit doesn't fit the backend or can't be compiled; all such are told.
    """
    if mistakes := width_mistakes(workload, backend):
        raise in_file_order(mistakes)
    target = backend.target
    works = _works(workload, backend, target)
    todo, already_isa, from_cache = _found(list(works.values()), target, cache)
    pool = CompilePool(target, workers)
    _check_layouts(todo, workload, backend)
    _compile(todo, pool, workload, backend, cache, progress)
    by_pub = {pub.index: work for work in works.values() for pub in work.pubs}
    return Compilation(
        pubs=[_isa_pub(pub, by_pub[pub.index]) for pub in workload.pubs],
        circuits=len(works),
        already_isa=already_isa,
        from_cache=from_cache,
        compiled=len(todo),
        workers=pool.workers,
    )


def _works(workload: Workload, backend: BackendV2, target: Target) -> dict[Any, _Work]:
    """Circuits to compile, by what tells them apart."""
    calibration = target_hash(target)
    works: dict[Any, _Work] = {}
    seen: dict[tuple[int, bool, str], Any] = {}
    sources: dict[tuple[int, bool], tuple[QuantumCircuit, str | None]] = {}
    for pub in workload.pubs:
        # PUBs mostly share circuit objects, which need not be read again for each of them; the workload holds
        # them meanwhile, so that no identity is used twice.
        strip = pub.primitive == ESTIMATOR and pub.circuit.num_clbits > 0
        identity = (id(pub.circuit), strip)
        if identity not in sources:
            sources[identity] = _source(pub, strip)
        chosen = (*identity, pub.transpile.key)
        if chosen not in seen:
            source, content = sources[identity]
            arguments = _arguments(source, pub.transpile, backend, target)
            key = content and key_of(content, calibration, str(backend.name), arguments)
            seen[chosen] = key or chosen
            works.setdefault(key or chosen, _Work(source, arguments, pub.transpile, key))
        works[seen[chosen]].pubs.append(pub)
    return works


def _source(pub: Pub, strip: bool) -> tuple[QuantumCircuit, str | None]:
    """The circuit to compile, and the hash of its content."""
    circuit = pub.circuit.remove_final_measurements(inplace=False) if strip else pub.circuit
    try:
        return circuit, fingerprint(circuit)
    except NoFingerprint:
        return circuit, None


def _arguments(
    circuit: QuantumCircuit, written: Layered, backend: BackendV2, target: Target
) -> Mapping[str, Any]:
    options = written.options
    arguments = pass_manager_options(options, backend)
    stays = circuit.layout is not None and on_physical_qubits(circuit, target)
    if stays and options.initial_layout is None and options.layout_method is None:
        # Written on physical qubits, with gates that the backend doesn't have: it stays where it is.
        arguments["initial_layout"] = list(range(circuit.num_qubits))
    return arguments


def _found(
    works: Sequence[_Work], target: Target, cache: CompileCache | None
) -> tuple[list[_Work], int, int]:
    """Works that are to be compiled; how many are ISA circuits already; how many the cache had."""
    todo = []
    already_isa = from_cache = 0
    for work in works:
        if is_isa(work.source, target):
            work.isa = work.source
            already_isa += 1
        elif cache is not None and work.key is not None and (found := cache.get(work.key)) is not None:
            work.isa = _named_as(found, work.source)
            from_cache += 1
        else:
            todo.append(work)
    return todo, already_isa, from_cache


def _compile(
    works: Sequence[_Work],
    pool: CompilePool,
    workload: Workload,
    backend: BackendV2,
    cache: CompileCache | None,
    progress: Callable[[str], None],
) -> None:
    mistakes: list[WorkloadError] = []
    if works:
        progress(_doing(works[0], 0, len(works), backend))
    # Closed at once when this is interrupted, so that no worker is left.
    with contextlib.closing(pool.run([Task(work.source, work.options) for work in works])) as results:
        for count, done in enumerate(results, start=1):
            work = works[done.index]
            if done.failure is not None:
                mistakes.append(_told(work, done.failure, workload, backend))
            elif done.circuit is not None:
                work.isa = _named_as(done.circuit, work.source)
                _keep(work, done.qpy, cache)
            if count < len(works):
                progress(_doing(works[count], count, len(works), backend))
    if cache is not None:
        cache.trim()
    if mistakes:
        unique = {(mistake.line, mistake.column, mistake.message): mistake for mistake in mistakes}
        raise in_file_order(list(unique.values()))


def _doing(work: _Work, count: int, total: int, backend: BackendV2) -> str:
    if total == 1:
        return f"compiling {work.pubs[0].circuit_name} for {backend.name}"
    return f"compiling {total} circuits for {backend.name}: {count} done, now {work.pubs[0].circuit_name}"


def _keep(work: _Work, qpy: bytes | None, cache: CompileCache | None) -> None:
    if cache is None or work.key is None or work.isa is None:
        return
    # A circuit that QPY can't write is compiled anew each time.
    with contextlib.suppress(Exception):
        cache.put(work.key, qpy or to_qpy(work.isa))


def _named_as(isa: QuantumCircuit, source: QuantumCircuit) -> QuantumCircuit:
    """The ISA circuit with the name and metadata of this run's, which the key of the cache leaves out."""
    isa.name = source.name
    isa.metadata = source.metadata
    return isa


def _isa_pub(pub: Pub, work: _Work) -> IsaPub:
    circuit = work.isa
    assert circuit is not None
    if pub.observables is None or circuit is work.source or circuit.layout is None:
        # Observables of an ISA circuit are on its qubits as they are, wherever its layout says it came from.
        return IsaPub(pub, circuit, pub.observables)
    return IsaPub(pub, circuit, pub.observables.apply_layout(circuit.layout))


def width_mistakes(workload: Workload, backend: BackendV2) -> list[WorkloadError]:
    """Circuits that have more qubits than the backend."""
    return [
        workload.document.error(
            (*pub.location, "circuit"),
            f"The circuit {pub.circuit_name!r} has {pub.circuit.num_qubits} qubits; "
            f"{backend.name} has {backend.num_qubits}.",
            f"Choose a wider backend: backend: {{least_busy: {{min_num_qubits: {pub.circuit.num_qubits}}}}}",
        )
        for pub in workload.pubs
        if pub.circuit.num_qubits > backend.num_qubits
    ]


def _check_layouts(works: Sequence[_Work], workload: Workload, backend: BackendV2) -> None:
    """Say in the file's words what the pass manager would say of an initial layout in its own."""
    mistakes = []
    for work in works:
        layout = work.options["initial_layout"]
        if layout is None:
            continue
        place = work.written.place("initial_layout")
        name, width = work.pubs[0].circuit_name, work.source.num_qubits
        if len(layout) != width:
            message = f"initial_layout names {len(layout)} qubits; the circuit {name!r} has {width}."
            mistakes.append(
                workload.document.error(place, message, "Name one for each qubit of the circuit.")
            )
        elif max(layout, default=0) >= backend.num_qubits:
            message = f"initial_layout names qubit {max(layout)}; {backend.name} has {backend.num_qubits}."
            mistakes.append(workload.document.error(place, message, "Qubits are counted from 0."))
    if mistakes:
        raise in_file_order(mistakes)


def _told(work: _Work, failure: CompileFailed, workload: Workload, backend: BackendV2) -> WorkloadError:
    if failure.options:
        return workload.document.error(
            work.written.place(), f"These transpile options are refused: {failure.message}"
        )
    first, others = work.pubs[0], len(work.pubs) - 1
    also = f" ({others} more PUB{'s use' if others > 1 else ' uses'} it)" if others else ""
    return workload.document.error(
        (*first.location, "circuit"),
        f"The circuit {first.circuit_name!r}{also} can't be compiled for {backend.name}: {failure.message}",
        "Check the circuit's gates and the transpile options.",
    )
