"""A workload file, read whole: its circuits built and its PUBs put together."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from qrun.errors import WorkloadError
from qrun.runtime.client import ESTIMATOR as ESTIMATOR  # rooms above take them from here
from qrun.runtime.client import SAMPLER as SAMPLER
from qrun.workload.arrays import Numbers
from qrun.workload.circuits import AlreadyTold, Built, Circuits
from qrun.workload.document import Document, Location
from qrun.workload.expand import expand
from qrun.workload.isa import widened
from qrun.workload.matrix import MOST_PUBS, SWEEP_HINT
from qrun.workload.model import PubSpec, WorkloadFile
from qrun.workload.observables import Observables
from qrun.workload.parameters import build_parameter_values
from qrun.workload.python_source import PythonSources
from qrun.workload.transpile_options import Layered, file_mistakes
from qrun.workload.validate import InvalidWorkload, in_file_order, sound_part, validate

if TYPE_CHECKING:
    from qiskit.circuit import QuantumCircuit
    from qiskit.primitives.containers.bindings_array import BindingsArray
    from qiskit.primitives.containers.observables_array import ObservablesArray

    from qrun.workload.loops import Loop

MOST_QUBITS = 10_000
"""Of a circuit on physical qubits that is made as wide as its observables."""
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
    own_options: Mapping[str, Any]
    """The PUB's own options alone."""
    transpile: Layered
    """How its circuit is compiled: the file's options, and the circuit's own over them."""
    location: Location
    """``("pubs", i)`` in the expanded document; PUBs of a group of circuits share theirs."""

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
    loops: tuple[Loop, ...] = ()

    @property
    def whole(self) -> Workload:
        """The workload with the PUBs that its loops run again and again after its own."""
        return replace(self, pubs=(*self.pubs, *(pub for loop in self.loops for pub in loop.pubs)))

    @property
    def name(self) -> str:
        """The name that the file gives it."""
        return self.file.name


def load_workload(document: Document, file: WorkloadFile | None = None) -> Workload:
    """Read a workload.

    Args:
        document: The parsed file; expanded here where it is not yet.
        file: The validated file, where that has been done already.

    Raises:
        InvalidWorkload: Something is wrong; all mistakes are told at once.
    """
    if document.origins is None:
        document = expand(document)
    if file is None:
        try:
            file = validate(document)
        except InvalidWorkload as error:
            more, sound = _more_mistakes(document)
            told = in_file_order([*error.mistakes, *more])
            told.sound = sound
            raise told from None
    loader = _Loader(file, document)
    pubs = loader.pubs()
    loops = loader.loops()
    mistakes = [*loader.mistakes, *_equal_names(pubs, document)]
    workload = Workload(file, document, tuple(pubs), tuple(loops))
    if mistakes:
        told = in_file_order(mistakes)
        told.sound = workload
        raise told
    return workload


def validate_whole(document: Document) -> WorkloadFile:
    """The validated file, for ``load_workload``.

    Raises:
        InvalidWorkload: It is wrong; what only building its circuits tells is told as well.
    """
    try:
        return validate(document)
    except InvalidWorkload:
        load_workload(document)
        raise


def _more_mistakes(document: Document) -> tuple[list[WorkloadError], Workload | None]:
    """Mistakes in what the validator has nothing against, and the workload that can be made of it.

    A user wants to hear of the unknown circuit in one PUB although another one has a wrong key.
    """
    rest = sound_part(document)
    if rest is None:
        return [], None
    loader = _Loader(rest.file, rest.document, rest.broken)
    pubs = loader.pubs()
    loader.loops()
    transpile = file_mistakes(rest.file, rest.document)
    mistakes = [*loader.mistakes, *_equal_names(pubs, rest.document), *transpile]
    # Without all PUBs nothing can be said of options: the one that takes them may be missing.
    whole = len(rest.file.pubs) == len(document.data["pubs"])
    return mistakes, Workload(rest.file, rest.document, tuple(pubs)) if whole else None


