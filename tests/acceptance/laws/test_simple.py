"""The converters of single types, and of headers, keep the laws."""

from __future__ import annotations

from hypothesis import strategies as st

from connectkit.converters.header import SimpleHeaderConverter
from connectkit.converters.numbers import (
    DoubleConverter,
    FloatConverter,
    IntegerConverter,
    LongConverter,
    ShortConverter,
)
from connectkit.converters.simple import BooleanConverter, ByteArrayConverter, StringConverter
from connectkit.schema import Schema
from connectkit.testing import ConverterLaws


class _OneType(ConverterLaws):
    """A converter of one type, which knows no schema but that one, optional."""

    schema: Schema

    def schemas(self) -> st.SearchStrategy[Schema]:
        return st.just(self.schema)


class TestString(_OneType):
    converter = StringConverter
    schema = Schema.OPTIONAL_STRING


class TestBytes(_OneType):
    converter = ByteArrayConverter
    schema = Schema.OPTIONAL_BYTES


class TestBoolean(_OneType):
    converter = BooleanConverter
    schema = Schema.OPTIONAL_BOOLEAN


class TestShort(_OneType):
    converter = ShortConverter
    schema = Schema.OPTIONAL_INT16


class TestInteger(_OneType):
    converter = IntegerConverter
    schema = Schema.OPTIONAL_INT32


class TestLong(_OneType):
    converter = LongConverter
    schema = Schema.OPTIONAL_INT64


class TestFloat(_OneType):
    converter = FloatConverter
    schema = Schema.OPTIONAL_FLOAT32


class TestDouble(_OneType):
    converter = DoubleConverter
    schema = Schema.OPTIONAL_FLOAT64


class TestSimpleHeader(ConverterLaws):
    """Text whose type is guessed: what is read may be of another type."""

    converter = SimpleHeaderConverter
    stable_schema = False

    def schemas(self) -> st.SearchStrategy[Schema]:
        return st.just(Schema.BOOLEAN)
