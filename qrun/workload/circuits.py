"""Circuits: from OpenQASM text, from files, and from ``qiskit.circuit.library``."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from qrun.workload.document import Document, Location
from qrun.workload.model import FileCircuit, LibraryCircuit, QasmCircuit
from qrun.workload.validate import did_you_mean

if TYPE_CHECKING:
    from qiskit.circuit import QuantumCircuit

_VERSION = re.compile(r"^\s*OPENQASM\s+(\d+)(?:\.\d+)?\s*;")
_COMMENT = re.compile(r"//[^\n]*|/\*.*?\*/", re.DOTALL)


def build_circuit(
    spec: QasmCircuit | FileCircuit | LibraryCircuit, document: Document, location: Location
) -> QuantumCircuit:
    """The circuit that a part of the file means.

    Args:
        spec: What the file says.
        document: The file, for its folder and for places in messages.
        location: Where in the file it stands.

    Raises:
        WorkloadError: It can't be made; the message says where and why.
    """
    if isinstance(spec, QasmCircuit):
        return _from_qasm(spec.qasm, document, (*location, "qasm"))
    if isinstance(spec, FileCircuit):
        return _from_file(spec.file, document, (*location, "file"))
    return _from_library(spec, document, location)


def _from_qasm(text: str, document: Document, location: Location, origin: str = "") -> QuantumCircuit:
    version = _VERSION.match(_COMMENT.sub(" ", text))
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
    try:
        return _parse_qasm(text, int(version[1]))
    except Exception as error:
        # The importers raise a dozen kinds of exception, some of them of the parser generator's.
        message = str(getattr(error, "message", "") or error).strip().strip("'\"")
        raise document.error(
            location,
            f"{origin}OpenQASM {version[1]} error: {message or type(error).__name__}",
            "Line and column in the message, where given, count from the start of the OpenQASM text.",
        ) from None


def _parse_qasm(text: str, version: int) -> QuantumCircuit:
    if version == 2:
        from qiskit import qasm2

        return qasm2.loads(text, include_path=(), custom_instructions=qasm2.LEGACY_CUSTOM_INSTRUCTIONS)
    from qiskit import qasm3

    return qasm3.loads(text)


def _from_file(name: str, document: Document, location: Location) -> QuantumCircuit:
    path = _inside(name, document, location)
    if path.suffix == ".qpy":
        return _from_qpy(path, document, location)
    if path.suffix != ".qasm":
        raise document.error(location, f"{name} is neither a .qasm nor a .qpy file.", "Rename or convert it.")
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise document.error(location, f"{name} can't be read: {error}.") from None
    return _from_qasm(text, document, location, origin=f"{name}: ")


def _inside(name: str, document: Document, location: Location) -> Path:
    """A path below the workload's folder."""
    path = (document.folder / name).resolve()
    if not path.is_relative_to(document.folder):
        raise document.error(
            location,
            f"{name} is outside the workload's folder.",
            "Keep circuit files beside or below the workload.",
        )
    if not path.is_file():
        near = [str(p.relative_to(document.folder)) for p in document.folder.glob("**/*" + path.suffix)]
        raise document.error(location, f"There is no file {name}.", did_you_mean(name, sorted(near)[:50]))
    return path


def _from_qpy(path: Path, document: Document, location: Location) -> QuantumCircuit:
    from qiskit import qpy
    from qiskit.circuit import QuantumCircuit

    try:
        with path.open("rb") as file:
            programs = qpy.load(file)
    except Exception as error:
        raise document.error(location, f"{path.name} is not a QPY file qiskit can read: {error}.") from None
    if len(programs) != 1 or not isinstance(programs[0], QuantumCircuit):
        raise document.error(
            location,
            f"{path.name} holds {len(programs)} programs; it must hold one circuit.",
            "Save one a file.",
        )
    return programs[0]


def _from_library(spec: LibraryCircuit, document: Document, location: Location) -> QuantumCircuit:
    from qiskit.circuit import Instruction, QuantumCircuit, library

    known = [name for name in dir(library) if not name.startswith("_") and callable(getattr(library, name))]
    if spec.library not in known:
        raise document.error(
            (*location, "library"),
            f"qiskit.circuit.library has no {spec.library!r}.",
            did_you_mean(spec.library, known) if spec.library else None,
        )
    try:
        made: Any = getattr(library, spec.library)(**spec.args)
    except Exception as error:
        where = "args" if spec.args else "library"
        raise document.error(
            (*location, where), f"{spec.library}: {error}.", _signature(library, spec)
        ) from None
    if isinstance(made, QuantumCircuit):
        return made
    if isinstance(made, Instruction):
        circuit = QuantumCircuit(made.num_qubits, made.num_clbits, name=made.name)
        circuit.append(made, range(made.num_qubits), range(made.num_clbits))
        return circuit
    raise document.error(
        (*location, "library"), f"{spec.library} of qiskit.circuit.library does not make a circuit."
    )


def _signature(library: Any, spec: LibraryCircuit) -> str | None:
    import inspect

    try:
        signature = inspect.signature(getattr(library, spec.library))
    except (TypeError, ValueError):
        return None
    names = [name for name in signature.parameters if name not in ("args", "kwargs")]
    return f"Its arguments: {', '.join(names)}." if names else None
