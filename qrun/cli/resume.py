"""``qrun resume``: finish what a run still has to do."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from qrun.cli import options

if TYPE_CHECKING:
    from qrun.run.resume import Resumed


def resume(
    ids: options.RunIds,
    watch: Annotated[
        bool, typer.Option("--watch", help="Then follow the run and print its results.")
    ] = False,
    on_signal: options.WhenSignalled = options.OnSignal.detach,
    quiet: options.Quiet = False,
    no_progress: options.NoProgress = False,
) -> None:
    """Finish what runs still have to do: send unsent jobs, collect results, close what is open."""
    from qrun.cli.again import each_run
    from qrun.cli.loops import resume_loops_first
    from qrun.run.resume import resume_run

    ids = resume_loops_first(ids, watch=watch, quiet=quiet, live=not no_progress)
    each_run(
        ids,
        resume_run,
        tell,
        watch=watch,
        quiet=quiet,
        live=not no_progress,
        cancel=on_signal is options.OnSignal.cancel,
    )


def tell(done: Resumed) -> str:
    """What was left to do."""
    if done.nothing:
        return "nothing was left to do"
    parts = {
        "sent": done.sent,
        "found on the service": done.adopted,
        "results collected": done.collected,
        "closed": done.closed,
    }
    text = ", ".join(f"{number} {what}" for what, number in parts.items() if number)
    kept = [name for name in ("budget", "retry") if done.run.settings.get(name)]
    if kept and not done.run.ended:
        text += f"; whoever follows it keeps its {' and '.join(kept)}: qrun watch {done.run.id}"
    return text
