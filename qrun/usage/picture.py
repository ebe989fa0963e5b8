"""The timeline as a picture for papers, by matplotlib."""

from __future__ import annotations

from io import BytesIO
from typing import Any

from qrun.usage.timeline import Axis, Span, Timeline, tick_text

COLOURS = {
    "queued": "#c9b458",
    "classical": "#d48800",
    "qpu": "#00786a",
    "active": "#2f6fb5",
    "idle": "#b565a7",
}
MEANINGS = {
    "queued": "queued",
    "classical": "running, not on the QPU",
    "qpu": "on the QPU",
    "active": "active",
    "idle": "active without a job",
}
_MOST_JOB_ROWS = 40
_WIDTH, _ROW, _FRAME = 7.2, 0.16, 0.9
"""Inches: two columns of a journal, a row of bars, and what is around them."""


def picture(timeline: Timeline, kind: str) -> bytes:
    """The timeline as a file's content.

    Args:
        timeline: What to draw.
        kind: ``svg`` or ``png``.
    """
    import matplotlib as mpl
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    rows = _rows(timeline)
    # Text stays text in an SVG, and the file says nothing of when it was made: equal numbers, equal file.
    with mpl.rc_context({"svg.fonttype": "none", "svg.hashsalt": "qrun", "font.size": 8}):
        figure = Figure(figsize=(_WIDTH, _FRAME + _ROW * len(rows)), layout="constrained")
        FigureCanvasAgg(figure)
        axes = figure.add_subplot()
        axis = Axis(timeline, 1.0, 0.06)
        used = _draw(axes, axis, rows)
        _finish(axes, axis, rows, used, timeline)
        content = BytesIO()
        metadata = {"Date": None} if kind == "svg" else None
        figure.savefig(content, format=kind, dpi=200, metadata=metadata)
        return content.getvalue()


def _rows(timeline: Timeline) -> list[tuple[str, list[tuple[str, list[Span]]]]]:
    """Label and parts of each row, from the top."""
    rows: list[tuple[str, list[tuple[str, list[Span]]]]] = []
    if timeline.active:
        rows.append((timeline.account.mode, [("active", list(timeline.active)), ("idle", timeline.idle)]))
    rows.append(("QPU lock", [("qpu", timeline.lock)]))
    if len(timeline.bars) <= _MOST_JOB_ROWS:
        for bar in timeline.bars:
            parts = (("queued", bar.queued), ("classical", bar.running), ("qpu", bar.qpu))
            rows.append((f"job {bar.number}", [(kind, [span]) for kind, span in parts if span]))
        return rows
    for lane in range(1, timeline.lanes + 1):
        bars = [bar for bar in timeline.bars if bar.lane == lane]
        running = [bar.running for bar in bars if bar.running]
        rows.append((f"lane {lane}", [("classical", running), ("qpu", [b.qpu for b in bars if b.qpu])]))
    return rows


def _draw(axes: Any, axis: Axis, rows: list[tuple[str, list[tuple[str, list[Span]]]]]) -> list[str]:
    used: dict[str, None] = {}
    for place, (_, parts) in enumerate(rows):
        for kind, spans in parts:
            places = [
                (axis.position(span.start), axis.position(span.end)) for span in spans if span.length > 0
            ]
            if places:
                used[kind] = None
                bars = [(left, right - left) for left, right in places]
                axes.broken_barh(bars, (place - 0.4, 0.8), facecolors=COLOURS[kind], linewidth=0)
    return list(used)


def _finish(axes: Any, axis: Axis, rows: list[Any], used: list[str], timeline: Timeline) -> None:
    from matplotlib.patches import Patch

    for piece in axis.breaks:
        middle = (piece.left + piece.right) / 2
        axes.axvspan(middle - 0.012, middle + 0.012, color="white", zorder=3)
        length = tick_text(piece.end - piece.start)
        axes.text(
            middle, len(rows) / 2 - 0.5, f"// {length}", ha="center", va="center", rotation=90, zorder=4
        )
    ticks = axis.ticks(0.14)
    axes.set_xticks([place for _, place in ticks], [tick_text(moment) for moment, _ in ticks])
    axes.set_yticks(range(len(rows)), [label for label, _ in rows])
    axes.set_xlim(0, 1)
    axes.set_ylim(len(rows) - 0.4, -0.6)
    axes.tick_params(axis="y", length=0)
    for side in ("top", "right", "left"):
        axes.spines[side].set_visible(False)
    axes.set_xlabel("time since the first event" if timeline.bars else "")
    handles = [Patch(color=COLOURS[kind], label=MEANINGS[kind]) for kind in MEANINGS if kind in used]
    if handles:
        place = {"loc": "lower left", "bbox_to_anchor": (0, 1.0), "ncols": len(handles), "frameon": False}
        axes.legend(handles=handles, **place, handlelength=1.0, columnspacing=1.2)
