"""Durations and times on the command line."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

from qrun.errors import UsageError
from qrun.units import parse_duration


def seconds_of(option: str, text: str | None) -> float | None:
    """Seconds that an option's text means; ``None`` where it isn't given.

    Raises:
        UsageError: The text is not a duration.
    """
    if text is None:
        return None
    try:
        return parse_duration(text)
    except ValueError as error:
        raise UsageError(f"{option}: {error}.") from None


def moment_of(option: str, text: str | None) -> datetime | None:
    """The time that an option's text means: a date, a time, or a duration before now; ``None`` without text.

    A time without a zone is this machine's.

    Raises:
        UsageError: The text is none of these.
    """
    if text is None:
        return None
    try:
        return datetime.fromisoformat(text.strip()).astimezone(timezone.utc)
    except (ValueError, OverflowError, OSError):
        pass
    try:
        return datetime.now(timezone.utc) - timedelta(seconds=parse_duration(text))
    except (ValueError, OverflowError):
        raise UsageError(
            f"{option}: {text!r} is neither a date nor a duration.",
            "Write 2026-03-01, '2026-03-01 14:30' or 2d.",
        ) from None
