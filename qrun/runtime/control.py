"""The light control channel: states, usage, results and cancellation over plain REST.

``import qiskit_ibm_runtime`` takes one and a half to two and a half seconds and its objects ask once a job;
this reads the states of a whole run with one request a page, and starts in a tenth of a second.
"""

from __future__ import annotations

import hashlib
import json
import random
import re
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timedelta, timezone
from email.utils import parsedate_to_datetime
from types import TracebackType
from typing import IO, Any, TypeVar
from urllib.parse import quote

import httpx

from qrun.errors import AccountError, Interrupted, LimitError, ServiceError
from qrun.runtime.accounts import LOCAL, Account, find_account
from qrun.runtime.records import (
    JobRecord,
    JobTimes,
    SessionRecord,
    WorkloadRecord,
    job_record,
    job_times,
    session_record,
    workload_record,
)
from qrun.runtime.replies import (
    CONFLICT,
    TOO_MANY_REQUESTS,
    Limited,
    NotSent,
    OverLimit,
    Unreachable,
    Unsure,
    retry_after,
    service_message,
)
from qrun.runtime.versions import client_application

API_VERSION = "2026-04-15"
"""The version of the REST interface that qrun speaks; the one that client 0.51 sends."""
PAGE = 200
"""Most jobs a page that ``GET /jobs`` gives."""

_Params = list[tuple[str, str | int | float | bool | None]]

_Record = TypeVar("_Record", JobRecord, JobTimes, SessionRecord, WorkloadRecord)

_RETRIED = frozenset({429, 500, 502, 503, 504, 520, 521, 522, 524})
_RETRY_DELAYS = (0.5, 1.0, 2.0, 4.0, 8.0)
LONGEST_WHEN_LIMITED = 3600.0
"""Seconds without one accepted request after which a limit is taken for a refusal, by what persists."""
_WAIT_WHEN_LIMITED = 60.0
"""Seconds between its last tries; the documented limit is counted by the minute (facts G1)."""
CREATE_TIMEOUT = 120.0
"""Seconds: the service takes a large job in before it answers."""

NO_CONTENT = 204
NOT_FOUND = 404
UNAUTHORIZED = 401
_TOKEN_IN_USE = 10.0
"""Seconds after which a token that was good may be good no more; one refused before was never good."""

SESSION_NOT_ALLOWED = 1352
"""The service's error code for a session on the Open plan."""


