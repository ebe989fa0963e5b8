"""Loops in the ledger: each evaluation, what was asked and what came of it."""

from __future__ import annotations

import hashlib
import json
import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any

from qrun.ledger.records import job_tag
from qrun.ledger.store import Ledger, NewJob, insert, job_row

RUNNING = "running"
CONVERGED = "ended"
STOPPED = "stopped"
FAILED = "failed"


@dataclass(frozen=True)
class Evaluation:
    """One job of a loop: what the optimizer asked, and what it was told."""

    loop: str
    number: int
    """From 0, in the order in which the loop's optimizer asked."""
    asked: Mapping[str, Any]
    job_index: int
    reply: Mapping[str, Any] | None
    """``None`` while there is no result."""
    timing: Mapping[str, Any]
    """Moments of this machine's clock, in seconds since 1970, and what the service says of the job."""


@dataclass(frozen=True)
class LoopRecord:
    """How a loop stands."""

    name: str
    state: str
    """``running``, ``ended`` (its optimizer is done), ``stopped`` (by a stop rule) or ``failed``."""
    reason: str
    summary: Mapping[str, Any]


class LoopLedger:
    """The loops of one run.

    Args:
        ledger: The open ledger, of the thread that calls.
        run_id: The run.
    """

    def __init__(self, ledger: Ledger, run_id: str) -> None:
        self._ledger = ledger
        self._run_id = run_id

    def begin(
        self, loop: str, number: int, asked: Mapping[str, Any], primitive: str, timing: Mapping[str, Any]
    ) -> tuple[Evaluation, bool, bool]:
        """The recorded evaluation of that number, or the intent of a new one with a job of its own.

        The job of a new one counts as attempted already.

        Returns:
            The evaluation, whether it is new, and whether others had been recorded under this and later
            numbers that the optimizer does not ask for any more. They stay, and count no longer.
        """
        text = json.dumps(asked, sort_keys=True)
        key = hashlib.sha256(text.encode()).hexdigest()
        diverged = new = False
        with self._ledger.transaction() as db:
            found = self._row(db, loop, number)
            if found is not None and found["key"] != key:
                self._set_aside(db, loop, number)
                found, diverged = None, True
            if found is None:
                new = True
                [last] = db.execute("SELECT max(idx) FROM jobs WHERE run_id = ?", (self._run_id,))
                index = 0 if last[0] is None else last[0] + 1
                insert(db, "jobs", [job_row(self._run_id, index, NewJob(primitive))])
                # It is sent at once: one transaction, and one wait for the disk, for both.
                self._ledger.jobs_attempted(self._run_id, [job_tag(self._run_id, index)])
                row = {
                    "run_id": self._run_id,
                    "loop": loop,
                    "branch": 0,
                    "number": number,
                    "key": key,
                    "asked": text,
                    "job_idx": index,
                    "reply": None,
                    "timing": json.dumps(dict(timing)),
                }
                insert(db, "evaluations", [row])
                found = self._row(db, loop, number)
            assert found is not None
            return _evaluation(found), new, diverged

    def answer(self, loop: str, number: int, reply: Mapping[str, Any], timing: Mapping[str, Any]) -> None:
        """What an evaluation gave; written before the optimizer is told."""
        with self._ledger.transaction() as db:
            db.execute(
                "UPDATE evaluations SET reply = ?, timing = json_patch(timing, ?) "
                "WHERE run_id = ? AND loop = ? AND branch = 0 AND number = ?",
                (json.dumps(dict(reply)), json.dumps(dict(timing)), self._run_id, loop, number),
            )

    def evaluations(self, loop: str) -> list[Evaluation]:
        """The evaluations of a loop that count, in order."""
        rows = self._ledger.query(
            "SELECT * FROM evaluations WHERE run_id = ? AND loop = ? AND branch = 0 ORDER BY number",
            (self._run_id, loop),
        )
        return [_evaluation(row) for row in rows]

    def job_indices(self) -> frozenset[int]:
        """Which of the run's jobs are evaluations."""
        rows = self._ledger.query("SELECT job_idx FROM evaluations WHERE run_id = ?", (self._run_id,))
        return frozenset(row["job_idx"] for row in rows)

    def qpu_seconds(self) -> float:
        """QPU time of all evaluations of the run, those included that count no longer."""
        rows = self._ledger.query(
            "SELECT total(json_extract(timing, '$.qpu')) AS qpu FROM evaluations WHERE run_id = ?",
            (self._run_id,),
        )
        return float(rows[0]["qpu"])

    def mark(self, name: str, state: str, reason: str = "", summary: Mapping[str, Any] | None = None) -> None:
        """How a loop stands."""
        with self._ledger.transaction() as db:
            db.execute(
                "INSERT INTO loops VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (run_id, name) DO UPDATE SET "
                "state = excluded.state, reason = excluded.reason, summary = excluded.summary, "
                "changed = excluded.changed",
                (
                    self._run_id,
                    name,
                    state,
                    reason,
                    json.dumps(dict(summary or {})),
                    datetime.now(timezone.utc).isoformat(),
                ),
            )

    def loops(self) -> list[LoopRecord]:
        """The run's loops, in the order of its file; empty for a run without any."""
        rows = self._ledger.query("SELECT * FROM loops WHERE run_id = ? ORDER BY rowid", (self._run_id,))
        return [
            LoopRecord(row["name"], row["state"], row["reason"], json.loads(row["summary"])) for row in rows
        ]

    def _row(self, db: sqlite3.Connection, loop: str, number: int) -> sqlite3.Row | None:
        rows = db.execute(
            "SELECT * FROM evaluations WHERE run_id = ? AND loop = ? AND branch = 0 AND number = ?",
            (self._run_id, loop, number),
        ).fetchall()
        return rows[0] if rows else None

    def _set_aside(self, db: sqlite3.Connection, loop: str, number: int) -> None:
        [last] = db.execute(
            "SELECT max(branch) FROM evaluations WHERE run_id = ? AND loop = ?", (self._run_id, loop)
        )
        db.execute(
            "UPDATE evaluations SET branch = ? WHERE run_id = ? AND loop = ? AND branch = 0 AND number >= ?",
            (last[0] + 1, self._run_id, loop, number),
        )


def _evaluation(row: sqlite3.Row) -> Evaluation:
    return Evaluation(
        loop=row["loop"],
        number=row["number"],
        asked=json.loads(row["asked"]),
        job_index=row["job_idx"],
        reply=json.loads(row["reply"]) if row["reply"] is not None else None,
        timing=json.loads(row["timing"]),
    )
