"""Which service, where it is, and what opens it.

An account is the client's own: its account file and its ``QISKIT_IBM_*`` variables, read here as the client
reads them but without importing it, because that import takes seconds. The local service is one more
account, made from the two files that it leaves in its folder.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from urllib.parse import urlparse

from qrun.errors import AccountError

LOCAL = "local"
IBM = "ibm"
_CHANNELS = ("ibm_quantum_platform", "ibm_cloud")
_DEFAULT_URL = "https://cloud.ibm.com"
_DEFAULT_NAMES = ("default-ibm-quantum-platform", "default-ibm-cloud", "default")


@dataclass(frozen=True)
class Account:
    """What it takes to talk to one instance of one service."""

    name: str
    """The name the user chose: ``local``, ``ibm`` or that of a saved account."""
    url: str
    """Base URL as the client takes it."""
    api_url: str | None
    """Base of the REST interface, ``…/api/v1``; ``None`` while the instance is not known."""
    iam_url: str
    """Where an API key becomes an access token."""
    token: str = field(repr=False)
    """The API key. Never shown, logged or stored by qrun."""
    instance: str | None
    """CRN or name of the instance."""
    saved_as: str | None = None
    """Name in the client's account file, where the account came from there."""
    environment: dict[str, str] = field(default_factory=dict, repr=False)
    """Variables that the client needs in the environment to reach this service."""
    proxies: dict[str, str] = field(default_factory=dict, repr=False)
    """Proxy by scheme, as the saved account has it. Its URL may hold a password."""
    verify: bool = True
    """Whether the certificate of the service is checked."""
    private_endpoint: bool = False
    """Whether the service is reached over IBM's private network."""
    first_poll_seconds: float = 1.0
    """How soon a follower asks again at first. The local service charges nobody for a question."""

    @property
    def is_loopback(self) -> bool:
        """Whether the service is on this machine, where no proxy of the user's must come between."""
        return urlparse(self.api_url or self.url).hostname in ("127.0.0.1", "localhost", "::1")

    def at_instance(self, instance: str | None) -> Account:
        """The same account at another instance, such as the one that a run in the ledger used."""
        if instance is None or instance == self.instance:
            return self
        if self.name == LOCAL:
            # There is one instance; a run of before the state was reset names one that is gone.
            return self
        return replace(self, instance=instance, api_url=_api_url(self.url, instance, self.private_endpoint))


def find_account(name: str) -> Account:
    """The account called ``name``; ``local`` starts the local service where it is not running.

    Raises:
        AccountError: There is no such account, or it lacks its token.
        ServiceError: The local service could not be started.
    """
    if name == LOCAL:
        from qrun.runtime.local import running_local_service

        return local_account(running_local_service())
    if name == IBM:
        return _from_environment() or _from_file(None)
    return _from_file(name)


def local_account(service: dict[str, Any]) -> Account:
    """The account of a running local service.

    Args:
        service: What its ``service.json`` says, and its ``token``.
    """
    base = str(service["url"])
    return Account(
        name=LOCAL,
        url=base,
        api_url=f"{base}/api/v1",
        iam_url=f"{base}/iam",
        token=str(service["token"]),
        instance=str(service["instance"]),
        environment={
            "IAM_URL": f"{base}/iam",
            "GLOBAL_SEARCH_URL": f"{base}/search",
            "GLOBAL_CATALOG_URL": f"{base}/catalog",
        },
        first_poll_seconds=0.1,
    )


def _from_environment() -> Account | None:
    token = os.environ.get("QISKIT_IBM_TOKEN")
    if not token:
        return None
    return _account(
        name=IBM,
        url=os.environ.get("QISKIT_IBM_URL") or _DEFAULT_URL,
        token=token,
        instance=os.environ.get("QISKIT_IBM_INSTANCE"),
    )


def account_file() -> Path:
    """The client's account file."""
    return Path.home() / ".qiskit" / "qiskit-ibm.json"


def _from_file(name: str | None) -> Account:
    path = account_file()
    try:
        saved = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        saved = {}
    except (OSError, ValueError) as error:
        raise AccountError(
            f"The account file {path} can't be read: {error}.",
            "Repair it, or save the account again with QiskitRuntimeService.save_account(...).",
        ) from None
    if not isinstance(saved, dict):
        saved = {}
    usable = {
        key: value
        for key, value in saved.items()
        if isinstance(value, dict) and value.get("channel") in _CHANNELS
    }
    key = name or _default_name(usable)
    if key is None or key not in usable:
        known = ", ".join(sorted(usable)) or "none"
        raise AccountError(
            f"There is no saved account {name!r}." if name else "There is no default IBM Quantum account.",
            "Save one with QiskitRuntimeService.save_account(token=…, instance=…, name=…), set "
            f"QISKIT_IBM_TOKEN, or use --service local. Saved accounts: {known}.",
        )
    entry = usable[key]
    return _account(
        name=name or IBM,
        url=entry.get("url") or _DEFAULT_URL,
        token=entry.get("token") or "",
        instance=entry.get("instance"),
        saved_as=key,
        proxies=(entry.get("proxies") or {}).get("urls") or {},
        verify=entry.get("verify") is not False,
        private_endpoint=bool(entry.get("private_endpoint")),
    )


def _default_name(accounts: dict[str, dict[str, Any]]) -> str | None:
    for key, value in accounts.items():
        if value.get("is_default_account"):
            return key
    channel = os.environ.get("QISKIT_IBM_CHANNEL") or _CHANNELS[0]
    of_channel = (key for key, value in accounts.items() if value.get("channel") == channel)
    return next((key for key in (*_DEFAULT_NAMES, *of_channel) if key in accounts), None)


def _account(
    *,
    name: str,
    url: str,
    token: str,
    instance: str | None,
    saved_as: str | None = None,
    proxies: dict[str, str] | None = None,
    verify: bool = True,
    private_endpoint: bool = False,
) -> Account:
    if not token or not isinstance(token, str):
        raise AccountError(
            f"The account {name!r} has no token.",
            "Save it again with QiskitRuntimeService.save_account(...).",
        )
    if instance == "auto":
        instance = None
    try:
        host = urlparse(url)
    except ValueError:
        raise AccountError(f"The URL of the account {name!r} is not one.", "Save it again.") from None
    private = "private." if private_endpoint else ""
    return Account(
        name=name,
        url=url,
        api_url=_api_url(url, instance, private_endpoint),
        iam_url=os.environ.get("IAM_URL") or f"{host.scheme}://{private}iam.{host.hostname}",
        token=token,
        instance=instance,
        saved_as=saved_as,
        proxies=proxies or {},
        verify=verify,
        private_endpoint=private_endpoint,
        first_poll_seconds=0.1 if host.hostname in ("127.0.0.1", "localhost") else 1.0,
    )


def _api_url(url: str, instance: str | None, private_endpoint: bool) -> str | None:
    """The REST base as the client derives it: the region in the CRN chooses the host."""
    if "experimental" in url:
        return url
    parts = (instance or "").split(":")
    if len(parts) != 10 or parts[0] != "crn":
        return None
    region = parts[5]
    prefix = "" if region == "us-east" else f"{region}."
    if private_endpoint:
        prefix = f"private.{region}."
    host = urlparse(url)
    return f"{host.scheme}://{prefix}quantum.{host.hostname}/api/v1"
