"""The tokens that this process can know, so that nothing it prints shows them."""

from __future__ import annotations

import json
import os
import re
from contextlib import suppress

from qrun import config
from qrun.errors import QrunError

_AUTHORIZATION = re.compile(r"\b(Bearer|apikey)(\s+|=)[^\s'\"&]{8,}")


def without_secrets(text: str) -> str:
    """Text without API keys and access tokens."""
    for secret in _known_secrets():
        text = text.replace(secret, "[token]")
    return _AUTHORIZATION.sub(r"\1\2[token]", text)


def _known_secrets() -> list[str]:
    """API keys in the environment, in the client's account file and of the local service, longest first."""
    from qrun.runtime.accounts import account_file

    found = {os.environ.get("QISKIT_IBM_TOKEN", "")}
    with suppress(OSError, QrunError):
        found.add((config.local_service_folder() / "token").read_text(encoding="utf-8").strip())
    with suppress(OSError, ValueError, AttributeError):
        accounts = json.loads(account_file().read_text(encoding="utf-8"))
        found.update(str(account.get("token") or "") for account in accounts.values())
    return sorted((secret for secret in found if len(secret) >= 8), key=len, reverse=True)
