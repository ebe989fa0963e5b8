"""Observables: Pauli strings, weighted sums, sparse terms, files and functions, in the shape of their lists.

Pauli strings read as qiskit's do: the rightmost letter is for qubit 0. Sparse terms say which qubits their
letters act on, in the letters' order. Projectors stand among the letters as qiskit has them: ``0``, ``1``,
``+``, ``-``, ``r`` and ``l``.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from qrun.errors import WorkloadError
from qrun.workload.arithmetic import number
from qrun.workload.document import Document, Location
from qrun.workload.paths import read_inside
from qrun.workload.python_source import PythonSources
from qrun.workload.words import did_you_mean, said

if TYPE_CHECKING:
    from qiskit.primitives.containers.observables_array import ObservablesArray
    from qiskit.quantum_info import SparsePauliOp

MOST_FILE_BYTES = 16 * 1024 * 1024
MOST_REFERENCES = 50
"""Lists of named observables within named observables."""

_LETTERS = re.compile(r"[IXYZ01+\-rl]+")
"""Paulis, and projectors as qiskit's ``SparseObservable`` has them: on 0 and 1, on + and -, on +i and -i."""
_PROJECTORS = re.compile(r"[01+\-rl]")
MOST_TERMS = 65_536
"""Pauli terms that the projectors of one observable make; each makes two of one."""
_TERM_KEYS = ("on", "coeff")
_EXAMPLE = "For example:  {ZZ: -1.0, XI: 0.5} or {ZZ: {on: [0, 5], coeff: -1.0}}"

Term = tuple[str, list[int], float]
"""Letters, the qubits that they act on, and a weight."""


