"""The loops of a workload: what each evaluation runs, where the optimizer starts and what bounds it."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from qrun.errors import WorkloadError
from qrun.workload.arithmetic import number
from qrun.workload.arrays import DISTRIBUTIONS, Numbers
from qrun.workload.circuits import AlreadyTold, Circuits
from qrun.workload.document import Document, Location
from qrun.workload.load import ESTIMATOR, Pub
from qrun.workload.model import FiniteDifference, LoopPub, LoopSpec, Minimize, PubSpec, WorkloadFile
from qrun.workload.observables import Observables
from qrun.workload.optimizer_methods import check_optimizer
from qrun.workload.parameter_shift import Inputs, NoParameterShift, plain_inputs, shifted_inputs
from qrun.workload.parameters import build_parameter_values
from qrun.workload.python_source import PythonSources
from qrun.workload.words import did_you_mean

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from qiskit.circuit import QuantumCircuit

PARAMETER_SHIFT = "parameter-shift"

MakePub = Callable[[int, str, PubSpec, Location], Pub]


@dataclass(frozen=True)
class Loop:
    """Iterative work, ready to be compiled."""

    name: str
    spec: LoopSpec
    pubs: tuple[Pub, ...] = field(repr=False)
    """What one evaluation runs, all of it in one job; empty for a driver of the user's."""
    inputs: tuple[Inputs, ...] = field(repr=False)
    """How a point becomes the parameter values of each PUB."""
    weights: tuple[float, ...]
    parameters: tuple[str, ...]
    """Names of the point's coordinates, in order."""
    initial_point: NDArray[Any] | None = field(repr=False)
    """Shape ``(parameters,)``; ``None`` where it is another loop's best point, or where a driver has none."""
    starts_after: str | None
    """The loop whose best point this one starts from."""
    bounds: NDArray[Any] | None = field(repr=False)
    """Shape ``(parameters, 2)``."""
    gradient: str | float | None
    """``parameter-shift``, the step of finite differences, or none."""
    cost: Callable[..., Any] | None = field(repr=False)
    drive: Callable[..., Any] | None = field(repr=False)
    optimizer: Callable[..., Any] | None = field(repr=False)
    """The user's own."""
    location: Location
    circuits: Mapping[str, QuantumCircuit] = field(default_factory=dict, repr=False)
    """The file's circuits by name, for a driver."""
    observable: Callable[[str, int], Any] | None = field(default=None, repr=False)
    """The file's observables by name and number of qubits, for a driver."""

    @property
    def method(self) -> str:
        """What the optimizer is called."""
        if self.drive is not None and self.spec.drive is not None:
            return self.spec.drive.python
        return self.spec.optimizer.method or self.spec.optimizer.python or ""


