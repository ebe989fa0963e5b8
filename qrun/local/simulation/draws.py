"""Drawing shots from exact probabilities, for all sets of parameter values at once."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

_COMPARED_OUTCOMES = 16
"""Up to this many outcomes, a shot's is found by comparing with each; with more, outcomes are counted."""


def draw_outcomes(
    probabilities: npt.NDArray[np.float64], sets: int, shots: int, rng: np.random.Generator
) -> npt.NDArray[np.int64]:
    """Draw the outcome of each shot.

    Args:
        probabilities: Of each outcome, shape ``(sets, outcomes)``, or ``(1, outcomes)`` if all sets agree.
        sets: How many sets of parameter values there are.
        shots: Shots a set.
        rng: Where randomness comes from.

    Returns:
        Index of each shot's outcome, shape ``(sets, shots)``.
    """
    # Rounding leaves tiny negative numbers and sums that are not quite one.
    weights = np.clip(probabilities, 0.0, None)
    weights = weights / weights.sum(axis=1, keepdims=True)
    outcomes = weights.shape[1]
    if outcomes <= _COMPARED_OUTCOMES:
        edges = np.cumsum(weights, axis=1)
        uniform = rng.random((sets, shots))
        drawn = np.zeros((sets, shots), dtype=np.int64)
        for outcome in range(outcomes - 1):
            drawn += uniform >= edges[:, outcome, None]
        return drawn
    counts = rng.multinomial(shots, np.broadcast_to(weights, (sets, outcomes)))
    drawn = np.repeat(np.tile(np.arange(outcomes), sets), counts.reshape(-1)).reshape(sets, shots)
    return rng.permuted(drawn, axis=1)


def outcome_bits(outcomes: npt.NDArray[np.int64], bits: int) -> npt.NDArray[np.bool_]:
    """Binary digits of outcomes, lowest first, as a last axis of length ``bits``."""
    return ((outcomes[..., None] >> np.arange(bits)) & 1).astype(bool)
