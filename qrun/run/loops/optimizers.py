"""Running an optimizer: scipy's, SPSA, or the user's own."""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Protocol

from qrun.errors import WorkloadError
from qrun.run.loops.spsa import inside, minimize_spsa
from qrun.workload.loops import Loop
from qrun.workload.optimizer_methods import SPSA

if TYPE_CHECKING:
    from numpy.typing import NDArray


class Objective(Protocol):
    """The function that is minimised. Each call is one job; its exceptions must pass through."""

    def values(self, points: NDArray[Any]) -> NDArray[Any]:
        """The cost at points of shape ``(k, n)``."""

    def value_and_gradient(self, point: NDArray[Any]) -> tuple[float, NDArray[Any]]:
        """The cost and its gradient."""

    def iterated(self, point: NDArray[Any]) -> None:
        """An iteration has ended at this point."""


FIRST_STEP = 0.25
"""Size of Nelder-Mead's first simplex, in radians."""


class Function:
    """What a user's optimizer minimises: ``fun(x)`` at one point, ``fun.values(points)`` at many in one job.

    ``fun.value_and_gradient(x)``, where the loop has a gradient, is one job too.

    Args:
        objective: The objective.
        bounds: Shape ``(n, 2)``. COBYLA asks for points outside on its way; it is told the cost at the
            nearest point within.
    """

    def __init__(self, objective: Objective, bounds: NDArray[Any] | None = None) -> None:
        self.values = objective.values
        self.value_and_gradient = objective.value_and_gradient
        self._bounds = bounds

    def __call__(self, x: Any) -> float:
        """The cost at one point."""
        import numpy as np

        point = inside(np.atleast_1d(np.asarray(x, dtype=float)), self._bounds)
        return float(self.values(point[None, :])[0])


def run_optimizer(loop: Loop, start: NDArray[Any], objective: Objective) -> tuple[NDArray[Any] | None, str]:
    """Minimise.

    Args:
        loop: The loop.
        start: Where to begin.
        objective: What to minimise.

    Returns:
        The point that it ended at, where it tells one, and why it ended.

    Raises:
        WorkloadError: The user's optimizer fails.
    """
    if loop.optimizer is not None:
        return _own(loop, start, objective)
    if loop.method == SPSA:
        point = minimize_spsa(
            objective.values,
            start,
            options=loop.spec.optimizer.options,
            bounds=loop.bounds,
            tolerance=loop.spec.stop.tolerance,
            iterated=objective.iterated,
        )
        return point, "all iterations done, or the step shorter than the tolerance"
    return _scipy(loop, start, objective)


def _scipy(loop: Loop, start: NDArray[Any], objective: Objective) -> tuple[NDArray[Any] | None, str]:
    from scipy.optimize import Bounds, minimize

    bounds = loop.bounds
    options = dict(loop.spec.optimizer.options)
    if loop.method == "Nelder-Mead":
        options.setdefault("initial_simplex", _simplex(start))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        ended = minimize(
            objective.value_and_gradient if loop.gradient is not None else Function(objective, bounds),
            start,
            method=loop.method,
            jac=loop.gradient is not None or None,
            bounds=None if bounds is None else Bounds(bounds[:, 0], bounds[:, 1], keep_feasible=True),
            tol=loop.spec.stop.tolerance,
            options=options,
            callback=lambda point, *_: objective.iterated(point),
        )
    return inside(ended.x, bounds), str(ended.message).rstrip(".")


def _simplex(start: NDArray[Any]) -> NDArray[Any]:
    """The point and one a step along each axis; scipy's own from zero is 0.00025, which noise drowns."""
    import numpy as np

    simplex: NDArray[Any] = np.concatenate([start[None, :], start + FIRST_STEP * np.eye(len(start))])
    return simplex


def _pairs(bounds: NDArray[Any] | None) -> list[tuple[float | None, float | None]] | None:
    import math

    if bounds is None:
        return None
    return [
        (low if math.isfinite(low) else None, high if math.isfinite(high) else None)
        for low, high in bounds.tolist()
    ]


def _own(loop: Loop, start: NDArray[Any], objective: Objective) -> tuple[NDArray[Any] | None, str]:
    import numpy as np

    assert loop.optimizer is not None
    offered = {
        "jac": (lambda x: objective.value_and_gradient(np.asarray(x, dtype=float))[1])
        if loop.gradient is not None
        else None,
        "bounds": _pairs(loop.bounds),
        "callback": objective.iterated,
    }
    taken = _taken(loop.optimizer, offered)
    ended = loop.optimizer(Function(objective), start, **taken, **loop.spec.optimizer.args)
    point = getattr(ended, "x", ended)
    if point is None:
        return None, "the optimizer returned"
    try:
        array = np.asarray(point, dtype=float)
    except (TypeError, ValueError):
        array = np.empty(0)
    if array.shape != start.shape:
        raise WorkloadError(
            f"The optimizer {loop.method} returned {point!r:.60}, no point of {len(start)} parameters.",
            "Return the point, or an object with an attribute x, or None.",
        )
    return array, str(getattr(ended, "message", "the optimizer returned")).rstrip(".")


def _taken(function: Callable[..., Any], offered: dict[str, Any]) -> dict[str, Any]:
    """What a function takes of what is offered to it."""
    try:
        parameters = inspect.signature(function).parameters
    except (TypeError, ValueError):
        return {}
    if any(p.kind is inspect.Parameter.VAR_KEYWORD for p in parameters.values()):
        return offered
    return {name: value for name, value in offered.items() if name in parameters}
