"""A proxy between qrun and the real local service that loses, repeats and refuses what it is told to."""

from __future__ import annotations

import re
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
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
    """What is done to the request:

    * ``refuse:STATUS`` or ``refuse:STATUS:RETRY_AFTER`` — answered so, and not passed on
    * ``drop`` — the connection is closed, and nothing passed on
    * ``after:STATUS`` — answered so once the service has done it
    * ``cut`` — the connection is closed once the service has done it
    * ``reset`` — likewise, in the middle of the answer's body
    * ``delay:SECONDS`` — passed on later
    """
    times: int = 1
    skip: int = 0
    """Requests that fit and are left alone first."""


@dataclass
class FaultyProxy:
    """A running proxy."""

    env: dict[str, str]
    """What makes ``--service ibm`` go through it."""
    faults: list[Fault] = field(default_factory=list)
    seen: list[tuple[str, str]] = field(default_factory=list)
    """Method and path of each request."""
    away_until: float = 0.0
    """Moment of the monotonic clock until which every connection is closed at once."""
    latency: float = 0.0
    """Seconds that every request takes longer."""

    def fault_for(self, method: str, path: str) -> Fault | None:
        """The fault that befalls a request, which then has befallen it."""
        for fault in self.faults:
            if fault.times and fault.method == method and re.search(fault.path, path):
                if fault.skip:
                    fault.skip -= 1
                    continue
                fault.times -= 1
                return fault
        return None

    def count(self, method: str, path: str) -> int:
        """How many requests came in."""
        return sum(m == method and re.search(path, p) is not None for m, p in self.seen)


@contextmanager
def faulty_proxy(home: Path, *faults: Fault) -> Iterator[FaultyProxy]:
    """A proxy for the service whose ``QRUN_HOME`` is ``home``."""
    info = info_of_home(home)
    lock = threading.Lock()
    upstream = httpx.Client(trust_env=False, timeout=60)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        # An answer goes out at once, as those of real proxies do.
        wbufsize = -1
        disable_nagle_algorithm = True

        def handle_one(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            time.sleep(proxy.latency)
            with lock:
                proxy.seen.append((self.command, self.path))
                fault = proxy.fault_for(self.command, self.path)
                away = time.monotonic() < proxy.away_until
            action, _, detail = fault.action.partition(":") if fault else ("", "", "")
            if away or action == "drop":
                return self.hang_up()
            if action == "delay":
                time.sleep(float(detail))
            if action == "refuse":
                status, _, wait = detail.partition(":")
                refusal = b'{"errors":[{"code":1,"message":"refused by the test"}]}'
                return self.answer(int(status), refusal, more={"Retry-After": wait} if wait else {})
            response = self.pass_on(body)
            if response is None or action == "cut":
                return self.hang_up()
            if action == "after":
                return self.answer(int(detail), b"{}")
            kind = response.headers.get("content-type")
            return self.answer(response.status_code, response.content, kind, whole=action != "reset")

        def pass_on(self, body: bytes) -> httpx.Response | None:
            """The service's answer; ``None`` where it is not there."""
            left_out = ("host", "connection", "accept-encoding", "content-length")
            headers = {k: v for k, v in self.headers.items() if k.lower() not in left_out}
            try:
                url = f"{info_of_home(home).url}{self.path}"
                return upstream.request(self.command, url, content=body, headers=headers)
            except (httpx.HTTPError, OSError):
                return None

        def hang_up(self) -> None:
            self.close_connection = True
            with suppress(OSError):
                self.connection.shutdown(socket.SHUT_RDWR)

        def answer(
            self,
            status: int,
            body: bytes,
            kind: str | None = "application/json",
            *,
            whole: bool = True,
            more: dict[str, str] | None = None,
        ) -> None:
            self.send_response(status)
            for name, value in {"Content-Type": kind or "text/plain", **(more or {})}.items():
                self.send_header(name, value)
            if status != 204:
                self.send_header("Content-Length", str(len(body)))
            # Who asked may be gone.
            with suppress(OSError):
                self.end_headers()
                if status != 204:
                    self.wfile.write(body if whole else body[: len(body) // 2])
                    self.wfile.flush()
            if not whole:
                self.hang_up()

        do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = handle_one

        def log_message(self, *_: object) -> None:
            pass

    class Server(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, *_: object) -> None:
            """A client that was killed has not closed its connection; that is what is tried."""

    server = Server(("127.0.0.1", 0), Handler)
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
