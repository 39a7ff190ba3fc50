"""Converters that pass on what they get: StringConverter, ByteArrayConverter, BooleanConverter.

All serve for keys, values and headers. Sources: spec data 2.2, 2.3, 2.5 (``org.apache.kafka.connect``:
``storage.StringConverter``, ``converters.ByteArrayConverter``, ``converters.BooleanConverter``).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from connectkit.api import Converter, Decoder, Encoder, HeaderConverter, RawHeaders
from connectkit.config import HIGH, ConverterConfig, Width, option
from connectkit.converters.charsets import charset
from connectkit.converters.sniff import looks_like
from connectkit.errors import ConversionError
from connectkit.javatext import text_of
from connectkit.schema import Schema, SchemaAndValue, Type


def _is_charset(name: str) -> str | None:
    try:
        charset(name)
    except LookupError as exc:
        return str(exc.args[0])
    return None


_OVERRIDES = tuple(
    f"{side}.{role}.encoding" for side in ("key", "value") for role in ("serializer", "deserializer")
)


class StringConfig(ConverterConfig):
    """The character sets.

    ``key.serializer.encoding``, ``value.serializer.encoding`` and the same of ``deserializer``, which are
    keys of Kafka's serializers, go before ``converter.encoding`` for keys or values written or read.
    """

    prefixes = _OVERRIDES

    converter_encoding: str = option(
        "UTF-8",
        doc="The character set of the bytes, by its Java name.",
        importance=HIGH,
        check=_is_charset,
        width=Width.MEDIUM,
        display_name="Encoding",
    )

    def problems(self) -> Mapping[str, str | Sequence[str]]:
        found = {key: _is_charset(self.encoding(key)) for key in _OVERRIDES if key in self.originals}
        return {key: problem for key, problem in found.items() if problem is not None}

    def encoding(self, key: str) -> str:
        """The character set under that key, or the common one."""
        override = self.originals.get(key)
        return self.converter_encoding if override is None else str(override)


class StringConverter(Converter[StringConfig], HeaderConverter[StringConfig]):
    """Any value as text (Java's ``toString``), and bytes as optional strings. Never fails on bytes.

    Bytes in a value become Base64, where Java would write an address in its memory.
    """

    java_names = ("org.apache.kafka.connect.storage.StringConverter",)

    def __init__(self, config: StringConfig, *, is_key: bool = False) -> None:
        super().__init__(config, is_key=is_key)
        side = "key" if is_key else "value"
        self._to_bytes = charset(config.encoding(f"{side}.serializer.encoding")).encode
        self._to_text = charset(config.encoding(f"{side}.deserializer.encoding")).decode

    def from_connect_data(
        self, topic: str, schema: Schema | None, value: Any, headers: RawHeaders | None = None
    ) -> bytes | None:
        if value is None:
            return None
        return self._to_bytes(value if type(value) is str else text_of(value, schema))

    def to_connect_data(
        self, topic: str, data: bytes | None, headers: RawHeaders | None = None
    ) -> SchemaAndValue:
        return SchemaAndValue(Schema.OPTIONAL_STRING, None if data is None else self._to_text(data))

    def from_connect_header(self, topic: str, key: str, schema: Schema | None, value: Any) -> bytes | None:
        return self.from_connect_data(topic, schema, value)

    def to_connect_header(self, topic: str, key: str, data: bytes | None) -> SchemaAndValue:
        return self.to_connect_data(topic, data)

    def encoder(self, topic: str, schema: Schema | None) -> Encoder:
        to_bytes = self._to_bytes

        def encode(value: Any) -> bytes | None:
            if type(value) is str:
                return to_bytes(value)
            return None if value is None else to_bytes(text_of(value, schema))

        return encode

    def decoder(self, topic: str) -> Decoder:
        to_text, schema = self._to_text, Schema.OPTIONAL_STRING
        return lambda data: (schema, None if data is None else to_text(data))


class ByteArrayConverter(Converter[ConverterConfig], HeaderConverter[ConverterConfig]):
    """Bytes as they are. A schema, if there is one, must be of bytes."""

    java_names = ("org.apache.kafka.connect.converters.ByteArrayConverter",)

    def from_connect_data(
        self, topic: str, schema: Schema | None, value: Any, headers: RawHeaders | None = None
    ) -> bytes | None:
        if schema is not None and schema.type is not Type.BYTES:
            raise ConversionError(
                f"ByteArrayConverter writes bytes only, and the schema is of type {schema.type}"
                "; use a converter of that type, or JsonConverter",
                path="$",
            )
        if value is None or type(value) is bytes:
            return value
        if isinstance(value, bytes | bytearray | memoryview):
            return bytes(value)
        raise ConversionError(
            f"ByteArrayConverter writes bytes only, not a value of class {type(value).__name__}", path="$"
        )

    def to_connect_data(
        self, topic: str, data: bytes | None, headers: RawHeaders | None = None
    ) -> SchemaAndValue:
        return SchemaAndValue(Schema.OPTIONAL_BYTES, data)

    def from_connect_header(self, topic: str, key: str, schema: Schema | None, value: Any) -> bytes | None:
        return self.from_connect_data(topic, schema, value)

    def to_connect_header(self, topic: str, key: str, data: bytes | None) -> SchemaAndValue:
        return self.to_connect_data(topic, data)

    def decoder(self, topic: str) -> Decoder:
        schema = Schema.OPTIONAL_BYTES
        return lambda data: (schema, data)


class BooleanConverter(Converter[ConverterConfig], HeaderConverter[ConverterConfig]):
    """One byte, 01 for true and 00 for false. A schema, if there is one, must be BOOLEAN."""

    java_names = ("org.apache.kafka.connect.converters.BooleanConverter",)

    def from_connect_data(
        self, topic: str, schema: Schema | None, value: Any, headers: RawHeaders | None = None
    ) -> bytes | None:
        if schema is not None and schema.type is not Type.BOOLEAN:
            raise ConversionError(
                f"BooleanConverter writes true and false only, and the schema is of type {schema.type}",
                path="$",
            )
        if value is None:
            return None
        if value is True or value is False:
            return b"\x01" if value else b"\x00"
        raise ConversionError(
            f"BooleanConverter writes true and false only, not a value of class {type(value).__name__}",
            path="$",
        )

    def to_connect_data(
        self, topic: str, data: bytes | None, headers: RawHeaders | None = None
    ) -> SchemaAndValue:
        if data is None:
            return SchemaAndValue(Schema.OPTIONAL_BOOLEAN, None)
        if data == b"\x01" or data == b"\x00":
            return SchemaAndValue(Schema.OPTIONAL_BOOLEAN, data == b"\x01")
        hint = looks_like(data)
        raise ConversionError(
            f"BooleanConverter reads one byte, 00 or 01, and got {len(data)} bytes"
            f"{f'; {hint}' if hint else ' or another value'}",
            path="$",
        )

    def from_connect_header(self, topic: str, key: str, schema: Schema | None, value: Any) -> bytes | None:
        return self.from_connect_data(topic, schema, value)

    def to_connect_header(self, topic: str, key: str, data: bytes | None) -> SchemaAndValue:
        return self.to_connect_data(topic, data)
