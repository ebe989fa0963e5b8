"""How the local service is set up: its instance's plan, other users, and how time passes.

Kept as JSON beside the state, so that a service that died comes back as it was. Imports nothing slow.
"""

from __future__ import annotations

import difflib
import json
import math
import sys
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from qrun.errors import UsageError
from qrun.local.clock import Pace
from qrun.local.devices import device_names
from qrun.local.identity import write_private
from qrun.local.scheduling.background import LEVELS, Background
from qrun.local.scheduling.plans import PLANS, Plan
from qrun.local.scheduling.rules import Rules

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

_FILE = "settings.json"

_WHOLE = {"max_ttl", "session_interactive_ttl", "batch_interactive_ttl", "unused_close", "max_job_seconds"}
"""What a plan's file may say of its rules: whole seconds, 1 and more."""
_AMOUNTS = {"allocation_seconds", "limit_seconds", "price_per_second"}
_LISTS = {"devices", "extra_devices"}
_PLAN_KEYS = sorted({"name", "base", "sessions", "period_days", *_WHOLE, *_AMOUNTS, *_LISTS})
_MOST_NAMED = 5
"""Devices that a hint lists."""
_BACKGROUND_KEYS = sorted({"name", "base", "jobs_per_hour", "mean_seconds", "seed"})


