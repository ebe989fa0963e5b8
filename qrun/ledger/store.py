"""The open ledger: an SQLite file that several qrun processes may use at once."""

from __future__ import annotations

import hashlib
import json
import os
import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from qrun import config
from qrun.errors import ServiceError, UsageError
from qrun.ledger.holds import Holds
from qrun.ledger.records import (
    SUBMITTING,
    LedgerJob,
    LedgerPub,
    LedgerSession,
    Run,
    StateChange,
    job_tag,
)
from qrun.ledger.schema import migrate


@dataclass(frozen=True)
class NewJob:
    """A job that is about to be intended, and where what is to be sent is kept."""

    primitive: str
    sha256: str | None = None
    offset: int | None = None
    length: int | None = None


@dataclass(frozen=True)
class RunFilter:
    """Which runs are wanted; what is ``None`` does not matter."""

    name: str | None = None
    """A name, or a pattern of one such as ``ising-*``."""
    tag: str | None = None
    backend: str | None = None
    since: datetime | None = None
    before: datetime | None = None


class Ledger:
    """The open ledger. Use it as a context manager.

    Args:
        path: The database file; the one under ``QRUN_HOME`` by default.

    Raises:
        ServiceError: The file can't be opened or written.
    """

    def __init__(self, path: Path | None = None) -> None:
        path = path or config.home() / "ledger.sqlite"
        try:
            if not path.exists():
                path.touch(mode=0o600)
            self._db = sqlite3.connect(path, timeout=30.0, isolation_level=None)
            self._db.row_factory = sqlite3.Row
            self._db.execute("PRAGMA journal_mode = WAL")
            self._db.execute("PRAGMA synchronous = FULL")
            self._db.execute("PRAGMA foreign_keys = ON")
            migrate(self._db)
        except (sqlite3.Error, OSError) as error:
            raise _unusable(path, error) from None
        self.path = path
        self._holds = Holds(path.parent / "locks")
        self.hold, self.held = self._holds.hold, self._holds.held
        self.held_by_others, self.hold_if_free = self._holds.held_by_others, self._holds.hold_if_free
        self.ask_to_stop, self.stops_asked = self._holds.ask_to_stop, self._holds.stops_asked

    def __enter__(self) -> Ledger:
        return self

    def __exit__(self, *_: object) -> None:
        self._db.close()

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """A transaction; what raises within it undoes it. One within another is a part of that."""
        if self._db.in_transaction:
            yield self._db
            return
        try:
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield self._db
                self._db.execute("COMMIT")
            except BaseException:
                # A disk that is full rolls back by itself.
                if self._db.in_transaction:
                    self._db.execute("ROLLBACK")
                raise
        except (sqlite3.Error, OverflowError) as error:
            raise _unusable(self.path, error) from None

    def add_run(
        self,
        *,
        run_id: str,
        name: str,
        service: str,
        instance: str | None,
        backend: str,
        mode: str,
        workload_path: str,
        workload_text: str,
        versions: Mapping[str, str],
        jobs: Iterable[NewJob],
        pubs: Iterable[LedgerPub],
        settings: Mapping[str, Any] | None = None,
    ) -> None:
        """Write down a run and the intent of each of its jobs, before anything is sent.

        Args:
            run_id: A new run ID.
            name: Name of the workload.
            service: Name of the account.
            instance: CRN of the instance.
            backend: Name of the backend.
            mode: ``job``, ``batch`` or ``session``.
            workload_path: The file as the user named it.
            workload_text: What it said.
            versions: Version by package, of what may matter to the results.
            jobs: The jobs, in order.
            pubs: The PUBs, in the file's order.
            settings: What was resolved: tags, seeds, calibration, and the run's own limits.
        """
        run = {
            "id": run_id,
            "name": name,
            "created": _now(),
            "service": service,
            "instance": instance,
            "backend": backend,
            "mode": mode,
            "state": SUBMITTING,
            "workload_path": workload_path,
            "workload_text": workload_text,
            "workload_sha256": hashlib.sha256(workload_text.encode()).hexdigest(),
            "versions": json.dumps(dict(versions)),
            "settings": json.dumps(dict(settings or {})),
            "process": os.getpid(),
        }
        with self.transaction() as db:
            insert(db, "runs", [run])
            insert(db, "jobs", [job_row(run_id, index, job) for index, job in enumerate(jobs)])
            insert(db, "pubs", [_pub_row(run_id, pub) for pub in pubs])

    def attempt_again(self, run_id: str, indices: Iterable[int]) -> None:
        """Write down the intent to send jobs once more, as they were.

        Args:
            run_id: The run.
            indices: Indices of its jobs.
        """
        with self.transaction() as db:
            for index in indices:
                [last] = db.execute(
                    "SELECT * FROM jobs WHERE run_id = ? AND idx = ? ORDER BY attempt DESC LIMIT 1",
                    (run_id, index),
                )
                attempt = last["attempt"] + 1
                kept = {name: last[name] for name in _OF_EVERY_ATTEMPT}
                insert(db, "jobs", [{**kept, "attempt": attempt, "tag": job_tag(run_id, index, attempt)}])
            db.execute("UPDATE runs SET state = ? WHERE id = ?", (SUBMITTING, run_id))

    def jobs_attempted(self, run_id: str, tags: Iterable[str]) -> None:
        """Jobs are about to be sent: from now on the service may have them."""
        now = _now()
        with self.transaction() as db:
            db.executemany(
                "UPDATE jobs SET attempted = ? WHERE run_id = ? AND tag = ?",
                [(now, run_id, tag) for tag in tags],
            )

    def jobs_accepted(self, run_id: str, job_ids: Mapping[str, str]) -> None:
        """The service has accepted jobs. What is known of one already stays.

        Args:
            run_id: The run.
            job_ids: Job ID by tag.
        """
        now = _now()
        with self.transaction() as db:
            for tag, job_id in job_ids.items():
                noted = db.execute(
                    "UPDATE jobs SET job_id = ?, accepted = ?, state = 'QUEUED' "
                    "WHERE run_id = ? AND tag = ? AND job_id IS NULL",
                    (job_id, now, run_id, tag),
                )
                if noted.rowcount:
                    db.execute("INSERT INTO job_states VALUES (?, ?, 'QUEUED', ?)", (run_id, job_id, now))

    def session_asked(self, run_id: str, known_before: Sequence[str], asked: datetime | None = None) -> None:
        """A batch or session is about to be created.

        Args:
            run_id: The run.
            known_before: IDs of those of its kind that the service has already.
            asked: The service's clock now; this machine's where ``None``.
        """
        moment = asked.isoformat() if asked else _now()
        with self.transaction() as db:
            [row] = db.execute("SELECT max(number) FROM sessions WHERE run_id = ?", (run_id,))
            db.execute(
                "INSERT INTO sessions VALUES (?, ?, NULL, ?, ?, NULL)",
                (run_id, (row[0] or 0) + 1, moment, json.dumps(list(known_before))),
            )

    def session_asked_again(self, run_id: str, asked: datetime) -> None:
        """The request for a batch or session is about to be sent again; the ones before have done nothing."""
        with self.transaction() as db:
            db.execute(
                "UPDATE sessions SET asked = ? WHERE run_id = ? AND session_id IS NULL",
                (asked.isoformat(), run_id),
            )

    def session_not_opened(self, run_id: str) -> None:
        """The service refused to create the batch or session that was asked for last."""
        with self.transaction() as db:
            db.execute("DELETE FROM sessions WHERE run_id = ? AND session_id IS NULL", (run_id,))

    def session_opened(self, run_id: str, session_id: str) -> bool:
        """A batch or session is open, and is this run's to close.

        Returns:
            ``False`` where it is another run's already.
        """
        with self.transaction() as db:
            if list(db.execute("SELECT 1 FROM sessions WHERE session_id = ?", (session_id,))):
                return False
            filled = db.execute(
                "UPDATE sessions SET session_id = ? WHERE run_id = ? AND session_id IS NULL",
                (session_id, run_id),
            )
            if filled.rowcount == 0:
                [row] = db.execute("SELECT max(number) FROM sessions WHERE run_id = ?", (run_id,))
                db.execute(
                    "INSERT INTO sessions VALUES (?, ?, ?, ?, '[]', NULL)",
                    (run_id, (row[0] or 0) + 1, session_id, _now()),
                )
            return True

    def session_closed(self, session_id: str) -> None:
        """A batch or session takes no more jobs."""
        with self.transaction() as db:
            db.execute(
                "UPDATE sessions SET closed = ? WHERE session_id = ? AND closed IS NULL", (_now(), session_id)
            )

    def set_state(self, run_id: str, state: str) -> None:
        """``submitted`` or ``incomplete``."""
        with self.transaction() as db:
            db.execute("UPDATE runs SET state = ? WHERE id = ?", (state, run_id))

    def set_job_states(
        self,
        run_id: str,
        states: Mapping[str, tuple[str, str | None] | tuple[str, str | None, int | None, float | None]],
    ) -> None:
        """Note what the service says of the jobs.

        Args:
            run_id: The run.
            states: State and reason, and perhaps the reason's code and the QPU seconds, by job ID.
        """
        now = _now()
        with self.transaction() as db:
            for job_id, (state, reason, *more) in states.items():
                code, usage = more or (None, None)
                db.execute(
                    "INSERT INTO job_states SELECT ?1, ?2, ?3, ?4 WHERE NOT EXISTS "
                    "(SELECT 1 FROM jobs WHERE run_id = ?1 AND job_id = ?2 AND state = ?3)",
                    (run_id, job_id, state, now),
                )
                db.execute(
                    "UPDATE jobs SET state = ?, reason = ?, reason_code = ?, usage_seconds = ? "
                    "WHERE run_id = ? AND job_id = ?",
                    (state, reason, code, usage, run_id, job_id),
                )

    def set_result_files(self, run_id: str, files: Mapping[str, tuple[str, str]]) -> None:
        """Results have been collected.

        Args:
            run_id: The run.
            files: By the job's ID, the file's name in the run's folder and its SHA-256.
        """
        with self.transaction() as db:
            db.executemany(
                "UPDATE jobs SET result_file = ?, result_sha256 = ? WHERE run_id = ? AND job_id = ?",
                [(file, sha256, run_id, job_id) for job_id, (file, sha256) in files.items()],
            )

    def forget(self, run_id: str) -> None:
        """Take a run out of the ledger. What the service has of it stays there."""
        with self.transaction() as db:
            for table in ("evaluations", "loops", "job_states", "sessions", "pubs", "jobs"):
                db.execute(f"DELETE FROM {table} WHERE run_id = ?", (run_id,))  # noqa: S608
            db.execute("DELETE FROM runs WHERE id = ?", (run_id,))
        self._holds.forget(run_id)

    def run(self, run_id: str) -> Run:
        """One run.

        Raises:
            UsageError: There is none of that ID.
        """
        rows = self.query("SELECT * FROM runs WHERE id = ?", (run_id,))
        if not rows:
            raise UsageError(f"There is no run {run_id}.", "List them with: qrun list")
        return self._run(rows[0])

    def runs(self, *, limit: int | None = None, wanted: RunFilter | None = None) -> list[Run]:
        """Runs, the newest first.

        Args:
            limit: Most runs to return; all where ``None``.
            wanted: Which runs.
        """
        where, values = _condition(wanted or RunFilter())
        rows = self.query(
            f"SELECT * FROM runs WHERE {where} ORDER BY rowid DESC LIMIT ?",  # noqa: S608
            (*values, -1 if limit is None else limit),
        )
        return [self._run(row) for row in rows]

    def matching(self, word: str) -> list[Run]:
        """Runs whose ID begins with ``word`` or whose name is ``word``, the newest first."""
        escaped = word.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
        rows = self.query(
            "SELECT * FROM runs WHERE id LIKE ? ESCAPE '\\' OR name = ? ORDER BY rowid DESC",
            (escaped + "%", word),
        )
        return [self._run(row) for row in rows]

    def run_of_session(self, session_id: str) -> Run | None:
        """The run that opened a batch or session."""
        rows = self.query(
            "SELECT * FROM runs WHERE id = (SELECT run_id FROM sessions WHERE session_id = ?)",
            (session_id,),
        )
        return self._run(rows[0]) if rows else None

    def run_of_job(self, job_id: str) -> Run | None:
        """The run that a job belongs to."""
        rows = self.query(
            "SELECT runs.* FROM runs JOIN jobs ON jobs.run_id = runs.id WHERE jobs.job_id = ?", (job_id,)
        )
        return self._run(rows[0]) if rows else None

    def left_open(self) -> list[Run]:
        """Runs whose process is gone and whose batch or session nobody has closed (M18).

        Those are among them whose request for one was never answered, so that there may be one.
        """
        rows = self.query(
            "SELECT * FROM runs WHERE id IN (SELECT run_id FROM sessions WHERE closed IS NULL) "
            "ORDER BY rowid",
            (),
        )
        return [self._run(row) for row in rows if not self.held(row["id"])]

    def history(self, run_id: str) -> list[StateChange]:
        """The states that a run's jobs were seen in, in the order in which they were."""
        rows = self.query("SELECT * FROM job_states WHERE run_id = ? ORDER BY rowid", (run_id,))
        return [StateChange(row["job_id"], row["state"], datetime.fromisoformat(row["seen"])) for row in rows]

    def job(self, run_id: str, index: int) -> LedgerJob:
        """The newest attempt at one job of a run."""
        [row] = self.query(
            "SELECT * FROM jobs WHERE run_id = ? AND idx = ? ORDER BY attempt DESC LIMIT 1", (run_id, index)
        )
        return _job(row)

    def payload_place(self, run_id: str, index: int) -> tuple[int, int] | None:
        """Offset and length of what is to be sent for a job, in the run's payload file."""
        rows = self.query(
            "SELECT payload_offset, payload_length FROM jobs WHERE run_id = ? AND idx = ? AND attempt = 1",
            (run_id, index),
        )
        if not rows or rows[0]["payload_offset"] is None:
            return None
        return rows[0]["payload_offset"], rows[0]["payload_length"]

    def query(self, sql: str, values: Sequence[Any]) -> list[sqlite3.Row]:
        """The rows that a SELECT gives."""
        try:
            return self._db.execute(sql, values).fetchall()
        except sqlite3.Error as error:
            raise _unusable(self.path, error) from None

    def _run(self, row: sqlite3.Row) -> Run:
        run_id = row["id"]
        found = self.query("SELECT * FROM jobs WHERE run_id = ? ORDER BY idx, attempt", (run_id,))
        pubs = self.query("SELECT * FROM pubs WHERE run_id = ? ORDER BY idx", (run_id,))
        opened = self.query("SELECT * FROM sessions WHERE run_id = ? ORDER BY number", (run_id,))
        attempts = tuple(_job(job) for job in found)
        newest = {job.index: job for job in attempts}
        sessions = tuple(_session(session) for session in opened)
        known = [session for session in sessions if session.session_id]
        return Run(
            id=run_id,
            name=row["name"],
            created=datetime.fromisoformat(row["created"]),
            service=row["service"],
            instance=row["instance"],
            backend=row["backend"],
            mode=row["mode"],
            state=row["state"],
            session_id=known[-1].session_id if known else None,
            session_closed=bool(known) and all(session.closed for session in known),
            jobs=tuple(newest.values()),
            pubs=tuple(_pub(pub) for pub in pubs),
            submitting=row["state"] == SUBMITTING and self.held(run_id),
            workload_path=row["workload_path"],
            workload_text=row["workload_text"],
            versions=json.loads(row["versions"]),
            settings=json.loads(row["settings"]),
            attempts=attempts,
            sessions=sessions,
        )


