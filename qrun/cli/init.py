"""``qrun init``: a starter file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def init(
    file: Annotated[Path, typer.Argument(help="The file to write; '-' for standard output.")] = Path(
        "workload.yaml"
    ),
    force: Annotated[bool, typer.Option("--force", help="Overwrite a file that is there.")] = False,
) -> None:
    """Write a commented starter workload that runs as it is."""
    import sys
    from importlib.resources import files

    from qrun.cli.console import print_line, say
    from qrun.errors import UsageError

    text = (files("qrun.workload") / "starter.yaml").read_text(encoding="utf-8")
    if str(file) == "-":
        sys.stdout.write(text)
        return
    try:
        # Made anew or not at all, so that nothing that appears meanwhile is lost either.
        with file.open("w" if force else "x", encoding="utf-8") as target:
            target.write(text)
    except FileExistsError:
        raise UsageError(
            f"{file} is there already.", "Name another file, or overwrite it with --force."
        ) from None
    except (FileNotFoundError, NotADirectoryError) as error:
        if file.parent.is_dir():
            raise UsageError(
                f"{file} can't be written: {error.strerror}.", "Name a file elsewhere."
            ) from None
        raise UsageError(f"There is no folder {file.parent}.", "Make it first.") from None
    except IsADirectoryError:
        raise UsageError(f"{file} is a folder.", "Name a file in it.") from None
    except OSError as error:
        raise UsageError(f"{file} can't be written: {error.strerror}.", "Name a file elsewhere.") from None
    print_line(str(file))
    say(f"Run it with: qrun submit {file} --watch")
