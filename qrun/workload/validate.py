"""A document against the model: every mistake with its place and the nearest right word."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import BaseModel, ValidationError

from qrun.errors import WorkloadError
from qrun.workload.document import Document
from qrun.workload.model import (
    Defaults,
    FileCircuit,
    LeastBusy,
    LeastBusyBackend,
    LibraryCircuit,
    PubSpec,
    QasmCircuit,
    Transpile,
    WorkloadFile,
)


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
    """All mistakes as one error, in the order of the file."""
    return InvalidWorkload(sorted(mistakes, key=lambda m: (m.line or 0, m.column or 0)))


_MODELS: dict[str, type[BaseModel]] = {
    "circuits": QasmCircuit,
    "defaults": Defaults,
    "transpile": Transpile,
    "pubs": PubSpec,
    "backend": LeastBusyBackend,
    "least_busy": LeastBusy,
    "qasm": QasmCircuit,
    "file": FileCircuit,
    "library": LibraryCircuit,
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
    try:
        return WorkloadFile.model_validate(document.data)
    except ValidationError as error:
        raise in_file_order(_mistakes(document, error)) from None


def _mistakes(document: Document, error: ValidationError) -> list[WorkloadError]:
    details = error.errors(include_url=False)
    told: dict[tuple[int | None, int | None, str], WorkloadError] = {}
    for detail in details:
        location = tuple(detail["loc"])
        # A union tells of each member that did not fit; the one that got further into the value is meant.
        if detail["type"] in _SHADOWED_TYPES and any(
            len(other["loc"]) > len(location) and tuple(other["loc"])[: len(location) - 1] == location[:-1]
            for other in details
        ):
            continue
        mistake = _mistake(document, detail)
        told.setdefault((mistake.line, mistake.column, mistake.message), mistake)
    return list(told.values())


def _mistake(document: Document, detail: Mapping[str, Any]) -> WorkloadError:
    location = tuple(detail["loc"])
    kind, key = detail["type"], location[-1] if location else ""
    if kind == "extra_forbidden":
        known = _known_keys(location)
        return document.error(
            location, f"There is no key {key!r} here.", did_you_mean(str(key), known), at_key=True
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


def dotted(location: Sequence[str | int]) -> str:
    """A location as the user would write it: ``pubs[1].circuit``."""
    return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in location).lstrip(".")


def _example(key: str) -> str | None:
    return {
        "name": "For example:  name: my-experiment",
        "pubs": "For example:  pubs: [{circuit: bell, shots: 1000}]",
        "circuit": "For example:  circuit: bell",
    }.get(key)


def _given(detail: Mapping[str, Any]) -> str | None:
    given = detail.get("input")
    if isinstance(given, (str, int, float, bool)):
        return f"It says {given!r}."
    return None


def did_you_mean(word: str, known: Sequence[str]) -> str | None:
    """``Did you mean 'shots'?``, or what there is to choose from."""
    close = difflib.get_close_matches(word, known, n=1)
    if close:
        return f"Did you mean {close[0]!r}?"
    return f"Known here: {', '.join(known)}." if known else None
