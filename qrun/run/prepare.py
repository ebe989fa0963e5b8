"""From a workload file to jobs that only have to be sent.

All that can be wrong with a workload is found here: nothing is open on the service yet, and nothing paid for.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from qrun.errors import UsageError, WorkloadError
from qrun.ledger import LedgerPub, new_run_id, run_tag
from qrun.plan.forecast import RunPlan, Setting
from qrun.plan.instance import Background, Rules, rules_of
from qrun.plan.jobs import PlannedJob, pack
from qrun.plan.limits import MOST_EXECUTIONS, MOST_PAYLOAD_BYTES, limit_mistakes, payload_mistake
from qrun.plan.mode import OPEN_PLAN, ModeChoice, allowed_mode, choose_mode
from qrun.plan.options import option_mistakes
from qrun.plan.packing import Limits
from qrun.run.backend import compile_for, find_backend, widest
from qrun.run.dividing import Division, divide
from qrun.run.estimating import estimate_prepared, times_of
from qrun.runtime.client import PreparedJob, RuntimeClient, option_names
from qrun.workload.arithmetic import number
from qrun.workload.compile import Compilation, IsaPub
from qrun.workload.document import Document
from qrun.workload.load import ESTIMATOR, SAMPLER, Workload, load_workload
from qrun.workload.model import MOST_TAGS, WorkloadFile
from qrun.workload.transpile_options import file_mistakes
from qrun.workload.validate import InvalidWorkload, in_file_order
from qrun.workload.words import said

if TYPE_CHECKING:
    from qiskit.providers import BackendV2


@dataclass(frozen=True)
class Choices:
    """What the command line says over the file."""

    mode: str | None = None
    backend: str | None = None
    tags: tuple[str, ...] = ()
    max_time: int | None = None
    budget: int | None = None
    cache: bool = True
    """Whether circuits that earlier runs compiled are used, and this run's are kept."""
    background: Background | None = None
    """Other users' jobs to plan with."""


@dataclass(frozen=True)
class Ready:
    """A run that only has to be sent."""

    run_id: str
    workload: Workload
    backend: BackendV2 = field(repr=False)
    plan: RunPlan = field(repr=False)
    compilation: Compilation = field(repr=False)
    max_time: int | None
    planned: Sequence[PlannedJob]
    jobs: Sequence[PreparedJob] = field(repr=False)
    pubs: Sequence[LedgerPub] = field(repr=False)
    tags: Sequence[str] = ()
    """The user's own."""
    budget: int | None = None

    @property
    def mode(self) -> ModeChoice:
        """The mode that it runs in."""
        return self.plan.choice

    @property
    def notes(self) -> list[str]:
        """What the user should know: options without effect, and what the client warned about, each once."""
        notes = [note for job in self.jobs for note in job.notes]
        if self.max_time and self.mode.mode == "job":
            notes.insert(0, "the maximum time is a batch's or session's; it has no effect in job mode")
        return list(dict.fromkeys(notes))


@dataclass(frozen=True)
class Draft:
    """What can be told of a run without the service: all of it but the backend and what depends on it."""

    asked: str
    """The mode that the command line or the file asks for, ``auto`` where neither does."""

    workload: Workload
    tags: Sequence[str]
    planned: Sequence[PlannedJob]
    """PUBs that may share a job, each group as one job."""
    mode: ModeChoice
    """With a job for each group."""


def prepare_run(
    document: Document,
    file: WorkloadFile,
    connect: Callable[[], RuntimeClient],
    choices: Choices,
    progress: Callable[[str], None] = lambda _: None,
) -> tuple[Ready, RuntimeClient]:
    """Build, compile, pack and encode a workload.

    Args:
        document: The parsed file.
        file: The validated file.
        connect: Connects to the service; called once the file is known to be right.
        choices: What the command line says over the file.
        progress: Told what is being done.

    Raises:
        WorkloadError: The workload is wrong or doesn't fit the backend.
        LimitError: The plan of the instance refuses the mode.
        ServiceError: The service can't be reached, or refuses.
    """
    progress("reading circuits")
    draft = draft_run(document, file, choices)
    workload, mode = draft.workload, draft.mode
    progress("connecting")
    client = connect()
    backend = find_backend(document, file, client, choices.backend, widest=widest(workload))
    # The instance, and so the plan, is the backend's.
    plan_name = client.plan_name()
    allowed_mode(mode, draft.asked, plan_name, loops=bool(workload.loops))
    compilation = compile_for(workload.whole, backend, progress, cache=choices.cache)
    run_id = new_run_id()
    progress("preparing jobs")
    division = divide_run(draft, compilation, client, backend, run_id, plan_name)
    ready = Ready(
        run_id=run_id,
        workload=workload,
        backend=backend,
        plan=_plan(draft, division, plan_name, backend.name, choices.background),
        compilation=compilation,
        max_time=choices.max_time or file.max_time,
        planned=division.planned,
        jobs=division.jobs,
        pubs=_ledger_pubs(division.planned, workload),
        tags=draft.tags,
        budget=choices.budget or file.budget,
    )
    return ready, client


