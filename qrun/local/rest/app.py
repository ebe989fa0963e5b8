"""The REST interface as one application."""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Match

import qrun
from qrun.local.identity import USER_ID, Gatekeeper
from qrun.local.refusal import CODE_INTERNAL, CODE_OTHER, Refusal
from qrun.local.rest import account, backends, contract, docs, jobs, local, sessions, versions, workloads
from qrun.local.rest.gate import App, Gate, error_body
from qrun.local.service import LocalService

_log = logging.getLogger(__name__)


def application(service: LocalService, gatekeeper: Gatekeeper, instance: str) -> App:
    """The REST interface of ``service``, which starts and stops with it."""

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        await service.start()
        try:
            yield
        finally:
            await service.stop()

    app = FastAPI(
        title="qrun local service", version=qrun.__version__, lifespan=lifespan, docs_url=None, redoc_url=None
    )
    app.state.service = service
    app.state.gatekeeper = gatekeeper
    app.state.instance = instance
    app.state.user_id = USER_ID
    for room in (jobs, sessions, backends, account, workloads, versions, local, docs):
        app.include_router(room.router)
    app.openapi = lambda: contract.openapi_of(app)  # type: ignore[method-assign]
    app.add_exception_handler(Refusal, _refused)
    app.add_exception_handler(HTTPException, _no_such_endpoint)
    app.add_exception_handler(sqlite3.DatabaseError, _damaged)
    app.add_exception_handler(Exception, _failed)
    return Gate(app, gatekeeper, instance, service)


async def _refused(_: Request, error: Exception) -> Response:
    assert isinstance(error, Refusal)
    return JSONResponse(error_body(error), status_code=error.status)


async def _no_such_endpoint(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    headers = error.headers
    if error.status_code == 405:
        headers = {"Allow": ", ".join(sorted(_methods(request)))}
    refusal = Refusal(error.status_code, str(error.detail), CODE_OTHER)
    return JSONResponse(error_body(refusal), status_code=error.status_code, headers=headers)


def _methods(request: Request) -> set[str]:
    """All methods of a path, which several endpoints may share."""
    methods: set[str] = set()
    for name in ("GET", "POST", "PUT", "PATCH", "DELETE"):
        for route in request.app.routes:
            if route.matches({**request.scope, "method": name})[0] is Match.FULL:
                methods.add(name)
    return methods


async def _damaged(request: Request, error: Exception) -> Response:
    """The disk does not give back what was written. Not a 5xx that clients repeat."""
    _log.error("%s %s", request.method, request.url.path, exc_info=error)
    refusal = Refusal(
        507,
        f"The local service can't read its state: {error}",
        CODE_INTERNAL,
        "Restart the service, which looks at all of it; see: qrun local logs",
    )
    return JSONResponse(error_body(refusal), status_code=refusal.status)


async def _failed(request: Request, error: Exception) -> Response:
    _log.error("%s %s", request.method, request.url.path, exc_info=error)
    refusal = Refusal(500, "Internal error of the local service", CODE_INTERNAL, "See: qrun local logs")
    # Behind this, uvicorn takes the error for its own and closes the connection: say so.
    return JSONResponse(error_body(refusal), status_code=500, headers={"connection": "close"})
