"""JsonSchemaConverter: Connect data as JSON with a schema registry, as Confluent's writes it.

Source: spec registry 1, 4 (``io.confluent.connect.json.JsonSchemaConverter``).
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, Final, NamedTuple

from connectkit.api import Converter, Decoder, Encoder, RawHeaders, SchemaCheck
from connectkit.compile import PerSchema
from connectkit.converters.json_schema.config import JsonSchemaConfig
from connectkit.converters.json_schema.from_json_schema import from_json_schema
from connectkit.converters.json_schema.load import load
from connectkit.converters.json_schema.model import Node
from connectkit.converters.json_schema.names import is_union
from connectkit.converters.json_schema.payload import Decode, Encode, compile_decoder, compile_encoder
from connectkit.converters.json_schema.read_values import ValueReader
from connectkit.converters.json_schema.to_json_schema import to_json_schema, value_writer
from connectkit.converters.json_schema.validate import validator
from connectkit.converters.registry.opening import open_registry
from connectkit.converters.registry.port import SchemaText
from connectkit.converters.registry.serde import SchemaSerde
from connectkit.converters.registry.wire import Frame
from connectkit.errors import ConversionError
from connectkit.schema import NULL, Schema, SchemaAndValue

_ID_BYTES: Final = 5


class _Writing(NamedTuple):
    """What writes the values of one schema to one topic; ``frame`` asks the registry once."""

    encode: Encode
    frame: Callable[[], tuple[bytes, tuple[str, bytes] | None, Callable[[bytes], None] | None]]


class _Reading(NamedTuple):
    """What reads the messages of one schema of one topic."""

    decode: Decode
    schema: Schema


class JsonSchemaConverter(Converter[JsonSchemaConfig]):
    """JSON with its schemas in a registry, where new ones are registered by themselves.

    The first record of a schema asks the registry; those after it ask nobody. Null is written as JSON's null
    where the schema allows it, and is a null message where it does not.
    """

    java_names = ("io.confluent.connect.json.JsonSchemaConverter",)

    def __init__(self, config: JsonSchemaConfig, *, is_key: bool = False) -> None:
        super().__init__(config, is_key=is_key)
        self._options = config.options
        self._writer = value_writer(self._options)
        self._reader = ValueReader()
        self._serde = SchemaSerde(config, open_registry(config), is_key=is_key)
        self._size = max(1, config.schemas_cache_config)
        self._writing: dict[str, PerSchema[_Writing]] = {}
        self._reading: dict[tuple[str, int | str | None], _Reading] = {}
        self._refresh_s = self._serde.refresh_s
        self._fresh_until_s = 0.0

    def _refresh(self, refresh_s: float) -> None:
        """Forget what was made of newest schemas when their time is over."""
        now = time.monotonic()
        if now >= self._fresh_until_s:
            self._writing.clear()
            self._reading.clear()
            self._fresh_until_s = now + refresh_s

    # --- writing

    def from_connect_data(
        self, topic: str, schema: Schema | None, value: Any, headers: RawHeaders | None = None
    ) -> bytes | None:
        if schema is None:
            return _without_schema(value)
        if self._refresh_s is not None:
            self._refresh(self._refresh_s)
        encode, frame = self._writing_of(topic)[schema]
        payload = encode(value)
        if payload is None:
            return None
        prefix, header, check = frame()
        if check is not None:
            check(payload)
        if header is not None:
            if headers is None:
                raise ConversionError(
                    "The schema is to be said in a header, and there is no place for headers here"
                )
            if _last(headers, header[0]) != header[1]:
                headers.append(header)
        return prefix + payload

    def encoder(self, topic: str, schema: Schema | None) -> Encoder | None:
        if self._serde.in_header:
            return None
        if schema is None:
            return _without_schema
        if self._refresh_s is not None:
            return super().encoder(topic, schema)
        encode, frame = self._writing_of(topic)[schema]
        prefix = b""
        check: Callable[[bytes], None] | None = None

        def write(value: Any) -> bytes | None:
            nonlocal prefix, check
            payload = encode(value)
            if payload is None:
                return None
            if not prefix:  # the registry is asked when there is something to write
                prefix, _, check = frame()
            if check is not None:
                check(payload)
            return prefix + payload

        return write

    def _writing_of(self, topic: str) -> PerSchema[_Writing]:
        found = self._writing.get(topic)
        if found is None:
            if len(self._writing) >= self._size:
                self._writing.pop(next(iter(self._writing)))
            found = self._writing[topic] = PerSchema(
                lambda schema: self._make_writing(topic, schema), size=self._size
            )
        return found

    def _make_writing(self, topic: str, schema: Schema) -> _Writing:
        made: tuple[bytes, tuple[str, bytes] | None, Callable[[bytes], None] | None] | None = None

        def frame() -> tuple[bytes, tuple[str, bytes] | None, Callable[[bytes], None] | None]:
            nonlocal made
            if made is None:
                text = SchemaText(to_json_schema(schema, self._options), "JSON")
                chosen = self._serde.choose(topic, text, lambda: _title(schema)).registered
                header = self._serde.header(chosen) if self._serde.in_header else None
                made = self._serde.prefix(chosen), header, self._check(chosen.schema)
            return made

        return _Writing(compile_encoder(schema, self._writer, indent=self.config.json_indent_output), frame)

    # --- reading

    def to_connect_data(
        self, topic: str, data: bytes | None, headers: RawHeaders | None = None
    ) -> SchemaAndValue:
        if data is None:
            return NULL
        if self._refresh_s is not None:
            self._refresh(self._refresh_s)
        frame = self._serde.frame(data, headers)
        found = self._reading_of(topic, frame)
        return SchemaAndValue(found.schema, found.decode(data[frame.start :]))

    def decoder(self, topic: str) -> Decoder | None:
        if self._refresh_s is not None:
            return super().decoder(topic)
        table: dict[bytes, _Reading] = {}  # by the id in front of the payload, as it stands there
        known = table.get

        def decode(data: bytes | None) -> tuple[Schema | None, Any]:
            if data is None:
                return NULL
            reading = known(data[:_ID_BYTES])
            if reading is not None:
                return reading.schema, reading.decode(data[_ID_BYTES:])
            frame = self._serde.frame(data, None)
            reading = self._reading_of(topic, frame)
            if frame.start == _ID_BYTES and len(table) < self._size:
                table[data[:_ID_BYTES]] = reading
            return reading.schema, reading.decode(data[frame.start :])

        return decode

    def _reading_of(self, topic: str, frame: Frame) -> _Reading:
        key = (topic, frame.id if frame.guid is None else frame.guid)
        found = self._reading.get(key)
        if found is None:
            found = self._make_reading(topic, frame)
            if len(self._reading) >= self._size:
                self._reading.pop(next(iter(self._reading)))
            self._reading[key] = found
        return found

    def _make_reading(self, topic: str, frame: Frame) -> _Reading:
        writer = self._serde.writer(topic, frame, lambda found: self._load(found.schema).title)
        reader = self._serde.reader(topic, writer, lambda: self._load(writer.schema).title)
        schema = from_json_schema(self._load(reader.schema), self._options, version=writer.version)
        decode = compile_decoder(schema, self._reader)
        check = self._check(reader.schema)
        if check is None:
            return _Reading(decode, schema)

        def checked(data: bytes) -> Any:
            check(data)
            return decode(data)

        return _Reading(checked, schema)

    def _load(self, schema: SchemaText) -> Node:
        if schema.kind != "JSON":
            raise ConversionError(
                f"The message's schema is of kind {schema.kind}, which another converter reads, not JSON "
                "Schema's"
            )
        as_draft_7 = self.config.ignore_modern_dialects
        return load(schema.text, references=self._serde.texts_of(schema), as_draft_7=as_draft_7)

    def _check(self, schema: SchemaText) -> Callable[[bytes], None] | None:
        """What refuses payloads that their schema does not allow, if that is asked for."""
        if not self.config.json_fail_invalid_schema:
            return None
        return validator(schema.text, self._serde.texts_of(schema))

    # --- schemas by themselves

    def connect_schema(self, text: str) -> Schema | None:
        """The Connect schema of data with this JSON Schema (:class:`connectkit.api.KeepsSchemas`)."""
        return from_json_schema(load(text), self._options)

    def check_schema(self, topic: str, new: str | Schema) -> SchemaCheck:
        """Compare a schema with those of the topic's subject (:class:`connectkit.api.KeepsSchemas`)."""
        text = new if isinstance(new, str) else to_json_schema(new, self._options)
        return self._serde.check(
            topic,
            SchemaText(text, "JSON"),
            lambda: load(text).title,
            lambda each: from_json_schema(self._load(each), self._options),
        )

    def close(self) -> None:
        self._serde.close()


def _without_schema(value: Any) -> bytes | None:
    if value is not None:
        raise ConversionError(
            "The value has no schema, and JSON Schema needs one; give the record a schema, or use "
            "JsonConverter with schemas.enable=false"
        )
    return None


def _title(schema: Schema) -> str | None:
    """The title at the root of the schema's text: a oneOf has none."""
    return None if schema.optional or is_union(schema) else schema.name


def _last(headers: RawHeaders, name: str) -> bytes | None:
    return next((data for key, data in reversed(headers) if key == name), None)
