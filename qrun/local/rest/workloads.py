"""``/workloads`` and ``/tags``: jobs, batches and sessions in one list, and the tags there are."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator
from typing import Any
from urllib.parse import urlencode

from fastapi import APIRouter
from starlette.datastructures import QueryParams
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from qrun.local.identity import USER_ID
from qrun.local.records import WorkloadRow
from qrun.local.refusal import invalid
from qrun.local.rest import answers, contract
from qrun.local.rest.answers import instance_of, service_of
from qrun.local.scheduling.rules import REASON_CANCELLED

router = APIRouter(prefix="/api/v1")

MOST_LISTED = 50
DEFAULT_LISTED = 10

_PAGING = frozenset({"user", "limit", "next", "previous", "sort"})
"""Parameters that choose a page and not what is on it."""

_STATUS = {
    "Queued": "pending",
    "Running": "in_progress",
    "Completed": "completed",
    "Failed": "failed",
    "Cancelled": "canceled",
    "open": "pending",
    "active": "in_progress",
    "inactive": "in_progress",
    "closed": "completed",
}


@router.get("/workloads", openapi_extra=contract.WORKLOADS_QUERY, **contract.answers(200, "Workloads"))
async def list_workloads(request: Request) -> Response:
    """One page of the workloads that fit; ``next`` and ``previous`` lead to the others."""
    query = request.query_params
    limit = answers.number(query, "limit", DEFAULT_LISTED, 1, MOST_LISTED)
    # A cursor is the number of workloads before the page.
    start = answers.number(query, "next" if "next" in query else "previous", 0, 0)
    answers.choice(query, "user", "me")
    newest_first = answers.choice(query, "sort", "createdAt", "-createdAt") != "createdAt"
    mocks = answers.flag(query, "include_mocks") is True
    store = service_of(request).store
    if _PAGING.issuperset(query):
        page, count = await asyncio.to_thread(store.page_of_workloads, limit, start, newest_first, mocks)
    else:
        rows = await asyncio.to_thread(store.workloads, mocks)
        found = list(_fitting(query, rows if newest_first else reversed(rows)))
        page, count = found[start : start + limit], len(found)
    answer: dict[str, Any] = {
        "workloads": [_described(row, instance_of(request)) for row in page],
        "total_count": count,
        "limit": limit,
    }
    if start + limit < count:
        answer["next"] = {"href": _page(query, limit, "next", start + limit)}
    if start > 0:
        answer["previous"] = {"href": _page(query, limit, "previous", max(0, start - limit))}
    return JSONResponse(answer)


def _page(query: QueryParams, limit: int, way: str, start: int) -> str:
    """Another page of what ``query`` asks for, with its filters and its order."""
    kept = [(key, value) for key, value in query.multi_items() if key not in ("limit", "next", "previous")]
    return f"/v1/workloads?{urlencode([('limit', limit), *kept, (way, start)])}"


def _fitting(query: QueryParams, rows: Iterable[WorkloadRow]) -> Iterator[WorkloadRow]:
    after, before = answers.created_between(query)
    statuses, tags = query.getlist("status"), query.getlist("tags")
    backend, search = query.get("backend"), query.get("search")
    mode = answers.choice(query, "mode", "job", "session", "batch")
    for status in statuses:
        if status not in _STATUS.values():
            raise invalid(
                f"status must be one of {', '.join(dict.fromkeys(_STATUS.values()))}, not {status!r}"
            )
    for row in rows:
        if (
            (backend is None or row.device == backend)
            and (mode is None or row.mode == mode)
            and (not statuses or _status(row) in statuses)
            and all(tag in row.tags for tag in tags)
            and (search is None or search in row.id or any(search in tag for tag in row.tags))
            and (after is None or row.accepted >= after)
            and (before is None or row.created <= before)
        ):
            yield row


def _status(row: WorkloadRow) -> str:
    return "canceled" if row.reason == REASON_CANCELLED else _STATUS[row.status]


def _described(row: WorkloadRow, instance: str) -> dict[str, Any]:
    usage = answers.seconds(row.usage)
    answer: dict[str, Any] = {
        "id": row.id,
        "created": answers.timestamp(row.created),
        "ended": answers.timestamp(row.ended),
        "backend": row.device,
        "instance": instance,
        "user_id": USER_ID,
        "mode": row.mode,
        "status": _status(row),
        "status_reason": row.reason or "",
        "tags": row.tags,
        "usage_seconds": usage,
        "usage": {
            "qpu_charge_time_seconds": usage,
            "status": "complete" if row.ended is not None else "pending",
        },
        "estimated_running_time_seconds": row.needed,
    }
    if row.accepting_jobs is not None:
        answer["accepting_jobs"] = row.accepting_jobs
    return answer


@router.get("/tags", openapi_extra=contract.TAGS_QUERY, **contract.answers(200, "FoundTags"))
async def tags(request: Request) -> Response:
    """The tags that contain a text of 3 to 100 characters."""
    query = request.query_params
    search = query.get("search", "")
    if query.get("type") != "job":
        raise invalid("type must be job")
    if not 3 <= len(search) <= 100:
        raise invalid("search must have 3 to 100 characters")
    return JSONResponse({"tags": service_of(request).store.tags_with(search)})
