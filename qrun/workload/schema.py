"""The JSON Schema of the workload file, for editors: what the user writes, before ``${…}`` is filled in."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from qrun.workload.model import WorkloadFile

DIALECT = "https://json-schema.org/draft/2020-12/schema"

_BOUNDS = {"ge": "minimum", "le": "maximum", "gt": "exclusiveMinimum", "lt": "exclusiveMaximum"}
"""What pydantic calls bounds behind a validator of ours → what JSON Schema calls them."""

_ABOUT = ("title", "description", "default")
_LITERAL = ("include", "vars", "pubs")
"""Keys of the file whose own value is never a reference."""

_ARITHMETIC = "A number as arithmetic with pi, such as -2*pi/3, or a reference such as ${theta}."


def _ref(name: str) -> dict[str, str]:
    return {"$ref": f"#/$defs/{name}"}


def _list_of(item: Mapping[str, Any], least: int, most: int | None = None) -> dict[str, Any]:
    bounds = {"minItems": least} if most is None else {"minItems": least, "maxItems": most}
    return {"anyOf": [{"type": "array", "items": item, **bounds}, _ref("Reference")]}


_NUMBER: dict[str, Any] = {
    "title": "Number",
    "anyOf": [{"type": "number"}, {"type": "string", "description": _ARITHMETIC}],
}

_GENERATORS: dict[str, Any] = {
    "linspace": {"description": "[start, stop, number of points]", **_list_of(_ref("Number"), 3, 3)},
    "arange": {"description": "[start, stop, step]", **_list_of(_ref("Number"), 2, 3)},
    "logspace": {
        "description": "[exponent of 10, exponent of 10, number of points]",
        **_list_of(_ref("Number"), 3, 3),
    },
    "random": {
        "description": "Random numbers: seed, shape, distribution (uniform or normal) and its two numbers.",
        "anyOf": [{"type": "object", "required": ["seed"]}, _ref("Reference")],
    },
    "file": {"description": "A .npy, .npz or .csv file.", "type": "string"},
    "values": _ref("Numbers"),
}

_FORMS: dict[str, Any] = {
    "Reference": {
        "title": "Reference",
        "description": "A value from vars, from matrix, or from the environment as ${env:NAME}.",
        "type": "string",
        "pattern": r"\$\{[^{}]+\}",
    },
    "Number": _NUMBER,
    "Numbers": {
        "title": "Numbers",
        "description": "Numbers, lists of them, or what makes them.",
        "anyOf": [
            _ref("Number"),
            {"type": "array", "items": _ref("Numbers")},
            {
                "type": "object",
                "properties": _GENERATORS,
                "anyOf": [{"required": [kind]} for kind in _GENERATORS],
            },
        ],
    },
    "ParameterValues": {
        "title": "Parameter values",
        "description": "Numbers in the order of the circuit's parameters, or by the parameter's name.",
        "anyOf": [
            _ref("Number"),
            {"type": "array", "items": _ref("Numbers")},
            {
                "type": "object",
                "properties": {
                    **_GENERATORS,
                    "grid": {"description": "All combinations.", "type": ["object", "string"]},
                    "zip": {"description": "One with one.", "type": ["object", "string"]},
                    "array": {"description": "Which array of a .npz file.", "type": "string"},
                    "column": {"description": "Which column of a .csv file.", "type": "string"},
                },
                "additionalProperties": _ref("Numbers"),
            },
            {"type": "null"},
        ],
    },
    "Term": {
        "title": "Sparse term",
        "type": "object",
        "properties": {
            "on": {
                "description": "The qubits that the letters act on, in the letters' order.",
                **_list_of({"anyOf": [{"type": "integer", "minimum": 0}, _ref("Reference")]}, 0),
            },
            "coeff": _ref("Number"),
        },
        "required": ["on"],
        "additionalProperties": False,
    },
    "Observable": {
        "title": "Observable",
        "description": "A name, a Pauli string (its last letter for qubit 0; 0, 1, +, -, r and l are "
        "projectors), a weighted sum, a JSON file, a Python function, or lists of these.",
        "anyOf": [
            {"type": "string"},
            {"type": "array", "items": _ref("Observable")},
            {
                "type": "object",
                "minProperties": 1,
                "additionalProperties": False,
                "patternProperties": {
                    r"^([IXYZ01+\-rl]+|.*\$\{.*)$": {
                        "description": "The weight of these letters, or the qubits that they act on.",
                        "anyOf": [
                            _ref("Number"),
                            _ref("Term"),
                            {"type": "array", "items": _ref("Term")},
                        ],
                    }
                },
            },
            {
                "type": "object",
                "properties": {"file": {"type": "string"}},
                "required": ["file"],
                "additionalProperties": False,
            },
            {
                "type": "object",
                "properties": {"python": {"type": "string"}, "args": {"type": ["object", "string"]}},
                "required": ["python"],
                "additionalProperties": False,
            },
        ],
    },
    "Matrix": {
        "title": "Matrix",
        "type": "object",
        "minProperties": 1,
        "properties": {
            kind: {
                "description": f"Combinations to {kind}.",
                "anyOf": [{"type": "array", "items": {"type": "object"}}, _ref("Reference")],
            }
            for kind in ("include", "exclude")
        },
        "additionalProperties": _list_of({}, 1),
    },
}


def workload_schema() -> dict[str, Any]:
    """The JSON Schema (draft 2020-12) of the workload file."""
    made = WorkloadFile.model_json_schema()
    definitions: dict[str, Any] = {name: _as_written(model) for name, model in made.pop("$defs").items()}
    pub = definitions["PubSpec"]["properties"]
    pub["observables"] |= {"anyOf": [_ref("Observable"), {"type": "null"}]}
    pub["parameter_values"] |= _ref("ParameterValues")
    pub["matrix"] |= {"anyOf": [_ref("Matrix"), _ref("Reference"), {"type": "null"}]}
    _loop_forms(definitions)
    schema: dict[str, Any] = _as_written(made, literal=_LITERAL)
    properties = schema["properties"]
    properties["observables"] = {
        **made["properties"]["observables"],
        "additionalProperties": _ref("Observable"),
    }
    properties["max_time"]["anyOf"].append({"type": "string", "pattern": r"^\s*\d|\$\{"})
    del schema["required"]
    return {
        "$schema": DIALECT,
        **schema,
        "title": "qrun workload",
        # What is missing here may stand in a file that is included.
        "if": {"not": {"required": ["include"]}},
        "then": {"required": ["name"], "anyOf": [{"required": ["pubs"]}, {"required": ["loops"]}]},
        "$defs": {**_FORMS, **definitions},
    }


def _loop_forms(definitions: dict[str, Any]) -> None:
    """What a loop's keys take beyond what their models say."""
    for name in ("Minimize", "LoopPub"):
        field = definitions[name]["properties"]["observable"]
        field["anyOf"] = [_ref("Observable"), {"type": "null"}]
    loop = definitions["LoopSpec"]["properties"]
    loop["initial_point"]["anyOf"] = [
        {"type": "string", "pattern": r"^zeros$|\$\{"},
        {
            "type": "object",
            "required": ["loop"],
            "additionalProperties": False,
            "properties": {"loop": {"description": "Start where that loop ended best.", "type": "string"}},
        },
        _ref("ParameterValues"),
    ]
    loop["bounds"]["anyOf"] = [
        _list_of({"anyOf": [_ref("Number"), _list_of(_ref("Number"), 2, 2)]}, 1),
        {"type": "object", "additionalProperties": _list_of(_ref("Number"), 2, 2)},
        {"type": "null"},
        _ref("Reference"),
    ]
    optimizer = loop["optimizer"]
    about = {key: optimizer.pop(key) for key in ("default", "description") if key in optimizer}
    loop["optimizer"] = {
        **about,
        "anyOf": [
            {"description": "The method alone.", "type": "string"},
            *optimizer.get("anyOf", [optimizer]),
        ],
    }
    for name in ("wall_time", "qpu_time"):
        definitions["StopRules"]["properties"][name]["anyOf"].append({"type": "string"})


