"""The operations on connectors and their tasks (spec runtime 3.4, 3.6), over the herder."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final
from urllib.parse import quote

from connectkit.errors import NotFoundError
from connectkit.kinds import trim
from connectkit.plugin import Registry
from connectkit.runner.connector_offsets import InitialOffsets
from connectkit.runner.control import TARGETS, Target, TaskId
from connectkit.runner.herder import ConnectorInfo
from connectkit.runner.hiding import restored, shown_config
from connectkit.runner.rest import schemas
from connectkit.runner.rest.answers import Answer, BadRequestError, RestError
from connectkit.runner.rest.calls import Call, as_config, as_text, named
from connectkit.runner.rest.offsets import offset_pairs
from connectkit.runner.rest.routes import Operation
from connectkit.runner.status import ConnectorStatus, Status
from connectkit.secret import GIVEN
from connectkit.suggest import did_you_mean, shortened


def info_json(info: ConnectorInfo, registry: Registry) -> dict[str, Any]:
    """Kafka's ConnectorInfo, without the secrets of the configuration."""
    return {
        "name": info.name,
        "config": shown_config(info.config, registry),
        "tasks": [{"connector": each.connector, "task": each.task} for each in info.tasks],
        "type": info.type,
    }


def status_json(status: ConnectorStatus) -> dict[str, Any]:
    """Kafka's ConnectorStateInfo."""
    return {
        "name": status.name,
        "connector": _state_json(status.connector),
        "tasks": [{"id": each.task, **_state_json(seen)} for each, seen in status.tasks.items()],
        "type": status.type,
    }


def _state_json(status: Status) -> dict[str, Any]:
    found: dict[str, Any] = {
        "state": status.state.value,
        "worker_id": status.worker_id,
        "version": status.version,
    }
    if status.trace:
        found["trace"] = GIVEN.hidden_in(status.trace)
    return found


# --- reading -----------------------------------------------------------------------------------------


def _list(call: Call) -> Answer:
    herder = call.service.herder
    wanted = call.query.get("expand")
    if not wanted:
        return Answer(herder.connectors())
    found: dict[str, Any] = {}
    for name in herder.connectors():
        shown: dict[str, Any] = {}
        try:
            if "status" in wanted:
                shown["status"] = status_json(herder.status(name))
            if "info" in wanted:
                shown["info"] = info_json(herder.info(name), call.service.registry)
        except NotFoundError:
            continue  # deleted since it was listed
        found[name] = shown
    return Answer(found)


def _info(call: Call) -> Answer:
    return Answer(info_json(call.service.herder.info(call.connector), call.service.registry))


def _config(call: Call) -> Answer:
    return Answer(shown_config(call.service.herder.info(call.connector).config, call.service.registry))


def _status(call: Call) -> Answer:
    try:
        return Answer(status_json(call.service.herder.status(call.connector)))
    except NotFoundError as exc:
        raise NotFoundError(f"No status found for connector {shortened(call.connector)}") from exc


def _task_configs(call: Call) -> list[dict[str, str | None]]:
    herder, registry = call.service.herder, call.service.registry
    whose = herder.info(call.connector).config
    return [shown_config(whose, registry, task=each) for each in herder.task_configs(call.connector)]


def _tasks(call: Call) -> Answer:
    name = call.connector
    configs = _task_configs(call)
    return Answer(
        [{"id": {"connector": name, "task": number}, "config": each} for number, each in enumerate(configs)]
    )


def _tasks_config(call: Call) -> Answer:
    name = call.connector
    configs = _task_configs(call)
    return Answer({f"{name}-{number}": each for number, each in enumerate(configs)})


def _task_status(call: Call) -> Answer:
    task = TaskId(call.connector, call.task())
    found = call.service.herder.task_status(task)
    if found is None:
        raise NotFoundError(f"No status found for task {shortened(str(task))}")
    return Answer({"id": task.task, **_state_json(found)})


def _topics(call: Call) -> Answer:
    if not call.service.config.topic_tracking_enable:
        raise RestError(403, "Topic tracking is disabled.")
    return Answer({call.connector: {"topics": call.service.herder.active_topics(call.connector)}})


def _reset_topics(call: Call) -> Answer:
    if not call.service.config.topic_tracking_enable:
        raise RestError(403, "Topic tracking is disabled.")
    if not call.service.config.topic_tracking_allow_reset:
        raise RestError(403, "Topic tracking reset is disabled.")
    call.service.herder.reset_active_topics(call.connector)
    return Answer(status=202)


