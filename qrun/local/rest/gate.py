"""The door: every request is led to its endpoint's path, and let in only with the token.

A client comes in one of two forms. In *direct* form it calls the loopback port, with a prefix that says which
of IBM's hosts it means. In *proxy* form it takes the service for an HTTP proxy and calls hosts of the
made-up domain ``qrun.local``; the names are those that the client derives from ``url="http://qrun.local"``.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any
from urllib.parse import unquote, urlsplit

from qrun.local.identity import Gatekeeper
from qrun.local.refusal import CODE_WRONG_INSTANCE, Refusal
from qrun.local.service import LocalService

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

DOMAIN = "qrun.local"
API = "/api/v1"
SEARCH = "/search"
CATALOG = "/catalog"
RESOURCES = "/resources"
IAM = "/iam"
DIRECT_API = "/experimental" + API
"""The client takes a URL as it is only when it contains ``experimental`` (facts C7)."""

_OPEN_PATHS = ("/health", API + "/versions", "/identity/token", "/docs", "/openapi.json")
"""What anybody may see: that a service runs here, and how it is spoken to. A browser can't send the token."""

API_VERSIONS = (
    "2024-01-01", "2025-01-01", "2025-05-01", "2026-02-01", "2026-02-15", "2026-03-15", "2026-04-15",
)  # fmt: skip
"""Those that IBM knows (facts A3); client 0.51 asks for the last."""
_LOOPBACK = ("127.0.0.1", "localhost", "[::1]")


class Gate:
    """ASGI middleware.

    Args:
        app: What is behind the door.
        gatekeeper: Knows the token.
        instance: The CRN that clients must name.
        service: Asked whether it is still able to serve.
    """

    def __init__(self, app: App, gatekeeper: Gatekeeper, instance: str, service: LocalService) -> None:
        self._app = app
        self._gatekeeper = gatekeeper
        self._instance = instance
        self._service = service

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let one request in, or refuse it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = {name: value.decode("latin-1") for name, value in scope["headers"]}
        try:
            path = _path(scope, headers.get(b"host", ""))
            self._admit(path, headers)
        except Refusal as refusal:
            await refuse(send, refusal)
            return
        await self._app({**scope, "path": path, "raw_path": path.encode()}, receive, send)

    def _admit(self, path: str, headers: dict[bytes, str]) -> None:
        if path in _OPEN_PATHS:
            return
        if not self._gatekeeper.admits(headers.get(b"authorization", "")):
            raise Refusal(401, "Not authenticated", solution="Send the token of the local service.")
        if self._service.broken:
            raise Refusal(
                507, self._service.broken, solution="Free space on the disk, then restart the service."
            )
        if not path.startswith(API):
            return
        version = headers.get(b"ibm-api-version")
        if version is not None and version not in API_VERSIONS:
            raise Refusal(
                400,
                f"There is no API version {version}",
                solution=f"Send one of {', '.join(API_VERSIONS)} in IBM-API-Version, or none.",
            )
        instance = headers.get(b"service-crn")
        if instance is None:
            raise Refusal(400, "The header Service-CRN is missing", solution="Send the CRN of the instance.")
        if instance != self._instance:
            raise Refusal(
                404, "Instance not found", CODE_WRONG_INSTANCE, "Use the local service's own instance."
            )


async def refuse(send: Send, refusal: Refusal) -> None:
    """Answer with an error."""
    body = json.dumps(error_body(refusal)).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    # The body of the request has not been read, so the connection can't be used for another.
    headers.append((b"connection", b"close"))
    await send({"type": "http.response.start", "status": refusal.status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def error_body(refusal: Refusal) -> dict[str, Any]:
    """IBM's form of an error, and the one that its Python client reads (facts C6, D1)."""
    error = {"code": refusal.code, "message": refusal.message, "solution": refusal.solution, "more_info": ""}
    return {"errors": [error], "error": {"message": refusal.message, "code": refusal.code}}


def _path(scope: Scope, host_header: str) -> str:
    """The endpoint's path.

    Raises:
        Refusal: The request is for another host: nothing is fetched for anybody, and no web page that
            gave its own name the address 127.0.0.1 is answered.
    """
    if scope["method"] == "CONNECT":
        raise Refusal(405, "The local service is no proxy for TLS", solution="Use http, not https.")
    target = scope["raw_path"].decode("latin-1")
    host, path = host_header, scope["path"]
    if not target.startswith("/"):
        try:
            url = urlsplit(target)
        except ValueError:
            raise Refusal(400, "The address of the request is malformed") from None
        if url.scheme != "http":
            raise Refusal(403, "Only http is served")
        host, path = url.netloc, unquote(url.path) or "/"
    name = host.rpartition(":")[0] if host.rpartition(":")[2].isdigit() else host
    if name in _LOOPBACK:
        return _direct(path)
    if name == DOMAIN or name.endswith("." + DOMAIN):
        return _proxied(name.removesuffix(DOMAIN).rstrip("."), path)
    raise Refusal(403, "The local service answers for itself alone", solution="Add its host to NO_PROXY.")


def _direct(path: str) -> str:
    for prefix, place in ((DIRECT_API, API), ("/v1", API), (IAM, "")):
        if path == prefix or path.startswith(prefix + "/"):
            return place + path.removeprefix(prefix)
    return path


def _proxied(label: str, path: str) -> str:
    if label == "api.global-search-tagging":
        return SEARCH + path
    if label == "globalcatalog":
        return CATALOG + path.removeprefix(API)
    if label == "resource-controller":
        return RESOURCES + path
    return path
