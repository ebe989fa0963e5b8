"""Sending a run: intents noted, a batch or session open, jobs sent, and it closed whatever happens (M18)."""

from __future__ import annotations

import time
from contextlib import AbstractContextManager
from importlib import metadata
from typing import Protocol

from qrun.errors import Interrupted, QrunError, ServiceError
from qrun.ledger import INCOMPLETE, SUBMITTED, Ledger, job_tag
from qrun.run.prepare import Ready
from qrun.run.reconcile import reconcile
from qrun.runtime.client import OpenMode, PreparedJob, RuntimeClient
from qrun.runtime.control import ControlChannel

TOO_MANY_REQUESTS = 429
PATIENCE_WHEN_LIMITED = (5.0, 10.0, 20.0, 40.0, 60.0, 60.0, 60.0, 60.0, 60.0, 60.0)
"""Seconds before a job is sent again that the service refused for its rate limit. The client does not tell
what the service asked for; the documented limit is counted by the minute (facts G1)."""


class Listener(Protocol):
    """Who is told how a submission goes. What it does must not fail."""

    def opened(self, session_id: str) -> None:
        """A batch or session is open."""

    def accepted(self, number: int, total: int) -> None:
        """The service has accepted one more job."""

    def limited(self, seconds: float) -> None:
        """The service takes no more requests for now; the job is sent again after ``seconds``."""

    def closed(self, session_id: str) -> None:
        """The batch or session takes no more jobs."""

    def not_closed(self, session_id: str, error: QrunError) -> None:
        """The batch or session could not be closed; the ledger remembers it."""


class Stop(Protocol):
    """Whether someone wants the submission to stop."""

    @property
    def asked(self) -> bool:
        """Whether a signal has come: no further job is to be sent."""

    def interruptible(self) -> AbstractContextManager[None]:
        """Where a second Ctrl-C may break off what hangs."""


def submit_run(ready: Ready, client: RuntimeClient, ledger: Ledger, listener: Listener, stop: Stop) -> None:
    """Send a run's jobs.

    Raises:
        Interrupted: ``stop`` said so. The job in hand has been finished, the batch or session closed.
        ServiceError: The service refused a job, or can't be reached. Jobs accepted before stay.
    """
    account = client.account.at_instance(client.instance)
    sent = 0
    with ledger.hold(ready.run_id), ControlChannel(account) as channel:
        _note(ready, client, ledger)
        try:
            sent = _open_and_send(ready, client, channel, ledger, listener, stop)
        finally:
            ledger.set_state(ready.run_id, SUBMITTED if sent == len(ready.jobs) else INCOMPLETE)


def _note(ready: Ready, client: RuntimeClient, ledger: Ledger) -> None:
    ledger.add_run(
        run_id=ready.run_id,
        name=ready.workload.name,
        service=client.account.name,
        instance=client.instance,
        backend=ready.backend.name,
        mode=ready.mode.mode,
        workload_path=ready.workload.document.path,
        workload_text=ready.workload.document.text,
        versions=_versions(),
        jobs=[job.primitive for job in ready.planned],
        pubs=ready.pubs,
    )


def _open_and_send(
    ready: Ready,
    client: RuntimeClient,
    channel: ControlChannel,
    ledger: Ledger,
    listener: Listener,
    stop: Stop,
) -> int:
    """Number of jobs accepted. What is opened is closed, and a failure to close hides no other error."""
    mode = client.open_mode(ready.mode.mode, ready.backend, ready.max_time)
    try:
        if mode.session_id:
            ledger.session_opened(ready.run_id, mode.session_id)
            listener.opened(mode.session_id)
        sent = _Sender(ready, mode, channel, ledger, listener, stop).send_all()
        _without_doubles(channel, ledger, ready.run_id)
    finally:
        if mode.session_id:
            _close(mode.session_id, channel, ledger, listener)
    return sent