class _Loader:
    """Builds what the PUBs of one file need, and notes every mistake on the way."""

    def __init__(self, file: WorkloadFile, document: Document, broken: Collection[str] = ()) -> None:
        self._file = file
        self._document = document
        self._python = PythonSources(document)
        self._circuits = Circuits(file.circuits, document, self._python, broken)
        self._observables = Observables(file.observables, document, self._python)
        self._numbers = Numbers(document)
        self._values: dict[tuple[int, int], BindingsArray | None] = {}
        self._widened: dict[tuple[int, int], QuantumCircuit] = {}
        self._transpiles: dict[tuple[Location, ...], Layered] = {}
        self._ready: list[Pub] = []
        self.mistakes: list[WorkloadError] = []

    def pubs(self) -> list[Pub]:
        """The PUBs that can be made."""
        self.mistakes += self._circuits.build_named()
        self.mistakes += self._observables.check_named()
        for index, spec in enumerate(self._file.pubs):
            with self._noted():
                self._add(index, spec)
            if len(self._ready) > MOST_PUBS:
                raise self._document.error(
                    ("pubs", index), f"The file makes more than {MOST_PUBS:,} PUBs.", SWEEP_HINT
                )
        return self._ready

    def loops(self) -> list[Loop]:
        """The loops that can be made; their PUBs count on from those of the file."""
        if not self._file.loops:
            return []
        from qrun.workload.loops import LoopBuilder

        builder = LoopBuilder(
            self._file,
            self._document,
            self._python,
            self._numbers,
            self._loop_pub,
            self._circuits,
            self._observables,
        )
        found = builder.build(len(self._ready))
        self.mistakes += builder.mistakes
        return found

    def _loop_pub(self, index: int, name: str, spec: PubSpec, location: Location) -> Pub:
        """A PUB whose parameters have no values yet."""
        built = self._circuits.get(spec.circuit, (*location, "circuit"), name)
        if len(built) > 1:
            raise self._document.error(
                (*location, "circuit"), f"{spec.circuit!r} is a group of circuits.", "Name one of them."
            )
        pub = self._pub(name, built[0], spec, location, observables_key="observable", values=False)
        return replace(pub, index=index)

    def _add(self, index: int, spec: PubSpec) -> None:
        """One PUB, or one a circuit where its circuit is a group."""
        source = self._document.origin(index).index
        location: Location = ("pubs", index)
        circuits: list[Built] = []
        with self._noted():
            circuits = self._circuits.get(spec.circuit, (*location, "circuit"), f"pubs[{source}]")
        if not circuits and spec.observables is not None:
            self._observables.check(spec.observables, (*location, "observables"))
        for built in circuits:
            name = spec.name or f"pub-{source}"
            if built.member and spec.circuit != built.name:
                name = f"{name}[{built.member}]"
            with self._noted():
                self._ready.append(self._pub(name, built, spec, location))

    @contextmanager
    def _noted(self) -> Iterator[None]:
        """Note a mistake and go on: what stands beside it may be wrong too."""
        try:
            yield
        except AlreadyTold:
            pass
        except WorkloadError as mistake:
            self.mistakes.append(mistake)

    def _pub(
        self,
        name: str,
        built: Built,
        spec: PubSpec,
        location: Location,
        *,
        observables_key: str = "observables",
        values: bool = True,
    ) -> Pub:
        document, file = self._document, self._file
        primitive = SAMPLER if spec.observables is None else ESTIMATOR
        told = len(self.mistakes)
        observables = bound = None
        with self._noted():
            _check_counts(spec, primitive, document, location)
        if primitive == ESTIMATOR:
            built = self._as_wide(built, spec.observables)
        with self._noted():
            if primitive == ESTIMATOR:
                here = (*location, observables_key)
                observables = self._observables.array(spec.observables, built.circuit.num_qubits, here)
            else:
                _check_measures(built.circuit, built.name, document, (*location, "circuit"))
        with self._noted():
            if values:
                bound = self._parameter_values(spec, built, (*location, "parameter_values"))
        if len(self.mistakes) > told:
            raise AlreadyTold
        options = _merge(file.defaults.options, spec.options)
        pub = Pub(
            index=len(self._ready),
            name=name,
            circuit_name=built.name,
            primitive=primitive,
            circuit=built.circuit,
            observables=observables,
            parameter_values=bound,
            shots=_shots(spec, file, options) if primitive == SAMPLER else None,
            precision=_precision(spec, file, options) if primitive == ESTIMATOR else None,
            options=options,
            own_options=spec.options,
            transpile=self._transpile(built),
            location=location,
        )
        _check_broadcast(pub, document)
        return pub

    def _as_wide(self, built: Built, observables: Any) -> Built:
        """A circuit on physical qubits as wide as its observables, which may be as wide as the backend."""
        if built.circuit.layout is None:
            return built
        width = self._observables.width(observables)
        key = (id(built.circuit), width)
        if width <= built.circuit.num_qubits or width > MOST_QUBITS:
            return built
        if key not in self._widened:
            self._widened[key] = widened(built.circuit, width)
        return replace(built, circuit=self._widened[key])

    def _transpile(self, built: Built) -> Layered:
        # One for all PUBs that it is the same for: there may be ten thousand.
        key = tuple(location for _, location in built.transpile)
        if key not in self._transpiles:
            defaults = (self._file.defaults.transpile, ("defaults", "transpile"))
            self._transpiles[key] = Layered((defaults, *built.transpile))
        return self._transpiles[key]

    def _parameter_values(self, spec: PubSpec, built: Built, location: Location) -> BindingsArray | None:
        # PUBs that a matrix made share the parts that it does not change: such an array is made once.
        key = (id(spec.parameter_values), id(built.circuit))
        shared = isinstance(spec.parameter_values, (dict, list))
        if shared and key in self._values:
            return self._values[key]
        values = build_parameter_values(
            spec.parameter_values, built.circuit, self._document, location, self._numbers
        )
        if shared:
            self._values[key] = values
        return values


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
    own, of_file = (_count(options) for options in (spec.options, options))
    return spec.shots or own or file.defaults.shots or of_file or DEFAULT_SHOTS


