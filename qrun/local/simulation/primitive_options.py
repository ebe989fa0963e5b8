"""Options of the server-side primitives, as the client-side primitives' own option models.

The server-side primitives omit what the user has not set, so the service supplies the defaults; the
client-side models have the same ones, but for those written down here.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ValidationError

from qrun.local.simulation.client_formats import EstimatorOptions, SamplerOptions
from qrun.local.simulation.outcome import CODE_UNREADABLE, ProgramError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

READOUT_RANDOMIZATIONS = 32
"""Default of ``resilience.measure_noise_learning.num_randomizations`` (facts H3)."""


@dataclass(frozen=True)
class PrimitiveOptions:
    """Options of a server-side primitive.

    Args:
        model: The client-side primitive's options.
        seed: A seed that the job asks for.
        ignored: Names of options that change nothing here, dotted.
        layer_noise_model: What the Estimator's job knows of the noise of layers.
        layer_noise_learning: How its job wants to learn the rest.
    """

    model: Any
    seed: int | None
    ignored: tuple[str, ...]
    layer_noise_model: Any = None
    layer_noise_learning: Mapping[str, Any] = field(default_factory=dict)


def read_options(program_id: str, params: Mapping[str, Any]) -> PrimitiveOptions:
    """Read the options of a ``sampler`` or ``estimator`` job.

    Args:
        program_id: ``"sampler"`` or ``"estimator"``.
        params: The job's decoded params.

    Raises:
        ProgramError: An option has a value that it cannot have.
    """
    given = _group(params.get("options"), "options")
    kind = SamplerOptions if program_id == "sampler" else EstimatorOptions
    seed = _seed(given)
    if program_id == "estimator" and params.get("resilience_level") is not None:
        given["resilience_level"] = params["resilience_level"]
    resilience = _group(given.get("resilience"), "options.resilience")
    # These two the client-side Estimator has in another form, or not at all.
    layer_noise_model = resilience.pop("layer_noise_model", None)
    learning = _group(resilience.pop("layer_noise_learning", None), "options.resilience.layer_noise_learning")
    if "resilience" in given:
        given["resilience"] = resilience
    ignored = tuple(_unknown(given, kind, ""))
    try:
        model = kind.model_validate(_known(given, kind))
    except ValidationError as error:
        problems = "; ".join(f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors())
        message = f"Options of the {program_id} are not valid: {problems}."
        raise ProgramError(message, CODE_UNREADABLE) from error
    if program_id == "estimator":
        learning = model.resilience.measure_noise_learning
        if "num_randomizations" not in learning.model_fields_set:
            learning.num_randomizations = READOUT_RANDOMIZATIONS
    return PrimitiveOptions(model, seed, ignored, layer_noise_model, learning)


def _seed(given: dict[str, Any]) -> int | None:
    """Take the seed out of the options; the estimator has one of its own."""
    simulator = _group(given.get("simulator"), "options.simulator")
    found = [given.pop("seed_estimator", None), simulator.pop("seed_simulator", None)]
    if "simulator" in given:
        given["simulator"] = simulator
    seeds = [seed for seed in found if seed is not None]
    for seed in seeds:
        if not isinstance(seed, int) or isinstance(seed, bool) or seed < 0:
            raise ProgramError(f"A seed is not a whole number from 0 up: {seed!r}.", CODE_UNREADABLE)
    return seeds[-1] if seeds else None


def _group(value: Any, name: str) -> dict[str, Any]:
    """A copy of a group of options, empty where none is given."""
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise ProgramError(f"{name} is not an object: {value!r}.", CODE_UNREADABLE)
    return dict(value)


def _known(given: Mapping[str, Any], kind: type[BaseModel]) -> dict[str, Any]:
    known: dict[str, Any] = {}
    for name, value in given.items():
        if _is_ignored(name, value, kind):
            continue
        inner = _inner_model(kind, name)
        known[name] = _known(value, inner) if inner and isinstance(value, dict) else value
    return known


def _unknown(given: Mapping[str, Any], kind: type[BaseModel], prefix: str) -> Iterator[str]:
    for name, value in given.items():
        inner = _inner_model(kind, name)
        if _is_ignored(name, value, kind):
            # An empty group of options or a None is what "nothing asked for" looks like.
            if value not in (None, {}):
                yield f"{prefix}{name}"
        elif inner and isinstance(value, dict):
            yield from _unknown(value, inner, f"{prefix}{name}.")


def _is_ignored(name: str, value: Any, kind: type[BaseModel]) -> bool:
    # Experimental options are for a service that knows them; this one knows none.
    return name not in kind.model_fields or name in ("experimental", "environment")


def _inner_model(kind: type[BaseModel], name: str) -> type[BaseModel] | None:
    field = kind.model_fields.get(name)
    annotation = field.annotation if field else None
    return annotation if isinstance(annotation, type) and issubclass(annotation, BaseModel) else None
