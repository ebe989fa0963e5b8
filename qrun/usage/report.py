"""A report: accounts with their pictures, jobs, advice and provenance, as one page that needs no network."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timezone
from importlib.resources import files
from typing import Any

from qrun import __version__
from qrun.ledger import Run
from qrun.plan.price import Price
from qrun.units import format_seconds
from qrun.usage.advice import Advice
from qrun.usage.breakdown import Breakdown, Share, breakdown
from qrun.usage.model import FAILURE_RULES, JobUsage, UsageAccount, worst_first
from qrun.usage.timeline import timeline_of

_LONGEST_WORKLOAD = 200_000
"""Characters of a workload file that a page shows."""


@dataclass(frozen=True)
class Fact:
    """A line of a list."""

    name: str
    value: str
    remark: str = ""


@dataclass(frozen=True)
class Table:
    """A plain table of a report."""

    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]
    remark: str = ""


@dataclass(frozen=True)
class Subject:
    """One account of a report, and what is known of where it came from."""

    account: UsageAccount
    run: Run | None = None
    service: str = ""
    advice: tuple[Advice, ...] = ()


@dataclass(frozen=True)
class Report:
    """What a page holds."""

    subjects: tuple[Subject, ...]
    price: Price
    made: datetime = field(default_factory=lambda: datetime.now(timezone.utc))
    tables: tuple[Table, ...] = ()
    title: str | None = None


def html(report: Report) -> str:
    """The report as one HTML page: no network, no files beside it."""
    from jinja2 import Environment, StrictUndefined

    from qrun.usage.chart import library

    folder = files("qrun.usage.page")
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True)
    template = environment.from_string((folder / "page.html").read_text("utf-8"))
    return template.render(
        title=_title(report),
        version=__version__,
        made=_moment(report.made),
        rate=report.price.rate,
        style=(folder / "page.css").read_text("utf-8"),
        script=(folder / "page.js").read_text("utf-8"),
        library=library() if any(subject.account.jobs for subject in report.subjects) else "",
        tables=report.tables,
        sections=[
            _section(subject, number, report.price) for number, subject in enumerate(report.subjects, 1)
        ],
    )


def _title(report: Report) -> str:
    if report.title:
        return report.title
    names = [_name(subject) for subject in report.subjects]
    return f"Usage of {', '.join(names[:3])}{' and others' if len(names) > 3 else ''}"


def _name(subject: Subject) -> str:
    account = subject.account
    name = f"{subject.run.name} " if subject.run and account.kind == "run" else ""
    return f"{account.kind} {name}{account.id}"


def _section(subject: Subject, number: int, price: Price) -> dict[str, Any]:
    from qrun.usage.chart import by_jobs, chart_json, described
    from qrun.usage.picture import picture

    account, parts = subject.account, breakdown(subject.account)
    timeline = timeline_of(account)
    remark = (
        "Each job has a row." if by_jobs(timeline) else f"{len(account.jobs)} jobs in {timeline.lanes} lanes."
    )
    return {
        "number": number,
        "title": _name(subject),
        "subtitle": f"{account.mode} on {account.backend or '?'}, {account.state.lower()}",
        "facts": facts(account, parts, price),
        "parts": usage_parts(parts),
        "jobs": [job_cells(position, job) for position, job in enumerate(account.jobs, 1)],
        "columns": JOB_COLUMNS,
        "states": [state.lower() for state in worst_first(job.state for job in account.jobs)],
        "chart": chart_json(timeline, f"chart-{number}") if account.jobs else "",
        "paper": base64.b64encode(picture(timeline, "png")).decode() if account.jobs else "",
        "described": described(timeline),
        "picture": f"{remark} The service tells when a job started and ended and how long it "
        "held the QPU, not when it took it: QPU time is drawn at the job's end.",
        "has_windows": bool(timeline.active),
        "advice": [
            {"saving": advice.saving_text(price), "text": advice.text, "row": advice.row}
            for advice in subject.advice
        ],
        "compared": compared(account),
        "provenance": provenance(subject),
        "workload": (subject.run.workload_text if subject.run else "")[:_LONGEST_WORKLOAD],
    }


@dataclass(frozen=True)
class JobColumn:
    """A column of the table of jobs."""

    title: str
    number: bool = True


JOB_COLUMNS = (
    JobColumn("#"),
    JobColumn("job", number=False),
    JobColumn("state", number=False),
    JobColumn("QPU s"),
    JobColumn("queue s"),
    JobColumn("off QPU s"),
    JobColumn("overhead s"),
    JobColumn("reckoned s"),
    JobColumn("started", number=False),
    JobColumn("finished", number=False),
    JobColumn("tags and reason", number=False),
)


def job_cells(number: int, job: JobUsage) -> list[str]:
    """A job's row; seconds to the millisecond, ``–`` for what the service does not tell."""
    words = [tag for tag in job.tags if not tag.startswith("qrun:")]
    if job.reason:
        words.append(f"{job.reason} ({job.reason_code})" if job.reason_code else job.reason)
    return [
        str(number),
        job.id,
        job.state.lower(),
        "pending" if job.qpu_seconds is None else exact(job.qpu_seconds),
        exact(job.queue_seconds),
        exact(job.classical_seconds),
        exact(job.overhead_seconds),
        exact(job.estimated_seconds),
        _moment(job.started, date=False),
        _moment(job.finished, date=False),
        ", ".join(words),
    ]


