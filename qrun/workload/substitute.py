"""``${name}`` in values: names of a PUB's ``matrix``, of ``vars``, and of the environment.

Whatever a reference makes of a file stays bounded: values and characters are counted as they come to be.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from typing import Any

from qrun.errors import WorkloadError
from qrun.workload.bounds import DEEPEST
from qrun.workload.document import MOST_BYTES, MOST_NODES, Document, Location
from qrun.workload.words import did_you_mean

_REFERENCE = re.compile(r"\$\$\{|\$\{([^{}]*)\}|\$\{")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*")
_ENVIRONMENT = re.compile(r"env:([A-Za-z_][A-Za-z0-9_]*)(?::-(.*))?", re.DOTALL)
_SECRET = re.compile(r"TOKEN|SECRET|PASSW|API_?KEY|CREDENTIAL", re.IGNORECASE)

NOTHING: Mapping[str, Any] = {}


class _Untold(Exception):
    """A reference has no value; the mistake has been noted."""


class Substitution:
    """Fills in the references of one document.

    Args:
        document: The file, before expansion.
    """

    def __init__(self, document: Document) -> None:
        self._document = document
        given = document.data.get("vars") if isinstance(document.data, dict) else None
        self._vars: dict[str, Any] = given if isinstance(given, dict) else {}
        self._known: dict[str, Any] = {}
        self._pending: list[str] = []
        self._constant: dict[int, bool] = {}
        self._sizes: dict[int, tuple[int, int]] = {}
        self._values = 0
        self._characters = 0
        self._told: dict[tuple[str, str], WorkloadError] = {}

    @property
    def mistakes(self) -> list[WorkloadError]:
        """References that have no value, each told once however many PUBs it makes wrong."""
        return list(self._told.values())

    def variables(self) -> dict[str, Any]:
        """All of ``vars``, filled in."""
        return {name: self._variable(name) for name in self._vars}

    def fill(self, value: Any, location: Location, combination: Mapping[str, Any] = NOTHING) -> Any:
        """A value with its references filled in; parts that have none are shared, not copied.

        Args:
            value: Plain data of the document.
            location: Where it stands.
            combination: The names of the PUB's ``matrix``.

        Raises:
            WorkloadError: The result would be too large or too deep.
        """
        if self._is_constant(value):
            return value
        if isinstance(value, dict):
            self._count(len(value), location)
            return {key: self.fill(item, (*location, key), combination) for key, item in value.items()}
        if isinstance(value, list):
            self._count(len(value), location)
            return [self.fill(item, (*location, i), combination) for i, item in enumerate(value)]
        try:
            return self._text(value, location, combination)
        except _Untold:
            return value

    def _is_constant(self, value: Any) -> bool:
        if isinstance(value, str):
            return "${" not in value
        if not isinstance(value, (dict, list)):
            return True
        key = id(value)
        if key not in self._constant:
            items = value.values() if isinstance(value, dict) else value
            self._constant[key] = all(self._is_constant(item) for item in items)
        return self._constant[key]

    def _text(self, text: str, location: Location, combination: Mapping[str, Any]) -> Any:
        whole = _REFERENCE.fullmatch(text)
        if whole and whole[1] is not None:
            value = self._look_up(whole[1], location, combination)
            size, depth = self._size(value)
            self._count(size, location)
            if len(location) + depth > DEEPEST:
                raise self._document.error(location, f"This is nested more than {DEEPEST} levels deep.")
            return value

        def found(match: re.Match[str]) -> str:
            if match[0] == "$${":
                return "${"
            if match[1] is None:
                raise self._tell(location, "This '${' is not closed.", "Write $${ for a plain '${'.")
            return self._as_text(match[1], self._look_up(match[1], location, combination), location)

        filled = _REFERENCE.sub(found, text)
        self._characters += len(filled)
        if self._characters > MOST_BYTES:
            raise self._document.error(
                location, f"References make more than {MOST_BYTES:,} characters of text."
            )
        return filled

    def _as_text(self, name: str, value: Any, location: Location) -> str:
        if isinstance(value, (dict, list)):
            raise self._tell(
                location,
                f"${{{name}}} is no single value and can't be put into text.",
                f"Let the value be ${{{name}}} alone.",
            )
        if value is None or isinstance(value, bool):
            return {None: "null", True: "true", False: "false"}[value]
        if isinstance(value, str) and self._characters + len(value) > MOST_BYTES:
            raise self._document.error(
                location, f"References make more than {MOST_BYTES:,} characters of text."
            )
        return str(value)

    def _look_up(self, name: str, location: Location, combination: Mapping[str, Any]) -> Any:
        if name.startswith("env:"):
            return self._environment(name, location)
        if not _NAME.fullmatch(name):
            raise self._tell(
                location,
                f"${{{name}}} is not a reference to a name.",
                "Write ${name}, or $${ for a plain '${'.",
            )
        if name in combination:
            return combination[name]
        if name in self._vars:
            if name in self._pending:
                raise self._tell(location, f"vars: {name} refers to itself.", "Give it a value of its own.")
            return self._variable(name)
        known = [*combination, *self._vars]
        raise self._tell(
            location,
            f"There is no name {name!r} for ${{{name}}}.",
            did_you_mean(name, known) or "Add it to vars:",
        )

    def _variable(self, name: str) -> Any:
        if name not in self._known:
            if len(self._pending) > DEEPEST:
                raise self._document.error(("vars", name), f"More than {DEEPEST} names refer to one another.")
            self._pending.append(name)
            try:
                self._known[name] = self.fill(self._vars[name], ("vars", name))
            finally:
                self._pending.pop()
        return self._known[name]

    def _environment(self, name: str, location: Location) -> str:
        parts = _ENVIRONMENT.fullmatch(name)
        if parts is None:
            raise self._tell(
                location, f"${{{name}}} names no variable.", "Write ${env:NAME} or ${env:NAME:-default}."
            )
        if _SECRET.search(parts[1]):
            # A file of someone else's could carry a token off in a tag.
            raise self._tell(
                location,
                f"{parts[1]} looks like a credential; a workload does not read those.",
                "Name another.",
            )
        value = os.environ.get(parts[1], parts[2])
        if value is None:
            raise self._tell(
                location,
                f"The environment variable {parts[1]} is not set.",
                f"Set it, or give a default: ${{env:{parts[1]}:-default}}",
            )
        return value

    def _size(self, value: Any) -> tuple[int, int]:
        """How many values a value is made of, and how deep it is."""
        if not isinstance(value, (dict, list)) or not value:
            return 1, 0
        key = id(value)
        if key not in self._sizes:
            below = [self._size(item) for item in (value.values() if isinstance(value, dict) else value)]
            self._sizes[key] = 1 + sum(size for size, _ in below), 1 + max(depth for _, depth in below)
        return self._sizes[key]

    def _count(self, more: int, location: Location) -> None:
        self._values += more
        if self._values > MOST_NODES:
            raise self._document.error(
                location,
                f"References and matrix make more than {MOST_NODES:,} values of this file.",
                "Make a sweep one PUB with an array of parameter_values.",
            )

    def _tell(self, location: Location, message: str, hint: str) -> _Untold:
        mistake = self._document.error(location, message, hint)
        self._told.setdefault((mistake.place or "", message), mistake)
        return _Untold()
