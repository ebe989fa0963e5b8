"""The service's state on disk: SQLite in write-ahead mode, written by one thread, in the order of asking."""

from __future__ import annotations

import contextlib
import json
import queue
import sqlite3
import threading
import zlib
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import replace
from pathlib import Path
from typing import Any

from qrun.errors import ServiceError
from qrun.local.records import TERMINAL, JobFilter, JobRecord, WorkloadRow
from qrun.local.scheduling import WorkloadHistory
from qrun.local.scheduling.events import Event, from_dict
from qrun.local.schema import migrate

Operation = Callable[[sqlite3.Connection], None]

_JOB_COLUMNS = ", ".join(JobRecord.__dataclass_fields__)
_BUSY_SECONDS = 30.0
_SQLITE_ERROR = 1
"""SQLite's generic result code (sqlite3.SQLITE_ERROR, of Python 3.11)."""
_NOT_ON_A_MOCK = "device NOT GLOB 'mock*'"
"""Dry runs are listed where they are asked for alone, and cost nothing. Only mocks have such a name."""


class _Request:
    """An operation that was asked for."""

    def __init__(self, operation: Operation, vital: bool) -> None:
        self.operation = operation
        self.vital = vital
        self.error: BaseException | None = None
        self.done: Future[None] = Future()
        # Who waits for it may be cancelled; the writing may not.
        self.done.set_running_or_notify_cancel()


def _open(path: Path) -> sqlite3.Connection:
    # Transactions are begun and ended by hand.
    db = sqlite3.connect(path, timeout=_BUSY_SECONDS, isolation_level=None, check_same_thread=False)
    db.execute("PRAGMA journal_mode = WAL")
    db.execute("PRAGMA synchronous = FULL")
    return db


def _check(db: sqlite3.Connection) -> None:
    """Look at every page: a wrong answer would be worse than none.

    Raises:
        sqlite3.DatabaseError: One is damaged.
    """
    (found,) = db.execute("PRAGMA quick_check(1)").fetchone()
    if found != "ok":
        raise sqlite3.DatabaseError(str(found).replace("\n", " "))


def _mark(path: Path) -> Path:
    """The file that says how the state was when it was put down in good order.

    Looking at every page of gigabytes takes minutes, so it is done where the state may have suffered alone:
    after a crash, and where the file is not the one that was put down.
    """
    return path.with_suffix(".sound")


def _stamp(path: Path) -> str | None:
    """What tells the state from any other; None while there are writes that are not in the file itself."""
    log = path.with_name(path.name + "-wal")
    if not path.is_file() or (log.exists() and log.stat().st_size > 0):
        return None
    about = path.stat()
    return f"{about.st_size} {about.st_mtime_ns} {about.st_ino}"


def _unusable(path: Path, error: sqlite3.DatabaseError) -> ServiceError:
    # A SQLITE_ERROR is of tables that are not as they should be. The other operational ones are of the disk,
    # of rights, or of who else has the file open: the state itself may be as good as ever.
    # Python 3.10 does not tell which it is.
    code = getattr(error, "sqlite_errorcode", None)
    if isinstance(error, sqlite3.OperationalError) and code != _SQLITE_ERROR:
        return ServiceError(
            f"The state of the local service, {path}, can't be opened: {error}",
            "Nothing is lost. Free space on the disk, look at the rights of that file and whether another "
            "process holds it; then start again.",
        )
    return ServiceError(
        f"The state of the local service, {path}, can't be used: {error}",
        "Put back a copy of that file, or begin anew with: qrun local reset",
    )


