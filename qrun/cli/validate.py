"""``qrun validate``: all that is wrong with workload files, before anything is sent."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from qrun.cli import options

if TYPE_CHECKING:
    from qrun.errors import QrunError
    from qrun.run.check import Finding
    from qrun.workload.expand import LoadChoices


def validate(
    files: Annotated[
        list[Path],
        typer.Argument(metavar="FILE...", help="Workload files; '-' for standard input.", show_default=False),
    ],
    no_compile: Annotated[
        bool, typer.Option("--no-compile", help="The text alone: build no circuits, ask no service.")
    ] = False,
    backend: Annotated[
        str | None, typer.Option("--backend", help="Backend instead of the file's.", show_default=False)
    ] = None,
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
    """Check workloads as submit would, and send nothing. Every mistake is told with file, line and column."""
    from qrun.workload.expand import LoadChoices

    load_choices = LoadChoices(tuple(settings or ()), trust, shots)
    findings: list[Finding] = []
    try:
        if no_compile:
            from qrun.run.check import check_syntax

            findings += [check_syntax(path, load_choices) for path in files]
        else:
            _check_all(files, load_choices, _choices(backend, cache=not no_cache), service, findings, quiet)
    finally:
        # What was found before the service failed is told too.
        _tell(findings, json=json, quiet=quiet)
    if any(finding.mistakes for finding in findings):
        raise typer.Exit(2)


def _choices(backend: str | None, *, cache: bool) -> Any:
    from qrun.errors import UsageError
    from qrun.run.prepare import Choices

    if backend is not None and not backend.strip():
        raise UsageError("--backend is empty.", "Is a variable of the shell unset?")
    return Choices(backend=backend, cache=cache)


def _check_all(
    files: list[Path],
    load_choices: LoadChoices,
    choices: Any,
    service: str | None,
    findings: list[Finding],
    quiet: bool,
) -> None:
    from qrun.cli.connecting import connector, spinner
    from qrun.cli.signals import interrupting
    from qrun.run.check import Finding, check_workload

    connect = connector(service)
    with interrupting(), spinner(quiet=quiet) as progress:
        for path in files:
            findings.append(Finding(str(path)))
            check_workload(findings[-1], load_choices, choices, connect, progress)
            findings[-1].checked = True


def _tell(findings: list[Finding], *, json: bool, quiet: bool) -> None:
    from qrun.cli.console import print_error, print_json, say

    for finding in findings:
        finding.sort()
    if json:
        print_json([entry for finding in findings for entry in _entries(finding)])
        return
    for finding in findings:
        for mistake in finding.mistakes:
            print_error(mistake)
        for note in [] if quiet else finding.notes:
            say(f"{finding.path}: note: {note}")
        if finding.checked and not quiet and not finding.mistakes:
            what = (
                "nothing wrong with the text; no circuit was built" if finding.text_only else "nothing wrong"
            )
            say(f"{finding.path}: {what}")


def _entries(finding: Finding) -> list[dict[str, Any]]:
    """What an editor needs of each mistake and note."""
    wrong = [_entry(finding.path, mistake) for mistake in finding.mistakes]
    notes = [
        {"file": finding.path, "line": None, "column": None, "message": note, "hint": None}
        for note in finding.notes
    ]
    return [{**entry, "severity": "error"} for entry in wrong] + [
        {**note, "severity": "warning"} for note in notes
    ]


def _entry(path: str, mistake: QrunError) -> dict[str, Any]:
    from qrun.cli.secrets import without_secrets
    from qrun.errors import WorkloadError

    place = mistake if isinstance(mistake, WorkloadError) else None
    return {
        "file": (place.path if place else None) or path,
        "line": place.line if place else None,
        "column": place.column if place else None,
        "message": without_secrets(mistake.message),
        "hint": without_secrets(mistake.hint) if mistake.hint else None,
    }
