"""Durations, read as people write them."""

from __future__ import annotations

import pytest

from qrun.units import format_seconds, parse_duration


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        (90, 90),
        ("90", 90),
        ("90s", 90),
        ("25m", 1500),
        ("1h 30m", 5400),
        ("1h30m10s", 5410),
        ("1.5h", 5400),
        ("2d", 172800),
        ("0", 0),
    ],
)
def test_durations(text, seconds):
    assert parse_duration(text) == seconds


@pytest.mark.parametrize("text", ["", "abc", "10x", "h", "-5s", "nan", "inf", "2h 30", "1h-2m", -1])
def test_not_durations(text):
    with pytest.raises(ValueError, match="not a duration"):
        parse_duration(text)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (None, "–"),
        (0, "0 s"),
        (2.35, "2.4 s"),
        (61, "61 s"),
        (725, "12 m 05 s"),
        (28800, "8 h 00 m"),
        (3599.7, "1 h 00 m"),
    ],
)
def test_shown(seconds, text):
    assert format_seconds(seconds) == text
