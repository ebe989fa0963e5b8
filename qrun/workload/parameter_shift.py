"""Points into parameter values, and gradients by the parameter-shift rule.

For a gate exp(-iθG/2) whose generator G has the eigenvalues ±1, the derivative of any expectation value is
half the difference of two of them, at θ + π/2 and θ − π/2: exact, whatever the size of the shift, and so
not swallowed by shot noise (Mitarai et al., Phys. Rev. A 98, 032309 (2018); Schuld et al., Phys. Rev. A 99,
032331 (2019)). It holds for one gate. A parameter that enters several gates, or with a coefficient, gets its
derivative by the chain rule: each such gate is given a parameter of its own, shifted alone.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from qiskit.circuit import Parameter, ParameterExpression, QuantumCircuit

SHIFT = math.pi / 2

_ROTATIONS = ("rx", "ry", "rz", "p", "u1", "rxx", "ryy", "rzz", "rzx")
"""Gates that the rule holds for; ``p`` and ``u1`` are ``rz`` up to a phase."""
_OTHERS = ("id", "x", "y", "z", "h", "s", "sdg", "t", "tdg", "sx", "sxdg", "cx", "cz", "cy", "swap", "ecr")
_SHIFTED = "shift"
"""Name of the vector of the gates' own parameters."""


class NoParameterShift(Exception):
    """The rule does not hold for a circuit; the message says why, without a full stop."""


@dataclass(frozen=True)
class Inputs:
    """How a point in a loop's parameters becomes the parameter values of one PUB's circuit.

    With ``n`` parameters of the loop and ``m`` of the circuit.
    """

    linear: NDArray[Any] = field(repr=False)
    """Shape ``(m, n)``."""
    constant: NDArray[Any] = field(repr=False)
    """Shape ``(m,)``."""
    curved: tuple[tuple[int, ParameterExpression], ...] = ()
    """Parameters of the circuit that are no linear function of the point, and what they are."""
    parameters: tuple[str, ...] = ()
    """Names of the loop's parameters."""

    def values(self, points: NDArray[Any]) -> NDArray[Any]:
        """The circuit's parameter values, shape ``(k, m)``.

        Args:
            points: Shape ``(k, n)``.
        """
        import numpy as np

        values: NDArray[Any] = np.asarray(points @ self.linear.T + self.constant)
        for row, expression in self.curved:
            for k, point in enumerate(points):
                values[k, row] = _evaluate(expression, self.parameters, point)
        return values

    def shifted_values(self, point: NDArray[Any]) -> NDArray[Any]:
        """The values at a point and at all its shifts, shape ``(1 + 2m, m)``: base, ups, downs.

        Args:
            point: Shape ``(n,)``.
        """
        import numpy as np

        base = self.values(point[None, :])
        shifts = SHIFT * np.eye(len(self.constant))
        shifted: NDArray[Any] = np.concatenate([base, base + shifts, base - shifts])
        return shifted

    def gradient(self, point: NDArray[Any], evs: NDArray[Any]) -> NDArray[Any]:
        """The gradient with respect to the point, shape ``(n,)``.

        Args:
            point: Shape ``(n,)``.
            evs: Expectation values at :meth:`shifted_values`, shape ``(1 + 2m,)``.
        """
        m = len(self.constant)
        by_gate = (evs[1 : m + 1] - evs[m + 1 :]) / 2
        gradient: NDArray[Any] = by_gate @ self._jacobian(point)
        return gradient

    def _jacobian(self, point: NDArray[Any]) -> NDArray[Any]:
        jacobian: NDArray[Any] = self.linear.copy()
        for row, expression in self.curved:
            for parameter in expression.parameters:
                column = self.parameters.index(parameter.name)
                jacobian[row, column] = _evaluate(expression.gradient(parameter), self.parameters, point)
        return jacobian


def plain_inputs(circuit: QuantumCircuit, parameters: Sequence[str]) -> Inputs:
    """Inputs of a circuit as it is: each of its parameters is one of the loop's."""
    import numpy as np

    names = [parameter.name for parameter in circuit.parameters]
    linear = np.zeros((len(names), len(parameters)))
    for row, name in enumerate(names):
        linear[row, list(parameters).index(name)] = 1.0
    return Inputs(linear, np.zeros(len(names)), parameters=tuple(parameters))


def shifted_inputs(circuit: QuantumCircuit, parameters: Sequence[str]) -> tuple[QuantumCircuit, Inputs]:
    """A circuit in which each rotation has a parameter of its own, and its inputs.

    Raises:
        NoParameterShift: A parameter enters by another gate than a rotation, which qiskit can't turn into
            rotations, or within ``if``, ``for`` or ``while``.
    """
    import numpy as np
    from qiskit.circuit import ParameterExpression, ParameterVector

    circuit = _in_rotations(circuit)
    places = [
        (index, position)
        for index, instruction in enumerate(circuit.data)
        for position, value in enumerate(instruction.operation.params)
        if isinstance(value, ParameterExpression) and value.parameters
    ]
    own = ParameterVector(_SHIFTED, len(places))
    shifted = circuit.copy()
    shifted.global_phase = 0.0
    linear = np.zeros((len(places), len(parameters)))
    constant = np.zeros(len(places))
    curved = []
    names = list(parameters)
    for row, (index, position) in enumerate(places):
        instruction = circuit.data[index]
        expression = instruction.operation.params[position]
        operation = instruction.operation.to_mutable()
        operation.params[position] = own[row]
        shifted.data[index] = instruction.replace(operation=operation)
        if not _linear_part(expression, names, linear[row]):
            curved.append((row, expression))
        else:
            constant[row] = _evaluate(expression, names, np.zeros(len(names)))
    return shifted, Inputs(linear, constant, tuple(curved), tuple(parameters))


def _in_rotations(circuit: QuantumCircuit) -> QuantumCircuit:
    """The circuit with its parameters in rotations alone."""
    from qiskit import transpile
    from qiskit.circuit import ParameterExpression

    def wrong(found: QuantumCircuit) -> list[str]:
        return [
            instruction.operation.name
            for instruction in found.data
            if instruction.operation.name not in _ROTATIONS
            and (
                any(isinstance(p, ParameterExpression) and p.parameters for p in instruction.operation.params)
                or any(block.parameters for block in getattr(instruction.operation, "blocks", ()))
            )
        ]

    if not wrong(circuit):
        return circuit
    if any(getattr(instruction.operation, "blocks", ()) for instruction in circuit.data):
        raise NoParameterShift("a parameter stands within if, for or while")
    try:
        circuit = transpile(circuit, basis_gates=[*_ROTATIONS, *_OTHERS], optimization_level=0)
    except Exception as error:
        # Whatever qiskit's passes raise means that they can't.
        raise NoParameterShift(f"it can't be written in rotations ({error})") from None
    if left := wrong(circuit):
        raise NoParameterShift(f"a parameter enters by the gate {left[0]!r}, which is no rotation")
    return circuit


def _linear_part(expression: ParameterExpression, names: list[str], row: NDArray[Any]) -> bool:
    """Fill in the coefficients of a linear expression; ``False`` where it is none."""
    for parameter in expression.parameters:
        slope = expression.gradient(parameter)
        if getattr(slope, "parameters", None):
            row[:] = 0.0
            return False
        row[names.index(parameter.name)] = float(slope)
    return True


def _evaluate(expression: Any, names: Sequence[str], point: NDArray[Any]) -> float:
    found: dict[Parameter, float] = {
        parameter: float(point[list(names).index(parameter.name)])
        for parameter in getattr(expression, "parameters", ())
    }
    return float(expression.bind(found) if found else expression)
