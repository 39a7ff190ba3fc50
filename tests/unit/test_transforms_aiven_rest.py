"""Aiven's FilterByFieldValue, KeyToValue, MakeTombstone and TombstoneHandler."""

from __future__ import annotations

import logging
from typing import Any

import pytest
from hypothesis import given

from connectkit.builder import SchemaBuilder
from connectkit.errors import ConfigError
from connectkit.schema import Schema, Type
from connectkit.struct import Struct
from tests.strategies import pairs
from tests.support.smt import agree, fails, frozen, make, problems, run, sink

FILTER = "io.aiven.kafka.connect.transforms.FilterByFieldValue"
SCHEMA = (
    SchemaBuilder.struct()
    .field("s", Schema.OPTIONAL_STRING)
    .field("n", Schema.INT32)
    .field("x", Schema.FLOAT64)
    .field("b", Schema.BOOLEAN)
    .field("d", SchemaBuilder.string().optional().default("Preset").build())
    .field("raw", Schema.BYTES)
    .build()
)
VALUES = ["Alice", 42, 2.5, True, None, b"Alice"]


def both() -> list[Any]:
    return [
        sink(Struct.of(SCHEMA, list(VALUES)), SCHEMA),
        sink({**dict(zip("snxb", VALUES)), "raw": b"Alice"}),
    ]


MATCHES = [
    ("s", {"field_value": "Alice"}, True),
    ("s", {"field_value": "alice"}, False),
    ("s", {"field_value": "Ali"}, False),
    ("s", {"field_value_pattern": "^A.*e$"}, True),
    ("s", {"field_value_pattern": "lic"}, True),
    ("s", {"field_value_pattern": "^lic"}, False),
    ("n", {"field_value": "42"}, True),
    ("n", {"field_value": "42.0"}, True),
    ("n", {"field_value": "43"}, False),
    ("n", {"field_value": "text"}, False),
    ("n", {"field_value_pattern": "4."}, True),
    ("x", {"field_value": "2.5"}, True),
    ("x", {"field_value_pattern": "^2[.]5$"}, True),
    ("b", {"field_value": "true"}, True),
    ("b", {"field_value": "false"}, False),
    ("b", {"field_value": "1"}, False),
    ("b", {"field_value_pattern": "tr"}, True),
    ("raw", {"field_value": "Alice"}, False),
    ("raw", {"field_value_pattern": "."}, False),
    ("no", {"field_value": "Alice"}, False),
    ("no", {"field_value_pattern": "."}, False),
]


@pytest.mark.parametrize(("name", "options", "matches"), MATCHES)
def test_by_field(name: str, options: dict[str, str], matches: bool) -> None:
    for record in both():
        kept = run(make(FILTER + "$Value", field_name=name, **options), record)
        assert kept is (record if matches else None)
        others = make(FILTER + "$Value", field_name=name, **options, field_value_matches=False)
        assert run(others, record) is (None if matches else record)


def test_a_default_counts() -> None:
    record = sink(Struct.of(SCHEMA, list(VALUES)), SCHEMA)
    assert run(make("FilterByFieldValue$Value", field_name="d", field_value="Preset"), record) is record


def test_texts_that_look_like_other_types() -> None:
    record = sink({"s": "2020-01-01", "q": "42", "n": None})
    assert run(make(FILTER + "$Value", field_name="s", field_value="2020-01-01"), record) is record
    assert run(make(FILTER + "$Value", field_name="q", field_value="42"), record) is record
    assert run(make(FILTER + "$Value", field_name="n", field_value="null"), record) is None
    assert run(make(FILTER + "$Value", field_name="s", field_value=""), record) is None
    assert run(make(FILTER + "$Value", field_name="s", field_value=""), sink({"s": ""})) is not None


@pytest.mark.parametrize("schema", [None, Schema.STRING])
def test_the_whole(schema: Schema | None) -> None:
    record = sink("Alice", schema, key="k")
    assert run(make(FILTER + "$Value", field_value="Alice"), record) is record
    assert run(make(FILTER + "$Value", field_value="Bob"), record) is None
    assert run(make(FILTER + "$Key", field_value_pattern="^k$", field_name=""), record) is record
    assert run(make(FILTER + "$Value", field_value="42"), sink(42, Schema.INT8)) is not None
    assert run(make(FILTER + "$Value", field_value="Alice"), sink({"s": "Alice"})) is None