@dataclass(frozen=True)
class Settings:
    """How a service is set up.

    Args:
        plan: Of its instance.
        background: Other users' jobs.
        pace: How modelled waiting passes.
    """

    plan: Plan = PLANS["local"]
    background: Background = LEVELS["none"]
    pace: Pace = Pace.SKIP

    def to_dict(self) -> dict[str, Any]:
        """The settings as plain JSON."""
        return {
            "plan": asdict(self.plan),
            "background": asdict(self.background),
            "pace": self.pace.value,
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Settings:
        """The settings that :meth:`to_dict` made ``data`` of.

        Raises:
            ValueError: They are none.
        """
        try:
            plan = dict(data["plan"])
            devices = plan.pop("devices")
            return cls(
                Plan(
                    **{
                        **plan,
                        "rules": Rules(**plan["rules"]),
                        "devices": None if devices is None else tuple(devices),
                        "extra_devices": tuple(plan["extra_devices"]),
                    }
                ),
                Background(**data["background"]),
                Pace(data["pace"]),
            )
        except (KeyError, TypeError) as error:
            raise ValueError(f"{type(error).__name__}: {error}") from error

    def __str__(self) -> str:
        """In a few words."""
        return f"plan {self.plan.name}, background {self.background.name}, pace {self.pace.value}"


def load(folder: Path) -> Settings:
    """The settings of the service in ``folder``.

    Raises:
        UsageError: They can't be read.
    """
    try:
        return Settings.from_dict(json.loads((folder / _FILE).read_text(encoding="utf-8")))
    except FileNotFoundError:
        return Settings()
    except (ValueError, OSError) as error:
        raise UsageError(
            f"The settings of the local service, {folder / _FILE}, can't be read: {error}",
            "Delete that file and start the service with the options that you want.",
        ) from None


def save(folder: Path, settings: Settings) -> None:
    """Keep the settings for the next start of the service in ``folder``."""
    write_private(folder / _FILE, json.dumps(settings.to_dict(), indent=1) + "\n")


@dataclass(frozen=True)
class Wishes:
    """What a start asks for; None leaves it as it was.

    Args:
        plan: A name or the path of a TOML file.
        background: A name or the path of a TOML file.
        pace: ``skip`` or ``real``.
        seed: Of the background.
    """

    plan: str | None = None
    background: str | None = None
    pace: str | None = None
    seed: int | None = None

    def applied_to(self, settings: Settings) -> Settings:
        """The settings with what is asked for.

        Raises:
            UsageError: There is no such plan, level, pace or file, or a file is wrong.
        """
        if self.plan is not None:
            settings = replace(settings, plan=plan_called(self.plan))
        if self.background is not None:
            settings = replace(settings, background=background_called(self.background))
        if self.seed is not None:
            settings = replace(settings, background=replace(settings.background, seed=self.seed))
        if self.pace is not None:
            if self.pace not in (known := [pace.value for pace in Pace]):
                raise UsageError(f"There is no pace {self.pace!r}.", f"Known: {', '.join(known)}.")
            settings = replace(settings, pace=Pace(self.pace))
        return settings


def plan_called(name: str) -> Plan:
    """The plan of that name, or that the TOML file of that path describes.

    Raises:
        UsageError: There is none, or the file is wrong.
    """
    if name in PLANS:
        return PLANS[name]
    path = Path(name).expanduser()
    data = _toml(path, "plan", PLANS, _PLAN_KEYS)
    plan = PLANS[_base(path, data, PLANS, "local")]
    rules: dict[str, int] = {}
    changes: dict[str, Any] = {"name": path.stem}
    for key, value in data.items():
        if key in _WHOLE:
            rules[key] = _whole(path, key, value)
        elif key in _AMOUNTS:
            changes[key] = _amount(path, key, value)
        elif key in _LISTS:
            changes[key] = _devices(path, key, value)
        elif key == "period_days":
            # TOML has no null: 0 says that there is no period.
            changes[key] = None if value == 0 else _whole(path, key, value)
        elif key == "sessions":
            changes[key] = _of_type(path, key, value, bool, "true or false")
        elif key == "name":
            changes[key] = _of_type(path, key, value, str, "text")
    return replace(plan, **changes, rules=replace(plan.rules, **rules))


def background_called(name: str) -> Background:
    """The level of that name, or that the TOML file of that path describes.

    Raises:
        UsageError: There is none, or the file is wrong.
    """
    if name in LEVELS:
        return LEVELS[name]
    path = Path(name).expanduser()
    data = _toml(path, "background", LEVELS, _BACKGROUND_KEYS)
    background = LEVELS[_base(path, data, LEVELS, "none")]
    changes: dict[str, Any] = {"name": path.stem}
    for key in ("jobs_per_hour", "mean_seconds"):
        if key in data:
            changes[key] = _amount(path, key, data[key])
    if "seed" in data:
        changes["seed"] = _of_type(path, "seed", data["seed"], int, "a whole number")
    if "name" in data:
        changes["name"] = _of_type(path, "name", data["name"], str, "text")
    try:
        return replace(background, **changes)
    except ValueError as error:
        raise UsageError(f"{path}: {error}.", "Lower jobs_per_hour or mean_seconds.") from None


def _toml(path: Path, what: str, known: Mapping[str, object], keys: list[str]) -> dict[str, Any]:
    try:
        data: dict[str, Any] = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UsageError(
            f"There is no {what} {str(path)!r}, neither by name nor as a file: {error.strerror}.",
            f"Known: {', '.join(known)}; or give the path of a TOML file.",
        ) from None
    except ValueError as error:  # Of the syntax, with its line and column, or of the encoding.
        raise UsageError(f"{path} is no TOML file: {error}.") from None
    for key in data:
        if key not in keys:
            raise UsageError(f"{path}: there is no key {key!r}.", f"Known: {', '.join(keys)}.")
    return data


def _base(path: Path, data: Mapping[str, Any], known: Mapping[str, object], usual: str) -> str:
    base = data.get("base", usual)
    if not isinstance(base, str) or base not in known:
        raise UsageError(f"{path}: base is {base!r}.", f"Known: {', '.join(known)}.")
    return base


def _of_type(path: Path, key: str, value: Any, kind: type, words: str) -> Any:
    if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
        raise UsageError(f"{path}: {key} is {value!r}.", f"It must be {words}.")
    return value


def _whole(path: Path, key: str, value: Any) -> int:
    number: int = _of_type(path, key, value, int, "a whole number, 1 or more")
    if number < 1:
        raise UsageError(f"{path}: {key} is {number}.", "It must be a whole number, 1 or more.")
    return number


def _amount(path: Path, key: str, value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise UsageError(f"{path}: {key} is {value!r}.", "It must be a number, 0 or more.")
    if not math.isfinite(value) or value < 0:
        raise UsageError(f"{path}: {key} is {value}.", "It must be a number, 0 or more.")
    return value


def _devices(path: Path, key: str, value: Any) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(name, str) for name in value):
        raise UsageError(f"{path}: {key} is {value!r}.", "It must be a list of names.")
    known = device_names()
    for name in value:
        if name not in known:
            near = difflib.get_close_matches(name, known, n=1)
            meant = f"Did you mean {near[0]!r}? " if near else ""
            raise UsageError(
                f"{path}: {key} names a device {name!r} that is not there.",
                f"{meant}Known: {', '.join(known[:_MOST_NAMED])}, …; see: qrun backends --service local",
            )
    return tuple(value)
