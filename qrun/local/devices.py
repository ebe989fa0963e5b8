"""The devices that the local service offers, as the raw JSON that IBM's REST interface gives for them.

There are the client's fake backends by their names, ``ideal``, and whatever calibrations the user has saved;
each has a *mock* beside it, on which ``dry_run=True`` checks a job without simulating it.

The server process imports this module, so it needs neither qiskit nor the client: the calibration snapshots
that ship inside ``qiskit_ibm_runtime`` are read as plain files, each when it is first asked for.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from functools import cache, cached_property
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from qrun.config import local_service_folder
from qrun.local import ideal_device

_FAKE = "fake_"
_FIRST = ("fake_fez", "fake_sherbrooke", "fake_manila", ideal_device.NAME)
"""What the list starts with: of devices with queues of the same length, clients take the first."""

_MICROSECOND = 1e-6
_FALLBACK_REP_DELAY_MICROSECONDS = 250.0
"""What most QPUs default to (IBM's guide "Repetition rate execution"), for a snapshot that says nothing."""
_REQUIRED: dict[str, Any] = {"coords": [], "u_channel_lo": [], "coupling_map": [], "conditional": False}
"""What the specification requires of a configuration and older snapshots lack, with what stands for it."""


@dataclass(frozen=True)
class Device:
    """A device of the local service.

    Args:
        name: Its name, as clients ask for it.
        configuration: Answer of ``GET /backends/{name}/configuration``. Shared: copy before changing.
        properties: Answer of ``GET /backends/{name}/properties``. Shared: copy before changing.
        is_mock: Whether it is the mock of a device: jobs are checked and timed, and their data are random.
    """

    name: str
    configuration: dict[str, Any]
    properties: dict[str, Any]
    is_mock: bool = False

    @property
    def num_qubits(self) -> int:
        """How many qubits it has."""
        return int(self.configuration["n_qubits"])

    @property
    def default_rep_delay_seconds(self) -> float:
        """Delay between two executions where a job asks for none (the configuration has it in µs)."""
        delay = self.configuration.get("default_rep_delay", _FALLBACK_REP_DELAY_MICROSECONDS)
        return float(delay) * _MICROSECOND

    @property
    def rep_delay_range_seconds(self) -> tuple[float, float]:
        """Shortest and longest delay between two executions that a job may ask for."""
        low, high = self.configuration.get("rep_delay_range", (0.0, 500.0))
        return float(low) * _MICROSECOND, float(high) * _MICROSECOND

    @property
    def max_shots(self) -> int:
        """Most shots of one circuit in a job."""
        return int(self.configuration.get("max_shots", 100_000))


def device_names() -> list[str]:
    """All devices but the mocks, in the order they are listed in."""
    return list(_catalogue().sources)


def built_in_names() -> list[str]:
    """The devices that are there without the user's calibrations."""
    return list(_built_in())


def is_mock(name: str) -> bool:
    """Whether there is a mock of that name."""
    return name in _catalogue().mocks


@cache
def configuration(name: str) -> dict[str, Any]:
    """The configuration of a device, without reading its calibration.

    Raises:
        KeyError: There is none of that name.
    """
    catalogue = _catalogue()
    if name in catalogue.mocks:
        return {**configuration(catalogue.mocks[name]), "backend_name": name}
    return told(name, catalogue.sources[name].configuration())


def told(name: str, configuration: dict[str, Any]) -> dict[str, Any]:
    """A configuration as the service tells it of the device ``name``."""
    found = {**configuration, "backend_name": name, "simulator": False, "local": False}
    for key, value in _REQUIRED.items():
        if found.get(key) is None:
            found[key] = value
    return found


@cache
def device(name: str) -> Device:
    """The device called ``name``.

    Raises:
        KeyError: There is none of that name.
    """
    catalogue = _catalogue()
    if name in catalogue.mocks:
        # What is heavy is shared with the device itself.
        properties = {**device(catalogue.mocks[name]).properties, "backend_name": name}
        return Device(name, configuration(name), properties, is_mock=True)
    properties = {**catalogue.sources[name].properties(), "backend_name": name}
    return Device(name, configuration(name), properties)


def calibrations_folder() -> Path:
    """Where the calibrations are that the user has saved.

    Each is ``NAME.json`` with ``configuration`` and ``properties``, or with ``like``: another device's name.
    """
    return local_service_folder() / "devices"


@dataclass(frozen=True)
class _Snapshot:
    """One of the client's fake backends."""

    folder: Path

    def configuration(self) -> dict[str, Any]:
        return _json(self.folder / f"conf_{self.folder.name}.json")

    def properties(self) -> dict[str, Any]:
        return _json(self.folder / f"props_{self.folder.name}.json")


class _Ideal:
    def configuration(self) -> dict[str, Any]:
        return ideal_device.configuration()

    def properties(self) -> dict[str, Any]:
        return ideal_device.properties()


@dataclass(frozen=True)
class _Saved:
    """A calibration that the user has saved."""

    path: Path

    def configuration(self) -> dict[str, Any]:
        return self._part("configuration")

    def properties(self) -> dict[str, Any]:
        return self._part("properties")

    def _part(self, name: str) -> dict[str, Any]:
        saved = _json(self.path)
        if "like" not in saved:
            part: dict[str, Any] = saved[name]
            return part
        source = _built_in()[saved["like"]]
        return source.configuration() if name == "configuration" else source.properties()


_Source = _Snapshot | _Ideal | _Saved


@dataclass(frozen=True)
class _Catalogue:
    """Where each device comes from.

    Args:
        sources: The devices by their names, in the order of the list.
    """

    sources: dict[str, _Source]

    @cached_property
    def mocks(self) -> dict[str, str]:
        """Names of mocks, and what each is the mock of."""
        # Two devices may differ in what the client replaces by "mock"; the user's own goes first.
        saved_first = sorted(self.sources, key=lambda name: not isinstance(self.sources[name], _Saved))
        mocks: dict[str, str] = {}
        for name in saved_first:
            mocks.setdefault(mock_of(name), name)
        return mocks


def mock_of(name: str) -> str:
    """The name of a device's mock, as the client makes it for a dry run: ``mock_fez`` for ``fake_fez``."""
    return re.sub(r"^[^_]+", "mock", name)


@cache
def _catalogue() -> _Catalogue:
    """All there are when this process first asks; one saved later is there after the next start."""
    built_in = _built_in()
    saved = {path.stem: _Saved(path) for path in sorted(calibrations_folder().glob("*.json"))}
    first = {name: built_in[name] for name in _FIRST}
    sources: dict[str, _Source] = {**first, **saved, **built_in, **saved}
    return _Catalogue(sources)


@cache
def _built_in() -> dict[str, _Source]:
    root = _client_folder() / "fake_provider" / "backends"
    snapshots = sorted(path.parent for path in root.glob("*/props_*.json"))
    return {
        **{_FAKE + folder.name: _Snapshot(folder) for folder in snapshots},
        ideal_device.NAME: _Ideal(),
    }


def _json(path: Path) -> dict[str, Any]:
    data: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return data


def _client_folder() -> Path:
    """Where ``qiskit_ibm_runtime`` is installed, without importing it (that takes seconds)."""
    spec = find_spec("qiskit_ibm_runtime")
    if spec is None or not spec.submodule_search_locations:
        raise RuntimeError("qiskit-ibm-runtime is not installed, and the local devices are read from it")
    return Path(next(iter(spec.submodule_search_locations)))
