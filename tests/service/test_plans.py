"""What the plan of the instance allows and limits, in the service and at the command line."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from qrun.local.clock import Pace
from qrun.local.devices import mock_of
from qrun.local.overview import overview
from qrun.local.refusal import Refusal
from qrun.local.scheduling import Background, DeviceScheduler
from qrun.local.scheduling.plans import PLANS, Plan
from qrun.local.service import LocalService
from qrun.local.settings import Settings
from tests.command import ROOT, Qrun
from tests.service.in_process import DEVICE, ended, submit, tell
from tests.service.plain_client import client_of, info_of_home


def test_at_the_allocation_jobs_are_accepted_and_wait_also_after_a_restart(tmp_path: Path) -> None:
    jobs: list[str] = []
    chosen = Settings(plan=PLANS["open"])

    async def use_it_up(service: LocalService) -> None:
        (first,) = await ended(service, await submit(service, 500))
        assert first.usage == 500
        assert not service.usage().reached
        (second,) = await ended(service, await submit(service, 101))
        assert second.status == "Completed"  # What is running goes on.
        assert (service.usage().consumed, service.usage().reached) == (601, True)
        jobs.append(await submit(service, 1))
        await asyncio.sleep(0.1)
        assert service.job(jobs[0]).status == "Queued"

    async def later(service: LocalService) -> None:
        await asyncio.sleep(0.1)
        assert service.usage().consumed == 601
        assert service.job(jobs[0]).status == "Queued"

    async def on_another_plan(service: LocalService) -> None:
        (job,) = await ended(service, jobs[0])
        assert job.status == "Completed"

    tell(tmp_path / "s.sqlite", use_it_up, settings=chosen)
    tell(tmp_path / "s.sqlite", later, settings=chosen)
    tell(tmp_path / "s.sqlite", on_another_plan, settings=Settings(plan=PLANS["payg"]))


def test_at_the_limit_jobs_are_refused(tmp_path: Path) -> None:
    async def story(service: LocalService) -> None:
        await ended(service, await submit(service, 10))
        with pytest.raises(Refusal, match="exceeds its limit") as refused:
            await submit(service, 1)
        assert refused.value.status == 409
        # A dry run costs nothing.
        await ended(service, await submit(service, 1, device=mock_of(DEVICE)))

    tell(tmp_path / "s.sqlite", story, settings=Settings(plan=Plan("capped", limit_seconds=10)))


def test_a_session_that_is_active_counts_towards_the_limit(tmp_path: Path) -> None:
    async def story(service: LocalService) -> None:
        session = await service.open_session(DEVICE, "dedicated", None)
        await ended(service, await submit(service, 10, session))
        assert service.session(session)[1].state == "active"
        assert service.usage().consumed >= 11  # Its classical stage with it (M7).
        assert service.usage().reached
        with pytest.raises(Refusal, match="exceeds its limit"):
            await submit(service, 1, session)

    tell(tmp_path / "s.sqlite", story, settings=Settings(plan=Plan("capped", limit_seconds=11)))


def test_at_the_allocation_other_devices_wait_also_while_a_session_is_active(tmp_path: Path) -> None:
    async def story(service: LocalService) -> None:
        session = await service.open_session(DEVICE, "dedicated", None)
        await ended(service, await submit(service, 10, session))
        waits = await submit(service, 1, device="fake_manila")
        await ended(service, await submit(service, 1, session))  # What is active goes on.
        assert service.usage().reached
        assert service.job(waits).status == "Queued"
        await service.cancel_session(session)
        await asyncio.sleep(0.1)
        assert service.job(waits).status == "Queued"

    tell(tmp_path / "s.sqlite", story, settings=Settings(plan=Plan("small", allocation_seconds=11)))


def test_what_holds_the_qpu_counts_towards_the_usage_of_the_instance() -> None:
    for workload in (None, "b"):
        device = DeviceScheduler()
        device.open_workload("b", 0, mode="batch")
        device.submit("x", 0, workload=workload)
        device.prepared("x", 0, qpu_seconds=8)
        device.advance(5)
        assert device.running_use(5) == 4
        device.advance(9)
        assert device.running_use(9) == 0


def test_a_device_that_the_plan_leaves_out_is_not_there(tmp_path: Path) -> None:
    async def story(service: LocalService) -> None:
        assert service.device_names() == ["fake_manila"]
        with pytest.raises(Refusal, match="Backend not found"):
            await submit(service, 1)
        with pytest.raises(Refusal, match="Backend not found"):
            await service.open_session(DEVICE, "batch", None)

    tell(tmp_path / "s.sqlite", story, settings=Settings(plan=Plan("small", devices=("fake_manila",))))


def test_a_device_of_the_plan_that_is_gone_does_not_hide_the_others(tmp_path: Path) -> None:
    async def story(service: LocalService) -> None:
        assert service.device_names() == ["fake_manila"]
        await ended(service, await submit(service, 1, device="fake_manila"))

    plan = Plan("old", devices=("fake_manila", "gone"), extra_devices=("lost",))
    tell(tmp_path / "s.sqlite", story, settings=Settings(plan=plan))


def test_a_busy_queue_costs_no_real_time_and_shows_as_time_in_the_queue(tmp_path: Path) -> None:
    crowded = Background("crowded", jobs_per_hour=110, mean_seconds=31, seed=3)

    async def story(service: LocalService) -> None:
        assert all(desk.machine.next_timer() is None for desk in service.desks())
        jobs = [await submit(service, 1, device=name) for name in service.device_names()]
        jobs += [await submit(service, 1) for _ in range(5)]
        waited = [
            job.finished - job.created - job.usage - 1  # type: ignore[operator]
            for job in await ended(service, *jobs)
        ]
        assert max(waited) > 30
        # Nobody waits any more: nothing is left of the others, neither in the machines nor on disk.
        for desk in service.desks():
            assert not desk.machine.state.jobs
            assert desk.machine.next_timer() is None
        (rows,) = service.store._reader.execute("SELECT count(*) FROM events").fetchone()
        assert rows == 6 * len(jobs)
        assert service.usage().consumed == len(jobs)

    tell(tmp_path / "s.sqlite", story, settings=Settings(background=crowded))


def test_at_real_pace_one_waits_behind_the_others(tmp_path: Path) -> None:
    crowded = Background("crowded", jobs_per_hour=110, mean_seconds=31, seed=3)

    async def story(service: LocalService) -> None:
        busiest = max(service.desks(), key=lambda desk: desk.machine.queue_length(desk.clock.now()))
        assert service.queue_length(busiest.name) > 0
        job = await submit(service, 1, device=busiest.name)
        (device,) = overview(service)["devices"]
        assert device["name"] == busiest.name
        assert device["lanes"][0]["others"]
        assert service.job(job).status in ("Queued", "Running")
        await service.cancel(job)
        assert overview(service)["devices"] == []

    tell(tmp_path / "s.sqlite", story, settings=Settings(background=crowded, pace=Pace.REAL))


def test_the_overview_tells_of_sessions_and_their_countdowns(tmp_path: Path) -> None:
    async def story(service: LocalService) -> None:
        session = await service.open_session(DEVICE, "dedicated", None)
        (device,) = overview(service)["devices"]
        assert 1799 < device["workloads"][0]["unused_left"] <= 1800
        job = await submit(service, 2, session)
        waiting = await submit(service, 2)
        await ended(service, job)
        told = overview(service)
        assert told["plan"]["name"] == "local"
        (device,) = told["devices"]
        assert device["queue"] == {"length": 1, "own": 1, "others": 0, "first": [waiting]}
        (shown,) = device["workloads"]
        assert (shown["id"], shown["mode"], shown["state"]) == (session, "session", "active")
        assert 58 < shown["interactive_ttl_left"] <= 60
        assert 28_790 < shown["max_ttl_left"] <= 28_797.5
        assert shown["usage_seconds"] >= 3
        assert 3 <= told["usage"]["consumed_seconds"] <= shown["usage_seconds"]
        json.dumps(told)

    tell(tmp_path / "s.sqlite", story)


@pytest.fixture(scope="module")
def open_plan(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Qrun]:
    home = tmp_path_factory.mktemp("open-plan")
    qrun = Qrun({**os.environ, "QRUN_HOME": str(home)}, ROOT)
    qrun("local", "start", "--plan", "open", "--background", "quiet", "--seed", "4")
    yield qrun
    qrun("local", "stop")


def test_m14_a_session_on_the_open_plan_is_refused_before_anything_is_sent(open_plan: Qrun) -> None:
    done = open_plan("submit", "workloads/bell.yaml", "--mode", "session", code=4)
    assert "Open plan, which has no sessions" in done.stderr
    assert "--mode batch" in done.stderr
    assert "--mode job" in done.stderr
    assert open_plan.json("list", "--json") == []
    open_plan("submit", "workloads/bell.yaml", "--mode", "batch", "--watch")


def test_m14_the_service_itself_answers_400_and_1352(open_plan: Qrun) -> None:
    with client_of(info_of_home(Path(open_plan.env["QRUN_HOME"]))) as api:
        answer = api.post("/sessions", json={"mode": "dedicated", "backend": "ideal"})
        assert answer.status_code == 400
        assert answer.json()["errors"][0]["code"] == 1352
        assert "different execution mode" in answer.json()["errors"][0]["solution"]
        usage = api.get("/instances/usage").json()
        assert usage["usage_allocation_seconds"] == 600
        assert usage["usage_limit_reached"] is False
        assert api.post("/sessions", json={"mode": "batch", "backend": "ideal"}).json()["max_ttl"] == 600


def test_a_running_service_is_not_changed_and_keeps_its_settings(open_plan: Qrun) -> None:
    done = open_plan("local", "start", "--plan", "premium", code=2)
    assert "runs already, with plan open, background quiet, pace skip" in done.stderr
    assert "qrun local stop" in done.stderr
    open_plan("local", "start", "--plan", "open")
    open_plan("local", "stop")
    open_plan("local", "start")
    told = open_plan.json("local", "status", "--json")
    assert told["running"]
    assert (told["plan"]["name"], told["background"]["name"]) == ("open", "quiet")
    shown = open_plan("local", "status").stdout
    for words in ("open (no sessions", "of 10 m 00 s allocated within 28 days", "quiet: 24 jobs an hour"):
        assert words in shown


def test_reset_asks_first(open_plan: Qrun) -> None:
    assert "--yes" in open_plan("local", "reset", code=2).stderr
    open_plan("local", "status")
    open_plan("local", "reset", "--yes")
    open_plan("local", "status", code=3)
    open_plan("local", "start")
    told = open_plan.json("local", "status", "--json")
    assert (told["plan"]["name"], told["usage"]["consumed_seconds"]) == ("local", 0)
