"""Which schema a message is written with and read with: the order of the options, headers."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from connectkit.converters.registry.client import RegistryClient
from connectkit.converters.registry.config import RegistryConfig
from connectkit.converters.registry.embedded.registry import EmbeddedRegistry
from connectkit.converters.registry.port import Reference, Registered, SchemaText
from connectkit.converters.registry.serde import SchemaSerde
from connectkit.converters.registry.wire import Frame, guid_bytes, id_prefix
from connectkit.errors import ConversionError, RetriableError, SchemaError

ONE = SchemaText('{"type":"record","name":"R","fields":[{"name":"a","type":"long"}]}')
TWO = SchemaText(ONE.text.replace("]}", ',{"name":"b","type":"long","default":0}]}'))
OTHER = SchemaText(ONE.text.replace('"a"', '"z"'))
PACKAGE = "io.confluent.kafka.serializers.schema.id."


class Registry(EmbeddedRegistry):
    """One whose schemas may have rules or metadata, which the embedded one does not keep."""

    rule_set: dict[str, Any] | None = None
    metadata: dict[str, Any] | None = None
    error: Exception | None = None

    def _with(self, found: Registered) -> Registered:
        if self.error is not None:
            raise self.error
        schema = SchemaText(
            found.schema.text, found.schema.kind, found.schema.references, self.metadata, self.rule_set
        )
        return Registered(schema, found.id, found.subject, found.version, found.guid)

    def register(self, subject: str, schema: SchemaText, **how: Any) -> Registered:
        return self._with(super().register(subject, schema, **how))

    def lookup(self, subject: str, schema: SchemaText, **how: Any) -> Registered:
        return self._with(
            super().lookup(subject, SchemaText(schema.text, schema.kind, schema.references), **how)
        )

    def by_id(self, schema_id: int, *, subject: str | None = None) -> Registered:
        return self._with(super().by_id(schema_id, subject=subject))

    def version(self, subject: str, version: int = -1, *, deleted: bool = False) -> Registered:
        return self._with(super().version(subject, version, deleted=deleted))


@pytest.fixture
def registry() -> Iterator[Registry]:
    made = Registry()
    yield made
    made.close()


def serde(registry: EmbeddedRegistry, is_key: bool = False, /, **options: str) -> SchemaSerde:
    raw = {key.replace("_", "."): value for key, value in options.items()}
    config = RegistryConfig.parse({"schema.registry.url": "mock://x", **raw})
    return SchemaSerde(config, RegistryClient(registry), is_key=is_key)


def name() -> str:
    return "R"


def test_by_default_the_schema_is_registered(registry: Registry) -> None:
    chosen = serde(registry).choose("t", ONE, name)
    assert (chosen.registered.id, chosen.registered.subject, chosen.is_own) == (1, "t-value", True)
    assert serde(registry, True).choose("t", ONE, name).registered.subject == "t-key"
    assert registry.subjects() == ["t-key", "t-value"]


def test_the_order_of_the_options(registry: Registry) -> None:
    registry.register("t-value", ONE)
    second = registry.register("t-value", TWO)
    assert second.guid is not None
    everything = {
        "use_schema_id": "1", "use_schema_guid": second.guid, "use_latest_with_metadata": "a=b",
        "use_latest_version": "true",
    }  # fmt: skip
    assert serde(registry, **everything).choose("t", ONE, name).is_own, "registration comes before them all"
    everything["auto_register_schemas"] = "false"
    assert serde(registry, **everything).choose("t", ONE, name).registered.id == 1
    del everything["use_schema_id"]
    assert serde(registry, **everything).choose("t", ONE, name).registered.id == 2
    del everything["use_schema_guid"]
    with pytest.raises(ConversionError, match="metadata"):
        serde(registry, **everything).choose("t", ONE, name)
    del everything["use_latest_with_metadata"]
    chosen = serde(registry, **everything).choose("t", ONE, name)
    assert (chosen.registered.id, chosen.is_own) == (2, False)
    del everything["use_latest_version"]
    assert serde(registry, **everything).choose("t", ONE, name).registered.id == 1
    with pytest.raises(ConversionError, match="not registered"):
        serde(registry, **everything).choose("t", OTHER, name)


def test_another_schema_has_to_be_able_to_take_the_data(registry: Registry) -> None:
    registry.register("t-value", ONE)
    for key, strict in (
        ("use_schema_id", "id_compatibility_strict"),
        ("use_latest_version", "latest_compatibility_strict"),
    ):
        options = {"auto_register_schemas": "false", key: "1" if key == "use_schema_id" else "true"}
        with pytest.raises(SchemaError, match="cannot take the data"):
            serde(registry, **options).choose("t", OTHER, name)
        loose = serde(registry, **options, **{strict: "false"})
        assert loose.choose("t", OTHER, name).registered.id == 1


def test_a_schema_of_another_kind_is_refused(registry: Registry) -> None:
    registry.register("t-value", SchemaText('{"type":"object"}', "JSON"))
    wants = serde(registry, auto_register_schemas="false", use_latest_version="true")
    with pytest.raises(SchemaError, match="kind JSON"):
        wants.choose("t", ONE, name)


def test_a_reader_is_told_the_version_under_the_topics_subject(registry: Registry) -> None:
    registry.register("t-value", ONE)
    registry.register("t-value", TWO)
    found = serde(registry).writer("t", Frame(2, None, (), 5), lambda found: None)
    assert (found.subject, found.version) == ("t-value", 2)
    registry.delete_subject("t-value")
    assert serde(registry).writer("t", Frame(1, None, (), 5), lambda found: None).version == 1
    with pytest.raises(ConversionError, match="no subject 'copy-value'"):
        serde(registry).writer("copy", Frame(1, None, (), 5), lambda found: None)
    with pytest.raises(ConversionError, match="id 99"):
        serde(registry).writer("t", Frame(99, None, (), 5), lambda found: None)
    registry.metadata = {"properties": {"confluent:version": "7"}}
    assert serde(registry).writer("t", Frame(1, None, (), 5), lambda found: None).version == 7


def test_a_reader_whose_subject_needs_the_schema_reads_it_first(registry: Registry) -> None:
    registry.register("R", ONE)
    by_record = serde(registry, value_subject_name_strategy="RecordNameStrategy")
    assert by_record.writer("t", Frame(1, None, (), 5), lambda found: "R").subject == "R"


def test_ids_in_front_and_in_headers(registry: Registry) -> None:
    prefixed = serde(registry)
    found = prefixed.choose("t", ONE, name).registered
    assert not prefixed.in_header
    assert prefixed.prefix(found) == id_prefix(1)
    headed = serde(registry, value_schema_id_serializer=f"{PACKAGE}HeaderSchemaIdSerializer")
    assert headed.in_header
    assert headed.prefix(found) == b""
    assert found.guid is not None
    key, data = headed.header(Registered(found.schema, 1))
    assert (key, data) == ("__value_schema_id", guid_bytes(found.guid)), "a GUID that is not told is made"
    raw: list[tuple[str, bytes | None]] = [(key, data)]
    assert prefixed.frame(b"xyz", raw) == Frame(None, found.guid, (), 0)
    assert prefixed.writer("t", prefixed.frame(b"", raw), lambda f: None).version == 1
    assert prefixed.frame(id_prefix(5) + b"x", []) == Frame(5, None, (), 5)
    only = serde(registry, value_schema_id_deserializer=f"{PACKAGE}PrefixSchemaIdDeserializer")
    assert only.frame(id_prefix(5), raw) == Frame(5, None, (), 5), "headers are not looked at"


def test_an_unreachable_registry_is_no_bad_record(registry: Registry) -> None:
    registry.register("t-value", ONE)
    registry.error = RetriableError("down")
    with pytest.raises(RetriableError):
        serde(registry).choose("t", ONE, name)
    with pytest.raises(RetriableError):
        serde(registry).writer("t", Frame(1, None, (), 5), lambda found: None)


def test_a_reference_that_is_not_there_is_a_bad_record(registry: Registry) -> None:
    with pytest.raises(ConversionError, match="not there"):
        serde(registry).texts_of(SchemaText('"X"', references=(Reference("X", "x", 1),)))


def test_when_what_was_made_of_newest_schemas_is_made_again(registry: Registry) -> None:
    assert serde(registry, latest_cache_ttl_sec="5").refresh_s is None
    assert serde(registry, use_latest_version="true").refresh_s is None
    assert serde(registry, use_latest_version="true", latest_cache_ttl_sec="5").refresh_s == 5
