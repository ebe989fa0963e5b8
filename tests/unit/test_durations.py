"""Times on the command line."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import pytest

from qrun.cli.durations import moment_of
from qrun.errors import UsageError


def test_a_date_a_time_and_a_duration_mean_a_moment():
    assert moment_of("--since", None) is None
    assert moment_of("--since", "2026-03-01T14:30:00+02:00") == datetime(
        2026, 3, 1, 12, 30, tzinfo=timezone.utc
    )
    assert moment_of("--since", "2026-03-01") == datetime(2026, 3, 1).astimezone(timezone.utc)
    before = datetime.now(timezone.utc)
    found = moment_of("--since", "2d")
    assert found is not None
    assert before <= found + timedelta(days=2) <= datetime.now(timezone.utc)


@pytest.mark.parametrize("text", ["yesterday", "", "2026-13-01", "1e30d", "-1d", "nan"])
def test_what_is_neither_is_told(text):
    with pytest.raises(UsageError, match="neither a date nor a duration"):
        moment_of("--since", text)
