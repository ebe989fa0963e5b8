"""Noise models of layers for an Estimator with PEA or PEC: the job brings them, or they are learned in it.

IBM's server-side Estimator learns by itself what it is not given, and so does this one, with the job's
options for it; the client-side Estimator, whose machinery runs here, has to be given everything.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from pydantic import ValidationError
from qiskit.circuit import QuantumRegister
from qiskit.quantum_info import PauliLindbladMap, QubitSparsePauliList
from samplomatic.annotations import InjectNoise
from samplomatic.transpiler import generate_boxing_pass_manager
from samplomatic.utils import get_annotation

from qrun.local.simulation.client_formats import (
    LayerError,
    estimator_boxing_options,
    finalize_estimator_options,
)
from qrun.local.simulation.layer_noise import Layer, LearnedNoise, learn_layer
from qrun.local.simulation.noise_learner import (
    BASES,
    CircuitOptions,
    Expense,
    circuit_of,
    layer_error,
    layer_of,
)
from qrun.local.simulation.outcome import CODE_UNREADABLE, ProgramError
from qrun.local.simulation.program import ItemOutcome
from qrun.local.simulation.timing import ExecutionTiming

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from qiskit.circuit import CircuitInstruction
    from qiskit.primitives.containers.estimator_pub import EstimatorPub

    from qrun.local.devices import Device
    from qrun.local.simulation.primitive_options import PrimitiveOptions


@dataclass
class LayerModels:
    """What is known of the noise of a job's layers.

    Args:
        model: In the form that the client-side Estimator takes.
        errors: In the form that the job's result gives back.
        seconds: QPU time that learning took.
        executions: Executions that learning took.
    """

    model: list[tuple[CircuitInstruction, PauliLindbladMap]] | None = None
    errors: list[LayerError] = field(default_factory=list)
    seconds: float = 0.0
    executions: int = 0

    @property
    def item(self) -> ItemOutcome:
        """Learning as one more item of the job's program, for its account."""
        return ItemOutcome({}, (1,), self.executions, self.seconds)


def models_for(
    pubs: Sequence[EstimatorPub],
    options: PrimitiveOptions,
    device: Device,
    rng: np.random.Generator,
    log: list[str],
) -> LayerModels:
    """The noise models that the PUBs need: none without PEA or PEC.

    Args:
        pubs: The PUBs.
        options: The job's options.
        device: The device.
        rng: Where randomness comes from.
        log: Gets a line for each layer.

    Raises:
        ProgramError: What is given is no noise model, or a layer cannot be learned.
    """
    errors = _errors_in(options.layer_noise_model)
    final = finalize_estimator_options(options.model)
    resilience = final.resilience
    amplified = resilience.zne_mitigation and resilience.zne.amplifier == "pea"
    if not (resilience.pec_mitigation or amplified):
        return LayerModels(errors=errors)
    settings = _settings(options.layer_noise_learning)
    known = {_layer_of_error(error): error for error in errors}
    expense = Expense(device, ExecutionTiming(final.execution.rep_delay, final.execution.init_qubits))
    found = LayerModels(model=[], errors=list(errors))
    assert found.model is not None
    limit = settings.max_layers_to_learn
    learned_count = 0
    for instruction in _layers_to_know(pubs, final, device):
        layer = layer_of(instruction, device)
        size = len(layer.qubits)
        if (error := known.get(layer)) is not None:
            found.model.append((instruction, _map_of_error(error)))
            log.append(f"layer on {size} qubits: its noise model came with the job")
        elif limit is not None and learned_count >= limit:
            found.model.append((instruction, PauliLindbladMap.identity(size)))
            log.append(f"layer on {size} qubits: not mitigated (max_layers_to_learn)")
        else:
            learned = learn_layer(layer, device, settings.learning, rng, f"layer {learned_count}")
            learned_count += 1
            expense.add(
                circuit_of(layer, device.num_qubits), settings.learning, settings.learning.depths, BASES
            )
            found.model.append((instruction, _map_of(learned, size)))
            found.errors.append(layer_error(layer, learned))
            log.append(f"layer on {size} qubits: its noise was learned")
    found.seconds, found.executions = expense.seconds, expense.executions
    return found


def _settings(learning: Mapping[str, Any]) -> CircuitOptions:
    try:
        return CircuitOptions.model_validate(dict(learning))
    except ValidationError as error:
        problems = "; ".join(f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors())
        raise ProgramError(
            f"Options layer_noise_learning are not valid: {problems}.", CODE_UNREADABLE
        ) from None


def _errors_in(given: Any) -> list[LayerError]:
    if given is None:
        return []
    errors = list(getattr(given, "data", given))
    if not all(isinstance(error, LayerError) for error in errors):
        raise ProgramError("layer_noise_model must be a list of LayerError.", CODE_UNREADABLE)
    return [error for error in errors if error.error is not None]


def _layers_to_know(pubs: Sequence[EstimatorPub], options: Any, device: Device) -> list[CircuitInstruction]:
    """The different boxes of the PUBs that are to be annotated with noise, on the device's own register."""
    boxing = generate_boxing_pass_manager(
        **estimator_boxing_options(options.twirling, bool(options.resilience.measure_mitigation), True),
        inject_noise_targets="gates",
        inject_noise_strategy="uniform_modification",
    )
    register = QuantumRegister(device.num_qubits, "q")
    found: dict[str, CircuitInstruction] = {}
    for pub in pubs:
        boxed = boxing.run(pub.circuit)
        places = {bit: register[index] for index, bit in enumerate(boxed.qubits)}
        for instruction in boxed.data:
            if instruction.operation.name != "box":
                continue
            annotation = get_annotation(instruction.operation, InjectNoise)
            if annotation is not None:
                qubits = [places[bit] for bit in instruction.qubits]
                found.setdefault(annotation.ref, instruction.replace(qubits=qubits))
    return list(found.values())


def _layer_of_error(error: LayerError) -> Layer:
    index = {bit: place for place, bit in enumerate(error.circuit.qubits)}
    gates = []
    for inner in error.circuit.data:
        if len(inner.qubits) == 2 and inner.operation.name != "barrier":
            first, second = (error.qubits[index[bit]] for bit in inner.qubits)
            gates.append((inner.operation.name, (first, second)))
    return Layer(tuple(sorted(gates, key=lambda gate: gate[1])), tuple(sorted(error.qubits)))


def _map_of_error(error: LayerError) -> PauliLindbladMap:
    """The error's model with its qubits in ascending order."""
    order = sorted(error.qubits)
    places = [order.index(qubit) for qubit in error.qubits]
    generators = []
    for pauli in error.error.generators:
        letters = pauli.to_label().lstrip("+")[::-1]
        generators.append(
            (
                "".join(letter for letter in letters if letter != "I"),
                tuple(places[index] for index, letter in enumerate(letters) if letter != "I"),
            )
        )
    rates = np.asarray(error.error.rates, dtype=float)
    return _map_of(LearnedNoise(generators, rates, np.zeros_like(rates)), len(order))


def _map_of(learned: LearnedNoise, size: int) -> PauliLindbladMap:
    paulis = QubitSparsePauliList.from_sparse_list(
        [(letters, list(places)) for letters, places in learned.generators], size
    )
    return PauliLindbladMap.from_components(learned.rates, paulis)
