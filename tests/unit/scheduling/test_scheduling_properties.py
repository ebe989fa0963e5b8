"""Whatever happens on a device, in whatever order: what must be true of its record and its state.

``QRUN_LONG_TESTS=5000 python -m pytest tests/unit/scheduling/test_scheduling_properties.py`` tells that many
stories of each kind.
"""

from __future__ import annotations

import os
from collections import Counter
from typing import Any

from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from qrun.local.scheduling import (
    Background,
    DeviceScheduler,
    JobHistory,
    NotAccepting,
    Others,
    Rules,
    Shares,
    job_usage,
    workload_usage,
)
from qrun.local.scheduling.events import (
    OWN,
    Event,
    JobEvent,
    JobFinished,
    JobOnQpu,
    JobPrepared,
    JobQueued,
    JobReady,
    JobRequeued,
    JobStarted,
    OthersLeft,
    WorkloadActivated,
    WorkloadClosed,
    WorkloadInactivated,
    WorkloadOpened,
    of_others,
)
from qrun.local.scheduling.state import DeviceState

RULES = Rules(max_ttl=60, session_interactive_ttl=6, unused_close=40, max_job_seconds=20)
QUARTERS = st.integers(0, 60).map(lambda number: number / 4)
"""Seconds such that many things fall due at the same moment."""


