"""Others' files as workloads: a plain OpenQASM file, and the payload of QRMI (IBM's Slurm tools).

What is made of them keeps its places, so that a mistake is told where the foreign file makes it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from qrun.errors import WorkloadError
from qrun.runtime.client import ESTIMATOR, SAMPLER
from qrun.workload.document import Document, Location, Place, read_bytes
from qrun.workload.validate import in_file_order
from qrun.workload.words import did_you_mean

PROGRAMS = (SAMPLER, ESTIMATOR)
VERSION = 2
"""Version of the primitives' payload."""

_TOP_KEYS = ("program_id", "parameters", "backend", "tags")
_PARAMETERS = ("pubs", "options", "version", "support_qiskit", "shots", "precision", "resilience_level")


def is_qasm(path: str | Path) -> bool:
    """Whether a file is OpenQASM, by its name."""
    return Path(path).suffix.lower() == ".qasm"


def is_payload(data: Any) -> bool:
    """Whether a document is a QRMI payload and no workload file."""
    return isinstance(data, dict) and "program_id" in data and "pubs" not in data


def qasm_document(path: str | Path, shots: int | None) -> Document:
    """A workload that samples the circuit of an OpenQASM file.

    Args:
        path: The file.
        shots: How often; as often as usual where it is not given.

    Raises:
        WorkloadError: It can't be read.
    """
    shown = str(path)
    try:
        text = read_bytes(path).decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise WorkloadError(f"{shown} is not UTF-8 text: {error.reason}.", "Is it OpenQASM?") from None
    name = _name(shown)
    pub = {"circuit": name} if shots is None else {"circuit": name, "shots": shots}
    data = {"name": name, "circuits": {name: {"qasm": _literal(text)}}, "pubs": [pub]}
    return Document(shown, text, data, {(): Place(shown, 1, 1)})


def payload_document(document: Document) -> Document:
    """The workload that a QRMI payload means.

    Args:
        document: The payload, parsed.

    Raises:
        InvalidWorkload: It is no payload of a primitive; all that is wrong with its form is told.
    """
    return _Payload(document).workload()


def _name(path: str) -> str:
    """A name for the run, from the file's."""
    stem = "payload" if path == "-" else Path(path).stem
    return re.sub(r"[^A-Za-z0-9._-]+", "-", stem).lstrip("._-")[:60] or "circuit"


def _literal(text: str) -> str:
    """A foreign text, in which ``${`` is no reference."""
    return text.replace("${", "$${")


