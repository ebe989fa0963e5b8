"""``qrun submit``: a workload file becomes jobs."""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from qrun.cli import options

if TYPE_CHECKING:
    from qrun.errors import QrunError
    from qrun.ledger import Ledger
    from qrun.run.prepare import Choices, Ready
    from qrun.runtime.client import RuntimeClient
    from qrun.workload.document import Document
    from qrun.workload.model import WorkloadFile


class Mode(str, Enum):
    """Execution modes, and the choice among them left to qrun."""

    job = "job"
    batch = "batch"
    session = "session"
    auto = "auto"


def submit(
    file: Annotated[
        Path,
        typer.Argument(
            help="The workload: YAML, .qasm or a QRMI payload; '-' for standard input.", show_default=False
        ),
    ],
    mode: Annotated[
        Mode | None,
        typer.Option("--mode", help="Execution mode.  [default: the file's, else auto]", show_default=False),
    ] = None,
    backend: Annotated[
        str | None, typer.Option("--backend", help="Backend instead of the file's.", show_default=False)
    ] = None,
    tag: Annotated[
        list[str] | None, typer.Option("--tag", help="One more tag; may be repeated.", show_default=False)
    ] = None,
    max_time: Annotated[
        str | None,
        typer.Option(
            "--max-time", help="Longest life of the batch or session, such as 25m.", show_default=False
        ),
    ] = None,
    no_cache: Annotated[
        bool, typer.Option("--no-cache", help="Compile anew, whatever earlier runs have compiled.")
    ] = False,
    shots: options.Shots = None,
    settings: options.Set = None,
    trust: options.Trust = False,
    watch: Annotated[bool, typer.Option("--watch", help="Follow the run and print its results.")] = False,
    budget: Annotated[
        str | None,
        typer.Option(
            "--budget",
            help="Usage, such as 120s, at which whoever follows the run cancels what is queued.",
            show_default=False,
        ),
    ] = None,
    force: Annotated[
        bool,
        typer.Option(
            "--force", help="Send it although it would use more than its budget or the instance's allocation."
        ),
    ] = False,
    on_signal: options.WhenSignalled = options.OnSignal.detach,
    service: options.Service = None,
    quiet: options.Quiet = False,
    no_progress: options.NoProgress = False,
) -> None:
    """Submit a workload. Prints the run's ID when all jobs are accepted; --watch stays for the results."""
    from qrun.cli.console import print_line, say
    from qrun.cli.signals import interrupting
    from qrun.errors import Interrupted
    from qrun.ledger import Ledger
    from qrun.workload.expand import LoadChoices, open_document
    from qrun.workload.load import validate_whole

    try:
        with interrupting(), Ledger() as ledger:
            document = open_document(file, LoadChoices(tuple(settings or ()), trust, shots))
            workload_file = validate_whole(document)
            choices = _choices(mode, backend, tag, max_time, budget, cache=not no_cache)
            _warn_of_open_sessions(ledger, quiet=quiet)
            ready, client = _prepare(document, workload_file, choices, service, quiet=quiet)
            if not force:
                from qrun.run.planning import refuse_beyond_limits

                refuse_beyond_limits(ready, client)
    except KeyboardInterrupt:
        raise Interrupted("Interrupted before anything was submitted.") from None
    if ready.workload.loops:
        cache, live = not no_cache, not no_progress
        _drive(ready, client, settings, document, cache=cache, watch=watch, quiet=quiet, live=live)
        return
    with Ledger() as ledger:
        try:
            stopped = _send(ready, client, ledger, quiet=quiet)
        except Interrupted:
            if on_signal is options.OnSignal.cancel:
                raise _cancelled(ready.run_id, ledger) from None
            raise
        if stopped and on_signal is options.OnSignal.cancel:
            raise _cancelled(ready.run_id, ledger)
        if watch and not stopped:
            from qrun.cli.follow import follow_to_results
            from qrun.cli.targets import target_of

            cancelling = on_signal is options.OnSignal.cancel
            follow_to_results(
                ledger,
                ready.run_id,
                quiet=quiet,
                live=not no_progress,
                cancel=[target_of(ledger.run(ready.run_id))] if cancelling else (),
            )
            return
    print_line(ready.run_id)
    kept = [name for name, there in (("budget", ready.budget), ("retry", ready.workload.file.retry)) if there]
    if kept and not quiet:
        say(
            f"note: nobody keeps the run's {' and '.join(kept)} until it is followed; do so with: "
            f"qrun watch {ready.run_id}   Or submit with --watch.",
            style="yellow",
        )
    if stopped:
        raise Interrupted(
            f"All jobs of run {ready.run_id} had been accepted when the signal came; they go on.",
            f"Watch them with: qrun watch {ready.run_id}   Stop them with: qrun cancel {ready.run_id}",
        )


def _choices(
    mode: Mode | None,
    backend: str | None,
    tags: list[str] | None,
    max_time: str | None,
    budget: str | None,
    *,
    cache: bool,
) -> Choices:
    from qrun.cli.durations import seconds_of
    from qrun.errors import UsageError
    from qrun.run.prepare import Choices
    from qrun.workload.model import check_tag

    for tag in tags or []:
        try:
            check_tag(tag)
        except ValueError as error:
            raise UsageError(f"--tag {tag!r}: {error}.") from None
    seconds = seconds_of("--max-time", max_time)
    if seconds is not None and seconds < 1:
        raise UsageError("--max-time is at least one second.", "For example: --max-time 25m")
    if backend is not None and not backend.strip():
        raise UsageError("--backend is empty.", "Is a variable of the shell unset?")
    allowed = seconds_of("--budget", budget)
    if allowed is not None and allowed < 1:
        raise UsageError("--budget is at least one second.", "For example: --budget 120s")
    return Choices(
        mode=mode.value if mode else None,
        backend=backend,
        tags=tuple(tags or ()),
        max_time=int(seconds) if seconds else None,
        budget=int(allowed) if allowed else None,
        cache=cache,
    )


