"""Rules of data contracts: which are executed, in what order, on all three formats, both ways."""

from __future__ import annotations

import sys
from decimal import Decimal
from typing import Any

import pytest

from connectkit.converters.avro.config import AvroConfig
from connectkit.converters.avro.converter import AvroConverter
from connectkit.converters.json_schema.config import JsonSchemaConfig
from connectkit.converters.json_schema.converter import JsonSchemaConverter
from connectkit.converters.protobuf.config import ProtobufConfig
from connectkit.converters.protobuf.converter import ProtobufConverter
from connectkit.converters.registry.config import RegistryConfig
from connectkit.converters.registry.converter import RegistryConverter
from connectkit.converters.registry.embedded.registry import EmbeddedRegistry
from connectkit.converters.registry.opening import forget_mock_registry, mock_registry
from connectkit.converters.registry.port import SchemaKind, SchemaText
from connectkit.converters.registry.rules.plan import rules_of
from connectkit.errors import ConfigError, ConversionError, LimitError
from connectkit.schema import Schema
from connectkit.struct import Struct

SCOPE = "rules"
AVRO = (
    '{"type":"record","name":"User","fields":[{"name":"name","type":"string","confluent:tags":["PII"]},'
    '{"name":"age","type":"int"},{"name":"mail","type":["null","string"],"default":null}]}'
)
PROTO = (
    'syntax = "proto3"; import "confluent/meta.proto"; message User { '
    'string name = 1 [(confluent.field_meta) = {tags: ["PII"]}]; int32 age = 2; optional string mail = 3; }'
)
JSON = (
    '{"type":"object","title":"User","properties":{'
    '"name":{"type":"string","connect.index":0,"confluent:tags":["PII"]},'
    '"age":{"type":"integer","connect.index":1,"connect.type":"int32"},'
    '"mail":{"connect.index":2,"oneOf":[{"type":"null"},{"type":"string"}]}}}'
)
FORMATS: dict[str, tuple[SchemaKind, str, type[RegistryConfig], type[RegistryConverter[Any]]]] = {
    "avro": ("AVRO", AVRO, AvroConfig, AvroConverter),
    "protobuf": ("PROTOBUF", PROTO, ProtobufConfig, ProtobufConverter),
    "json": ("JSON", JSON, JsonSchemaConfig, JsonSchemaConverter),
}
Rule = dict[str, Any]
EVERY = pytest.mark.parametrize("format_", list(FORMATS))


@pytest.fixture(autouse=True)
def registry() -> EmbeddedRegistry:
    forget_mock_registry(SCOPE)
    found = mock_registry(SCOPE)
    found.set_level("", "NONE")
    return found


def rule(name: str, expr: str | None, mode: str = "WRITE", kind: str = "CONDITION", **more: Any) -> Rule:
    return {"name": name, "kind": kind, "mode": mode, "type": more.pop("type", "CEL"), "expr": expr, **more}


def converter(format_: str, **options: str) -> RegistryConverter[Any]:
    config, cls = FORMATS[format_][2:]
    raw = {name if "." in name else name.replace("_", "."): value for name, value in options.items()}
    return cls(
        config.parse(
            {
                "schema.registry.url": f"mock://{SCOPE}",
                "auto.register.schemas": "false",
                "use.latest.version": "true",
                "latest.compatibility.strict": "false",
                **raw,
            }
        )
    )


def register(
    format_: str, *rules: Rule, phase: str = "domainRules", text: str | None = None, **more: Any
) -> None:
    kind, own, *_ = FORMATS[format_]
    mock_registry(SCOPE).register(
        "t-value", SchemaText(text or own, kind, (), more.pop("metadata", None), {phase: list(rules), **more})
    )


def user(format_: str, name: str = "Ada", age: int = 36, mail: str | None = None) -> tuple[Schema, Struct]:
    made = converter(format_)
    schema = made.connect_schema(FORMATS[format_][1])  # type: ignore[attr-defined]  # all three have it
    assert schema is not None
    return schema, Struct.of(schema, [name, age, mail])


def write(format_: str, made: RegistryConverter[Any] | None = None, **values: Any) -> bytes:
    schema, value = user(format_, **values)
    data = (made or converter(format_)).from_connect_data("t", schema, value)
    assert data is not None
    return data


def read(format_: str, data: bytes, made: RegistryConverter[Any] | None = None) -> dict[str, Any]:
    found = (made or converter(format_)).to_connect_data("t", data).value
    return {field.name: found[field.name] for field in found.schema.fields}


