"""The loops of a run, side by side: each in a thread of its own, all in one session.

An optimizer is a program that calls a function and waits for its value. While one waits for the QPU or thinks
about its next point, the others have the QPU.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from qrun.errors import Interrupted, QrunError, ServiceError
from qrun.ledger import Ledger
from qrun.ledger.loops import CONVERGED, FAILED, RUNNING, STOPPED, LoopLedger
from qrun.run.loops.driver import Driver
from qrun.run.loops.evaluating import Evaluator, JobFailed, Shared, StoppedByRule
from qrun.run.loops.jobs import LoopJobs
from qrun.run.loops.objective import LoopObjective
from qrun.run.loops.optimizers import run_optimizer
from qrun.run.loops.polling import Halted
from qrun.run.loops.trajectory import best_of
from qrun.workload.loops import Loop

if TYPE_CHECKING:
    from numpy.typing import NDArray

_TICK = 0.05
_LAST_WORDS = 5.0
"""Seconds that a loop has to come to a halt before it is left alone."""


@dataclass
class PreparedLoop:
    """A loop that only has to be run."""

    loop: Loop
    jobs: LoopJobs | None
    """``None`` for a driver of the user's, which makes its own."""
    driver: Driver | None = None


@dataclass(frozen=True)
class Outcome:
    """How a loop came out."""

    state: str
    reason: str
    error: QrunError | None = None


