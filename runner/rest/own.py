"""What Kafka Connect's interface lacks, below ``/connectkit``, where no client of Connect's looks.

The worker itself, and of each connector the truthful status and the last lines of its log. Plans, previews
and metrics have modules of their own. Source: spec users rows 9, 13, 28-33.
"""

from __future__ import annotations

import logging
import os
import platform
import time
from typing import TYPE_CHECKING, Any, Final

from connectkit._version import __version__
from connectkit.errors import NotFoundError
from connectkit.runner.health import TaskHealth
from connectkit.runner.rest import metrics, own_letters, own_plan, own_preview, schemas
from connectkit.runner.rest.answers import Answer, BadRequestError
from connectkit.runner.rest.calls import Call
from connectkit.runner.rest.connectors import status_json
from connectkit.runner.rest.routes import Operation
from connectkit.secret import GIVEN

if TYPE_CHECKING:
    from connectkit.runner.herder import Herder

MAX_LINES: Final = 1_000
_LEVELS: Final = {
    "DEBUG": logging.DEBUG,
    "INFO": logging.INFO,
    "WARN": logging.WARNING,
    "ERROR": logging.ERROR,
}


def _index(call: Call) -> Answer:
    return Answer(
        {
            "connectkit": __version__,
            "endpoints": [f"{each.method} {each.path}" for each in OPERATIONS],
            "you": call.who.name,
        }
    )


def _workers(call: Call) -> Answer:
    service = call.service
    herder = service.herder
    return Answer(
        [
            {
                "worker_id": herder.worker.status.worker_id,
                "version": __version__,
                "python": platform.python_version(),
                "pid": os.getpid(),
                "uptime_s": round(time.monotonic() - service.began_s, 3),
                "ready": service.ready,
                "connectors": len(call.who.visible(herder.connectors())),
                "tasks": sum(len(call.who.visible([task.id.connector])) for task in herder.tasks()),
                "urls": list(service.urls),
                "authentication": service.settings.authentication,
                "unauthenticated_allowed": service.settings.allow_unauthenticated,
            }
        ]
    )


def health_json(health: TaskHealth) -> dict[str, Any]:
    """A task's health; seconds are rounded to thousandths."""
    return {
        "state": health.state.value,
        "last_record_age_s": _rounded(health.last_record_age_s),
        "last_commit_age_s": _rounded(health.last_commit_age_s),
        "rate_per_s": _rounded(health.rate_per_s),
        "lag": health.lag,
        "in_flight": health.in_flight,
        "last_error": None if health.last_error is None else GIVEN.hidden_in(health.last_error),
        "last_error_age_s": _rounded(health.last_error_age_s),
        "restarts": health.restarts,
        "next_restart_s": _rounded(health.next_restart_s),
        "stalled": health.stalled,
        "note": None if health.note is None else GIVEN.hidden_in(health.note),
    }


def _rounded(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds, 3)


def _status(call: Call) -> Answer:
    return Answer(_truth(call.service.herder, call.connector))


def _connectors(call: Call) -> Answer:
    herder = call.service.herder
    found = {}
    for name in call.who.visible(herder.connectors()):
        try:
            found[name] = _truth(herder, name)
        except NotFoundError:  # deleted while we look
            continue
    return Answer(found)


def _truth(herder: Herder, name: str) -> dict[str, Any]:
    status = status_json(herder.status(name))
    found = herder.health(name)
    tasks = [{"id": task.task, **health_json(each)} for task, each in found.items()]
    states = [each.state.value for each in found.values()]
    worst = "STALLED" if any(each.stalled for each in found.values()) else None
    worst = "FAILED" if "FAILED" in [*states, status["connector"]["state"]] else worst
    lags = [each.lag for each in found.values() if each.lag is not None]
    return {
        "name": name,
        "type": status["type"],
        "health": worst or status["connector"]["state"],
        "connector": status["connector"],
        "rate_per_s": _rounded(sum(each.rate_per_s for each in found.values())),
        "lag": sum(lags) if lags else None,
        "tasks": tasks,
    }


def _logs(call: Call) -> Answer:
    call.service.herder.info(call.connector)  # 404 for one that is not there
    count = call.whole("tail", 100, MAX_LINES)
    task = None if call.text("task") is None else call.whole("task", 0, 2**31 - 1)
    level = (call.text("level") or "DEBUG").strip().upper()
    if level not in _LEVELS:
        raise BadRequestError(f"The parameter 'level' must be one of: {', '.join(_LEVELS)}")
    lines = call.service.tails.tail(call.connector, count, task=task, least_level=_LEVELS[level])
    return Answer({"name": call.connector, "lines": [line.as_json() for line in lines]})


_SECONDS: Final[schemas.Schema] = {"type": ["number", "null"]}
_HEALTH: Final = schemas.record(
    {
        "id": schemas.INTEGER,
        "state": schemas.TEXT,
        "last_record_age_s": _SECONDS,
        "last_commit_age_s": _SECONDS,
        "rate_per_s": _SECONDS,
        "lag": {"type": ["integer", "null"]},
        "in_flight": schemas.INTEGER,
        "last_error": schemas.NULLABLE_TEXT,
        "last_error_age_s": _SECONDS,
        "restarts": schemas.INTEGER,
        "next_restart_s": _SECONDS,
        "stalled": schemas.FLAG,
        "note": schemas.NULLABLE_TEXT,
    }
)
_TRUTH: Final = schemas.record(
    {
        "name": schemas.TEXT,
        "type": schemas.TYPE,
        "health": schemas.TEXT,
        "connector": schemas.ANY_OBJECT,
        "rate_per_s": _SECONDS,
        "lag": {"type": ["integer", "null"]},
        "tasks": schemas.array(_HEALTH),
    }
)
_LINE: Final = schemas.record(
    {"time": schemas.TEXT, "level": schemas.TEXT, "message": schemas.TEXT, "logger": schemas.TEXT},
    {"task": {"type": ["integer", "null"]}, "trace": schemas.array(schemas.TEXT)},
)

OPERATIONS: Final = [
    *metrics.OPERATIONS,
    Operation(
        method="GET",
        path="/connectkit",
        answer=_index,
        summary="List what is served beside Connect's interface.",
        gives={200: schemas.ANY_OBJECT},
    ),
    Operation(
        method="GET",
        path="/connectkit/workers",
        answer=_workers,
        summary="Show the workers: version, age, what runs on them, and how clients say who they are.",
        gives={200: schemas.array(schemas.ANY_OBJECT)},
    ),
    Operation(
        method="GET",
        path="/connectkit/connectors",
        answer=_connectors,
        summary="Show what all connectors and their tasks are really doing.",
        gives={200: {"type": "object", "additionalProperties": _TRUTH}},
    ),
    Operation(
        method="GET",
        path="/connectkit/connectors/{connector}/status",
        answer=_status,
        summary="Show what a connector and its tasks are really doing.",
        gives={200: _TRUTH},
        errors=(404,),
    ),
    Operation(
        method="GET",
        path="/connectkit/connectors/{connector}/logs",
        answer=_logs,
        summary="Show the last lines that a connector and its tasks have logged.",
        query={
            "tail": f"How many lines, 100 if not said, {MAX_LINES} at most.",
            "task": "Only those of the task with this number.",
            "level": f"The least important to show: {', '.join(_LEVELS)}.",
        },
        gives={200: schemas.record({"name": schemas.TEXT, "lines": schemas.array(_LINE)})},
        errors=(404,),
    ),
    *own_letters.OPERATIONS,
    *own_plan.OPERATIONS,
    *own_preview.OPERATIONS,
]
