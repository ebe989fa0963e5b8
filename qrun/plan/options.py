"""The workload's options against the client's own option models, before anything is sent."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from qrun.errors import WorkloadError
from qrun.plan.jobs import PlannedJob
from qrun.runtime.client import OptionMistake, check_options, suggest
from qrun.workload.document import Location
from qrun.workload.load import Workload
from qrun.workload.validate import in_file_order


def check_workload_options(
    workload: Workload, jobs: Sequence[PlannedJob], option_names: Mapping[str, Collection[str]]
) -> None:
    """Refuse options that the primitives don't take.

    Raises:
        InvalidWorkload: An option is unknown to every primitive in use, or has a wrong value.
    """
    mistakes = _unknown_names(workload, option_names)
    generation = workload.file.defaults.primitives
    for job in jobs:
        for mistake in check_options(job.primitive, job.options, generation):
            mistakes.append(_told(workload, job, mistake))
    if mistakes:
        unique = {(m.line, m.column, m.message): m for m in mistakes}
        raise in_file_order(list(unique.values()))


def _unknown_names(workload: Workload, option_names: Mapping[str, Collection[str]]) -> list[WorkloadError]:
    used = {pub.primitive for pub in workload.pubs}
    known = set().union(*(option_names[primitive] for primitive in used))
    mistakes = [
        _unknown(workload, ("defaults", "options", name), sorted(known))
        for name in workload.file.defaults.options
        if name not in known
    ]
    for pub in workload.pubs:
        own = pub.own_options
        names = option_names[pub.primitive]
        mistakes += [
            _unknown(workload, (*pub.location, "options", name), sorted(names))
            for name in own
            if name not in names
        ]
    return mistakes


def _unknown(workload: Workload, location: Location, known: Sequence[str]) -> WorkloadError:
    name = str(location[-1])
    return workload.document.error(
        location, f"There is no option {name!r} for this primitive.", suggest(name, known), at_key=True
    )


def _told(workload: Workload, job: PlannedJob, mistake: OptionMistake) -> WorkloadError:
    """The mistake where the file makes it: in the PUB's own options, or in the defaults."""
    document = workload.document
    places = [(*workload.pubs[index].location, "options", *mistake.location) for index in job.pubs]
    places.append(("defaults", "options", *mistake.location))
    place = max(places, key=lambda location: len(document.trim(location)) - len(location))
    return document.error(place, f"{job.primitive}: {mistake.message}.", mistake.hint, at_key=True)
