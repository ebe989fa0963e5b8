"""Usage as the mission defines it (M6–M12), from the event record alone.

All results are QPU seconds or, for a session, seconds of wall-clock time, both of the device's service
clock, rounded to milliseconds: times since 1970 hold no more than microseconds in a float.
"""

from __future__ import annotations

from qrun.local.scheduling.history import JobHistory, WorkloadHistory


def job_usage(job: JobHistory, now: float | None = None) -> float:
    """M9: the quantum time the job uses in processing.

    M11: for one that failed or was cancelled, the time the QPU was locked until then; zero if that came
    before the lock.

    Args:
        job: What the record says of the job.
        now: For a job that still holds the QPU, count up to this moment; without it such a job counts 0.
    """
    end = job.finished_at if job.finished_at is not None else now
    if job.on_qpu_at is None or end is None:
        return 0.0
    return round(end - job.on_qpu_at, 3)


def workload_usage(workload: WorkloadHistory, now: float | None = None) -> float:
    """The usage of a session or of a batch, each by its own rule."""
    return session_usage(workload, now) if workload.mode == "dedicated" else batch_usage(workload, now)


def batch_usage(batch: WorkloadHistory, now: float | None = None) -> float:
    """M8: the sum of the time all its jobs spend on the QPU. Quantum time only.

    Args:
        batch: What the record says of the batch.
        now: Count jobs that hold the QPU up to this moment; without it they count 0.
    """
    seconds = batch.job_qpu_seconds
    if now is not None:
        held = (now - locked_at for locked_at in batch.running.values() if locked_at is not None)
        seconds += sum(round(length, 3) for length in held)
    return round(seconds, 3)


def session_usage(session: WorkloadHistory, now: float | None = None) -> float:
    """M7: from its first job's start until it goes inactive, is closed, or its last job completes.

    Whichever of the three is last; and, M12, however many of its jobs failed or were cancelled.

    For a session that was paused and reactivated it is the sum of its active windows. That is our reading
    (facts L7): while it is paused it does not hold the QPU.

    Args:
        session: What the record says of the session.
        now: Count an active window that has not ended up to this moment; without it, it counts 0.
    """
    seconds = session.windows_seconds
    if now is not None and session.window_from is not None:
        seconds += now - session.window_from
    return round(seconds, 3)
