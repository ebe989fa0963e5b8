"""``/backends``: the devices, their configuration, properties and status."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from qrun.local import devices
from qrun.local.refusal import backend_not_found, calibration_not_found
from qrun.local.rest import answers, contract
from qrun.local.rest.answers import service_of

router = APIRouter(prefix="/api/v1/backends")


def _configuration(request: Request, name: str) -> dict[str, Any]:
    """The configuration of a device.

    Raises:
        Refusal: There is no such device, or none with the calibration that is asked for.
    """
    try:
        found = devices.configuration(name)
    except KeyError:
        raise backend_not_found(name) from None
    if calibration := request.query_params.get("calibration_id"):
        raise calibration_not_found(calibration, name)
    return found


@router.get("", openapi_extra=contract.BACKENDS_QUERY, **contract.answers(200, "Backends"))
async def list_backends(request: Request) -> Response:
    """All devices, and how many jobs each has; mocks where they are asked for."""
    query = request.query_params
    mocks = answers.flag(query, "include_mocks") is True
    with_wait = answers.choice(query, "fields", "wait_time_seconds") is not None
    names = service_of(request).device_names(mocks=mocks)
    return JSONResponse({"devices": [_line(request, name, with_wait) for name in names]})


def _line(request: Request, name: str, with_wait: bool) -> dict[str, Any]:
    configuration = devices.configuration(name)
    qubits = int(configuration["n_qubits"])
    line: dict[str, Any] = {
        "name": name,
        "status": {"name": "online", "reason": ""},
        "is_simulator": False,
        "qubits": qubits,
        "physical_qubits": qubits,
        "processor_type": configuration.get("processor_type") or {},
        "queue_length": service_of(request).queue_length(name),
    }
    # One snapshot says "None".
    if isinstance(clops := configuration.get("clops_h"), int | float):
        line["clops"] = {"type": "hardware", "value": clops}
    if devices.is_mock(name):
        line["class"] = "mock"
    if with_wait:
        # Modelled waiting is skipped, so nobody waits longer than a simulation takes.
        line["wait_time_seconds"] = {"average": 0, "p50": 0, "p95": 0}
    return line


@router.get(
    "/{name}/configuration",
    openapi_extra=contract.CONFIGURATION_QUERY,
    **contract.answers(200, "BackendConfiguration", 404),
)
async def configuration(request: Request, name: str) -> Response:
    """What a device is."""
    return JSONResponse(_configuration(request, name))


@router.get(
    "/{name}/properties",
    openapi_extra=contract.PROPERTIES_QUERY,
    **contract.answers(200, "BackendProperties", 404),
)
async def properties(request: Request, name: str) -> Response:
    """How well a device does it: its calibration. There is one, so it is that of any moment asked for."""
    _configuration(request, name)
    answers.moment(request.query_params.get("updated_before"), "updated_before")
    return JSONResponse(devices.device(name).properties)


@router.get("/{name}/status", **contract.answers(200, "BackendStatus", 404))
async def status(request: Request, name: str) -> Response:
    """Whether a device works, and how many jobs it has."""
    configuration = _configuration(request, name)
    return JSONResponse(
        {
            "state": True,
            "status": "active",
            "message": "",
            "length_queue": service_of(request).queue_length(name),
            "backend_version": str(configuration.get("backend_version") or "0.0.0"),
        }
    )


@router.get("/{name}/defaults", **contract.answers(200, None, 404))
async def defaults(request: Request, name: str) -> Response:
    """Nothing: pulses are gone, and IBM answers ``null`` too."""
    _configuration(request, name)
    return JSONResponse(None)
