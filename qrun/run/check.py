"""Workload files looked at as ``submit`` would look at them, every mistake told and nothing sent."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from qrun.errors import QrunError, ServiceError, WorkloadError
from qrun.workload.document import Document
from qrun.workload.expand import LoadChoices, open_document
from qrun.workload.model import WorkloadFile
from qrun.workload.validate import InvalidWorkload, sound_part, validate

if TYPE_CHECKING:
    from qiskit.providers import BackendV2

    from qrun.run.prepare import Choices, Draft
    from qrun.runtime.client import RuntimeClient

Connect = Callable[[str | None], "RuntimeClient"]
"""Connects to the service that a file names, or none."""


@dataclass
class Finding:
    """What was found in one file."""

    path: str
    name: str | None = None
    """The workload's name, once it is known."""
    mistakes: list[QrunError] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    """What is no mistake, but should be known: options without effect, and the like."""

    text_only: bool = False
    """Whether no more than that was to be looked at: no circuit was built."""
    checked: bool = False
    """Whether all has been looked at that was to be."""

    def sort(self) -> None:
        """Put the mistakes in the file's order, each once; those without a place last."""
        unique = {(str(mistake), mistake.hint): mistake for mistake in self.mistakes}
        self.mistakes = sorted(unique.values(), key=_place)


def _place(mistake: QrunError) -> tuple[bool, str, int, int]:
    if not isinstance(mistake, WorkloadError):
        return (True, "", 0, 0)
    return (mistake.line is None, mistake.path or "", mistake.line or 0, mistake.column or 0)


@contextmanager
def _noted(finding: Finding) -> Iterator[None]:
    """Keep what is wrong with the workload; a service that can't be asked is no mistake of the file's."""
    try:
        yield
    except ServiceError:
        raise
    except InvalidWorkload as error:
        finding.mistakes += error.mistakes
    except QrunError as error:
        finding.mistakes.append(error)


def check_syntax(path: str | Path, choices: LoadChoices) -> Finding:
    """What is wrong with a file's YAML, keys, values and references; no circuit is built."""
    finding = Finding(str(path), text_only=True)
    with _noted(finding):
        finding.name = validate(open_document(path, choices)).name
    finding.checked = True
    return finding


def check_workload(
    finding: Finding,
    load_choices: LoadChoices,
    choices: Choices,
    connect: Connect,
    progress: Callable[[str], None] = lambda _: None,
) -> None:
    """Everything that ``submit`` would find wrong with a file.

    Args:
        finding: Where to put it; what is in it already stays there where the service can't be reached.
        load_choices: What the command line says over the file while it is read.
        choices: What the command line says over the run.
        connect: Connects to the service; not called for a file of which nothing is left to ask it.
        progress: Told what is being done.

    Raises:
        ServiceError: The service can't be reached.
    """
    document: Document | None = None
    progress(f"reading {finding.path}")
    with _noted(finding):
        document = open_document(finding.path, load_choices)
    if document is None:
        return
    file, draft = _draft(document, choices, finding)
    if file is None:
        return
    progress("connecting")
    client = connect(file.service)
    backend = _backend(document, file, draft, client, choices, finding)
    if draft is not None and backend is not None:
        _compile_and_prepare(draft, backend, client, choices, finding, progress)


def _draft(
    document: Document, choices: Choices, finding: Finding
) -> tuple[WorkloadFile | None, Draft | None]:
    """The file, or what is sound of it, and the workload where there is nothing wrong with it."""
    from qrun.run.prepare import draft_run, with_options
    from qrun.workload.load import load_workload

    try:
        file = validate(document)
    except InvalidWorkload:
        with _noted(finding):
            # Loading tells the validator's mistakes too, together with those in what it found sound.
            try:
                load_workload(document)
            except InvalidWorkload as error:
                raise with_options(error) from None
        rest = sound_part(document)
        return (rest.file if rest else None), None
    except WorkloadError as error:
        finding.mistakes.append(error)
        return None, None
    finding.name = file.name
    with _noted(finding):
        return file, draft_run(document, file, choices)
    return file, None


def _backend(
    document: Document,
    file: WorkloadFile,
    draft: Draft | None,
    client: RuntimeClient,
    choices: Choices,
    finding: Finding,
) -> BackendV2 | None:
    from qrun.plan.mode import check_plan
    from qrun.run.backend import find_backend, widest

    backend = None
    with _noted(finding):
        needed = widest(draft.workload) if draft else 1
        backend = find_backend(document, file, client, choices.backend, widest=needed)
    mode = draft.mode.mode if draft else choices.mode or file.mode
    if mode == "session" and backend is not None:
        try:
            check_plan(mode, client.plan_name())
        except ServiceError:
            raise
        except QrunError as error:
            finding.mistakes.append(document.error(("mode",), error.message, error.hint))
    return backend


def _compile_and_prepare(
    draft: Draft,
    backend: BackendV2,
    client: RuntimeClient,
    choices: Choices,
    finding: Finding,
    progress: Callable[[str], None],
) -> None:
    from qrun.ledger import new_run_id
    from qrun.run.backend import compile_for
    from qrun.run.prepare import divide_run
    from qrun.workload.compile import width_mistakes

    workload = draft.workload.whole
    too_wide = width_mistakes(workload, backend)
    finding.mistakes += too_wide
    if too_wide:
        # What does fit is compiled all the same: that may have mistakes of its own.
        fitting = tuple(pub for pub in workload.pubs if pub.circuit.num_qubits <= backend.num_qubits)
        workload = replace(workload, pubs=fitting)
    with _noted(finding):
        compilation = compile_for(workload, backend, progress, cache=choices.cache)
        if too_wide:
            return
        progress("preparing jobs")
        division = divide_run(draft, compilation, client, backend, new_run_id(), client.plan_name())
        finding.notes = list(dict.fromkeys(note for job in division.jobs for note in job.notes))
