"""A file as it is written into a file as it is meant: what it includes, ``--set``, ``${…}`` and ``matrix``.

Everything keeps its place: a mistake found after expansion is told where the user wrote it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from qrun.errors import UsageError, WorkloadError
from qrun.workload.document import Document, Location, Origin, read_document
from qrun.workload.foreign import is_payload, is_qasm, payload_document, qasm_document
from qrun.workload.include import merge_includes
from qrun.workload.matrix import MOST_PUBS, SWEEP_HINT, Combination, combinations, describe
from qrun.workload.model import LONGEST_NAME
from qrun.workload.settings import apply_settings
from qrun.workload.substitute import Substitution

_LONGEST_MADE = LONGEST_NAME - len("#10000")
"""Of a name that a matrix makes; where two are the same up to there, a number follows."""


@dataclass(frozen=True)
class LoadChoices:
    """What the command line says over a file while it is read."""

    settings: tuple[str, ...] = ()
    """``PATH=VALUE`` of each ``--set``."""
    trust: bool = False
    """Whether ``python:`` may run code even where the workload comes from standard input."""
    shots: int | None = None
    """Shots of a plain OpenQASM file, which says nothing of them."""


def open_document(path: str | Path, choices: LoadChoices | None = None) -> Document:
    """Read and expand a workload file.

    Args:
        path: A workload file, a QRMI payload or a ``.qasm`` file; ``-`` for standard input.
        choices: What the command line says over it.

    Returns:
        The expanded document, for ``validate`` and ``load_workload``.

    Raises:
        WorkloadError: It can't be read, is not YAML, or its expansion is too large.
    """
    choices = choices or LoadChoices()
    document = _read(path, choices)
    document = replace(document, trusted=document.trusted or choices.trust)
    return expand(document, choices.settings)


def _read(path: str | Path, choices: LoadChoices) -> Document:
    """The document that a file is, or means where it is another tool's."""
    if is_qasm(path):
        return qasm_document(path, choices.shots)
    document = read_document(path)
    if choices.shots is not None:
        raise UsageError(
            f"--shots is for plain .qasm files; {path} says itself how many.",
            f"Change what it says with: --set defaults.shots={choices.shots}",
        )
    return payload_document(document) if is_payload(document.data) else document


def expand(document: Document, settings: Sequence[str] = ()) -> Document:
    """A document with everything in it that others, the command line and references put there.

    Mistakes in references and in ``matrix`` are kept in ``Document.mistakes``, so that ``validate`` tells
    them together with all others.

    Args:
        document: The file as it was parsed.
        settings: ``PATH=VALUE`` of each ``--set``.

    Raises:
        WorkloadError: An included file or a setting is wrong, or the expansion too large.
    """
    document = apply_settings(merge_includes(document), settings)
    if not isinstance(document.data, dict):
        return document
    return _Expansion(document).expanded()


class _Expansion:
    def __init__(self, document: Document) -> None:
        self._document = document
        self._substitution = Substitution(document)
        self._mistakes: list[WorkloadError] = []
        self._names: Counter[str] = Counter()

    def expanded(self) -> Document:
        data: dict[str, Any] = {}
        origins: list[Origin] = []
        for key, value in self._document.data.items():
            if key == "vars" and isinstance(value, dict):
                data[key] = self._substitution.variables()
            elif key == "pubs" and isinstance(value, list):
                data[key] = self._pubs(value, origins)
            else:
                data[key] = self._substitution.fill(value, (key,))
        return replace(
            self._document,
            data=data,
            origins=origins,
            mistakes=(*self._mistakes, *self._substitution.mistakes),
        )

    def _pubs(self, pubs: list[Any], origins: list[Origin]) -> list[Any]:
        made = []
        for index, pub in enumerate(pubs):
            location: Location = ("pubs", index)
            for combination in self._combinations(pub, location):
                made.append(self._pub(pub, location, combination))
                origins.append(Origin(index, describe(combination or {})))
                if len(made) > MOST_PUBS:
                    raise self._document.error(
                        location, f"The file makes more than {MOST_PUBS:,} PUBs.", SWEEP_HINT
                    )
        return made

    def _combinations(self, pub: Any, location: Location) -> Sequence[Combination | None]:
        if not isinstance(pub, dict) or "matrix" not in pub:
            return [None]
        here = (*location, "matrix")
        matrix = self._substitution.fill(pub["matrix"], here)
        try:
            return combinations(matrix, self._document, here)
        except WorkloadError as mistake:
            self._mistakes.append(mistake)
            # The PUB is still looked at, with one value a name, for what else is wrong with it.
            names = matrix.items() if isinstance(matrix, dict) else ()
            return [{name: v[0] if isinstance(v, list) and v else v for name, v in names}]

    def _pub(self, pub: Any, location: Location, combination: Combination | None) -> Any:
        if combination is None:
            return self._substitution.fill(pub, location)
        template = {key: value for key, value in pub.items() if key != "matrix"}
        filled = {
            key: self._substitution.fill(value, (*location, key), combination)
            for key, value in template.items()
        }
        name = _name(template, location, combination)
        if name is not None:
            self._names[name] += 1
            # Two long values may look the same where they are cut.
            filled["name"] = name if self._names[name] == 1 else f"{name}#{self._names[name]}"
        return filled


def _name(template: Mapping[str, Any], location: Location, combination: Combination) -> str | None:
    """The name of a PUB that a matrix made, unless the PUB's own name has ``${…}`` in it."""
    name = template.get("name", f"pub-{location[1]}")
    if not isinstance(name, str) or "${" in name:
        return None
    made = f"{name}[{describe(combination)}]"
    return made if len(made) <= _LONGEST_MADE else f"{made[: _LONGEST_MADE - 2]}…]"