# --- changing ----------------------------------------------------------------------------------------


def _create(call: Call) -> Answer:
    body = call.object("name", "config", "initial_state", "initial_offsets")
    name = trim(as_text(body.get("name"), "The name") or "")
    if body.get("config") is None:
        raise BadRequestError("The body has no 'config': the connector's configuration, an object of texts")
    config = restored(named(as_config(body["config"], "The config"), name), None)
    target = _initial_state(body.get("initial_state"))
    given = body.get("initial_offsets")
    if given is None:
        call.service.herder.put(config, target=target)
        return _created(call, name)
    offsets = InitialOffsets(offset_pairs(given))
    call.service.herder.put(config, target=target, offsets=offsets)
    answer = _created(call, name)
    return replace(answer, body={**answer.body, "offsets_status": offsets.told})


def _initial_state(found: Any) -> Target | None:
    if found is None:
        return None
    target = TARGETS.get(found.upper()) if isinstance(found, str) else None
    if target is None:
        meant = did_you_mean(found.upper(), TARGETS) if isinstance(found, str) else ""
        raise BadRequestError(f"The initial_state must be one of: {', '.join(TARGETS)}{meant}")
    return target


def _created(call: Call, name: str) -> Answer:
    where = f"{call.base}/connectors/{quote(name, safe=_KEPT)}"
    info = info_json(call.service.herder.info(name), call.service.registry)
    return Answer(info, 201, {"Location": where})


_KEPT: Final = "/!$&'()*+,;=:@-._~"


def _put(call: Call) -> Answer:
    config = restored(named(call.config(), call.connector), _stored(call))
    if call.service.herder.put(config, replace=True):
        return _created(call, call.connector)
    return Answer(info_json(call.service.herder.info(call.connector), call.service.registry))


def _stored(call: Call) -> Mapping[str, str | None] | None:
    """The configuration that the connector has now, if it is there."""
    try:
        return call.service.herder.info(call.connector).config
    except NotFoundError:
        return None


def _patch(call: Call) -> Answer:
    name = call.connector
    herder = call.service.herder
    stored = herder.info(name).config
    patch = restored(call.config(), stored)
    if patch.get("name", name) != name:
        raise BadRequestError(
            f"The name of connector {shortened(name)} cannot be changed; create another one"
        )
    herder.patch(name, patch)
    return Answer(info_json(herder.info(name), call.service.registry))


def _delete(call: Call) -> Answer:
    herder = call.service.herder
    if call.flag("resetOffsets"):
        herder.set_target(call.connector, Target.STOPPED)
        herder.reset_offsets(call.connector)
    herder.delete(call.connector)
    return Answer(status=204)


def _pause(call: Call) -> Answer:
    call.service.herder.request_target(call.connector, Target.PAUSED)
    return Answer(status=202)


def _resume(call: Call) -> Answer:
    call.service.herder.request_target(call.connector, Target.STARTED)
    return Answer(status=202)


def _stop(call: Call) -> Answer:
    call.service.herder.set_target(call.connector, Target.STOPPED)
    return Answer(status=204)


def _restart(call: Call) -> Answer:
    name = call.connector
    include_tasks, only_failed = call.flag("includeTasks"), call.flag("onlyFailed")
    if not include_tasks and not only_failed:
        call.service.herder.restart_connector(name)
        return Answer(status=204)
    found = call.service.herder.request_restart(name, include_tasks=include_tasks, only_failed=only_failed)
    return Answer(status_json(found), 202)


def _restart_task(call: Call) -> Answer:
    call.service.herder.restart_task(TaskId(call.connector, call.task()))
    return Answer(status=204)


def _no_cluster(call: Call) -> Answer:
    raise BadRequestError(
        "This is for the workers of a cluster among themselves, and this worker is standalone"
    )


