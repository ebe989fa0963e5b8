"""``include:``: other YAML files under this one, which wins where both say something."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from qrun.workload.document import MOST_BYTES, Document, Location, Place, parse_document
from qrun.workload.paths import path_inside, read_inside

INCLUDE = "include"
MOST_FILES = 100
"""Files that one workload includes, all together."""


def merge_includes(document: Document) -> Document:
    """The document with the files that it includes under it.

    Later files go over earlier ones and the including file over all: mappings merge deeply, everything else
    replaces.

    Raises:
        WorkloadError: A file can't be read, is outside the folder, or includes itself.
    """
    return _Includer().merge(document, ())


class _Includer:
    """Counts what is read, so that files that include each other stay bounded."""

    def __init__(self) -> None:
        self._files = 0
        self._bytes = 0

    def merge(self, document: Document, above: tuple[Path, ...]) -> Document:
        if not isinstance(document.data, dict) or INCLUDE not in document.data:
            return document
        names = document.data[INCLUDE]
        below: Document | None = None
        for index, name in enumerate(names if isinstance(names, list) else [names]):
            location: Location = (INCLUDE, index) if isinstance(names, list) else (INCLUDE,)
            if not isinstance(name, str):
                raise document.error(location, "include: takes the path of a YAML file, or a list of them.")
            included = self._read(name, document, location, above)
            below = included if below is None else _merge(below, included)
        own = replace(document, data={key: v for key, v in document.data.items() if key != INCLUDE})
        return own if below is None else _merge(below, own)

    def _read(self, name: str, document: Document, location: Location, above: tuple[Path, ...]) -> Document:
        path = path_inside(name, document, location)
        here = Path(document.path).resolve()
        if path in (*above, here):
            raise document.error(location, f"{name} includes itself.", "Take it out.")
        raw = read_inside(name, MOST_BYTES, document, location)
        self._files += 1
        self._bytes += len(raw)
        if self._files > MOST_FILES or self._bytes > MOST_BYTES:
            raise document.error(
                location,
                f"More than {MOST_FILES} files or {MOST_BYTES:,} bytes are included.",
                "Include less.",
            )
        shown = str(Path(document.path).parent / name) if document.path != "-" else name
        included = parse_document(raw, shown)
        if not isinstance(included.data, dict):
            raise document.error(location, f"{name} is not a mapping, so it can't be included.")
        return self.merge(included, (*above, here))


def _merge(base: Document, over: Document) -> Document:
    merged = _Merge(base, over)
    data = merged.mapping(base.data, over.data, ())
    merged.places[()] = over.places[()]
    return replace(over, data=data, places=merged.places, key_places=merged.key_places)


class _Merge:
    """Two files in one, and each value's place from the file that it comes from."""

    def __init__(self, base: Document, over: Document) -> None:
        self._base = base
        self._over = over
        self.places: dict[Location, Place] = {}
        self.key_places: dict[Location, Place] = {}

    def mapping(self, base: Mapping[str, Any], over: Mapping[str, Any], location: Location) -> dict[str, Any]:
        merged: dict[str, Any] = {}
        for key in [*base, *(key for key in over if key not in base)]:
            here = (*location, key)
            if key not in over:
                merged[key] = self._take(self._base, base[key], here)
            elif isinstance(over[key], dict) and isinstance(base.get(key), dict):
                self._note(self._over, here)
                merged[key] = self.mapping(base[key], over[key], here)
            else:
                merged[key] = self._take(self._over, over[key], here)
        return merged

    def _take(self, document: Document, value: Any, location: Location) -> Any:
        self._note(document, location)
        if isinstance(value, dict):
            for key, item in value.items():
                self._take(document, item, (*location, key))
        elif isinstance(value, list):
            for index, item in enumerate(value):
                self._take(document, item, (*location, index))
        return value

    def _note(self, document: Document, location: Location) -> None:
        self.places[location] = document.places[location]
        if location in document.key_places:
            self.key_places[location] = document.key_places[location]
