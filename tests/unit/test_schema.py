"""Schemas: building, equality, interning, pickling."""

from __future__ import annotations

import copy
import gc
import pickle
import threading
from typing import Any

import pytest
from hypothesis import given, settings

from connectkit.builder import SchemaBuilder
from connectkit.errors import SchemaError
from connectkit.schema import Schema, Type, intern, same_value
from connectkit.struct import Struct
from tests.strategies import pairs, schemas

POINT = (
    SchemaBuilder.struct().name("Point").field("x", Schema.INT32).field("y", Schema.OPTIONAL_INT32).build()
)


def _tree() -> Schema:
    node = SchemaBuilder.struct().name("Node").field("value", Schema.INT64)
    node.field("children", SchemaBuilder.array(node).optional())
    return node.build()


def test_equal_schemas_are_one_object() -> None:
    again = SchemaBuilder.struct().name("Point").field("x", Schema.INT32).field("y", Schema.OPTIONAL_INT32)
    assert again.build() is POINT
    assert SchemaBuilder.int8().build() is Schema.INT8
    assert SchemaBuilder.string().optional().build() is Schema.OPTIONAL_STRING


def test_interning_lets_go() -> None:
    """A schema nobody holds any more is not kept alive."""
    from connectkit import schema as module

    gc.collect()
    before = len(module._interned)
    made = [SchemaBuilder.struct().name(f"n{i}").build() for i in range(50)]
    assert len(module._interned) == before + 50
    del made
    gc.collect()
    assert len(module._interned) == before


