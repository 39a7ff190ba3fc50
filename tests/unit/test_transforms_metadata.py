"""SetSchemaMetadata."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

import pytest

from connectkit.builder import SchemaBuilder
from connectkit.errors import ConfigError, DataError
from connectkit.logical import DATE, date_builder, decimal_schema, timestamp_builder
from connectkit.plugin import plugins
from connectkit.schema import DATE_NAME, Schema
from connectkit.struct import Struct
from connectkit.validation import validate_value
from tests.support.transforms import apply, sink_record


def test_name_and_version_are_set_and_all_else_is_kept() -> None:
    schema = SchemaBuilder.struct().name("old").doc("d").field("a", Schema.INT32).optional().build()
    config = {"schema.name": "new", "schema.version": "4"}
    made = apply("SetSchemaMetadata$Value", config, sink_record(Struct.of(schema, [1]), schema))
    found = made.value_schema
    assert (found.name, found.version, found.doc, found.optional) == ("new", 4, "d", True)
    assert made.value.schema == found
    assert made.value.values == [1]
    only = apply("SetSchemaMetadata$Value", {"schema.version": "4"}, sink_record(None, schema))
    assert (only.value_schema.name, only.value_schema.version) == ("old", 4)


@pytest.mark.parametrize(
    ("schema", "value"),
    [
        (Schema.STRING, "x"),
        (SchemaBuilder.array_of(Schema.INT32).build(), [1]),
        (SchemaBuilder.map_of(Schema.STRING, Schema.INT32).build(), {"a": 1}),
    ],
)
def test_any_schema_can_be_named(schema: Schema, value: object) -> None:
    made = apply("SetSchemaMetadata$Value", {"schema.name": "n"}, sink_record(value, schema))
    assert (made.value_schema.name, made.value) == ("n", value)


def test_a_name_that_makes_or_unmakes_a_logical_type_takes_the_value_with_it() -> None:
    moment = datetime(1970, 1, 2, tzinfo=UTC)
    for schema, value, name, expected in [
        (DATE, moment, "n", 1),
        (timestamp_builder().default(moment).build(), moment, "n", 86_400_000),
        (decimal_schema(2), Decimal("1.50"), "n", b"\x00\x96"),
        (Schema.INT32, 1, DATE_NAME, moment.date()),
        (DATE, moment, DATE_NAME, moment),
        (date_builder().optional().build(), None, "n", None),
    ]:
        made = apply("SetSchemaMetadata$Value", {"schema.name": name}, sink_record(value, schema))
        assert made.value == expected
        validate_value(made.value_schema, made.value, None)
        if made.value_schema.default is not None:
            validate_value(made.value_schema, made.value_schema.default, None)
    with pytest.raises(DataError, match="of type string cannot be a"):
        apply("SetSchemaMetadata$Value", {"schema.name": DATE_NAME}, sink_record("x", Schema.STRING))


def test_a_value_without_a_schema_is_refused_and_a_null_passes() -> None:
    with pytest.raises(DataError, match="no schema"):
        apply("SetSchemaMetadata$Value", {"schema.name": "n"}, sink_record({"a": 1}))
    assert apply("SetSchemaMetadata$Value", {"schema.name": "n"}, sink_record(None)).value is None


def test_something_must_be_set() -> None:
    with pytest.raises(ConfigError, match=r"neither schema\.name nor schema\.version"):
        plugins.create("transform", "SetSchemaMetadata$Value", {})
