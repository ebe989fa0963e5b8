"""What each instance has used of its share: who comes next, and who has to wait (facts B9, G3)."""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Callable, Mapping
from itertools import islice

DAY = 86_400.0

PERIOD = 28 * DAY
"""The rolling period that usage is counted over (facts F1)."""

NEUTRAL = 0.5
"""The used fraction of an instance that has no allocation. Our choice: IBM's text speaks of fractions alone,
so an instance that has none stands in the middle of those that have."""


class Shares:
    """Seconds that instances have used within a rolling period.

    One object serves all devices of a service, since an allocation is the instance's and not a device's. It
    remembers what it is told and has no clock: devices that are hours apart differ by as little here.

    Args:
        allocations: Instance → seconds that it may use within the period; None for no bound.
        period: Length of the period in seconds; None counts everything since the beginning.
        fixed: Instances whose used fraction does not change → that fraction.
    """

    def __init__(
        self,
        allocations: Mapping[str, float | None] | None = None,
        *,
        period: float | None = PERIOD,
        fixed: Mapping[str, float] | None = None,
    ) -> None:
        self._allocations = dict(allocations or {})
        self._period = period
        self._fixed = dict(fixed or {})
        self._entries: dict[str, list[tuple[float, float]]] = {}
        self._totals: dict[str, float] = {}
        self.running: Callable[[str], float] = lambda _: 0.0
        """Tells the seconds that an instance is using and :meth:`add` is told of when they have ended."""

    def add(self, instance: str, at: float, seconds: float) -> None:
        """``instance`` has used ``seconds`` more, which ended at ``at``."""
        if seconds > 0 and instance not in self._fixed:
            insort(self._entries.setdefault(instance, []), (at, seconds))
            self._totals[instance] = self._totals.get(instance, 0.0) + seconds

    def used(self, instance: str, at: float) -> float:
        """Seconds that ``instance`` has used within the period that ends at ``at``, with what is running."""
        entries = self._entries.get(instance, [])
        # Nothing is let go of here: another device may be at an earlier moment.
        over = 0 if self._period is None else bisect_left(entries, (at - self._period, 0.0))
        left = self._totals.get(instance, 0.0) + self.running(instance)
        for _, seconds in islice(entries, over):
            left -= seconds
        return max(0.0, round(left, 3))

    def forget_before(self, moment: float) -> None:
        """Let go of what has left the period that ends at ``moment``: no device is at an earlier one."""
        if self._period is None:
            return
        for instance, entries in self._entries.items():
            over = bisect_left(entries, (moment - self._period, 0.0))
            if over:
                del entries[:over]
                self._totals[instance] = sum(seconds for _, seconds in entries)

    def fraction(self, instance: str, at: float) -> float:
        """The part of its allocation that ``instance`` has used; 1 and more at its limit."""
        if (fixed := self._fixed.get(instance)) is not None:
            return fixed
        allocation = self._allocations.get(instance)
        if allocation is None:
            return NEUTRAL
        return self.used(instance, at) / allocation if allocation > 0 else 1.0

    def reached(self, instance: str, at: float) -> bool:
        """Whether ``instance`` has used its allocation: what is active goes on, what is queued waits (G3)."""
        return self._allocations.get(instance) is not None and self.fraction(instance, at) >= 1

    def free_at(self, instance: str) -> float | None:
        """When enough of its use has left the period for ``instance`` to go on; None if never."""
        allocation = self._allocations.get(instance)
        if allocation is None or allocation <= 0 or self._period is None:
            return None
        left = self._totals.get(instance, 0.0) + self.running(instance)
        for ended_at, seconds in self._entries.get(instance, []):
            left -= seconds
            if round(left, 3) < allocation:
                # A second later, so that rounding does not leave it within the period.
                return ended_at + self._period + 1.0
        return None
