"""Shots of a circuit under many sets of parameter values: split, simulate each part, put side by side."""

from __future__ import annotations

from collections import Counter
from math import prod
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from qrun.local.simulation import aer, error_patterns, lanes, methods, one_qubit, pauli_frames
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


def sample_circuit(
    circuit: QuantumCircuit,
    values: FloatArray,
    shots: int,
    device: Device,
    rng: np.random.Generator,
    log: list[str],
) -> dict[str, BoolArray]:
    """Run a circuit on a device.

    Args:
        circuit: An ISA circuit of the device.
        values: Parameter values, shape ``(*shape, circuit.num_parameters)``.
        shots: Shots for each set of values.
        device: The device.
        rng: Where randomness comes from; the same generator state gives the same bits.
        log: Gets a line for each way of simulating that was used.

    Returns:
        Bits of each classical register, shape ``(*shape, shots, size)``, lowest bit first.

    Raises:
        ProgramError: The circuit is too large to simulate, or has something that is not simulated.
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
        log.append("  a dry run: random data")
        return {
            register.name: rng.integers(0, 2, (*shape, shots, register.size), dtype=np.uint8).astype(bool)
            for register in circuit.cregs
        }
    operations = bind(circuit, flat, target(device).dt)
    has_variables = any(True for _ in circuit.iter_vars())
    parts = components(operations, together=has_variables)
    bits = np.zeros((sets, shots, circuit.num_clbits), dtype=bool)
    tally: Counter[str] = Counter()
    for part, part_rng in zip(parts, rng.spawn(len(parts)), strict=True):
        choice = methods.choose(part, device.name, shots)
        tally[choice.why] += 1
        if sets:
            bits[:, :, list(part.clbits)] = _sample_component(
                part, choice, circuit, flat, shots, device.name, part_rng
            )
    log.extend(f"  {count} × {why}" if count > 1 else f"  {why}" for why, count in tally.items())
    index = {bit: place for place, bit in enumerate(circuit.clbits)}
    return {
        register.name: bits[:, :, [index[bit] for bit in register]].reshape(*shape, shots, register.size)
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
    if choice.kind == "error patterns":
        return error_patterns.sample(component, order, device_name, choice.method, sets, shots, rng)
    return aer.sample(component, order, device_name, choice.method, sets, shots, rng)
