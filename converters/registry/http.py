"""A registry over HTTP, through confluent-kafka's client: Java's option names, errors by recovery.

Source: spec registry 7, 8, 10.1. Thread-safe. Redirects are not followed: a registry is where its
address says.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final, Literal, TypeVar

from connectkit.converters.registry.port import LATEST, Reference, Registered, SchemaKind, SchemaText
from connectkit.errors import (
    ConflictError,
    DataError,
    FatalTaskError,
    NotFoundError,
    RetriableError,
    SchemaError,
)

try:
    import httpx2 as httpx  # what confluent-kafka's client talks through
    from confluent_kafka.schema_registry import Schema as _Schema
    from confluent_kafka.schema_registry import SchemaReference as _Reference
    from confluent_kafka.schema_registry import SchemaRegistryClient
    from confluent_kafka.schema_registry.error import SchemaRegistryError
except ModuleNotFoundError as exc:
    raise ModuleNotFoundError(
        "A schema registry over HTTP needs the extra 'registry' of kafka-connectkit, which is not installed"
    ) from exc

T = TypeVar("T")
_PASSING: Final = frozenset((408, 429, 500, 502, 503, 504))
_KINDS: Final[dict[str | None, SchemaKind]] = {
    None: "AVRO", "AVRO": "AVRO", "PROTOBUF": "PROTOBUF", "JSON": "JSON",
}  # fmt: skip


class HttpRegistry:
    """The registry at the client's address. ``settings`` are the client's own (see :mod:`settings`)."""

    def __init__(self, settings: Mapping[str, Any]) -> None:
        self._client = SchemaRegistryClient(dict(settings))
        self._where = str(settings["url"])

    def register(self, subject: str, schema: SchemaText, *, normalize: bool = False) -> Registered:
        found = self._ask(
            f"registering a schema for subject '{subject}'",
            lambda: self._client.register_schema_full_response(subject, _out(schema), normalize),
        )
        return _in(found, subject=subject, schema=schema)

    def lookup(
        self, subject: str, schema: SchemaText, *, normalize: bool = False, deleted: bool = False
    ) -> Registered:
        found = self._ask(
            f"looking up a schema of subject '{subject}'",
            lambda: self._client.lookup_schema(subject, _out(schema), normalize, deleted=deleted),
        )
        return _in(found, subject=subject, schema=schema)

    def by_id(self, schema_id: int, *, subject: str | None = None) -> Registered:
        found = self._ask(
            f"reading the schema of id {schema_id}", lambda: self._client.get_schema(schema_id, subject)
        )
        return Registered(_text(found), schema_id)

    def by_guid(self, guid: str) -> Registered:
        found = self._ask(f"reading the schema of GUID {guid}", lambda: self._client.get_schema_by_guid(guid))
        ids = getattr(found, "schema_id", None)
        return Registered(_text(found), ids if isinstance(ids, int) else -1, guid=guid)

    def version(self, subject: str, version: int = LATEST, *, deleted: bool = False) -> Registered:
        found = self._ask(
            f"reading {'the newest version' if version == LATEST else f'version {version}'} of '{subject}'",
            lambda: (
                self._client.get_latest_version(subject)
                if version == LATEST
                else self._client.get_version(subject, version, deleted)
            ),
        )
        return _in(found, subject=subject)

    def with_metadata(self, subject: str, metadata: Mapping[str, str]) -> Registered:
        found = self._ask(
            f"reading a version of '{subject}' by its metadata",
            lambda: self._client.get_latest_with_metadata(subject, dict(metadata)),
        )
        return _in(found, subject=subject)

    def associated_subjects(self, namespace: str, topic: str, kind: Literal["key", "value"]) -> list[str]:
        try:
            found: Iterable[Any] = self._ask(
                f"reading the subjects of topic '{topic}'",
                lambda: self._client.get_associations_by_resource_name(topic, namespace, "topic", [kind]),
            )
        except NotFoundError:
            return []  # a registry without associations, or a topic that has none
        return [str(each.subject) for each in found]

    def subjects(self) -> list[str]:
        return sorted(self._ask("listing the subjects", self._client.get_subjects))

    def close(self) -> None:
        self._client.close()

    def _ask(self, what: str, request: Callable[[], T]) -> T:
        try:
            return request()
        except SchemaRegistryError as error:
            raise _translated(what, error) from error
        except httpx.HTTPError as error:
            raise RetriableError(
                f"The schema registry at {self._where} cannot be reached ({type(error).__name__}) while "
                f"{what}; check schema.registry.url and that it runs"
            ) from error


def _translated(what: str, error: SchemaRegistryError) -> Exception:
    """The error by what to do next (spec registry 8); the registry's own words may hold parts of a schema."""
    status, code = error.http_status_code, error.error_code
    told = f"The schema registry answered {status} (code {code}) while {what}"
    if status in (401, 403):
        return FatalTaskError(f"{told}; check basic.auth.user.info or the token, and the user's rights")
    if status == 404:
        return NotFoundError(told)
    if status == 409:
        return ConflictError(
            f"{told}: the schema is not compatible with the subject's; change it, or the level"
        )
    if status == 422:
        return SchemaError(f"{told}: it does not take the schema")
    if status in _PASSING:
        return RetriableError(told)
    return DataError(told)


def _out(schema: SchemaText) -> _Schema:
    references = [_Reference(each.name, each.subject, each.version) for each in schema.references]
    return _Schema(schema.text, schema.kind, references)


def _text(found: Any) -> SchemaText:
    kind = _KINDS.get(found.schema_type)
    if kind is None or not isinstance(found.schema_str, str):
        raise DataError("The schema registry gave a schema of a kind that is not known")
    references = tuple(Reference(each.name, each.subject, each.version) for each in found.references or ())
    return SchemaText(found.schema_str, kind, references, _plain(found.metadata), _plain(found.rule_set))


def _plain(found: Any) -> Mapping[str, Any] | None:
    made: Mapping[str, Any] | None = None if found is None else found.to_dict()
    return made


def _in(found: Any, *, subject: str, schema: SchemaText | None = None) -> Registered:
    text = schema if schema is not None and not isinstance(_inner(found), str) else _text(found.schema)
    return Registered(text, found.schema_id, subject, found.version, found.guid)


def _inner(found: Any) -> Any:
    return getattr(found.schema, "schema_str", None)