_OF_EVERY_ATTEMPT = ("run_id", "idx", "primitive", "payload", "payload_offset", "payload_length")


def insert(db: sqlite3.Connection, table: str, rows: Sequence[Mapping[str, Any]]) -> None:
    """Insert rows, whose keys are columns and come from this module alone."""
    if rows:
        names = list(rows[0])
        db.executemany(
            f"INSERT INTO {table} ({', '.join(names)}) VALUES ({', '.join('?' * len(names))})",  # noqa: S608
            [tuple(row.values()) for row in rows],
        )


def _condition(wanted: RunFilter) -> tuple[str, list[Any]]:
    conditions: list[tuple[str, Any]] = [
        ("name GLOB ?", wanted.name),
        ("EXISTS (SELECT 1 FROM json_each(settings, '$.tags') WHERE value = ?)", wanted.tag),
        ("backend = ?", wanted.backend),
        ("created >= ?", wanted.since and wanted.since.astimezone(timezone.utc).isoformat()),
        ("created < ?", wanted.before and wanted.before.astimezone(timezone.utc).isoformat()),
    ]
    asked = [(text, value) for text, value in conditions if value is not None]
    return " AND ".join(text for text, _ in asked) or "1", [value for _, value in asked]


def job_row(run_id: str, index: int, job: NewJob) -> dict[str, Any]:
    """The row of a job that is only intended."""
    return {
        "run_id": run_id,
        "idx": index,
        "attempt": 1,
        "tag": job_tag(run_id, index),
        "primitive": job.primitive,
        "payload": job.sha256,
        "payload_offset": job.offset,
        "payload_length": job.length,
    }


