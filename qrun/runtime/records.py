"""What a service says of a job, a session or a batch, in one shape whatever its API version."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any

QUEUED = "QUEUED"
RUNNING = "RUNNING"
DONE = "DONE"
ERROR = "ERROR"
CANCELLED = "CANCELLED"

FINAL_STATES = frozenset({DONE, ERROR, CANCELLED})
PENDING_STATES = frozenset({QUEUED, RUNNING})

RAN_TOO_LONG = 1305
"""Reason code of a job stopped at its time limit: the service says Cancelled, the client ERROR."""


def worst_state(states: Iterable[str]) -> str:
    """One word for many jobs.

    An unknown state as it is, else that of the job that has furthest to go, else the worst end of any;
    ``EMPTY`` where there is none.
    """
    found = set(states)
    unknown = sorted(found - FINAL_STATES - PENDING_STATES)
    known = [state for state in (RUNNING, QUEUED, ERROR, CANCELLED, DONE) if state in found]
    return next(iter([*unknown, *known]), "EMPTY")


_STATES = {
    "QUEUED": QUEUED,
    "RUNNING": RUNNING,
    "COMPLETED": DONE,
    "FAILED": ERROR,
    "CANCELLED": CANCELLED,
    "CANCELLED - RAN TOO LONG": ERROR,
}


@dataclass(frozen=True)
class Usage:
    """QPU time charged, and whether the service has settled it."""

    seconds: float | None
    """Seconds; ``None`` where the service gives no number."""
    settled: bool
    """``False`` while the service still says ``pending``: a zero is then no zero."""


@dataclass(frozen=True)
class JobRecord:
    """One job as the service has it."""

    id: str
    state: str
    """``QUEUED``, ``RUNNING``, ``DONE``, ``ERROR``, ``CANCELLED``, or the service's own word in capitals."""
    backend: str | None
    program: str | None
    session_id: str | None
    tags: tuple[str, ...]
    created: datetime | None
    reason: str | None
    reason_code: int | None
    usage: Usage
    estimated_seconds: float | None
    """QPU seconds that the service expects it to take."""

    @property
    def ended(self) -> bool:
        """Whether nothing more will happen to it."""
        return self.state in FINAL_STATES

    @property
    def unknown(self) -> bool:
        """Whether the service uses a word for its state that qrun does not know."""
        return self.state not in FINAL_STATES and self.state not in PENDING_STATES


@dataclass(frozen=True)
class JobTimes:
    """When a job was created, started and finished, and what it was charged."""

    created: datetime | None
    started: datetime | None
    finished: datetime | None
    usage: Usage
    execution_seconds: float | None = None
    """Seconds of the QPU time in which circuits ran; ``None`` where the service does not tell."""


@dataclass(frozen=True)
class SessionRecord:
    """One session or batch as the service has it."""

    id: str
    mode: str
    """``session`` or ``batch``."""
    backend: str | None
    state: str
    """``open``, ``active``, ``inactive`` or ``closed``."""
    state_reason: str | None
    accepting_jobs: bool
    interactive_ttl_seconds: float | None
    max_ttl_seconds: float | None
    started_at: datetime | None
    closed_at: datetime | None
    usage_seconds: float | None
    """``None`` while the service has not added it up."""
    transitions: tuple[tuple[str, datetime], ...] = ()
    """Each state that it entered, and when, in order; empty where the service does not tell."""
    last_job_completed: datetime | None = None
    told_at: datetime | None = None
    """The service's own clock when it told this; ``None`` where it did not say."""

    @property
    def active_spans(self) -> tuple[tuple[datetime, datetime | None], ...]:
        """When it was active, from and to; ``None`` while it still is."""
        spans: list[tuple[datetime, datetime | None]] = []
        since: datetime | None = None
        for state, moment in self.transitions:
            if state == "active":
                since = since or moment
            elif since is not None:
                spans.append((since, moment))
                since = None
        if since is not None:
            spans.append((since, None))
        return tuple(spans)

    @property
    def closed(self) -> bool:
        """Whether it has ended for good."""
        return self.state == "closed"


@dataclass(frozen=True)
class WorkloadRecord:
    """One batch or session as the list of workloads has it."""

    id: str
    accepting_jobs: bool
    created: datetime | None = None


def workload_record(data: Mapping[str, Any]) -> WorkloadRecord:
    """Read an item of ``GET /workloads``."""
    return WorkloadRecord(
        str(data["id"]),
        accepting_jobs=bool(data.get("accepting_jobs")),
        created=parse_time(data.get("created")),
    )