def test_threads_that_build_the_same_schema_get_the_same_object() -> None:
    found: list[Schema] = []
    start = threading.Barrier(4)

    def build() -> None:
        start.wait()
        found.extend(SchemaBuilder.struct().name(f"shared{i}").build() for i in range(200))

    threads = [threading.Thread(target=build) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({id(schema) for schema in found}) == 200


@pytest.mark.parametrize(
    "change",
    [
        lambda b: b.optional(),
        lambda b: b.name("other"),
        lambda b: b.version(2),
        lambda b: b.doc("words"),
        lambda b: b.parameter("k", "v"),
        lambda b: b.field("z", Schema.INT8),
    ],
)
def test_every_attribute_counts(change: Any) -> None:
    plain = SchemaBuilder.struct().field("x", Schema.INT32)
    other = SchemaBuilder.struct().field("x", Schema.INT32)
    assert change(other).build() != plain.build()


def test_defaults_are_compared_as_java_does() -> None:
    def with_default(value: Any) -> Schema:
        return SchemaBuilder.float64().default(value).build()

    assert with_default(0.0) != with_default(-0.0)
    assert with_default(float("nan")) == with_default(float("nan"))
    assert same_value(b"ab", bytearray(b"ab"))
    assert not same_value(1, True)
    assert not same_value(1, 1.0)


def test_nan_is_the_same_key_whatever_object_it_is() -> None:
    assert same_value({float("nan"): 1}, {float("nan"): 1})
    assert not same_value({float("nan"): 1}, {float("nan"): 2})
    assert not same_value({float("nan"): 1}, {1.0: 1})


def test_parameters_have_no_order_in_equality() -> None:
    a = SchemaBuilder.int8().parameter("a", "1").parameter("b", "2").build()
    b = SchemaBuilder.int8().parameter("b", "2").parameter("a", "1").build()
    assert a == b
    assert hash(a) == hash(b)


def test_a_recursive_schema_is_equal_to_one_built_alike() -> None:
    a, b = _tree(), _tree()
    assert a is not b
    assert a == b
    assert hash(a) == hash(b)
    children = a.field("children")
    assert children is not None
    assert children.schema.value_schema is a


def test_recursive_schemas_that_differ_inside_are_not_equal() -> None:
    node = SchemaBuilder.struct().name("Node").field("value", Schema.INT32)
    node.field("children", SchemaBuilder.array(node).optional())
    assert node.build() != _tree()


@pytest.mark.parametrize("protocol", range(2, pickle.HIGHEST_PROTOCOL + 1))
def test_recursive_schemas_survive_pickling(protocol: int) -> None:
    tree = _tree()
    copied = pickle.loads(pickle.dumps(tree, protocol))
    assert copied == tree
    assert copied.field("children").schema.value_schema is copied
    struct = Struct(tree).put("value", 1)
    assert pickle.loads(pickle.dumps(struct, protocol)) == struct


@settings(max_examples=100, deadline=None)
@given(schemas())
def test_pickled_schemas_come_back_as_the_same_object(schema: Schema) -> None:
    assert pickle.loads(pickle.dumps(schema)) is schema
    assert copy.deepcopy(schema) is schema
    assert copy.copy(schema) is schema


@settings(max_examples=100, deadline=None)
@given(schemas())
def test_a_builder_of_a_schema_builds_it_again(schema: Schema) -> None:
    assert schema.to_builder().build() is schema
    assert intern(schema) is schema


@settings(max_examples=100, deadline=None)
@given(pairs())
def test_values_that_fit_are_accepted_and_kept_by_pickle(pair: tuple[Schema, Any]) -> None:
    schema, value = pair
    schema.validate(value)
    assert same_value(pickle.loads(pickle.dumps(value)), value)


def test_attributes_are_set_once() -> None:
    with pytest.raises(SchemaError, match="name has already been set"):
        SchemaBuilder.int8().name("a").name("b")
    with pytest.raises(SchemaError, match="optional has already been set"):
        SchemaBuilder.int8().optional().required()
    assert SchemaBuilder.int8().optional().optional().build().optional


def test_a_builder_can_be_used_after_build() -> None:
    builder = SchemaBuilder.struct().field("a", Schema.INT8)
    first = builder.build()
    second = builder.field("b", Schema.INT8).build()
    assert [f.name for f in first.fields] == ["a"]
    assert [f.name for f in second.fields] == ["a", "b"]


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (lambda: SchemaBuilder.struct().field("a", Type.INT8), "fieldSchema for field a must be a Schema"),  # type: ignore[arg-type]
        (lambda: SchemaBuilder.array("int8"), "valueSchema must be a Schema"),  # type: ignore[arg-type]
        (lambda: SchemaBuilder.int8().name(3), "name must be a str, not a int"),  # type: ignore[arg-type]
        (lambda: SchemaBuilder.int8().version("1"), "version must be a int, not a str"),  # type: ignore[arg-type]
        (lambda: SchemaBuilder.int8().parameter("k", 1), "parameter k must be a str"),  # type: ignore[arg-type]
        (lambda: SchemaBuilder.int8().field("a", Schema.INT8), "Cannot create fields on type INT8"),
        (
            lambda: SchemaBuilder.of(POINT).default(Struct(POINT).put("x", 1)).field("z", Schema.INT8),
            "after the default",
        ),
        (lambda: SchemaBuilder.int8().version(200).version(1000), "version has already been set"),
        (lambda: SchemaBuilder.int8().default("x"), "Invalid default value"),
        (lambda: SchemaBuilder.int8().default(300), "out of range"),
        (lambda: Struct("x"), "Not a struct schema"),  # type: ignore[arg-type]
    ],
)
def test_what_builders_refuse_is_said_in_a_sentence(wrong: Any, message: str) -> None:
    with pytest.raises(SchemaError, match=message):
        wrong()


def test_a_float32_default_is_rounded() -> None:
    assert SchemaBuilder.float32().default(0.1).build().default == 0.10000000149011612


def test_an_error_about_a_default_does_not_show_it() -> None:
    with pytest.raises(SchemaError) as caught:
        SchemaBuilder.int8().default("canary-7f3a")
    assert "canary-7f3a" not in str(caught.value)
