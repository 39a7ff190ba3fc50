"""Projection: what is allowed, what is not, and its laws."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from connectkit import logical
from connectkit.builder import SchemaBuilder
from connectkit.errors import LimitError, ProjectionError
from connectkit.project import project
from connectkit.schema import INT_BITS, Schema, Type, same_value
from connectkit.struct import Struct
from tests.strategies import pairs

ORDER = (Type.INT8, Type.INT16, Type.INT32, Type.INT64, Type.FLOAT32, Type.FLOAT64)


def _optional(schema: Schema, default: Any = None) -> Schema:
    builder = SchemaBuilder(schema.type).optional()
    return (builder if default is None else builder.default(default)).build()


@settings(max_examples=150, deadline=None)
@given(pairs())
def test_projection_to_the_same_schema_changes_nothing(pair: tuple[Schema, Any]) -> None:
    schema, value = pair
    assert same_value(project(schema, value, schema), value)


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_a_way_through_a_wider_type_ends_at_the_same_number(data: st.DataObject) -> None:
    """Except through float32 to float64, which loses digits on the way."""
    steps = sorted(data.draw(st.lists(st.sampled_from(range(6)), min_size=3, max_size=3)))
    source, middle, target = (Schema(ORDER[i]) for i in steps)
    assume(middle.type is not Type.FLOAT32 or target.type is Type.FLOAT32)
    bound = 1 << (INT_BITS.get(source.type, 24) - 1)
    value: Any = data.draw(st.integers(-bound, bound - 1))
    if source.type not in INT_BITS:
        value = float(value)
    once = project(source, value, target)
    assert project(middle, project(source, value, middle), target) == once
    target.validate(once)


@settings(max_examples=100, deadline=None)
@given(pairs(depth=1), pairs(depth=1))
def test_fields_come_and_go(kept: tuple[Schema, Any], dropped: tuple[Schema, Any]) -> None:
    source = SchemaBuilder.struct().field("kept", kept[0]).field("dropped", dropped[0]).build()
    target = (
        SchemaBuilder.struct()
        .field("added", Schema.OPTIONAL_STRING)
        .field("kept", kept[0])
        .field("with_default", SchemaBuilder.int32().default(7).build())
        .build()
    )
    found = project(source, Struct.of(source, [kept[1], dropped[1]]), target)
    assert found.schema is target
    assert same_value(found.values, [None, kept[1], 7])
    found.validate()


def test_numbers_widen_and_never_narrow() -> None:
    for i, source in enumerate(ORDER):
        for j, target in enumerate(ORDER):
            if i <= j:
                value: Any = 1 if source in INT_BITS else 1.0
                found = project(Schema(source), value, Schema(target))
                assert type(found) is (int if target in INT_BITS else float)
            else:
                with pytest.raises(ProjectionError, match="type mismatch"):
                    project(Schema(source), 1, Schema(target))
    assert project(Schema.INT64, (1 << 24) + 1, Schema.FLOAT32) == float(1 << 24)


@pytest.mark.parametrize(
    ("value", "target", "expected"),
    [
        (32_767, Schema.INT8, -1), (1e10, Schema.INT8, -1), (1e10, Schema.INT64, 10**10),
        (Decimal("9.7"), Schema.INT16, 9), (Decimal("1E+400"), Schema.INT32, 0),
        (Decimal("1E+400"), Schema.FLOAT64, float("inf")), (True, Schema.INT32, True),
    ],
)  # fmt: skip
def test_a_number_of_another_class_is_cast_as_java_casts(value: Any, target: Schema, expected: Any) -> None:
    assert same_value(project(Schema.INT8, value, target), expected)


def test_optional_to_required_needs_a_default_even_for_values() -> None:
    with pytest.raises(ProjectionError, match="does not provide a default"):
        project(Schema.OPTIONAL_INT8, 1, Schema.INT8)
    with_default = SchemaBuilder.int8().default(5).build()
    assert project(Schema.OPTIONAL_INT8, None, with_default) == 5
    assert project(Schema.OPTIONAL_INT8, 1, with_default) == 1
    assert project(_optional(Schema.INT8, 3), None, Schema.OPTIONAL_INT8) is None
    assert project(Schema.INT8, None, Schema.INT8) is None


@pytest.mark.parametrize(
    ("source", "target", "message"),
    [
        (Schema.STRING, Schema.BYTES, "type mismatch"),
        (logical.DATE, Schema.INT32, "name mismatch"),
        (logical.decimal_schema(1), logical.decimal_schema(2), "parameters not equal"),
    ],
)
def test_schemas_that_do_not_go_together(source: Schema, target: Schema, message: str) -> None:
    with pytest.raises(ProjectionError, match=message):
        project(source, None, target)


def test_errors_name_the_field_and_carry_the_path() -> None:
    inner_source = SchemaBuilder.struct().field("b", Schema.STRING).build()
    inner_target = SchemaBuilder.struct().field("b", Schema.INT8).build()
    source = SchemaBuilder.struct().field("a", SchemaBuilder.array(inner_source).build()).build()
    target = SchemaBuilder.struct().field("a", SchemaBuilder.array(inner_target).build()).build()
    value = Struct(source).put("a", [Struct(inner_source).put("b", "canary-1")])
    with pytest.raises(ProjectionError, match="Error projecting a: Error projecting b") as caught:
        project(source, value, target)
    assert "canary" not in str(caught.value)
    assert caught.value.path == "$.a"
    missing = SchemaBuilder.struct().field("needed", Schema.INT8).build()
    with pytest.raises(ProjectionError, match="`needed` is missing"):
        project(source, value, missing)


def test_deep_values_are_refused() -> None:
    node = SchemaBuilder.struct().name("Node")
    schema = node.field("next", SchemaBuilder.array(node).optional()).build()
    value = Struct(schema)
    for _ in range(200):
        value = Struct.of(schema, [[value]])
    with pytest.raises(LimitError):
        project(schema, value, schema)


@pytest.mark.parametrize("schema", [SchemaBuilder.array(Schema.INT8).build(), SchemaBuilder.struct().build()])
def test_values_of_another_class_are_refused(schema: Schema) -> None:
    with pytest.raises(ProjectionError, match="not a value of class str"):
        project(schema, "x", schema)