class Observables:
    """The observables of one workload; those written alike for the same width are built once.

    Args:
        named: The file's ``observables``.
        document: The file.
        python: Calls the user's functions.
    """

    def __init__(self, named: Mapping[str, Any], document: Document, python: PythonSources) -> None:
        self._named = named
        self._document = document
        self._python = python
        self._built: dict[tuple[str, str, int], ObservablesArray | None] = {}
        self._files: dict[tuple[str, str], Any] = {}
        self._pending: list[str] = []

    def array(self, spec: Any, num_qubits: int, location: Location) -> ObservablesArray:
        """The observables of a PUB.

        Args:
            spec: A name, a Pauli string, a sum, a file or function, or (nested) lists of these.
            num_qubits: Width of the PUB's circuit.
            location: Where ``spec`` stands.

        Returns:
            The observables, of the shape of the lists; ``()`` where there is no list.

        Raises:
            WorkloadError: A name isn't known, or a width is wrong.
        """
        from qiskit.primitives.containers.observables_array import ObservablesArray

        key = (str(self._document.folder_at(location)), json.dumps(spec, default=repr), num_qubits)
        found = self._built.get(key)
        if found is None:
            nested = self._resolve(spec, num_qubits, location)
            try:
                found = self._built[key] = ObservablesArray.coerce(nested)
            except (ValueError, TypeError, RuntimeError) as error:
                message = said(error)
                if "<class 'list'>" in message:  # how qiskit tells of lists beside what is none
                    message = "some are lists where others are not"
                raise self._document.error(
                    location,
                    f"These observables do not make an array: {message}.",
                    "Make lists of equal length.",
                ) from None
        return found

    def width(self, spec: Any) -> int:
        """Qubits that an observable needs at least, as far as it tells without a circuit."""
        if isinstance(spec, list):
            return max(map(self.width, spec), default=0)
        if isinstance(spec, str):
            known = spec in self._named and spec not in self._pending
            if not known or len(self._pending) >= MOST_REFERENCES:
                return len(spec) if _LETTERS.fullmatch(spec) else 0
            self._pending.append(spec)
            try:
                return self.width(self._named[spec])
            finally:
                self._pending.pop()
        if not isinstance(spec, dict) or spec.keys() & {"file", "python"}:
            return 0
        return max((_width_of_term(str(label), given) for label, given in spec.items()), default=0)

    def check_named(self) -> list[WorkloadError]:
        """What is wrong with the file's ``observables``, whether or not a PUB uses them."""
        mistakes = []
        for name, spec in self._named.items():
            try:
                self.check(spec, ("observables", name))
            except WorkloadError as mistake:
                mistakes.append(mistake)
        return mistakes

    def check(self, spec: Any, location: Location) -> None:
        """What can be told of observables while no circuit gives them a width.

        Raises:
            WorkloadError: A name isn't known, or a term is wrong.
        """
        if isinstance(spec, list):
            for index, item in enumerate(spec):
                self.check(item, (*location, index))
        elif isinstance(spec, str):
            self._known(spec, location)
        elif isinstance(spec, dict) and not spec.keys() & {"file", "python"}:
            self._terms(spec, None, location)
        elif not isinstance(spec, dict):
            raise self._no_observable(spec, location)

    def _resolve(self, spec: Any, num_qubits: int, location: Location) -> Any:
        if isinstance(spec, list):
            if not spec:
                raise self._document.error(
                    location, "The list of observables is empty.", "Leave the key out for a Sampler PUB."
                )
            return [self._resolve(item, num_qubits, (*location, index)) for index, item in enumerate(spec)]
        if isinstance(spec, str):
            return self._word(spec, num_qubits, location)
        if not isinstance(spec, dict):
            raise self._no_observable(spec, location)
        if "file" in spec:
            return self._file(spec, num_qubits, location)
        if "python" in spec:
            return self._from_python(spec, num_qubits, location)
        return self._operator(self._terms(spec, num_qubits, location), num_qubits, location)

    def _no_observable(self, spec: Any, location: Location) -> WorkloadError:
        return self._document.error(
            location,
            f"An observable is a name, a Pauli string or a weighted sum, not {spec!r:.60}.",
            _EXAMPLE,
        )

    def _known(self, word: str, location: Location) -> None:
        if word in self._named or _LETTERS.fullmatch(word):
            return
        hint = (
            did_you_mean(word, self._named)
            if self._named
            else "Write Pauli letters I, X, Y and Z, or projectors 0, 1, +, -, r and l."
        )
        raise self._document.error(
            location, f"{_cut(word)!r} is neither an observable's name nor a Pauli string.", hint
        )

    def _word(self, word: str, num_qubits: int, location: Location) -> Any:
        self._known(word, location)
        # A name may be a Pauli string as well: it then means what the file says, but not within itself.
        if word in self._named and not (word == self._named[word] and _LETTERS.fullmatch(word)):
            if word in self._pending or len(self._pending) >= MOST_REFERENCES:
                raise self._document.error(
                    location, f"The observable {word!r} is made of itself.", "Name another observable."
                )
            self._pending.append(word)
            try:
                return self._resolve(self._named[word], num_qubits, ("observables", word))
            finally:
                self._pending.pop()
        return self._operator(self._terms({word: 1.0}, num_qubits, location), num_qubits, location)

    def _terms(self, spec: Mapping[str, Any], num_qubits: int | None, location: Location) -> list[Term]:
        if not spec:
            raise self._document.error(location, "The weighted sum is empty.", _EXAMPLE)
        terms: list[Term] = []
        for pauli, given in spec.items():
            here = (*location, pauli)
            if not isinstance(pauli, str) or not _LETTERS.fullmatch(pauli):
                raise self._document.error(
                    here,
                    f"{_cut(pauli)!r} is not a Pauli string.",
                    "Write letters I, X, Y and Z, or projectors 0, 1, +, -, r and l.",
                    at_key=True,
                )
            if isinstance(given, list):
                terms += [self._sparse(pauli, item, num_qubits, (*here, i)) for i, item in enumerate(given)]
            elif isinstance(given, dict):
                terms.append(self._sparse(pauli, given, num_qubits, here))
            else:
                self._check_width(pauli, num_qubits, here)
                terms.append((pauli, list(range(len(pauli) - 1, -1, -1)), self._weight(pauli, given, here)))
        return terms

    def _check_width(self, pauli: str, num_qubits: int | None, location: Location) -> None:
        if num_qubits is not None and len(pauli) != num_qubits:
            raise self._document.error(
                location,
                f"The observable {_cut(pauli)} acts on {len(pauli)} qubits, the circuit has {num_qubits}.",
                "Write one letter a qubit, the rightmost for qubit 0; or say which: {ZZ: {on: [0, 1]}}.",
                at_key=True,
            )

    def _weight(self, pauli: str, given: Any, location: Location) -> float:
        try:
            return number(given)
        except ValueError as error:
            raise self._document.error(
                location, f"The weight of {_cut(pauli)}: {error}.", "Write a number such as -0.5 or pi/4."
            ) from None

    def _sparse(self, pauli: str, term: Any, num_qubits: int | None, location: Location) -> Term:
        if not isinstance(term, dict):
            raise self._document.error(
                location, f"A term of {_cut(pauli)} is a weight or {{on: [qubits], coeff: weight}}.", _EXAMPLE
            )
        for key in term:
            if key not in _TERM_KEYS:
                raise self._document.error(
                    (*location, key),
                    f"There is no key {key!r} here.",
                    did_you_mean(key, _TERM_KEYS),
                    at_key=True,
                )
        qubits = term.get("on")
        here = (*location, "on")
        if not isinstance(qubits, list) or not all(type(qubit) is int and qubit >= 0 for qubit in qubits):
            raise self._document.error(here, f"{_cut(pauli)} needs the qubits it acts on.", "on: [0, 5]")
        if len(qubits) != len(pauli) or len(set(qubits)) != len(qubits):
            raise self._document.error(
                here,
                f"{_cut(pauli)} needs {len(pauli)} different qubits, one a letter.",
                "{ZX: {on: [0, 5]}}",
            )
        if num_qubits is not None and qubits and max(qubits) >= num_qubits:
            raise self._document.error(
                here,
                f"There is no qubit {max(qubits)}; the circuit has {num_qubits}.",
                "Qubits count from 0.",
            )
        return pauli, qubits, self._weight(pauli, term.get("coeff", 1.0), (*location, "coeff"))

    def _check_keys(self, spec: Mapping[str, Any], known: tuple[str, ...], location: Location) -> None:
        for key in spec:
            if key not in known:
                raise self._document.error(
                    (*location, key), f"There is no key {key!r} here.", did_you_mean(key, known), at_key=True
                )
        if not isinstance(spec[known[0]], str):
            raise self._document.error((*location, known[0]), f"{known[0]} takes text.", "Write its name.")

    def _file(self, spec: Mapping[str, Any], num_qubits: int, location: Location) -> SparsePauliOp:
        self._check_keys(spec, ("file",), location)
        name, here = spec["file"], (*location, "file")
        key = (str(self._document.folder_at(here)), name)
        if key not in self._files:
            raw = read_inside(name, MOST_FILE_BYTES, self._document, here)
            try:
                self._files[key] = _labelled(json.loads(raw))
            except (ValueError, RecursionError, TypeError, KeyError) as error:
                raise self._document.error(
                    here,
                    f"{name} holds no observable: {error}.",
                    'Write [["ZZ", -1.0], ["XI", 0.5]], as SparsePauliOp.to_list() gives it.',
                ) from None
        terms: list[Term] = []
        for pauli, weight in self._files[key]:
            self._check_width(pauli, num_qubits, here)
            terms.append((pauli, list(range(len(pauli) - 1, -1, -1)), weight))
        return self._operator(terms, num_qubits, here)

    def _from_python(self, spec: Mapping[str, Any], num_qubits: int, location: Location) -> Any:
        from qiskit.primitives.containers.observables_array import ObservablesArray

        self._check_keys(spec, ("python", "args"), location)
        args = spec.get("args", {})
        if not isinstance(args, dict):
            raise self._document.error((*location, "args"), "args is a mapping.", "args: {steps: 4}")
        made = self._python.call(spec["python"], args, location)
        here = (*location, "python")
        try:
            array = ObservablesArray.coerce(made)
        except Exception as error:
            # The function may have returned anything.
            message = said(error)
            raise self._document.error(
                here,
                f"{spec['python']} returns {type(made).__name__}, not observables: {message}.",
                "Return a SparsePauliOp, or a list of them.",
            ) from None
        width = array.num_qubits
        if width != num_qubits:
            raise self._document.error(
                here,
                f"{spec['python']} gives {width} qubits, the circuit has {num_qubits}.",
                "Make them equal.",
            )
        return array.tolist()

    def _operator(self, terms: list[Term], num_qubits: int, location: Location) -> SparsePauliOp:
        from qiskit.quantum_info import SparseObservable, SparsePauliOp

        made = sum(2 ** min(len(_PROJECTORS.findall(letters)), 60) for letters, _, _ in terms)
        if made == len(terms):
            return SparsePauliOp.from_sparse_list(terms, num_qubits=num_qubits)
        if made > MOST_TERMS:
            raise self._document.error(
                location,
                f"The projectors of this observable make {made:,} Pauli terms; {MOST_TERMS:,} are the most.",
                "Project fewer qubits, or sample and count.",
            )
        # In Paulis, which is the same operator and what every service takes.
        projected = SparseObservable.from_sparse_list(terms, num_qubits).as_paulis().simplify()
        return SparsePauliOp.from_sparse_observable(projected)


