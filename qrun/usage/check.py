"""Reconciliation: does the service say what the ledger says, and still what it said before?"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime

from qrun.errors import ServiceError
from qrun.ledger import TAG_PREFIX, Ledger, Run
from qrun.runtime.control import ControlChannel
from qrun.runtime.records import JobRecord
from qrun.usage.memory import UsageMemory

_SAME = 0.0005
"""Seconds: usage is told to the millisecond."""


@dataclass(frozen=True)
class Finding:
    """A difference, and what to do about it."""

    kind: str
    """``unknown-job``, ``missing-job``, ``usage-changed``, ``open-session``, ``state-changed``."""
    run: str
    subject: str
    text: str
    do: str

    def as_dict(self) -> dict[str, str]:
        """As ``--json`` prints it."""
        return dict(vars(self))


def check_runs(channel: ControlChannel, ledger: Ledger, runs: Iterable[Run]) -> Iterator[Finding]:
    """The differences between the ledger and the service, run by run.

    Args:
        channel: The channel to the instance of the runs.
        ledger: The ledger.
        runs: The runs.
    """
    for run in runs:
        records = {record.id: record for record in channel.jobs(tags=[run.tag])}
        yield from _jobs(channel, ledger, run, records)
        yield from _usage(channel, run, list(records.values()))
        yield from _session(channel, run)


def runs_since(ledger: Ledger, since: datetime | None) -> list[Run]:
    """The runs of a ledger since a time, or all."""
    return [run for run in ledger.runs() if since is None or run.created >= since]


def _jobs(
    channel: ControlChannel, ledger: Ledger, run: Run, records: dict[str, JobRecord]
) -> Iterator[Finding]:
    for job_id, record in records.items():
        known = ledger.run_of_job(job_id)
        if known is None:
            seconds = record.usage.seconds or 0.0
            yield Finding(
                "unknown-job", run.id, job_id,
                f"job {job_id} has the run's tag and is not in the ledger: {record.state.lower()}, "
                f"{seconds:g} s", f"qrun resume {run.id}   or, where it is not wanted: qrun cancel {job_id}",
            )  # fmt: skip
    for job in run.jobs:
        if job.job_id is None or job.job_id in records:
            continue
        try:
            record = channel.job(job.job_id)
        except ServiceError as error:
            if error.status != 404:
                raise
            yield Finding(
                "missing-job", run.id, job.job_id,
                f"job {job.job_id} is in the ledger and the service does not have it",
                "It was deleted, or the service was reset; results collected before are kept here.",
            )  # fmt: skip
            continue
        if not any(tag.startswith(TAG_PREFIX) for tag in record.tags):
            yield Finding(
                "tags-changed", run.id, job.job_id, f"job {job.job_id} has lost the tags of its run",
                "Nothing is lost; a list by tag does not show it any more.",
            )  # fmt: skip


def _usage(channel: ControlChannel, run: Run, records: list[JobRecord]) -> Iterator[Finding]:
    """Usage that is not what it was when the job was first seen to have ended."""
    ended = [record for record in records if record.ended and record.usage.settled]
    with UsageMemory(channel.account) as memory:
        before = memory.recall([record.id for record in ended])
        changed = {}
        for record in ended:
            then = before.get(record.id)
            now = record.usage.seconds
            if then is None or now is None or then.usage.seconds is None:
                continue
            if abs(now - then.usage.seconds) > _SAME:
                changed[record.id] = channel.job_times(record.id)
                yield Finding(
                    "usage-changed", run.id, record.id,
                    f"job {record.id} was charged {then.usage.seconds:g} s, and now {now:g} s",
                    "Reports made before hold the old number; ask the service's support where it is higher.",
                )  # fmt: skip
        memory.keep(changed)


def _session(channel: ControlChannel, run: Run) -> Iterator[Finding]:
    if run.session_id is None:
        return
    try:
        session = channel.session(run.session_id)
    except ServiceError as error:
        if error.status == 404:
            return
        raise
    if session.closed or run.submitting:
        return
    if session.accepting_jobs:
        yield Finding(
            "open-session", run.id, session.id,
            f"{session.mode} {session.id} is {session.state} and takes jobs still"
            + ("; it is paid for by the wall clock while it is active" if session.mode == "session" else ""),
            f"qrun close {session.id}",
        )  # fmt: skip
