"""Connect data as Protobuf and back, over schemas and values of any shape."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from connectkit.builder import SchemaBuilder
from connectkit.converters.protobuf.decode import compile_decoder
from connectkit.converters.protobuf.encode import compile_encoder
from connectkit.converters.protobuf.from_proto import from_proto
from connectkit.converters.protobuf.linked import link
from connectkit.converters.protobuf.normalize import normalize
from connectkit.converters.protobuf.options import ProtoOptions
from connectkit.converters.protobuf.parse import parse
from connectkit.converters.protobuf.printer import to_text
from connectkit.converters.protobuf.to_proto import to_proto
from connectkit.instant import Instant
from connectkit.schema import DATE_NAME, DECIMAL_NAME, FINE_NAMES, TIMESTAMP_NAME, Schema, Type
from connectkit.struct import Struct
from tests.strategies import schemas, values

KEYS = (Type.STRING, Type.INT32, Type.INT64, Type.BOOLEAN)


def for_protobuf(schema: Schema, numbers: Iterator[int], *, in_list: bool = False) -> Schema | None:
    """The same shape as far as Protobuf can say it: names, no lists in lists; None for what it cannot."""
    if schema.type is Type.STRUCT:
        builder = SchemaBuilder.struct().name(f"R{next(numbers)}")
        for number, field in enumerate(schema.fields):
            found = for_protobuf(field.schema, numbers)
            if found is not None:
                builder.field(f"f{number}", found)
    elif schema.type is Type.ARRAY:
        assert schema.value_schema is not None
        if in_list or schema.value_schema.type in (Type.ARRAY, Type.MAP):
            return None
        items = for_protobuf(schema.value_schema, numbers)
        if items is None:
            return None
        builder = SchemaBuilder.array(required(items))
    elif schema.type is Type.MAP:
        assert schema.key_schema is not None
        assert schema.value_schema is not None
        if schema.key_schema.type not in KEYS or schema.key_schema.name in FINE_NAMES or in_list:
            return None
        items = for_protobuf(schema.value_schema, numbers, in_list=True)
        if items is None or schema.value_schema.type in (Type.ARRAY, Type.MAP):
            return None
        builder = SchemaBuilder.map(Schema(schema.key_schema.type), required(items))
        builder.name(f"Mx{next(numbers)}")
    elif schema.name in FINE_NAMES:
        return Schema(schema.type, optional=schema.optional)
    else:
        return schema
    return (builder.optional() if schema.optional else builder).build()


def required(schema: Schema) -> Schema:
    builder = schema.to_builder()
    builder._set.pop("optional", None)
    return builder.build()


@st.composite
def structs(draw: st.DrawFn) -> Struct:
    fields = draw(st.lists(schemas(2), max_size=4))
    builder = SchemaBuilder.struct()
    for i, each in enumerate(fields):
        builder.field(f"x{i}", each)
    schema = for_protobuf(builder.build(), itertools.count())
    assert schema is not None
    value = draw(values(schema))
    assert isinstance(value, Struct)
    return value


def fits(value: Any) -> bool:
    """Whether Protobuf's types can hold it: days of the years from 1, moments up to 9999."""
    if isinstance(value, Struct):
        pairs = zip(value.schema.fields, value.values, strict=True)
        return all(_fits_field(field.schema, each) for field, each in pairs)
    return True


def _fits_field(schema: Schema, value: Any) -> bool:
    if value is None:
        return True
    if schema.type is Type.STRUCT:
        return fits(value)
    if schema.type is Type.ARRAY:
        return all(_fits_field(schema.value_schema, each) for each in value)  # type: ignore[arg-type]
    if schema.type is Type.MAP:
        return all(_fits_field(schema.value_schema, each) for each in value.values())  # type: ignore[arg-type]
    if schema.name == TIMESTAMP_NAME:
        return not isinstance(value, Instant)
    if schema.name == DATE_NAME:
        return not isinstance(value, Instant) or value.millis > 0
    return True