def draft_run(document: Document, file: WorkloadFile, choices: Choices) -> Draft:
    """Build a workload and pack its PUBs, with every check that needs no service.

    Args:
        document: The parsed file.
        file: The validated file.
        choices: What the command line says over the file.

    Raises:
        UsageError: The command line asks for too much.
        WorkloadError: The workload is wrong; all mistakes are told.
    """
    tags = _tags(file, choices)
    try:
        workload = load_workload(document, file)
    except InvalidWorkload as error:
        raise with_options(error) from None
    planned, mistakes = _packed(workload, file, document)
    if mistakes:
        raise in_file_order(mistakes)
    asked = choices.mode or file.mode
    return Draft(asked, workload, tags, planned, _mode(asked, len(planned), workload))


def _mode(asked: str, num_jobs: int, workload: Workload) -> ModeChoice:
    return choose_mode(asked, num_jobs, loops=bool(workload.loops), exclusive=workload.file.exclusive)


def with_options(error: InvalidWorkload) -> InvalidWorkload:
    """The mistakes of a workload, and those in the options and sizes of what is sound of it."""
    if error.sound is None:
        return error
    _, mistakes = _packed(error.sound, error.sound.file, error.sound.document)
    return in_file_order([*error.mistakes, *mistakes])


def _packed(
    workload: Workload, file: WorkloadFile, document: Document
) -> tuple[list[PlannedJob], list[WorkloadError]]:
    """The jobs, and what is wrong with the options and the size of them."""
    names = {kind: option_names(kind, file.defaults.primitives) for kind in (SAMPLER, ESTIMATOR)}
    whole = workload.whole
    every = pack(whole.pubs, names)
    mistakes = file_mistakes(file, document)
    mistakes += option_mistakes(whole, every, names)
    mistakes += limit_mistakes(whole)
    # What loops run is sent when their optimizers ask for it.
    return pack(workload.pubs, names) if workload.loops else every, mistakes


def divide_run(
    draft: Draft,
    compilation: Compilation,
    client: RuntimeClient,
    backend: BackendV2,
    run_id: str,
    plan_name: str | None,
) -> Division:
    """Pack a workload's PUBs into jobs, each prepared as the client would send it, and reckoned.

    Raises:
        InvalidWorkload: The client refuses jobs, or a PUB alone is too large to send; all of them are told.
    """
    file, times, rules = draft.workload.file, times_of(backend), rules_of(plan_name)
    division = divide(
        draft.planned,
        lambda group: _limits(group, file, rules),
        lambda jobs: _mode(draft.asked, jobs, draft.workload).mode,
        rules,
        lambda jobs: prepare_jobs(draft, jobs, compilation, client, backend, run_id),
        lambda job, prepared: estimate_prepared(job, prepared, compilation.pubs, client, backend, times),
    )
    too_large = [
        payload_mistake(draft.workload, job, estimate.payload_bytes)
        for job, estimate in zip(division.planned, division.estimates, strict=True)
    ]
    if mistakes := [mistake for mistake in too_large if mistake is not None]:
        raise in_file_order(mistakes)
    return division


def _limits(group: PlannedJob, file: WorkloadFile, rules: Rules) -> Limits:
    environment = group.options.get("environment") or {}
    longest = group.options.get("max_execution_time") or environment.get("max_execution_time")
    return Limits(
        max_pubs=file.partition.max_pubs,
        target_qpu_time=file.partition.target_qpu_time,
        max_payload=file.partition.max_payload or MOST_PAYLOAD_BYTES,
        # What bounds an Estimator job besides its QPU time is not published.
        max_executions=MOST_EXECUTIONS if group.primitive == SAMPLER else None,
        max_qpu_seconds=min(rules.max_job_seconds, longest) if longest else rules.max_job_seconds,
    )