@EVERY
def test_a_condition_lets_through_or_refuses_and_changes_nothing(format_: str) -> None:
    register(format_)
    plain = write(format_)
    register(format_, rule("adult", "message.age >= 18", doc="only adults"))
    assert write(format_)[5:] == plain[5:]
    with pytest.raises(
        ConversionError, match="rule 'adult' of subject t-value refuses the value: only adults"
    ) as e:
        write(format_, name="Sir Secret", age=3)
    assert "Secret" not in str(e.value)


@EVERY
def test_reading_has_rules_of_its_own_in_reverse_order(format_: str) -> None:
    first = rule("first", "value + '1'", "READ", "TRANSFORM", type="CEL_FIELD", tags=["PII"])
    second = rule("second", "name == 'name' ; value + '2'", "READ", "TRANSFORM", type="CEL_FIELD")
    register(format_, first, second)
    data = write(format_)
    assert read(format_, data) == {"name": "Ada21", "age": 36, "mail": None}
    decode = converter(format_).decoder("t")
    assert decode is not None
    assert decode(data)[1]["name"] == decode(data)[1]["name"] == "Ada21"


@EVERY
def test_fields_with_tags_are_transformed_on_the_way_out(format_: str) -> None:
    mask = rule("mask", "typeName == 'STRING' ; 'xxx'", "WRITE", "TRANSFORM", type="CEL_FIELD", tags=["PII"])
    register(format_, mask)
    assert read(format_, write(format_, mail="a@b.c")) == {"name": "xxx", "age": 36, "mail": "a@b.c"}


@EVERY
def test_tags_of_the_metadata_count_too(format_: str) -> None:
    mask = rule("mask", "'xxx'", "WRITE", "TRANSFORM", type="CEL_FIELD", tags=["SECRET"])
    register(format_, mask, metadata={"tags": {"**.mail": ["SECRET"], "User.mail": ["SECRET"]}})
    assert read(format_, write(format_, mail="a@b.c")) == {"name": "Ada", "age": 36, "mail": "xxx"}


@pytest.mark.parametrize("format_", ["avro", "json"])
def test_a_whole_message_may_be_made_anew(format_: str) -> None:
    expr = "{'name': message.name + '!', 'age': message.age + 1, 'mail': message.mail}"
    register(format_, rule("again", expr, "WRITE", "TRANSFORM"))
    assert read(format_, write(format_, mail="m")) == {"name": "Ada!", "age": 37, "mail": "m"}


@EVERY
@pytest.mark.parametrize("on_failure", [None, "NONE", "ERROR", "NONE,ERROR", "DLQ"])
def test_what_follows_a_failure(format_: str, on_failure: str | None) -> None:
    register(format_, rule("no", "false", "WRITEREAD", onFailure=on_failure))
    wanted = {None: ConversionError, "ERROR": ConversionError, "DLQ": ConfigError}.get(on_failure)
    if wanted is not None:
        with pytest.raises(wanted):
            write(format_)
        return
    data = write(format_)
    if on_failure == "NONE,ERROR":
        with pytest.raises(ConversionError, match="rule 'no'"):
            read(format_, data)
    else:
        assert read(format_, data)["name"] == "Ada"


@EVERY
def test_what_follows_a_success(format_: str) -> None:
    register(format_, rule("yes", "true", "WRITE", onSuccess="ERROR"))
    with pytest.raises(ConversionError, match="successful"):
        write(format_)


@EVERY
@pytest.mark.parametrize("kind", ["ENCRYPT", "ENCRYPT_PAYLOAD", "REDACT", "OWN"])
def test_a_rule_that_nobody_executes_fails(format_: str, kind: str) -> None:
    register(format_, rule("x", None, "WRITEREAD", "TRANSFORM", type=kind))
    with pytest.raises(ConversionError, match=f"is of type {kind}, which nothing here executes"):
        write(format_)
    register(format_, rule("x", None, "WRITEREAD", "TRANSFORM", type=kind, onFailure="NONE"))
    if kind.startswith("ENCRYPT"):
        with pytest.raises(ConversionError, match="nothing here executes"):
            write(format_)
    else:
        assert read(format_, write(format_))["name"] == "Ada"


@EVERY
def test_rules_on_bytes_are_never_skipped(format_: str) -> None:
    register(format_)
    data = write(format_)
    register(
        format_, rule("e", None, "WRITEREAD", "TRANSFORM", type="ENCRYPT_PAYLOAD"), phase="encodingRules"
    )
    with pytest.raises(ConversionError, match="ENCRYPT_PAYLOAD"):
        write(format_)
    newest = mock_registry(SCOPE).version("t-value")
    with pytest.raises(ConversionError, match="ENCRYPT_PAYLOAD"):
        read(format_, b"\0" + newest.id.to_bytes(4, "big") + data[5:])


