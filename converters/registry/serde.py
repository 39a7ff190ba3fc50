"""Between a converter and the registry: which schema a message is written with, and which it was.

The order in which a schema is chosen, subjects, frames and headers are the same for all kinds of schemas
and stand here once. What a converter asks per record it asks for once and keeps: nothing here is meant
to run per record but :meth:`Reading.frame`. Source: spec registry 5, 6.2, 6.3, 8.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, NamedTuple

from connectkit.api import RawHeaders, SchemaCheck
from connectkit.converters.registry import wire
from connectkit.converters.registry.check import check
from connectkit.converters.registry.client import RegistryClient
from connectkit.converters.registry.config import RegistryConfig
from connectkit.converters.registry.guid import guid_of
from connectkit.converters.registry.kinds import rules_of
from connectkit.converters.registry.port import NO_ID, Reference, Registered, SchemaText
from connectkit.converters.registry.rules.executors import Place
from connectkit.converters.registry.subjects import needs_schema, subject_of
from connectkit.errors import (
    ConflictError,
    ConversionError,
    NotFoundError,
    SchemaError,
)
from connectkit.schema import Schema

_MAX_STEPS: Final = 1000
NameOf = Callable[[], str | None]
"""Gives the name of a record's schema, for the subjects that need one."""


class Chosen(NamedTuple):
    """What to write with: the registered schema, and whether it is another than the data's own."""

    registered: Registered
    is_own: bool


