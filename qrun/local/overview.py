"""What goes on in the service right now, for a person who looks at it: not a part of IBM's interface."""

from __future__ import annotations

from typing import Any

from qrun.local.desk import Desk
from qrun.local.scheduling.events import OWN
from qrun.local.scheduling.state import DeviceState, Job, Stage, Workload
from qrun.local.scheduling.usage import workload_usage
from qrun.local.service import LocalService

_MOST_QUEUED = 20
"""Jobs of a queue that are named; of the others the number is told."""


def overview(service: LocalService) -> dict[str, Any]:
    """Plan, usage, other users, pace, and of each device that has something to show what it does.

    Durations are seconds; those that run down are told as what is left of them.
    """
    settings, plan, used = service.settings, service.plan, service.usage()
    desks = {desk.name: desk for desk in service.desks()}
    for desk in desks.values():
        desk.settle()
    return {
        "plan": {
            "name": plan.name,
            "sessions": plan.sessions,
            "allocation_seconds": plan.allocation_seconds,
            "limit_seconds": plan.limit_seconds,
            "price_per_second": plan.price_per_second,
            "period_days": plan.period_days,
            "max_ttl": plan.rules.max_ttl,
            "session_interactive_ttl": plan.rules.session_interactive_ttl,
            "batch_interactive_ttl": plan.rules.batch_interactive_ttl,
            "max_job_seconds": plan.rules.max_job_seconds,
        },
        "usage": {
            "consumed_seconds": used.consumed,
            "reached": used.reached,
            "cost": plan.cost(used.consumed),
        },
        "background": {
            "name": settings.background.name,
            "jobs_per_hour": settings.background.jobs_per_hour,
            "mean_seconds": settings.background.mean_seconds,
            "seed": settings.background.seed,
        },
        "pace": settings.pace.value,
        "devices": [
            _device(desk) for desk in desks.values() if desk.machine.state.jobs or _live(desk.machine.state)
        ],
    }


def _live(state: DeviceState) -> list[Workload]:
    return [
        workload
        for workload in state.workloads.values()
        if workload.history.state != "closed" or workload.jobs
    ]


def _device(desk: Desk) -> dict[str, Any]:
    state, now = desk.machine.state, desk.clock.now()
    ours = state.queues.get(OWN, {})
    return {
        "name": desk.name,
        "clock_ahead_seconds": round(desk.clock.offset, 3),
        "qpu": None if state.on_qpu is None else _holder(state.on_qpu, now),
        "lanes": [_lane(desk, job, now) for _, job in sorted(state.lanes.items())],
        "queue": {
            "length": sum(len(queue) for queue in state.queues.values()),
            "own": len(ours),
            "others": sum(len(queue) for instance, queue in state.queues.items() if instance != OWN),
            "first": list(ours)[:_MOST_QUEUED],
        },
        "workloads": [_workload(desk, workload, now) for workload in _live(state)],
    }


def _named(job: Job) -> dict[str, Any]:
    return {"job": None if job.of_others else job.id, "workload": job.workload, "others": job.of_others}


def _holder(job: Job, now: float) -> dict[str, Any]:
    needed = min(job.qpu_seconds, job.limit_seconds)
    held = max(0.0, now - job.on_qpu_at)
    return {**_named(job), "held_seconds": round(held, 3), "left_seconds": round(max(0.0, needed - held), 3)}


_STAGES = {Stage.CLASSICAL: "classical", Stage.READY: "waits for the QPU", Stage.QPU: "on the QPU"}


def _lane(desk: Desk, job: Job, now: float) -> dict[str, Any]:
    stage = _STAGES[job.stage]
    if job.stage is Stage.CLASSICAL and job.prepared_at is None:
        stage = "simulated"
    return {
        "lane": job.lane,
        **_named(job),
        "stage": stage,
        "running_seconds": round(max(0.0, now - job.started_at), 3),
    }


def _workload(desk: Desk, workload: Workload, now: float) -> dict[str, Any]:
    history = workload.history
    return {
        "id": workload.id,
        "mode": "session" if workload.dedicated else "batch",
        "state": history.state,
        "accepting_jobs": history.accepting_jobs,
        "queued": len(workload.queued),
        "running": len(history.running),
        "usage_seconds": workload_usage(history, now),
        **desk.machine.countdowns(workload.id, now),
    }
