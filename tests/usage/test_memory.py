"""What is remembered of jobs: it comes back as it was, per instance, and is a cache and nothing more."""

from __future__ import annotations

from datetime import datetime, timezone

import pytest

from qrun.runtime.accounts import Account
from qrun.runtime.records import JobTimes, Usage
from qrun.usage.memory import UsageMemory

NOW = datetime(2026, 11, 22, 12, 0, 0, 123456, tzinfo=timezone.utc)


def account(instance: str) -> Account:
    return Account("lab", "https://x", "https://x/api/v1", "https://iam", "secret", instance)


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("QRUN_HOME", str(tmp_path))
    return tmp_path


def test_what_is_kept_comes_back_for_its_own_instance_alone(home):
    times = {f"j{i}": JobTimes(NOW, NOW, None, Usage(2.0 + i, settled=True), 0.5) for i in range(700)}
    with UsageMemory(account("a")) as memory:
        memory.keep(times)
    with UsageMemory(account("a")) as memory:
        assert memory.recall([*times, "other"]) == times
    with UsageMemory(account("b")) as memory:
        assert memory.recall(times) == {}
    assert b"secret" not in (home / "cache" / "usage.sqlite").read_bytes()


def test_a_broken_file_is_no_obstacle(home):
    (home / "cache").mkdir()
    (home / "cache" / "usage.sqlite").write_text("no database at all, and long enough to be looked at" * 50)
    with UsageMemory(account("a")) as memory:
        memory.keep({"j": JobTimes(NOW, None, None, Usage(1.0, settled=True))})
        assert memory.recall(["j"]) == {}
