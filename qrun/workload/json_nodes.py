"""JSON as the nodes that YAML would make of it, with the place of each.

YAML takes nearly all JSON, but no key of more than 1,024 characters, which an observable of as many qubits
has, and its messages are in terms of another language.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from json import JSONDecodeError
from json.decoder import scanstring  # type: ignore[attr-defined]  # public, typeshed has it not
from typing import NoReturn

import yaml

from qrun.errors import WorkloadError
from qrun.workload.bounds import check_bounds

_BLANK = re.compile(r"[ \t\r\n]*")
_NUMBER = re.compile(r"-?(?:0|[1-9]\d*)(?P<more>(?:\.\d+)?(?:[eE][-+]?\d+)?)", re.ASCII)
_WORD = re.compile(r"(?P<bool>true|false)|(?P<null>null)|(?P<infinite>-?Infinity|NaN)")
_SURROGATE = re.compile("[\ud800-\udfff]")


class NotJson(Exception):
    """A text is not JSON; ``line`` and ``column`` say where, from 1."""

    def __init__(self, message: str, line: int, column: int) -> None:
        super().__init__(message)
        self.message = message
        self.line = line
        self.column = column


def looks_like_json(text: str) -> bool:
    """Whether a text can be a JSON object or array, by its first character."""
    start = _BLANK.match(text)
    return start is not None and text[start.end() : start.end() + 1] in ("{", "[")


def compose_json(text: str, path: str) -> yaml.Node:
    """The nodes of a JSON text.

    Args:
        text: The text.
        path: What to call the file in messages.

    Raises:
        NotJson: It is none.
        WorkloadError: It is, and larger or deeper than a workload can be, or has a number that is not finite.
    """
    return _Composer(text, path).document()


class _Composer:
    def __init__(self, text: str, path: str) -> None:
        self._text = text
        self._path = path
        self._at = 0
        self._depth = 0
        self._written = 0
        self._lines = [0, *(found.end() for found in re.finditer(r"\r\n|\r|\n", text))]

    def document(self) -> yaml.Node:
        self._skip()
        node = self._value()
        self._skip()
        if self._at < len(self._text):
            self._fail("something follows after its end")
        return node

    def _value(self) -> yaml.Node:
        mark = self._mark()
        self._written += 1
        check_bounds(self._written, self._depth, self._path, mark.line + 1, mark.column + 1)
        following = self._text[self._at : self._at + 1]
        if following == "{":
            return self._mapping(mark)
        if following == "[":
            return self._sequence(mark)
        return self._string() if following == '"' else self._plain(mark)

    def _mapping(self, mark: yaml.Mark) -> yaml.Node:
        pairs: list[tuple[yaml.Node, yaml.Node]] = []
        while self._more("}", first=not pairs):
            if self._text[self._at : self._at + 1] != '"':
                self._fail("a key in double quotes is expected")
            key = self._string()
            self._skip()
            if self._text[self._at : self._at + 1] != ":":
                self._fail("a ':' is expected after a key")
            self._at += 1
            self._skip()
            pairs.append((key, self._value()))
        return yaml.MappingNode("tag:yaml.org,2002:map", pairs, mark, self._mark())

    def _sequence(self, mark: yaml.Mark) -> yaml.Node:
        items: list[yaml.Node] = []
        while self._more("]", first=not items):
            items.append(self._value())
        return yaml.SequenceNode("tag:yaml.org,2002:seq", items, mark, self._mark())

    def _more(self, end: str, *, first: bool) -> bool:
        """Whether a member follows; goes to it, or behind the end."""
        if first:
            self._at += 1
            self._depth += 1
        self._skip()
        following = self._text[self._at : self._at + 1]
        if following == end:
            self._at += 1
            self._depth -= 1
            return False
        if not first:
            if following != ",":
                self._fail(f"a ',' or a '{end}' is expected")
            self._at += 1
            self._skip()
        return True

    def _string(self) -> yaml.Node:
        mark = self._mark()
        try:
            value, self._at = scanstring(self._text, self._at + 1)
        except JSONDecodeError as error:
            self._at = error.pos
            self._fail(f"{error.msg[:1].lower()}{error.msg[1:]}")
        if _SURROGATE.search(value):
            raise WorkloadError(
                "This text has half a character in it (a lone surrogate).",
                "Write the character itself.",
                path=self._path,
                line=mark.line + 1,
                column=mark.column + 1,
            )
        return yaml.ScalarNode("tag:yaml.org,2002:str", value, mark, self._mark(), style='"')

    def _plain(self, mark: yaml.Mark) -> yaml.Node:
        found = _WORD.match(self._text, self._at) or _NUMBER.match(self._text, self._at)
        if found is None:
            self._fail("a value is expected")
        kind = found.lastgroup
        if kind == "infinite":
            raise WorkloadError(
                "This number is not finite.",
                "Give a finite number.",
                path=self._path,
                line=mark.line + 1,
                column=mark.column + 1,
            )
        self._at = found.end()
        if kind == "more":
            kind = "float" if found["more"] else "int"
        return yaml.ScalarNode(f"tag:yaml.org,2002:{kind}", found[0], mark, self._mark())

    def _skip(self) -> None:
        found = _BLANK.match(self._text, self._at)
        self._at = found.end() if found else self._at

    def _mark(self) -> yaml.Mark:
        line = bisect_right(self._lines, self._at) - 1
        return yaml.Mark(self._path, self._at, line, self._at - self._lines[line], "", 0)

    def _fail(self, message: str) -> NoReturn:
        mark = self._mark()
        raise NotJson(message, mark.line + 1, mark.column + 1)
