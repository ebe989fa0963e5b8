"""How runs, sessions and jobs stand, as documents."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any

from qrun.ledger import INCOMPLETE, SUBMITTED, SUBMITTING, Ledger, Run, StateChange
from qrun.run.failures import reason_of
from qrun.run.follow import Progress, look
from qrun.run.results import result_path
from qrun.runtime.control import ControlChannel
from qrun.runtime.records import DONE, FINAL_STATES, JobRecord, SessionRecord, worst_state


def run_status(channel: ControlChannel, ledger: Ledger, run: Run) -> dict[str, Any]:
    """A run: its state, its session or batch, its jobs. Those never sent have no ID."""
    progress = look(channel, ledger, run)
    run = ledger.run(run.id)
    session = channel.session(run.session_id) if run.session_id else None
    return {
        "id": run.id,
        "kind": "run",
        "name": run.name,
        "mode": run.mode,
        "backend": run.backend,
        "service": run.service,
        "state": overall_state(run),
        "session": _session(session) if session else None,
        "jobs": _jobs_of_run(run, progress),
    }


def session_status(channel: ControlChannel, session_id: str) -> dict[str, Any]:
    """A session or batch and its jobs."""
    session = channel.session(session_id)
    return {
        "id": session_id,
        "kind": session.mode,
        "mode": session.mode,
        "backend": session.backend,
        "state": session.state,
        "session": _session(session),
        "jobs": [_job(record) for record in channel.jobs(session_id=session_id)],
    }


def job_status(channel: ControlChannel, job_id: str) -> dict[str, Any]:
    """One job."""
    record = channel.job(job_id)
    return {
        "id": job_id,
        "kind": "job",
        "mode": channel.session(record.session_id).mode if record.session_id else "job",
        "backend": record.backend,
        "state": record.state,
        "session": None,
        "jobs": [_job(record)],
    }


def list_row(run: Run) -> dict[str, Any]:
    """A run as ``qrun list`` shows it, by the last that the ledger knows."""
    return {
        "run": run.id,
        "name": run.name,
        "mode": run.mode,
        "backend": run.backend,
        "service": run.service,
        "state": overall_state(run),
        "jobs": len(run.jobs),
        "jobs_done": sum(job.state == DONE for job in run.jobs),
        "session_id": run.session_id,
        "submitted": run.created.isoformat(),
    }


def run_record(run: Run, history: Sequence[StateChange]) -> dict[str, Any]:
    """Everything that the ledger holds of a run; no service is asked.

    Args:
        run: The run.
        history: The states that its jobs were seen in.
    """
    seen: dict[str, list[dict[str, str]]] = {}
    for change in history:
        seen.setdefault(change.job_id, []).append({"state": change.state, "seen": change.seen.isoformat()})
    return {
        **list_row(run),
        "instance": run.instance,
        "workload": {
            "path": run.workload_path,
            "sha256": hashlib.sha256(run.workload_text.encode()).hexdigest(),
            "text": run.workload_text,
        },
        "versions": dict(run.versions),
        "settings": dict(run.settings),
        "sessions": [{"id": session.session_id, "closed": session.closed} for session in run.sessions],
        "attempts": [
            {
                "job": job.index,
                "attempt": job.attempt,
                "id": job.job_id,
                "tag": job.tag,
                "primitive": job.primitive,
                "state": job.state,
                "reason": job.reason,
                "failed_for": reason_of(job),
                "accepted": job.accepted.isoformat() if job.accepted else None,
                "qpu_seconds": job.usage_seconds,
                "payload_sha256": job.payload,
                "result": str(result_path(run, job)) if job.result_file else None,
                "result_sha256": job.result_sha256,
                "states": seen.get(job.job_id or "", []),
            }
            for job in run.attempts
        ],
        "pubs": [
            {"index": pub.index, "name": pub.name, "circuit": pub.circuit, "job": pub.job_index}
            for pub in run.pubs
        ],
    }


def overall_state(run: Run) -> str:
    """One word for a run: the state of the job that has furthest to go, or the worst end of any."""
    state = worst_state(job.state for job in run.jobs if job.job_id and job.state)
    if state in FINAL_STATES or state == "EMPTY":
        if run.submitting:
            return SUBMITTING.upper()
        if run.state != SUBMITTED:
            return INCOMPLETE.upper()
    return state


def _jobs_of_run(run: Run, progress: Progress) -> list[dict[str, Any]]:
    records = {record.id: record for record in progress.jobs}
    jobs = []
    for job in run.jobs:
        record = records.get(job.job_id or "")
        jobs.append(
            _job(record)
            if record
            else {"id": job.job_id, "state": job.state, "reason": job.reason, "reason_code": None}
        )
    return jobs


def _job(record: JobRecord) -> dict[str, Any]:
    return {
        "id": record.id,
        "state": record.state,
        "reason": record.reason,
        "reason_code": record.reason_code,
    }


def _session(session: SessionRecord) -> dict[str, Any]:
    return {
        "id": session.id,
        "mode": session.mode,
        "state": session.state,
        "state_reason": session.state_reason,
        "accepting_jobs": session.accepting_jobs,
        "interactive_ttl_seconds": session.interactive_ttl_seconds,
        "max_ttl_seconds": session.max_ttl_seconds,
    }
