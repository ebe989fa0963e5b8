"""One evaluation of a loop: looked up in the ledger first, else one job, exactly once.

What is asked is in the ledger before it is sent, and what it gave before the optimizer is told. So after a
crash, whatever had been evaluated is told to the optimizer again from the ledger; a deterministic one asks
the same again, and goes on where it was.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Executor
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Protocol

from qrun.errors import AccountError, QrunError, ServiceError
from qrun.ledger import Ledger, LedgerJob, Run
from qrun.ledger.loops import Evaluation, LoopLedger
from qrun.run.listening import Listener, Stop
from qrun.run.loops.polling import Halted, Poller
from qrun.run.patience import Patience
from qrun.run.payloads import request_body
from qrun.run.results import note_result, write_result
from qrun.run.sending import LOOKS, find_by_tag
from qrun.runtime.client import decode_result
from qrun.runtime.control import ControlChannel
from qrun.runtime.records import CANCELLED, DONE, ERROR, JobRecord
from qrun.runtime.replies import Limited, NotSent, Unsure
from qrun.workload.model import StopRules

Encode = Callable[[], tuple[dict[str, Any], bytes]]
"""Makes a job's request: its fields, and its parameters encoded."""


class StoppedByRule(Exception):
    """A stop rule ends the loop; the message says which."""


class JobFailed(Exception):
    """An evaluation's job failed; the message says how."""


class Watcher(Protocol):
    """Who is told how loops go. What it does must not fail; it is called from the loops' threads."""

    def event(self, event: Mapping[str, Any]) -> None:
        """Something has happened: ``event`` says what, ``loop`` to which loop."""


class Spent:
    """QPU time that a run's loops have used, and how much they may.

    Args:
        seconds: What they have used in earlier processes.
        budget: What the run may use, in seconds; no limit where ``None``.
    """

    def __init__(self, seconds: float, budget: float | None) -> None:
        self._seconds = seconds
        self._budget = budget
        self._lock = threading.Lock()

    def add(self, seconds: float) -> None:
        """A job has used so much."""
        with self._lock:
            self._seconds += seconds

    @property
    def used_up(self) -> str | None:
        """What to say where the budget is used up."""
        if self._budget is None or self._seconds < self._budget:
            return None
        return f"the run's budget of {self._budget:g} s of QPU time"


@dataclass(frozen=True)
class Shared:
    """What the loops of a run have in common."""

    run: Run
    session_id: str | None
    channel: ControlChannel
    poller: Poller
    listener: Listener
    stop: Stop
    halt: threading.Event
    """Set when all loops are to stop where they are."""
    watcher: Watcher
    spent: Spent
    """QPU time of all loops together."""
    writing: Executor
    """Writes results to their files, for which no optimizer need wait: the reply is in the ledger."""


