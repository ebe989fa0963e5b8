"""A session or batch as it was seen, and what its times to live are now (M13–M16)."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone

from qrun.run.pace import Stopwatch
from qrun.runtime.records import SessionRecord


@dataclass(frozen=True)
class SeenSession:
    """What the service said of a session or batch, and how long ago that was.

    All times are the service's own: its clock, as it told it with the answer, and what has passed here since.
    A clock of this machine that is wrong, or a sleep of it, does not matter.
    """

    record: SessionRecord
    idle: bool
    """Whether none of its jobs waits or runs, so that the interactive time to live is running out."""
    since: Stopwatch = field(default_factory=Stopwatch)

    @property
    def now(self) -> datetime:
        """The service's clock now."""
        passed = timedelta(seconds=self.since.seconds)
        if self.record.told_at is not None:
            return self.record.told_at + passed
        return datetime.now(timezone.utc)

    @property
    def closes_in(self) -> float | None:
        """Seconds left of its maximum time to live; ``None`` before its first job and after its end."""
        started, most = self.record.started_at, self.record.max_ttl_seconds
        if started is None or most is None or self.record.closed:
            return None
        return max(0.0, most - (self.now - started).total_seconds())

    @property
    def pauses_in(self) -> float | None:
        """Seconds of its interactive time to live that are left; ``None`` while it is not running out."""
        ended, most = self.record.last_job_completed, self.record.interactive_ttl_seconds
        if not self.idle or ended is None or most is None or self.record.state != "active":
            return None
        return max(0.0, most - (self.now - ended).total_seconds())

    @property
    def active_seconds(self) -> float | None:
        """Seconds that it has been active so far; ``None`` where the service does not say."""
        if not self.record.active_spans:
            return None if self.record.started_at else 0.0
        now = self.now
        return sum(max(0.0, ((to or now) - since).total_seconds()) for since, to in self.record.active_spans)

    @property
    def usage_seconds(self) -> float | None:
        """Usage of a session so far (M7): the service's word, or else how long it has been active."""
        told = self.record.usage_seconds
        return self.active_seconds if told is None else told
