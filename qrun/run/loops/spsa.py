"""Simultaneous perturbation stochastic approximation.

After J. C. Spall, IEEE Transactions on Aerospace and Electronic Systems 34, 817 (1998). Written here because
the SPSA that is maintained for qiskit (qiskit-algorithms 0.4) draws its random signs from one generator that
all optimizers of a process share, so that loops side by side could not be replayed, and has no bounds. Each
iteration here is one job with both points.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from qrun.workload.optimizer_methods import SPSA_OPTIONS

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

Values = Callable[["NDArray[Any]"], "NDArray[Any]"]


def minimize_spsa(
    values: Values,
    start: NDArray[Any],
    *,
    options: Mapping[str, Any],
    bounds: NDArray[Any] | None,
    tolerance: float | None,
    iterated: Callable[[NDArray[Any]], None],
) -> NDArray[Any]:
    """Minimise a noisy function of several parameters.

    With gains ``a_k = a / (A + k + 1)^alpha`` and ``c_k = c / (k + 1)^gamma``, an iteration evaluates at
    ``x ± c_k Δ``, Δ of random signs, and steps by ``a_k (y⁺ - y⁻) / (2 c_k) Δ``.

    Args:
        values: The function at points of shape ``(k, n)``, all evaluated in one job.
        start: Where to begin, shape ``(n,)``.
        options: ``maxiter``; ``c``, the first perturbation; ``a``, by default such that the first step is
            ``first_step`` long in each parameter on average, from ``calibration`` pairs of points that are
            evaluated in one job; ``A``, by default a tenth of ``maxiter``; ``alpha`` and ``gamma``, by
            default 0.602 and 0.101, the smallest that theory allows; ``resamplings``, the perturbations
            averaged in an iteration; and ``seed``.
        bounds: Shape ``(n, 2)``; points are moved onto them.
        tolerance: Ends when a step is shorter than this.
        iterated: Told the new point after each iteration.

    Returns:
        The last point, whose value is evaluated at the end.
    """
    import numpy as np

    chosen = {**SPSA_OPTIONS, **options}
    random = np.random.default_rng(chosen["seed"])
    stability = chosen["A"] if chosen["A"] is not None else 0.1 * chosen["maxiter"]
    point = np.array(start, dtype=float)
    gain = chosen["a"]
    if gain is None:
        gain = _calibrated(values, point, chosen, stability, bounds, random)
    for k in range(chosen["maxiter"]):
        width = chosen["c"] / (k + 1) ** chosen["gamma"]
        slope = _slope(values, point, width, chosen["resamplings"], bounds, random)
        moved = inside(point - gain / (stability + k + 1) ** chosen["alpha"] * slope, bounds)
        step, point = float(np.linalg.norm(moved - point)), moved
        iterated(point)
        if tolerance is not None and step < tolerance:
            break
    values(point[None, :])
    return point


def _slope(
    values: Values,
    point: NDArray[Any],
    width: float,
    resamplings: int,
    bounds: NDArray[Any] | None,
    random: np.random.Generator,
) -> NDArray[Any]:
    """The estimated gradient, of ``resamplings`` pairs of points in one job."""
    import numpy as np

    signs = random.choice([-1.0, 1.0], size=(resamplings, len(point)))
    pairs = np.concatenate([point + width * signs, point - width * signs])
    found = values(inside(pairs, bounds))
    differences = (found[:resamplings] - found[resamplings:]) / (2 * width)
    slope: NDArray[Any] = np.mean(differences[:, None] * signs, axis=0)
    return slope


def _calibrated(
    values: Values,
    point: NDArray[Any],
    chosen: Mapping[str, Any],
    stability: float,
    bounds: NDArray[Any] | None,
    random: np.random.Generator,
) -> float:
    """The gain ``a`` that makes the first step as long as is asked for (Kandala et al. 2017, supplement)."""
    import numpy as np

    pairs = chosen["calibration"]
    if pairs == 0:
        return float(chosen["first_step"] * (stability + 1) ** chosen["alpha"])
    signs = random.choice([-1.0, 1.0], size=(pairs, len(point)))
    around = np.concatenate([point + chosen["c"] * signs, point - chosen["c"] * signs])
    found = values(inside(around, bounds))
    steep = float(np.mean(np.abs(found[:pairs] - found[pairs:]) / (2 * chosen["c"])))
    return float(chosen["first_step"] / max(steep, 1e-10) * (stability + 1) ** chosen["alpha"])


def inside(points: NDArray[Any], bounds: NDArray[Any] | None) -> NDArray[Any]:
    """Points, or the nearest to them within the bounds."""
    import numpy as np

    return points if bounds is None else np.clip(points, bounds[:, 0], bounds[:, 1])