class Store:
    """Jobs, sessions and the event record.

    Reading sees what has been committed, so nothing is told that a crash could take back. Reads are done
    by the thread that made this object, but those of parameters and results, which may be large.

    Args:
        path: The file.

    Raises:
        ServiceError: It can't be opened, is damaged, no database, or that of a newer qrun.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        try:
            sound = _mark(path).exists() and _mark(path).read_text(encoding="utf-8") == _stamp(path)
            writer = _open(path)
            migrate(writer)
            if not sound:
                _check(writer)
            _mark(path).unlink(missing_ok=True)
        except sqlite3.DatabaseError as error:
            raise _unusable(path, error) from None
        path.chmod(0o600)
        self._reader = _open(path)
        self._asked: queue.SimpleQueue[_Request | None] = queue.SimpleQueue()
        self._failure: BaseException | None = None
        """Why nothing is written any more."""
        self._thread = threading.Thread(target=self._write_all, args=(writer,), name="store", daemon=True)
        self._thread.start()

    # ---------------------------------------------------------------- writing

    def write(self, operation: Operation, *, vital: bool = False) -> Future[None]:
        """Do ``operation`` after all that were asked for before; the future is done when it is durable.

        Args:
            operation: What to do, inside a transaction. If it fails, nothing of it stays.
            vital: What is written later makes no sense without this: once it has failed, nothing is written
                any more. So the state on disk is always one that has been, and can be taken up.
        """
        request = _Request(operation, vital)
        self._asked.put(request)
        return request.done

    def close(self) -> None:
        """Write what was asked for, and end."""
        self._asked.put(None)
        self._thread.join()
        self._reader.close()
        if self._failure is None and (stamp := _stamp(self._path)) is not None:
            with contextlib.suppress(OSError):  # Then the next start looks at every page.
                _mark(self._path).write_text(stamp, encoding="utf-8")

    def _write_all(self, db: sqlite3.Connection) -> None:
        going_on = True
        while going_on:
            # All that has been asked for by now shares one transaction, so one wait for the disk.
            asked = [self._asked.get()]
            with contextlib.suppress(queue.Empty):
                while True:
                    asked.append(self._asked.get_nowait())
            going_on = None not in asked
            self._commit(db, [request for request in asked if request is not None])
        db.close()

    def _commit(self, db: sqlite3.Connection, asked: list[_Request]) -> None:
        """Do all of it in one transaction. What fails by its own fault fails alone."""
        try:
            db.execute("BEGIN IMMEDIATE")
            for request in asked:
                self._do(db, request)
            db.execute("COMMIT")
        except BaseException as error:
            # The disk may have room again at the next transaction, which would build on this one.
            self._failure = self._failure or error
            with contextlib.suppress(sqlite3.Error):
                db.execute("ROLLBACK")
            for request in asked:
                request.error = request.error or error
        for request in asked:
            if request.error is None:
                request.done.set_result(None)
            else:
                request.done.set_exception(request.error)

    def _do(self, db: sqlite3.Connection, request: _Request) -> None:
        """Do one operation, or none of it.

        Raises:
            Exception: The disk or the database failed, which concerns the whole transaction.
        """
        if self._failure is not None:
            request.error = self._failure
            return
        db.execute("SAVEPOINT operation")
        try:
            request.operation(db)
        except (sqlite3.OperationalError, sqlite3.InternalError, OSError, MemoryError):
            raise
        except Exception as error:
            db.execute("ROLLBACK TO operation")
            request.error = error
            if request.vital:
                self._failure = error
        db.execute("RELEASE operation")

    # ---------------------------------------------------------------- meta

    def meta(self, name: str) -> str | None:
        """A value that was kept under ``name``."""
        row = self._reader.execute("SELECT value FROM meta WHERE name = ?", (name,)).fetchone()
        return row[0] if row else None

    def set_meta(self, name: str, value: str) -> Future[None]:
        """Keep a value under ``name``."""

        def put(db: sqlite3.Connection) -> None:
            db.execute("INSERT OR REPLACE INTO meta (name, value) VALUES (?, ?)", (name, value))

        return self.write(put)

    def clock_offset(self, device: str) -> float:
        """Seconds that the device's service clock was ahead of real time."""
        row = self._reader.execute("SELECT clock_offset FROM devices WHERE name = ?", (device,)).fetchone()
        return float(row[0]) if row else 0.0

    def latest_moments(self) -> dict[str, float]:
        """Device → the latest moment in its record."""
        return dict(self._reader.execute("SELECT device, max(at) FROM events GROUP BY device"))

    def live_events(self) -> dict[str, list[Event]]:
        """Device → the record of everything on it that isn't over, in order."""
        marks = ", ".join("?" for _ in TERMINAL)
        rows = self._reader.execute(
            "SELECT device, data FROM events WHERE"  # noqa: S608
            f" job IN (SELECT id FROM jobs WHERE status NOT IN ({marks}))"
            " OR workload IN (SELECT id FROM sessions WHERE state != 'closed')"
            " OR workload IN (SELECT session_id FROM jobs WHERE session_id IS NOT NULL"
            f"   AND status NOT IN ({marks}))"
            " OR (job IS NULL AND workload IS NULL)"
            " ORDER BY seq",
            (*TERMINAL, *TERMINAL),
        )
        found: dict[str, list[Event]] = {}
        for device, data in rows:
            found.setdefault(device, []).append(from_dict(json.loads(data)))
        return found

    # ---------------------------------------------------------------- jobs

    def job(self, job: str) -> JobRecord | None:
        """A job, unless it was deleted."""
        row = self._reader.execute(
            f"SELECT {_JOB_COLUMNS} FROM jobs WHERE id = ? AND NOT deleted",  # noqa: S608
            (job,),
        ).fetchone()
        return _job(row) if row else None

    def jobs(self, wanted: JobFilter) -> tuple[list[JobRecord], int]:
        """One page of the jobs that are wanted, and how many there are on all pages."""
        condition, values = _condition(wanted)
        (count,) = self._reader.execute(f"SELECT count(*) FROM jobs WHERE {condition}", values).fetchone()  # noqa: S608
        order = "DESC" if wanted.newest_first else "ASC"
        rows = self._reader.execute(
            f"SELECT {_JOB_COLUMNS} FROM jobs WHERE {condition} ORDER BY seq {order} LIMIT ? OFFSET ?",  # noqa: S608
            [*values, wanted.limit, wanted.offset],
        )
        return [_job(row) for row in rows], count

    def params(self, job: str) -> bytes | None:
        """A job's parameters, compressed with zlib. May be called from any thread."""
        return self._blob("SELECT data FROM params WHERE job = ?", job)

    def result(self, job: str) -> str | None:
        """A job's result. May be called from any thread."""
        data = self._blob("SELECT data FROM results WHERE job = ?", job)
        return None if data is None else zlib.decompress(data).decode()

    def log(self, job: str) -> str | None:
        """A job's log. May be called from any thread."""
        data = self._blob("SELECT log FROM results WHERE job = ?", job)
        return None if data is None else zlib.decompress(data).decode()

    def tags_with(self, part: str) -> list[str]:
        """All tags that contain ``part``."""
        rows = self._reader.execute(
            "SELECT DISTINCT tag FROM job_tags WHERE instr(lower(tag), lower(?)) ORDER BY tag", (part,)
        )
        return [tag for (tag,) in rows]

    def _blob(self, query: str, job: str) -> bytes | None:
        with contextlib.closing(sqlite3.connect(self._path, timeout=_BUSY_SECONDS)) as db:
            row = db.execute(query, (job,)).fetchone()
        return row[0] if row else None

    # ---------------------------------------------------------------- sessions, workloads, usage

    def session(self, session: str) -> tuple[str, WorkloadHistory] | None:
        """The device of a session or batch, and its history."""
        row = self._reader.execute("SELECT device, history FROM sessions WHERE id = ?", (session,)).fetchone()
        return (row[0], WorkloadHistory.from_dict(json.loads(row[1]))) if row else None

    def used_since(self, moment: float) -> list[tuple[float, float]]:
        """What was used after ``moment``, as moments and seconds: by sessions, and by all jobs outside them.

        What a session that is not over has used so far counts at the moment it was created.
        """
        query = (
            f"SELECT coalesce(finished, created) AS at, usage FROM jobs WHERE {_NOT_ON_A_MOCK}"  # noqa: S608
            " AND usage > 0 AND at >= :since"
            " AND (session_id IS NULL OR session_id IN (SELECT id FROM sessions WHERE mode = 'batch'))"
            " UNION ALL SELECT coalesce(closed, created) AS at, usage FROM sessions"
            f" WHERE {_NOT_ON_A_MOCK} AND mode = 'dedicated' AND usage > 0 AND at >= :since"
        )
        return list(self._reader.execute(query, {"since": moment}))

    def workloads(self, include_mocks: bool = False) -> list[WorkloadRow]:
        """All jobs outside any session, and all sessions and batches, newest first.

        May be called from any thread.

        Args:
            include_mocks: Whether to list those on mocks too.
        """
        with contextlib.closing(sqlite3.connect(self._path, timeout=_BUSY_SECONDS)) as db:
            return [_workload(row) for row in db.execute(f"{_workloads(include_mocks)} ORDER BY 5 DESC")]

    def page_of_workloads(
        self, limit: int, offset: int, newest_first: bool, include_mocks: bool = False
    ) -> tuple[list[WorkloadRow], int]:
        """One page of all that :meth:`workloads` gives, and how many there are; without reading the others.

        May be called from any thread.
        """
        order = "DESC" if newest_first else "ASC"
        with contextlib.closing(sqlite3.connect(self._path, timeout=_BUSY_SECONDS)) as db:
            listed = _workloads(include_mocks)
            (count,) = db.execute(f"SELECT count(*) FROM ({listed})").fetchone()  # noqa: S608
            rows = db.execute(f"{listed} ORDER BY 5 {order} LIMIT ? OFFSET ?", (limit, offset))
            return [_workload(row) for row in rows], count


