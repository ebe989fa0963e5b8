"""OpenQASM text, looked at before a parser sees it: what it includes, and how large it says it is."""

from __future__ import annotations

import contextlib
import io
import re
from typing import TYPE_CHECKING

from qrun.errors import WorkloadError
from qrun.workload.document import Document, Location, Place
from qrun.workload.words import said

if TYPE_CHECKING:
    from qiskit.circuit import QuantumCircuit

MOST_BYTES = 16 * 1024 * 1024
MOST_BYTES_3 = 2 * 1024 * 1024
"""Of OpenQASM 3, whose parser reads 30 kB a second: a minute's worth."""
MOST_BITS = 100_000
"""Qubits or bits that one declaration makes, far above any device; a loop's bounds count too."""
DEEPEST = 100
"""Brackets within brackets; the parsers recurse."""

INCLUDABLE = ("stdgates.inc", "qelib1.inc")

_GAP = r"(?:\s|//[^\n]*(?:\n|\Z)|/\*(?:[^*]|\*(?!/))*\*/)"
"""White space and comments. No two alternatives begin alike, so that this can't backtrack."""
MOST_INSTRUCTIONS = 100_000
"""Of one gate that the text defines, those it uses expanded."""
_GATE = re.compile(r"\bgate\s+([A-Za-z_]\w*)[^{};]*\{([^{}]*)\}")
_COMMENT = re.compile(r"//[^\n]*|/\*.*?\*/", re.DOTALL)
_WORDS = re.compile(r"[A-Za-z_]\w*")

_HEADER = re.compile(rf"\A\ufeff?{_GAP}*OPENQASM\s+(\d{{1,9}})(?:\.\d+)?\s*;")
_INCLUDE = re.compile(rf"\binclude{_GAP}*[\"']([^\"'\n]*)")
_SIZED = re.compile(r"\b(?:qubit|bit|qreg|creg|int|uint|float|angle)\b[^\[\];{}()]*\[([^\]]*)\]")
_RANGE = re.compile(r"\bin\s*\[([^\]]*)\]")
_CONSTANT = re.compile(r"\bconst\b[^=;]*=([^;]*);")
_PARSER_PLACE = re.compile(r"(?:<input>:)?(\d+),(\d+): ")
"""Line, from 1, and column, from 0, with which the parsers begin a message."""
_BRACKETS = re.compile(r"[()\[\]{}]")
_WORD = re.compile(r"\s*[A-Za-z_]\w*\s*")
_INTEGER = re.compile(r"(?<![\w.])\d[\d_]*(?![\w.])")


def circuit_from_qasm(text: str, document: Document, location: Location, origin: str = "") -> QuantumCircuit:
    """The circuit of an OpenQASM 2 or 3 program; its header tells which.

    Args:
        text: The program.
        document: The workload.
        location: Where it, or the name of its file, stands.
        origin: The file's name and a colon, for messages.

    Raises:
        WorkloadError: It is refused unread, or the parser refuses it.
    """
    version = _HEADER.match(text)
    if version is None:
        raise document.error(
            location,
            f"{origin}The OpenQASM text does not begin with its version.",
            "Begin it with: OPENQASM 3.0;",
        )
    if version[1] not in ("2", "3"):
        raise document.error(
            location, f"{origin}There is no OpenQASM {version[1]}.", "Use OPENQASM 2.0 or 3.0."
        )
    if version[1] == "3" and len(text) > MOST_BYTES_3:
        raise document.error(
            location,
            f"{origin}The OpenQASM 3 text has {len(text):,} characters; {MOST_BYTES_3:,} are the most.",
            "Save it as .qpy or as OpenQASM 2, which are read much faster.",
        )
    _check_text(text, document, location, origin)
    _check_gates(text, document, location, origin)
    try:
        return _parse(text, int(version[1]))
    except Exception as error:
        # The importers raise a dozen kinds of exception, some of them of the parser generator's.
        message = said(error)
        raise _told(message or type(error).__name__, version[1], document, location, origin) from None


def _told(message: str, version: str, document: Document, location: Location, origin: str) -> WorkloadError:
    """The parser's message, at its own line and column where these can be found in the file."""
    found = _PARSER_PLACE.match(message)
    line, column = (int(found[1]), int(found[2]) + 1) if found else (1, 1)
    if document.path.endswith(".qasm"):
        place: Place | None = Place(document.path, line, column)
    else:
        place = document.within(location, line, column) if found and not origin else None
    if place is None:
        return document.error(
            location,
            f"{origin}OpenQASM {version} error: {message}",
            "Line and column in the message, where given, count from the start of the OpenQASM text.",
        )
    return WorkloadError(
        f"OpenQASM {version} error: {message[found.end() :] if found else message}",
        "Check the text there.",
        path=place.path,
        line=place.line,
        column=place.column,
    )


def _parse(text: str, version: int) -> QuantumCircuit:
    if version == 2:
        from qiskit import qasm2

        return qasm2.loads(text, include_path=(), custom_instructions=qasm2.LEGACY_CUSTOM_INSTRUCTIONS)
    from qiskit import qasm3

    # The parser generator prints each error to the terminal too, besides raising it.
    with contextlib.redirect_stderr(io.StringIO()):
        return qasm3.loads(text)


def _check_gates(text: str, document: Document, location: Location, origin: str) -> None:
    """Refuse gates that grow out of bounds.

    Thirty that each use the one before twice are a billion instructions, and the OpenQASM 3 importer
    expands them while it reads.
    """
    sizes: dict[str, int] = {}
    for name, body in _GATE.findall(_COMMENT.sub(" ", text)):
        calls = (_WORDS.search(statement.rpartition("@")[2]) for statement in body.split(";"))
        sizes[name] = sum(sizes.get(call[0], 1) for call in calls if call)
        if sizes[name] > MOST_INSTRUCTIONS:
            raise document.error(
                location,
                f"{origin}The gate {name} has more than {MOST_INSTRUCTIONS:,} instructions once expanded.",
                "Does each gate use the one before it twice?",
            )


def _check_text(text: str, document: Document, location: Location, origin: str) -> None:
    def refuse(message: str, hint: str) -> Exception:
        return document.error(location, origin + message, hint)

    if len(text) > MOST_BYTES:
        raise refuse(f"The OpenQASM text has more than {MOST_BYTES:,} characters.", "Save it as .qpy.")
    for included in _INCLUDE.finditer(text):
        if included[1] not in INCLUDABLE:
            raise refuse(
                f"OpenQASM may include only {' and '.join(INCLUDABLE)}, not {included[1]!r}.",
                "Write the gates' definitions into the text.",
            )
    depth = 0
    for bracket in _BRACKETS.finditer(text):
        depth += 1 if bracket[0] in "([{" else -1
        if depth > DEEPEST:
            raise refuse(f"The OpenQASM text is nested more than {DEEPEST} levels deep.", "Write it flat.")
    for sized in (*_SIZED.finditer(text), *_RANGE.finditer(text), *_CONSTANT.finditer(text)):
        if largest := _too_large(sized[1]):
            raise refuse(
                f"The OpenQASM text has the size {largest}; {MOST_BITS:,} is the most.", "Declare less."
            )


def _too_large(size: str) -> str | None:
    """What of a size is too large, or could be: a product or a power of literals is not worked out here."""
    for literal in _INTEGER.finditer(size):
        digits = literal[0].replace("_", "")
        if len(digits) > 9 or int(digits) > MOST_BITS:
            return literal[0][:20]
    if re.search(r"\*|<<", size) and not _WORD.fullmatch(size) and len(_INTEGER.findall(size)) > 1:
        return size.strip()[:40]
    return None
