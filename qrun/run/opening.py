"""A run's batch or session: created once, even where the answer to the request that creates it is lost.

A job carries a tag, by which it is found again; a batch or session carries nothing of its creator's. So what
the service has of its kind is noted before the request is sent, and after a doubt the one that is new since,
that takes jobs and has none yet, and that no other run of this ledger opened, is taken over. Where there is
more than one, another program of this account has opened one in these seconds: none is taken over, because
it may be the other's, and a new one is opened. One that nobody uses costs nothing (M7: usage begins with
the first job) and the service closes it after thirty minutes.
"""

from __future__ import annotations

import time

from qrun.errors import ServiceError
from qrun.ledger import Ledger, LedgerSession, Run
from qrun.run.listening import Listener, Stop
from qrun.run.patience import Patience
from qrun.runtime.control import ControlChannel
from qrun.runtime.replies import Limited, NotSent, Unsure

LOOKS = (0.0, 1.0, 2.0)
"""When what may have been created is looked for, in the account's polling intervals after the doubt began."""


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
    last = run.sessions[-1] if run.sessions else None
    if last is not None and last.session_id and not last.closed:
        record = channel.session(last.session_id)
        if record.accepting_jobs and not record.closed:
            return last.session_id
        ledger.session_closed(last.session_id)
    if last is not None and last.session_id is None:
        found = _created_unseen(channel, ledger, run, last)
    else:
        found = None
        before = [workload.id for workload in channel.workloads(mode=run.mode, backend=run.backend)]
        ledger.session_asked(run.id, before)
    if found is None:
        found = _create(channel, ledger, ledger.run(run.id), Patience(run, listener, stop))
    listener.opened(found)
    return found


def _create(channel: ControlChannel, ledger: Ledger, run: Run, patience: Patience) -> str:
    while True:
        try:
            session_id = channel.create_session(run.mode, run.backend, run.settings.get("max_time"))
        except Limited as error:
            patience.limited(error)
        except NotSent as error:
            patience.failed(error)
        except Unsure as error:
            if found := _created_unseen(channel, ledger, run, run.sessions[-1]):
                return found
            patience.failed(error)
        except ServiceError:
            # Where it has all the same created one, it is found and closed; a refusal leaves nothing.
            if found := _created_unseen(channel, ledger, run, run.sessions[-1]):
                return found
            ledger.session_not_opened(run.id)
            raise
        else:
            try:
                ledger.session_opened(run.id, session_id)
            except ServiceError:
                # What can't be written down could not be found again.
                channel.close_session(session_id)
                raise
            return session_id


def _created_unseen(channel: ControlChannel, ledger: Ledger, run: Run, asked: LedgerSession) -> str | None:
    """The batch or session that a request created whose answer is not known; the run's own from now on."""
    for wait in LOOKS:
        time.sleep(wait * channel.account.first_poll_seconds)
        found = [
            workload.id
            for workload in channel.workloads(mode=run.mode, backend=run.backend)
            if workload.accepting_jobs
            and workload.id not in asked.known_before
            and ledger.run_of_session(workload.id) is None
            and not channel.jobs(session_id=workload.id, limit=1)
        ]
        if len(found) == 1 and ledger.session_opened(run.id, found[0]):
            return found[0]
    return None
