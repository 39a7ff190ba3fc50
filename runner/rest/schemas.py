"""The JSON schemas of what REST takes and gives, for the OpenAPI document. Source: spec runtime 3.4."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

Schema = Mapping[str, Any]

TEXT: Final[Schema] = {"type": "string"}
INTEGER: Final[Schema] = {"type": "integer"}
FLAG: Final[Schema] = {"type": "boolean"}
NULLABLE_TEXT: Final[Schema] = {"type": ["string", "null"]}
ANY_OBJECT: Final[Schema] = {"type": "object"}
ANY_LIST: Final[Schema] = {"type": "array"}


def array(items: Schema) -> Schema:
    """A list of these."""
    return {"type": "array", "items": items}


def record(required: Mapping[str, Schema], optional: Mapping[str, Schema] | None = None) -> Schema:
    """An object with these members."""
    return {
        "type": "object",
        "properties": {**required, **(optional or {})},
        "required": list(required),
    }


ERROR: Final = record({"error_code": INTEGER, "message": NULLABLE_TEXT})
CONFIG: Final[Schema] = {
    "type": "object",
    "additionalProperties": {"type": ["string", "number", "boolean", "null"]},
}
CONFIGS: Final[Schema] = {"type": "object", "additionalProperties": CONFIG}
TASK_ID: Final = record({"connector": TEXT, "task": INTEGER})
TYPE: Final[Schema] = {"enum": ["source", "sink", "unknown"]}
TARGET: Final[Schema] = {"enum": ["RUNNING", "PAUSED", "STOPPED", None]}
OFFSET: Final[Schema] = record(
    {}, {"partition": {"type": ["object", "null"]}, "offset": {"type": ["object", "null"]}}
)
OFFSETS: Final = record({"offsets": array(OFFSET)})
CREATE: Final[Schema] = {
    **record(
        {"name": TEXT, "config": CONFIG},
        {"initial_state": TARGET, "initial_offsets": {"type": ["array", "null"], "items": OFFSET}},
    ),
    "additionalProperties": False,
}
INFO: Final = record(
    {"name": TEXT, "config": CONFIG, "tasks": array(TASK_ID), "type": TYPE}, {"offsets_status": TEXT}
)
STATE: Final[Mapping[str, Schema]] = {
    "state": {"enum": ["UNASSIGNED", "RUNNING", "PAUSED", "FAILED", "RESTARTING", "STOPPED"]},
    "worker_id": TEXT,
    "version": NULLABLE_TEXT,
}
TASK_STATUS: Final = record({"id": INTEGER, **STATE}, {"trace": TEXT})
STATUS: Final = record(
    {"name": TEXT, "connector": record(STATE, {"trace": TEXT}), "tasks": array(TASK_STATUS), "type": TYPE}
)
CONNECTORS: Final[Schema] = {
    "oneOf": [
        array(TEXT),
        {"type": "object", "additionalProperties": record({}, {"status": STATUS, "info": INFO})},
    ]
}
TASKS: Final = array(record({"id": TASK_ID, "config": CONFIG}))
TOPICS: Final[Schema] = {"type": "object", "additionalProperties": record({"topics": array(TEXT)})}
MESSAGE: Final = record({"message": TEXT})
WORKER: Final = record({"version": TEXT, "commit": TEXT, "kafka_cluster_id": TEXT})
HEALTH: Final = record({"status": {"enum": ["healthy", "starting", "unhealthy"]}, "message": TEXT})
PLUGINS: Final = array(record({"class": TEXT, "type": TEXT}, {"version": TEXT}))
DEFINITION: Final = record(
    {
        "name": TEXT,
        "type": TEXT,
        "required": FLAG,
        "default_value": NULLABLE_TEXT,
        "importance": {"enum": ["HIGH", "MEDIUM", "LOW"]},
        "documentation": TEXT,
        "group": NULLABLE_TEXT,
        "width": {"enum": ["NONE", "SHORT", "MEDIUM", "LONG"]},
        "display_name": TEXT,
        "dependents": array(TEXT),
        "order": INTEGER,
        "order_in_group": INTEGER,
    }
)
DEFINITIONS: Final = array(DEFINITION)
VALUE: Final = record(
    {
        "name": TEXT,
        "value": NULLABLE_TEXT,
        "recommended_values": array(NULLABLE_TEXT),
        "errors": array(TEXT),
        "visible": FLAG,
    }
)
VALIDATED: Final = record(
    {
        "name": TEXT,
        "error_count": INTEGER,
        "groups": array(TEXT),
        "configs": array(record({"definition": {"oneOf": [DEFINITION, {"type": "null"}]}, "value": VALUE})),
    }
)
LEVEL: Final = record({"level": TEXT, "last_modified": {"type": ["integer", "null"]}})
LEVELS: Final[Schema] = {"type": "object", "additionalProperties": LEVEL}
SET_LEVEL: Final = record({"level": TEXT})
NAMES: Final = array(TEXT)
