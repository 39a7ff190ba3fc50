"""The OpenAPI document of an application, made from its table of operations; ``GET /openapi.json``."""

from __future__ import annotations

import re
from collections.abc import Sequence
from http import HTTPStatus
from typing import Any, Final

from connectkit._version import __version__
from connectkit.runner.rest import schemas
from connectkit.runner.rest.answers import JSON, Answer
from connectkit.runner.rest.calls import Call
from connectkit.runner.rest.routes import Operation

PATH: Final = "/openapi.json"
_ALWAYS: Final = (400, 404, 405, 406, 413, 415, 500)
"""Errors that any operation may answer."""


def document(operations: Sequence[Operation]) -> list[Operation]:
    """The operation that serves the document of these, itself included."""
    made: dict[str, Any] = {}

    def answer(call: Call) -> Answer:
        return Answer(made)

    own = Operation(
        method="GET",
        path=PATH,
        answer=answer,
        summary="This description of the interface, as OpenAPI 3.1.",
        gives={200: schemas.ANY_OBJECT},
    )
    made.update(openapi([*operations, own]))
    return [own]


def openapi(operations: Sequence[Operation]) -> dict[str, Any]:
    """OpenAPI 3.1 of these operations."""
    paths: dict[str, Any] = {}
    for each in operations:
        paths.setdefault(each.path, {})[each.method.lower()] = _operation(each)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "connectkit",
            "version": __version__,
            "description": "Kafka Connect's REST interface, served by connectkit.",
        },
        "paths": paths,
        "components": {"schemas": {"Error": schemas.ERROR}},
    }


def _operation(each: Operation) -> dict[str, Any]:
    parameters = [
        {
            "name": name,
            "in": "path",
            "required": True,
            "schema": schemas.INTEGER if name == "task" else schemas.TEXT,
        }
        for name in each.parameters
    ]
    parameters += [
        {"name": name, "in": "query", "description": told, "schema": schemas.TEXT}
        for name, told in each.query.items()
    ]
    made: dict[str, Any] = {
        "operationId": _id(each),
        "summary": each.summary,
        "parameters": parameters,
        "responses": {
            **{
                str(status): _response(status, schema, each.media_type)
                for status, schema in each.gives.items()
            },
            **{
                str(status): _response(status, {"$ref": "#/components/schemas/Error"}, JSON)
                for status in sorted({*_ALWAYS, *each.errors} - set(each.gives))
            },
        },
    }
    if each.takes is not None:
        made["requestBody"] = {"required": True, "content": {JSON: {"schema": each.takes}}}
    return made


def _response(status: int, schema: schemas.Schema | None, media_type: str) -> dict[str, Any]:
    made: dict[str, Any] = {"description": HTTPStatus(status).phrase}
    if schema is not None:
        made["content"] = {media_type.partition(";")[0]: {"schema": schema}}
    return made


def _id(each: Operation) -> str:
    words = [word.capitalize() for word in re.findall(r"[a-z]+", each.path)]
    return each.method.lower() + "".join(words)
