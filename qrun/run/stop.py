"""Cancelling jobs, and closing batches and sessions."""

from __future__ import annotations

from dataclasses import dataclass

from qrun.ledger import Ledger, Run
from qrun.run.follow import look
from qrun.runtime.control import ControlChannel


@dataclass(frozen=True)
class Cancelled:
    """What a cancellation did."""

    jobs: tuple[str, ...]
    """Jobs that were cancelled."""
    already_ended: int
    """How many had ended before."""


def cancel_run(channel: ControlChannel, ledger: Ledger, run: Run) -> Cancelled:
    """Cancel all jobs of a run that have not ended, then close what the run opened."""
    try:
        progress = look(channel, ledger, run)
        cancelled = [job.id for job in progress.jobs if not job.ended and channel.cancel_job(job.id)]
    finally:
        if run.session_id:
            close_session(channel, ledger, run.session_id)
    look(channel, ledger, ledger.run(run.id))
    return Cancelled(tuple(cancelled), len(progress.jobs) - len(cancelled))


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
