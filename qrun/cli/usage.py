"""``qrun usage``: what something cost, or what was used over time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from qrun.cli import options

if TYPE_CHECKING:
    from collections.abc import Sequence

    from qrun.cli.targets import Target
    from qrun.plan.price import Price
    from qrun.runtime.control import ControlChannel
    from qrun.usage.model import UsageAccount

PriceOption = Annotated[
    str | None,
    typer.Option(
        "--price",
        help="Dollars a second to reckon with.  [default: QRUN_PRICE, else the list price]",
        show_default=False,
    ),
]
MaybeIds = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="[ID]...",
        help="Run name or ID (or its beginning), session ID, batch ID or job ID; 'last'; '-' for IDs on "
        "standard input.",
        show_default=False,
    ),
]
ServiceWide = Annotated[
    bool,
    typer.Option("--service-wide", help="With --since: everything on the service, not this ledger's alone."),
]


def usage(
    ids: MaybeIds = None,
    since: Annotated[
        str | None,
        typer.Option(
            "--since", help="Instead of IDs: all that was run in the last 30d, 12h, …", show_default=False
        ),
    ] = None,
    by: Annotated[
        str, typer.Option("--by", help="With --since: totals by mode, backend, tag, day, run or instance.")
    ] = "mode",
    service_wide: ServiceWide = False,
    check: Annotated[
        bool, typer.Option("--check", help="Compare the ledger with the service; of all runs, or of --since.")
    ] = False,
    price: PriceOption = None,
    csv: Annotated[
        bool, typer.Option("--csv", help="Print CSV: a line a job, or a group of --since.")
    ] = False,
    json: options.Json = False,
    service: options.Service = None,
) -> None:
    """Show the usage and QPU time of runs, sessions, batches or jobs, or of all that was run."""
    from qrun.errors import UsageError
    from qrun.plan.price import price_of

    rate = price_of(price)
    if csv and json:
        raise UsageError("--csv and --json are two formats.", "Choose one.")
    if check or since is not None:
        if ids:
            raise UsageError("IDs and --since or --check don't go together.", "Leave one of them out.")
        from qrun.cli import spending

        if check:
            spending.check(since, as_json=json, service=service)
        else:
            wish = spending.Wish(str(since), by, service_wide, service)
            spending.show(wish, rate, as_csv=csv, as_json=json)
        return
    if not ids:
        raise UsageError("Of what? There is no ID.", "Give an ID, 'last', or --since 30d.")
    _show(read_accounts(ids, service), rate, as_csv=csv, as_json=json)


def _show(accounts: Sequence[UsageAccount], rate: Price, *, as_csv: bool, as_json: bool) -> None:
    from qrun.cli.console import print_csv, print_json

    if as_json:
        documents = [account_document(account, rate) for account in accounts]
        print_json(documents[0] if len(documents) == 1 else documents)
        return
    if as_csv:
        jobs = [{"of": account.id, **job.as_dict()} for account in accounts for job in account.jobs]
        print_csv([{**job, "tags": " ".join(job["tags"])} for job in jobs])
        return
    from qrun.cli.usage_drawing import draw_account, draw_advice
    from qrun.usage.advice import advise

    for account in accounts:
        draw_account(account, rate)
        draw_advice(advise(account), rate)


def account_document(account: UsageAccount, rate: Price) -> dict[str, Any]:
    """An account with its parts, its price and advice on it, as ``--json`` prints it."""
    from dataclasses import asdict

    from qrun.usage.advice import advise
    from qrun.usage.breakdown import breakdown

    document = account.as_dict()
    jobs = document.pop("jobs")
    document["breakdown"] = asdict(breakdown(account))
    document["price"] = {
        "amount": rate.of(account.so_far_seconds),
        "per_second": rate.per_second,
        "source": rate.source,
    }
    document["advice"] = [advice.as_dict(rate) for advice in advise(account)]
    return {**document, "jobs": jobs}


def read_accounts(ids: Sequence[str], service: str | None) -> list[UsageAccount]:
    """The accounts of what the IDs of a command line mean."""
    from qrun.cli.targets import find_targets
    from qrun.ledger import Ledger
    from qrun.runtime.control import ControlChannel

    accounts = []
    with Ledger() as ledger:
        for target in find_targets(ids, ledger, service):
            with ControlChannel(target.account()) as channel:
                accounts.append(read_account(channel, target))
    return accounts


def read_account(channel: ControlChannel, target: Target) -> UsageAccount:
    """The account of one target."""
    from qrun.cli import targets
    from qrun.usage.account import job_account, run_account, session_account

    if target.kind == targets.RUN and target.run is not None:
        return run_account(channel, target.run)
    if target.kind == targets.SESSION:
        return session_account(channel, target.id)
    return job_account(channel, target.id)
