"""The workload file as pydantic models: what may stand in it, and of which type."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Discriminator, Field, Tag

from qrun.units import parse_duration

Mode = Literal["job", "batch", "session", "auto"]
PrimitiveGeneration = Literal["client-side", "v2"]

MOST_TAGS = 6
"""A job carries eight tags at most (facts, G1); qrun needs two of them."""
LONGEST_TAG = 86


def check_tag(text: str) -> str:
    """A user's tag, as it is.

    Raises:
        ValueError: The service does not take it, or it is one of qrun's own.
    """
    if not 0 < len(text) <= LONGEST_TAG:
        raise ValueError(f"a tag has 1 to {LONGEST_TAG} characters, this one has {len(text)}")
    if text.startswith("qrun:"):
        raise ValueError("tags that start with 'qrun:' are qrun's own")
    return text


def _duration(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        raise ValueError("a duration is a number of seconds or a text such as 25m")  # noqa: TRY004
    seconds = int(parse_duration(value))
    if seconds < 1:
        raise ValueError("a duration is at least one second")
    return seconds


class _Strict(BaseModel):
    """A part of the file: a key that isn't known is a mistake."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class LeastBusy(_Strict):
    """What the least busy backend must have."""

    min_num_qubits: Annotated[int, Field(ge=1)] | None = None


class LeastBusyBackend(_Strict):
    """Take the backend with the shortest queue."""

    least_busy: LeastBusy


class Transpile(_Strict):
    """Options of ``generate_preset_pass_manager``; names of methods are checked against installed plugins."""

    optimization_level: Literal[0, 1, 2, 3] = 2
    seed_transpiler: Annotated[int, Field(ge=0, lt=2**32)] | None = None
    initial_layout: list[Annotated[int, Field(ge=0)]] | None = None
    layout_method: str | None = None
    routing_method: str | None = None
    translation_method: str | None = None
    scheduling_method: str | None = None
    init_method: str | None = None
    optimization_method: str | None = None
    approximation_degree: Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)] | None = 1.0
    """``None`` approximates as far as the errors that the backend reports make up for."""
    unitary_synthesis_method: str = "default"
    unitary_synthesis_plugin_config: dict[str, Any] | None = None
    hls_config: dict[str, list[str]] | None = None
    """Name of a high-level operation → names of the plugins to try, in order."""
    qubits_initially_zero: bool = True
    fractional_gates: bool = False
    """Compile to ``rx`` and ``rzz`` of any angle, on a backend that has them."""


class Defaults(_Strict):
    """What holds for every PUB that does not say otherwise."""

    shots: Annotated[int, Field(ge=1)] | None = None
    precision: Annotated[float, Field(gt=0, allow_inf_nan=False)] | None = None
    transpile: Transpile = Transpile()
    options: dict[str, Any] = {}
    primitives: PrimitiveGeneration = "client-side"


class QasmCircuit(_Strict):
    """OpenQASM 2 or 3 text; the header tells which."""

    qasm: str


class FileCircuit(_Strict):
    """A ``.qasm`` or ``.qpy`` file."""

    file: str


class LibraryCircuit(_Strict):
    """A function or class of ``qiskit.circuit.library``, by name."""

    library: str
    args: dict[str, Any] = {}


def _circuit_kind(value: Any) -> str | None:
    """Which kind of circuit a mapping means, so that a mistake in it is told in that kind's terms."""
    if isinstance(value, str):
        return "name"
    if isinstance(value, dict):
        return next((kind for kind in ("qasm", "file", "library") if kind in value), None)
    return None


CircuitSpec = Annotated[
    Annotated[QasmCircuit, Tag("qasm")]
    | Annotated[FileCircuit, Tag("file")]
    | Annotated[LibraryCircuit, Tag("library")],
    Discriminator(
        _circuit_kind,
        custom_error_type="circuit_kind",
        custom_error_message="a circuit is one of {qasm: …}, {file: …} or {library: …}",
    ),
]

CircuitOrName = Annotated[
    Annotated[str, Tag("name")]
    | Annotated[QasmCircuit, Tag("qasm")]
    | Annotated[FileCircuit, Tag("file")]
    | Annotated[LibraryCircuit, Tag("library")],
    Discriminator(
        _circuit_kind,
        custom_error_type="circuit_kind",
        custom_error_message="a circuit is a name, or one of {qasm: …}, {file: …} or {library: …}",
    ),
]

Weight = Annotated[float, Field(strict=True, allow_inf_nan=False)]

ObservableSpec = str | dict[str, Weight]
"""A Pauli string, or a weighted sum of them."""


class PubSpec(_Strict):
    """One PUB. With observables it is for the Estimator, without for the Sampler."""

    name: Annotated[str, Field(min_length=1)] | None = None
    circuit: CircuitOrName
    observables: Any = None
    parameter_values: Any = None
    shots: Annotated[int, Field(ge=1)] | None = None
    precision: Annotated[float, Field(gt=0, allow_inf_nan=False)] | None = None
    options: dict[str, Any] = {}


class WorkloadFile(_Strict):
    """A whole file."""

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,59}$")]
    service: Annotated[str, Field(min_length=1)] | None = None
    backend: Annotated[str, Field(min_length=1)] | LeastBusyBackend = LeastBusyBackend(least_busy=LeastBusy())
    mode: Mode = "auto"
    max_time: Annotated[int, BeforeValidator(_duration)] | None = None
    tags: Annotated[list[Annotated[str, AfterValidator(check_tag)]], Field(max_length=MOST_TAGS)] = []
    defaults: Defaults = Defaults()
    circuits: dict[str, CircuitSpec] = {}
    observables: dict[str, ObservableSpec] = {}
    pubs: Annotated[list[PubSpec], Field(min_length=1)]