class SchemaSerde:
    """One converter's schemas, for keys or for values. Thread-safe."""

    def __init__(self, config: RegistryConfig, client: RegistryClient, *, is_key: bool) -> None:
        self._config = config
        self._client = client
        self._is_key = is_key
        self._strategy = config.key_subject_name_strategy if is_key else config.value_subject_name_strategy
        writer = config.key_schema_id_serializer if is_key else config.value_schema_id_serializer
        reader = config.key_schema_id_deserializer if is_key else config.value_schema_id_deserializer
        self.in_header = writer.endswith("HeaderSchemaIdSerializer")
        """Whether the schema is said in a header, so that the converter has to see headers."""
        self.is_configured = reader.endswith("ConfigSchemaIdDeserializer")
        """Whether messages do not say their schema, since the configuration does."""
        self.reads_headers = not self.is_configured and not reader.endswith("PrefixSchemaIdDeserializer")
        self._fallback = config.subject_name_strategy_fallback_type
        self._metadata = _pairs(config.use_latest_with_metadata)

    @property
    def refresh_s(self) -> float | None:
        """How long what was made of a newest schema, or an associated subject, may be used; None for ever."""
        config = self._config
        uses_newest = config.use_latest_version or bool(self._metadata)
        times = [config.latest_cache_ttl_sec] if uses_newest else []
        if self._strategy.endswith("AssociatedNameStrategy"):
            times.append(config.subject_name_strategy_cache_expiry_secs)
        return min((each for each in times if each >= 0), default=None)

    @property
    def client(self) -> RegistryClient:
        """The registry's client."""
        return self._client

    def subject(self, topic: str, record_name: NameOf) -> str:
        """The subject of a topic's keys or values."""
        cluster = self._config.subject_name_strategy_kafka_cluster_id
        return subject_of(
            self._strategy,
            topic,
            is_key=self._is_key,
            record_name=record_name,
            fallback=self._fallback,
            associated=lambda name, kind: self._client.associated_subjects(cluster, name, kind),
        )

    # --- writing

    def choose(self, topic: str, schema: SchemaText, record_name: NameOf) -> Chosen:
        """The schema to write data of ``schema`` with, registered if that is asked for."""
        config, client = self._config, self._client
        subject = self.subject(topic, record_name)
        try:
            if config.auto_register_schemas:
                return _own(client.register(subject, schema, normalize=config.normalize_schemas))
            if config.use_schema_id >= 0:
                return self._other(
                    client.by_id(config.use_schema_id, subject=subject), schema, strict_id=True
                )
            if config.use_schema_guid is not None:
                found = client.by_guid(config.use_schema_guid)
                if found.id == NO_ID:
                    found = client.lookup(subject, found.schema, deleted=True)
                return self._other(found, schema, strict_id=True)
            if self._metadata:
                return self._other(client.with_metadata(subject, self._metadata), schema, strict_id=False)
            if config.use_latest_version:
                return self._other(client.latest(subject), schema, strict_id=False)
            return _own(client.lookup(subject, schema, normalize=config.normalize_schemas))
        except (NotFoundError, ConflictError) as error:
            raise ConversionError(
                f"The {'key' if self._is_key else 'value'} of topic {topic} cannot be written: {error}"
            ) from error

    def _other(self, found: Registered, schema: SchemaText, *, strict_id: bool) -> Chosen:
        """A schema that is not made of the data: it must be able to read what they would be written as."""
        config = self._config
        strict = config.id_compatibility_strict if strict_id else config.latest_compatibility_strict
        rules = rules_of(schema.kind)
        if found.schema.kind != schema.kind:
            raise SchemaError(
                f"The schema of id {found.id} is of kind {found.schema.kind}, not {schema.kind}"
            )
        if strict and rules is not None:
            problems = rules.problems(
                found.schema.text, self.texts_of(found.schema), schema.text, self.texts_of(schema)
            )
            if problems:
                raise SchemaError(
                    f"The schema of id {found.id} cannot take the data: {problems[0].description}; "
                    "change the data, or register a schema for them"
                )
        return Chosen(found, is_own=found.schema.text == schema.text)

    def texts_of(self, schema: SchemaText) -> list[str]:
        """The texts of the schemas that one refers to."""
        try:
            return self._client.texts_of(schema)
        except NotFoundError as error:
            raise ConversionError(f"A schema refers to another one that is not there: {error}") from error

    def prefix(self, found: Registered, indexes: tuple[int, ...] | None = None) -> bytes:
        """What is written in front of each payload."""
        return b"" if self.in_header else wire.id_prefix(found.id, indexes)

    def header(self, found: Registered, indexes: tuple[int, ...] | None = None) -> tuple[str, bytes]:
        """The header that is written beside each payload, with ``in_header``."""
        guid = found.guid or guid_of(found.schema)
        return wire.header_name(is_key=self._is_key), wire.guid_bytes(guid, indexes)

    def check(
        self,
        topic: str,
        schema: SchemaText,
        record_name: NameOf,
        connect_schema: Callable[[SchemaText], Schema | None],
    ) -> SchemaCheck:
        """Whether a schema may be the next one for a topic; nothing is registered."""
        found = check(self._client.registry, self.subject(topic, record_name), schema)
        newest = found.versions[-1].schema if found.versions else None
        is_ours = newest is not None and newest.kind == schema.kind
        known = connect_schema(newest) if newest is not None and is_ours else None
        return SchemaCheck(found.lines(), found.sentences(), known)

    # --- reading

    def frame(self, data: bytes, headers: RawHeaders | None, *, indexed: bool = False) -> wire.Frame:
        """Which schema a message says it was written with, and where its payload begins."""
        if self.is_configured:
            return self._configured(indexed=indexed)
        if self.reads_headers and headers:
            found = wire.from_header(headers, is_key=self._is_key, indexed=indexed)
            if found is not None:
                return found
        return wire.unframe(data, indexed=indexed)

    def _configured(self, *, indexed: bool) -> wire.Frame:
        """The schema of all messages, which are nothing but payload."""
        config = self._config
        indexes = tuple(int(each) for each in config.use_message_indexes) or (0,)
        by_id = config.use_schema_id >= 0
        if not by_id and config.use_schema_guid is None:
            raise ConversionError("ConfigSchemaIdDeserializer needs use.schema.id or use.schema.guid")
        return wire.Frame(
            config.use_schema_id if by_id else None,
            None if by_id else config.use_schema_guid,
            indexes if indexed else (),
            0,
        )

    def writer(
        self, topic: str, frame: wire.Frame, name_of: Callable[[Registered], str | None]
    ) -> Registered:
        """The schema of a message, with the version that it has under the topic's subject."""
        early = not needs_schema(self._strategy, self._fallback)
        subject = self.subject(topic, lambda: None) if early else None
        try:
            found = (
                self._client.by_guid(frame.guid)
                if frame.guid is not None
                else self._client.by_id(frame.id if frame.id is not None else -1, subject=subject)
            )
            if subject is None:
                subject = self.subject(topic, lambda: name_of(found))
            version = _version_told(found)
            if version is None:
                version = self._client.lookup(subject, found.schema, deleted=True).version
            return Registered(found.schema, found.id, subject, version, found.guid)
        except NotFoundError as error:
            raise ConversionError(
                f"The {'key' if self._is_key else 'value'} of topic {topic} cannot be read: {error}"
            ) from error

    def reader(self, topic: str, writer: Registered, name_of: NameOf) -> Registered:
        """The schema to read a writer's data with: the writer's, or the newest if that is asked for."""
        config = self._config
        if not (config.use_latest_version or self._metadata):
            return writer
        subject = self.subject(topic, name_of)
        try:
            if self._metadata:
                return self._client.with_metadata(subject, self._metadata)
            return self._client.latest(subject)
        except NotFoundError as error:
            raise ConversionError(f"Topic {topic} cannot be read with the newest schema: {error}") from error

    # --- rules

    def place(self, topic: str, found: Registered, record_name: NameOf) -> Place:
        """Whose rules are executed, for messages that say so."""
        return Place(topic, found.subject or self.subject(topic, record_name), self._is_key)

    def between(self, wrote: Registered, reads: Registered) -> list[SchemaText]:
        """The schemas from one version of a subject to another, both among them; lost ones are left out."""
        first, last = wrote.version or 0, reads.version or 0
        step = 1 if first < last else -1
        if abs(last - first) > _MAX_STEPS:
            raise SchemaError(f"More than {_MAX_STEPS} versions lie between the data and their newest schema")
        subject = reads.subject or wrote.subject or ""
        found = [wrote.schema]
        for version in range(first + step, last, step):
            try:
                found.append(self._client.reference(Reference("", subject, version)).schema)
            except NotFoundError:  # deleted for good, so that nothing leads through it
                continue
        return [*found, reads.schema]

    def close(self) -> None:
        """Let go of connections."""
        self._client.close()


def _own(found: Registered) -> Chosen:
    return Chosen(found, is_own=True)


def _version_told(found: Registered) -> int | None:
    """The version that a schema's metadata say themselves, so that nobody has to be asked."""
    told = ((found.schema.metadata or {}).get("properties") or {}).get("confluent:version")
    return (
        int(told) if isinstance(told, str) and told.isascii() and told.isdigit() and len(told) < 10 else None
    )


def _pairs(items: list[str]) -> dict[str, str]:
    return {name.strip(): value.strip() for name, _, value in (each.partition("=") for each in items)}