class _Sender:
    """Sends the jobs of a run one after another."""

    def __init__(
        self,
        ready: Ready,
        mode: OpenMode,
        channel: ControlChannel,
        ledger: Ledger,
        listener: Listener,
        stop: Stop,
    ) -> None:
        self._ready = ready
        self._mode = mode
        self._channel = channel
        self._ledger = ledger
        self._listener = listener
        self._stop = stop

    def send_all(self) -> int:
        total = len(self._ready.jobs)
        for index, job in enumerate(self._ready.jobs):
            if self._stop.asked:
                raise self._stopped(index)
            job_id = self._send(index, job)
            self._accepted(index, job_id)
            self._listener.accepted(index + 1, total)
        return total

    def _send(self, index: int, job: PreparedJob) -> str:
        waits = iter(PATIENCE_WHEN_LIMITED)
        while True:
            try:
                with self._stop.interruptible():
                    return self._mode.send(job)
            except KeyboardInterrupt:
                self._adopted(index)
                raise self._stopped(index) from None
            except QrunError as error:
                if error_status(error) == TOO_MANY_REQUESTS and (wait := next(waits, None)) is not None:
                    self._wait(index, wait)
                elif job_id := self._adopted(index):
                    return job_id
                else:
                    raise self._broken_off(error, index) from None

    def _adopted(self, index: int) -> str | None:
        """The ID of a job whose reply was lost: the service has it under its tag."""
        try:
            found = self._channel.jobs(tags=[job_tag(self._ready.run_id, index)])
        except QrunError:
            return None
        return found[0].id if found else None

    def _wait(self, index: int, seconds: float) -> None:
        self._listener.limited(seconds)
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if self._stop.asked:
                raise self._stopped(index)
            time.sleep(0.1)

    def _accepted(self, index: int, job_id: str) -> None:
        try:
            self._ledger.job_accepted(self._ready.run_id, index, job_id)
        except QrunError as error:
            raise ServiceError(
                f"Job {job_id} was accepted, but that could not be written down. {error.message}", error.hint
            ) from None

    def _stopped(self, index: int) -> Interrupted:
        run_id, total = self._ready.run_id, len(self._ready.jobs)
        return Interrupted(
            f"Stopped after {index} of {total} jobs of run {run_id}.",
            f"Jobs already sent go on. To stop them: qrun cancel {run_id}" if index else "No job was sent.",
        )

    def _broken_off(self, error: QrunError, index: int) -> QrunError:
        run_id, total = self._ready.run_id, len(self._ready.jobs)
        told = type(error)(
            f"{error.message} {index} of {total} jobs of run {run_id} had been accepted"
            + ("; they go on." if index else "."),
            f"See them with: qrun status {run_id}   Stop them with: qrun cancel {run_id}"
            if index
            else error.hint,
        )
        told.exit_code = error.exit_code
        return told


def error_status(error: QrunError) -> int | None:
    """The HTTP status behind an error, where there was one."""
    return error.status if isinstance(error, ServiceError) else None


def _without_doubles(channel: ControlChannel, ledger: Ledger, run_id: str) -> None:
    """Cancel what the client sent twice: it repeats a POST whose answer was a 5xx, whatever came of it."""
    run = ledger.run(run_id)
    try:
        reconcile(channel, ledger, run, channel.jobs(tags=[run.tag]))
    except QrunError:
        # All jobs are accepted; whoever looks at the run next comes here again.
        return


def _close(session_id: str, channel: ControlChannel, ledger: Ledger, listener: Listener) -> None:
    """Close over the control channel, which repeats a request that failed; the client does not."""
    try:
        channel.close_session(session_id)
        ledger.session_closed(session_id)
    except QrunError as error:
        listener.not_closed(session_id, error)
    else:
        listener.closed(session_id)


def _versions() -> dict[str, str]:
    names = ("qiskit-qrun", "qiskit", "qiskit-ibm-runtime", "qiskit-aer", "numpy")
    found = {}
    for name in names:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found