def test_null_passes_whatever_is_asked() -> None:
    for matches in (True, False):
        transform = make(FILTER + "$Value", field_name="s", field_value="x", field_value_matches=matches)
        for record in (sink(None), sink(None, SCHEMA)):
            assert run(transform, record, checked=False) is record


def test_a_field_of_what_has_none() -> None:
    fails(make(FILTER + "$Value", field_name="s", field_value="x"), sink("x"))
    fails(make(FILTER + "$Value", field_name="s", field_value="x"), sink("x", Schema.STRING))


def test_bad_configuration_of_the_filter() -> None:
    assert set(problems(FILTER + "$Value")) == {"field.value"}
    assert set(problems(FILTER + "$Value", field_value="a", field_value_pattern="b")) == {"field.value"}
    assert set(problems(FILTER + "$Value", field_value_pattern="")) == {"field.value"}
    assert set(problems(FILTER + "$Value", field_value_pattern="(")) == {"field.value.pattern"}
    assert set(problems(FILTER + "$Value", field_value_pattern="(a+)+b")) == {"field.value.pattern"}
    with pytest.raises(ConfigError, match=r"\$Key"):
        make(FILTER, field_value="x")


# --- KeyToValue

KEY = SchemaBuilder.struct().name("K").field("id", Schema.INT64).field("department", Schema.OPTIONAL_STRING)
KEY_SCHEMA = KEY.field("cost", SchemaBuilder.float64().default(1.5).build()).build()
VALUE_SCHEMA = (
    SchemaBuilder.struct().name("V").version(2).doc("D").optional()
    .field("name", Schema.STRING).field("id", Schema.STRING)
    .build()
)  # fmt: skip
COPY = "io.aiven.kafka.connect.transforms.KeyToValue"


def key() -> Struct:
    return Struct.of(KEY_SCHEMA, [7, "sales", None])


def value() -> Struct:
    return Struct.of(VALUE_SCHEMA, ["n", "old"])


def test_the_documented_example() -> None:
    transform = make("KeyToValue", key_fields="id, department, cost", value_fields="id, dept")
    record = sink({"name": "n"}, key={"id": 7, "department": "sales", "cost": 2.0})
    made = run(transform, record)
    assert made.value == {"name": "n", "id": 7, "dept": "sales", "cost": 2.0}
    assert frozen(made.key) == frozen(record.key)


def test_structs() -> None:
    transform = make(COPY, key_fields="id,department,cost", value_fields=",dept")
    made = run(transform, sink(value(), VALUE_SCHEMA, key=key(), key_schema=KEY_SCHEMA))
    schema = made.value_schema
    assert [f.name for f in schema.fields] == ["name", "id", "dept", "cost"]
    assert made.value.values == ["n", 7, "sales", 1.5]
    assert schema.field("id").schema == Schema.INT64, "a field of the same name is replaced"
    assert (schema.name, schema.version, schema.doc, schema.optional) == ("V", 2, "D", True)


def test_the_whole_key() -> None:
    made = run(make(COPY, key_fields="*"), sink(value(), VALUE_SCHEMA, key=key(), key_schema=KEY_SCHEMA))
    assert made.value.get("_key").values == key().values
    assert made.value_schema.field("_key").schema is KEY_SCHEMA
    made = run(make(COPY, key_fields="*,id", value_fields="k"), sink({"a": 1}, key={"id": 5}))
    assert made.value == {"a": 1, "k": {"id": 5}, "id": 5}
    made = run(make(COPY, key_fields="*", value_fields="*"), sink({"a": 1}, key="text"))
    assert made.value == {"a": 1, "_key": "text"}
    made = run(make(COPY, key_fields="*"), sink(value(), VALUE_SCHEMA, key="text", key_schema=Schema.STRING))
    assert made.value.get("_key") == "text"


def test_mixed_schemas() -> None:
    made = run(make(COPY, key_fields="id,cost"), sink({"a": 1}, key=key(), key_schema=KEY_SCHEMA))
    assert made.value == {"a": 1, "id": 7, "cost": 1.5}
    made = run(make(COPY, key_fields="*"), sink(value(), VALUE_SCHEMA, key=5))
    assert made.value_schema.field("_key").schema == Schema.INT64
    assert (made.key, made.key_schema) == (5, None)
    made = run(make(COPY, key_fields="*"), sink(value(), VALUE_SCHEMA, key="x"))
    assert made.value_schema.field("_key").schema == Schema.STRING


