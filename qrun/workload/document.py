"""A YAML file as plain data, with the line and column of everything in it.

Only the safe constructor is used: no tag of YAML makes an object here.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from qrun.errors import WorkloadError

Location = tuple[str | int, ...]
"""Keys and indices from the top of the file down to a value."""

MOST_BYTES = 16 * 1024 * 1024
MOST_NODES = 2_000_000
"""More values than this in one file, aliases counted each time they are used, is an attack or a mistake."""
DEEPEST = 60

_COLLECTION_TAGS = ("tag:yaml.org,2002:map", "tag:yaml.org,2002:seq")
_EXPONENT = re.compile(r"[-+]?(\d+\.?\d*|\.\d+)[eE][-+]?\d+")
"""Numbers such as 1e-3: YAML 1.2 reads them as numbers, PyYAML, which keeps to 1.1, as text."""

_Loader: type[yaml.SafeLoader] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


@dataclass(frozen=True)
class Document:
    """What a file says and where it says it."""

    path: str
    """The file as the user named it; ``-`` for standard input."""
    text: str
    data: Any
    _places: dict[Location, tuple[int, int]] = field(default_factory=dict, repr=False)
    _key_places: dict[Location, tuple[int, int]] = field(default_factory=dict, repr=False)

    @property
    def folder(self) -> Path:
        """The folder that relative paths in the file start from."""
        return Path.cwd() if self.path == "-" else Path(self.path).resolve().parent

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
        line, column = self._place(location, at_key=at_key)
        return WorkloadError(message, hint, path=self.path, line=line, column=column)

    def trim(self, location: Sequence[str | int]) -> Location:
        """The parts of a location that are in the file.

        Validators put names of their own, such as the member of a union, between ours.
        """
        found: Location = ()
        for part in location:
            if (*found, part) in self._places:
                found = (*found, part)
        return found

    def _place(self, location: Sequence[str | int], *, at_key: bool) -> tuple[int, int]:
        found = self.trim(location)
        if at_key and found in self._key_places:
            return self._key_places[found]
        return self._places.get(found, (1, 1))


def read_document(path: str | Path) -> Document:
    """Read a workload file.

    Raises:
        WorkloadError: The file can't be read, or is not YAML.
    """
    shown = str(path)
    try:
        raw = Path(path).read_bytes()
    except FileNotFoundError:
        raise WorkloadError(f"There is no file {shown}.", "Check the path.") from None
    except IsADirectoryError:
        raise WorkloadError(f"{shown} is a folder.", "Name a workload file in it.") from None
    except OSError as error:
        raise WorkloadError(f"{shown} can't be read: {error.strerror}.", "Check the file.") from None
    return parse_document(raw, shown)


def parse_document(raw: bytes | str, path: str) -> Document:
    """Parse the text of a workload file.

    Args:
        raw: The text, UTF-8 where it is bytes.
        path: What to call the file in messages.

    Raises:
        WorkloadError: It is not YAML, is too large, or says something twice.
    """
    if len(raw) > MOST_BYTES:
        raise WorkloadError(
            f"{path} has {len(raw):,} bytes; a workload has at most {MOST_BYTES:,}.",
            "Keep arrays in .npy files and circuits in .qasm or .qpy files.",
        )
    try:
        text = raw.decode("utf-8-sig") if isinstance(raw, bytes) else raw
    except UnicodeDecodeError as error:
        raise WorkloadError(f"{path} is not UTF-8 text: {error.reason}.", "Is it a workload file?") from None
    loader: yaml.SafeLoader | None = None
    try:
        _check_depth(text, path)
        loader = _Loader(text)
        node = loader.get_single_node()
        if node is None:
            raise WorkloadError("The file is empty.", "See workloads/ for examples.", path=path)
        walker = _Walker(loader, path)
        data = walker.build(node, ())
    except yaml.MarkedYAMLError as error:
        raise _not_yaml(error, path) from None
    except yaml.YAMLError as error:
        raise WorkloadError(f"Not YAML: {error}", path=path) from None
    finally:
        if loader is not None:
            loader.dispose()
    return Document(path, text, data, walker.places, walker.key_places)


def _check_depth(text: str, path: str) -> None:
    """Refuse deep nesting while it is still a stream: libyaml composes by recursion and would crash."""
    depth = 0
    for event in yaml.parse(text, Loader=_Loader):
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
            if depth > DEEPEST:
                mark = event.start_mark
                raise WorkloadError(
                    f"This is nested more than {DEEPEST} levels deep.",
                    path=path,
                    line=mark.line + 1 if mark else None,
                    column=mark.column + 1 if mark else None,
                )
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1


class _Walker:
    """Builds plain data from YAML nodes and notes where each value stands."""

    def __init__(self, loader: yaml.SafeLoader, path: str) -> None:
        self.loader = loader
        self.path = path
        self.places: dict[Location, tuple[int, int]] = {}
        self.key_places: dict[Location, tuple[int, int]] = {}
        self._nodes = 0

    def build(self, node: yaml.Node, location: Location) -> Any:
        self._nodes += 1
        if self._nodes > MOST_NODES or len(location) > DEEPEST:
            raise self._error(node, "This is larger than a workload can be.", "Do aliases repeat it?")
        self.places[location] = _mark(node)
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
            key = key_node.value
            if key in built:
                raise self._error(key_node, f"The key {key!r} is there twice.", "Keep one of them.")
            here = (*location, key)
            built[key] = self.build(value_node, here)
            self.key_places[here] = _mark(key_node)
        return built

    def _scalar(self, node: yaml.Node) -> Any:
        try:
            value = self.loader.construct_object(node)
        except yaml.YAMLError:
            raise self._error(node, f"The tag {node.tag!r} is not allowed.", "Write plain values.") from None
        except ValueError as error:
            raise self._error(node, f"This value can't be read: {error}.") from None
        plain = isinstance(node, yaml.ScalarNode) and not node.style
        if plain and isinstance(value, str) and _EXPONENT.fullmatch(value):
            return float(value)
        if value is None or isinstance(value, (str, int, float, bool)):
            return value
        # Dates and the like: the file means the text.
        return str(node.value)

    def _error(self, node: yaml.Node, message: str, hint: str | None = None) -> WorkloadError:
        line, column = _mark(node)
        return WorkloadError(message, hint, path=self.path, line=line, column=column)


def _mark(node: yaml.Node) -> tuple[int, int]:
    return node.start_mark.line + 1, node.start_mark.column + 1


def _not_yaml(error: yaml.MarkedYAMLError, path: str) -> WorkloadError:
    mark = error.problem_mark or error.context_mark
    problem = ", ".join(part for part in (error.context, error.problem) if part)
    return WorkloadError(
        f"Not YAML: {problem}.",
        "Check the indentation, the quotes and the brackets around this place.",
        path=path,
        line=mark.line + 1 if mark else None,
        column=mark.column + 1 if mark else None,
    )
