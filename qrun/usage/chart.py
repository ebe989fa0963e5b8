"""The timeline of a report as a Bokeh chart: canvas, so that ten thousand jobs still move."""

from __future__ import annotations

import json
from typing import Any

from qrun.units import format_seconds
from qrun.usage.timeline import Span, Timeline, tick_text

MOST_JOB_ROWS = 60
"""With more jobs than these, rows are lanes."""
_ROW = 20
"""Pixels a row."""


def chart_json(timeline: Timeline, target: str) -> str:
    """The chart as JSON for ``Bokeh.embed.embed_item``, safe inside a script element.

    Args:
        timeline: What to draw.
        target: ID of the element that it goes into.
    """
    from bokeh.embed import json_item

    text = json.dumps(json_item(_figure(timeline), target), separators=(",", ":"), allow_nan=False)
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def library() -> str:
    """Bokeh's script, as it comes with its package; nothing is loaded from elsewhere."""
    from bokeh.resources import Resources

    scripts = Resources(mode="inline", minified=True, components=["bokeh"]).js_raw
    return "\n".join(scripts).replace("</script", "<\\/script")


def _figure(timeline: Timeline) -> Any:
    from bokeh.models import Range1d
    from bokeh.plotting import figure

    labels = _labels(timeline)
    first, last = _first_view(timeline)
    margin = max(timeline.end, 1e-3) * 0.01
    chart = figure(
        height=_ROW * len(labels) + 70,
        sizing_mode="stretch_width",
        x_range=Range1d(first, last),
        y_range=Range1d(len(labels) - 0.4, -0.6),
        tools="xpan,xbox_zoom,xwheel_zoom,reset,save",
        active_scroll=None,
        active_drag="xbox_zoom",
        toolbar_location="above",
        background_fill_color=None,
        border_fill_color=None,
        outline_line_color=None,
        tags=[-margin, timeline.end + margin],
    )
    chart.toolbar.logo = None
    chart.xaxis.axis_label = "seconds from the beginning"
    chart.xaxis.formatter.use_scientific = False
    chart.yaxis.ticker = list(range(len(labels)))
    chart.yaxis.major_label_overrides = dict(enumerate(labels))
    chart.yaxis.major_tick_line_color = None
    chart.ygrid.visible = False
    _draw(chart, timeline, labels)
    return chart


def _labels(timeline: Timeline) -> list[str]:
    labels = [timeline.account.mode] if timeline.active else []
    labels.append("QPU lock")
    if by_jobs(timeline):
        return labels + [f"job {bar.number}" for bar in timeline.bars]
    return labels + [f"lane {lane + 1}" for lane in range(timeline.lanes)]


def by_jobs(timeline: Timeline) -> bool:
    """Whether each job has a row of its own."""
    return len(timeline.bars) <= MOST_JOB_ROWS


def _first_view(timeline: Timeline) -> tuple[float, float]:
    """Where something runs; a long time in the queue is one click away."""
    spans = [*timeline.busy, *timeline.active] or [Span(0.0, max(timeline.end, 1.0))]
    start, end = min(span.start for span in spans), max(span.end for span in spans)
    margin = max(end - start, 1e-3) * 0.02
    return max(start - 5 * margin, -margin), end + margin


def _draw(chart: Any, timeline: Timeline, labels: list[str]) -> None:
    row = 0
    if timeline.active:
        windows = [(row, span, "", "active", span.length) for span in timeline.active]
        _bars(chart, "active", windows)
        _bars(chart, "idle", [(row, span, "", "active without a job", span.length) for span in timeline.idle])
        row += 1
    lock = [(row, bar.qpu, bar.job.id, "on the QPU", bar.qpu.length) for bar in timeline.bars if bar.qpu]
    _bars(chart, "qpu", lock, name="lock")
    parts: dict[str, list[tuple[int, Span, str, str, float]]] = {"queued": [], "classical": [], "qpu": []}
    for bar in timeline.bars:
        place = row + (bar.number if by_jobs(timeline) else bar.lane or 0)
        if by_jobs(timeline) and bar.queued and bar.queued.length > 0:
            parts["queued"].append((place, bar.queued, bar.job.id, "queued", bar.queued.length))
        if bar.running:
            until = bar.qpu.start if bar.qpu else bar.running.end
            before = Span(bar.running.start, until)
            parts["classical"].append((place, before, bar.job.id, "not on the QPU", before.length))
        if bar.qpu:
            parts["qpu"].append((place, bar.qpu, bar.job.id, "on the QPU", bar.qpu.length))
    for kind, spans in parts.items():
        _bars(chart, kind, spans)


def _bars(
    chart: Any, kind: str, spans: list[tuple[int, Span, str, str, float]], name: str | None = None
) -> None:
    from bokeh.models import ColumnDataSource, HoverTool

    if not spans:
        return
    source = ColumnDataSource(
        {
            "y": [place for place, *_ in spans],
            "left": [round(span.start, 4) for _, span, *_ in spans],
            "right": [round(span.end, 4) for _, span, *_ in spans],
            "job": [job for _, _, job, *_ in spans],
            "long": [format_seconds(length) for *_, length in spans],
        }
    )
    drawn = chart.hbar(
        y="y", left="left", right="right", height=0.8, source=source, name=name or kind, line_width=0.5
    )
    drawn.tags = ["part", kind]
    what = spans[0][3]
    tips: list[tuple[str, Any]] = [(what, "@long"), ("from", "@left{0.000} s")]
    if spans[0][2]:
        tips.insert(0, ("job", "@job"))
    chart.add_tools(HoverTool(renderers=[drawn], tooltips=tips, visible=False))


def described(timeline: Timeline) -> str:
    """The picture in words, for those who don't see it."""
    rows = "each job" if by_jobs(timeline) else f"each of {timeline.lanes} lanes"
    parts = [f"Timeline of {tick_text(timeline.end)} with a row for {rows}"]
    parts.append(f"{len(timeline.bars)} jobs, {len(timeline.lock)} of which held the QPU")
    if timeline.active:
        parts.append(f"active {len(timeline.active)} times, {len(timeline.idle)} times without a job")
    return "; ".join(parts) + ". All numbers are in the table of jobs."
