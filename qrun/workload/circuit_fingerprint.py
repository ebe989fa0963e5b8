"""What a circuit holds, as a hash that is the same in every process.

QPY bytes can't be compared: they hold UUIDs of parameters, which differ whenever a circuit is built anew,
names like ``circuit-43`` that a counter gives, and tables of symbols and of custom gates in no fixed order.
So a circuit is read instruction by instruction here; QPY serves only for the operations that keep something
besides their name and parameters.
"""

from __future__ import annotations

import hashlib
import io
import re
import warnings
from collections.abc import Iterable, Mapping
from functools import cache
from itertools import count
from typing import Any

_COUNTED_NAME = re.compile(r"circuit-\d+(-\d+)?")
_PLAIN_PARAMETER = re.compile(r"\w+(\[\d+\])?")


class NoFingerprint(Exception):
    """The circuit holds something that can't be written down."""


def fingerprint(circuit: Any) -> str:
    """A hash of a circuit's content: all that compiling it, or reading its results, can depend on.

    The circuit's own name and metadata do not count, nor do the UUIDs of its parameters. Equal hashes mean
    equal circuits; a circuit may, rarely, have more than one hash.

    Raises:
        NoFingerprint: An operation is neither known nor can QPY write it.
    """
    parts = [_header(circuit)]
    places: dict[Any, int] = {bit: index for index, bit in enumerate(circuit.qubits)}
    places.update({bit: index for index, bit in enumerate(circuit.clbits)})
    for instruction in circuit.data:
        parts.append(
            f"{_standard(instruction) or _operation(instruction.operation, circuit, instruction)}"
            f"{[places[bit] for bit in instruction.qubits]}{[places[bit] for bit in instruction.clbits]}"
        )
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def _header(circuit: Any) -> str:
    def registers(found: Iterable[Any]) -> list[Any]:
        return [
            (type(register).__name__, register.name, [circuit.find_bit(bit).index for bit in register])
            for register in found
        ]

    return repr(
        (
            circuit.num_qubits,
            circuit.num_clbits,
            registers(circuit.qregs),
            registers(circuit.cregs),
            [parameter.name for parameter in circuit.parameters],
            [repr((var.name, var.type)) for var in circuit.iter_input_vars()],
            [repr((var.name, var.type)) for var in circuit.iter_captured_vars()],
            [repr((var.name, var.type)) for var in circuit.iter_declared_vars()],
            [stretch.name for stretch in circuit.iter_stretches()],
            _number(circuit.global_phase) or _unnamed(str(circuit.global_phase)),
            circuit.layout is not None,
        )
    )


def _standard(instruction: Any) -> str | None:
    """A gate of qiskit's own as it is in Rust: making an object of it takes longer than all the rest."""
    if not instruction.is_standard_gate():
        return None
    parameters = [_number(parameter) for parameter in instruction.params]
    return None if None in parameters else repr((instruction.name, parameters, instruction.label))


def _operation(operation: Any, circuit: Any, instruction: Any) -> str:
    from qiskit.circuit import ControlFlowOp, ControlledGate, Gate, Instruction

    kind = type(operation)
    if getattr(operation, "base_class", kind) in _plain_operations():
        parameters = [_number(parameter) for parameter in operation.params]
        if None not in parameters:
            return repr(
                (
                    operation.name,
                    parameters,
                    operation.label,
                    getattr(operation, "ctrl_state", None),
                    getattr(operation, "unit", None),
                )
            )
    if isinstance(operation, ControlFlowOp):
        return _control_flow(operation, circuit, instruction)
    if kind in (Gate, Instruction, ControlledGate) and operation.definition is not None:
        return _custom(operation, circuit, instruction)
    return _by_qpy(operation, circuit, instruction)


@cache
def _plain_operations() -> frozenset[type]:
    """Operations that their name and parameters tell all about."""
    from qiskit.circuit import Barrier, BreakLoopOp, ContinueLoopOp, Delay, Measure, Reset
    from qiskit.circuit.library import UnitaryGate, get_standard_gate_name_mapping

    standard = {
        gate.base_class
        for gate in get_standard_gate_name_mapping().values()
        if gate.base_class.__module__.startswith("qiskit.circuit.library.standard_gates")
    }
    return frozenset({*standard, Barrier, BreakLoopOp, ContinueLoopOp, Delay, Measure, Reset, UnitaryGate})


def _number(value: Any) -> str | None:
    """A parameter of a gate as text; ``None`` where its text would not tell all of it."""
    import numpy as np
    from qiskit.circuit import ParameterExpression

    if isinstance(value, (bool, int, float, complex)):
        return repr(float(value)) if isinstance(value, float) else repr(value)
    if isinstance(value, ParameterExpression):
        # The text of an expression leaves no doubt as long as no parameter is called "a + b".
        plain = all(_PLAIN_PARAMETER.fullmatch(parameter.name) for parameter in value.parameters)
        return f"{type(value).__name__}:{value}" if plain else None
    if isinstance(value, np.ndarray) and value.dtype != object:
        content = np.ascontiguousarray(value).tobytes()
        return f"array{value.shape}{value.dtype.str}{hashlib.sha256(content).hexdigest()}"
    return None


