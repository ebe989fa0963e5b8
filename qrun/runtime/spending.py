"""What a service says of all workloads of an instance, and of the instance's own usage."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import parse_qs, urlparse

from qrun.errors import ServiceError
from qrun.runtime.control import ControlChannel
from qrun.runtime.records import Usage, parse_time, usage_of

PAGE = 50
"""Most workloads a page that ``GET /workloads`` gives."""


@dataclass(frozen=True)
class ListedWorkload:
    """A job that runs alone, a batch or a session, as the service's list of workloads has it."""

    id: str
    mode: str
    """``job``, ``batch`` or ``session``."""
    backend: str | None
    instance: str | None
    status: str
    """``pending``, ``in_progress``, ``completed``, ``failed`` or ``canceled``."""
    created: datetime | None
    ended: datetime | None
    tags: tuple[str, ...]
    usage: Usage


@dataclass(frozen=True)
class InstanceUsage:
    """What an instance has used of what it may use, in seconds."""

    consumed_seconds: float
    limit_seconds: float | None
    allocation_seconds: float | None
    period_start: datetime | None
    period_end: datetime | None
    limit_reached: bool

    @property
    def bound_seconds(self) -> float | None:
        """The nearer of limit and allocation; ``None`` where there is neither."""
        known = [bound for bound in (self.limit_seconds, self.allocation_seconds) if bound is not None]
        return min(known, default=None)

    @property
    def remaining_seconds(self) -> float | None:
        """What is left; ``None`` where nothing bounds it."""
        bound = self.bound_seconds
        return None if bound is None else max(0.0, round(bound - self.consumed_seconds, 3))


def workloads_since(channel: ControlChannel, since: datetime) -> Iterator[ListedWorkload]:
    """Workloads created since a time, the newest first.

    Args:
        channel: The channel to the instance.
        since: The time.

    Raises:
        ServiceError: The service failed, or answered something else.
    """
    cursor: str | None = None
    seen: set[str] = set()
    while True:
        params: list[tuple[str, str | int]] = [("limit", PAGE), ("sort", "-createdAt")]
        params.append(("created_after", since.isoformat()))
        params += [("next", cursor)] if cursor else []
        page = channel.get("/workloads", params)
        fresh = [item for item in _items(page) if item.id not in seen]
        yield from fresh
        seen.update(item.id for item in fresh)
        cursor = _cursor(page)
        # A page of what has been seen leads nowhere, whatever its cursor says.
        if cursor is None or not fresh:
            return


def instance_usage(channel: ControlChannel) -> InstanceUsage:
    """What the instance has used.

    Raises:
        ServiceError: The service failed, or answered something else.
    """
    data = channel.get("/instances/usage")
    try:
        period = data.get("usage_period") or {}
        return InstanceUsage(
            consumed_seconds=float(data["usage_consumed_seconds"]),
            limit_seconds=_number(data.get("usage_limit_seconds")),
            allocation_seconds=_number(data.get("usage_allocation_seconds")),
            period_start=parse_time(period.get("start_time")),
            period_end=parse_time(period.get("end_time")),
            limit_reached=bool(data.get("usage_limit_reached")),
        )
    except (KeyError, TypeError, ValueError, AttributeError):
        raise _nonsense("its usage") from None


def _items(page: Mapping[str, Any]) -> list[ListedWorkload]:
    try:
        return [_workload(item) for item in page.get("workloads") or ()]
    except (KeyError, TypeError, ValueError, AttributeError):
        raise _nonsense("its workloads") from None


def _workload(data: Mapping[str, Any]) -> ListedWorkload:
    usage = usage_of(data.get("usage"))
    if usage.seconds is None and data.get("usage_seconds") is not None:
        # The older name comes without a word on whether it is settled; what has ended is.
        usage = Usage(float(data["usage_seconds"]), settled=data.get("ended") is not None)
    return ListedWorkload(
        id=str(data["id"]),
        mode=str(data.get("mode") or "job"),
        backend=data.get("backend") or None,
        instance=data.get("instance") or None,
        status=str(data.get("status") or "unknown"),
        created=parse_time(data.get("created")),
        ended=parse_time(data.get("ended")),
        tags=tuple(data.get("tags") or ()),
        usage=usage,
    )


def _cursor(page: Mapping[str, Any]) -> str | None:
    following = page.get("next") or {}
    href = following.get("href") if isinstance(following, Mapping) else None
    found = parse_qs(urlparse(str(href or "")).query).get("next")
    return found[0] if found else None


def _number(value: Any) -> float | None:
    return None if value is None else float(value)


def _nonsense(what: str) -> ServiceError:
    return ServiceError(
        f"The service told {what} in a way that is not what its interface says.",
        "Check the account's URL, and whether a proxy stands between.",
    )
