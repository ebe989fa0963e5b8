"""Finding the local service, and starting it where it isn't running.

The service is a program of its own. What is known of it here is the folder with its two files, and the
command that starts it; everything else goes over HTTP.
"""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import httpx

from qrun import config
from qrun.errors import ServiceError

_START_SECONDS = 60.0


def running_local_service() -> dict[str, Any]:
    """What the running service says of itself: ``url``, ``instance``, ``token``; started if need be.

    Raises:
        ServiceError: It could not be started.
    """
    service = _announced()
    if service is not None and _answers(service):
        return service
    _start()
    service = _announced()
    if service is None or not _answers(service):
        raise ServiceError(
            "The local service started but does not answer.", "See what it says with: qrun local logs"
        )
    return service


def _announced() -> dict[str, Any] | None:
    folder = config.local_service_folder()
    try:
        service: dict[str, Any] = json.loads((folder / "service.json").read_text(encoding="utf-8"))
        service["token"] = (folder / "token").read_text(encoding="utf-8").strip()
    except (OSError, ValueError):
        return None
    return service


def _answers(service: dict[str, Any]) -> bool:
    try:
        with httpx.Client(trust_env=False, timeout=5.0) as http:
            return http.get(f"{service['url']}/health").is_success
    except httpx.HTTPError:
        return False


def _start() -> None:
    command = [sys.executable, "-m", "qrun", "local", "start"]
    try:
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=_START_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise ServiceError(
            f"The local service did not start within {_START_SECONDS:.0f} s.",
            "See what it says with: qrun local logs",
        ) from None
    if done.returncode != 0:
        said = done.stderr.strip().splitlines()
        raise ServiceError(
            said[0].removeprefix("error: ") if said else "The local service did not start.",
            "See what it says with: qrun local logs",
        )
