"""What the service has told of jobs that have ended: read once, remembered, and compared by ``--check``.

The service has no list of metrics, so a run of a thousand jobs costs a thousand requests. What is settled
does not change, or should not; ``qrun usage --check`` asks again and tells where it did.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Mapping
from datetime import datetime

from qrun import config
from qrun.runtime.accounts import Account
from qrun.runtime.records import JobTimes, Usage

_SCHEMA = """CREATE TABLE IF NOT EXISTS jobs (
    instance TEXT NOT NULL, job TEXT NOT NULL, created TEXT, started TEXT, finished TEXT,
    qpu_seconds REAL NOT NULL, execution_seconds REAL, PRIMARY KEY (instance, job))"""
_AT_A_TIME = 500


class UsageMemory:
    """What is remembered of one instance's jobs. Use it as a context manager.

    It is a cache: where its file can't be used, nothing is remembered and everything is asked.

    Args:
        account: The account; its instance tells its jobs from another's.
    """

    def __init__(self, account: Account) -> None:
        self._instance = f"{account.api_url} {account.instance}"
        self._db: sqlite3.Connection | None = None

    def __enter__(self) -> UsageMemory:
        folder = config.home() / "cache"
        try:
            folder.mkdir(mode=0o700, exist_ok=True)
            self._db = sqlite3.connect(folder / "usage.sqlite", timeout=5.0, isolation_level=None)
            self._db.execute("PRAGMA journal_mode = WAL")
            self._db.execute("PRAGMA synchronous = NORMAL")
            self._db.execute(_SCHEMA)
        except (sqlite3.Error, OSError):
            self._db = None
        return self

    def __exit__(self, *_: object) -> None:
        if self._db is not None:
            self._db.close()

    def recall(self, jobs: Iterable[str]) -> dict[str, JobTimes]:
        """What is remembered of ``jobs``."""
        wanted, found = list(jobs), {}
        for start in range(0, len(wanted), _AT_A_TIME):
            part = wanted[start : start + _AT_A_TIME]
            marks = ", ".join("?" for _ in part)
            for job, created, started, finished, qpu, execution in self._query(
                "SELECT job, created, started, finished, qpu_seconds, execution_seconds FROM jobs"  # noqa: S608
                f" WHERE instance = ? AND job IN ({marks})",
                [self._instance, *part],
            ):
                found[job] = JobTimes(
                    _moment(created), _moment(started), _moment(finished), Usage(qpu, settled=True), execution
                )
        return found

    def keep(self, jobs: Mapping[str, JobTimes]) -> None:
        """Remember jobs that have ended and whose usage is settled."""
        rows = [
            (
                self._instance,
                job,
                _text(when.created),
                _text(when.started),
                _text(when.finished),
                when.usage.seconds,
                when.execution_seconds,
            )
            for job, when in jobs.items()
            if when.usage.seconds is not None
        ]
        if self._db is None or not rows:
            return
        try:
            self._db.execute("BEGIN IMMEDIATE")
            self._db.executemany("INSERT OR REPLACE INTO jobs VALUES (?, ?, ?, ?, ?, ?, ?)", rows)
            self._db.execute("COMMIT")
        except sqlite3.Error:
            if self._db.in_transaction:
                self._db.execute("ROLLBACK")

    def _query(self, sql: str, values: list[str]) -> list[tuple[str, str, str, str, float, float]]:
        if self._db is None:
            return []
        try:
            return self._db.execute(sql, values).fetchall()
        except sqlite3.Error:
            return []


def _moment(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None


def _text(moment: datetime | None) -> str | None:
    return moment.isoformat() if moment else None
