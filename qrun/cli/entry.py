"""Where the ``qrun`` command begins: nothing is imported yet that takes long enough to be interrupted."""

from __future__ import annotations

import os
import signal
import sys
import threading
from typing import Any

_SWALLOWED_SECONDS = 0.02


def main() -> None:
    """Run the command line; interrupted while still being loaded, it ends as quietly as later."""
    # A shell can start a program without standard output (>&-); what is written then goes nowhere.
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, "w"))  # noqa: SIM115
    sys.unraisablehook = _interrupt_again
    try:
        from qrun.cli.main import main as run

        run()
    except KeyboardInterrupt:
        sys.exit(130)


def _interrupt_again(swallowed: Any) -> None:
    """Where Ctrl-C fell into a callback whose exceptions Python drops, as import locks have, it comes again.

    Otherwise a submission would go on that its user has stopped.
    """
    if not issubclass(swallowed.exc_type, KeyboardInterrupt):
        sys.__unraisablehook__(swallowed)
        return
    # Not from here: what this raises would be dropped too.
    timer = threading.Timer(_SWALLOWED_SECONDS, _interrupt)
    timer.daemon = True
    timer.start()


def _interrupt() -> None:
    """Send this process a signal that it has not been told to ignore."""
    for name in ("SIGINT", "SIGTERM", "SIGHUP"):
        number = getattr(signal, name, None)
        if number is not None and callable(signal.getsignal(number)):
            signal.raise_signal(number)
            return
