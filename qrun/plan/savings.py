"""What would lower the price of a plan, each with its number."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from qrun.plan.estimate import DeviceTimes, JobEstimate
from qrun.plan.jobs import PlannedJob
from qrun.plan.limits import executions
from qrun.workload.load import Pub

A_MINUTE = 60.0
"""QPU time below which jobs should be combined (M19)."""
_WORTH_TELLING = 0.05
"""Seconds below which a saving is not worth reading."""


@dataclass(frozen=True)
class Saving:
    """A way to use less."""

    seconds: float
    text: str


def savings(
    pubs: Sequence[Pub],
    planned: Sequence[PlannedJob],
    estimates: Sequence[JobEstimate],
    times: DeviceTimes,
    *,
    mitigation_seconds: float = 0.0,
) -> list[Saving]:
    """What would lower the price, the most worth first. Each is reckoned by itself.

    Args:
        pubs: The PUBs of the workload.
        planned: Its jobs.
        estimates: What they take.
        times: The backend's numbers.
        mitigation_seconds: What the Estimator's error mitigation takes: the difference to level 0.
    """
    found = [
        *_rounded_shots(pubs, estimates),
        *_shorter_delay(estimates, times),
        *_short_jobs(planned, estimates),
    ]
    if mitigation_seconds > 0:
        found.append(
            Saving(
                mitigation_seconds,
                "resilience_level: 0 in the options leaves out error mitigation, with its calibration and "
                "amplified circuits; values are then as noisy as the device.",
            )
        )
    worth = [Saving(round(s.seconds, 3), s.text) for s in found if s.seconds >= _WORTH_TELLING]
    return sorted(worth, key=lambda saving: -saving.seconds)


def _rounded_shots(pubs: Sequence[Pub], estimates: Sequence[JobEstimate]) -> Iterator[Saving]:
    """Shots that twirling rounds up to a multiple of its randomizations (facts F3)."""
    seconds, asked, done = 0.0, 0, 0
    for estimate in (pub for job in estimates for pub in job.pubs):
        wanted = executions(pubs[estimate.index])
        if wanted is not None and wanted < estimate.executions:
            seconds += estimate.seconds * (1 - wanted / estimate.executions)
            asked, done = asked + wanted, done + estimate.executions
    if done:
        yield Saving(
            seconds,
            f"Twirling rounds shots up: {asked:,} executions become {done:,}. Take shots that are a multiple "
            "of 32 × 64, or set twirling.num_randomizations and shots_per_randomization.",
        )


def _shorter_delay(estimates: Sequence[JobEstimate], times: DeviceTimes) -> Iterator[Saving]:
    if times.rep_delay_range is None:
        return
    low, high = times.rep_delay_range
    # Below it the reset before each execution has to do what waiting did.
    seconds = sum(job.executions * max(0.0, job.rep_delay - low) for job in estimates)
    delays = {job.rep_delay for job in estimates}
    delay = " and ".join(f"{delay * 1e6:g} µs" for delay in sorted(delays))
    yield Saving(
        seconds,
        f"The {delay} between executions add up. execution.rep_delay takes {low * 1e6:g} to {high * 1e6:g} "
        f"µs here; this is for {low * 1e6:g} µs, and the shorter it is the worse qubits are reset.",
    )


def _short_jobs(planned: Sequence[PlannedJob], estimates: Sequence[JobEstimate]) -> Iterator[Saving]:
    """Jobs under a minute that could be one, if their PUBs agreed (M19)."""
    for primitive in dict.fromkeys(job.primitive for job in planned):
        short = [
            estimate
            for job, estimate in zip(planned, estimates, strict=True)
            if job.primitive == primitive and estimate.qpu_seconds < A_MINUTE
        ]
        if len(short) > 1:
            yield Saving(
                sum(estimate.overhead_seconds for estimate in short[1:]),
                f"{len(short)} {primitive} jobs take less than a minute of QPU time each. Give their PUBs "
                "the same shots or precision and the same options, and they share a job and its overhead.",
            )
