"""The tables of the ledger, and how those of an older qrun become today's."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable


def migrate(db: sqlite3.Connection) -> None:
    """Bring the schema up to date. The number of migrations done is the database's ``user_version``."""
    if db.execute("PRAGMA user_version").fetchone()[0] >= len(MIGRATIONS):
        return
    db.execute("BEGIN IMMEDIATE")
    try:
        done = db.execute("PRAGMA user_version").fetchone()[0]
        for migration in MIGRATIONS[done:]:
            migration(db)
        db.execute(f"PRAGMA user_version = {len(MIGRATIONS)}")
    except BaseException:
        db.execute("ROLLBACK")
        raise
    db.execute("COMMIT")


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


def _attempts_and_sessions(db: sqlite3.Connection) -> None:
    """A job may be tried more than once, in more than one session; and what was to be sent is kept."""
    for statement in (
        "ALTER TABLE runs ADD COLUMN settings TEXT NOT NULL DEFAULT '{}'",
        "ALTER TABLE runs ADD COLUMN workload_sha256 TEXT",
        "ALTER TABLE jobs RENAME TO first_jobs",
        "DROP INDEX jobs_job",
        """CREATE TABLE jobs (
            run_id TEXT NOT NULL REFERENCES runs(id),
            idx INTEGER NOT NULL,
            attempt INTEGER NOT NULL,
            tag TEXT NOT NULL UNIQUE,
            primitive TEXT NOT NULL,
            payload TEXT,
            payload_offset INTEGER,
            payload_length INTEGER,
            attempted TEXT,
            accepted TEXT,
            job_id TEXT,
            state TEXT,
            reason TEXT,
            reason_code INTEGER,
            usage_seconds REAL,
            result_file TEXT,
            result_sha256 TEXT,
            PRIMARY KEY (run_id, idx, attempt))""",
        """INSERT INTO jobs (run_id, idx, attempt, tag, primitive, attempted, accepted, job_id, state, reason,
            result_file) SELECT run_id, idx, 1, tag, primitive, accepted, accepted, job_id, state, reason,
            result_file FROM first_jobs""",
        "DROP TABLE first_jobs",
        "CREATE INDEX jobs_job ON jobs(job_id)",
        """CREATE TABLE sessions (
            run_id TEXT NOT NULL REFERENCES runs(id),
            number INTEGER NOT NULL,
            session_id TEXT UNIQUE,
            asked TEXT NOT NULL,
            known_before TEXT NOT NULL,
            closed TEXT,
            PRIMARY KEY (run_id, number))""",
        """INSERT INTO sessions SELECT id, 1, session_id, created, '[]', session_closed FROM runs
            WHERE session_id IS NOT NULL""",
        "DROP INDEX runs_session",
        """CREATE TABLE job_states (
            run_id TEXT NOT NULL REFERENCES runs(id),
            job_id TEXT NOT NULL,
            state TEXT NOT NULL,
            seen TEXT NOT NULL)""",
        "CREATE INDEX job_states_run ON job_states(run_id)",
    ):
        db.execute(statement)


def _loops(db: sqlite3.Connection) -> None:
    """Evaluations of loops; ``branch`` 0 is what counts, others what an optimizer did not ask again."""
    for statement in (
        """CREATE TABLE loops (
            run_id TEXT NOT NULL REFERENCES runs(id),
            name TEXT NOT NULL,
            state TEXT NOT NULL,
            reason TEXT NOT NULL,
            summary TEXT NOT NULL,
            changed TEXT NOT NULL,
            PRIMARY KEY (run_id, name))""",
        """CREATE TABLE evaluations (
            run_id TEXT NOT NULL REFERENCES runs(id),
            loop TEXT NOT NULL,
            branch INTEGER NOT NULL,
            number INTEGER NOT NULL,
            key TEXT NOT NULL,
            asked TEXT NOT NULL,
            job_idx INTEGER NOT NULL,
            reply TEXT,
            timing TEXT NOT NULL,
            PRIMARY KEY (run_id, loop, branch, number))""",
    ):
        db.execute(statement)


MIGRATIONS: list[Callable[[sqlite3.Connection], None]] = [
    _first_schema,
    _observables_of_pubs,
    _attempts_and_sessions,
    _loops,
]
