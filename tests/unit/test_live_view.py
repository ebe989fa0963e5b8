"""The live view, drawn for every size of terminal."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import pytest

from qrun.cli.live import NOT_SENT, Scene, Screen, bar_cells, live_view, one_line
from qrun.run.follow import ForeignProgress, Subject
from qrun.run.session_times import SeenSession
from qrun.runtime.records import JobRecord, SessionRecord, Usage

SIZES = [(width, height) for width in (20, 40, 80, 200) for height in (3, 8, 24, 50)]
SESSION = "16b4e30c-24f6-47ef-a916-335e81d980a3"
NOW = datetime(2026, 1, 1, tzinfo=timezone.utc)


def job(number: int, state: str) -> JobRecord:
    return JobRecord(
        f"d{number:019}",
        state,
        "ideal",
        "sampler",
        SESSION,
        (),
        NOW,
        None,
        None,
        Usage(0.5, settled=True),
        None,
    )


def session(state: str = "active", *, accepting: bool = True, idle: bool = False, mode: str = "session"):
    record = SessionRecord(
        SESSION, mode, "ideal", state, None, accepting, 60, 28800, NOW - timedelta(seconds=100), None, None,
        (("active", NOW - timedelta(seconds=100)),), NOW - timedelta(seconds=19), NOW,
    )  # fmt: skip
    return SeenSession(record, idle)


def standing(counts: dict[str, int], *, total: int | None = None, seen=None, budget=None, mode="session"):
    states = [state for state, number in counts.items() for _ in range(number)]
    about = Subject("r4x8k2m9p1", "run", "ising", mode, "ideal", SESSION, total or len(states), budget)
    return ForeignProgress(about, tuple(job(i, state) for i, state in enumerate(states)), (), seen)


def scene(what: ForeignProgress, **more) -> Scene:
    return Scene(what.subject, what, 725.0, **more)


MANY = {"DONE": 1204, "RUNNING": 5, "QUEUED": 1780, "ERROR": 11}
FEW = {"DONE": 1, "RUNNING": 1, "QUEUED": 1}


@pytest.mark.parametrize(("width", "height"), SIZES)
@pytest.mark.parametrize("counts", [FEW, MANY, {}, {"DONE": 3000}], ids=["3", "3000", "none", "done"])
@pytest.mark.parametrize("trouble", [None, "The service can't be reached: ConnectError: " + "x" * 300])
def test_it_is_never_wider_nor_higher_than_the_terminal(width, height, counts, trouble):
    news = [f"20:33:46 job {i} done " + "y" * i for i in range(100)]
    shown = scene(standing(counts, seen=session(), budget=120.0), news=news, trouble=trouble)
    lines = live_view(shown, Screen(width, height)).split("\n")
    assert len(lines) <= height
    assert all(line.cell_len <= width for line in lines)
    assert one_line(shown, Screen(width, height)).cell_len <= width


@pytest.mark.parametrize("width", [40, 80, 200])
def test_every_number_and_countdown_is_there(width):
    shown = scene(standing(MANY, total=3010, seen=session(accepting=False), budget=200.0))
    text = live_view(shown, Screen(width, 24)).plain
    for word in (
        "ising", "r4x8k2m9p1", "session on ideal", "12 m 05 s", "1,204 done", "5 running", "1,780 queued",
        "11 error", "10 not sent", "of 3,010", "session active", "takes no more jobs", "ITTL 60 s",
        "TTL 7 h 58 m left", SESSION, "usage so far 1 m 40 s of 3 m 20 s, 50%", "Ctrl-C detaches",
    ):  # fmt: skip
        assert word in text, (word, text)


def test_the_newest_events_are_those_that_are_shown():
    text = live_view(scene(standing(FEW), news=[f"event {i};" for i in range(100)]), Screen(80, 12)).plain
    assert "event 99;" in text
    assert "event 0;" not in text


def test_m16_the_interactive_time_to_live_counts_down_once_nothing_is_ready():
    text = live_view(scene(standing({"DONE": 3}, seen=session(idle=True))), Screen(80, 24)).plain
    assert "ITTL 41 s of 60 s left" in text or "ITTL 40 s of 60 s left" in text


def test_what_the_service_says_cannot_command_the_terminal():
    text = live_view(scene(standing(FEW), news=["job \x1b]0;owned\x07 x\ny"]), Screen(80, 24)).plain
    assert "\x1b" not in text
    assert "\x07" not in text


def test_a_terminal_that_knows_ascii_only_is_sent_nothing_else():
    for trouble in (None, "no wäy …"):
        shown = scene(standing(MANY, seen=session(), budget=9.0), trouble=trouble, news=["é"])
        assert live_view(shown, Screen(40, 24, ascii_only=True)).plain.isascii()
        assert one_line(shown, Screen(120, 1, ascii_only=True)).plain.isascii()


def test_the_states_of_the_bar_differ_without_colour():
    bar = live_view(scene(standing({**MANY, "CANCELLED": 7}, total=3100)), Screen(80, 24)).plain.split("\n")[
        1
    ]
    assert len(set(bar)) == 6


@pytest.mark.parametrize("width", [1, 5, 24, 40, 100])
@pytest.mark.parametrize("counts", [FEW, MANY, {"DONE": 2999, "ERROR": 1}, {"PAUSED": 3, "DONE": 1}])
@pytest.mark.parametrize("unsent", [0, 1, 50])
def test_a_bar_is_as_wide_as_it_should_and_hides_no_state(width, counts, unsent):
    total = sum(counts.values()) + unsent
    cells = bar_cells(counts, total, width)
    assert sum(cells.values()) == width
    parts = {**counts, **({NOT_SENT: unsent} if unsent else {})}
    assert set(cells) == set(parts)
    if len(parts) <= width:
        assert min(cells.values()) >= 1
    if width >= 40:
        assert all(abs(cells[state] - width * n / total) < 1 + len(parts) for state, n in parts.items())


def test_usage_is_by_the_rule_of_the_mode():
    assert standing(FEW, seen=session(mode="batch"), mode="batch").usage_seconds == 1.5
    assert standing(FEW, seen=session()).usage_seconds == pytest.approx(100, abs=1)
    assert standing(FEW).usage_seconds is None, "of a session nothing is known before it is asked"
