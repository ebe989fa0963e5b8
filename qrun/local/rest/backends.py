"""``/backends``: the devices, their configuration, properties and status."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from qrun.local.devices import Device, device
from qrun.local.refusal import backend_not_found
from qrun.local.rest.answers import service_of

router = APIRouter(prefix="/api/v1/backends")


def _device(name: str) -> Device:
    try:
        return device(name)
    except KeyError:
        raise backend_not_found(name) from None


@router.get("")
async def list_backends(request: Request) -> Response:
    """All devices, and how many jobs each has."""
    return JSONResponse(
        {"devices": [_line(request, device(name)) for name in service_of(request).device_names()]}
    )


def _line(request: Request, listed: Device) -> dict[str, Any]:
    configuration = listed.configuration
    line: dict[str, Any] = {
        "name": listed.name,
        "status": {"name": "online", "reason": ""},
        "is_simulator": False,
        "qubits": listed.num_qubits,
        "processor_type": configuration.get("processor_type") or {},
        "queue_length": service_of(request).queue_length(listed.name),
    }
    if (clops := configuration.get("clops_h")) is not None:
        line["clops"] = {"type": "hardware", "value": clops}
    return line


@router.get("/{name}/configuration")
async def configuration(name: str) -> Response:
    """What a device is."""
    return JSONResponse(_device(name).configuration)


@router.get("/{name}/properties")
async def properties(name: str) -> Response:
    """How well a device does it: its calibration."""
    return JSONResponse(_device(name).properties)


@router.get("/{name}/status")
async def status(request: Request, name: str) -> Response:
    """Whether a device works, and how many jobs it has."""
    listed = _device(name)
    return JSONResponse(
        {
            "state": True,
            "status": "active",
            "message": "",
            "length_queue": service_of(request).queue_length(name),
            "backend_version": listed.configuration.get("backend_version", "0.0.0"),
        }
    )


@router.get("/{name}/defaults")
async def defaults(name: str) -> Response:
    """Nothing: pulses are gone, and IBM answers ``null`` too."""
    _device(name)
    return JSONResponse(None)
