"""ProtobufConverter with a registry: other people's serializers, references, headers, options, values."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from typing import Any

import pytest
from confluent_kafka.schema_registry import SchemaRegistryClient
from confluent_kafka.schema_registry.protobuf import ProtobufDeserializer, ProtobufSerializer
from confluent_kafka.serialization import MessageField, SerializationContext
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory, wrappers_pb2

from connectkit.builder import SchemaBuilder
from connectkit.converters.protobuf.config import ProtobufConfig
from connectkit.converters.protobuf.converter import ProtobufConverter
from connectkit.converters.protobuf.known import KNOWN, known_file
from connectkit.converters.protobuf.linked import link
from connectkit.converters.protobuf.parse import parse
from connectkit.converters.protobuf.printer import to_text
from connectkit.converters.protobuf.texts import read_text
from connectkit.converters.protobuf.to_descriptor import serialized, to_descriptor
from connectkit.converters.registry.opening import forget_mock_registry, mock_registry
from connectkit.converters.registry.port import Reference, SchemaText
from connectkit.errors import ConfigError, ConversionError, DataError, SchemaError
from connectkit.instant import timestamp_from
from connectkit.logical import TIMESTAMP
from connectkit.schema import Schema, Type
from connectkit.struct import Struct
from tests.support.registry_server import served

# Their constructors' types are hidden from type checkers.
Serializer: Any = ProtobufSerializer
Deserializer: Any = ProtobufDeserializer
P3 = 'syntax = "proto3";\n'
ORDER = SchemaBuilder.struct().name("shop.Order")
ORDER.field("id", Schema.INT64).field("name", Schema.OPTIONAL_STRING).field("price", Schema.FLOAT64)
SCHEMA = ORDER.field("tags", SchemaBuilder.array(Schema.STRING).build()).build()


def order(number: int = 7) -> Struct:
    return Struct(SCHEMA).put("id", number).put("name", "tea").put("price", 1.5).put("tags", ["a", "b"])


def converter(url: str = "mock://protobuf", *, is_key: bool = False, **options: str) -> ProtobufConverter:
    raw = {key.replace("_", "."): value for key, value in options.items()}
    return ProtobufConverter(ProtobufConfig.parse({"schema.registry.url": url, **raw}), is_key=is_key)


@pytest.fixture(autouse=True)
def _anew() -> None:
    forget_mock_registry("protobuf")


def register(text: str, subject: str = "t-value", *references: Reference) -> None:
    mock_registry("protobuf").register(subject, SchemaText(text, "PROTOBUF", references))


def fields(value: Any) -> dict[str, Any]:
    assert isinstance(value, Struct)
    return {field.name: value.get(field.name) for field in value.schema.fields}


# --- other people's code


def message_class(text: str, name: str) -> Any:
    file = parse(text)
    proto = to_descriptor(file, {}, imported=file.all_imports())
    pool = descriptor_pool.DescriptorPool()
    for path in file.all_imports():
        known = known_file(path)
        assert known is not None
        inner = to_descriptor(known, {}, imported=known.all_imports())
        inner.name = path
        pool.Add(inner)
    pool.Add(proto)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName(name))


def test_confluents_deserializer_reads_what_is_written_here() -> None:
    with served() as server, closing(converter(server.url)) as made:
        data = made.from_connect_data("t", SCHEMA, order())
        text = server.registry.version("t-value").schema.text
        kind = message_class(text, "shop.Order")
        with SchemaRegistryClient({"url": server.url}) as client:
            read = Deserializer(kind, {"use.deprecated.format": False}, client)
            got = read(data, SerializationContext("t", MessageField.VALUE))
    assert (got.id, got.name, got.price, list(got.tags)) == (7, "tea", 1.5, ["a", "b"])


def test_what_confluents_serializer_writes_is_read_here() -> None:
    text = P3 + (
        'package shop; import "google/protobuf/timestamp.proto"; message Other {} '
        "message Order { int64 id = 1; message Line { string what = 1; } repeated Line lines = 2; "
        "map<string, int32> counts = 3; "
        "google.protobuf.Timestamp at = 4; Kind kind = 5; enum Kind { NONE = 0; BIG = 2; } "
        "oneof pay { string card = 6; int32 cash = 7; } optional bool gift = 8; }"
    )
    kind = message_class(text, "shop.Order")
    value = kind(id=5, counts={"a": 1}, kind=2, cash=3)
    value.lines.add(what="tea")
    value.at.seconds = 1
    with served() as server, closing(converter(server.url)) as made:
        with SchemaRegistryClient({"url": server.url}) as client:
            write = Serializer(kind, client, {"use.deprecated.format": False})
            data = write(value, SerializationContext("t", MessageField.VALUE))
            read = Deserializer(kind, {"use.deprecated.format": False}, client)
            assert read(data, SerializationContext("t", MessageField.VALUE)) == value
        got = made.to_connect_data("t", data)
    assert got.schema is not None
    assert got.schema.name == "Order"
    found = fields(got.value)
    assert fields(found.pop("pay_0")) == {"card": None, "cash": 3}
    assert [fields(each) for each in found.pop("lines")] == [{"what": "tea"}]
    assert found == {"id": 5, "counts": {"a": 1}, "at": timestamp_from(1000), "kind": "BIG", "gift": None}


def test_our_well_known_files_are_those_of_the_libraries() -> None:
    """The texts written down here say the same as the descriptors that Google's wheels bring."""
    from importlib import import_module

    checked = 0
    for path in KNOWN:
        if not path.startswith("google/type/"):
            continue
        theirs = descriptor_pb2.FileDescriptorProto()
        import_module(path.removesuffix(".proto").replace("/", ".") + "_pb2").DESCRIPTOR.CopyToProto(theirs)
        file = known_file(path)
        assert file is not None
        ours = to_descriptor(file, {}, imported=file.all_imports())
        for each in (*theirs.message_type, *ours.message_type):
            for field in (*each.field, *(field for inner in each.nested_type for field in inner.field)):
                field.ClearField("json_name")
        assert list(ours.message_type) == list(theirs.message_type), path
        assert list(ours.enum_type) == list(theirs.enum_type), path
        checked += 1
    assert checked == 16


