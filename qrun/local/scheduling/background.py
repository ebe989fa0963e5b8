"""Other users' jobs: a stream of arrivals that is a function of a seed and the time.

Nothing of it exists until somebody asks. So a device on which nobody waits costs nothing, and one on which
somebody does has the same queue whenever, and however often, it is asked for.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from random import Random

from qrun.local.scheduling.events import OTHERS

BIN_SECONDS = 3600
"""Arrivals are drawn an hour at a time, each hour from a seed of its own."""

LOOK_BACK_BINS = 12
"""Hours before a moment whose arrivals may still be in the queue then. At the level ``busy`` a queue forgets
in three hours: mean service time / (1 - sqrt(load))², the relaxation time of a queue with one server."""

SPREAD = 1.0
"""Standard deviation of the logarithm of a job's QPU time, which is log-normal: most jobs are short, a few
are long. Our choice."""

OTHER_INSTANCES = 8
"""Instances that other users' jobs come from. Our choice; their used fractions are spread evenly over 0–1."""

MOST_LOAD = 0.98
"""Largest share of the QPU's time that others may ask for: above it a queue would hardly ever end."""


@dataclass(frozen=True)
class Arrival:
    """Another user's job: what there is to know of it.

    Args:
        at: When it comes, in seconds of the device's service clock.
        job: Its ID, which is no ID of a job of ours.
        instance: Whose it is.
        qpu_seconds: What it needs of the QPU, or still needs.
    """

    at: float
    job: str
    instance: str
    qpu_seconds: float


@dataclass(frozen=True)
class Background:
    """How busy other users keep each device.

    Args:
        name: What it is called.
        jobs_per_hour: Mean rate of arrivals (a Poisson process), on each device.
        mean_seconds: Mean QPU time of a job (log-normal, see :data:`SPREAD`).
        seed: Makes it repeatable.

    Raises:
        ValueError: The numbers make no sense, or the queue would only grow.
    """

    name: str = "none"
    jobs_per_hour: float = 0.0
    mean_seconds: float = 30.0
    seed: int = 0

    def __post_init__(self) -> None:
        if not (math.isfinite(self.jobs_per_hour) and self.jobs_per_hour >= 0):
            raise ValueError("jobs_per_hour must be 0 or more")
        if not (math.isfinite(self.mean_seconds) and self.mean_seconds > 0):
            raise ValueError("mean_seconds must be more than 0")
        if self.load > MOST_LOAD:
            raise ValueError(
                f"{self.jobs_per_hour:g} jobs an hour of {self.mean_seconds:g} s are {self.load:.0%} of the"
                f" QPU's time; at most {MOST_LOAD:.0%}, or the queue would only grow"
            )

    @property
    def load(self) -> float:
        """The share of the QPU's time that others ask for."""
        return self.jobs_per_hour * self.mean_seconds / 3600

    def fractions(self) -> dict[str, float]:
        """Other users' instances → what they have used of their allocations (facts B9)."""
        return {_instance(number): (number + 0.5) / OTHER_INSTANCES for number in range(OTHER_INSTANCES)}


LEVELS = {
    "none": Background("none"),
    "quiet": Background("quiet", jobs_per_hour=24, mean_seconds=30),
    "busy": Background("busy", jobs_per_hour=108, mean_seconds=30),
}
"""Levels by name: no other user, a fifth of the QPU's time, nine tenths of it. Our choice."""


@dataclass(frozen=True)
class Others:
    """Other users' jobs on one device.

    Args:
        background: How busy they are.
        device: Its name, so that devices differ.
    """

    background: Background
    device: str

    def waiting(self, at: float) -> list[Arrival]:
        """Their jobs that have come and not ended at ``at``, in order, had nobody else used the device.

        The first of them may hold the QPU: it needs only the rest of its time.
        """
        left = []
        for arrival, start in _served(self.background, self.device, _bin(at)):
            end = start + arrival.qpu_seconds
            if arrival.at <= at < end:
                rest = min(arrival.qpu_seconds, end - at)
                left.append(Arrival(arrival.at, arrival.job, arrival.instance, rest))
        return left

    def next_after(self, at: float) -> Arrival | None:
        """The first of their jobs to come after ``at``; None where hardly any come."""
        for number in range(_bin(at), _bin(at) + LOOK_BACK_BINS):
            arrivals = _arrivals(self.background, self.device, number)
            place = bisect_right(arrivals, at, key=lambda arrival: arrival.at)
            if place < len(arrivals):
                return arrivals[place]
        return None


def _bin(at: float) -> int:
    return int(at // BIN_SECONDS)


def _instance(number: int) -> str:
    return f"{OTHERS}{number}"


@lru_cache(maxsize=4096)
def _arrivals(background: Background, device: str, number: int) -> tuple[Arrival, ...]:
    if background.jobs_per_hour == 0:
        return ()
    return tuple(_drawn(background, device, number))


def _drawn(background: Background, device: str, number: int) -> Iterator[Arrival]:
    random = Random(f"{background.seed}/{device}/{number}")  # noqa: S311
    # The mean of exp(N(mu, s)) is exp(mu + s²/2).
    mu = math.log(background.mean_seconds) - SPREAD**2 / 2
    moment = number * float(BIN_SECONDS)
    for count in range(10 * BIN_SECONDS):
        moment += random.expovariate(background.jobs_per_hour / 3600)
        if moment >= (number + 1) * BIN_SECONDS:
            return
        seconds = round(random.lognormvariate(mu, SPREAD), 3) + 0.001
        instance = _instance(random.randrange(OTHER_INSTANCES))
        yield Arrival(moment, f"{OTHERS}{number}-{count}", instance, seconds)


@lru_cache(maxsize=256)
def _served(background: Background, device: str, last: int) -> tuple[tuple[Arrival, float], ...]:
    """Arrivals up to the end of hour ``last`` with the moments at which the QPU begins them, one by one."""
    served = []
    free = -math.inf
    for number in range(last - LOOK_BACK_BINS, last + 1):
        for arrival in _arrivals(background, device, number):
            start = max(arrival.at, free)
            free = start + arrival.qpu_seconds
            if free >= last * BIN_SECONDS:
                served.append((arrival, start))
    return tuple(served)
