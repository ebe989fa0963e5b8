"""Circuits: OpenQASM text, files, Python functions, ``qiskit.circuit.library``, other circuits of the file.

Circuits that are written alike are built once, however many PUBs use them.
"""

from __future__ import annotations

import io
import json
from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from qrun.errors import WorkloadError
from qrun.workload import qasm
from qrun.workload.document import Document, Location
from qrun.workload.library import library_circuit
from qrun.workload.matrix import MOST_PUBS
from qrun.workload.model import (
    AnyCircuit,
    CircuitTranspile,
    FileCircuit,
    FilesCircuit,
    LibraryCircuit,
    OfCircuit,
    PythonCircuit,
    QasmCircuit,
)
from qrun.workload.modifiers import modify
from qrun.workload.paths import read_inside, resolve_inside
from qrun.workload.python_source import PythonSources
from qrun.workload.words import did_you_mean, said

if TYPE_CHECKING:
    from qiskit.circuit import QuantumCircuit

MOST_QPY_BYTES = 64 * 1024 * 1024
MOST_REFERENCES = 50
"""Circuits ``of`` circuits."""


@dataclass(frozen=True)
class Built:
    """A circuit, and what it is called."""

    name: str
    circuit: QuantumCircuit = field(repr=False)
    member: str = ""
    """Its name within a group (``files:``), or nothing."""
    transpile: tuple[tuple[CircuitTranspile, Location], ...] = ()
    """Options for compiling it and where they stand; those of what it is made ``of`` first."""


class AlreadyTold(Exception):
    """A circuit's mistake has been told before."""


