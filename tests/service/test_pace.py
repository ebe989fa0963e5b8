"""What skipping leaves as it would be on IBM's service. Numbers are worked out by hand."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

import pytest

from qrun.local.clock import Pace
from qrun.local.service import LocalService
from tests.service.in_process import DEVICE, ended, submit, tell


@pytest.mark.parametrize("mode", ["dedicated", "batch"])
def test_m17_jobs_sent_at_a_clients_rate_overlap(tmp_path: Path, mode: str) -> None:
    # The first starts at 0 and is on the QPU from 1 to 3; the others' classical stages, which begin up to
    # 0.4 s later, are over by then; so the QPU is never free until 1 + 5 × 2.
    async def story(service: LocalService) -> None:
        session = await service.open_session(DEVICE, mode, None)  # type: ignore[arg-type]
        jobs = []
        for _ in range(5):
            jobs.append(await submit(service, 2, session))
            await asyncio.sleep(0.1)
        await service.set_accepting(session, False)
        await ended(service, *jobs)
        _, history = service.session(session)
        assert history.closed_at is not None
        assert history.first_started_at is not None
        assert history.closed_at - history.first_started_at == pytest.approx(11, abs=0.01)
        if mode == "dedicated":
            assert history.windows_seconds == pytest.approx(11, abs=0.01)
        assert history.job_qpu_seconds == pytest.approx(10, abs=0.01)

    tell(tmp_path / "state.sqlite", story)


def test_a_session_that_takes_no_more_jobs_is_not_waited_for(tmp_path: Path) -> None:
    async def story(service: LocalService) -> None:
        session = await service.open_session(DEVICE, "dedicated", None)
        jobs = [await submit(service, 60, session) for _ in range(2)]
        began = time.monotonic()
        await service.set_accepting(session, False)
        await ended(service, *jobs)
        assert time.monotonic() - began < 0.25

    tell(tmp_path / "state.sqlite", story)


def test_a_loop_in_a_session_waits_little_for_each_job(tmp_path: Path) -> None:
    async def story(service: LocalService) -> None:
        session = await service.open_session(DEVICE, "dedicated", None)
        began = time.monotonic()
        for _ in range(3):
            await ended(service, await submit(service, 60, session))
        assert 0.6 < time.monotonic() - began < 1.5

    tell(tmp_path / "state.sqlite", story)


def test_jobs_of_a_session_that_waits_its_turn_hold_nobody_up(tmp_path: Path) -> None:
    async def story(service: LocalService) -> None:
        first = await service.open_session(DEVICE, "dedicated", None)
        later = await service.open_session(DEVICE, "dedicated", None)
        jobs = [await submit(service, 60, first) for _ in range(2)]
        await service.set_accepting(first, False)
        # Whether skipping has come to it or not, only a session that runs is gathered for.
        await submit(service, 60, later)
        began = time.monotonic()
        await ended(service, *jobs)
        assert time.monotonic() - began < 0.25

    tell(tmp_path / "state.sqlite", story)


def test_time_that_others_jobs_skip_does_not_close_an_unused_session_but_counts_towards_the_maximum(
    tmp_path: Path,
) -> None:
    path = tmp_path / "state.sqlite"
    opened: dict[str, str] = {}

    async def others_compute(service: LocalService) -> None:
        opened["unused"] = await service.open_session(DEVICE, "dedicated", None)
        opened["paused"] = await service.open_session(DEVICE, "batch", 1000)
        await ended(service, await submit(service, 2, opened["paused"]))
        await asyncio.sleep(1.1)
        assert service.session(opened["paused"])[1].state == "inactive"
        await ended(service, await submit(service, 1896), await submit(service, 1896))
        assert service.session(opened["unused"])[1].state == "open"
        paused = service.session(opened["paused"])[1]
        assert paused.state == "closed"
        assert paused.first_started_at is not None
        assert paused.closed_at == pytest.approx(paused.first_started_at + 1000)  # M15, by its own timestamps

    async def they_go_on(service: LocalService) -> None:
        (job,) = await ended(service, await submit(service, 2, opened["unused"]))
        assert job.status == "Completed"
        await service.set_accepting(opened["unused"], False)

    tell(path, others_compute)
    tell(path, they_go_on)


def test_usage_of_a_job_that_holds_the_qpu_grows(tmp_path: Path) -> None:
    async def story(service: LocalService) -> None:
        job = await submit(service, 60)
        await asyncio.sleep(0.5)
        assert service.usage_of(service.job(job)) == 0  # in its classical stage, which ends at 1
        await asyncio.sleep(0.8)
        first = service.usage_of(service.job(job))
        assert 0.2 < first < 0.6
        await asyncio.sleep(0.1)
        assert service.usage_of(service.job(job)) > first

    tell(tmp_path / "state.sqlite", story, pace=Pace.REAL)


def test_m7_a_closed_session_is_charged_for_a_job_that_a_stop_of_the_service_had_interrupted(
    tmp_path: Path,
) -> None:
    path = tmp_path / "state.sqlite"
    told: list[str] = []

    async def stops_too_early(service: LocalService) -> None:
        told.append(await service.open_session(DEVICE, "dedicated", None))
        told.append(await submit(service, 5, told[0]))
        await asyncio.sleep(0.3)
        await service.cancel_session(told[0])

    async def goes_on(service: LocalService) -> None:
        session, job = told
        assert service.session(session)[1].ongoing
        await ended(service, job)
        history = service.session(session)[1]
        assert not history.ongoing
        assert history.windows_seconds == pytest.approx(0.3 + 1 + 5, abs=0.15)

    tell(path, stops_too_early, preparing=60)
    tell(path, goes_on)