def facts(account: UsageAccount, parts: Breakdown, price: Price) -> list[Fact]:
    """The summary of an account."""
    so_far = "so far; " if parts.so_far else ""
    found = [Fact("Usage", _seconds(parts.usage_seconds, pending=True), so_far + account.rule)]
    found.append(Fact("Price", price.text(parts.usage_seconds), so_far.rstrip("; ")))
    found.append(Fact("QPU time", _seconds(parts.qpu_seconds, pending=True)))
    if parts.overhead_seconds is not None:
        of = "" if parts.overhead_jobs == len(account.jobs) else f"told of {parts.overhead_jobs} jobs"
        found.append(Fact("Overhead", _seconds(parts.overhead_seconds), of))
    if parts.idle_seconds is not None:
        found.append(Fact("Idle", _seconds(parts.idle_seconds), "usage minus QPU time"))
    found.append(Fact("Jobs", str(len(account.jobs)), _states(account)))
    for name, share in (("Failed", parts.failed), ("Cancelled", parts.cancelled)):
        if share.number:
            found.append(Fact(name, _share(share), FAILURE_RULES[_mode(account)]))
    if account.interactive_ttl_seconds is not None:
        left = account.ittl_left_seconds
        found.append(Fact("ITTL", format_seconds(account.interactive_ttl_seconds), _left(left)))
    if account.max_ttl_seconds is not None:
        found.append(
            Fact("Maximum TTL", format_seconds(account.max_ttl_seconds), _left(account.ttl_left_seconds))
        )
    if account.started_at is not None:
        found.append(Fact("Started", _moment(account.started_at)))
    if account.closed_at is not None:
        found.append(Fact("Closed", _moment(account.closed_at)))
    return found


def usage_parts(parts: Breakdown) -> list[dict[str, Any]]:
    """What usage falls into, for a stacked bar; empty where it isn't known."""
    named: list[tuple[str, str, float | None]] = []
    if parts.overhead_seconds is not None and parts.qpu_seconds is not None:
        rest = round(parts.qpu_seconds - parts.overhead_seconds, 3)
        named += [
            ("qpu", "QPU time without overhead", rest),
            ("overhead", "overhead", parts.overhead_seconds),
        ]
    else:
        named.append(("qpu", "QPU time", parts.qpu_seconds))
    if parts.classical_seconds is not None:
        named.append(("classical", "jobs ran, none on the QPU", parts.classical_seconds))
        named.append(("waiting", "no job: waiting for the client", parts.waiting_seconds))
    elif parts.idle_seconds is not None:
        named.append(("waiting", "idle", parts.idle_seconds))
    total = sum(seconds or 0.0 for *_, seconds in named)
    if total <= 0:
        return []
    return [
        {
            "kind": kind,
            "name": name,
            "seconds": seconds,
            "text": _seconds(seconds),
            "share": f"{seconds / total:.1%}",
        }
        for kind, name, seconds in named
        if seconds
    ]


