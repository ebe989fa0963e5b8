"""Waiting for the jobs of all loops at once: one list request a tick."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from qrun.errors import QrunError, ServiceError
from qrun.run.pace import BACK_OFF, LONGEST_INTERVAL, LOOP_INTERVAL
from qrun.runtime.control import ControlChannel
from qrun.runtime.records import JobRecord
from qrun.runtime.replies import TOO_MANY_REQUESTS

_LISTED = 20
"""Newest jobs that are asked for at least; whatever is awaited and not among them is asked for alone."""


class Halted(Exception):
    """The loops are to stop where they are, and can be resumed."""


@dataclass
class _Awaited:
    ended: threading.Event = field(default_factory=threading.Event)
    record: JobRecord | None = None
    error: QrunError | None = None


class Poller:
    """Asks for the states of jobs that others wait for. Use it as a context manager.

    Args:
        channel: The control channel.
        tag: The tag of the run, which all its jobs carry.
        fast: Whether a session waits meanwhile.
        trouble: Told when the service does not answer.
    """

    def __init__(
        self, channel: ControlChannel, tag: str, *, fast: bool, trouble: Callable[[str], None]
    ) -> None:
        self._channel = channel
        self._tag = tag
        self._fast = fast
        self._trouble = trouble
        self._awaited: dict[str, _Awaited] = {}
        self._changed = threading.Condition()
        self._closed = False
        self._thread = threading.Thread(target=self._run, name="qrun-poller", daemon=True)
        self.idle_since = time.monotonic()
        """When the last job that was waited for ended; no matter while there is another."""

    def __enter__(self) -> Poller:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        self._thread.join(timeout=5)

    @property
    def waiting(self) -> bool:
        """Whether a job is waited for."""
        return bool(self._awaited)

    def wait(self, job_id: str, halt: threading.Event) -> JobRecord:
        """The job's record once it has ended.

        Args:
            job_id: The job.
            halt: Ends the waiting; the job goes on.

        Raises:
            Halted: ``halt`` was set.
            ServiceError: The service refuses to answer.
        """
        awaited = _Awaited()
        with self._changed:
            self._awaited[job_id] = awaited
            self._changed.notify_all()
        try:
            while not awaited.ended.wait(0.1):
                if halt.is_set():
                    raise Halted
        finally:
            with self._changed:
                self._awaited.pop(job_id, None)
                self.idle_since = time.monotonic()
        if awaited.error is not None:
            raise awaited.error
        assert awaited.record is not None
        return awaited.record

    def _run(self) -> None:
        interval = self._first_interval()
        while True:
            with self._changed:
                while not self._awaited and not self._closed:
                    self._changed.wait()
                    interval = self._first_interval()
                if self._closed:
                    return
                waiting = dict(self._awaited)
            if self._ask(waiting):
                interval = self._first_interval()
            with self._changed:
                self._changed.wait_for(lambda: self._closed, timeout=interval)
            if not self._fast:
                interval = min(interval * BACK_OFF, LONGEST_INTERVAL)

    def _first_interval(self) -> float:
        return LOOP_INTERVAL if self._fast else self._channel.account.first_poll_seconds

    def _ask(self, waiting: dict[str, _Awaited]) -> bool:
        """Ask once; whether a job has ended."""
        try:
            listed = self._channel.jobs(tags=[self._tag], limit=max(_LISTED, 2 * len(waiting)))
            records = {record.id: record for record in listed}
            for job_id in waiting.keys() - records.keys():
                records[job_id] = self._channel.job(job_id)
        except QrunError as error:
            self._failed(error, waiting)
            return False
        ended = [job_id for job_id in waiting if records[job_id].ended]
        for job_id in ended:
            waiting[job_id].record = records[job_id]
            waiting[job_id].ended.set()
        with self._changed:
            for job_id in ended:
                self._awaited.pop(job_id, None)
        return bool(ended)

    def _failed(self, error: QrunError, waiting: dict[str, _Awaited]) -> None:
        status = error.status if isinstance(error, ServiceError) else None
        if status is not None and status < 500 and status != TOO_MANY_REQUESTS:
            for awaited in waiting.values():
                awaited.error = error
                awaited.ended.set()
        else:
            self._trouble(error.message)
