"""Results: fetched once, kept as the service wrote them, and read back in the file's PUB order."""

from __future__ import annotations

import hashlib
import json
import math
import os
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import IO, Any

from qrun import config
from qrun.errors import ServiceError
from qrun.ledger import Ledger, LedgerJob, LedgerPub, Run
from qrun.run.payloads import drop_payloads
from qrun.runtime.control import ControlChannel
from qrun.runtime.records import DONE, JobRecord

_DOCUMENT = "results.json"
_AT_ONCE = 16
"""Results that are fetched at the same time."""


def collect(channel: ControlChannel, ledger: Ledger, run: Run, jobs: Sequence[JobRecord]) -> Run:
    """Fetch the results that are not here yet of jobs that are done.

    Returns:
        The run with the files of its results.

    Raises:
        ServiceError: A result could not be fetched.
    """
    with Collector(channel, ledger, run) as collector:
        collector.begin(jobs)
        return collector.finish()


class Collector:
    """Fetches results while others run. Use it as a context manager, in the thread that has the ledger.

    Args:
        channel: The control channel to the run's service.
        ledger: Where it is noted which are here.
        run: The run.
    """

    def __init__(self, channel: ControlChannel, ledger: Ledger, run: Run) -> None:
        self._channel = channel
        self._ledger = ledger
        self._id = run.id
        self._folder = _folder(run)
        self._begun = {job.job_id for job in run.jobs if _is_here(run, job)}
        self._fetched: dict[Future[tuple[str, str]], str] = {}
        self._pool = ThreadPoolExecutor(max_workers=_AT_ONCE)

    def __enter__(self) -> Collector:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self._pool.shutdown(wait=kind is None, cancel_futures=True)

    def begin(self, jobs: Iterable[JobRecord]) -> None:
        """Fetch the results that are not here yet of those of ``jobs`` that are done; note what has come.

        Of one that could not be fetched nobody is told: it is begun again the next time.
        """
        self._begun -= set(self._note())
        for job in jobs:
            if job.state == DONE and job.id not in self._begun:
                self._begun.add(job.id)
                self._fetched[self._pool.submit(_fetch, self._channel, self._folder, job)] = job.id

    def finish(self) -> Run:
        """Wait for what has been begun.

        Returns:
            The run with the files of its results.

        Raises:
            ServiceError: A result could not be fetched. The others are here.
        """
        failed: dict[str, BaseException] = {}
        while self._fetched:
            wait(self._fetched, return_when=FIRST_COMPLETED)
            failed |= self._note()
        if failed:
            raise next(iter(failed.values()))
        run = self._ledger.run(self._id)
        if has_all_results(run):
            # Nothing will be sent again.
            drop_payloads(run)
        return run

    def _note(self) -> dict[str, BaseException]:
        """Write down what has come since; what could not be fetched, by the job's ID."""
        come: dict[str, tuple[str, str]] = {}
        failed: dict[str, BaseException] = {}
        for future in [future for future in self._fetched if future.done()]:
            job_id = self._fetched.pop(future)
            if error := future.exception():
                failed[job_id] = error
            else:
                come[job_id] = future.result()
        if come:
            self._ledger.set_result_files(self._id, come)
        return failed


def _fetch(channel: ControlChannel, folder: Path, job: JobRecord) -> tuple[str, str]:
    """Fetch one result to its place, whole or not at all: its file's name and checksum."""
    name = _result_file(job)
    with _whole_file(folder / name) as file:
        checksum = channel.save_result(job.id, file)
        if checksum is None:
            raise ServiceError(
                f"Job {job.id} is done but the service has no result of it.", "Try again later."
            )
    return name, checksum


def write_result(run_id: str, job: JobRecord, text: str) -> None:
    """Write a job's result to its file."""
    _write(config.results_folder(run_id) / _result_file(job), text)


def note_result(ledger: Ledger, run_id: str, job: JobRecord, text: str) -> None:
    """Note where a job's result is, or will be in a moment; a file that is missing is fetched again."""
    ledger.set_result_files(run_id, {job.id: (_result_file(job), _checksum(text))})


def _result_file(job: JobRecord) -> str:
    return f"{job.id}.{job.program or 'result'}.json"


