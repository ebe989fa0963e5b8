"""What a run's jobs are to be sent as, on disk before anything is opened on the service.

A run that is resumed sends the very bytes that were intended: compiled anew after a recalibration, or from
a Python source that has been edited since, it would be another experiment. Encoding costs 0.2 ms a job of one
circuit, so it is done for all jobs before the first is sent; one that is on disk can be sent by any process.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from qrun import config
from qrun.errors import ServiceError
from qrun.ledger import Ledger, LedgerJob, NewJob, Run

if TYPE_CHECKING:
    from qrun.runtime.client import PreparedJob

_FILE = "payloads.jsonl"


def write_payloads(run_id: str, primitives: Sequence[str], jobs: Iterable[PreparedJob]) -> list[NewJob]:
    """Write what is to be sent for each job, and make sure that it is on the disk.

    Two lines a job: a JSON object without tags of a single job, session and ``params``; then ``params``.

    Returns:
        The jobs as they are to be noted in the ledger.

    Raises:
        ServiceError: The disk does not take it. Nothing has been sent.
    """
    path = _path(run_id)
    written: list[NewJob] = []
    try:
        with path.open("wb") as file:
            os.fchmod(file.fileno(), 0o600)
            for primitive, job in zip(primitives, jobs, strict=True):
                head, params = job.request()
                record = json.dumps(head).encode() + b"\n" + params + b"\n"
                place = file.tell()
                file.write(record)
                written.append(NewJob(primitive, hashlib.sha256(record).hexdigest(), place, len(record)))
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        path.unlink(missing_ok=True)
        raise ServiceError(
            f"What is to be sent can't be written to {path}: {error.strerror}. Nothing was sent.",
            "Check the disk.",
        ) from None
    return written


def read_body(ledger: Ledger, run: Run, job: LedgerJob, session_id: str | None) -> bytes:
    """The body of the request that sends one attempt at a job.

    Raises:
        ServiceError: It is not there any more, or not what was written.
    """
    place = ledger.payload_place(run.id, job.index)
    record = b""
    if place is not None:
        try:
            with _path(run.id).open("rb") as file:
                file.seek(place[0])
                record = file.read(place[1])
        except OSError:
            record = b""
    if job.payload is None or hashlib.sha256(record).hexdigest() != job.payload:
        raise ServiceError(
            f"What job {job.index + 1} of run {run.id} was to be sent as is no longer in {_path(run.id)}.",
            f"Submit the workload again; see what became of the others with: qrun status {run.id}",
        )
    head, params = record[:-1].split(b"\n", 1)
    return request_body(json.loads(head), params, job.tag, session_id)


def request_body(head: Mapping[str, Any], params: bytes, tag: str, session_id: str | None) -> bytes:
    """The body of the request that sends a job.

    Args:
        head: Its fields, but for ``params``, the session and the tag of the one job.
        params: ``params``, encoded.
        tag: The job's own tag.
        session_id: The batch or session to send it to.
    """
    fields = {**head, "tags": [*head.get("tags", []), tag]}
    if session_id:
        fields["session_id"] = session_id
    return json.dumps(fields).encode()[:-1] + b', "params": ' + params + b"}"


def drop_payloads(run: Run) -> None:
    """Free the disk of what will not be sent any more."""
    _path(run.id).unlink(missing_ok=True)


def _path(run_id: str) -> Path:
    return config.results_folder(run_id) / _FILE