@pytest.mark.parametrize(
    ("fields", "record"),
    [
        ("*", sink(value(), VALUE_SCHEMA, key={"id": 1})),
        ("id", sink(value(), VALUE_SCHEMA, key={"id": 1})),
        ("*", sink(value(), VALUE_SCHEMA)),
        ("id", sink(value(), VALUE_SCHEMA)),
        ("*", sink(value(), VALUE_SCHEMA, key=object())),
        ("id", sink(value(), VALUE_SCHEMA, key="x", key_schema=Schema.STRING)),
        ("idd", sink(value(), VALUE_SCHEMA, key=key(), key_schema=KEY_SCHEMA)),
        ("id", sink(value(), VALUE_SCHEMA, key=None, key_schema=KEY_SCHEMA)),
        ("id", sink({}, key="x")),
        ("id", sink({})),
        ("id", sink(None, key={"id": 1})),
        ("id", sink("x", key={"id": 1})),
        ("id", sink("x", Schema.STRING, key={"id": 1})),
    ],
)
def test_what_cannot_be_copied(fields: str, record: Any) -> None:
    fails(make(COPY, key_fields=fields), record)


def test_a_null_key_leaves_optional_fields_null() -> None:
    record = sink(value(), VALUE_SCHEMA, key=None, key_schema=KEY_SCHEMA)
    made = run(make(COPY, key_fields="department"), record, checked=False)
    assert made.value.get("department") is None
    assert run(make(COPY, key_fields="*"), sink({"a": 1})).value == {"a": 1, "_key": None}


def test_missing_key_fields(caplog: pytest.LogCaptureFixture) -> None:
    record = sink({"a": 1}, key={"id": 5})
    assert run(make(COPY, key_fields="id,idd"), record).value == {"a": 1, "id": 5, "idd": None}
    assert len(caplog.records) == 1
    fails(make(COPY, key_fields="idd", on_missing="fail"), record)
    struct = sink(value(), VALUE_SCHEMA, key=key(), key_schema=KEY_SCHEMA)
    made = run(make(COPY, key_fields="idd,cost", on_missing="ignore"), struct)
    assert [f.name for f in made.value_schema.fields] == ["name", "id", "cost"]


def test_bad_configuration_of_key_to_value() -> None:
    assert set(problems(COPY)) == {"key.fields"}
    assert set(problems(COPY, key_fields="a", value_fields="b,c")) == {"value.fields"}
    assert "twice" not in str(problems(COPY, key_fields="a,b", value_fields="b"))
    assert set(problems(COPY, key_fields="a,b", value_fields="b")) == {"value.fields"}
    assert set(problems(COPY, key_fields="*,a", value_fields=",_key")) == {"value.fields"}


@given(pairs(), pairs())
def test_any_key_beside_any_struct(own: Any, other: Any) -> None:
    key_schema, key_value = own
    schema, found = other
    if schema.type is not Type.STRUCT or found is None or schema.field("_key") is not None:
        return
    if key_value is None and not key_schema.optional:
        return
    made = run(
        make(COPY, key_fields="*"), sink(found, schema, key=key_value, key_schema=key_schema), checked=False
    )
    assert made.value_schema.field("_key").schema == key_schema
    assert frozen(made.value.values[-1]) == frozen(key_value)


# --- tombstones


@given(pairs())
def test_make_tombstone(pair: Any) -> None:
    schema, found = pair
    made = run(make("MakeTombstone"), sink(found, schema, key="k", key_schema=Schema.STRING))
    assert (made.value, made.value_schema, made.key, made.key_schema) == (None, None, "k", Schema.STRING)
    agree(made)


HANDLER = "io.aiven.kafka.connect.transforms.TombstoneHandler"


@pytest.mark.parametrize(
    ("behavior", "level"), [("drop_silent", logging.DEBUG), ("DROP_WARN", logging.WARNING)]
)
def test_tombstones_are_dropped(behavior: str, level: int, caplog: pytest.LogCaptureFixture) -> None:
    handler = make(HANDLER, behavior=behavior)
    with caplog.at_level(logging.DEBUG):
        assert handler.apply(sink(None, Schema.OPTIONAL_STRING)) is None
    assert [each.levelno for each in caplog.records] == [level]
    record = sink({})
    assert run(handler, record) is record


def test_tombstones_can_fail() -> None:
    fails(make(HANDLER, behavior="fail"), sink(None))
    assert set(problems(HANDLER)) == {"behavior"}
    assert set(problems(HANDLER, behavior="ignore")) == {"behavior"}
