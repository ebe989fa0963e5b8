"""Totals, shares and what remains; pages of the service's list; the older names of fields (M10)."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import pytest

from qrun.errors import ServiceError
from qrun.runtime.records import Usage
from qrun.runtime.spending import InstanceUsage, ListedWorkload, _cursor, _items
from qrun.usage.spending import Entry, grouped, project, total_of

NOW = datetime(2026, 11, 22, tzinfo=timezone.utc)


def entry(number: int, seconds: float | None, *, mode="batch", tags=(), settled=True) -> Entry:
    created = NOW - timedelta(days=number)
    usage = Usage(seconds, settled)
    workload = ListedWorkload(
        f"w{number}", mode, "fez", "crn:x:guid::", "completed", created, NOW, tags, usage
    )
    return Entry(workload, None, "lab", tags)


ENTRIES = [
    entry(1, 30.0, tags=("a",)),
    entry(2, 60.0, mode="session", tags=("a", "b")),
    entry(2, 10.0, settled=False),
]


def test_groups_add_up():
    total = total_of(ENTRIES)
    assert (total.workloads, total.usage_seconds, total.pending) == (3, 100.0, 1)
    for by in ("mode", "backend", "day", "run", "instance"):
        groups = grouped(ENTRIES, by)
        assert sum(group.usage_seconds for group in groups) == 100
        assert sum(group.share for group in groups) == pytest.approx(1)
    assert [(g.name, g.usage_seconds) for g in grouped(ENTRIES, "mode")] == [
        ("session", 60.0),
        ("batch", 40.0),
    ]
    assert [g.name for g in grouped(ENTRIES, "day")] == ["2026-11-20", "2026-11-21"]
    assert {g.name: g.usage_seconds for g in grouped(ENTRIES, "tag")} == {
        "a": 90,
        "b": 60,
        "without a tag": 10,
    }
    assert grouped(ENTRIES, "instance")[0].name == "lab guid"
    assert grouped([], "mode") == []


def instance(consumed: float, *, limit=None, allocation=None) -> InstanceUsage:
    return InstanceUsage(consumed, limit, allocation, NOW - timedelta(days=28), NOW, limit_reached=False)


def test_a_rate_that_outruns_the_allocation():
    told = project(instance(400, allocation=600), 300, NOW - timedelta(days=10), NOW)
    assert told.seconds_a_day == 30  # 840 s in 28 days
    assert told.until == NOW + timedelta(days=200 / 30)
    assert "until 2026-11-28 16:00 UTC at the earliest" in told.text()


def test_a_rate_that_the_period_gives_back():
    told = project(instance(400, allocation=600), 100, NOW - timedelta(days=10), NOW)
    assert told.until is None
    assert "it lasts" in told.text()


def test_limit_and_allocation_nothing_and_nothing_left():
    assert instance(10, limit=50, allocation=600).remaining_seconds == 40
    assert "nothing bounds it" in project(instance(5), 5, NOW, NOW).text()
    assert "0 s remain" in project(instance(700, allocation=600), 5, NOW - timedelta(days=1), NOW).text()
    assert project(instance(10, limit=50), 0, NOW - timedelta(days=1), NOW).until is None


def test_older_names_of_a_workloads_usage():
    about = {"id": "w", "mode": "batch", "created": "2026-01-01T00:00:00Z"}
    [new] = _items({"workloads": [{**about, "usage": {"qpu_charge_time_seconds": 3, "status": "complete"}}]})
    [old] = _items({"workloads": [{**about, "usage_seconds": 4, "ended": "2026-01-01T00:01:00Z"}]})
    [open_] = _items({"workloads": [{**about, "usage_seconds": 5}]})
    assert [w.usage for w in (new, old, open_)] == [Usage(3, True), Usage(4.0, True), Usage(5.0, False)]
    with pytest.raises(ServiceError, match="not what its interface says"):
        _items({"workloads": [{"mode": "batch"}]})


def test_cursors():
    assert _cursor({"next": {"href": "/v1/workloads?limit=50&next=abc%3D"}}) == "abc="
    assert _cursor({}) is _cursor({"next": {}}) is _cursor({"next": {"href": "/v1/workloads"}}) is None
