"""A run beside the plan that it was submitted with."""

from __future__ import annotations

from typing import Any

from qrun.errors import UsageError
from qrun.ledger import Run
from qrun.usage.model import UsageAccount


def replay(run: Run, account: UsageAccount) -> dict[str, Any]:
    """What was planned and what then happened, in seconds, as ``--json`` prints it.

    Args:
        run: The run.
        account: Its account.

    Raises:
        UsageError: It was submitted by a qrun that made no plans.
    """
    plan = run.settings.get("plan")
    if not plan:
        raise UsageError(
            f"Run {run.id} has no plan: the qrun that submitted it made none.",
            "Plan its file anew: qrun plan FILE",
        )
    by_id = {job.id: job for job in account.jobs}
    quantum = [job.qpu_seconds for job in account.jobs]
    overheads = [job.overhead_seconds for job in account.jobs]
    jobs = []
    for ledger_job in run.jobs:
        job = by_id.get(ledger_job.job_id or "")
        planned = plan["jobs"][ledger_job.index]["qpu_seconds"]
        jobs.append(_row(str(ledger_job.index + 1), planned, job.qpu_seconds if job else None))
    return {
        "run": run.id,
        "name": run.name,
        "mode": run.mode,
        "reason": plan["reason"],
        "totals": [
            _row("usage", plan["usage_seconds"], account.usage_seconds),
            _row("QPU time", plan["qpu_seconds"], _sum(quantum)),
            _row("overhead", plan["overhead_seconds"], _sum(overheads)),
            _row("wall clock", plan["wall_clock_seconds"], _wall_clock(account)),
        ],
        "jobs": jobs,
    }


def _row(name: str, planned: float | None, was: float | None) -> dict[str, Any]:
    difference = None
    if planned is not None and was is not None and planned:
        difference = round((was - planned) / planned, 6)
    return {"name": name, "planned": planned, "was": was, "difference": difference}


def _sum(values: list[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return round(sum(known), 3) if len(known) == len(values) else None


def _wall_clock(account: UsageAccount) -> float | None:
    """From the first job's start to the last one's end, in seconds: by the clock of the service alone."""
    starts = [job.started for job in account.jobs if job.started]
    ends = [job.finished for job in account.jobs if job.finished]
    if not starts or len(ends) < len(account.jobs):
        return None
    return round((max(ends) - min(starts)).total_seconds(), 3)
