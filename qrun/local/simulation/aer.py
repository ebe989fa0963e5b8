"""Components of several qubits on Aer: circuits built from bound operations, and Aer's answers as bits."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import numpy.typing as npt
from qiskit import QuantumCircuit
from qiskit.circuit import CircuitInstruction, Clbit, ControlFlowOp, Parameter, Qubit, Reset
from qiskit.circuit.library import XGate, YGate, ZGate
from qiskit_aer import AerError, AerSimulator

from qrun.local import devices
from qrun.local.simulation import noise
from qrun.local.simulation.binding import delay_seconds
from qrun.local.simulation.outcome import ProgramError
from qrun.local.simulation.targets import target

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from qiskit_aer.noise import NoiseModel

    from qrun.local.simulation.binding import BoundOperation, FloatArray
    from qrun.local.simulation.components import Component

BoolArray = npt.NDArray[np.bool_]
Method = Literal["density_matrix", "statevector", "matrix_product_state", "stabilizer"]

MAX_BOND_DIMENSION = 256
"""Matrix product states are cut to this bond dimension (Schmidt values kept)."""

_RUNS_AT_ONCE = 500
"""Circuits handed to Aer in one call; more only take memory."""
_EVENTS = {1: XGate(), 2: YGate(), 3: ZGate(), 4: Reset()}
_SEED_LIMIT = 2**31 - 1
_PROBABILITIES = "probabilities"


@dataclass(frozen=True)
class _Template:
    """A small circuit, what its parameters are in each set, and where each operation ends in it."""

    circuit: QuantumCircuit
    values: dict[Parameter, list[float]]
    after: list[int]

    def bound(self, index: int) -> QuantumCircuit:
        """The circuit with the values of set ``index``."""
        if not self.values:
            return self.circuit
        values = {parameter: column[index] for parameter, column in self.values.items()}
        return self.circuit.assign_parameters(values)


def probabilities(component: Component, order: Sequence[int], device_name: str, method: Method) -> FloatArray:
    """Exact probabilities of the records of a component that measures only at its end.

    Args:
        component: The component.
        order: Its qubits in the order in which the simulated circuit has them.
        device_name: The device whose noise it has.
        method: ``density_matrix``, or ``statevector`` if nothing in it is noisy.

    Returns:
        Shape ``(sets, 2**bits)``, bit *i* of the last index being ``component.clbits[i]``; ``(1, …)`` if all
        sets agree.
    """
    measurements = {op.clbits[0]: op.qubits[0] for op in component.operations if op.name == "measure"}
    template = _template(component, order, device_name, measure=False)
    place = {qubit: index for index, qubit in enumerate(order)}
    template.circuit.save_probabilities(
        [place[measurements[clbit]] for clbit in component.clbits], label=_PROBABILITIES
    )
    model = noise.noise_model(device_name, order, _used(component.operations), readout=False)
    data = _run(template, method, model, shots=1, seed=0)
    table = np.stack([np.asarray(entry[_PROBABILITIES], dtype=float) for entry in data])
    for index, clbit in enumerate(component.clbits):
        readout = noise.readout_matrix(device_name, measurements[clbit])
        split = table.reshape(len(table), -1, 2, 2**index)
        table = np.einsum("shtl,tr->shrl", split, readout).reshape(len(table), -1)
    return table


def sample(
    component: Component,
    order: Sequence[int],
    device_name: str | None,
    method: Method,
    sets: int,
    shots: int,
    rng: np.random.Generator,
) -> BoolArray:
    """Run a component shot by shot.

    Args:
        component: The component, without classical conditions.
        order: Its qubits in the order in which the simulated circuit has them.
        device_name: The device whose noise it has, readout included; ``None`` for no noise at all.
        method: Aer's method.
        sets: How many sets of parameter values there are.
        shots: Shots a set.
        rng: Where randomness comes from.

    Returns:
        Recorded bits, shape ``(sets, shots, len(component.clbits))``.
    """
    template = _template(component, order, device_name, measure=True)
    model = device_name and noise.noise_model(device_name, order, _used(component.operations))
    distinct = sets if template.values else 1
    data = _run(template, method, model, shots=shots * sets // distinct, seed=_seed(rng))
    bits = np.stack([_bits(entry["counts"], len(component.clbits)) for entry in data])
    # Aer gives counts, that is shots in order of their outcome; other components' shots are in theirs.
    return _shuffled(bits, rng).reshape(sets, shots, -1)


def sample_with_errors(
    component: Component,
    order: Sequence[int],
    method: Method,
    runs: Sequence[tuple[int, Mapping[int, Sequence[tuple[int, int]]]]],
    shots: int,
    rng: np.random.Generator,
) -> list[BoolArray]:
    """Run a component with Paulis and resets put into it, without any other noise.

    Args:
        component: The component.
        order: Its qubits in the order in which the simulated circuit has them.
        method: Aer's method.
        runs: For each run its set of parameter values, and the qubits and kinds of events
            (``error_events.Events``) to put after operations, by the operation's index.
        shots: Shots of each run.
        rng: Where randomness comes from.

    Returns:
        Recorded bits of each run, shape ``(shots, len(component.clbits))``.
    """
    template = _template(component, order, None, measure=True)
    place = {qubit: position for position, qubit in enumerate(order)}
    bound = {index: template.bound(index) for index in {index for index, _ in runs}}
    found: list[BoolArray] = []
    for start in range(0, len(runs), _RUNS_AT_ONCE):
        circuits = [
            _with_errors(bound[index], errors, template.after, place)
            for index, errors in runs[start : start + _RUNS_AT_ONCE]
        ]
        data = _run_circuits(circuits, method, None, shots, _seed(rng), None)
        found += [_bits(entry["counts"], len(component.clbits)) for entry in data]
    return list(_shuffled(np.stack(found), rng))


def sample_dynamic(
    circuits: Sequence[QuantumCircuit],
    component: Component,
    device_name: str,
    method: Method,
    shots: int,
    rng: np.random.Generator,
) -> BoolArray:
    """Run a component with classical conditions shot by shot.

    Args:
        circuits: The whole circuit, bound, one for each set of parameter values.
        component: The component.
        device_name: The device whose noise it has.
        method: Aer's method.
        shots: Shots a set.
        rng: Where randomness comes from.

    Returns:
        Recorded bits, shape ``(sets, shots, len(component.clbits))``.
    """
    reduced = [_reduced(circuit, component, device_name) for circuit in circuits]
    model = noise.noise_model(device_name, component.qubits, _used_inside(circuits[0], component.qubits))
    try:
        data = _run_circuits(reduced, method, model, shots, _seed(rng), None)
    except (AttributeError, TypeError, ValueError, RuntimeError, AerError) as error:
        # Aer knows a part of qiskit's classical expressions, and fails on the others in its own ways.
        raise ProgramError(
            f"The simulator does not run the classical expressions or variables of a circuit: {error}."
        ) from error
    bits = np.stack([_bits(entry["counts"], reduced[0].num_clbits) for entry in data])
    return _shuffled(bits, rng)[:, :, list(component.clbits)]


def _template(
    component: Component,
    order: Sequence[int],
    device_name: str | None,
    *,
    measure: bool,
) -> _Template:
    place = {qubit: index for index, qubit in enumerate(order)}
    bit = {clbit: index for index, clbit in enumerate(component.clbits)}
    circuit = QuantumCircuit(len(order), len(bit) if measure else 0)
    values: dict[Parameter, list[float]] = {}
    after: list[int] = []
    for operation in component.operations:
        qubits = [place[qubit] for qubit in operation.qubits]
        if operation.name == "measure":
            if measure:
                circuit.measure(qubits[0], bit[operation.clbits[0]])
        elif operation.name == "delay":
            error = device_name and noise.relaxation(device_name, operation.qubits[0], operation.seconds)
            if error:
                circuit.append(error.to_instruction(), qubits)
        elif operation.angles:
            circuit.append(operation.operation.base_class(*_arguments(operation, values)), qubits)
        else:
            circuit.append(operation.operation, qubits)
        after.append(len(circuit.data))
    return _Template(circuit, values, after)


def _with_errors(
    circuit: QuantumCircuit,
    errors: Mapping[int, Sequence[tuple[int, int]]],
    after: Sequence[int],
    place: Mapping[int, int],
) -> QuantumCircuit:
    """A copy of a bound circuit with errors put after operations."""
    struck = circuit.copy()
    # From the back, so that the places further ahead stay where they are.
    for operation in sorted(errors, reverse=True):
        for qubit, kind in reversed(errors[operation]):
            instruction = CircuitInstruction(_EVENTS[kind], (struck.qubits[place[qubit]],))
            struck.data.insert(after[operation], instruction)
    return struck


def _arguments(operation: BoundOperation, values: dict[Parameter, list[float]]) -> list[float | Parameter]:
    arguments: list[float | Parameter] = []
    for angle in operation.angles:
        if isinstance(angle, np.ndarray):
            parameter = Parameter(f"a{len(values)}")
            values[parameter] = angle.tolist()
            arguments.append(parameter)
        else:
            arguments.append(float(angle))
    return arguments


def _used(operations: Sequence[BoundOperation]) -> set[tuple[str, tuple[int, ...]]]:
    return {(operation.name, operation.qubits) for operation in operations}


def _used_inside(circuit: QuantumCircuit, qubits: Sequence[int]) -> set[tuple[str, tuple[int, ...]]]:
    """Gates of a circuit and of the blocks in it, on the given qubits of the device."""
    wanted = set(qubits)
    used: set[tuple[str, tuple[int, ...]]] = set()

    def walk(block: QuantumCircuit, places: Sequence[int]) -> None:
        index = dict(zip(block.qubits, places, strict=True))
        for instruction in block.data:
            on = tuple(index[bit] for bit in instruction.qubits)
            if isinstance(instruction.operation, ControlFlowOp):
                for inner in instruction.operation.blocks:
                    walk(inner, on)
            elif instruction.name not in ("barrier", "store") and wanted.issuperset(on):
                used.add((instruction.name, on))

    walk(circuit, range(circuit.num_qubits))
    return used


def _reduced(circuit: QuantumCircuit, component: Component, device_name: str) -> QuantumCircuit:
    """``circuit`` with the component's qubits alone, and all its classical bits, registers and variables.

    Delays relax their qubit, but for those inside of a block, where Aer takes no such error.
    """
    dt = target(devices.device(device_name)).dt
    kept = [circuit.qubits[index] for index in component.qubits]
    reduced = QuantumCircuit(kept, circuit.clbits)
    if not kept:
        # Aer stores nothing in a circuit that measures nothing, so one that only stores gets a measurement.
        reduced.add_bits([Qubit(), Clbit()])
        reduced.measure(0, -1)
    for register in circuit.cregs:
        reduced.add_register(register)
    for variable in circuit.iter_declared_vars():
        reduced.add_uninitialized_var(variable)
    wanted = set(kept)
    for instruction in circuit.data:
        if instruction.name != "barrier" and wanted.issuperset(instruction.qubits):
            reduced.append(instruction)
            if instruction.name == "delay":
                qubit = circuit.find_bit(instruction.qubits[0]).index
                error = noise.relaxation(device_name, qubit, delay_seconds(instruction.operation, dt))
                if error:
                    reduced.append(error.to_instruction(), instruction.qubits)
    return reduced


def _run(
    template: _Template, method: Method, model: NoiseModel | None, *, shots: int, seed: int
) -> list[dict[str, Any]]:
    binds = [template.values] if template.values else None
    return _run_circuits([template.circuit], method, model, shots, seed, binds)


def _run_circuits(
    circuits: Sequence[QuantumCircuit],
    method: Method,
    model: NoiseModel | None,
    shots: int,
    seed: int,
    binds: list[dict[Parameter, list[float]]] | None,
) -> list[dict[str, Any]]:
    # One thread: with more, Aer gives the same seed's shots to threads in another order.
    # The service runs jobs side by side in processes instead.
    options: dict[str, Any] = {"method": method, "max_parallel_threads": 1}
    if method == "matrix_product_state":
        options["matrix_product_state_max_bond_dimension"] = MAX_BOND_DIMENSION
    simulator = AerSimulator(noise_model=model, **options)
    simulator.set_max_qubits(1024)
    result = simulator.run(
        list(circuits), parameter_binds=binds, shots=shots, seed_simulator=seed, memory=False
    ).result()
    if not result.success:
        reasons = {entry.status for entry in result.results if not entry.success} or {result.status}
        raise ProgramError(f"The simulation failed: {'; '.join(sorted(map(str, reasons)))}.")
    return [entry.data.to_dict() for entry in result.results]


def _bits(counts: dict[str, int], width: int) -> BoolArray:
    """Hexadecimal counts as one row a shot, lowest bit first: shape ``(shots, width)``."""
    size = (width + 7) // 8
    raw = b"".join(int(outcome, 16).to_bytes(size, "little") for outcome in counts)
    packed = np.frombuffer(raw, dtype=np.uint8).reshape(len(counts), size)
    rows = np.unpackbits(packed, axis=1, count=width, bitorder="little").astype(bool)
    return np.repeat(rows, list(counts.values()), axis=0)


def _shuffled(bits: BoolArray, rng: np.random.Generator) -> BoolArray:
    """Shots of each set in random order, whole rows kept together."""
    order = np.argsort(rng.random(bits.shape[:2]), axis=1)
    return np.take_along_axis(bits, order[:, :, None], axis=1)


def _seed(rng: np.random.Generator) -> int:
    return int(rng.integers(_SEED_LIMIT))
