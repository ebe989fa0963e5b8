"""The ``qrun`` command: its subcommands, and the one place that prints an error and exits."""

from __future__ import annotations

import os
import sys
from typing import Annotated

import typer

from qrun import __version__
from qrun.cli import (
    backends,
    cancel,
    close,
    export,
    forget,
    init,
    listing,
    local,
    plan,
    record,
    report,
    results,
    resume,
    retry,
    schema,
    show,
    status,
    submit,
    timeline,
    usage,
    validate,
    wait,
    watch,
)
from qrun.errors import ExitCode, QrunError

app = typer.Typer(
    name="qrun",
    no_args_is_help=True,
    add_completion=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="Run Qiskit Runtime workloads from YAML files in job, batch or session mode, and account for "
    "every QPU second.",
    epilog="Exit codes: 0 done, 1 a job failed or was cancelled, 2 wrong use or workload, "
    "3 service or network, 4 refused by a limit, 124 timed out, 130 interrupted.",
)

_debug = False


def _version(asked: bool) -> None:
    if asked:
        typer.echo(f"qrun {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")] = False,
    version: Annotated[
        bool, typer.Option("--version", help="Print the version.", callback=_version, is_eager=True)
    ] = False,
) -> None:
    global _debug
    _debug = debug


app.command("init")(init.init)
app.command("submit")(submit.submit)
app.command("plan")(plan.plan)
app.command("validate")(validate.validate)
app.command("schema")(schema.schema)
app.command("show")(show.show)
app.command("export")(export.export)
app.command("watch")(watch.watch)
app.command("wait")(wait.wait)
app.command("status")(status.status)
app.command("list")(listing.list_runs)
app.command("backends")(backends.backends)
app.command("results")(results.results)
app.command("record")(record.record)
app.command("forget")(forget.forget)
app.command("usage")(usage.usage)
app.command("resume")(resume.resume)
app.command("retry")(retry.retry)
app.command("timeline")(timeline.timeline)
app.command("report")(report.report)
app.command("cancel")(cancel.cancel)
app.command("close")(close.close)
app.add_typer(local.app, name="local")


def main() -> None:
    """Run the command line and exit with the documented code."""
    try:
        app()
    except QrunError as error:
        from qrun.cli.console import print_error

        if _debug:
            _print_traceback(error)
        print_error(error)
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        sys.exit(ExitCode.INTERRUPTED)
    except SystemExit as end:
        # The reader of a pipeline has gone: typer and rich both end with 1 then, which is a failed job's.
        if not isinstance(end.__context__, BrokenPipeError):
            raise
        # Python would complain once more when it flushes at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.__stdout__.fileno() if sys.__stdout__ else 1)
        sys.exit(ExitCode.DONE)
    except OSError as error:
        from qrun.cli.console import say_error

        if _debug:
            _print_traceback(error)
        where = f" ({error.filename})" if error.filename else ""
        say_error(
            f"The system refused: {error.strerror or error}{where}.", "Check the disk and the file's owner."
        )
        sys.exit(ExitCode.SERVICE)
    except Exception as error:
        from qrun.cli.console import say_error
        from qrun.cli.secrets import without_secrets

        if _debug:
            _print_traceback(error)
        say_error(
            f"{type(error).__name__}: {without_secrets(str(error))}",
            "This is a mistake in qrun. See where with: qrun --debug …",
        )
        sys.exit(ExitCode.SERVICE)


def _print_traceback(error: BaseException) -> None:
    import traceback

    from qrun.cli.secrets import without_secrets

    sys.stderr.write(without_secrets("".join(traceback.format_exception(error))))
