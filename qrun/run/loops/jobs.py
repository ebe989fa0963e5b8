"""The jobs of a loop: compiled once, prepared once, and filled in with each iteration's parameter values."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from qrun.errors import WorkloadError
from qrun.ledger import run_tag
from qrun.plan.jobs import pack
from qrun.run.loops.cost import Cost, Request
from qrun.runtime.client import PreparedJob, RuntimeClient, option_names
from qrun.runtime.templates import JobTemplate
from qrun.workload.compile import IsaPub
from qrun.workload.document import Document
from qrun.workload.load import ESTIMATOR, SAMPLER
from qrun.workload.loops import Loop
from qrun.workload.optimizer_methods import SPSA, SPSA_OPTIONS
from qrun.workload.words import said

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from qiskit.providers import BackendV2

PREPARING = threading.Lock()
"""The client keeps warnings in a place that all threads share."""


class LoopJobs:
    """Makes the requests of one loop's jobs.

    Args:
        loop: The loop.
        isa: Its PUBs, compiled.
        client: The client.
        backend: What they are compiled for.
        tags: The user's own tags.
        run_id: The run.
        document: The file, for the place of a mistake.
        generation: ``client-side`` or ``v2``.
    """

    def __init__(
        self,
        loop: Loop,
        isa: Sequence[IsaPub],
        client: RuntimeClient,
        backend: BackendV2,
        *,
        tags: Sequence[str],
        run_id: str,
        document: Document,
        generation: str,
    ) -> None:
        self._loop = loop
        self._isa = isa
        self._client = client
        self._backend = backend
        self._tags = [*tags, run_tag(run_id)]
        self._document = document
        self._generation = generation
        names = {kind: option_names(kind, generation) for kind in (SAMPLER, ESTIMATOR)}
        [self._job] = pack(loop.pubs, names)
        self.primitive = self._job.primitive
        self.cost = Cost(loop)
        self.template = JobTemplate(self._prepare)

    def warm_up(self, start: NDArray[Any]) -> None:
        """Prepare a job of each kind that the optimizer will ask for, before a session is open.

        Raises:
            WorkloadError: The client refuses the loop's PUBs.
        """
        for request in self._expected(start):
            try:
                self.template.learn(self.cost.arrays(request))
            except Exception as error:
                # The client runs qiskit passes and checks of its own, which raise errors of many kinds.
                raise self._document.error(
                    self._loop.location,
                    f"The {self.primitive} refuses the PUBs of this loop: {said(error)}",
                    "Nothing was submitted.",
                ) from error

    def encode(self, request: Request) -> tuple[dict[str, Any], bytes]:
        """The request of the job that answers ``request``.

        Raises:
            WorkloadError: The client refuses it.
        """
        try:
            return self.template.request(self.cost.arrays(request))
        except Exception as error:
            raise WorkloadError(
                f"The {self.primitive} refuses a job of loop {self._loop.name}: {said(error)}"
            ) from error

    def _expected(self, start: NDArray[Any]) -> list[Request]:
        import numpy as np

        one = start[None, :]
        if self._loop.gradient is not None:
            return [Request(one, gradient=True)]
        if self._loop.method != SPSA:
            return [Request(one)]
        chosen = {**SPSA_OPTIONS, **self._loop.spec.optimizer.options}
        counts = [2 * chosen["resamplings"]]
        if chosen["a"] is None and chosen["calibration"]:
            counts.insert(0, 2 * chosen["calibration"])
        return [Request(np.repeat(one, count, axis=0)) for count in counts]

    def _prepare(self, arrays: Sequence[NDArray[Any]]) -> PreparedJob:
        with PREPARING:
            return self._client.prepare(
                self.primitive,
                [self._pub(isa, array) for isa, array in zip(self._isa, arrays, strict=True)],
                backend=self._backend,
                options=self._job.options,
                tags=self._tags,
                shots=self._job.shots,
                precision=self._job.precision,
                generation=self._generation,
            )

    def _pub(self, isa: IsaPub, values: NDArray[Any]) -> tuple[Any, ...]:
        """The PUB with values for the parameters that compilation has left in the circuit."""
        order = [parameter.name for parameter in isa.pub.circuit.parameters]
        kept = [parameter.name for parameter in isa.circuit.parameters]
        bindings = {tuple(kept): values[..., [order.index(name) for name in kept]]}
        parts = [isa.circuit] if isa.observables is None else [isa.circuit, isa.observables]
        return (*parts, bindings)