@dataclass
class _Payload:
    document: Document
    mistakes: list[WorkloadError] = field(default_factory=list)
    places: dict[Location, Place] = field(default_factory=dict)
    key_places: dict[Location, Place] = field(default_factory=dict)

    def workload(self) -> Document:
        data = self.document.data
        self._check_keys(data, _TOP_KEYS, ())
        self._place((), ())
        program, parameters = data["program_id"], data.get("parameters")
        if program not in PROGRAMS:
            self._wrong(
                ("program_id",), f"There is no primitive {program!r}.", did_you_mean(program, PROGRAMS)
            )
        if not isinstance(parameters, dict):
            self._wrong(("parameters",), "A payload has parameters with pubs.", 'parameters: {"pubs": […]}')
            raise in_file_order(self.mistakes)
        self._check_keys(parameters, _PARAMETERS, ("parameters",))
        if parameters.get("version", VERSION) != VERSION:
            self._wrong(("parameters", "version"), "The payload's version is not 2.", "Write version 2 PUBs.")
        made: dict[str, Any] = {"name": _name(self.document.path)}
        for key in ("backend", "tags"):
            if key in data:
                made[key] = self._take(data[key], (key,), (key,))
        made["defaults"] = self._defaults(parameters)
        made["pubs"] = self._pubs(parameters.get("pubs"), program == ESTIMATOR)
        if self.mistakes:
            raise in_file_order(self.mistakes)
        # Another tool's data may not run code here, whatever file it came in.
        return replace(
            self.document, data=made, places=self.places, key_places=self.key_places, trusted=False
        )

    def _defaults(self, parameters: Mapping[str, Any]) -> dict[str, Any]:
        here: Location = ("parameters", "options")
        self._place(("defaults",), ("parameters",))
        options = parameters.get("options")
        if options is not None and not isinstance(options, dict):
            self._wrong(here, "options is a mapping.")
        taken = self._take(options if isinstance(options, dict) else {}, here, ("defaults", "options"))
        defaults: dict[str, Any] = {"primitives": "v2", "options": dict(taken)}
        if parameters.get("resilience_level") is not None:
            level = ("defaults", "options", "resilience_level")
            defaults["options"]["resilience_level"] = self._take(
                parameters["resilience_level"], ("parameters", "resilience_level"), level
            )
        for key in ("shots", "precision"):
            if parameters.get(key) is not None:
                defaults[key] = self._take(parameters[key], ("parameters", key), ("defaults", key))
        return defaults

    def _pubs(self, pubs: Any, estimator: bool) -> list[Any]:
        here: Location = ("parameters", "pubs")
        self._place(("pubs",), here)
        if not isinstance(pubs, list) or not pubs:
            self._wrong(here, "pubs is a list of PUBs.", 'pubs: [["OPENQASM 3.0; …", null, 1000]]')
            return []
        return [self._pub(pub, index, estimator) for index, pub in enumerate(pubs)]

    def _pub(self, pub: Any, index: int, estimator: bool) -> dict[str, Any]:
        keys = ["circuit", "observables", "parameter_values", "precision"]
        if not estimator:
            keys = ["circuit", "parameter_values", "shots"]
        here: Location = ("parameters", "pubs", index)
        self._place(("pubs", index), here)
        parts = [pub] if isinstance(pub, str) else pub
        if not isinstance(parts, list) or not 1 + estimator <= len(parts) <= len(keys):
            self._wrong(here, f"A PUB is a list: [{', '.join(keys)}].", "Only the last ones may be left out.")
            return {}
        if not isinstance(parts[0], str):
            self._wrong((*here, 0), "A PUB's circuit is OpenQASM text.", "qiskit.qasm3.dumps(circuit)")
            return {}
        made: dict[str, Any] = {"circuit": {"qasm": _literal(parts[0])}}
        self._place(("pubs", index, "circuit"), (*here, 0) if isinstance(pub, list) else here)
        for position, key in enumerate(keys[1 : len(parts)], start=1):
            if not _nothing(parts[position]):
                made[key] = self._take(parts[position], (*here, position), ("pubs", index, key))
        if estimator and "observables" not in made:
            self._wrong((*here, 1), "An Estimator PUB has observables.", 'For example:  {"ZZ": 1.0}')
        return made

    def _check_keys(self, mapping: Mapping[str, Any], known: tuple[str, ...], location: Location) -> None:
        for key in mapping:
            if key not in known:
                mistake = self.document.error(
                    (*location, key),
                    f"A payload has no key {key!r} here.",
                    did_you_mean(key, known),
                    at_key=True,
                )
                self.mistakes.append(mistake)

    def _wrong(self, location: Location, message: str, hint: str | None = None) -> None:
        self.mistakes.append(self.document.error(location, message, hint))

    def _place(self, made: Location, source: Location) -> None:
        source = self.document.trim(source)
        self.places[made] = self.document.places[source]
        if source in self.document.key_places:
            self.key_places[made] = self.document.key_places[source]

    def _take(self, value: Any, source: Location, made: Location) -> Any:
        """A value as it is, no text in it a reference, and the places of all in it."""
        self._place(made, source)
        if isinstance(value, dict):
            return {key: self._take(item, (*source, key), (*made, key)) for key, item in value.items()}
        if isinstance(value, list):
            return [self._take(item, (*source, i), (*made, i)) for i, item in enumerate(value)]
        return _literal(value) if isinstance(value, str) else value


def _nothing(value: Any) -> bool:
    """``null``, and the empty arrays that stand for no parameter values."""
    return value is None or value == {} or (isinstance(value, list) and all(_nothing(v) for v in value))
