"""What a client looks up before it does anything: token, instances, plan; and the instance's usage."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qs

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from qrun.local.identity import ACCESS_TOKEN_SECONDS, INSTANCE_NAME, PLAN_ID
from qrun.local.refusal import CODE_WRONG_INSTANCE, Refusal, invalid
from qrun.local.rest import answers, contract
from qrun.local.rest.answers import instance_of, service_of

router = APIRouter()

_MOST_BYTES = 1 << 16
"""Of the one request with a body that anybody may send."""


@router.post("/identity/token", include_in_schema=False)
async def token(request: Request) -> Response:
    """An access token for an API key, as IBM's identity service gives one."""
    form = parse_qs((await answers.body_of(request, _MOST_BYTES)).decode("utf-8", "replace"))
    gatekeeper = request.app.state.gatekeeper
    if not gatekeeper.knows(form.get("apikey", [""])[0]):
        raise Refusal(401, "Provided API key could not be found", solution="Send the local service's token.")
    access_token, expires = gatekeeper.access_token()
    return JSONResponse(
        {
            "access_token": access_token,
            "refresh_token": "not_supported",
            "token_type": "Bearer",
            "expires_in": ACCESS_TOKEN_SECONDS,
            "expiration": expires,
        }
    )


@router.post("/search/v3/resources/search", include_in_schema=False)
async def search(request: Request) -> Response:
    """The instances of the account: this one. The client skips those without ``doc.extensions``."""
    item = {
        "crn": instance_of(request),
        "name": INSTANCE_NAME,
        "service_plan_unique_id": PLAN_ID,
        "tags": [],
        "doc": {"extensions": {"backends": service_of(request).device_names()}},
    }
    return JSONResponse({"items": [item], "limit": 100})


@router.get("/catalog/{plan}", include_in_schema=False)
async def catalog(request: Request, plan: str) -> Response:
    """The name and the kind of price of a plan."""
    if plan != PLAN_ID:
        raise Refusal(404, f"Plan not found: {plan}")
    profile = service_of(request).plan
    pricing = {"pricing": {"type": "free" if profile.price_per_second is None else "paid"}}
    name = {"en": {"display_name": profile.name.capitalize()}}
    return JSONResponse({"id": plan, "overview_ui": name, "metadata": pricing})


@router.get("/resources/v2/resource_instances", include_in_schema=False)
async def resource_instances(request: Request) -> Response:
    """The instances of the account with a name, where one is asked for."""
    name = request.query_params.get("name")
    found = [{"crn": instance_of(request), "name": INSTANCE_NAME}] if name in (None, INSTANCE_NAME) else []
    return JSONResponse({"rows_count": len(found), "resources": found})


@router.get("/resources/v2/resource_instances/{instance:path}", include_in_schema=False)
async def resource_instance(request: Request, instance: str) -> Response:
    """The instance of a CRN or of the GUID in it."""
    crn = instance_of(request)
    if instance not in (crn, crn.split(":")[7]):
        raise Refusal(404, "Instance not found", CODE_WRONG_INSTANCE)
    return JSONResponse({"id": crn, "guid": crn.split(":")[7], "crn": crn, "name": INSTANCE_NAME})


@router.get("/api/v1/instances/usage", **contract.answers(200, "Usage"))
async def usage(request: Request) -> Response:
    """Seconds used in the rolling period, and what there is to use.

    Where there is no limit, ``usage_limit_seconds`` is left out: the client stumbles over a null (facts C6).
    """
    service = service_of(request)
    plan, used = service.plan, service.usage()
    answer: dict[str, Any] = {
        "instance_id": instance_of(request),
        "plan_id": PLAN_ID,
        # Whole seconds, as charges are; how IBM rounds is not documented (facts L5).
        "usage_consumed_seconds": round(used.consumed),
        "usage_limit_reached": used.reached,
    }
    if used.since is not None:
        answer["usage_period"] = {
            "start_time": answers.timestamp(used.since),
            "end_time": answers.timestamp(used.now),
        }
    if plan.allocation_seconds is not None:
        answer["usage_allocation_seconds"] = answers.seconds(plan.allocation_seconds)
    if plan.limit_seconds is not None:
        answer["usage_limit_seconds"] = answers.seconds(plan.limit_seconds)
    return JSONResponse(answer)


@router.get("/api/v1/instances/configuration", **contract.answers(200, "InstanceConfiguration"))
async def configuration(request: Request) -> Response:
    """The limit of the instance, in seconds."""
    return JSONResponse({"instance_limit": service_of(request).plan.limit_seconds})


@router.put(
    "/api/v1/instances/configuration",
    openapi_extra=contract.takes("UpdateInstanceConfiguration"),
    **contract.answers(204, None, 409),
)
async def put_configuration(request: Request) -> Response:
    """Limit what the instance may use: it is a matter of the service's plan, so nothing else is accepted."""
    data = await answers.document(request)
    if "instance_limit" not in data:
        raise invalid("instance_limit is required")
    limit = answers.whole_in(data, "instance_limit", 0)
    if limit != service_of(request).plan.limit_seconds:
        raise Refusal(
            409,
            "The limit of the local instance is part of its plan",
            solution="Set limit_seconds in a plan of your own: qrun local start --plan FILE.",
        )
    return Response(status_code=204)


@router.get("/api/v1/instance", **contract.answers(200, "Instance"))
async def instance(request: Request) -> Response:
    """The instance: its backends, plan and limits."""
    service = service_of(request)
    return JSONResponse(
        {
            "backends": service.device_names(),
            "instance_limit": service.plan.limit_seconds,
            "instance_limit_seconds": service.plan.limit_seconds,
            "plan_id": PLAN_ID,
        }
    )


@router.get(
    "/api/v1/accounts/{account}",
    openapi_extra=contract.ACCOUNT_QUERY,
    **contract.answers(200, "AccountConfiguration", 404),
)
async def account(request: Request, account: str) -> Response:
    """The plans of an account with their times to live, in seconds."""
    if f"a/{account}:" not in instance_of(request):
        raise Refusal(404, f"Account not found: {account}")
    rules = service_of(request).rules
    plan: dict[str, Any] = {
        "plan_id": PLAN_ID,
        "backends": service_of(request).device_names(),
        "max_ttl": rules.max_ttl,
        "active_ttl": rules.max_ttl,
        "interactive_ttl": rules.session_interactive_ttl,
    }
    asked = request.query_params.get("plan_id")
    return JSONResponse({"plans": [plan] if asked in (None, PLAN_ID) else []})
