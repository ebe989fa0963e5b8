"""``/docs``: the generated documentation as one page.

It is made of the same document as ``/openapi.json``, without a script: nothing is loaded from elsewhere, and
there is nowhere to type a token into. Neither the page nor the document tells what the service holds.
"""

from __future__ import annotations

from html import escape
from typing import Any

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from qrun.local.rest.contract import Document, openapi_of

router = APIRouter(include_in_schema=False)

_STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; }
code, pre { font: 14px/1.4 ui-monospace, monospace; background: #8881; border-radius: 4px; padding: 1px 4px; }
pre { padding: 8px 12px; overflow-x: auto; }
h2 { margin-top: 2rem; border-top: 1px solid #8884; padding-top: 1rem; font-size: 1.1rem; }
table { border-collapse: collapse; } td { padding: 2px 12px 2px 0; vertical-align: top; }
:root { color-scheme: light dark; }
"""
_HOW = """eval "$(qrun local env)"
curl -H "Authorization: apikey $QISKIT_IBM_TOKEN" -H "Service-CRN: $QISKIT_IBM_INSTANCE" \\
     ADDRESS/v1/backends"""
_HEADERS = {"Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'"}


@router.get("/docs")
async def page(request: Request) -> Response:
    """The page."""
    document = openapi_of(request.app)
    address = f"http://{request.headers.get('host', '127.0.0.1')}"
    parts = [
        "<!doctype html><html lang=en><meta charset=utf-8>",
        f"<title>{escape(document['info']['title'])}</title><style>{_STYLE}</style>",
        f"<h1>{escape(document['info']['title'])}</h1>",
        "<p>The Qiskit Runtime REST interface on this machine. Each request needs the service's token:</p>",
        f"<pre>{escape(_HOW.replace('ADDRESS', address))}</pre>",
        "<p>The same as OpenAPI: <a href=/openapi.json>/openapi.json</a>.</p>",
    ]
    for path, operations in sorted(document["paths"].items()):
        for method, operation in operations.items():
            parts.append(_operation(method, path.removeprefix("/api"), operation))
    parts.append("<h1>Schemas</h1>")
    parts += [_schema(name, schema) for name, schema in sorted(document["components"]["schemas"].items())]
    return HTMLResponse("".join(parts), headers=_HEADERS)


def _operation(method: str, path: str, operation: Document) -> str:
    rows = [
        (code, answer["description"], _schema_of(answer.get("content", {})))
        for code, answer in sorted(operation["responses"].items())
    ]
    takes = _schema_of(operation.get("requestBody", {}).get("content", {}))
    parameters = [
        (
            f"<code>{escape(parameter['name'])}</code>",
            escape(_kind(parameter["schema"])),
            escape(parameter.get("description", "")),
        )
        for parameter in operation.get("parameters", [])
        if parameter["in"] == "query"
    ]
    return "".join(
        [
            f"<h2><code>{method.upper()} {escape(path)}</code></h2>",
            f"<p>{escape(operation.get('description', ''))}</p>",
            _table(parameters),
            f"<p>Takes {takes}.</p>" if takes else "",
            _table([(escape(code), escape(what), schema) for code, what, schema in rows]),
        ]
    )


def _schema(name: str, schema: Document) -> str:
    required = schema.get("required", [])
    rows = [
        (
            f"<code>{escape(key)}</code>",
            escape(_kind(value)) + ("" if key in required else ", may be missing"),
            escape(value.get("description", "")),
        )
        for key, value in schema.get("properties", {}).items()
    ]
    return f"<h2 id={escape(name)}>{escape(name)}</h2>{_table(rows)}"


def _schema_of(content: Document) -> str:
    for media, body in content.items():
        if "$ref" in body["schema"]:
            name = escape(body["schema"]["$ref"].rpartition("/")[2])
            return f"<a href=#{name}>{name}</a>"
        return f"<code>{escape(media)}</code>"
    return ""


def _kind(schema: Document) -> str:
    """A schema in a few words."""
    if "$ref" in schema:
        return str(schema["$ref"].rpartition("/")[2])
    if "anyOf" in schema:
        return " or ".join(_kind(each) for each in schema["anyOf"])
    if "enum" in schema:
        return " | ".join(map(str, schema["enum"]))
    if schema.get("type") == "array":
        return f"list of {_kind(schema['items'])}"
    return str(schema.get("format") or schema.get("type", "any"))


def _table(rows: list[tuple[Any, ...]]) -> str:
    cells = ("".join(f"<td>{cell}</td>" for cell in row) for row in rows)
    return f"<table>{''.join(f'<tr>{row}</tr>' for row in cells)}</table>" if rows else ""
