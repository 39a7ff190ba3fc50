"""``POST /connectkit/connectors/NAME/plan``: what a configuration would change.

The body is that of ``PUT /connectors/NAME/config``. The answer tells the problems and warnings that creating
it would meet, each option that would be added, removed or changed (secrets hidden, even where they differ),
and what would happen to what runs. Nothing is started or written; the plugin's own checks run, as for
validation. Source: spec users row 33.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from connectkit.errors import ConfigError, NotFoundError
from connectkit.runner.config_changes import Config, option_changes
from connectkit.runner.hiding import restored, shown_config
from connectkit.runner.rest import schemas
from connectkit.runner.rest.answers import Answer
from connectkit.runner.rest.calls import Call, named
from connectkit.runner.rest.routes import Operation
from connectkit.runner.status import State
from connectkit.runner.validation import validate_connector


def effects_of(action: str, state: State | None, tasks: int) -> list[str]:
    """What applying it would do to what runs, in sentences."""
    if action == "refuse":
        return []
    if action == "create":
        return ["The connector is created and started"]
    if state is State.STOPPED:
        return ["The connector stays stopped, and starts with this configuration when it is resumed"]
    if action == "none":
        return ["The connector is restarted by every PUT, although the configuration is what it was"]
    how = "stays paused" if state is State.PAUSED else "is restarted"
    return [f"The connector {how}, and its tasks (now {tasks}) are replaced if it names others"]


def _plan(call: Call) -> Answer:
    name, herder, registry = call.connector, call.service.herder, call.service.registry
    given = named(call.config(), name)
    old: Config
    state: State | None
    try:
        info = herder.info(name)
        old = info.config
        tasks, state = len(info.tasks), herder.status(name).connector.state
    except NotFoundError:
        old, tasks, state = {}, 0, None
    problems: Mapping[str, list[str]]
    warnings: Mapping[str, list[str]] = {}
    try:
        new = restored(given, old)
        report = validate_connector(new, call.service.config, registry)
        problems, warnings = report.errors, report.warnings
    except ConfigError as exc:
        new, problems = given, {key: list(found) for key, found in exc.problems.items()}
    changes = option_changes(old, new, shown_config(old, registry), shown_config(new, registry))
    action = "refuse" if problems else "create" if state is None else "change" if changes else "none"
    return Answer(
        {
            "name": name,
            "action": action,
            "changes": [each.as_json() for each in changes],
            "effects": effects_of(action, state, tasks),
            "errors": problems,
            "warnings": warnings,
        }
    )


_SENTENCES: Final = {"type": "object", "additionalProperties": schemas.array(schemas.TEXT)}
_CHANGE: Final = schemas.record(
    {"key": schemas.TEXT, "change": {"enum": ["added", "removed", "changed"]}},
    {"old": schemas.NULLABLE_TEXT, "new": schemas.NULLABLE_TEXT},
)
OPERATIONS: Final = [
    Operation(
        method="POST",
        path="/connectkit/connectors/{connector}/plan",
        answer=_plan,
        summary="Tell what a configuration would change; nothing is changed.",
        takes=schemas.CONFIG,
        gives={
            200: schemas.record(
                {
                    "name": schemas.TEXT,
                    "action": {"enum": ["none", "create", "change", "refuse"]},
                    "changes": schemas.array(_CHANGE),
                    "effects": schemas.array(schemas.TEXT),
                    "errors": _SENTENCES,
                    "warnings": _SENTENCES,
                }
            )
        },
        pace="change",
    )
]
