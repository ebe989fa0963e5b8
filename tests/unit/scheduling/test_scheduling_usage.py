"""M6–M12 in the mission's words, with numbers worked out by hand. A classical stage lasts one second."""

from __future__ import annotations

import pytest
from rehearsal import Rehearsal


def test_m7_session_usage_runs_from_first_job_start_until_it_goes_inactive() -> None:
    device = Rehearsal()
    device.session("s", at=0)
    device.run("a", at=10, qpu_seconds=4, workload="s")  # classical 10–11, QPU 11–15
    device.until(200)
    assert device.states("s") == [("open", 0), ("active", 10), ("inactive", 15 + 60)]
    assert device.usage("s") == 75 - 10


def test_m7_session_usage_ends_at_closing_when_that_is_last() -> None:
    device = Rehearsal()
    device.session("s", at=0)
    device.run("a", at=10, qpu_seconds=4, workload="s")
    device.close("s", at=40)  # the job ended at 15, ITTL would end at 75
    assert device.history("s").state == "closed"
    assert device.usage("s") == 40 - 10


def test_m7_session_usage_ends_with_its_last_job_when_that_is_last() -> None:
    device = Rehearsal()
    device.session("s", at=0, max_ttl=20)
    device.run("a", at=10, qpu_seconds=100, workload="s")  # QPU 11–111, maximum TTL at 30
    device.until(30)
    assert device.history("s").state == "closed"
    assert device.history("s").ongoing
    device.until(200)
    assert device.job("a").outcome == "completed"
    assert device.usage("s") == 111 - 10


def test_m7_m12_a_closed_session_is_charged_for_its_last_job_also_after_a_restart() -> None:
    device = Rehearsal()
    device.session("s", at=0, max_ttl=20)
    device.run("a", at=10, qpu_seconds=100, workload="s")  # maximum TTL at 30
    device.until(30)
    assert device.history("s").state == "closed"
    device.suspend(at=40)
    assert device.history("s").ongoing  # the job is due again
    assert device.usage("s") == 30
    device.until(50)
    device.prepare("a", at=50, qpu_seconds=100)  # classical 50–51, QPU 51–151
    device.until(200)
    assert device.job("a").finished_at == 151
    assert device.usage("s") == 30 + 101
    assert not device.history("s").ongoing


def test_a_requeued_job_that_is_cancelled_is_not_waited_for() -> None:
    device = Rehearsal()
    device.session("s", at=0, max_ttl=20)
    device.run("a", at=10, qpu_seconds=100, workload="s")
    device.until(30)
    device.suspend(at=40)
    device.cancel("a", at=41)  # before it has started again
    assert not device.history("s").ongoing
    assert device.usage("s") == 30


def test_a_job_that_never_started_is_not_the_last_one_completed() -> None:
    device = Rehearsal()
    device.batch("b", at=0)
    device.run("x", at=0, qpu_seconds=2, workload="b")
    for number in range(4):
        device.submit(f"j{number}", at=0, workload="b")
    device.submit("queued", at=0, workload="b")
    device.until(3)
    device.submit("late", at=3, workload="b")
    device.cancel("late", at=3.5)
    assert device.job("late").started_at is None
    assert device.history("b").last_job_completed == 3


def test_m7_classical_and_quantum_time_and_the_clients_thinking_all_count() -> None:
    device = Rehearsal()
    device.session("s", at=0)
    device.run("a", at=0, qpu_seconds=2, workload="s")  # 0–3
    device.run("b", at=30, qpu_seconds=2, workload="s")  # after 27 s of thinking: 30–33
    device.close("s", at=33)
    assert device.usage("s") == 33


def test_m7_session_that_was_paused_counts_the_sum_of_its_active_windows() -> None:
    device = Rehearsal()
    device.session("s", at=0)
    device.run("a", at=0, qpu_seconds=2, workload="s")  # active 0–63
    device.run("b", at=1000, qpu_seconds=2, workload="s")  # active 1000–1063
    device.until(2000)
    assert device.states("s") == [
        ("open", 0), ("active", 0), ("inactive", 63), ("active", 1000), ("inactive", 1063),
    ]  # fmt: skip
    assert device.usage("s") == 126


def test_m8_batch_usage_is_the_sum_of_the_time_all_its_jobs_spend_on_the_qpu() -> None:
    device = Rehearsal()
    device.batch("b", at=0)
    device.run("x", at=0, qpu_seconds=3, workload="b")
    device.run("y", at=0, qpu_seconds=5, workload="b")
    device.close("b", at=1)
    device.until(100)
    assert device.job("x").finished_at == 1 + 3
    assert device.job("y").finished_at == 1 + 3 + 5
    assert device.states("b") == [("open", 0), ("active", 0), ("closed", 9)]
    assert device.usage("b") == 8


