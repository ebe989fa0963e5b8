"""A YAML file as plain data, with the line and column of everything in it.

Only the safe constructor is used: no tag of YAML makes an object here.
"""

from __future__ import annotations

import math
import re
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import yaml

from qrun.errors import WorkloadError
from qrun.workload.bounds import DEEPEST, check_bounds
from qrun.workload.json_nodes import NotJson, compose_json, looks_like_json

Location = tuple[str | int, ...]
"""Keys and indices from the top of the file down to a value."""

MOST_BYTES = 16 * 1024 * 1024
MOST_NODES = 2_000_000
"""More values than this in one file, aliases counted each time they are used, is an attack or a mistake."""

_COLLECTION_TAGS = ("tag:yaml.org,2002:map", "tag:yaml.org,2002:seq")
_EXPONENT = re.compile(r"[-+]?(\d+\.?\d*|\.\d+)[eE][-+]?\d+")
"""Numbers such as 1e-3: YAML 1.2 reads them as numbers, PyYAML, which keeps to 1.1, as text."""

_OPEN, _CLOSE = "\uf8f0", "\uf8f1"
_REFERENCE = re.compile(r"\$\{([A-Za-z_][^{}\n]{0,200})\}")

LONGEST_KEY = 1024
"""Of YAML, where nothing marks a key as one."""
LONGEST_NUMBER = 4000
"""Python itself reads no longer ones."""
_KEY = re.compile(r"([^\s{},:'\"\[\]]{1025,})['\"]?[ ]*:?[ ]*$")
_UNPRINTABLE = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""What YAML 1.1 does not take for text."""

_Loader: type[yaml.SafeLoader] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class Place(NamedTuple):
    """Where something was written: in a file, or in a ``--set`` of the command line."""

    path: str
    line: int | None
    column: int | None


@dataclass(frozen=True)
class Origin:
    """Where a PUB that ``matrix`` made comes from."""

    index: int
    """Its place in the list that the file has."""
    combination: str
    """``steps=2``, or nothing where the PUB has no ``matrix``."""


@dataclass(frozen=True)
class Document:
    """What a file says and where it says it."""

    path: str
    """The file as the user named it; ``-`` for standard input."""
    text: str
    data: Any
    places: Mapping[Location, Place] = field(default_factory=dict, repr=False)
    key_places: Mapping[Location, Place] = field(default_factory=dict, repr=False)
    trusted: bool = True
    """Whether ``python:`` may run code: the user named the file, or gave ``--trust``."""
    origins: Sequence[Origin] | None = field(default=None, repr=False)
    """A PUB's origin, for each PUB of an expanded document; ``None`` where it has not been expanded."""
    mistakes: Sequence[WorkloadError] = field(default=(), repr=False)
    """What expansion found wrong. ``validate`` tells of it together with what it finds itself."""

    @property
    def folder(self) -> Path:
        """The folder that nothing in the file may leave."""
        return Path.cwd().resolve() if self.path == "-" else Path(self.path).resolve().parent

    def folder_at(self, location: Sequence[str | int]) -> Path:
        """The folder that a relative path at a place starts from: that of the file it is written in."""
        place = self._place(location, at_key=False)
        if place.line is None or place.path == self.path:
            return self.folder
        return Path(place.path).resolve().parent

    def origin(self, index: int) -> Origin:
        """Where a PUB comes from."""
        if self.origins is None or not 0 <= index < len(self.origins):
            return Origin(index, "")
        return self.origins[index]

    def error(
        self, location: Sequence[str | int], message: str, hint: str | None = None, *, at_key: bool = False
    ) -> WorkloadError:
        """An error at a place in the file, or at the nearest place above it.

        Args:
            location: Keys and indices; parts that aren't in the file are passed over.
            message: What is wrong.
            hint: What would be right.
            at_key: Point at the key itself, not at its value.
        """
        place = self._place(location, at_key=at_key)
        combination = self._combination(location)
        if combination:
            hint = f"{hint} This is with {combination}." if hint else f"This is with {combination}."
        return WorkloadError(message, hint, path=place.path, line=place.line, column=place.column)

    def trim(self, location: Sequence[str | int]) -> Location:
        """The parts of a location that are in the file, where the file has them.

        Validators put names of their own, such as the member of a union, between ours; and a PUB that
        ``matrix`` made stands where the PUB it was made from stands.
        """
        found: Location = ()
        for part in location:
            if found == ("pubs",) and isinstance(part, int):
                part = self.origin(part).index
            if (*found, part) in self.places:
                found = (*found, part)
        return found

    def within(self, location: Sequence[str | int], line: int, column: int) -> Place | None:
        """Where in the file a place of a text stands that is written as a block, after ``|``.

        Args:
            location: The text.
            line: Line in it, from 1.
            column: Column in that line, from 1.

        Returns:
            ``None`` for a text that is not written so, or stands in another file.
        """
        place = self._place(location, at_key=False)
        lines = self.text.splitlines()
        if place.path != self.path or place.line is None or not 0 < place.line < len(lines):
            return None
        if lines[place.line - 1][(place.column or 1) - 1 :].strip() not in ("|", "|-", "|+"):
            return None
        first = next((text for text in lines[place.line :] if text.strip()), "")
        indent = len(first) - len(first.lstrip(" "))
        return Place(self.path, place.line + line, indent + column)

    def _place(self, location: Sequence[str | int], *, at_key: bool) -> Place:
        found = self.trim(location)
        if at_key and found in self.key_places:
            return self.key_places[found]
        return self.places.get(found, Place(self.path, 1, 1))

    def _combination(self, location: Sequence[str | int]) -> str:
        if len(location) < 2 or location[0] != "pubs" or not isinstance(location[1], int):
            return ""
        return self.origin(location[1]).combination


