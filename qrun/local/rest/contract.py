"""What the endpoints take and give, for the generated documentation at ``/docs`` and ``/openapi.json``.

The handlers read requests themselves, since what they forgive and what they refuse is IBM's choice, not a
framework's. So it is written down here, by the public specification; ``tests/conformance/fuzz.py`` checks,
with requests made up from it, that the service keeps to it.
"""

from __future__ import annotations

import copy
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

Document = dict[str, Any]

_STRING: Document = {"type": "string"}
_INTEGER: Document = {"type": "integer"}
_NUMBER: Document = {"type": "number"}
_FLAG: Document = {"type": "boolean"}
_MOMENT: Document = {"type": "string", "format": "date-time"}
_CURSOR: Document = {"type": "string", "pattern": "^[0-9]{1,18}$"}
_TAGS: Document = {"type": "array", "items": {"type": "string", "maxLength": 86}, "maxItems": 8}
_ANY: Document = {"type": "object", "additionalProperties": True}


def _or_null(schema: Document) -> Document:
    return {"anyOf": [schema, {"type": "null"}]}


def _object(required: list[str], **properties: Document) -> Document:
    return {"type": "object", "required": required, "properties": properties}


def _list(items: Document) -> Document:
    return {"type": "array", "items": items}


def _of(name: str) -> Document:
    return {"$ref": f"#/components/schemas/{name}"}


def _one_of(*values: str) -> Document:
    return {"type": "string", "enum": list(values)}


_STATUS = _one_of("Queued", "Running", "Completed", "Cancelled", "Failed")
_STATE = _one_of("open", "active", "inactive", "closed")

