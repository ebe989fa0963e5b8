"""How much may be written in one file, told before it is made into values."""

from __future__ import annotations

from qrun.errors import WorkloadError

MOST_WRITTEN = 500_000
"""Values written out in one file."""
DEEPEST = 60


def check_bounds(written: int, depth: int, path: str, line: int | None, column: int | None) -> None:
    """Refuse masses of values and deep nesting.

    Args:
        written: Values so far, aliases counted as what they stand for.
        depth: Lists and mappings open here.
        path: What to call the file in messages.
        line: Where in it, from 1.
        column: Where in the line, from 1.

    Raises:
        WorkloadError: It is more than a workload can have.
    """
    if depth > DEEPEST:
        raise WorkloadError(
            f"This is nested more than {DEEPEST} levels deep.", path=path, line=line, column=column
        )
    if written > MOST_WRITTEN:
        raise WorkloadError(
            f"There are more than {MOST_WRITTEN:,} values in this file, and so it is larger than a workload "
            "can be.",
            "Keep arrays in .npy files. An alias counts as what it stands for, each time.",
            path=path,
            line=line,
            column=column,
        )
