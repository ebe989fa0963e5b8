"""The programs ``sampler`` and ``estimator``: the server-side primitives, version 2.

A job is turned into the quantum program that the client-side primitive would make of it, run as one,
and put together again by the client's own post-processing. So both kinds of primitive give the same.
"""

from __future__ import annotations

import json
import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from qiskit import QuantumCircuit, qasm3
from qiskit.primitives import DataBin, PrimitiveResult, PubResult, SamplerPubResult
from qiskit.primitives.containers.estimator_pub import EstimatorPub
from qiskit.primitives.containers.sampler_pub import SamplerPub

from qrun.local.simulation.client_formats import (
    ClientSideEstimatorDecoder,
    ClientSideSamplerResultDecoder,
    DoubleSliceSpan,
    ExecutionSpans,
    IBMInputValueError,
    Metadata,
    QuantumProgramItemResult,
    QuantumProgramResult,
    RuntimeDecoder,
    RuntimeEncoder,
    prepare_estimator,
    prepare_sampler,
)
from qrun.local.simulation.layer_models import LayerModels, models_for
from qrun.local.simulation.outcome import CODE_UNREADABLE, ProgramError, ProgramOutcome, reason
from qrun.local.simulation.plain_results import plain_text
from qrun.local.simulation.primitive_options import PrimitiveOptions, read_options
from qrun.local.simulation.program import ItemOutcome, outcome, run_items, spans_of
from qrun.local.simulation.targets import TargetBackend
from qrun.local.simulation.timing import ExecutionTiming
from qrun.local.simulation.validation import check_circuit

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from qrun.local.devices import Device

_VERSION = 2


@dataclass(frozen=True)
class _Part:
    """PUBs of a job that share their shots or precision, what running them gave, and the final options.

    And what is known of the noise of their layers, where that is needed.
    """

    indices: list[int]
    results: list[PubResult]
    items: list[ItemOutcome]
    settings: dict[str, Any]
    layers: LayerModels


def run_primitive(device: Device, program_id: str, params: bytes, seed: int | None) -> ProgramOutcome:
    """Run a job of a server-side primitive.

    Args:
        device: The device.
        program_id: ``"sampler"`` or ``"estimator"``.
        params: JSON text of the job's params.
        seed: Makes the data reproducible; a seed in the job's options goes before it.

    Raises:
        ProgramError: The params cannot be read, or something in them is not supported.
    """
    decoded = _decode(params)
    options = read_options(program_id, decoded)
    raw_pubs = decoded.get("pubs") or []
    if not isinstance(raw_pubs, list | tuple):
        raise ProgramError(f"pubs is not a list: {raw_pubs!r}.", CODE_UNREADABLE)
    pubs = [_pub(program_id, raw, index, decoded) for index, raw in enumerate(raw_pubs)]
    if not pubs:
        raise ProgramError("The job has no PUBs.", CODE_UNREADABLE)
    for index, pub in enumerate(pubs):
        check_circuit(pub.circuit, device, f"pub {index}")
    log = [f"program {program_id}, version {_VERSION}, on {device.name}"]
    log.extend(f"ignored option: {name}" for name in options.ignored)
    rng = np.random.default_rng(options.seed if options.seed is not None else seed)
    groups = _grouped(pubs)
    parts = [
        _run_part(program_id, [pubs[index] for index in indices], indices, options, device, part_rng, log)
        for indices, part_rng in zip(groups, rng.spawn(len(groups)), strict=True)
    ]
    result = _sampler_result(parts) if program_id == "sampler" else _estimator_result(parts, pubs, options)
    items = [item for part in parts for item in part.items]
    items += [part.layers.item for part in parts]
    # The Python client asks for qiskit's own types; who does not say so gets plain JSON.
    text = json.dumps(result, cls=RuntimeEncoder) if decoded.get("support_qiskit") else plain_text(result)
    return outcome(text, items, log)


def _decode(params: bytes) -> Mapping[str, Any]:
    try:
        decoded = json.loads(params, cls=RuntimeDecoder)
    # The decoder runs QPY and numpy on the user's bytes; each has errors of its own.
    except Exception as error:
        raise ProgramError(f"The params cannot be read: {reason(error)}", CODE_UNREADABLE) from error
    if not isinstance(decoded, dict):
        raise ProgramError("The params are not a JSON object.", CODE_UNREADABLE)
    if decoded.get("version", _VERSION) != _VERSION:
        raise ProgramError(
            f"Version {decoded['version']} of the primitives is not supported; version {_VERSION} is.",
            CODE_UNREADABLE,
        )
    return decoded


def _pub(program_id: str, raw: Any, index: int, params: Mapping[str, Any]) -> SamplerPub | EstimatorPub:
    parts = list(raw) if isinstance(raw, list | tuple) else [raw]
    try:
        if parts and isinstance(parts[0], str):
            parts[0] = qasm3.loads(parts[0])
        if not parts or not isinstance(parts[0], QuantumCircuit):
            raise TypeError("its first member is not a circuit")
        if program_id == "sampler":
            if not parts[0].cregs:
                raise ValueError("its circuit has no classical register to sample")
            return SamplerPub.coerce(tuple(parts), params.get("shots"))
        return EstimatorPub.coerce(tuple(parts), params.get("precision"))
    # Readers of OpenQASM and the PUB classes raise errors of many kinds about what the user wrote.
    except Exception as error:
        raise ProgramError(f"pub {index} cannot be read: {reason(error)}", CODE_UNREADABLE) from error


