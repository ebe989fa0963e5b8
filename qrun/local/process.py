"""The service as a process: start it, stop it, ask for it, and what a shell needs to reach it.

Imports nothing slow, since every command of qrun may come through here.
"""

from __future__ import annotations

import contextlib
import fcntl
import http.client
import json
import os
import signal
import site
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import qrun
from qrun.config import local_service_folder
from qrun.errors import ServiceError, UsageError
from qrun.local import settings
from qrun.local.identity import existing_token
from qrun.local.settings import Wishes

_POLL_SECONDS = 0.03
_HEALTH_SECONDS = 5.0
_LOG_LINES = 15
_LONGEST_LOG = 5_000_000
"""Bytes; a longer log is put aside at the next start, and the one before it is gone."""
_HINT = "See `qrun local logs`."

_KEPT = ("lock", "start.lock", "token")
"""Files that a reset leaves: who holds the locks would go on holding files that nobody sees."""

_OUR_HOSTS = ("127.0.0.1", "qrun.local")
"""What no other proxy is to be asked for: the service's port, and its domain where it is the proxy itself."""


@dataclass(frozen=True)
class ServiceInfo:
    """A service that runs.

    Args:
        url: Where it listens, ``http://127.0.0.1:PORT``.
        pid: Its process.
        instance: The CRN of its instance.
        token: What it wants to be shown.
        version: Version of qrun that it is.
        started_at: When it was started, in ISO 8601.
    """

    url: str
    pid: int
    instance: str
    token: str
    version: str
    started_at: str


# -------------------------------------------------------------------- from outside


def status() -> ServiceInfo | None:
    """The service that runs and answers; None if there is none."""
    folder = local_service_folder()
    try:
        data = json.loads((folder / "service.json").read_text(encoding="utf-8"))
        token = existing_token(folder)
        info = ServiceInfo(token=token or "", **data)
    except (FileNotFoundError, ValueError, TypeError):
        return None
    if token is None:
        return None
    return info if _lock_holder(folder) == info.pid and _answers(info) else None


def start(wishes: Wishes | None = None, timeout: float = 30) -> ServiceInfo:
    """Make sure that a service runs. Any number may ask at once: one starts it, all get it.

    Args:
        wishes: How it is to be set up; what is left open stays as it was the last time.
        timeout: Seconds to wait for a sign of it: that it answers, or a line in its log.

    Raises:
        ServiceError: It did not start.
        UsageError: The wishes make no sense, or it runs already and is set up in another way.
    """
    folder = local_service_folder()
    if (running := status()) is not None:
        _agree(folder, wishes)
        return running
    with _starting(folder, timeout):
        if (running := status()) is not None:
            _agree(folder, wishes)
            return running
        if wishes is not None:
            settings.save(folder, wishes.applied_to(settings.load(folder)))
        child = _spawn(folder)
        return _wait_for(folder, child, timeout)


def _agree(folder: Path, wishes: Wishes | None) -> None:
    if wishes is None:
        return
    present = settings.load(folder)
    wanted = wishes.applied_to(present)
    if wanted != present:
        which = "" if str(wanted) == str(present) else f", not with {wanted}"
        raise UsageError(
            f"The local service runs already, with {present}{which or ', but their details differ'}.",
            "Stop it first with: qrun local stop. Its jobs are kept, and go on with the new settings.",
        )


def stop(timeout: float = 10) -> bool:
    """Stop the service, its workers with it; False if none ran.

    Args:
        timeout: Seconds that it has to put things in order before it is killed.
    """
    folder = local_service_folder()
    pid = _lock_holder(folder)
    if pid is None:
        return False
    for signal_number, seconds in ((signal.SIGTERM, timeout), (signal.SIGKILL, 5.0)):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal_number)
        if _comes_true(lambda: _lock_holder(folder) != pid, time.monotonic() + seconds):
            break
    with contextlib.suppress(ChildProcessError):
        os.waitpid(pid, os.WNOHANG)  # It may be this process that started it: leave no zombie.
    return True


def overview(info: ServiceInfo) -> dict[str, Any]:
    """What goes on in the service right now: see :func:`qrun.local.overview.overview`.

    Raises:
        ServiceError: It does not answer.
    """
    connection = http.client.HTTPConnection(info.url.removeprefix("http://"), timeout=_HEALTH_SECONDS)
    try:
        connection.request("GET", "/local/status", headers={"Authorization": f"apikey {info.token}"})
        response = connection.getresponse()
        answer: dict[str, Any] = json.loads(response.read())
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise ServiceError(f"The local service does not answer: {error}.", _HINT) from None
    finally:
        connection.close()
    if response.status != 200:
        raise ServiceError(answer["error"]["message"], "Restart it: qrun local stop; qrun local start")
    return answer


def reset() -> bool:
    """Stop the service and delete its state: jobs, results, sessions, usage, settings. False if none was.

    Its token stays, and so do the records that runs have of their own.

    Raises:
        ServiceError: A service is being started at the same time.
    """
    folder = local_service_folder()
    stop()
    with _starting(folder, 5), (folder / "lock").open("a+") as lock:
        if not _comes_true(lambda: _locked(lock), time.monotonic() + 5):
            raise ServiceError("A local service runs in the foreground", "Stop it first.")
        found = [path for path in folder.iterdir() if path.is_file() and path.name not in _KEPT]
        for path in found:
            path.unlink()
    return bool(found)


