"""What an optimizer minimises: each call is an evaluation of its loop."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qrun.run.loops.cost import Reply, Request, reply_of
from qrun.run.loops.evaluating import Evaluator
from qrun.run.loops.jobs import LoopJobs

if TYPE_CHECKING:
    from numpy.typing import NDArray


class LoopObjective:
    """The cost of one loop, evaluated by jobs.

    Args:
        jobs: Makes the loop's jobs.
        evaluator: Runs them, or finds them in the ledger.
    """

    def __init__(self, jobs: LoopJobs, evaluator: Evaluator) -> None:
        self._jobs = jobs
        self._evaluator = evaluator

    def values(self, points: NDArray[Any]) -> NDArray[Any]:
        """The cost at points of shape ``(k, n)``, in one job."""
        import numpy as np

        return self._ask(Request(np.array(points, dtype=float))).values

    def value_and_gradient(self, point: NDArray[Any]) -> tuple[float, NDArray[Any]]:
        """The cost and its gradient at a point of shape ``(n,)``, in one job."""
        import numpy as np

        reply = self._ask(Request(np.array(point, dtype=float)[None, :], gradient=True))
        assert reply.gradient is not None
        return float(reply.values[0]), reply.gradient

    def iterated(self, point: NDArray[Any]) -> None:
        """An iteration has ended."""
        self._evaluator.iteration += 1

    def _ask(self, request: Request) -> Reply:
        _, reply = self._evaluator.evaluate(
            request.asked(),
            self._jobs.primitive,
            lambda: self._jobs.encode(request),
            lambda results: self._jobs.cost.reply(request, results).recorded(),
        )
        return reply_of(reply)
