"""The ledger: what this machine has run, in SQLite.

An intent is written before anything is sent and what came of it after, so that whatever happens to the
process, what may exist on the service is on record here. Several qrun processes may use it at once.
"""

from __future__ import annotations

import fcntl
import json
import os
import secrets
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timezone
from pathlib import Path
from typing import IO, Any

from qrun import config
from qrun.errors import ServiceError, UsageError

TAG_PREFIX = "qrun:"
"""Every job that qrun sends carries ``qrun:<run>`` and ``qrun:<run>:<job>:<attempt>``."""

SUBMITTING = "submitting"
SUBMITTED = "submitted"
INCOMPLETE = "incomplete"
"""Something stopped the submission before every job was accepted."""

_ID_LETTERS = "0123456789abcdefghjkmnpqrstvwxyz"


@dataclass(frozen=True)
class LedgerJob:
    """One job of a run, sent or only intended."""

    index: int
    tag: str
    primitive: str
    job_id: str | None
    state: str | None
    """Last known state; ``None`` until the service has accepted the job."""
    reason: str | None
    result_file: str | None


@dataclass(frozen=True)
class LedgerPub:
    """One PUB of a run: where in which job it is."""

    index: int
    name: str
    circuit: str
    primitive: str
    job_index: int
    position: int
    shots: int | None
    precision: float | None
    shape: tuple[int, ...]
    observables: Any = None
    """What its observables are called, in lists of their shape; ``None`` for a Sampler PUB."""


@dataclass(frozen=True)
class Run:
    """One submission of a workload."""

    id: str
    name: str
    created: datetime
    service: str
    instance: str | None
    backend: str
    mode: str
    state: str
    session_id: str | None
    session_closed: bool
    jobs: tuple[LedgerJob, ...] = field(repr=False)
    pubs: tuple[LedgerPub, ...] = field(repr=False)

    submitting: bool
    """Whether its process is still at it. One that was killed leaves the state, but not its hold."""

    workload_path: str = ""
    workload_text: str = field(default="", repr=False)
    """The workload as it was submitted."""
    versions: Mapping[str, str] = field(default_factory=dict, repr=False)
    settings: Mapping[str, Any] = field(default_factory=dict, repr=False)
    """What was resolved when it was submitted."""

    @property
    def tag(self) -> str:
        """The tag that all its jobs carry."""
        return run_tag(self.id)

    @property
    def ended(self) -> bool:
        """Whether, by the last that is known, nothing more will happen to it."""
        accepted = [job for job in self.jobs if job.job_id]
        return not self.submitting and all(job.state in _FINAL for job in accepted)


_FINAL = frozenset({"DONE", "ERROR", "CANCELLED"})


def run_tag(run_id: str) -> str:
    """The tag of all jobs of a run."""
    return f"{TAG_PREFIX}{run_id}"


def job_tag(run_id: str, index: int, attempt: int = 1) -> str:
    """The tag of one attempt at one job. It is the job's identity where its ID is not known."""
    return f"{TAG_PREFIX}{run_id}:{index}:{attempt}"


