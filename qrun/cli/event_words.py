"""Events in words, for people."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from qrun.run.events import BACK, JOB, LOST, SESSION, START, Event
from qrun.units import format_seconds

_ORDER = ("DONE", "RUNNING", "QUEUED", "ERROR", "CANCELLED")


def told(event: Event) -> str:
    """An event in words.

    Args:
        event: The event.
    """
    data = event.data
    if event.kind == START:
        name = f"{data['name']}: " if data["name"] else ""
        jobs = f"{data['jobs']:,} job{'' if data['jobs'] == 1 else 's'}"
        return f"{name}{jobs}, {data['mode']} on {data['backend']}"
    if event.kind == SESSION:
        takes = "" if data["accepting_jobs"] or data["state"] == "closed" else ", takes no more jobs"
        return f"{data['mode']} {data['session']} {data['state']}{takes}"
    if event.kind == JOB:
        return _told_job(data)
    if event.kind == LOST:
        return f"{data['message']} Asking again …"
    if event.kind == BACK:
        return f"the service answers again after {format_seconds(data['seconds'])}"
    counts = ", ".join(f"{number:,} {state.lower()}" for state, number in in_order(data["states"]))
    usage = data["usage_seconds"]
    return f"ended: {counts or 'no jobs'}" + ("" if usage is None else f", usage {tenths(usage)}")


def _told_job(data: Mapping[str, object]) -> str:
    text = f"job {data['job']} {str(data['state']).lower()}"
    if data["reason"]:
        code = f" (code {data['reason_code']})" if data["reason_code"] else ""
        text += f": {plain(str(data['reason']))}{code}"
    return text


def digest(events: Sequence[Event], most: int = 3) -> list[str]:
    """Events in words, many jobs of the same fate as one.

    Args:
        events: Events of one tick.
        most: How many jobs of one state are told one by one.
    """
    by_state: dict[str, list[Event]] = {}
    found = []
    for event in events:
        if event.kind == JOB:
            by_state.setdefault(str(event.data["state"]), []).append(event)
        else:
            found.append(told(event))
    for state, jobs in by_state.items():
        if len(jobs) > most:
            found.append(f"{len(jobs):,} jobs {state.lower()}")
        else:
            found += [told(job) for job in jobs]
    return found


def in_order(counts: Mapping[str, int]) -> list[tuple[str, int]]:
    """States and numbers: the known ones in the order of a job's life, then what qrun does not know."""
    known = [(state, counts[state]) for state in _ORDER if counts.get(state)]
    return known + sorted((state, number) for state, number in counts.items() if state not in _ORDER)


def tenths(seconds: float) -> str:
    """A duration to a tenth of a second, in words."""
    return format_seconds(round(seconds, 1))


def plain(text: str) -> str:
    """One line without anything that a terminal would obey."""
    return "".join(letter for letter in " ".join(text.split()) if letter.isprintable())