OPERATIONS: Final = [
    Operation(
        method="GET",
        path="/connectors",
        answer=_list,
        summary="List the connectors, by name or with what they are.",
        query={"expand": "status, info, or both (given twice): show these of each connector."},
        gives={200: schemas.CONNECTORS},
    ),
    Operation(
        method="POST",
        path="/connectors",
        answer=_create,
        summary="Create a connector.",
        takes=schemas.CREATE,
        gives={201: schemas.INFO},
        errors=(400, 409, 500),
        pace="change",
    ),
    Operation(
        method="GET",
        path="/connectors/{connector}",
        answer=_info,
        summary="Show a connector: its configuration, type and tasks.",
        gives={200: schemas.INFO},
        errors=(404,),
    ),
    Operation(
        method="DELETE",
        path="/connectors/{connector}",
        answer=_delete,
        summary="Stop and delete a connector; its offsets stay.",
        query={
            "resetOffsets": "true: take its offsets away first, so that a new one of its name begins anew."
        },
        gives={204: None},
        errors=(404, 409),
        pace="change",
    ),
    Operation(
        method="GET",
        path="/connectors/{connector}/config",
        answer=_config,
        summary="Show a connector's configuration, placeholders unresolved.",
        gives={200: schemas.CONFIG},
        errors=(404,),
    ),
    Operation(
        method="PUT",
        path="/connectors/{connector}/config",
        answer=_put,
        summary="Change a connector's configuration as a whole, or create the connector.",
        takes=schemas.CONFIG,
        gives={200: schemas.INFO, 201: schemas.INFO},
        errors=(400, 409, 500),
        pace="change",
    ),
    Operation(
        method="PATCH",
        path="/connectors/{connector}/config",
        answer=_patch,
        summary="Change some options of a connector; null takes one out.",
        takes=schemas.CONFIG,
        gives={200: schemas.INFO},
        errors=(400, 404, 409, 500),
        pace="change",
    ),
    Operation(
        method="GET",
        path="/connectors/{connector}/status",
        answer=_status,
        summary="Show the states of a connector and its tasks.",
        gives={200: schemas.STATUS},
        errors=(404,),
    ),
    Operation(
        method="POST",
        path="/connectors/{connector}/restart",
        answer=_restart,
        summary="Restart a connector, and its tasks if asked to.",
        query={
            "includeTasks": "true: the tasks too.",
            "onlyFailed": "true: only what has failed.",
        },
        gives={202: schemas.STATUS, 204: None},
        errors=(404, 409, 500),
        pace="change",
    ),
    Operation(
        method="PUT",
        path="/connectors/{connector}/pause",
        answer=_pause,
        summary="Pause a connector and its tasks; answered before that is done.",
        gives={202: None},
        errors=(404,),
        pace="change",
    ),
    Operation(
        method="PUT",
        path="/connectors/{connector}/resume",
        answer=_resume,
        summary="Let a paused or stopped connector go on; answered before that is done.",
        gives={202: None},
        errors=(404,),
        pace="change",
    ),
    Operation(
        method="PUT",
        path="/connectors/{connector}/stop",
        answer=_stop,
        summary="Stop a connector and take away its tasks; it stays known, and its offsets can be changed.",
        gives={204: None},
        errors=(404, 409),
        pace="change",
    ),
    Operation(
        method="GET",
        path="/connectors/{connector}/tasks",
        answer=_tasks,
        summary="List a connector's tasks with their configurations.",
        gives={200: schemas.TASKS},
        errors=(404,),
    ),
    Operation(
        method="POST",
        path="/connectors/{connector}/tasks",
        answer=_no_cluster,
        summary="Between the workers of a cluster; refused by a standalone worker.",
        takes=schemas.ANY_LIST,
        errors=(400,),
    ),
    Operation(
        method="PUT",
        path="/connectors/{connector}/fence",
        answer=_no_cluster,
        summary="Between the workers of a cluster; refused by a standalone worker.",
        errors=(400,),
    ),
    Operation(
        method="GET",
        path="/connectors/{connector}/tasks-config",
        answer=_tasks_config,
        summary="The configurations of a connector's tasks by task id (removed in Kafka 4.0; use tasks).",
        gives={200: schemas.CONFIGS},
        errors=(404,),
    ),
    Operation(
        method="GET",
        path="/connectors/{connector}/tasks/{task}/status",
        answer=_task_status,
        summary="Show the state of one task.",
        gives={200: schemas.TASK_STATUS},
        errors=(404,),
    ),
    Operation(
        method="POST",
        path="/connectors/{connector}/tasks/{task}/restart",
        answer=_restart_task,
        summary="Restart one task.",
        gives={204: None},
        errors=(404, 409, 500),
        pace="change",
    ),
    Operation(
        method="GET",
        path="/connectors/{connector}/topics",
        answer=_topics,
        summary="List the topics that a connector has used since it was created or they were reset.",
        gives={200: schemas.TOPICS},
        errors=(403,),
    ),
    Operation(
        method="PUT",
        path="/connectors/{connector}/topics/reset",
        answer=_reset_topics,
        summary="Forget which topics a connector has used.",
        gives={202: None},
        errors=(403,),
    ),
]
