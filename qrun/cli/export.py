"""``qrun export``: a workload's jobs as files of other tools."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from qrun.cli import options

if TYPE_CHECKING:
    from collections.abc import Sequence


def export(
    file: Annotated[
        Path, typer.Argument(help="The workload file; '-' for standard input.", show_default=False)
    ],
    qrmi: Annotated[bool, typer.Option("--qrmi", help="As QRMI payloads, one a job.")] = False,
    output: Annotated[
        Path | None,
        typer.Option(
            "-o",
            "--output",
            help="File to write, or '-'; several jobs get a number each before its ending.  "
            "[default: standard output, a line a payload]",
            show_default=False,
        ),
    ] = None,
    backend: Annotated[
        str | None, typer.Option("--backend", help="Backend instead of the file's.", show_default=False)
    ] = None,
    shots: options.Shots = None,
    settings: options.Set = None,
    trust: options.Trust = False,
    service: options.Service = None,
) -> None:
    """Compile a workload and write its jobs for another tool to send. Nothing is submitted."""
    from qrun.cli.connecting import connector, spinner
    from qrun.cli.console import print_json
    from qrun.cli.signals import interrupting
    from qrun.errors import UsageError
    from qrun.run.export import qrmi_payloads
    from qrun.run.prepare import Choices, draft_run
    from qrun.workload.expand import LoadChoices, open_document
    from qrun.workload.load import validate_whole

    if not qrmi:
        raise UsageError("Say what to export as.", "There is one format: --qrmi")
    if output is not None and str(output) == "-":
        output = None
    if output is not None:
        _check_place(output)
    with interrupting(), spinner(quiet=False) as progress:
        document = open_document(file, LoadChoices(tuple(settings or ()), trust, shots))
        workload_file = validate_whole(document)
        choices = Choices(backend=backend)
        draft = draft_run(document, workload_file, choices)
        progress("connecting")
        client = connector(service)(workload_file.service)
        payloads = qrmi_payloads(draft, client, choices, progress)
    if output is not None:
        _write(payloads, output)
        return
    for payload in payloads:
        print_json(payload, one_line=len(payloads) > 1)


def _check_place(output: Path) -> None:
    """Say that nothing can be written there before minutes go by with compiling."""
    import os

    from qrun.errors import UsageError

    folder = output.parent
    if not folder.is_dir():
        raise UsageError(f"There is no folder {folder}.", "Make it first.")
    if output.is_dir():
        raise UsageError(f"{output} is a folder.", "Name a file in it.")
    if not os.access(output if output.exists() else folder, os.W_OK):
        raise UsageError(f"{output} can't be written.", "Name another file.")


def _write(payloads: Sequence[dict[str, Any]], output: Path) -> None:
    """Write the files, and tell their names."""
    import json

    from qrun.cli.console import print_line
    from qrun.errors import UsageError

    for number, payload in enumerate(payloads, start=1):
        path = output if len(payloads) == 1 else output.with_name(f"{output.stem}-{number}{output.suffix}")
        text = json.dumps(payload, indent=2, ensure_ascii=False, allow_nan=False) + "\n"
        try:
            path.write_text(text, "utf-8")
        except OSError as error:
            raise UsageError(f"{path} can't be written: {error.strerror}.", "Name another file.") from None
        print_line(str(path))
