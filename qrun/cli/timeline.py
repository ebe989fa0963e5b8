"""``qrun timeline``: lanes over time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from qrun.cli import options

if TYPE_CHECKING:
    from qrun.usage.timeline import Timeline


def timeline(
    ids: options.Ids,
    rows: Annotated[
        str | None,
        typer.Option(
            "--rows",
            help="A row for each of the 'jobs' or of the 'lanes'.  [default: jobs, up to 30 of them]",
            show_default=False,
        ),
    ] = None,
    width: Annotated[
        int | None,
        typer.Option("--width", min=40, help="Columns.  [default: the terminal's]", show_default=False),
    ] = None,
    service: options.Service = None,
) -> None:
    """Draw when the jobs of a run, session or batch were queued, in classical processing and on the QPU."""
    from qrun.cli.usage import read_accounts
    from qrun.errors import UsageError
    from qrun.usage.timeline import timeline_of

    if rows not in (None, "jobs", "lanes"):
        raise UsageError(f"--rows is {rows!r}.", "It is jobs or lanes.")
    for account in read_accounts(ids, service):
        _draw(timeline_of(account), rows, width)


def _draw(timeline: Timeline, rows: str | None, width: int | None) -> None:
    import sys

    from rich.text import Text

    from qrun.cli.console import out, say
    from qrun.cli.timeline_drawing import timeline_lines
    from qrun.units import format_seconds

    account = timeline.account
    head = Text.assemble((f"{account.kind} {account.id}", "bold"))
    head.append(f"  {account.mode} on {account.backend or '?'}, {account.state.lower()}, ")
    head.append(f"usage {format_seconds(account.so_far_seconds)}{' so far' if account.ongoing else ''}")
    out().print(head)
    columns = width or (out().width if out().is_terminal else min(out().width, 120))
    fancy = (sys.stdout.encoding or "").lower().startswith("utf")
    for line in timeline_lines(timeline, columns, rows=rows, fancy=fancy):
        out().print(line, no_wrap=True, crop=False)
    say("QPU time is drawn at the end of a job: the service does not tell when it took the QPU.", style="dim")
    if timeline.overlapping:
        say("QPU times overlap there, so jobs ended some time after they gave the QPU back.", style="dim")
