"""Shots of a circuit under many sets of parameter values: split, simulate each part, put side by side."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from math import prod
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from qrun.local.simulation import aer, chains, error_patterns, lanes, methods, one_qubit, pauli_frames
from qrun.local.simulation.binding import bind, round_to_clifford
from qrun.local.simulation.components import Component, components
from qrun.local.simulation.draws import draw_outcomes, outcome_bits
from qrun.local.simulation.outcome import ProgramError
from qrun.local.simulation.targets import target

if TYPE_CHECKING:
    from qiskit import QuantumCircuit

    from qrun.local.devices import Device

BoolArray = npt.NDArray[np.bool_]
FloatArray = npt.NDArray[np.float64]

MAX_RESULT_BITS = 1_000_000_000
"""Most measured bits that one item may have, at a byte each while they are put together."""


@dataclass(frozen=True)
class Plan:
    """A circuit under sets of parameter values, and how each part of it is to be simulated.

    Args:
        circuit: The circuit.
        values: Its parameter values, shape ``(sets, circuit.num_parameters)``.
        shape: The shape that the sets had.
        shots: Shots a set.
        device_name: The device.
        parts: Its components, each with the way chosen for it.
        dry: Whether its data are drawn at random and nothing is simulated.
    """

    circuit: QuantumCircuit
    values: FloatArray
    shape: tuple[int, ...]
    shots: int
    device_name: str
    parts: list[tuple[Component, methods.Choice]]
    dry: bool = False

    def log_lines(self) -> list[str]:
        """How each component is simulated and why, a line each kind."""
        if self.dry:
            return ["  a dry run: random data"]
        tally = Counter(choice.why for _, choice in self.parts)
        return [f"  {count} × {why}" if count > 1 else f"  {why}" for why, count in tally.items()]


def plan_circuit(circuit: QuantumCircuit, values: FloatArray, shots: int, device: Device) -> Plan:
    """Decide how a circuit is simulated, before anything is.

    Args:
        circuit: An ISA circuit.
        values: Its parameter values, the last axis being over ``circuit.parameters``.
        shots: Shots of each set of values.
        device: The device.

    Raises:
        ProgramError: A part of it is too large, or has something that is not simulated.
    """
    shape = values.shape[:-1]
    sets = prod(shape)
    if sets * shots * max(1, circuit.num_clbits) > MAX_RESULT_BITS:
        raise ProgramError(
            f"{sets} sets of parameter values × {shots} shots × {circuit.num_clbits} bits are more than "
            "fit in memory; split the PUB."
        )
    flat = np.asarray(values, dtype=float).reshape(sets, circuit.num_parameters)
    if device.is_mock:
        return Plan(circuit, flat, shape, shots, device.name, [], dry=True)
    operations = bind(circuit, flat, target(device).dt)
    has_variables = any(True for _ in circuit.iter_vars())
    parts = components(operations, together=has_variables)
    chosen = [(part, methods.choose(part, device.name, shots)) for part in parts]
    return Plan(circuit, flat, shape, shots, device.name, chosen)


def sample_circuit(plan: Plan, rng: np.random.Generator) -> dict[str, BoolArray]:
    """Run a circuit on a device.

    Args:
        plan: The circuit, and how it is simulated.
        rng: Where randomness comes from.

    Returns:
        Recorded bits of each classical register, shape ``(*sets, shots, register.size)``.

    Raises:
        ProgramError: The simulator does not run something in it.
    """
    circuit, sets, shots = plan.circuit, len(plan.values), plan.shots
    if plan.dry:
        return {
            register.name: rng.integers(0, 2, (*plan.shape, shots, register.size), dtype=np.uint8).astype(
                bool
            )
            for register in circuit.cregs
        }
    bits = np.zeros((sets, shots, circuit.num_clbits), dtype=bool)
    for (part, choice), part_rng in zip(plan.parts, rng.spawn(len(plan.parts)), strict=True):
        if sets:
            bits[:, :, list(part.clbits)] = _sample_component(
                part, choice, circuit, plan.values, shots, plan.device_name, part_rng
            )
    index = {bit: place for place, bit in enumerate(circuit.clbits)}
    return {
        register.name: bits[:, :, [index[bit] for bit in register]].reshape(*plan.shape, shots, register.size)
        for register in circuit.cregs
    }


def _sample_component(
    component: Component,
    choice: methods.Choice,
    circuit: QuantumCircuit,
    values: FloatArray,
    shots: int,
    device_name: str,
    rng: np.random.Generator,
) -> BoolArray:
    sets = len(values)
    if choice.kind == "one qubit":
        return one_qubit.sample(component, device_name, sets, shots, rng)
    if component.is_dynamic:
        bound = [circuit] * sets
        if circuit.parameters:
            bound = [circuit.assign_parameters(row) for row in round_to_clifford(values)]
        return aer.sample_dynamic(bound, component, device_name, choice.method, shots, rng)
    order = methods.order(component, choice)
    if choice.kind == "exact":
        table = aer.probabilities(component, order, device_name, choice.method)
        return outcome_bits(draw_outcomes(table, sets, shots, rng), len(component.clbits))
    if choice.kind == "Pauli frames":
        return pauli_frames.sample(component, device_name, sets, shots, rng)
    if choice.kind == "lanes":
        return lanes.sample(component, order, device_name, sets, shots, rng)
    if choice.kind == "chain":
        return chains.sample(component, order, device_name, sets, shots, rng)
    if choice.kind == "error patterns":
        return error_patterns.sample(component, order, device_name, choice.method, sets, shots, rng)
    return aer.sample(component, order, device_name, choice.method, sets, shots, rng)