class ControlChannel:
    """A connection to one instance of a service. Use it as a context manager.

    Args:
        account: The account to use.

    Raises:
        AccountError: The account does not say which instance, so there is nothing to ask.
    """

    def __init__(self, account: Account) -> None:
        if account.api_url is None:
            raise AccountError(
                f"The account {account.name!r} does not say which instance to use.",
                "Save it with instance=<CRN>: QiskitRuntimeService.save_account(..., overwrite=True).",
            )
        self.account = account
        self._bearer: str | None = None
        self._bearer_expires = 0.0
        self._bearer_fetched = 0.0
        self._revived = False
        self._ahead = timedelta()
        # Jobs are sent from several threads.
        self._lock = threading.RLock()
        self.deadline: float | None = None
        """Moment of the monotonic clock after which a request that failed is not repeated."""
        self.repeating: Callable[[str], None] = lambda _: None
        """Told why, before a request that failed is repeated."""
        self._persisting = False
        self._stopped: Callable[[], bool] = lambda: False
        self._limited: Callable[[float], None] = lambda _: None
        # A proxy that the shell names is not for this machine's own address.
        self._http = httpx.Client(
            trust_env=not account.is_loopback,
            verify=account.verify,
            mounts={
                f"{scheme}://": httpx.HTTPTransport(proxy=url, verify=account.verify)
                for scheme, url in account.proxies.items()
                if scheme in ("http", "https")
            },
            timeout=httpx.Timeout(30.0, connect=10.0),
            headers={
                "IBM-API-Version": API_VERSION,
                "Accept": "application/json",
                "X-Qx-Client-Application": client_application(),
            },
        )

    def __enter__(self) -> ControlChannel:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def persist(self, stopped: Callable[[], bool], limited: Callable[[float], None]) -> None:
        """Bear a service that takes no more requests for now as long as a submission does, not a few times.

        Args:
            stopped: Asked while waiting; questions are broken off where it says so, closing and cancelling
                are not.
            limited: Told for how many seconds, before each wait.
        """
        self._persisting, self._stopped, self._limited = True, stopped, limited

    def close(self) -> None:
        """Give the connection back."""
        self._http.close()

    def jobs(
        self, *, tags: Sequence[str] = (), session_id: str | None = None, limit: int | None = None
    ) -> list[JobRecord]:
        """Jobs that carry all of ``tags`` or belong to ``session_id``, oldest first.

        Args:
            tags: Tags that a job must carry, all of them.
            session_id: ID of a session or batch.
            limit: Most jobs to return, the newest; all where ``None``.
        """
        found = list(self._job_pages(tags, session_id, limit))
        return [self._read(job_record, data) for data in reversed(found)]

    def _job_pages(
        self, tags: Sequence[str], session_id: str | None, limit: int | None
    ) -> Iterator[dict[str, Any]]:
        offset = 0
        while limit is None or offset < limit:
            params: _Params = [
                ("limit", PAGE if limit is None else min(PAGE, limit - offset)),
                ("offset", offset),
                ("exclude_params", "true"),
                *(("tags", tag) for tag in tags),
            ]
            if session_id:
                params.append(("session_id", session_id))
            page = self._get_json("/jobs", params=params)
            jobs = page.get("jobs") or []
            if not isinstance(jobs, list):
                raise self._nonsense("/jobs")
            yield from jobs
            offset += len(jobs)
            if not jobs or offset >= (page.get("count") or 0):
                return

    def job(self, job_id: str) -> JobRecord:
        """One job.

        Raises:
            ServiceError: There is none of that ID (status 404), or the service failed.
        """
        path = f"/jobs/{quote(job_id, safe='')}"
        return self._read(job_record, self._get_json(path, params=[("exclude_params", "true")]))

    def job_times(self, job_id: str) -> JobTimes:
        """When a job was created, started and finished, and what it was charged."""
        return self._read(job_times, self._get_json(f"/jobs/{quote(job_id, safe='')}/metrics"))

    def result_text(self, job_id: str) -> str | None:
        """The result as the service wrote it; ``None`` where there is none."""
        response = self._request("GET", f"/jobs/{quote(job_id, safe='')}/results")
        return None if response.status_code == 204 else response.text

    def save_result(self, job_id: str, file: IO[bytes]) -> str | None:
        """Write the result as the service wrote it to a file, piece by piece.

        Args:
            job_id: The job.
            file: An empty file.

        Returns:
            The SHA-256 of it; ``None`` where there is none.

        Raises:
            ServiceError: The service failed, or broke off again and again.
        """
        url = f"{self.account.api_url}/jobs/{quote(job_id, safe='')}/results"
        delays = iter(_RETRY_DELAYS)
        while True:
            file.seek(0)
            file.truncate()
            checksum = hashlib.sha256()
            try:
                with self._http.stream("GET", url, headers=self._headers()) as response:
                    if not response.is_success:
                        # The ordinary way knows what to do about it.
                        break
                    for piece in response.iter_bytes():
                        checksum.update(piece)
                        file.write(piece)
                return None if response.status_code == NO_CONTENT else checksum.hexdigest()
            except httpx.HTTPError as error:
                if (delay := self._next(delays)) is None:
                    raise self._unreachable(error) from None
                self._sleep(method="GET", seconds=delay)
        text = self.result_text(job_id)
        if text is None:
            return None
        file.write(text.encode())
        return hashlib.sha256(text.encode()).hexdigest()

    def session(self, session_id: str) -> SessionRecord:
        """One session or batch.

        Raises:
            ServiceError: There is none of that ID (status 404), or the service failed.
        """
        response = self._request("GET", f"/sessions/{quote(session_id, safe='')}")
        told_at = _date(response)
        return self._read(lambda data: session_record(data, told_at), self._document(response, "/sessions"))

    def workloads(self, *, mode: str, backend: str) -> list[WorkloadRecord]:
        """The newest of the account's batches or sessions on a backend, fifty at most, the newest first.

        Args:
            mode: ``batch`` or ``session``.
            backend: Name of the backend.
        """
        params: _Params = [
            ("user", "me"),
            ("mode", mode),
            ("backend", backend),
            ("sort", "-createdAt"),
            ("limit", 50),
        ]
        response = self._request("GET", "/workloads", params=params)
        if told_at := _date(response):
            self._ahead = told_at - datetime.now(timezone.utc)
        found = self._document(response, "/workloads").get("workloads") or []
        if not isinstance(found, list):
            raise self._nonsense("/workloads")
        return [self._read(workload_record, data) for data in found]

    @property
    def now(self) -> datetime:
        """The service's clock, as told with the newest list of workloads; this machine's before any."""
        return datetime.now(timezone.utc) + self._ahead

    def create_job(self, body: bytes) -> str:
        """Send a job, once, and return its ID.

        Raises:
            NotSent: The service has not seen it.
            Limited: The service takes no more requests for now, and has not taken this one.
            Unsure: Nobody knows whether the service has taken it. Look for its tag before sending it again.
            OverLimit: The instance has used up its limit.
            ServiceError: The service refused it.
        """
        return self._created("/jobs", body)

    def create_session(self, mode: str, backend: str, max_ttl: int | None = None) -> str:
        """Open a batch or a session, once, and return its ID.

        Args:
            mode: ``batch`` or ``session``.
            backend: Name of the backend to open it on.
            max_ttl: Longest time it may live, in seconds; the service's own maximum where ``None``.

        Raises:
            LimitError: The plan of the instance has no sessions.
            NotSent: The service has not seen the request.
            Limited: The service takes no more requests for now.
            Unsure: Nobody knows whether one was opened.
            ServiceError: The service refused.
        """
        body = {
            "mode": "dedicated" if mode == "session" else mode,
            "backend": backend,
            "instance": self.account.instance,
            "max_ttl": max_ttl,
        }
        data = {name: value for name, value in body.items() if value is not None}
        try:
            return self._created("/sessions", json.dumps(data).encode())
        except ServiceError as error:
            if error.code != SESSION_NOT_ALLOWED:
                raise
            raise LimitError(
                f"Could not open a session: {error.message}",
                "Use --mode batch or --mode job, or an instance of a paid plan.",
            ) from None

    def _created(self, path: str, body: bytes) -> str:
        """Send a request that creates something: once, because it may have been done without an answer."""
        try:
            headers = {**self._headers(), "Content-Type": "application/json"}
        except httpx.HTTPError as error:
            raise NotSent(self._unreachable(error).message) from None
        try:
            response = self._http.post(
                f"{self.account.api_url}{path}",
                content=body,
                headers=headers,
                timeout=httpx.Timeout(CREATE_TIMEOUT, connect=10.0),
            )
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout) as error:
            self._revive(error)
            raise NotSent(self._unreachable(error).message, self._unreachable(error).hint) from None
        except httpx.HTTPError as error:
            raise Unsure(self._unreachable(error).message, self._unreachable(error).hint) from None
        if self._token_expired(response):
            return self._created(path, body)
        if response.status_code == TOO_MANY_REQUESTS:
            raise Limited(self._error(response, path), retry_after(response))
        if response.status_code >= 500:
            told = self._error(response, path)
            raise Unsure(told.message, told.hint, status=told.status, code=told.code)
        if response.status_code == CONFLICT:
            told = self._error(response, path)
            raise OverLimit(told.message, told.hint, status=told.status, code=told.code)
        if not response.is_success:
            raise self._error(response, path)
        self._revived = False
        try:
            return str(response.json()["id"])
        except (ValueError, KeyError, TypeError):
            raise Unsure(self._nonsense(path).message, self._nonsense(path).hint) from None

    def backends(self) -> list[dict[str, Any]]:
        """The devices of the instance as the service lists them."""
        devices = self._get_json("/backends").get("devices")
        if not isinstance(devices, list) or not all(
            isinstance(line, dict) and "name" in line for line in devices
        ):
            raise self._nonsense("/backends")
        return devices

    def configuration(self, backend: str) -> dict[str, Any]:
        """What a device is."""
        return self._get_json(f"/backends/{quote(backend, safe='')}/configuration")

    def properties(self, backend: str) -> dict[str, Any]:
        """A device's calibration."""
        return self._get_json(f"/backends/{quote(backend, safe='')}/properties")

    def plan(self) -> dict[str, Any] | None:
        """The plan of the instance with its times to live in seconds; ``None`` where it isn't told."""
        found = re.search(r":a/([^:]+):", self.account.instance or "")
        if found is None:
            return None
        usage = self._get_json("/instances/usage")
        params: _Params = [("plan_id", usage.get("plan_id"))]
        plans = self._get_json(f"/accounts/{quote(found[1], safe='')}", params=params).get("plans") or []
        return plans[0] if plans and isinstance(plans[0], dict) else None

    def cancel_job(self, job_id: str) -> bool:
        """Cancel a job; ``False`` where it had already ended."""
        try:
            self._request("POST", f"/jobs/{quote(job_id, safe='')}/cancel")
        except ServiceError as error:
            if error.status == 409:
                return False
            raise
        return True

    def close_session(self, session_id: str) -> None:
        """Take no more jobs; those queued still run. The session closes when the last one has ended.

        One that the service no longer knows is closed.
        """
        try:
            self._request("PATCH", f"/sessions/{quote(session_id, safe='')}", body={"accepting_jobs": False})
        except ServiceError as error:
            if error.status != 404:
                raise

    def cancel_session(self, session_id: str) -> None:
        """Close at once: queued jobs do not run, running ones finish.

        The service calls this operation ``DELETE …/close``; closing in the client's sense is the PATCH above.
        """
        self._request("DELETE", f"/sessions/{quote(session_id, safe='')}/close")

    def get(self, path: str, params: Sequence[tuple[str, str | int]] = ()) -> dict[str, Any]:
        """What the interface answers to a question that has no method of its own here.

        Raises:
            ServiceError: The service failed, or answered no JSON object.
        """
        return self._get_json(path, params=list(params))

    def _get_json(self, path: str, *, params: _Params | None = None) -> dict[str, Any]:
        return self._document(self._request("GET", path, params=params), path)

    def _document(self, response: httpx.Response, path: str) -> dict[str, Any]:
        try:
            data = response.json()
        except ValueError:
            raise self._nonsense(path) from None
        if not isinstance(data, dict):
            raise self._nonsense(path)
        return data

    def _read(self, reader: Callable[[dict[str, Any]], _Record], data: dict[str, Any]) -> _Record:
        try:
            return reader(data)
        except (KeyError, TypeError, ValueError, AttributeError):
            raise self._nonsense("a question for a job or session") from None

    def _nonsense(self, path: str) -> ServiceError:
        return ServiceError(
            f"{self._where()} answered {path} with something that is not what its interface says.",
            "Check the account's URL, and whether a proxy stands between.",
        )

    def _request(
        self,
        method: str,
        path: str,
        *,
        params: _Params | None = None,
        body: Any = None,
    ) -> httpx.Response:
        """Send a request; repeat it where that is safe. All that is sent here may be sent twice."""
        delays = iter(_RETRY_DELAYS)
        limited_until = time.monotonic() + (LONGEST_WHEN_LIMITED if self._persisting else 0.0)
        while True:
            try:
                response = self._http.request(
                    method, f"{self.account.api_url}{path}", params=params, json=body, headers=self._headers()
                )
            except httpx.HTTPError as error:
                if self._revive(error):
                    continue
                if (delay := self._next(delays)) is None:
                    raise self._unreachable(error) from None
                self.repeating(self._unreachable(error).message)
                self._sleep(method, delay)
                continue
            if response.is_success:
                self._revived = False
                return response
            if self._token_expired(response):
                continue
            if response.status_code not in _RETRIED:
                raise self._error(response, path)
            limited = response.status_code == TOO_MANY_REQUESTS and time.monotonic() < limited_until
            delay = self._next(delays, retry_after(response), _WAIT_WHEN_LIMITED if limited else None)
            if delay is None:
                raise self._error(response, path)
            self.repeating(self._error(response, path).message)
            if limited:
                self._limited(delay)
            self._sleep(method, delay)

    def _next(
        self, delays: Iterator[float], asked: float | None = None, at_last: float | None = None
    ) -> float | None:
        """How long to wait before asking again; ``None`` where it has been long enough.

        Args:
            delays: What is left of the waits.
            asked: Seconds that the service asks to wait. Where that is beyond the deadline, what is left
                until then is waited, so that nobody asks sooner.
            at_last: Seconds to wait once no ``delays`` are left; not at all where ``None``.
        """
        delay = next(delays, at_last)
        if delay is None:
            return None
        delay = asked or delay * random.uniform(0.8, 1.2)  # noqa: S311
        if self.deadline is not None and time.monotonic() + delay > self.deadline:
            if asked:
                time.sleep(max(0.0, self.deadline - time.monotonic()))
            return None
        return delay

    def _sleep(self, method: str, seconds: float) -> None:
        """Wait before a request is repeated.

        Raises:
            Interrupted: Someone wants to stop, and it is only a question.
        """
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0:
            if method == "GET" and self._stopped():
                raise Interrupted(
                    f"Stopped while waiting for {self._where()[0].lower()}{self._where()[1:]}.",
                    "What is left to do is done by: qrun resume",
                )
            time.sleep(min(0.1, left))

    def _unreachable(self, error: httpx.HTTPError) -> Unreachable:
        detail = f"{type(error).__name__}: {error}".rstrip(": ")
        return Unreachable(
            f"{self._where()} can't be reached: {detail}.",
            "Check the network; jobs already submitted go on without it.",
        )

    def _revive(self, error: httpx.HTTPError) -> bool:
        """Start the local service again where it has gone; it takes up its jobs where it left them."""
        if self.account.name != LOCAL or not isinstance(error, httpx.ConnectError) or self._revived:
            return False
        with self._lock:
            if self._revived:
                return False
            self._revived = True
            self.account = find_account(LOCAL)
            self._bearer = None
        return True

    def _headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self._access_token()}", "Service-CRN": self.account.instance or ""}

    def _access_token(self) -> str:
        with self._lock:
            # The monotonic clock stands still while the machine sleeps, and tokens expire meanwhile.
            if self._bearer is None or time.time() > self._bearer_expires:
                self._bearer, lifetime = self._fetch_access_token()
                self._bearer_fetched = time.time()
                self._bearer_expires = self._bearer_fetched + 0.8 * lifetime
            return self._bearer

    def _token_expired(self, response: httpx.Response) -> bool:
        """Whether a request was refused for a token that has been in use for a while, and is gone now."""
        with self._lock:
            if response.status_code != UNAUTHORIZED or time.time() - self._bearer_fetched < _TOKEN_IN_USE:
                return False
            self._bearer = None
            return True

    def _fetch_access_token(self) -> tuple[str, float]:
        form = {"grant_type": "urn:ibm:params:oauth:grant-type:apikey", "apikey": self.account.token}
        response = self._http.post(f"{self.account.iam_url}/identity/token", data=form)
        if response.status_code in _RETRIED:
            response.raise_for_status()
        if not response.is_success:
            raise AccountError(
                f"The token of account {self.account.name!r} was refused (HTTP {response.status_code}).",
                "Save the account again with a valid API key.",
                status=response.status_code,
            )
        try:
            data = response.json()
            return str(data["access_token"]), float(data.get("expires_in", 3600))
        except (ValueError, KeyError, TypeError, AttributeError):
            raise ServiceError(
                f"{self.account.iam_url} did not answer as a token service does.",
                "Check IAM_URL and proxies.",
            ) from None

    def _where(self) -> str:
        return (
            "The local service" if self.account.name == "local" else f"The service of {self.account.name!r}"
        )

    def _error(self, response: httpx.Response, path: str) -> ServiceError:
        message, code, solution = service_message(response)
        if response.status_code in (401, 403):
            return AccountError(
                f"{self._where()} refused the account {self.account.name!r}: {message}",
                "Check the token and the instance of the account.",
                status=response.status_code,
                code=code,
            )
        return ServiceError(
            f"{self._where()} answered {response.status_code} to {path}: {message}",
            solution,
            status=response.status_code,
            code=code,
        )


def _date(response: httpx.Response) -> datetime | None:
    """When the service answered, by its own clock."""
    try:
        return parsedate_to_datetime(response.headers["Date"]).astimezone(timezone.utc)
    except (KeyError, ValueError, TypeError):
        return None