SCHEMAS: Document = {
    "CreateJob": _object(
        ["program_id", "backend"],
        program_id=_one_of("sampler", "estimator", "executor", "noise-learner"),
        backend={"type": "string", "minLength": 1},
        params={"type": "object", "description": "What the program takes: PUBs, circuits, instructions."},
        session_id={"type": "string", "maxLength": 36},
        tags=_TAGS,
        cost={
            "type": "integer",
            "minimum": 0,
            "description": "Most QPU seconds; more than the plan allows, or none, means what it allows.",
        },
        private=_FLAG,
        log_level=_one_of("critical", "error", "warning", "info", "debug"),
        runtime=_STRING,
        calibration_id=_STRING,
    ),
    "CreatedJob": _object(
        ["id", "backend"],
        id=_STRING, backend=_STRING, session_id=_STRING, private=_FLAG, calibration_id=_STRING,
    ),
    "Job": _object(
        ["id", "created", "program", "state", "status", "cost"],
        id=_STRING,
        backend=_STRING,
        state=_object(
            ["status"],
            status=_STATUS,
            reason=_STRING,
            reason_code={"type": "integer", "minimum": 1000, "maximum": 9999},
            reason_solution=_STRING,
        ),
        status=_one_of(*_STATUS["enum"], "Cancelled - Ran too long"),
        params=_ANY,
        program=_object(["id"], id=_STRING),
        created=_MOMENT,
        runtime=_STRING,
        cost=_INTEGER,
        tags=_list(_STRING),
        session_id=_STRING,
        user_id=_STRING,
        usage=_of("JobUsage"),
        private=_FLAG,
        estimated_running_time_seconds=_or_null(_NUMBER),
        calibration_id=_STRING,
    ),
    "JobUsage": _object(
        [], qpu_charge_time_seconds=_NUMBER, status=_one_of("pending", "complete")
    ),
    "Jobs": _object(
        ["jobs", "count", "limit", "offset"],
        jobs=_list(_of("Job")), count=_INTEGER, limit=_INTEGER, offset=_INTEGER,
    ),
    "JobMetrics": _object(
        ["timestamps", "usage"],
        caller=_STRING,
        qiskit_version=_STRING,
        timestamps=_object(
            [], created=_MOMENT, running=_or_null(_MOMENT), finished=_or_null(_MOMENT)
        ),
        usage=_of("JobUsage"),
        circuits_execution_time_ns=_or_null(_INTEGER),
    ),
    "Tags": _object(["tags"], tags=_TAGS),
    "FoundTags": _object(["tags"], tags=_list(_STRING)),
    "CreateSession": _object(
        ["mode", "backend"],
        mode=_one_of("dedicated", "batch"),
        backend={"type": "string", "minLength": 1},
        max_ttl={"type": "integer", "minimum": 1, "description": "Seconds; missing: the plan's maximum."},
    ),
    "Session": _object(
        ["id", "state", "accepting_jobs", "mode", "max_ttl", "interactive_ttl", "active_ttl"],
        id=_STRING,
        backend_name=_or_null(_STRING),
        started_at=_or_null(_MOMENT),
        activated_at=_or_null(_MOMENT),
        closed_at=_or_null(_MOMENT),
        last_job_started=_or_null(_MOMENT),
        last_job_completed=_or_null(_MOMENT),
        interactive_ttl=_INTEGER,
        max_ttl=_INTEGER,
        active_ttl=_INTEGER,
        state=_STATE,
        state_reason=_STRING,
        accepting_jobs=_FLAG,
        mode=_one_of("dedicated", "batch"),
        timestamps=_list(_object([], status=_STATE, timestamp=_MOMENT)),
        user_id=_STRING,
        elapsed_time=_or_null(_NUMBER),
    ),
    "UpdateSession": _object(["accepting_jobs"], accepting_jobs=_FLAG),
    "Backends": _object(
        ["devices"],
        devices=_list(
            _object(
                ["name", "status", "qubits", "queue_length"],
                name=_STRING,
                status=_object(["name"], name=_one_of("online", "paused", "offline"), reason=_STRING),
                is_simulator=_FLAG,
                qubits=_INTEGER,
                physical_qubits=_INTEGER,
                clops=_object([], type=_STRING, value=_NUMBER),
                processor_type=_ANY,
                queue_length=_INTEGER,
                wait_time_seconds=_object([], average=_NUMBER, p50=_NUMBER, p95=_NUMBER),
                **{"class": {"type": "string", "description": "`mock`: the dry-run counterpart of a device"}},
            )
        ),
    ),
    "BackendStatus": _object(
        ["length_queue"],
        state=_FLAG, status=_STRING, message=_STRING, length_queue=_INTEGER, backend_version=_STRING,
    ),
    "BackendConfiguration": _object(
        [
            "backend_name", "backend_version", "basis_gates", "conditional", "coords", "coupling_map",
            "gates", "local", "memory", "n_qubits", "online_date", "u_channel_lo",
        ],
    ),
    "BackendProperties": _object(["backend_name", "last_update_date", "qubits", "gates"]),
    "Usage": _object(
        ["instance_id", "plan_id", "usage_consumed_seconds"],
        instance_id=_STRING,
        plan_id=_STRING,
        usage_consumed_seconds=_NUMBER,
        usage_period=_object([], start_time=_MOMENT, end_time=_MOMENT),
        usage_limit_seconds=_NUMBER,
        usage_allocation_seconds=_NUMBER,
        usage_limit_reached=_FLAG,
    ),
    "Instance": _object([], backends=_list(_STRING), plan_id=_STRING),
    "InstanceConfiguration": _object([], instance_limit=_or_null(_NUMBER)),
    "UpdateInstanceConfiguration": _object(
        ["instance_limit"], instance_limit=_or_null({"type": "integer", "minimum": 0})
    ),
    "AccountConfiguration": _object(["plans"], plans=_list(_ANY)),
    "Workloads": _object(
        ["workloads", "total_count", "limit"],
        workloads=_list(
            _object(
                ["id", "created", "mode", "status"],
                id=_STRING,
                created=_MOMENT,
                ended=_or_null(_MOMENT),
                backend=_STRING,
                instance=_STRING,
                user_id=_STRING,
                accepting_jobs=_FLAG,
                mode=_one_of("job", "session", "batch"),
                status=_one_of("completed", "canceled", "failed", "pending", "in_progress"),
                status_reason=_STRING,
                tags=_list(_STRING),
                usage_seconds=_NUMBER,
                usage=_of("JobUsage"),
                estimated_running_time_seconds=_or_null(_NUMBER),
            )
        ),
        total_count=_INTEGER,
        limit=_INTEGER,
        previous=_object(["href"], href=_STRING),
        next=_object(["href"], href=_STRING),
    ),
    "Versions": _object(["versions"], versions=_list(_STRING)),
    "Error": _object(
        ["errors"],
        errors=_list(
            _object(["code", "message"], code=_INTEGER, message=_STRING, solution=_STRING, more_info=_STRING)
        ),
        error=_object([], code=_INTEGER, message=_STRING),
    ),
}  # fmt: skip

_WHAT = {
    200: "Done",
    204: "Done; nothing to tell",
    400: "The request is not of the form it should have",
    401: "Not authenticated",
    404: "There is none of that name or ID",
    409: "Not in a state in which that can be done",
    413: "Larger than 50 MB",
}


