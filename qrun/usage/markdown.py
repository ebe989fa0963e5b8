"""A report as Markdown, for a comment on a pull request."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from qrun.usage.breakdown import breakdown
from qrun.usage.model import UsageAccount
from qrun.usage.report import Report, Subject, exact, facts, usage_parts

_MOST_JOBS = 50
_SPECIAL = re.compile(r"([\\`*_{}\[\]<>#!|~&$@])")


def markdown(report: Report) -> str:
    """The report's summary, advice and jobs."""
    lines: list[str] = []
    for table in report.tables:
        lines += [f"## {_plain(table.title)}", "", *_table(table.columns, table.rows), ""]
        lines += [_plain(table.remark), ""] if table.remark else []
    for subject in report.subjects:
        lines += _of_subject(subject, report)
    lines.append(f"Price: {report.price.rate}.")
    return "\n".join(lines) + "\n"


def _of_subject(subject: Subject, report: Report) -> Iterable[str]:
    account, parts = subject.account, breakdown(subject.account)
    name = f" {_plain(subject.run.name)}" if subject.run else ""
    yield f"### {account.kind}{name} `{account.id}`"
    yield ""
    yield f"{account.mode} on {_plain(account.backend or '?')}, {account.state.lower()}"
    yield ""
    rows = [
        (fact.name, f"**{_plain(fact.value)}**", _plain(fact.remark))
        for fact in facts(account, parts, report.price)
    ]
    yield from _table(("", "", ""), rows, plain=False)
    shares = usage_parts(parts)
    if shares:
        yield ""
        yield (
            "Usage: " + ", ".join(f"{part['name']} {part['text']} ({part['share']})" for part in shares) + "."
        )
    if subject.advice:
        yield ""
        yield from (
            f"- **{_plain(a.saving_text(report.price))}** {_plain(a.text)} ({a.row})" for a in subject.advice
        )
    if account.jobs:
        yield from _jobs(account)
    yield ""


def _jobs(account: UsageAccount) -> Iterable[str]:
    yield ""
    yield f"<details><summary>{len(account.jobs)} jobs</summary>"
    yield ""
    jobs = [
        (
            job.id,
            job.state.lower(),
            "pending" if job.qpu_seconds is None else exact(job.qpu_seconds),
            exact(job.queue_seconds),
            exact(job.classical_seconds),
            job.reason or "",
        )
        for job in account.jobs[:_MOST_JOBS]
    ]
    yield from _table(("job", "state", "QPU s", "queue s", "off QPU s", "reason"), jobs)
    if len(account.jobs) > _MOST_JOBS:
        yield ""
        yield f"… and {len(account.jobs) - _MOST_JOBS} more."
    yield ""
    yield "</details>"


def _table(columns: Sequence[str], rows: Iterable[Sequence[str]], *, plain: bool = True) -> Iterable[str]:
    yield "| " + " | ".join(columns) + " |"
    yield "|" + "---|" * len(columns)
    for row in rows:
        yield "| " + " | ".join(_plain(cell) if plain else cell for cell in row) + " |"


def _plain(text: str) -> str:
    """Text that Markdown shows as it is."""
    return _SPECIAL.sub(r"\\\1", " ".join(text.split()))
