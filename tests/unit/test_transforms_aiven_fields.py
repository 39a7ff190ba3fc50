"""Aiven's Hash, ConcatFields and CaseTransform."""

from __future__ import annotations

import hashlib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectkit.builder import SchemaBuilder
from connectkit.float32 import round32
from connectkit.schema import Schema
from connectkit.struct import Struct
from tests.support.smt import fails, frozen, make, problems, run, sink

HASH = "io.aiven.kafka.connect.transforms.Hash"
SCHEMA = (
    SchemaBuilder.struct().name("N").version(2).doc("D")
    .field("s", Schema.STRING)
    .field("o", Schema.OPTIONAL_STRING)
    .field("d", SchemaBuilder.string().optional().default("Preset").build())
    .field("n", Schema.INT32)
    .field("f", Schema.FLOAT32)
    .build()
)  # fmt: skip


def struct(s: str = "Mail", o: str | None = None, d: str | None = None) -> Struct:
    return Struct.of(SCHEMA, [s, o, d, 5, round32(0.1)])


# --- Hash


@pytest.mark.parametrize("function", ["md5", "sha1", "sha256"])
@pytest.mark.parametrize("text", ["", "jerry@example.com", "é€😀"])
def test_hashes(function: str, text: str) -> None:
    wanted = hashlib.new(function, text.encode()).hexdigest()
    made = run(make(HASH + "$Value", function=function), sink(text, Schema.OPTIONAL_STRING))
    assert (made.value, made.value_schema) == (wanted, Schema.OPTIONAL_STRING)
    assert (
        run(make("Hash$Key", function=function), sink(None, key=text, key_schema=Schema.STRING)).key == wanted
    )
    transform = make(HASH + "$Value", function=function, field_name="s")
    made = run(transform, sink(struct(text), SCHEMA))
    assert made.value.values[0] == wanted
    assert made.value.values[1:] == struct().values[1:]
    assert made.value_schema is SCHEMA
    assert run(transform, sink({"s": text, "z": 1})).value == {"s": wanted, "z": 1}
    assert run(make(HASH + "$Value", function=function), sink(text)).value == wanted


def test_half_a_surrogate_pair_is_a_question_mark_as_in_java() -> None:
    made = run(make(HASH + "$Value", function="md5"), sink("\ud800"))
    assert made.value == hashlib.md5(b"?", usedforsecurity=False).hexdigest()


@pytest.mark.parametrize(
    "record",
    [sink(struct(), SCHEMA), sink({"o": None}), sink({})],
)
@pytest.mark.parametrize("name", ["o", "missing"])
def test_missing_or_null_fields(record: Any, name: str) -> None:
    fails(make(HASH + "$Value", function="md5", field_name=name), record)
    made = run(make(HASH + "$Value", function="md5", field_name=name, skip_missing_or_null=True), record)
    assert frozen(made.value) == frozen(record.value)


def test_a_default_is_not_hashed() -> None:
    made = run(make(HASH + "$Value", function="md5", field_name="d", skip_missing_or_null=True),
               sink(struct(), SCHEMA))  # fmt: skip
    assert made.value.values[2] is None


def test_a_null_whole() -> None:
    for record in (sink(None), sink(None, Schema.OPTIONAL_STRING)):
        fails(make(HASH + "$Value", function="md5"), record)
        assert run(make(HASH + "$Value", function="md5", skip_missing_or_null=True), record) is record
    field = make(HASH + "$Value", function="md5", field_name="s", skip_missing_or_null=True)
    for record in (sink(None), sink(None, SCHEMA)):
        fails(field, record)


def test_only_strings_are_hashed() -> None:
    for record in (sink(struct(), SCHEMA), sink({"n": 5})):
        assert fails(make(HASH + "$Value", function="md5", field_name="n"), record).path == "$.n"
    for record in (sink(5), sink(5, Schema.INT32), sink({"a": 1}), sink(struct(), SCHEMA)):
        fails(make(HASH + "$Value", function="md5"), record)
    fails(make(HASH + "$Value", function="md5", field_name="s"), sink("x", Schema.STRING))


def test_bad_configuration_of_the_hash() -> None:
    assert set(problems(HASH + "$Value")) == {"function"}
    assert set(problems(HASH + "$Value", function="crc32")) == {"function"}


# --- ConcatFields

CONCAT = "io.aiven.kafka.connect.transforms.ConcatFields"


def concat(**options: str) -> Any:
    return make(CONCAT + "$Value", **{"field_names": "s,n,o", "output_field_name": "out", **options})


def test_fields_are_put_together() -> None:
    made = run(concat(delimiter="-", field_replace_missing="*"), sink(struct(), SCHEMA))
    assert made.value.get("out") == "Mail-5-*"
    made = run(concat(delimiter="-", field_replace_missing="*"), sink({"s": "Mail", "n": 5}))
    assert made.value == {"s": "Mail", "n": 5, "out": "Mail-5-*"}
    assert run(concat(), sink({"s": "a", "n": True, "o": 1e10})).value["out"] == "atrue1.0E10"
    key = run(
        make("ConcatFields$Key", field_names="a,b", output_field_name="c"), sink(None, key={"a": 1, "b": 2})
    )
    assert key.key == {"a": 1, "b": 2, "c": "12"}