def _grouped(pubs: Sequence[SamplerPub | EstimatorPub]) -> list[list[int]]:
    """Indices of PUBs by their shots or precision: a quantum program has one value for all its items."""
    groups: dict[Any, list[int]] = {}
    for index, pub in enumerate(pubs):
        groups.setdefault(pub.shots if isinstance(pub, SamplerPub) else pub.precision, []).append(index)
    return list(groups.values())


def _run_part(
    program_id: str,
    pubs: Sequence[SamplerPub | EstimatorPub],
    indices: list[int],
    options: PrimitiveOptions,
    device: Device,
    rng: np.random.Generator,
    log: list[str],
) -> _Part:
    log.append(f"pubs {', '.join(map(str, indices))}:")
    layers = LayerModels()
    model = options.model
    if program_id == "estimator":
        layers = models_for(pubs, options, device, rng, log)
        model = model.model_copy(deep=True)
        model.resilience.layer_noise_model = layers.model
    prepare = prepare_sampler if program_id == "sampler" else prepare_estimator
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            program, executor_options = prepare(pubs, model, backend=TargetBackend(device))
        except (IBMInputValueError, ValueError) as error:
            message = error.message if isinstance(error, IBMInputValueError) else reason(error)
            raise ProgramError(f"The {program_id} cannot run this: {message}") from error
    log.extend(f"warning: {warning.message}" for warning in caught)
    execution = executor_options.execution
    timing = ExecutionTiming(execution.rep_delay, execution.init_qubits)
    items = run_items(program, device, timing, rng, log)
    result = QuantumProgramResult(
        data=[QuantumProgramItemResult(dict(item.arrays)) for item in items],
        metadata=Metadata(),
        passthrough_data=program.passthrough_data,
    )
    decoder = ClientSideSamplerResultDecoder if program_id == "sampler" else ClientSideEstimatorDecoder
    # Options with what the resilience level fills in, as the client-side primitive itself reports them.
    settings = dict(program.passthrough_data["post_processor"]["options"])
    return _Part(indices, list(decoder.decode(result)), items, settings, layers)


def _ordered(parts: Sequence[_Part]) -> list[PubResult]:
    by_index = {
        index: result for part in parts for index, result in zip(part.indices, part.results, strict=True)
    }
    return [by_index[index] for index in sorted(by_index)]


def _sampler_result(parts: Sequence[_Part]) -> PrimitiveResult:
    spans = []
    start = None
    for part in parts:
        times = spans_of(part.items, start)
        start = times[-1][1]
        spans += [
            DoubleSliceSpan(begin, end, {index: _slices(result)})
            for index, result, (begin, end) in zip(part.indices, part.results, times, strict=True)
        ]
    results = [
        SamplerPubResult(
            result.data, metadata={"circuit_metadata": result.metadata.get("circuit_metadata") or {}}
        )
        for result in _ordered(parts)
    ]
    metadata = {"execution": {"execution_spans": ExecutionSpans(spans)}, "version": _VERSION}
    return PrimitiveResult(results, metadata=metadata)


def _slices(result: PubResult) -> tuple[tuple[int, ...], slice, slice]:
    shots = next((array.num_shots for array in result.data.values()), 0)
    shape = tuple(result.data.shape)
    return (*shape, shots), slice(0, int(np.prod(shape, dtype=int))), slice(0, shots)


def _estimator_result(
    parts: Sequence[_Part], pubs: Sequence[EstimatorPub], options: PrimitiveOptions
) -> PrimitiveResult:
    results = []
    for result, pub in zip(_ordered(parts), pubs, strict=True):
        precision = pub.precision if pub.precision is not None else options.model.default_precision
        metadata = {
            "shots": _shots(pub, options),
            "target_precision": precision,
            "circuit_metadata": pub.circuit.metadata or {},
            "resilience": result.metadata.get("resilience", {}),
        }
        results.append(PubResult(_with_arrays(result.data), metadata=metadata))
    settings = {name: parts[0].settings[name] for name in ("dynamical_decoupling", "twirling", "resilience")}
    if errors := [error for part in parts for error in part.layers.errors]:
        settings["resilience"] = {**settings["resilience"], "layer_noise_model": errors}
    return PrimitiveResult(results, metadata={**settings, "version": _VERSION})


def _with_arrays(data: DataBin) -> DataBin:
    """The data with arrays throughout: an extrapolation through two points has a bare infinity as error."""
    values = {
        name: value if isinstance(value, np.ndarray) else np.full(data.shape, value)
        for name, value in data.items()
    }
    return DataBin(**values, shape=data.shape)


def _shots(pub: EstimatorPub, options: PrimitiveOptions) -> int:
    twirling = options.model.twirling
    both = (twirling.num_randomizations, twirling.shots_per_randomization)
    if (twirling.enable_gates or twirling.enable_measure) and all(isinstance(n, int) for n in both):
        return int(np.prod(both))
    if pub.precision is None and options.model.default_shots is not None:
        return int(options.model.default_shots)
    precision = pub.precision if pub.precision is not None else options.model.default_precision
    return int(np.ceil(1.0 / precision**2))
