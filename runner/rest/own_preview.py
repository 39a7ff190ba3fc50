"""``POST /connectkit/preview``: what a configuration makes of real records, step by step.

The body has ``config``, or ``connector`` for one that exists, and perhaps ``records`` (as a line of a file of
records each), ``from`` (a topic, for a sink), ``count`` and ``wait_s``. The answer is what ``connectkit
preview --json`` prints. A request can name no file of the worker's machine, the configuration must be one
that could be created, and few previews run at once. Source: spec users row 13.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from contextlib import closing
from typing import TYPE_CHECKING, Any, Final

from connectkit.errors import ConfigError, ConnectError, NotFoundError
from connectkit.runner.hiding import restored
from connectkit.runner.preview_json import as_json
from connectkit.runner.preview_open import OpenPreview, Request
from connectkit.runner.rest import schemas
from connectkit.runner.rest.answers import Answer, BadRequestError, RestError
from connectkit.runner.rest.calls import Call, as_config, named, plain
from connectkit.runner.rest.routes import Operation
from connectkit.runner.validation import validate_connector

if TYPE_CHECKING:
    from connectkit.runner.log.api import Admin, Consumer, Log, Producer

MAX_COUNT: Final = 100
MAX_WAIT_S: Final = 30.0


class _SharedLog:
    """The worker's log, which a preview uses and does not close."""

    def __init__(self, log: Log) -> None:
        self._log = log

    def producer(self, config: Mapping[str, str]) -> Producer:
        return self._log.producer(config)

    def consumer(self, config: Mapping[str, str]) -> Consumer:
        return self._log.consumer(config)

    def admin(self, config: Mapping[str, str] | None = None) -> Admin:
        return self._log.admin(config)

    def close(self) -> None:
        """It is the worker's."""


def _preview(call: Call) -> Answer:
    body = call.object("config", "connector", "records", "from", "count", "wait_s")
    config = _config(call, body)
    values = plain(body.get("records"))
    if values is not None and not isinstance(values, list):
        raise BadRequestError("The records must be a list")
    topic = body.get("from")
    if topic is not None and (type(topic) is not str or not topic):
        raise BadRequestError("The member 'from' must be the name of a topic")
    count = _number(body, "count", 20, MAX_COUNT)
    wait_s = _number(body, "wait_s", 10.0, MAX_WAIT_S)
    service = call.service
    validate_connector(config, service.config, service.registry).raise_errors()
    if not service.previews.acquire(blocking=False):
        raise RestError(429, "Other previews are running; try again later", headers={"Retry-After": "5"})
    try:
        request = Request(
            config=config,
            source=topic,
            values=values,
            may_name_files=False,
            count=int(count),
            wait_s=wait_s,
        )
        worker = service.herder.worker
        opened = OpenPreview(
            request,
            service.config,
            registry=service.registry,
            resolver=worker.resolver,
            open_log=lambda: _SharedLog(worker.log),
        )
        with closing(opened):
            shown = list(opened.preview.run(opened.samples))
            found = as_json(shown, opened.preview.sums, about=opened.about())
            return Answer({**found, "warnings": opened.warnings})
    except (ConfigError, NotFoundError):
        raise
    except ConnectError as exc:  # the plugin's own start, or its converters, would not have it
        raise BadRequestError(f"It cannot be previewed: {exc}") from exc
    finally:
        service.previews.release()


def _config(call: Call, body: Mapping[str, Any]) -> Mapping[str, str | None]:
    """What is previewed: a configuration, that of a connector, or one in place of another."""
    name = body.get("connector")
    if name is not None and type(name) is not str:
        raise BadRequestError("The member 'connector' must be the name of a connector")
    stored = None if name is None else call.service.herder.info(name).config
    if body.get("config") is None:
        if stored is None:
            raise BadRequestError("The body has neither 'config' nor 'connector': what is to be previewed?")
        return stored
    given = as_config(body["config"], "The config")
    if name is not None:
        named(given, name)
    if not given.get("name"):
        given["name"] = "preview"
    return restored(given, stored)


def _number(body: Mapping[str, Any], name: str, default: float, most: float) -> float:
    found = plain(body.get(name, default))
    if isinstance(found, bool) or not isinstance(found, int | float) or not math.isfinite(found):
        raise BadRequestError(f"The member '{name}' must be a number")
    if not 0 < found <= most:
        raise ConfigError(f"The member '{name}' must be above 0 and at most {most:g}")
    return found


OPERATIONS: Final = [
    Operation(
        method="POST",
        path="/connectkit/preview",
        answer=_preview,
        summary="Show what a configuration makes of real records, step by step; nothing is written.",
        takes={
            "type": "object",
            "properties": {
                "config": schemas.CONFIG,
                "connector": schemas.TEXT,
                "records": schemas.ANY_LIST,
                "from": schemas.TEXT,
                "count": {"type": "integer", "minimum": 1, "maximum": MAX_COUNT},
                "wait_s": {"type": "number", "exclusiveMinimum": 0, "maximum": MAX_WAIT_S},
            },
            "additionalProperties": False,
        },
        gives={200: schemas.ANY_OBJECT},
        errors=(429,),
        pace="change",
    )
]
