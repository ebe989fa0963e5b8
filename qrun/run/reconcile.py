"""What the service has of a run against what the ledger knows of it.

Every job carries its run's tag and its own. A job that the service has and the ledger does not, because a
reply or a process was lost, is adopted; one that it has twice, because a request was repeated, is cancelled
but for one.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from qrun.ledger import Ledger, Run
from qrun.runtime.control import ControlChannel
from qrun.runtime.records import DONE, QUEUED, RUNNING, JobRecord

_FURTHEST = {DONE: 0, RUNNING: 1, QUEUED: 2}
"""Where a job is there twice, the one of most worth is kept: what has run is paid for."""


@dataclass(frozen=True)
class Reconciled:
    """A run's jobs as the service has them."""

    run: Run
    jobs: tuple[JobRecord, ...]
    """One for each job that was accepted, in the run's order."""
    doubles: tuple[JobRecord, ...]
    """The same jobs once more; cancelled now, unless they had ended."""


def reconcile(channel: ControlChannel, ledger: Ledger, run: Run, records: Iterable[JobRecord]) -> Reconciled:
    """Adopt what was lost and cancel what is there twice.

    Nothing is touched while the run's own process is still submitting: it may know better in a moment.

    Args:
        channel: The control channel to the run's service.
        ledger: Where adopted jobs are noted.
        run: The run.
        records: The jobs that carry its tag.
    """
    by_tag: dict[str, list[JobRecord]] = {}
    for record in records:
        for tag in record.tags:
            by_tag.setdefault(tag, []).append(record)
    own: list[JobRecord] = []
    doubles: list[JobRecord] = []
    for job in run.jobs:
        copies = by_tag.get(job.tag, [])
        chosen = _chosen(channel, job.job_id, copies)
        if chosen is None:
            continue
        own.append(chosen)
        doubles += [copy for copy in copies if copy.id != chosen.id]
        if job.job_id is None and not ledger.held_by_others(run.id):
            ledger.jobs_accepted(run.id, {job.tag: chosen.id})
    if doubles and not ledger.held_by_others(run.id):
        for double in doubles:
            if not double.ended:
                channel.cancel_job(double.id)
    return Reconciled(ledger.run(run.id), tuple(own), tuple(doubles))


def _chosen(channel: ControlChannel, job_id: str | None, copies: list[JobRecord]) -> JobRecord | None:
    """The copy that the ledger knows, which a list that lags behind may lack; else the furthest."""
    if job_id is None:
        # Of two that are as far, the older.
        return min(copies, key=lambda copy: _FURTHEST.get(copy.state, len(_FURTHEST)), default=None)
    return next((copy for copy in copies if copy.id == job_id), None) or channel.job(job_id)
