"""Every option of the converters for a registry: that it is there, and what those of 8.x do both ways."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from connectkit.builder import SchemaBuilder
from connectkit.converters.avro.config import AvroConfig
from connectkit.converters.avro.converter import AvroConverter
from connectkit.converters.json_schema.config import JsonSchemaConfig
from connectkit.converters.json_schema.converter import JsonSchemaConverter
from connectkit.converters.protobuf.config import ProtobufConfig
from connectkit.converters.protobuf.converter import ProtobufConverter
from connectkit.converters.registry.config import RegistryConfig
from connectkit.converters.registry.converter import RegistryConverter
from connectkit.converters.registry.embedded.registry import EmbeddedRegistry
from connectkit.converters.registry.opening import forget_mock_registry, keep_of, mock_registry
from connectkit.converters.registry.port import SchemaKind, SchemaText
from connectkit.converters.registry.settings import client_settings
from connectkit.errors import ConfigError, ConversionError
from connectkit.schema import Schema, Type
from connectkit.struct import Struct

SHARED = """
schema.registry.url schema.registry.url.randomize max.schemas.per.subject auto.register.schemas
normalize.schemas propagate.schema.tags use.schema.id use.schema.guid use.message.indexes
id.compatibility.strict use.latest.version use.latest.with.metadata latest.compatibility.strict
latest.cache.size latest.cache.ttl.sec key.subject.name.strategy value.subject.name.strategy
context.name.strategy subject.name.strategy.fallback.type subject.name.strategy.kafka.cluster.id
subject.name.strategy.cache.size subject.name.strategy.cache.expiry.secs key.schema.id.serializer
key.schema.id.deserializer value.schema.id.serializer value.schema.id.deserializer max.retries
retries.wait.ms retries.max.wait.ms http.connect.timeout.ms http.read.timeout.ms proxy.host
proxy.port basic.auth.credentials.source basic.auth.user.info bearer.auth.credentials.source
bearer.auth.token bearer.auth.issuer.endpoint.url bearer.auth.client.id bearer.auth.client.secret
bearer.auth.scope bearer.auth.logical.cluster bearer.auth.identity.pool.id
bearer.auth.cache.expiry.buffer.seconds missing.id.cache.ttl.sec missing.version.cache.ttl.sec
missing.schema.cache.ttl.sec missing.cache.size rule.executors rule.actions
rule.service.loader.enable execution.environment validation.rules.execution schema.backup.enabled
schemas.cache.config generalized.sum.type.support ignore.default.for.nullables
"""
OWN = {
    AvroConfig: """
enhanced.avro.schema.support scrub.invalid.names connect.meta.data discard.type.doc.default
allow.optional.map.keys flatten.singleton.unions avro.fail.on.trailing.data
""",
    ProtobufConfig: """
enhanced.protobuf.schema.support scrub.invalid.names int.for.enums optional.for.nullables
optional.for.proto2 wrapper.for.nullables wrapper.for.raw.primitives generate.struct.for.nulls
generate.index.for.unions flatten.unions reference.lookup.only skip.known.types
reference.subject.name.strategy schema.format
""",
    JsonSchemaConfig: """
object.additional.properties use.optional.for.nonrequired decimal.format flatten.singleton.unions
ignore.modern.dialects preserve.additional.properties json.fail.invalid.schema
json.validate.before.domain.rules json.indent.output
""",
}
NOT_HERE = {
    "of Java's classes, which have no meaning in Python": """
