"""Runs, results and accounts as rich draws them. What it is given is complete: nothing is reckoned here."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from rich.text import Text

from qrun.cli.console import out, say
from qrun.cli.tables import Column as _Column
from qrun.cli.tables import moment_text as _moment
from qrun.cli.tables import print_table as _print_table
from qrun.units import format_seconds

if TYPE_CHECKING:
    from qrun.ledger import Run
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
_BAR_CELLS = 20
_LONGEST_LABEL = 32


def state_text(state: str | None) -> Text:
    """A state in its colour. The word alone tells it too."""
    word = state or "not sent"
    return Text(word.lower(), style=STATE_STYLES.get(word, ""))


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
        out().print(Text(title, style="bold"))
        if "counts" not in data:
            out().print(f"  {register}: raw measurement data; see --format json")
            continue
        columns = [
            _Column(register),
            _Column("count", right=True),
            _Column("probability", right=True),
            _Column("standard error", 1, right=True),
            _Column("", 2),
        ]
        if pub["shape"]:
            columns.insert(0, _Column("index"))
        _print_table(columns, list(_count_rows(data["counts"], bool(pub["shape"]))))


def _count_rows(counts: Any, has_shape: bool) -> Iterator[tuple[str, ...]]:
    from qrun.run.tables import binomial_error

    shown = 0
    for index, of_point in _points(counts):
        total = sum(of_point.values())
        ordered = sorted(of_point.items(), key=lambda item: (-item[1], item[0]))
        for bits, number in ordered[:_MOST_OUTCOMES]:
            share = number / total
            error = f"{binomial_error(number, total):.4f}"
            row = (bits, str(number), f"{share:.4f}", error, _bar(share))
            yield (str(list(index)), *row) if has_shape else row
            shown += 1
            if shown >= _MOST_ROWS:
                yield ("…",) + ("",) * (5 if has_shape else 4)
                return
        if len(ordered) > _MOST_OUTCOMES:
            rest = len(ordered) - _MOST_OUTCOMES
            row = (f"… {rest} more", str(sum(n for _, n in ordered[_MOST_OUTCOMES:])), "", "", "")
            yield (str(list(index)), *row) if has_shape else row


def _bar(share: float) -> str:
    """A share as a bar of twenty cells at most, an eighth of a cell exact."""
    eighths = round(8 * _BAR_CELLS * share)
    return "█" * (eighths // 8) + " ▏▎▍▌▋▊▉"[eighths % 8].strip()


def _draw_expectations(title: str, pub: dict[str, Any]) -> None:
    stds = dict(_points(pub["data"]["stds"]))
    rows = []
    for number, (index, value) in enumerate(_points(pub["data"]["evs"])):
        if number == _MOST_ROWS:
            rows.append(("…", "", "", ""))
            break
        error, label = stds.get(index), _label(pub.get("observables"), index)
        rows.append((str(list(index)), label, _number(value), "–" if error is None else f"{error:.4f}"))
    columns = [_Column("index"), _Column("observable", 2), _Column("expectation value", right=True)]
    columns += [_Column("standard error", 1, right=True)]
    first = 0 if pub["shape"] else 1
    out().print(Text(title, style="bold"))
    _print_table(columns[first:], [row[first:] for row in rows])


def _label(observables: Any, index: tuple[int, ...]) -> str:
    """The observable at a point of the PUB. Its array broadcasts against the PUB's shape from the right."""
    depth, below = 0, observables
    while isinstance(below, list):
        depth, below = depth + 1, below[0]
    for position in index[len(index) - depth :]:
        observables = observables[0 if len(observables) == 1 else position]
    return _shortened(str(observables or ""))


def _shortened(text: str) -> str:
    return text if len(text) <= _LONGEST_LABEL else text[: _LONGEST_LABEL - 1] + "…"


def _points(nested: Any, index: tuple[int, ...] = ()) -> Iterator[tuple[tuple[int, ...], Any]]:
    if isinstance(nested, list):
        for position, item in enumerate(nested):
            yield from _points(item, (*index, position))
    else:
        yield index, nested


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:+.4f}"


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


def draw_runs(rows: Sequence[dict[str, Any]]) -> None:
    """A row a run, the newest first."""
    columns = [
        _Column("run"),
        _Column("name", 1),
        _Column("mode", 4),
        _Column("backend", 3),
        _Column("service", 6),
    ]
    columns += [_Column("state"), _Column("done", 2, right=True), _Column("submitted", 5)]
    cells = [
        (
            row["run"],
            row["name"],
            row["mode"],
            row["backend"],
            row["service"],
            state_text(row["state"]),
            f"{row['jobs_done']}/{row['jobs']}",
            _moment(datetime.fromisoformat(row["submitted"])),
        )
        for row in rows
    ]
    _print_table(columns, cells)


def draw_pubs(document: dict[str, Any]) -> None:
    """A row a PUB of a workload."""
    compiled = document["backend"] is not None
    columns = [
        _Column("name"),
        _Column("primitive", 3),
        _Column("circuit", 4),
        _Column("qubits", 2, right=True),
        _Column("shape", 1),
        _Column("shots or precision", 0, right=True),
        _Column("executions", 5, right=True),
        _Column("depth", 6, right=True),
        _Column("2-qubit gates", 6, right=True),
    ]
    if compiled:
        columns += [_Column("depth, compiled", 1, right=True), _Column("2-qubit, compiled", 1, right=True)]
    rows = []
    for pub in document["pubs"]:
        row = [
            pub["name"],
            pub["primitive"],
            pub["circuit"],
            str(pub["num_qubits"]),
            str(tuple(pub["shape"])),
        ]
        row.append(_amount(pub))
        row += ["–" if pub["executions"] is None else f"{pub['executions']:,}"]
        for counted in [pub["logical"], pub["compiled"]][: 1 + compiled]:
            row += [f"{counted['depth']:,}", f"{counted['two_qubit_gates']:,}"]
        rows.append(row)
    numbers = f"PUBs: {len(rows)}, jobs: {document['jobs']}"
    title = f"{document['name']}  {numbers}, mode {document['mode']}"
    on = f", on {document['backend']}" if compiled else ""
    out().print(Text(title + on, style="bold"))
    _print_table(columns, rows)


def _amount(pub: dict[str, Any]) -> str:
    if pub["shots"] is not None:
        return f"{pub['shots']:,}"
    return "by default_shots" if pub["precision"] is None else f"±{pub['precision']:g}"


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
    columns = [_Column("job"), _Column("state"), _Column("reason", 1)]
    _print_table(
        columns, [(job["id"] or "–", state_text(job["state"]), job["reason"] or "") for job in status["jobs"]]
    )
