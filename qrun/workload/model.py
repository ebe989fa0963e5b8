"""The workload file as pydantic models: what may stand in it, and of which type."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Discriminator,
    Field,
    Tag,
    ValidationInfo,
    field_validator,
    model_validator,
)
from pydantic_core import PydanticCustomError

from qrun.units import parse_duration

Mode = Literal["job", "batch", "session", "auto"]
PrimitiveGeneration = Literal["client-side", "v2"]

MOST_TAGS = 6
"""A job carries eight tags at most (facts, G1); qrun needs two of them."""
LONGEST_TAG = 86
LONGEST_NAME = 500
"""Of a PUB's name."""
MOST_COUNT = 10**9
"""More shots or repetitions than any service takes."""

LARGEST_PAYLOAD = 50_000_000
"""Bytes of one job's request, encoded (facts, G1)."""


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
    try:
        seconds = int(parse_duration(value))
    except OverflowError:
        raise ValueError("this duration is too long") from None
    if seconds < 1:
        raise ValueError("a duration is at least one second")
    return seconds


_UNITS = {"": 1, "B": 1, "kB": 10**3, "KB": 10**3, "MB": 10**6}


def _size(value: Any) -> int:
    text = "" if isinstance(value, bool) else str(value).strip()
    number = text.rstrip("kKMB ")
    unit = _UNITS.get(text[len(number) :].strip())
    try:
        size = int(float(number) * unit) if unit else 0
    except (ValueError, OverflowError):
        size = 0
    if not 1 <= size <= LARGEST_PAYLOAD:
        raise ValueError(f"a size is 1 to {LARGEST_PAYLOAD} bytes, written 20MB, 500kB or 1000")
    return size


class _Strict(BaseModel):
    """A part of the file: a key that isn't known is a mistake."""

    model_config = ConfigDict(extra="forbid", frozen=True)


def _measured(value: Any) -> Any:
    if value is None or value == "all":
        return value
    if isinstance(value, list) and value and not any(isinstance(qubit, bool) for qubit in value):
        return value
    raise ValueError("measure takes all, or a list of qubits such as [0, 2]")


Qubit = Annotated[int, Field(ge=0, le=MOST_COUNT)]


def _no_truth(value: Any) -> Any:
    """``true`` is 1 to pydantic; in a file it is a mistake."""
    if isinstance(value, bool):
        raise ValueError("this is a number, not true or false")  # noqa: TRY004
    return value


Count = Annotated[int, BeforeValidator(_no_truth), Field(ge=1, le=MOST_COUNT)]
Precision = Annotated[float, BeforeValidator(_no_truth), Field(gt=0, allow_inf_nan=False)]
Name = Annotated[str, Field(min_length=1, max_length=LONGEST_NAME)]


class LeastBusy(_Strict):
    """What the least busy backend must have."""

    min_num_qubits: Annotated[int, BeforeValidator(_no_truth), Field(ge=1)] | None = None


class LeastBusyBackend(_Strict):
    """Take the backend with the shortest queue."""

    least_busy: LeastBusy


class CircuitTranspile(_Strict):
    """Options of ``generate_preset_pass_manager``; names of methods are checked against installed plugins.

    A circuit's own count over the file's, each that is written by itself.
    """

    optimization_level: Literal[0, 1, 2, 3] = 2
    seed_transpiler: Annotated[int, Field(ge=0, lt=2**32, strict=True)] | None = None
    initial_layout: list[Annotated[int, Field(ge=0, strict=True)]] | None = None
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


class Transpile(CircuitTranspile):
    """The options for all circuits of the file, and what is the backend's to have."""

    fractional_gates: bool = False
    """Compile to ``rx`` and ``rzz`` of any angle, on a backend that has them."""


class Partition(_Strict):
    """How PUBs that may share a job are divided among jobs; without it qrun decides by price."""

    max_pubs: Count | None = Field(default=None, description="PUBs of a job at most.")
    target_qpu_time: Annotated[int, BeforeValidator(_duration)] | None = Field(
        default=None, description="QPU time of a job at most, such as 60s; a single PUB may take longer."
    )
    max_payload: Annotated[int, BeforeValidator(_size)] | None = Field(
        default=None, description="Size of a job's request at most, such as 20MB; 50MB where it is left out."
    )