def _workloads(include_mocks: bool) -> str:
    """The query for all jobs outside any session, and all sessions and batches."""
    device = "TRUE" if include_mocks else _NOT_ON_A_MOCK
    return (
        "SELECT id, 'job', device, created, accepted, finished, status, reason, NULL, tags,"  # noqa: S608
        " usage, needed FROM jobs INDEXED BY jobs_by_accepted"
        f" WHERE session_id IS NULL AND NOT deleted AND {device}"
        " UNION ALL SELECT id, CASE mode WHEN 'batch' THEN 'batch' ELSE 'session' END, device, created,"
        f"  accepted, closed, state, reason, accepting, '[]', usage, NULL FROM sessions WHERE {device}"
    )


def _job(row: tuple[Any, ...]) -> JobRecord:
    job = JobRecord(*row)
    job.tags, job.private = json.loads(row[5]), bool(job.private)
    return job


def _workload(row: tuple[Any, ...]) -> WorkloadRow:
    workload = WorkloadRow(*row)
    accepting = None if workload.accepting_jobs is None else bool(workload.accepting_jobs)
    return replace(workload, accepting_jobs=accepting, tags=json.loads(row[9]))


def _condition(wanted: JobFilter) -> tuple[str, list[Any]]:
    parts: list[str] = ["NOT deleted"]
    values: list[Any] = []
    if not wanted.include_mocks:
        parts.append(_NOT_ON_A_MOCK)
    equal = (("session_id", wanted.session_id), ("device", wanted.device), ("program", wanted.program))
    for column, value in equal:
        if value is not None:
            parts.append(f"{column} = ?")
            values.append(value)
    if wanted.pending is not None:
        marks = ", ".join("?" for _ in TERMINAL)
        parts.append(f"status {'NOT IN' if wanted.pending else 'IN'} ({marks})")
        values += TERMINAL
    for tag in wanted.tags:
        parts.append("id IN (SELECT job FROM job_tags WHERE tag = ?)")
        values.append(tag)
    if wanted.created_after is not None:
        parts.append("accepted >= ?")
        values.append(wanted.created_after)
    if wanted.created_before is not None:
        parts.append("created <= ?")
        values.append(wanted.created_before)
    return " AND ".join(parts), values
