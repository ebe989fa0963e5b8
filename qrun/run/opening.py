"""A run's batch or session: created once, even where the answer to the request that creates it is lost.

A job carries a tag, by which it is found again; a batch or session carries nothing of its creator's. So what
the service has of its kind is noted before the request is sent, and after a doubt the one that is new since,
that takes jobs and has none yet, that was created in the time that the request may have taken, and that no
other run of this ledger opened, is taken over. Where there is more than one, another program of this account
has opened one in these minutes: none is taken over, because it may be the other's, and a new one is opened.
One that nobody uses costs nothing (M7: usage begins with the first job) and the service closes it after
thirty minutes.
"""

from __future__ import annotations

import time
from datetime import timedelta

from qrun.errors import AccountError, Interrupted, QrunError, ServiceError
from qrun.ledger import Ledger, LedgerSession, Run
from qrun.run.listening import Listener, Stop
from qrun.run.patience import LONGEST_WHEN_FAILED, Patience
from qrun.runtime.control import CREATE_TIMEOUT, NOT_FOUND, ControlChannel
from qrun.runtime.records import WorkloadRecord
from qrun.runtime.replies import Limited, NotSent, Unsure

LOOKS = (0.0, 1.0, 2.0)
"""When what may have been created is looked for, in the account's polling intervals after the doubt began."""
_LONGEST_CREATION = timedelta(seconds=LONGEST_WHEN_FAILED + CREATE_TIMEOUT)
"""After a request was about to be sent, what was created later is not its doing: as long it may have been
repeated, and the last of them have taken."""
_ROUNDED = timedelta(seconds=1)
"""A service tells its clock in whole seconds."""


def open_session(
    channel: ControlChannel, ledger: Ledger, run: Run, listener: Listener, stop: Stop
) -> str | None:
    """The batch or session that a run's jobs are to be sent to; ``None`` in job mode.

    The run's own where it still takes jobs, the one that an earlier request may have created, or a new one.

    Raises:
        LimitError: The plan of the instance has no sessions.
        ServiceError: The service refused, or can't be reached.
        Interrupted: ``stop`` said so.
    """
    if run.mode == "job":
        return None
    if stop.asked:
        raise Interrupted(
            f"Stopped before anything was opened for run {run.id}.", f"Go on with: qrun resume {run.id}"
        )
    last = run.sessions[-1] if run.sessions else None
    if last is not None and last.session_id and not last.closed:
        if _takes_jobs(channel, last.session_id):
            return last.session_id
        ledger.session_closed(last.session_id)
    patience = Patience(run, listener, stop)
    found = created_unseen(channel, ledger, run)
    if found is None:
        ledger.session_not_opened(run.id)
        found = _create(channel, ledger, run.id, patience)
    listener.opened(found)
    return found


def _takes_jobs(channel: ControlChannel, session_id: str) -> bool:
    try:
        record = channel.session(session_id)
    except ServiceError as error:
        if error.status != NOT_FOUND:
            raise
        # Services forget what has expired.
        return False
    return record.accepting_jobs and not record.closed


def _create(channel: ControlChannel, ledger: Ledger, run_id: str, patience: Patience) -> str:
    """Have one created; the ledger knows before each request, and as long as one may have been done."""
    run, doubtful = _ask(channel, ledger, run_id), False
    try:
        while True:
            try:
                session_id = channel.create_session(run.mode, run.backend, run.settings.get("max_time"))
            except Limited as error:
                patience.limited(error)
            except NotSent as error:
                patience.failed(error)
            except Unsure as error:
                doubtful = True
                if found := created_unseen(channel, ledger, run):
                    return found
                patience.failed(error)
            else:
                return _opened(channel, ledger, run_id, session_id)
            if not doubtful:
                ledger.session_asked_again(run_id, channel.now)
                run = ledger.run(run_id)
    except QrunError as error:
        if doubtful:
            # Whoever looks at the run later finds it, or comes to know that there is none.
            raise
        if _by_a_proxy(error) and (found := created_unseen(channel, ledger, run)):
            return found
        ledger.session_not_opened(run_id)
        raise


def _by_a_proxy(error: QrunError) -> bool:
    """Whether a refusal may be the word of a proxy, and the service has all the same done it."""
    clear = isinstance(error, (Limited, NotSent, AccountError))
    return isinstance(error, ServiceError) and not clear and error.status is not None


def _ask(channel: ControlChannel, ledger: Ledger, run_id: str) -> Run:
    """Note that one is about to be created, and what there is already."""
    run = ledger.run(run_id)
    before = [workload.id for workload in channel.workloads(mode=run.mode, backend=run.backend)]
    ledger.session_asked(run_id, before, channel.now)
    return ledger.run(run_id)


def _opened(channel: ControlChannel, ledger: Ledger, run_id: str, session_id: str) -> str:
    try:
        ledger.session_opened(run_id, session_id)
    except ServiceError:
        # What can't be written down could not be found again.
        channel.close_session(session_id)
        raise
    return session_id


def created_unseen(channel: ControlChannel, ledger: Ledger, run: Run) -> str | None:
    """The batch or session that a run's request created whose answer is not known; its own from now on.

    ``None`` where there is none of which one may be sure, or none was asked for.
    """
    asked = next((session for session in run.sessions if session.session_id is None), None)
    if asked is None:
        return None
    for wait in LOOKS:
        time.sleep(wait * channel.account.first_poll_seconds)
        found = [
            workload.id
            for workload in channel.workloads(mode=run.mode, backend=run.backend)
            if workload.accepting_jobs
            and workload.id not in asked.known_before
            and _may_come_of(asked, workload)
            and ledger.run_of_session(workload.id) is None
            and not channel.jobs(session_id=workload.id, limit=1)
        ]
        if len(found) == 1 and ledger.session_opened(run.id, found[0]):
            return found[0]
        if _over(channel, asked):
            break
    return None


def settle_unseen(channel: ControlChannel, ledger: Ledger, run: Run) -> bool:
    """Find what a run's unanswered request created, or come to know that it created nothing.

    Returns:
        Whether that is known now; ``False`` while the service may still be at work on the request.
    """
    asked = next((session for session in run.sessions if session.session_id is None), None)
    if asked is None or created_unseen(channel, ledger, run) is not None:
        return True
    if over := _over(channel, asked):
        ledger.session_not_opened(run.id)
    return over


def _may_come_of(asked: LedgerSession, workload: WorkloadRecord) -> bool:
    if asked.asked is None or workload.created is None:
        return False
    return asked.asked - _ROUNDED <= workload.created <= asked.asked + _LONGEST_CREATION


def _over(channel: ControlChannel, asked: LedgerSession) -> bool:
    return asked.asked is None or channel.now > asked.asked + _LONGEST_CREATION
