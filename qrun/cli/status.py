"""``qrun status``: how things stand now."""

from __future__ import annotations

from qrun.cli import options


def status(ids: options.Ids, json: options.Json = False, service: options.Service = None) -> None:
    """Show how runs, sessions, batches or jobs stand now."""
    from qrun.cli import targets
    from qrun.cli.console import print_json
    from qrun.ledger import Ledger
    from qrun.run.status import job_status, run_status, session_status
    from qrun.runtime.control import ControlChannel

    documents = []
    with Ledger() as ledger:
        for target in targets.find_targets(ids, ledger, service):
            with ControlChannel(target.account()) as channel:
                if target.kind == targets.RUN and target.run is not None:
                    documents.append(run_status(channel, ledger, target.run))
                elif target.kind == targets.SESSION:
                    documents.append(session_status(channel, target.id))
                else:
                    documents.append(job_status(channel, target.id))
    if json:
        print_json(documents[0] if len(documents) == 1 else documents)
        return
    from qrun.cli.drawing import draw_status

    for document in documents:
        draw_status(document)
