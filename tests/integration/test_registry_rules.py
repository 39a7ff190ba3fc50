"""Schemas with rules between confluent-kafka's serializers and our converters, over the embedded registry."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, cast

import pytest
from confluent_kafka.schema_registry import (
    Metadata,
    MetadataProperties,
    Rule,
    RuleKind,
    RuleMode,
    RuleSet,
    SchemaRegistryClient,
)
from confluent_kafka.schema_registry import Schema as ClientSchema
from confluent_kafka.schema_registry.avro import AvroDeserializer, AvroSerializer
from confluent_kafka.schema_registry.error import SchemaRegistryError
from confluent_kafka.schema_registry.rules.cel.cel_executor import CelExecutor
from confluent_kafka.schema_registry.rules.cel.cel_field_executor import CelFieldExecutor
from confluent_kafka.serialization import MessageField, SerializationContext, SerializationError

from connectkit.converters.avro.config import AvroConfig
from connectkit.converters.avro.converter import AvroConverter
from connectkit.converters.registry.embedded.registry import EmbeddedRegistry
from connectkit.converters.registry.port import SchemaText
from connectkit.errors import ConversionError
from connectkit.struct import Struct
from tests.support.registry_server import Served, served

TEXT = (
    '{"type":"record","name":"User","fields":[{"name":"name","type":"string","confluent:tags":["PII"]},'
    '{"name":"age","type":"int"}]}'
)
AT = SerializationContext("t", MessageField.VALUE)
NEWEST = {"auto.register.schemas": False, "use.latest.version": True}


@pytest.fixture
def server() -> Iterator[Served]:
    with served() as found:
        yield found


def rule(name: str, kind: RuleKind, mode: RuleMode, executor: str, expr: str, tags: Any = None) -> Rule:
    make = cast(Any, Rule)
    made: Rule = make(name, None, kind, mode, executor, tags, None, expr, None, None, False)
    return made


def contract(client: SchemaRegistryClient, *rules: Rule, plan: str = "free") -> int:
    properties = cast(Any, MetadataProperties)({"plan": plan})
    metadata = cast(Any, Metadata)(None, properties, None)
    schema = ClientSchema(TEXT, "AVRO", [], metadata, cast(Any, RuleSet)(None, list(rules)))
    return client.register_schema("t-value", schema)


def test_both_sides_execute_the_same_rules(server: Served) -> None:
    CelExecutor.register()  # type: ignore[no-untyped-call]
    CelFieldExecutor.register()  # type: ignore[no-untyped-call]
    with SchemaRegistryClient({"url": server.url}) as client:
        contract(
            client,
            rule("adult", RuleKind.CONDITION, RuleMode.WRITE, "CEL", "message.age >= 18"),
            rule("mask", RuleKind.TRANSFORM, RuleMode.WRITE, "CEL_FIELD", "value + '*'", ["PII"]),
            rule("mark", RuleKind.TRANSFORM, RuleMode.READ, "CEL_FIELD", "value + '?'", ["PII"]),
        )
        serialize = cast(Any, AvroSerializer)(client, TEXT, conf=NEWEST)
        deserialize = cast(Any, AvroDeserializer)(client, conf={"use.latest.version": True})
        options = {name: str(value).lower() for name, value in NEWEST.items()}
        ours = AvroConverter(AvroConfig.parse({"schema.registry.url": server.url, **options}))
        schema = ours.connect_schema(TEXT)
        assert schema is not None
        data = ours.from_connect_data("t", schema, Struct.of(schema, ["Ada", 36]))
        assert data == serialize({"name": "Ada", "age": 36}, AT)
        assert deserialize(data, AT) == {"name": "Ada*?", "age": 36}
        assert ours.to_connect_data("t", data).value["name"] == "Ada*?"
        with pytest.raises(SerializationError):
            serialize({"name": "Ada", "age": 3}, AT)
        with pytest.raises(ConversionError, match="'adult'"):
            ours.from_connect_data("t", schema, Struct.of(schema, ["Ada", 3]))
        ours.close()


def test_metadata_and_rules_are_kept(server: Served) -> None:
    with SchemaRegistryClient({"url": server.url}) as client:
        always = rule("always", RuleKind.CONDITION, RuleMode.WRITE, "CEL", "true")
        first, second = contract(client, always), contract(client, always, plan="paid")
        assert first != second, "other metadata make another schema"
        found = client.get_latest_with_metadata("t-value", {"plan": "free"})
        assert (found.schema_id, found.version) == (first, 1)
        read = client.get_schema(second)
        assert read.rule_set is not None
        assert read.rule_set.domain_rules is not None
        assert [each.name for each in read.rule_set.domain_rules] == ["always"]
        assert read.metadata is not None
        assert read.metadata.to_dict()["properties"] == {"plan": "paid"}
        assert client.lookup_schema("t-value", read).version == 2
        assert client.lookup_schema("t-value", ClientSchema(TEXT)).version == 2, (
            "asked without them: the newest"
        )
        with pytest.raises(SchemaRegistryError) as caught:
            client.get_latest_with_metadata("t-value", {"plan": "none"})
        assert caught.value.error_code == 40403
        wider = TEXT.replace('"type":"int"}', '"type":"int"},{"name":"x","type":"int","default":0}')
        client.register_schema("t-value", ClientSchema(wider))
        newest = client.get_latest_version("t-value").schema
        assert newest is not None
        assert newest.rule_set is not None, "who gives none leaves those that are there"


@pytest.mark.parametrize(
    "bad",
    [
        {"ruleSet": 1},
        {"ruleSet": {"domainRules": {}}},
        {"ruleSet": {"domainRules": ["x"]}},
        {"metadata": {"tags": 1}},
    ],
)
def test_rules_that_are_none_are_refused(server: Served, bad: dict[str, Any]) -> None:
    import httpx2

    answer = httpx2.post(f"{server.url}/subjects/s/versions", json={"schema": TEXT, **bad})
    assert (answer.status_code, answer.json()["error_code"]) == (422, 42210)


def test_a_file_of_an_older_release_is_opened(tmp_path: Any) -> None:
    registry = EmbeddedRegistry(tmp_path)
    registry.register("s", SchemaText('"int"'))
    registry._store._sql.execute("ALTER TABLE schemas DROP COLUMN contract")
    registry.close()
    again = EmbeddedRegistry(tmp_path)
    assert again.version("s").schema == SchemaText('"int"')
    made = again.register("s", SchemaText('"int"', "AVRO", (), {"properties": {"a": "b"}}))
    assert (made.version, again.with_metadata("s", {"a": "b"}).id) == (2, made.id)
    again.close()
