"""Where the ``qrun`` command begins: nothing is imported yet that takes long enough to be interrupted."""

from __future__ import annotations

import os
import sys


def main() -> None:
    """Run the command line; interrupted while still being loaded, it ends as quietly as later."""
    # A shell can start a program without standard output (>&-); what is written then goes nowhere.
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, "w"))  # noqa: SIM115
    try:
        from qrun.cli.main import main as run

        run()
    except KeyboardInterrupt:
        sys.exit(130)
