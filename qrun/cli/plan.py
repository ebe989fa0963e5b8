"""``qrun plan``: what a workload would cost in each mode, before anything is sent."""

from __future__ import annotations

from enum import Enum
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from qrun.cli import options
from qrun.cli.submit import Mode
from qrun.cli.usage import PriceOption

if TYPE_CHECKING:
    from qrun.plan.price import Price
    from qrun.run.prepare import Choices
    from qrun.workload.expand import LoadChoices


class Load(str, Enum):
    """How busy other users keep the device, in the scheduler's words."""

    none = "none"
    quiet = "quiet"
    busy = "busy"


def plan(
    files: Annotated[
        list[Path] | None,
        typer.Argument(
            metavar="[FILE]...", help="Workload files; '-' for standard input.", show_default=False
        ),
    ] = None,
    compare: Annotated[
        bool,
        typer.Option("--compare", help="A line a file; with one file, a line for it and one for each --set."),
    ] = False,
    replay: Annotated[
        str | None,
        typer.Option(
            "--replay", metavar="ID", help="Instead of a file: a run beside its plan.", show_default=False
        ),
    ] = None,
    mode: Annotated[
        Mode | None,
        typer.Option("--mode", help="Execution mode.  [default: the file's, else auto]", show_default=False),
    ] = None,
    backend: Annotated[
        str | None, typer.Option("--backend", help="Backend instead of the file's.", show_default=False)
    ] = None,
    background: Annotated[
        Load, typer.Option("--background", help="Other users' jobs to reckon wall-clock time with.")
    ] = Load.none,
    price: PriceOption = None,
    no_cache: Annotated[
        bool, typer.Option("--no-cache", help="Compile anew, whatever earlier runs have compiled.")
    ] = False,
    shots: options.Shots = None,
    settings: options.Set = None,
    trust: options.Trust = False,
    service: options.Service = None,
    json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Show what workloads would cost in each mode, and why. Sends nothing and opens nothing."""
    from qrun.errors import UsageError
    from qrun.plan.price import price_of

    if replay is not None:
        if files:
            raise UsageError("--replay takes a run's ID in place of files.", "Leave the files out.")
        _replay(replay, service, json=json)
        return
    if not files:
        raise UsageError("Of what? There is no file.", "Give a workload file, or --replay ID.")
    changes = tuple(settings or ())
    wanted = [(str(file), file, changes) for file in files]
    if compare and len(files) == 1:
        # As the file is, and with each change by itself.
        wanted = [(str(files[0]), files[0], ()), *((change, files[0], (change,)) for change in changes)]
    plans = _plan_all(
        wanted,
        _Wish(mode.value if mode else None, backend, background.value, not no_cache, shots, trust, service),
        price_of(price),
        quiet=quiet,
    )
    _show(plans, compare=compare, json=json, quiet=quiet)


class _Wish:
    """What the command line says of every file."""

    def __init__(
        self,
        mode: str | None,
        backend: str | None,
        background: str,
        cache: bool,
        shots: int | None,
        trust: bool,
        service: str | None,
    ) -> None:
        self._mode, self._backend, self._background, self._cache = mode, backend, background, cache
        self._shots, self._trust = shots, trust
        self.service = service

    def load_choices(self, changes: tuple[str, ...]) -> LoadChoices:
        """While a file is read."""
        from qrun.workload.expand import LoadChoices

        return LoadChoices(changes, self._trust, self._shots)

    def choices(self) -> Choices:
        """When its run is prepared.

        Raises:
            UsageError: The backend's name is empty.
        """
        from qrun.errors import UsageError
        from qrun.plan.instance import LEVELS
        from qrun.run.prepare import Choices

        if self._backend is not None and not self._backend.strip():
            raise UsageError("--backend is empty.", "Is a variable of the shell unset?")
        level = None if self._background == "none" else LEVELS[self._background]
        return Choices(mode=self._mode, backend=self._backend, cache=self._cache, background=level)


def _plan_all(
    wanted: list[tuple[str, Path, tuple[str, ...]]], wish: _Wish, price: Price, *, quiet: bool
) -> list[dict[str, Any]]:
    from qrun.cli.connecting import connector, spinner
    from qrun.cli.console import say
    from qrun.cli.signals import interrupting
    from qrun.run.planning import plan_run
    from qrun.run.prepare import prepare_run
    from qrun.workload.expand import open_document
    from qrun.workload.load import validate_whole

    connect = connector(wish.service)
    plans = []
    with interrupting(), spinner(quiet=quiet) as progress:
        for label, path, changes in wanted:
            progress(f"reading {path}")
            document = open_document(path, wish.load_choices(changes))
            file = validate_whole(document)
            ready, client = prepare_run(
                document, file, partial(connect, file.service), wish.choices(), progress
            )
            plans.append({"label": label, **plan_run(ready, client, price).as_dict()})
            for note in [] if quiet else ready.notes:
                say(f"{label}: note: {note}")
    return plans


def _show(plans: list[dict[str, Any]], *, compare: bool, json: bool, quiet: bool) -> None:
    from qrun.cli.console import print_json
    from qrun.cli.plan_drawing import draw_comparison, draw_plan

    if json:
        print_json(plans[0] if len(plans) == 1 else plans)
    elif compare:
        draw_comparison(plans)
    else:
        for plan in plans:
            draw_plan(plan, quiet=quiet)


def _replay(word: str, service: str | None, *, json: bool) -> None:
    from qrun.cli.console import print_json
    from qrun.cli.plan_drawing import draw_replay
    from qrun.cli.targets import find_targets
    from qrun.errors import UsageError
    from qrun.ledger import Ledger
    from qrun.runtime.control import ControlChannel
    from qrun.usage.account import run_account
    from qrun.usage.replay import replay

    with Ledger() as ledger:
        [target] = find_targets([word], ledger, service)
        if target.run is None:
            raise UsageError(f"{word} is no run of this ledger, so it has no plan.", "See: qrun list")
        with ControlChannel(target.account()) as channel:
            document = replay(target.run, run_account(channel, target.run))
    if json:
        print_json(document)
    else:
        draw_replay(document)
