"""What happens to what is followed, an event at a time: for lines in a pipe, JSON lines and the live view."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timezone
from typing import Any

from qrun.run.follow import Standing, Subject
from qrun.runtime.records import JobRecord, SessionRecord

START = "start"
JOB = "job"
SESSION = "session"
LOST = "lost"
BACK = "back"
END = "end"


@dataclass(frozen=True)
class Event:
    """Something that has happened, or was seen to have happened."""

    kind: str
    """``start``, ``job``, ``session``, ``lost``, ``back`` or ``end``."""
    subject: str
    """ID of what is followed."""
    data: dict[str, Any]
    time: datetime = field(default_factory=lambda: datetime.now(timezone.utc))
    """When it was seen, by this machine's clock."""

    def as_dict(self) -> dict[str, Any]:
        """The document that ``qrun watch --json`` prints in one line."""
        time = self.time.isoformat(timespec="milliseconds")
        return {"event": self.kind, "time": time, "id": self.subject, **self.data}


class EventReader:
    """Tells the events of one subject from how it stands, tick by tick."""

    def __init__(self, identity: str) -> None:
        self._identity = identity
        self._started = False
        self._session: tuple[str, str, bool] | None = None

    def read(self, standing: Standing) -> list[Event]:
        """What has happened since it was last called."""
        found = []
        if not self._started:
            self._started = True
            found.append(self._event(START, _about(standing.subject)))
        if standing.session is not None:
            record = standing.session.record
            seen = (record.id, record.state, record.accepting_jobs)
            if seen != self._session:
                self._session = seen
                found.append(self._event(SESSION, _session(record)))
        found += [self._event(JOB, _job(job)) for job in standing.changed]
        if standing.ended:
            data = {"states": dict(standing.counts), "all_done": standing.all_done}
            found.append(self._event(END, {**data, "usage_seconds": _rounded(standing.usage_seconds)}))
        return found

    def lost(self, message: str) -> Event:
        """The service does not answer."""
        return self._event(LOST, {"message": message})

    def back(self, seconds: float) -> Event:
        """It answers again.

        Args:
            seconds: How long it did not.
        """
        return self._event(BACK, {"seconds": round(seconds, 1)})

    def _event(self, kind: str, data: dict[str, Any]) -> Event:
        return Event(kind, self._identity, data)


def _about(subject: Subject) -> dict[str, Any]:
    return {
        "kind": subject.kind,
        "name": subject.name,
        "mode": subject.mode,
        "backend": subject.backend,
        "session": subject.session_id,
        "jobs": subject.total,
        "budget_seconds": subject.budget_seconds,
    }


def _job(job: JobRecord) -> dict[str, Any]:
    return {
        "job": job.id,
        "state": job.state,
        "reason": job.reason,
        "reason_code": job.reason_code,
        # While the service says pending, its number is not its last word.
        "usage_seconds": job.usage.seconds if job.usage.settled else None,
    }


def _session(record: SessionRecord) -> dict[str, Any]:
    return {
        "session": record.id,
        "mode": record.mode,
        "state": record.state,
        "reason": record.state_reason,
        "accepting_jobs": record.accepting_jobs,
        "interactive_ttl_seconds": record.interactive_ttl_seconds,
        "max_ttl_seconds": record.max_ttl_seconds,
    }


def _rounded(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds, 3)
