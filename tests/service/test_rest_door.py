"""Who is let in, in which form, and who is not."""

from __future__ import annotations

import asyncio
import json
import socket
from pathlib import Path
from typing import Any, cast
from urllib.parse import urlsplit

import httpx
import pytest

from qrun.local.identity import Gatekeeper
from qrun.local.process import ServiceInfo
from qrun.local.rest.app import application


def speak(
    service: ServiceInfo, request_line: str, host: str, *headers: str, body: str = ""
) -> tuple[int, str]:
    """Send a request as it stands over a socket; status and body of the answer."""
    url = urlsplit(service.url)
    head = [request_line, f"Host: {host}", "Connection: close", f"Content-Length: {len(body)}", *headers]
    with socket.create_connection((url.hostname, url.port), timeout=10) as connection:
        connection.sendall(("\r\n".join(head) + "\r\n\r\n" + body).encode())
        answer = b"".join(iter(lambda: connection.recv(65536), b"")).decode()
    start, _, text = answer.partition("\r\n\r\n")
    return int(start.split()[1]), text


def credentials(service: ServiceInfo) -> tuple[str, str]:
    return f"Authorization: apikey {service.token}", f"Service-CRN: {service.instance}"


@pytest.mark.parametrize(
    "authorization", ["", "apikey wrong", "Bearer wrong", "Bearer a.b.c", "Basic x", "apikey é"]
)
def test_without_the_token_nothing_is_answered(service: ServiceInfo, authorization: str) -> None:
    headers = {"Authorization": authorization.encode(), "Service-CRN": service.instance.encode()}
    for path in ("/api/v1/jobs", "/api/v1/backends", "/search/v3/resources/search", "/nothing"):
        response = httpx.get(service.url + path, headers=headers, trust_env=False)
        assert response.status_code == 401, path
        assert response.json()["errors"]


def test_versions_and_health_need_no_token(service: ServiceInfo) -> None:
    assert "2026-04-15" in httpx.get(f"{service.url}/v1/versions", trust_env=False).json()["versions"]
    assert httpx.get(f"{service.url}/health", trust_env=False).json()["pid"] == service.pid


def test_another_instance_is_not_found(service: ServiceInfo) -> None:
    headers = {
        "Authorization": f"Bearer {service.token}",
        "Service-CRN": service.instance.replace("us-east", "eu-de"),
    }
    assert httpx.get(f"{service.url}/api/v1/jobs", headers=headers, trust_env=False).status_code == 404
    del headers["Service-CRN"]
    assert httpx.get(f"{service.url}/api/v1/jobs", headers=headers, trust_env=False).status_code == 400


@pytest.mark.parametrize("prefix", ["/experimental/api/v1", "/api/v1", "/v1"])
def test_direct_form(service: ServiceInfo, prefix: str) -> None:
    for host in ("127.0.0.1:80", "localhost", "[::1]:9"):
        status, text = speak(service, f"GET {prefix}/backends HTTP/1.1", host, *credentials(service))
        assert status == 200
        assert "ideal" in text


def test_proxy_form(service: ServiceInfo) -> None:
    line = "GET http://quantum.qrun.local/api/v1/jobs?limit=1 HTTP/1.1"
    status, text = speak(service, line, "quantum.qrun.local", *credentials(service))
    assert (status, json.loads(text)["limit"]) == (200, 1)

    line = "POST http://iam.qrun.local/identity/token HTTP/1.1"
    form = f"grant_type=urn%3Aibm%3Aparams%3Aoauth%3Agrant-type%3Aapikey&apikey={service.token}"
    status, text = speak(service, line, "iam.qrun.local", body=form)
    assert status == 200
    bearer = f"Authorization: Bearer {json.loads(text)['access_token']}"

    search = "POST http://api.global-search-tagging.qrun.local/v3/resources/search HTTP/1.1"
    status, text = speak(service, search, "api.global-search-tagging.qrun.local", bearer)
    (item,) = json.loads(text)["items"]
    assert (status, item["crn"]) == (200, service.instance)

    plan = item["service_plan_unique_id"]
    catalog = f"GET http://globalcatalog.qrun.local/api/v1/{plan} HTTP/1.1"
    status, text = speak(service, catalog, "globalcatalog.qrun.local", bearer)
    assert (status, json.loads(text)["metadata"]["pricing"]["type"]) == (200, "free")


