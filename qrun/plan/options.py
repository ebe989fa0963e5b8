"""The workload's options against the client's own option models, before anything is sent."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from qrun.errors import WorkloadError
from qrun.plan.jobs import PlannedJob
from qrun.runtime.client import CLIENT_SIDE, V2, OptionMistake, check_options, option_paths
from qrun.workload.document import Location
from qrun.workload.load import ESTIMATOR, SAMPLER, Workload
from qrun.workload.words import did_you_mean


def option_mistakes(
    workload: Workload, jobs: Sequence[PlannedJob], option_names: Mapping[str, Collection[str]]
) -> list[WorkloadError]:
    """Options that the primitives in use don't know, or whose values they don't take."""
    mistakes = _unknown_names(workload, option_names) + _reserved(workload)
    generation = workload.file.defaults.primitives
    for job in jobs:
        for mistake in check_options(job.primitive, job.options, generation):
            hint = _hint(mistake, job.primitive, generation)
            mistakes.append(_told(workload, job, mistake, f"{job.primitive}: {mistake.message}.", hint))
    return mistakes


def v2_mistakes(workload: Workload, job: PlannedJob, what: str) -> list[WorkloadError]:
    """Options of a job that the V2 primitives don't take, for what is written in their terms.

    Args:
        workload: The workload.
        job: One of its jobs.
        what: What is for the V2 primitives.
    """
    mistakes = []
    for mistake in check_options(job.primitive, job.options, V2):
        path = ".".join(str(part) for part in mistake.location)
        instead = _IN_ITS_PLACE.get((CLIENT_SIDE, path))
        hint = f"They have {instead} in its place." if instead else "Leave the option out."
        message = f"{what} is for the V2 primitives: {mistake.message}."
        mistakes.append(_told(workload, job, mistake, message, hint))
    return mistakes


_IN_ITS_PLACE = {
    (V2, "simulator.noise_model"): "simulator.layer_noise_model",
    (CLIENT_SIDE, "simulator.layer_noise_model"): "simulator.noise_model",
}
"""Generation and option of it → what the other generation has in its place."""

_OURS = {
    "optimization_level": "defaults.transpile.optimization_level",
    "seed_transpiler": "defaults.transpile.seed_transpiler",
    "initial_layout": "defaults.transpile.initial_layout",
    "shots": "shots of the PUB, or defaults.shots",
    "precision": "precision of the PUB, or defaults.precision",
    "job_tags": "tags",
    "tags": "tags",
}
"""What is written elsewhere in a workload file, whichever generation is in use."""


def _reserved(workload: Workload) -> list[WorkloadError]:
    """Tags in the options would be lost among those that qrun gives each job."""
    places: list[tuple[Location, Mapping[str, Any]]] = [(("defaults",), workload.file.defaults.options)]
    places += [(pub.location, pub.own_options) for pub in workload.pubs]
    return [
        workload.document.error(
            (*location, "options", "environment", "job_tags"),
            "The jobs' tags are not set among the options.",
            "Write tags: [...] at the top of the file.",
            at_key=True,
        )
        for location, options in places
        if isinstance(options.get("environment"), dict) and "job_tags" in options["environment"]
    ]


def _unknown_names(workload: Workload, option_names: Mapping[str, Collection[str]]) -> list[WorkloadError]:
    generation = workload.file.defaults.primitives
    # Asked of the file, because PUBs that could not be made are not among the workload's.
    primitives = {SAMPLER if spec.observables is None else ESTIMATOR for spec in workload.file.pubs}
    # A driver of the user's may use both.
    drives = any(loop.drive is not None for loop in workload.file.loops.values())
    primitives |= {SAMPLER, ESTIMATOR} if drives else {pub.primitive for pub in workload.pubs}
    used = sorted(primitives)
    known = set().union(*(option_names[primitive] for primitive in used))
    mistakes = [
        _unknown(workload, ("defaults", "options", name), sorted(known), used, generation)
        for name in workload.file.defaults.options
        if name not in known
    ]
    for pub in workload.pubs:
        own = pub.own_options
        names = option_names[pub.primitive]
        mistakes += [
            _unknown(workload, (*pub.location, "options", name), sorted(names), [pub.primitive], generation)
            for name in own
            if name not in names
        ]
    return mistakes


def _unknown(
    workload: Workload,
    location: Location,
    known: Sequence[str],
    primitives: Sequence[str],
    generation: str,
) -> WorkloadError:
    name = str(location[-1])
    hint = elsewhere(name, primitives, generation) or did_you_mean(name, known)
    return workload.document.error(
        location, f"There is no option {name!r} for this primitive.", hint, at_key=True
    )


def elsewhere(path: str, primitives: Sequence[str], generation: str) -> str | None:
    """Where an option belongs that the primitives in use don't have; ``None`` where nobody has it.

    Args:
        path: The option as a dotted path below ``options``.
        primitives: The primitives that it was written for.
        generation: The generation in use, ``client-side`` or ``v2``.
    """
    other = V2 if generation == CLIENT_SIDE else CLIENT_SIDE
    for primitive in primitives:
        if path in option_paths(primitive, other):
            return _of_the_other(path, primitive, generation, other)
    leaf = path.rpartition(".")[2]
    if leaf in _OURS:
        return f"In a workload it is {_OURS[leaf]}."
    for asked in (generation, other):
        for primitive in primitives:
            paths = sorted(known for known in option_paths(primitive, asked) if known.endswith(f".{leaf}"))
            if paths:
                switch = "" if asked == generation else f", with defaults.primitives: {other}"
                return f"It is written {' or '.join(paths)}{switch}."
    return None


def _of_the_other(path: str, primitive: str, generation: str, other: str) -> str:
    named = {V2: "V2", CLIENT_SIDE: "client-side"}[other]
    hint = f"It is an option of the {named} primitives: set defaults.primitives: {other}"
    instead = _IN_ITS_PLACE.get((other, path))
    if instead in option_paths(primitive, generation):
        return f"{hint}, or use {instead}, which the primitives in use have in its place."
    return f"{hint}."


def _hint(mistake: OptionMistake, primitive: str, generation: str) -> str | None:
    if not mistake.unknown:
        return None
    path = ".".join(str(part) for part in mistake.location)
    return elsewhere(path, [primitive], generation) or did_you_mean(mistake.location[-1], mistake.known)


def _told(
    workload: Workload, job: PlannedJob, mistake: OptionMistake, message: str, hint: str | None
) -> WorkloadError:
    """The mistake where the file makes it: in the PUB's own options, or in the defaults."""
    document = workload.document
    places = [(*workload.pubs[index].location, "options", *mistake.location) for index in job.pubs]
    places.append(("defaults", "options", *mistake.location))
    place = max(places, key=lambda location: len(document.trim(location)) - len(location))
    return document.error(place, message, hint, at_key=True)