def _pub_row(run_id: str, pub: LedgerPub) -> dict[str, Any]:
    return {
        "run_id": run_id,
        "idx": pub.index,
        "name": pub.name,
        "circuit": pub.circuit,
        "primitive": pub.primitive,
        "job_idx": pub.job_index,
        "position": pub.position,
        "shots": pub.shots,
        "precision": pub.precision,
        "shape": json.dumps(pub.shape),
        "observables": json.dumps(pub.observables),
    }


def _job(row: sqlite3.Row) -> LedgerJob:
    return LedgerJob(
        index=row["idx"],
        tag=row["tag"],
        primitive=row["primitive"],
        job_id=row["job_id"],
        state=row["state"],
        reason=row["reason"],
        result_file=row["result_file"],
        attempt=row["attempt"],
        reason_code=row["reason_code"],
        attempted=_time(row["attempted"]),
        accepted=_time(row["accepted"]),
        result_sha256=row["result_sha256"],
        usage_seconds=row["usage_seconds"],
        payload=row["payload"],
    )


def _pub(row: sqlite3.Row) -> LedgerPub:
    return LedgerPub(
        row["idx"],
        row["name"],
        row["circuit"],
        row["primitive"],
        row["job_idx"],
        row["position"],
        row["shots"],
        row["precision"],
        tuple(json.loads(row["shape"])),
        json.loads(row["observables"] or "null"),
    )


def _session(row: sqlite3.Row) -> LedgerSession:
    return LedgerSession(
        number=row["number"],
        session_id=row["session_id"],
        closed=row["closed"] is not None,
        known_before=tuple(json.loads(row["known_before"])),
        asked=_time(row["asked"]),
    )


def _time(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None


def _now() -> str:
    return datetime.now(timezone.utc).isoformat()


def _unusable(path: Path, error: Exception) -> ServiceError:
    return ServiceError(f"The ledger {path} can't be used: {error}.", "Check the disk and the file's owner.")
