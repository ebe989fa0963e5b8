"""``/jobs``: submit, list, read, cancel and delete jobs."""

from __future__ import annotations

import asyncio
import json
import re
import zlib
from typing import Any

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response

from qrun.local.records import JobFilter, JobRecord
from qrun.local.refusal import Refusal, invalid
from qrun.local.rest import answers, contract
from qrun.local.rest.answers import service_of
from qrun.local.scheduling.rules import CODE_RAN_TOO_LONG
from qrun.local.service import LocalService
from qrun.local.simulation.programs import PROGRAM_IDS

router = APIRouter(prefix="/api/v1/jobs")

MOST_LISTED = 200
LONGEST_SESSION_ID = 36
LOG_LEVELS = ("critical", "error", "warning", "info", "debug")
_QISKIT_VERSION = re.compile(r"\bqiskit-(\d[\w.]*)")


@router.post(
    "", openapi_extra=contract.takes("CreateJob"), **contract.answers(200, "CreatedJob", 404, 409, 413)
)
async def create(request: Request) -> Response:
    """Accept a job."""
    service = service_of(request)
    data = await answers.document(request)
    job = _requested(data, request.headers.get("x-qx-client-application", ""), service.rules.max_job_seconds)
    size = int(request.headers.get("content-length", answers.MOST_BYTES))
    params = await answers.in_thread_if_large(size, _packed, data["params"])
    answer: dict[str, Any] = {"id": await service.submit(job, params), "backend": job.device}
    if job.session_id:
        answer["session_id"] = job.session_id
    if job.private:
        answer["private"] = True
    if job.calibration_id:
        answer["calibration_id"] = job.calibration_id
    return JSONResponse(answer)


def _packed(params: dict[str, Any]) -> bytes:
    return zlib.compress(json.dumps(params, separators=(",", ":")).encode(), 1)


def _requested(data: dict[str, Any], caller: str, longest: int) -> JobRecord:
    """The job that a body asks for.

    Raises:
        Refusal: The body is not of the form it should have, or the program is unknown.
    """
    program, device = answers.text_in(data, "program_id"), answers.text_in(data, "backend")
    if not program or not device:
        raise invalid("program_id and backend are required")
    if program not in PROGRAM_IDS:
        raise Refusal(404, f"Program not found: {program}", solution=f"Use one of {', '.join(PROGRAM_IDS)}.")
    data.setdefault("params", {})
    _check_params(program, data["params"])
    qiskit = _QISKIT_VERSION.search(caller)
    return JobRecord(
        id="",
        device=device,
        program=program,
        session_id=answers.text_in(data, "session_id", LONGEST_SESSION_ID) or None,
        cost=min(answers.whole_in(data, "cost", 0) or longest, longest),
        tags=answers.tags_in(data),
        private=answers.flag_in(data, "private"),
        runtime=answers.text_in(data, "runtime"),
        log_level=_log_level(data),
        calibration_id=answers.text_in(data, "calibration_id"),
        caller=caller.rpartition("/")[2] or None,
        qiskit_version=qiskit.group(1) if qiskit else None,
    )


def _log_level(data: dict[str, Any]) -> str | None:
    level = answers.text_in(data, "log_level")
    if level is not None and level.lower() not in LOG_LEVELS:
        raise invalid(f"log_level must be one of {', '.join(LOG_LEVELS)}")
    return level


def _check_params(program: str, params: Any) -> None:
    """Refuse at once what could only fail later, as far as that is seen without unpacking it.

    Raises:
        Refusal: It is not of the form that the program takes.
    """
    if not isinstance(params, dict):
        raise invalid("params must be a JSON object")
    if program not in ("sampler", "estimator"):
        return
    if not isinstance(params.get("pubs", []), list):
        raise invalid("params.pubs must be a list")
    if not isinstance(params.get("options") or {}, dict):
        raise invalid("params.options must be a JSON object")


@router.get("", openapi_extra=contract.JOBS_QUERY, **contract.answers(200, "Jobs"))
async def list_jobs(request: Request) -> Response:
    """One page of the jobs that fit, and how many there are."""
    query = request.query_params
    limit = answers.number(query, "limit", MOST_LISTED, 1, MOST_LISTED)
    offset = answers.number(query, "offset", 0, 0)
    after, before = answers.created_between(query)
    wanted = JobFilter(
        session_id=query.get("session_id"),
        device=query.get("backend"),
        program=query.get("program"),
        pending=answers.flag(query, "pending"),
        tags=tuple(query.getlist("tags")),
        created_after=after,
        created_before=before,
        newest_first=answers.choice(query, "sort", "ASC", "DESC") != "ASC",
        include_mocks=answers.flag(query, "include_mocks") is True,
        limit=limit,
        offset=offset,
    )
    jobs, count = service_of(request).store.jobs(wanted)
    with_params = answers.flag(query, "exclude_params") is False
    page: dict[str, Any] = {"count": count, "limit": limit, "offset": offset}
    return Response(
        _spliced(page, "jobs", b"[" + b",".join(await _listed(request, jobs, with_params)) + b"]"),
        media_type="application/json",
    )


async def _listed(request: Request, jobs: list[JobRecord], with_params: bool) -> list[bytes]:
    """The job objects; once they have as many bytes as a request may have, without parameters."""
    listed: list[bytes] = []
    size = 0
    for job in jobs:
        listed.append(await _described(request, job, with_params and size < answers.MOST_BYTES))
        size += len(listed[-1])
    return listed


