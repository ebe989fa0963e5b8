"""The program ``noise-learner``, of circuits (version 2) and of boxed instructions (version 3)."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from qiskit import QuantumCircuit, qasm3
from qiskit.circuit import BoxOp, CircuitInstruction, QuantumRegister
from qiskit.circuit.library import get_standard_gate_name_mapping
from qiskit.quantum_info import PauliList, QubitSparsePauliList, SparsePauliOp

from qrun.local.simulation.client_formats import (
    NOISE_LEARNER_PARAMS_CONVERTERS,
    NOISE_LEARNER_RESULT_ENCODERS,
    IBMInputValueError,
    LayerError,
    LearningProtocol,
    NoiseLearnerV3Result,
    NoiseLearnerV3Results,
    PauliLindbladError,
    RuntimeDecoder,
    RuntimeEncoder,
    find_learning_protocol,
    validate_instruction,
)
from qrun.local.simulation.layer_noise import (
    Layer,
    LearnedNoise,
    Learning,
    learn_layer,
    learn_readout,
)
from qrun.local.simulation.outcome import CODE_UNREADABLE, ProgramError, ProgramOutcome, reason
from qrun.local.simulation.plain_results import plain
from qrun.local.simulation.targets import target
from qrun.local.simulation.timing import ExecutionTiming, circuit_seconds, execution_seconds, job_seconds
from qrun.local.simulation.validation import check_circuit

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from qrun.local.devices import Device

BASES = 9
"""Measurement bases in which all Paulis of all coupled pairs are seen (the client's NoiseLearnerOptions)."""
_STRATEGIES = {
    "active": "active",
    "active-accum": "active_accum",
    "active-circuit": "active_circuit",
    "all": "all",
}


class CircuitOptions(BaseModel):
    """Options of version 2 with their defaults (the client's ``NoiseLearnerOptions``)."""

    model_config = ConfigDict(extra="allow")

    max_layers_to_learn: int | None = Field(default=4, ge=0)
    shots_per_randomization: int = Field(default=128, ge=1)
    num_randomizations: int = Field(default=32, ge=1)
    layer_pair_depths: list[int] = [0, 1, 2, 4, 16, 32]
    twirling_strategy: str = "active-accum"
    max_execution_time: int | None = None

    @property
    def learning(self) -> Learning:
        """How much is measured."""
        return Learning(tuple(self.layer_pair_depths), self.num_randomizations, self.shots_per_randomization)


@dataclass
class Expense:
    """What learning costs of the QPU, as it adds up."""

    device: Device
    timing: ExecutionTiming
    seconds: float = 0.0
    executions: int = 0

    def add(self, circuit: QuantumCircuit, learning: Learning, depths: Iterable[int], bases: int) -> None:
        """Add circuits that run ``circuit`` twice as often as each depth says."""
        once = execution_seconds(QuantumCircuit(circuit.num_qubits), self.device, self.timing)
        layer = circuit_seconds(circuit, self.device)
        for depth in depths:
            executions = bases * learning.samples
            self.executions += executions
            self.seconds += executions * (once + 2 * depth * layer)


def run_noise_learner(device: Device, params: bytes, seed: int | None) -> ProgramOutcome:
    """Run a noise learner job.

    Args:
        device: The device.
        params: JSON text of the job's params: circuits, or instructions with a schema version.
        seed: Makes the answer reproducible.

    Raises:
        ProgramError: The params cannot be read, or have something that cannot be learned.
    """
    rng = np.random.default_rng(seed)
    try:
        version = json.loads(params).get("schema_version")
    except (ValueError, AttributeError) as error:
        raise ProgramError(f"The params are not a JSON object: {error}", CODE_UNREADABLE) from error
    if version is None:
        return _learn_circuits(device, params, rng)
    return _learn_instructions(device, params, version, rng)


# -------------------------------------------------------------------- version 3: boxed instructions


def _learn_instructions(
    device: Device, params: bytes, version: Any, rng: np.random.Generator
) -> ProgramOutcome:
    instructions, options, ignored = _read_instructions(params, version)
    log = [f"program noise-learner, schema {version}, on {device.name}"]
    log += [f"ignored option: {name}" for name in ignored]
    learning = Learning(
        tuple(options.layer_pair_depths), options.num_randomizations, options.shots_per_randomization
    )
    expense = Expense(device, ExecutionTiming(options.execution.rep_delay, options.execution.init_qubits))
    results = []
    for index, instruction in enumerate(instructions):
        try:
            validate_instruction(instruction, target(device))
        except IBMInputValueError as error:
            raise ProgramError(
                f"Instruction {index} cannot be learned: {error.message}", CODE_UNREADABLE
            ) from None
        results.append(_learned_result(instruction, f"instruction {index}", device, learning, rng, expense))
        log.append(
            f"instruction {index}: {len(instruction.qubits)} qubits, from the device's own calibration"
        )
    encoded = NOISE_LEARNER_RESULT_ENCODERS[version](NoiseLearnerV3Results(results))
    return _outcome(encoded.model_dump_json(), expense, log)


def _read_instructions(params: bytes, version: Any) -> tuple[list[CircuitInstruction], Any, list[str]]:
    """Instructions, options, and names of the options that change nothing here."""
    if version not in NOISE_LEARNER_PARAMS_CONVERTERS:
        known = ", ".join(NOISE_LEARNER_PARAMS_CONVERTERS)
        raise ProgramError(
            f"Schema version {version!r} of the noise learner is not known; known are {known}.",
            CODE_UNREADABLE,
        )
    converter = NOISE_LEARNER_PARAMS_CONVERTERS[version]
    try:
        model = converter.model.model_validate_json(params)
        instructions, options = converter.decoder(model)
    # QPY, samplomatic and pydantic read the user's bytes; each has errors of its own.
    except Exception as error:
        raise ProgramError(f"The instructions cannot be read: {reason(error)}", CODE_UNREADABLE) from error
    checks = options.bit_flip_checks
    ignored = [f"experimental.{name}" for name in options.experimental]
    if checks.pre_circuit.enable or checks.post_circuit.enable:
        ignored.append("bit_flip_checks")
    if getattr(getattr(model.options, "post_selection", None), "enable", False):
        ignored.append("post_selection")
    return list(instructions), options, ignored


def _learned_result(
    instruction: CircuitInstruction,
    where: str,
    device: Device,
    learning: Learning,
    rng: np.random.Generator,
    expense: Expense,
) -> NoiseLearnerV3Result:
    qubits = _qubits_of(instruction, device)
    if find_learning_protocol(instruction) is LearningProtocol.TREX:
        learned = learn_readout(qubits, device, learning, rng)
        expense.add(QuantumCircuit(device.num_qubits), learning, [0], 1)
        kept: Any = {"fraction_kept": 1.0, "success_rates": {}}
        protocol = "trex"
    else:
        layer = layer_of(instruction, device)
        learned = learn_layer(layer, device, learning, rng, where)
        expense.add(circuit_of(layer, device.num_qubits), learning, learning.depths, BASES)
        kept = {"fraction_kept": dict.fromkeys(learning.depths, 1.0), "success_rates": {}}
        protocol = "lindblad"
    return NoiseLearnerV3Result.from_generators(
        generators=[
            QubitSparsePauliList.from_sparse_list([(letters, places)], len(qubits))
            for letters, places in learned.generators
        ],
        rates=learned.rates,
        rates_std=learned.deviations,
        metadata={"learning_protocol": protocol, "post_selection": kept},
    )


def _qubits_of(instruction: CircuitInstruction, device: Device) -> tuple[int, ...]:
    """The device's qubits of a boxed instruction, ascending: the order in which the client counts them."""
    index = {bit: number for number, bit in enumerate(QuantumRegister(device.num_qubits, "q"))}
    return tuple(sorted(index[bit] for bit in instruction.qubits))


def layer_of(instruction: CircuitInstruction, device: Device) -> Layer:
    """The two-qubit gates of a boxed instruction, and all qubits of the box."""
    index = {bit: number for number, bit in enumerate(QuantumRegister(device.num_qubits, "q"))}
    places = [index[bit] for bit in instruction.qubits]
    return Layer(_gates(instruction.operation, places), tuple(sorted(places)))


def _gates(box: BoxOp, places: Sequence[int]) -> tuple[tuple[str, tuple[int, int]], ...]:
    index = dict(zip(box.body.qubits, places, strict=True))
    gates = []
    for inner in box.body.data:
        if len(inner.qubits) == 2 and inner.operation.name != "barrier":
            first, second = (index[bit] for bit in inner.qubits)
            gates.append((inner.operation.name, (first, second)))
    return tuple(sorted(gates, key=lambda gate: gate[1]))


# -------------------------------------------------------------------- version 2: circuits


def _learn_circuits(device: Device, params: bytes, rng: np.random.Generator) -> ProgramOutcome:
    circuits, options, for_qiskit = _read_circuits(params)
    log = [f"program noise-learner, version 2, on {device.name}"]
    log += [f"ignored option: {name}" for name, value in (options.model_extra or {}).items() if value]
    for index, circuit in enumerate(circuits):
        check_circuit(circuit, device, f"circuit {index}")
    found = layers_in(circuits, options.twirling_strategy)
    layers = found if options.max_layers_to_learn is None else found[: options.max_layers_to_learn]
    learning = options.learning
    expense = Expense(device, ExecutionTiming())
    data = []
    for index, layer in enumerate(layers):
        learned = learn_layer(layer, device, learning, rng, f"layer {index}")
        expense.add(circuit_of(layer, device.num_qubits), learning, learning.depths, BASES)
        data.append(layer_error(layer, learned))
        log.append(f"layer {index}: {len(layer.gates)} gates on {len(layer.qubits)} qubits")
    if len(layers) < len(found):
        log.append(f"{len(found) - len(layers)} layers more were not learned (max_layers_to_learn)")
    settings = {name: getattr(options, name) for name in CircuitOptions.model_fields}
    result = {"data": data, "metadata": {"backend": device.name, "input_options": settings}}
    text = (
        json.dumps(result, cls=RuntimeEncoder) if for_qiskit else json.dumps(plain(result), allow_nan=False)
    )
    return _outcome(text, expense, log)


def _read_circuits(params: bytes) -> tuple[list[QuantumCircuit], CircuitOptions, bool]:
    """Circuits, options, and whether the result is wanted in qiskit's own types."""
    try:
        decoded: Mapping[str, Any] = json.loads(params, cls=RuntimeDecoder)
        given = dict(decoded.get("options") or {})
        for_qiskit = bool(given.pop("support_qiskit", False))
        circuits = [
            qasm3.loads(circuit) if isinstance(circuit, str) else circuit
            for circuit in decoded.get("circuits") or []
        ]
        options = CircuitOptions.model_validate(given)
    except ValidationError as error:
        problems = "; ".join(f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors())
        raise ProgramError(
            f"Options of the noise learner are not valid: {problems}.", CODE_UNREADABLE
        ) from None
    # The decoder runs QPY and numpy on the user's bytes; each has errors of its own.
    except Exception as error:
        raise ProgramError(f"The params cannot be read: {reason(error)}", CODE_UNREADABLE) from error
    if options.twirling_strategy not in _STRATEGIES:
        raise ProgramError(f"twirling_strategy must be one of {', '.join(_STRATEGIES)}.", CODE_UNREADABLE)
    if any(depth < 0 for depth in options.layer_pair_depths):
        raise ProgramError("layer_pair_depths must be 0 or more.", CODE_UNREADABLE)
    if not all(isinstance(circuit, QuantumCircuit) for circuit in circuits):
        raise ProgramError("circuits must be a list of circuits.", CODE_UNREADABLE)
    return circuits, options, for_qiskit


def layers_in(circuits: Sequence[QuantumCircuit], strategy: str) -> list[Layer]:
    """The different layers of two-qubit Clifford gates in circuits.

    Those that occur most come first, and of those the ones with most gates.

    Args:
        circuits: ISA circuits.
        strategy: Which idle qubits are twirled with a layer, as the client names it.
    """
    from samplomatic.transpiler import generate_boxing_pass_manager

    boxing = generate_boxing_pass_manager(
        enable_gates=True, enable_measures=False, twirling_strategy=_STRATEGIES[strategy]
    )
    counted: Counter[Layer] = Counter()
    for circuit in circuits:
        boxed = boxing.run(circuit)
        index = {bit: number for number, bit in enumerate(boxed.qubits)}
        for instruction in boxed.data:
            if instruction.operation.name != "box":
                continue
            places = [index[bit] for bit in instruction.qubits]
            gates = _gates(instruction.operation, places)
            if gates and find_learning_protocol(instruction) is LearningProtocol.PAULI_LINDBLAD:
                counted[Layer(gates, tuple(sorted(places)))] += 1
    return sorted(counted, key=lambda layer: (-counted[layer], -len(layer.gates), layer.qubits))


def layer_error(layer: Layer, learned: LearnedNoise) -> LayerError:
    """What was learned of a layer, in the client's form of version 2."""
    size = len(layer.qubits)
    sparse = [(letters, list(places), 1) for letters, places in learned.generators]
    generators: PauliList = SparsePauliOp.from_sparse_list(sparse, num_qubits=size).paulis
    place = {qubit: number for number, qubit in enumerate(layer.qubits)}
    small = Layer(tuple((name, (place[a], place[b])) for name, (a, b) in layer.gates), ())
    error = PauliLindbladError(generators, learned.rates)
    return LayerError(circuit_of(small, size), list(layer.qubits), error)


def circuit_of(layer: Layer, size: int) -> QuantumCircuit:
    """The gates of a layer on ``size`` qubits."""
    circuit = QuantumCircuit(size)
    gates = get_standard_gate_name_mapping()
    for name, qubits in layer.gates:
        circuit.append(gates[name], qubits)
    return circuit


def _outcome(result: str, expense: Expense, log: list[str]) -> ProgramOutcome:
    return ProgramOutcome(
        result=result,
        qpu_seconds=job_seconds([expense.seconds]),
        circuits_execution_time_ns=round(expense.seconds * 1e9),
        executions=expense.executions,
        log="\n".join(log) + "\n",
    )
