"""Instances share a device by what they have used of their allocations (facts B9), and wait at its end (G3)."""

from __future__ import annotations

import pytest
from rehearsal import Rehearsal

from qrun.local.scheduling import Background, DeviceScheduler, Others, Rules, Shares
from qrun.local.scheduling.events import OWN, JobStarted, of_others

DAY = 86_400


def one_lane(shares: Shares) -> Rehearsal:
    device = Rehearsal(Rules(lanes=1))
    device.machine = DeviceScheduler(Rules(lanes=1), shares=shares)
    return device


def submit(device: Rehearsal, job: str, at: float, instance: str) -> None:
    device.record += device.machine.submit(job, at, instance=instance)


def test_the_instance_that_used_least_of_its_allocation_comes_first() -> None:
    shares = Shares({"a": 100, "b": 1000})
    shares.add("a", 0, 20)  # a fifth
    shares.add("b", 0, 100)  # a tenth
    device = one_lane(shares)
    submit(device, "first", 0, "a")
    for job, instance in (("a1", "a"), ("a2", "a"), ("b1", "b"), ("b2", "b")):
        submit(device, job, 1, instance)
    device.prepare("first", 1, qpu_seconds=1)
    device.until(2)
    assert device.in_lanes == {"b1"}
    device.prepare("b1", 2, qpu_seconds=150)  # b has used 250 of 1000 then, more than a's 21 of 100
    device.until(153)
    assert device.in_lanes == {"a1"}
    device.prepare("a1", 153, qpu_seconds=3)  # 24 of 100, still less than a quarter
    device.until(157)
    assert device.in_lanes == {"a2"}


def test_an_instance_at_its_allocation_waits_until_the_period_has_rolled_on() -> None:
    device = Rehearsal()
    device.machine = DeviceScheduler(shares=Shares({OWN: 600}))
    device.run("long", at=0, qpu_seconds=700)  # ends at 701
    device.until(800)
    device.submit("waits", at=800)
    assert device.job("waits").started_at is None
    assert device.machine.queue_length(800) == 1
    timer = device.machine.next_timer()
    assert timer is not None
    assert timer.at == 701 + 28 * DAY + 1
    device.until(timer.at)
    assert device.job("waits").started_at == timer.at


def test_what_is_active_goes_on_at_the_allocation_and_what_is_paused_waits() -> None:
    device = Rehearsal()
    device.machine = DeviceScheduler(shares=Shares({OWN: 10}))
    device.batch("b", at=0)
    device.run("x", at=0, qpu_seconds=20, workload="b")  # 1–21, all that there is and more
    device.until(21.5)
    device.run("y", at=21.5, qpu_seconds=5, workload="b")  # within ITTL: 22.5–27.5
    device.until(40)  # paused since 28.5
    assert device.job("y").outcome == "completed"
    device.submit("z", at=40, workload="b")
    device.until(100)
    assert device.job("z").started_at is None
    assert device.history("b").state == "inactive"


def test_an_instance_a_hair_below_its_allocation_is_free_when_it_is_said_to_be() -> None:
    shares = Shares({OWN: 100})
    shares.add(OWN, 0, 50)
    shares.add(OWN, DAY, 99.9999)
    shares.add(OWN, 2 * DAY, 0.5)
    free = shares.free_at(OWN)
    assert free == 29 * DAY + 1  # Without the first it is 100.4999, without the second 0.5.
    assert not shares.reached(OWN, free)
    hair = Shares({OWN: 100})
    hair.add(OWN, 0, 50)
    hair.add(OWN, DAY, 99.9999)  # Usage is told in milliseconds, so this is 100.
    free = hair.free_at(OWN)
    assert free is not None
    assert not hair.reached(OWN, free)


def test_use_leaves_the_rolling_period() -> None:
    shares = Shares({OWN: 100})
    shares.add(OWN, 0, 60)
    shares.add(OWN, 10 * DAY, 50)
    assert (shares.used(OWN, 20 * DAY), shares.reached(OWN, 20 * DAY)) == (110, True)
    assert shares.free_at(OWN) == 28 * DAY + 1
    assert (shares.used(OWN, 28 * DAY + 1), shares.reached(OWN, 28 * DAY + 1)) == (50, False)
    assert shares.used(OWN, 39 * DAY) == 0


