"""Converters of one number: Short, Integer, Long, Float and Double, in big-endian bytes.

All serve for keys, values and headers. As in Kafka a schema is not looked at, only the value; an integer
must fit the width. Source: spec data 2.4 (``org.apache.kafka.connect.converters.NumberConverter``).
"""

from __future__ import annotations

import struct
from typing import Any, ClassVar

from connectkit.api import Converter, HeaderConverter, RawHeaders
from connectkit.config import ConverterConfig
from connectkit.converters.sniff import looks_like
from connectkit.errors import ConversionError
from connectkit.float32 import round32
from connectkit.schema import Schema, SchemaAndValue, Type
from connectkit.validation import fits_type

_FORMATS = {Type.INT16: ">h", Type.INT32: ">i", Type.INT64: ">q", Type.FLOAT32: ">f", Type.FLOAT64: ">d"}


class NumberConverter(Converter[ConverterConfig], HeaderConverter[ConverterConfig]):
    """Base of the five: each names the optional schema of what it reads."""

    schema: ClassVar[Schema]

    def __init__(self, config: ConverterConfig, *, is_key: bool = False) -> None:
        super().__init__(config, is_key=is_key)
        self._form = struct.Struct(_FORMATS[self.schema.type])

    def from_connect_data(
        self, topic: str, schema: Schema | None, value: Any, headers: RawHeaders | None = None
    ) -> bytes | None:
        if value is None:
            return None
        kind = self.schema.type
        if not fits_type(kind, value):
            why = f"a value of class {type(value).__name__} does not fit"
            raise ConversionError(f"{type(self).__name__} writes {kind} only, which {why}", path="$")
        # Beyond the largest float32 the nearest one is infinite, and nothing is left to round.
        return self._form.pack(round32(value) if kind is Type.FLOAT32 else value)

    def to_connect_data(
        self, topic: str, data: bytes | None, headers: RawHeaders | None = None
    ) -> SchemaAndValue:
        if data is None:
            return SchemaAndValue(self.schema, None)
        if len(data) != self._form.size:
            hint = looks_like(data)
            raise ConversionError(
                f"{type(self).__name__} reads {self._form.size} bytes, and got {len(data)}"
                f"{f'; {hint}' if hint else ''}",
                path="$",
            )
        return SchemaAndValue(self.schema, self._form.unpack(data)[0])

    def from_connect_header(self, topic: str, key: str, schema: Schema | None, value: Any) -> bytes | None:
        return self.from_connect_data(topic, schema, value)

    def to_connect_header(self, topic: str, key: str, data: bytes | None) -> SchemaAndValue:
        return self.to_connect_data(topic, data)


class ShortConverter(NumberConverter):
    """Two bytes, an INT16."""

    java_names = ("org.apache.kafka.connect.converters.ShortConverter",)
    schema = Schema.OPTIONAL_INT16


class IntegerConverter(NumberConverter):
    """Four bytes, an INT32."""

    java_names = ("org.apache.kafka.connect.converters.IntegerConverter",)
    schema = Schema.OPTIONAL_INT32


class LongConverter(NumberConverter):
    """Eight bytes, an INT64."""

    java_names = ("org.apache.kafka.connect.converters.LongConverter",)
    schema = Schema.OPTIONAL_INT64


class FloatConverter(NumberConverter):
    """Four bytes, a FLOAT32."""

    java_names = ("org.apache.kafka.connect.converters.FloatConverter",)
    schema = Schema.OPTIONAL_FLOAT32


class DoubleConverter(NumberConverter):
    """Eight bytes, a FLOAT64."""

    java_names = ("org.apache.kafka.connect.converters.DoubleConverter",)
    schema = Schema.OPTIONAL_FLOAT64
