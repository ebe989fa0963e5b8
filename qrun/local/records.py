"""A job as the service keeps it, and which of them a list asks for."""

from __future__ import annotations

from dataclasses import dataclass, field

TERMINAL = ("Completed", "Failed", "Cancelled")
"""States that a job does not leave."""


def told_created(accepted: float, moment: float) -> float:
    """What is told as the creation of something that was accepted at the real time ``accepted``.

    Real time, though all other times of a job are its device's: a client compares this one with its own
    clock ("what have I sent since …") and with what it has sent to other devices, while a device's clock may
    be hours ahead, and each by its own amount. So nothing seems to be created in the client's future, or in
    another order than it was. A job's metrics tell by its device's clock when it was queued, so that their
    times add up. Where the device's clock is behind, held for a simulation, it is the device's time, so
    that nothing starts before it was created.

    Args:
        accepted: In real time.
        moment: The same moment on the device's service clock.
    """
    return min(accepted, moment)


@dataclass
class JobRecord:
    """A job. Times are seconds of its device's service clock, since 1970, but where it says otherwise.

    Args:
        id: Its ID.
        device: The backend's name.
        program: The program's ID.
        session_id: The session or batch it belongs to.
        cost: Most QPU seconds it may use.
        tags: Its tags.
        private: Whether its inputs are never given out.
        runtime: Image that was asked for.
        log_level: Log level that was asked for.
        calibration_id: Calibration that was asked for.
        caller: Program that sent it.
        qiskit_version: Version of qiskit that sent it.
        created: When it was created, as clients are told: see :func:`told_created`.
        status: ``Queued``, ``Running``, ``Completed``, ``Failed`` or ``Cancelled``.
        reason: Why it ended so.
        reason_code: IBM's code for that.
        started: When it took a classical lane.
        finished: When it ended.
        usage: QPU seconds that it used.
        needed: QPU seconds that it was found to need.
        execution_ns: Nanoseconds in which its circuits ran.
        accepted: When it was accepted, in real time.
        queued: When it was accepted.
    """

    id: str
    device: str
    program: str
    session_id: str | None = None
    cost: int = 0
    tags: list[str] = field(default_factory=list)
    private: bool = False
    runtime: str | None = None
    log_level: str | None = None
    calibration_id: str | None = None
    caller: str | None = None
    qiskit_version: str | None = None
    created: float = 0.0
    status: str = "Queued"
    reason: str | None = None
    reason_code: int | None = None
    started: float | None = None
    finished: float | None = None
    usage: float = 0.0
    needed: float | None = None
    execution_ns: int | None = None
    accepted: float = 0.0
    queued: float = 0.0

    @property
    def ended(self) -> bool:
        """Whether it is in a state that it does not leave."""
        return self.status in TERMINAL


@dataclass(frozen=True)
class JobFilter:
    """Which jobs a list asks for; None asks for all. Times are seconds since 1970.

    A bound that a client read off a job must include that job, and so must one from the client's own clock:
    hence ``created_after`` is compared with the later of the times that there may be, when the job was
    accepted, and ``created_before`` with the earlier, when it was created as told.
    """

    session_id: str | None = None
    device: str | None = None
    program: str | None = None
    pending: bool | None = None
    tags: tuple[str, ...] = ()
    created_after: float | None = None
    created_before: float | None = None
    newest_first: bool = True
    include_mocks: bool = False
    limit: int = 200
    offset: int = 0


@dataclass(frozen=True)
class WorkloadRow:
    """A line of the list of workloads: a job outside any session, or a session or batch."""

    id: str
    mode: str
    """``job``, ``batch`` or ``session``."""
    device: str
    created: float
    accepted: float
    ended: float | None
    status: str
    reason: str | None
    accepting_jobs: bool | None
    tags: list[str]
    usage: float
    needed: float | None
