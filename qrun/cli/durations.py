"""Durations on the command line."""

from __future__ import annotations

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
