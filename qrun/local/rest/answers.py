"""How things are written in answers, and read from requests, wherever they occur."""

from __future__ import annotations

import asyncio
import json
import re
from datetime import datetime, timezone
from typing import Any, cast

from starlette.datastructures import QueryParams
from starlette.requests import Request

from qrun.local.refusal import CODE_TOO_LARGE, CODE_TOO_MANY_TAGS, Refusal, invalid
from qrun.local.service import LocalService

MOST_BYTES = 50_000_000
"""Largest body of a request: 50 MB (facts G1)."""
_LARGE = 1 << 16
"""From here on, JSON is read and written in another thread, so that others are answered meanwhile."""

_SURROGATE = re.compile(rb"\\u[dD][89a-fA-F]")

_LARGEST = 2**63 - 1
"""Of SQLite's integers."""

_FLAGS = {"true": True, "false": False, "1": True, "0": False}
_INTEGER = re.compile(r"[+-]?[0-9]+", re.ASCII)
_MOST_DIGITS = 30
"""Far more than any integer that the store could hold."""

MOST_TAGS = 8
LONGEST_TAG = 86


def service_of(request: Request) -> LocalService:
    """The service that a request is for."""
    return cast(LocalService, request.app.state.service)


def instance_of(request: Request) -> str:
    """The CRN of the service's instance."""
    return cast(str, request.app.state.instance)


def timestamp(moment: float | None) -> str | None:
    """``2026-11-22T17:15:04.123456Z`` of seconds since 1970."""
    if moment is None:
        return None
    return datetime.fromtimestamp(moment, timezone.utc).isoformat(timespec="microseconds")[:-6] + "Z"


def seconds(value: float) -> float:
    """A duration; whole ones as integers, as IBM gives them."""
    return int(value) if value == int(value) else round(value, 3)


def moment(text: str | None, name: str) -> float | None:
    """Seconds since 1970 of an ISO 8601 time; without a zone it is taken for UTC.

    Raises:
        Refusal: It isn't one.
    """
    if text is None:
        return None
    try:
        # A plus sign that was not encoded arrives as a space.
        time = datetime.fromisoformat(text.replace("Z", "+00:00").replace(" ", "+"))
    except ValueError:
        raise invalid(f"{name} is not a date and time: {text!r}") from None
    return (time if time.tzinfo else time.replace(tzinfo=timezone.utc)).timestamp()


def created_between(query: QueryParams) -> tuple[float | None, float | None]:
    """The bounds ``created_after`` and ``created_before`` of a query, in seconds since 1970, both inclusive.

    Times are told to the microsecond, so that a bound which a client read off a job must include that job.

    Raises:
        Refusal: One of them isn't a time.
    """
    after = moment(query.get("created_after"), "created_after")
    before = moment(query.get("created_before"), "created_before")
    half = 0.5e-6
    return None if after is None else after - half, None if before is None else before + half


def flag(query: QueryParams, name: str) -> bool | None:
    """A yes or no of the query; None where there is none.

    Raises:
        Refusal: It is neither.
    """
    text = query.get(name)
    if text is None:
        return None
    # Python's HTTP clients write True.
    if (answer := _FLAGS.get(text.lower())) is None:
        raise invalid(f"{name} must be true or false, not {text!r}")
    return answer


def choice(query: QueryParams, name: str, *known: str) -> str | None:
    """One of the ``known`` words in the query; None where there is none.

    Raises:
        Refusal: It is another.
    """
    text = query.get(name)
    if text is not None and text not in known:
        raise invalid(f"{name} must be {' or '.join(known)}, not {text!r}")
    return text


def number(query: QueryParams, name: str, default: int, lowest: int, highest: int | None = None) -> int:
    """An integer of the query; ``default`` where there is none or it is out of range (facts D2).

    Nothing is in range that the store could not hold.

    Raises:
        Refusal: It is no integer.
    """
    text = query.get(name)
    if text is None:
        return default
    if _INTEGER.fullmatch(text) is None:
        raise invalid(f"{name} must be a whole number, not {text!r}")
    # Python refuses to read a number of thousands of digits.
    value = int(text[:_MOST_DIGITS])
    return value if lowest <= value <= (_LARGEST if highest is None else highest) else default


