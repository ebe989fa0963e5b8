"""``qrun show``: a workload's PUBs in a table, and its circuits drawn."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from qrun.cli import options

if TYPE_CHECKING:
    from collections.abc import Iterable

    from qiskit.circuit import QuantumCircuit

_MOST_DRAWN = 2000
"""Instructions of a circuit that is drawn: more fill screens that nobody reads, and take minutes."""


def show(
    file: Annotated[
        Path, typer.Argument(help="The workload file; '-' for standard input.", show_default=False)
    ],
    compiled: Annotated[
        bool, typer.Option("--compiled", help="Compile for the backend, and show what came out as well.")
    ] = False,
    circuits: Annotated[bool, typer.Option("--circuits", help="Draw the circuits.")] = False,
    backend: Annotated[
        str | None, typer.Option("--backend", help="Backend instead of the file's.", show_default=False)
    ] = None,
    shots: options.Shots = None,
    settings: options.Set = None,
    trust: options.Trust = False,
    service: options.Service = None,
    json: options.Json = False,
) -> None:
    """Show the PUBs of a workload: shapes, shots, executions, depth and two-qubit gates."""
    from qrun.cli.connecting import connector, spinner
    from qrun.cli.console import print_json
    from qrun.cli.drawing import draw_pubs
    from qrun.cli.signals import interrupting
    from qrun.run.describe import compile_draft, describe
    from qrun.run.prepare import Choices, draft_run
    from qrun.workload.expand import LoadChoices, open_document
    from qrun.workload.load import validate_whole

    with interrupting(), spinner(quiet=False) as progress:
        document = open_document(file, LoadChoices(tuple(settings or ()), trust, shots))
        workload_file = validate_whole(document)
        choices = Choices(backend=backend)
        draft = draft_run(document, workload_file, choices)
        name, compilation = None, None
        if compiled:
            progress("connecting")
            client = connector(service)(workload_file.service)
            name, compilation = compile_draft(draft, document, workload_file, client, choices, progress)
    described = describe(draft, name, compilation)
    if json:
        print_json(described)
        return
    draw_pubs(described)
    if circuits:
        pubs = draft.workload.pubs
        drawn = [isa.circuit for isa in compilation.pubs] if compilation else [pub.circuit for pub in pubs]
        _draw([pub.circuit_name for pub in pubs], drawn)


def _draw(names: Iterable[str], circuits: Iterable[QuantumCircuit]) -> None:
    """Each circuit once, as wide as the terminal."""
    from qrun.cli.console import out, print_line

    seen: set[int] = set()
    for name, circuit in zip(names, circuits, strict=True):
        if id(circuit) in seen:
            continue
        seen.add(id(circuit))
        print_line("")
        if circuit.size() > _MOST_DRAWN:
            print_line(f"{name}: {circuit.size():,} instructions, too many to draw")
            continue
        print_line(f"{name}:")
        print_line(str(circuit.draw("text", fold=max(out().width, 40), idle_wires=False)))