def test_what_confluents_extension_says_survives_descriptors() -> None:
    text = P3 + (
        '\nmessage A {\n  option (confluent.message_meta) = {\n    doc: "d"\n  };\n\n'
        '  int32 a = 1 [(confluent.field_meta) = {\n    doc: "e",\n    params: [\n      {\n'
        '        key: "connect.type",\n        value: "int8"\n      }\n    ],\n    tags: [\n      "PII"\n'
        "    ]\n  }];\n}\n"
    )
    assert to_text(read_text(serialized(text, []))) == text


def test_a_text_and_its_descriptor_are_one_schema() -> None:
    text = (
        P3 + "package p; message A { B b = 1; optional int32 c = 2; oneof o { string d = 3; } message B {} }"
    )
    register(serialized(text, []))
    made = converter()
    got = made.to_connect_data("t", b"\0\0\0\0\1\0\x1a\x01x")
    assert fields(fields(got.value)["o_0"]) == {"d": "x"}
    assert mock_registry("protobuf").version("t-value").schema.text.startswith(P3)


# --- schemas


def test_references_are_found_by_the_paths_that_imports_say() -> None:
    register(P3 + "package a; message A { int32 x = 1; }", "sub-a")
    register(
        P3 + 'import "dir/a.proto"; message B { a.A a = 1; }', "sub-b", Reference("dir/a.proto", "sub-a", 1)
    )
    text = P3 + 'import "b.proto"; import "dir/a.proto"; message C { B b = 1; a.A a = 2; }'
    references = (Reference("b.proto", "sub-b", 1), Reference("dir/a.proto", "sub-a", 1))
    register(text, "t-value", *references)
    got = converter().to_connect_data("t", b"\0\0\0\0\3\0\x0a\x04\x0a\x02\x08\x05\x12\x02\x08\x06")
    found = fields(got.value)
    assert fields(fields(found["b"])["a"]) == {"x": 5}
    assert fields(found["a"]) == {"x": 6}


def test_a_reference_that_is_missing_is_said() -> None:
    mock_registry("protobuf").set_level("", "NONE")
    with pytest.raises(DataError, match="not defined"):
        register(P3 + 'import "gone.proto"; message C { gone.A a = 1; }')


def test_an_empty_file_with_a_public_import_stands_for_that_file() -> None:
    register(P3 + "message A { int32 x = 1; }", "sub-a")
    register(P3 + 'import public "a.proto";', "t-value", Reference("a.proto", "sub-a", 1))
    assert fields(converter().to_connect_data("t", b"\0\0\0\0\2\0\x08\5").value) == {"x": 5}