def _plan(
    draft: Draft, division: Division, plan_name: str | None, device: str, background: Background | None
) -> RunPlan:
    number, workload = len(division.planned), draft.workload
    choice = _mode(draft.asked, number, workload)
    return RunPlan(
        choice=allowed_mode(choice, draft.asked, plan_name, loops=bool(workload.loops)),
        advised=_mode("auto", number, workload),
        jobs=division.estimates,
        groups=division.groups,
        setting=Setting(rules_of(plan_name), background, device),
        sessions=plan_name != OPEN_PLAN,
    )


def prepare_jobs(
    draft: Draft,
    planned: Sequence[PlannedJob],
    compilation: Compilation,
    client: RuntimeClient,
    backend: BackendV2,
    run_id: str,
) -> list[PreparedJob]:
    """All that the client does for jobs of a run, but sending them.

    Raises:
        InvalidWorkload: The client refuses jobs; all of them are told.
    """
    jobs: list[PreparedJob] = []
    mistakes: list[WorkloadError] = []
    for job in planned:
        try:
            jobs.append(_prepare(job, compilation.pubs, client, backend, run_id, draft))
        except WorkloadError as mistake:
            mistakes.append(mistake)
    if mistakes:
        raise in_file_order(mistakes)
    return jobs


def _tags(file: WorkloadFile, choices: Choices) -> list[str]:
    tags = list(dict.fromkeys([*file.tags, *choices.tags]))
    if len(tags) > MOST_TAGS:
        raise UsageError(f"A job can have {MOST_TAGS} tags of yours, not {len(tags)}.", "Leave some out.")
    return tags


def _prepare(
    job: PlannedJob,
    isa: Sequence[IsaPub],
    client: RuntimeClient,
    backend: BackendV2,
    run_id: str,
    draft: Draft,
) -> PreparedJob:
    workload = draft.workload
    try:
        return client.prepare(
            job.primitive,
            [isa[index].as_tuple() for index in job.pubs],
            backend=backend,
            options=job.options,
            tags=[*draft.tags, run_tag(run_id)],
            shots=job.shots,
            precision=job.precision,
            generation=workload.file.defaults.primitives,
        )
    except Exception as error:
        # The client's preparation runs qiskit passes and its own checks, which raise errors of many kinds;
        # each of them means that this PUB can't be sent as it is.
        message = said(error)
        pub = workload.pubs[job.pubs[0]]
        raise workload.document.error(
            pub.location,
            f"The {job.primitive} refuses the PUBs of this job: {message}",
            "Nothing was submitted.",
        ) from error


def _ledger_pubs(planned: Sequence[PlannedJob], workload: Workload) -> list[LedgerPub]:
    places = {index: (job.index, position) for job in planned for position, index in enumerate(job.pubs)}
    # PUBs of a group of circuits share the place in the file that their observables are written at.
    written = [workload.file.pubs[int(pub.location[1])].observables for pub in workload.pubs]
    return [
        LedgerPub(
            index=pub.index,
            name=pub.name,
            circuit=pub.circuit_name,
            primitive=pub.primitive,
            job_index=places[pub.index][0],
            position=places[pub.index][1],
            shots=pub.shots,
            precision=pub.precision,
            shape=pub.shape,
            observables=_labels(spec),
        )
        for pub, spec in zip(workload.pubs, written, strict=True)
    ]


def _labels(spec: Any) -> Any:
    """What observables are called, in lists of their shape: a name, Paulis, a source, or a sum of terms."""
    if isinstance(spec, list):
        return [_labels(item) for item in spec]
    if isinstance(spec, dict):
        source = spec.get("file") or spec.get("python")
        return source or " ".join(_term(pauli, given) for pauli, given in spec.items())
    return spec


def _term(pauli: str, given: Any) -> str:
    """Terms of a sum: a weight that may be arithmetic, ``{on: …, coeff: …}``, or a list of these."""
    if isinstance(given, list):
        return " ".join(_term(pauli, item) for item in given)
    if isinstance(given, dict):
        qubits = ",".join(str(qubit) for qubit in given["on"])
        return f"{_term(pauli, given.get('coeff', 1))}[{qubits}]"
    return f"{number(given):+g} {pauli}"
