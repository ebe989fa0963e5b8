"""What ``qrun local status`` shows, as rich draws it."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from qrun.cli.console import out
from qrun.units import format_seconds

_COUNTDOWNS = {
    "interactive_ttl_left": "paused in",
    "max_ttl_left": "closed for good in",
    "unused_left": "closed as unused in",
}


def show(view: RenderableType) -> None:
    """Print it once."""
    out().print(view)


def show_again(view: Callable[[], RenderableType], seconds: float) -> None:
    """Print it every so many ``seconds``, in place on a terminal, until Ctrl-C."""
    console = out()
    if not console.is_terminal:
        while True:
            console.print(view())
            time.sleep(seconds)
    from rich.live import Live

    with Live(view(), console=console, auto_refresh=False, screen=False) as live:
        while True:
            time.sleep(seconds)
            live.update(view(), refresh=True)


def overview_view(where: Mapping[str, Any], data: Mapping[str, Any]) -> RenderableType:
    """All of it.

    Args:
        where: ``url`` and ``pid`` of the service.
        data: The answer of ``/local/status``.
    """
    parts: list[RenderableType] = [_head(where, data)]
    for device in data["devices"]:
        parts += [Text(""), _device(device)]
        if device["lanes"]:
            parts.append(_lanes(device["lanes"]))
        if device["workloads"]:
            parts.append(_workloads(device["workloads"]))
    if not data["devices"]:
        parts.append(Text("nothing runs, nobody waits", style="dim"))
    return Group(*parts)


def _head(where: Mapping[str, Any], data: Mapping[str, Any]) -> Table:
    grid = Table.grid(padding=(0, 2))
    grid.add_row("service", f"running at {where['url']}, process {where['pid']}")
    grid.add_row("plan", _plan(data["plan"]))
    grid.add_row("usage", _usage(data["plan"], data["usage"]))
    grid.add_row("background", _background(data["background"]))
    grid.add_row(
        "pace",
        "real: modelled waiting takes its time"
        if data["pace"] == "real"
        else "skip: modelled waiting passes at once",
    )
    return grid


def _plan(plan: Mapping[str, Any]) -> str:
    modes = (
        f"sessions pause after {format_seconds(plan['session_interactive_ttl'])}, "
        if plan["sessions"]
        else "no sessions; "
    )
    return (
        f"{plan['name']} ({modes}batches after {format_seconds(plan['batch_interactive_ttl'])}; "
        f"at most {format_seconds(plan['max_ttl'])}, a job {format_seconds(plan['max_job_seconds'])} of QPU)"
    )


def _usage(plan: Mapping[str, Any], usage: Mapping[str, Any]) -> Text:
    text = Text(format_seconds(usage["consumed_seconds"]))
    for bound, name in (("allocation_seconds", "allocated"), ("limit_seconds", "allowed")):
        if plan[bound] is not None:
            text.append(f" of {format_seconds(plan[bound])} {name}")
    text.append(f" within {plan['period_days']} days" if plan["period_days"] else " since it was made")
    if usage["cost"] is not None:
        text.append(f", ${usage['cost']:,.2f}")
    if usage["reached"]:
        text.append("; all used: what is queued waits", style="red")
    return text


def _background(background: Mapping[str, Any]) -> str:
    if not background["jobs_per_hour"]:
        return f"{background['name']}: no other users"
    load = background["jobs_per_hour"] * background["mean_seconds"] / 3600
    return (
        f"{background['name']}: {background['jobs_per_hour']:g} jobs an hour of "
        f"{format_seconds(background['mean_seconds'])} on each device ({load:.0%}), seed {background['seed']}"
    )


def _device(device: Mapping[str, Any]) -> Text:
    text = Text.assemble((device["name"], "bold"), "  QPU: ")
    qpu = device["qpu"]
    if qpu is None:
        text.append("free", style="dim")
    else:
        text.append(_who(qpu), style="cyan")
        text.append(f" for {format_seconds(qpu['held_seconds'])}, {format_seconds(qpu['left_seconds'])} left")
    queue = device["queue"]
    text.append(f"  queue: {queue['own']} yours, {queue['others']} of other users")
    if device["clock_ahead_seconds"] > 1:
        text.append(f"  clock {format_seconds(round(device['clock_ahead_seconds']))} ahead", style="dim")
    return text


def _who(entry: Mapping[str, Any]) -> str:
    return "another user's job" if entry["others"] else f"job {entry['job']}"


def _lanes(lanes: list[Mapping[str, Any]]) -> Table:
    table = Table("lane", "job", "of", "stage", "running for", box=None, padding=(0, 2))
    for lane in lanes:
        table.add_row(
            str(lane["lane"]),
            _who(lane),
            lane["workload"] or "–",
            lane["stage"],
            format_seconds(lane["running_seconds"]),
        )
    return table


def _workloads(workloads: list[Mapping[str, Any]]) -> Table:
    table = Table("session or batch", "mode", "state", "jobs", "usage", "then", box=None, padding=(0, 2))
    for workload in workloads:
        left = [
            f"{words} {format_seconds(workload[name])}"
            for name, words in _COUNTDOWNS.items()
            if name in workload
        ]
        state = workload["state"] + ("" if workload["accepting_jobs"] else ", takes no more")
        table.add_row(
            workload["id"],
            workload["mode"],
            state,
            f"{workload['running']} running, {workload['queued']} queued",
            format_seconds(workload["usage_seconds"]),
            ", ".join(left) or "–",
        )
    return table
