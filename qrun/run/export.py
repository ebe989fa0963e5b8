"""A workload as other tools' files: QRMI payloads, one a job, for IBM's Slurm tools."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qrun.plan.jobs import PlannedJob
from qrun.plan.options import v2_mistakes
from qrun.run.backend import compile_for, find_backend, widest
from qrun.run.prepare import Choices, Draft
from qrun.runtime.client import V2, RuntimeClient
from qrun.workload.compile import IsaPub
from qrun.workload.load import ESTIMATOR
from qrun.workload.qasm_writing import openqasm
from qrun.workload.validate import in_file_order

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from qiskit.providers import BackendV2


def qrmi_payloads(
    draft: Draft, client: RuntimeClient, choices: Choices, progress: Callable[[str], None]
) -> list[dict[str, Any]]:
    """The payloads of a workload's jobs, compiled for its backend.

    Args:
        draft: The workload.
        client: The service that has the backend.
        choices: What the command line says over the file.
        progress: Told what is being done.

    Raises:
        WorkloadError: It doesn't fit the backend, has options that the V2 primitives don't, or circuits that
            OpenQASM 3 can't write.
    """
    workload = draft.workload
    mistakes = [m for job in draft.planned for m in v2_mistakes(workload, job, "A QRMI payload")]
    if mistakes:
        raise in_file_order(mistakes)
    backend = find_backend(workload.document, workload.file, client, choices.backend, widest=widest(workload))
    isa = compile_for(workload, backend, progress, cache=choices.cache).pubs
    return [_payload(draft, job, isa, client, backend) for job in draft.planned]


def _payload(
    draft: Draft, job: PlannedJob, isa: list[IsaPub], client: RuntimeClient, backend: BackendV2
) -> dict[str, Any]:
    # The client itself says what options a V2 payload has; its PUBs, which are QPY, are written as text.
    prepared = client.prepare(
        job.primitive,
        [isa[index].as_tuple() for index in job.pubs],
        backend=backend,
        options=job.options,
        tags=[],
        shots=job.shots,
        precision=job.precision,
        generation=V2,
    )
    pubs = [_pub(draft, isa[index]) for index in job.pubs]
    inputs = {**prepared.arguments["inputs"], "pubs": pubs, "support_qiskit": False}
    return {"program_id": job.primitive, "parameters": inputs}


def _pub(draft: Draft, isa: IsaPub) -> list[Any]:
    pub = isa.pub
    try:
        text, names = openqasm(isa.circuit)
    except Exception as error:
        # The exporter raises errors of many kinds for what OpenQASM 3 has no words for.
        raise draft.workload.document.error(
            (*pub.location, "circuit"),
            f"The circuit {pub.circuit_name!r} can't be written as OpenQASM 3: {error}",
            "Leave this PUB out of the export.",
        ) from None
    values = None if pub.parameter_values is None else _values(pub.parameter_values, names)
    if pub.primitive == ESTIMATOR:
        return [text, isa.observables.tolist(), values, pub.precision]
    return [text, values, pub.shots]


def _values(array: Any, written: Mapping[str, str]) -> dict[str, Any]:
    """Parameter values by name; arrays over several parameters are split, so that each has its own."""
    return {
        written[name]: values[..., position].tolist()
        for names, values in array.data.items()
        for position, name in enumerate([names] if isinstance(names, str) else names)
    }
