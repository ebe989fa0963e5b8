"""Parameter values of a PUB: numbers by position or by parameter name, and sweeps over them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from qrun.workload.arrays import GENERATORS, Numbers
from qrun.workload.document import Document, Location
from qrun.workload.words import did_you_mean

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from qiskit.circuit import QuantumCircuit
    from qiskit.primitives.containers.bindings_array import BindingsArray

SWEEPS = ("grid", "zip")


def build_parameter_values(
    spec: Any,
    circuit: QuantumCircuit,
    document: Document,
    location: Location,
    numbers: Numbers | None = None,
) -> BindingsArray | None:
    """The values that a PUB binds its circuit's parameters to.

    Args:
        spec: Numbers or a generator of them, whose last axis is over ``circuit.parameters`` (it may be left
            out where there is one parameter); or a mapping from a parameter's name to numbers, from a
            vector's name to numbers whose last axis is over its elements, and from ``grid`` or ``zip`` to
            such a mapping. Arrays of different names broadcast.
        circuit: The circuit.
        document: The file.
        location: Where ``spec`` stands in it.
        numbers: Makes the workload's arrays, and bounds them.

    Returns:
        The values, whose shape is the PUB's shape before broadcasting; ``None`` for a circuit without
        parameters.

    Raises:
        WorkloadError: Values are missing, too many, or not numbers.
    """
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
    return _Values(circuit, document, numbers or Numbers(document)).bindings(spec, location)


class _Values:
    """Reads the values of one circuit's parameters.

    Every array it passes on has the parameters along its last axis: shape ``(*sweep, parameters)``.
    """

    def __init__(self, circuit: QuantumCircuit, document: Document, numbers: Numbers) -> None:
        self._document = document
        self._numbers = numbers
        self._names = [parameter.name for parameter in circuit.parameters]
        self._singles = set(self._names)
        self._vectors: dict[str, list[str]] = {}
        for parameter in circuit.parameters:
            vector = getattr(parameter, "vector", None)
            if vector is not None:
                # Elements that a circuit was assigned values for are parameters no more.
                self._vectors.setdefault(vector.name, []).append(parameter.name)

    def bindings(self, spec: Any, location: Location) -> BindingsArray:
        from qiskit.primitives.containers.bindings_array import BindingsArray

        values = self._values(spec, location)
        try:
            return BindingsArray(self._broadcast(values, location))
        except (ValueError, TypeError, RuntimeError) as error:
            raise self._document.error(
                location,
                f"These parameter values do not fit together: {error}.",
                "Their shapes must broadcast.",
            ) from None

    def _values(self, spec: Any, location: Location) -> dict[tuple[str, ...], NDArray[Any]]:
        if not isinstance(spec, dict):
            return self._by_position(spec, location)
        known = {*self._singles, *self._vectors}
        if self._numbers.is_generator(spec) and not known & set(spec):
            named = self._numbers.named_file(spec, location)
            # A header names parameters, all of them: by position, a changed order would go unseen.
            if known & set(named) or (named and str(spec["file"]).lower().endswith(".csv")):
                values = self._named_arrays(named, spec["file"], (*location, "file"))
            else:
                return self._by_position(spec, location)
        else:
            values = self._by_name(spec, location)
        covered = {name for names in values for name in names}
        if missing := [name for name in self._names if name not in covered]:
            raise self._document.error(
                location, f"There are no values for {', '.join(missing[:10])}.", "Give each a value."
            )
        return values

    def _by_position(self, spec: Any, location: Location) -> dict[tuple[str, ...], NDArray[Any]]:
        array = self._numbers.array(spec, location)
        return {tuple(self._names): self._last_axis(array, len(self._names), location)}

    def _last_axis(self, array: NDArray[Any], count: int, location: Location) -> NDArray[Any]:
        if array.shape[-1:] == (count,):
            return array
        if count == 1:
            return array[..., None]
        given = array.shape[-1] if array.ndim else 1
        raise self._document.error(
            location,
            f"The last axis has {given} values, the circuit has {count} parameters.",
            "The last axis is over the circuit's parameters in their order; axes before it are the sweep.",
        )

    def _named_arrays(
        self, arrays: Mapping[str, NDArray[Any]], file: str, location: Location
    ) -> dict[tuple[str, ...], NDArray[Any]]:
        """Columns of a file by their names; a column that no parameter is called by is a mistake."""
        known = sorted({*self._singles, *self._vectors})
        if strange := [name for name in arrays if name not in known]:
            raise self._document.error(
                location,
                f"{file} has values for {strange[0]!r}, which is no parameter of the circuit.",
                did_you_mean(strange[0], known),
            )
        return {
            names: array for name in arrays for names, array in [self._named(name, arrays[name], location)]
        }

    def _by_name(self, spec: dict[str, Any], location: Location) -> dict[tuple[str, ...], NDArray[Any]]:
        values: dict[tuple[str, ...], NDArray[Any]] = {}
        for name, given in spec.items():
            here = (*location, name)
            if name in SWEEPS and name not in self._singles and name not in self._vectors:
                found = self._sweep(name, given, here)
            else:
                self._check_name(name, here)
                found = dict([self._named(name, self._numbers.array(given, here, column=name), here)])
            self._refuse_twice(values, found, here)
            values.update(found)
        return values

    def _refuse_twice(self, values: Mapping[Any, Any], found: Mapping[Any, Any], location: Location) -> None:
        given = {name for names in values for name in names}
        if twice := [name for names in found for name in names if name in given]:
            raise self._document.error(
                location, f"{twice[0]} has values already.", "Give each parameter values once.", at_key=True
            )

    def _check_name(self, name: str, location: Location) -> None:
        if name in self._singles or name in self._vectors:
            return
        known = [*sorted({*self._singles, *self._vectors}), *SWEEPS, *GENERATORS]
        raise self._document.error(
            location,
            f"The circuit has no parameter {name!r}.",
            did_you_mean(name, known),
            at_key=True,
        )

    def _named(
        self, name: str, array: NDArray[Any], location: Location
    ) -> tuple[tuple[str, ...], NDArray[Any]]:
        self._check_name(name, location)
        if name in self._vectors:
            elements = self._vectors[name]
            return tuple(elements), self._last_axis(array, len(elements), location)
        return (name,), array[..., None]

    def _sweep(self, kind: str, spec: Any, location: Location) -> dict[tuple[str, ...], NDArray[Any]]:
        """``grid``: each name has an axis of its own; ``zip``: all go along one."""
        if not isinstance(spec, dict) or not spec:
            raise self._document.error(
                location,
                f"{kind} takes a mapping of parameter names to values.",
                f"For example:  {kind}: {{theta: {{linspace: [0, pi, 5]}}}}",
            )
        values: dict[tuple[str, ...], NDArray[Any]] = {}
        for axis, (name, given) in enumerate(spec.items()):
            here = (*location, name)
            self._check_name(name, here)
            names, array = self._named(name, self._numbers.array(given, here, column=name), here)
            if array.ndim != 2:
                raise self._document.error(
                    here,
                    f"{kind} needs a plain list of values for {name}.",
                    f"For example:  {name}: [0.1, 0.2]",
                )
            self._refuse_twice(values, {names: array}, here)
            if kind == "grid":
                after = len(spec) - axis - 1
                array = array.reshape(array.shape[0], *(1,) * after, array.shape[1])
            values[names] = array
        lengths = {name: len(array) for name, array in zip(spec, values.values(), strict=True)}
        if kind == "zip" and len(set(lengths.values())) > 1:
            told = ", ".join(f"{name} has {length}" for name, length in lengths.items())
            raise self._document.error(location, f"zip needs lists of equal length: {told}.", "Or use grid.")
        return values

    def _broadcast(
        self, values: dict[tuple[str, ...], NDArray[Any]], location: Location
    ) -> dict[Any, NDArray[Any]]:
        """All to one sweep shape, each with its parameters along the last axis."""
        import numpy as np

        shape = np.broadcast_shapes(*(array.shape[:-1] for array in values.values()))
        made = math.prod(shape) * len(self._names)
        if made > sum(array.size for array in values.values()):
            self._numbers.count(made, location)
        return {names: np.broadcast_to(array, (*shape, array.shape[-1])) for names, array in values.items()}


def _count(names: list[str]) -> str:
    shown = ", ".join(names[:5]) + (", …" if len(names) > 5 else "")
    return f"{len(names)} parameter{'s' if len(names) > 1 else ''} ({shown})"
