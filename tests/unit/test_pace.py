"""How often a service is asked, and what a sleep of the machine does to clocks, countdowns and time-outs."""

from __future__ import annotations

import time
from datetime import datetime, timedelta, timezone

import pytest

from qrun.run.pace import LOOP_INTERVAL, Outage, Pace, Stopwatch, pause
from qrun.run.session_times import SeenSession
from qrun.runtime.records import session_record


class Machine:
    """Its two clocks. While it sleeps, only the one on the wall goes on."""

    def __init__(self, monkeypatch):
        self.monotonic, self.wall, self.sleep_after = 1000.0, 1.7e9, None
        monkeypatch.setattr(time, "monotonic", lambda: self.monotonic)
        monkeypatch.setattr(time, "time", lambda: self.wall)
        monkeypatch.setattr(time, "sleep", self.wait)

    def wait(self, seconds):
        self.monotonic += seconds
        self.wall += seconds
        if self.sleep_after is not None and self.monotonic >= self.sleep_after:
            self.sleep_after = None
            self.asleep(3600)

    def asleep(self, seconds):
        self.wall += seconds


@pytest.fixture
def machine(monkeypatch):
    return Machine(monkeypatch)


def test_a_stopwatch_counts_the_sleep_of_the_machine(machine):
    watch = Stopwatch()
    machine.wait(5)
    machine.asleep(3600)
    assert (watch.seconds, watch.awake) == (3605, 5)


def test_a_wall_clock_that_is_set_back_does_not_matter(machine):
    watch = Stopwatch()
    machine.wait(5)
    machine.wall -= 600
    assert watch.seconds == 5


def test_a_pause_ends_when_the_machine_wakes(machine):
    machine.sleep_after = 1003.0
    assert pause(15)
    assert machine.monotonic <= 1004
    before = machine.monotonic
    assert not pause(15)
    assert machine.monotonic == pytest.approx(before + 15)


def test_the_pace_is_that_of_the_design():
    pace, intervals = Pace(1.0), []
    for _ in range(20):
        intervals.append(pace.interval)
        pace.slower()
    assert intervals[0] == 1.0
    assert intervals == sorted(intervals)
    assert intervals[-1] == 15.0
    pace.asked(1, changed=False)
    assert pace.interval == 15.0
    pace.asked(1, changed=True)
    assert pace.interval == 1.0
    pace.slower()
    pace.soon()
    assert pace.interval == 1.0


def test_a_run_of_many_pages_makes_no_more_requests_a_second_than_a_small_one():
    pace = Pace(1.0)
    pace.asked(12, changed=True)
    assert pace.interval == 12.0
    pace.asked(40, changed=True)
    assert pace.interval == 15.0


def test_a_session_that_a_loop_waits_on_is_asked_ten_times_a_second():
    pace = Pace(LOOP_INTERVAL, LOOP_INTERVAL)
    pace.slower()
    pace.slower()
    assert pace.interval == 0.1


def test_an_outage_is_told_once_when_it_lasts_and_when_it_is_over(machine):
    said = []
    outage = Outage(said.append, said.append)
    outage.failed("one request")
    outage.answered()
    assert said == []
    for _ in range(10):
        outage.failed("gone")
        machine.wait(1)
    outage.answered()
    outage.answered()
    assert said == ["gone", 10.0]


TOLD = datetime(2031, 5, 5, tzinfo=timezone.utc)
"""The service's clock: years ahead of this machine's."""


def seen(idle: bool = True, **more) -> SeenSession:
    data = {
        "id": "s", "mode": "dedicated", "state": "active", "accepting_jobs": True, "interactive_ttl": 60, "max_ttl": 600,
        "started_at": (TOLD - timedelta(seconds=100)).isoformat(), "last_job_completed": (TOLD - timedelta(seconds=10)).isoformat(),
        "timestamps": [
            {"status": "open", "timestamp": (TOLD - timedelta(seconds=120)).isoformat()},
            {"status": "active", "timestamp": (TOLD - timedelta(seconds=100)).isoformat()},
            {"status": "inactive", "timestamp": (TOLD - timedelta(seconds=80)).isoformat()},
            {"status": "active", "timestamp": (TOLD - timedelta(seconds=30)).isoformat()},
        ], **more,
    }  # fmt: skip
    return SeenSession(session_record(data, TOLD), idle)


def test_m16_countdowns_are_of_the_services_clock(machine):
    session = seen()
    machine.wait(5)
    assert (session.pauses_in, session.closes_in) == (45, 495)
    assert session.usage_seconds == 20 + 35, "active twice, the second time still"


def test_m16_countdowns_are_right_after_a_sleep(machine):
    session = seen()
    machine.asleep(40)
    assert (session.pauses_in, session.closes_in) == (10, 460)
    machine.asleep(3600)
    assert (session.pauses_in, session.closes_in) == (0, 0)


def test_m14_interactive_time_does_not_run_out_while_jobs_wait(machine):
    assert seen(idle=False).pauses_in is None
    assert seen(state="inactive").pauses_in is None
    assert seen(state="closed").closes_in is None
    assert seen(started_at=None).closes_in is None


def test_usage_is_the_services_word_once_it_has_one(machine):
    assert seen(elapsed_time=47.5).usage_seconds == 47.5