class LoopBuilder:
    """Builds the loops of one file, and notes every mistake on the way.

    Args:
        file: The validated file.
        document: The file.
        python: Finds the user's functions.
        numbers: Makes arrays of numbers.
        make_pub: Makes a PUB without parameter values.
        circuits: The file's circuits.
        observables: The file's observables.
    """

    def __init__(
        self,
        file: WorkloadFile,
        document: Document,
        python: PythonSources,
        numbers: Numbers,
        make_pub: MakePub,
        circuits: Circuits,
        observables: Observables,
    ) -> None:
        self._file = file
        self._document = document
        self._python = python
        self._numbers = numbers
        self._make_pub = make_pub
        self._circuits = circuits
        self._observables = observables
        self.mistakes: list[WorkloadError] = []

    def build(self, first_index: int) -> list[Loop]:
        """The loops that can be made.

        Args:
            first_index: The index of the first loop's first PUB.
        """
        made: list[Loop] = []
        for name, spec in self._file.loops.items():
            try:
                loop = self._loop(name, spec, first_index)
            except AlreadyTold:
                continue
            except WorkloadError as mistake:
                self.mistakes.append(mistake)
                continue
            first_index += len(loop.pubs)
            made.append(loop)
        self._check_starts(made)
        return made

    def _loop(self, name: str, spec: LoopSpec, first_index: int) -> Loop:
        location: Location = ("loops", name)
        if spec.minimize is None:
            return self._driver(name, spec, location)
        gradient, mistakes = check_optimizer(spec, self._document, location)
        self.mistakes += mistakes
        pubs = self._pubs(name, spec, spec.minimize, location, first_index)
        weights = self._weights(spec.minimize, location)
        cost = spec.minimize.cost
        self._check_form(spec.minimize, pubs, location)
        union = _union([pub.circuit for pub in pubs])
        parameters = tuple(parameter.name for parameter in union.parameters)
        if not parameters:
            raise self._document.error(
                (*location, "minimize"), "The circuits have no parameters.", "Use a parametrised one."
            )
        if gradient == PARAMETER_SHIFT:
            pubs, inputs = self._shifted(pubs, parameters, cost is not None, location)
        else:
            inputs = tuple(plain_inputs(pub.circuit, parameters) for pub in pubs)
        bounds = self._bounds(spec.bounds, parameters, (*location, "bounds"))
        start, after = self._start(spec.initial_point, union, bounds, (*location, "initial_point"))
        function = spec.optimizer.python
        return Loop(
            name=name,
            spec=spec,
            pubs=pubs,
            inputs=inputs,
            weights=weights,
            parameters=parameters,
            initial_point=start,
            starts_after=after,
            bounds=bounds,
            gradient=gradient,
            cost=self._python.function(cost.python, (*location, "minimize", "cost")) if cost else None,
            drive=None,
            optimizer=self._python.function(function, (*location, "optimizer")) if function else None,
            location=location,
        )

    def _driver(self, name: str, spec: LoopSpec, location: Location) -> Loop:
        assert spec.drive is not None
        for key in ("optimizer", "initial_point", "bounds"):
            if key in spec.model_fields_set:
                raise self._document.error(
                    (*location, key), f"A driver of your own has no {key}.", "Leave it out.", at_key=True
                )
        return Loop(
            name=name,
            spec=spec,
            pubs=(),
            inputs=(),
            weights=(),
            parameters=(),
            initial_point=None,
            starts_after=None,
            bounds=None,
            gradient=None,
            cost=None,
            drive=self._python.function(spec.drive.python, (*location, "drive")),
            optimizer=None,
            location=location,
            circuits=self._named_circuits(),
            observable=lambda name, width: self._observables.array(name, width, ("observables", name)),
        )

    def _named_circuits(self) -> dict[str, QuantumCircuit]:
        """The file's circuits by name, members of groups by theirs."""
        made = {}
        for name in self._file.circuits:
            for built in self._circuits.get(name, ("circuits", name), name):
                made[built.name] = built.circuit
        return made

    def _pubs(
        self, name: str, spec: LoopSpec, minimize: Minimize, location: Location, first_index: int
    ) -> tuple[Pub, ...]:
        here = (*location, "minimize")
        parts: list[tuple[LoopPub, Location]] = []
        if minimize.pubs is not None:
            parts = [(pub, (*here, "pubs", index)) for index, pub in enumerate(minimize.pubs)]
        elif minimize.circuit is not None:
            parts = [(LoopPub(circuit=minimize.circuit, observable=minimize.observable), here)]
        sampled = {part.observable is None for part, _ in parts}
        if len(sampled) > 1:
            raise self._document.error(
                (*here, "pubs"),
                "Some of these PUBs have an observable and some have none, so that one job can't hold them.",
                "Give all of them one, or none.",
            )
        return tuple(
            self._make_pub(
                first_index + index,
                f"{name}[{index}]" if len(parts) > 1 else name,
                PubSpec(
                    circuit=part.circuit,
                    observables=part.observable,
                    shots=spec.shots,
                    precision=spec.precision,
                    options=spec.options,
                ),
                place,
            )
            for index, (part, place) in enumerate(parts)
        )

    def _weights(self, minimize: Minimize, location: Location) -> tuple[float, ...]:
        weights = []
        for index, pub in enumerate(minimize.pubs or [LoopPub(circuit="", weight=1.0)]):
            try:
                weights.append(number(pub.weight))
            except ValueError as error:
                here = (*location, "minimize", "pubs", index, "weight")
                raise self._document.error(here, f"weight: {error}.", "For example:  weight: 0.5") from None
        return tuple(weights)

    def _check_form(self, minimize: Minimize, pubs: tuple[Pub, ...], location: Location) -> None:
        here = (*location, "minimize")
        if minimize.cost is not None:
            return
        if pubs[0].primitive != ESTIMATOR:
            raise self._document.error(
                here,
                "There is nothing to minimise: neither an observable nor a cost function.",
                "Add observable: NAME, or cost: {python: file.py:cost}.",
            )
        for index, pub in enumerate(pubs):
            if pub.observables is not None and pub.observables.shape != ():
                place = (*here, "pubs", index, "observable") if minimize.pubs else (*here, "observable")
                raise self._document.error(
                    place,
                    f"There are {pub.observables.size} observables here, and one number is minimised.",
                    "Write their weighted sum, or add a cost function.",
                )

    def _shifted(
        self, pubs: tuple[Pub, ...], parameters: tuple[str, ...], has_cost: bool, location: Location
    ) -> tuple[tuple[Pub, ...], tuple[Inputs, ...]]:
        from dataclasses import replace

        here = (*location, "optimizer")
        hint = "Use gradient: {finite_difference: 0.1}, or a method without a gradient such as COBYLA."
        if has_cost:
            raise self._document.error(
                here, "Parameter shift is for expectation values, not for a cost function.", hint
            )
        made = []
        for pub in pubs:
            try:
                made.append(shifted_inputs(pub.circuit, parameters))
            except NoParameterShift as error:
                raise self._document.error(
                    here, f"The circuit {pub.circuit_name!r} has no parameter-shift rule: {error}.", hint
                ) from None
        shifted = tuple(replace(pub, circuit=circuit) for pub, (circuit, _) in zip(pubs, made, strict=True))
        return shifted, tuple(inputs for _, inputs in made)

    def _bounds(self, spec: Any, parameters: tuple[str, ...], location: Location) -> NDArray[Any] | None:
        import numpy as np

        if spec is None:
            return None
        size = len(parameters)
        if isinstance(spec, dict):
            for name in spec:
                if name not in parameters:
                    raise self._document.error(
                        (*location, name),
                        f"There is no parameter {name!r}.",
                        did_you_mean(name, parameters),
                        at_key=True,
                    )
            pairs = [
                self._numbers.array(spec[name], (*location, name))
                if name in spec
                else np.array([-np.inf, np.inf])
                for name in parameters
            ]
            array = np.stack([self._pair(pair, location) for pair in pairs])
        else:
            array = self._numbers.array(spec, location)
            if array.shape == (2,):
                array = np.broadcast_to(array, (size, 2))
            if array.shape != (size, 2):
                raise self._document.error(
                    location,
                    f"Bounds of shape {array.shape} do not fit {size} parameters.",
                    "Write [low, high] for all, one such pair a parameter, or names to pairs.",
                )
        if (array[:, 0] >= array[:, 1]).any():
            raise self._document.error(location, "A lower bound is not below the upper one.", "[low, high]")
        return array

    def _pair(self, pair: NDArray[Any], location: Location) -> NDArray[Any]:
        if pair.shape != (2,):
            raise self._document.error(location, "Each parameter's bounds are a pair.", "theta: [-pi, pi]")
        return pair

    def _start(
        self, spec: Any, union: QuantumCircuit, bounds: NDArray[Any] | None, location: Location
    ) -> tuple[NDArray[Any] | None, str | None]:
        """The initial point, or the loop whose best point it is."""
        import numpy as np

        size = union.num_parameters
        names = {parameter.name for parameter in union.parameters}
        if isinstance(spec, dict) and set(spec) == {"loop"} - names:
            return None, str(spec["loop"])
        if spec == "zeros":
            point = np.zeros(size)
        else:
            values = build_parameter_values(
                self._random(spec, size, bounds), union, self._document, location, self._numbers
            )
            assert values is not None
            point = np.asarray(values.as_array(union.parameters), dtype=float)
        if point.shape != (size,):
            raise self._document.error(
                location,
                f"This is an array of points of shape {point.shape[:-1]}, and a loop starts at one.",
                f"Give one number for each of the {size} parameters.",
            )
        if bounds is not None and ((point < bounds[:, 0]) | (point > bounds[:, 1])).any():
            raise self._document.error(location, "The initial point is outside the bounds.", "Move one.")
        return point, None

    def _random(self, spec: Any, size: int, bounds: NDArray[Any] | None) -> Any:
        """``random`` of one point: a number a parameter, within finite bounds, else a full turn."""
        if not isinstance(spec, dict) or not isinstance(spec.get("random"), dict):
            return spec
        given = {"shape": [size], **spec["random"]}
        uniform = given.get("distribution", "uniform") == "uniform"
        if uniform and not set(DISTRIBUTIONS["uniform"]) & set(given):
            finite = bounds is not None and math.isfinite(float(abs(bounds).max()))
            if finite and bounds is not None and (bounds == bounds[0]).all():
                given |= {"low": float(bounds[0, 0]), "high": float(bounds[0, 1])}
            else:
                given |= {"low": -math.pi, "high": math.pi}
        return {**spec, "random": given}

    def _check_starts(self, made: list[Loop]) -> None:
        """Loops that start from one another's best point: the other must exist, fit, and not wait in turn."""
        by_name = {loop.name: loop for loop in made}
        for loop in made:
            if loop.starts_after is None:
                continue
            here = (*loop.location, "initial_point", "loop")
            other = by_name.get(loop.starts_after)
            if other is None and loop.starts_after in self._file.loops:
                continue  # what is wrong with it has been told
            if other is None or other is loop:
                known = [name for name in self._file.loops if name != loop.name]
                message = f"There is no other loop {loop.starts_after!r}."
                hint = did_you_mean(loop.starts_after, known)
                self.mistakes.append(self._document.error(here, message, hint))
            elif len(other.parameters) != len(loop.parameters):
                self.mistakes.append(
                    self._document.error(
                        here,
                        f"The loop {other.name!r} has {len(other.parameters)} parameters, this one has "
                        f"{len(loop.parameters)}.",
                        "Start from a loop over the same parameters.",
                    )
                )
            elif _waits_for(loop, loop.name, by_name):
                self.mistakes.append(
                    self._document.error(here, "These loops wait for each other.", "Let one start elsewhere.")
                )


def finite_step(spec: LoopSpec) -> float | None:
    """The step of finite differences, where they are asked for."""
    gradient = spec.optimizer.gradient
    return gradient.finite_difference if isinstance(gradient, FiniteDifference) else None


def _waits_for(loop: Loop, name: str, by_name: dict[str, Loop]) -> bool:
    seen: set[str] = set()
    while loop.starts_after is not None and loop.starts_after in by_name and loop.name not in seen:
        seen.add(loop.name)
        loop = by_name[loop.starts_after]
        if loop.name == name:
            return True
    return False


def _union(circuits: list[QuantumCircuit]) -> QuantumCircuit:
    """A circuit with the parameters of all ``circuits``, those of equal names once.

    A circuit's own order of parameters is by name and, within a vector, by index; so is that of the union.
    """
    from qiskit.circuit import QuantumCircuit

    if len(circuits) == 1:
        return circuits[0]
    union = QuantumCircuit(1)
    by_name = {parameter.name: parameter for circuit in circuits for parameter in circuit.parameters}
    for parameter in by_name.values():
        union.rz(parameter, 0)
    return union
