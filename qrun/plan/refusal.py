"""What is refused before anything is sent: more than a budget, an allocation or a job's limit allows."""

from __future__ import annotations

from qrun.errors import LimitError
from qrun.plan.forecast import RunPlan
from qrun.units import format_seconds

_HOW = "Take fewer shots or a coarser precision; see what costs what with: qrun plan"


def check_budget(plan: RunPlan, budget: float | None) -> None:
    """Refuse a run that is reckoned to use more than its budget, in seconds of usage.

    Raises:
        LimitError: It is.
    """
    usage = plan.usage_seconds(plan.choice.mode)
    if budget is not None and usage > budget:
        raise LimitError(
            f"The run would use {format_seconds(usage)}, more than its budget of {format_seconds(budget)}.",
            f"{_HOW}. Or send it with --force: what is queued when the budget is used up is cancelled.",
        )


def check_allocation(plan: RunPlan, remaining: float | None) -> None:
    """Refuse a run that is reckoned to use more than the instance has left, in seconds of usage.

    Raises:
        LimitError: It is.
    """
    usage = plan.usage_seconds(plan.choice.mode)
    if remaining is not None and usage > remaining:
        raise LimitError(
            f"The run would use {format_seconds(usage)}; the instance has {format_seconds(remaining)} left.",
            f"{_HOW}. Or send it with --force: its jobs wait until older usage leaves the period.",
        )


def check_job_limit(plan: RunPlan) -> None:
    """Refuse a job that the service would end before it is done.

    Raises:
        LimitError: There is one.
    """
    longest = plan.setting.rules.max_job_seconds
    for number, job in enumerate(plan.jobs, 1):
        if job.qpu_seconds > longest:
            raise LimitError(
                f"Job {number} would take {format_seconds(job.qpu_seconds)} of QPU time; the plan of the "
                f"instance ends jobs at {format_seconds(longest)}.",
                "Make several PUBs of its largest one: each can go to a job of its own.",
            )