def test_the_new_schema_is_one_of_fields_only() -> None:
    made = run(concat(), sink(struct(), SCHEMA)).value_schema
    assert [f.name for f in made.fields] == ["s", "o", "d", "n", "f", "out"]
    assert made.field("out").schema == Schema.OPTIONAL_STRING
    assert (made.name, made.version, made.doc, made.optional) == (None, None, None, False)


def test_defaults_and_float32() -> None:
    made = run(concat(field_names="d,f", delimiter="|"), sink(struct(), SCHEMA))
    assert made.value.get("out") == "Preset|0.1"
    assert made.value.get_without_default("d") == "Preset"


def test_a_map_may_have_the_output_already_and_a_struct_may_not() -> None:
    assert run(concat(output_field_name="s"), sink({"s": "a", "n": 1, "o": 2})).value == {
        "s": "a12",
        "n": 1,
        "o": 2,
    }
    fails(concat(output_field_name="s"), sink(struct(), SCHEMA))


def test_missing_fields_of_concat(caplog: pytest.LogCaptureFixture) -> None:
    for record in (sink({"s": "x"}), sink(struct(), SCHEMA)):
        caplog.clear()
        run(concat(field_names="s,ss"), record)
        assert len(caplog.records) == 1
        fails(concat(field_names="s,ss", on_missing="fail"), record)


def test_what_has_no_fields_fails() -> None:
    for record in (sink(None), sink(None, SCHEMA), sink("x"), sink("x", Schema.STRING)):
        fails(concat(), record)
        fails(case(), record)


def test_bad_configuration_of_concat() -> None:
    assert set(problems(CONCAT + "$Value")) == {"field.names", "output.field.name"}
    assert set(problems(CONCAT + "$Value", field_names="", output_field_name="")) == {
        "field.names",
        "output.field.name",
    }


# --- CaseTransform

CASE = "io.aiven.kafka.connect.transforms.CaseTransform"


def case(names: str = "s", to: str = "upper", **options: str) -> Any:
    return make(CASE + "$Value", **{"field_names": names, "case": to, **options})


def test_case() -> None:
    made = run(case("s,o,d"), sink(struct("Straße", "ǆ"), SCHEMA))
    assert made.value.values[:3] == ["STRASSE", "Ǆ", "PRESET"]
    assert made.value_schema is SCHEMA
    assert run(case(to="lower"), sink({"s": "ÀΣ", "o": "X"})).value == {"s": "àς", "o": "X"}
    made = run(
        make("CaseTransform$Key", field_names="a, b", case="upper"), sink(None, key={"a": "x", "b": "y"})
    )
    assert made.key == {"a": "X", "b": "Y"}


def test_nulls_and_other_types_stay(caplog: pytest.LogCaptureFixture) -> None:
    made = run(case("o,n,f"), sink(struct(), SCHEMA))
    assert made.value.values == ["Mail", None, "Preset", 5, round32(0.1)]
    assert len([each for each in caplog.records if "not a string" in each.getMessage()]) == 2
    assert run(case("o,n"), sink({"o": None, "n": 5})).value == {"o": None, "n": 5}


def test_missing_fields_of_case(caplog: pytest.LogCaptureFixture) -> None:
    for record in (sink({"s": "x"}), sink(struct(), SCHEMA)):
        caplog.clear()
        made = run(case("s,ss"), record)
        assert "ss" not in (made.value if made.value_schema is None else made.value_schema.fields)
        assert len(caplog.records) == 1
        fails(case("s,ss", on_missing="fail"), record)


def test_bad_configuration_of_case() -> None:
    assert set(problems(CASE + "$Value")) == {"field.names", "case"}
    assert set(problems(CASE + "$Value", field_names="a", case="title")) == {"case"}


@given(st.dictionaries(st.sampled_from("abc"), st.none() | st.text() | st.integers(0, 9)))
def test_upper_twice_is_upper_once(value: dict[str, Any]) -> None:
    transform = case("a,b", on_missing="ignore")
    once = run(transform, sink(value)).value
    assert run(transform, sink(once)).value == once
    assert once.keys() == value.keys()
    assert once.get("c") == value.get("c")


def test_a_warning_of_a_fields_type_does_not_stand_for_its_absence(caplog: pytest.LogCaptureFixture) -> None:
    schema = SchemaBuilder.struct().field("n", Schema.INT32).build()
    strict = make(f"{CASE}$Value", field_names="n", case="upper", on_missing="fail")
    run(strict, sink(Struct.of(schema, [1]), schema=schema))
    assert "'n' is not in the record" in str(fails(strict, sink({"other": 1})))
    lenient = make(f"{CASE}$Value", field_names="n", case="upper")
    for _ in range(2):
        run(lenient, sink(Struct.of(schema, [1]), schema=schema))
        run(lenient, sink({"other": 1}))
    said = [record.getMessage() for record in caplog.records]
    assert sum("is of type int32" in each for each in said[1:]) == 1
    assert sum("'n' is not in the record" in each for each in said) == 1
