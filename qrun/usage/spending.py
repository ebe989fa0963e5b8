"""Usage over time: of the runs in the ledger, or of all that an instance has run."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import Any

from qrun.errors import ServiceError
from qrun.ledger import TAG_PREFIX, Ledger, Run
from qrun.plan.price import Price
from qrun.runtime.control import ControlChannel
from qrun.runtime.spending import InstanceUsage, ListedWorkload, workloads_since

BY = ("mode", "backend", "tag", "day", "run", "instance")
"""What usage can be told by."""
_NONE = "–"
_DAY = 86_400.0


@dataclass(frozen=True)
class Entry:
    """A workload, the run that it belongs to, and the account that was asked."""

    workload: ListedWorkload
    run: Run | None
    service: str
    tags: tuple[str, ...]


@dataclass(frozen=True)
class Group:
    """Workloads that have something in common."""

    name: str
    workloads: int
    usage_seconds: float
    """Settled, and so far."""
    pending: int
    """Workloads whose usage is not settled."""
    share: float
    """Of the total; workloads of two tags count in both, so shares by tag may add up to more than 1."""

    def as_dict(self, by: str, price: Price) -> dict[str, Any]:
        """As ``--json`` and ``--csv`` print it."""
        return {
            by: self.name,
            "workloads": self.workloads,
            "usage_seconds": self.usage_seconds,
            "pending": self.pending,
            "share": round(self.share, 6),
            "price": price.of(self.usage_seconds),
        }


def entries_of(channel: ControlChannel, ledger: Ledger, since: datetime, *, service: str) -> list[Entry]:
    """What was run since a time on one instance, by anybody; with its run where this ledger knows it.

    Args:
        channel: The channel to it.
        ledger: The ledger.
        since: The time of creation from which on.
        service: Name of the account.
    """
    runs: dict[str, Run] = {}
    for run in ledger.runs():
        runs.update({job.job_id: run for job in run.jobs if job.job_id and run.session_id is None})
        if run.session_id is not None:
            runs[run.session_id] = run
    found = []
    for workload in workloads_since(channel, since):
        known = runs.get(workload.id)
        if known is None and workload.mode != "job":
            known = ledger.run_of_session(workload.id)
        found.append(Entry(workload, known, service, _own(workload.tags)))
    return found


def with_tags(channel: ControlChannel, entries: Iterable[Entry]) -> list[Entry]:
    """The entries with their tags: the service's list has none of batches and sessions, whose jobs have."""
    told = []
    for entry in entries:
        tags = entry.tags
        if not tags and entry.workload.mode != "job":
            try:
                tags = _own(
                    tag for job in channel.jobs(session_id=entry.workload.id, limit=1) for tag in job.tags
                )
            except ServiceError:
                tags = ()
        told.append(Entry(entry.workload, entry.run, entry.service, tags))
    return told


def grouped(entries: Sequence[Entry], by: str) -> list[Group]:
    """Totals by something, the largest first; days in their order.

    Args:
        entries: What was run.
        by: One of :data:`BY`.
    """
    total = total_of(entries).usage_seconds
    groups: dict[str, list[Entry]] = {}
    for entry in entries:
        for name in _NAMES[by](entry):
            groups.setdefault(name, []).append(entry)
    found = [_group(name, members, total) for name, members in groups.items()]
    if by == "day":
        return sorted(found, key=lambda group: group.name)
    return sorted(found, key=lambda group: (-group.usage_seconds, group.name))


def total_of(entries: Sequence[Entry]) -> Group:
    """All of them."""
    whole = _group("total", entries, 0.0)
    return Group("total", whole.workloads, whole.usage_seconds, whole.pending, 1.0 if entries else 0.0)


def _group(name: str, entries: Sequence[Entry], total: float) -> Group:
    seconds = round(sum(entry.workload.usage.seconds or 0.0 for entry in entries), 3)
    pending = sum(not entry.workload.usage.settled for entry in entries)
    return Group(name, len(entries), seconds, pending, seconds / total if total else 0.0)


def _own(tags: Iterable[str]) -> tuple[str, ...]:
    return tuple(tag for tag in tags if not tag.startswith(TAG_PREFIX))


def _day(entry: Entry) -> str:
    created = entry.workload.created
    return created.astimezone(timezone.utc).date().isoformat() if created else _NONE


def _run(entry: Entry) -> str:
    return f"{entry.run.name} {entry.run.id}" if entry.run else "not in this ledger"


def _instance(entry: Entry) -> str:
    crn = (entry.workload.instance or "").rstrip(":")
    return f"{entry.service} {crn.split(':')[-1]}".strip()


_NAMES: dict[str, Callable[[Entry], Sequence[str]]] = {
    "mode": lambda entry: [entry.workload.mode],
    "backend": lambda entry: [entry.workload.backend or _NONE],
    "tag": lambda entry: entry.tags or ["without a tag"],
    "day": lambda entry: [_day(entry)],
    "run": lambda entry: [_run(entry)],
    "instance": lambda entry: [_instance(entry)],
}


@dataclass(frozen=True)
class Projection:
    """How long what remains will last."""

    instance: InstanceUsage
    seconds_a_day: float
    """The rate of the time looked at."""
    until: datetime | None
    """When nothing is left, at the earliest; ``None`` where it lasts, or nothing bounds it."""

    def text(self) -> str:
        """In a sentence."""
        remaining, bound = self.instance.remaining_seconds, self.instance.bound_seconds
        used = f"{self.instance.consumed_seconds:,.0f} s used"
        if remaining is None or bound is None:
            return f"instance: {used}; nothing bounds it"
        told = f"instance: {used} of {bound:,.0f} s, {remaining:,.0f} s remain"
        if remaining == 0:
            return f"{told}: queued jobs wait until older usage leaves the period"
        if self.seconds_a_day <= 0:
            return told
        rate = f"at {self.seconds_a_day:,.1f} s a day"
        if self.until is None:
            return f"{told}; {rate} it lasts: as much leaves the period"
        until = f"{self.until.astimezone(timezone.utc):%Y-%m-%d %H:%M} UTC"
        return f"{told}; {rate} it lasts until {until} at the earliest"


def project(instance: InstanceUsage, used_seconds: float, since: datetime, now: datetime) -> Projection:
    """How long an instance's remaining seconds last.

    In a rolling period what was used leaves it again, so a rate that uses less than the bound in one period
    lasts for ever. Where it does not, what remains over the rate is when it ends at the earliest.

    Args:
        instance: What it has used and may use.
        used_seconds: What all its users have used since ``since``.
        since: Beginning of the time that is looked at.
        now: Its end.
    """
    a_day = used_seconds / max((now - since).total_seconds() / _DAY, 1 / 24)
    remaining, bound = instance.remaining_seconds, instance.bound_seconds
    until = None
    if remaining is not None and bound is not None and a_day > 0:
        period = None
        if instance.period_start is not None and instance.period_end is not None:
            period = (instance.period_end - instance.period_start).total_seconds() / _DAY
        if period is None or a_day * period > bound:
            until = now + timedelta(days=remaining / a_day)
    return Projection(instance, round(a_day, 3), until)
