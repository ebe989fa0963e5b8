"""``/versions``, and the sign of life."""

from __future__ import annotations

import os

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

import qrun
from qrun.local.rest import contract
from qrun.local.rest.answers import instance_of, service_of
from qrun.local.rest.gate import API_VERSIONS

router = APIRouter()


@router.get("/api/v1/versions", openapi_extra=contract.OPEN, **contract.answers(200, "Versions"))
async def versions() -> Response:
    """The API versions that are understood."""
    return JSONResponse({"versions": list(API_VERSIONS)})


@router.get("/health", include_in_schema=False)
async def health(request: Request) -> Response:
    """Who answers here, without a token: it tells a starter whether its own service runs."""
    broken = service_of(request).broken
    answer = {"status": "broken" if broken else "ok", "pid": os.getpid(), "version": qrun.__version__}
    return JSONResponse({**answer, "instance": instance_of(request)})
