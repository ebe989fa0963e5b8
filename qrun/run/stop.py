"""Cancelling jobs, and closing batches and sessions."""

from __future__ import annotations

from dataclasses import dataclass

from qrun.errors import Interrupted, QrunError
from qrun.ledger import Ledger, Run
from qrun.run.follow import look
from qrun.run.holding import Within, alone
from qrun.run.opening import settle_unseen
from qrun.runtime.control import ControlChannel

_USUAL_STOP = 5.0
"""Seconds in which a process that sends jobs has stopped, as a rule."""
_LONGEST_STOP = 150.0
"""Seconds in which it has stopped even where its last request waits for an answer that never comes."""


@dataclass(frozen=True)
class Cancelled:
    """What a cancellation did."""

    jobs: tuple[str, ...]
    """Jobs that were cancelled."""
    already_ended: int
    """How many had ended before."""
    still_sending: bool = False
    """Whether another process goes on sending, so that more may come."""


def cancel_run(channel: ControlChannel, ledger: Ledger, run: Run) -> Cancelled:
    """Cancel all jobs of a run that have not ended, then close what the run opened.

    A process that is at work on the run is asked to stop, and waited for: what it sends meanwhile would be
    paid for.
    """
    ledger.ask_to_stop(run.id)
    try:
        with alone(ledger, run.id, Within(_USUAL_STOP)):
            return _cancel_all(channel, ledger, run.id)
    except Interrupted:
        # It hangs on a request: what it has sent so far is stopped first.
        before = _cancel_all(channel, ledger, run.id)
    sending = False
    try:
        with alone(ledger, run.id, Within(_LONGEST_STOP)):
            after = _cancel_all(channel, ledger, run.id)
    except Interrupted:
        after, sending = _cancel_all(channel, ledger, run.id), True
    jobs = tuple(dict.fromkeys((*before.jobs, *after.jobs)))
    return Cancelled(jobs, before.already_ended, sending)


def _cancel_all(channel: ControlChannel, ledger: Ledger, run_id: str) -> Cancelled:
    """Cancel what a run has on the service now, and close what it has open."""
    try:
        progress = look(channel, ledger, ledger.run(run_id))
        cancelled = [job.id for job in progress.jobs if not job.ended and channel.cancel_job(job.id)]
    finally:
        close_all(channel, ledger, run_id)
    look(channel, ledger, ledger.run(run_id))
    return Cancelled(tuple(cancelled), len(progress.jobs) - len(cancelled))


def close_all(channel: ControlChannel, ledger: Ledger, run_id: str) -> list[str]:
    """Close each batch or session that a run has open; their IDs.

    One whose request was never answered is looked for first. All are tried before the first that can't be
    closed is told.

    Raises:
        ServiceError: One could not be closed.
    """
    settle_unseen(channel, ledger, ledger.run(run_id))
    closed: list[str] = []
    failed: QrunError | None = None
    for session in ledger.run(run_id).sessions:
        if session.session_id is None or session.closed:
            continue
        try:
            close_session(channel, ledger, session.session_id)
        except QrunError as error:
            failed = failed or error
        else:
            closed.append(session.session_id)
    if failed is not None:
        raise failed
    return closed


def cancel_session(channel: ControlChannel, ledger: Ledger, session_id: str) -> Cancelled:
    """Cancel a session or batch: jobs that have not ended do not go on, and it closes."""
    jobs = channel.jobs(session_id=session_id)
    channel.cancel_session(session_id)
    cancelled = [job.id for job in jobs if not job.ended and _cancel_or_gone(channel, job.id)]
    ledger.session_closed(session_id)
    return Cancelled(tuple(cancelled), len(jobs) - len(cancelled))


def _cancel_or_gone(channel: ControlChannel, job_id: str) -> bool:
    """Whether a job is cancelled now, by this call or by the closing of its session."""
    return channel.cancel_job(job_id) or channel.job(job_id).state == "CANCELLED"


def close_session(channel: ControlChannel, ledger: Ledger, session_id: str) -> None:
    """Take no more jobs in a session or batch; those it has still run."""
    channel.close_session(session_id)
    ledger.session_closed(session_id)
