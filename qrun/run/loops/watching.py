"""Watching loops that another process drives: what its ledger entries say, as they come."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from typing import Any

from qrun.errors import TimedOut
from qrun.ledger import Ledger
from qrun.ledger.loops import RUNNING, LoopLedger
from qrun.run.loops.evaluating import event_of

_INTERVAL = 0.3


def follow_loops(ledger: Ledger, run_id: str, *, timeout: float | None = None) -> Iterator[Mapping[str, Any]]:
    """Yield what happens in a run's loops, from their beginning, until nobody drives them any more.

    Args:
        ledger: The ledger.
        run_id: The run.
        timeout: Seconds to follow at most; no limit where ``None``.

    Raises:
        TimedOut: ``timeout`` is over; the loops go on.
    """
    records = LoopLedger(ledger, run_id)
    deadline = None if timeout is None else time.monotonic() + timeout
    told: dict[str, int] = {}
    ended: set[str] = set()
    while True:
        driven = ledger.held(run_id)
        for record in records.loops():
            for evaluation in records.evaluations(record.name)[told.get(record.name, 0) :]:
                if evaluation.reply is None:
                    break
                told[record.name] = evaluation.number + 1
                yield event_of("evaluated", evaluation, evaluation.reply, evaluation.timing)
            if record.state != RUNNING and record.name not in ended:
                ended.add(record.name)
                yield {"event": record.state, "loop": record.name, "reason": record.reason}
        if not driven:
            return
        if deadline is not None and time.monotonic() > deadline:
            raise TimedOut(
                f"The loops of run {run_id} have not ended after {timeout:g} s.",
                f"They go on. Watch again with: qrun watch {run_id}",
            )
        time.sleep(_INTERVAL)
