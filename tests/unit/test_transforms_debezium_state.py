"""ExtractNewRecordState: rows, deletions and tombstones under each policy, what is added and left out."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectkit.builder import SchemaBuilder
from connectkit.errors import ConfigError, DataError
from connectkit.headers import Headers
from connectkit.plugin import plugins
from connectkit.runner.chain import Chain
from connectkit.schema import Schema, Type
from connectkit.struct import Struct
from connectkit.transforms.debezium.state import ExtractNewRecordState, ExtractNewRecordStateConfig
from tests.strategies import NAMES, schemas, values
from tests.support.change_events import (
    ENVELOPE,
    KEY,
    ROW,
    agree,
    applied,
    envelope_schema,
    event,
    headers_of,
    plain,
    row,
    sink,
    source,
)

MODES = ["drop", "tombstone", "rewrite", "rewrite-with-tombstone", "delete-to-tombstone"]
MODE = "delete.tombstone.handling.mode"
NAMES_HEADER = SchemaBuilder.array(Schema.STRING).build()


def unwrap(**options: Any) -> Any:
    raw = {key.replace("_", "."): value for key, value in options.items()}
    return ExtractNewRecordState(ExtractNewRecordStateConfig.parse(raw))


def mode(name: str, **options: Any) -> Any:
    return unwrap(**{MODE: name}, **options)


INSERT = event("c", after=row(1, "Anne", score=3))
UPDATE = event("u", before=row(1, "Old"), after=row(1, "Anne"))
DELETE = event("d", before=row(1, "Old"))


# --- rows


@pytest.mark.parametrize("value", [INSERT, UPDATE])
@pytest.mark.parametrize("make", [sink, source])
def test_the_row_after_the_change_is_the_value(value: Struct, make: Any) -> None:
    found = applied(unwrap(), make(value))
    assert plain(found.value) == plain(value.get("after"))
    assert found.value_schema.name == ROW.name
    assert not found.value_schema.optional
    assert (found.topic, found.key, headers_of(found)) == (
        "srv.shop.customers", make(value).key, [("trace", "abc")],
    )  # fmt: skip


def test_an_unset_field_stays_unset_unless_the_row_is_rewritten() -> None:
    assert applied(unwrap(), sink(INSERT)).value.values[2] is None
    assert applied(mode("rewrite"), sink(INSERT)).value.values[2] == "none"
    kept = mode("rewrite", replace_null_with_default="false")
    assert applied(kept, sink(INSERT)).value.values[2] is None


@pytest.mark.parametrize("schema", [None, Schema.STRING, SchemaBuilder.struct().name("x.Heartbeat").build()])
def test_what_is_no_change_event_is_left_alone(schema: Schema | None) -> None:
    value: Any = {"a": 1} if schema is None else "x" if schema is Schema.STRING else Struct(schema)
    record = sink(value, schema)
    assert unwrap(add_fields="op", add_headers="op").apply(record) is record


# --- deletions and tombstones


@pytest.mark.parametrize(
    ("name", "deletion", "tombstone"),
    [
        ("drop", None, None),
        ("tombstone", "null with schema", None),
        ("delete-to-tombstone", "null", None),
        ("rewrite", "row", None),
        ("rewrite-with-tombstone", "row", "kept"),
        ("REWRITE", "row", None),
    ],
)
def test_policies(name: str, deletion: str | None, tombstone: str | None) -> None:
    transform = mode(name)
    found = applied(transform, sink(DELETE))
    if deletion is None:
        assert found is None
    elif deletion == "row":
        old = {**plain(DELETE.get("before")), "note": "none", "__deleted": "true"}
        assert plain(found.value) == old
        assert applied(transform, sink(INSERT)).value.get("__deleted") == "false"
    else:
        assert found.value is None
        assert found.value_schema == (ROW if deletion == "null with schema" else None)
    record = sink(None)
    assert transform.apply(record) is (record if tombstone == "kept" else None)


@pytest.mark.parametrize("name", MODES)
@pytest.mark.parametrize("op", ["t", "m"])
def test_an_event_without_any_row_is_dropped(name: str, op: str) -> None:
    assert applied(mode(name), sink(event(op))) is None


def test_one_transform_tells_rows_deletions_and_tombstones_apart() -> None:
    transform = mode("rewrite-with-tombstone", add_fields="op")
    for _ in range(3):
        assert transform.apply(sink(INSERT)).value.get("__op") == "c"
        assert transform.apply(sink(DELETE)).value.get("__deleted") == "true"
        assert transform.apply(sink(None)).value is None
        assert transform.apply(sink(event("t"))) is None


# --- what is added


def test_parts_of_the_event_are_added() -> None:
    wanted = "op,table,source.lsn,ts_ms:seen,id,nothing.here,transaction.id"
    with pytest.raises(DataError, match="nothing"):
        unwrap(add_fields=wanted).apply(sink(INSERT))
    transform = unwrap(add_fields=wanted.replace("nothing.here,", "source.nothing,"))
    found = applied(transform, sink(INSERT)).value
    assert plain(found) == {
        **plain(INSERT.get("after")),
        "__op": "c", "__table": "customers", "__source_lsn": 7, "__seen": 1_700, "__id": None,
        "__transaction_id": None,
    }  # fmt: skip
    added = found.schema.fields[len(ROW.fields) :]
    assert all(field.schema.optional for field in added)


def test_the_prefix_may_be_anything_or_nothing() -> None:
    found = applied(unwrap(add_fields="op,table:t", add_fields_prefix=""), sink(INSERT)).value
    assert [field.name for field in found.schema.fields[-2:]] == ["op", "t"]
    found = applied(unwrap(add_headers="op", add_headers_prefix="cdc."), sink(INSERT))
    assert headers_of(found) == [("trace", "abc"), ("cdc.op", "c")]


def test_a_struct_that_is_added_keeps_its_fields() -> None:
    found = applied(unwrap(add_fields="source", add_headers="source.lsn,source"), sink(INSERT))
    assert plain(found.value.get("__source"))["lsn"] == 7
    assert headers_of(found)[1] == ("__source_lsn", 7)


def test_headers_are_added_to_deletions_and_kept_tombstones() -> None:
    transform = mode("rewrite-with-tombstone", add_headers="op,table")
    assert headers_of(applied(transform, sink(DELETE)))[1:] == [("__op", "d"), ("__table", "customers")]
    assert headers_of(applied(transform, sink(None)))[1:] == [("__op", "d")]


def test_a_missing_part_is_told_of_once(caplog: pytest.LogCaptureFixture) -> None:
    transform = unwrap(add_fields="source.lns")
    for _ in range(3):
        transform.apply(sink(INSERT))
    messages = [record.getMessage() for record in caplog.records]
    assert len(messages) == 1
    assert "source.lns" in messages[0]
    assert "lsn" in messages[0]
    with pytest.raises(DataError, match=r"source\.lns"):
        unwrap(add_fields="source.lns", on_missing="fail").apply(sink(INSERT))
    caplog.clear()
    unwrap(add_fields="source.lns", on_missing="ignore").apply(sink(INSERT))
    assert not caplog.records


def test_the_row_can_route() -> None:
    transform = mode("rewrite", route_by_field="name")
    assert applied(transform, sink(UPDATE)).topic == "Anne"
    assert applied(transform, sink(DELETE)).topic == "Old"
    assert applied(mode("tombstone", route_by_field="name"), sink(DELETE)).topic == "Old"
    blank = sink(event("c", after=row(1, " ")))
    assert applied(transform, blank).topic == "srv.shop.customers"


@pytest.mark.parametrize(("field", "said"), [("nope", "no field 'nope'"), ("id", "of type int32")])
def test_a_field_that_cannot_route_is_refused(field: str, said: str) -> None:
    transform = unwrap(route_by_field=field)
    for _ in range(3):
        with pytest.raises(DataError, match=said):
            transform.apply(sink(INSERT))


# --- what is left out


def named(value: Any, *names: str, **parts: Any) -> Any:
    headers = Headers().add("drop", list(names), NAMES_HEADER)
    return sink(value, headers=headers, **parts)


def dropping(**options: Any) -> Any:
    return unwrap(drop_fields_header_name="drop", **options)


def test_fields_that_a_header_lists_are_left_out_if_optional() -> None:
    transform = dropping(add_fields="op")
    found = applied(transform, named(INSERT, "score", "name", "other", "__op"))
    assert plain(found.value) == {"id": 1, "name": "Anne", "note": "none"}
    assert plain(applied(transform, named(INSERT, "note")).value) == {
        "id": 1, "name": "Anne", "score": 3, "__op": "c",
    }  # fmt: skip
    for other in (sink(INSERT), named(INSERT), named(INSERT, "id")):
        assert [f.name for f in applied(transform, other).value_schema.fields][:4] == [
            "id", "name", "note", "score",
        ]  # fmt: skip


def test_fields_can_be_left_out_of_the_key_and_whatever_they_require() -> None:
    both = dropping(drop_fields_from_key="true", drop_fields_keep_schema_compatible="false")
    found = applied(both, named(INSERT, "id", "score"))
    assert plain(found.key) == {}
    assert plain(found.value) == {"name": "Anne", "note": "none"}
    compatible = dropping(drop_fields_from_key="true")
    assert applied(compatible, named(INSERT, "id")).key == Struct(KEY).put("id", 1)
    schemaless = named(INSERT, "id,x", key={"id": 1, "x": 2, "y": 3}, key_schema=None)
    assert applied(both, schemaless).key == {"y": 3}
    assert applied(both, named(INSERT, "id", key=None, key_schema=None)).key is None


@pytest.mark.parametrize("name", MODES)
def test_deletions_pass_with_a_list_as_without(name: str) -> None:
    transform = dropping(**{MODE: name})
    found = applied(transform, named(DELETE, "score"))
    assert found is None or found.value is None or "score" not in plain(found.value)


def test_a_header_that_is_no_list_is_refused() -> None:
    record = sink(INSERT, headers=Headers().add_string("drop", "score"))
    with pytest.raises(DataError, match="list of texts"):
        dropping().apply(record)


def test_many_lists_do_not_pile_up() -> None:
    transform = dropping()
    for number in range(200):
        assert transform.apply(named(INSERT, f"f{number}")).value.get("id") == 1
    assert len(transform._by_names) <= 64


# --- what cannot be


def test_a_row_that_lacks_what_it_requires_is_refused() -> None:
    broken = Struct.of(ROW, [None, "Anne", None, None])
    with pytest.raises(DataError, match='"id"'):
        unwrap().apply(sink(Struct.of(ENVELOPE, [None, broken, None, "c", None, None])))


@pytest.mark.parametrize("missing", ["after", "op", "before"])
def test_an_envelope_without_its_parts_is_refused(missing: str) -> None:
    builder = SchemaBuilder.struct().name("x.Envelope")
    for field in ENVELOPE.fields:
        if field.name != missing:
            builder.field(field.name, field.schema)
    schema = builder.build()
    value = Struct(schema)
    if missing != "after" and missing != "before":
        value.put("after", row())
    transform = unwrap()
    for _ in range(3):
        with pytest.raises(DataError, match=missing):
            transform.apply(sink(value, schema))


def test_an_envelope_that_is_no_struct_is_refused() -> None:
    schema = SchemaBuilder.string().name("x.Envelope").build()
    with pytest.raises(DataError, match="struct"):
        unwrap().apply(sink("x", schema))
    rows = envelope_schema(SchemaBuilder.string().optional().build())
    with pytest.raises(DataError, match="must be a struct"):
        unwrap().apply(sink(event("c", after="{}", schema=rows), rows))
    assert applied(unwrap(), sink(event("d", before="", schema=rows), rows)).value is None


def test_a_name_that_is_taken_is_refused() -> None:
    with pytest.raises(DataError, match="__op"):
        unwrap(add_fields="op,op").apply(sink(INSERT))


def test_every_problem_of_a_configuration_is_told_at_once() -> None:
    with pytest.raises(ConfigError) as raised:
        ExtractNewRecordStateConfig.parse(
            {MODE: "none", "drop.fields.from.key": "maybe", "on.missing": "cry"}, where="transforms.u"
        )
    assert set(raised.value.problems) == {
        f"transforms.u.{MODE}", "transforms.u.drop.fields.from.key", "transforms.u.on.missing",
    }  # fmt: skip
    with pytest.raises(ConfigError) as raised:
        ExtractNewRecordStateConfig.parse({"add.fields": "a:b:c", "add.headers": "op,."})
    assert set(raised.value.problems) == {"add.fields", "add.headers"}


def test_options_of_older_releases_are_pointed_out() -> None:
    found = ExtractNewRecordStateConfig.parse({"delete.handling.mode": "rewrite", "drop.tombstones": "false"})
    assert set(found.warnings) == {"delete.handling.mode", "drop.tombstones"}


def test_it_is_found_by_each_of_its_names() -> None:
    for name in ("ExtractNewRecordState", "io.debezium.transforms.ExtractNewRecordState"):
        assert isinstance(plugins.create("transform", name, {}), ExtractNewRecordState)


# --- in a chain, and of any shape


def test_a_chain_goes_on_with_every_outcome_and_infers_the_schema() -> None:
    chain = Chain.build(
        {
            "transforms": "unwrap,mark",
            "transforms.unwrap.type": "ExtractNewRecordState",
            "transforms.unwrap.add.fields": "op",
            "transforms.unwrap.delete.tombstone.handling.mode": "rewrite",
            "transforms.mark.type": "InsertField$Value",
            "transforms.mark.static.field": "where",
            "transforms.mark.static.value": "here",
        },
        plugins,
    )
    for _ in range(4):
        insert, delete = chain.apply(sink(INSERT)), chain.apply(sink(DELETE))
        assert (insert.value.get("__op"), insert.value.get("where")) == ("c", "here")
        assert (delete.value.get("__op"), delete.value.get("where")) == ("d", "here")
        assert chain.apply(sink(event("t"))) is None
        assert chain.apply(sink(None)) is None
        assert insert.value_schema == delete.value_schema
        assert chain.output_schema(ENVELOPE) == {(None, insert.value_schema)}


def test_events_that_a_converter_read_are_flattened_too() -> None:
    converter: Any = plugins.create("converter", "JsonConverter", {"schemas.enable": "true"})
    transform = mode("rewrite", add_fields="op,source.lsn", add_headers="op")
    for value in (INSERT, UPDATE, DELETE):
        data = converter.from_connect_data("t", ENVELOPE, value)
        schema, read = converter.to_connect_data("t", data)
        found = applied(transform, sink(read, schema))
        assert plain(found.value) == plain(transform.apply(sink(value)).value) | {
            "note": read.get("after" if value is not DELETE else "before").get("note")
        }
        assert converter.from_connect_data("t", found.value_schema, found.value)


def test_an_error_in_a_chain_names_the_step() -> None:
    chain = Chain.build(
        {
            "transforms": "u",
            "transforms.u.type": "ExtractNewRecordState",
            "transforms.u.route.by.field": "id",
        },
        plugins,
    )
    with pytest.raises(DataError, match="'u'"):
        chain.apply(sink(INSERT))


@st.composite
def any_event(draw: st.DrawFn) -> Any:
    fields = draw(st.dictionaries(NAMES, schemas(1), max_size=4))
    builder = SchemaBuilder.struct().name("any.Value").optional()
    for name, schema in fields.items():
        builder.field(name, schema)
    made = envelope_schema(builder.build())
    rows = st.builds(
        lambda found: Struct.of(made.fields[0].schema, list(found)),
        st.tuples(*(values(f.schema) for f in made.fields[0].schema.fields)),
    )
    before, after = draw(st.none() | rows), draw(st.none() | rows)
    value = Struct.of(made, [before, after, *event("c").values[2:]])
    make: Any = sink if draw(st.booleans()) else source
    return make(value, made), before, after


@given(any_event(), st.sampled_from(MODES), st.booleans())
def test_schema_and_value_agree_and_nothing_is_changed(found: Any, name: str, add: bool) -> None:
    record, before, after = found
    transform = mode(name, add_fields="op,source.lsn", add_fields_prefix="\0") if add else mode(name)
    made = applied(transform, record)
    if after is None and before is None:
        assert made is None
    elif made is not None and made.value is not None:
        wanted = plain(after if after is not None else before)
        got = plain(made.value)
        assert {key: got[key] for key in wanted} == wanted
        assert made.value_schema.type is Type.STRUCT
        agree(made)
