"""Confluent's ReplaceField: paths into nested structs and maps."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectkit.builder import SchemaBuilder
from connectkit.schema import Schema, Type
from connectkit.struct import Struct
from connectkit.transforms.confluent.replace import ConfluentReplaceField
from tests.strategies import pairs
from tests.support.smt import fails, frozen, make, problems, run, sink

NAME = "io.confluent.connect.transforms.ReplaceField"


def leaves() -> dict[str, Any]:
    return {"b2": {"c1": "f4"}, "b1": {"c1": "f4"}}


def documented() -> dict[str, Any]:
    return {
        "abc": 42,
        "etc": "etc",
        "foo": {"a1": "k1", "a2": leaves(), "a3": leaves()},
        "dont": "whatever",
    }


RENAMES = "foo.a2:xyz,foo:bar,foo.a3.b1:luck,foo.a3.b2.c1:happy"


def schema_of(value: Any) -> Schema:
    if not isinstance(value, dict):
        return Schema.INT32 if isinstance(value, int) else Schema.OPTIONAL_STRING
    builder = SchemaBuilder.struct().optional()
    for name, each in value.items():
        builder.field(name, schema_of(each))
    return builder.build()


def struct_of(value: Any, schema: Schema) -> Any:
    if not isinstance(value, dict):
        return value
    return Struct.of(schema, [struct_of(value.get(f.name), f.schema) for f in schema.fields])


def plain(value: Any) -> Any:
    """A struct as a dict."""
    if isinstance(value, Struct):
        return {f.name: plain(each) for f, each in zip(value.schema.fields, value.values, strict=True)}
    return value


def replaced(value: dict[str, Any], **options: Any) -> dict[str, Any]:
    """What becomes of a value as a map and as a struct, which must be the same."""
    transform = make(NAME + "$Value", **options)
    made: dict[str, Any] = run(transform, sink(value)).value
    schema = schema_of(value)
    struct = run(transform, sink(struct_of(value, schema), schema))
    assert plain(struct.value) == made
    return made


def test_it_is_another_than_kafkas() -> None:
    assert isinstance(make(NAME + "$Key", exclude="a"), ConfluentReplaceField)
    assert not isinstance(make("ReplaceField$Key", exclude="a"), ConfluentReplaceField)


def test_the_documented_example() -> None:
    assert replaced(documented(), exclude="dont", renames=RENAMES) == {
        "abc": 42,
        "etc": "etc",
        "bar": {
            "a1": "k1",
            "xyz": leaves(),
            "a3": {"b2": {"happy": "f4"}, "luck": {"c1": "f4"}},
        },
    }


def test_include_takes_what_is_in_it_and_what_it_is_in() -> None:
    assert replaced(documented(), include="foo.a3", renames=RENAMES) == {
        "bar": {"a3": {"b2": {"happy": "f4"}, "luck": {"c1": "f4"}}}
    }
    assert replaced(documented(), include="abc,foo.a2.b1.c1") == {
        "abc": 42,
        "foo": {"a2": {"b1": {"c1": "f4"}}},
    }
    assert replaced(documented(), include="foo.a3", exclude="foo.a3.b1") == {
        "foo": {"a3": {"b2": {"c1": "f4"}}}
    }


def test_exclude_goes_deep_and_first() -> None:
    assert replaced(documented(), exclude="foo.a2,foo.a3.b2.c1,abc,dont", include="abc,foo") == {
        "foo": {"a1": "k1", "a3": {"b2": {}, "b1": {"c1": "f4"}}}
    }


def test_old_names_of_the_options() -> None:
    assert replaced({"a": 1, "b": 2}, blacklist="a") == {"b": 2}
    assert replaced({"a": 1, "b": 2}, whitelist="a") == {"a": 1}


def test_a_name_with_dots_is_meant_as_well() -> None:
    assert replaced({"documentKey._id": "x"}, renames="documentKey._id:_id") == {"_id": "x"}
    assert replaced({"a.b": 1, "a": {"b": 2, "c": 3}}, exclude="a.b") == {"a": {"c": 3}}


def test_leaves_where_a_path_goes_on() -> None:
    assert replaced({"foo": 1, "a": 2}, exclude="foo.x", renames="foo.y:z") == {"foo": 1, "a": 2}
    assert replaced({"foo": 1, "a": 2}, include="foo.x,a") == {"a": 2}


def test_nested_nulls_stay() -> None:
    assert replaced({"foo": {"a": 1}, "b": 2}, exclude="foo.a") == {"foo": {}, "b": 2}
    inner = SchemaBuilder.struct().field("x", Schema.INT32).field("y", Schema.INT32).optional().build()
    schema = SchemaBuilder.struct().field("in", inner).build()
    made = run(make(NAME + "$Value", exclude="in.x"), sink(Struct.of(schema, [None]), schema))
    assert made.value.values == [None]
    assert [f.name for f in made.value_schema.field("in").schema.fields] == ["y"]
    assert made.value_schema.field("in").schema.optional
    assert run(make(NAME + "$Value", exclude="in.x"), sink({"in": None})).value == {"in": None}


def test_schemas_keep_their_names_and_defaults() -> None:
    bare = SchemaBuilder.struct().name("inner").version(2).doc("D").parameter("p", "q")
    bare.field("x", SchemaBuilder.int32().default(7).build()).field("y", Schema.OPTIONAL_INT32)
    plain_inner = bare.build()
    inner = plain_inner.to_builder().default(Struct.of(plain_inner, [1, 2])).build()
    schema = SchemaBuilder.struct().name("outer").field("in", inner).field("s", Schema.STRING).build()
    transform = make(NAME + "$Value", renames="in.x:z")
    made = run(transform, sink(Struct.of(schema, [Struct.of(inner, [None, 5]), "s"]), schema))
    found = made.value_schema.field("in").schema
    assert (made.value_schema.name, found.name, found.version, found.doc) == ("outer", "inner", 2, "D")
    assert dict(found.parameters) == {"p": "q"}
    assert found.default.values == [1, 2]
    assert found.field("z").schema.default == 7
    assert made.value.values[0].values == [7, 5], "an unset field is given its default"
    as_it_is = make(NAME + "$Value", renames="in.x:z", replace_null_with_default=False)
    made = run(as_it_is, sink(Struct.of(schema, [Struct.of(inner, [None, 5]), "s"]), schema), checked=False)
    assert made.value.values[0].values == [None, 5]
    made = run(transform, sink(Struct.of(schema, [None, "s"]), schema))
    assert made.value.values[0].values == [1, 2], "so is an unset struct"


def test_maps_with_a_schema() -> None:
    schema = (
        SchemaBuilder.struct()
        .field("m", SchemaBuilder.map(Schema.STRING, Schema.INT32).build())
        .field("l", SchemaBuilder.array(Schema.INT32).build())
        .build()
    )
    record = sink(Struct.of(schema, [{"a": 1, "b": 2, "c": 3}, [1]]), schema)
    made = run(make(NAME + "$Value", exclude="m.a,l.x", renames="m.b:d"), record)
    assert made.value.values == [{"d": 2, "c": 3}, [1]]
    assert run(make(NAME + "$Value", include="m.c"), record).value.values == [{"c": 3}]


def test_two_fields_may_not_meet() -> None:
    schema = schema_of({"a": {"x": 1, "y": 2}})
    fails(make(NAME + "$Value", renames="a.x:y"), sink(struct_of({"a": {"x": 1, "y": 2}}, schema), schema))


def test_missing_fields_are_told_once(caplog: pytest.LogCaptureFixture) -> None:
    schema = schema_of({"a": {"count": 1}})
    record = sink(struct_of({"a": {"count": 1}}, schema), schema)
    transform = make(NAME + "$Value", exclude="a.cuont")
    run(transform, record)
    told = [each.getMessage() for each in caplog.records]
    assert len(told) == 1
    assert "'a.cuont'" in told[0]
    assert "a.count" in told[0]
    fails(make(NAME + "$Value", exclude="a.cuont", on_missing="fail"), record)
    caplog.clear()
    run(make(NAME + "$Value", exclude="a.cuont", on_missing="ignore"), record)
    run(make(NAME + "$Value", exclude="z", on_missing="ignore"), sink({}))
    assert caplog.records == []


def test_null_and_what_is_no_struct() -> None:
    transform = make(NAME + "$Value", exclude="a")
    for record in (sink(None), sink(None, schema_of({"a": 1}))):
        assert run(transform, record) is record
    fails(transform, sink("text"))
    fails(transform, sink("text", Schema.STRING))


@pytest.mark.parametrize("renames", ["a", "a:", ":b", "a:b:c", "a:b,a:c"])
def test_bad_renames(renames: str) -> None:
    assert set(problems(NAME + "$Value", renames=renames)) == {"renames"}


def test_bad_lists() -> None:
    assert set(problems(NAME + "$Value", exclude="a,,b", include=",")) == {"exclude", "include"}


NAMES = st.sampled_from(["a", "b", "c"])
PATHS = st.lists(NAMES, min_size=1, max_size=3).map(".".join)
TREES = st.recursive(st.integers(0, 9), lambda inner: st.dictionaries(NAMES, inner, max_size=3), max_leaves=8)


@given(
    st.dictionaries(NAMES, TREES, max_size=3),
    st.lists(PATHS, max_size=3, unique=True),
    st.lists(PATHS, max_size=3, unique=True),
)
def test_maps_and_structs_fare_alike(value: dict[str, Any], exclude: list[str], include: list[str]) -> None:
    made = replaced(value, exclude=",".join(exclude), include=",".join(include))
    for path in exclude:
        found: Any = made
        for name in path.split("."):
            found = found.get(name) if isinstance(found, dict) else None
        assert found is None


@given(pairs())
def test_any_struct_passes_unchanged_but_for_its_own_optionality(pair: Any) -> None:
    schema, value = pair
    if schema.type is not Type.STRUCT or value is None:
        return
    made = run(make(NAME + "$Value", exclude="no.such", replace_null_with_default=False), sink(value, schema))
    assert frozen(made.value.values) == frozen(value.values)
    assert made.value_schema.fields == schema.fields
