"""The interface as an OpenAPI document: what clients and fuzzers read of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

import calame

WHERE = "#/components/schemas/{model}"
REFUSALS = {
    "400": "what is wrong, what is allowed",
    "401": "no key, or another one",
    "404": "no such model, or no such path",
    "413": "a body over the limit",
    "429": "as many wait already as may",
}


def document(posts: Mapping[str, type[BaseModel]], gets: Sequence[str]) -> dict[str, Any]:
    """posts: path to the kind of body; gets: paths without parameters."""
    names, schemas = models_json_schema([(kind, "validation") for kind in posts.values()], ref_template=WHERE)
    paths: dict[str, Any] = {
        path: {"post": _operation(kind.__doc__ or path, names[kind, "validation"])} for path, kind in posts.items()
    }
    paths |= {path: {"get": _operation(f"GET {path}")} for path in gets}
    return {
        "openapi": "3.1.0",
        "info": {"title": "Calame", "version": calame.__version__},
        "paths": paths,
        "components": {
            "schemas": schemas["$defs"],
            "securitySchemes": {"key": {"type": "http", "scheme": "bearer"}},
        },
        "security": [{"key": []}, {}],
    }


def _operation(summary: str, body: Any = None) -> dict[str, Any]:
    responses = {"200": {"description": "the answer"}}
    responses |= {status: {"description": text} for status, text in REFUSALS.items()}
    content = {"requestBody": {"required": True, "content": {"application/json": {"schema": body}}}} if body else {}
    return {"summary": summary, "responses": responses, **content}