def test_a_device_that_is_ahead_does_not_take_use_from_one_that_is_behind() -> None:
    shares = Shares({OWN: 100})
    shares.add(OWN, 0, 60)
    shares.add(OWN, 10 * DAY, 50)
    assert shares.used(OWN, 30 * DAY) == 50
    assert shares.used(OWN, 20 * DAY) == 110
    shares.forget_before(20 * DAY)
    assert shares.used(OWN, 20 * DAY) == 110
    shares.forget_before(29 * DAY)
    assert (shares.used(OWN, 20 * DAY), shares.used(OWN, 29 * DAY), shares.used(OWN, 39 * DAY)) == (50, 50, 0)


@pytest.mark.parametrize(("jobs_per_hour", "mean_seconds"), [(108, 30), (12, 200)])
def test_other_users_come_as_often_and_stay_as_long_as_they_are_said_to(
    jobs_per_hour: float, mean_seconds: float
) -> None:
    others = Others(Background("x", jobs_per_hour, mean_seconds, seed=5), "ideal")
    at, arrivals = 0.0, []
    while (arrival := others.next_after(at)) is not None and arrival.at < 200 * 3600:
        arrivals.append(arrival)
        at = arrival.at
    expected = jobs_per_hour * 200
    assert abs(len(arrivals) - expected) < 5 * expected**0.5
    mean = sum(arrival.qpu_seconds for arrival in arrivals) / len(arrivals)
    # Of a log-normal distribution with s = 1 the standard deviation is sqrt(e - 1) = 1.31 of the mean.
    assert abs(mean / mean_seconds - 1) < 5 * 1.31 / len(arrivals) ** 0.5
    assert len({arrival.job for arrival in arrivals}) == len(arrivals)


def test_other_users_are_a_function_of_seed_device_and_time() -> None:
    busy = Background("x", 108, 30, seed=1)
    others = Others(busy, "ideal")
    queues = [others.waiting(at) for at in range(0, 100_000, 1000)]
    assert queues == [Others(busy, "ideal").waiting(at) for at in range(0, 100_000, 1000)]
    assert queues != [Others(busy, "fake_fez").waiting(at) for at in range(0, 100_000, 1000)]
    assert queues != [
        Others(Background("x", 108, 30, seed=2), "ideal").waiting(at) for at in range(0, 100_000, 1000)
    ]
    # With a load of 0.9 there is somebody nine times of ten.
    assert 70 <= sum(bool(queue) for queue in queues) <= 99


def test_a_job_waits_for_other_users_who_are_gone_when_nobody_waits_any_more() -> None:
    others = Others(Background("x", 108, 30, seed=1), "ideal")
    device = Rehearsal()
    device.machine = DeviceScheduler(others=others)
    at = next(at for at in range(50_000, 90_000, 100) if len(others.waiting(at)) >= 8)
    ahead = sum(arrival.qpu_seconds for arrival in others.waiting(at)[:5])
    device.until(at)
    assert device.machine.next_timer() is None  # Nothing happens while nobody waits.
    assert device.machine.queue_length(at) >= 8
    device.submit("mine", at=at)
    assert device.machine.state.queues[OWN]
    while device.job("mine").started_at is None:
        timer = device.machine.next_timer()
        assert timer is not None
        device.until(timer.at)
    started = device.job("mine").started_at
    assert started is not None
    device.prepare("mine", started, qpu_seconds=2)
    device.until(started + 5 * 3600)
    job = device.job("mine")
    assert job.outcome == "completed"
    assert job.on_qpu_at is not None
    assert job.on_qpu_at - at >= ahead / 5  # At the least the job that held the QPU had to end.
    assert device.job_usage("mine") == 2
    assert not device.machine.state.jobs
    assert device.machine.next_timer() is None
    assert any(of_others(event) for event in device.record if isinstance(event, JobStarted))


def test_other_users_keep_out_of_an_active_session() -> None:
    others = Others(Background("x", 108, 30, seed=1), "ideal")
    device = Rehearsal()
    device.machine = DeviceScheduler(others=others)
    device.session("s", at=50_000)
    device.submit("a", at=50_000, workload="s")
    while device.job("a").started_at is None:
        device.until(device.machine.next_timer().at)  # type: ignore[union-attr]
    begun = device.job("a").started_at
    assert begun is not None
    device.prepare("a", begun, qpu_seconds=2)
    device.until(begun + 10)
    device.run("b", at=begun + 10, qpu_seconds=2, workload="s")
    device.until(begun + 13)
    # A second of classical stage and two of QPU, however many wait outside.
    assert device.job("b").finished_at == begun + 13


def test_a_background_under_which_the_queue_would_only_grow_is_refused() -> None:
    with pytest.raises(ValueError, match="only grow"):
        Background("x", jobs_per_hour=120, mean_seconds=30)
