"""SimpleHeaderConverter: header values as text, their types guessed when read.

What Connect uses for headers if nothing else is configured. Not lossless: the text ``1`` comes back as an
INT8, a struct as a map. Source: spec data 2.6, 1.8 (``org.apache.kafka.connect.storage``).
"""

from __future__ import annotations

from typing import Any

from connectkit import values
from connectkit.api import HeaderConverter
from connectkit.config import Config
from connectkit.converters.charsets import decode_utf8, encode_utf8
from connectkit.errors import ConversionError, DataError
from connectkit.schema import NULL, Schema, SchemaAndValue


class SimpleHeaderConverter(HeaderConverter[Config]):
    """Text by ``Values.convertToString`` and ``Values.parseString``; any bytes can be read."""

    java_names = ("org.apache.kafka.connect.storage.SimpleHeaderConverter",)

    def from_connect_header(self, topic: str, key: str, schema: Schema | None, value: Any) -> bytes | None:
        if value is None:
            return None
        try:
            return encode_utf8(values.convert_to_string(schema, value) or "")
        except DataError as exc:
            raise ConversionError(f"The header '{key[:100]}' cannot be written: {exc}", path="$") from exc

    def to_connect_header(self, topic: str, key: str, data: bytes | None) -> SchemaAndValue:
        return NULL if data is None else values.parse_string(decode_utf8(data))
