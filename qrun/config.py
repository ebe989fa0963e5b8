"""Where qrun keeps its things, and which service it talks to when nothing else says so."""

from __future__ import annotations

import os
from pathlib import Path

from qrun.errors import ServiceError

DEFAULT_SERVICE = "local"
"""Spending real QPU time is always explicit, so the default service is the local one."""


def home() -> Path:
    """The folder of the ledger, the results and the local service's state.

    ``QRUN_HOME`` where it is set, else the platform's place for a user's application data. It is
    made, readable by its owner alone, when it is first asked for.

    Raises:
        ServiceError: It can't be made.
    """
    if chosen := os.environ.get("QRUN_HOME"):
        path = Path(chosen).expanduser()
    else:
        import platformdirs

        path = Path(platformdirs.user_data_dir("qrun", appauthor=False))
    return _folder(path)


def local_service_folder() -> Path:
    """The folder of the local service.

    Two files in it are all that the rest of qrun knows of the local service: ``service.json`` (where
    it listens, which instance it serves) and ``token``.
    """
    return _folder(home() / "local")


def results_folder(run_id: str) -> Path:
    """The folder of a run's results."""
    return _folder(_folder(home() / "runs") / run_id)


def _folder(path: Path) -> Path:
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise ServiceError(
            f"The folder {path} can't be made: {error.strerror}.",
            "Set QRUN_HOME to a folder that can be written.",
        ) from None
    return path


def service_name(asked: str | None = None, in_workload: str | None = None) -> str:
    """The service to talk to: the command line, ``QRUN_SERVICE``, the workload, else ``local``."""
    return asked or os.environ.get("QRUN_SERVICE") or in_workload or DEFAULT_SERVICE
