"""Where words go: what a program reads to standard output, what a person reads to standard error."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from qrun.errors import QrunError, WorkloadError

if TYPE_CHECKING:
    from rich.console import Console


@lru_cache(maxsize=1)
def out() -> Console:
    """Standard output, for tables. In a pipe it is as wide as it needs to be, so that nothing is cut."""
    from rich.console import Console

    width = None if sys.stdout.isatty() or "COLUMNS" in os.environ else 200
    return Console(highlight=False, soft_wrap=not sys.stdout.isatty(), width=width)


@lru_cache(maxsize=1)
def err() -> Console:
    """Standard error, for progress, warnings and advice."""
    from rich.console import Console

    return Console(stderr=True, highlight=False, soft_wrap=True)


def print_line(text: str) -> None:
    """One line of data on standard output."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def print_json(document: Any, *, one_line: bool = False) -> None:
    """One JSON document on standard output."""
    print_line(json.dumps(document, indent=None if one_line else 2, ensure_ascii=False, allow_nan=False))


def print_csv(rows: Sequence[Mapping[str, Any]]) -> None:
    """Rows of the same columns as CSV on standard output."""
    import csv

    if rows:
        writer = csv.DictWriter(sys.stdout, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


def say(text: str, *, style: str | None = None) -> None:
    """A line for a person, on standard error. That nobody can read it is no reason to stop."""
    from rich.text import Text

    from qrun.cli.secrets import without_secrets

    # Where the reader has gone, rich ends the program.
    with suppress(OSError, SystemExit):
        err().print(Text(without_secrets(text), style=style or ""))


def print_error(error: QrunError) -> None:
    """What is wrong and what to do, on standard error. Everything that is wrong, where there is more."""
    from qrun.workload.validate import InvalidWorkload

    mistakes: list[QrunError] = list(error.mistakes) if isinstance(error, InvalidWorkload) else [error]
    for mistake in mistakes:
        place = mistake.place if isinstance(mistake, WorkloadError) else None
        say_error(f"{place}: {mistake.message}" if place else mistake.message, mistake.hint)


def say_error(message: str, hint: str | None = None) -> None:
    """An error and its hint, without the tokens that a message of the service or the client may carry."""
    from rich.text import Text

    from qrun.cli.secrets import without_secrets

    with suppress(OSError, SystemExit):
        err().print(Text.assemble(("error: ", "bold red"), without_secrets(message)))
        if hint:
            err().print(Text.assemble(("  hint: ", "cyan"), without_secrets(hint)))
