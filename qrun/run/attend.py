"""Following a run and looking after it: its budget is kept, and what may be sent again is."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timezone
from functools import partial

from qrun.errors import LimitError, ServiceError
from qrun.ledger import Ledger, Run
from qrun.run.failures import reason_of
from qrun.run.follow import Progress, follow, out_of_time, passes
from qrun.run.listening import Listener, Stop
from qrun.run.pace import LONGEST_INTERVAL, Outage, Pace, pause
from qrun.run.resume import retry_run
from qrun.run.stop import close_session
from qrun.runtime.control import ControlChannel
from qrun.runtime.records import CANCELLED, QUEUED, JobRecord
from qrun.runtime.replies import Unreachable
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
    back: Callable[[float], None] = lambda _: None,
    with_session: bool = False,
) -> Iterator[Progress]:
    """Yield a run's progress until it has ended, as :func:`~qrun.run.follow.follow` does.

    A service that does not answer ends neither of these: they are tried again, as the following is.

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
    outage = Outage(trouble, back)

    def insist(action: Callable[[], object], is_outage: Callable[[ServiceError], bool]) -> None:
        pace = Pace(channel.account.first_poll_seconds, longest)
        while True:
            try:
                action()
                return outage.answered()
            except ServiceError as error:
                if not is_outage(error):
                    raise
                outage.failed(error.message)
            if deadline is not None and time.monotonic() + pace.interval > deadline:
                time.sleep(max(0.0, deadline - time.monotonic()))
                raise out_of_time(f"Run {run.id}", run.id, timeout)
            pause(pace.interval)
            pace.slower()

    while True:
        left = None if deadline is None else round(max(0.0, deadline - time.monotonic()), 1)
        pace = Pace(channel.account.first_poll_seconds, longest)
        for progress in follow(
            channel,
            ledger,
            run,
            timeout=left,
            trouble=trouble,
            back=back,
            with_session=with_session,
            pace=pace,
        ):
            again = retriable(progress.run) if progress.ended else []
            if not again:
                yield progress
            if budget is not None:
                insist(partial(keep_budget, channel, ledger, progress, float(budget)), passes)
        if not again:
            return
        policy = run.settings["retry"]
        # Where it breaks off in the middle, the next one sends what this one has intended, once.
        insist(
            partial(
                retry_run,
                channel,
                ledger,
                run,
                frozenset(policy["on"]),
                listener,
                stop,
                most=policy["attempts"],
            ),
            # Sending has a patience of its own; what it gives up on is given up here.
            _is_no_answer,
        )


def _is_no_answer(error: ServiceError) -> bool:
    return isinstance(error, Unreachable) or (error.status is not None and passes(error))


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
        LimitError: It has, and all is stopped; what was stopped is told.
        ServiceError: Something could not be stopped. The rest is; it is for the caller to try again.
    """
    queued = [record for record in progress.jobs if record.state == QUEUED]
    unsent = len(progress.run.unsent)
    if not queued and not unsent:
        return
    used = used_so_far(channel, progress)
    if used < budget:
        return
    cancelled = _stopped(channel, ledger, progress.run, queued)
    saved = sum(record.estimated_seconds or 0.0 for record in cancelled)
    run_id = progress.run.id
    raise LimitError(
        f"Run {run_id} has used {format_seconds(used)} of its budget of {format_seconds(budget)}. "
        f"{len(cancelled)} queued {'job was' if len(cancelled) == 1 else 'jobs were'} cancelled"
        + (f", which saves about {format_seconds(round(saved, 1))} of QPU time" if saved else "")
        + ("; its session is closed." if progress.run.session_id else "."),
        f"What has been measured: qrun results {run_id}   Send the others after all: qrun retry {run_id}",
    )


def _stopped(
    channel: ControlChannel, ledger: Ledger, run: Run, queued: Sequence[JobRecord]
) -> list[JobRecord]:
    """Cancel queued jobs and close what the run opened; one that fails keeps no other from being tried.

    Raises:
        ServiceError: At least one failed.
    """
    cancelled: list[JobRecord] = []
    failed: list[ServiceError] = []
    for record in queued:
        try:
            # At a second try, one that the first has cancelled counts too.
            if channel.cancel_job(record.id) or channel.job(record.id).state == CANCELLED:
                cancelled.append(record)
        except ServiceError as error:
            failed.append(error)
    for session in run.sessions:
        if session.session_id and not session.closed:
            try:
                close_session(channel, ledger, session.session_id)
            except ServiceError as error:
                failed.append(error)
    if failed:
        raise failed[0]
    return cancelled