def read_document(path: str | Path) -> Document:
    """Read a workload file.

    Raises:
        WorkloadError: The file can't be read, or is not YAML.
    """
    return parse_document(read_bytes(path), str(path))


def read_bytes(path: str | Path) -> bytes:
    """The bytes of a workload file, or of standard input for ``-``; never more than a workload can have.

    Raises:
        WorkloadError: It can't be read, or is too large.
    """
    shown = str(path)
    if shown == "-":
        return _bounded(sys.stdin.buffer, shown)
    try:
        size = Path(path).stat().st_size
        if size > MOST_BYTES:
            raise _too_large(shown, f"{size:,}")
        with Path(path).open("rb") as file:
            return _bounded(file, shown)
    except FileNotFoundError:
        raise WorkloadError(f"There is no file {shown}.", "Check the path.") from None
    except IsADirectoryError:
        raise WorkloadError(f"{shown} is a folder.", "Name a workload file in it.") from None
    except (OSError, ValueError) as error:
        said = getattr(error, "strerror", None) or str(error)
        raise WorkloadError(f"{shown} can't be read: {said}.", "Check the file.") from None


def _bounded(file: BinaryIO, shown: str) -> bytes:
    # What has no size of its own, such as a pipe, ends here and not when the memory ends.
    raw = file.read(MOST_BYTES + 1)
    if len(raw) > MOST_BYTES:
        raise _too_large(shown, f"more than {MOST_BYTES:,}")
    return raw


def _too_large(shown: str, size: str) -> WorkloadError:
    return WorkloadError(
        f"{shown} is too large: {size} bytes, and a workload has at most {MOST_BYTES:,}.",
        "Keep arrays in .npy files and circuits in .qasm or .qpy files.",
    )


def parse_document(raw: bytes | str, path: str) -> Document:
    """Parse the text of a workload file.

    Args:
        raw: The text, UTF-8 where it is bytes.
        path: What to call the file in messages.

    Raises:
        WorkloadError: It is not YAML, is too large, or says something twice.
    """
    if len(raw) > MOST_BYTES:
        raise _too_large(path, f"{len(raw):,}")
    try:
        text = raw.decode("utf-8-sig") if isinstance(raw, bytes) else raw
    except UnicodeDecodeError as error:
        raise WorkloadError(f"{path} is not UTF-8 text: {error.reason}.", "Is it a workload file?") from None
    try:
        node, shown = _compose(text, path)
    except yaml.MarkedYAMLError as error:
        raise _not_yaml(error, text, path) from None
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise _not_text(error, text, path) from None
    if node is None:
        raise WorkloadError("The file is empty.", "See workloads/ for examples.", path=path)
    walker = _Walker(_Loader(""), path)
    data = walker.build(node, ())
    return Document(path, shown, data, walker.places, walker.key_places, trusted=path != "-")