@router.get("/{job_id}", openapi_extra=contract.JOB_QUERY, **contract.answers(200, "Job", 404))
async def read(request: Request, job_id: str) -> Response:
    """All about a job; with its parameters unless they are excluded."""
    job = service_of(request).job(job_id)
    with_params = answers.flag(request.query_params, "exclude_params") is not True
    return Response(await _described(request, job, with_params), media_type="application/json")


@router.delete("/{job_id}", **contract.answers(204, None, 404))
async def delete(request: Request, job_id: str) -> Response:
    """Delete a job that has ended."""
    await service_of(request).delete(job_id)
    return Response(status_code=204)


@router.post("/{job_id}/cancel", **contract.answers(204, None, 404, 409))
async def cancel(request: Request, job_id: str) -> Response:
    """Cancel a job."""
    await service_of(request).cancel(job_id)
    return Response(status_code=204)


@router.get("/{job_id}/results", **contract.text_or_nothing(404))
async def results(request: Request, job_id: str) -> Response:
    """The result of a job that completed, or the error text of one that failed; 204 for any other."""
    service = service_of(request)
    job = service.job(job_id)
    if job.status == "Completed" and job.private:
        text = await service.take_private_result(job_id)
    elif job.status == "Completed":
        text = await asyncio.to_thread(service.store.result, job_id)
    elif job.status == "Failed":
        text = await asyncio.to_thread(service.store.result, job_id) or job.reason
    else:
        text = None
    return Response(status_code=204) if text is None else PlainTextResponse(text)


@router.get("/{job_id}/logs", **contract.text_or_nothing(404))
async def logs(request: Request, job_id: str) -> Response:
    """The log of a job that has ended; 204 while there is none."""
    service = service_of(request)
    text = await asyncio.to_thread(service.store.log, job_id) if service.job(job_id).ended else None
    return Response(status_code=204) if text is None else PlainTextResponse(text)


@router.get("/{job_id}/metrics", **contract.answers(200, "JobMetrics", 404))
async def metrics(request: Request, job_id: str) -> Response:
    """A job's times, all by its device's clock, and its usage, in the form of API version 2026-04-15 (D4)."""
    service = service_of(request)
    job = service.job(job_id)
    times = {
        "created": answers.timestamp(job.queued),
        "running": answers.timestamp(job.started),
        "finished": answers.timestamp(job.finished),
    }
    return JSONResponse(
        {
            "caller": job.caller or "",
            "qiskit_version": job.qiskit_version or "",
            "timestamps": times,
            "usage": _usage(service, job),
            "circuits_execution_time_ns": job.execution_ns if job.status == "Completed" else None,
        }
    )


@router.put("/{job_id}/tags", openapi_extra=contract.takes("Tags"), **contract.answers(204, None, 404))
async def put_tags(request: Request, job_id: str) -> Response:
    """Give a job other tags."""
    data = await answers.document(request)
    if data.get("tags") is None:
        raise invalid("tags is required")
    await service_of(request).set_tags(job_id, answers.tags_in(data))
    return Response(status_code=204)


def _usage(service: LocalService, job: JobRecord) -> dict[str, Any]:
    return {
        "qpu_charge_time_seconds": answers.seconds(service.usage_of(job)),
        "status": "complete" if job.ended else "pending",
    }


async def _described(request: Request, job: JobRecord, with_params: bool) -> bytes:
    """The job object as JSON, with its parameters unless it is private."""
    answer = _about(job, request.app.state.user_id, _usage(service_of(request), job))
    packed = None
    if with_params and not job.private:
        packed = await asyncio.to_thread(service_of(request).store.params, job.id)
    if packed is None:
        return json.dumps(answer).encode()
    # As they came, which may be more than strict JSON: Python clients write NaN, and read it.
    return _spliced(answer, "params", await asyncio.to_thread(zlib.decompress, packed))


def _spliced(start: dict[str, Any], name: str, value: bytes) -> bytes:
    """``start``, which is not empty, as JSON with one more member that is JSON already."""
    return b'%s,"%s":%s}' % (json.dumps(start).encode()[:-1], name.encode(), value)


def _about(job: JobRecord, user: str, usage: dict[str, Any]) -> dict[str, Any]:
    """The job object without parameters (facts D3)."""
    state: dict[str, Any] = {"status": job.status}
    if job.reason:
        state["reason"] = job.reason
    if job.reason_code is not None:
        state["reason_code"] = job.reason_code
    too_long = job.reason_code == CODE_RAN_TOO_LONG
    answer: dict[str, Any] = {
        "id": job.id,
        "backend": job.device,
        "state": state,
        "status": "Cancelled - Ran too long" if too_long else job.status,
        "program": {"id": job.program},
        "created": answers.timestamp(job.created),
        "runtime": job.runtime or "",
        "cost": job.cost,
        "tags": job.tags,
        "user_id": user,
        "usage": usage,
        "private": job.private,
        "estimated_running_time_seconds": job.needed,
    }
    if job.session_id:
        answer["session_id"] = job.session_id
    if job.calibration_id:
        answer["calibration_id"] = job.calibration_id
    return answer