class Retry(_Strict):
    """Failed jobs that are sent again by whoever follows the run."""

    attempts: Annotated[int, BeforeValidator(_no_truth), Field(ge=1, le=10)] = Field(
        default=2, description="How often a job is sent at most, the first time included."
    )
    on: list[Literal["system", "session-ended", "cancelled", "too-long", "job"]] = Field(
        default=["system"], description="Why it must have failed."
    )


class Defaults(_Strict):
    """What holds for every PUB that does not say otherwise."""

    shots: Count | None = Field(default=None, description="Shots of each Sampler PUB.")
    precision: Precision | None = Field(default=None, description="Target precision of each Estimator PUB.")
    transpile: Transpile = Field(default=Transpile(), description="How circuits are compiled.")
    options: dict[str, Any] = Field(
        default={}, description="Options of the primitives, as the client has them."
    )
    primitives: PrimitiveGeneration = Field(
        default="client-side", description="Which models the options follow."
    )


def _without_default(schema: dict[str, Any]) -> None:
    """What is left out in a circuit's options is as the file has it, whatever the model says."""
    schema.pop("default")


class _Circuit(_Strict):
    """What any circuit may have done to it, in this order, and how it is compiled."""

    assign: dict[str, Any] = Field(
        default={}, description="Values for parameters, by parameter or vector name."
    )
    inverse: bool = Field(default=False, strict=True, description="Take the inverse.")
    repeat: Count | None = Field(default=None, description="How many times, one after the other.")
    measure: Annotated[Literal["all"] | list[Qubit] | None, BeforeValidator(_measured)] = Field(
        default=None, description="Measure all qubits, or those listed, into a new register called meas."
    )
    transpile: CircuitTranspile = Field(
        default=CircuitTranspile(),
        description="How it is compiled: what is written here counts over defaults.transpile.",
        json_schema_extra=_without_default,
    )


class QasmCircuit(_Circuit):
    """OpenQASM 2 or 3 text; the header tells which."""

    qasm: str = Field(description="The text.")


class FileCircuit(_Circuit):
    """A ``.qasm`` or ``.qpy`` file."""

    file: str = Field(description="Path, from the folder of the file that it is written in.")
    circuit: str | Annotated[int, BeforeValidator(_no_truth)] | None = Field(
        default=None, description="Name or index of the circuit in a .qpy file that holds several."
    )


class FilesCircuit(_Circuit):
    """Many ``.qasm`` or ``.qpy`` files: as many circuits, called ``name/<file's name>``."""

    files: str = Field(description="Pattern of paths such as circuits/*.qasm.")


class PythonCircuit(_Circuit):
    """A function of the user's that returns a circuit."""

    python: str = Field(description="file.py:function or package.module:function.")
    args: dict[str, Any] = Field(default={}, description="Keyword arguments.")


class LibraryCircuit(_Circuit):
    """A function or class of ``qiskit.circuit.library``, by name."""

    library: str = Field(description="Its name, such as efficient_su2.")
    args: dict[str, Any] = Field(default={}, description="Keyword arguments.")


class OfCircuit(_Circuit):
    """A named circuit of this file, as the base of modifiers."""

    of: str = Field(description="Its name under circuits.")


AnyCircuit = QasmCircuit | FileCircuit | FilesCircuit | PythonCircuit | LibraryCircuit | OfCircuit

CIRCUIT_KINDS: dict[str, type[BaseModel]] = {
    "qasm": QasmCircuit,
    "files": FilesCircuit,
    "file": FileCircuit,
    "python": PythonCircuit,
    "library": LibraryCircuit,
    "of": OfCircuit,
}
"""The key that tells a circuit's kind."""


def _circuit_kind(value: Any) -> str | None:
    """Which kind of circuit a mapping means, so that a mistake in it is told in that kind's terms."""
    if isinstance(value, str):
        return "name"
    if isinstance(value, dict):
        return next((kind for kind in CIRCUIT_KINDS if kind in value), None)
    return None


_KINDS = "{qasm: …}, {file: …}, {files: …}, {python: …}, {library: …} or {of: …}"

CircuitSpec = Annotated[
    Annotated[QasmCircuit, Tag("qasm")]
    | Annotated[FileCircuit, Tag("file")]
    | Annotated[FilesCircuit, Tag("files")]
    | Annotated[PythonCircuit, Tag("python")]
    | Annotated[LibraryCircuit, Tag("library")]
    | Annotated[OfCircuit, Tag("of")],
    Discriminator(
        _circuit_kind,
        custom_error_type="circuit_kind",
        custom_error_message=f"a circuit is one of {_KINDS}",
    ),
]