def test_known_imports_are_registered_if_that_is_asked_for() -> None:
    schema = SchemaBuilder.struct().name("R").field("x", Schema.OPTIONAL_INT64).build()
    made = converter(
        wrapper_for_nullables="true",
        skip_known_types="false",
        reference_subject_name_strategy=(
            "io.confluent.kafka.serializers.subject.QualifiedReferenceSubjectNameStrategy"
        ),
    )
    data = made.from_connect_data("t", schema, Struct(schema).put("x", 5))
    registry = mock_registry("protobuf")
    assert registry.subjects() == ["google.protobuf.wrappers", "t-value"]
    assert registry.version("t-value").schema.references == (
        Reference("google/protobuf/wrappers.proto", "google.protobuf.wrappers", 1),
    )
    assert fields(made.to_connect_data("t", data).value) == {"x": 5}


def test_the_newest_schema_is_written_and_read_by_the_names_of_fields() -> None:
    register(P3 + "package shop; message Before {} message Order { string name = 9; int64 id = 4; }")
    made = converter(
        auto_register_schemas="false", use_latest_version="true", latest_compatibility_strict="false"
    )
    schema = SchemaBuilder.struct().name("shop.Order").field("id", Schema.INT64)
    schema.field("name", Schema.STRING)
    built = schema.build()
    data = made.from_connect_data("t", built, Struct(built).put("id", 5).put("name", "x"))
    assert data == b"\0\0\0\0\1\x02\x02\x20\x05\x4a\x01x"
    assert fields(made.to_connect_data("t", data).value) == {"name": "x", "id": 5}
    lost = SchemaBuilder.struct().name("shop.Order").field("gone", Schema.INT64).build()
    with pytest.raises(ConversionError, match=r"\$\.gone"):
        made.from_connect_data("t", lost, Struct(lost).put("gone", 5))


def test_a_schema_that_is_not_registered_is_not_written_without_leave() -> None:
    made = converter(auto_register_schemas="false")
    with pytest.raises(ConversionError, match="t-value"):
        made.from_connect_data("t", SCHEMA, order())


def test_the_schema_in_a_header() -> None:
    made = converter(
        value_schema_id_serializer="io.confluent.kafka.serializers.schema.id.HeaderSchemaIdSerializer"
    )
    headers: list[tuple[str, bytes | None]] = []
    data = made.from_connect_data("t", SCHEMA, order(), headers)
    made.from_connect_data("t", SCHEMA, order(), headers)
    assert [key for key, _ in headers] == ["__value_schema_id"]
    assert headers[0][1] is not None
    assert headers[0][1][0] == 1
    assert headers[0][1][-1] == 0
    assert data is not None
    assert made.to_connect_data("t", data, headers).value.get("id") == 7
    assert made.encoder("t", SCHEMA) is None


def test_a_wrapper_is_the_value_in_it() -> None:
    made = converter(is_key=True)
    data = made.from_connect_data("t", Schema.STRING, "abc")
    assert data == b"\0\0\0\0\1\x02\x0e\x0a\x03abc"
    assert wrappers_pb2.StringValue.FromString(data[7:]).value == "abc"
    assert made.to_connect_data("t", data).value == "abc"
    assert mock_registry("protobuf").subjects() == ["t-key"]


# --- options


SUMS = P3 + (
    "message M { oneof pay { string card = 1; int32 cash = 2; } Kind kind = 3; "
    "enum Kind { NONE = 0; BIG = 2; } Sub sub = 4; message Sub { int32 x = 1; M m = 2; } }"
)
SUM_BYTES = b"\0\0\0\0\1\0\x10\x05\x18\x02"


@pytest.mark.parametrize(
    ("options", "wanted"),
    [
        ({}, {"pay_0": {"card": None, "cash": 5}, "kind": "BIG", "sub": None}),
        (
            {"generate.index.for.unions": "false"},
            {"pay": {"card": None, "cash": 5}, "kind": "BIG", "sub": None},
        ),
        ({"flatten.unions": "true"}, {"card": None, "cash": 5, "kind": "BIG", "sub": None}),
        ({"int.for.enums": "true"}, {"pay_0": {"card": None, "cash": 5}, "kind": 2, "sub": None}),
        (
            {"generate.struct.for.nulls": "true"},
            {"pay_0": {"card": None, "cash": 5}, "kind": "BIG", "sub": {"x": 0, "m": None}},
        ),
    ],
)
def test_what_options_make_of_a_message(options: dict[str, str], wanted: dict[str, Any]) -> None:
    register(SUMS)
    made = ProtobufConverter(ProtobufConfig.parse({"schema.registry.url": "mock://protobuf", **options}))

    def plain(value: Any) -> Any:
        return {k: plain(v) for k, v in fields(value).items()} if isinstance(value, Struct) else value

    got = made.to_connect_data("t", SUM_BYTES)
    assert plain(got.value) == wanted


