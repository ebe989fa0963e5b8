"""Plans as rich draws them. What it is given is complete: nothing is reckoned here."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from rich.text import Text

from qrun.cli.console import out, say
from qrun.cli.tables import Column, print_table
from qrun.units import format_seconds

_MOST_ROWS = 50
_FORECAST = [
    Column("jobs", right=True),
    Column("usage", right=True),
    Column("QPU time", 2, right=True),
    Column("overhead", 3, right=True),
    Column("idle", 4, right=True),
    Column("wall clock", 1, right=True),
    Column("price", right=True),
]


def draw_plan(plan: Mapping[str, Any], *, quiet: bool) -> None:
    """A whole plan: the modes, the recommendation, the jobs, and what would lower the price."""
    out().print(Text.assemble((f"plan {plan['name']}", "bold"), f"  on {plan['backend']}"))
    chosen = plan["mode"]["chosen"]
    if loops := plan["loops_not_reckoned"]:
        out().print(
            f"not reckoned: {', '.join(loops)}. What a loop costs is known when its optimizer ends; "
            "budget: or the loop's stop: {qpu_time: …} bounds it."
        )
        if not plan["jobs"]:
            out().print(Text.assemble((f"mode {chosen}: ", "bold"), plan["mode"]["reason"]))
            return
    _draw_forecasts("mode", plan["modes"], mark=chosen)
    out().print(Text.assemble((f"mode {chosen}: ", "bold"), plan["mode"]["reason"]))
    if (beyond := plan["mode"]["more_than_advised_seconds"]) is not None:
        cost = beyond * plan["price_per_second"]
        out().print(f"auto would choose {plan['mode']['advised']}: {_difference(beyond, cost)}")
    rate = f"${plan['price_per_second']:.2f} a second ({plan['price_source']})"
    out().print(f"price: {_money(plan['price'])} at {rate}")
    if plan["share_of_remaining"] is not None:
        left = format_seconds(plan["remaining_seconds"])
        out().print(f"instance: {left} left, of which this is {plan['share_of_remaining']:.1%}")
    out().print()
    _draw_forecasts("packing", plan["packings"], mark="as planned")
    out().print()
    _draw_jobs(plan["jobs"])
    if quiet:
        return
    for saving in plan["savings"]:
        amount = f"{format_seconds(saving['seconds'])} ({_money(saving['price'])})"
        say(f"advice: {amount} less: {saving['text']}", style="cyan")
    say(f"note: {plan['uncertainty']}", style="dim")


def draw_comparison(plans: Sequence[Mapping[str, Any]]) -> None:
    """Plans beside each other, a line each."""
    columns = [Column("plan"), Column("mode"), *_FORECAST]
    print_table(columns, [[plan["label"], plan["mode"]["chosen"], *_cells(plan)] for plan in plans])


def draw_replay(replay: Mapping[str, Any]) -> None:
    """A finished run beside its plan."""
    out().print(Text.assemble((f"run {replay['run']}", "bold"), f"  {replay['name']}, {replay['mode']} mode"))
    columns = [Column(""), Column("planned", right=True), Column("was", right=True), Column("", right=True)]
    print_table(columns, [_replay_row(row) for row in replay["totals"]])
    out().print()
    columns[0] = Column("job")
    print_table(columns, [_replay_row(row) for row in replay["jobs"][:_MOST_ROWS]])
    _more(len(replay["jobs"]))


def _replay_row(row: Mapping[str, Any]) -> list[str]:
    difference = "–" if row["difference"] is None else f"{row['difference']:+.1%}"
    return [str(row["name"]), _exact(row["planned"]), _exact(row["was"]), difference]


def _exact(seconds: float | None) -> str:
    return "–" if seconds is None else f"{seconds:,.3f} s"


def _draw_forecasts(title: str, forecasts: Iterable[Mapping[str, Any]], *, mark: str) -> None:
    rows: list[list[str | Text]] = [
        [Text(forecast["name"], style="bold" if forecast["name"] == mark else ""), *_cells(forecast)]
        for forecast in forecasts
    ]
    print_table([Column(title), *_FORECAST], rows)


def _cells(forecast: Mapping[str, Any]) -> list[str]:
    seconds = ("usage", "qpu", "overhead", "idle", "wall_clock")
    times = [format_seconds(round(forecast[f"{name}_seconds"], 1)) for name in seconds]
    jobs = forecast["jobs"]
    return [str(len(jobs) if isinstance(jobs, list) else jobs), *times, _money(forecast["price"])]


def _draw_jobs(jobs: Sequence[Mapping[str, Any]]) -> None:
    columns = [
        Column("job", right=True),
        Column("primitive"),
        Column("PUBs"),
        Column("executions", 1, right=True),
        Column("QPU time", right=True),
        Column("request", 2, right=True),
    ]
    rows = [
        [
            str(number),
            job["primitive"],
            _names(job["pubs"]),
            f"{job['executions']:,}",
            format_seconds(round(job["qpu_seconds"], 1)),
            f"{job['payload_bytes'] / 1000:,.1f} kB",
        ]
        for number, job in enumerate(jobs[:_MOST_ROWS], 1)
    ]
    print_table(columns, rows)
    _more(len(jobs))


def _more(number: int) -> None:
    if number > _MOST_ROWS:
        out().print(f"… and {number - _MOST_ROWS} more; --json has all")


def _names(pubs: Sequence[Mapping[str, Any]]) -> str:
    names = [pub["name"] for pub in pubs]
    return ", ".join(names) if len(names) <= 4 else f"{', '.join(names[:3])}, … ({len(names)})"


def _difference(seconds: float, cost: float) -> str:
    if abs(seconds) < 1e-3:
        return "the same price"
    less = "less" if seconds > 0 else "more"
    return f"{format_seconds(round(abs(seconds), 1))} ({_money(abs(cost))}) {less}"


def _money(amount: float) -> str:
    return f"${amount:,.2f}"
