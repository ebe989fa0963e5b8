"""How the tables of the local service come to be."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from qrun.errors import ServiceError
from qrun.local import schema, store
from qrun.local.store import Store


def tables(db: sqlite3.Connection) -> set[str]:
    return {name for (name,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}


def test_a_step_that_is_interrupted_leaves_nothing_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    db = sqlite3.connect(":memory:", isolation_level=None)
    whole = list(schema.MIGRATIONS)
    monkeypatch.setattr(schema, "MIGRATIONS", [whole[0] + "; CREATE TABLE jobs (x)"])
    with pytest.raises(sqlite3.Error):
        schema.migrate(db)
    assert tables(db) == set()
    assert db.execute("PRAGMA user_version").fetchone() == (0,)
    monkeypatch.setattr(schema, "MIGRATIONS", whole)
    schema.migrate(db)
    assert {"jobs", "sessions", "events"} <= tables(db)
    assert db.execute("PRAGMA user_version").fetchone() == (len(whole),)
    schema.migrate(db)


def test_state_of_a_newer_program_is_refused() -> None:
    db = sqlite3.connect(":memory:", isolation_level=None)
    db.execute("PRAGMA user_version = 999")
    with pytest.raises(ServiceError, match="newer"):
        schema.migrate(db)


def test_state_of_a_newer_program_is_told_where_it_is_opened(tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "state.sqlite")) as db:
        db.execute("PRAGMA user_version = 999")
    with pytest.raises(ServiceError, match="newer") as refused:
        Store(tmp_path / "state.sqlite")
    assert "reset" not in (refused.value.hint or "")


def test_a_disk_that_fails_is_no_reason_to_delete_anything(tmp_path: Path) -> None:
    (tmp_path / "state.sqlite").mkdir()
    with pytest.raises(ServiceError, match="can't be opened") as refused:
        Store(tmp_path / "state.sqlite")
    assert "Nothing is lost" in (refused.value.hint or "")
    assert "reset" not in (refused.value.hint or "")


def test_every_page_is_looked_at_unless_the_state_was_put_down_in_good_order(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, looked = tmp_path / "state.sqlite", []
    monkeypatch.setattr(store, "_check", lambda db: looked.append(1))

    def fail(db: sqlite3.Connection) -> None:
        raise OSError("no space left")

    def put(db: sqlite3.Connection) -> None:
        db.execute("INSERT INTO meta (name, value) VALUES (?, 'x')", (str(len(looked)) + str(path.stat()),))

    def looks(well: bool = True) -> bool:
        before = len(looked)
        opened = Store(path)
        opened.write(put if well else fail, vital=True).exception(5)
        opened.close()
        return len(looked) > before

    assert looks()  # There was none.
    assert not looks()
    assert not looks(well=False)  # It is not put down in good order.
    assert looks()
    assert not looks()
    path.write_bytes(path.read_bytes())
    assert looks()  # It is not the file that was put down.


def test_state_that_is_damaged_is_told_with_the_way_out(tmp_path: Path) -> None:
    (tmp_path / "state.sqlite").write_bytes(b"no database at all" * 300)
    with pytest.raises(ServiceError, match="can't be used") as refused:
        Store(tmp_path / "state.sqlite")
    assert "qrun local reset" in (refused.value.hint or "")


def test_what_older_state_has_was_accepted_when_it_was_created(monkeypatch: pytest.MonkeyPatch) -> None:
    db = sqlite3.connect(":memory:", isolation_level=None)
    whole = list(schema.MIGRATIONS)
    monkeypatch.setattr(schema, "MIGRATIONS", whole[:1])
    schema.migrate(db)
    db.execute(
        "INSERT INTO jobs (id, device, program, cost, tags, private, created, status)"
        " VALUES ('a', 'ideal', 'sampler', 0, '[]', 0, 17.5, 'Completed')"
    )
    monkeypatch.setattr(schema, "MIGRATIONS", whole)
    schema.migrate(db)
    assert db.execute("SELECT created, accepted FROM jobs").fetchall() == [(17.5, 17.5)]
