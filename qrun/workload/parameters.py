"""Parameter values of a PUB: numbers by position or by parameter name."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qrun.workload.document import Document, Location
from qrun.workload.validate import did_you_mean

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from qiskit.circuit import QuantumCircuit
    from qiskit.primitives.containers.bindings_array import BindingsArray


def build_parameter_values(
    spec: Any, circuit: QuantumCircuit, document: Document, location: Location
) -> BindingsArray | None:
    """The values that a PUB binds its circuit's parameters to.

    Args:
        spec: Nested lists whose last axis is over ``circuit.parameters`` (it may be left out where there is
            one parameter), or a mapping from a parameter's name to values, from a vector's name to values
            whose last axis is over its elements.
        circuit: The circuit.
        document: The file.
        location: Where ``spec`` stands in it.

    Returns:
        The values, whose shape is the PUB's shape before broadcasting; ``None`` for a circuit without
        parameters.

    Raises:
        WorkloadError: Values are missing, too many, or not numbers.
    """
    from qiskit.primitives.containers.bindings_array import BindingsArray

    names = [parameter.name for parameter in circuit.parameters]
    if spec is None:
        if names:
            raise document.error(
                location,
                f"The circuit has {_count(names)} without values.",
                "Add parameter_values: one number a parameter, or a list of such lists.",
            )
        return None
    if not names:
        raise document.error(location, "The circuit has no parameters.", "Leave parameter_values out.")
    if isinstance(spec, dict):
        values = _by_name(spec, circuit, document, location)
    else:
        values = {tuple(names): _by_position(spec, len(names), document, location)}
    try:
        return BindingsArray(values)
    except (ValueError, TypeError) as error:
        raise document.error(location, f"These parameter values do not fit together: {error}") from None


def _by_position(spec: Any, count: int, document: Document, location: Location) -> NDArray[Any]:
    array = _numbers(spec, document, location)
    if array.shape[-1:] == (count,):
        return array
    if count == 1:
        return array[..., None]
    given = array.shape[-1] if array.ndim else 1
    raise document.error(
        location,
        f"The last axis has {given} values, the circuit has {count} parameters.",
        "The last axis goes over the circuit's parameters in their order; the axes before it are the sweep.",
    )


def _by_name(
    spec: dict[str, Any], circuit: QuantumCircuit, document: Document, location: Location
) -> dict[Any, NDArray[Any]]:
    vectors: dict[str, list[str]] = {}
    for parameter in circuit.parameters:
        vector = getattr(parameter, "vector", None)
        if vector is not None:
            vectors[vector.name] = [element.name for element in vector]
    singles = {parameter.name for parameter in circuit.parameters}
    values: dict[Any, NDArray[Any]] = {}
    covered: set[str] = set()
    for name, numbers in spec.items():
        here = (*location, name)
        if name in vectors:
            elements = vectors[name]
            values[tuple(elements)] = _by_position(numbers, len(elements), document, here)
            covered.update(elements)
        elif name in singles:
            values[name] = _numbers(numbers, document, here)
            covered.add(name)
        else:
            known = sorted({*singles, *vectors})
            raise document.error(
                here, f"The circuit has no parameter {name!r}.", did_you_mean(name, known), at_key=True
            )
    if missing := sorted(singles - covered):
        raise document.error(location, f"There are no values for {', '.join(missing)}.", "Give each a value.")
    return values


def _numbers(spec: Any, document: Document, location: Location) -> NDArray[Any]:
    import numpy as np

    try:
        array = np.asarray(spec, dtype=float)
    except (ValueError, TypeError):
        raise document.error(
            location,
            "These are not numbers in lists of equal length.",
            "For example:  [[0.1, 0.2], [0.3, 0.4]]",
        ) from None
    if not np.isfinite(array).all():
        raise document.error(location, "A parameter value is not finite.", "Give finite numbers.")
    if array.size == 0:
        raise document.error(location, "There are no values in this list.", "Give at least one number.")
    return array


def _count(names: list[str]) -> str:
    shown = ", ".join(names[:5]) + (", …" if len(names) > 5 else "")
    return f"{len(names)} parameter{'s' if len(names) > 1 else ''} ({shown})"
