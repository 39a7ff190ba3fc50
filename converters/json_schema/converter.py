"""JsonSchemaConverter: Connect data as JSON with a schema registry, as Confluent's writes it.

Source: spec registry 1, 4 (``io.confluent.connect.json.JsonSchemaConverter``).
"""

from __future__ import annotations

from typing import Any

from connectkit.api import SchemaCheck
from connectkit.compile import PerSchema
from connectkit.converters.json_schema.config import JsonSchemaConfig
from connectkit.converters.json_schema.contract import JsonNative
from connectkit.converters.json_schema.from_json_schema import from_json_schema
from connectkit.converters.json_schema.load import load
from connectkit.converters.json_schema.model import Node
from connectkit.converters.json_schema.names import is_union
from connectkit.converters.json_schema.payload import Encode, compile_decoder, compile_encoder
from connectkit.converters.json_schema.read_values import ValueReader
from connectkit.converters.json_schema.to_json_schema import to_json_schema, value_writer
from connectkit.converters.json_schema.validate import validator
from connectkit.converters.registry.converter import Reading, RegistryConverter, Writing
from connectkit.converters.registry.port import Registered, SchemaText
from connectkit.converters.registry.rules.stages import Checks, Reader
from connectkit.converters.registry.wire import Frame
from connectkit.errors import ConversionError
from connectkit.schema import Schema


class JsonSchemaConverter(RegistryConverter[JsonSchemaConfig]):
    """JSON with its schemas in a registry, where new ones are registered by themselves.

    The first record of a schema asks the registry; those after it ask nobody. Null is written as JSON's null
    where the schema allows it, and is a null message where it does not.
    """

    kind = "JSON"
    java_names = ("io.confluent.connect.json.JsonSchemaConverter",)

    def __init__(self, config: JsonSchemaConfig, *, is_key: bool = False) -> None:
        super().__init__(config, is_key=is_key)
        self._options = config.options
        self._writer = value_writer(self._options)
        self._reader = ValueReader(preserve=self._options.preserve)
        self._encoders = PerSchema(self._make_encoder, size=self._size)

    def _make_encoder(self, schema: Schema) -> Encode:
        return compile_encoder(schema, self._writer, indent=self.config.json_indent_output)

    def _is_null(self, schema: Schema | None) -> bool:
        return schema is None or self._encoders[schema](None, b"") is None

    def _try(self, schema: Schema | None, value: Any) -> None:
        if schema is None:
            raise ConversionError(
                "The value has no schema, and JSON Schema needs one; give the record a schema, or use "
                "JsonConverter with schemas.enable=false"
            )
        self._encoders[schema](value, b"")

    def _make_writing(self, topic: str, schema: Schema | None, given: SchemaText | None) -> Writing:
        assert schema is not None, "a value without a schema is refused before"
        text = given or SchemaText(to_json_schema(schema, self._options), "JSON")
        chosen = self._serde.choose(topic, text, lambda: _title(schema)).registered
        header = self._serde.header(chosen) if self._serde.in_header else None
        encode, checks = self._encoders[schema], self._checks(chosen.schema)

        ruled = self._ruled_writing(
            topic, chosen, encode, lambda: self._native(chosen.schema), lambda: _title(schema), checks
        )
        return Writing(ruled, self._serde.prefix(chosen), header)

    def _make_reading(self, topic: str, frame: Frame) -> tuple[Reading, Registered]:
        writer = self._serde.writer(topic, frame, lambda found: self._load(found.schema).title)
        reader = self._serde.reader(topic, writer, lambda: self._load(writer.schema).title)
        schema = from_json_schema(self._load(reader.schema), self._options, version=reader.version)
        decode = compile_decoder(schema, self._reader)
        way = Reader(
            decode,
            own=lambda: decode,
            guard=None,
            resolve=None,
            native=self._native,
            checks=self._checks(reader.schema),
        )
        title = self._load(reader.schema).title
        return Reading(self._ruled_reading(topic, writer, reader, way, lambda: title), schema), writer

    def _native(self, schema: SchemaText) -> JsonNative:
        return JsonNative(schema.text, self._serde.texts_of(schema))

    def _load(self, schema: SchemaText) -> Node:
        if schema.kind != "JSON":
            raise ConversionError(
                f"The message's schema is of kind {schema.kind}, which another converter reads, not JSON "
                "Schema's"
            )
        as_draft_7 = self.config.ignore_modern_dialects
        return load(schema.text, references=self._serde.texts_of(schema), as_draft_7=as_draft_7)

    def _checks(self, schema: SchemaText) -> Checks:
        """What refuses payloads that their schema does not allow, if that is asked for."""
        if not self.config.json_fail_invalid_schema:
            return Checks()
        check = validator(schema.text, self._serde.texts_of(schema))
        return Checks(before=check) if self.config.json_validate_before_domain_rules else Checks(after=check)

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


def _title(schema: Schema) -> str | None:
    """The title at the root of the schema's text: a oneOf has none."""
    return None if schema.optional or is_union(schema) else schema.name
