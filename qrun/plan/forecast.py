"""What a run will use, take and cost: in the mode it has, in the others, and packed otherwise."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from qrun.local.scheduling import Background, Rules
from qrun.plan.estimate import JobEstimate
from qrun.plan.mode import ModeChoice
from qrun.plan.packing import as_what_if, parts_of
from qrun.plan.whatif import Outcome, what_if

MODES = ("job", "batch", "session")


@dataclass(frozen=True)
class Setting:
    """Where a run is planned for."""

    rules: Rules = field(default_factory=Rules)
    background: Background | None = None
    """Other users' jobs; nobody where ``None``."""
    device: str = ""


@dataclass(frozen=True)
class Forecast:
    """Jobs in a mode."""

    name: str
    """The mode, or the way of packing."""
    outcome: Outcome
    overhead_seconds: float

    def as_dict(self) -> dict[str, Any]:
        """As ``--json`` prints it, without the price."""
        return {
            "name": self.name,
            "mode": self.outcome.mode,
            "jobs": self.outcome.jobs,
            "usage_seconds": self.outcome.usage_seconds,
            "qpu_seconds": self.outcome.qpu_seconds,
            "overhead_seconds": self.overhead_seconds,
            "idle_seconds": self.outcome.idle_seconds,
            "wall_clock_seconds": round(self.outcome.wall_clock_seconds, 3),
        }


@dataclass(frozen=True)
class RunPlan:
    """A run's jobs, and why they are so."""

    choice: ModeChoice
    advised: ModeChoice
    """What auto would have chosen."""
    jobs: tuple[JobEstimate, ...]
    groups: tuple[JobEstimate, ...]
    setting: Setting
    sessions: bool = True
    """Whether the plan of the instance has sessions."""

    @property
    def forecast(self) -> Forecast:
        """The run as it would be sent."""
        return forecast(self.jobs, self.choice.mode, self.setting)

    @property
    def qpu_seconds(self) -> float:
        """QPU time of all jobs."""
        return round(sum(job.qpu_seconds for job in self.jobs), 3)

    def usage_seconds(self, mode: str) -> float:
        """Usage in a mode, by its rule (M7–M9)."""
        if mode != "session":
            # Quantum time only, whatever the order.
            return self.qpu_seconds
        return forecast(self.jobs, mode, self.setting).outcome.usage_seconds

    def modes(self) -> list[Forecast]:
        """The same jobs in each mode that the plan has."""
        modes = [mode for mode in MODES if mode != "session" or self.sessions]
        return [forecast(self.jobs, mode, self.setting) for mode in modes]

    def packings(self) -> list[Forecast]:
        """The same PUBs packed otherwise, in the run's mode."""
        mode = self.choice.mode
        single = [[[i] for i in range(len(group.pubs))] for group in self.groups]
        several = "batch" if mode == "job" else mode
        ways = [
            ("as planned", self.jobs, mode),
            ("as few jobs as can be", self.groups, mode),
            ("one job a PUB", parts_of(self.groups, single), several),
        ]
        return [forecast(jobs, way, self.setting, name) for name, jobs, way in ways]

    def as_record(self) -> dict[str, Any]:
        """What the ledger keeps, for a comparison with what then happened."""
        return {
            "mode": self.choice.mode,
            "reason": self.choice.reason,
            **{k: v for k, v in self.forecast.as_dict().items() if k not in ("name", "mode", "jobs")},
            "jobs": [job_record(job) for job in self.jobs],
        }


def job_record(job: JobEstimate) -> dict[str, Any]:
    """A job's estimate, as ``--json`` prints it and the ledger keeps it."""
    return {
        "pubs": [pub.index for pub in job.pubs],
        "qpu_seconds": round(job.qpu_seconds, 3),
        "overhead_seconds": job.overhead_seconds,
        "executions": job.executions,
        "payload_bytes": job.payload_bytes,
    }


def forecast(jobs: Sequence[JobEstimate], mode: str, setting: Setting, name: str | None = None) -> Forecast:
    """What jobs that are all there at once use and take in a mode."""
    outcome = what_if(
        as_what_if(jobs, setting.rules),
        mode,
        setting.rules,
        background=setting.background,
        device=setting.device,
    )
    return Forecast(name or mode, outcome, round(sum(job.overhead_seconds for job in jobs), 3))
