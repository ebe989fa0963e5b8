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


QUEUEING = "each iteration waits in the queue anew, which a session saves"
"""What loops cost without a session."""


def choose_mode(asked: str, num_jobs: int, *, loops: bool = False, exclusive: bool = False) -> ModeChoice:
    """The mode to run in.

    Args:
        asked: ``job``, ``batch``, ``session``, or ``auto``: one job goes in job mode, several in a batch.
        num_jobs: How many jobs there are.
        loops: Whether there are loops, whose next input depends on the last result: a session then.
        exclusive: Whether the file asks for the device alone: a session then.
    """
    if asked != "auto":
        also = f"; {QUEUEING}" if loops and asked != "session" else ""
        return ModeChoice(asked, TRADE_OFFS[asked] + also)
    if loops:
        return ModeChoice("session", f"loops; {TRADE_OFFS['session']}")
    if exclusive:
        return ModeChoice("session", f"exclusive: true; {TRADE_OFFS['session']}")
    if num_jobs == 1:
        return ModeChoice("job", f"one job; {TRADE_OFFS['job']}")
    return ModeChoice("batch", f"{num_jobs} independent jobs; {TRADE_OFFS['batch']}")


def allowed_mode(choice: ModeChoice, asked: str, plan_name: str | None, *, loops: bool = False) -> ModeChoice:
    """A session where the plan has any; where the choice was qrun's because of loops, job mode in its place.

    Args:
        choice: The choice so far.
        asked: What the user asked for.
        plan_name: The plan of the instance.
        loops: Whether there are loops.

    Raises:
        LimitError: A session was asked for, and the plan has none.
    """
    if asked == "auto" and loops and choice.mode == "session" and plan_name == OPEN_PLAN:
        return ModeChoice("job", f"the Open plan has no sessions; {QUEUEING}")
    check_plan(choice.mode, plan_name)
    return choice


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
