"""ProtobufConverter: Connect data as Protobuf with a schema registry, as Confluent's writes it.

Source: spec registry 1, 3 (``io.confluent.connect.protobuf.ProtobufConverter``).
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, Final, NamedTuple

from connectkit.api import Converter, Decoder, Encoder, RawHeaders, SchemaCheck
from connectkit.compile import PerSchema
from connectkit.converters.protobuf.config import ProtobufConfig
from connectkit.converters.protobuf.decode import compile_decoder
from connectkit.converters.protobuf.encode import compile_encoder
from connectkit.converters.protobuf.formats import registered_text
from connectkit.converters.protobuf.from_proto import from_proto
from connectkit.converters.protobuf.linked import LinkedFile, link
from connectkit.converters.protobuf.options import WRAPPER_OF
from connectkit.converters.protobuf.printer import to_text
from connectkit.converters.protobuf.references import linked, references_of
from connectkit.converters.protobuf.to_proto import to_proto
from connectkit.converters.registry.opening import open_registry
from connectkit.converters.registry.port import SchemaText
from connectkit.converters.registry.serde import SchemaSerde
from connectkit.converters.registry.wire import Frame
from connectkit.errors import ConversionError
from connectkit.schema import NULL, Schema, SchemaAndValue

_SHORT: Final = 6
"""Bytes of the shortest frame: a zero, the id, a zero for the first message."""


class _Writing(NamedTuple):
    """What writes the values of one schema to one topic."""

    encode: Callable[[Any, bytes], bytes]
    prefix: bytes
    header: tuple[str, bytes] | None


class _Reading(NamedTuple):
    """What reads the messages of one type of one topic."""

    decode: Callable[[bytes, int], Any]
    schema: Schema


class ProtobufConverter(Converter[ProtobufConfig]):
    """Protobuf with its schemas in a registry, where new ones are registered by themselves.

    The first record of a schema asks the registry; those after it ask nobody. Null is a null message.
    """

    java_names = ("io.confluent.connect.protobuf.ProtobufConverter",)

    def __init__(self, config: ProtobufConfig, *, is_key: bool = False) -> None:
        super().__init__(config, is_key=is_key)
        self._options = config.options
        self._serde = SchemaSerde(config, open_registry(config), is_key=is_key)
        self._size = max(1, config.schemas_cache_config)
        self._writing: dict[str, PerSchema[_Writing]] = {}
        self._reading: dict[tuple[str, int | str | None, tuple[int, ...]], _Reading] = {}
        self._checked = PerSchema(self._check, size=self._size)
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
        if value is None:
            self._check_null(schema)
            return None
        if self._refresh_s is not None:
            self._refresh(self._refresh_s)
        writing = self._writing_of(topic)[schema]
        if writing.header is not None:
            if headers is None:
                raise ConversionError(
                    "The schema is to be said in a header, and there is no place for headers here"
                )
            if _last(headers, writing.header[0]) != writing.header[1]:
                headers.append(writing.header)
        return writing.encode(value, writing.prefix)

    def encoder(self, topic: str, schema: Schema | None) -> Encoder | None:
        if self._serde.in_header:
            return None
        if self._refresh_s is not None:
            return super().encoder(topic, schema)
        table = self._writing_of(topic)
        encode: Callable[[Any, bytes], bytes] | None = None
        prefix = b""

        def write(value: Any) -> bytes | None:
            nonlocal encode, prefix
            if value is None:
                self._check_null(schema)
                return None
            if encode is None:  # the registry is asked when there is something to write
                encode, prefix, _ = table[schema]
            return encode(value, prefix)

        return write

    def _writing_of(self, topic: str) -> PerSchema[_Writing]:
        found = self._writing.get(topic)
        if found is None:
            found = self._writing[topic] = PerSchema(
                lambda schema: self._make_writing(topic, schema), size=self._size
            )
        return found

    def _make_writing(self, topic: str, schema: Schema | None) -> _Writing:
        if schema is None:
            raise ConversionError("A value without a schema cannot be written as Protobuf, which needs one")
        made = to_proto(schema, self._options)
        own = link(made.file)
        references = references_of(self._serde.client, self.config, made.file)
        text = SchemaText(registered_text(made.file, self.config.schema_format), "PROTOBUF", references)
        chosen = self._serde.choose(topic, text, lambda: made.message)
        is_own = chosen.is_own and chosen.registered.schema.text == text.text
        target = own if is_own else linked(self._serde.client, chosen.registered.schema)
        indexes = target.indexes(made.message)
        encode = compile_encoder(target.at(indexes), schema, self._options)
        header = self._serde.header(chosen.registered, indexes) if self._serde.in_header else None
        return _Writing(encode, self._serde.prefix(chosen.registered, indexes), header)

    def _check(self, schema: Schema) -> LinkedFile:
        return link(to_proto(schema, self._options).file)

    # --- reading

    def to_connect_data(
        self, topic: str, data: bytes | None, headers: RawHeaders | None = None
    ) -> SchemaAndValue:
        if data is None:
            return NULL
        if self._refresh_s is not None:
            self._refresh(self._refresh_s)
        frame = self._serde.frame(data, headers, indexed=True)
        found = self._reading_of(topic, frame)
        return SchemaAndValue(found.schema, found.decode(data, frame.start))

    def decoder(self, topic: str) -> Decoder | None:
        if self._refresh_s is not None:
            return super().decoder(topic)
        table: dict[bytes, _Reading] = {}  # by the id and the first message, as they stand in front
        known = table.get

        def decode(data: bytes | None) -> tuple[Schema | None, Any]:
            if data is None:
                return NULL
            reading = known(data[:_SHORT])
            if reading is None:
                frame = self._serde.frame(data, None, indexed=True)
                reading = self._reading_of(topic, frame)
                if frame.start == _SHORT and len(table) < self._size:
                    table[data[:_SHORT]] = reading
                return reading.schema, reading.decode(data, frame.start)
            read, schema = reading  # by position, which costs less than by name
            return schema, read(data, _SHORT)

        return decode

    def _reading_of(self, topic: str, frame: Frame) -> _Reading:
        key = (topic, frame.id if frame.guid is None else frame.guid, frame.indexes)
        found = self._reading.get(key)
        if found is None:
            found = self._make_reading(topic, frame)
            if len(self._reading) >= self._size:
                self._reading.pop(next(iter(self._reading)))
            self._reading[key] = found
        return found

    def _make_reading(self, topic: str, frame: Frame) -> _Reading:
        files: dict[SchemaText, LinkedFile] = {}

        def file_of(schema: SchemaText) -> LinkedFile:
            found = files.get(schema)
            if found is None:
                found = files[schema] = linked(self._serde.client, schema)
            return found

        def name_of(schema: SchemaText) -> str:
            return file_of(schema).at(frame.indexes).full_name

        writer = self._serde.writer(topic, frame, lambda found: name_of(found.schema))
        wrote = file_of(writer.schema)
        message = wrote.at(frame.indexes)
        reader = self._serde.reader(topic, writer, lambda: message.full_name)
        if reader is not writer:
            reads = file_of(reader.schema)
            message = reads.at(reads.indexes(message.full_name))
        schema = from_proto(message, self._options, version=reader.version)
        return _Reading(compile_decoder(message, schema, self._options), schema)

    def _check_null(self, schema: Schema | None) -> None:
        """A null is a null message; but a schema that no value could be written with is refused as ever."""
        if schema is not None and schema.type not in WRAPPER_OF:
            _ = self._checked[schema]

    # --- schemas by themselves

    def connect_schema(self, text: str) -> Schema | None:
        """The Connect schema of a .proto file's first message (:class:`connectkit.api.KeepsSchemas`)."""
        return self._first_message(SchemaText(text, "PROTOBUF"))[1]

    def check_schema(self, topic: str, new: str | Schema) -> SchemaCheck:
        """Compare a schema with those of the topic's subject (:class:`connectkit.api.KeepsSchemas`)."""
        text = new if isinstance(new, str) else to_text(to_proto(new, self._options).file)
        schema = SchemaText(text, "PROTOBUF")
        name = self._first_message(schema)[0]
        return self._serde.check(topic, schema, lambda: name, lambda each: self._first_message(each)[1])

    def _first_message(self, schema: SchemaText) -> tuple[str, Schema]:
        message = linked(self._serde.client, schema).at((0,))
        return message.full_name, from_proto(message, self._options)

    def close(self) -> None:
        self._serde.close()


def _last(headers: RawHeaders, name: str) -> bytes | None:
    return next((data for key, data in reversed(headers) if key == name), None)