specific.avro.reader specific.avro.key.type specific.avro.value.type specific.protobuf.key.type
specific.protobuf.value.type derive.type json.key.type json.value.type type.property
json.type.allowed.packages avro.reflection.allow.null schema.reflection json.fail.unknown.properties
json.write.dates.iso8601 json.schema.spec.version json.schema.scan.packages json.envelope.detection
json.oneof.for.nullables json.default.property.inclusion bearer.auth.custom.provider.class
""",
    "without effect in Confluent's, too": "avro.use.logical.type.converters avro.remove.java.properties",
    "of a Java metrics registry": "rule.metrics.enable",
    "of tokens that name claims of SASL": "bearer.auth.scope.claim.name bearer.auth.sub.claim.name",
}
URL = {"schema.registry.url": "mock://options"}


@pytest.fixture(autouse=True)
def registry() -> Iterator[EmbeddedRegistry]:
    forget_mock_registry("options")
    found = mock_registry("options")
    found.set_level("", "NONE")
    yield found
    forget_mock_registry("options")


@pytest.mark.parametrize("config", list(OWN))
def test_every_option_is_there_and_no_other(config: type[RegistryConfig]) -> None:
    known = {key.name for key in config.definition().keys} - {"converter.type"}
    assert known == {*SHARED.split(), *OWN[config].split()}


@pytest.mark.parametrize("config", list(OWN))
def test_what_is_not_here_is_told_and_does_no_harm(config: type[RegistryConfig]) -> None:
    names = " ".join(NOT_HERE.values()).split()
    parsed = config.parse({**URL, **dict.fromkeys(names, "x")})
    assert set(parsed.warnings) == set(names)


# --- the options of 8.x, both ways


def converter(kind: SchemaKind, **options: str) -> RegistryConverter[Any]:
    raw = {**URL, **{name.replace("_", "."): value for name, value in options.items()}}
    if kind == "AVRO":
        return AvroConverter(AvroConfig.parse(raw))
    if kind == "JSON":
        return JsonSchemaConverter(JsonSchemaConfig.parse(raw))
    return ProtobufConverter(ProtobufConfig.parse(raw))


def plain(value: Any) -> Any:
    return [plain(each) for each in value.values] if isinstance(value, Struct) else value


def read(kind: SchemaKind, text: str, payload: bytes, *, back: bool = True, **options: str) -> Any:
    found = mock_registry("options").register("t-value", SchemaText(text, kind))
    made = converter(kind, **options)
    result = made.to_connect_data("t", b"\0" + found.id.to_bytes(4, "big") + payload)
    if back:
        again = made.from_connect_data("back", result.schema, result.value)
        assert plain(made.to_connect_data("back", again).value) == plain(result.value)
    return result


SUMS: dict[SchemaKind, tuple[str, bytes]] = {
    "AVRO": (
        (
            '{"type":"record","name":"R","fields":['
            '{"name":"e","type":{"type":"enum","name":"E","symbols":["A","B"]}},'
            '{"name":"u","type":["null","int","string"]}]}'
        ),
        b"\2\4\2x",
    ),
    "PROTOBUF": (
        (
            'syntax = "proto3"; message R { enum E { A = 0; B = 1; } E e = 1; '
            "oneof u { int32 i = 2; string s = 3; } }"
        ),
        b"\0\x08\1\x1a\1x",
    ),
    "JSON": (
        (
            '{"type":"object","title":"R","properties":{"e":{"enum":["A","B"],"connect.index":0},'
            '"u":{"oneOf":[{"type":"null"},{"type":"integer"},{"type":"string"}],"connect.index":1}}}'
        ),
        b'{"e":"B","u":"x"}',
    ),
}
ENUM, UNION = "org.apache.kafka.connect.data.Enum", "org.apache.kafka.connect.data.Union"


@pytest.mark.parametrize("kind", list(SUMS))
def test_sums_are_marked_alike_in_all_formats(kind: SchemaKind) -> None:
    result = read(kind, *SUMS[kind], generalized_sum_type_support="true")
    fields = {field.name.partition("_")[0]: field for field in result.schema.fields}
    enum, union = fields["e"].schema, fields["u"].schema
    assert enum.type is Type.STRING
    marks = {name: value for name, value in enum.parameters.items() if name.startswith(ENUM)}
    assert marks == {ENUM: "" if kind == "JSON" else "E", f"{ENUM}.A": "0", f"{ENUM}.B": "1"}
    name = "u" if kind == "PROTOBUF" else "connect_union_0"
    assert (union.name, union.parameters[UNION], union.optional) == (name, name, True)
    members = {
        "AVRO": ["connect_union_field_1", "connect_union_field_2"],
        "PROTOBUF": ["i", "s"],
        "JSON": ["connect_union_field_0", "connect_union_field_1"],
    }
    assert [field.name for field in union.fields] == members[kind]
    values = {field.name.partition("_")[0]: result.value[field.name] for field in result.schema.fields}
    assert values["e"] == "B"
    assert values["u"].values == [None, "x"]
    plain = read(kind, *SUMS[kind]).schema
    assert not any(UNION in (field.schema.parameters or {}) for field in plain.fields)


@pytest.mark.parametrize("kind", list(SUMS))
def test_a_generalized_enum_is_written_as_one(kind: SchemaKind) -> None:
    enum = (
        SchemaBuilder.string()
        .name("E")
        .parameter(ENUM, "E")
        .parameter(f"{ENUM}.A", "0")
        .parameter(f"{ENUM}.B", "1")
    )
    schema = SchemaBuilder.struct().name("R").field("e", enum.build()).build()
    made = converter(kind, generalized_sum_type_support="true")
    data = made.from_connect_data("t", schema, Struct.of(schema, ["B"]))
    payload = {"AVRO": b"\2", "PROTOBUF": b"\0\x08\1", "JSON": b'{"e":"B"}'}[kind]
    assert data is not None
    assert data[5:] == payload
    text = mock_registry("options").version("t-value").schema.text
    assert {"AVRO": '"symbols":["A","B"]', "PROTOBUF": "enum E {", "JSON": '"enum":["A","B"]'}[kind] in text


@pytest.mark.parametrize("kind", list(SUMS))
@pytest.mark.parametrize("ignore", ["true", "false"])
def test_a_null_stays_one_although_its_field_has_a_default(kind: SchemaKind, ignore: str) -> None:
    field = SchemaBuilder.int32().optional().default(7).build()
    schema = SchemaBuilder.struct().name("R").field("n", field).build()
    made = (
        converter(kind, ignore_default_for_nullables=ignore, optional_for_nullables="true")
        if kind == "PROTOBUF"
        else converter(kind, ignore_default_for_nullables=ignore)
    )
    data = made.from_connect_data("t", schema, Struct.of(schema, [None]))
    assert data is not None
    payloads = {
        ("AVRO", "true"): b"\2", ("AVRO", "false"): b"\0\x0e",
        ("JSON", "true"): b'{"n":null}', ("JSON", "false"): b'{"n":7}',
        ("PROTOBUF", "true"): b"\0", ("PROTOBUF", "false"): b"\0\x08\7",
    }  # fmt: skip
    assert data[5:] == payloads[kind, ignore]


SINGLE: dict[SchemaKind, tuple[str, bytes, str]] = {
    "AVRO": (
        '{"type":"record","name":"R","fields":[{"name":"a","type":["string"]}]}',
        b"\0\2x",
        "io.confluent.connect.avro.Union",
    ),
    "JSON": (
        '{"type":"object","title":"R","properties":{"a":{"oneOf":[{"type":"string"}]}}}',
        b'{"a":"x"}',
        "io.confluent.connect.json.OneOf",
    ),
}


@pytest.mark.parametrize("kind", list(SINGLE))
def test_a_union_of_one_type_is_that_type_or_a_union(kind: SchemaKind) -> None:
    text, payload, union = SINGLE[kind]
    flat = read(kind, text, payload)
    assert (flat.schema.fields[0].schema, flat.value["a"]) == (Schema.STRING, "x")
    whole = read(kind, text, payload, flatten_singleton_unions="false")
    assert whole.schema.fields[0].schema.name == union
    assert whole.value["a"].values == ["x"]


def test_enums_of_protobuf_are_integers_if_asked() -> None:
    text, payload = SUMS["PROTOBUF"]
    assert read("PROTOBUF", text, payload).value["e"] == "B"
    found = read("PROTOBUF", text, payload, int_for_enums="true")
    assert (found.schema.fields[1].schema.type, found.value["e"]) == (Type.INT32, 1)


def test_fields_of_oneofs_are_numbered_or_not_or_stand_in_the_struct() -> None:
    text, payload = SUMS["PROTOBUF"]
    assert [field.name for field in read("PROTOBUF", text, payload).schema.fields] == ["u_0", "e"]
    bare = read("PROTOBUF", text, payload, generate_index_for_unions="false")
    assert [field.name for field in bare.schema.fields] == ["u", "e"]
    assert bare.value["u"].values == [None, "x"]
    flat = read("PROTOBUF", text, payload, back=False, flatten_unions="true")  # it is no oneof again
    fields = {field.name: field.schema for field in flat.schema.fields}
    assert set(fields) == {"i", "s", "e"}
    assert fields["i"].optional
    assert fields["s"].optional
    assert (flat.value["i"], flat.value["s"], flat.value["e"]) == (None, "x", "B")


def test_unset_messages_are_structs_if_asked() -> None:
    text = 'syntax = "proto3"; message R { message I { int32 n = 1; } I in = 1; }'
    assert read("PROTOBUF", text, b"\0").value["in"] is None
    assert read("PROTOBUF", text, b"\0", generate_struct_for_nulls="true").value["in"].values == [0]


def test_properties_that_are_not_required_are_optional_if_asked() -> None:
    text = '{"type":"object","properties":{"a":{"type":"string"},"b":{"type":"string"}},"required":["a"]}'
    plain = read("JSON", text, b'{"a":"x","b":"y"}')
    assert [field.schema.optional for field in plain.schema.fields] == [False, False]
    found = read("JSON", text, b'{"a":"x"}', use_optional_for_nonrequired="true")
    assert [field.schema.optional for field in found.schema.fields] == [False, True]


def test_written_objects_are_closed_if_asked() -> None:
    schema = SchemaBuilder.struct().name("R").field("a", Schema.STRING).build()
    for allowed in ("true", "false"):
        made = converter("JSON", object_additional_properties=allowed)
        made.from_connect_data(f"t-{allowed}", schema, Struct.of(schema, ["x"]))
        text = json.loads(mock_registry("options").version(f"t-{allowed}-value").schema.text)
        assert text.get("additionalProperties") is (None if allowed == "true" else False)


def test_data_behind_an_avro_value_are_an_error_if_asked() -> None:
    text = '{"type":"record","name":"R","fields":[{"name":"a","type":"int"}]}'
    assert read("AVRO", text, b"\2rest").value["a"] == 1
    with pytest.raises(ConversionError):
        read("AVRO", text, b"\2rest", avro_fail_on_trailing_data="true")


# --- the client's


@pytest.mark.parametrize("kind", list(SUMS))
def test_the_configuration_says_the_schema_of_messages_that_do_not(kind: SchemaKind) -> None:
    text, payload = SUMS[kind]
    payload = payload[1:] if kind == "PROTOBUF" else payload  # without the path of the message's type
    found = mock_registry("options").register("t-value", SchemaText(text, kind))
    reader = {
        "value.schema.id.deserializer": "io.confluent.kafka.serializers.schema.id.ConfigSchemaIdDeserializer"
    }
    assert found.guid is not None
    for by in ({"use.schema.id": str(found.id)}, {"use.schema.guid": found.guid}):
        made = converter(kind, **reader, **by, **({"use.message.indexes": "0"} if kind == "PROTOBUF" else {}))
        decode = made.decoder("t")
        assert decode is not None
        for value in (made.to_connect_data("t", payload).value, decode(payload)[1], decode(payload)[1]):
            assert value["e"] == "B"
    with pytest.raises(ConversionError, match=r"use\.schema\.id"):
        converter(kind, **reader).to_connect_data("t", payload)


def test_the_path_of_a_message_type_may_be_configured() -> None:
    text = 'syntax = "proto3"; message A { } message B { message C { int32 n = 1; } }'
    found = mock_registry("options").register("t-value", SchemaText(text, "PROTOBUF"))
    reader = {"value.schema.id.deserializer": "ConfigSchemaIdDeserializer", "use.schema.id": str(found.id)}
    made = converter("PROTOBUF", **reader, **{"use.message.indexes": "1, 0"})
    result = made.to_connect_data("t", b"\x08\7")
    assert (result.value.schema.name, result.value["n"]) == ("C", 7)


@pytest.mark.parametrize(
    ("options", "word"),
    [
        ({"use.message.indexes": "1,x"}, "numbers"),
        ({"propagate.schema.tags": "true"}, "cannot be met"),
        ({"context.name.strategy": "com.x.Own"}, "NullContextNameStrategy"),
        ({"bearer.auth.credentials.source": "OAUTHBEARER"}, "http://"),
        (
            {"bearer.auth.credentials.source": "OAUTHBEARER", "bearer.auth.issuer.endpoint.url": "https://o"},
            "secret",
        ),
        ({"missing.id.cache.ttl.sec": "-1"}, "at least 0"),
    ],
)
def test_what_cannot_be_met_is_refused(options: dict[str, str], word: str) -> None:
    with pytest.raises(ConfigError, match=word):
        AvroConfig.parse({**URL, **options})


def test_the_first_of_several_addresses_may_be_a_random_one() -> None:
    raw = {"schema.registry.url": "http://a:1,http://b:1,http://c:1"}
    assert client_settings(RegistryConfig.parse(raw)).client["url"] == "http://a:1,http://b:1,http://c:1"
    randomly = RegistryConfig.parse({**raw, "schema.registry.url.randomize": "true"})
    assert (
        client_settings(randomly, choose=lambda count: count - 1).client["url"]
        == "http://c:1,http://a:1,http://b:1"
    )


def test_what_is_kept_of_answers() -> None:
    keep = keep_of(
        RegistryConfig.parse(
            {
                **URL, "max.schemas.per.subject": "1", "schema.registry.latest.cache.size": "2",
                "latest.cache.ttl.sec": "3", "subject.name.strategy.cache.size": "4",
                "subject.name.strategy.cache.expiry.secs": "5", "missing.cache.size": "6",
                "missing.id.cache.ttl.sec": "7", "missing.version.cache.ttl.sec": "8",
                "missing.schema.cache.ttl.sec": "9",
            }
        )
    )  # fmt: skip
    assert (keep.schemas, keep.latest, keep.latest_ttl_s, keep.subjects, keep.subjects_ttl_s) == (
        1,
        2,
        3,
        4,
        5,
    )
    assert keep.missing == 6
    assert keep.missing_ttl_s == {"id": 7, "guid": 7, "version": 8, "lookup": 9}


GROWING: dict[SchemaKind, tuple[str, str, bytes]] = {
    "AVRO": (
        '{"type":"record","name":"R","fields":[{"name":"a","type":"int"}]}',
        '{"type":"record","name":"R","fields":[{"name":"a","type":"int"},{"name":"b","type":"int","default":5}]}',
        b"\2",
    ),
    "PROTOBUF": (
        'syntax = "proto3"; message R { int32 a = 1; }',
        'syntax = "proto3"; message R { int32 a = 1; optional int32 b = 2; }',
        b"\0\x08\1",
    ),
    "JSON": (
        '{"type":"object","title":"R","properties":{"a":{"type":"integer","connect.type":"int32"}}}',
        (
            '{"type":"object","title":"R","properties":{"a":{"type":"integer","connect.type":"int32"},'
            '"b":{"type":"integer","connect.type":"int32"}}}'
        ),
        b'{"a":1}',
    ),
}


@pytest.mark.parametrize("kind", list(GROWING))
def test_bound_functions_look_for_newest_schemas_again_when_their_time_is_over(kind: SchemaKind) -> None:
    old, new, payload = GROWING[kind]
    registry = mock_registry("options")
    registry.register("t-value", SchemaText(old, kind))
    newest = {
        "use.latest.version": "true",
        "auto.register.schemas": "false",
        "latest.compatibility.strict": "false",
    }
    asks = converter(kind, **newest, latest_cache_ttl_sec="0")
    believes = converter(kind, **newest)
    readers: list[Any] = [each.decoder("t") for each in (asks, believes)]
    schema = asks.connect_schema(old)  # type: ignore[attr-defined]  # all three have it
    writers: list[Any] = [each.encoder("t", schema) for each in (asks, believes)]
    data = b"\0\0\0\0\1" + payload
    value = Struct.of(schema, [1])
    for _ in range(2):
        assert [len(read(data)[0].fields) for read in readers] == [1, 1]
        assert [write(value)[:5] for write in writers] == [b"\0\0\0\0\1"] * 2
    registry.register("t-value", SchemaText(new, kind))
    assert [len(read(data)[0].fields) for read in readers] == [2, 1]
    # The version is that of the data with Avro, and that of the schema which reads with the others.
    assert [read(data)[0].version for read in readers] == [1 if kind == "AVRO" else 2, 1]
    assert [write(value)[4] for write in writers] == [2, 1]
