"""HeaderToValue: headers become fields, in structs inside the value as well."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectkit.builder import SchemaBuilder
from connectkit.errors import ConfigError, DataError
from connectkit.headers import Headers
from connectkit.schema import Schema
from connectkit.struct import Struct
from connectkit.testing import code_of
from connectkit.transforms.debezium.header_value import HeaderToValue, HeaderToValueConfig
from tests.strategies import pairs
from tests.support.change_events import applied, headers_of, plain, sink

INNER = SchemaBuilder.struct().name("Inner").optional().field("x", Schema.OPTIONAL_INT32).build()
VALUE = (
    SchemaBuilder.struct().name("Value").field("id", Schema.INT32)
    .field("n", SchemaBuilder.int32().optional().default(9).build()).field("inner", INNER)
    .build()
)  # fmt: skip


def to_value(headers: str, fields: str, operation: str = "copy") -> Any:
    return HeaderToValue(
        HeaderToValueConfig.parse({"headers": headers, "fields": fields, "operation": operation})
    )


def value(inner: bool = True) -> Struct:
    made = Struct(VALUE).put("id", 1)
    return made.put("inner", Struct(INNER).put("x", 2)) if inner else made


def record(*, inner: bool = True) -> Any:
    headers = Headers().add_string("a", "one").add_int("b", 2).add_string("a", "last").add_string("c", "x")
    return sink(value(inner), VALUE, headers=headers)


def test_headers_become_fields_and_stay_or_go() -> None:
    copied = applied(to_value("b,a", "bee,eh"), record())
    assert plain(copied.value) == {"id": 1, "n": 9, "inner": {"x": 2}, "eh": "last", "bee": 2}
    assert copied.headers == record().headers
    moved = applied(to_value("b,missing", "bee,m", "move"), record())
    assert plain(moved.value)["bee"] == 2
    assert [name for name, _ in headers_of(moved)] == ["a", "a", "c"]


def test_fields_of_structs_inside_and_new_structs() -> None:
    found = applied(to_value("b,a,c", "inner.bee,new.a,new.deep.c", "move"), record())
    assert plain(found.value)["inner"] == {"x": 2, "bee": 2}
    assert plain(found.value)["new"] == {"a": "last", "deep": {"c": "x"}}
    new = found.value_schema.field("new").schema
    assert new.optional
    assert new.field("deep").schema.optional
    assert found.value_schema.field("inner").schema.optional


def test_a_struct_that_is_null_stays_null() -> None:
    found = applied(to_value("b", "inner.bee"), record(inner=False))
    assert found.value.get("inner") is None
    assert found.value_schema.field("inner").schema.field("bee")


def test_a_field_that_is_there_is_overwritten_if_the_header_fits() -> None:
    assert applied(to_value("b", "id"), record()).value.get("id") == 2
    with pytest.raises(DataError, match="id"):
        to_value("a", "id").apply(record())


def test_records_without_the_headers_or_a_value_are_left_alone() -> None:
    for other in (sink(None), sink(value(), VALUE, headers=Headers())):
        assert to_value("b", "bee").apply(other) is other


@pytest.mark.parametrize(("given_", "schema"), [({"a": 1}, None), ("x", Schema.STRING)])
def test_a_value_that_is_no_struct_is_refused(given_: Any, schema: Schema | None) -> None:
    with pytest.raises(DataError, match="struct"):
        to_value("b", "bee").apply(sink(given_, schema))


def test_a_header_that_cannot_become_a_field_is_refused() -> None:
    bare = sink(value(), VALUE, headers=Headers().add("b", 1, None))
    with pytest.raises(DataError, match="without a schema") as raised:
        to_value("b", "inner.bee").apply(bare)
    assert raised.value.path == "$.inner.bee"
    with pytest.raises(DataError, match="type int32"):
        to_value("b", "id.bee").apply(record())


def test_a_schema_does_not_leak_into_the_next_record() -> None:
    transform = to_value("h", "f")
    for _ in range(3):
        text = transform.apply(sink(value(), VALUE, headers=Headers().add_string("h", "x")))
        number = transform.apply(sink(value(), VALUE, headers=Headers().add_long("h", 5)))
        assert (text.value_schema.field("f").schema, text.value.get("f")) == (Schema.STRING, "x")
        assert (number.value_schema.field("f").schema, number.value.get("f")) == (Schema.INT64, 5)


def test_every_problem_of_a_configuration_is_told_at_once() -> None:
    with pytest.raises(ConfigError) as raised:
        HeaderToValueConfig.parse({"headers": "a b", "fields": "x..y", "operation": "take"})
    assert set(raised.value.problems) == {"headers", "fields", "operation"}
    with pytest.raises(ConfigError) as raised:
        HeaderToValueConfig.parse({})
    assert set(raised.value.problems) == {"headers", "fields", "operation"}
    with pytest.raises(ConfigError, match="as many"):
        HeaderToValueConfig.parse({"headers": "a,b", "fields": "x", "operation": " MOVE "})
    with pytest.raises(ConfigError, match="steps"):
        HeaderToValueConfig.parse({"headers": "a", "fields": ".".join("x" * 100), "operation": "move"})


@given(st.lists(pairs(1), min_size=1, max_size=3), st.sampled_from(["f", "new.f", "inner.f"]), st.booleans())
def test_schema_and_value_agree(found: Any, prefix: str, moves: bool) -> None:
    headers = Headers()
    for number, (schema, each) in enumerate(found):
        headers.add(f"h{number}", each, schema)
    names = ",".join(f"h{number}" for number in range(len(found)))
    fields = ",".join(f"{prefix}{number}" for number in range(len(found)))
    transform = to_value(names, fields, "move" if moves else "copy")
    made = applied(transform, sink(value(), VALUE, headers=headers))
    where = made.value
    for step in prefix.split(".")[:-1]:
        where = where.get(step)
    came = [where.get(f"f{number}") for number in range(len(found))]
    assert code_of(came) == code_of([s.default if v is None else v for s, v in found]), (
        "told as code, a NaN is equal, too"
    )
    assert len(made.headers) == (0 if moves else len(found))
