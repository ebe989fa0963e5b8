"""A write that fails: what is lost, what goes on, and that the next start finds sound state."""

from __future__ import annotations

import asyncio
import sqlite3
from dataclasses import replace
from pathlib import Path

import pytest

from qrun.local.records import JobRecord
from qrun.local.refusal import Refusal
from qrun.local.scheduling.events import JobFinished
from qrun.local.service import LocalService
from qrun.local.store import Store
from tests.service.in_process import DEVICE, ended, submit, tell


def put(name: str, value: object = "x"):
    def operation(db: sqlite3.Connection) -> None:
        db.execute("INSERT INTO meta (name, value) VALUES (?, ?)", (name, value))

    return operation


def fill_up(db: sqlite3.Connection) -> None:
    """Make the disk as good as full."""
    (pages,) = db.execute("PRAGMA page_count").fetchone()
    db.execute(f"PRAGMA max_page_count = {pages}")


def make_room(db: sqlite3.Connection) -> None:
    db.execute("PRAGMA max_page_count = 1000000")


def test_one_bad_operation_fails_alone(tmp_path: Path) -> None:
    store = Store(tmp_path / "state.sqlite")
    before, bad, after = store.write(put("a")), store.write(put("b", "\ud800")), store.write(put("c"))
    assert before.result(5) is None
    assert isinstance(bad.exception(5), UnicodeEncodeError)
    assert after.result(5) is None
    assert (store.meta("a"), store.meta("b"), store.meta("c")) == ("x", None, "x")
    store.close()


def test_after_a_vital_operation_failed_nothing_is_written_any_more(tmp_path: Path) -> None:
    store = Store(tmp_path / "state.sqlite")
    assert store.write(put("a"), vital=True).exception(5) is None
    assert isinstance(store.write(put("b", "\ud800"), vital=True).exception(5), UnicodeEncodeError)
    assert store.write(put("c")).exception(5) is not None
    assert (store.meta("a"), store.meta("c")) == ("x", None)
    store.close()


def test_a_full_disk_that_has_room_again_is_not_written_to(tmp_path: Path) -> None:
    store = Store(tmp_path / "state.sqlite")
    store.write(fill_up).result(5)
    full = store.write(put("big", "x" * 1_000_000)).exception(5)
    assert isinstance(full, sqlite3.Error)
    assert store.write(make_room).exception(5) is not None
    assert store.write(put("c")).exception(5) is not None
    store.close()
    again = Store(tmp_path / "state.sqlite")
    assert again.write(put("c")).exception(5) is None
    again.close()


def test_a_disk_that_is_full_for_a_moment_leaves_state_that_the_next_start_takes_up(tmp_path: Path) -> None:
    path = tmp_path / "state.sqlite"
    known: list[str] = []

    async def breaks(service: LocalService) -> None:
        known.append(await submit(service, 2))
        await ended(service, *known)
        batch = await service.open_session(DEVICE, "batch", None)
        await service._written(fill_up)
        lost = replace(JobRecord("", DEVICE, "sampler", session_id=batch), caller="x" * 1_000_000)
        with pytest.raises(Refusal) as refused:
            await service.submit(lost, b"")
        assert refused.value.status == 507
        await asyncio.sleep(0.05)
        assert service.broken
        # Nothing goes on by itself: what happened now could not be kept.
        assert all(desk._timer is None for desk in service._desks.values())

    async def goes_on(service: LocalService) -> None:
        assert service.broken is None
        assert service.job(known[0]).status == "Completed"
        (job,) = await ended(service, await submit(service, 2))
        assert job.status == "Completed"

    tell(path, breaks)
    tell(path, goes_on)


def test_a_record_that_speaks_of_an_unknown_job_is_taken_up_without_it(tmp_path: Path) -> None:
    path = tmp_path / "state.sqlite"
    batches: list[str] = []

    async def opens(service: LocalService) -> None:
        batches.append(await service.open_session(DEVICE, "batch", None))

    async def goes_on(service: LocalService) -> None:
        (job,) = await ended(service, await submit(service, 2, batches[0]))
        assert job.status == "Completed"

    tell(path, opens)
    store = Store(path)
    event = JobFinished(1.0, batches[0], "lost", "failed")
    from qrun.local.projection import add_events

    store.write(lambda db: add_events(db, DEVICE, [event], {}, 1.0)).result(5)
    store.close()
    tell(path, goes_on)
