"""Sending a run's jobs: several at once, each exactly once.

A job's intent and its tag are in the ledger before it is sent, and so is that it is about to be sent. One
whose fate is not known is looked for by its tag before it is sent again: at once, and again a little later,
because the service may still be at work on the request. Only this thread writes to the ledger; the others
send.
"""

from __future__ import annotations

import queue
import threading
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

from qrun.errors import AccountError, Interrupted, LimitError, QrunError, ServiceError
from qrun.ledger import Ledger, LedgerJob, Run
from qrun.run.follow import Progress
from qrun.run.listening import Listener, Stop
from qrun.run.pace import Stopwatch
from qrun.run.patience import Patience
from qrun.run.payloads import read_body
from qrun.runtime.control import ControlChannel
from qrun.runtime.replies import Limited, NotSent, Unsure

MOST_AT_ONCE = 10
"""Jobs in flight. A service 100 ms away takes a hundred jobs a second then, and this many payloads, which may
be of 50 MB each, are in memory at most."""
LOOKS = (0.0, 1.0, 2.0, 4.0)
"""When a job whose fate is not known is looked for, in the account's polling intervals after one another."""
_TICK = 0.1


@dataclass(frozen=True)
class _Outcome:
    job: LedgerJob
    job_id: str | None = None
    error: QrunError | None = None