class Evaluator:
    """Runs the evaluations of one loop, in the loop's own thread.

    Args:
        shared: What the loops have in common.
        ledger: A connection of this thread's own.
        name: The loop.
        rules: When the loop ends.
    """

    def __init__(self, shared: Shared, ledger: Ledger, name: str, rules: StopRules) -> None:
        self._shared = shared
        self._ledger = ledger
        self._records = LoopLedger(ledger, shared.run.id)
        self._name = name
        self._rules = rules
        self._patience = Patience(shared.run, shared.listener, shared.stop)
        self._started = time.monotonic()
        self._recorded = {found.number: found for found in self._records.evaluations(name)}
        self._spent = sum(_lasted(found) for found in self._recorded.values())
        self._qpu = sum(found.timing.get("qpu") or 0.0 for found in self._recorded.values())
        self._told = 0.0
        self.number = 0
        self.iteration = 0
        self.replayed = 0

    def evaluate(
        self,
        asked: Mapping[str, Any],
        primitive: str,
        encode: Encode,
        interpret: Callable[[Sequence[Any]], Mapping[str, Any]],
    ) -> tuple[Evaluation, Mapping[str, Any]]:
        """What an evaluation gives, from the ledger or from a job.

        Args:
            asked: What is asked, as JSON; the same again is the same evaluation.
            primitive: ``sampler`` or ``estimator``.
            encode: Makes the request.
            interpret: Makes the reply, as JSON, of the job's results.

        Raises:
            StoppedByRule: A stop rule allows no more.
            Halted: All loops are to stop.
            JobFailed: The job did.
            ServiceError: The service refused, or can't be reached.
        """
        now = time.time()
        number, self.number = self.number, self.number + 1
        if number not in self._recorded:
            self._obey(number)
        timing = {"asked": now, "iteration": self.iteration}
        evaluation, new, diverged = self._records.begin(self._name, number, asked, primitive, timing)
        if diverged:
            self._diverged(number)
        if evaluation.reply is not None:
            self.replayed += 1
            self._event("replayed", evaluation, evaluation.reply)
            return evaluation, evaluation.reply
        reply = self._run(evaluation, new, encode, interpret, now)
        return evaluation, reply

    def _diverged(self, number: int) -> None:
        """The optimizer asks for another point than it did before: from here on it is evaluated anew."""
        self._recorded = {n: found for n, found in self._recorded.items() if n < number}
        self._shared.watcher.event({"event": "diverged", "loop": self._name, "number": number})

    def _run(
        self,
        evaluation: Evaluation,
        new: bool,
        encode: Encode,
        interpret: Callable[[Sequence[Any]], Mapping[str, Any]],
        asked_at: float,
    ) -> Mapping[str, Any]:
        job, sent = self._sent(evaluation, new, encode)
        assert job.job_id is not None
        record = self._shared.poller.wait(job.job_id, self._shared.halt)
        noticed = time.time()
        if record.state != DONE:
            self._note_state(record)
            raise JobFailed(f"job {record.id} is {record.state}: {record.reason or 'no reason given'}")
        text = self._result(record)
        fetched = time.time()
        self._shared.writing.submit(write_result, self._shared.run.id, record, text)
        reply = interpret(decode_result(record.program or "estimator", text))
        qpu = record.usage.seconds
        timing = {
            "sent": sent,
            "noticed": noticed,
            "fetched": fetched,
            "qpu": qpu,
            # From a result to the next submission, without what the optimizer and the cost function took.
            "own": None if sent is None or not self._told else sent - asked_at + self._told,
        }
        with self._ledger.transaction():
            self._note_state(record)
            note_result(self._ledger, self._shared.run.id, record, text)
            self._records.answer(self._name, evaluation.number, reply, {**timing, "answered": time.time()})
        self._qpu += qpu or 0.0
        self._shared.spent.add(qpu or 0.0)
        self._event("evaluated", evaluation, reply, job=job.job_id, timing=timing)
        self._told = time.time() - fetched
        return reply

    def _sent(self, evaluation: Evaluation, new: bool, encode: Encode) -> tuple[LedgerJob, float | None]:
        """The evaluation's job, which the service has, and when it was sent now."""
        run_id = self._shared.run.id
        job = self._ledger.job(run_id, evaluation.job_index)
        if job.job_id is not None and job.state in (ERROR, CANCELLED):
            self._ledger.attempt_again(run_id, [job.index])
            job = self._ledger.job(run_id, job.index)
        if job.job_id is not None:
            return job, None
        if not new and job.attempted is not None and (found := find_by_tag(self._shared.channel, job, LOOKS)):
            self._ledger.jobs_accepted(run_id, {job.tag: found})
            return self._ledger.job(run_id, job.index), None
        head, params = encode()
        body = request_body(head, params, job.tag, self._shared.session_id)
        if not new:
            self._ledger.jobs_attempted(run_id, [job.tag])
        sent = time.time()
        job_id = self._send(job, body)
        self._ledger.jobs_accepted(run_id, {job.tag: job_id})
        return self._ledger.job(run_id, job.index), sent

    def _send(self, job: LedgerJob, body: bytes) -> str:
        channel = self._shared.channel
        while True:
            if self._shared.halt.is_set():
                raise Halted
            try:
                job_id = channel.create_job(body)
            except Limited as error:
                self._patience.limited(error)
            except NotSent as error:
                self._patience.failed(error)
            except Unsure as error:
                if found := find_by_tag(channel, job, LOOKS):
                    return found
                self._patience.failed(error)
            except AccountError:
                raise
            except ServiceError:
                # A proxy may answer what it likes when the service has taken the job.
                with suppress(QrunError):
                    if found := find_by_tag(channel, job, LOOKS[:1]):
                        return found
                raise
            else:
                self._patience.succeeded()
                return job_id

    def _result(self, record: JobRecord) -> str:
        text = self._shared.channel.result_text(record.id)
        if text is None:
            raise ServiceError(
                f"Job {record.id} is done but the service has no result of it.",
                f"Go on later with: qrun resume {self._shared.run.id}",
            )
        return text

    def _note_state(self, record: JobRecord) -> None:
        state = (record.state, record.reason, record.reason_code, record.usage.seconds)
        self._ledger.set_job_states(self._shared.run.id, {record.id: state})

    def _obey(self, number: int) -> None:
        """Raise where a stop rule, or a signal, allows no more jobs."""
        if self._shared.halt.is_set():
            raise Halted
        if over := self._shared.spent.used_up:
            raise StoppedByRule(over)
        rules = self._rules
        lasted = self._spent + time.monotonic() - self._started
        limits = (
            (rules.evaluations, number, "evaluations"),
            (rules.iterations, self.iteration, "iterations"),
            (rules.wall_time, lasted, "s of wall time"),
            (rules.qpu_time, self._qpu, "s of QPU time"),
        )
        for most, now, what in limits:
            if most is not None and now >= most:
                raise StoppedByRule(f"{most} {what}")

    def _event(
        self,
        kind: str,
        evaluation: Evaluation,
        reply: Mapping[str, Any],
        *,
        job: str | None = None,
        timing: Mapping[str, Any] | None = None,
    ) -> None:
        event = event_of(kind, evaluation, reply, timing or evaluation.timing)
        self._shared.watcher.event({**event, "iteration": self.iteration, "job": job})


def event_of(
    kind: str, evaluation: Evaluation, reply: Mapping[str, Any], timing: Mapping[str, Any]
) -> dict[str, Any]:
    """An evaluation as those who watch are told of it."""
    return {
        "event": kind,
        "loop": evaluation.loop,
        "number": evaluation.number,
        "iteration": timing.get("iteration"),
        "points": evaluation.asked.get("points"),
        "values": reply.get("values"),
        "stds": reply.get("stds"),
        "qpu": timing.get("qpu"),
        "own": timing.get("own"),
    }


def _lasted(evaluation: Evaluation) -> float:
    """Seconds from an evaluation's question to its answer, in an earlier process."""
    answered, asked = evaluation.timing.get("answered"), evaluation.timing.get("asked")
    return max(0.0, answered - asked) if answered and asked else 0.0