def test_m8_a_batch_is_the_sum_of_what_its_jobs_say_to_the_millisecond() -> None:
    device = Rehearsal()
    device.batch("b", at=0)
    for number in range(5):
        device.run(f"j{number}", at=0, qpu_seconds=1.0004, workload="b")
    device.until(100)
    assert [device.job_usage(f"j{number}") for number in range(5)] == [1.0] * 5
    assert device.usage("b") == 5.0


def test_m9_job_usage_is_the_quantum_time_it_uses() -> None:
    device = Rehearsal()
    device.run("a", at=7, qpu_seconds=2.5)
    device.until(100)
    job = device.job("a")
    assert (job.started_at, job.on_qpu_at, job.finished_at) == (7, 8, 10.5)
    assert device.job_usage("a") == 2.5


def test_m11_failed_before_the_lock_uses_nothing_and_on_the_qpu_what_it_held() -> None:
    device = Rehearsal()
    device.submit("early", at=0)
    device.fail_in_preparation("early", at=0.5)
    device.submit("late", at=0.5)
    device.prepare("late", at=0.5, qpu_seconds=2, failure="lost calibration")
    device.until(10)
    assert [device.job(name).outcome for name in ("early", "late")] == ["failed", "failed"]
    assert device.job_usage("early") == 0
    assert device.job_usage("late") == 2
    assert device.job("early").reason_code == 1517


def test_m11_cancelled_while_queued_in_a_lane_and_on_the_qpu() -> None:
    device = Rehearsal()
    device.batch("b", at=0)
    for name in ("qpu", "lane", "other", "more", "last", "queued"):
        device.submit(name, at=0, workload="b")
    device.prepare("qpu", at=0, qpu_seconds=100)
    device.cancel("queued", at=0.5)
    device.cancel("lane", at=0.5)
    device.cancel("qpu", at=21)  # on the QPU since 1
    assert device.job("queued").started_at is None
    assert device.job("lane").started_at == 0
    assert [device.job_usage(name) for name in ("queued", "lane", "qpu")] == [0, 0, 20]
    for name in ("other", "more", "last"):
        device.cancel(name, at=22)
    assert device.usage("b") == 20


def test_m12_a_session_costs_its_wall_clock_time_however_many_jobs_failed() -> None:
    device = Rehearsal()
    device.session("s", at=0)
    device.submit("bad", at=5, workload="s")
    device.fail_in_preparation("bad", at=6)
    device.submit("cancelled", at=20, workload="s")
    device.cancel("cancelled", at=20.5)
    device.close("s", at=50)
    assert device.job_usage("bad") == device.job_usage("cancelled") == 0
    assert device.usage("s") == 50 - 5


def test_usage_of_what_still_runs_is_counted_up_to_now() -> None:
    from qrun.local.scheduling import batch_usage, job_usage, session_usage

    device = Rehearsal()
    device.session("s", at=0)
    device.run("a", at=0, qpu_seconds=50, workload="s")
    device.until(11)
    assert session_usage(device.history("s"), now=11) == 11
    assert batch_usage(device.history("s"), now=11) == 10
    assert job_usage(device.job("a"), now=11) == 10
    assert job_usage(device.job("a")) == 0


ENDS = {
    # How it ends, and when its usage ends: it starts at 0, is on the QPU from 1 and needs 10 s there.
    "completed": 10,
    "failed before the lock": 0,
    "failed on the QPU": 10,
    "cancelled queued": 0,
    "cancelled in its lane": 0,
    "cancelled on the QPU": 4,
    "ran too long": 7,
}


@pytest.mark.parametrize("mode", ["job", "batch", "dedicated"])
@pytest.mark.parametrize("end", ENDS)
def test_m11_m12_however_a_job_ends_in_every_mode(mode: str, end: str) -> None:
    device = Rehearsal()
    workload = None if mode == "job" else "w"
    if mode == "dedicated":
        device.session("w", at=0)
    elif mode == "batch":
        device.batch("w", at=0)
    if end == "cancelled queued":
        for number in range(5):
            device.submit(f"before{number}", at=0, workload=workload)
    device.submit("j", at=0, workload=workload, limit=7 if end == "ran too long" else None)
    if end == "cancelled queued":
        device.cancel("j", at=0.25)
        for number in range(5):
            device.cancel(f"before{number}", at=0.25)
    elif end == "cancelled in its lane":
        device.cancel("j", at=0.25)
    elif end == "failed before the lock":
        device.fail_in_preparation("j", at=0.25)
    else:
        device.prepare("j", at=0, qpu_seconds=10, failure="it broke" if end == "failed on the QPU" else None)
        if end == "cancelled on the QPU":
            device.cancel("j", at=5)
    device.until(20)
    if workload is not None:
        assert device.history("w").ongoing is (mode == "dedicated")  # The batch was paused after a second.
        device.close("w", at=20)
        assert not device.history("w").ongoing
    assert device.job_usage("j") == ENDS[end]
    assert (device.job("j").started_at is None) is (end == "cancelled queued")
    if mode == "batch":
        assert device.usage("w") == ENDS[end]
    elif mode == "dedicated":
        assert device.usage("w") == 20  # From its first job's start to its closing, whatever became of it.
