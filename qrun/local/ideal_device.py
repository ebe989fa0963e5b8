"""The device without errors, as the raw JSON that IBM's REST interface would give for it."""

from __future__ import annotations

from itertools import permutations
from typing import Any

NAME = "ideal"
_QUBITS = 32
_DATE = "2025-01-01T00:00:00+00:00"
_NANOSECONDS = {"id": 24, "rz": 0, "sx": 24, "x": 24, "rx": 24, "cz": 84, "rzz": 84, "reset": 1584}
"""Durations: those of the Heron snapshot ``fez``."""
_READOUT_NANOSECONDS = 1560
_PARAMETERS = {"rz": ["theta"], "rx": ["theta"], "rzz": ["theta"]}


def _gate_qubits(gate: str) -> list[list[int]]:
    if gate in ("cz", "rzz"):
        return [list(pair) for pair in permutations(range(_QUBITS), 2)]
    return [[qubit] for qubit in range(_QUBITS)]


def configuration() -> dict[str, Any]:
    """What the device is: answer of ``GET /backends/ideal/configuration``."""
    basis = [gate for gate in _NANOSECONDS if gate != "reset"]
    return {
        "backend_name": NAME,
        "backend_version": "1.0.0",
        "description": f"{_QUBITS} qubits without errors, each coupled to each",
        "n_qubits": _QUBITS,
        "basis_gates": basis,
        "gates": [
            {
                "name": gate,
                "parameters": _PARAMETERS.get(gate, []),
                "qasm_def": "",
                "coupling_map": _gate_qubits(gate),
            }
            for gate in basis
        ],
        "coupling_map": _gate_qubits("cz"),
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
        "online_date": _DATE,
        "n_registers": 1,
        "meas_levels": [2],
        "meas_map": [list(range(_QUBITS))],
        "n_uchannels": 0,
        "u_channel_lo": [],
        "parallel_compilation": True,
        "multi_meas_enabled": True,
        "coords": [[qubit // 8, qubit % 8] for qubit in range(_QUBITS)],
        "url": "None",
    }  # fmt: skip


def properties() -> dict[str, Any]:
    """Its calibration, in which nothing errs: answer of ``GET /backends/ideal/properties``."""

    def value(name: str, number: float, unit: str = "") -> dict[str, Any]:
        return {"date": _DATE, "name": name, "unit": unit, "value": number}

    qubit = [
        value("readout_error", 0.0),
        value("prob_meas0_prep1", 0.0),
        value("prob_meas1_prep0", 0.0),
        value("readout_length", _READOUT_NANOSECONDS, "ns"),
    ]
    gates = [
        {
            "qubits": qubits,
            "gate": gate,
            "name": gate + "_".join(map(str, qubits)),
            "parameters": [value("gate_length", duration, "ns")]
            + ([] if gate == "reset" else [value("gate_error", 0.0)]),
        }
        for gate, duration in _NANOSECONDS.items()
        for qubits in _gate_qubits(gate)
    ]
    return {
        "backend_name": NAME,
        "backend_version": "1.0.0",
        "last_update_date": _DATE,
        "qubits": [[dict(entry) for entry in qubit] for _ in range(_QUBITS)],
        "gates": gates,
        "general": [],
        "general_qlists": [],
    }
