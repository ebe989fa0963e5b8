"""When something was created, on which devices' clocks differ by hours: what clients are told and may ask."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

from qrun.local.records import JobFilter, JobRecord
from qrun.local.service import LocalService
from tests.service.in_process import DEVICE, ended, submit, tell

OTHER = "fake_manila"


def listed(service: LocalService, **wanted: float) -> list[str]:
    return [job.id for job in service.store.jobs(JobFilter(**wanted))[0]]  # type: ignore[arg-type]


def test_nothing_is_created_in_its_clients_future_or_out_of_order(tmp_path: Path) -> None:
    async def story(service: LocalService) -> None:
        await ended(service, await submit(service, 5000))  # its device is now 5000 s ahead
        before = time.time()
        ahead = await submit(service, 2)
        session = await service.open_session(DEVICE, "batch", None)
        between = time.time()
        other = await submit(service, 2, device=OTHER)
        after = time.time()
        for job in await ended(service, ahead, other):
            assert job.started is not None
            assert job.finished is not None
            assert before <= job.created <= after
            assert job.created <= job.started <= job.finished
        assert listed(service, created_after=before) == [other, ahead]
        assert listed(service, created_after=between) == [other]
        assert listed(service, created_after=before, created_before=between) == [ahead]
        rows = service.store.workloads()
        assert [row.id for row in rows][:3] == [other, session, ahead]
        assert all(row.created <= after for row in rows)
        assert service.usage().consumed == 5004

    tell(tmp_path / "state.sqlite", story)


def test_nothing_starts_before_it_was_created_on_a_device_whose_clock_is_held(tmp_path: Path) -> None:
    async def story(service: LocalService) -> None:
        await submit(service, 2)
        await asyncio.sleep(1.3)  # The clock is held at 1.0, where the first job's classical stage ends.
        before = time.time()
        late = await submit(service, 2)
        (job,) = await ended(service, late)
        assert job.started is not None
        assert before - 0.5 < job.created <= job.started < before
        assert listed(service, created_after=before) == [late]
        assert listed(service, created_after=job.created, created_before=job.created) == [late]

    tell(tmp_path / "state.sqlite", story, preparing=1.5)


def test_a_closed_session_whose_job_runs_may_have_its_flag_set(tmp_path: Path) -> None:
    async def story(service: LocalService) -> None:
        session = await service.open_session(DEVICE, "batch", None)
        job = await submit(service, 2, session)
        await service.cancel_session(session)
        assert not service.job(job).ended
        await service.set_accepting(session, True)
        (record,) = await ended(service, job)
        assert isinstance(record, JobRecord)
        _, history = service.session(session)
        assert (history.state, history.accepting_jobs) == ("closed", True)

    tell(tmp_path / "state.sqlite", story, preparing=0.3)
