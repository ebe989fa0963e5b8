"""What prepared jobs take: the client's programs, with the backend's numbers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from qrun.plan.estimate import USUAL_REP_DELAY, DeviceTimes, JobEstimate, estimate_job
from qrun.plan.jobs import PlannedJob
from qrun.runtime.client import CLIENT_SIDE, PreparedJob, RuntimeClient, options_known
from qrun.runtime.programs import Program, UnknownProgram, program_of
from qrun.workload.compile import IsaPub
from qrun.workload.load import ESTIMATOR

if TYPE_CHECKING:
    from qiskit.providers import BackendV2

_V2_READOUT_RANDOMIZATIONS = 32
"""Randomizations with which the V2 Estimator learns readout errors where its options say nothing (F3)."""


def times_of(backend: BackendV2) -> DeviceTimes:
    """The backend's own numbers."""
    configuration = getattr(backend, "configuration", None)
    told = configuration() if callable(configuration) else None
    delay = getattr(told, "default_rep_delay", None)
    bounds = getattr(told, "rep_delay_range", None)
    return DeviceTimes(
        target=backend.target,
        rep_delay=USUAL_REP_DELAY if delay is None else float(delay),
        rep_delay_range=(float(bounds[0]), float(bounds[1])) if bounds else None,
    )


def estimate_prepared(
    planned: PlannedJob,
    prepared: PreparedJob,
    isa: Sequence[IsaPub],
    client: RuntimeClient,
    backend: BackendV2,
    times: DeviceTimes,
) -> JobEstimate:
    """Reckon a job that the client has prepared.

    Args:
        planned: The job.
        prepared: What the client would send of it.
        isa: The compiled PUBs of the whole workload.
        client: The client.
        backend: The backend.
        times: Its numbers.
    """
    try:
        program = program_of(prepared)
    except UnknownProgram:
        program = _client_side(planned, isa, client, backend)
    return estimate_job(program, planned.pubs, times, payload_bytes=prepared.payload_bytes())


def _client_side(
    planned: PlannedJob, isa: Sequence[IsaPub], client: RuntimeClient, backend: BackendV2
) -> Program:
    """The program that the client-side primitive makes of the same PUBs and options.

    What the V2 primitives are sent leaves all of that to the service, which documents the same rules.
    """
    options: dict[str, Any] = options_known(planned.options, planned.primitive, CLIENT_SIDE)
    if planned.primitive == ESTIMATOR:
        resilience = {**options.get("resilience", {})}
        learning = {"num_randomizations": _V2_READOUT_RANDOMIZATIONS}
        resilience["measure_noise_learning"] = {**learning, **resilience.get("measure_noise_learning", {})}
        options["resilience"] = resilience
    prepared = client.prepare(
        planned.primitive,
        [isa[index].as_tuple() for index in planned.pubs],
        backend=backend,
        options=options,
        tags=(),
        shots=planned.shots,
        precision=planned.precision,
    )
    return program_of(prepared)
