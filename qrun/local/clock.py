"""The service clock of a device, and the one place that decides how fast it goes."""

from __future__ import annotations

import time
from collections.abc import Callable
from enum import Enum

from qrun.local.scheduling import DeviceScheduler


class Pace(Enum):
    """How modelled waiting passes."""

    SKIP = "skip"
    """At once: nobody waits for a QPU that is only modelled."""
    REAL = "real"
    """As long as it would take."""


class ServiceClock:
    """Real time and an offset, in seconds since 1970; it never goes back.

    It jumps over modelled waiting and it is held while something real has to be computed first, so neither
    a fast nor a slow simulator changes how long a job takes on the device.

    Args:
        offset: Seconds that service time is ahead of real time.
        not_before: A moment of service time that has already been.
        real: What tells the real time, in seconds since 1970.
    """

    def __init__(
        self, offset: float = 0.0, not_before: float = 0.0, real: Callable[[], float] = time.time
    ) -> None:
        self._real = real
        self.offset = offset
        self._latest = not_before
        self._hold: float | None = None

    def now(self) -> float:
        """The moment on the service clock."""
        moment = self._real() + self.offset
        if self._hold is not None and moment > self._hold:
            self.offset -= moment - self._hold
            moment = self._hold
        if moment < self._latest:
            # The real clock was set back. Time goes on from here, instead of standing still until then.
            self.offset += self._latest - moment
            moment = self._latest
        self._latest = moment
        return moment

    def hold_at(self, moment: float | None) -> None:
        """Do not pass ``moment`` until this is called again; None lets the clock go on."""
        self.now()
        self._hold = None if moment is None else max(moment, self._latest)

    def jump(self, to: float) -> float:
        """Be at ``to`` now; without effect if that has passed.

        Returns:
            The seconds that were jumped over.
        """
        seconds = max(0.0, to - self.now())
        self.offset += seconds
        return seconds

    def catch_up(self) -> None:
        """Go to real time where holding has put it behind. Only for a device with nothing to do."""
        self.offset = max(self.offset, 0.0)


GATHER_SECONDS = 0.3
"""Real seconds after a job in which nothing is skipped, if its session or batch takes more and has jobs that
run. A client needs 0.1 to 0.2 s to send the next one; were the first already over by then, jobs would run one
after the other with their classical stages apart, and never fill the lanes together as they do on IBM's
service: a session would be billed for it (M7, M17)."""


def skip_to(machine: DeviceScheduler, pace: Pace, gathering: bool = False) -> float | None:
    """The moment that the clock may jump to: the end of the modelled work that is next; None if it may not.

    It may not where a preparation has to be over first, and not while an active session or batch waits for
    its client, whose thinking takes real time.

    Args:
        machine: The device.
        pace: How modelled waiting passes.
        gathering: Whether more jobs of a session or batch are to be expected within :data:`GATHER_SECONDS`.
    """
    if pace is Pace.REAL or gathering or machine.waiting_for_client:
        return None
    moment, hold = machine.next_modelled(), machine.hold()
    if moment is None or (hold is not None and hold < moment):
        return None
    return moment
