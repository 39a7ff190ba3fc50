"""The operations on plugins: which there are, their options, and validating a configuration."""

from __future__ import annotations

from typing import Any, Final

from connectkit.errors import NotFoundError
from connectkit.runner.configs.connector import FRAMEWORK
from connectkit.runner.configs.overrides import is_policy
from connectkit.runner.definitions import (
    TYPES,
    UNDEFINED,
    find_any,
    listed_plugins,
    shown,
    visible_keys,
)
from connectkit.runner.rest import schemas
from connectkit.runner.rest.answers import Answer, BadRequestError
from connectkit.runner.rest.calls import Call
from connectkit.runner.rest.routes import Operation
from connectkit.runner.validate_answer import validate_answer
from connectkit.runner.versions import accepts
from connectkit.suggest import shortened


def _plugins(call: Call) -> Answer:
    # As in Java, where nothing after the = is the default.
    connectors_only = call.flag("connectorsOnly", default=True) or call.text("connectorsOnly") == ""
    return Answer(listed_plugins(call.service.registry, connectors_only=connectors_only))


def _config(call: Call) -> Answer:
    name = call.path["plugin"]
    found = find_any(call.service.registry, name)
    if found is None and is_policy(name) is not None:
        raise NotFoundError(f"Unknown plugin {shortened(name)}.")
    if found is None or found.kind not in TYPES:
        valid = ", ".join(sorted(TYPES.values()))
        raise BadRequestError(
            f"{shortened(name)} is a plugin without options to list; those have it: {valid}"
        )
    kind, info = found.kind, found.info
    if (wanted := call.text("version")) is not None:
        _check_version(wanted, info.name, info.version)
    listed = [shown(key) for key in visible_keys(found.cls.config_type.definition(), info, ())]
    known = {each.name for each in listed}
    if kind in FRAMEWORK:
        framework = FRAMEWORK[kind].definition().keys
        listed += [shown(key) for key in framework if key.name not in known and not key.extension]
    found_json = [each.as_json() for each in listed]
    for each in found_json:
        if each["name"] == "connector.plugin.version" and kind in FRAMEWORK and info.version != UNDEFINED:
            each["default_value"] = info.version
    return Answer(found_json)


def _check_version(wanted: str, name: str, installed: str) -> None:
    try:
        if wanted.strip() and accepts(wanted, installed):
            return
    except ValueError as exc:
        raise BadRequestError(f"The version {exc}") from exc
    raise BadRequestError(
        f"{name} is installed in version {installed}, which is not one of the wanted version"
        f" '{shortened(wanted)}'"
    )


def _validate(call: Call) -> Answer:
    config = call.config()
    plugin, given = call.path["plugin"], config.get("connector.class")
    if given is None:
        raise BadRequestError("The configuration has no connector.class, so nobody knows its options")
    if not _bare(given).endswith(_bare(plugin)):
        raise BadRequestError(
            f"The connector.class '{shortened(given)}' is not the plugin '{shortened(plugin)}' of the path"
        )
    service = call.service
    found: dict[str, Any] = validate_answer(config, service.config, service.registry)
    service.registry.find_connector(given)  # of one that is unknown there is nothing to list
    return Answer(found)


def _bare(name: str) -> str:
    """A name without the last word of connectors' classes, as Kafka compares them; that word alone stays."""
    return name if name == _LAST_WORD else name.removesuffix(_LAST_WORD)


_LAST_WORD: Final = "Connector"


OPERATIONS: Final[list[Operation]] = [
    Operation(
        method="GET",
        path="/connector-plugins",
        answer=_plugins,
        summary="List the plugins that are installed.",
        query={"connectorsOnly": "false: converters, transforms and predicates too."},
        gives={200: schemas.PLUGINS},
    ),
    Operation(
        method="GET",
        path="/connector-plugins/{plugin}/config",
        answer=_config,
        summary="List the options of a plugin.",
        query={"version": "latest, a version, or a range: answered only if that is installed."},
        gives={200: schemas.DEFINITIONS},
        errors=(400, 404),
    ),
    Operation(
        method="PUT",
        path="/connector-plugins/{plugin}/config/validate",
        answer=_validate,
        summary="Check a connector's configuration; placeholders stay as they are.",
        takes=schemas.CONFIG,
        gives={200: schemas.VALIDATED},
        errors=(400, 500),
        pace="change",
    ),
]
