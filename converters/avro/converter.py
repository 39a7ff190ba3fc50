"""AvroConverter: Connect data as Avro with a schema registry, byte for byte as Confluent's writes it.

Source: spec registry 1, 2 (``io.confluent.connect.avro.AvroConverter``).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from connectkit.api import SchemaCheck
from connectkit.compile import too_deep
from connectkit.converters.avro.config import AvroConfig
from connectkit.converters.avro.contract import AvroNative
from connectkit.converters.avro.decode import compile_decoder
from connectkit.converters.avro.encode import compile_encoder
from connectkit.converters.avro.from_avro import from_avro
from connectkit.converters.avro.model import AvroSchema
from connectkit.converters.avro.parse import parse
from connectkit.converters.avro.printer import to_text
from connectkit.converters.avro.to_avro import is_union, to_avro
from connectkit.converters.registry.converter import Reading, RegistryConverter, Writing
from connectkit.converters.registry.port import Registered, SchemaText
from connectkit.converters.registry.rules.stages import Checks, Decode, Encode, Reader
from connectkit.converters.registry.wire import Frame
from connectkit.errors import ConversionError
from connectkit.limits import DEFAULT_LIMITS
from connectkit.schema import Schema
from connectkit.struct import Struct


class AvroConverter(RegistryConverter[AvroConfig]):
    """Avro with its schemas in a registry, where new ones are registered by themselves.

    The first record of a schema asks the registry; those after it ask nobody. Null is a null message.
    """

    kind = "AVRO"
    java_names = ("io.confluent.connect.avro.AvroConverter",)
    null_has_schema = False

    def __init__(self, config: AvroConfig, *, is_key: bool = False) -> None:
        super().__init__(config, is_key=is_key)
        self._options = config.options

    def _is_null(self, schema: Schema | None) -> bool:
        if schema is not None and not schema.optional:
            raise ConversionError("The value is null, and its schema does not allow that")
        return True

    def _make_writing(self, topic: str, schema: Schema | None, given: SchemaText | None) -> Writing:
        try:
            avro = to_avro(schema, self._options)
        except RecursionError as error:
            raise too_deep(DEFAULT_LIMITS.depth) from error
        own = to_text(avro)
        chosen = self._serde.choose(topic, given or SchemaText(own), lambda: _record_name(avro))
        is_own = chosen.is_own and given is None
        target = avro if is_own else self._parse(chosen.registered.schema)
        encode: Encode
        if given is not None and from_avro(target, self._options) is None:
            encode = _as_they_are  # data without a Connect schema are backed up as their bytes
        elif to_text(target) == own:
            encode = compile_encoder(avro, schema, self._options)
        else:
            encode = self._resolving(avro, schema, target)
        if schema is not None and schema.optional and is_union(schema):
            encode = _null_if_unset(encode)
        found = chosen.registered
        ruled = self._ruled_writing(
            topic, found, encode, lambda: self._native(found.schema), lambda: _record_name(target)
        )
        header = self._serde.header(chosen.registered) if self._serde.in_header else None
        return Writing(ruled, self._serde.prefix(chosen.registered), header)

    def _resolving(
        self, avro: AvroSchema, schema: Schema | None, target: AvroSchema
    ) -> Callable[[Any, bytes], bytes]:
        """Writes data with a schema that is not their own, as Avro resolves them: fields by name."""
        wanted = from_avro(target, self._options)
        write_own = compile_encoder(avro, schema, self._options)
        read_as = compile_decoder(avro, target, wanted, self._options)
        write = compile_encoder(target, wanted, self._options)
        return lambda value, prefix: write(read_as(write_own(value, b""), 0), prefix)

    def _make_reading(self, topic: str, frame: Frame) -> tuple[Reading, Registered]:
        writer = self._serde.writer(topic, frame, lambda found: _record_name(self._parse(found.schema)))
        wrote = self._parse(writer.schema)
        reader = self._serde.reader(topic, writer, lambda: _record_name(wrote))
        reads = wrote if reader is writer else self._parse(reader.schema)
        if wrote.kind == "null":
            return Reading(lambda data, at: None, None), writer  # it says nothing, so it needs no schema
        schema = from_avro(reads, self._options, version=writer.version)
        decode = compile_decoder(
            wrote, reads, schema, self._options, strict_end=self.config.avro_fail_on_trailing_data
        )

        def own() -> Decode:
            return compile_decoder(reads, reads, schema, self._options)

        def guard() -> Decode:
            return compile_decoder(wrote, wrote, from_avro(wrote, self._options), self._options)

        def resolve() -> Callable[[bytes], bytes]:
            write = compile_encoder(reads, schema, self._options)
            return lambda payload: write(decode(payload, 0), b"")

        way = Reader(decode, own, guard, resolve, self._native, Checks())
        ruled = self._ruled_reading(topic, writer, reader, way, lambda: _record_name(reads))
        return Reading(ruled, schema), writer

    def _native(self, schema: SchemaText) -> AvroNative:
        return AvroNative(schema.text, self._serde.texts_of(schema))

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


def _null_if_unset(encode: Encode) -> Encode:
    """A whole value that is a union of null and others, of which none is set, is a null message too."""

    def write(value: Any, prefix: bytes) -> bytes | None:
        if isinstance(value, Struct) and all(each is None for each in value.values):
            return None
        return encode(value, prefix)

    return write


def _as_they_are(value: Any, prefix: bytes) -> bytes:
    return prefix + bytes(value)


def _record_name(schema: AvroSchema) -> str | None:
    return schema.full_name if schema.kind == "record" else None
