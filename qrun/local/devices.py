"""The devices that the local service offers, as the raw JSON that IBM's REST interface gives for them.

The server process imports this module, so it needs neither qiskit nor the client: the calibration
snapshots that ship inside ``qiskit_ibm_runtime`` are read as plain files.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from itertools import permutations
from pathlib import Path
from typing import Any

_SNAPSHOTS = {"fake_fez": "fez", "fake_sherbrooke": "sherbrooke", "fake_manila": "manila"}
"""Our name of a device → its snapshot's folder, with ``conf_<folder>.json`` and ``props_<folder>.json``."""

_IDEAL = "ideal"
_IDEAL_QUBITS = 32
_IDEAL_DATE = "2025-01-01T00:00:00+00:00"
_IDEAL_NANOSECONDS = {"id": 24, "rz": 0, "sx": 24, "x": 24, "rx": 24, "cz": 84, "rzz": 84, "reset": 1584}
"""Durations of the ideal device: those of the Heron snapshot ``fez``."""
_IDEAL_READOUT_NANOSECONDS = 1560
_IDEAL_PARAMETERS = {"rz": ["theta"], "rx": ["theta"], "rzz": ["theta"]}

_MICROSECOND = 1e-6
_FALLBACK_REP_DELAY_MICROSECONDS = 250.0
"""What most QPUs default to (IBM's guide "Repetition rate execution"), for a snapshot that says nothing."""


@dataclass(frozen=True)
class Device:
    """A device of the local service.

    Args:
        name: Its name, as clients ask for it.
        configuration: Answer of ``GET /backends/{name}/configuration``. Shared: copy before changing.
        properties: Answer of ``GET /backends/{name}/properties``. Shared: copy before changing.
    """

    name: str
    configuration: dict[str, Any]
    properties: dict[str, Any]

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
    """All devices of the local service, in the order they are listed in."""
    return [*_SNAPSHOTS, _IDEAL]


@cache
def device(name: str) -> Device:
    """The device called ``name``.

    Raises:
        KeyError: There is none of that name.
    """
    if name == _IDEAL:
        return Device(name, _ideal_configuration(), _ideal_properties())
    return _snapshot(name, _SNAPSHOTS[name])


def _snapshot(name: str, folder: str) -> Device:
    place = _client_folder() / "fake_provider" / "backends" / folder
    configuration = json.loads((place / f"conf_{folder}.json").read_text(encoding="utf-8"))
    properties = json.loads((place / f"props_{folder}.json").read_text(encoding="utf-8"))
    configuration.update(backend_name=name, simulator=False, local=False)
    properties.update(backend_name=name)
    return Device(name, configuration, properties)


def _client_folder() -> Path:
    """Where ``qiskit_ibm_runtime`` is installed, without importing it (that takes seconds)."""
    spec = find_spec("qiskit_ibm_runtime")
    if spec is None or not spec.submodule_search_locations:
        raise RuntimeError("qiskit-ibm-runtime is not installed, and the local devices are read from it")
    return Path(next(iter(spec.submodule_search_locations)))


def _ideal_gate_qubits(gate: str) -> list[list[int]]:
    if gate in ("cz", "rzz"):
        return [list(pair) for pair in permutations(range(_IDEAL_QUBITS), 2)]
    return [[qubit] for qubit in range(_IDEAL_QUBITS)]


def _ideal_configuration() -> dict[str, Any]:
    basis = [gate for gate in _IDEAL_NANOSECONDS if gate != "reset"]
    return {
        "backend_name": _IDEAL,
        "backend_version": "1.0.0",
        "description": f"{_IDEAL_QUBITS} qubits without errors, each coupled to each",
        "n_qubits": _IDEAL_QUBITS,
        "basis_gates": basis,
        "gates": [
            {
                "name": gate,
                "parameters": _IDEAL_PARAMETERS.get(gate, []),
                "qasm_def": "",
                "coupling_map": _ideal_gate_qubits(gate),
            }
            for gate in basis
        ],
        "coupling_map": _ideal_gate_qubits("cz"),
        "supported_instructions": [
            *basis, "delay", "measure", "reset", "if_else", "for_loop", "switch_case", "while_loop",
        ],
        "supported_features": ["qobj", "parameters", "qasm3"],
        "simulator": False,
        "local": False,
        "conditional": False,
        "open_pulse": False,
        "memory": True,
        "max_shots": 100_000,
        "max_experiments": 300,
        "dynamic_reprate_enabled": True,
        "rep_delay_range": [0.0, 500.0],
        "default_rep_delay": 250.0,
        "dt": 4.0,
        "dtm": 4.0,
        "timing_constraints": {
            "acquire_alignment": 1, "granularity": 1, "min_length": 2, "pulse_alignment": 1,
        },
        "processor_type": {"family": "Ideal", "revision": "1"},
        "sample_name": "family: Ideal, revision: 1",
        "clops_h": 195_000,
        "credits_required": True,
        "online_date": _IDEAL_DATE,
        "n_registers": 1,
        "meas_levels": [2],
        "meas_map": [list(range(_IDEAL_QUBITS))],
        "n_uchannels": 0,
        "u_channel_lo": [],
        "parallel_compilation": True,
        "multi_meas_enabled": True,
        "coords": [[qubit // 8, qubit % 8] for qubit in range(_IDEAL_QUBITS)],
        "url": "None",
    }  # fmt: skip


def _ideal_properties() -> dict[str, Any]:
    def value(name: str, number: float, unit: str = "") -> dict[str, Any]:
        return {"date": _IDEAL_DATE, "name": name, "unit": unit, "value": number}

    qubit = [
        value("readout_error", 0.0),
        value("prob_meas0_prep1", 0.0),
        value("prob_meas1_prep0", 0.0),
        value("readout_length", _IDEAL_READOUT_NANOSECONDS, "ns"),
    ]
    gates = [
        {
            "qubits": qubits,
            "gate": gate,
            "name": gate + "_".join(map(str, qubits)),
            "parameters": [value("gate_length", duration, "ns")]
            + ([] if gate == "reset" else [value("gate_error", 0.0)]),
        }
        for gate, duration in _IDEAL_NANOSECONDS.items()
        for qubits in _ideal_gate_qubits(gate)
    ]
    return {
        "backend_name": _IDEAL,
        "backend_version": "1.0.0",
        "last_update_date": _IDEAL_DATE,
        "qubits": [[dict(entry) for entry in qubit] for _ in range(_IDEAL_QUBITS)],
        "gates": gates,
        "general": [],
        "general_qlists": [],
    }
