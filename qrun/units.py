"""Durations, money and numbers of things, read and written the same way everywhere."""

from __future__ import annotations

import re

_UNIT_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
_DURATION = re.compile(r"(?:\d+(?:\.\d+)?[smhd]\s*)+")


def parse_duration(text: str | int | float) -> float:
    """Seconds of ``90``, ``"90s"``, ``"25m"``, ``"1h 30m"`` or ``"1.5h"``.

    The client's own parser reads ``"1.5h"`` as 5 hours and drops what it does not know, so durations
    are read here and handed to it as whole seconds.

    Raises:
        ValueError: The text is not a duration.
    """
    if isinstance(text, (int, float)):
        seconds = float(text)
    else:
        stripped = text.strip().lower()
        try:
            seconds = float(stripped)
        except ValueError:
            if not _DURATION.fullmatch(stripped):
                raise ValueError(f"{text!r} is not a duration; write 90s, 25m, 1h30m or 2h") from None
            parts = re.findall(r"(\d+(?:\.\d+)?)([smhd])", stripped)
            seconds = sum(float(number) * _UNIT_SECONDS[unit] for number, unit in parts)
    if not 0 <= seconds < float("inf"):
        raise ValueError(f"{text!r} is not a duration; it must be zero or more and finite")
    return seconds


def format_seconds(seconds: float | None) -> str:
    """``2.4 s``, ``61 s``, ``12 m 05 s``, ``1 h 02 m``; ``–`` for what is not known."""
    if seconds is None:
        return "–"
    if seconds < 60:
        return f"{seconds:.1f} s" if seconds % 1 else f"{seconds:.0f} s"
    if seconds < 100:
        return f"{seconds:.0f} s"
    whole = round(seconds)
    if whole < 3600:
        return f"{whole // 60} m {whole % 60:02d} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02d} m"


def counted(number: int, noun: str) -> str:
    """``1 job``, ``2 jobs``."""
    return f"{number} {noun}{'' if number == 1 else 's'}"
