"""``qrun close``: take no more jobs."""

from __future__ import annotations

from qrun.cli import options


def close(ids: options.Ids, service: options.Service = None) -> None:
    """Close sessions or batches: no more jobs are taken, those queued still run."""
    from qrun.cli import targets
    from qrun.cli.console import say
    from qrun.errors import UsageError
    from qrun.ledger import Ledger
    from qrun.run.stop import close_session
    from qrun.runtime.control import ControlChannel

    with Ledger() as ledger:
        for target in targets.find_targets(ids, ledger, service):
            session_id = target.id
            if target.kind == targets.RUN and target.run is not None:
                if target.run.session_id is None:
                    raise UsageError(
                        f"Run {target.id} is in job mode; it has no batch or session to close.",
                        f"To stop its jobs: qrun cancel {target.id}",
                    )
                session_id = target.run.session_id
            elif target.kind == targets.JOB:
                raise UsageError(
                    f"{target.id} is a job; jobs are cancelled, not closed.", "Use: qrun cancel ID"
                )
            with ControlChannel(target.account()) as channel:
                close_session(channel, ledger, session_id)
                state = channel.session(session_id).state
            say(f"{session_id}: takes no more jobs, {state}")