class Engine:
    """Runs loops side by side until the last one ends.

    Args:
        loops: The loops.
        shared: What they have in common.
        ledger: The main thread's own connection.
        ittl: Seconds after which a session without a job goes inactive; ``None`` where there is no session.
    """

    def __init__(
        self, loops: Sequence[PreparedLoop], shared: Shared, ledger: Ledger, ittl: float | None
    ) -> None:
        self._loops = loops
        self._shared = shared
        self._ledger = ledger
        self._ittl = ittl
        self._ended = {prepared.loop.name: threading.Event() for prepared in loops}
        self._outcomes: dict[str, Outcome] = {}
        self._told_idle = 0.0

    def run(self) -> dict[str, Outcome]:
        """Run all loops that have not ended yet; how each came out.

        Raises:
            Interrupted: A signal came; what was evaluated is in the ledger.
            ServiceError: The service refuses, can't be reached, or has closed the session.
        """
        records = LoopLedger(self._ledger, self._shared.run.id)
        done = {record.name: record for record in records.loops() if record.state in (CONVERGED, STOPPED)}
        threads = []
        for prepared in self._loops:
            name = prepared.loop.name
            if name in done:
                self._outcomes[name] = Outcome(done[name].state, done[name].reason)
                self._ended[name].set()
                continue
            records.mark(name, RUNNING)
            thread = threading.Thread(target=self._thread, args=(prepared,), name=f"loop-{name}", daemon=True)
            threads.append(thread)
        for thread in threads:
            thread.start()
        try:
            self._watch(threads)
        finally:
            self._shared.halt.set()
            deadline = time.monotonic() + _LAST_WORDS
            for thread in threads:
                thread.join(timeout=max(0.0, deadline - time.monotonic()))
        self._raise()
        return self._outcomes

    def _watch(self, threads: Sequence[threading.Thread]) -> None:
        with self._shared.stop.interruptible():
            try:
                while any(thread.is_alive() for thread in threads):
                    if self._shared.stop.asked or any(o.error for o in self._outcomes.values()):
                        return
                    self._watch_idle()
                    time.sleep(_TICK)
            except KeyboardInterrupt:
                return

    def _watch_idle(self) -> None:
        """Say when a classical step outlasts the session's interactive time to live, and what that costs."""
        poller = self._shared.poller
        idle = time.monotonic() - poller.idle_since
        if self._ittl is None or poller.waiting or poller.idle_since == self._told_idle or idle < self._ittl:
            return
        self._told_idle = poller.idle_since
        self._shared.watcher.event({"event": "idle", "seconds": idle, "ittl": self._ittl})

    def _raise(self) -> None:
        run_id = self._shared.run.id
        for outcome in self._outcomes.values():
            if outcome.error is not None:
                raise outcome.error
        if self._shared.stop.asked or len(self._outcomes) < len(self._loops):
            raise Interrupted(
                f"The loops of run {run_id} have stopped where they were; every evaluation is kept.",
                f"Go on with: qrun resume {run_id}",
            )

    def _thread(self, prepared: PreparedLoop) -> None:
        name = prepared.loop.name
        try:
            with Ledger() as ledger:
                outcome = self._outcome(prepared, ledger)
                if outcome is not None:
                    self._outcomes[name] = outcome
        except QrunError as error:
            self._outcomes[name] = Outcome(FAILED, error.message, error)
        self._ended[name].set()

    def _outcome(self, prepared: PreparedLoop, ledger: Ledger) -> Outcome | None:
        """How a loop came out; ``None`` where it has been halted, and can be resumed."""
        loop = prepared.loop
        records = LoopLedger(ledger, self._shared.run.id)
        evaluator = Evaluator(self._shared, ledger, loop.name, loop.spec.stop)
        final: Any = None
        error: QrunError | None = None
        try:
            final, reason = self._optimize(prepared, evaluator, records)
            state = CONVERGED
        except StoppedByRule as rule:
            state, reason = STOPPED, str(rule)
        except Halted:
            return None
        except JobFailed as failure:
            if self._session_over():
                return Outcome(RUNNING, str(failure), self._no_session())
            state, reason = FAILED, str(failure)
        except ServiceError as trouble:
            # The loop has not failed: the way to the service has.
            return Outcome(RUNNING, trouble.message, self._no_session() if self._session_over() else trouble)
        except QrunError as mistake:
            if isinstance(mistake, Interrupted):
                return None
            state, reason = FAILED, mistake.message
            error = None
        except Exception as mistake:
            # The user's optimizer or driver may raise anything.
            state, reason = FAILED, f"{loop.method} failed: {type(mistake).__name__}: {mistake}"
        summary = {"final": final, "iterations": evaluator.iteration, "replayed": evaluator.replayed}
        records.mark(loop.name, state, reason, summary)
        self._shared.watcher.event({"event": state, "loop": loop.name, "reason": reason})
        return Outcome(state, reason, error)

    def _optimize(self, prepared: PreparedLoop, evaluator: Evaluator, records: LoopLedger) -> tuple[Any, str]:
        loop = prepared.loop
        if loop.drive is not None:
            assert prepared.driver is not None
            return prepared.driver.drive(loop, evaluator), "the driver returned"
        assert prepared.jobs is not None
        objective = LoopObjective(prepared.jobs, evaluator)
        point, reason = run_optimizer(loop, self._start(loop, records), objective)
        return None if point is None else point.tolist(), reason

    def _start(self, loop: Loop, records: LoopLedger) -> NDArray[Any]:
        """The loop's initial point; that of another loop's best once it has ended."""
        import numpy as np

        if loop.starts_after is None:
            assert loop.initial_point is not None
            return loop.initial_point
        while not self._ended[loop.starts_after].wait(_TICK):
            if self._shared.halt.is_set():
                raise Halted
        best = best_of(records.evaluations(loop.starts_after))
        if best is None:
            raise JobFailed(f"the loop {loop.starts_after} has no point to start from")
        return np.array(best["point"])

    def _session_over(self) -> bool:
        """Whether the session takes no more jobs, so that no loop can go on in it."""
        session_id = self._shared.session_id
        if session_id is None:
            return False
        try:
            session = self._shared.channel.session(session_id)
        except QrunError:
            return False
        return session.closed or not session.accepting_jobs

    def _no_session(self) -> ServiceError:
        run_id = self._shared.run.id
        return ServiceError(
            f"The {self._shared.run.mode} {self._shared.session_id} of run {run_id} has ended before its "
            "loops; every evaluation is kept.",
            f"Go on in a new one with: qrun resume {run_id}",
        )
