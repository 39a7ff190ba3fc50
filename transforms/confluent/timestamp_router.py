"""Confluent's MessageTimestampRouter: a time in the message becomes part of the topic."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from connectkit.checks import no_empty_items, non_empty_list
from connectkit.config import HIGH, Config, option
from connectkit.dateformat import DateFormat
from connectkit.draft import Draft, Kind, Side
from connectkit.edit import EditTransform
from connectkit.errors import ConfigError, DataError
from connectkit.instant import TEMPORAL_TYPES, millis_of
from connectkit.program import Var
from connectkit.transforms.base import class_name

_PURPOSE = "routing by a timestamp of the message"


class MessageTimestampRouterConfig(Config):
    """Where the time stands, how it is written, and what becomes of the topic."""

    topic_format: str = option(
        "${topic}-${timestamp}",
        doc="The new topic, with ${topic} and ${timestamp} in it.",
        importance=HIGH,
    )
    topic_timestamp_format: str = option(
        "yyyyMMdd",
        doc="How the time is written in the topic: a pattern as of Java's SimpleDateFormat, in UTC.",
        importance=HIGH,
    )
    message_timestamp_keys: list[str] = option(
        doc="Fields to look for the time in, in this order.",
        check=[non_empty_list, no_empty_items],
        importance=HIGH,
    )
    message_timestamp_format: str = option(
        "yyyy-MM-dd'T'HH:mm:ss",
        doc="How a time that is a text is written in the message: a pattern as of Java's SimpleDateFormat. "
        "Numbers are milliseconds since 1970.",
        importance=HIGH,
    )

    def problems(self) -> Mapping[str, str | Sequence[str]]:
        found: dict[str, str] = {}
        for key, pattern in (
            ("topic.timestamp.format", self.topic_timestamp_format),
            ("message.timestamp.format", self.message_timestamp_format),
        ):
            try:
                DateFormat(pattern)
            except ConfigError as error:
                found[key] = str(error)
        return found


class MessageTimestampRouter(EditTransform[MessageTimestampRouterConfig]):
    """Send records to a topic named after theirs and after a time that stands in the value."""

    java_names = ("io.confluent.connect.transforms.MessageTimestampRouter",)
    reads = frozenset(("value",))

    def __init__(self, config: MessageTimestampRouterConfig) -> None:
        super().__init__(config)
        self._name = _namer(config)

    def edit(self, draft: Draft) -> None:
        draft.topic = draft.call(self._name, draft.topic, *self._sources(draft.value))

    def _sources(self, side: Side) -> list[Var]:
        if side.is_null or side.schema is None:
            side.require_map(_PURPOSE)
        if side.kind is Kind.MAP:
            return [side.get_item(key) for key in self.config.message_timestamp_keys]
        schema = side.require_struct(_PURPOSE)
        slots = side.read(_PURPOSE, with_defaults=True)
        fields = [schema.field(key) for key in self.config.message_timestamp_keys]
        found = [slots[field.index] for field in fields if field is not None]
        if not found:
            self.tell_missing(self.config.message_timestamp_keys, schema)
        return found


def _namer(config: MessageTimestampRouterConfig) -> Callable[..., str]:
    written = DateFormat(config.message_timestamp_format)
    pattern = DateFormat(config.topic_timestamp_format)
    form = config.topic_format

    def millis(value: Any) -> int:
        if isinstance(value, str):
            return written.parse(value)
        if isinstance(value, TEMPORAL_TYPES):
            return millis_of(value)
        if isinstance(value, int) and not isinstance(value, bool):
            return value
        raise DataError(f"A timestamp was expected, and a value of class {class_name(value)} found")

    def name(topic: str | None, *values: Any) -> str:
        found = next((value for value in values if value is not None), None)
        if found is None:
            raise DataError("The value has none of the fields that message.timestamp.keys names")
        text = pattern.format(millis(found))
        return form.replace("${topic}", topic or "").replace("${timestamp}", text)

    return name
