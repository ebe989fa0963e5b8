"""``qrun usage``: what something cost."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qrun.cli import options

if TYPE_CHECKING:
    from qrun.cli.targets import Target
    from qrun.runtime.control import ControlChannel
    from qrun.usage.account import UsageAccount


def usage(ids: options.Ids, json: options.Json = False, service: options.Service = None) -> None:
    """Show the usage and QPU time of runs, sessions, batches or jobs."""
    from qrun.cli.console import print_json
    from qrun.cli.targets import find_targets
    from qrun.ledger import Ledger
    from qrun.runtime.control import ControlChannel

    accounts = []
    with Ledger() as ledger:
        for target in find_targets(ids, ledger, service):
            with ControlChannel(target.account()) as channel:
                accounts.append(_account(channel, target))
    if json:
        documents = [account.as_dict() for account in accounts]
        print_json(documents[0] if len(documents) == 1 else documents)
        return
    from qrun.cli.drawing import draw_account

    for account in accounts:
        draw_account(account)


def _account(channel: ControlChannel, target: Target) -> UsageAccount:
    from qrun.cli import targets
    from qrun.usage.account import job_account, run_account, session_account

    if target.kind == targets.RUN and target.run is not None:
        return run_account(channel, target.run)
    if target.kind == targets.SESSION:
        return session_account(channel, target.id)
    return job_account(channel, target.id)