def _compose(text: str, path: str) -> tuple[yaml.Node | None, str]:
    """The nodes of a text, and the text that they have the places of; ``None`` where there is nothing."""
    if looks_like_json(text):
        try:
            return compose_json(text, path), text
        except NotJson as error:
            # A list or mapping of YAML may begin alike.
            if Path(path).suffix.lower() == ".json":
                raise WorkloadError(
                    f"Not JSON: {error.message}.",
                    "Check the quotes, the commas and the brackets around this place.",
                    path=path,
                    line=error.line,
                    column=error.column,
                ) from None
    hidden = _hide_braces(text)
    _check_size(hidden, path)
    loader = _Loader(hidden)
    try:
        return loader.get_single_node(), _show_braces(hidden)
    finally:
        loader.dispose()


def _hide_braces(text: str) -> str:
    """``${name}`` as one word to YAML, which in ``{steps: ${steps}}`` takes its brace for a mapping.

    Two characters of Unicode's private area stand for the braces, so that columns stay what they are. A
    file that uses these characters itself is left alone.
    """
    if "${" not in text or _OPEN in text or _CLOSE in text:
        return text
    return _REFERENCE.sub(lambda found: f"${_OPEN}{found[1]}{_CLOSE}", text)


def _show_braces(text: str) -> str:
    return text.replace("$" + _OPEN, "${").replace(_CLOSE, "}") if "$" + _OPEN in text else text


def _check_size(text: str, path: str) -> None:
    """Refuse deep nesting and masses of values while they are still a stream.

    libyaml composes by recursion and would crash, a composed value takes a kilobyte, and an alias that
    stands for aliases makes billions of a few.
    """
    count = 0
    sizes: dict[str, int] = {}
    open_nodes: list[tuple[str | None, int]] = []
    for event in yaml.parse(text, Loader=_Loader):
        anchor = getattr(event, "anchor", None)
        if isinstance(event, yaml.AliasEvent):
            count += sizes.get(anchor or "", 1)
        elif isinstance(event, yaml.CollectionStartEvent):
            open_nodes.append((anchor, count))
            count += 1
        elif isinstance(event, yaml.CollectionEndEvent):
            anchor, before = open_nodes.pop()
            sizes[anchor or ""] = count - before
        elif isinstance(event, yaml.ScalarEvent):
            count += 1
        mark = event.start_mark
        line, column = (mark.line + 1, mark.column + 1) if mark else (None, None)
        check_bounds(count, len(open_nodes), path, line, column)


def _number_as_written(text: str, value: int) -> int | str:
    """A whole number as people mean it: YAML 1.1 has 010 for eight and 1:30 for ninety."""
    if ":" in text:
        return text
    digits = text.lstrip("+-").replace("_", "")
    return int(text.replace("_", "")) if digits.isdigit() else value


