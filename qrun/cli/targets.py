"""The IDs of a command line: runs, sessions, batches and jobs, ``last``, and ``-`` for standard input."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from dataclasses import dataclass
from uuid import UUID

from qrun import config
from qrun.errors import ServiceError, UsageError
from qrun.ledger import Ledger, Run
from qrun.runtime.accounts import Account, find_account
from qrun.runtime.control import ControlChannel

RUN = "run"
SESSION = "session"
JOB = "job"


@dataclass(frozen=True)
class Target:
    """What an ID means."""

    kind: str
    """``run``, ``session`` (batches too) or ``job``."""
    id: str
    run: Run | None
    """The run it is, or belongs to; ``None`` for what qrun did not submit."""
    service: str
    instance: str | None = None

    def account(self) -> Account:
        """The account that it was submitted with."""
        return find_account(self.service).at_instance(self.instance)


def account_of(run: Run) -> Account:
    """The account that a run was submitted with."""
    return find_account(run.service).at_instance(run.instance)


def words_of(ids: Iterable[str]) -> list[str]:
    """The IDs meant, those on standard input included.

    Raises:
        UsageError: Standard input was to hold IDs, and holds none.
    """
    words: list[str] = []
    for word in ids:
        if not word.strip():
            raise UsageError("An ID is empty.", "Is a variable of the shell unset?")
        if word == "-":
            lines = [line.split()[0] for line in sys.stdin if line.split()]
            if not lines:
                raise UsageError("There is no ID on standard input.", "Did the command before fail?")
            words += lines
        else:
            words.append(word)
    return words


def find_targets(ids: Iterable[str], ledger: Ledger, service: str | None = None) -> list[Target]:
    """What the IDs of a command line mean.

    Args:
        ids: Words of the command line.
        ledger: The ledger.
        service: Service to ask for what isn't in the ledger.

    Raises:
        UsageError: A word means nothing, or more than one thing.
    """
    return [_find(word, ledger, service) for word in words_of(ids)]


def find_run(word: str, ledger: Ledger) -> Run:
    """The run that a word means.

    Raises:
        UsageError: It means none, or something that qrun did not submit.
    """
    target = _in_ledger(word, ledger)
    if target is None or target.run is None:
        raise UsageError(f"There is no run {word!r} in the ledger.", "List them with: qrun list")
    return target.run


def find_runs(ids: Iterable[str], ledger: Ledger) -> list[Run]:
    """The runs that the IDs of a command line mean."""
    return [find_run(word, ledger) for word in words_of(ids)]


def _find(word: str, ledger: Ledger, service: str | None) -> Target:
    return _in_ledger(word, ledger) or _on_service(word, config.service_name(service))


def _in_ledger(word: str, ledger: Ledger) -> Target | None:
    if word == "last":
        newest = ledger.runs(limit=1)
        if not newest:
            raise UsageError("There is no run yet.", "Submit one with: qrun submit FILE")
        return target_of(newest[0])
    if run := ledger.run_of_session(word):
        return _of_run(run, SESSION, word)
    if run := ledger.run_of_job(word):
        return _of_run(run, JOB, word)
    matches = ledger.matching(word)
    exact = [run for run in matches if run.id == word]
    if len(exact or matches) > 1:
        shown = ", ".join(f"{run.id} ({run.name})" for run in matches[:5]) + (
            ", …" if len(matches) > 5 else ""
        )
        raise UsageError(f"{word!r} means {len(matches)} runs: {shown}.", "Give the ID, or more of it.")
    if matches:
        return target_of((exact or matches)[0])
    return None


def target_of(run: Run) -> Target:
    """A run as what an ID means."""
    return _of_run(run, RUN, run.id)


def _of_run(run: Run, kind: str, identity: str) -> Target:
    return Target(kind, identity, run, run.service, run.instance)


def _on_service(word: str, service: str) -> Target:
    """What a word that isn't in the ledger means on the service. IDs of sessions are UUIDs."""
    kinds = (SESSION, JOB) if _is_uuid(word) else (JOB, SESSION)
    account = find_account(service)
    with ControlChannel(account) as channel:
        for kind in kinds:
            try:
                (channel.session if kind == SESSION else channel.job)(word)
            except ServiceError as error:
                if error.status in (400, 404):
                    continue
                raise
            return Target(kind, word, None, service)
    raise UsageError(
        f"There is no run, session, batch or job {word!r}.",
        f"List runs with: qrun list   (The ledger and the service {service!r} were asked.)",
    )


def _is_uuid(word: str) -> bool:
    try:
        UUID(word)
    except ValueError:
        return False
    return True
