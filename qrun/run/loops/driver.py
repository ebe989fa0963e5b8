"""What a driver of the user's own gets: a QPU that runs PUBs, each call once, whatever happens in between."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from qrun.errors import WorkloadError
from qrun.ledger import Ledger, run_tag
from qrun.plan.jobs import pack
from qrun.run.loops.evaluating import Evaluator
from qrun.run.loops.jobs import PREPARING
from qrun.run.results import read_result
from qrun.runtime.client import RuntimeClient, option_names
from qrun.workload.circuit_fingerprint import NoFingerprint, fingerprint
from qrun.workload.compile import compile_pubs
from qrun.workload.compile_cache import default_cache
from qrun.workload.load import DEFAULT_PRECISION, DEFAULT_SHOTS, ESTIMATOR, SAMPLER, Pub, Workload
from qrun.workload.loops import Loop
from qrun.workload.transpile_options import Layered
from qrun.workload.words import said

if TYPE_CHECKING:
    from qiskit.circuit import QuantumCircuit
    from qiskit.providers import BackendV2


class Driver:
    """Calls a user's driver with a :class:`Qpu`.

    Args:
        workload: The workload.
        client: The client.
        backend: What circuits are compiled for.
        tags: The user's own tags.
        run_id: The run.
    """

    def __init__(
        self,
        workload: Workload,
        client: RuntimeClient,
        backend: BackendV2,
        tags: Sequence[str],
        run_id: str,
    ) -> None:
        self.workload = workload
        self.client = client
        self.backend = backend
        self.tags = [*tags, run_tag(run_id)]
        self.run_id = run_id

    def drive(self, loop: Loop, evaluator: Evaluator) -> Any:
        """What the driver returns, as far as JSON can hold it."""
        assert loop.drive is not None
        assert loop.spec.drive is not None
        returned = loop.drive(Qpu(self, loop, evaluator), **loop.spec.drive.args)
        try:
            return json.loads(json.dumps(returned, default=_plain))
        except (TypeError, ValueError):
            return None


class Qpu:
    """The QPU as a driver sees it: what is run here is one job in the run's session.

    A driver that is called again after a crash gets the results of what it had run from the ledger, in the
    same order, as long as it asks for the same.

    Attributes:
        circuits: The workload's circuits by name, before compilation.
        backend: The backend.
    """

    def __init__(self, driver: Driver, loop: Loop, evaluator: Evaluator) -> None:
        self._driver = driver
        self._loop = loop
        self._evaluator = evaluator
        self.circuits: Mapping[str, QuantumCircuit] = loop.circuits
        self.backend = driver.backend

    def observable(self, name: str, num_qubits: int) -> Any:
        """An observable of the workload, for circuits of so many qubits; an ``ObservablesArray``."""
        assert self._loop.observable is not None
        return self._loop.observable(name, num_qubits)

    def iterated(self) -> None:
        """Count an iteration, for the live view and the stop rules."""
        self._evaluator.iteration += 1

    def run(
        self, pubs: Iterable[Any], *, shots: int | None = None, precision: float | None = None
    ) -> list[Any]:
        """Run PUBs as one job and wait for their results.

        Args:
            pubs: ``(circuit, observables[, parameter values])`` for the Estimator, all of them, or
                ``(circuit[, parameter values])`` with ``shots`` for the Sampler. Circuits are compiled here,
                each once.
            shots: Shots of each PUB; makes it a Sampler's job.
            precision: Target precision of each PUB.

        Returns:
            A ``PubResult`` a PUB.

        Raises:
            WorkloadError: The PUBs don't fit, or the client refuses them.
        """
        sampled = shots is not None or self._loop.spec.shots is not None
        made = [
            self._pub(index, pub, SAMPLER if sampled else ESTIMATOR, shots, precision)
            for index, pub in enumerate(pubs)
        ]
        primitive = SAMPLER if sampled else ESTIMATOR
        results: list[Any] = []

        def interpret(found: Sequence[Any]) -> Mapping[str, Any]:
            results.extend(found)
            return {"values": None}

        evaluation, _ = self._evaluator.evaluate(
            {"pubs": [_asked(pub) for pub in made]}, primitive, lambda: self._encode(made), interpret
        )
        if not results:
            with Ledger() as ledger:
                run = ledger.run(self._driver.run_id)
                results.extend(read_result(run, ledger.job(run.id, evaluation.job_index)))
        return results

    def _encode(self, pubs: Sequence[Pub]) -> tuple[dict[str, Any], bytes]:
        driver = self._driver
        generation = driver.workload.file.defaults.primitives
        names = {kind: option_names(kind, generation) for kind in (SAMPLER, ESTIMATOR)}
        [job] = pack(pubs, names)
        workload = replace(driver.workload, pubs=tuple(pubs), loops=())
        with PREPARING:
            isa = compile_pubs(workload, driver.backend, cache=default_cache()).pubs
            try:
                prepared = driver.client.prepare(
                    job.primitive,
                    [pub.as_tuple() for pub in isa],
                    backend=driver.backend,
                    options=job.options,
                    tags=driver.tags,
                    shots=job.shots,
                    precision=job.precision,
                    generation=generation,
                )
            except Exception as error:
                # The client's own checks and passes raise errors of many kinds.
                raise WorkloadError(f"The {job.primitive} refuses these PUBs: {said(error)}") from error
        return prepared.request()

    def _pub(self, index: int, given: Any, primitive: str, shots: int | None, precision: float | None) -> Pub:
        from qiskit.primitives.containers.estimator_pub import EstimatorPub
        from qiskit.primitives.containers.sampler_pub import SamplerPub

        try:
            coerced = SamplerPub.coerce(given) if primitive == SAMPLER else EstimatorPub.coerce(given)
        except Exception as error:
            raise WorkloadError(
                f"This is no PUB for the {primitive}: {said(error)}",
                "Give (circuit, observables, values), or (circuit, values) and shots.",
            ) from error
        spec, file = self._loop.spec, self._driver.workload.file
        defaults = (file.defaults.transpile, ("defaults", "transpile"))
        values = coerced.parameter_values
        return Pub(
            index=index,
            name=f"{self._loop.name}[{index}]",
            circuit_name=str(coerced.circuit.name),
            primitive=primitive,
            circuit=coerced.circuit,
            observables=coerced.observables if primitive == ESTIMATOR else None,
            parameter_values=values if values.num_parameters else None,
            shots=(shots or spec.shots or file.defaults.shots or DEFAULT_SHOTS)
            if primitive == SAMPLER
            else None,
            precision=(precision or spec.precision or file.defaults.precision or DEFAULT_PRECISION)
            if primitive == ESTIMATOR
            else None,
            options={**file.defaults.options, **spec.options},
            own_options=spec.options,
            transpile=Layered((defaults,)),
            location=self._loop.location,
        )


def _asked(pub: Pub) -> dict[str, Any]:
    """What tells one PUB from another."""
    try:
        circuit = fingerprint(pub.circuit)
    except NoFingerprint:
        circuit = hashlib.sha256(str(pub.circuit).encode()).hexdigest()
    values = pub.parameter_values
    return {
        "circuit": circuit,
        "observables": None if pub.observables is None else repr(pub.observables.tolist()),
        "values": None
        if values is None
        else [[list(names), array.tolist()] for names, array in values.data.items()],
        "shots": pub.shots,
        "precision": pub.precision,
    }


def _plain(value: Any) -> Any:
    """NumPy's numbers and arrays as JSON has them."""
    return value.tolist()