def environment(info: ServiceInfo) -> dict[str, str]:
    """The variables with which an unmodified client reaches the service, and nothing else.

    An ordinary ``QiskitRuntimeService()`` of client 0.49 or newer reads all of it: account and URL by its
    own variables (it takes a URL as it is when that contains ``experimental``), and the hosts of token,
    search and catalog by those of IBM's SDK. Programs that use a proxy go on using it, but not for this
    service.
    """
    variables = {
        "QISKIT_IBM_CHANNEL": "ibm_quantum_platform",
        "QISKIT_IBM_TOKEN": info.token,
        "QISKIT_IBM_INSTANCE": info.instance,
        "QISKIT_IBM_URL": f"{info.url}/experimental/api/v1",
        "IAM_URL": f"{info.url}/iam",
        "GLOBAL_SEARCH_URL": f"{info.url}/search",
        "GLOBAL_CATALOG_URL": f"{info.url}/catalog",
        "RESOURCE_CONTROLLER_URL": f"{info.url}/resources",
    }
    spared = [host for name in ("no_proxy", "NO_PROXY") for host in os.environ.get(name, "").split(",")]
    hosts = list(dict.fromkeys(host.strip() for host in [*spared, *_OUR_HOSTS] if host.strip()))
    # Where both are set, most programs read the one in small letters.
    variables["NO_PROXY"] = variables["no_proxy"] = ",".join(hosts)
    return variables


@contextlib.contextmanager
def _starting(folder: Path, patience: float) -> Iterator[None]:
    """Be the only one on this folder that starts a service. Waits as :func:`_comes_true_in` does."""
    with os.fdopen(os.open(folder / "start.lock", os.O_RDWR | os.O_CREAT, 0o600), "r+") as file:
        if not _comes_true_in(folder, lambda: _locked(file), patience):
            raise ServiceError("Another start of the local service does not come to its end", _HINT)
        yield


def _spawn(folder: Path) -> subprocess.Popen[bytes]:
    log_path = folder / "service.log"
    with contextlib.suppress(FileNotFoundError):
        if log_path.stat().st_size > _LONGEST_LOG:
            log_path.replace(folder / "service.log.1")
    descriptor = os.open(log_path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    with os.fdopen(descriptor, "ab") as log:
        return subprocess.Popen(
            [sys.executable, "-m", "qrun.local"],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            cwd="/",
            env=_child_environment(folder),
            start_new_session=True,
        )


def _child_environment(folder: Path) -> dict[str, str]:
    """This process's, such that the same qrun serves the same folder from another working directory."""
    variables = {**os.environ, "QRUN_HOME": str(folder.parent.resolve())}
    place = str(Path(qrun.__file__).resolve().parent.parent)
    if place not in (*site.getsitepackages(), site.getusersitepackages()):
        paths = [place, *os.environ.get("PYTHONPATH", "").split(os.pathsep)]
        variables["PYTHONPATH"] = os.pathsep.join(path for path in paths if path)
    return variables


def _wait_for(folder: Path, child: subprocess.Popen[bytes], patience: float) -> ServiceInfo:
    found: list[ServiceInfo] = []

    def ready() -> bool:
        if (info := status()) is not None:
            found.append(info)
        # A child that died because another service holds the folder is no failure: that one may be about
        # to answer.
        return bool(found) or (child.poll() is not None and _lock_holder(folder) is None)

    if _comes_true_in(folder, ready, patience) and found:
        # It lives on without this process; so Python shall not warn, at the end, that it does.
        child.returncode = 0
        return found[0]
    if child.poll() is None:
        child.kill()
        child.wait()
        raise ServiceError("The local service did not answer in time", _HINT)
    if _lock_holder(folder) is not None:
        raise ServiceError("A local service runs but does not answer", "Try: qrun local stop")
    lines = (folder / "service.log").read_text(encoding="utf-8", errors="replace").splitlines()[-_LOG_LINES:]
    raise ServiceError(
        "The local service did not start. The last lines of its log:\n" + "\n".join(lines), _HINT
    )


def _answers(info: ServiceInfo) -> bool:
    address = info.url.removeprefix("http://")
    connection = http.client.HTTPConnection(address, timeout=_HEALTH_SECONDS)
    try:
        connection.request("GET", "/health")
        answer: Any = json.loads(connection.getresponse().read())
    except (OSError, http.client.HTTPException, ValueError):
        return False
    finally:
        connection.close()
    return bool(answer.get("pid") == info.pid and answer.get("instance") == info.instance)


def _lock_holder(folder: Path) -> int | None:
    """The process of the service on this folder: the one that holds its lock, which ends with it."""
    try:
        with (folder / "lock").open("r") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                return int(file.read() or 0) or None
    except FileNotFoundError:
        pass
    return None


def _comes_true_in(folder: Path, condition: Callable[[], bool], patience: float) -> bool:
    """Whether ``condition`` comes true before the service's log has stood still for ``patience`` seconds.

    A start that goes on writes to it, however long it takes; killed and begun anew it would never end.
    """
    log = folder / "service.log"
    while True:
        length = _length(log)
        if _comes_true(lambda: condition() or _length(log) != length, time.monotonic() + patience):  # noqa: B023
            if condition():
                return True
        else:
            return False


def _length(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0


def _comes_true(condition: Callable[[], bool], deadline: float) -> bool:
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(_POLL_SECONDS)
    return True


def _locked(file: IO[str]) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


# -------------------------------------------------------------------- from inside


def serve() -> None:
    """Be the service, in the foreground, until SIGTERM or SIGINT.

    Raises:
        ServiceError: Another one serves this folder.
    """
    os.umask(0o077)
    folder = local_service_folder()
    with (folder / "lock").open("a+") as lock:
        if not _comes_true(lambda: _locked(lock), time.monotonic() + 1.0):
            raise ServiceError("A local service runs already", "See `qrun local status`.")
        lock.truncate(0)
        lock.write(str(os.getpid()))
        lock.flush()
        from qrun.local.server import run

        run(folder)
