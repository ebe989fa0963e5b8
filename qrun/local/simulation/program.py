"""A quantum program run item by item: what ``executor`` jobs and server-side primitives have in common."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
from samplomatic.exceptions import SamplexError
from samplomatic.quantum_program import SamplexItem

from qrun.local.simulation.client_formats import broadcast_sample
from qrun.local.simulation.outcome import CODE_UNREADABLE, ProgramError, ProgramOutcome
from qrun.local.simulation.sampling import plan_circuit, sample_circuit
from qrun.local.simulation.timing import ExecutionTiming, execution_seconds, job_seconds
from qrun.local.simulation.validation import check_circuit, check_rzz_angles, check_shots

if TYPE_CHECKING:
    from collections.abc import Sequence

    from qrun.local.devices import Device
    from qrun.local.simulation.client_formats import QuantumProgram

_PARAMETER_VALUES = "parameter_values"


@dataclass(frozen=True)
class ItemOutcome:
    """What one item of a quantum program gave.

    Args:
        arrays: Measured bits of each register and what its samplex drew, by name.
        shape: The item's shape: one element for each bound circuit.
        shots: Shots of each.
        seconds: Modelled time that it executed for.
    """

    arrays: dict[str, npt.NDArray[Any]]
    shape: tuple[int, ...]
    shots: int
    seconds: float

    @property
    def size(self) -> int:
        """How many bound circuits it has."""
        return prod(self.shape)

    @property
    def executions(self) -> int:
        """How many times a circuit ran."""
        return self.size * self.shots


def check_program(program: QuantumProgram, device: Device) -> None:
    """Refuse a program that the device cannot run, before any of it is simulated.

    Raises:
        ProgramError: Something in it is not supported.
    """
    if program.meas_level != "classified":
        raise ProgramError(
            f"Measurement level {program.meas_level!r} is not simulated; only 'classified' is (meas_type)."
        )
    check_shots(program.shots, device)
    for index, item in enumerate(program.items):
        check_circuit(item.circuit, device, f"item {index}")


def run_items(
    program: QuantumProgram,
    device: Device,
    timing: ExecutionTiming,
    rng: np.random.Generator,
    log: list[str],
) -> list[ItemOutcome]:
    """Run all items of a program.

    Args:
        program: The program.
        device: The device.
        timing: What changes how long executions take.
        rng: Where randomness comes from.
        log: Gets plain lines about how each item was simulated.

    Raises:
        ProgramError: An item is too large, or has something that is not simulated.
    """
    check_program(program, device)
    rngs = rng.spawn(len(program.items))
    # All items are looked at before the first is simulated: what the last one is refused for costs no wait.
    planned = []
    for index, (item, item_rng) in enumerate(zip(program.items, rngs, strict=True)):
        drawn, values = _arguments(item, item_rng)
        check_rzz_angles(item.circuit, values, device, f"item {index}")
        planned.append((drawn, plan_circuit(item.circuit, values, program.shots, device)))
    outcomes = []
    for index, ((drawn, plan), item_rng) in enumerate(zip(planned, rngs, strict=True)):
        executions = prod(plan.shape) * program.shots
        log.append(
            f"item {index}: {plan.circuit.num_qubits} qubits, "
            f"{prod(plan.shape)} bound circuits × {program.shots} shots"
        )
        log.extend(plan.log_lines())
        measured = sample_circuit(plan, item_rng)
        seconds = execution_seconds(plan.circuit, device, timing) * executions
        outcomes.append(ItemOutcome({**drawn, **measured}, plan.shape, program.shots, seconds))
    return outcomes


def spans_of(items: Sequence[ItemOutcome], start: datetime | None = None) -> list[tuple[datetime, datetime]]:
    """When each item executes in modelled time, one after the other from ``start`` (now, in UTC)."""
    moment = datetime.now(timezone.utc) if start is None else start
    spans = []
    for item in items:
        end = moment + timedelta(seconds=item.seconds)
        spans.append((moment, end))
        moment = end
    return spans


def outcome(result: str, items: Sequence[ItemOutcome], log: Sequence[str]) -> ProgramOutcome:
    """A job's outcome from its items' and the text of its result."""
    executing = sum(item.seconds for item in items)
    return ProgramOutcome(
        result=result,
        qpu_seconds=job_seconds([item.seconds for item in items]),
        circuits_execution_time_ns=round(executing * 1e9),
        executions=sum(item.executions for item in items),
        log="\n".join(log) + "\n",
    )


def _arguments(
    item: Any, rng: np.random.Generator
) -> tuple[dict[str, npt.NDArray[Any]], npt.NDArray[np.float64]]:
    """What the item's samplex draws to be returned, and the circuit's parameter values."""
    if not isinstance(item, SamplexItem):
        return {}, np.asarray(item.circuit_arguments, dtype=float)
    try:
        item.samplex.finalize()  # One that came over the wire is not.
        drawn = broadcast_sample(item.samplex, item.samplex_arguments, tuple(item.shape), rng)
    except (ValueError, TypeError, KeyError, SamplexError) as error:
        raise ProgramError(f"A samplex cannot be sampled: {error}", CODE_UNREADABLE) from error
    if item.circuit.num_parameters == 0:
        drawn.pop(_PARAMETER_VALUES, None)
        return drawn, np.zeros((*item.shape, 0))
    return drawn, np.asarray(drawn.pop(_PARAMETER_VALUES), dtype=float)
