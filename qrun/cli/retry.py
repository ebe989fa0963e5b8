"""``qrun retry``: send failed jobs once more."""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING, Annotated

import typer

from qrun.cli import options

if TYPE_CHECKING:
    from qrun.run.resume import Resumed


class Reason(str, Enum):
    """Why jobs failed."""

    system = "system"
    session_ended = "session-ended"
    cancelled = "cancelled"
    too_long = "too-long"
    job = "job"


def retry(
    ids: options.RunIds,
    only: Annotated[
        list[Reason] | None,
        typer.Option("--only", help="Only jobs that failed for this; may be repeated.", show_default=False),
    ] = None,
    watch: Annotated[
        bool, typer.Option("--watch", help="Then follow the run and print its results.")
    ] = False,
    on_signal: options.WhenSignalled = options.OnSignal.detach,
    quiet: options.Quiet = False,
    no_progress: options.NoProgress = False,
) -> None:
    """Send failed and cancelled jobs again, as a new attempt in the same run. Others are left alone."""
    from functools import partial

    from qrun.cli.again import each_run
    from qrun.run.resume import retry_run

    reasons = frozenset(reason.value for reason in only or [])
    each_run(
        ids,
        partial(retry_run, only=reasons),
        _tell,
        watch=watch,
        quiet=quiet,
        live=not no_progress,
        cancel=on_signal is options.OnSignal.cancel,
    )


def _tell(done: Resumed) -> str:
    from qrun.cli.resume import tell

    return "no job has failed" if done.nothing else tell(done)