def answers(
    code: int, schema: str | None = None, *refusals: int, media: str = "application/json"
) -> Document:
    """FastAPI's arguments for what an endpoint answers: ``code`` with ``schema``, or a refusal."""
    done: Document = {"description": _WHAT[code]}
    if schema is not None:
        done["content"] = {media: {"schema": _of(schema)}}
    elif code == 200:
        done["content"] = {media: {"schema": {} if media == "application/json" else _STRING}}
    error = {"application/json": {"schema": _of("Error")}}
    responses: dict[int, Document] = {code: done}
    for refusal in (*refusals, 400, 401):
        responses[refusal] = {"description": _WHAT[refusal], "content": error}
    return {"status_code": code, "responses": responses}


def text_or_nothing(*refusals: int) -> Document:
    """FastAPI's arguments for an endpoint that answers with text, or that there is none."""
    done = answers(200, None, *refusals, media="text/plain")
    done["responses"][204] = {"description": "There is none"}
    return done


def takes(body: str) -> Document:
    """FastAPI's argument for an endpoint with a JSON body."""
    content = {"application/json": {"schema": _of(body)}}
    return {"requestBody": {"required": True, "content": content}}


def query(name: str, schema: Document, description: str = "", *, required: bool = False) -> Document:
    """A parameter of the query."""
    parameter = {"name": name, "in": "query", "schema": schema, "required": required}
    return {**parameter, "description": description} if description else parameter


_TIMES = [
    query("created_after", _MOMENT),
    query("created_before", _MOMENT),
]
_MOCKS = query("include_mocks", _FLAG, "Those on mocks too, which are dry runs.")
_CALIBRATION = query("calibration_id", _STRING, "A device has the calibration of its snapshot alone.")

OPEN: Document = {"security": []}
"""Of an endpoint that needs no token."""
JOBS_QUERY: Document = {
    "parameters": [
        query("limit", _INTEGER, "1 to 200; else 200."),
        query("offset", _INTEGER, "0 or more; else 0."),
        query("pending", _FLAG, "true: Queued and Running; false: Completed, Cancelled and Failed."),
        query("program", _STRING),
        query("backend", _STRING),
        query("sort", _one_of("ASC", "DESC"), "By creation; DESC where it is missing."),
        query("tags", _list(_STRING), "Repeat it for several; a job must carry all of them."),
        query("session_id", _STRING),
        query("exclude_params", _FLAG, "true where it is missing."),
        _MOCKS,
        *_TIMES,
    ]
}
JOB_QUERY: Document = {"parameters": [query("exclude_params", _FLAG, "false where it is missing.")]}
BACKENDS_QUERY: Document = {"parameters": [query("fields", _one_of("wait_time_seconds")), _MOCKS]}
CONFIGURATION_QUERY: Document = {"parameters": [_CALIBRATION]}
PROPERTIES_QUERY: Document = {"parameters": [_CALIBRATION, query("updated_before", _MOMENT)]}
WORKLOADS_QUERY: Document = {
    "parameters": [
        query("user", _one_of("me")),
        query("sort", _one_of("createdAt", "-createdAt"), "-createdAt where it is missing."),
        query("limit", _INTEGER, "1 to 50; else 10."),
        query("previous", _CURSOR, "Cursor of an earlier answer."),
        query("next", _CURSOR, "Cursor of an earlier answer."),
        query("backend", _STRING),
        query("search", _STRING, "Part of an ID or tag."),
        query(
            "status", _list(SCHEMAS["Workloads"]["properties"]["workloads"]["items"]["properties"]["status"])
        ),
        query("mode", _one_of("job", "session", "batch")),
        query("tags", _list(_STRING)),
        _MOCKS,
        *_TIMES,
    ]
}
TAGS_QUERY: Document = {
    "parameters": [
        query("type", _one_of("job"), required=True),
        query("search", {"type": "string", "minLength": 3, "maxLength": 100}, required=True),
    ]
}
ACCOUNT_QUERY: Document = {"parameters": [query("plan_id", _STRING)]}


def openapi_of(app: FastAPI) -> Document:
    """The OpenAPI document of the service."""
    if app.openapi_schema is not None:
        return app.openapi_schema
    document = get_openapi(
        title=app.title, version=app.version, description=app.description, routes=app.routes
    )
    components = document.setdefault("components", {})
    # What FastAPI adds by itself is about answers that it never gives here.
    components["schemas"] = schemas = copy.deepcopy(SCHEMAS)
    schemas["CreateSession"]["properties"]["max_ttl"]["maximum"] = app.state.service.rules.max_ttl
    for path in document["paths"].values():
        for operation in path.values():
            operation.get("responses", {}).pop("422", None)
    components["securitySchemes"] = {
        "Token": {"type": "apiKey", "in": "header", "name": "Authorization", "description": "apikey TOKEN"},
        "Instance": {"type": "apiKey", "in": "header", "name": "Service-CRN", "description": "The instance"},
    }
    document["security"] = [{"Token": [], "Instance": []}]
    app.openapi_schema = document
    return document