CircuitOrName = Annotated[
    Annotated[str, Tag("name")]
    | Annotated[QasmCircuit, Tag("qasm")]
    | Annotated[FileCircuit, Tag("file")]
    | Annotated[FilesCircuit, Tag("files")]
    | Annotated[PythonCircuit, Tag("python")]
    | Annotated[LibraryCircuit, Tag("library")]
    | Annotated[OfCircuit, Tag("of")],
    Discriminator(
        _circuit_kind,
        custom_error_type="circuit_kind",
        custom_error_message=f"a circuit is a name, or one of {_KINDS}",
    ),
]


class PubSpec(_Strict):
    """One PUB. With observables it is for the Estimator, without for the Sampler."""

    name: Name | None = Field(default=None, description="What to call it in results.")
    circuit: CircuitOrName = Field(description="A name under circuits, or a circuit.")
    observables: Any = Field(
        default=None, description="Names, Pauli strings, sums, files or functions, in lists of any shape."
    )
    parameter_values: Any = Field(
        default=None,
        description="Numbers by position or by name, or generators such as linspace, grid and file.",
    )
    shots: Count | None = Field(default=None, description="Shots, for the Sampler.")
    precision: Precision | None = Field(default=None, description="Target precision, for the Estimator.")
    options: dict[str, Any] = Field(default={}, description="Options of the primitive, over the defaults.")
    matrix: dict[str, Any] | None = Field(
        default=None,
        description="Names to lists of values: one PUB a combination; include and exclude change them.",
    )


class PythonFunction(_Strict):
    """A function of the user's, called while the loop runs."""

    python: str = Field(description="file.py:function or package.module:function.")
    args: dict[str, Any] = Field(default={}, description="Keyword arguments, besides what qrun gives it.")


class LoopPub(_Strict):
    """One PUB of each evaluation. Its parameters get their values from the optimizer."""

    circuit: CircuitOrName = Field(description="A name under circuits, or a circuit.")
    observable: Any = Field(
        default=None, description="What to estimate; without it the circuit is sampled, for a cost function."
    )
    weight: float | str = Field(default=1.0, description="Weight of its expectation value in the sum.")


class Minimize(_Strict):
    """What a loop minimises: one expectation value, a weighted sum of several, or a function of results."""

    circuit: CircuitOrName | None = Field(default=None, description="The circuit, where there is one PUB.")
    observable: Any = Field(default=None, description="The observable, where there is one PUB.")
    pubs: Annotated[list[LoopPub], Field(min_length=1)] | None = Field(
        default=None, description="Several PUBs, sent as one job."
    )
    cost: PythonFunction | None = Field(
        default=None, description="Makes a number, or an array of residuals, of the PUBs' results."
    )

    @model_validator(mode="after")
    def _one_form(self) -> Minimize:
        if (self.circuit is None) == (self.pubs is None):
            raise ValueError("minimize takes a circuit, or pubs: with a list of them")
        if self.pubs is not None and self.observable is not None:
            raise ValueError("beside pubs:, each PUB has an observable of its own")
        return self


class FiniteDifference(_Strict):
    """The gradient from central differences, with a step that shot noise does not swallow."""

    finite_difference: Annotated[float, BeforeValidator(_no_truth), Field(gt=0, allow_inf_nan=False)] = Field(
        description="The step, in the parameters' unit."
    )


class Optimizer(_Strict):
    """What chooses the next point."""

    method: str | None = Field(default=None, description="A method of scipy.optimize.minimize, or SPSA.")
    python: str | None = Field(default=None, description="A function of your own that minimises.")
    args: dict[str, Any] = Field(default={}, description="Keyword arguments of that function.")
    options: dict[str, Any] = Field(default={}, description="The method's own options.")
    gradient: Literal["parameter-shift", "none"] | FiniteDifference | None = Field(
        default=None, description="parameter-shift, {finite_difference: STEP}, or none."
    )

    @model_validator(mode="after")
    def _one_kind(self) -> Optimizer:
        if (self.method is None) == (self.python is None):
            raise ValueError("an optimizer has a method, or python: with a function of yours")
        if self.python is None and self.args:
            raise ValueError("args are for python:; a method has options")
        if self.python is not None and self.options:
            raise ValueError("options are a method's; a function of yours has args")
        return self


def _optimizer(value: Any) -> Any:
    return {"method": value} if isinstance(value, str) else value


