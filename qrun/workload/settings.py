"""``--set PATH=VALUE``: values of a file, changed on the command line."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from qrun.errors import WorkloadError
from qrun.workload.document import Document, Location, Place, parse_document
from qrun.workload.words import did_you_mean, dotted

_PART = re.compile(r"""\.?(?:\[(?P<index>\d{1,9})\]|"(?P<quoted>[^"]+)"|(?P<word>[^.\[\]"]+))""")
MOST_PARTS = 40


def apply_settings(document: Document, settings: Sequence[str]) -> Document:
    """The document with values of the command line in it.

    Args:
        document: The file, with what it includes, before substitution.
        settings: ``PATH=VALUE`` each. PATH is dotted (``pubs.0.shots`` or ``pubs[0].shots``; a key with a dot
            in it goes in double quotes), VALUE is YAML. A PATH that begins with ``matrix`` means the
            ``matrix`` of each PUB that has the key.

    Raises:
        WorkloadError: A setting can't be read, or leads through something that has no keys.
    """
    for setting in settings:
        document = _apply(document, setting)
    return document


def _apply(document: Document, setting: str) -> Document:
    path, equals, text = setting.partition("=")
    if not equals or not path.strip():
        raise WorkloadError(
            f"{setting!r} is not PATH=VALUE.", "For example:  --set defaults.shots=100", path="--set"
        )
    shown = f"--set {path.strip()}"
    location = _location(path.strip(), shown)
    value = _value(text, shown)
    change = _Change(document, shown)
    for target in _targets(document, location, shown):
        change.put(target, value)
    return change.done()


def _value(text: str, shown: str) -> Any:
    if not text.strip():
        return None
    try:
        return parse_document(text, shown).data
    except WorkloadError as error:
        # A line and column would be those of the value alone, which nobody counts on a command line.
        raise WorkloadError(error.message, error.hint, path=shown) from None


def _location(path: str, shown: str) -> Location:
    parts: list[str | int] = []
    end = 0
    while end < len(path):
        found = _PART.match(path, end)
        if found is None or len(parts) >= MOST_PARTS or (end == 0 and path.startswith(".")):
            raise WorkloadError(f"{path!r} is not a path.", "For example:  pubs.0.shots", path=shown)
        parts.append(int(found["index"]) if found["index"] else found["quoted"] or found["word"])
        end = found.end()
    return tuple(parts)


def _targets(document: Document, location: Location, shown: str) -> list[Location]:
    """The places that a path means: itself, but each PUB's for ``matrix``."""
    if location[0] == "include":
        # Paths start at the folder of the file that they are written in, which a command line is not.
        raise WorkloadError(
            "What a file includes is not changed on the command line.",
            "Write include: in the file, with ${…} in the values that change.",
            path=shown,
        )
    if location[0] != "matrix":
        return [location]
    if len(location) == 1:
        raise WorkloadError("matrix needs a key.", "For example:  --set matrix.steps=[1,2]", path=shown)
    pubs = document.data.get("pubs") if isinstance(document.data, dict) else None
    matrices = [
        (index, pub["matrix"])
        for index, pub in enumerate(pubs if isinstance(pubs, list) else [])
        if isinstance(pub, dict) and isinstance(pub.get("matrix"), dict)
    ]
    targets: list[Location] = [
        ("pubs", index, *location) for index, matrix in matrices if location[1] in matrix
    ]
    if not targets:
        known = sorted({key for _, matrix in matrices for key in matrix})
        raise WorkloadError(
            f"No PUB has a matrix with the key {location[1]!r}.",
            did_you_mean(location[1], known) or "No PUB of this file has a matrix.",
            path=shown,
        )
    return targets


class _Change:
    """One setting put into a document; what it does not touch is shared with the document before."""

    def __init__(self, document: Document, shown: str) -> None:
        self._document = document
        self._shown = shown
        self._place = Place(shown, None, None)
        self._data = document.data
        self._places = dict(document.places)
        self._key_places = dict(document.key_places)

    def done(self) -> Document:
        return replace(self._document, data=self._data, places=self._places, key_places=self._key_places)

    def put(self, location: Location, value: Any) -> None:
        self._data = self._with(self._data, location, 0, value)
        self._forget(location)
        self._note(location, value)

    def _with(self, data: Any, location: Location, depth: int, value: Any) -> Any:
        if depth == len(location):
            return value
        part = location[depth]
        if isinstance(data, list):
            index = self._index(data, location, depth)
            copy = list(data)
            copy[index] = self._with(data[index], location, depth + 1, value)
            return copy
        if data is None and isinstance(part, str):
            data = {}
            self._places[location[:depth]] = self._place
        if not isinstance(data, dict):
            raise WorkloadError(
                f"{dotted(location[:depth]) or 'The file'} is {data!r}, which has no {part!r} in it.",
                f"Set {dotted(location[:depth]) or 'a key'} itself, or another path.",
                path=self._shown,
            )
        below = data.get(part, None if depth + 1 < len(location) else value)
        return {**data, str(part): self._with(below, location, depth + 1, value)}

    def _index(self, data: Sequence[Any], location: Location, depth: int) -> int:
        part, name = location[depth], dotted(location[:depth])
        index = int(part) if isinstance(part, int) or (part.isascii() and part.isdigit()) else -1
        if not 0 <= index < len(data):
            raise WorkloadError(
                f"{name} is a list of {len(data)}, it has no {part!r}.",
                f"Write an index from 0 to {len(data) - 1}." if data else f"Set {name} itself.",
                path=self._shown,
            )
        return index

    def _forget(self, location: Location) -> None:
        location = self._normal(location)
        length = len(location)
        for places in (self._places, self._key_places):
            for known in [known for known in places if known[:length] == location]:
                del places[known]

    def _note(self, location: Location, value: Any) -> None:
        location = self._normal(location)
        self._places[location] = self._key_places[location] = self._place
        items = value.items() if isinstance(value, dict) else ()
        for key, item in (
            items if isinstance(value, dict) else enumerate(value if isinstance(value, list) else ())
        ):
            self._note((*location, key), item)

    def _normal(self, location: Location) -> Location:
        """The location with a number where a list has its index, however the user wrote it."""
        data: Any = self._data
        normal: list[str | int] = []
        for part in location:
            if isinstance(data, list):
                normal.append(int(part))
                data = data[int(part)]
            else:
                normal.append(part)
                data = data.get(part) if isinstance(data, dict) else None
        return tuple(normal)
