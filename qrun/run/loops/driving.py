"""A run with loops from its first job to its last: opened, its PUBs sent, its loops driven, and closed."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from qrun.errors import QrunError, UsageError
from qrun.ledger import INCOMPLETE, SUBMITTED, SUBMITTING, Ledger, Run
from qrun.ledger.loops import FAILED, RUNNING, LoopLedger
from qrun.run.backend import compile_for
from qrun.run.follow import look
from qrun.run.holding import UntilCancelled, alone
from qrun.run.listening import Listener, Stop
from qrun.run.loops.driver import Driver
from qrun.run.loops.engine import Engine, Outcome, PreparedLoop
from qrun.run.loops.evaluating import Shared, Spent, Watcher
from qrun.run.loops.jobs import LoopJobs
from qrun.run.loops.polling import Poller
from qrun.run.opening import open_session
from qrun.run.prepare import Ready
from qrun.run.sending import Sender
from qrun.run.submit import cancel_doubles, close_sessions, note_run
from qrun.runtime.client import RuntimeClient
from qrun.runtime.control import ControlChannel
from qrun.workload.compile import Compilation
from qrun.workload.document import parse_document
from qrun.workload.expand import expand
from qrun.workload.load import Workload, load_workload, validate_whole
from qrun.workload.loops import Loop

if TYPE_CHECKING:
    from numpy.typing import NDArray

LOOPS = "loops"
"""Where a run's settings keep what its loops are, by name."""
_READ_AGAIN = "read_again"
"""Where they keep how its workload was read."""


def unfinished(ledger: Ledger, run: Run) -> bool:
    """Whether a run has loops that have not come to their end, which only :func:`resume_loops` can finish."""
    return any(record.state in (RUNNING, FAILED) for record in LoopLedger(ledger, run.id).loops())


def submit_loops(
    ready: Ready,
    client: RuntimeClient,
    ledger: Ledger,
    listener: Listener,
    stop: Stop,
    watcher: Watcher,
    *,
    settings: tuple[str, ...] = (),
    trusted: bool = True,
    cache: bool = True,
) -> dict[str, Outcome]:
    """Run a workload with loops to its end.

    Args:
        ready: The run.
        client: What it is sent with.
        ledger: The ledger.
        listener: Told how jobs are sent.
        stop: Whether to go on.
        watcher: Told how the loops go.
        settings: ``PATH=VALUE`` of each ``--set``, for when the run is resumed.
        trusted: Whether the workload may run code.
        cache: Whether compiled circuits are kept.

    Returns:
        How each loop came out.

    Raises:
        Interrupted: ``stop`` said so. What was evaluated is kept; the session is closed.
        ServiceError: The service refuses, can't be reached, or has ended the session.
    """
    tags, run_id = ready.tags, ready.run_id
    loops = _prepared(ready.workload, ready.compilation, client, ready.backend, tags, run_id)
    about = {
        LOOPS: {
            loop.name: {"method": loop.method, "parameters": list(loop.parameters)}
            for loop in ready.workload.loops
        },
        _READ_AGAIN: {
            "path": _absolute(ready.workload.document.path),
            "settings": list(settings),
            "trusted": trusted,
            "cache": cache,
        },
    }
    account = client.account.at_instance(client.instance)
    stop = UntilCancelled(stop, ledger, run_id)
    with ledger.hold(run_id), ControlChannel(account) as channel:
        note_run(ready, client, ledger, about)
        records = LoopLedger(ledger, run_id)
        for prepared in loops:
            records.mark(prepared.loop.name, RUNNING)
        return _drive(channel, ledger, run_id, loops, listener, stop, watcher)


