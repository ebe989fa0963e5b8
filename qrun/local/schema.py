"""The tables of the service's state, as the steps that lead to them."""

from __future__ import annotations

import contextlib
import sqlite3

from qrun.errors import ServiceError

_FIRST = """
CREATE TABLE meta (name TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE devices (name TEXT PRIMARY KEY, clock_offset REAL NOT NULL);
CREATE TABLE jobs (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE, device TEXT NOT NULL, program TEXT NOT NULL, session_id TEXT,
    cost INTEGER NOT NULL, tags TEXT NOT NULL, private INTEGER NOT NULL, runtime TEXT, log_level TEXT,
    calibration_id TEXT, caller TEXT, qiskit_version TEXT,
    created REAL NOT NULL, status TEXT NOT NULL, reason TEXT, reason_code INTEGER,
    started REAL, finished REAL, usage REAL NOT NULL DEFAULT 0, needed REAL, execution_ns INTEGER,
    deleted INTEGER NOT NULL DEFAULT 0
);
CREATE INDEX jobs_by_session ON jobs (session_id);
CREATE INDEX jobs_by_status ON jobs (status);
CREATE TABLE job_tags (tag TEXT NOT NULL, job TEXT NOT NULL, PRIMARY KEY (tag, job)) WITHOUT ROWID;
CREATE TABLE params (job TEXT PRIMARY KEY, data BLOB NOT NULL);
CREATE TABLE results (job TEXT PRIMARY KEY, data BLOB, log BLOB);
CREATE TABLE sessions (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE, device TEXT NOT NULL, mode TEXT NOT NULL, created REAL NOT NULL,
    state TEXT NOT NULL, reason TEXT NOT NULL, accepting INTEGER NOT NULL, closed REAL,
    usage REAL NOT NULL, history TEXT NOT NULL
);
CREATE TABLE events (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    device TEXT NOT NULL, at REAL NOT NULL, job TEXT, workload TEXT, data TEXT NOT NULL
);
CREATE INDEX events_by_job ON events (job);
CREATE INDEX events_by_workload ON events (workload);
"""

_SECOND = """
ALTER TABLE jobs ADD COLUMN accepted REAL NOT NULL DEFAULT 0;
ALTER TABLE sessions ADD COLUMN accepted REAL NOT NULL DEFAULT 0;
UPDATE jobs SET accepted = created;
UPDATE sessions SET accepted = created;
CREATE INDEX jobs_by_created ON jobs (created, session_id, usage);
CREATE INDEX sessions_by_created ON sessions (created);
"""

_THIRD = """
CREATE INDEX events_by_device ON events (device, at);
CREATE INDEX jobs_by_accepted ON jobs (accepted) WHERE session_id IS NULL AND NOT deleted;
CREATE INDEX sessions_by_accepted ON sessions (accepted);
"""

_FOURTH = """
ALTER TABLE jobs ADD COLUMN queued REAL NOT NULL DEFAULT 0;
UPDATE jobs SET queued = created;
"""

MIGRATIONS: list[str] = [_FIRST, _SECOND, _THIRD, _FOURTH]
"""Each takes the tables one version further. Only ever add to the end."""


def migrate(db: sqlite3.Connection) -> None:
    """Bring the tables to the newest version; a step that does not come to its end leaves nothing behind.

    Raises:
        ServiceError: They are of a newer version than this program knows.
    """
    (version,) = db.execute("PRAGMA user_version").fetchone()
    if version > len(MIGRATIONS):
        raise ServiceError(
            "The state of the local service was written by a newer qrun",
            "Install that one again; or give this one a state of its own with another QRUN_HOME.",
        )
    for number, step in enumerate(MIGRATIONS[version:], start=version + 1):
        try:
            db.executescript(f"BEGIN IMMEDIATE; {step}; PRAGMA user_version = {number}; COMMIT;")
        except BaseException:
            with contextlib.suppress(sqlite3.Error):
                db.execute("ROLLBACK")
            raise
