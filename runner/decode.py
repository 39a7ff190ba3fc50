"""What the log returns to sink records: key, value and header converters, in Connect's order.

``decode`` is the fast way for a batch, where any exception ends it; ``decode_one`` is the explaining way
for one message of a batch that failed: each converter runs under the error policy.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from connectkit.api import Decoder, RawHeaders, TopicPartition
from connectkit.errors import DataError
from connectkit.headers import Headers
from connectkit.record import SinkRecord
from connectkit.runner.encode import Converters
from connectkit.runner.failing import Stage, Subject, culprit
from connectkit.runner.log.api import Message
from connectkit.runner.tolerance import SKIPPED, Tolerance

_CACHED = 10_000
"""Topics whose decoders are kept; a pattern may match any number of topics."""


class RecordDecoder:
    """Decodes the messages of one task."""

    def __init__(self, converters: Converters) -> None:
        self._converters = converters
        self._decoders: dict[str, tuple[Decoder | None, Decoder | None]] = {}

    def decode(self, messages: Sequence[Message], positions: dict[TopicPartition, int]) -> list[SinkRecord]:
        """Decode a batch; where to go on after it is put into ``positions``."""
        records: list[SinkRecord] = []
        append = records.append
        new = SinkRecord.__new__
        topic = ""
        partition = offset = -1
        decode_key: Decoder | None = None
        decode_value: Decoder | None = None
        for message in messages:
            if message.partition() != partition or message.topic() != topic:
                if partition >= 0:
                    positions[TopicPartition(topic, partition)] = offset + 1
                partition, topic = message.partition(), message.topic()
                decode_key, decode_value = self._lookup(topic)
            offset = message.offset()
            headers = message.headers()
            if headers or decode_key is None or decode_value is None:
                append(self._decode_rare(message, headers or []))
                continue
            # Written out: one Python call less for each of a million records a second.
            record = new(SinkRecord)
            record.key_schema, record.key = decode_key(message.key())
            record.value_schema, record.value = decode_value(message.value())
            kind, timestamp = message.timestamp()
            record.topic = topic
            record.kafka_partition = partition
            record.kafka_offset = offset
            record.timestamp = timestamp if kind > 0 and timestamp >= 0 else None
            record.timestamp_type = kind - 1
            record._headers = None
            record._origin = None
            append(record)
        if partition >= 0:
            positions[TopicPartition(topic, partition)] = offset + 1
        return records

    def _lookup(self, topic: str) -> tuple[Decoder | None, Decoder | None]:
        found = self._decoders.get(topic)
        if found is None:
            if len(self._decoders) >= _CACHED:
                self._decoders.clear()
            found = self._converters.key.decoder(topic), self._converters.value.decoder(topic)
            self._decoders[topic] = found
        return found

    def _decode_rare(self, message: Message, raw: RawHeaders) -> SinkRecord:
        """A message with headers, or whose converters look at them."""
        topic = message.topic()
        key_schema, key = self._converters.key.to_connect_data(topic, message.key(), raw)
        value_schema, value = self._converters.value.to_connect_data(topic, message.value(), raw)
        return _record(message, key_schema, key, value_schema, value, self._headers(topic, raw))

    def _headers(self, topic: str, raw: RawHeaders) -> Headers | None:
        if not raw:
            return None
        convert = self._converters.header.to_connect_header
        headers = Headers()
        for name, data in raw:
            schema, value = convert(topic, name, data)
            headers.add(name, value, schema)
        return headers

    def decode_one(self, message: Message, tolerance: Tolerance, subject: Subject) -> SinkRecord | None:
        """Decode one message under the error policy; None if it was dropped."""
        topic, raw = message.topic(), message.headers() or []
        key, value, header = self._converters

        def run(stage: Stage, plugin: object, call: Callable[[], Any]) -> Any:
            return tolerance.run(stage, culprit(plugin), subject, call)

        made_key = run(
            Stage.KEY_CONVERTER, key, lambda: _pair(key.to_connect_data(topic, message.key(), raw))
        )
        if made_key is SKIPPED:
            return None
        made_value = run(
            Stage.VALUE_CONVERTER, value, lambda: _pair(value.to_connect_data(topic, message.value(), raw))
        )
        if made_value is SKIPPED:
            return None
        headers: Any = run(Stage.HEADER_CONVERTER, header, lambda: self._headers(topic, raw))
        if headers is SKIPPED:
            return None
        key_schema, made = made_key
        return _record(message, key_schema, made, made_value[0], made_value[1], headers)


def _pair(made: object) -> tuple[Any, Any]:
    """What a converter read, if it is a schema and a value."""
    if isinstance(made, tuple) and len(made) == 2:
        return made
    raise DataError(
        f"The converter returned a value of class {type(made).__name__}; it must be a schema and a value"
    )


def _record(
    message: Message, key_schema: Any, key: Any, value_schema: Any, value: Any, headers: Headers | None
) -> SinkRecord:
    kind, timestamp = message.timestamp()
    return SinkRecord(
        message.topic(),
        message.partition(),
        key_schema,
        key,
        value_schema,
        value,
        message.offset(),
        timestamp if kind > 0 and timestamp >= 0 else None,
        kind - 1,
        headers,
    )


def subject_of(message: Message) -> Subject:
    """The message as one that may fail."""
    return Subject(
        where_of(message), message, (TopicPartition(message.topic(), message.partition()), message.offset())
    )


def where_of(message: Message) -> str:
    """Where a message stands: ``topic-partition@offset``."""
    return f"{message.topic()}-{message.partition()}@{message.offset()}"
