"""The live view of what is followed, for any size of terminal. It is given all it draws, and asks nobody.

Every line is cut to the width, the most important part of it first, and the most important lines come first,
so that whatever does not fit is the least of it. No state is told by colour alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from rich.text import Text

from qrun.cli.drawing import STATE_STYLES
from qrun.cli.event_words import in_order, plain, tenths
from qrun.run.follow import Standing, Subject
from qrun.units import format_seconds

NOT_SENT = "NOT SENT"
_BLOCKS = {"DONE": "█", "RUNNING": "▓", "QUEUED": "░", "ERROR": "×", "CANCELLED": "-", NOT_SENT: "·"}
_ASCII = {"DONE": "#", "RUNNING": ">", "QUEUED": ".", "ERROR": "x", "CANCELLED": "-", NOT_SENT: " "}
_LONGEST_BAR = 100
_USAGE_BAR = 20
_SEPARATOR = "  "


@dataclass(frozen=True)
class Screen:
    """How much room there is, in columns and rows, and whether it knows letters beyond ASCII."""

    width: int
    height: int
    ascii_only: bool = False


@dataclass(frozen=True)
class Scene:
    """All that the view shows."""

    subject: Subject
    standing: Standing | None
    """``None`` before the service has answered for the first time."""
    seconds: float
    """How long it has been followed."""
    news: Sequence[str] = ()
    """The newest events, the newest last."""
    trouble: str | None = None
    """Why there is no answer, while there is none."""
    silent_seconds: float = 0.0
    """Seconds since the last answer."""


def live_view(scene: Scene, screen: Screen) -> Text:
    """The view, no wider and no higher than the screen.

    Args:
        scene: What to show.
        screen: The room for it.
    """
    lines = _head(scene, screen.width)
    standing = scene.standing
    if scene.trouble is not None:
        # Before the rest: what is shown below is as old as this says, but for the countdowns.
        lines.append(Text(f"{_silence(scene)}: {plain(scene.trouble)}", style="yellow"))
    if standing is None:
        lines.append(Text("asking …"))
    else:
        if bar := _bar(standing.counts, scene.subject.total, screen):
            lines.append(bar)
        lines += _counts(standing.counts, scene.subject.total, screen.width)
        lines += _session(standing, screen.width)
        lines += _usage(standing, screen)
    lines = lines[: screen.height]
    foot = Text("Ctrl-C detaches; the jobs go on", style="dim")
    room = screen.height - len(lines) - 2
    if room > 0 and scene.news:
        lines.append(Text())
        lines += [Text(plain(text), style="dim") for text in scene.news[-room:]]
    if len(lines) < screen.height:
        lines.append(foot)
    return Text("\n").join(_cut(line, screen) for line in lines)


def one_line(scene: Scene, screen: Screen) -> Text:
    """What stands, in one line: name, ID, counts, time, and a bar where there is room for one.

    Args:
        scene: What to show.
        screen: The room for it.
    """
    subject, standing = scene.subject, scene.standing
    head = Text.assemble((f"{subject.name} " if subject.name else "", "bold"), f"{subject.id} ")
    if standing is None:
        return _cut(head.append("asking …"), screen)
    if scene.trouble is not None:
        return _cut(head.append(_silence(scene), style="yellow"), screen)
    tail = Text()
    for state, number in in_order(standing.counts):
        tail.append(f"{number:,} {state.lower()} ", style=STATE_STYLES.get(state, ""))
    tail.append(f" {format_seconds(round(scene.seconds))}", style="dim")
    middle = Text(f"{subject.mode} on {subject.backend or '?'} ", style="dim")
    room = screen.width - head.cell_len - tail.cell_len - middle.cell_len - 2
    if room >= 6:
        small = Screen(min(room, 24), 1, screen.ascii_only)
        middle.append_text(_bar(standing.counts, subject.total, small)).append(" ")
    return _cut(Text.assemble(head, middle if room >= 0 else "", tail), screen)


def bar_cells(counts: Mapping[str, int], total: int, width: int) -> dict[str, int]:
    """Cells of a bar by state: ``width`` together, and none of them zero while there is room.

    Args:
        counts: Number of jobs by state.
        total: Number of jobs, those not sent included.
        width: Cells of the whole bar.
    """
    parts = {state: number for state, number in in_order(counts) if number}
    total = max(total, sum(parts.values()))
    if total == 0 or width <= 0:
        return {}
    if total > sum(parts.values()):
        parts[NOT_SENT] = total - sum(parts.values())
    least = 1 if len(parts) <= width else 0
    exact = {state: width * number / total for state, number in parts.items()}
    cells = {state: max(int(share), least) for state, share in exact.items()}
    # The largest remainders are rounded up; where small parts were raised, the largest pay for it.
    while (rest := width - sum(cells.values())) > 0:
        cells[max(cells, key=lambda state: exact[state] - cells[state])] += 1
    while rest < 0:
        able = [state for state in cells if cells[state] > least]
        cells[max(able, key=lambda state: (cells[state] - exact[state], cells[state]))] -= 1
        rest += 1
    return cells


def _head(scene: Scene, width: int) -> list[Text]:
    subject = scene.subject
    time = format_seconds(round(scene.seconds))
    where = f"{subject.mode} on {subject.backend}" if subject.backend else subject.mode
    title = f"job {subject.id}" if subject.kind == "job" else subject.id
    name = [Text(subject.name, style="bold")] if subject.name else []
    return _wrapped([*name, Text(title), Text(where), Text(time, style="dim")], width)


def _silence(scene: Scene) -> str:
    return f"no answer for {format_seconds(round(scene.silent_seconds))}, asking again"


def _counts(counts: Mapping[str, int], total: int, width: int) -> list[Text]:
    pieces = [
        Text(f"{number:,} {state.lower()}", style=STATE_STYLES.get(state, ""))
        for state, number in in_order(counts)
    ]
    if (unsent := total - sum(counts.values())) > 0:
        pieces.append(Text(f"{unsent:,} not sent"))
    if len(pieces) != 1:
        pieces.append(Text(f"of {total:,}", style="dim"))
    return _wrapped(pieces, width)


def _session(standing: Standing, width: int) -> list[Text]:
    seen = standing.session
    if seen is None:
        return []
    record = seen.record
    # What is followed is named above.
    name = [] if record.id == standing.subject.id else [Text(record.id, style="dim")]
    head = Text.assemble(f"{record.mode} ", (record.state, "cyan" if record.state == "active" else ""))
    pieces = [head]
    if record.closed:
        return _wrapped([head, *name], width)
    if not record.accepting_jobs:
        pieces.append(Text("takes no more jobs"))
    ittl = format_seconds(record.interactive_ttl_seconds)
    if (left := seen.pauses_in) is not None:
        pieces.append(Text(f"ITTL {_countdown(left)} of {ittl} left", style="yellow"))
    else:
        pieces.append(Text(f"ITTL {ittl}"))
    if (left := seen.closes_in) is not None:
        pieces.append(Text(f"TTL {_countdown(left)} left"))
    else:
        pieces.append(Text(f"TTL {format_seconds(record.max_ttl_seconds)}"))
    return _wrapped([*pieces, *name], width)


def _usage(standing: Standing, screen: Screen) -> list[Text]:
    used, budget = standing.usage_seconds, standing.subject.budget_seconds
    text = Text("usage so far " if not standing.ended else "usage ")
    text.append("not known yet" if used is None else tenths(used))
    if budget is None:
        return [text]
    share = 1.0 if budget <= 0 else min((used or 0.0) / budget, 1.0)
    style = "red" if share >= 0.9 else ""
    text.append(f" of {format_seconds(budget)}, {share:.0%}", style=style)
    if screen.width - text.cell_len - len(_SEPARATOR) >= _USAGE_BAR:
        full, empty = ("#", ".") if screen.ascii_only else ("━", "─")
        cells = round(share * _USAGE_BAR)
        text.append(_SEPARATOR + full * cells + empty * (_USAGE_BAR - cells), style=style)
    return [text]


def _bar(counts: Mapping[str, int], total: int, screen: Screen) -> Text:
    glyphs = _ASCII if screen.ascii_only else _BLOCKS
    bar = Text()
    for state, cells in bar_cells(counts, total, min(screen.width, _LONGEST_BAR)).items():
        bar.append(glyphs.get(state, "?") * cells, style=STATE_STYLES.get(state, ""))
    return bar


def _wrapped(pieces: Iterable[Text], width: int) -> list[Text]:
    """Pieces one after the other, in as many lines as it takes, none of them broken."""
    lines: list[Text] = []
    for piece in pieces:
        if lines and lines[-1].cell_len + len(_SEPARATOR) + piece.cell_len <= width:
            lines[-1] = Text.assemble(lines[-1], _SEPARATOR, piece)
        else:
            lines.append(piece)
    return lines


def _cut(line: Text, screen: Screen) -> Text:
    line = line.copy()
    if screen.ascii_only:
        line.plain = line.plain.encode("ascii", "replace").decode()
    if line.cell_len > screen.width:
        line.truncate(screen.width, overflow="crop" if screen.ascii_only else "ellipsis")
    return line


def _countdown(seconds: float) -> str:
    """Whole seconds, so that a countdown does not flicker."""
    return format_seconds(int(seconds))
