"""Who the service is: its instance, its token, and the access tokens that it gives for it."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import os
import secrets
import time
import uuid
from pathlib import Path

PLAN_ID = "qrun-local-plan"
INSTANCE_NAME = "qrun-local"
USER_ID = "qrun-local-user"

ACCESS_TOKEN_SECONDS = 3600
"""How long an access token is good for, as IBM's (facts D1)."""


def new_crn() -> str:
    """A cloud resource name of ten fields in region ``us-east``, as IBM gives one to each instance."""
    account, instance = uuid.uuid4().hex, uuid.uuid4()
    return f"crn:v1:bluemix:public:quantum-computing:us-east:a/{account}:{instance}::"


def write_private(path: Path, text: str) -> None:
    """Put ``text`` into ``path`` at once and durably, readable by its owner alone."""
    part = path.with_name(f"{path.name}.{os.getpid()}.part")
    descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    part.replace(path)


def existing_token(folder: Path) -> str | None:
    """The token of a service that has one."""
    try:
        return (folder / "token").read_text(encoding="utf-8").strip() or None
    except FileNotFoundError:
        return None


def token_in(folder: Path) -> str:
    """The service's token, which is made the first time and kept for ever.

    For the service alone: a token that anybody else made would not be the one that it wants to see.
    """
    if (text := existing_token(folder)) is None:
        text = secrets.token_urlsafe(32)
        write_private(folder / "token", text + "\n")
    return text


class Gatekeeper:
    """Tells who may come in.

    Args:
        token: The service's token.
    """

    def __init__(self, token: str) -> None:
        self._token = token.encode()
        # Not the token itself, so that an access token in a log does not lend itself to guessing at it.
        self._key = hmac.digest(self._token, b"qrun local access token", "sha256")

    def knows(self, token: str) -> bool:
        """Whether this is the service's token."""
        return hmac.compare_digest(token.encode(), self._token)

    def access_token(self) -> tuple[str, int]:
        """A JSON web token (HS256) and when it expires, in seconds since 1970.

        IBM's SDK reads ``iat`` and ``exp`` in it to know when to ask for another.
        """
        issued = int(time.time())
        expires = issued + ACCESS_TOKEN_SECONDS
        claims = {"iam_id": USER_ID, "sub": USER_ID, "iat": issued, "exp": expires}
        signed = f"{_encoded({'alg': 'HS256', 'typ': 'JWT'})}.{_encoded(claims)}"
        return f"{signed}.{self._signature(signed)}", expires

    def admits(self, authorization: str) -> bool:
        """Whether this ``Authorization`` header lets its sender in: ``Bearer`` or ``apikey`` and a token."""
        scheme, _, credential = authorization.partition(" ")
        credential = credential.strip()
        if scheme.lower() == "apikey":
            return self.knows(credential)
        return scheme.lower() == "bearer" and (self.knows(credential) or self._is_current(credential))

    def _is_current(self, access_token: str) -> bool:
        signed, _, signature = access_token.rpartition(".")
        if not hmac.compare_digest(signature.encode(), self._signature(signed).encode()):
            return False
        claims = json.loads(_decoded(signed.partition(".")[2]))
        return bool(claims["exp"] > time.time())

    def _signature(self, signed: str) -> str:
        return _base64(hmac.digest(self._key, signed.encode(), hashlib.sha256))


def _encoded(claims: dict[str, object]) -> str:
    return _base64(json.dumps(claims, separators=(",", ":")).encode())


def _base64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _decoded(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
