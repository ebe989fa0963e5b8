"""``qrun close``: take no more jobs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qrun.cli import options

if TYPE_CHECKING:
    from qrun.ledger import Ledger, Run
    from qrun.runtime.control import ControlChannel


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
            if target.kind == targets.JOB:
                raise UsageError(
                    f"{target.id} is a job; jobs are cancelled, not closed.", "Use: qrun cancel ID"
                )
            with ControlChannel(target.account()) as channel:
                if target.kind == targets.RUN and target.run is not None:
                    closed = _close_run(channel, ledger, target.run)
                else:
                    close_session(channel, ledger, target.id)
                    closed = [target.id]
                for session_id in closed:
                    say(f"{session_id}: takes no more jobs, {channel.session(session_id).state}")


def _close_run(channel: ControlChannel, ledger: Ledger, run: Run) -> list[str]:
    """Close what a run has open; the newest that it had where nothing is open any more."""
    from qrun.cli.console import say
    from qrun.errors import ServiceError, UsageError
    from qrun.run.stop import close_all

    if run.mode == "job":
        raise UsageError(
            f"Run {run.id} is in job mode; it has no batch or session to close.",
            f"To stop its jobs: qrun cancel {run.id}",
        )
    closed = close_all(channel, ledger, run.id)
    now = ledger.run(run.id)
    if now.may_be_open:
        raise ServiceError(
            f"Run {run.id} asked for a {run.mode} and got no answer; the service has none yet "
            "that could be it.",
            f"Look again in some minutes: qrun close {run.id}",
        )
    if not now.session_ids:
        say(f"{run.id}: no {run.mode} was opened")
    return closed or list(now.session_ids[-1:])
