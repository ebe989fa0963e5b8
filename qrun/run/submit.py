"""Sending a run: what is to be sent on disk, intents noted, jobs sent, and what is opened closed (M18)."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from importlib import metadata
from typing import TYPE_CHECKING, Any

from qrun.errors import QrunError
from qrun.ledger import INCOMPLETE, SUBMITTED, SUBMITTING, Ledger
from qrun.run.holding import UntilCancelled
from qrun.run.listening import Listener, Stop
from qrun.run.opening import open_session
from qrun.run.payloads import write_payloads
from qrun.run.reconcile import reconcile
from qrun.run.sending import Sender
from qrun.runtime.control import ControlChannel

if TYPE_CHECKING:
    from qrun.run.prepare import Ready
    from qrun.runtime.client import RuntimeClient


def submit_run(ready: Ready, client: RuntimeClient, ledger: Ledger, listener: Listener, stop: Stop) -> None:
    """Send a run's jobs.

    Raises:
        Interrupted: ``stop`` said so. The jobs in flight have been finished, the batch or session closed.
        ServiceError: The service refused a job, or can't be reached. Jobs accepted before stay.
    """
    account = client.account.at_instance(client.instance)
    stop = UntilCancelled(stop, ledger, ready.run_id)
    with ledger.hold(ready.run_id), ControlChannel(account) as channel:
        note_run(ready, client, ledger)
        channel.persist(lambda: stop.asked, listener.limited)
        finish_sending(channel, ledger, ready.run_id, listener, stop)


def finish_sending(
    channel: ControlChannel, ledger: Ledger, run_id: str, listener: Listener, stop: Stop
) -> None:
    """Send what a run has not sent yet, and close what it has open. Its hold must be this process's.

    Raises:
        Interrupted: ``stop`` said so.
        ServiceError: The service refused a job, or can't be reached.
    """
    run = ledger.run(run_id)
    try:
        if run.unsent:
            ledger.set_state(run_id, SUBMITTING)
            session_id = open_session(channel, ledger, run, listener, stop)
            Sender(channel, ledger, run, session_id, listener, stop).send(run.unsent)
            cancel_doubles(channel, ledger, run_id)
    except BaseException:
        close_sessions(channel, ledger, run_id, listener)
        # What stopped the submission may be what keeps this from being written.
        with suppress(QrunError):
            ledger.set_state(run_id, INCOMPLETE)
        raise
    close_sessions(channel, ledger, run_id, listener)
    ledger.set_state(run_id, SUBMITTED)


def close_sessions(channel: ControlChannel, ledger: Ledger, run_id: str, listener: Listener) -> None:
    """Close what a run has open; a failure to do so hides no other error."""
    for session in ledger.run(run_id).sessions:
        if session.session_id is None or session.closed:
            continue
        try:
            channel.close_session(session.session_id)
            ledger.session_closed(session.session_id)
        except QrunError as error:
            listener.not_closed(session.session_id, error)
        else:
            listener.closed(session.session_id)


def cancel_doubles(channel: ControlChannel, ledger: Ledger, run_id: str) -> None:
    """Cancel what the service took twice: what lies between may have repeated a request."""
    run = ledger.run(run_id)
    try:
        reconcile(channel, ledger, run, channel.jobs(tags=[run.tag]))
    except QrunError:
        # All jobs are accepted; whoever looks at the run next comes here again.
        return


def note_run(
    ready: Ready, client: RuntimeClient, ledger: Ledger, more: Mapping[str, Any] | None = None
) -> None:
    """Put a run's payloads on disk and its intents into the ledger, before anything is opened or sent.

    Args:
        ready: The run.
        client: What it is sent with.
        ledger: The ledger.
        more: What else to keep among its settings.
    """
    jobs = write_payloads(ready.run_id, [job.primitive for job in ready.planned], ready.jobs)
    ledger.add_run(
        run_id=ready.run_id,
        name=ready.workload.name,
        service=client.account.name,
        instance=client.instance,
        backend=ready.backend.name,
        mode=ready.mode.mode,
        workload_path=ready.workload.document.path,
        workload_text=ready.workload.document.text,
        versions=_versions(),
        jobs=jobs,
        pubs=ready.pubs,
        settings={**_settings(ready), **(more or {})},
    )


def _settings(ready: Ready) -> dict[str, Any]:
    """What was resolved for this run: enough to tell later with what it was run."""
    file = ready.workload.file
    properties = getattr(ready.backend, "properties", None)
    calibrated = getattr(properties() if callable(properties) else None, "last_update_date", None)
    return {
        "tags": list(ready.tags),
        "mode_reason": ready.mode.reason,
        "plan": ready.plan.as_record(),
        "max_time": ready.max_time,
        "budget": ready.budget,
        "retry": file.retry.model_dump() if file.retry else None,
        "transpile": file.defaults.transpile.model_dump(mode="json"),
        "seed_transpiler": file.defaults.transpile.seed_transpiler,
        "primitives": file.defaults.primitives,
        "options": file.defaults.options,
        "backend_version": getattr(ready.backend, "backend_version", None),
        "calibration": calibrated.isoformat() if calibrated else None,
    }


def _versions() -> dict[str, str]:
    names = ("qiskit-qrun", "qiskit", "qiskit-ibm-runtime", "qiskit-aer", "numpy")
    found = {}
    for name in names:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found