class Sender:
    """Sends jobs of a run.

    Args:
        channel: The control channel to the run's service.
        ledger: Where it is written down.
        run: The run, which this process holds.
        session_id: The batch or session to send them to.
        listener: Told how it goes.
        stop: Whether to go on.
    """

    def __init__(
        self,
        channel: ControlChannel,
        ledger: Ledger,
        run: Run,
        session_id: str | None,
        listener: Listener,
        stop: Stop,
    ) -> None:
        self._channel = channel
        self._ledger = ledger
        self._run = run
        self._session_id = session_id
        self._listener = listener
        self._stop = stop
        self._patience = Patience(run, listener, stop, self._keep_budget)
        self._bodies: queue.SimpleQueue[tuple[LedgerJob, bytes] | None] = queue.SimpleQueue()
        self._outcomes: queue.SimpleQueue[_Outcome] = queue.SimpleQueue()
        self._flying: dict[str, LedgerJob] = {}
        self._doubtful: dict[str, tuple[float, ...]] = {}
        self._window = MOST_AT_ONCE
        self._accepted = len(run.jobs) - len(run.unsent)
        self._budget: float | None = run.settings.get("budget")
        self._looked = Stopwatch()
        self._over = threading.Event()

    def send(self, jobs: Sequence[LedgerJob]) -> None:
        """Send all of ``jobs``; no other process may have sent one of them without that being known.

        Raises:
            Interrupted: ``stop`` said so; what was in flight has been finished.
            LimitError: The run's budget is used up; what was queued is cancelled.
            ServiceError: The service refused a job, or could not be reached for long.
        """
        waiting = deque(jobs)
        # Another process, which is gone, may have sent these a moment ago.
        self._doubtful = {job.tag: LOOKS for job in jobs if job.attempted is not None}
        # Not joined: one that hangs must not keep the program from ending.
        for _ in range(min(MOST_AT_ONCE, len(waiting))):
            threading.Thread(target=self._work, daemon=True).start()
        try:
            with self._stop.interruptible():
                self._send_all(waiting)
        except KeyboardInterrupt:
            self._over.set()
            self._adopt()
            raise self._stopped() from None
        finally:
            # Somebody else may hold the run from now on.
            self._over.set()
            for _ in range(MOST_AT_ONCE):
                self._bodies.put(None)

    def _send_all(self, waiting: deque[LedgerJob]) -> None:
        while True:
            if self._stop.asked:
                waiting.clear()
            self._keep_budget()
            self._launch(waiting)
            if not self._flying:
                break
            if failed := self._land():
                self._window = 1
                waiting.extendleft(outcome.job for outcome in reversed(failed))
                self._bear([outcome.error for outcome in failed])
        if self._accepted < len(self._run.jobs):
            raise self._stopped()

    def _launch(self, waiting: deque[LedgerJob]) -> None:
        """Send as many as may be in flight, which the ledger knows first."""
        number = max(0, min(self._window - len(self._flying), len(waiting)))
        jobs = [waiting.popleft() for _ in range(number)]
        if jobs:
            bodies = [read_body(self._ledger, self._run, job, self._session_id) for job in jobs]
            self._ledger.jobs_attempted(self._run.id, [job.tag for job in jobs])
            for job, body in zip(jobs, bodies, strict=True):
                self._flying[job.tag] = job
                self._bodies.put((job, body))

    def _land(self) -> list[_Outcome]:
        """Take in what has come back; returns what was not accepted."""
        outcomes = []
        try:
            outcomes.append(self._outcomes.get(timeout=_TICK))
            while True:
                outcomes.append(self._outcomes.get_nowait())
        except queue.Empty:
            pass
        for outcome in outcomes:
            del self._flying[outcome.job.tag]
            if isinstance(outcome.error, Unsure):
                self._doubtful.setdefault(outcome.job.tag, LOOKS[:1])
        if accepted := {o.job.tag: o.job_id for o in outcomes if o.job_id is not None}:
            self._note(accepted)
        return [outcome for outcome in outcomes if outcome.job_id is None]

    def _bear(self, errors: Sequence[QrunError | None]) -> None:
        """Wait until more can be sent, or give up where that is of no use."""
        kinds: tuple[type[ServiceError], ...] = (Limited, NotSent, Unsure)
        refusal = next((error for error in errors if not isinstance(error, kinds)), None)
        limit = next((error for error in errors if isinstance(error, Limited)), None)
        try:
            if refusal is not None:
                raise refusal
            if limit is not None:
                self._patience.limited(limit)
            else:
                self._patience.failed(next(error for error in errors if isinstance(error, ServiceError)))
        except LimitError:
            # Of the run's own budget, which has been seen to.
            raise
        except QrunError as error:
            while self._flying:
                self._land()
            raise (self._stopped() if isinstance(error, Interrupted) else self._broken_off(error)) from None

    def _keep_budget(self) -> None:
        """Look from time to time, while jobs are sent, at what those sent before have used.

        Raises:
            LimitError: The budget is used up.
        """
        # Keeping a budget is a part of following, which may send jobs again, and so comes here.
        from qrun.run.attend import BUDGET_INTERVAL, keep_budget, used_so_far

        if self._budget is None or self._looked.seconds < BUDGET_INTERVAL:
            return
        self._looked = Stopwatch()
        try:
            if used_so_far(self._channel, self._progress()) < self._budget:
                return
        except AccountError:
            raise
        except ServiceError:
            return
        while self._flying:
            self._land()
        keep_budget(self._channel, self._ledger, self._progress(), self._budget)

    def _progress(self) -> Progress:
        """How the run stands, with nothing adopted: what is in flight is known here in a moment."""
        run = self._ledger.run(self._run.id)
        return Progress(run, tuple(self._channel.jobs(tags=[run.tag])))

    def _note(self, accepted: dict[str, str]) -> None:
        try:
            self._ledger.jobs_accepted(self._run.id, accepted)
        except QrunError as error:
            raise ServiceError(
                f"{_jobs(len(accepted))} accepted, but that could not be written down. {error.message}",
                f"{error.hint} Then: qrun resume {self._run.id}",
            ) from None
        self._patience.succeeded()
        self._window = min(MOST_AT_ONCE, self._window + len(accepted))
        for _ in accepted:
            self._accepted += 1
            self._listener.accepted(self._accepted, len(self._run.jobs))

    def _work(self) -> None:
        """What each of the other threads does."""
        while (task := self._bodies.get()) is not None:
            job, body = task
            try:
                self._outcomes.put(_Outcome(job, job_id=self._send_one(job, body)))
            except QrunError as error:
                self._outcomes.put(_Outcome(job, error=error))
            except Exception as error:
                self._outcomes.put(_Outcome(job, error=ServiceError(f"{type(error).__name__}: {error}")))

    def _send_one(self, job: LedgerJob, body: bytes) -> str:
        if (looks := self._doubtful.get(job.tag)) and (found := find_by_tag(self._channel, job, looks)):
            return found
        if self._over.is_set():
            raise NotSent("The submission has been broken off.")
        try:
            return self._channel.create_job(body)
        except (Limited, NotSent, AccountError):
            raise
        except Unsure:
            if found := find_by_tag(self._channel, job, LOOKS):
                return found
            raise
        except ServiceError:
            # A proxy may answer what it likes when the service has taken the job.
            if found := find_by_tag(self._channel, job, LOOKS[:1]):
                return found
            raise

    def _adopt(self) -> None:
        """What was in flight when the user would not wait any longer."""
        for job in self._flying.values():
            try:
                if found := find_by_tag(self._channel, job, LOOKS[:1]):
                    self._note({job.tag: found})
            except QrunError:
                continue

    def _stopped(self) -> Interrupted:
        run_id, total = self._run.id, len(self._run.jobs)
        return Interrupted(
            f"Stopped after {self._accepted} of {total} jobs of run {run_id}.",
            f"Send the others with: qrun resume {run_id}   Stop those sent with: qrun cancel {run_id}"
            if self._accepted
            else f"No job was sent. Send them with: qrun resume {run_id}",
        )

    def _broken_off(self, error: QrunError) -> QrunError:
        run_id, total = self._run.id, len(self._run.jobs)
        told = ServiceError(
            f"{error.message} {self._accepted} of {total} jobs of run {run_id} had been accepted"
            + ("; they go on." if self._accepted else "."),
            f"Send the others with: qrun resume {run_id}   Stop those sent with: qrun cancel {run_id}"
            if self._accepted
            else error.hint or f"Send them with: qrun resume {run_id}",
        )
        told.exit_code = error.exit_code
        return told


def find_by_tag(channel: ControlChannel, job: LedgerJob, looks: Sequence[float]) -> str | None:
    """The ID of a job that the service may have, by its tag.

    Raises:
        AccountError: The service refuses the account.
        Unsure: The service does not answer, so that it is not known.
    """
    try:
        for wait in looks:
            time.sleep(wait * channel.account.first_poll_seconds)
            if found := channel.jobs(tags=[job.tag]):
                return found[0].id
    except AccountError:
        raise
    except ServiceError as error:
        raise Unsure(error.message, error.hint, status=error.status, code=error.code) from None
    return None


def _jobs(number: int) -> str:
    return "A job was" if number == 1 else f"{number} jobs were"