def _width_of_term(label: str, given: Any) -> int:
    terms = given if isinstance(given, list) else [given]
    qubits = [
        qubit
        for term in terms
        if isinstance(term, dict) and isinstance(term.get("on"), list)
        for qubit in term["on"]
        if isinstance(qubit, int)
    ]
    return max(qubits, default=-1) + 1 if isinstance(given, (dict, list)) else len(label)


def _labelled(data: Any) -> list[tuple[str, float]]:
    """The terms of a JSON document: ``to_list()``, ``settings``, or a plain mapping of labels to weights."""
    if isinstance(data, dict):
        labels = next((data[key] for key in ("data", "paulis", "labels") if key in data), None)
        if isinstance(labels, dict):  # the settings of a PauliList within those of the operator
            labels = labels.get("data")
        pairs: Any = list(data.items()) if labels is None else _paired(labels, data.get("coeffs"))
    else:
        pairs = data
    if not isinstance(pairs, list) or not pairs:
        raise ValueError("it is no list of terms")
    terms = []
    for pair in pairs:
        if not isinstance(pair, (list, tuple)) or len(pair) != 2 or not isinstance(pair[0], str):
            raise ValueError("a term is not [label, coefficient]")
        if not _LETTERS.fullmatch(pair[0]):
            raise ValueError(f"{_cut(pair[0])!r} is not a Pauli string")
        terms.append((pair[0], _real(pair[1])))
    return terms


