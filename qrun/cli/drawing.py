"""Runs, results and accounts as rich draws them. What it is given is complete: nothing is reckoned here."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from rich.table import Table
from rich.text import Text

from qrun.cli.console import out, say
from qrun.units import format_seconds

if TYPE_CHECKING:
    from rich.console import RenderableType

    from qrun.ledger import Run
    from qrun.run.follow import Progress
    from qrun.runtime.records import JobRecord
    from qrun.usage.account import UsageAccount

STATE_STYLES = {
    "DONE": "green",
    "RUNNING": "cyan",
    "QUEUED": "yellow",
    "ERROR": "red",
    "CANCELLED": "magenta",
}
_MOST_OUTCOMES = 16
_MOST_ROWS = 40


def state_text(state: str | None) -> Text:
    """A state in its colour. The word alone tells it too."""
    word = state or "not sent"
    return Text(word.lower(), style=STATE_STYLES.get(word, ""))


def progress_view(run: Run, progress: Progress | None, seconds: float) -> RenderableType:
    """One line: name, mode, a bar of jobs by state, counts, time."""
    line = Text.assemble((run.name, "bold"), f" {run.id} ", (f"{run.mode} on {run.backend} ", "dim"))
    if progress is None:
        line.append("asking …")
        return line
    counts, total = progress.counts, max(len(run.jobs), 1)
    width = 24
    for state in ("DONE", "ERROR", "CANCELLED", "RUNNING", "QUEUED"):
        cells = round(width * counts.get(state, 0) / total)
        line.append(("━" if state in ("DONE", "RUNNING") else "─") * cells, style=STATE_STYLES[state])
    for state, number in sorted(counts.items()):
        line.append(f" {number} {state.lower()}", style=STATE_STYLES.get(state, ""))
    line.append(f"  {format_seconds(round(seconds))}", style="dim")
    return line


def draw_results(document: dict[str, Any]) -> None:
    """Counts and expectation values of a run, PUB by PUB."""
    for pub in document["pubs"]:
        amount = f"{pub['shots']} shots" if pub["primitive"] == "sampler" else _precision(pub["precision"])
        title = f"{pub['name']}: {pub['circuit']}, {pub['primitive']}, {amount}"
        if pub["data"] is None:
            out().print(Text.assemble((title, "bold"), "  ", state_text(pub["state"])))
        elif pub["primitive"] == "sampler":
            _draw_counts(title, pub)
        else:
            _draw_expectations(title, pub)


def _precision(precision: float | None) -> str:
    return "precision by default_shots" if precision is None else f"precision {precision:g}"


def _draw_counts(title: str, pub: dict[str, Any]) -> None:
    for register, data in pub["data"].items():
        if "counts" not in data:
            out().print(Text(f"{title}\n  {register}: raw measurement data; see --format json"))
            continue
        table = _table("index" if pub["shape"] else None, register, "count", "share", "")
        for row in _count_rows(data["counts"], bool(pub["shape"])):
            table.add_row(*row)
        out().print(Text(title, style="bold"))
        out().print(table)


def _count_rows(counts: Any, has_shape: bool) -> Iterator[tuple[str, ...]]:
    shown = 0
    for index, of_point in _points(counts):
        total = sum(of_point.values())
        ordered = sorted(of_point.items(), key=lambda item: (-item[1], item[0]))
        for bits, number in ordered[:_MOST_OUTCOMES]:
            share = number / total
            row = (bits, str(number), f"{share:.3f}", "█" * round(20 * share))
            yield (str(list(index)), *row) if has_shape else row
            shown += 1
            if shown >= _MOST_ROWS:
                yield ("…",) + ("",) * (4 if has_shape else 3)
                return
        if len(ordered) > _MOST_OUTCOMES:
            rest = len(ordered) - _MOST_OUTCOMES
            row = (f"… {rest} more", str(sum(n for _, n in ordered[_MOST_OUTCOMES:])), "", "")
            yield (str(list(index)), *row) if has_shape else row


def _draw_expectations(title: str, pub: dict[str, Any]) -> None:
    table = _table("index" if pub["shape"] else None, "expectation value", "standard error")
    stds = dict(_points(pub["data"]["stds"]))
    for number, (index, value) in enumerate(_points(pub["data"]["evs"])):
        if number == _MOST_ROWS:
            table.add_row("…", *[""] * (2 if pub["shape"] else 1))
            break
        row = (_number(value), _number(stds.get(index)))
        table.add_row(*((str(list(index)), *row) if pub["shape"] else row))
    out().print(Text(title, style="bold"))
    out().print(table)


def _points(nested: Any, index: tuple[int, ...] = ()) -> Iterator[tuple[tuple[int, ...], Any]]:
    if isinstance(nested, list):
        for position, item in enumerate(nested):
            yield from _points(item, (*index, position))
    else:
        yield index, nested


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:+.4f}"


def _table(*columns: str | None) -> Table:
    table = Table(box=None, pad_edge=False)
    for column in columns:
        if column is not None:
            right = column in ("count", "share", "expectation value", "standard error", "QPU time")
            table.add_column(column, justify="right" if right else "left", no_wrap=True)
    return table


def draw_failures(run: Run, jobs: Sequence[JobRecord]) -> None:
    """Why jobs failed, were cancelled, or were never sent."""
    for job in jobs:
        if job.state in ("ERROR", "CANCELLED") or job.unknown:
            code = f" (code {job.reason_code})" if job.reason_code else ""
            say(f"job {job.id} {job.state.lower()}: {job.reason or 'no reason given'}{code}", style="red")
    unsent = [job for job in run.jobs if job.job_id is None]
    if unsent:
        say(f"{len(unsent)} of {len(run.jobs)} jobs of run {run.id} were never sent", style="red")


def draw_cost(account: UsageAccount) -> None:
    """One line: what it cost, and by which rule."""
    from qrun.usage.account import RULES

    if account.usage_seconds is None:
        out().print(f"usage: pending; see it later with: qrun usage {account.id}")
        return
    text = f"usage: {format_seconds(account.usage_seconds)} ({account.mode}: {RULES[account.mode]})"
    if account.mode == "session" and account.qpu_seconds is not None:
        text += f"; QPU time of its jobs: {format_seconds(account.qpu_seconds)}"
    out().print(text)


def draw_account(account: UsageAccount) -> None:
    """A whole account: usage, times to live, and a row a job."""
    from qrun.usage.account import RULES

    head = f"{account.kind} {account.id}"
    where = f"{account.mode} on {account.backend or '?'}"
    out().print(Text.assemble((head, "bold"), f"  {where}, {account.state.lower()}"))
    usage = "pending" if account.usage_seconds is None else format_seconds(account.usage_seconds)
    out().print(f"usage     {usage}  ({RULES[account.mode] if account.kind != 'job' else RULES['job']})")
    out().print(
        f"QPU time  {format_seconds(account.qpu_seconds) if account.qpu_seconds is not None else 'pending'}"
    )
    if account.session_id and account.session_id != account.id:
        out().print(f"{account.mode:<9} {account.session_id}")
    if account.max_ttl_seconds is not None:
        interactive = format_seconds(account.interactive_ttl_seconds)
        out().print(f"ITTL      {interactive}   maximum time {format_seconds(account.max_ttl_seconds)}")
    if account.started_at:
        closed = f"   closed {_moment(account.closed_at)}" if account.closed_at else ""
        out().print(f"started   {_moment(account.started_at)}{closed}")
    table = _table("job", "state", "QPU time", "created", "started", "finished")
    for job in account.jobs:
        table.add_row(
            job.id,
            state_text(job.state),
            "pending" if job.qpu_seconds is None else format_seconds(job.qpu_seconds),
            _moment(job.created),
            _moment(job.started),
            _moment(job.finished),
        )
    if account.jobs:
        out().print(table)


def draw_runs(rows: Sequence[dict[str, Any]]) -> None:
    """A row a run, the newest first."""
    table = _table("run", "name", "mode", "backend", "service", "state", "done", "submitted")
    for row in rows:
        table.add_row(
            row["run"],
            row["name"],
            row["mode"],
            row["backend"],
            row["service"],
            state_text(row["state"]),
            f"{row['jobs_done']}/{row['jobs']}",
            _moment(datetime.fromisoformat(row["submitted"])),
        )
    out().print(table)


def draw_status(status: dict[str, Any]) -> None:
    """How a run, session or job stands."""
    head = Text.assemble((f"{status['kind']} {status['id']}", "bold"), "  ")
    head.append(f"{status['mode']} on {status['backend'] or '?'}, ")
    head.append_text(state_text(status["state"]))
    out().print(head)
    if status.get("session"):
        session = status["session"]
        accepting = "accepting jobs" if session["accepting_jobs"] else "not accepting jobs"
        out().print(f"{session['mode']} {session['id']}: {session['state']}, {accepting}")
    table = _table("job", "state", "reason")
    for job in status["jobs"]:
        table.add_row(job["id"] or "–", state_text(job["state"]), job["reason"] or "")
    out().print(table)


def _moment(moment: datetime | None) -> str:
    return "–" if moment is None else moment.astimezone().strftime("%Y-%m-%d %H:%M:%S")
