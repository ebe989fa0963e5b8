"""Tables that fit the terminal."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from rich.cells import cell_len
from rich.table import Table
from rich.text import Text

from qrun.cli.console import out, say


@dataclass(frozen=True)
class Column:
    """A column of a table."""

    title: str
    rank: int = 0
    """Columns of the highest rank go first where the terminal is too narrow; those of rank 0 stay."""
    right: bool = False


def print_table(columns: Sequence[Column], rows: Sequence[Sequence[str | Text]]) -> None:
    """A table whose cells are never cut: where it is too wide, whole columns are left out, and it says so."""
    kept = list(range(len(columns)))
    widths = [
        max([cell_len(column.title), *(_width(row[i]) for row in rows)]) for i, column in enumerate(columns)
    ]
    while len(kept) > 1 and sum(widths[i] + 2 for i in kept) - 2 > out().width:
        least = max(kept, key=lambda i: columns[i].rank)
        if columns[least].rank == 0:
            break
        kept.remove(least)
    table = Table(box=None, pad_edge=False)
    for i in kept:
        table.add_column(columns[i].title, justify="right" if columns[i].right else "left", overflow="fold")
    for row in rows:
        table.add_row(*(Text(cell) if isinstance(cell, str) else cell for cell in (row[i] for i in kept)))
    out().print(table)
    hidden = [column.title for i, column in enumerate(columns) if i not in kept and column.title]
    if hidden:
        say(f"not shown for lack of room: {', '.join(hidden)}", style="dim")


def _width(cell: str | Text) -> int:
    return cell_len(cell) if isinstance(cell, str) else cell.cell_len


def moment_text(moment: datetime | None) -> str:
    """A time as people here read it; ``–`` for none."""
    return "–" if moment is None else moment.astimezone().strftime("%Y-%m-%d %H:%M:%S")
