"""What the converters of a schema registry share: caches by topic, schema and id around two functions.

A converter says how a schema is written and how an id is read, each once; what is kept of it, frames and
headers stand here. The path of a record is one look-up and one call. Source: spec registry 1, 5.
"""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any, ClassVar, Final, Generic, NamedTuple, TypeVar

from connectkit.api import Converter, Decoder, Encoder, RawHeaders
from connectkit.compile import PerSchema
from connectkit.converters.registry.backup import Backups, bounded, is_wrapper, unwrapped
from connectkit.converters.registry.config import RegistryConfig
from connectkit.converters.registry.opening import open_registry
from connectkit.converters.registry.port import Registered, SchemaKind, SchemaText
from connectkit.converters.registry.rules.stages import (
    Checks,
    Decode,
    Encode,
    Native,
    Reader,
    read_with_rules,
    write_with_rules,
)
from connectkit.converters.registry.serde import NameOf, SchemaSerde
from connectkit.converters.registry.wire import Frame
from connectkit.errors import ConversionError
from connectkit.schema import NULL, Schema, SchemaAndValue

C = TypeVar("C", bound=RegistryConfig)
_ID_BYTES: Final = 5
_NO_CHECKS: Final = Checks()


class Writing(NamedTuple):
    """What writes the values of one schema to one topic."""

    encode: Encode
    prefix: bytes
    header: tuple[str, bytes] | None


class Reading(NamedTuple):
    """What reads the messages of one schema, or one type of it, of one topic."""

    decode: Decode
    schema: Schema | None


