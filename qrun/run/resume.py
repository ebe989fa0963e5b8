"""Finishing what a run still has to do, whatever stopped it, and sending again what failed."""

from __future__ import annotations

from dataclasses import dataclass

from qrun.ledger import Ledger, Run
from qrun.run.failures import reason_of
from qrun.run.follow import look
from qrun.run.holding import UntilCancelled, alone
from qrun.run.listening import Listener, Stop
from qrun.run.results import collect
from qrun.run.submit import finish_sending
from qrun.runtime.control import ControlChannel


@dataclass(frozen=True)
class Resumed:
    """What was left to do, and has been done."""

    run: Run
    sent: int
    """Jobs that had not been sent."""
    adopted: int
    """Jobs that the service had, without the ledger knowing."""
    collected: int
    """Results that had not been fetched."""
    closed: int
    """Batches or sessions that had been left open."""

    @property
    def nothing(self) -> bool:
        """Whether there was nothing left to do."""
        return not (self.sent or self.adopted or self.collected or self.closed)


def resume_run(channel: ControlChannel, ledger: Ledger, run: Run, listener: Listener, stop: Stop) -> Resumed:
    """Finish what a run still has to do. Safe at any time, twice, and in two processes at once.

    Args:
        channel: The control channel to the run's service.
        ledger: The ledger.
        run: The run.
        listener: Told how jobs are sent.
        stop: Whether to go on.

    Raises:
        Interrupted: ``stop`` said so.
        ServiceError: The service refused a job, or can't be reached.
    """
    stop = UntilCancelled(stop, ledger, run.id)
    with alone(ledger, run.id, stop):
        return finish(channel, ledger, run.id, listener, stop)


def finish(channel: ControlChannel, ledger: Ledger, run_id: str, listener: Listener, stop: Stop) -> Resumed:
    """What :func:`resume_run` does, in a process that holds the run already."""
    before = ledger.run(run_id)
    look(channel, ledger, before)
    adopted = len(before.unsent) - len(ledger.run(run_id).unsent)
    unsent = len(ledger.run(run_id).unsent)
    finish_sending(channel, ledger, run_id, listener, stop)
    progress = look(channel, ledger, ledger.run(run_id))
    collect(channel, ledger, ledger.run(run_id), progress.jobs)
    after = ledger.run(run_id)
    return Resumed(
        run=after,
        sent=unsent - len(after.unsent),
        adopted=adopted,
        collected=_collected(after) - _collected(before),
        closed=sum(session.session_id is not None and not session.closed for session in before.sessions),
    )


def retry_run(
    channel: ControlChannel,
    ledger: Ledger,
    run: Run,
    only: frozenset[str],
    listener: Listener,
    stop: Stop,
    *,
    most: int | None = None,
) -> Resumed:
    """Send jobs that failed or were cancelled once more, as a new attempt in the same run.

    A job whose last attempt goes on, or has completed, is never sent again, so that two retries at once send
    each but once.

    Args:
        channel: The control channel to the run's service.
        ledger: The ledger.
        run: The run.
        only: Reasons; jobs that failed for any other are left alone. All where empty.
        listener: Told how jobs are sent.
        stop: Whether to go on.
        most: Attempts that a job may have; one that has had so many is left alone. No limit where ``None``.

    Raises:
        Interrupted: ``stop`` said so.
        ServiceError: The service refused a job, or can't be reached.
    """
    stop = UntilCancelled(stop, ledger, run.id)
    with alone(ledger, run.id, stop):
        look(channel, ledger, ledger.run(run.id))
        failed = [
            job.index
            for job in ledger.run(run.id).jobs
            if (reason := reason_of(job)) is not None
            and (not only or reason in only)
            and (most is None or job.attempt < most)
        ]
        if failed:
            ledger.attempt_again(run.id, failed)
        return finish(channel, ledger, run.id, listener, stop)


def _collected(run: Run) -> int:
    return sum(job.result_file is not None for job in run.jobs)