class StopRules(_Strict):
    """When a loop ends, whatever comes first."""

    tolerance: Annotated[float, BeforeValidator(_no_truth), Field(gt=0, allow_inf_nan=False)] | None = Field(
        default=None, description="The optimizer's own tolerance."
    )
    iterations: Count | None = Field(default=None, description="Iterations of the optimizer at most.")
    evaluations: Count | None = Field(default=None, description="Evaluations at most; each is one job.")
    wall_time: Annotated[int, BeforeValidator(_duration)] | None = Field(
        default=None, description="Longest time, such as 20m."
    )
    qpu_time: Annotated[int, BeforeValidator(_duration)] | None = Field(
        default=None, description="Most QPU time of the loop's jobs, such as 90s."
    )


class LoopSpec(_Strict):
    """Iterative work: a cost that an optimizer minimises, or a driver of the user's."""

    minimize: Minimize | None = Field(default=None, description="What to minimise.")
    drive: PythonFunction | None = Field(
        default=None, description="A driver of your own, in place of minimize."
    )
    optimizer: Annotated[Optimizer, BeforeValidator(_optimizer)] = Field(
        default=Optimizer(method="COBYLA"), description="What chooses the next point."
    )
    initial_point: Any = Field(
        default="zeros", description="zeros, numbers, a generator, names to numbers, or {loop: NAME}."
    )
    bounds: Any = Field(
        default=None, description="[low, high] for all parameters, a list of pairs, or names to pairs."
    )
    stop: StopRules = Field(default=StopRules(), description="When to stop.")
    shots: Count | None = Field(default=None, description="Shots, for circuits that are sampled.")
    precision: Precision | None = Field(default=None, description="Target precision of each evaluation.")
    options: dict[str, Any] = Field(default={}, description="Options of the primitive, over the defaults.")

    @model_validator(mode="after")
    def _one_kind(self) -> LoopSpec:
        if (self.minimize is None) == (self.drive is None):
            raise ValueError("a loop has minimize:, or drive: with a function of yours")
        return self


LoopName = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,39}$")]


class WorkloadFile(_Strict):
    """A whole file."""

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,59}$")] = Field(
        description="What to call the run."
    )
    include: str | list[str] | None = Field(
        default=None, description="YAML files under this one, which wins."
    )
    vars: dict[str, Any] = Field(default={}, description="Values for ${name} in any value.")
    service: Annotated[str, Field(min_length=1)] | None = Field(
        default=None, description="local, ibm, or the name of a saved account."
    )
    backend: Annotated[str, Field(min_length=1)] | LeastBusyBackend = Field(
        default=LeastBusyBackend(least_busy=LeastBusy()), description="A backend's name, or the least busy."
    )
    mode: Mode = Field(
        default="auto", description="Execution mode; auto: one job goes as a job, several as a batch."
    )
    max_time: Annotated[int, BeforeValidator(_duration)] | None = Field(
        default=None, description="Longest life of the batch or session, such as 25m."
    )
    exclusive: bool = Field(
        default=False,
        strict=True,
        description="With mode auto: a session, so that no other user's job runs in between.",
    )
    partition: Partition = Field(
        default=Partition(), description="How PUBs that may share a job are divided among jobs."
    )
    budget: Annotated[int, BeforeValidator(_duration)] | None = Field(
        default=None, description="Usage at which what is still queued is cancelled, such as 120s."
    )
    retry: Retry | None = Field(default=None, description="Failed jobs that are sent again by themselves.")
    tags: Annotated[list[Annotated[str, AfterValidator(check_tag)]], Field(max_length=MOST_TAGS)] = Field(
        default=[], description="Tags of every job."
    )
    defaults: Defaults = Field(default=Defaults(), description="What holds for PUBs that say nothing else.")
    circuits: dict[str, CircuitSpec] = Field(default={}, description="Circuits by name.")
    observables: dict[str, Any] = Field(default={}, description="Observables by name.")
    loops: dict[LoopName, LoopSpec] = Field(default={}, description="Iterative work by name.")
    pubs: list[PubSpec] = Field(
        default=[],
        validate_default=True,
        description="What to run.",
        json_schema_extra={"minItems": 1},
    )

    @field_validator("pubs")
    @classmethod
    def _something_to_run(cls, pubs: list[PubSpec], info: ValidationInfo) -> list[PubSpec]:
        # Where the loops are wrong, they have been told to be.
        if not pubs and info.data.get("loops") == {}:
            raise PydanticCustomError("missing", "Field required")
        return pubs
