"""What is said of a record that fails: the stage, the guilty plugin, the record and where it stands.

Values only. The stages' names and the classes' stand in logs and in the headers of dead letters (KIP-298).
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Any, NamedTuple

from connectkit.api import TopicPartition


class Stage(Enum):
    """Where a record fails; the names stand in logs and in headers of dead letters."""

    TASK_POLL = "polling the source task"
    TASK_PUT = "writing in the sink task"
    TRANSFORMATION = "transforming"
    KEY_CONVERTER = "converting the key"
    VALUE_CONVERTER = "converting the value"
    HEADER_CONVERTER = "converting a header"
    KAFKA_PRODUCE = "producing"
    KAFKA_CONSUME = "consuming"


@dataclass(frozen=True, slots=True)
class Subject:
    """The record that fails: where it stands, and what it was before anything was done to it."""

    where: str
    """``topic-partition@offset``, or the topic and place of a source record. Never a value."""
    original: Any
    """The consumed message, or the source record as polled; reporters know which."""
    place: tuple[TopicPartition, int] | None = None
    """Where to read it again: partition and offset, or ``SOURCE`` and its number in the batch."""
    produced: Any = None
    """What was made of a source record, if that is what the log refused (``OutRecord``)."""


SOURCE = TopicPartition("", 0)
"""Stands for the batch of a source task in ``Subject.place``."""


class Culprit(NamedTuple):
    """The plugin that a record fails in."""

    label: str
    """As sentences name it: ``transform 'mask' (MaskField$Value)``."""
    class_name: str
    """Module and class, as headers of dead letters and logs name it."""


def culprit(plugin: object, label: str | None = None) -> Culprit:
    """A plugin, or its class, as a culprit."""
    cls = plugin if isinstance(plugin, type) else type(plugin)
    return Culprit(label or cls.__name__, class_name(cls))


PRODUCER = Culprit("the producer", "connectkit.runner.source_task.WorkerSourceTask")
"""Where the log refuses a record; Kafka Connect names its task as well."""


def class_name(cls: type) -> str:
    """Module and name of a class; the name alone of one that is built in."""
    name = cls.__qualname__
    return name if cls.__module__ == "builtins" else f"{cls.__module__}.{name}"
