"""Arguments and options that several commands share."""

from __future__ import annotations

from enum import Enum
from typing import Annotated

import typer

Ids = Annotated[
    list[str],
    typer.Argument(
        metavar="ID...",
        help="Run name or ID (or its beginning), session ID, batch ID or job ID; 'last'; '-' for IDs on "
        "standard input.",
        show_default=False,
    ),
]
RunIds = Annotated[
    list[str],
    typer.Argument(
        metavar="ID...",
        help="Run name or ID (or its beginning), or an ID of its session or jobs; 'last'; '-' for IDs on "
        "standard input.",
        show_default=False,
    ),
]
Service = Annotated[
    str | None,
    typer.Option(
        "--service",
        help="Service to talk to: 'local', 'ibm' or the name of a saved account.  [default: local]",
        show_default=False,
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]
Timeout = Annotated[
    str | None,
    typer.Option("--timeout", help="Stop waiting after this long, such as 90s or 2h.", show_default=False),
]


class OnSignal(str, Enum):
    """What a signal does to jobs that are being followed."""

    detach = "detach"
    cancel = "cancel"


WhenSignalled = Annotated[
    OnSignal,
    typer.Option(
        "--on-signal", help="What Ctrl-C, SIGTERM and SIGHUP do to jobs: leave them, or cancel them."
    ),
]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Say nothing but errors on standard error.")]
NoProgress = Annotated[bool, typer.Option("--no-progress", help="No live display; plain lines.")]
Set = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="PATH=VALUE",
        help="Change a value of the file, such as defaults.shots=100 or matrix.steps=[1,2]; may be repeated.",
        show_default=False,
    ),
]
Trust = Annotated[
    bool, typer.Option("--trust", help="Let python: run code though the workload is standard input.")
]
Shots = Annotated[
    int | None,
    typer.Option("--shots", min=1, help="Shots of a plain .qasm file.", show_default=False),
]