def _paired(labels: Any, coefficients: Any) -> list[tuple[Any, Any]]:
    if not isinstance(labels, list) or not isinstance(coefficients, list):
        raise ValueError("it has labels without a list of coeffs")  # noqa: TRY004
    if len(labels) != len(coefficients):
        raise ValueError("it has not as many coeffs as labels")
    return list(zip(labels, coefficients, strict=True))


def _real(coefficient: Any) -> float:
    """A real coefficient, which JSON may have as a pair or a text because Python's is complex."""
    if isinstance(coefficient, list) and len(coefficient) == 2:
        real, imaginary = number(coefficient[0]), number(coefficient[1])
    elif isinstance(coefficient, dict) and set(coefficient) == {"real", "imag"}:
        real, imaginary = number(coefficient["real"]), number(coefficient["imag"])
    elif (
        isinstance(coefficient, str) and coefficient.strip().endswith(("j", "j)")) and len(coefficient) < 100
    ):
        value = complex(coefficient.replace(" ", ""))
        real, imaginary = number(value.real), number(value.imag)
    else:
        real, imaginary = number(coefficient), 0.0
    if imaginary:
        raise ValueError("a coefficient is not real, so this is no observable")
    return real


def _cut(text: object) -> str:
    shown = str(text)
    return shown if len(shown) <= 60 else shown[:59] + "…"