@pytest.mark.parametrize(
    ("line", "host", "status"),
    [
        ("GET http://example.com/api/v1/jobs HTTP/1.1", "example.com", 403),
        ("GET http://example.com/health HTTP/1.1", "127.0.0.1", 403),
        ("GET http://evil-qrun.local/health HTTP/1.1", "evil-qrun.local", 403),
        ("GET https://quantum.qrun.local/api/v1/jobs HTTP/1.1", "quantum.qrun.local", 403),
        ("GET /health HTTP/1.1", "rebound.example.com", 403),
        ("GET /health HTTP/1.1", "127.0.0.1.example.com", 403),
        ("GET /health HTTP/1.1", "", 403),
        ("GET http://[::1/x HTTP/1.1", "127.0.0.1", 400),
        ("CONNECT quantum.cloud.ibm.com:443 HTTP/1.1", "quantum.cloud.ibm.com:443", 405),
    ],
)
def test_it_is_nobody_elses_proxy(service: ServiceInfo, line: str, host: str, status: int) -> None:
    assert speak(service, line, host, *credentials(service))[0] == status


def test_an_internal_error_announces_the_end_of_the_connection() -> None:
    class Service:
        broken = None

        def job(self, job: str) -> None:
            raise ZeroDivisionError(job)

    async def ask() -> httpx.Response:
        app = application(cast(Any, Service()), Gatekeeper("token"), "crn")
        transport = httpx.ASGITransport(app, raise_app_exceptions=False)
        headers = {"Authorization": "apikey token", "Service-CRN": "crn"}
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
            return await client.get("/v1/jobs/x", headers=headers)

    response = asyncio.run(ask())
    assert (response.status_code, response.json()["errors"][0]["code"]) == (500, 9999)
    assert response.headers["connection"] == "close"


def test_a_wrong_api_key_gets_no_access_token(service: ServiceInfo) -> None:
    response = httpx.post(f"{service.url}/identity/token", data={"apikey": "wrong"}, trust_env=False)
    assert response.status_code == 401
    assert "access_token" not in response.text


def test_what_the_instance_has(service: ServiceInfo, api: httpx.Client) -> None:
    usage = api.get("/instances/usage").json()
    assert usage["instance_id"] == service.instance
    assert usage["usage_consumed_seconds"] >= 0
    assert "usage_limit_seconds" not in usage
    devices = api.get("/backends", params={"include_mocks": True}).json()["devices"]
    assert {"fake_fez", "fake_sherbrooke", "fake_manila", "ideal"} <= {device["name"] for device in devices}
    for device in devices:
        configuration = api.get(f"/backends/{device['name']}/configuration").json()
        assert configuration["simulator"] is False
        assert configuration["n_qubits"] == device["qubits"]
    assert api.get("/backends/ideal/defaults").json() is None
    assert api.get("/backends/nowhere/status").status_code == 404
    account = service.instance.split("a/")[1].split(":")[0]
    assert api.get(f"/accounts/{account}").json()["plans"][0]["max_ttl"] == 28_800
    assert api.get("/no/such/thing").json()["errors"][0]["message"] == "Not Found"


def test_what_lies_on_disk_is_readable_by_its_owner_alone(service: ServiceInfo, service_home: Path) -> None:
    files = list((service_home / "local").iterdir())
    assert {file.name for file in files} >= {"service.json", "token", "service.log", "state.sqlite", "lock"}
    for file in files:
        assert file.stat().st_mode & 0o077 == 0, file
    assert service.token not in (service_home / "local" / "service.log").read_text()