def compared(account: UsageAccount) -> str:
    """What the service had reckoned with against what was used."""
    pairs = [
        (job.estimated_seconds, job.qpu_seconds)
        for job in account.jobs
        if job.estimated_seconds is not None and job.qpu_seconds is not None
    ]
    if not pairs:
        return ""
    reckoned, used = sum(a for a, _ in pairs), sum(b for _, b in pairs)
    off = f", {(used - reckoned) / reckoned:+.1%}" if reckoned > 0 else ""
    of = f" ({len(pairs)} of {len(account.jobs)} jobs)" if len(pairs) < len(account.jobs) else ""
    return f"The service reckoned with {_seconds(reckoned)} of QPU time and used {_seconds(used)}{off}{of}."


def provenance(subject: Subject) -> list[Fact]:
    """Where the numbers and the run came from."""
    account, run = subject.account, subject.run
    found = [Fact("Service", subject.service or "?"), Fact("Backend", account.backend or "?")]
    if account.read_at is not None:
        found.append(Fact("Read", _moment(account.read_at)))
    if account.session_id:
        found.append(Fact("Session or batch", account.session_id))
    if run is not None:
        digest = hashlib.sha256(run.workload_text.encode("utf-8", "surrogatepass")).hexdigest()
        found += [Fact("Run", f"{run.name} {run.id}"), Fact("Submitted", _moment(run.created))]
        found += [Fact("Workload file", run.workload_path), Fact("Its SHA-256", digest)]
        found.append(Fact("Versions", _pairs(run.versions)))
        settings = {name: value for name, value in run.settings.items() if value not in (None, [], {})}
        if settings:
            found.append(Fact("Settings", _pairs(settings)))
    return found


def exact(seconds: float | None) -> str:
    """Seconds to the millisecond; ``–`` for what is not known."""
    return "–" if seconds is None else f"{seconds:.3f}".rstrip("0").rstrip(".")


def _pairs(values: Mapping[str, Any]) -> str:
    return ", ".join(f"{name} {value}" for name, value in values.items())


def _mode(account: UsageAccount) -> str:
    return account.mode if account.by_wall_clock or account.mode != "session" else "job"


def _states(account: UsageAccount) -> str:
    states = [job.state for job in account.jobs]
    return ", ".join(f"{states.count(state)} {state.lower()}" for state in worst_first(states))


def _share(share: Share) -> str:
    parts = [f"{share.number}", f"QPU time {_seconds(share.seconds)}"]
    if share.unlocked:
        parts.append(f"{share.unlocked} before the lock")
    if share.pending:
        parts.append(f"{share.pending} pending")
    return ", ".join(parts)


def _seconds(seconds: float | None, *, pending: bool = False) -> str:
    if seconds is None:
        return "pending" if pending else "–"
    return f"{exact(seconds)} s" if seconds < 60 else f"{exact(seconds)} s ({format_seconds(seconds)})"


def _left(seconds: float | None) -> str:
    return "" if seconds is None else f"{format_seconds(round(seconds))} remain"


def _moment(moment: datetime | None, *, date: bool = True) -> str:
    if moment is None:
        return "–"
    utc = moment.astimezone(timezone.utc)
    return utc.strftime("%Y-%m-%d %H:%M:%S" if date else "%m-%d %H:%M:%S.%f")[: 19 if date else 18]