class Circuits:
    """The circuits of one workload, each built when it is first asked for.

    Args:
        named: The file's ``circuits``.
        document: The file.
        python: Calls the user's functions.
        broken: Names of the file's circuits that are not in ``named``, because their mistakes have been told.
    """

    def __init__(
        self,
        named: Mapping[str, AnyCircuit],
        document: Document,
        python: PythonSources,
        broken: Collection[str] = (),
    ) -> None:
        self._named = named
        self._broken = broken
        self._document = document
        self._python = python
        self._built: dict[str, list[Built] | None] = {}
        self._known: dict[str, list[Built]] = {}
        self._pending: list[str] = []

    def build_named(self) -> list[WorkloadError]:
        """Build all circuits of the file's ``circuits``; what is wrong with them."""
        mistakes = []
        for name in self._named:
            try:
                self._of_name(name)
            except AlreadyTold:
                continue
            except WorkloadError as mistake:
                mistakes.append(mistake)
        return mistakes

    def get(self, spec: str | AnyCircuit, location: Location, name: str) -> list[Built]:
        """The circuits that a PUB's ``circuit`` means: several where it is a group, else one.

        Args:
            spec: A name, or a circuit in place.
            location: Where it stands.
            name: What to call a circuit in place.

        Raises:
            WorkloadError: There is no such circuit, or it can't be made.
            AlreadyTold: It can't be made, and that has been told.
        """
        if not isinstance(spec, str):
            return self._once(spec, location, name)
        if spec in self._named:
            return self._of_name(spec)
        group, slash, _ = spec.partition("/")
        if spec in self._broken or group in self._broken:
            raise AlreadyTold
        members: list[Built] = []
        if slash and group in self._named:
            members = self._of_name(group)
            found = [built for built in members if built.name == spec]
            if found:
                return found
        known = [*self._named, *(built.name for built in members)]
        raise self._document.error(
            location,
            f"There is no circuit {spec!r}.",
            did_you_mean(spec, known) or "Define it under circuits:",
        )

    def _of_name(self, name: str) -> list[Built]:
        if name in self._known:
            return self._known[name]
        if name in self._pending or len(self._pending) >= MOST_REFERENCES:
            raise self._document.error(
                ("circuits", name), f"The circuit {name!r} is made of itself.", "Name another circuit in of:"
            )
        self._pending.append(name)
        try:
            # Kept by name as well: ten thousand PUBs may ask for one circuit.
            made = self._known[name] = self._once(self._named[name], ("circuits", name), name)
        finally:
            self._pending.pop()
        return made

    def _once(self, spec: AnyCircuit, location: Location, name: str) -> list[Built]:
        # A relative path depends on the file that it is written in, and no two names may share a name.
        own = name if location[0] == "circuits" else ""
        key = json.dumps([own, str(self._document.folder_at(location)), type(spec).__name__, _plain(spec)])
        if key not in self._built:
            self._built[key] = None
            self._built[key] = self._build(spec, location, name)
        built = self._built[key]
        if built is None:
            raise AlreadyTold
        return built if own else [b if b.member else replace(b, name=name) for b in built]

    def _build(self, spec: AnyCircuit, location: Location, name: str) -> list[Built]:
        own = ((spec.transpile, (*location, "transpile")),) if spec.transpile.model_fields_set else ()
        return [
            replace(
                base,
                circuit=modify(base.circuit, spec, self._document, location),
                transpile=(*base.transpile, *own),
            )
            for base in self._bases(spec, location, name)
        ]

    def _bases(self, spec: AnyCircuit, location: Location, name: str) -> list[Built]:
        document = self._document
        if isinstance(spec, OfCircuit):
            made = self.get(spec.of, (*location, "of"), name)
            return [replace(base, name=f"{name}/{base.member}" if base.member else name) for base in made]
        if isinstance(spec, FilesCircuit):
            return self._files(spec.files, (*location, "files"), name)
        if isinstance(spec, QasmCircuit):
            return [Built(name, qasm.circuit_from_qasm(spec.qasm, document, (*location, "qasm")))]
        if isinstance(spec, FileCircuit):
            return [Built(name, self._file(spec, location))]
        if isinstance(spec, LibraryCircuit):
            return [Built(name, library_circuit(spec, document, location))]
        return [Built(name, self._from_python(spec, location))]

    def _from_python(self, spec: PythonCircuit, location: Location) -> QuantumCircuit:
        from qiskit.circuit import QuantumCircuit

        made = self._python.call(spec.python, spec.args, location)
        if not isinstance(made, QuantumCircuit):
            raise self._document.error(
                (*location, "python"),
                f"{spec.python} returns {type(made).__name__}, not a circuit.",
                "Return a qiskit.QuantumCircuit.",
            )
        return made

    def _file(self, spec: FileCircuit, location: Location) -> QuantumCircuit:
        here = (*location, "file")
        found = self._read(spec.file, here)
        if spec.circuit is None:
            if len(found) != 1:
                raise self._document.error(
                    here,
                    f"{spec.file} holds {len(found)} circuits.",
                    f"Name one, circuit: {' | '.join(islice(found, 20))}, or take all with files: {spec.file}"
                    if found
                    else "Save one into it.",
                )
            return next(iter(found.values()))
        if isinstance(spec.circuit, int) and -len(found) <= spec.circuit < len(found):
            return list(found.values())[spec.circuit]
        if spec.circuit not in found:
            raise self._document.error(
                (*location, "circuit"),
                f"{spec.file} has no circuit {spec.circuit!r}; it holds {len(found)}.",
                did_you_mean(spec.circuit, map(str, found)),
            )
        return found[str(spec.circuit)]

    def _files(self, pattern: str, location: Location, name: str) -> list[Built]:
        folder = self._document.folder_at(location)
        if "**" in pattern or Path(pattern).is_absolute() or ".." in Path(pattern).parts or "\0" in pattern:
            raise self._document.error(
                location, f"The pattern {pattern!r} leads outside or through every folder.", "circuits/*.qasm"
            )
        try:
            paths = sorted(islice(folder.glob(pattern), MOST_PUBS + 1))
        except (ValueError, OSError, NotImplementedError, IndexError) as error:
            raise self._document.error(
                location, f"{pattern!r} is no pattern: {error}.", "circuits/*.qasm"
            ) from None
        if len(paths) > MOST_PUBS:
            raise self._document.error(
                location, f"{pattern} gives more than {MOST_PUBS:,} files.", "Take fewer."
            )
        if not paths:
            raise self._document.error(
                location, f"No file fits {pattern}.", "Patterns start at the workload's folder."
            )
        stems = Counter(path.stem for path in paths)
        built = []
        for path in paths:
            found = self._read(str(path.relative_to(folder)), location)
            member = path.stem if stems[path.stem] == 1 else path.name
            for inner, circuit in found.items():
                full = f"{member}/{inner}" if len(found) > 1 else member
                built.append(Built(f"{name}/{full}", circuit, full))
        return built

    def _read(self, name: str, location: Location) -> dict[str, QuantumCircuit]:
        """The circuits of a file by name; one of a ``.qasm`` file."""
        path = resolve_inside(name, self._document, location)
        if path.suffix == ".qpy":
            return self._qpy(name, location)
        if path.suffix != ".qasm":
            raise self._document.error(
                location, f"{name} is neither a .qasm nor a .qpy file.", "Rename or convert it."
            )
        raw = read_inside(name, qasm.MOST_BYTES, self._document, location)
        try:
            text = raw.decode("utf-8-sig")
        except UnicodeDecodeError as error:
            raise self._document.error(
                location, f"{name} is not text: {error.reason}.", "Is it QASM?"
            ) from None
        return {path.stem: qasm.circuit_from_qasm(text, self._document, location, origin=f"{name}: ")}

    def _qpy(self, name: str, location: Location) -> dict[str, QuantumCircuit]:
        from qiskit import qpy
        from qiskit.circuit import QuantumCircuit

        raw = read_inside(name, MOST_QPY_BYTES, self._document, location)
        try:
            programs = qpy.load(io.BytesIO(raw))
        except Exception as error:
            # A broken file fails wherever the reader happens to be.
            message = said(error)
            raise self._document.error(
                location, f"{name} is not a QPY file qiskit can read: {message}.", "Save it with qpy.dump."
            ) from None
        circuits = [program for program in programs if isinstance(program, QuantumCircuit)]
        names = Counter(circuit.name for circuit in circuits)
        return {
            circuit.name if names[circuit.name] == 1 else str(index): circuit
            for index, circuit in enumerate(circuits)
        }


def _plain(spec: AnyCircuit) -> Any:
    # As it is written: a transpile option with its default's value still counts over the file's.
    return spec.model_dump(exclude_unset=True)
