"""``qrun local …``: the local service, started and stopped."""

from __future__ import annotations

import shlex
import sys
import time
from pathlib import Path
from typing import Annotated

import typer

from qrun.cli import options
from qrun.errors import ExitCode, UsageError

_WATCH_SECONDS = 1.0

app = typer.Typer(no_args_is_help=True, help="The local Qiskit Runtime service: start, stop, look at it.")


@app.command()
def start(
    plan: Annotated[
        str | None,
        typer.Option(
            "--plan",
            help="Plan of its instance: local, open, payg, premium, or a TOML file.  [default: as last time]",
            show_default=False,
        ),
    ] = None,
    background: Annotated[
        str | None,
        typer.Option(
            "--background",
            help="Other users' jobs: none, quiet, busy, or a TOML file.  [default: as last time]",
            show_default=False,
        ),
    ] = None,
    seed: Annotated[
        int | None,
        typer.Option("--seed", help="Seed of the other users' jobs.", show_default=False),
    ] = None,
    pace: Annotated[
        str | None,
        typer.Option(
            "--pace",
            help="skip: modelled waiting passes at once; real: as long as it would take.  "
            "[default: as last time]",
            show_default=False,
        ),
    ] = None,
    calibration: Annotated[
        list[Path] | None,
        typer.Option(
            "--calibration",
            metavar="FILE",
            help="Calibration of a device of your own, kept for later starts; may be repeated.",
            show_default=False,
        ),
    ] = None,
) -> None:
    """Start the local service, unless it is running, and print its address. Its settings are kept."""
    from qrun.cli.console import print_line, say
    from qrun.local import process
    from qrun.local.settings import Wishes

    if calibration:
        from qrun.local.calibration import install

        if process.status() is not None:
            raise UsageError(
                "The local service is running, and takes up calibrations when it starts.",
                "Stop it first: qrun local stop. Its jobs are kept and go on.",
            )
        for path in calibration:
            say(f"device {install(path)}")

    print_line(process.start(Wishes(plan, background, pace, seed)).url)


@app.command()
def stop() -> None:
    """Stop the local service. Jobs that it has accepted are kept and go on when it starts again."""
    from qrun.cli.console import say
    from qrun.local import process

    say("stopped" if process.stop() else "it was not running")


@app.command()
def status(
    json: options.Json = False,
    watch: Annotated[bool, typer.Option("--watch", "-w", help="Again every second, until Ctrl-C.")] = False,
) -> None:
    """Show what goes on in the local service: plan, lanes, QPU, sessions. Exits with 3 if none runs."""
    from qrun.cli.console import print_json, print_line
    from qrun.local import process

    info = process.status()
    if info is None:
        if json:
            print_json({"running": False})
        else:
            print_line("not running")
        raise SystemExit(ExitCode.SERVICE)
    where = {"running": True, "url": info.url, "pid": info.pid, "started_at": info.started_at}
    if json:
        while True:
            print_json({**where, **process.overview(info)}, one_line=watch)
            if not watch:
                return
            time.sleep(_WATCH_SECONDS)
    from qrun.cli.local_drawing import overview_view, show, show_again

    if watch:
        show_again(lambda: overview_view(where, process.overview(info)), _WATCH_SECONDS)
    else:
        show(overview_view(where, process.overview(info)))


@app.command()
def reset(
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
) -> None:
    """Stop the local service and delete all that it keeps: jobs, results, sessions, usage and settings."""
    from qrun import config
    from qrun.cli.console import say
    from qrun.errors import UsageError
    from qrun.local import process

    folder = config.local_service_folder()
    if not yes:
        if not sys.stdin.isatty():
            raise UsageError("This would delete all jobs and results of the local service.", "Say --yes.")
        question = f"Delete all jobs, results, sessions and usage in {folder}?"
        if not typer.confirm(question, default=False, err=True):
            raise SystemExit(ExitCode.INTERRUPTED)
    say("deleted" if process.reset() else "there was nothing")


@app.command()
def env() -> None:
    """Print what a shell needs for other programs to use the local service: eval "$(qrun local env)"."""
    from qrun.cli.console import print_line
    from qrun.local import process

    for name, value in process.environment(process.start()).items():
        print_line(f"export {name}={shlex.quote(value)}")


@app.command()
def logs(
    lines: Annotated[int, typer.Option("--lines", "-n", min=1, help="Print the last lines.")] = 50,
) -> None:
    """Print the end of the local service's log."""
    from qrun import config
    from qrun.cli.console import print_line

    path = config.local_service_folder() / "service.log"
    if path.exists():
        for line in path.read_text(encoding="utf-8", errors="replace").splitlines()[-lines:]:
            print_line(line)


@app.command(hidden=True)
def serve() -> None:
    """Run the local service in the foreground."""
    from qrun.local import process

    process.serve()
