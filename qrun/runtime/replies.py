"""What answers of the service mean for the request that they answer: refused, limited, or nobody knows."""

from __future__ import annotations

import time
from email.utils import parsedate_to_datetime

import httpx

from qrun.errors import ExitCode, ServiceError

TOO_MANY_REQUESTS = 429
CONFLICT = 409
LONGEST_RETRY_AFTER = 600.0
"""Seconds that a service is believed when it says for how long it takes no more requests."""


class Unreachable(ServiceError):
    """No answer came to a request that may be sent again."""


class NotSent(ServiceError):
    """No connection came about, so the service has not seen the request."""


class Unsure(ServiceError):
    """No answer came, or one that does not say whether the service has done what it was asked."""


class Limited(ServiceError):
    """The service takes no more requests for now; it has not done what it was asked.

    Args:
        error: What it said.
        retry_after: Seconds that it asks to wait; ``None`` where it does not say.
    """

    def __init__(self, error: ServiceError, retry_after: float | None) -> None:
        super().__init__(error.message, error.hint, status=error.status, code=error.code)
        self.retry_after = retry_after


class OverLimit(ServiceError):
    """The instance has used all that its limit lets it use, so that the service takes no job (facts D2)."""

    exit_code = ExitCode.REFUSED


def service_message(response: httpx.Response) -> tuple[str, int | None, str | None]:
    """Message, code and solution of an error body: ``{"errors": [{code, message, solution}]}``."""
    try:
        data = response.json()
        first = (data.get("errors") or [data.get("error") or {}])[0]
        message, code = str(first.get("message") or response.reason_phrase), first.get("code")
        return message, int(code) if code is not None else None, first.get("solution") or None
    except (ValueError, AttributeError, TypeError, IndexError):
        return response.text[:200] or response.reason_phrase, None, None


def retry_after(response: httpx.Response) -> float | None:
    """Seconds that ``Retry-After`` asks to wait, given as a number or as a date (RFC 9110, 10.2.3)."""
    text = response.headers.get("Retry-After", "")
    try:
        seconds = float(text)
    except ValueError:
        try:
            seconds = max(0.0, parsedate_to_datetime(text).timestamp() - time.time())
        except (ValueError, TypeError):
            return None
    return min(seconds, LONGEST_RETRY_AFTER) if seconds >= 0 else None
