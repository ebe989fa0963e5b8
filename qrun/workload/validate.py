"""A document against the model: every mistake with its place and the nearest right word."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

from pydantic import BaseModel, ValidationError

from qrun.errors import WorkloadError
from qrun.workload.document import Document
from qrun.workload.model import (
    CIRCUIT_KINDS,
    CircuitTranspile,
    Defaults,
    FiniteDifference,
    LeastBusy,
    LeastBusyBackend,
    LoopPub,
    LoopSpec,
    Minimize,
    Optimizer,
    PubSpec,
    PythonFunction,
    StopRules,
    Transpile,
    WorkloadFile,
)
from qrun.workload.words import did_you_mean as did_you_mean  # other rooms take it from here
from qrun.workload.words import dotted


class InvalidWorkload(WorkloadError):
    """Everything that is wrong with a workload.

    Args:
        mistakes: One error a mistake, in the order of the file.
    """

    def __init__(self, mistakes: Sequence[WorkloadError]) -> None:
        first = mistakes[0]
        super().__init__(first.message, first.hint, path=first.path, line=first.line, column=first.column)
        self.mistakes = list(mistakes)
        self.sound: Any = None
        """The workload of the PUBs that could be made, for checks that go on to tell what else is wrong."""


def in_file_order(mistakes: Sequence[WorkloadError]) -> InvalidWorkload:
    """All mistakes as one error, in the order of the file, each once."""
    unique = {(m.path, m.line, m.column, m.message): m for m in reversed(mistakes)}
    return InvalidWorkload(sorted(unique.values(), key=lambda m: (m.path or "", m.line or 0, m.column or 0)))


_MODELS: dict[str, type[BaseModel]] = {
    "defaults": Defaults,
    "transpile": Transpile,
    "pubs": PubSpec,
    "backend": LeastBusyBackend,
    "least_busy": LeastBusy,
    **CIRCUIT_KINDS,
}

_LOOP_MODELS: dict[str, type[BaseModel]] = {
    "loops": LoopSpec,
    "minimize": Minimize,
    "pubs": LoopPub,
    "cost": PythonFunction,
    "drive": PythonFunction,
    "optimizer": Optimizer,
    "gradient": FiniteDifference,
    "stop": StopRules,
    **CIRCUIT_KINDS,
}
"""The same within ``loops``."""

MOST_MISTAKES = 1000
"""Mistakes that are told of one file; nobody reads more, and each costs the search for a near word."""

_SHADOWED_TYPES = frozenset({"model_type", "dict_type", "string_type"})


def validate(document: Document) -> WorkloadFile:
    """The document as a model.

    Raises:
        InvalidWorkload: It has mistakes; all of them are told.
    """
    if not isinstance(document.data, dict):
        raise document.error(
            (), "A workload is a mapping: name, circuits, pubs …", "See workloads/ for examples."
        )
    mistakes = list(document.mistakes)
    try:
        file = WorkloadFile.model_validate(document.data)
    except ValidationError as error:
        # What stands where a reference had no value is not what the user meant: nothing more is said of it.
        told = {mistake.place for mistake in mistakes}
        mistakes += [mistake for mistake in _mistakes(document, error) if mistake.place not in told]
    if mistakes:
        raise in_file_order(mistakes)
    return file


class Sound(NamedTuple):
    """What is left of a wrong workload, so that the rest of it can be looked at."""

    document: Document
    file: WorkloadFile
    broken: frozenset[str]
    """Circuits and observables that were taken out, whose users are not wrong for that."""


def sound_part(document: Document) -> Sound | None:
    """A wrong document without the circuits, observables, PUBs and keys that have mistakes.

    Returns:
        The rest; ``None`` where nothing sensible is left, or where references have no values.
    """
    if document.mistakes or not isinstance(document.data, dict):
        return None
    data = {"name": "unnamed", **document.data}
    broken: set[str] = set()
    pubs = data.get("pubs")
    origins = [document.origin(index) for index in range(len(pubs) if isinstance(pubs, list) else 0)]
    try:
        WorkloadFile.model_validate(data)
    except ValidationError as error:
        wrong = [tuple(detail["loc"]) for detail in error.errors(include_url=False)]
        broken = {str(part[1]) for part in wrong if part[0] == "circuits" and len(part) > 1}
        for key in {part[0] for part in wrong}:
            if key == "circuits" and isinstance(data[key], dict):
                data[key] = {name: spec for name, spec in data[key].items() if name not in broken}
            elif key == "name":
                data[key] = "unnamed"
            elif key == "pubs" and isinstance(data.get(key), list):
                kept = _sound_pubs(data[key], wrong)
                origins = [origins[index] for index in kept]
                data[key] = list(kept.values())
            elif key == "defaults" and isinstance(data.get(key), dict):
                for location in (part[1:] for part in wrong if part[0] == key):
                    data[key] = _without(data[key], location)
            else:
                data.pop(key, None)
    try:
        file = WorkloadFile.model_validate(data)
    except ValidationError:
        return None
    return Sound(replace(document, data=data, origins=origins), file, frozenset(broken))


def _sound_pubs(pubs: Sequence[Any], wrong: Sequence[tuple[Any, ...]]) -> dict[int, Any]:
    """The PUBs by index without the keys that are wrong; PUBs that then have no circuit are left out."""
    bad: dict[int, set[Any]] = {}
    for part in wrong:
        if part[0] == "pubs" and len(part) > 1:
            bad.setdefault(part[1], set()).add(part[2] if len(part) > 2 else "circuit")
    return {
        index: _sound_pub(pub, bad[index]) if index in bad else pub
        for index, pub in enumerate(pubs)
        if "circuit" not in bad.get(index, ())
    }


def _sound_pub(pub: Mapping[str, Any], bad: set[Any]) -> dict[str, Any]:
    """A PUB without the keys that are wrong, but not without its observables where they are misspelt.

    It would be looked at as the Sampler's, and told what is not wrong with it.
    """
    kept = {key: value for key, value in pub.items() if key not in bad}
    for key in bad:
        if difflib.get_close_matches(str(key), PubSpec.model_fields, n=1) == ["observables"]:
            kept.setdefault("observables", pub.get(key))
    return kept


def _without(mapping: Mapping[str, Any], location: Sequence[Any]) -> dict[str, Any]:
    """A mapping without the innermost key that leads to a place."""
    if not location or location[0] not in mapping:
        return dict(mapping)
    key = str(location[0])
    below = mapping[key]
    if isinstance(below, dict) and len(location) > 1 and location[1] in below:
        return {**mapping, key: _without(below, location[1:])}
    return {name: value for name, value in mapping.items() if name != key}


_MESSAGES = {
    "string_pattern_mismatch": "must begin with a letter or digit; letters, digits, '.', '_' and '-' may "
    "follow, up to 60 in all",
    "model_type": "must be a mapping of keys",
    "dict_type": "must be a mapping of keys",
    "list_type": "must be a list",
    "string_type": "must be a text",
}


def _mistakes(document: Document, error: ValidationError) -> list[WorkloadError]:
    details = error.errors(include_url=False, include_context=True)
    # A union tells of each member that did not fit; the one that got further into the value is meant.
    further = {tuple(detail["loc"])[:end] for detail in details for end in range(len(detail["loc"]) - 1)}
    told: dict[str, WorkloadError] = {}
    names = {tuple(detail["loc"])[:-1] for detail in details if detail["type"] == "string_type"}
    for detail in details:
        # Where a name or a mapping may stand and neither does, one sentence is enough.
        if detail["type"] == "model_type" and tuple(detail["loc"])[:-1] in names:
            continue
        location = tuple(detail["loc"])
        member = len(document.trim(location)) < len(location)
        if member and detail["type"] in _SHADOWED_TYPES and location[:-1] in further:
            continue
        mistake = _mistake(document, detail)
        told.setdefault(str(mistake), mistake)
        if len(told) >= MOST_MISTAKES:
            break
    return list(told.values())


def _mistake(document: Document, detail: Mapping[str, Any]) -> WorkloadError:
    location = _without_tag(tuple(detail["loc"]))
    kind, key = detail["type"], location[-1] if location else ""
    if kind == "extra_forbidden":
        known = _known_keys(tuple(detail["loc"]))
        return document.error(
            location,
            f"There is no key {key!r} here.",
            _elsewhere(location) or did_you_mean(str(key), known),
            at_key=True,
        )
    if kind == "literal_error":
        choices = _choices(detail)
        return document.error(
            location,
            f"{dotted(document.trim(location))}: {detail.get('input')!r} is none of {', '.join(choices)}.",
            did_you_mean(detail.get("input"), choices),
        )
    if kind == "missing":
        under = dotted(document.trim(location[:-1]))
        return document.error(
            location, f"The key {key!r} is missing{' in ' + under if under else ''}.", _example(str(key))
        )
    message = _MESSAGES.get(kind) or detail["msg"].removeprefix("Value error, ")
    shown = dotted(document.trim(location))
    return document.error(location, f"{shown}: {message}." if shown else f"{message}.", _given(detail))


def _without_tag(location: tuple[Any, ...]) -> tuple[Any, ...]:
    """A location without the circuit's kind that pydantic puts in, which is also a key of the circuit."""
    if location[:1] == ("loops",):
        # The kind follows the key itself, however deep that is.
        depth = location.index("circuit") + 1 if "circuit" in location else len(location)
        return (*location[:depth], *location[depth + 1 :])
    for depth, top in ((2, "circuits"), (3, "pubs")):
        if location[:1] == (top,) and len(location) > depth and (depth == 2 or location[2] == "circuit"):
            return (*location[:depth], *location[depth + 1 :])
    return location


