"""One device in operation: its machine, its clock, and the timer that wakes it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from qrun.local.clock import GATHER_SECONDS, Pace, ServiceClock, skip_to
from qrun.local.scheduling import DeviceScheduler
from qrun.local.scheduling.events import Event, JobQueued

_MOST_STEPS = 100
"""Skips in one go; after that the event loop answers whoever has asked meanwhile."""


class Desk:
    """Drives a machine on the event loop. It sleeps until something is asked of it or falls due.

    Args:
        name: The device.
        machine: Its state machine.
        clock: Its service clock.
        pace: How modelled waiting passes.
        record: Called with every list of events, in order, as they come.
    """

    def __init__(
        self,
        name: str,
        machine: DeviceScheduler,
        clock: ServiceClock,
        pace: Pace,
        record: Callable[[Desk, list[Event]], None],
    ) -> None:
        self.name = name
        self.machine = machine
        self.clock = clock
        self._pace = pace
        self._record = record
        self._timer: asyncio.TimerHandle | None = None
        self._stopped = False
        self._gathering: dict[str, float] = {}
        """Sessions and batches that a job came for lately → when that gathering ends on the loop's clock."""

    def do(self, action: Callable[[float], list[Event]]) -> None:
        """Let ``action`` happen now, and then whatever follows from it.

        Raises:
            NotAccepting: As ``action`` does; only time has passed then.
        """
        try:
            self._take(action(self.clock.now()))
        finally:
            self.settle()

    def settle(self) -> None:
        """Let everything happen that is due, skip what may be skipped, and set the timer for the rest."""
        for _ in range(_MOST_STEPS):
            self.clock.hold_at(self.machine.hold())
            self._take(self.machine.advance(self.clock.now()))
            self.clock.hold_at(self.machine.hold())
            target = skip_to(self.machine, self._pace, self._gathering_left() > 0)
            if target is None:
                break
            skipped = self.clock.jump(target)
            self._take(self.machine.skip(self.clock.now(), skipped))
        else:
            self._clear_timer()
            if not self._stopped:
                self._timer = asyncio.get_running_loop().call_later(0, self.settle)
            return
        if self.machine.idle:
            self.clock.catch_up()
        self._set_timer()

    def stop(self) -> None:
        """Be woken no more, ever."""
        self._stopped = True
        self._clear_timer()

    def _clear_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _take(self, events: list[Event]) -> None:
        if not events:
            return
        for event in events:
            if isinstance(event, JobQueued) and event.workload is not None:
                self._gathering[event.workload] = asyncio.get_running_loop().time() + GATHER_SECONDS
        self._record(self, events)

    def _gathering_left(self) -> float:
        """Real seconds in which more jobs are to be expected that would overlap with those that run."""
        now = asyncio.get_running_loop().time()
        self._gathering = {
            name: end for name, end in self._gathering.items() if end > now and self.machine.accepts(name)
        }
        ends = (end for name, end in self._gathering.items() if self.machine.runs(name))
        return max(ends, default=now) - now

    def _set_timer(self) -> None:
        self._clear_timer()
        if self._stopped:
            return
        timer, hold = self.machine.next_timer(), self.machine.hold()
        if timer is None or (hold is not None and hold < timer.at):
            return  # Nothing is due, or a preparation comes first and calls when it is over.
        delay = max(0.0, timer.at - self.clock.now())
        if (gathering := self._gathering_left()) > 0:
            delay = min(delay, gathering)
        self._timer = asyncio.get_running_loop().call_later(delay, self.settle)