def _custom(operation: Any, circuit: Any, instruction: Any) -> str:
    parameters = [_number(parameter) for parameter in operation.params]
    if None in parameters:
        return _by_qpy(operation, circuit, instruction)
    base = getattr(operation, "base_gate", None)
    return repr(
        (
            "custom",
            _unnamed(operation.name),
            operation.num_qubits,
            operation.num_clbits,
            parameters,
            operation.label,
            getattr(operation, "ctrl_state", None),
            None if base is None else _base_gate(base),
            fingerprint(operation.definition),
        )
    )


def _base_gate(gate: Any) -> str:
    """A gate by itself, as the only instruction of a circuit."""
    from qiskit.circuit import QuantumCircuit

    alone = QuantumCircuit(gate.num_qubits)
    alone.append(gate, range(gate.num_qubits))
    return fingerprint(alone)


def _control_flow(operation: Any, circuit: Any, instruction: Any) -> str:
    """What it branches on by QPY, its blocks as the circuits that they are."""
    from qiskit.circuit import ForLoopOp

    if isinstance(operation, ForLoopOp):
        operation = _with_plain_loop_parameter(operation)
    blocks = [fingerprint(block) for block in operation.blocks]
    empty = []
    for block in operation.blocks:
        hollow = block.copy_empty_like(name="block")
        hollow.global_phase = 0
        hollow.metadata = {}
        empty.append(hollow)
    with warnings.catch_warnings():
        # A for loop warns when its body does not use the loop's parameter.
        warnings.simplefilter("ignore")
        hollow_operation = operation.replace_blocks(empty)
    return repr((operation.name, _by_qpy(hollow_operation, circuit, instruction), blocks))


def _with_plain_loop_parameter(loop: Any) -> Any:
    """The loop with a parameter that no counter has named."""
    from qiskit.circuit import ForLoopOp, Parameter

    indices, parameter, body = loop.params
    if parameter is None or parameter not in body.parameters:
        return ForLoopOp(indices, None, body, loop.label)
    taken = {other.name for other in body.parameters}
    name = next(name for number in count() if (name := f"_loop_{number}") not in taken)
    plain = Parameter(name)
    return ForLoopOp(indices, plain, body.assign_parameters({parameter: plain}), loop.label)


def _by_qpy(operation: Any, circuit: Any, instruction: Any) -> str:
    from qiskit import qpy

    alone = circuit.copy_empty_like(name="alone", vars_mode="drop")
    alone.metadata = {}
    alone.global_phase = 0
    # A block's captured variables are declared here, because QPY writes no circuit that captures.
    for variable in circuit.iter_vars():
        alone.add_uninitialized_var(variable)
    for stretch in circuit.iter_stretches():
        alone.add_stretch(stretch)
    written = io.BytesIO()
    try:
        alone.append(operation, instruction.qubits, instruction.clbits, copy=False)
        identities = _identities([alone, *getattr(operation, "blocks", ())], operation)
        qpy.dump(alone, written)
    except Exception as error:
        raise NoFingerprint(str(error)) from error
    return hashlib.sha256(_replace(written.getvalue(), identities)).hexdigest()


def _identities(circuits: Iterable[Any], operation: Any) -> dict[bytes, bytes]:
    """UUIDs that QPY writes, with what stands for them: a hash of the name."""
    from qiskit.circuit import Parameter

    # A loop's parameter is none of the circuit's.
    own = (parameter for parameter in operation.params if isinstance(parameter, Parameter))
    found: dict[bytes, str] = {parameter.uuid.bytes: parameter.name for parameter in own}
    for circuit in circuits:
        found.update({parameter.uuid.bytes: parameter.name for parameter in circuit.parameters})
        found.update(
            {variable.var.bytes: variable.name for variable in circuit.iter_vars() if variable.standalone}
        )
        found.update({stretch.var.bytes: stretch.name for stretch in circuit.iter_stretches()})
    return {uuid: hashlib.sha256(name.encode()).digest()[:16] for uuid, name in found.items()}


def _replace(text: bytes, replacements: Mapping[bytes, bytes]) -> bytes:
    if not replacements:
        return text
    pattern = b"|".join(map(re.escape, replacements))
    return re.sub(pattern, lambda found: replacements[found[0]], text)


def _unnamed(name: str) -> str:
    """The name without the number that a counter of this process gave it, as in ``ccircuit-43``."""
    return _COUNTED_NAME.sub("circuit", name)
