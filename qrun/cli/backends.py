"""``qrun backends``: the devices of a service."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from qrun.cli import options

if TYPE_CHECKING:
    from rich.table import Table

    from qrun.runtime.control import ControlChannel


def backends(
    names: Annotated[
        list[str] | None, typer.Argument(metavar="[NAME]...", help="Show these alone.", show_default=False)
    ] = None,
    save: Annotated[
        Path | None,
        typer.Option(
            "--save",
            metavar="FILE",
            help="Write the calibration of the one NAME, for: qrun local start --calibration FILE",
            show_default=False,
        ),
    ] = None,
    json: options.Json = False,
    service: options.Service = None,
) -> None:
    """List a service's devices: qubits, queue, median errors, times to live, basis gates."""
    from qrun import config
    from qrun.cli.console import out, print_json, say
    from qrun.errors import UsageError
    from qrun.run.backends import backends as read
    from qrun.run.backends import calibration
    from qrun.runtime.accounts import find_account
    from qrun.runtime.control import ControlChannel

    if save is not None and len(names or []) != 1:
        raise UsageError("--save writes one calibration.", "Name one backend: qrun backends NAME --save FILE")
    with ControlChannel(find_account(config.service_name(service, None))) as channel:
        rows = read(channel, names or [], batch_interactive_ttl=_told_of_batches(channel))
        if save is not None:
            _write(save, calibration(channel, rows[0]["name"]))
            say(f"wrote {save}")
    if json:
        print_json(rows)
    else:
        out().print(_table(rows))
        _say_times_to_live(rows)


def _told_of_batches(channel: ControlChannel) -> int | None:
    """How long batches may idle, in seconds: IBM's interface has no place for it, the local service does."""
    from qrun.local import process
    from qrun.runtime.accounts import LOCAL

    info = process.status() if channel.account.name == LOCAL else None
    return None if info is None else int(process.overview(info)["plan"]["batch_interactive_ttl"])


def _write(path: Path, document: dict[str, Any]) -> None:
    import json

    from qrun.errors import UsageError

    try:
        path.write_text(json.dumps(document) + "\n", encoding="utf-8")
    except OSError as error:
        raise UsageError(
            f"{path} can't be written: {error.strerror}.", "Name a file in a folder that is there and yours."
        ) from None


def _table(rows: list[dict[str, Any]]) -> Table:
    from rich.table import Table

    table = Table(box=None, pad_edge=False)
    table.add_column("backend", no_wrap=True)
    for name in ("qubits", "queue", "1q error", "2q error", "readout"):
        table.add_column(name, justify="right", no_wrap=True)
    for name in ("status", "processor", "basis"):
        table.add_column(name)
    for row in rows:
        table.add_row(
            row["name"],
            _number(row["qubits"]),
            _number(row["queue"]),
            *(_error(row[f"median_error_{kind}"]) for kind in ("1q", "2q", "readout")),
            " ".join(filter(None, (row["status"], row["reason"]))),
            row["processor"] or "",
            " ".join(row["basis"]),
        )
    return table


def _say_times_to_live(rows: list[dict[str, Any]]) -> None:
    from qrun.cli.console import say
    from qrun.units import format_seconds

    if not rows:
        say("The service has no backends.")
        return
    session, batch, longest = (
        "not told" if seconds is None else format_seconds(seconds)
        for seconds in (
            rows[0][f"{name}_ttl"] for name in ("session_interactive", "batch_interactive", "max")
        )
    )
    documented = "" if rows[0]["batch_interactive_ttl_told"] else " (as documented)"
    say(f"interactive time to live: session {session}, batch {batch}{documented}; maximum: {longest}")


def _number(value: int | None) -> str:
    return "" if value is None else str(value)


def _error(value: float | None) -> str:
    return "" if value is None else f"{value:.1e}"
