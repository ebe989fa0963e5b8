"""A circuit with all sets of parameter values bound at once: angles as arrays over the sets.

Binding circuit by circuit costs a copy of the circuit for each of what may be thousands of sets. Here
each gate keeps its place once and has, for each angle, one number or one array.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
from qiskit.circuit import (
    ClassicalRegister,
    ControlFlowOp,
    Delay,
    Parameter,
    ParameterExpression,
    Store,
    SwitchCaseOp,
)
from qiskit.circuit.classical import expr

from qrun.local.simulation.outcome import ProgramError
from qrun.qpu_time import SECONDS_OF_UNIT

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from qiskit import QuantumCircuit
    from qiskit.circuit import CircuitInstruction, Clbit, Instruction

FloatArray = npt.NDArray[np.float64]

CLIFFORD_TOLERANCE = 1e-6
"""Angles this close (rad) to a multiple of π/2 are taken as one, so that Clifford circuits stay Clifford.

Samplomatic gives the angles of twirled circuits in single precision, so off by up to 1e-7. An angle that
is 1e-6 off changes a probability by 1e-6 at the very worst, far below what any number of shots shows.
"""


@dataclass(frozen=True)
class BoundOperation:
    """One instruction of a circuit, with the angles of all sets of parameter values.

    Args:
        operation: qiskit's instruction, unbound.
        name: Its name.
        qubits: Indices of its qubits in the circuit.
        clbits: Indices of its classical bits; of a condition or a store, those in its expressions too.
        angles: Its parameters; a number where all sets agree, else one number a set, shape ``(sets,)``.
        seconds: Duration, for a delay.
    """

    operation: Instruction
    name: str
    qubits: tuple[int, ...]
    clbits: tuple[int, ...]
    angles: tuple[float | FloatArray, ...] = ()
    seconds: float = 0.0

    @property
    def is_dynamic(self) -> bool:
        """Whether it depends on, or computes with, classical values."""
        return isinstance(self.operation, ControlFlowOp) or self.name == "store"

    @property
    def varies(self) -> bool:
        """Whether any angle differs between sets."""
        return any(isinstance(angle, np.ndarray) for angle in self.angles)


def bind(circuit: QuantumCircuit, values: FloatArray, dt: float | None) -> list[BoundOperation]:
    """All instructions of ``circuit`` but barriers, bound to all sets of values.

    Args:
        circuit: The circuit.
        values: Parameter values, shape ``(sets, circuit.num_parameters)``, in the circuit's order.
        dt: The device's time step in seconds, for delays counted in it.

    Raises:
        ProgramError: A delay has a length that isn't known before the run, or is in steps of an unknown size.
    """
    columns = {parameter: values[:, index] for index, parameter in enumerate(circuit.parameters)}
    qubit_index = {bit: index for index, bit in enumerate(circuit.qubits)}
    clbit_index = {bit: index for index, bit in enumerate(circuit.clbits)}
    known: dict[Any, float | FloatArray] = {}
    bound = []
    for instruction in circuit.data:
        operation = instruction.operation
        if operation.name == "barrier":
            continue
        is_delay = isinstance(operation, Delay)
        without_angles = is_delay or isinstance(operation, ControlFlowOp) or operation.name == "store"
        bound.append(
            BoundOperation(
                operation=operation,
                name=operation.name,
                qubits=tuple(qubit_index[bit] for bit in instruction.qubits),
                clbits=_clbits(instruction, clbit_index),
                angles=()
                if without_angles
                else tuple(_angle(value, columns, known) for value in operation.params),
                seconds=delay_seconds(operation, dt) if is_delay else 0.0,
            )
        )
    return bound


def round_to_clifford(angles: FloatArray) -> FloatArray:
    """Angles with those next to a multiple of π/2 put exactly on it; all others as they are."""
    nearest = np.round(angles / (np.pi / 2)) * (np.pi / 2)
    rounded: FloatArray = np.where(np.abs(angles - nearest) < CLIFFORD_TOLERANCE, nearest, angles)
    return rounded


def delay_seconds(delay: Delay, dt: float | None) -> float:
    """How long a delay is, in seconds.

    Raises:
        ProgramError: Its length isn't known before the run, or is in steps of an unknown size.
    """
    duration, unit = delay.duration, delay.unit
    if unit == "expr" or (isinstance(duration, ParameterExpression) and duration.parameters):
        raise ProgramError(
            "A delay whose length is a parameter, an expression or a stretch is not simulated; "
            "give it a fixed length."
        )
    if unit == "dt":
        if dt is None:
            raise ProgramError("A delay is in units of dt, but the device has no dt; use 's', 'us' or 'ns'.")
        return float(duration) * dt
    return float(duration) * SECONDS_OF_UNIT[unit]


def _clbits(instruction: CircuitInstruction, index: Mapping[Clbit, int]) -> tuple[int, ...]:
    """Indices of the bits that an instruction names, then of those that only its expressions name."""
    bits = dict.fromkeys(instruction.clbits)
    # qiskit lists no bits for a store, nor those of a condition written as an expression.
    bits.update(dict.fromkeys(bit for bit in _bits_in_expressions(instruction.operation) if bit in index))
    return tuple(index[bit] for bit in bits)


def _bits_in_expressions(operation: Instruction) -> Iterator[Clbit]:
    """Classical bits that a store or a condition reads or writes, blocks inside of it included."""
    if isinstance(operation, Store):
        values = [operation.lvalue, operation.rvalue]
    elif isinstance(operation, SwitchCaseOp):
        values = [operation.target]
    else:
        values = [getattr(operation, "condition", None)]
    for value in values:
        if isinstance(value, expr.Expr):
            named = [found.var for found in expr.iter_vars(value)]
        else:
            # The older form of a condition: a bit or register, and the number that it is compared with.
            named = [value[0] if isinstance(value, tuple) else value]
        for bits in named:
            yield from bits if isinstance(bits, ClassicalRegister) else [bits]
    if isinstance(operation, ControlFlowOp):
        for block in operation.blocks:
            for inner in block.data:
                yield from _bits_in_expressions(inner.operation)


def _angle(
    value: Any, columns: dict[Parameter, FloatArray], known: dict[Any, float | FloatArray]
) -> float | FloatArray:
    if not isinstance(value, ParameterExpression):
        return float(round_to_clifford(np.asarray(value, dtype=float)))
    if value not in known:
        angles = round_to_clifford(_evaluate(value, columns))
        same = len(angles) > 0 and bool(np.all(angles == angles[0]))
        known[value] = float(angles[0]) if same else angles
    return known[value]


def _evaluate(expression: ParameterExpression, columns: dict[Parameter, FloatArray]) -> FloatArray:
    if isinstance(expression, Parameter):
        return columns[expression]
    parameters = list(expression.parameters)
    if not parameters:
        return np.array([expression.numeric()], dtype=float)
    rows = zip(*(columns[parameter].tolist() for parameter in parameters), strict=True)
    evaluated = [float(expression.bind(dict(zip(parameters, row, strict=True))).numeric()) for row in rows]
    return np.array(evaluated)
