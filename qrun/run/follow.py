"""Following a run: one list request a tick for all its jobs, at a pace that backs off."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace

from qrun.errors import ServiceError, TimedOut
from qrun.ledger import Ledger, Run
from qrun.run.reconcile import reconcile
from qrun.runtime.control import ControlChannel
from qrun.runtime.records import DONE, JobRecord

LONGEST_INTERVAL = 15.0
"""Seconds between two questions once a run has been waiting long; IBM asks clients to be sparing."""
BACK_OFF = 1.3
UNKNOWN_PATIENCE = 600.0
"""Seconds that a job may stay in a state qrun does not know before waiting for it ends."""


@dataclass(frozen=True)
class Progress:
    """What is known of a run at one moment."""

    run: Run
    jobs: tuple[JobRecord, ...]
    """The jobs that the service has accepted, in the run's order."""
    changed: tuple[JobRecord, ...] = field(default=())
    """Those whose state is not what it was a tick ago."""

    @property
    def counts(self) -> Counter[str]:
        """Number of jobs in each state."""
        return Counter(job.state for job in self.jobs)

    @property
    def ended(self) -> bool:
        """Whether nobody sends more jobs and every accepted one has come to its end."""
        accepted = {job.job_id for job in self.run.jobs if job.job_id}
        return not self.run.submitting and accepted <= {job.id for job in self.jobs if job.ended}

    @property
    def all_done(self) -> bool:
        """Whether every job of the run was accepted and has completed."""
        return len(self.jobs) == len(self.run.jobs) and all(job.state == DONE for job in self.jobs)


def look(channel: ControlChannel, ledger: Ledger, run: Run) -> Progress:
    """Ask once how a run stands, and note it in the ledger.

    Jobs that the service has and the ledger did not are adopted, doubles cancelled.
    """
    found = reconcile(channel, ledger, run, channel.jobs(tags=[run.tag]))
    known = {job.job_id: job.state for job in run.jobs}
    changed = [record for record in found.jobs if known.get(record.id) != record.state]
    if changed:
        ledger.set_job_states(
            run.id,
            {
                record.id: (record.state, record.reason, record.reason_code, record.usage.seconds)
                for record in changed
            },
        )
    return Progress(ledger.run(run.id), found.jobs, tuple(changed))


def follow(
    channel: ControlChannel,
    ledger: Ledger,
    run: Run,
    *,
    timeout: float | None = None,
    trouble: Callable[[str], None] = lambda _: None,
    longest: float = LONGEST_INTERVAL,
) -> Iterator[Progress]:
    """Yield a run's progress, tick by tick, until all its jobs have ended.

    A service that can't be reached for a while does not end the following: ``trouble`` is told, and the next
    tick asks again.

    Args:
        channel: The control channel to the run's service.
        ledger: Where states are noted.
        run: The run.
        timeout: Seconds to follow at most; no limit where ``None``.
        trouble: Told when the service does not answer.
        longest: Seconds between two questions at most.

    Raises:
        TimedOut: ``timeout`` is over; the jobs go on.
        ServiceError: A job has been in a state that qrun does not know for ten minutes, or the service
            refuses the account.
    """
    deadline = None if timeout is None else time.monotonic() + timeout
    channel.deadline = deadline
    interval = channel.account.first_poll_seconds
    last: dict[str, tuple[str, float]] = {}
    while True:
        try:
            progress = look(channel, ledger, ledger.run(run.id))
        except ServiceError as error:
            if error.status is not None and error.status < 500 and error.status != 429:
                raise
            trouble(error.message)
        else:
            changed = _changed(progress, last)
            yield replace(progress, changed=changed)
            if progress.ended:
                return
            _give_up_on_unknown(progress, last)
            if changed:
                interval = channel.account.first_poll_seconds
        if deadline is not None and time.monotonic() + interval > deadline:
            time.sleep(max(0.0, deadline - time.monotonic()))
            raise TimedOut(
                f"Run {run.id} has not ended after {timeout:g} s.",
                f"Its jobs go on. Wait again with: qrun wait {run.id}   Stop them with: qrun cancel {run.id}",
            )
        time.sleep(interval)
        interval = min(interval * BACK_OFF, longest)


def _changed(progress: Progress, last: dict[str, tuple[str, float]]) -> tuple[JobRecord, ...]:
    now = time.monotonic()
    changed = []
    for job in progress.jobs:
        if job.id not in last or last[job.id][0] != job.state:
            last[job.id] = (job.state, now)
            changed.append(job)
    return tuple(changed)


def _give_up_on_unknown(progress: Progress, last: dict[str, tuple[str, float]]) -> None:
    now = time.monotonic()
    for job in progress.jobs:
        if job.unknown and now - last[job.id][1] > UNKNOWN_PATIENCE:
            raise ServiceError(
                f"Job {job.id} has been in the state {job.state!r}, which qrun does not know, for "
                f"{UNKNOWN_PATIENCE / 60:.0f} minutes.",
                "Look at it on the service's own pages; qrun waits no longer.",
            )
