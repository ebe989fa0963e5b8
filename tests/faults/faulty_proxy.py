"""A proxy between qrun and the real local service that loses, repeats and refuses what it is told to."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx

from tests.service.plain_client import info_of_home


@dataclass
class Fault:
    """What happens to the next ``times`` requests that fit."""

    method: str
    path: str
    """Regular expression for the path."""
    action: str
    """``refuse:STATUS`` instead of passing on; ``after:STATUS`` once the service has done it; ``cut`` likewise."""
    times: int = 1


@dataclass
class FaultyProxy:
    """A running proxy."""

    env: dict[str, str]
    """What makes ``--service ibm`` go through it."""
    faults: list[Fault] = field(default_factory=list)
    seen: list[tuple[str, str]] = field(default_factory=list)
    """Method and path of each request."""

    def count(self, method: str, path: str) -> int:
        """How many requests came in."""
        return sum(m == method and re.search(path, p) is not None for m, p in self.seen)


@contextmanager
def faulty_proxy(home: Path, *faults: Fault) -> Iterator[FaultyProxy]:
    """A proxy for the service whose ``QRUN_HOME`` is ``home``."""
    info = info_of_home(home)
    lock = threading.Lock()
    upstream = httpx.Client(base_url=info.url, trust_env=False, timeout=60)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def handle_one(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            with lock:
                proxy.seen.append((self.command, self.path))
                fault = next(
                    (
                        f
                        for f in proxy.faults
                        if f.times and f.method == self.command and re.search(f.path, self.path)
                    ),
                    None,
                )
                if fault:
                    fault.times -= 1
            if fault and fault.action.startswith("refuse:"):
                return self.answer(
                    int(fault.action[7:]), b'{"errors":[{"code":1,"message":"refused by the test"}]}'
                )
            headers = {
                k: v
                for k, v in self.headers.items()
                if k.lower() not in ("host", "connection", "accept-encoding")
            }
            response = upstream.request(self.command, self.path, content=body, headers=headers)
            if fault and fault.action == "cut":
                self.close_connection = True
                return self.connection.close()
            if fault:
                return self.answer(int(fault.action.removeprefix("after:")), b"{}")
            return self.answer(response.status_code, response.content, response.headers.get("content-type"))

        def answer(self, status: int, body: bytes, kind: str | None = "application/json") -> None:
            self.send_response(status)
            self.send_header("Content-Type", kind or "text/plain")
            if status != 204:
                self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            if status != 204:
                self.wfile.write(body)

        do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = handle_one

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    base = f"http://127.0.0.1:{server.server_port}"
    proxy = FaultyProxy(
        env={
            "QISKIT_IBM_TOKEN": info.token,
            "QISKIT_IBM_INSTANCE": info.instance,
            "QISKIT_IBM_URL": f"{base}/experimental/api/v1",
            "IAM_URL": f"{base}/iam",
            "GLOBAL_SEARCH_URL": f"{base}/search",
            "GLOBAL_CATALOG_URL": f"{base}/catalog",
            "NO_PROXY": "127.0.0.1",
            "QRUN_SERVICE": "ibm",
        },
        faults=list(faults),
    )
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield proxy
    finally:
        server.shutdown()
        server.server_close()
        upstream.close()