class RegistryConverter(Converter[C], ABC, Generic[C]):
    """A converter with its schemas in a registry, where new ones are registered by themselves.

    The first record of a schema asks the registry; those after it ask nobody.
    """

    kind: ClassVar[SchemaKind]
    has_indexes: ClassVar[bool] = False
    """Whether the path of the message type stands behind the schema's id."""
    null_has_schema: ClassVar[bool] = True
    """Whether a null that is a whole value is given with its schema."""

    def __init__(self, config: C, *, is_key: bool = False) -> None:
        super().__init__(config, is_key=is_key)
        self._serde = SchemaSerde(config, open_registry(config), is_key=is_key)
        self._settings = config.rule_settings
        self._size = max(1, config.schemas_cache_config)
        self._writing: dict[str | tuple[str, SchemaText], PerSchema[Writing]] = {}
        self._reading: dict[tuple[str, int | str | None, tuple[int, ...]], Reading] = {}
        self._backup = Backups(self._serde.client, self._size) if config.schema_backup_enabled else None
        self._refresh_s = self._serde.refresh_s
        self._fresh_until_s = 0.0

    # --- what a kind of schema says

    @abstractmethod
    def _make_writing(self, topic: str, schema: Schema | None, given: SchemaText | None) -> Writing:
        """What writes a schema's values, by the text that is given or its own; the registry is asked here."""

    @abstractmethod
    def _make_reading(self, topic: str, frame: Frame) -> tuple[Reading, Registered]:
        """What reads the messages of an id, and its schema; the registry is asked here."""

    @abstractmethod
    def _is_null(self, schema: Schema | None) -> bool:
        """Whether a null value is a null message; ``ConversionError`` if the schema allows none."""

    def _try(self, schema: Schema | None, value: Any) -> None:
        """Raise for a value that cannot be written, before the registry hears of its schema."""

    # --- data contracts

    def _ruled_writing(
        self,
        topic: str,
        found: Registered,
        encode: Encode,
        native: Callable[[], Native],
        name_of: NameOf,
        checks: Checks = _NO_CHECKS,
    ) -> Encode:
        """``encode`` with the rules of the schema that is written with, if there are any."""
        if not found.schema.rule_set and self._settings.validation == "DISABLED" and not any(checks):
            return encode
        place = self._serde.place(topic, found, name_of)
        return write_with_rules(encode, found.schema, place, self._settings, native, checks)

    def _ruled_reading(
        self, topic: str, wrote: Registered, reads: Registered, reader: Reader, name_of: NameOf
    ) -> Decode:
        """``reader.decode`` with the rules of both schemas, if there are any."""
        if reads is wrote and not wrote.schema.rule_set and not any(reader.checks):
            return reader.decode
        place = self._serde.place(topic, reads, name_of)
        return read_with_rules(
            reader, wrote, reads, place, self._settings, lambda: self._serde.between(wrote, reads)
        )

    # --- writing

    def from_connect_data(
        self, topic: str, schema: Schema | None, value: Any, headers: RawHeaders | None = None
    ) -> bytes | None:
        if value is None and self._is_null(schema):
            return None
        if self._refresh_s is not None:
            self._refresh(self._refresh_s)
        given = None
        if self._backup is not None and is_wrapper(schema):
            given = self._backup.schema_of(value, self.kind)
            schema, value = unwrapped(value)
            if value is None:
                return None
        encode, prefix, header = self._writing_for(topic, schema, value, given)
        data = encode(value, prefix)
        if header is not None and data is not None:
            if headers is None:
                raise ConversionError(
                    "The schema is to be said in a header, and there is no place for headers here"
                )
            if _last(headers, header[0]) != header[1]:
                headers.append(header)
        return data

    def encoder(self, topic: str, schema: Schema | None) -> Encoder | None:
        if self._serde.in_header:
            return None
        if self._refresh_s is not None or self._backup is not None:
            return super().encoder(topic, schema)
        encode: Encode | None = None
        prefix = b""

        def write(value: Any) -> bytes | None:
            nonlocal encode, prefix
            if value is None and self._is_null(schema):
                return None
            if encode is None:  # the registry is asked when there is something to write
                encode, prefix, _ = self._writing_for(topic, schema, value)
            return encode(value, prefix)

        return write

    def _writing_for(
        self, topic: str, schema: Schema | None, value: Any, given: SchemaText | None = None
    ) -> Writing:
        key = topic if given is None else (topic, given)
        of_topic = self._writing.get(key)
        if of_topic is None:
            of_topic = PerSchema(lambda each: self._make_writing(topic, each, given), size=self._size)
            bounded(self._writing, key, of_topic, self._size)
        found = of_topic.table.get(id(schema))
        if found is None:
            self._try(schema, value)
            found = of_topic.miss(schema)
        return found

    # --- reading

    def to_connect_data(
        self, topic: str, data: bytes | None, headers: RawHeaders | None = None
    ) -> SchemaAndValue:
        if data is None:
            return NULL
        if self._refresh_s is not None:
            self._refresh(self._refresh_s)
        frame = self._serde.frame(data, headers, indexed=self.has_indexes)
        read, schema = self._reading_of(topic, frame)
        value = read(data, frame.start)
        if self._backup is not None and value is not None:
            return self._backup.wrapped(_key(topic, frame), data[frame.start :] if schema is None else value)
        return SchemaAndValue(schema, value) if value is not None or self.null_has_schema else NULL

    def decoder(self, topic: str) -> Decoder | None:
        if self._refresh_s is not None or self._backup is not None:
            return super().decoder(topic)
        # By what stands in front of the payload: the id, and the first message of its schema.
        table: dict[bytes, Reading] = {}
        known = table.get
        size = _ID_BYTES + self.has_indexes
        null_has_schema = self.null_has_schema

        def decode(data: bytes | None) -> tuple[Schema | None, Any]:
            if data is None:
                return NULL
            start = size
            reading = known(data[:size])
            if reading is None:
                frame = self._serde.frame(data, None, indexed=self.has_indexes)
                reading = self._reading_of(topic, frame)
                start = frame.start
                if start == size and len(table) < self._size:
                    table[data[:size]] = reading
            read, schema = reading  # by position, which costs less than by name
            value = read(data, start)
            return (schema, value) if value is not None or null_has_schema else NULL

        return decode

    def _reading_of(self, topic: str, frame: Frame) -> Reading:
        key = _key(topic, frame)
        found = self._reading.get(key)
        if found is None:
            found, writer = self._make_reading(topic, frame)
            if self._backup is not None:
                self._backup.remember(key, found.schema, writer)
            bounded(self._reading, key, found, self._size)
        return found

    def _refresh(self, refresh_s: float) -> None:
        """Forget what was made of newest schemas when their time is over."""
        now = time.monotonic()
        if now >= self._fresh_until_s:
            self._writing.clear()
            self._reading.clear()
            self._fresh_until_s = now + refresh_s

    def close(self) -> None:
        self._serde.close()


def _key(topic: str, frame: Frame) -> tuple[str, int | str | None, tuple[int, ...]]:
    return topic, frame.id if frame.guid is None else frame.guid, frame.indexes


def _last(headers: RawHeaders, name: str) -> bytes | None:
    return next((data for key, data in reversed(headers) if key == name), None)