def _elsewhere(location: Sequence[str | int]) -> str | None:
    """Where a key belongs that is right in another place, and would be suggested for itself."""
    if location[-2:] == ("transpile", "fractional_gates"):
        return "A backend has them for the whole file: defaults.transpile.fractional_gates"
    return None


def _known_keys(location: Sequence[str | int]) -> list[str]:
    if location[0] != "defaults" and "transpile" in location[:-1]:
        return list(CircuitTranspile.model_fields)
    models = _LOOP_MODELS if location[0] == "loops" else _MODELS
    for part in reversed(location[:-1]):
        if isinstance(part, str) and part in models:
            return list(models[part].model_fields)
    return list(WorkloadFile.model_fields)


def _example(key: str) -> str | None:
    return {
        "name": "For example:  name: my-experiment",
        "pubs": "For example:  pubs: [{circuit: bell, shots: 1000}]",
        "circuit": "For example:  circuit: bell",
    }.get(key)


def _choices(detail: Mapping[str, Any]) -> list[str]:
    """The values that pydantic expected, which it tells as text: ``'job', 'batch' or 'session'``."""
    expected = str(detail.get("ctx", {}).get("expected", ""))
    return [word.strip().strip("'") for word in expected.replace(" or ", ", ").split(",")]


def _given(detail: Mapping[str, Any]) -> str | None:
    given = detail.get("input")
    if isinstance(given, (str, int, float, bool)):
        shown = repr(given)
        return f"It says {shown if len(shown) <= 80 else shown[:79] + '…'}."
    return None