class Device(RuleBasedStateMachine):
    """A device that nobody else uses, with any amount of use."""

    others: Others | None = None
    allocation: float | None = None

    def __init__(self) -> None:
        super().__init__()
        self.machine = DeviceScheduler(RULES, self.others, Shares({OWN: self.allocation}))
        self.record: list[Event] = []
        self.watch = Watch()
        self.now = 0.0
        self.jobs: list[str] = []
        self.workloads: list[str] = []
        self.refusing: set[str] = set()
        self.used: dict[str, float] = {}

    def took(self, events: list[Event]) -> None:
        for event in events:
            self.watch.see(event)
        self.record += events

    def some(self, names: list[str], number: int) -> str:
        return names[number % len(names)]

    @rule(
        mode=st.sampled_from(["dedicated", "batch"]), max_ttl=st.sampled_from([None, 5, 30]), after=QUARTERS
    )
    def open(self, mode: Any, max_ttl: int | None, after: float) -> None:
        self.now += after
        name = f"w{len(self.workloads)}"
        self.workloads.append(name)
        self.took(self.machine.open_workload(name, self.now, mode=mode, max_ttl=max_ttl))

    @rule(number=st.integers(0, 9), after=QUARTERS, limit=st.sampled_from([None, 2.0]), alone=st.booleans())
    def submit(self, number: int, after: float, limit: float | None, alone: bool) -> None:
        self.now += after / 10
        workload = None if alone or not self.workloads else self.some(self.workloads, number)
        name = f"j{len(self.jobs)}"
        try:
            events = self.machine.submit(name, self.now, workload=workload, limit_seconds=limit)
        except NotAccepting:
            assert workload is not None
            assert workload in self.refusing or self.machine.workload(workload).state == "closed"
            # Time has passed all the same.
            self.took(self.machine.advance(self.now))
            return
        assert workload not in self.refusing
        self.jobs.append(name)
        self.took(events)

    @rule(seconds=QUARTERS, failure=st.sampled_from([None, None, "it broke"]), all_of_them=st.booleans())
    def prepare(self, seconds: float, failure: str | None, all_of_them: bool) -> None:
        waiting = [job.id for job in self.machine.state.lanes.values() if job.prepared_at is None]
        for name in waiting if all_of_them else waiting[:1]:
            self.took(self.machine.prepared(name, self.now, qpu_seconds=seconds, failure=failure))

    @rule()
    def fail_in_preparation(self) -> None:
        for job in list(self.machine.state.lanes.values())[:1]:
            if not job.of_others:
                self.took(self.machine.failed_in_preparation(job.id, self.now, reason="too wide"))

    @precondition(lambda self: self.jobs)
    @rule(number=st.integers(0, 99), after=QUARTERS)
    def cancel(self, number: int, after: float) -> None:
        self.now += after / 10
        self.took(self.machine.cancel_job(self.some(self.jobs, number), self.now))

    @precondition(lambda self: self.workloads)
    @rule(number=st.integers(0, 9), accepting=st.sampled_from([False, False, True]))
    def set_accepting(self, number: int, accepting: bool) -> None:
        name = self.some(self.workloads, number)
        if self.machine.workload(name).state != "closed":
            (self.refusing.discard if accepting else self.refusing.add)(name)
        self.took(self.machine.set_accepting(name, self.now, accepting))

    @precondition(lambda self: self.workloads)
    @rule(number=st.integers(0, 9))
    def cancel_workload(self, number: int) -> None:
        name = self.some(self.workloads, number)
        self.took(self.machine.cancel_workload(name, self.now))
        self.refusing.add(name)

    @rule(after=QUARTERS)
    def wait(self, after: float) -> None:
        self.now += after
        self.took(self.machine.advance(self.now))

    @rule()
    def skip(self) -> None:
        """What the service does: jump to the end of modelled work, unless a client is waited for."""
        target, hold = self.machine.next_modelled(), self.machine.hold()
        if target is None or self.machine.waiting_for_client or (hold is not None and hold < target):
            return
        skipped, self.now = max(0.0, target - self.now), max(self.now, target)
        self.took(self.machine.skip(self.now, skipped))

    @rule(down=QUARTERS)
    def kill(self, down: float) -> None:
        """The service dies, and comes back with what is on disk: all of it but other users' jobs."""
        kept = [event for event in self.record if not of_others(event)]
        shares = Shares({OWN: self.allocation})
        shares.add(OWN, self.now, sum(self.used_by_our_reckoning().values()))
        self.machine = DeviceScheduler.replayed(kept, RULES, self.others, shares)
        self.record = kept
        self.watch.others_are_gone()
        self.took(self.machine.suspend(self.machine.now))
        self.now = max(self.now, self.machine.now) + down
        self.took(self.machine.advance(self.now))

    # ------------------------------------------------------------ what is always true

    @invariant()
    def replaying_the_record_gives_the_same_state(self) -> None:
        replayed = DeviceScheduler.replayed(self.record, RULES)
        expected, found = seen(self.machine.state), seen(replayed.state)
        for part, value in expected.items():
            assert found[part] == value, part

    @invariant()
    def usage_follows_from_the_rules_and_never_decreases(self) -> None:
        for name, reckoned in self.used_by_our_reckoning().items():
            held = self.machine.state.workloads.get(name)
            if held is not None:
                assert abs(workload_usage(held.history) - reckoned) < 0.01
            assert reckoned >= self.used.get(name, 0.0) - 0.01
            self.used[name] = reckoned

    @invariant()
    def what_lives_is_younger_than_its_maximum(self) -> None:
        state = self.machine.state
        for held in state.workloads.values():
            history = held.history
            if history.state != "closed" and history.first_started_at is not None:
                assert state.now < history.first_started_at + history.max_ttl + 1e-6
            times = [at for _, at in history.timestamps]
            assert times == sorted(times)

    @invariant()
    def time_goes_forward(self) -> None:
        times = [event.at for event in self.record[-50:]]
        assert times == sorted(times)

    def used_by_our_reckoning(self) -> dict[str, float]:
        """M7, M8 and M12 in other words than the program's: time by time, from the record alone."""
        return {name: used_in(self.record, name, self.now) for name in [*self.workloads]}

    def teardown(self) -> None:
        """Left alone, everything comes to its end, and every job has exactly one."""
        for name in self.workloads:
            self.took(self.machine.stop_accepting(name, self.now))
        for _ in range(10_000):
            self.prepare(1.0, None, True)
            if not any(job for job in self.machine.state.jobs if not job.startswith("~")):
                break
            self.now += 2.5
            if self.allocation is not None and not self.machine.state.lanes:
                self.now += 28 * 86_400  # It waits until the period has rolled on.
            self.took(self.machine.advance(self.now))
        ends = Counter(event.job for event in self.record if isinstance(event, JobFinished))
        assert {job: ends[job] for job in self.jobs} == dict.fromkeys(self.jobs, 1)
        self.took(self.machine.advance(self.now + RULES.unused_close + RULES.max_ttl + 1e6))
        assert all(held.history.state == "closed" for held in self.machine.state.workloads.values())
        self.replaying_the_record_gives_the_same_state()