def new_run_id() -> str:
    """A run ID: ``r`` and nine letters and digits without look-alikes."""
    return "r" + "".join(secrets.choice(_ID_LETTERS) for _ in range(9))


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
            _migrate(self._db)
        except (sqlite3.Error, OSError) as error:
            raise _unusable(path, error) from None
        self.path = path
        self._holding: set[str] = set()

    def __enter__(self) -> Ledger:
        return self

    def __exit__(self, *_: object) -> None:
        self._db.close()

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        try:
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield self._db
            except BaseException:
                self._db.execute("ROLLBACK")
                raise
            self._db.execute("COMMIT")
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
        jobs: Iterable[str],
        pubs: Iterable[LedgerPub],
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
            jobs: The primitive of each job, in order.
            pubs: The PUBs, in the file's order.
        """
        with self._transaction() as db:
            db.execute(
                "INSERT INTO runs (id, name, created, service, instance, backend, mode, state, "
                "workload_path, workload_text, versions, process) "
                "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (
                    run_id,
                    name,
                    _now(),
                    service,
                    instance,
                    backend,
                    mode,
                    SUBMITTING,
                    workload_path,
                    workload_text,
                    json.dumps(dict(versions)),
                    os.getpid(),
                ),
            )
            db.executemany(
                "INSERT INTO jobs (run_id, idx, tag, primitive) VALUES (?, ?, ?, ?)",
                [(run_id, i, job_tag(run_id, i), primitive) for i, primitive in enumerate(jobs)],
            )
            db.executemany(
                "INSERT INTO pubs (run_id, idx, name, circuit, primitive, job_idx, position, shots, "
                "precision, shape, observables) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                [
                    (
                        run_id,
                        pub.index,
                        pub.name,
                        pub.circuit,
                        pub.primitive,
                        pub.job_index,
                        pub.position,
                        pub.shots,
                        pub.precision,
                        json.dumps(pub.shape),
                        json.dumps(pub.observables),
                    )
                    for pub in pubs
                ],
            )

    def job_accepted(self, run_id: str, index: int, job_id: str) -> None:
        """The service has accepted a job."""
        with self._transaction() as db:
            db.execute(
                "UPDATE jobs SET job_id = ?, accepted = ?, state = 'QUEUED' WHERE run_id = ? AND idx = ?",
                (job_id, _now(), run_id, index),
            )

    def session_opened(self, run_id: str, session_id: str) -> None:
        """A batch or session is open, and is qrun's to close."""
        with self._transaction() as db:
            db.execute("UPDATE runs SET session_id = ? WHERE id = ?", (session_id, run_id))

    def session_closed(self, session_id: str) -> None:
        """A batch or session takes no more jobs."""
        with self._transaction() as db:
            db.execute("UPDATE runs SET session_closed = ? WHERE session_id = ?", (_now(), session_id))

    def set_state(self, run_id: str, state: str) -> None:
        """``submitted`` or ``incomplete``."""
        with self._transaction() as db:
            db.execute("UPDATE runs SET state = ? WHERE id = ?", (state, run_id))

    def set_job_states(self, run_id: str, states: Mapping[str, tuple[str, str | None]]) -> None:
        """Note what the service says of the jobs.

        Args:
            run_id: The run.
            states: State and reason by job ID.
        """
        with self._transaction() as db:
            db.executemany(
                "UPDATE jobs SET state = ?, reason = ? WHERE run_id = ? AND job_id = ?",
                [(state, reason, run_id, job_id) for job_id, (state, reason) in states.items()],
            )

    def set_result_file(self, run_id: str, job_id: str, file: str) -> None:
        """A job's result has been collected."""
        with self._transaction() as db:
            db.execute(
                "UPDATE jobs SET result_file = ? WHERE run_id = ? AND job_id = ?", (file, run_id, job_id)
            )

    def run(self, run_id: str) -> Run:
        """One run.

        Raises:
            UsageError: There is none of that ID.
        """
        rows = self._query("SELECT * FROM runs WHERE id = ?", (run_id,))
        if not rows:
            raise UsageError(f"There is no run {run_id}.", "List them with: qrun list")
        return self._run(rows[0])

    def runs(self, *, limit: int | None = None) -> list[Run]:
        """Runs, the newest first."""
        rows = self._query(
            "SELECT * FROM runs ORDER BY rowid DESC LIMIT ?", (-1 if limit is None else limit,)
        )
        return [self._run(row) for row in rows]

    def matching(self, word: str) -> list[Run]:
        """Runs whose ID begins with ``word`` or whose name is ``word``, the newest first."""
        escaped = word.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
        rows = self._query(
            "SELECT * FROM runs WHERE id LIKE ? ESCAPE '\\' OR name = ? ORDER BY rowid DESC",
            (escaped + "%", word),
        )
        return [self._run(row) for row in rows]

    def run_of_session(self, session_id: str) -> Run | None:
        """The run that opened a batch or session."""
        rows = self._query("SELECT * FROM runs WHERE session_id = ?", (session_id,))
        return self._run(rows[0]) if rows else None

    def run_of_job(self, job_id: str) -> Run | None:
        """The run that a job belongs to."""
        rows = self._query(
            "SELECT runs.* FROM runs JOIN jobs ON jobs.run_id = runs.id WHERE jobs.job_id = ?", (job_id,)
        )
        return self._run(rows[0]) if rows else None

    def left_open(self) -> list[Run]:
        """Runs whose process is gone and whose batch or session nobody has closed (M18)."""
        rows = self._query(
            "SELECT * FROM runs WHERE session_id IS NOT NULL AND session_closed IS NULL ORDER BY rowid", ()
        )
        return [self._run(row) for row in rows if not self.held(row["id"])]

    @contextmanager
    def hold(self, run_id: str) -> Iterator[None]:
        """Hold a run while its jobs are sent. The hold ends with the process, however that ends."""
        with self._lock_file(run_id) as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            self._holding.add(run_id)
            try:
                yield
            finally:
                self._holding.discard(run_id)

    def held(self, run_id: str) -> bool:
        """Whether a process, this one or another, is sending a run's jobs."""
        return run_id in self._holding or self.held_by_others(run_id)

    def held_by_others(self, run_id: str) -> bool:
        """Whether another process is sending a run's jobs.

        A lock and not a process number: those are used again, in containers soon, and mean nothing on
        another machine that shares the folder.
        """
        if run_id in self._holding or not self._lock_path(run_id).exists():
            return False
        with self._lock_file(run_id) as file:
            try:
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except OSError:
                return True
        return False

    def _lock_path(self, run_id: str) -> Path:
        return self.path.parent / "locks" / f"{run_id}.lock"

    @contextmanager
    def _lock_file(self, run_id: str) -> Iterator[IO[str]]:
        path = self._lock_path(run_id)
        try:
            path.parent.mkdir(mode=0o700, exist_ok=True)
            file = path.open("a")
        except OSError as error:
            raise _unusable(path, error) from None
        with file:
            yield file

    def _query(self, sql: str, values: Sequence[Any]) -> list[sqlite3.Row]:
        try:
            return self._db.execute(sql, values).fetchall()
        except sqlite3.Error as error:
            raise _unusable(self.path, error) from None

    def _run(self, row: sqlite3.Row) -> Run:
        jobs = self._query("SELECT * FROM jobs WHERE run_id = ? ORDER BY idx", (row["id"],))
        pubs = self._query("SELECT * FROM pubs WHERE run_id = ? ORDER BY idx", (row["id"],))
        return Run(
            id=row["id"],
            name=row["name"],
            created=datetime.fromisoformat(row["created"]),
            service=row["service"],
            instance=row["instance"],
            backend=row["backend"],
            mode=row["mode"],
            state=row["state"],
            session_id=row["session_id"],
            session_closed=row["session_closed"] is not None,
            jobs=tuple(_job(job) for job in jobs),
            pubs=tuple(_pub(pub) for pub in pubs),
            submitting=row["state"] == SUBMITTING and self.held(row["id"]),
            workload_path=row["workload_path"],
            workload_text=row["workload_text"],
            versions=json.loads(row["versions"]),
        )


