"""What the plan of an instance allows, costs and limits."""

from __future__ import annotations

from dataclasses import dataclass, field

from qrun.local.scheduling.rules import Rules
from qrun.local.scheduling.shares import DAY

PERIOD_DAYS = 28
"""Length of the rolling period of usage (facts F1, G2)."""


@dataclass(frozen=True)
class Plan:
    """An instance's profile.

    Args:
        name: As clients are told it, such as ``open``.
        allocation_seconds: Seconds of usage within the period at which queued jobs wait; None for no bound.
        limit_seconds: Seconds of usage within the period at which jobs are refused; None for no bound.
        price_per_second: In US dollars; None where nothing is paid by the second.
        sessions: Whether sessions may be opened.
        period_days: Length of the rolling period in days; None counts since the instance was made.
        devices: The devices that it has; None for all ordinary ones.
        extra_devices: Devices that it has beyond those.
        rules: Its times to live and limits.
    """

    name: str
    allocation_seconds: float | None = None
    limit_seconds: float | None = None
    price_per_second: float | None = None
    sessions: bool = True
    period_days: int | None = PERIOD_DAYS
    devices: tuple[str, ...] | None = None
    extra_devices: tuple[str, ...] = ()
    rules: Rules = field(default_factory=Rules)

    @property
    def period_seconds(self) -> float | None:
        """Length of the rolling period in seconds."""
        return None if self.period_days is None else self.period_days * DAY

    def cost(self, seconds: float) -> float | None:
        """What ``seconds`` of usage cost, in US dollars."""
        return None if self.price_per_second is None else round(seconds * self.price_per_second, 2)

    def names_devices(self, ordinary: list[str]) -> list[str]:
        """The devices of the instance, of the ``ordinary`` ones and beyond."""
        chosen = ordinary if self.devices is None else [name for name in ordinary if name in self.devices]
        return [*chosen, *(name for name in self.extra_devices if name not in chosen)]


PLANS = {
    # What the service is without being told otherwise: everything, for nothing.
    "local": Plan("local"),
    # 10 minutes in 28 days, no sessions; maximum TTL and job limit 10 minutes (facts B3, E3, G2).
    "open": Plan(
        "open", allocation_seconds=600, sessions=False, rules=Rules(max_ttl=600, max_job_seconds=600)
    ),
    # $1.60 a second; its costs are counted since it was made (facts G2, G3).
    "payg": Plan("pay-as-you-go", price_per_second=1.60, period_days=None),
    # A subscription. Its allocation is a matter of the contract, so it has none here: see the TOML.
    "premium": Plan("premium"),
}
"""Plans by the name that ``--plan`` takes."""
