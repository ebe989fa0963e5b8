"""The inside of the service process: state, workers and REST interface on a loopback port."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import os
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator
from datetime import datetime, timezone
from pathlib import Path

import uvicorn

import qrun
from qrun.local import settings
from qrun.local.devices import device_names
from qrun.local.identity import Gatekeeper, new_crn, token_in, write_private
from qrun.local.rest.app import application
from qrun.local.service import LocalService
from qrun.local.store import Store
from qrun.local.workers import Workers

_log = logging.getLogger(__name__)

HOST = "127.0.0.1"
_CLOSING_SECONDS = 2
PROGRESS_SECONDS = 5.0
"""Between two lines of the log while the service starts; well below what a start is waited for."""
_LEAST_WORK_SECONDS = 0.01
"""Processor time in between that a start takes which goes on; one that hangs takes next to none."""


def run(folder: Path) -> None:
    """Serve the state in ``folder`` until a signal says to stop."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    logging.getLogger("uvicorn").setLevel(logging.WARNING)
    up = threading.Event()
    threading.Thread(target=_tell_of_progress, args=(up,), name="start", daemon=True).start()
    chosen = settings.load(folder)
    store = Store(folder / "state.sqlite")
    instance = _instance(store)
    service = LocalService(store, Workers(device_names()[0]), chosen)
    app = application(service, Gatekeeper(token_in(folder)), instance)
    listener = _listener(folder / "port")
    url = f"http://{HOST}:{listener.getsockname()[1]}"
    place = folder / "service.json"

    def announce() -> None:
        up.set()
        started = datetime.now(timezone.utc).isoformat(timespec="seconds")
        about = {"url": url, "pid": os.getpid(), "instance": instance, "version": qrun.__version__}
        write_private(place, json.dumps({**about, "started_at": started}) + "\n")
        _log.info("qrun %s serves %s: %s", qrun.__version__, url, chosen)

    config = uvicorn.Config(
        app,
        # This parser gives the whole target of a request, which tells direct form from proxy form.
        http="h11",
        ws="none",
        loop="asyncio",
        lifespan="on",
        log_config=None,
        access_log=False,
        server_header=False,
        date_header=False,
        proxy_headers=False,
        timeout_graceful_shutdown=_CLOSING_SECONDS,
    )
    try:
        _Server(config, announce).run(sockets=[listener])
    finally:
        up.set()
        place.unlink(missing_ok=True)
    _log.info("stopped")


def _tell_of_progress(up: threading.Event) -> None:
    """Log now and then that the start goes on, as long as it does: who waits for it looks at the log.

    A large state takes minutes to be checked after a crash, or to be brought to a newer form.
    """
    began, worked = time.monotonic(), time.process_time()
    while not up.wait(PROGRESS_SECONDS):
        if time.process_time() - worked > _LEAST_WORK_SECONDS:
            _log.info("reading the state, for %.0f s by now", time.monotonic() - began)
        worked = time.process_time()


class _Server(uvicorn.Server):
    """uvicorn's server, which sleeps where that one looks ten times a second whether to stop."""

    def __init__(self, config: uvicorn.Config, ready: Callable[[], None]) -> None:
        super().__init__(config)
        self._ready = ready

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets=sockets)
        if self.started:
            self._ready()

    async def main_loop(self) -> None:
        stop = asyncio.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, stop.set)
        await stop.wait()


def _instance(store: Store) -> str:
    """The CRN of the instance, which is made the first time and kept for ever."""
    if (kept := store.meta("instance")) is not None:
        return kept
    crn = new_crn()
    store.set_meta("instance", crn).result()
    return crn


def _listener(remembered: Path) -> socket.socket:
    """A socket on a loopback port: the same as last time where that is free."""
    try:
        last = int(remembered.read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):
        last = 0
    for port in dict.fromkeys((last, 0)):
        # With the protocol named, asyncio sets TCP_NODELAY on its connections; else each answer takes 40 ms.
        listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((HOST, port))
        except OSError:
            listener.close()
            continue
        write_private(remembered, str(listener.getsockname()[1]))
        return listener
    raise OSError(f"no port of {HOST} is free")