def same(wanted: Any, got: Any, schema: Schema) -> bool:
    """Equal, where unset and zero are the same and a float of NaN is itself."""
    if schema.type is Type.STRUCT:
        if wanted is None or got is None:
            return wanted is got
        by_name = {field.name: value for field, value in zip(got.schema.fields, got.values, strict=True)}
        return all(
            same(value, by_name[field.name], field.schema)
            for field, value in zip(wanted.schema.fields, wanted.values, strict=True)
        )
    if schema.type is Type.ARRAY:
        assert schema.value_schema is not None
        items = wanted or []
        return len(items) == len(got) and all(
            same(a, b, schema.value_schema) for a, b in zip(items, got, strict=True)
        )
    if schema.type is Type.MAP:
        assert schema.value_schema is not None
        entries = wanted or {}
        return entries.keys() == got.keys() and all(
            same(entries[key], got[key], schema.value_schema) for key in entries
        )
    if schema.name == DECIMAL_NAME and wanted is not None:
        assert isinstance(got, Decimal)
        return bool(wanted == got and wanted.as_tuple().exponent == got.as_tuple().exponent)
    if isinstance(wanted, float) and math.isnan(wanted):
        return math.isnan(got)
    if schema.name == "org.apache.kafka.connect.data.Time" and isinstance(wanted, Instant):
        return bool(got == got.min)  # 24:00 is 0:00 there
    if wanted is None:
        return got is None or not got
    return bool(wanted == got)


MODES = (
    ProtoOptions(),
    ProtoOptions(optional_for_nullables=True),
    ProtoOptions(wrapper_for_nullables=True),
    ProtoOptions(optional_for_nullables=True, wrapper_for_nullables=True),
    ProtoOptions(enhanced=True),
)


@settings(max_examples=80, deadline=None)
@given(structs(), st.sampled_from(MODES))
def test_a_struct_comes_back_as_it_was(value: Struct, options: ProtoOptions) -> None:
    if not fits(value):
        return
    made = to_proto(value.schema, options)
    text = to_text(made.file)
    assert to_text(parse(text)) == text
    linked = link(parse(text))
    message = linked.at(linked.indexes(made.message))
    data = compile_encoder(message, value.schema, options)(value, b"")
    back = from_proto(message, options)
    got = compile_decoder(message, back, options)(data, 0)
    got.validate()
    assert same(value, got, value.schema)
    # What was read can be written again, under the schema that it was read with.
    if options.wrapper_for_nullables:
        return  # elements of lists, which are optional when they are read, would be wrappers
    again = compile_encoder(link(to_proto(back, options).file).at((0,)), back, options)(got, b"")
    assert same(got, compile_decoder(message, back, options)(again, 0), back)


@settings(max_examples=40, deadline=None)
@given(structs(), st.sampled_from(MODES))
def test_a_nullable_mode_keeps_nulls(value: Struct, options: ProtoOptions) -> None:
    """With optional or wrappers, an optional scalar that is null is null again, and a zero a zero."""
    if not fits(value) or not (options.optional_for_nullables or options.wrapper_for_nullables):
        return
    made = to_proto(value.schema, options)
    message = link(made.file).at((0,))
    data = compile_encoder(message, value.schema, options)(value, b"")
    got = compile_decoder(message, from_proto(message, options), options)(data, 0)
    for field, wanted in zip(value.schema.fields, value.values, strict=True):
        if field.schema.type.is_primitive and field.schema.optional:
            assert (got.get(field.name) is None) == (wanted is None)


@settings(max_examples=40, deadline=None)
@given(structs())
def test_the_normal_form_is_its_own(value: Struct) -> None:
    file = normalize(to_proto(value.schema, ProtoOptions()).file)
    text = to_text(file)
    assert to_text(normalize(parse(text))) == text
    link(parse(text))
