"""``qrun local …``: the local service, started and stopped."""

from __future__ import annotations

import shlex
from typing import Annotated

import typer

from qrun.cli import options

app = typer.Typer(no_args_is_help=True, help="The local Qiskit Runtime service: start, stop, look at it.")


@app.command()
def start() -> None:
    """Start the local service, unless it is running, and print its address."""
    from qrun.cli.console import print_line
    from qrun.local import process

    print_line(process.start().url)


@app.command()
def stop() -> None:
    """Stop the local service. Jobs that it has accepted are kept and go on when it starts again."""
    from qrun.cli.console import say
    from qrun.local import process

    say("stopped" if process.stop() else "it was not running")


@app.command()
def status(json: options.Json = False) -> None:
    """Say whether the local service runs, and where. Exits with 3 if it does not."""
    from qrun.cli.console import print_json, print_line
    from qrun.errors import ExitCode
    from qrun.local import process

    info = process.status()
    if json:
        running = None if info is None else {"url": info.url, "pid": info.pid, "started_at": info.started_at}
        print_json({"running": info is not None, **(running or {})})
    else:
        print_line(f"running at {info.url}, process {info.pid}" if info else "not running")
    if info is None:
        raise SystemExit(ExitCode.SERVICE)


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
