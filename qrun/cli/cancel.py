"""``qrun cancel``: stop jobs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qrun.cli import options

if TYPE_CHECKING:
    from qrun.cli.targets import Target
    from qrun.ledger import Ledger
    from qrun.run.stop import Cancelled
    from qrun.runtime.control import ControlChannel


def cancel(ids: options.Ids, service: options.Service = None) -> None:
    """Cancel the jobs of runs, sessions or batches, or single jobs. What the run opened is closed."""
    from qrun.cli.console import say
    from qrun.cli.targets import find_targets
    from qrun.ledger import Ledger
    from qrun.runtime.control import ControlChannel

    with Ledger() as ledger:
        for target in find_targets(ids, ledger, service):
            with ControlChannel(target.account()) as channel:
                done = cancel_target(channel, ledger, target)
            ended = f", {done.already_ended} had ended" if done.already_ended else ""
            say(f"{target.kind} {target.id}: {len(done.jobs)} cancelled{ended}")
            if done.still_sending:
                say(
                    f"warning: another qrun still sends the jobs of run {target.id}; stop that, and then "
                    f"again: qrun cancel {target.id}",
                    style="yellow",
                )


def cancel_target(channel: ControlChannel, ledger: Ledger, target: Target) -> Cancelled:
    """Cancel what an ID means: all jobs of a run, of a session or batch, or one job."""
    from qrun.cli import targets
    from qrun.run.stop import Cancelled, cancel_run, cancel_session

    if target.kind == targets.RUN and target.run is not None:
        return cancel_run(channel, ledger, target.run)
    if target.kind == targets.SESSION:
        return cancel_session(channel, ledger, target.id)
    cancelled = channel.cancel_job(target.id)
    return Cancelled((target.id,) if cancelled else (), 0 if cancelled else 1)
