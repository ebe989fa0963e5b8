"""M2, M3 and M17: lanes, the QPU lock, priority and exclusive access."""

from __future__ import annotations

from rehearsal import Rehearsal

from qrun.local.scheduling import DeviceScheduler
from qrun.local.scheduling.events import from_dict, to_dict


def test_m17_five_jobs_in_classical_processing_and_one_on_the_qpu() -> None:
    device = Rehearsal()
    for number in range(7):
        device.submit(f"j{number}", at=0)
    assert device.in_lanes == {"j0", "j1", "j2", "j3", "j4"}
    for number in range(5):
        device.prepare(f"j{number}", at=0.2, qpu_seconds=3)
    device.until(1)
    assert device.on_qpu == "j0"
    device.until(4)
    assert device.on_qpu == "j1"
    assert device.in_lanes == {"j1", "j2", "j3", "j4", "j5"}
    assert device.job("j5").started_at == 4


def test_of_jobs_that_are_ready_at_once_the_first_in_the_queue_gets_the_qpu() -> None:
    device = Rehearsal()
    for job in ("z", "m", "a"):
        device.run(job, at=0, qpu_seconds=2)
    device.until(10)
    assert [device.job(job).on_qpu_at for job in ("z", "m", "a")] == [1, 3, 5]


def test_a_lane_that_becomes_free_as_another_job_gets_ready_is_given_away_once() -> None:
    device = Rehearsal()
    device.run("z", at=0, qpu_seconds=1)  # ends at 2
    for number in range(4):
        device.submit(f"j{number}", at=0)
    device.submit("next", at=0)
    for number in range(4):
        device.prepare(f"j{number}", at=2, qpu_seconds=1)
    device.until(2)
    assert device.on_qpu == "j0"
    assert device.in_lanes == {"j0", "j1", "j2", "j3", "next"}


def test_m17_classical_stages_overlap_so_parallel_jobs_finish_sooner() -> None:
    device = Rehearsal()
    device.session("s", at=0)
    device.run("a", at=0, qpu_seconds=2, workload="s")
    device.run("b", at=0, qpu_seconds=2, workload="s")
    device.until(10)
    assert device.job("b").finished_at == 1 + 2 + 2


def test_m2_jobs_of_an_active_batch_come_before_the_rest_of_the_queue() -> None:
    device = Rehearsal()
    device.run("x", at=0, qpu_seconds=1)
    device.run("y", at=0, qpu_seconds=1)
    device.batch("b", at=0)
    for number in range(3):
        device.submit(f"b{number}", at=0, workload="b")
    device.submit("z", at=0)  # somebody else's, before the rest of the batch
    for number in range(3, 6):
        device.submit(f"b{number}", at=0, workload="b")
    assert device.in_lanes == {"x", "y", "b0", "b1", "b2"}
    device.until(2)  # x is done
    assert device.in_lanes == {"y", "b0", "b1", "b2", "b3"}
    assert device.job("z").started_at is None


def test_m2_other_users_fill_the_lanes_that_a_batch_leaves_free() -> None:
    device = Rehearsal()
    device.batch("b", at=0)
    device.submit("b0", at=0, workload="b")
    device.submit("other", at=0)
    assert device.in_lanes == {"b0", "other"}


def test_m3_while_a_session_is_active_no_other_users_job_runs() -> None:
    device = Rehearsal()
    device.session("s", at=0)
    device.run("a", at=0, qpu_seconds=2, workload="s")
    device.run("other", at=1, qpu_seconds=2)
    device.run("b", at=20, qpu_seconds=2, workload="s")  # ends at 23; ITTL until 83
    device.until(82.9)
    assert device.job("other").started_at is None
    device.until(83)
    assert device.job("other").started_at == 83


def test_m3_a_session_starts_on_an_empty_device_and_is_not_starved() -> None:
    device = Rehearsal()
    device.run("x", at=0, qpu_seconds=5)  # ends at 6
    device.session("s", at=0)
    device.submit("a", at=1, workload="s")
    for number in range(10):
        device.submit(f"later{number}", at=2)
    assert device.in_lanes == {"x"}
    device.until(6)
    assert device.in_lanes == {"a"}
    assert device.job("a").started_at == 6


def test_m3_a_closed_session_keeps_the_device_until_its_last_job_has_run() -> None:
    device = Rehearsal()
    device.session("s", at=0)
    device.run("a", at=0, qpu_seconds=10, workload="s")
    device.cancel_workload("s", at=5)
    device.submit("other", at=6)
    assert device.in_lanes == {"a"}
    device.until(11)
    assert device.in_lanes == {"other"}


def test_a_batch_loses_its_priority_to_a_session_that_gets_the_device_for_itself() -> None:
    device = Rehearsal()
    device.batch("b", at=0)
    device.session("s", at=0)
    device.run("x", at=0, qpu_seconds=2, workload="b")  # ends at 3; its ITTL would end at 4
    device.run("a", at=3.2, qpu_seconds=2, workload="s")
    assert device.states("b")[-1] == ("inactive", 3.2)
    assert device.history("b").state_reason == "session_inactivated_by_other_session"
    device.submit("y", at=3.5, workload="b")
    device.close("s", at=4)
    device.until(5.2)
    assert device.states("s")[-1][0] == "active"
    device.until(6.2)
    assert device.states("s")[-1] == ("closed", 6.2)
    assert device.states("b")[-1] == ("active", 6.2)


def test_two_sessions_take_turns() -> None:
    device = Rehearsal()
    device.session("s", at=0)
    device.session("t", at=0)
    device.run("a", at=0, qpu_seconds=2, workload="s")
    device.submit("b", at=0, workload="t")
    device.close("s", at=1)
    device.until(3)
    assert device.states("s")[-1] == ("closed", 3)
    assert device.states("t")[-1] == ("active", 3)


def test_replaying_the_record_gives_the_same_state() -> None:
    device = Rehearsal()
    device.session("s", at=0)
    device.batch("b", at=0)
    device.run("a", at=0, qpu_seconds=2, workload="s")
    for number in range(7):
        device.submit(f"j{number}", at=1, workload="b")
    device.until(64)
    device.prepare("j0", at=64, qpu_seconds=9)
    device.until(64)
    again = DeviceScheduler.replayed(from_dict(to_dict(event)) for event in device.record)
    assert vars(again.state) == vars(device.machine.state)
    assert again.next_timer() == device.machine.next_timer()


def test_time_is_held_for_a_preparation_that_is_not_over() -> None:
    device = Rehearsal()
    device.submit("a", at=10)
    assert device.machine.hold() == 11
    assert device.machine.next_modelled() is None
    device.prepare("a", at=10.2, qpu_seconds=3)
    assert device.machine.hold() is None
    assert device.machine.next_modelled() == 11
