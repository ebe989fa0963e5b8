"""``/versions``, and the sign of life."""

from __future__ import annotations

import os

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

import qrun
from qrun.local.rest.answers import instance_of, service_of

router = APIRouter()

API_VERSIONS = ("2026-03-15", "2026-04-15")
"""Those whose answers this service gives; client 0.51 asks for the last."""


@router.get("/api/v1/versions")
async def versions() -> Response:
    """The API versions that are understood."""
    return JSONResponse({"versions": list(API_VERSIONS)})


@router.get("/health")
async def health(request: Request) -> Response:
    """Who answers here, without a token: it tells a starter whether its own service runs."""
    broken = service_of(request).broken
    answer = {"status": "broken" if broken else "ok", "pid": os.getpid(), "version": qrun.__version__}
    return JSONResponse({**answer, "instance": instance_of(request)})