@pytest.mark.parametrize("generalized", ["true", "false"])
def test_enums_and_oneofs_are_written_as_they_were_read(generalized: str) -> None:
    text = P3 + "message M { oneof pay { string card = 1; int32 cash = 2; } Kind kind = 3; "
    register(text + "enum Kind { NONE = 0; BIG = 2; } }")
    made = converter(generalized_sum_type_support=generalized)
    got = made.to_connect_data("t", SUM_BYTES)
    again = made.from_connect_data("u", got.schema, got.value)
    assert again is not None
    assert again[5:] == SUM_BYTES[5:]
    assert made.to_connect_data("u", again).value.values[1] == "BIG"
    texts = [mock_registry("protobuf").version(subject).schema.text for subject in ("t-value", "u-value")]
    assert (
        link(parse(texts[0])).at((0,)).oneofs[0].name
        == link(parse(texts[1])).at((0,)).oneofs[0].name
        == "pay"
    )


def test_wrappers_in_oneofs_stay_wrappers() -> None:
    text = P3 + 'import "google/protobuf/wrappers.proto"; message M { oneof o { '
    register(text + "google.protobuf.Int64Value a = 1; int64 b = 2; } }")
    made = converter(wrapper_for_nullables="true")
    got = made.to_connect_data("t", b"\0\0\0\0\1\0\x0a\x02\x08\x05")
    data = made.from_connect_data("u", got.schema, got.value)
    assert data is not None
    assert data[6:] == b"\x0a\x02\x08\x05"
    written = mock_registry("protobuf").version("u-value").schema.text
    assert "google.protobuf.Int64Value a = 1;" in written
    assert "int64 b = 2;" in written


@pytest.mark.parametrize("form", ["default", "ignore_extensions", "serialized"])
def test_the_form_of_a_registered_schema(form: str) -> None:
    schema = SchemaBuilder.struct().name("p.R").field("x", Schema.INT8).field("y", SCHEMA).build()
    made = converter(schema_format=form)
    data = made.from_connect_data("t", schema, Struct(schema).put("x", 5).put("y", order()))
    text = mock_registry("protobuf").version("t-value").schema.text
    assert ("field_meta" in text) == (form != "ignore_extensions")
    got = made.to_connect_data("t", data)
    assert got.schema is not None
    assert got.schema.fields[0].schema.type is (Type.INT32 if form == "ignore_extensions" else Type.INT8)


def test_wrong_options_are_refused_at_once() -> None:
    with pytest.raises(ConfigError, match=r"schema\.registry\.url"):
        ProtobufConfig.parse({})
    with pytest.raises(ConfigError, match=r"reference\.subject\.name\.strategy"):
        converter(reference_subject_name_strategy="com.x.Mine")


# --- values


@pytest.mark.parametrize(
    ("schema", "value", "path"),
    [
        (Schema.INT32, 1 << 40, r"\$\.x"),
        (Schema.INT8, 200, r"\$\.x"),
        (Schema.INT64, True, r"\$\.x"),
        (Schema.FLOAT64, 1, r"\$\.x"),
        (Schema.STRING, b"a", r"\$\.x"),
        (Schema.BYTES, "a", r"\$\.x"),
        (Schema.BOOLEAN, 1, r"\$\.x"),
        (SchemaBuilder.array(Schema.INT32).build(), [1, None], r"\$\.x\[1\]"),
        (SchemaBuilder.array(Schema.INT32).build(), [1, "a"], r"\$\.x\[1\]"),
        (SchemaBuilder.map(Schema.STRING, Schema.INT32).build(), {"a": 1, "b": "c"}, r"\$\.x\[value 1\]"),
        (SchemaBuilder.map(Schema.STRING, Schema.INT32).build(), [1], r"\$\.x"),
        (SCHEMA, 5, r"\$\.x"),
        (SCHEMA, Struct(SchemaBuilder.struct().build()), r"\$\.x"),
        (TIMESTAMP, 5, r"\$\.x"),
    ],
)  # fmt: skip
def test_a_value_that_does_not_fit_says_where(schema: Schema, value: Any, path: str) -> None:
    around = SchemaBuilder.struct().name("R").field("y", Schema.INT32).field("x", schema).build()
    with pytest.raises(ConversionError, match=path) as raised:
        converter().from_connect_data("t", around, Struct.of(around, [1, value]))
    assert "cannot be written as Protobuf" in str(raised.value)