def _prepare(
    document: Document, file: WorkloadFile, choices: Choices, service: str | None, *, quiet: bool
) -> tuple[Ready, RuntimeClient]:
    """Prepare the run while a spinner tells what is being done."""
    from concurrent.futures import ThreadPoolExecutor

    from qrun import config
    from qrun.cli.console import err
    from qrun.run.prepare import prepare_run
    from qrun.runtime.accounts import find_account
    from qrun.runtime.client import RuntimeClient

    # The local service may have to start, which takes no part of this process: circuits are read meanwhile.
    with ThreadPoolExecutor(max_workers=1) as background:
        account = background.submit(find_account, config.service_name(service, file.service))

        def connect() -> RuntimeClient:
            return RuntimeClient(account.result())

        if quiet or not err().is_terminal:
            return prepare_run(document, file, connect, choices)
        with err().status("starting") as spinner:
            return prepare_run(document, file, connect, choices, spinner.update)


def _send(ready: Ready, client: RuntimeClient, ledger: Ledger, *, quiet: bool) -> bool:
    """Send the run; whether a signal came that found all jobs sent already."""
    from qrun.cli.console import say
    from qrun.cli.signals import Finishing
    from qrun.cli.telling import Teller
    from qrun.run.submit import submit_run

    talk: Callable[[str], None] = (lambda _: None) if quiet else say
    _introduce(ready, quiet=quiet)
    account = client.account.at_instance(client.instance)
    with Finishing(lambda: say("stopping after the jobs in hand …")) as stop:
        submit_run(ready, client, ledger, Teller(ready.run_id, ready.mode.mode, account, talk), stop)
    return stop.asked


def _drive(
    ready: Ready,
    client: RuntimeClient,
    settings: list[str] | None,
    document: Document,
    *,
    cache: bool,
    watch: bool,
    quiet: bool,
    live: bool,
) -> None:
    """Run a workload with loops, which needs this process to its end; the ID comes last, or its results."""
    from qrun.cli.console import print_line
    from qrun.cli.loops import drive_new, print_loops
    from qrun.ledger import Ledger

    _introduce(ready, quiet=quiet)
    with Ledger() as ledger:
        try:
            drive_new(
                ready,
                client,
                ledger,
                settings=tuple(settings or ()),
                trusted=document.trusted,
                cache=cache,
                quiet=quiet,
                live=live,
            )
        finally:
            if not watch:
                print_line(ready.run_id)
        if watch:
            print_loops(ledger, ledger.run(ready.run_id))


def _introduce(ready: Ready, *, quiet: bool) -> None:
    from qrun.cli.console import say
    from qrun.units import counted

    if quiet:
        return
    parts = []
    if ready.pubs:
        parts.append(f"{counted(len(ready.pubs), 'PUB')} in {counted(len(ready.jobs), 'job')}")
    if ready.workload.loops:
        parts.append(counted(len(ready.workload.loops), "loop"))
    say(f"{ready.workload.name}: {' and '.join(parts)} on {ready.backend.name}, run {ready.run_id}")
    say(f"mode {ready.mode.mode}: {ready.mode.reason}")
    if ready.jobs:
        _tell_price(ready, say)
    for note in ready.notes:
        say(f"note: {note}")


def _cancelled(run_id: str, ledger: Ledger) -> QrunError:
    """Cancel what has been sent of a run, as ``--on-signal cancel`` wants it."""
    from qrun.cli.stopping import cancelled_by_signal
    from qrun.cli.targets import target_of

    return cancelled_by_signal(ledger, [target_of(ledger.run(run_id))])


def _tell_price(ready: Ready, talk: Callable[[str], None]) -> None:
    """What the run is reckoned to cost, and what its mode costs more than the one that is advised."""
    from qrun.plan.price import price_of
    from qrun.run.planning import beyond_advice
    from qrun.units import format_seconds

    price, beyond = price_of(), beyond_advice(ready)
    usage = ready.plan.usage_seconds(ready.mode.mode)
    talk(f"planned: {format_seconds(round(usage, 1))} of usage, {price.text(usage)}; more with: qrun plan")
    if beyond is not None and abs(beyond) >= 0.05:
        less = "less" if beyond > 0 else "more"
        amount = f"{format_seconds(round(abs(beyond), 1))} ({price.text(abs(beyond))})"
        talk(f"advice: mode {ready.plan.advised.mode} would use {amount} {less}")


def _warn_of_open_sessions(ledger: Ledger, *, quiet: bool) -> None:
    """Tell of batches and sessions that a crash left open (M18)."""
    from qrun.cli.console import say

    for run in ledger.left_open():
        what = f"the {run.mode} that it asked for" if run.may_be_open else f"its {run.mode} {run.session_id}"
        if not quiet:
            say(
                f"warning: run {run.id} ended without closing {what}; close it with: qrun close {run.id}",
                style="yellow",
            )