def _checksum(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def has_all_results(run: Run) -> bool:
    """Whether the result of every job is here, so that no service need be asked."""
    return bool(run.jobs) and all(_is_here(run, job) for job in run.jobs)


def _is_here(run: Run, job: LedgerJob) -> bool:
    """Whether a job's result is here as the service gave it. One that is damaged is fetched again."""
    if not job.result_file:
        return False
    path = _folder(run) / job.result_file
    try:
        about = path.stat()
        return job.result_sha256 in (None, _file_checksum(path, about.st_mtime_ns, about.st_size))
    except OSError:
        return False


@lru_cache(maxsize=4096)
def _file_checksum(path: Path, _modified: int, _size: int) -> str:
    """SHA-256 of a file, reckoned once as long as it is not written to."""
    checksum = hashlib.sha256()
    with path.open("rb") as file:
        while piece := file.read(1 << 20):
            checksum.update(piece)
    return checksum.hexdigest()


def results_document(run: Run) -> dict[str, Any]:
    """All that a run has measured so far, as one document.

    That of a run whose results are all here is kept, so that it is decoded once.

    Returns:
        ``{run, name, mode, backend, session_id, pubs: [...]}``, PUBs in the file's order. ``data`` of a PUB
        is ``{register: {"counts": …}}`` for the Sampler and ``{"evs": …, "stds": …}`` for the Estimator,
        nested in the PUB's shape; ``None``, with the job's ``state`` and ``error``, where there is none.
    """
    if not has_all_results(run):
        return _decode(run)
    document = _kept(run)
    if document is None:
        document = _decode(run)
        kept = {"of": _decoded_from(run), "document": document}
        _write(_folder(run) / _DOCUMENT, json.dumps(kept, allow_nan=False))
    return document


def _kept(run: Run) -> dict[str, Any] | None:
    """The document that was kept; ``None`` where there is none of the results that are here now."""
    try:
        kept = json.loads((_folder(run) / _DOCUMENT).read_text(encoding="utf-8"))
        document: dict[str, Any] = kept["document"]
        return document if kept["of"] == _decoded_from(run) else None
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _decoded_from(run: Run) -> list[list[str | None]]:
    """What tells a document from one of other attempts: each job's ID and its result's checksum."""
    return [[job.job_id, job.result_sha256] for job in run.jobs]


def _decode(run: Run) -> dict[str, Any]:
    results: dict[int, Any] = {}
    pubs = []
    for pub in run.pubs:
        job = run.jobs[pub.job_index]
        if job.result_file and job.index not in results:
            results[job.index] = read_result(run, job)
        pubs.append(_pub_entry(pub, job, results.get(job.index)))
    return {
        "run": run.id,
        "name": run.name,
        "mode": run.mode,
        "backend": run.backend,
        "session_id": run.session_id,
        "pubs": pubs,
    }


def result_path(run: Run, job: LedgerJob) -> Path:
    """Where the result of a job is kept, as the service wrote it."""
    assert job.result_file is not None
    return _folder(run) / job.result_file


def read_result(run: Run, job: LedgerJob) -> Any:
    """The result of a job that has been collected, as the client makes it.

    Raises:
        ServiceError: It is not what was written, or the installed client can't decode it.
    """
    from qrun.runtime.client import decode_result

    assert job.result_file is not None
    text = (_folder(run) / job.result_file).read_text(encoding="utf-8")
    if job.result_sha256 is not None and _checksum(text) != job.result_sha256:
        raise ServiceError(
            f"{_folder(run) / job.result_file} is not what the service gave for job {job.job_id}.",
            f"Remove it, and fetch it again with: qrun results {run.id}",
        )
    program = job.result_file.rsplit(".", 2)[1]
    try:
        return decode_result(program, text)
    except Exception as error:
        raise ServiceError(
            f"The result of job {job.job_id} can't be decoded by the installed client: "
            f"{type(error).__name__}: {error}",
            f"It is kept as the service wrote it in {_folder(run) / job.result_file}.",
        ) from error


def _pub_entry(pub: LedgerPub, job: LedgerJob, result: Any) -> dict[str, Any]:
    entry: dict[str, Any] = {
        "index": pub.index,
        "name": pub.name,
        "circuit": pub.circuit,
        "primitive": pub.primitive,
        "job_id": job.job_id,
        "attempt": job.attempt,
        "shape": list(pub.shape),
    }
    if pub.primitive == "sampler":
        entry["shots"] = pub.shots
    else:
        entry["precision"] = pub.precision
        entry["observables"] = pub.observables
    if result is None:
        entry |= {"data": None, "state": job.state or "NOT SENT", "error": job.reason}
        return entry
    data = result[pub.position].data
    entry["data"] = _sampler_data(data) if pub.primitive == "sampler" else _estimator_data(data)
    return entry


def _sampler_data(data: Any) -> dict[str, Any]:
    registers: dict[str, Any] = {}
    for name, values in data.items():
        if hasattr(values, "get_counts"):
            registers[name] = {"counts": _counts(values, values.shape)}
        else:
            registers[name] = {"real": _plain(values.real), "imag": _plain(values.imag)}
    return registers


def _counts(bits: Any, shape: tuple[int, ...], index: tuple[int, ...] = ()) -> Any:
    if len(index) == len(shape):
        counts = bits[index].get_counts() if shape else bits.get_counts()
        return {key: int(counts[key]) for key in sorted(counts)}
    return [_counts(bits, shape, (*index, i)) for i in range(shape[len(index)])]


def _estimator_data(data: Any) -> dict[str, Any]:
    return {"evs": _plain(data["evs"]), "stds": _plain(data["stds"])}


def _plain(values: Any) -> Any:
    """Nested lists of numbers; what is not finite becomes ``null``, which JSON has."""
    import numpy as np

    def finite(value: Any) -> Any:
        if isinstance(value, list):
            return [finite(item) for item in value]
        return value if math.isfinite(value) else None

    return finite(np.asarray(values, dtype=float).tolist())


def _folder(run: Run) -> Path:
    return config.results_folder(run.id)


def _write(path: Path, text: str) -> None:
    """Write a file whole or not at all."""
    with _whole_file(path) as file:
        file.write(text.encode())


@contextmanager
def _whole_file(path: Path) -> Iterator[IO[bytes]]:
    """A file that takes its place once all of it is on the disk."""
    try:
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=".")
        try:
            with os.fdopen(handle, "wb") as file:
                yield file
                file.flush()
                os.fsync(file.fileno())
            Path(temporary).replace(path)
        except BaseException:
            Path(temporary).unlink(missing_ok=True)
            raise
    except OSError as error:
        raise ServiceError(f"{path} can't be written: {error.strerror}.", "Check the disk.") from None