def _job(row: sqlite3.Row) -> LedgerJob:
    return LedgerJob(
        row["idx"],
        row["tag"],
        row["primitive"],
        row["job_id"],
        row["state"],
        row["reason"],
        row["result_file"],
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


def _now() -> str:
    return datetime.now(timezone.utc).isoformat()


def _unusable(path: Path, error: Exception) -> ServiceError:
    return ServiceError(f"The ledger {path} can't be used: {error}.", "Check the disk and the file's owner.")


def _first_schema(db: sqlite3.Connection) -> None:
    for statement in (
        """CREATE TABLE runs (
            id TEXT PRIMARY KEY,
            name TEXT NOT NULL,
            created TEXT NOT NULL,
            service TEXT NOT NULL,
            instance TEXT,
            backend TEXT NOT NULL,
            mode TEXT NOT NULL,
            state TEXT NOT NULL,
            session_id TEXT,
            session_closed TEXT,
            workload_path TEXT NOT NULL,
            workload_text TEXT NOT NULL,
            versions TEXT NOT NULL,
            process INTEGER NOT NULL)""",
        """CREATE TABLE jobs (
            run_id TEXT NOT NULL REFERENCES runs(id),
            idx INTEGER NOT NULL,
            tag TEXT NOT NULL UNIQUE,
            primitive TEXT NOT NULL,
            job_id TEXT,
            accepted TEXT,
            state TEXT,
            reason TEXT,
            result_file TEXT,
            PRIMARY KEY (run_id, idx))""",
        """CREATE TABLE pubs (
            run_id TEXT NOT NULL REFERENCES runs(id),
            idx INTEGER NOT NULL,
            name TEXT NOT NULL,
            circuit TEXT NOT NULL,
            primitive TEXT NOT NULL,
            job_idx INTEGER NOT NULL,
            position INTEGER NOT NULL,
            shots INTEGER,
            precision REAL,
            shape TEXT NOT NULL,
            PRIMARY KEY (run_id, idx))""",
        "CREATE INDEX runs_session ON runs(session_id)",
        "CREATE INDEX jobs_job ON jobs(job_id)",
    ):
        db.execute(statement)


def _observables_of_pubs(db: sqlite3.Connection) -> None:
    db.execute("ALTER TABLE pubs ADD COLUMN observables TEXT")


_MIGRATIONS: list[Callable[[sqlite3.Connection], None]] = [_first_schema, _observables_of_pubs]


def _migrate(db: sqlite3.Connection) -> None:
    """Bring the schema up to date. The number of migrations done is the database's ``user_version``."""
    if db.execute("PRAGMA user_version").fetchone()[0] >= len(_MIGRATIONS):
        return
    db.execute("BEGIN IMMEDIATE")
    done = db.execute("PRAGMA user_version").fetchone()[0]
    for migration in _MIGRATIONS[done:]:
        migration(db)
    db.execute(f"PRAGMA user_version = {len(_MIGRATIONS)}")
    db.execute("COMMIT")
