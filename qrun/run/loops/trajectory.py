"""What a loop has evaluated, in order: points, costs, standard errors, jobs; the best and the last."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from qrun.ledger import Ledger, Run
from qrun.ledger.loops import Evaluation, LoopLedger, LoopRecord


def best_of(evaluations: Sequence[Evaluation]) -> dict[str, Any] | None:
    """The evaluated point of lowest cost; ``None`` where none has been evaluated."""
    best = None
    for evaluation in evaluations:
        for entry in _entries(evaluation):
            if best is None or entry["value"] < best["value"]:
                best = entry
    return best


def trajectories(ledger: Ledger, run: Run) -> list[dict[str, Any]]:
    """The results of all loops of a run, in the order of its file."""
    return [trajectory(ledger, run, record) for record in LoopLedger(ledger, run.id).loops()]


def trajectory(ledger: Ledger, run: Run, record: LoopRecord) -> dict[str, Any]:
    """A loop's results as one document.

    Returns:
        ``{run, loop, state, reason, method, parameters, best, final, evaluations: […]}``. An evaluation is
        ``{number, iteration, point, value, std, job_id, qpu_seconds}``; a job that evaluated several points
        gives as many.
    """
    evaluations = LoopLedger(ledger, run.id).evaluations(record.name)
    jobs = {job.index: job.job_id for job in run.jobs}
    about = run.settings.get("loops", {}).get(record.name, {})
    entries = [
        {**entry, "job_id": jobs.get(evaluation.job_index), "qpu_seconds": evaluation.timing.get("qpu")}
        for evaluation in evaluations
        for entry in _entries(evaluation)
    ]
    best = min(entries, key=lambda entry: entry["value"], default=None)
    return {
        "run": run.id,
        "loop": record.name,
        "state": record.state,
        "reason": record.reason,
        "method": about.get("method"),
        "parameters": about.get("parameters", []),
        "iterations": record.summary.get("iterations"),
        "jobs": len(evaluations),
        "qpu_seconds": sum(evaluation.timing.get("qpu") or 0.0 for evaluation in evaluations),
        "own_seconds": [
            own for evaluation in evaluations if (own := evaluation.timing.get("own")) is not None
        ],
        "best": best,
        "final": _final(record, entries),
        "evaluations": entries,
    }


def _final(record: LoopRecord, entries: Sequence[dict[str, Any]]) -> Any:
    """Where the optimizer ended, with the cost if that point was evaluated; else the last that was."""
    point = record.summary.get("final")
    if point is None:
        return entries[-1] if entries else None
    at_point = [entry for entry in entries if entry["point"] == point]
    return at_point[-1] if at_point else {"point": point, "value": None, "std": None}


def _entries(evaluation: Evaluation) -> list[dict[str, Any]]:
    reply = evaluation.reply
    if reply is None or reply.get("values") is None:
        return []
    stds = reply.get("stds") or [None] * len(reply["values"])
    return [
        {
            "number": evaluation.number,
            "iteration": evaluation.timing.get("iteration"),
            "point": point,
            "value": value,
            "std": std,
        }
        for point, value, std in zip(evaluation.asked["points"], reply["values"], stds, strict=True)
    ]
