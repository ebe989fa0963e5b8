"""How often a service is asked, and how long ago something was, on a machine that may sleep meanwhile."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field

LONGEST_INTERVAL = 15.0
"""Seconds between two questions once a run has been waiting long; IBM asks clients to be sparing."""
LOOP_INTERVAL = 0.1
"""Seconds between two questions inside a session that a loop waits on, because waiting there is billed."""
BACK_OFF = 1.3
SLEPT = 5.0
"""Seconds by which the wall clock must outrun the other one to say that the machine has slept."""
OUTAGE_PATIENCE = 3.0
"""Seconds without an answer before anybody is told: a single request that failed is not worth a word."""


@dataclass(frozen=True)
class Stopwatch:
    """Seconds since it was made, those included in which the machine slept."""

    _monotonic: float = field(default_factory=lambda: time.monotonic())
    _wall: float = field(default_factory=lambda: time.time())

    @property
    def seconds(self) -> float:
        """Seconds that have passed.

        The monotonic clock stands still while a machine sleeps, the wall clock may be set back: the one that
        says more is right.
        """
        return max(self.awake, time.time() - self._wall)

    @property
    def awake(self) -> float:
        """Seconds that have passed, those not included in which the machine slept."""
        return time.monotonic() - self._monotonic


def pause(seconds: float) -> bool:
    """Wait; come back at once where the machine has slept meanwhile.

    Returns:
        Whether it has.
    """
    watch = Stopwatch()
    while (left := seconds - watch.awake) > 0:
        time.sleep(min(left, 1.0))
        if watch.seconds - watch.awake > SLEPT:
            return True
    return False


class Pace:
    """The interval between two questions: short at first and after each change, longer while nothing happens.

    Args:
        first: Seconds after which to ask again at first.
        longest: Seconds that the interval grows to.
    """

    def __init__(self, first: float, longest: float = LONGEST_INTERVAL) -> None:
        self._first = first
        self._longest = max(first, longest)
        self._requests = 1
        self.interval = first

    def asked(self, requests: int, *, changed: bool) -> None:
        """A question has been answered.

        Args:
            requests: How many requests it took. A run of many pages is asked for less often, so
                that it makes no more requests a second than a small one.
            changed: Whether the answer was another than before.
        """
        self._requests = max(1, requests)
        if changed:
            self.interval = min(self._first * self._requests, self._longest)

    def soon(self) -> None:
        """Ask again as at first: the machine has been asleep."""
        self.interval = self._first

    def slower(self) -> None:
        """Nothing has changed, or nobody answers."""
        grown = max(self.interval * BACK_OFF, self._first * self._requests)
        self.interval = min(grown, self._longest)


class Outage:
    """Tells that the service does not answer, once it has lasted, and that it answers again.

    Args:
        lost: Told why there is no answer.
        back: Told after how many seconds there is one again.
    """

    def __init__(self, lost: Callable[[str], None], back: Callable[[float], None]) -> None:
        self._lost = lost
        self._back = back
        self._since: Stopwatch | None = None
        self._told = False

    def failed(self, message: str) -> None:
        """A request has failed."""
        self._since = self._since or Stopwatch()
        if not self._told and self._since.seconds >= OUTAGE_PATIENCE:
            self._told = True
            self._lost(message)

    def answered(self) -> None:
        """The service has answered."""
        if self._told and self._since is not None:
            self._back(self._since.seconds)
        self._since, self._told = None, False
