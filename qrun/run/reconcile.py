"""What the service has of a run against what the ledger knows of it.

Every job carries its run's tag and its own. A job that the service has and the ledger does not, because a
reply or a process was lost, is adopted; one that it has twice, because a request was repeated, is cancelled
but for one.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from qrun.ledger import Ledger, Run
from qrun.runtime.control import ControlChannel
from qrun.runtime.records import DONE, QUEUED, RUNNING, JobRecord

_FURTHEST = {DONE: 0, RUNNING: 1, QUEUED: 2}
"""Where a job is there twice, the one of most worth is kept: what has run is paid for."""


@dataclass(frozen=True)
class Reconciled:
    """A run's jobs as the service has them."""

    jobs: tuple[JobRecord, ...]
    """One for each job that was accepted, in the run's order."""


@dataclass(frozen=True)
class _Matched:
    own: tuple[JobRecord, ...]
    lost: dict[str, str]
    """Job ID by tag, of jobs that the ledger does not know."""
    doubles: tuple[JobRecord, ...]
    """Jobs that are there once more."""


def reconcile(channel: ControlChannel, ledger: Ledger, run: Run, records: Iterable[JobRecord]) -> Reconciled:
    """Adopt what was lost and cancel what is there twice.

    Nothing is touched while another process is at work on the run: it may know better in a moment.

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
    found = _match(channel, run, by_tag)
    if not found.lost and not found.doubles:
        return Reconciled(found.own)
    with ledger.hold_if_free(run.id) as mine:
        if mine:
            # Who held it until now may have written more.
            found = _match(channel, ledger.run(run.id), by_tag)
            ledger.jobs_accepted(run.id, found.lost)
            for double in found.doubles:
                if not double.ended:
                    channel.cancel_job(double.id)
    return Reconciled(found.own)


def _match(channel: ControlChannel, run: Run, by_tag: Mapping[str, list[JobRecord]]) -> _Matched:
    own: list[JobRecord] = []
    lost: dict[str, str] = {}
    doubles: list[JobRecord] = []
    for job in run.jobs:
        copies = by_tag.get(job.tag, [])
        chosen = _chosen(channel, job.job_id, copies)
        if chosen is None:
            continue
        own.append(chosen)
        doubles += [copy for copy in copies if copy.id != chosen.id]
        if job.job_id is None:
            lost[job.tag] = chosen.id
    return _Matched(tuple(own), lost, tuple(doubles))


def _chosen(channel: ControlChannel, job_id: str | None, copies: list[JobRecord]) -> JobRecord | None:
    """The copy that the ledger knows, which a list that lags behind may lack; else the furthest."""
    if job_id is None:
        # Of two that are as far, the older.
        return min(copies, key=lambda copy: _FURTHEST.get(copy.state, len(_FURTHEST)), default=None)
    return next((copy for copy in copies if copy.id == job_id), None) or channel.job(job_id)
