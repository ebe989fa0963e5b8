"""Following a run and looking after it: its budget is kept, and what may be sent again is."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from datetime import datetime, timezone

from qrun.errors import LimitError, QrunError
from qrun.ledger import Ledger, Run
from qrun.run.failures import reason_of
from qrun.run.follow import LONGEST_INTERVAL, Progress, follow
from qrun.run.listening import Listener, Stop
from qrun.run.resume import retry_run
from qrun.run.stop import close_session
from qrun.runtime.control import ControlChannel
from qrun.runtime.records import QUEUED
from qrun.units import format_seconds

BUDGET_INTERVAL = 2.0
"""Seconds between two looks at a run with a budget, at most: what it uses meanwhile may be beyond it."""


def attend(
    channel: ControlChannel,
    ledger: Ledger,
    run: Run,
    *,
    listener: Listener,
    stop: Stop,
    timeout: float | None = None,
    trouble: Callable[[str], None] = lambda _: None,
) -> Iterator[Progress]:
    """Yield a run's progress until it has ended, as :func:`~qrun.run.follow.follow` does.

    Where it has a ``budget``, its queued jobs are cancelled once it is used up. Where it has ``retry``, jobs
    that failed for one of its reasons are sent again, and followed.

    Raises:
        LimitError: The budget is used up.
        TimedOut: ``timeout`` is over; the jobs go on.
        ServiceError: The service refuses the account, or a job.
    """
    budget = run.settings.get("budget")
    deadline = None if timeout is None else time.monotonic() + timeout
    longest = LONGEST_INTERVAL if budget is None else BUDGET_INTERVAL
    while True:
        left = None if deadline is None else max(0.0, deadline - time.monotonic())
        for progress in follow(channel, ledger, run, timeout=left, trouble=trouble, longest=longest):
            again = retriable(progress.run) if progress.ended else []
            if not again:
                yield progress
            if budget is not None:
                keep_budget(channel, ledger, progress, float(budget))
        if not again:
            return
        policy = run.settings["retry"]
        retry_run(channel, ledger, run, frozenset(policy["on"]), listener, stop, most=policy["attempts"])


def retriable(run: Run) -> list[int]:
    """Jobs that the workload's ``retry`` sends again: those that failed for its reasons, often enough yet."""
    policy = run.settings.get("retry")
    if not policy:
        return []
    return [
        job.index for job in run.jobs if job.attempt < policy["attempts"] and reason_of(job) in policy["on"]
    ]


def used_so_far(channel: ControlChannel, progress: Progress) -> float:
    """Seconds of usage so far by the rule of the run's mode (M7–M9), as far as the service tells."""
    ids = {record.id for record in progress.jobs}
    earlier = sum(job.usage_seconds or 0.0 for job in progress.run.attempts if job.job_id not in ids)
    used = earlier + sum(record.usage.seconds or 0.0 for record in progress.jobs)
    if progress.run.mode != "session":
        return used
    whole = 0.0
    for session_id in progress.run.session_ids:
        session = channel.session(session_id)
        if session.usage_seconds is not None:
            whole += session.usage_seconds
        elif session.started_at is not None:
            # The service adds it up at the end. Where its clock is ahead of ours, QPU time is a lower bound.
            end = session.closed_at or datetime.now(timezone.utc)
            whole += max(0.0, (end - session.started_at).total_seconds())
    return max(used, whole)


def keep_budget(channel: ControlChannel, ledger: Ledger, progress: Progress, budget: float) -> None:
    """Stop what has not begun, once a run has used its budget.

    Raises:
        LimitError: It has; what was stopped is told.
    """
    queued = [record for record in progress.jobs if record.state == QUEUED]
    unsent = len(progress.run.unsent)
    if not queued and not unsent:
        return
    used = used_so_far(channel, progress)
    if used < budget:
        return
    cancelled = [record for record in queued if channel.cancel_job(record.id)]
    for session_id in progress.run.session_ids:
        try:
            close_session(channel, ledger, session_id)
        except QrunError:
            # ``qrun list`` names it; that the budget is used up is what must be told.
            continue
    saved = sum(record.estimated_seconds or 0.0 for record in cancelled)
    run_id = progress.run.id
    raise LimitError(
        f"Run {run_id} has used {format_seconds(used)} of its budget of {format_seconds(budget)}. "
        f"{len(cancelled)} queued {'job was' if len(cancelled) == 1 else 'jobs were'} cancelled"
        + (f", which saves about {format_seconds(round(saved, 1))} of QPU time" if saved else "")
        + ("; its session is closed." if progress.run.session_id else "."),
        f"What has been measured: qrun results {run_id}   Send the others after all: qrun retry {run_id}",
    )
