"""How many seconds of QPU time PUBs and jobs take, counted from what the client would really send."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from qrun.qpu_time import JOB_OVERHEAD_SECONDS, circuit_seconds, reset_seconds

if TYPE_CHECKING:
    from qiskit.transpiler import Target

    from qrun.runtime.programs import Program

USUAL_REP_DELAY = 250e-6
"""Seconds between executions where a backend does not tell: the default of most QPUs (facts F4)."""

UNCERTAINTY = (
    "IBM charges whole seconds, and its overhead a job is not published: about 2 s for tiny jobs, more for "
    "jobs of many circuits"
)
"""What the model leaves out on IBM's devices (facts F2, F5). The local service charges by this very model."""


@dataclass(frozen=True)
class DeviceTimes:
    """A backend's own numbers, as the client tells them."""

    target: Target
    rep_delay: float
    """Default delay between executions, in seconds."""
    rep_delay_range: tuple[float, float] | None = None
    """Delays that may be asked for, in seconds; ``None`` where it can't be chosen."""


@dataclass(frozen=True)
class PubEstimate:
    """One PUB's part of a job."""

    index: int
    """In the file."""
    executions: int
    seconds: float
    """QPU time of its executions."""


@dataclass(frozen=True)
class JobEstimate:
    """What a job takes."""

    pubs: tuple[PubEstimate, ...]
    shared_executions: int
    """Executions that serve all of its PUBs: readout calibration."""
    shared_seconds: float
    rep_delay: float
    """The delay between its executions, in seconds."""
    payload_bytes: int
    overhead_seconds: float = JOB_OVERHEAD_SECONDS

    @property
    def executions(self) -> int:
        """All of them."""
        return self.shared_executions + sum(pub.executions for pub in self.pubs)

    @property
    def execution_seconds(self) -> float:
        """QPU time in which circuits run."""
        return self.shared_seconds + sum(pub.seconds for pub in self.pubs)

    @property
    def qpu_seconds(self) -> float:
        """QPU time, overhead included."""
        return self.overhead_seconds + self.execution_seconds

    def part(self, positions: Sequence[int]) -> JobEstimate:
        """What a job of some of the PUBs would take; it calibrates for itself."""
        pubs = tuple(self.pubs[position] for position in positions)
        size = round(self.payload_bytes * len(pubs) / len(self.pubs))
        return JobEstimate(pubs, self.shared_executions, self.shared_seconds, self.rep_delay, size)


def estimate_job(
    program: Program, pubs: Sequence[int], times: DeviceTimes, *, payload_bytes: int = 0
) -> JobEstimate:
    """Reckon a job.

    ``executions × (duration of the ISA circuit + repetition delay + reset)`` for each circuit of it, by the
    backend's own numbers (IBM's guide "Estimate job run time", facts F2).

    Args:
        program: What it would execute.
        pubs: Indices of its PUBs in the file.
        times: The backend's numbers.
        payload_bytes: Size of its request, encoded.
    """
    delay = times.rep_delay if program.rep_delay is None else program.rep_delay
    between = delay + (reset_seconds(times.target) if program.init_qubits else 0.0)
    executions, seconds = [0] * len(pubs), [0.0] * len(pubs)
    shared_executions, shared_seconds = 0, 0.0
    for item in program.items:
        count = item.bound * program.shots
        took = count * (between + circuit_seconds(item.circuit, times.target))
        if item.pub is None:
            shared_executions += count
            shared_seconds += took
        else:
            executions[item.pub] += count
            seconds[item.pub] += took
    return JobEstimate(
        pubs=tuple(map(PubEstimate, pubs, executions, seconds)),
        shared_executions=shared_executions,
        shared_seconds=shared_seconds,
        rep_delay=delay,
        payload_bytes=payload_bytes,
    )
