"""Usage of a run while it is followed: of all its attempts, batches and sessions, not of the newest alone."""

from __future__ import annotations

from datetime import datetime, timezone

from qrun.ledger import Ledger, LedgerJob, NewJob, Run, job_tag
from qrun.ledger.records import run_tag
from qrun.run.follow import Progress, look
from qrun.run.session_times import SeenSession
from qrun.runtime.records import JobRecord, SessionRecord, Usage

NOW = datetime(2026, 1, 1, tzinfo=timezone.utc)


def attempt(job_id: str, number: int, seconds: float | None) -> LedgerJob:
    return LedgerJob(0, f"t{number}", "sampler", job_id, "DONE", None, None, number, usage_seconds=seconds)


def session(name: str, mode: str, usage: float) -> SeenSession:
    record = SessionRecord(name, mode, "ideal", "closed", None, False, 60, 28800, NOW, NOW, usage)
    return SeenSession(record, idle=True)


def retried(mode: str, **seen: object) -> Progress:
    """A run of one job, whose second attempt, in a second session, used 3 seconds after 2 of the first."""
    first, second = attempt("a", 1, 2.0), attempt("b", 2, None)
    run = Run(
        "r1", "n", NOW, "local", None, "ideal", mode, "submitted", "s2", True, (second,), (), False,
        attempts=(first, second),
    )  # fmt: skip
    job = JobRecord("b", "DONE", "ideal", "sampler", "s2", (), NOW, None, None, Usage(3.0, True), None)
    return Progress(run, (job,), **seen)  # type: ignore[arg-type]


def test_m7_all_sessions_of_a_run_count():
    progress = retried(
        "session", session=session("s2", "session", 10), earlier=(session("s1", "session", 7),)
    )
    assert progress.usage_seconds == 17


def test_m8_jobs_of_all_batches_of_a_run_count():
    progress = retried("batch", session=session("s2", "batch", 3), earlier=(session("s1", "batch", 2),))
    assert progress.usage_seconds == 5


def test_m11_earlier_attempts_count():
    assert retried("job").usage_seconds == 5


class _Service:
    """What :func:`look` asks of a channel: a job that has ended, and later what it has used."""

    def __init__(self, run_id: str) -> None:
        self.tags = (run_tag(run_id), job_tag(run_id, 0))
        self.used: float | None = None

    def jobs(self, **_: object) -> list[JobRecord]:
        usage = Usage(self.used, self.used is not None)
        return [JobRecord("j", "DONE", "ideal", "sampler", None, self.tags, NOW, None, None, usage, None)]


def test_usage_that_is_told_after_the_end_is_noted(tmp_path):
    with Ledger(tmp_path / "ledger.sqlite") as ledger:
        ledger.add_run(
            run_id="r1", name="n", service="local", instance=None, backend="ideal", mode="job",
            workload_path="w", workload_text="", versions={}, jobs=[NewJob("sampler")], pubs=[],
        )  # fmt: skip
        service = _Service("r1")
        look(service, ledger, ledger.run("r1"))  # type: ignore[arg-type]
        assert ledger.run("r1").jobs[0].usage_seconds is None
        service.used = 2.0
        progress = look(service, ledger, ledger.run("r1"))  # type: ignore[arg-type]
        assert (progress.run.jobs[0].usage_seconds, progress.changed) == (2.0, ())
        assert [change.state for change in ledger.history("r1")][-1:] == ["DONE"]