def _count(options: Mapping[str, Any]) -> int | None:
    """The option ``default_shots``, unless it is something that the option model refuses."""
    given = options.get("default_shots")
    return given if type(given) is int and given > 0 else None


def _precision(spec: PubSpec, file: WorkloadFile, options: Mapping[str, Any]) -> float | None:
    """``None`` leaves it to the option ``default_shots``, which the client puts above a default precision."""
    if spec.precision is None and _count(spec.options):
        return None
    asked = spec.precision or file.defaults.precision
    if asked is None and _count(options):
        return None
    given = options.get("default_precision")
    if not isinstance(given, (int, float)) or isinstance(given, bool) or given <= 0:
        given = DEFAULT_PRECISION
    return asked or given


def _check_broadcast(pub: Pub, document: Document) -> None:
    try:
        _ = pub.shape
    except (ValueError, RuntimeError):
        observables = pub.observables.shape if pub.observables is not None else ()
        values = pub.parameter_values.shape if pub.parameter_values is not None else ()
        raise document.error(
            pub.location,
            f"Observables of shape {observables} and parameter values of shape {values} do not broadcast.",
            "Aligned from the right, each axis must be equal or 1, as NumPy has it.",
        ) from None


def _equal_names(pubs: list[Pub], document: Document) -> list[WorkloadError]:
    """PUBs whose name another one has already; results could not be told apart by it."""
    seen: set[str] = set()
    mistakes = []
    for pub in pubs:
        if pub.name in seen:
            mistakes.append(
                document.error((*pub.location, "name"), f"Two PUBs are called {pub.name!r}.", "Rename one.")
            )
        seen.add(pub.name)
    return mistakes


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
