"""ISA circuits as OpenQASM 3, whose parameters keep names that values can be given by."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from qiskit.circuit import QuantumCircuit

_INPUT = re.compile(r"^input float\[64\] (\w+);$", re.MULTILINE)
_ELEMENT = re.compile(r"\W+")
_MOST_ROUNDS = 3


def openqasm(circuit: QuantumCircuit) -> tuple[str, dict[str, str]]:
    """A circuit as OpenQASM 3.

    OpenQASM has no ``theta[0]`` and no parameter ``t``, which is a gate: qiskit's exporter gives such
    parameters names of its own and does not tell them. Here they are renamed before it sees them.

    Args:
        circuit: The circuit. It is written on a register as wide as it is, whatever its layout.

    Returns:
        The text, and the name in it of each parameter.

    Raises:
        Exception: It has what OpenQASM 3 has no words for; the exporter raises errors of many kinds.
    """
    from qiskit import qasm3

    # With its layout it would be written on $0, $1 …, as many as it uses, and observables are as wide as the
    # backend. Without, it is on a register of the backend's width.
    plain = circuit.copy()
    plain._layout = None
    names = {parameter.name: parameter.name for parameter in circuit.parameters}
    refused = {name for name in names if not name.isidentifier()}
    for _ in range(_MOST_ROUNDS):
        names = _renamed(names, refused)
        text = str(qasm3.dumps(_with_names(plain, names)))
        declared = set(_INPUT.findall(text))
        refused = {name for name, new in names.items() if new not in declared}
        if not refused:
            return text, names
    raise ValueError(f"the parameter {min(refused)} has no name there")


def _renamed(names: Mapping[str, str], refused: set[str]) -> dict[str, str]:
    """Other names for those that are refused, which no other parameter has: ``theta_0`` for ``theta[0]``."""
    made = {name: new for name, new in names.items() if name not in refused}
    for name in sorted(refused):
        word = _ELEMENT.sub("_", name).strip("_")
        # What was an identifier and still refused is a word of the language, or a gate.
        base = word if word[:1].isalpha() and names[name] != word else f"p_{word or 0}"
        new, number = base, 1
        while new in made.values() or new in names:
            number += 1
            new = f"{base}_{number}"
        made[name] = new
    return made


def _with_names(circuit: QuantumCircuit, names: Mapping[str, str]) -> QuantumCircuit:
    from qiskit.circuit import Parameter

    others = {
        parameter: Parameter(names[parameter.name])
        for parameter in circuit.parameters
        if names[parameter.name] != parameter.name
    }
    return circuit.assign_parameters(others, inplace=False) if others else circuit
