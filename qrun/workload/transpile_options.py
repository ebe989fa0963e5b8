"""Transpile options in a workload file: what is wrong with them, and how the pass manager takes them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from qrun.errors import WorkloadError
from qrun.workload.document import Document, Location
from qrun.workload.model import CircuitTranspile, WorkloadFile
from qrun.workload.words import did_you_mean

_STAGES = {
    "init_method": "init",
    "layout_method": "layout",
    "routing_method": "routing",
    "translation_method": "translation",
    "optimization_method": "optimization",
    "scheduling_method": "scheduling",
}
"""Option that names a method → stage of the pass manager that it is a plugin of."""


@dataclass(frozen=True)
class Layered:
    """Transpile options that stand in several places of a file, each place over the ones before it."""

    layers: tuple[tuple[CircuitTranspile, Location], ...]
    """Options and where they stand: the file's defaults first, a circuit's own last."""

    @cached_property
    def options(self) -> CircuitTranspile:
        """What holds."""
        written = {
            name: getattr(layer, name) for layer, _ in self.layers for name in sorted(layer.model_fields_set)
        }
        return CircuitTranspile(**{n: v for n, v in written.items() if n in CircuitTranspile.model_fields})

    @cached_property
    def key(self) -> str:
        """The same for options that are the same."""
        return self.options.model_dump_json()

    def place(self, name: str | None = None) -> Location:
        """Where an option stands, or for all of them the circuit's own, which count most."""
        written = [(*at, name) for layer, at in self.layers if name in layer.model_fields_set and name]
        return written[-1] if written else self.layers[-1][1]


def file_mistakes(file: WorkloadFile, document: Document) -> list[WorkloadError]:
    """What is wrong with the transpile options of a file and of all circuits in it, wherever they stand."""
    places: list[tuple[CircuitTranspile, Location]] = [(file.defaults.transpile, ("defaults", "transpile"))]
    places += [(spec.transpile, ("circuits", name, "transpile")) for name, spec in file.circuits.items()]
    places += [
        (pub.circuit.transpile, ("pubs", index, "circuit", "transpile"))
        for index, pub in enumerate(file.pubs)
        if not isinstance(pub.circuit, str)
    ]
    # PUBs that a matrix made mostly have the same ones at the same place.
    written = {(document.trim(at), str(options)): (options, at) for options, at in places}
    return [
        mistake
        for options, at in written.values()
        if options.model_fields_set
        for mistake in check_transpile(options, document, at)
    ]


def check_transpile(options: CircuitTranspile, document: Document, location: Location) -> list[WorkloadError]:
    """What is wrong with transpile options that no model knows, such as a method that is not installed.

    Args:
        options: The options, of the right types.
        document: The file that they stand in.
        location: Where in it.
    """
    mistakes = [
        _unknown_method(name, wanted, known, document, (*location, name))
        for name, wanted, known in _methods(options)
        if wanted not in known
    ]
    mistakes += _check_synthesis(options, document, location)
    layout = options.initial_layout
    if layout is not None and len(set(layout)) < len(layout):
        twice = next(qubit for qubit in layout if layout.count(qubit) > 1)
        mistakes.append(
            document.error(
                (*location, "initial_layout"),
                f"initial_layout puts two qubits of the circuit on physical qubit {twice}.",
                "Each physical qubit can stand in it once.",
            )
        )
    return mistakes


def pass_manager_options(options: CircuitTranspile, backend: Any) -> dict[str, Any]:
    """Arguments of ``generate_preset_pass_manager``, as plain data.

    A method that the options leave open is the one that the backend's own class asks for, as
    ``generate_preset_pass_manager(backend=…)`` has it.
    """
    chosen = options.model_dump(mode="json", include=set(CircuitTranspile.model_fields))
    for stage in ("translation", "scheduling"):
        plugin = getattr(backend, f"get_{stage}_stage_plugin", None)
        if chosen[f"{stage}_method"] is None and plugin is not None:
            chosen[f"{stage}_method"] = plugin()
    return chosen


def _methods(options: CircuitTranspile) -> list[tuple[str, str, list[str]]]:
    """Each method that the options name, with the names that there are."""
    named = [(name, getattr(options, name), stage) for name, stage in _STAGES.items()]
    if not any(wanted for _, wanted, _ in named):
        return []
    # Listing plugins loads them, which takes seconds.
    from qiskit.transpiler.preset_passmanagers.plugin import list_stage_plugins

    return [
        (name, wanted, sorted(list_stage_plugins(stage)))
        for name, wanted, stage in named
        if wanted is not None
    ]


def _check_synthesis(
    options: CircuitTranspile, document: Document, location: Location
) -> list[WorkloadError]:
    mistakes = []
    if options.unitary_synthesis_method != "default":
        from qiskit.transpiler.passes.synthesis.plugin import unitary_synthesis_plugin_names

        name, known = "unitary_synthesis_method", sorted(unitary_synthesis_plugin_names())
        if options.unitary_synthesis_method not in known:
            wanted = options.unitary_synthesis_method
            mistakes.append(_unknown_method(name, wanted, known, document, (*location, name)))
    for operation, plugins in (options.hls_config or {}).items():
        from qiskit.transpiler.passes.synthesis.plugin import HighLevelSynthesisPluginManager

        manager = HighLevelSynthesisPluginManager()
        place = (*location, "hls_config", operation)
        operations = sorted(manager.plugins_by_op)
        if operation not in operations:
            mistakes.append(
                document.error(
                    place,
                    f"hls_config: nothing synthesises an operation called {operation!r}.",
                    did_you_mean(operation, operations),
                    at_key=True,
                )
            )
            continue
        known = sorted(manager.method_names(operation))
        mistakes += [
            _unknown_method(f"hls_config.{operation}", wanted, known, document, (*place, index))
            for index, wanted in enumerate(plugins)
            if wanted not in known
        ]
    return mistakes


def _unknown_method(
    name: str, wanted: str, known: Sequence[str], document: Document, location: Location
) -> WorkloadError:
    return document.error(location, f"{name}: there is no method {wanted!r}.", did_you_mean(wanted, known))
