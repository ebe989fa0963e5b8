"""Sending a run: intents noted, a batch or session open, jobs sent, and it closed whatever happens (M18)."""

from __future__ import annotations

from collections.abc import Callable
from importlib import metadata
from typing import Protocol

from qrun.errors import Interrupted, QrunError, ServiceError
from qrun.ledger import INCOMPLETE, SUBMITTED, Ledger
from qrun.run.prepare import Ready
from qrun.runtime.client import OpenMode, RuntimeClient


class Listener(Protocol):
    """Who is told how a submission goes."""

    def opened(self, session_id: str) -> None:
        """A batch or session is open."""

    def accepted(self, number: int, total: int) -> None:
        """The service has accepted one more job."""

    def closed(self, session_id: str) -> None:
        """The batch or session takes no more jobs."""


def submit_run(
    ready: Ready,
    client: RuntimeClient,
    ledger: Ledger,
    listener: Listener,
    stop_asked: Callable[[], bool] = lambda: False,
) -> None:
    """Send a run's jobs.

    Args:
        ready: What to send.
        client: The connection.
        ledger: Where intents and IDs are written.
        listener: Told of progress.
        stop_asked: Asked between jobs; after ``True`` no further job is sent and the batch or session is
            closed.

    Raises:
        Interrupted: ``stop_asked`` said so.
        ServiceError: The service refused a job, or can't be reached. Jobs accepted before stay.
    """
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
    sent = 0
    try:
        mode = client.open_mode(ready.mode.mode, ready.backend, ready.max_time)
        try:
            if mode.session_id:
                ledger.session_opened(ready.run_id, mode.session_id)
                listener.opened(mode.session_id)
            sent = _send_all(ready, mode, ledger, listener, stop_asked)
        finally:
            _close(mode, ledger, listener)
    finally:
        ledger.set_state(ready.run_id, SUBMITTED if sent == len(ready.jobs) else INCOMPLETE)


def _send_all(
    ready: Ready, mode: OpenMode, ledger: Ledger, listener: Listener, stop_asked: Callable[[], bool]
) -> int:
    total = len(ready.jobs)
    for index, job in enumerate(ready.jobs):
        if stop_asked():
            raise Interrupted(
                f"Stopped after {index} of {total} jobs of run {ready.run_id}.",
                f"Jobs already sent go on. To stop them: qrun cancel {ready.run_id}"
                if index
                else "No job was sent.",
            )
        try:
            job_id = mode.send(job)
        except QrunError as error:
            raise _interrupted_by(error, ready, index) from None
        ledger.job_accepted(ready.run_id, index, job_id)
        listener.accepted(index + 1, total)
    return total


def _interrupted_by(error: QrunError, ready: Ready, index: int) -> QrunError:
    if index == 0:
        return error
    told = ServiceError(
        f"{error.message} {index} of {len(ready.jobs)} jobs of run {ready.run_id} had been accepted; "
        "they go on.",
        f"See them with: qrun status {ready.run_id}   Stop them with: qrun cancel {ready.run_id}",
    )
    told.exit_code = error.exit_code
    return told


def _close(mode: OpenMode, ledger: Ledger, listener: Listener) -> None:
    if mode.session_id is None:
        return
    mode.close()
    ledger.session_closed(mode.session_id)
    listener.closed(mode.session_id)


def _versions() -> dict[str, str]:
    names = ("qiskit-qrun", "qiskit", "qiskit-ibm-runtime", "qiskit-aer", "numpy")
    found = {}
    for name in names:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found
