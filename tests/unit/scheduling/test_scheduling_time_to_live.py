"""M13–M16 and the ways in which a session or batch ends."""

from __future__ import annotations

import pytest
from rehearsal import Rehearsal

from qrun.local.scheduling import NotAccepting, Rules, WorkloadHistory


def test_m13_a_batch_is_paused_after_one_second() -> None:
    device = Rehearsal()
    device.batch("b", at=0)
    device.run("x", at=0, qpu_seconds=2, workload="b")  # ends at 3
    device.until(3.9)
    assert device.history("b").state == "active"
    device.until(4)
    assert device.states("b")[-1] == ("inactive", 4)
    assert device.history("b").state_reason == "session_inactivated_by_interactive_ttl"


def test_m14_a_session_is_paused_after_60_seconds_unless_the_instance_says_otherwise() -> None:
    for rules, ittl in ((Rules(), 60), (Rules(session_interactive_ttl=300), 300)):
        device = Rehearsal(rules)
        device.session("s", at=0)
        device.run("a", at=0, qpu_seconds=2, workload="s")
        device.until(1000)
        assert device.states("s")[-1] == ("inactive", 3 + ittl)


def test_m15_a_later_job_reactivates_through_the_normal_queue() -> None:
    device = Rehearsal()
    device.session("s", at=0)
    device.run("a", at=0, qpu_seconds=2, workload="s")
    device.until(100)  # paused since 63
    device.run("other", at=100, qpu_seconds=20)  # of somebody else: 101–121
    device.run("b", at=101, qpu_seconds=2, workload="s")
    assert device.history("s").state == "inactive"
    device.until(121)
    assert device.states("s")[-1] == ("active", 121)


def test_m15_the_maximum_time_to_live_ends_it_for_good_and_never_pauses() -> None:
    device = Rehearsal()
    device.session("s", at=0, max_ttl=500)
    device.run("a", at=40, qpu_seconds=2, workload="s")  # counts from here; inactive from 103
    device.until(539.9)
    assert device.history("s").state == "inactive"
    device.until(540)
    assert device.states("s")[-1] == ("closed", 540)
    assert device.usage("s") == 63
    with pytest.raises(NotAccepting):
        device.submit("late", at=541, workload="s")


def test_at_maximum_time_to_live_queued_jobs_fail_and_running_ones_finish() -> None:
    device = Rehearsal()
    device.batch("b", at=0, max_ttl=10)
    for name in ("a", "b", "c", "d", "e", "queued"):
        device.submit(name, at=0, workload="b")
    for name in ("a", "b", "c", "d", "e"):
        device.prepare(name, at=0.5, qpu_seconds=20)
    device.until(4)
    device.cancel("a", at=4)  # its lane goes to "queued", which is never prepared
    device.submit("left", at=4, workload="b")
    device.until(200)
    assert device.job("left").outcome == "failed"
    assert device.job("left").reason_code == 4001
    assert device.job("left").finished_at == 10
    assert device.job("e").outcome == "completed"


def test_a_session_that_never_had_a_job_closes_after_30_minutes() -> None:
    device = Rehearsal()
    device.session("s", at=5)
    device.until(1804.9)
    assert device.history("s").state == "open"
    device.until(1805)
    assert device.history("s").state == "closed"
    assert device.usage("s") == 0


def test_what_is_skipped_does_not_close_a_session_whose_client_has_not_begun() -> None:
    device = Rehearsal()
    device.session("s", at=0)
    device.run("other", at=10, qpu_seconds=5000)
    device.skip(11)
    device.skip(5011)
    assert device.history("s").state == "open"
    device.until(1800 + 5001 - 0.1)
    assert device.history("s").state == "open"
    device.until(1800 + 5001)
    assert device.history("s").state_reason == "session_closed_unused"


def test_m15_what_is_skipped_counts_towards_the_maximum_also_while_it_is_paused() -> None:
    device = Rehearsal()
    device.batch("b", at=0, max_ttl=1000)
    device.run("a", at=0, qpu_seconds=99, workload="b")
    device.skip(1)
    device.skip(100)
    device.until(110)  # inactive since 101
    device.run("other", at=110, qpu_seconds=5000)
    device.skip(111)
    assert device.machine.countdowns("b", 111) == {"max_ttl_left": 889}
    device.skip(5111)
    assert device.states("b")[-1] == ("closed", 1000)
    with pytest.raises(NotAccepting):
        device.submit("c", at=5120, workload="b")


def test_what_an_older_qrun_kept_of_a_session_can_be_read() -> None:
    history = WorkloadHistory(opened_at=7)
    assert WorkloadHistory.from_dict({**history.to_dict(), "spared_seconds": 5.0}) == history


def test_closing_an_unused_session_ends_it_at_once() -> None:
    device = Rehearsal()
    device.session("s", at=0)
    device.close("s", at=9)
    assert device.states("s") == [("open", 0), ("closed", 9)]
    assert device.history("s").state_reason == "session_closed_early"


def test_close_lets_queued_jobs_run_and_refuses_new_ones() -> None:
    device = Rehearsal()
    device.batch("b", at=0)
    for number in range(6):
        device.submit(f"j{number}", at=0, workload="b")
    device.close("b", at=0)
    with pytest.raises(NotAccepting):
        device.submit("new", at=0.1, workload="b")
    for number in range(5):
        device.prepare(f"j{number}", at=0.5, qpu_seconds=1)
    device.until(2)
    device.prepare("j5", at=2, qpu_seconds=1)
    device.until(100)
    assert device.job("j5").outcome == "completed"
    assert device.states("b")[-1] == ("closed", device.job("j5").finished_at)


def test_cancel_ends_queued_jobs_and_lets_running_ones_finish() -> None:
    device = Rehearsal()
    device.session("s", at=0)
    for number in range(7):
        device.submit(f"j{number}", at=0, workload="s")
    for number in range(5):
        device.prepare(f"j{number}", at=0, qpu_seconds=2)
    device.cancel_workload("s", at=4)  # j0 is done, j1 on the QPU; j5 got its lane at 3, j6 has none
    device.prepare("j5", at=4, qpu_seconds=2)
    device.until(100)
    assert device.states("s")[-1] == ("closed", 4)
    assert [device.job(f"j{number}").outcome for number in range(7)] == ["completed"] * 6 + ["cancelled"]
    assert device.job("j6").finished_at == 4
    assert device.job_usage("j6") == 0
    assert device.job("j5").finished_at == 1 + 6 * 2
    assert device.usage("s") == 13  # closed at 4, but its last job completes at 13


def test_a_job_that_reaches_its_own_limit_is_cancelled_as_ran_too_long() -> None:
    device = Rehearsal()
    device.submit("long", at=0, limit=10)
    device.prepare("long", at=0, qpu_seconds=11)
    device.run("fits", at=0, qpu_seconds=10)
    device.until(100)
    job = device.job("long")
    assert (job.outcome, job.reason_code, job.reason) == ("cancelled", 1305, "Ran too long")
    assert device.job_usage("long") == 10
    assert device.job("fits").outcome == "completed"


def test_a_session_is_not_charged_while_the_service_is_down() -> None:
    device = Rehearsal()
    device.session("s", at=0)
    device.run("a", at=0, qpu_seconds=50, workload="s")
    device.until(20)
    device.suspend(at=20)
    assert device.states("s")[-1] == ("inactive", 20)
    device.until(5000)
    device.prepare("a", at=5000, qpu_seconds=50)
    device.close("s", at=5000)
    device.until(6000)
    assert device.job("a").outcome == "completed"
    assert device.usage("s") == 20 + 51
    assert device.job_usage("a") == 50
