"""The envelope of backups: a value together with its schema as the registry had it.

Reading wraps each value (``schema.backup.enabled``), and writing such a struct registers that very schema,
after those that it refers to, wherever the data are restored. Source: spec registry 1.1
(``io.confluent.connect.backup.Wrapper``); what the two JSON texts hold is ours.
"""

from __future__ import annotations

import json
from collections.abc import Hashable
from typing import Any, Final, TypeVar

from connectkit.builder import SchemaBuilder
from connectkit.converters.registry.client import RegistryClient
from connectkit.converters.registry.guid import guid_of
from connectkit.converters.registry.port import Reference, Registered, SchemaKind, SchemaText
from connectkit.errors import ConversionError, LimitError
from connectkit.schema import Schema, SchemaAndValue
from connectkit.struct import Struct

K = TypeVar("K")
V = TypeVar("V")
WRAPPER: Final = "io.confluent.connect.backup.Wrapper"
DATA: Final = "data"
_TYPES: Final[dict[SchemaKind, str]] = {"AVRO": "AVRO", "PROTOBUF": "PROTOBUF", "JSON": "JSON_SCHEMA"}
_MAX_DEPTH: Final = 50
_MAX_REFERENCES: Final = 1000


def wrapper_schema(data: Schema | None) -> Schema:
    """The schema of wrapped values; data that have no schema are wrapped as their bytes."""
    return (
        SchemaBuilder.struct()
        .name(WRAPPER)
        .field(DATA, Schema.OPTIONAL_BYTES if data is None else data)
        .field("schemaId", Schema.OPTIONAL_INT32)
        .field("schemaVersion", Schema.OPTIONAL_INT32)
        .field("schemaGuid", Schema.OPTIONAL_STRING)
        .field("schemaType", Schema.STRING)
        .field("schemaSubject", Schema.STRING)
        .field("rawSchema", Schema.OPTIONAL_STRING)
        .field("referenceTree", Schema.OPTIONAL_STRING)
        .field("directRefs", Schema.OPTIONAL_STRING)
        .build()
    )


def is_wrapper(schema: Schema | None) -> bool:
    """Whether a schema is that of wrapped values."""
    return schema is not None and schema.name == WRAPPER


def unwrapped(value: Any) -> tuple[Schema, Any]:
    """The data of a wrapped value, with their schema."""
    return value.schema.fields[0].schema, value.values[0]


def about(found: Registered, client: RegistryClient) -> list[Any]:
    """What stands beside the data of a schema's messages."""
    schema = found.schema
    direct = [each._asdict() for each in schema.references]
    tree = _tree(schema.references, client, 0, [0])
    return [
        found.id if found.id >= 0 else None,
        found.version,
        found.guid or guid_of(schema),
        _TYPES[schema.kind],
        found.subject or "",
        schema.text,
        _text(tree) if tree else None,
        _text(direct) if direct else None,
    ]


def _tree(
    references: tuple[Reference, ...], client: RegistryClient, depth: int, count: list[int]
) -> list[Any]:
    if depth > _MAX_DEPTH:
        raise LimitError(f"The schema refers to others more than {_MAX_DEPTH} levels deep")
    made = []
    for each in references:
        count[0] += 1
        if count[0] > _MAX_REFERENCES:
            raise LimitError(f"The schema refers to more than {_MAX_REFERENCES} others")
        schema = client.reference(each).schema
        inside = _tree(schema.references, client, depth + 1, count)
        made.append({**each._asdict(), "schema": schema.text, "references": inside})
    return made


def _text(tree: Any) -> str:
    return json.dumps(tree, ensure_ascii=False, separators=(",", ":"))


def schema_of(value: Any, kind: SchemaKind, client: RegistryClient) -> SchemaText:
    """The schema that a wrapped value is to be written with; those that it refers to are registered."""
    if not isinstance(value, Struct):
        raise ConversionError("A backup's value is no struct of its schema")
    fields = {field.name: each for field, each in zip(value.schema.fields, value.values, strict=True)}
    if fields.get("schemaType") != _TYPES[kind]:
        raise ConversionError(
            f"The backup is not of {_TYPES[kind]} data; restore it with the converter that it was made with"
        )
    raw = fields.get("rawSchema")
    if not isinstance(raw, str) or not raw:
        raise ConversionError("The backup lacks the schema of its data (rawSchema)")
    tree = fields.get("referenceTree")
    try:
        references = [] if tree is None else json.loads(tree)
        return SchemaText(raw, kind, _registered(references, kind, client, 0))
    except (TypeError, KeyError, ValueError, RecursionError) as exc:
        raise ConversionError("The backup's referenceTree is damaged") from exc


def _registered(tree: Any, kind: SchemaKind, client: RegistryClient, depth: int) -> tuple[Reference, ...]:
    if depth > _MAX_DEPTH:
        raise LimitError(f"The backup's schema refers to others more than {_MAX_DEPTH} levels deep")
    found = []
    for each in tree:
        inside = _registered(each.get("references") or (), kind, client, depth + 1)
        schema = SchemaText(str(each["schema"]), kind, inside)
        subject = str(each["subject"])
        version = client.register(subject, schema).version
        if version is None:  # registries before 8 tell the id alone
            version = client.lookup(subject, schema, deleted=True).version
        found.append(Reference(str(each["name"]), subject, version or 1))
    return tuple(found)


class Backups:
    """What one converter needs to wrap values: a wrapper a schema, at most ``size`` of them."""

    def __init__(self, client: RegistryClient, size: int) -> None:
        self._client = client
        self._size = size
        self._wrappers: dict[Hashable, tuple[Schema, list[Any]]] = {}
        self._schemas: dict[tuple[Any, ...], SchemaText] = {}

    def remember(self, key: Hashable, data: Schema | None, writer: Registered) -> None:
        """Make the wrapper of the messages of a schema."""
        bounded(self._wrappers, key, (wrapper_schema(data), about(writer, self._client)), self._size)

    def wrapped(self, key: Hashable, value: Any) -> SchemaAndValue:
        """A value in its wrapper."""
        schema, beside = self._wrappers[key]
        return SchemaAndValue(schema, Struct.of(schema, [value, *beside]))

    def schema_of(self, value: Any, kind: SchemaKind) -> SchemaText:
        """The schema that a wrapped value is to be written with, looked at once."""
        key = tuple(value.values[4:]) if isinstance(value, Struct) else ()
        found = self._schemas.get(key)
        if found is None:
            found = schema_of(value, kind, self._client)
            bounded(self._schemas, key, found, self._size)
        return found


def bounded(table: dict[K, V], key: K, value: V, size: int) -> None:
    """Keep a value; the one that came first goes first."""
    if key not in table and len(table) >= size:
        table.pop(next(iter(table)))
    table[key] = value
