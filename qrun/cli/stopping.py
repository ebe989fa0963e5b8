"""What ``--on-signal cancel`` does once a signal has come: cancel all that was named and has not ended."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from qrun.errors import Interrupted, QrunError, ServiceError

if TYPE_CHECKING:
    from qrun.cli.targets import Target
    from qrun.ledger import Ledger
    from qrun.run.stop import Cancelled


def cancelled_by_signal(ledger: Ledger, targets: Sequence[Target]) -> QrunError:
    """Cancel what is sent or followed; a second signal does not keep it from being done.

    Returns:
        What to end with: :class:`~qrun.errors.Interrupted`, or a :class:`~qrun.errors.ServiceError` where
        something could not be cancelled, which keeps nothing else from being.
    """
    from qrun.cli.signals import Finishing

    told, left = [], []
    with Finishing(lambda: None):
        for target in targets:
            try:
                done = _cancelled(ledger, target)
            except QrunError as error:
                told.append(f"{_named(target)}: not cancelled, because {error.message.rstrip('.')}.")
                left.append(target.id)
            else:
                told.append(f"{_named(target)}: {len(done.jobs)} cancelled, {done.already_ended} had ended.")
    if left:
        return ServiceError(" ".join(told), f"Cancel what is left with: qrun cancel {' '.join(left)}")
    ids = " ".join(target.id for target in targets)
    return Interrupted(" ".join(told), f"Results so far: qrun results {ids}")


def _cancelled(ledger: Ledger, target: Target) -> Cancelled:
    from qrun.cli.cancel import cancel_target
    from qrun.runtime.control import ControlChannel

    if target.run is not None:
        # As it is now: what has been sent meanwhile is to be cancelled too.
        target = replace(target, run=ledger.run(target.run.id))
    with ControlChannel(target.account()) as channel:
        return cancel_target(channel, ledger, target)


def _named(target: Target) -> str:
    return f"{target.kind.capitalize()} {target.id}"
