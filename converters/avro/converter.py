"""AvroConverter: Connect data as Avro with a schema registry, byte for byte as Confluent's writes it.

Source: spec registry 1, 2 (``io.confluent.connect.avro.AvroConverter``).
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, Final, NamedTuple

from connectkit.api import Converter, Decoder, Encoder, RawHeaders, SchemaCheck
from connectkit.compile import PerSchema, too_deep
from connectkit.converters.avro.config import AvroConfig
from connectkit.converters.avro.decode import compile_decoder
from connectkit.converters.avro.encode import compile_encoder
from connectkit.converters.avro.from_avro import from_avro
from connectkit.converters.avro.model import AvroSchema
from connectkit.converters.avro.parse import parse
from connectkit.converters.avro.printer import to_text
from connectkit.converters.avro.to_avro import to_avro
from connectkit.converters.registry.opening import open_registry
from connectkit.converters.registry.port import SchemaText
from connectkit.converters.registry.serde import SchemaSerde
from connectkit.converters.registry.wire import Frame
from connectkit.errors import ConversionError
from connectkit.limits import DEFAULT_LIMITS
from connectkit.schema import NULL, Schema, SchemaAndValue

_ID_BYTES: Final = 5


class _Writing(NamedTuple):
    """What writes the values of one schema to one topic."""

    encode: Callable[[Any, bytes], bytes]
    prefix: bytes
    header: tuple[str, bytes] | None


class _Reading(NamedTuple):
    """What reads the messages of one schema of one topic."""

    decode: Callable[[bytes, int], Any]
    schema: Schema | None


class AvroConverter(Converter[AvroConfig]):
    """Avro with its schemas in a registry, where new ones are registered by themselves.

    The first record of a schema asks the registry; those after it ask nobody. Null is a null message.
    """

    java_names = ("io.confluent.connect.avro.AvroConverter",)

    def __init__(self, config: AvroConfig, *, is_key: bool = False) -> None:
        super().__init__(config, is_key=is_key)
        self._options = config.options
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
        if value is None:
            _check_null(schema)
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
                _check_null(schema)
                return None
            if encode is None:  # the registry is asked when there is something to write
                encode, prefix, _ = table[schema]
            return encode(value, prefix)

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

    def _make_writing(self, topic: str, schema: Schema | None) -> _Writing:
        try:
            avro = to_avro(schema, self._options)
        except RecursionError as error:
            raise too_deep(DEFAULT_LIMITS.depth) from error
        text = SchemaText(to_text(avro))
        chosen = self._serde.choose(topic, text, lambda: _record_name(avro))
        target = avro if chosen.is_own else self._parse(chosen.registered.schema)
        if to_text(target) == text.text:
            encode = compile_encoder(avro, schema, self._options)
        else:
            encode = self._resolving(avro, schema, target)
        header = self._serde.header(chosen.registered) if self._serde.in_header else None
        return _Writing(encode, self._serde.prefix(chosen.registered), header)

    def _resolving(
        self, avro: AvroSchema, schema: Schema | None, target: AvroSchema
    ) -> Callable[[Any, bytes], bytes]:
        """Writes data with a schema that is not their own, as Avro resolves them: fields by name."""
        wanted = from_avro(target, self._options)
        write_own = compile_encoder(avro, schema, self._options)
        read_as = compile_decoder(avro, target, wanted, self._options)
        write = compile_encoder(target, wanted, self._options)
        return lambda value, prefix: write(read_as(write_own(value, b""), 0), prefix)

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
        return _result(found, found.decode(data, frame.start))

    def decoder(self, topic: str) -> Decoder | None:
        if self._refresh_s is not None:
            return super().decoder(topic)
        table: dict[bytes, _Reading] = {}  # by the id in front of the payload, as it stands there
        known = table.get

        def decode(data: bytes | None) -> tuple[Schema | None, Any]:
            if data is None:
                return NULL
            reading = known(data[:_ID_BYTES])
            if reading is None:
                frame = self._serde.frame(data, None)
                reading = self._reading_of(topic, frame)
                if frame.start == _ID_BYTES and len(table) < self._size:
                    table[data[:_ID_BYTES]] = reading
                return _result(reading, reading.decode(data, frame.start))
            read, schema = reading  # by position, which costs less than by name
            value = read(data, _ID_BYTES)
            return NULL if value is None else (schema, value)

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
        writer = self._serde.writer(topic, frame, lambda found: _record_name(self._parse(found.schema)))
        wrote = self._parse(writer.schema)
        reader = self._serde.reader(topic, writer, lambda: _record_name(wrote))
        reads = wrote if reader is writer else self._parse(reader.schema)
        if wrote.kind == "null":
            return _Reading(lambda data, at: None, None)  # it says nothing, so it needs no schema
        schema = from_avro(reads, self._options, version=writer.version)
        decode = compile_decoder(
            wrote, reads, schema, self._options, strict_end=self.config.avro_fail_on_trailing_data
        )
        return _Reading(decode, schema)

    def _parse(self, schema: SchemaText) -> AvroSchema:
        if schema.kind != "AVRO":
            raise ConversionError(
                f"The message's schema is of kind {schema.kind}, which another converter reads, not Avro's"
            )
        return parse(schema.text, references=self._serde.texts_of(schema))

    # --- schemas by themselves

    def connect_schema(self, text: str) -> Schema | None:
        """The Connect schema of data with this Avro schema (:class:`connectkit.api.KeepsSchemas`)."""
        return from_avro(parse(text), self._options)

    def check_schema(self, topic: str, new: str | Schema) -> SchemaCheck:
        """Compare a schema with those of the topic's subject (:class:`connectkit.api.KeepsSchemas`)."""
        avro = parse(new) if isinstance(new, str) else to_avro(new, self._options)
        text = new if isinstance(new, str) else to_text(avro)
        return self._serde.check(
            topic,
            SchemaText(text),
            lambda: _record_name(avro),
            lambda each: from_avro(self._parse(each), self._options),
        )

    def close(self) -> None:
        self._serde.close()


def _check_null(schema: Schema | None) -> None:
    if schema is not None and not schema.optional:
        raise ConversionError("The value is null, and its schema does not allow that")


def _result(found: _Reading, value: Any) -> SchemaAndValue:
    """Null has no schema when it is all there is, as with Confluent's converter."""
    return NULL if value is None else SchemaAndValue(found.schema, value)


def _record_name(schema: AvroSchema) -> str | None:
    return schema.full_name if schema.kind == "record" else None


def _last(headers: RawHeaders, name: str) -> bytes | None:
    return next((data for key, data in reversed(headers) if key == name), None)
