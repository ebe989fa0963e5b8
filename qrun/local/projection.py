"""Events into tables: the record itself, and what lists and look-ups read of it."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Mapping

from qrun.local.records import JobRecord, told_created
from qrun.local.scheduling import JobHistory, WorkloadHistory, job_usage, workload_usage
from qrun.local.scheduling.events import (
    Event,
    JobEvent,
    JobFinished,
    JobPrepared,
    JobRequeued,
    JobStarted,
    from_dict,
    to_dict,
)

_STATUS = {"completed": "Completed", "failed": "Failed", "cancelled": "Cancelled"}


def insert_job(db: sqlite3.Connection, job: JobRecord) -> None:
    """Add a job that was accepted."""
    columns = {**vars(job), "tags": json.dumps(job.tags), "private": int(job.private)}
    names, marks = ", ".join(columns), ", ".join("?" for _ in columns)
    db.execute(f"INSERT INTO jobs ({names}) VALUES ({marks})", list(columns.values()))  # noqa: S608
    replace_tags(db, job.id, job.tags)


def replace_tags(db: sqlite3.Connection, job: str, tags: list[str]) -> None:
    """Give a job other tags."""
    db.execute("UPDATE jobs SET tags = ? WHERE id = ?", (json.dumps(tags), job))
    db.execute("DELETE FROM job_tags WHERE job = ?", (job,))
    db.executemany("INSERT OR IGNORE INTO job_tags (tag, job) VALUES (?, ?)", [(tag, job) for tag in tags])


def add_events(
    db: sqlite3.Connection,
    device: str,
    events: Iterable[Event],
    histories: Mapping[str, WorkloadHistory],
    recorded: float,
) -> None:
    """Append ``events`` of a device to the record and bring the tables up to date.

    Args:
        db: Inside a transaction.
        device: The device.
        events: In order.
        histories: Of every session and batch they concern, after them.
        recorded: When this was, in real time.
    """
    for event in events:
        job = event.job if isinstance(event, JobEvent) else None
        db.execute(
            "INSERT INTO events (device, at, job, workload, data) VALUES (?, ?, ?, ?, ?)",
            (device, event.at, job, event.workload, json.dumps(to_dict(event))),
        )
        if isinstance(event, JobEvent):
            _update_job(db, event)
    for workload, history in histories.items():
        _put_session(db, workload, device, history, recorded)


def drop_needless_events(db: sqlite3.Connection) -> None:
    """Drop what was skipped before anything that still lives was there: nobody will ask for it again."""
    db.execute(
        "DELETE FROM events WHERE job IS NULL AND workload IS NULL AND seq < coalesce((SELECT min(seq)"
        " FROM events WHERE workload IN (SELECT id FROM sessions WHERE state != 'closed')), 1 << 62)"
    )


def _update_job(db: sqlite3.Connection, event: JobEvent) -> None:
    match event:
        case JobStarted():
            db.execute("UPDATE jobs SET status = 'Running', started = ? WHERE id = ?", (event.at, event.job))
        case JobRequeued():
            db.execute("UPDATE jobs SET status = 'Queued', started = NULL WHERE id = ?", (event.job,))
        case JobPrepared():
            db.execute("UPDATE jobs SET needed = ? WHERE id = ?", (event.qpu_seconds, event.job))
        case JobFinished():
            db.execute(
                "UPDATE jobs SET status = ?, reason = ?, reason_code = ?, finished = ?, usage = ?"
                " WHERE id = ?",
                (
                    _STATUS[event.outcome],
                    event.reason,
                    event.reason_code,
                    event.at,
                    _usage(db, event.job),
                    event.job,
                ),
            )


def _usage(db: sqlite3.Connection, job: str) -> float:
    rows = db.execute("SELECT data FROM events WHERE job = ? ORDER BY seq", (job,))
    return job_usage(JobHistory.of(job, (from_dict(json.loads(data)) for (data,) in rows)))


def _put_session(
    db: sqlite3.Connection, workload: str, device: str, history: WorkloadHistory, recorded: float
) -> None:
    db.execute(
        "INSERT INTO sessions"
        " (id, device, mode, created, accepted, state, reason, accepting, closed, usage, history)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO UPDATE SET state = excluded.state,"
        " reason = excluded.reason, accepting = excluded.accepting, closed = excluded.closed,"
        " usage = excluded.usage, history = excluded.history",
        (
            workload,
            device,
            history.mode,
            told_created(recorded, history.opened_at),
            recorded,
            history.state,
            history.state_reason,
            int(history.accepting_jobs),
            history.closed_at,
            workload_usage(history),
            json.dumps(history.to_dict()),
        ),
    )
