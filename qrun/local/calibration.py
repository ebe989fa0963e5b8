"""A user's own calibration as a device of the local service."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from qrun.errors import UsageError
from qrun.local import devices
from qrun.local.identity import write_private

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,63}")
_HELP = (
    "Save one with: qrun backends NAME --service ibm --save FILE, "
    "or json.dump(backend.properties().to_dict(), file, default=str)."
)
_NO_GATES = ("reset", "measure", "delay")
_PARAMETERS = {"rz": ["theta"], "rx": ["theta"], "rzz": ["theta"], "u1": ["lambda"], "p": ["lambda"]}


def install(path: Path) -> str:
    """Make a device of the calibration in ``path``; it is there when the service next starts.

    Args:
        path: JSON with ``configuration`` and ``properties``, or a backend's ``properties`` alone.

    Returns:
        The device's name, which is the one in the file.

    Raises:
        UsageError: It can't be read, is no calibration, or none that a client could use.
    """
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UsageError(f"{path} can't be read: {error.strerror}.", _HELP) from None
    except ValueError as error:
        raise UsageError(f"{path} is not JSON: {error}.", _HELP) from None
    try:
        properties = dict(data.get("properties") or data)
        configuration = dict(data.get("configuration") or _configuration_of(properties))
        name = str(configuration.get("backend_name") or properties["backend_name"])
        _check(configuration, properties)
    except (KeyError, TypeError, ValueError, AttributeError, IndexError) as error:
        raise UsageError(
            f"{path} is not a backend's calibration: {type(error).__name__}: {error}.", _HELP
        ) from None
    if _NAME.fullmatch(name) is None or name.startswith("mock") or name in devices.built_in_names():
        raise UsageError(
            f"A device of your own can't be called {name!r}.",
            "Change backend_name in the file: a letter, then letters, digits, - and _; "
            "not 'mock…', and not a name of `qrun backends`.",
        )
    _check_as_client(path, devices.Device(name, devices.told(name, configuration), properties))
    folder = devices.calibrations_folder()
    folder.mkdir(mode=0o700, exist_ok=True)
    text = json.dumps({"configuration": configuration, "properties": properties})
    write_private(folder / f"{name}.json", text + "\n")
    return name


def _check(configuration: dict[str, Any], properties: dict[str, Any]) -> None:
    """Raise a ``ValueError`` or the like unless a client could read them."""
    qubits = int(configuration["n_qubits"])
    if qubits != len(properties["qubits"]) or qubits < 1:
        raise ValueError(
            f"{qubits} qubits in the configuration, {len(properties['qubits'])} in the properties"
        )
    str(properties["last_update_date"])
    if not configuration["basis_gates"] or not configuration["gates"]:
        raise ValueError("it has no gates")
    for gate in properties["gates"]:
        if not all(0 <= int(qubit) < qubits for qubit in gate["qubits"]):
            raise ValueError(f"the gate {gate['gate']} is on qubits {gate['qubits']}")


def _check_as_client(path: Path, device: devices.Device) -> None:
    """Build the backend as clients and the simulation will: better refused here than in every job.

    Raises:
        UsageError: It can't be built.
    """
    from qrun.local.simulation.client_formats import target_of

    try:
        target_of(device)
    except Exception as error:  # The client's models raise whatever comes to pass.
        said = " ".join(str(error).split())
        raise UsageError(
            f"{path}: the client can't build a backend of it: {type(error).__name__}: {said}.", _HELP
        ) from None


def _configuration_of(properties: dict[str, Any]) -> dict[str, Any]:
    """A configuration for properties alone: gates and couplings as they occur, the rest as on a Heron."""
    places: dict[str, list[list[int]]] = {}
    for gate in properties["gates"]:
        if gate["gate"] not in _NO_GATES:
            places.setdefault(gate["gate"], []).append([int(qubit) for qubit in gate["qubits"]])
    pairs = sorted({tuple(pair) for found in places.values() for pair in found if len(pair) == 2})
    qubits = len(properties["qubits"])
    return {
        "backend_name": properties["backend_name"],
        "backend_version": properties.get("backend_version", "0.0.0"),
        "n_qubits": qubits,
        "basis_gates": list(places),
        "gates": [
            {"name": name, "parameters": _PARAMETERS.get(name, []), "qasm_def": "", "coupling_map": found}
            for name, found in places.items()
        ],
        "coupling_map": [list(pair) for pair in pairs],
        "supported_instructions": [
            *places, "measure", "reset", "delay", "if_else", "for_loop", "switch_case", "while_loop",
        ],
        "conditional": False,
        "open_pulse": False,
        "memory": True,
        "max_shots": 100_000,
        "dt": 4.0,
        "default_rep_delay": 250.0,
        "rep_delay_range": [0.0, 500.0],
        "online_date": properties["last_update_date"],
        "meas_map": [list(range(qubits))],
    }  # fmt: skip
