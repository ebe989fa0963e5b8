"""``qrun usage``: what something cost."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from qrun.cli import options

if TYPE_CHECKING:
    from collections.abc import Sequence

    from qrun.cli.targets import Target
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


def usage(
    ids: options.Ids,
    price: PriceOption = None,
    json: options.Json = False,
    service: options.Service = None,
) -> None:
    """Show the usage and QPU time of runs, sessions, batches or jobs."""
    from qrun.cli.console import print_json
    from qrun.usage.price import price_of

    rate = price_of(price)
    accounts = read_accounts(ids, service)
    if json:
        documents = [account_document(account, rate) for account in accounts]
        print_json(documents[0] if len(documents) == 1 else documents)
        return
    from qrun.cli.usage_drawing import draw_account

    for account in accounts:
        draw_account(account, rate)


def account_document(account: UsageAccount, rate: Any) -> dict[str, Any]:
    """An account with its parts and its price, as ``--json`` prints it."""
    from dataclasses import asdict

    from qrun.usage.breakdown import breakdown

    document = account.as_dict()
    jobs = document.pop("jobs")
    document["breakdown"] = asdict(breakdown(account))
    document["price"] = {
        "amount": rate.of(account.so_far_seconds),
        "per_second": rate.per_second,
        "source": rate.source,
    }
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
