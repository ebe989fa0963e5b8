"""``/local``: what the local service tells of itself beyond IBM's interface."""

from __future__ import annotations

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from qrun.local.overview import overview
from qrun.local.rest.answers import service_of

router = APIRouter(prefix="/local", include_in_schema=False)


@router.get("/status")
async def status(request: Request) -> Response:
    """What goes on right now."""
    return JSONResponse(overview(service_of(request)))
