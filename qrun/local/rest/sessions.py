"""``/sessions``: create, read, close and cancel sessions and batches."""

from __future__ import annotations

from email.utils import formatdate
from typing import Any, Literal, cast

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from qrun.local.refusal import invalid
from qrun.local.rest import answers, contract
from qrun.local.rest.answers import service_of
from qrun.local.scheduling import WorkloadHistory, workload_usage

router = APIRouter(prefix="/api/v1/sessions")


@router.post("", openapi_extra=contract.takes("CreateSession"), **contract.answers(200, "Session", 404))
async def create(request: Request) -> Response:
    """Create a session (``dedicated``) or batch."""
    service = service_of(request)
    data = await answers.document(request)
    mode = answers.text_in(data, "mode")
    if mode not in ("dedicated", "batch"):
        raise invalid("mode must be dedicated or batch")
    backend = answers.text_in(data, "backend") or answers.text_in(data, "backend_name")
    if not backend:
        raise invalid("backend is required")
    max_ttl = answers.whole_in(data, "max_ttl", 1)
    if max_ttl is not None and max_ttl > service.rules.max_ttl:
        raise invalid(f"max_ttl is {max_ttl} s, and this instance allows {service.rules.max_ttl} s")
    session = await service.open_session(backend, cast(Literal["dedicated", "batch"], mode), max_ttl)
    return JSONResponse(_described(request, session))


@router.get("/{session_id}", **contract.answers(200, "Session", 404))
async def read(request: Request, session_id: str) -> Response:
    """All about a session or batch, and by ``Date`` what its device's clock says: it may be ahead of ours."""
    about = _described(request, session_id)
    now = service_of(request).desk(about["backend_name"]).clock.now()
    return JSONResponse(about, headers={"Date": formatdate(now, usegmt=True)})


@router.patch(
    "/{session_id}", openapi_extra=contract.takes("UpdateSession"), **contract.answers(204, None, 404)
)
async def update(request: Request, session_id: str) -> Response:
    """Let it take new jobs or not; the client's ``close()``."""
    data = await answers.document(request)
    accepting = data.get("accepting_jobs")
    service = service_of(request)
    service.session(session_id)
    if not isinstance(accepting, bool):
        raise invalid("accepting_jobs must be true or false")
    await service.set_accepting(session_id, accepting)
    return Response(status_code=204)


@router.delete("/{session_id}/close", **contract.answers(204, None, 404))
async def cancel(request: Request, session_id: str) -> Response:
    """Close it, and cancel its queued jobs; the client's ``cancel()``."""
    await service_of(request).cancel_session(session_id)
    return Response(status_code=204)


def _described(request: Request, session: str) -> dict[str, Any]:
    """The session object (facts D5)."""
    backend, history = service_of(request).session(session)
    return {
        "id": session,
        "backend_name": backend,
        "started_at": answers.timestamp(history.first_started_at),
        "activated_at": answers.timestamp(history.activated_at),
        "closed_at": answers.timestamp(history.closed_at),
        "last_job_started": answers.timestamp(history.last_job_started),
        "last_job_completed": answers.timestamp(history.last_job_completed),
        "interactive_ttl": history.interactive_ttl,
        "max_ttl": history.max_ttl,
        "active_ttl": _active_ttl(history),
        "state": history.state,
        "state_reason": history.state_reason,
        "accepting_jobs": history.accepting_jobs,
        "mode": history.mode,
        "timestamps": [
            {"status": state, "timestamp": answers.timestamp(at)} for state, at in history.timestamps
        ],
        "user_id": request.app.state.user_id,
        "elapsed_time": None if history.ongoing else answers.seconds(workload_usage(history)),
    }


def _active_ttl(history: WorkloadHistory) -> int:
    """The maximum, also later on: IBM's samples show no other value, though its text says "remaining".

    Our choice (facts L6).
    """
    return history.max_ttl
