"""What the plan of an instance allows, as planning reckons with it."""

from __future__ import annotations

from qrun.local.scheduling import LEVELS as LEVELS
from qrun.local.scheduling import Background as Background  # rooms above take them from here
from qrun.local.scheduling import Rules as Rules
from qrun.local.scheduling.plans import PLANS
from qrun.plan.mode import OPEN_PLAN


def rules_of(plan_name: str | None) -> Rules:
    """The times to live and limits of a plan; the usual ones of a plan that is not known."""
    return PLANS[OPEN_PLAN].rules if plan_name == OPEN_PLAN else Rules()
