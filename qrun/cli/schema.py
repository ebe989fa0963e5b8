"""``qrun schema``: the JSON Schema of the workload file."""

from __future__ import annotations


def schema() -> None:
    """Print the JSON Schema of the workload file, for editors."""
    from qrun.cli.console import print_json
    from qrun.workload.schema import workload_schema

    print_json(workload_schema())
