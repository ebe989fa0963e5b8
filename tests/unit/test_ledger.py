"""The ledger: what is written stays, whoever writes."""

from __future__ import annotations

import multiprocessing
import os
import sqlite3
import stat

import pytest

from qrun.errors import ServiceError, UsageError
from qrun.ledger import INCOMPLETE, SUBMITTED, Ledger, LedgerPub, NewJob, job_tag, new_run_id

PUB = LedgerPub(0, "counts", "bell", "sampler", 0, 0, 1000, None, ())


def _add(ledger: Ledger, name: str = "bell", jobs: int = 1, **more) -> str:
    run_id = new_run_id()
    ledger.add_run(
        **{
            "run_id": run_id,
            "name": name,
            "service": "local",
            "instance": "crn:…",
            "backend": "fake_fez",
            "mode": "batch",
            "workload_path": "w.yaml",
            "workload_text": "name: bell",
            "versions": {"qiskit": "2"},
            "jobs": [NewJob("sampler")] * jobs,
            "pubs": [PUB],
            **more,
        }
    )
    return run_id


@pytest.fixture
def ledger(tmp_path):
    with Ledger(tmp_path / "ledger.sqlite") as opened:
        yield opened


def test_a_run_is_on_record_before_anything_is_sent(ledger):
    run = ledger.run(_add(ledger, jobs=2))
    assert [job.job_id for job in run.jobs] == [None, None]
    assert [job.tag for job in run.jobs] == [job_tag(run.id, 0), job_tag(run.id, 1)]
    assert run.pubs == (PUB,)
    with ledger.hold(run.id):
        assert not ledger.run(run.id).ended


def test_the_life_of_a_run(ledger):
    run_id = _add(ledger)
    ledger.session_opened(run_id, "s1")
    ledger.jobs_accepted(run_id, {job_tag(run_id, 0): "j1"})
    ledger.session_closed("s1")
    ledger.set_state(run_id, SUBMITTED)
    ledger.set_job_states(run_id, {"j1": ("DONE", None)})
    ledger.set_result_files(run_id, {"j1": ("j1.executor.json", "0" * 64)})
    run = ledger.run(run_id)
    assert run.session_closed
    assert run.ended
    assert run.jobs[0].result_file == "j1.executor.json"
    assert ledger.run_of_job("j1") == ledger.run_of_session("s1") == run


def test_found_by_beginning_and_by_name(ledger):
    first, second = _add(ledger, "bell"), _add(ledger, "ghz_1")
    assert [run.id for run in ledger.matching(first[:6])] == [first]
    assert [run.id for run in ledger.matching("ghz_1")] == [second]
    assert ledger.matching("ghz%") == []
    assert [run.id for run in ledger.runs(limit=1)] == [second]


def test_an_unknown_run(ledger):
    with pytest.raises(UsageError):
        ledger.run("rnone")


def test_m18_a_session_that_a_crash_left_open_is_found(ledger):
    process = multiprocessing.get_context("spawn").Process(target=_crash, args=(ledger.path,))
    process.start()
    process.join()
    [run] = ledger.left_open()
    assert run.session_id == "s-crashed"
    ledger.session_closed("s-crashed")
    assert ledger.left_open() == []


def _crash(path):
    with Ledger(path) as ledger:
        run_id = _add(ledger)
        with ledger.hold(run_id):
            ledger.session_opened(run_id, "s-crashed")
            os._exit(9)


def test_a_session_of_a_process_that_is_still_at_it_is_not_left_open(ledger):
    run_id = _add(ledger)
    ledger.session_opened(run_id, "s1")
    with Ledger(ledger.path) as other, other.hold(run_id):
        assert other.held(run_id)
        assert not other.held_by_others(run_id)
        assert ledger.held_by_others(run_id)
        assert ledger.run(run_id).submitting
        assert ledger.left_open() == []
    assert not ledger.run(run_id).submitting
    assert [run.id for run in ledger.left_open()] == [run_id]


