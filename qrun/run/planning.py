"""A run planned: all that ``submit`` would do but sending it, and what it would cost."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from qrun.errors import ServiceError
from qrun.plan.estimate import UNCERTAINTY
from qrun.plan.forecast import Forecast, job_record
from qrun.plan.price import Price
from qrun.plan.refusal import check_allocation, check_budget, check_job_limit
from qrun.plan.savings import Saving, savings
from qrun.run.estimating import estimate_prepared, times_of
from qrun.run.prepare import Ready
from qrun.runtime.client import RuntimeClient
from qrun.runtime.control import ControlChannel
from qrun.runtime.spending import InstanceUsage, instance_usage
from qrun.workload.load import ESTIMATOR


@dataclass(frozen=True)
class PlannedRun:
    """A plan with its price, and what would lower it."""

    ready: Ready
    price: Price
    instance: InstanceUsage | None
    """What the instance has used; ``None`` where the service does not tell."""
    modes: tuple[Forecast, ...]
    packings: tuple[Forecast, ...]
    savings: tuple[Saving, ...]

    @property
    def own(self) -> Forecast:
        """The run as it would be sent."""
        return self.packings[0]

    @property
    def share(self) -> float | None:
        """Its usage as a part of what the instance has left."""
        left = self.instance.remaining_seconds if self.instance else None
        return None if not left else self.own.outcome.usage_seconds / left

    def as_dict(self) -> dict[str, Any]:
        """As ``--json`` prints it."""
        ready, plan = self.ready, self.ready.plan
        names = [pub.name for pub in ready.workload.pubs]
        own = {k: v for k, v in self._priced(self.own).items() if k not in ("name", "mode", "jobs")}
        return {
            "name": ready.workload.name,
            "file": ready.workload.document.path,
            "backend": ready.backend.name,
            "mode": {
                "chosen": plan.choice.mode,
                "reason": plan.choice.reason,
                "advised": plan.advised.mode,
                "more_than_advised_seconds": beyond_advice(ready),
            },
            **own,
            "price_per_second": self.price.per_second,
            "price_source": self.price.source,
            "remaining_seconds": self.instance.remaining_seconds if self.instance else None,
            "share_of_remaining": self.share,
            "modes": [self._priced(forecast) for forecast in self.modes],
            "packings": [self._priced(forecast) for forecast in self.packings],
            "jobs": [
                {
                    "primitive": planned.primitive,
                    **job_record(job),
                    "pubs": [
                        {
                            "index": pub.index,
                            "name": names[pub.index],
                            "executions": pub.executions,
                            "seconds": round(pub.seconds, 6),
                        }
                        for pub in job.pubs
                    ],
                }
                for planned, job in zip(ready.planned, plan.jobs, strict=True)
            ],
            # What a loop takes is its optimizer's to say.
            "loops_not_reckoned": [loop.name for loop in ready.workload.loops],
            "savings": [
                {"seconds": s.seconds, "price": self.price.of(s.seconds), "text": s.text}
                for s in self.savings
            ],
            "uncertainty": UNCERTAINTY,
        }

    def _priced(self, forecast: Forecast) -> Mapping[str, Any]:
        return {**forecast.as_dict(), "price": self.price.of(forecast.outcome.usage_seconds)}


def plan_run(ready: Ready, client: RuntimeClient, price: Price) -> PlannedRun:
    """Plan a prepared run. Nothing is sent and nothing opened.

    Raises:
        ServiceError: The service can't be reached.
    """
    times = times_of(ready.backend)
    return PlannedRun(
        ready=ready,
        price=price,
        instance=usage_of_instance(client),
        modes=tuple(ready.plan.modes()),
        packings=tuple(ready.plan.packings()),
        savings=tuple(
            savings(
                ready.workload.pubs,
                ready.planned,
                ready.plan.jobs,
                times,
                mitigation_seconds=_mitigation_seconds(ready, client),
            )
        ),
    )


def refuse_beyond_limits(ready: Ready, client: RuntimeClient) -> None:
    """Refuse a run that is reckoned to need more than its budget or its instance allows.

    Raises:
        LimitError: It is.
    """
    check_job_limit(ready.plan)
    check_budget(ready.plan, ready.budget)
    instance = usage_of_instance(client)
    check_allocation(ready.plan, instance.remaining_seconds if instance else None)


def beyond_advice(ready: Ready) -> float | None:
    """Seconds of usage beyond the mode that auto would choose; ``None`` where it is that mode."""
    plan = ready.plan
    if plan.choice.mode == plan.advised.mode:
        return None
    return round(plan.usage_seconds(plan.choice.mode) - plan.usage_seconds(plan.advised.mode), 3)


def usage_of_instance(client: RuntimeClient) -> InstanceUsage | None:
    """What the instance has used of what it may use; ``None`` where the service does not tell."""
    try:
        with ControlChannel(client.account.at_instance(client.instance)) as channel:
            return instance_usage(channel)
    except ServiceError:
        # Not everybody who may run jobs may read the usage; the service itself still minds its limits.
        return None


def _mitigation_seconds(ready: Ready, client: RuntimeClient) -> float:
    """What error mitigation takes: the Estimator's jobs prepared once more, at level 0."""
    times, saved = times_of(ready.backend), 0.0
    isa = ready.compilation.pubs
    generation = ready.workload.file.defaults.primitives
    for planned, estimate in zip(ready.planned, ready.plan.jobs, strict=True):
        if planned.primitive != ESTIMATOR or planned.options.get("resilience_level") == 0:
            continue
        kept = {name: value for name, value in planned.options.items() if name != "resilience"}
        plain = replace(planned, options={**kept, "resilience_level": 0})
        prepared = client.prepare(
            plain.primitive,
            [isa[index].as_tuple() for index in plain.pubs],
            backend=ready.backend,
            options=plain.options,
            tags=(),
            precision=plain.precision,
            generation=generation,
        )
        reckoned = estimate_prepared(plain, prepared, isa, client, ready.backend, times)
        saved += estimate.qpu_seconds - reckoned.qpu_seconds
    return saved
