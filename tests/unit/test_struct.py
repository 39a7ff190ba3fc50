"""Structs and the validation of values."""

from __future__ import annotations

import copy
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest

from connectkit import logical
from connectkit.builder import SchemaBuilder
from connectkit.errors import DataError, LimitError, SchemaError
from connectkit.instant import Instant
from connectkit.schema import Schema, Type
from connectkit.struct import Struct

ORDER = (
    SchemaBuilder.struct()
    .name("Order")
    .field("id", Schema.INT64)
    .field("note", SchemaBuilder.string().default("none").build())
    .field("price", logical.decimal_schema(2))
    .field("ratio", Schema.OPTIONAL_FLOAT32)
    .build()
)


def test_get_gives_the_default_and_get_without_default_does_not() -> None:
    struct = Struct(ORDER)
    assert struct.get("note") == "none"
    assert struct["note"] == "none"
    assert struct.get_without_default("note") is None
    assert struct.get_typed("note", Type.STRING) is None


def test_put_rounds_to_binary32_and_returns_the_struct() -> None:
    struct = Struct(ORDER).put("id", 1).put("ratio", 0.1)
    assert struct.get("ratio") == 0.10000000149011612


def test_a_missing_required_field_is_found_by_validate_only() -> None:
    struct = Struct(ORDER).put("id", 1)
    with pytest.raises(SchemaError, match='null used for required field: "price"'):
        struct.validate()
    struct.put("price", Decimal("1.50")).validate()


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("id", True), ("id", 1 << 63), ("id", 1.0), ("id", None), ("note", None), ("price", 1.5),
        ("price", Decimal("NaN")), ("price", Decimal("Infinity")), ("ratio", 1), ("nothing", 1),
    ],
)  # fmt: skip
def test_put_refuses_what_does_not_fit(field: str, value: Any) -> None:
    with pytest.raises(DataError):
        Struct(ORDER).put(field, value)


def test_errors_name_the_field_and_not_the_value() -> None:
    with pytest.raises(SchemaError) as caught:
        Struct(ORDER).put("id", "canary-91")
    assert 'field: "id"' in str(caught.value)
    assert "canary" not in str(caught.value)


def test_typed_access_tells_a_logical_type_from_its_base() -> None:
    struct = Struct(ORDER).put("price", Decimal("1.50"))
    with pytest.raises(SchemaError, match="'price' is not of type BYTES"):
        struct.get_typed("price", Type.BYTES)


def test_equality_looks_at_stored_values() -> None:
    unset, explicit = Struct(ORDER).put("id", 1), Struct(ORDER).put("id", 1).put("note", "none")
    assert unset != explicit
    assert unset == Struct(ORDER).put("id", 1)
    assert Struct(ORDER).put("price", Decimal("1.0")) != Struct(ORDER).put("price", Decimal("1.00"))


def test_one_moment_is_equal_whatever_class_holds_it() -> None:
    schema = SchemaBuilder.struct().field("t", logical.TIMESTAMP).build()
    day, moment = date(2020, 1, 2), datetime(2020, 1, 2, tzinfo=UTC)
    assert Struct.of(schema, [day]) == Struct.of(schema, [moment])
    assert Struct.of(schema, [day]) != Struct.of(schema, [Instant(0)])


def test_a_copy_can_be_changed() -> None:
    struct = Struct(ORDER).put("id", 1)
    copied = copy.copy(struct)
    copied.put("id", 2)
    assert struct.get("id") == 1


def test_text_is_javas_and_repr_shows_no_values() -> None:
    struct = Struct(ORDER).put("id", 1).put("price", Decimal("1.50")).put("ratio", 0.1)
    assert str(struct) == "Struct{id=1,price=1.50,ratio=0.1}"
    assert "1.50" not in repr(struct)
    assert "price" in repr(struct)


def test_naive_datetimes_are_refused_with_a_hint() -> None:
    with pytest.raises(SchemaError, match="no time zone"):
        logical.TIMESTAMP.validate(datetime(2020, 1, 1))  # noqa: DTZ001 - what is refused here


def test_nested_values_are_checked_and_located() -> None:
    schema = SchemaBuilder.map(Schema.STRING, SchemaBuilder.array(Schema.INT8).build()).build()
    schema.validate({"a": [1, 2], "b": ()})
    with pytest.raises(SchemaError, match="element of array value of map value"):
        schema.validate({"a": [300]})
    with pytest.raises(SchemaError, match="key of map value"):
        schema.validate({1: [1]})


def test_a_bottomless_value_is_an_error_of_ours() -> None:
    node = SchemaBuilder.struct().name("Node")
    schema = node.field("next", node).build()
    array = SchemaBuilder.array_of(None)
    array._value_schema = array
    recursive = array.build()
    value: list[Any] = []
    value.append(value)
    with pytest.raises(LimitError):
        recursive.validate(value)
    struct = Struct(schema)
    struct.values[0] = struct
    with pytest.raises(LimitError):
        struct.schema.validate(struct)
    with pytest.raises(LimitError):
        str(struct)