def job_record(data: Mapping[str, Any]) -> JobRecord:
    """Read a job object of the REST interface."""
    state_data = data.get("state") or {}
    word = str(state_data.get("status") or data.get("status") or "UNKNOWN").upper()
    reason_code = state_data.get("reason_code") or state_data.get("reasonCode")
    state = _STATES.get(word, word)
    if state == CANCELLED and reason_code == RAN_TOO_LONG:
        state = ERROR
    program = data.get("program") or {}
    return JobRecord(
        id=str(data["id"]),
        state=state,
        backend=data.get("backend"),
        program=program.get("id"),
        session_id=data.get("session_id"),
        tags=tuple(data.get("tags") or ()),
        created=parse_time(data.get("created")),
        reason=state_data.get("reason") or None,
        reason_code=reason_code,
        usage=usage_of(data.get("usage")),
        estimated_seconds=data.get("estimated_running_time_seconds"),
    )


def job_times(data: Mapping[str, Any]) -> JobTimes:
    """Read a metrics object of the REST interface."""
    stamps = data.get("timestamps") or {}
    return JobTimes(
        created=parse_time(stamps.get("created")),
        started=parse_time(stamps.get("running")),
        finished=parse_time(stamps.get("finished")),
        usage=usage_of(data.get("usage")),
        execution_seconds=_execution_seconds(data),
    )


def _execution_seconds(data: Mapping[str, Any]) -> float | None:
    """Circuits' execution time: in the metrics from version 2026-04-15, within their usage before."""
    nanoseconds = data.get("circuits_execution_time_ns")
    if nanoseconds is None:
        nanoseconds = (data.get("usage") or {}).get("circuits_execution_time_ns")
    return None if nanoseconds is None else float(nanoseconds) / 1e9


def session_record(data: Mapping[str, Any], told_at: datetime | None = None) -> SessionRecord:
    """Read a session object of the REST interface. Sessions and batches share it (M10).

    Args:
        data: The object.
        told_at: The service's clock when it gave it.
    """
    return SessionRecord(
        id=str(data["id"]),
        mode="session" if data.get("mode") == "dedicated" else str(data.get("mode") or "session"),
        backend=data.get("backend_name") or None,
        state=str(data.get("state") or "unknown"),
        state_reason=data.get("state_reason"),
        accepting_jobs=bool(data.get("accepting_jobs")),
        interactive_ttl_seconds=data.get("interactive_ttl"),
        max_ttl_seconds=data.get("max_ttl"),
        started_at=parse_time(data.get("started_at")),
        closed_at=parse_time(data.get("closed_at")),
        usage_seconds=data.get("elapsed_time"),
        transitions=tuple(_transitions(data.get("timestamps") or ())),
        last_job_completed=parse_time(data.get("last_job_completed")),
        told_at=told_at,
    )


def _transitions(items: Iterable[Mapping[str, Any]]) -> Iterator[tuple[str, datetime]]:
    for item in items:
        moment = parse_time(item.get("timestamp"))
        if moment is not None:
            yield str(item.get("status")), moment


def usage_of(data: Mapping[str, Any] | None) -> Usage:
    """QPU time, whichever name the API version gives it (M10).

    ``qpu_charge_time_seconds`` with a ``status`` from version 2026-03-15, ``quantum_seconds`` or ``seconds``
    before; the older ones come only when they are settled.
    """
    if not data:
        return Usage(None, settled=False)
    if "qpu_charge_time_seconds" in data:
        return Usage(data["qpu_charge_time_seconds"], settled=data.get("status", "pending") != "pending")
    for name in ("quantum_seconds", "seconds"):
        if data.get(name) is not None:
            return Usage(float(data[name]), settled=True)
    return Usage(None, settled=data.get("status") == "complete")


def parse_time(text: str | None) -> datetime | None:
    """An ISO 8601 time of the service, in UTC. A time without a zone is UTC."""
    if not text:
        return None
    # Python 3.10 reads neither a trailing Z nor a fraction of any other length than 3 or 6 digits.
    body = text.strip().replace("Z", "+00:00").replace("z", "+00:00")
    if "." in body:
        head, tail = body.split(".", 1)
        digits = len(tail) - len(tail.lstrip("0123456789"))
        body = f"{head}.{tail[:digits][:6].ljust(6, '0')}{tail[digits:]}"
    try:
        moment = datetime.fromisoformat(body)
    except ValueError:
        return None
    return moment.replace(tzinfo=timezone.utc) if moment.tzinfo is None else moment.astimezone(timezone.utc)
