"""The worker itself: ``/``, ``/health`` (KIP-1017) and ``/admin/loggers`` (KIP-495)."""

from __future__ import annotations

from typing import Final

from connectkit._version import __version__
from connectkit.runner.rest import schemas
from connectkit.runner.rest.answers import Answer, BadRequestError
from connectkit.runner.rest.calls import Call
from connectkit.runner.rest.routes import Operation

API_VERSION: Final = "4.3.0"
"""The release of Kafka Connect whose REST interface this is; clients decide by it what they may ask."""


def _worker(call: Call) -> Answer:
    return Answer(
        {
            "version": f"{API_VERSION}-connectkit-{__version__}",
            "commit": "unknown",
            "kafka_cluster_id": call.service.herder.worker.cluster_id,
        }
    )


def _health(call: Call) -> Answer:
    if not call.service.ready:
        return Answer({"status": "starting", "message": "Worker is still starting up."}, 503)
    if not call.service.herder.answers():
        return Answer(
            {"status": "unhealthy", "message": "Worker was unable to handle this request in time."}, 500
        )
    return Answer(
        {
            "status": "healthy",
            "message": "Worker has completed startup and is ready to handle requests.",
        }
    )


def _loggers(call: Call) -> Answer:
    return Answer({name: level.as_json() for name, level in call.service.loggers.all().items()})


def _logger(call: Call) -> Answer:
    return Answer(call.service.loggers.one(call.path["logger"]).as_json())


def _set_logger(call: Call) -> Answer:
    level = call.config().get("level")
    if level is None:
        raise BadRequestError("Desired 'level' parameter was not specified in request.")
    changed = call.service.loggers.set(call.path["logger"], level)
    if (call.text("scope") or "").lower() == "cluster":
        return Answer(status=204)
    return Answer(changed)


OPERATIONS: Final = [
    Operation(
        method="GET",
        path="/",
        answer=_worker,
        summary="Show the worker's version and its Kafka cluster.",
        gives={200: schemas.WORKER},
    ),
    Operation(
        method="GET",
        path="/health",
        answer=_health,
        summary="Whether the worker has started and answers.",
        gives={200: schemas.HEALTH, 503: schemas.HEALTH, 500: schemas.HEALTH},
    ),
    Operation(
        method="GET",
        path="/admin/loggers",
        answer=_loggers,
        summary="List the loggers that have a level of their own.",
        gives={200: schemas.LEVELS},
        side="admin",
    ),
    Operation(
        method="GET",
        path="/admin/loggers/{logger}",
        answer=_logger,
        summary="Show the level that counts for a logger.",
        gives={200: schemas.LEVEL},
        errors=(404,),
        side="admin",
    ),
    Operation(
        method="PUT",
        path="/admin/loggers/{logger}",
        answer=_set_logger,
        summary="Change the level of a logger and of all whose name begins so.",
        query={"scope": "worker (the default) lists what changed; cluster answers 204."},
        takes=schemas.SET_LEVEL,
        gives={200: schemas.NAMES, 204: None},
        errors=(400, 404),
        side="admin",
    ),
]