def _as_written(model: Mapping[str, Any], literal: tuple[str, ...] = ()) -> dict[str, Any]:
    """A model as the file writes it: whatever is no text of its own may be a reference."""
    properties = {
        name: dict(value) if name in literal else _or_reference(value)
        for name, value in model["properties"].items()
    }
    return {**model, "properties": properties}


def _or_reference(schema: Mapping[str, Any]) -> dict[str, Any]:
    schema = _bounded(schema)
    for key in ("items", "additionalProperties"):
        if isinstance(schema.get(key), dict):
            schema[key] = _or_reference(schema[key])
    if schema.get("type") == "null" or _is_any_text(schema):
        return schema
    about: dict[str, Any] = {
        key: schema.pop(key) for key in ("title", "description", "default") if key in schema
    }
    if set(schema) == {"anyOf"}:
        choices = [_or_reference_inside(choice) for choice in schema["anyOf"]]
    else:
        choices = [schema] if schema else []
    return {**about, "anyOf": [*choices, _ref("Reference")]} if choices else about


def _or_reference_inside(choice: Mapping[str, Any]) -> dict[str, Any]:
    """A member of a union: the union says itself that it may be a reference, its parts may be one too."""
    choice = _bounded(choice)
    if isinstance(choice.get("items"), dict):
        choice["items"] = _or_reference(choice["items"])
    return choice


def _bounded(schema: Mapping[str, Any]) -> dict[str, Any]:
    return {_BOUNDS.get(key, key): value for key, value in schema.items()}


def _is_any_text(schema: Mapping[str, Any]) -> bool:
    return schema.get("type") == "string" and not schema.keys() & {"enum", "const", "pattern"}
