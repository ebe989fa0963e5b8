"""What it saved that loops shared a session."""

from __future__ import annotations

import statistics
from dataclasses import dataclass

from qrun.ledger import Ledger, Run
from qrun.ledger.loops import Evaluation, LoopLedger
from qrun.runtime.control import ControlChannel


@dataclass(frozen=True)
class Sharing:
    """What loops took side by side, and about what they would have taken one after another."""

    loops: int
    together: float | None
    """Seconds from the first job's submission to the last result, on this machine's clock."""
    alone: float | None
    """The same for each loop without the others, added up; an estimate."""
    own_median: float | None
    """Seconds that qrun itself took from a result to the next submission, without the optimizer."""


def sharing_of(channel: ControlChannel, ledger: Ledger, run: Run) -> Sharing:
    """Work out what sharing saved.

    A job's wait, from its submission to its end, is its own but for the time in which the QPU ran others'
    jobs. So what a loop would have taken alone is the time from its first submission to its last result,
    without the QPU time of the other loops' jobs that ended while one of its own was waiting.
    """
    records = LoopLedger(ledger, run.id)
    by_loop = {record.name: _run_here(records.evaluations(record.name)) for record in records.loops()}
    by_loop = {name: found for name, found in by_loop.items() if found}
    own = [e.timing["own"] for found in by_loop.values() for e in found if e.timing.get("own") is not None]
    median = statistics.median(own) if own else None
    if not by_loop:
        return Sharing(0, None, None, median)
    every = [evaluation for found in by_loop.values() for evaluation in found]
    together = max(e.timing["fetched"] for e in every) - min(e.timing["sent"] for e in every)
    alone = sum(
        _alone(found, [e for other, theirs in by_loop.items() if other != name for e in theirs])
        for name, found in by_loop.items()
    )
    return Sharing(len(by_loop), together, alone, median)


def _run_here(evaluations: list[Evaluation]) -> list[Evaluation]:
    """Those whose whole life was seen by one process."""
    return [e for e in evaluations if e.timing.get("sent") and e.timing.get("fetched")]


def _alone(own: list[Evaluation], others: list[Evaluation]) -> float:
    lasted = own[-1].timing["fetched"] - own[0].timing["sent"]
    waited = 0.0
    for evaluation in own:
        sent, end = evaluation.timing["sent"], evaluation.timing["noticed"]
        wait = max(0.0, end - sent - (evaluation.timing.get("qpu") or 0.0))
        theirs = sum(e.timing.get("qpu") or 0.0 for e in others if sent < e.timing["noticed"] <= end)
        waited += min(wait, theirs)
    return float(lasted - waited)
