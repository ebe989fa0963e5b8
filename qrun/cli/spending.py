"""``qrun usage --since`` and ``--check``: over the ledger, or over all that a service has run."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any

from qrun.cli.console import out, print_csv, print_json, say
from qrun.errors import AccountError, ExitCode, UsageError
from qrun.units import counted

if TYPE_CHECKING:
    from qrun.ledger import Ledger, Run
    from qrun.plan.price import Price
    from qrun.runtime.accounts import Account
    from qrun.runtime.control import ControlChannel
    from qrun.usage.check import Finding
    from qrun.usage.report import Report
    from qrun.usage.spending import Entry, Projection


@dataclass(frozen=True)
class Wish:
    """What the command line asks for."""

    since: str
    by: str
    service_wide: bool
    service: str | None

    def begin(self, now: datetime) -> datetime:
        """The time that ``--since`` means.

        Raises:
            UsageError: It is not a duration, or goes too far back.
        """
        return begin_of(self.since, now)


def begin_of(text: str, now: datetime) -> datetime:
    """The time so long before now.

    Raises:
        UsageError: The text is not a duration, or goes too far back.
    """
    from qrun.cli.durations import seconds_of

    try:
        return now - timedelta(seconds=seconds_of("--since", text) or 0.0)
    except OverflowError:
        raise UsageError(f"--since: {text} is too long ago.", "Write 30d or 12h.") from None


@dataclass(frozen=True)
class Spent:
    """What was found."""

    entries: list[Entry]
    projections: dict[str, Projection]


def read(wish: Wish, now: datetime) -> Spent:
    """Ask the services for what was run."""
    from qrun.ledger import Ledger
    from qrun.runtime.spending import instance_usage
    from qrun.usage.spending import BY, entries_of, project, total_of, with_tags

    if wish.by not in BY:
        raise UsageError(f"--by is {wish.by!r}.", f"It is one of: {', '.join(BY)}.")
    since = wish.begin(now)
    entries: list[Entry] = []
    projections = {}
    with Ledger() as ledger:
        for account, _ in _accounts(ledger, wish.service, since, service_wide=wish.service_wide):
            with _channel(account) as channel:
                everything = entries_of(channel, ledger, since, service=account.name)
                found = [entry for entry in everything if wish.service_wide or entry.run is not None]
                entries += with_tags(channel, found) if wish.by == "tag" else found
                # What remains is everybody's, and so is the rate at which it goes.
                used = total_of(everything).usage_seconds
                projections[account.name] = project(instance_usage(channel), used, since, now)
    return Spent(entries, projections)


def show(wish: Wish, rate: Price, *, as_csv: bool, as_json: bool) -> None:
    """Print totals, shares and what remains."""
    from qrun.usage.spending import grouped, total_of

    now = datetime.now(timezone.utc)
    spent = read(wish, now)
    groups = [*grouped(spent.entries, wish.by)]
    total = total_of(spent.entries)
    rows = [group.as_dict(wish.by, rate) for group in groups]
    if as_csv:
        print_csv(rows or [total.as_dict(wish.by, rate)])
    elif as_json:
        print_json(
            {
                "since": wish.begin(now).isoformat(),
                "until": now.isoformat(),
                "by": wish.by,
                "service_wide": wish.service_wide,
                "groups": rows,
                "total": total.as_dict("name", rate),
                "price": {"per_second": rate.per_second, "source": rate.source},
                "instances": {name: _instance(projection) for name, projection in spent.projections.items()},
            }
        )
    else:
        _draw(wish, rate, [*groups, total], spent)


def report_since(text: str, rate: Price, *, service_wide: bool, service: str | None) -> Report:
    """A report of all that was run since a time, by everything that it can be told by."""
    from qrun.usage.report import Report, Table
    from qrun.usage.spending import BY, grouped, total_of

    now = datetime.now(timezone.utc)
    spent = read(Wish(text, "tag", service_wide, service), now)
    tables = []
    for by in BY:
        groups = [*grouped(spent.entries, by), total_of(spent.entries)]
        rows = [
            (
                group.name,
                str(group.workloads),
                f"{group.usage_seconds:,.3f}",
                f"{group.share:.1%}",
                rate.text(group.usage_seconds),
                str(group.pending or ""),
            )
            for group in groups
        ]
        columns = (by, "workloads", "usage in seconds", "share", "price", "pending")
        tables.append(Table(f"By {by}", columns, rows))
    remarks = [f"{name} {projection.text()}" for name, projection in spent.projections.items()]
    tables[-1] = replace(tables[-1], remark="; ".join(remarks))
    whose = "of the service" if service_wide else "of this ledger's runs"
    return Report((), rate, now, tuple(tables), f"Usage {whose}, created in the last {text}")


def _draw(wish: Wish, rate: Price, groups: list[Any], spent: Spent) -> None:
    from qrun.cli.tables import Column, print_table
    from qrun.units import format_seconds

    columns = [Column(wish.by), Column("workloads", 1, right=True), Column("usage", right=True)]
    columns += [Column("share", right=True), Column("price", 2, right=True), Column("", 3)]
    rows = []
    for group in groups:
        bar = "" if group is groups[-1] else "█" * round(20 * min(group.share, 1.0))
        pending = f" ({group.pending} pending)" if group.pending else ""
        usage = format_seconds(group.usage_seconds)
        rows.append(
            (
                group.name,
                f"{group.workloads}{pending}",
                usage,
                f"{group.share:.1%}",
                rate.text(group.usage_seconds),
                bar,
            )
        )
    print_table(columns, rows)
    for name, projection in spent.projections.items():
        out().print(f"{name} {projection.text()}")
    whose = "everything on the service" if wish.service_wide else "runs of this ledger"
    say(f"{whose}, created in the last {wish.since}; price at {rate.rate}", style="dim")


def _instance(projection: Projection) -> dict[str, Any]:
    instance = projection.instance
    return {
        "consumed_seconds": instance.consumed_seconds,
        "limit_seconds": instance.limit_seconds,
        "allocation_seconds": instance.allocation_seconds,
        "remaining_seconds": instance.remaining_seconds,
        "seconds_a_day": projection.seconds_a_day,
        "lasts_until": projection.until.isoformat() if projection.until else None,
    }


def check(since: str | None, *, as_json: bool, service: str | None) -> None:
    """Compare the ledger with the services and print the differences.

    Raises:
        SystemExit: With code 1 where there is one.
    """
    from qrun.ledger import Ledger
    from qrun.usage.check import check_runs

    begin = begin_of(since, datetime.now(timezone.utc)) if since is not None else None
    findings: list[Finding] = []
    number = 0
    with Ledger() as ledger:
        for account, runs in _accounts(ledger, service, begin, service_wide=False):
            with _channel(account) as channel:
                number += len(runs)
                findings += check_runs(channel, ledger, runs)
    if as_json:
        print_json([finding.as_dict() for finding in findings])
    else:
        for finding in findings:
            out().print(f"{finding.run}: {finding.text}")
            out().print(f"  {finding.do}", style="cyan")
        say(f"{number} runs compared, {len(findings) or 'no'} difference{'' if len(findings) == 1 else 's'}")
    if findings:
        raise SystemExit(ExitCode.JOB_FAILED)


def _accounts(
    ledger: Ledger, service: str | None, since: datetime | None, *, service_wide: bool
) -> list[tuple[Account, list[Run]]]:
    """The accounts to ask, and the ledger's runs of each."""
    from qrun import config
    from qrun.cli.targets import account_of
    from qrun.runtime.accounts import find_account
    from qrun.usage.check import runs_since

    if service_wide:
        return [(find_account(config.service_name(service)), [])]
    groups: dict[tuple[str, str | None], list[Run]] = {}
    for run in runs_since(ledger, since):
        if service is None or run.service == service:
            groups.setdefault((run.service, run.instance), []).append(run)
    found = []
    for runs in groups.values():
        try:
            found.append((account_of(runs[0]), runs))
        except AccountError as error:
            if service is not None:
                raise
            # The account of an old run may be gone; the others' numbers are none the worse for it.
            say(
                f"warning: {counted(len(runs), 'run')} of service {runs[0].service!r} left out. "
                f"{error.message}",
                style="yellow",
            )
    return found


@contextmanager
def _channel(account: Account) -> Iterator[ControlChannel]:
    from qrun.runtime.control import ControlChannel

    with ControlChannel(account) as channel:
        yield channel