def test_a_run_that_stopped_half_way_has_ended_when_its_accepted_jobs_have(ledger):
    run_id = _add(ledger, jobs=2)
    ledger.jobs_accepted(run_id, {job_tag(run_id, 0): "j1"})
    ledger.set_state(run_id, INCOMPLETE)
    assert not ledger.run(run_id).ended
    ledger.set_job_states(run_id, {"j1": ("DONE", None)})
    assert ledger.run(run_id).ended


def _write_many(path):
    with Ledger(path) as ledger:
        for _ in range(20):
            _add(ledger, "many")


def test_a_ledger_of_an_older_qrun_is_brought_up_to_date(tmp_path):
    from qrun.ledger.schema import MIGRATIONS

    path = tmp_path / "old.sqlite"
    with sqlite3.connect(path, isolation_level=None) as db:
        MIGRATIONS[0](db)
        db.execute("PRAGMA user_version = 1")
        db.execute("INSERT INTO runs VALUES ('r1', 'n', '2026-11-22T00:00:00+00:00', 'local', NULL, 'b', 'job', "
                   "'submitted', NULL, NULL, 'w', 't', '{}', 1)")  # fmt: skip
        db.execute("INSERT INTO pubs VALUES ('r1', 0, 'p', 'c', 'estimator', 0, 0, NULL, 0.1, '[2]')")
    with Ledger(path) as ledger:
        assert ledger.run("r1").pubs[0].shape == (2,)
        assert ledger.run("r1").pubs[0].observables is None
        assert ledger.run(_add(ledger)).pubs == (PUB,)


def test_several_processes_at_once(tmp_path):
    path = tmp_path / "new.sqlite"
    context = multiprocessing.get_context("spawn")
    processes = [context.Process(target=_write_many, args=(path,)) for _ in range(3)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
        assert process.exitcode == 0
    with Ledger(path) as ledger:
        assert len(ledger.runs()) == 60


def test_the_file_is_its_owners_alone(ledger):
    assert stat.S_IMODE(ledger.path.stat().st_mode) == 0o600


def test_a_file_that_is_not_a_ledger(tmp_path):
    path = tmp_path / "ledger.sqlite"
    path.write_text("this is no database, and long enough to be seen as none " * 20)
    with pytest.raises(ServiceError, match="can't be used"):
        Ledger(path)


def test_a_failed_write_leaves_nothing_half_done(ledger):
    run_id = _add(ledger)
    with pytest.raises(ServiceError):
        _add(ledger, run_id=run_id)
    with sqlite3.connect(ledger.path) as db:
        assert db.execute("SELECT count(*) FROM jobs").fetchone()[0] == 1


def test_who_holds_a_run_is_asked_to_stop_by_others(ledger):
    run_id = _add(ledger)
    with ledger.hold(run_id), Ledger(ledger.path) as other:
        assert other.stops_asked(run_id) == 0
        other.ask_to_stop(run_id)
        assert ledger.stops_asked(run_id) == 1
        with other.hold_if_free(run_id) as mine:
            assert not mine
        with ledger.hold_if_free(run_id) as mine:
            assert mine
    with ledger.hold(run_id):
        assert ledger.stops_asked(run_id) == 1, "it is for who waits to say what is over"


def test_waiting_for_a_hold_can_be_ended(ledger):
    run_id = _add(ledger)

    def enough() -> None:
        raise InterruptedError

    with (
        ledger.hold(run_id),
        Ledger(ledger.path) as other,
        pytest.raises(InterruptedError),
        other.hold(run_id, enough),
    ):
        pass


def test_the_id_of_an_accepted_job_is_not_written_over(ledger):
    run_id = _add(ledger)
    ledger.jobs_accepted(run_id, {job_tag(run_id, 0): "j1"})
    ledger.jobs_accepted(run_id, {job_tag(run_id, 0): "j2"})
    assert ledger.run(run_id).jobs[0].job_id == "j1"
    assert [change.job_id for change in ledger.history(run_id)] == ["j1"]
