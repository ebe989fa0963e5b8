"""Usage accounts as rich draws them. What it is given is complete: nothing is reckoned here."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from rich.text import Text

from qrun.cli.console import out, say
from qrun.cli.drawing import state_text
from qrun.cli.tables import Column, moment_text, print_table
from qrun.units import format_seconds
from qrun.usage.breakdown import Breakdown, Share, breakdown
from qrun.usage.model import FAILURE_RULES

if TYPE_CHECKING:
    from qrun.plan.price import Price
    from qrun.usage.advice import Advice
    from qrun.usage.model import JobUsage, UsageAccount

_MOST_ROWS = 100
"""Jobs that are listed on a terminal; in a pipe all are."""


def draw_account(account: UsageAccount, price: Price) -> None:
    """A whole account: usage and where it went, price, times to live, and a row a job."""
    parts = breakdown(account)
    head = Text.assemble((f"{account.kind} {account.id}", "bold"))
    head.append(f"  {account.mode} on {account.backend or '?'}, {account.state.lower()}")
    out().print(head)
    for name, value, remark in _lines(account, parts, price):
        line = Text.assemble(f"{name:<10}", (f"{value:>12}", "bold" if not name.startswith(" ") else ""))
        line.append(f"  {remark}".rstrip(), style="dim")
        out().print(line)
    _draw_jobs(account)


def draw_advice(advice: Sequence[Advice], price: Price) -> None:
    """What could have been cheaper, for the person who reads."""
    for piece in advice:
        say(f"advice: {piece.saving_text(price)} {piece.text} ({piece.row})", style="cyan")


def _lines(account: UsageAccount, parts: Breakdown, price: Price) -> Iterator[tuple[str, str, str]]:
    """Name, value and remark, one a line."""
    yield from _usage_lines(account, parts)
    for name, share in (("failed", parts.failed), ("cancelled", parts.cancelled)):
        if share.number:
            yield name, _share(share), _share_remark(account, share)
    if parts.usage_seconds is not None and (parts.usage_seconds or not parts.so_far):
        so_far = "so far, " if parts.so_far else ""
        yield "price", price.text(parts.usage_seconds), f"{so_far}at {price.rate}"
    if account.session_id and account.session_id != account.id:
        yield account.mode, "", account.session_id
    if account.interactive_ttl_seconds is not None:
        yield "ITTL", format_seconds(account.interactive_ttl_seconds), _left(account.ittl_left_seconds)
    if account.max_ttl_seconds is not None:
        yield "maximum", format_seconds(account.max_ttl_seconds), _left(account.ttl_left_seconds)
    if account.started_at:
        closed = f", closed {moment_text(account.closed_at)}" if account.closed_at else ""
        yield "started", "", f"{moment_text(account.started_at)}{closed}"


def _usage_lines(account: UsageAccount, parts: Breakdown) -> Iterator[tuple[str, str, str]]:
    if account.usage_seconds is None:
        told = format_seconds(parts.usage_seconds) if parts.usage_seconds else "pending"
        remark = f"so far; the service has not settled it ({account.rule})" if parts.usage_seconds else ""
        yield "usage", told, remark or account.rule
    else:
        yield "usage", format_seconds(account.usage_seconds), _so_far(account) + account.rule
    pending = sum(job.qpu_seconds is None for job in account.jobs)
    of = "" if not pending else f"; {pending} of {len(account.jobs)} jobs pending"
    qpu = "pending" if parts.qpu_seconds is None else format_seconds(parts.qpu_seconds)
    yield "QPU time", qpu, f"of {len(account.jobs)} jobs{of}"
    if parts.overhead_seconds is not None:
        jobs = "" if parts.overhead_jobs == len(account.jobs) else f", told of {parts.overhead_jobs} jobs"
        yield "  circuits", format_seconds(parts.execution_seconds), f"circuits ran{jobs}"
        yield "  overhead", format_seconds(parts.overhead_seconds), f"the QPU was locked beside that{jobs}"
    if parts.idle_seconds is not None:
        yield "idle", format_seconds(parts.idle_seconds), "usage minus QPU time"
    if parts.classical_seconds is not None:
        yield "  classical", format_seconds(parts.classical_seconds), "jobs ran, none of them on the QPU"
        yield "  no job", format_seconds(parts.waiting_seconds), "the session waited for its client"
    if parts.inactive_seconds:
        yield "inactive", format_seconds(parts.inactive_seconds), "paused in between; not charged"


def _so_far(account: UsageAccount) -> str:
    return "so far; " if account.ongoing else ""


def _left(seconds: float | None) -> str:
    return "" if seconds is None else f"{format_seconds(round(seconds))} remain"


def _share(share: Share) -> str:
    return f"{share.number} job{'s' if share.number > 1 else ''}"


def _share_remark(account: UsageAccount, share: Share) -> str:
    mode = account.mode if account.by_wall_clock or account.mode != "session" else "job"
    cost = f"QPU time {format_seconds(share.seconds)}"
    if share.pending:
        cost += f", {share.pending} pending"
    if share.unlocked:
        cost += f", {share.unlocked} before the lock"
    return f"{cost} ({FAILURE_RULES[mode]})"


def _draw_jobs(account: UsageAccount) -> None:
    if not account.jobs:
        return
    columns = [Column("job"), Column("state"), Column("QPU time", right=True)]
    columns += [Column("queue", 1, right=True), Column("off QPU", 1, right=True)]
    columns += [Column("overhead", 3, right=True), Column("created", 6), Column("started", 5)]
    columns += [Column("finished", 4), Column("reason", 2)]
    few = account.jobs[:_MOST_ROWS] if out().is_terminal else account.jobs
    print_table(columns, [_row(job) for job in few])
    if len(few) < len(account.jobs):
        say(f"… and {len(account.jobs) - len(few)} more jobs; all with --json", style="dim")


def _row(job: JobUsage) -> tuple[str | Text, ...]:
    qpu = "pending" if job.qpu_seconds is None else format_seconds(job.qpu_seconds)
    if job.qpu_seconds is None and job.so_far_seconds:
        qpu = f"{format_seconds(job.so_far_seconds)} so far"
    return (
        job.id,
        state_text(job.state),
        qpu,
        format_seconds(job.queue_seconds),
        format_seconds(job.classical_seconds),
        format_seconds(job.overhead_seconds),
        moment_text(job.created),
        moment_text(job.started),
        moment_text(job.finished),
        _reason(job),
    )


def _reason(job: JobUsage) -> str:
    if not job.reason:
        return ""
    text = job.reason if len(job.reason) <= 60 else job.reason[:59] + "…"
    return f"{text} ({job.reason_code})" if job.reason_code else text
