"""How a device's clock goes: with real time, jumping over modelled waiting, held while something is computed."""

from __future__ import annotations

from rehearsal import Rehearsal

from qrun.local.clock import Pace, ServiceClock, skip_to


class Real:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def test_it_goes_with_real_time_and_jumps_ahead_of_it() -> None:
    real = Real()
    clock = ServiceClock(real=real)
    clock.jump(130)
    real.now += 5
    assert clock.now() == 135
    clock.jump(120)
    assert clock.now() == 135


def test_it_is_held_and_goes_on_from_there() -> None:
    real = Real()
    clock = ServiceClock(real=real)
    clock.hold_at(101)
    real.now += 60
    assert clock.now() == 101
    clock.hold_at(None)
    real.now += 2
    assert clock.now() == 103
    assert clock.offset == -59
    clock.catch_up()
    assert clock.now() == 162


def test_it_never_goes_back() -> None:
    real = Real()
    clock = ServiceClock(not_before=500, real=real)
    assert clock.now() == 500
    real.now = 499
    assert clock.now() == 899


def test_when_the_real_clock_is_set_back_it_goes_on_from_where_it_was() -> None:
    real = Real()
    clock = ServiceClock(real=real)
    real.now = 200
    assert clock.now() == 200
    real.now -= 3600
    assert clock.now() == 200
    real.now += 5
    assert clock.now() == 205
    clock.hold_at(206)
    real.now -= 3600
    assert clock.now() == 205
    real.now += 10
    assert clock.now() == 206
    clock.hold_at(None)
    clock.jump(300)
    real.now += 1
    assert clock.now() == 301


def test_modelled_waiting_is_skipped_unless_the_pace_is_real() -> None:
    device = Rehearsal()
    device.run("a", at=0, qpu_seconds=100)
    assert skip_to(device.machine, Pace.SKIP) == 1
    device.until(1)
    assert skip_to(device.machine, Pace.SKIP) == 101
    assert skip_to(device.machine, Pace.REAL) is None
    assert skip_to(device.machine, Pace.SKIP, gathering=True) is None


def test_nothing_is_skipped_past_a_preparation_that_is_not_over() -> None:
    device = Rehearsal()
    device.run("a", at=0, qpu_seconds=100)
    device.submit("b", at=0.5)
    assert skip_to(device.machine, Pace.SKIP) == 1  # the end of a's classical stage; b's is later
    device.until(1)
    assert skip_to(device.machine, Pace.SKIP) is None
    device.prepare("b", at=1, qpu_seconds=1)
    assert skip_to(device.machine, Pace.SKIP) == 1.5


def test_nothing_is_skipped_while_a_client_thinks() -> None:
    device = Rehearsal()
    device.session("s", at=0)
    device.run("a", at=0, qpu_seconds=2, workload="s")
    device.until(3)
    assert device.machine.waiting_for_client
    assert skip_to(device.machine, Pace.SKIP) is None
