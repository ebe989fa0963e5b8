"""``python -m qrun.local``: the service in the foreground, and nothing else of qrun imported."""

from __future__ import annotations

import sys

from qrun.errors import QrunError
from qrun.local.process import serve


def main() -> int:
    """Serve until a signal says to stop."""
    try:
        serve()
    except QrunError as error:
        print(error.message, *([error.hint] if error.hint else []), sep="\n", file=sys.stderr)
        return int(error.exit_code)
    return 0


if __name__ == "__main__":
    sys.exit(main())
