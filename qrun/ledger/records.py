"""What the ledger holds of a run: its jobs and their attempts, its PUBs, its batches and sessions."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

TAG_PREFIX = "qrun:"
"""Every job that qrun sends carries ``qrun:<run>`` and ``qrun:<run>:<job>:<attempt>``."""

SUBMITTING = "submitting"
SUBMITTED = "submitted"
INCOMPLETE = "incomplete"
"""Something stopped the submission before every job was accepted."""

_FINAL = frozenset({"DONE", "ERROR", "CANCELLED"})
_ID_LETTERS = "0123456789abcdefghjkmnpqrstvwxyz"


@dataclass(frozen=True)
class LedgerJob:
    """One attempt at a job of a run, sent or only intended."""

    index: int
    tag: str
    primitive: str
    job_id: str | None
    state: str | None
    """Last known state; ``None`` until the service has accepted the job."""
    reason: str | None
    result_file: str | None
    attempt: int = 1
    """From 1; each ``qrun retry`` adds one."""
    reason_code: int | None = None
    attempted: datetime | None = None
    """When it was last about to be sent; ``None`` where that has not begun, so that nobody can have it."""
    accepted: datetime | None = None
    result_sha256: str | None = None
    usage_seconds: float | None = None
    """QPU time as last seen, in seconds; ``None`` where the service has not told any."""
    payload: str | None = None
    """SHA-256 of what is to be sent; ``None`` in runs of a qrun that did not keep it."""

    @property
    def ended(self) -> bool:
        """Whether, by the last that is known, nothing more will happen to it."""
        return self.state in _FINAL


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
class LedgerSession:
    """One batch or session that a run opened, or meant to open."""

    number: int
    """From 1, in the order in which they were opened."""
    session_id: str | None
    """``None`` while no answer to the request that creates it is known."""
    closed: bool
    known_before: tuple[str, ...]
    """Those of its kind that the service had before the request was sent."""
    asked: datetime | None = None
    """When, by the service's clock, the request was about to be sent."""


@dataclass(frozen=True)
class StateChange:
    """A job was seen in another state than before."""

    job_id: str
    state: str
    seen: datetime


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
    """The newest of its batches or sessions."""
    session_closed: bool
    jobs: tuple[LedgerJob, ...] = field(repr=False)
    """The newest attempt at each job."""
    pubs: tuple[LedgerPub, ...] = field(repr=False)

    submitting: bool
    """Whether its process is still at it. One that was killed leaves the state, but not its hold."""

    workload_path: str = ""
    workload_text: str = field(default="", repr=False)
    """The workload as it was submitted."""
    versions: Mapping[str, str] = field(default_factory=dict, repr=False)
    settings: Mapping[str, Any] = field(default_factory=dict, repr=False)
    """What was resolved when it was submitted: tags, seeds, calibration, time limit, budget, retries."""
    attempts: tuple[LedgerJob, ...] = field(default=(), repr=False)
    """All attempts at all jobs."""
    sessions: tuple[LedgerSession, ...] = field(default=(), repr=False)

    @property
    def tag(self) -> str:
        """The tag that all its jobs carry."""
        return run_tag(self.id)

    @property
    def ended(self) -> bool:
        """Whether, by the last that is known, nothing more will happen to it."""
        accepted = [job for job in self.jobs if job.job_id]
        return not self.submitting and all(job.ended for job in accepted)

    @property
    def unsent(self) -> tuple[LedgerJob, ...]:
        """Jobs that, as far as the ledger knows, no service has accepted."""
        return tuple(job for job in self.jobs if job.job_id is None)

    @property
    def may_be_open(self) -> bool:
        """Whether a batch or session was asked for, and it is not known whether there is one."""
        return any(session.session_id is None for session in self.sessions)

    @property
    def session_ids(self) -> tuple[str, ...]:
        """Its batches or sessions, in the order in which they were opened."""
        return tuple(session.session_id for session in self.sessions if session.session_id)


def run_tag(run_id: str) -> str:
    """The tag of all jobs of a run."""
    return f"{TAG_PREFIX}{run_id}"


def job_tag(run_id: str, index: int, attempt: int = 1) -> str:
    """The tag of one attempt at one job. It is the job's identity where its ID is not known."""
    return f"{TAG_PREFIX}{run_id}:{index}:{attempt}"


def new_run_id() -> str:
    """A run ID: ``r`` and nine letters and digits without look-alikes."""
    return "r" + "".join(secrets.choice(_ID_LETTERS) for _ in range(9))
