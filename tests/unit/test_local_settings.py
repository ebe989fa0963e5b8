"""Plans and other users by name and as TOML files, and how settings are kept."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from qrun.errors import UsageError
from qrun.local import settings
from qrun.local.clock import Pace
from qrun.local.scheduling.plans import PLANS
from qrun.local.settings import Settings, Wishes, background_called, plan_called


def written(tmp_path: Path, text: str) -> str:
    path = tmp_path / "mine.toml"
    path.write_text(text)
    return str(path)


def test_the_plans_have_the_numbers_of_ibms() -> None:
    open_plan, payg = PLANS["open"], PLANS["payg"]
    assert (open_plan.allocation_seconds, open_plan.sessions) == (600, False)
    assert (open_plan.rules.max_ttl, open_plan.rules.max_job_seconds) == (600, 600)
    assert payg.cost(1000) == 1600
    for plan in PLANS.values():
        assert (plan.rules.session_interactive_ttl, plan.rules.batch_interactive_ttl) == (60, 1)  # M13, M14


def test_a_plan_of_ones_own_begins_with_another(tmp_path: Path) -> None:
    plan = plan_called(
        written(
            tmp_path,
            'name = "internal"\nbase = "payg"\nallocation_seconds = 3600\nlimit_seconds = 7200.5\n'
            'session_interactive_ttl = 300\nperiod_days = 0\nextra_devices = ["fake_manila"]\n'
            'devices = ["ideal"]\n',
        )
    )
    assert (plan.name, plan.allocation_seconds, plan.limit_seconds) == ("internal", 3600, 7200.5)
    assert (plan.price_per_second, plan.period_days) == (1.6, None)
    assert (plan.rules.session_interactive_ttl, plan.rules.max_ttl) == (300, 28_800)
    assert plan.names_devices(["fake_fez", "ideal"]) == ["ideal", "fake_manila"]


def test_other_users_of_ones_own(tmp_path: Path) -> None:
    background = background_called(written(tmp_path, 'base = "busy"\nmean_seconds = 10\nseed = 4\n'))
    assert (background.name, background.jobs_per_hour, background.mean_seconds, background.seed) == (
        "mine",
        108,
        10,
        4,
    )


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("allocation = 5", "no key 'allocation'"),
        ("allocation_seconds = -1", "allocation_seconds is -1"),
        ("allocation_seconds = nan", "allocation_seconds is nan"),
        ('allocation_seconds = "ten"', "allocation_seconds is 'ten'"),
        ("max_ttl = 0", "max_ttl is 0"),
        ("max_ttl = 1.5", "max_ttl is 1.5"),
        ("max_ttl = true", "max_ttl is True"),
        ("sessions = 1", "sessions is 1"),
        ('base = "gold"', "base is 'gold'"),
        ("devices = [1]", "devices is"),
        ('devices = ["fake_fes"]', r"mine.toml: devices names a device 'fake_fes'"),
        ('extra_devices = ["nope"]', r"mine.toml: extra_devices names a device 'nope'"),
        ("name = !\nx = 1", "line 1, column"),
    ],
)
def test_what_is_wrong_with_a_plan_is_told(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        plan_called(written(tmp_path, text))


def test_a_device_that_is_nearly_right_is_suggested(tmp_path: Path) -> None:
    with pytest.raises(UsageError) as wrong:
        plan_called(written(tmp_path, 'devices = ["fake_manilla"]'))
    assert "Did you mean 'fake_manila'?" in (wrong.value.hint or "")


def test_what_is_wrong_with_other_users_is_told(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="only grow"):
        background_called(written(tmp_path, "jobs_per_hour = 3600\nmean_seconds = 1"))
    with pytest.raises(UsageError, match="no background 'crowded'"):
        background_called("crowded")


def test_settings_are_kept_whole_and_changed_one_by_one(tmp_path: Path) -> None:
    assert settings.load(tmp_path) == Settings()
    chosen = Wishes("open", "busy", "real", 7).applied_to(Settings())
    settings.save(tmp_path, chosen)
    assert settings.load(tmp_path) == chosen
    assert chosen.background.seed == 7
    again = Wishes(pace="skip").applied_to(settings.load(tmp_path))
    assert (again.plan, again.background, again.pace) == (chosen.plan, chosen.background, Pace.SKIP)


def test_damaged_settings_are_told_and_not_guessed(tmp_path: Path) -> None:
    for text in ("{", "[]", '{"plan": {"name": "x"}}'):
        (tmp_path / "settings.json").write_text(text)
        with pytest.raises(UsageError, match="can't be read"):
            settings.load(tmp_path)


def test_the_files_in_the_readme_are_right(tmp_path: Path) -> None:
    readme = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")
    plan, background = re.findall(r"^```toml\n(.*?)^```", readme, re.DOTALL | re.MULTILINE)
    assert plan_called(written(tmp_path, plan)).name == "my-lab"
    assert background_called(written(tmp_path, background)).load == pytest.approx(60 * 12.5 / 3600)
