"""Whether the installed client is new enough."""

from __future__ import annotations

from importlib import metadata

from qrun.errors import ServiceError

MODE_ARGUMENT = (0, 24)
"""First client whose primitives take ``mode=`` (M5)."""
OLDEST_CLIENT = (0, 51)
"""The lower bound in ``pyproject.toml``, and why it is that, said there."""


def require_client() -> str:
    """The version of the installed ``qiskit-ibm-runtime``.

    Raises:
        ServiceError: It is missing or too old.
    """
    try:
        version = metadata.version("qiskit-ibm-runtime")
    except metadata.PackageNotFoundError:
        raise ServiceError("qiskit-ibm-runtime is not installed.", _upgrade()) from None
    found = _numbers(version)
    if found < MODE_ARGUMENT:
        raise ServiceError(
            f"qiskit-ibm-runtime {version} is too old: its primitives do not take the mode argument, which "
            f"came with {_dotted(MODE_ARGUMENT)}.",
            _upgrade(),
        )
    if found < OLDEST_CLIENT:
        raise ServiceError(
            f"qiskit-ibm-runtime {version} is too old: qrun needs {_dotted(OLDEST_CLIENT)} or newer.",
            _upgrade(),
        )
    return version


def client_application() -> str:
    """What qrun says of itself to the service, in the client's form: packages and versions."""
    found = []
    for name in ("qiskit-ibm-runtime", "qiskit", "qiskit-qrun"):
        try:
            found.append(f"{name.replace('-', '_')}-{metadata.version(name)}")
        except metadata.PackageNotFoundError:
            continue
    return f"qiskit-version-2/{','.join(found)}/qrun"


def _numbers(version: str) -> tuple[int, ...]:
    head = version.split("+")[0].split(".")
    return tuple(int("".join(c for c in part if c.isdigit()) or 0) for part in head[:2])


def _dotted(version: tuple[int, ...]) -> str:
    return ".".join(str(part) for part in version)


def _upgrade() -> str:
    return "Upgrade it: pip install -U 'qiskit-ibm-runtime>=" + _dotted(OLDEST_CLIENT) + "'"
