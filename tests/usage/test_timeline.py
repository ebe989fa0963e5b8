"""The timeline in characters, and the axis that it is drawn on."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import timedelta
from itertools import pairwise

import pytest

from qrun.cli.timeline_drawing import FANCY, timeline_lines
from qrun.usage.model import Window
from qrun.usage.picture import picture
from qrun.usage.timeline import Axis, timeline_of
from tests.usage.accounts import account_of, many_jobs, paused_session
from tests.usage.histories import History


def drawn(account, width: int = 80, **options) -> list[str]:
    return [line.plain for line in timeline_lines(timeline_of(account), width, **options)]


def test_a_session_with_a_failure_a_cancellation_and_a_pause():
    lines = drawn(paused_session())
    assert max(map(len, lines)) <= 80
    rows = {line[:11].strip(): line[12:] for line in lines}
    assert re.fullmatch(r"━+╍+━+╍+·*⫽⫽·*━+", rows["session"].rstrip()), rows["session"]
    assert "█" in rows["QPU lock"]
    assert rows["2 j1"].lstrip().startswith("✗")  # failed before the lock
    assert re.search(r"▒+█+✗|▒*█*✗", rows["3 j2"])
    assert "○" in rows["4 j3"]
    assert any("cut short" in line for line in lines)
    legend = "\n".join(lines[-2:])
    for glyph, meaning in (
        (FANCY.qpu, "on the QPU"),
        (FANCY.idle, "ITTL"),
        ("✗", "failed"),
        ("○", "cancelled"),
    ):
        assert f"{glyph} {meaning}" in legend or meaning in legend


def test_it_is_legible_in_ascii_and_at_any_width():
    for width in (30, 40, 80, 132, 300):
        lines = drawn(paused_session(), width, fancy=False)
        assert all(line.replace("…", "").isascii() for line in lines), lines
        assert max(map(len, lines[:9])) <= max(width, 40)


def test_many_jobs_are_lanes():
    lines = drawn(many_jobs(400))
    assert [line.split("  ")[0] for line in lines if line.startswith("lane")] == [
        f"lane {i}" for i in range(1, 6)
    ]
    assert any(line.startswith("queued") and "█" in line for line in lines)
    assert len(lines) < 15
    assert drawn(many_jobs(400), rows="jobs")[2].startswith(" 1 ")


def test_a_long_queue_does_not_hide_what_ran():
    account = many_jobs(6)
    jobs = tuple(replace(job, created=job.created - timedelta(hours=7)) for job in account.jobs)
    lines = drawn(replace(account, jobs=jobs))
    assert any("cut short: 7 h 10 m" in line for line in lines)
    assert sum(line.count("█") for line in lines) > 60


def test_what_is_missing_is_not_drawn():
    account = many_jobs(3)
    jobs = (
        replace(account.jobs[0], started=None, finished=None, state="QUEUED", qpu_seconds=None),
        replace(account.jobs[1], finished=None, state="RUNNING", qpu_seconds=None, so_far_seconds=None),
        replace(account.jobs[2], created=None, started=None, finished=None, qpu_seconds=None),
    )
    lines = drawn(replace(account, jobs=jobs, state="active", windows=(Window(jobs[1].started, None),)))
    assert not any("█" in line for line in lines)
    assert drawn(replace(account, jobs=(), windows=()))


@pytest.mark.parametrize("width", [20.0, 80.0, 1000.0])
def test_the_axis_goes_forward_and_back(width):
    timeline = timeline_of(paused_session())
    axis = Axis(timeline, width, 5.0)
    moments = [timeline.end * i / 50 for i in range(51)]
    places = [axis.position(moment) for moment in moments]
    assert places == sorted(places)
    assert places[0] == 0
    assert places[-1] == pytest.approx(width)
    for moment, place in zip(moments, places, strict=True):
        assert axis.moment(place) == pytest.approx(moment, abs=1e-6)
    ticks = axis.ticks(width / 8)
    assert all(axis.position(moment) == place for moment, place in ticks)
    assert all(b - a >= width / 8 * 0.99 for (_, a), (_, b) in pairwise(ticks))


def test_lanes_do_not_overlap_and_locks_add_up():
    timeline = timeline_of(many_jobs(200))
    assert timeline.lanes == 5
    for lane in range(1, 6):
        spans = sorted(bar.running for bar in timeline.bars if bar.lane == lane)
        assert all(after.start >= before.end for before, after in pairwise(spans))
    assert sum(span.length for span in timeline.lock) == pytest.approx(500)
    assert not timeline.overlapping


def test_a_picture_is_the_same_each_time():
    timeline = timeline_of(account_of(History([("submit", 1, 3, 0), ("close", 1, 0, 5)], 28_800)))
    svg = picture(timeline, "svg")
    assert svg == picture(timeline, "svg")
    assert b"QPU lock" in svg
    assert picture(timeline, "png").startswith(b"\x89PNG")