def test_nulls_and_values_without_a_schema() -> None:
    made = converter()
    assert made.from_connect_data("t", None, None) is None
    assert made.from_connect_data("t", SCHEMA, None) is None
    assert mock_registry("protobuf").subjects() == []
    with pytest.raises(ConversionError, match="needs one"):
        made.from_connect_data("t", None, {"a": 1})
    with pytest.raises(SchemaError, match="ARRAY"):
        made.from_connect_data("t", SchemaBuilder.array(Schema.INT32).build(), None)
    got = made.to_connect_data("t", None)
    assert got.schema is None
    assert got.value is None


def test_half_a_pair_is_written_as_a_question_mark() -> None:
    made = converter()
    value = order().put("name", "a\ud800b")
    data = made.from_connect_data("t", SCHEMA, value)
    assert made.to_connect_data("t", data).value.get("name") == "a?b"


def test_proto2_has_its_defaults_and_unchecked_texts() -> None:
    text = (
        'syntax = "proto2"; message M { required int32 a = 1; optional string b = 2 [default = "x"]; '
        "repeated int32 c = 3; optional E e = 4; enum E { ONE = 1; TWO = 2; } }"
    )
    register(text)
    message = b"\0\0\0\0\1\0\x08\x05\x12\x01\xff\x18\x01\x18\x02\x20\x09"
    assert fields(converter().to_connect_data("t", message).value) == {
        "a": 5, "b": "\ufffd", "c": [1, 2], "e": None,
    }  # fmt: skip
    assert fields(converter().to_connect_data("t", message[:8]).value) == {
        "a": 5, "b": None, "c": [], "e": None,
    }  # fmt: skip
    made = converter(optional_for_proto2="false")
    assert fields(made.to_connect_data("t", message[:8]).value) == {"a": 5, "b": "x", "c": [], "e": "ONE"}


@pytest.mark.parametrize(
    ("text", "data"),
    [
        ("message N { int32 v = 1; N next = 2; repeated N kids = 3; }", b"\x12\x04\x08\5\x1a\0"),
        ("message N { int32 v = 1; map<string, N> m = 4; }", b"\x22\x07\x0a\1a\x12\2\x08\5"),
        ("message A { B b = 1; message B { A a = 1; B b = 2; int32 x = 3; } }", b"\x0a\x04\x12\2\x18\5"),
        (
            'import "google/protobuf/struct.proto"; message S { google.protobuf.Struct s = 1; }',
            b"\x0a\x0d\x0a\x0b\x0a\1a\x12\6\x32\4\x0a\2\x20\1",
        ),
        (
            'import "google/protobuf/any.proto"; message S { google.protobuf.Any s = 1; }',
            b"\x0a\6\x0a\1u\x12\1z",
        ),
    ],
)
def test_messages_that_contain_themselves_are_read_and_written_again(text: str, data: bytes) -> None:
    register(P3 + text)
    made = converter()
    got = made.to_connect_data("t", b"\0\0\0\0\1\0" + data)
    again = made.from_connect_data("u", got.schema, got.value)
    assert again is not None
    assert again[6:] == data
    assert fields(made.to_connect_data("u", again).value).keys() == fields(got.value).keys()


def test_a_struct_used_without_end_is_refused() -> None:
    schema = SchemaBuilder.struct().field("x", Schema.INT32).build()
    for _ in range(40):
        schema = SchemaBuilder.struct().field("a", schema).field("b", schema).build()
    with pytest.raises(DataError, match="schema_fields"):
        converter().from_connect_data("t", schema, Struct(schema))


def test_normalized_schemas_are_written_by_and_looked_up() -> None:
    inner = SchemaBuilder.struct().name("In").field("v", Schema.OPTIONAL_STRING).build()
    schema = (
        SchemaBuilder.struct()
        .name("p.R")
        .field("m", SchemaBuilder.map(Schema.STRING, inner).name("My_map").build())
    )
    built = schema.field("d", SchemaBuilder.array(inner).build()).build()
    value = Struct(built).put("m", {"a": Struct(inner).put("v", "x")}).put("d", [Struct(inner)])
    made = converter(normalize_schemas="true")
    data = made.from_connect_data("t", built, value)
    text = mock_registry("protobuf").version("t-value").schema.text
    assert "repeated .p.R.MyMapEntry m = 1;" in text
    assert fields(made.to_connect_data("t", data).value["m"]["a"]) == {"v": "x"}
    again = converter(normalize_schemas="true", auto_register_schemas="false")
    assert again.from_connect_data("t", built, value) == data


def test_several_threads_write_and_read_at_once() -> None:
    made = converter()

    def work(number: int) -> int:
        data = made.from_connect_data(f"t{number % 3}", SCHEMA, order(number))
        found: int = made.to_connect_data(f"t{number % 3}", data).value.get("id")
        return found

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(work, range(300))) == list(range(300))
