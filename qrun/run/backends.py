"""The devices of a service: size, queue, errors and times to live, over the control channel."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from statistics import median
from typing import Any

from qrun.errors import ServiceError, UsageError
from qrun.runtime.control import ControlChannel

_AT_ONCE = 8
"""Calibrations that are asked for at the same time."""
_NO_GATES = ("measure", "reset", "delay", "id", "barrier")
_BATCH_INTERACTIVE_TTL = 1
"""Seconds, on every plan, as IBM documents it (mission M13): its service does not tell."""


def backends(
    channel: ControlChannel,
    names: Sequence[str] = (),
    *,
    calibrated: bool = True,
    batch_interactive_ttl: int | None = None,
) -> list[dict[str, Any]]:
    """What is known of the devices, in the service's order.

    Args:
        channel: The connection.
        names: The devices to tell of; all where there are none.
        calibrated: Whether to read each one's configuration and calibration, for its basis and errors.
        batch_interactive_ttl: Of batches, in seconds, where the service has told it.

    Raises:
        UsageError: There is no device of one of the names.
        ServiceError: The service failed.
    """
    listed = {str(line["name"]): line for line in channel.backends()}
    for name in names:
        if name not in listed:
            raise UsageError(f"There is no backend {name!r}.", "See: qrun backends")
    chosen = [line for name, line in listed.items() if not names or name in names]
    ttl = _times_to_live(channel, batch_interactive_ttl)
    rows = [{**_row(line), **ttl} for line in chosen]
    if calibrated:
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            for row, more in zip(
                rows, pool.map(lambda row: _calibration_of(channel, row["name"]), rows), strict=True
            ):
                row.update(more)
    return rows


def calibration(channel: ControlChannel, name: str) -> dict[str, Any]:
    """A device's configuration and calibration, as ``qrun local start --calibration`` takes them."""
    return {"configuration": channel.configuration(name), "properties": channel.properties(name)}


def _row(line: dict[str, Any]) -> dict[str, Any]:
    status = line.get("status") or {}
    processor = line.get("processor_type") or {}
    return {
        "name": line["name"],
        "qubits": line.get("qubits"),
        "status": status.get("name"),
        "reason": status.get("reason") or None,
        "queue": line.get("queue_length"),
        "processor": " r".join(str(processor[key]) for key in ("family", "revision") if processor.get(key))
        or None,
    }


def _times_to_live(channel: ControlChannel, of_batches: int | None) -> dict[str, Any]:
    """Times to live of the instance's plan, in seconds; null where the service does not tell.

    That of batches is the documented one then, and labelled so.
    """
    plan: dict[str, Any] = {}
    with suppress(ServiceError):
        plan = channel.plan() or {}
    return {
        "session_interactive_ttl": plan.get("interactive_ttl"),
        "batch_interactive_ttl": _BATCH_INTERACTIVE_TTL if of_batches is None else of_batches,
        "batch_interactive_ttl_told": of_batches is not None,
        "max_ttl": plan.get("max_ttl"),
    }


def _calibration_of(channel: ControlChannel, name: str) -> dict[str, Any]:
    basis = channel.configuration(name).get("basis_gates") or []
    properties = channel.properties(name)
    errors: dict[int, list[float]] = {1: [], 2: []}
    for gate in properties.get("gates") or []:
        size = len(gate.get("qubits") or [])
        if gate.get("gate") in _NO_GATES or gate.get("gate") == "rz" or size not in errors:
            continue
        errors[size] += _values(gate.get("parameters"), "gate_error")
    readout = [value for qubit in properties.get("qubits") or [] for value in _values(qubit, "readout_error")]
    return {
        "basis": list(basis),
        "median_error_1q": _median(errors[1]),
        "median_error_2q": _median(errors[2]),
        "median_error_readout": _median(readout),
        "calibrated_at": properties.get("last_update_date"),
    }


def _values(entries: Any, name: str) -> list[float]:
    # A gate or qubit that is out of order has an error of 1, which says nothing about the others.
    values = (float(entry["value"]) for entry in entries or [] if entry.get("name") == name)
    return [value for value in values if value < 1]


def _median(values: list[float]) -> float | None:
    return median(values) if values else None
