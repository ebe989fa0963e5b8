"""Which execution mode, and why (M4)."""

from __future__ import annotations

from dataclasses import dataclass

from qrun.errors import LimitError

TRADE_OFFS = {
    "job": "easiest, for a small experiment; may start sooner than a batch",
    "batch": "one scheduling for all jobs; only QPU time counts as usage",
    "session": "a dedicated, exclusive QPU; the wall clock counts as usage while the session is active",
}
"""What each mode is good for, in the words of the mission's row M4."""

OPEN_PLAN = "open"


@dataclass(frozen=True)
class ModeChoice:
    """A mode and the reason for it."""

    mode: str
    reason: str


def choose_mode(asked: str, num_jobs: int) -> ModeChoice:
    """The mode to run in.

    Args:
        asked: ``job``, ``batch``, ``session``, or ``auto``: one job goes in job mode, several in a batch.
        num_jobs: How many jobs there are.
    """
    if asked != "auto":
        return ModeChoice(asked, TRADE_OFFS[asked])
    if num_jobs == 1:
        return ModeChoice("job", f"one job; {TRADE_OFFS['job']}")
    return ModeChoice("batch", f"{num_jobs} independent jobs; {TRADE_OFFS['batch']}")


def check_plan(mode: str, plan_name: str | None) -> None:
    """Refuse a session on the Open plan before anything is sent (M14).

    Raises:
        LimitError: The plan has no sessions.
    """
    if mode == "session" and plan_name == OPEN_PLAN:
        raise LimitError(
            "The instance is on the Open plan, which has no sessions.",
            "Use --mode batch (one scheduling for all jobs) or --mode job, or an instance of a paid plan.",
        )
