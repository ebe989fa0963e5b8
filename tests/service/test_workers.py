"""Worker processes: what one dies of concerns one job, a cancelled job frees its worker, seeds are kept."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import zlib
from collections.abc import Awaitable, Callable

import pytest

from qrun.local import workers
from qrun.local.worker import Prepared
from qrun.local.workers import WorkerDied, Workers

DEVICE = "fake_manila"
ENTANGLED = (
    'OPENQASM 3.0; include "stdgates.inc"; bit[3] c; sx $0; rz(0.3) $0; sx $0; cx $0, $1; cx $1, $2; '
    "c[0] = measure $0; c[1] = measure $1; c[2] = measure $2;"
)


def params(seed: int, pubs: int = 1) -> bytes:
    """A noisy job with a seed."""
    body = {
        "pubs": [[ENTANGLED, [], 500]] * pubs,
        "version": 2,
        "support_qiskit": True,
        "options": {"simulator": {"seed_simulator": seed}},
    }
    return zlib.compress(json.dumps(body).encode())


def run(pool: Workers, name: str, content: bytes) -> asyncio.Task[Prepared]:
    return asyncio.create_task(pool.run(name, DEVICE, "sampler", content, wanted=lambda: True))


def with_pool(count: int, story: Callable[[Workers], Awaitable[None]]) -> None:
    """What a pool lives to see between its start and its stop."""

    async def life() -> None:
        pool = Workers(DEVICE, count)
        pool.start()
        try:
            await story(pool)
        finally:
            pool.stop()

    asyncio.run(life())


async def at_work(pool: Workers, job: str) -> int:
    """The process that computes a job, as soon as there is one."""
    while True:
        for slot in pool._slots:
            if slot.job == job and slot._pid is not None:
                return slot._pid
        await asyncio.sleep(0.01)


def data_of(prepared: Prepared) -> str:
    """A result without the moments at which it was made."""
    result = json.loads(zlib.decompress(prepared.result))
    return json.dumps(result["__value__"]["pub_results"])


def test_seeded_jobs_are_the_same_bit_for_bit_whatever_the_number_of_workers() -> None:
    found: dict[int, list[str]] = {}

    async def story(pool: Workers) -> None:
        jobs = [run(pool, f"job {seed}", params(seed)) for seed in range(6)]
        results = [data_of(prepared) for prepared in await asyncio.gather(*jobs)]
        found[len(pool._slots)] = results

    for count in (1, 3):
        with_pool(count, story)
    assert found[1] == found[3]
    assert len(set(found[1])) == 6


def test_a_killed_worker_fails_its_job_and_no_other() -> None:
    async def story(pool: Workers) -> None:
        victim = run(pool, "victim", params(1, pubs=3000))
        waiting = [run(pool, f"job {seed}", params(seed)) for seed in range(2)]
        os.kill(await at_work(pool, "victim"), signal.SIGKILL)
        with pytest.raises(WorkerDied):
            await victim
        first, second = await asyncio.gather(*waiting)
        assert data_of(first) != data_of(second)

    with_pool(1, story)


def test_a_cancelled_job_frees_its_worker(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workers, "ABANDON_SECONDS", 0.1)

    async def story(pool: Workers) -> None:
        cancelled = run(pool, "cancelled", params(1, pubs=100_000))
        other = run(pool, "other", params(2))
        process = await at_work(pool, "cancelled")
        pool.abandon("cancelled")
        with pytest.raises(WorkerDied):
            await cancelled
        assert "simulated in" in zlib.decompress((await other).log).decode()
        with pytest.raises(ProcessLookupError):
            os.kill(process, 0)

    with_pool(1, story)