class _Walker:
    """Builds plain data from YAML nodes and notes where each value stands."""

    def __init__(self, loader: yaml.SafeLoader, path: str) -> None:
        self.loader = loader
        self.path = path
        self.places: dict[Location, Place] = {}
        self.key_places: dict[Location, Place] = {}
        self._nodes = 0

    def build(self, node: yaml.Node, location: Location) -> Any:
        self._nodes += 1
        if self._nodes > MOST_NODES or len(location) > DEEPEST:
            raise self._error(node, "This is larger than a workload can be.", "Do aliases repeat it?")
        self.places[location] = self._mark(node)
        if isinstance(node, yaml.CollectionNode) and node.tag not in _COLLECTION_TAGS:
            raise self._error(node, f"The tag {node.tag!r} is not allowed.", "Write plain values.")
        if isinstance(node, yaml.MappingNode):
            return self._mapping(node, location)
        if isinstance(node, yaml.SequenceNode):
            return [self.build(child, (*location, index)) for index, child in enumerate(node.value)]
        return self._scalar(node)

    def _mapping(self, node: yaml.MappingNode, location: Location) -> dict[Any, Any]:
        built: dict[Any, Any] = {}
        for key_node, value_node in node.value:
            if not isinstance(key_node, yaml.ScalarNode):
                raise self._error(key_node, "A key must be a word.")
            if key_node.tag == "tag:yaml.org,2002:merge":
                raise self._error(key_node, "Merge keys (<<) are not supported.", "Write the keys out.")
            key = _show_braces(key_node.value)
            if key in built:
                raise self._error(key_node, f"The key {key!r} is there twice.", "Keep one of them.")
            here = (*location, key)
            built[key] = self.build(value_node, here)
            self.key_places[here] = self._mark(key_node)
        return built

    def _scalar(self, node: yaml.Node) -> Any:
        try:
            value = self.loader.construct_object(node)
        except yaml.YAMLError:
            raise self._error(node, f"The tag {node.tag!r} is not allowed.", "Write plain values.") from None
        except (ValueError, KeyError, AttributeError):
            if len(node.value) > LONGEST_NUMBER and node.value.lstrip("+-").isdigit():
                raise self._error(node, f"A number of {len(node.value):,} digits is too long.") from None
            # A tag such as !!bool before what is none; the constructors fail on it in ways of their own.
            raise self._error(
                node, f"{str(node.value)[:60]!r} is not what its tag says.", "Leave the tag out."
            ) from None
        plain = isinstance(node, yaml.ScalarNode) and not node.style
        if plain and isinstance(value, str) and _EXPONENT.fullmatch(value):
            value = float(value)
        if plain and isinstance(value, int) and not isinstance(value, bool):
            value = _number_as_written(str(node.value), value)
        if isinstance(value, float) and not math.isfinite(value):
            raise self._error(node, "This number is not finite.", "Give a finite number.")
        if isinstance(value, str):
            return _show_braces(value)
        if value is None or isinstance(value, (int, float)):
            return value
        # Dates and the like: the file means the text.
        return str(node.value)

    def _error(self, node: yaml.Node, message: str, hint: str | None = None) -> WorkloadError:
        place = self._mark(node)
        return WorkloadError(message, hint, path=self.path, line=place.line, column=place.column)

    def _mark(self, node: yaml.Node) -> Place:
        return Place(self.path, node.start_mark.line + 1, node.start_mark.column + 1)


def _not_yaml(error: yaml.MarkedYAMLError, text: str, path: str) -> WorkloadError:
    mark = error.problem_mark or error.context_mark
    problem = ", ".join(part for part in (error.context, error.problem) if part)
    line, column = (mark.line + 1, mark.column + 1) if mark else (None, None)
    message = f"Not YAML: {problem}."
    hint = "Check the indentation, the quotes and the brackets around this place."
    if mark and text[mark.index : mark.index + 1] == "\t":
        message, hint = "A tab is not allowed here.", "Indent with spaces: YAML takes no tabs for that."
    elif mark and (key := _long_key(text, mark.index)):
        message = f"A key of {len(key):,} characters is too long: YAML takes {LONGEST_KEY:,}."
        hint = "Write '? ' before it, or write a sparse term:  ZZ: {on: [0, 5], coeff: 1.0}"
    return WorkloadError(message, hint, path=path, line=line, column=column)


def _long_key(text: str, index: int) -> str | None:
    """The key that YAML gave up on, told by where it did."""
    found = _KEY.search(text, text.rfind("\n", 0, index) + 1, index + 1)
    return found[1] if found else None


def _not_text(error: Exception, text: str, path: str) -> WorkloadError:
    """What has no place of its own: characters that YAML does not have, and half characters."""
    if found := _UNPRINTABLE.search(text):
        before = text[: found.start()]
        return WorkloadError(
            f"Not YAML: there is a character {ord(found[0]):#06x} in it.",
            "Is it a text file?",
            path=path,
            line=before.count("\n") + 1,
            column=found.start() - before.rfind("\n"),
        )
    return WorkloadError(f"Not YAML: {error}", path=path)