@EVERY
def test_without_the_library_a_rule_says_what_is_needed(
    format_: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("celpy", "confluent_kafka.schema_registry.rules.cel.cel_executor"):
        monkeypatch.setitem(sys.modules, name, None)
    register(format_, rule("adult", "message.age >= 18"))
    with pytest.raises(ConversionError, match="type CEL, for which the extra 'rules' of kafka-connectkit"):
        write(format_)


@EVERY
def test_a_configuration_overrides_what_rules_say(format_: str) -> None:
    register(format_, rule("no", "false"), rule("neither", "false"))
    both = {"rule.executors.no.disabled": "true", "rule.executors.neither.onFailure": "NONE"}
    assert write(format_, converter(format_, **both))
    assert write(format_, converter(format_, **{"rule.executors._default_.disabled": "true"}))
    with pytest.raises(ConversionError, match="'neither'"):
        write(format_, converter(format_, **{"rule.executors.no.disabled": "true"}))


@EVERY
def test_executors_may_be_named(format_: str) -> None:
    register(format_, rule("adult", "message.age >= 18"))
    none = {"rule.service.loader.enable": "false"}
    with pytest.raises(ConversionError, match="type CEL, for which"):
        write(format_, converter(format_, **none))
    cel = {
        "rule.executors": "a",
        "rule.executors.a.class": "io.confluent.kafka.schemaregistry.rules.cel.CelExecutor",
    }
    assert write(format_, converter(format_, **none, **cel))


@pytest.mark.parametrize(
    ("options", "word"),
    [
        ({"rule.executors": "a"}, "CelExecutor"),
        ({"rule.executors": "a", "rule.executors.a.class": "com.x.Own"}, "CelExecutor"),
        ({"rule.actions": "dlq"}, "ERROR and NONE"),
        ({"validation.rules.execution": "SOMETIMES"}, "BEFORE_DOMAIN_RULES"),
    ],
)
def test_options_that_cannot_be_met(options: dict[str, str], word: str) -> None:
    with pytest.raises(ConfigError, match=word):
        converter("avro", **options)


@EVERY
def test_a_rule_that_breaks_says_no_more_than_its_kind_of_error(format_: str) -> None:
    register(format_, rule("bad", "message.name + 1 == 'x'"))
    with pytest.raises(ConversionError, match="could not be executed") as caught:
        write(format_, name="Sir Secret")
    error: BaseException | None = caught.value
    while error is not None and not error.__suppress_context__:
        assert "Secret" not in str(error)
        error = error.__cause__ or error.__context__


@pytest.mark.parametrize("format_", ["avro", "protobuf"])  # JSON holds anything
def test_what_does_not_fit_the_schema_is_refused(format_: str) -> None:
    register(format_, rule("bad", "name == 'age' ; 'Secret'", "WRITE", "TRANSFORM", type="CEL_FIELD"))
    with pytest.raises(ConversionError, match=r"does not fit|could not be executed") as caught:
        write(format_)
    assert "Secret" not in str(caught.value)


def test_where_rules_are_enabled() -> None:
    raw = [rule("a", "true")]
    for place, environment, count in (
        (None, "CLIENT", 1), ("ALL", "CLIENT", 1), ("CLIENT", "CLIENT", 1), ("GATEWAY", "CLIENT", 0),
        ("GATEWAY", "GATEWAY", 1),
    ):  # fmt: skip
        schema = SchemaText(AVRO, "AVRO", (), None, {"domainRules": raw, "enableAt": place})
        assert len(rules_of(schema, "domainRules", "WRITE", environment=environment)) == count
    assert not rules_of(SchemaText(AVRO), "domainRules", "WRITE")


OLD = {
    "avro": '{"type":"record","name":"User","fields":['
    '{"name":"full","type":"string"},{"name":"age","type":"int"}]}',
    "protobuf": 'syntax = "proto3"; message User { string full = 1; int32 age = 2; }',
    "json": '{"type":"object","title":"User","properties":{"full":{"type":"string","connect.index":0},'
    '"age":{"type":"integer","connect.index":1,"connect.type":"int32"}}}',
}


@EVERY
def test_migrations_lead_old_data_to_the_newest_schema(format_: str) -> None:
    registry = mock_registry(SCOPE)
    kind = FORMATS[format_][0]
    made = converter(format_, auto_register_schemas="true", use_latest_version="false")
    schema = made.connect_schema(OLD[format_])  # type: ignore[attr-defined]
    registry.register("t-value", SchemaText(OLD[format_], kind))
    old = converter(format_).from_connect_data("t", schema, Struct.of(schema, ["Ada", 36]))
    assert old is not None
    up = "$merge([$sift($, function($v, $k) {$k != 'full'}), {'name': $.'full', 'mail': null}])"
    if format_ == "protobuf":
        up = "$merge([$sift($, function($v, $k) {$k != 'full'}), {'name': $.'full'}])"
    down = "$merge([$sift($, function($v, $k) {$k != 'name' and $k != 'mail'}), {'full': $.'name'}])"
    rules = [
        rule("up", up, "UPGRADE", "TRANSFORM", type="JSONATA"),
        rule("down", down, "DOWNGRADE", "TRANSFORM", type="JSONATA"),
    ]
    register(format_, *rules, phase="migrationRules")
    assert read(format_, old) == {"name": "Ada", "age": 36, "mail": None}
    new = write(format_)
    assert read(format_, new) == {"name": "Ada", "age": 36, "mail": None}
    registry.delete_version("t-value", 2)  # the newest that is not deleted is the old one again
    assert read(format_, new) == {"full": "Ada", "age": 36}


def test_a_bomb_is_found_before_a_library_reads_it() -> None:
    text = '{"type":"record","name":"R","fields":[{"name":"next","type":["null","R"],"default":null}]}'
    register("avro", rule("no", "true", "READ"), text=text)
    data = b"\0\0\0\0\1" + b"\2" * 5000 + b"\0"
    with pytest.raises(LimitError):
        converter("avro").to_connect_data("t", data)


GROWN = '"confluent:rules":[{"name":"grown","expr":"this >= 18"}]'
CHECKED = {
    "avro": AVRO.replace('"type":"int"}', f'"type":"int",{GROWN}}}'),
    "json": JSON.replace('"connect.index":1', f'"connect.index":1,{GROWN}'),
    "protobuf": PROTO.replace(
        "age = 2", 'age = 2 [(confluent.field_meta) = {rules: [{name: "grown", expr: "this >= 18"}]}]'
    ),
}


@EVERY
@pytest.mark.parametrize("order", ["DISABLED", "BEFORE_DOMAIN_RULES", "AFTER_DOMAIN_RULES"])
def test_checks_within_a_schema(format_: str, order: str) -> None:
    grow = rule("grow", "name == 'age' ; value + 30", "WRITE", "TRANSFORM", type="CEL_FIELD")
    register(format_, grow, text=CHECKED[format_])
    made = converter(format_, validation_rules_execution=order)
    if order == "BEFORE_DOMAIN_RULES":
        with pytest.raises(ConversionError, match=r"check 'grown' of the schema refuses the value at \S*age"):
            write(format_, made, age=3)
    else:
        assert read(format_, write(format_, made, age=3))["age"] == 33
    if order == "AFTER_DOMAIN_RULES":
        with pytest.raises(ConversionError, match="'grown'"):
            write(format_, made, age=-30)


@pytest.mark.parametrize("before", [True, False])
def test_json_is_held_against_its_schema_before_rules_or_after(before: bool) -> None:
    text = JSON.replace('"connect.index":1,', '"connect.index":1,"minimum":18,')
    grow = rule("grow", "name == 'age' ; value + 30", "WRITE", "TRANSFORM", type="CEL_FIELD")
    back = rule("shrink", "name == 'age' ; value - 30", "READ", "TRANSFORM", type="CEL_FIELD")
    register("json", grow, back, text=text)
    options = {"json.fail.invalid.schema": "true", "json.validate.before.domain.rules": str(before).lower()}
    made = converter("json", **options)
    if before:
        with pytest.raises(ConversionError, match="minimum"):
            write("json", made, age=3)
        assert read("json", write("json", made, age=20), made)["age"] == 20
    else:
        data = write("json", made, age=3)
        with pytest.raises(ConversionError, match="minimum"):
            read("json", data, made)


def test_numbers_that_no_rule_touches_keep_their_digits() -> None:
    text = (
        '{"type":"object","title":"D","properties":{"d":{"type":"number","title":'
        '"org.apache.kafka.connect.data.Decimal","connect.index":0,"connect.version":1,"connect.type":"bytes",'
        '"connect.parameters":{"scale":"2"}},"f":{"type":"number","connect.index":1,"connect.type":"float64"},'
        '"s":{"type":"string","connect.index":2}}}'
    )
    register(
        "json", rule("x", "name == 's' ; value + '!'", "WRITE", "TRANSFORM", type="CEL_FIELD"), text=text
    )
    made = converter("json", decimal_format="NUMERIC")
    schema = made.connect_schema(text)  # type: ignore[attr-defined]
    data = made.from_connect_data("t", schema, Struct.of(schema, [Decimal("1.10"), 1e20, "a"]))
    assert data is not None
    assert data[5:] == b'{"d":1.10,"f":1.0E20,"s":"a!"}'
