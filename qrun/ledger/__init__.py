"""The ledger: what this machine has run, in SQLite.

An intent is written before anything is sent and what came of it after, so that whatever happens to the
process, what may exist on the service is on record here. Several qrun processes may use it at once.
"""

from qrun.ledger.records import (
    INCOMPLETE,
    SUBMITTED,
    SUBMITTING,
    TAG_PREFIX,
    LedgerJob,
    LedgerPub,
    LedgerSession,
    Run,
    StateChange,
    job_tag,
    new_run_id,
    run_tag,
)
from qrun.ledger.store import Ledger, NewJob, RunFilter

__all__ = [
    "INCOMPLETE",
    "SUBMITTED",
    "SUBMITTING",
    "TAG_PREFIX",
    "Ledger",
    "LedgerJob",
    "LedgerPub",
    "LedgerSession",
    "NewJob",
    "Run",
    "RunFilter",
    "StateChange",
    "job_tag",
    "new_run_id",
    "run_tag",
]