async def body_of(request: Request, most: int) -> bytes:
    """The body of a request.

    Raises:
        Refusal: It has more than ``most`` bytes.
    """
    parts: list[bytes] = []
    length = 0
    async for part in request.stream():
        length += len(part)
        if length > most:
            raise Refusal(413, f"The request is larger than {most} bytes", CODE_TOO_LARGE, "Split the job.")
        parts.append(part)
    return b"".join(parts)


async def document(request: Request) -> dict[str, Any]:
    """The JSON object in a request's body.

    Raises:
        Refusal: There is none, or it is too large.
    """
    body = await body_of(request, MOST_BYTES)
    try:
        data = await in_thread_if_large(len(body), _read, body)
    except UnicodeError:
        raise invalid("The body has text that is not UTF-8") from None
    except (ValueError, RecursionError):
        raise invalid("The body is not JSON") from None
    if not isinstance(data, dict):
        raise invalid("The body is not a JSON object")
    return data


def _read(body: bytes) -> Any:
    """The JSON in ``body``.

    Raises:
        UnicodeError: It has text that is not UTF-8: neither the store nor an answer could hold it. Half a
            surrogate pair is such text; JSON's escapes can write it, and Python's reader lets it through.
        ValueError: It isn't JSON.
        RecursionError: It is nested too deeply.
    """
    data = json.loads(body.decode("utf-8-sig"))
    if _SURROGATE.search(body):
        json.dumps(data, ensure_ascii=False).encode()
    return data


async def in_thread_if_large(size: int, function: Any, *arguments: Any) -> Any:
    """Call ``function`` here, or in another thread where ``size`` bytes are much work."""
    if size < _LARGE:
        return function(*arguments)
    return await asyncio.to_thread(function, *arguments)


def tags_in(data: dict[str, Any]) -> list[str]:
    """The tags of a job or of a request for other ones, each once.

    Raises:
        Refusal: There are too many, or one is too long or no text.
    """
    tags = data.get("tags")
    if tags is None:
        return []
    if not isinstance(tags, list) or not all(isinstance(tag, str) for tag in tags):
        raise invalid("tags must be a list of strings")
    if len(tags) > MOST_TAGS:
        raise invalid(f"A job can have {MOST_TAGS} tags, not {len(tags)}", CODE_TOO_MANY_TAGS)
    if any(len(tag) > LONGEST_TAG for tag in tags):
        raise invalid(f"A tag can have {LONGEST_TAG} characters")
    return list(dict.fromkeys(tags))


def text_in(data: dict[str, Any], name: str, longest: int | None = None) -> str | None:
    """A text that may be missing.

    Raises:
        Refusal: It is something else, or has more than ``longest`` characters.
    """
    value = data.get(name)
    if value is not None and not isinstance(value, str):
        raise invalid(f"{name} must be a string")
    if value is not None and longest is not None and len(value) > longest:
        raise invalid(f"{name} can have {longest} characters")
    return value


def flag_in(data: dict[str, Any], name: str) -> bool:
    """A yes or no that may be missing, which is a no.

    Raises:
        Refusal: It is something else.
    """
    value = data.get(name)
    if value is not None and not isinstance(value, bool):
        raise invalid(f"{name} must be true or false")
    return bool(value)


def whole_in(data: dict[str, Any], name: str, lowest: int) -> int | None:
    """A whole number that may be missing.

    Raises:
        Refusal: It is something else, or less than ``lowest``.
    """
    value = data.get(name)
    if value is None:
        return None
    if isinstance(value, float) and value.is_integer():
        value = int(value)  # To JSON, and to clients in JavaScript, 60.0 is the same number as 60.
    if isinstance(value, bool) or not isinstance(value, int) or value < lowest:
        raise invalid(f"{name} must be a whole number of {lowest} or more")
    return value