class Watch:
    """Looks at each event as it comes, with a memory of its own."""

    def __init__(self) -> None:
        self.lanes: dict[str, str | None] = {}
        self.on_qpu: str | None = None
        self.dedicated: set[str] = set()
        self.active: str | None = None
        self.ended: set[str] = set()

    def others_are_gone(self) -> None:
        self.lanes = {job: of for job, of in self.lanes.items() if not job.startswith("~")}
        if self.on_qpu is not None and self.on_qpu.startswith("~"):
            self.on_qpu = None

    def see(self, event: Event) -> None:
        match event:
            case WorkloadOpened(mode="dedicated"):
                self.dedicated.add(event.workload)
            case WorkloadActivated() if event.workload in self.dedicated:
                assert self.active in (None, event.workload)
                self.active = event.workload
            case WorkloadInactivated() | WorkloadClosed() if event.workload == self.active:
                self.active = None
            case JobQueued():
                assert event.job not in self.ended
            case JobStarted():
                assert self.active is None or event.workload == self.active, "M3: exclusive access"
                self.lanes[event.job] = event.workload
                assert len(self.lanes) <= 5, "M17: five lanes"
            case JobPrepared() | JobReady():
                assert event.job in self.lanes
            case JobOnQpu():
                assert self.on_qpu is None, "M17: one job on the QPU"
                assert self.active is None or event.workload == self.active, "M3: exclusive access"
                self.on_qpu = event.job
            case JobFinished() | JobRequeued():
                self.lanes.pop(event.job, None)
                if self.on_qpu == event.job:
                    self.on_qpu = None
                if isinstance(event, JobFinished):
                    assert event.job not in self.ended, "no job ends twice"
                    self.ended.add(event.job)
            case OthersLeft():
                self.others_are_gone()


def used_in(record: list[Event], workload: str, now: float) -> float:
    """A batch: what its jobs used. A session: the time in which it was active, or closed with a job running."""
    mine = [event for event in record if event.workload == workload]
    opened = mine[0]
    assert isinstance(opened, WorkloadOpened)
    if opened.mode == "batch":
        jobs = {event.job for event in mine if isinstance(event, JobEvent)}
        return sum(job_usage(JobHistory.of(job, mine)) for job in jobs)
    total, state, running, since = 0.0, "open", set(), opened.at
    window = 0.0
    for event in mine:
        if state == "active" or (state == "closed" and running):
            window += event.at - since
        since = event.at
        match event:
            case JobStarted():
                running.add(event.job)
            case JobFinished() | JobRequeued():
                running.discard(event.job)
            case WorkloadActivated():
                state = "active"
            case WorkloadInactivated():
                state = "inactive"
            case WorkloadClosed():
                state = "closed"
        if not (state == "active" or (state == "closed" and running)):
            # Only a window that has ended counts: while it lasts, usage is not told.
            total, window = total + window, 0.0
    return total


def seen(state: DeviceState) -> dict[str, Any]:
    """All of a state but how far its time has gone."""
    return {
        "jobs": {name: vars(job) for name, job in state.jobs.items()},
        "order": {instance: list(queue) for instance, queue in state.queues.items()},
        "lanes": {lane: job.id for lane, job in state.lanes.items()},
        "qpu": state.on_qpu and state.on_qpu.id,
        "others": (list(state.others), state.others_until),
        "active": list(state.active),
        "over": sorted(state.over),
        "skipped": state.skipped,
        "workloads": {
            name: (
                held.history.to_dict(),
                held.idle_since,
                held.idle_mark,
                list(held.jobs),
                list(held.queued),
            )
            for name, held in state.workloads.items()
        },
    }


class SharedDevice(Device):
    """One that other users keep busy."""

    others = Others(Background("test", jobs_per_hour=600, mean_seconds=5, seed=1), "ideal")


class LimitedDevice(Device):
    """One whose instance has an allocation that is soon used up."""

    allocation = 15.0


LONG = int(os.environ.get("QRUN_LONG_TESTS", "0"))
SETTINGS = settings(
    max_examples=LONG or 60,
    stateful_step_count=60 if LONG else 30,
    deadline=None,
    derandomize=not LONG,
    # Making a failing story short takes minutes, which the long run has.
    phases=list(Phase) if LONG else [Phase.explicit, Phase.reuse, Phase.generate],
    suppress_health_check=list(HealthCheck),
)
TestDevice = Device.TestCase
TestSharedDevice = SharedDevice.TestCase
TestLimitedDevice = LimitedDevice.TestCase
TestDevice.settings = TestSharedDevice.settings = TestLimitedDevice.settings = SETTINGS
