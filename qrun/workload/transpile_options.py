"""Transpile options in a workload file: what is wrong with them, and how the pass manager takes them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from qrun.errors import WorkloadError
from qrun.workload.document import Document, Location
from qrun.workload.model import Transpile
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


def check_transpile(options: Transpile, document: Document, location: Location) -> list[WorkloadError]:
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


def pass_manager_options(options: Transpile, backend: Any) -> dict[str, Any]:
    """Arguments of ``generate_preset_pass_manager``, as plain data.

    A method that the options leave open is the one that the backend's own class asks for, as
    ``generate_preset_pass_manager(backend=…)`` has it.
    """
    chosen = options.model_dump(mode="json", exclude={"fractional_gates"})
    for stage in ("translation", "scheduling"):
        plugin = getattr(backend, f"get_{stage}_stage_plugin", None)
        if chosen[f"{stage}_method"] is None and plugin is not None:
            chosen[f"{stage}_method"] = plugin()
    return chosen


def _methods(options: Transpile) -> list[tuple[str, str, list[str]]]:
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


def _check_synthesis(options: Transpile, document: Document, location: Location) -> list[WorkloadError]:
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
