"""Loops as text: cost against evaluations as a small plot, and what came of them in a line each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from qrun.units import format_seconds

if TYPE_CHECKING:
    from qrun.cli.loop_view import LoopProgress

_HEIGHT = 6
_COLOURS = ("cyan", "magenta", "green", "yellow", "blue", "red")
_DOTS = ((0x01, 0x02, 0x04, 0x40), (0x08, 0x10, 0x20, 0x80))
"""Bits of the eight dots of a braille character, by column and row (Unicode, U+2800)."""


def plot(values: Sequence[float], width: int, height: int = _HEIGHT) -> list[str]:
    """Values against their index as braille dots, two columns and four rows of them a character.

    Args:
        values: What to plot; more than fit are thinned out.
        width: Characters in a row.
        height: Rows.
    """
    columns, rows = 2 * width, 4 * height
    if not values:
        return [" " * width] * height
    low, high = min(values), max(values)
    cells = [[0] * width for _ in range(height)]
    count = len(values)
    shown = min(count, columns)
    for x in range(shown):
        value = values[x if count <= columns else round(x * (count - 1) / (columns - 1))]
        y = rows - 1 if high == low else round((high - value) / (high - low) * (rows - 1))
        cells[y // 4][x // 2] |= _DOTS[x % 2][y % 4]
    return ["".join(chr(0x2800 + cell) for cell in row) for row in cells]


def loops_panel(loops: Sequence[LoopProgress], seconds: float, times: str | None, width: int) -> Any:
    """All loops side by side or one below another, as wide as the terminal."""
    from rich.console import Group
    from rich.table import Table
    from rich.text import Text

    beside = max(1, min(len(loops), width // 40))
    inner = max(10, min(60, width // beside - 14))
    grid = Table.grid(padding=(0, 2))
    blocks = [_block(loop, inner, _COLOURS[i % len(_COLOURS)]) for i, loop in enumerate(loops)]
    for start in range(0, len(blocks), beside):
        grid.add_row(*blocks[start : start + beside])
    below = format_seconds(round(seconds)) + (f"; the session is {times}" if times else "")
    return Group(grid, Text(below, style="dim"))


def _block(loop: LoopProgress, width: int, colour: str) -> Any:
    from rich.text import Text

    text = Text()
    text.append(f"{loop.name}", style=f"bold {colour}")
    text.append(f"  {loop.method}  {loop.state}\n", style="dim")
    rows = plot(loop.costs, width)
    labels = [""] * len(rows)
    if loop.costs:
        labels[0], labels[-1] = f"{max(loop.costs):.5g}", f"{min(loop.costs):.5g}"
    for label, row in zip(labels, rows, strict=True):
        text.append(f"{label:>10} ", style="dim")
        text.append(f"{row}\n", style=colour)
    if loop.best is not None:
        error = "" if loop.std is None else f" ± {loop.std:.2g}"
        text.append(f"best {loop.best:.6g}, last {loop.costs[-1]:.6g}{error}\n")
    step = "" if loop.step is None else f", step {loop.step:.3g}"
    each = f", QPU {loop.qpu / loop.evaluations:.2g} s each" if loop.evaluations else ""
    replayed = f" ({loop.replayed} from the ledger)" if loop.replayed else ""
    counted = f"evaluation {loop.evaluations}{replayed}, iteration {loop.iteration}"
    text.append(f"{counted}{step}{each}\n", style="dim")
    return text


def loop_line(document: Mapping[str, Any]) -> str:
    """What came of a loop."""
    best = document["best"]
    cost = "no cost was told"
    if best is not None:
        error = "" if best["std"] is None else f" ± {best['std']:.2g}"
        cost = f"best cost {best['value']:.6g}{error}"
    return (
        f"{document['loop']} ({document['method']}): {cost} after {document['jobs']} jobs, QPU "
        f"{format_seconds(round(document['qpu_seconds'], 1))}; {document['state']}: {document['reason']}"
    )


def sharing_lines(sharing: Any) -> list[str]:
    """What the loops took together, and what they would have taken one after another."""
    lines = []
    if sharing.own_median is not None:
        lines.append(
            f"between a result and the next submission qrun itself took {1000 * sharing.own_median:.0f} ms "
            "(median)"
        )
    if sharing.alone is not None and sharing.together is not None and sharing.loops > 1:
        saved = sharing.alone - sharing.together
        lines.append(
            f"{sharing.loops} loops took {format_seconds(round(sharing.together, 1))} side by side; one "
            f"after another about {format_seconds(round(sharing.alone, 1))}"
            + (f": sharing saved {format_seconds(round(saved, 1))}" if saved > 0 else "")
        )
    return lines