def resume_loops(
    client: RuntimeClient, ledger: Ledger, run: Run, listener: Listener, stop: Stop, watcher: Watcher
) -> dict[str, Outcome]:
    """Go on with the loops of a run, in a new session where theirs has ended.

    What they had evaluated is told to their optimizers again from the ledger. The workload is read as it was
    when it was submitted; Python files beside it as they are now.

    Raises:
        Interrupted: ``stop`` said so.
        ServiceError: The service refuses, can't be reached, or has ended the session.
        UsageError: The workload can't be read again.
    """
    stop = UntilCancelled(stop, ledger, run.id)
    with alone(ledger, run.id, stop):
        workload = _read_again(run)
        backend = client.backend(
            run.backend, fractional_gates=workload.file.defaults.transpile.fractional_gates
        )
        if backend is None:
            raise UsageError(f"There is no backend {run.backend!r} any more.", "Submit the workload anew.")
        cache = run.settings[_READ_AGAIN]["cache"]
        compilation = compile_for(workload.whole, backend, lambda _: None, cache=cache)
        tags = run.settings.get("tags", [])
        loops = _prepared(workload, compilation, client, backend, tags, run.id)
        with ControlChannel(client.account.at_instance(client.instance)) as channel:
            look(channel, ledger, ledger.run(run.id))
            return _drive(channel, ledger, run.id, loops, listener, stop, watcher)


def _drive(
    channel: ControlChannel,
    ledger: Ledger,
    run_id: str,
    loops: list[PreparedLoop],
    listener: Listener,
    stop: Stop,
    watcher: Watcher,
) -> dict[str, Outcome]:
    """Open, send, drive, close: closed whatever happens, the moment the last loop ends (M18)."""
    run = ledger.run(run_id)
    state = INCOMPLETE
    try:
        ledger.set_state(run_id, SUBMITTING)
        session_id = open_session(channel, ledger, run, listener, stop)
        of_loops = LoopLedger(ledger, run_id).job_indices()
        unsent = [job for job in run.unsent if job.index not in of_loops]
        if unsent:
            Sender(channel, ledger, run, session_id, listener, stop).send(unsent)
        spent = Spent(LoopLedger(ledger, run_id).qpu_seconds(), run.settings.get("budget"))
        session = channel.session(session_id) if session_id else None
        ittl = session.interactive_ttl_seconds if session else None
        if session is not None:
            watcher.event(
                {"event": "session", "session": session.id, "ittl": ittl, "max_ttl": session.max_ttl_seconds}
            )
        with (
            ThreadPoolExecutor(max_workers=1) as writing,
            Poller(channel, run.tag, fast=run.mode == "session", trouble=listener.troubled) as poller,
        ):
            shared = Shared(
                run, session_id, channel, poller, listener, stop, threading.Event(), watcher, spent, writing
            )
            outcomes = Engine(loops, shared, ledger, ittl).run()
        state = SUBMITTED
    finally:
        close_sessions(channel, ledger, run_id, listener)
        # What stopped the run may be what keeps this from being written.
        with suppress(QrunError):
            ledger.set_state(run_id, state)
    cancel_doubles(channel, ledger, run_id)
    return outcomes


def _prepared(
    workload: Workload,
    compilation: Compilation,
    client: RuntimeClient,
    backend: Any,
    tags: Any,
    run_id: str,
) -> list[PreparedLoop]:
    """The loops with their jobs prepared; a mistake in one is told before anything is open."""
    made = []
    for loop in workload.loops:
        if loop.drive is not None:
            made.append(PreparedLoop(loop, None, Driver(workload, client, backend, tags, run_id)))
            continue
        jobs = LoopJobs(
            loop,
            [compilation.pubs[pub.index] for pub in loop.pubs],
            client,
            backend,
            tags=tags,
            run_id=run_id,
            document=workload.document,
            generation=workload.file.defaults.primitives,
        )
        jobs.warm_up(_somewhere(loop))
        made.append(PreparedLoop(loop, jobs))
    return made


def _somewhere(loop: Loop) -> NDArray[Any]:
    """A point to try the loop's jobs with."""
    import numpy as np

    return loop.initial_point if loop.initial_point is not None else np.full(len(loop.parameters), 0.5)


def _read_again(run: Run) -> Workload:
    how: Mapping[str, Any] = run.settings[_READ_AGAIN]
    document = parse_document(run.workload_text, how["path"])
    document = expand(replace(document, trusted=bool(how["trusted"])), how["settings"])
    return load_workload(document, validate_whole(document))


def _absolute(path: str) -> str:
    """A path that means the same from any folder; standard input's is the folder itself."""
    return str(Path.cwd() / "-") if path == "-" else str(Path(path).absolute())
