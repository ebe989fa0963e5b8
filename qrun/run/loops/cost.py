"""What an evaluation runs, and the cost that its results mean."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from qrun.errors import WorkloadError
from qrun.workload.loops import PARAMETER_SHIFT, Loop

if TYPE_CHECKING:
    from numpy.typing import NDArray


@dataclass(frozen=True)
class Request:
    """What an optimizer asks in one job: the cost at points, or the cost and its gradient at one point."""

    points: NDArray[Any] = field(repr=False)
    """Shape ``(points, parameters)``; one point where the gradient is asked for."""
    gradient: bool = False

    def asked(self) -> dict[str, Any]:
        """As the ledger keeps it; numbers come back from it exactly."""
        return {"points": self.points.tolist(), "gradient": self.gradient}


@dataclass(frozen=True)
class Reply:
    """What an optimizer is told."""

    values: NDArray[Any]
    """Cost at each point, shape ``(points,)``."""
    stds: NDArray[Any] | None = None
    """Standard errors of the costs; ``None`` for a cost function, whose error nobody knows."""
    gradient: NDArray[Any] | None = None
    """Shape ``(parameters,)``."""

    def recorded(self) -> dict[str, Any]:
        """As the ledger keeps it."""
        return {
            "values": self.values.tolist(),
            "stds": None if self.stds is None else self.stds.tolist(),
            "gradient": None if self.gradient is None else self.gradient.tolist(),
        }


def reply_of(recorded: Mapping[str, Any]) -> Reply:
    """A reply that the ledger kept."""
    import numpy as np

    values, stds, gradient = (
        None if recorded.get(name) is None else np.array(recorded[name], dtype=float)
        for name in ("values", "stds", "gradient")
    )
    assert values is not None
    return Reply(values, stds, gradient)


class Cost:
    """The cost that a loop minimises.

    Args:
        loop: The loop.
    """

    def __init__(self, loop: Loop) -> None:
        self._loop = loop

    def arrays(self, request: Request) -> list[NDArray[Any]]:
        """Parameter values of each PUB, shape ``(points, 1, …, circuit parameters)``.

        The ones are for the axes of the PUB's observables, with which the points broadcast.
        """
        made = []
        for pub, inputs in zip(self._loop.pubs, self._loop.inputs, strict=True):
            if request.gradient and self._loop.gradient == PARAMETER_SHIFT:
                values = inputs.shifted_values(request.points[0])
            else:
                values = inputs.values(self._evaluated(request))
            axes = 0 if pub.observables is None else pub.observables.ndim
            made.append(values.reshape(values.shape[0], *(1,) * axes, values.shape[1]))
        return made

    def reply(self, request: Request, results: Sequence[Any]) -> Reply:
        """The cost, of the results of the PUBs.

        Args:
            request: What was asked.
            results: A ``PubResult`` a PUB.

        Raises:
            WorkloadError: The user's cost function fails, or returns no numbers.
        """
        if request.gradient and self._loop.gradient == PARAMETER_SHIFT:
            return self._by_shifts(request, results)
        values, stds = self._values(results, len(self._evaluated(request)))
        if not request.gradient:
            return Reply(values, stds)
        step, size = float(self._loop.gradient or 0.0), request.points.shape[1]
        gradient = (values[1 : size + 1] - values[size + 1 :]) / (2 * step)
        return Reply(values[:1], None if stds is None else stds[:1], gradient)

    def _evaluated(self, request: Request) -> NDArray[Any]:
        """The points at which the circuits run: those asked for, or one and its neighbours."""
        import numpy as np

        if not request.gradient:
            return request.points
        assert isinstance(self._loop.gradient, float)
        steps = self._loop.gradient * np.eye(request.points.shape[1])
        return np.concatenate([request.points, request.points + steps, request.points - steps])

    def _by_shifts(self, request: Request, results: Sequence[Any]) -> Reply:
        import numpy as np

        point = request.points[0]
        value, variance, gradient = 0.0, 0.0, np.zeros(len(point))
        for weight, inputs, result in zip(self._loop.weights, self._loop.inputs, results, strict=True):
            evs = np.asarray(result.data.evs, dtype=float)
            value += weight * evs[0]
            variance += (weight * float(np.asarray(result.data.stds)[0])) ** 2
            gradient += weight * inputs.gradient(point, evs)
        return Reply(np.array([value]), np.array([variance**0.5]), gradient)

    def _values(self, results: Sequence[Any], points: int) -> tuple[NDArray[Any], NDArray[Any] | None]:
        import numpy as np

        if self._loop.cost is not None:
            return np.array([self._own_cost(results, index) for index in range(points)]), None
        values, variances = np.zeros(points), np.zeros(points)
        for weight, result in zip(self._loop.weights, results, strict=True):
            values += weight * np.asarray(result.data.evs, dtype=float)
            variances += (weight * np.asarray(result.data.stds, dtype=float)) ** 2
        return values, np.sqrt(variances)

    def _own_cost(self, results: Sequence[Any], index: int) -> float:
        """The user's function of the results at one point; residuals count as the sum of their squares."""
        import numpy as np

        minimize = self._loop.spec.minimize
        assert self._loop.cost is not None
        assert minimize is not None
        assert minimize.cost is not None
        name = minimize.cost.python
        try:
            made = self._loop.cost([at_point(result, index) for result in results], **minimize.cost.args)
            array = np.asarray(made, dtype=float)
        except Exception as error:
            # The user's code may raise anything, and return anything.
            raise WorkloadError(
                f"The cost function {name} failed: {type(error).__name__}: {error}.",
                "It takes a list of PubResult, one a PUB, and returns a number or an array of residuals.",
            ) from error
        if not np.isfinite(array).all() or array.size == 0:
            raise WorkloadError(
                f"The cost function {name} returned {made!r:.80}, which is no finite number.",
                "Return a number or an array of residuals.",
            )
        return float(array) if array.ndim == 0 else float(np.sum(array**2))


def at_point(result: Any, index: int) -> Any:
    """A ``PubResult`` of one of the points that a PUB was run at."""
    from qiskit.primitives.containers import DataBin, PubResult

    fields = {name: values[index] for name, values in result.data.items()}
    return PubResult(DataBin(**fields, shape=tuple(result.data.shape[1:])), result.metadata)
