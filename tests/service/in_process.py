"""The service's inside without HTTP and without a simulator: its store, clock and scheduling as they are."""

from __future__ import annotations

import asyncio
import json
import zlib
from collections.abc import Awaitable, Callable
from pathlib import Path

from qrun.local.clock import Pace
from qrun.local.records import JobRecord
from qrun.local.service import LocalService
from qrun.local.settings import Settings
from qrun.local.store import Store
from qrun.local.worker import Prepared
from qrun.local.workers import Workers

DEVICE = "ideal"
Story = Callable[[LocalService], Awaitable[None]]


class Oracle(Workers):
    """Knows, after some real seconds, how long a job needs the QPU: its parameters say so."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds

    def start(self) -> None:
        pass

    def stop(self) -> None:
        pass

    def abandon(self, job: str) -> None:
        pass

    async def run(
        self, job: str, device: str, program: str, params: bytes, wanted: Callable[[], bool]
    ) -> Prepared:
        await asyncio.sleep(self._seconds)
        return Prepared(zlib.compress(b"{}"), zlib.compress(b""), json.loads(zlib.decompress(params)), 0)


def tell(
    path: Path,
    story: Story,
    pace: Pace = Pace.SKIP,
    preparing: float = 0.0,
    settings: Settings | None = None,
) -> None:
    """What a service with the state at ``path`` lives to see between its start and its stop."""

    async def life() -> None:
        chosen = settings or Settings(pace=pace)
        service = LocalService(Store(path), Oracle(preparing), chosen)
        await service.start()
        try:
            await story(service)
        finally:
            await service.stop()

    asyncio.run(life())


async def submit(
    service: LocalService, qpu_seconds: float, session: str | None = None, device: str = DEVICE
) -> str:
    """A job that needs the QPU for ``qpu_seconds``."""
    record = JobRecord(id="", device=device, program="sampler", session_id=session)
    return await service.submit(record, zlib.compress(json.dumps(qpu_seconds).encode()))


async def ended(service: LocalService, *jobs: str) -> list[JobRecord]:
    """The jobs, once all have ended."""
    for _ in range(500):
        if all(service.job(job).ended for job in jobs):
            return [service.job(job) for job in jobs]
        await asyncio.sleep(0.01)
    raise AssertionError([service.job(job) for job in jobs])
