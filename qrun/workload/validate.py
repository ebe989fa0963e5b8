"""A document against the model: every mistake with its place and the nearest right word."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import BaseModel, ValidationError

from qrun.errors import WorkloadError
from qrun.workload.document import Document
from qrun.workload.model import (
    CIRCUIT_KINDS,
    Defaults,
    LeastBusy,
    LeastBusyBackend,
    PubSpec,
    Transpile,
    WorkloadFile,
)
from qrun.workload.words import did_you_mean, dotted


class InvalidWorkload(WorkloadError):
    """Everything that is wrong with a workload.

    Args:
        mistakes: One error a mistake, in the order of the file.
    """

    def __init__(self, mistakes: Sequence[WorkloadError]) -> None:
        first = mistakes[0]
        super().__init__(first.message, first.hint, path=first.path, line=first.line, column=first.column)
        self.mistakes = list(mistakes)


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


def without_mistakes(document: Document) -> WorkloadFile | None:
    """What is left of a wrong document when circuits, PUBs and keys with mistakes are taken out.

    PUBs keep their places: one that is taken out is left to fail no more, so that locations stay true.

    Returns:
        The rest, or ``None`` where nothing sensible is left.
    """
    try:
        WorkloadFile.model_validate(document.data)
    except ValidationError as error:
        pass
    return None


def _mistakes(document: Document, error: ValidationError) -> list[WorkloadError]:
    details = error.errors(include_url=False, include_context=True)
    # A union tells of each member that did not fit; the one that got further into the value is meant.
    further = {
        tuple(detail["loc"])[:end] for detail in details for end in range(len(detail["loc"]) - 1)
    }
    told: dict[str, WorkloadError] = {}
    for detail in details:
        if detail["type"] in _SHADOWED_TYPES and tuple(detail["loc"])[:-1] in further:
            continue
        mistake = _mistake(document, detail)
        told.setdefault(str(mistake), mistake)
    return list(told.values())


def _mistake(document: Document, detail: Mapping[str, Any]) -> WorkloadError:
    location = tuple(detail["loc"])
    kind, key = detail["type"], location[-1] if location else ""
    if kind == "extra_forbidden":
        known = _known_keys(location)
        return document.error(
            location, f"There is no key {key!r} here.", did_you_mean(str(key), known), at_key=True
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
    message = detail["msg"].removeprefix("Value error, ")
    shown = dotted(document.trim(location))
    return document.error(location, f"{shown}: {message}." if shown else f"{message}.", _given(detail))


def _known_keys(location: Sequence[str | int]) -> list[str]:
    for part in reversed(location[:-1]):
        if isinstance(part, str) and part in _MODELS:
            return list(_MODELS[part].model_fields)
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
        shown = repr(given) if isinstance(given, bool) or not isinstance(given, int) else f"{given:.6g}"
        return f"It says {shown if len(shown) <= 80 else shown[:79] + '…'}."
    return None
