"""The headers of dead letters. Source: KIP-298 for sinks; those of sources and replays are ours.

All values are UTF-8 text. Kafka Connect appends its headers after those of the record, so that of a name that
is there twice the last one is the newest.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from connectkit.runner.control import TaskId
from connectkit.runner.failing import Stage, class_name
from connectkit.runner.status import trace_of
from connectkit.runner.tolerance import describe
from connectkit.secret import GIVEN

PREFIX = "__connect.errors."
TOPIC, PARTITION, OFFSET = "topic", "partition", "offset"
CONNECTOR, TASK, STAGE, CLASS = "connector.name", "task.id", "stage", "class.name"
ERROR_CLASS, MESSAGE, TRACE = "exception.class.name", "exception.message", "exception.stacktrace"
SOURCE_PARTITION, SOURCE_OFFSET = "source.partition", "source.offset"
KEY_FORM, VALUE_FORM = "key.form", "value.form"
"""What the key or value is written as: ``JSON_FORM`` if the connector's converter could not write it."""
JSON_FORM = "json"
REPLAYS = "__connectkit.dlq.replays"
"""How often the record has been taken out of a dead letter queue."""

Headers = list[tuple[str, bytes | None]]


def reason(task: TaskId, stage: Stage, plugin: str, error: Exception) -> dict[str, str]:
    """Who failed, and why: never with a foreign message, which may hold a value, nor with a secret."""
    return {
        CONNECTOR: task.connector,
        TASK: str(task.task),
        STAGE: stage.name,
        CLASS: plugin,
        ERROR_CLASS: class_name(type(error)),
        MESSAGE: GIVEN.hidden_in(describe(error)),
        TRACE: GIVEN.hidden_in(trace_of(error)),
    }


def as_headers(context: Mapping[str, str]) -> Headers:
    """The context as a record carries it."""
    return [(PREFIX + name, text.encode()) for name, text in context.items()]


def read(headers: Sequence[tuple[str, bytes | None]] | None) -> dict[str, str]:
    """The context of a dead letter, without the prefix; empty if it has none."""
    return {
        name[len(PREFIX) :]: value.decode(errors="replace")
        for name, value in headers or ()
        if name.startswith(PREFIX) and value is not None
    }


def without(headers: Sequence[tuple[str, bytes | None]] | None) -> Headers:
    """The record's own headers."""
    return [(name, value) for name, value in headers or () if not name.startswith(PREFIX)]
