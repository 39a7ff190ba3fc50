"""Schemas, values and records as Python code that makes them again: what a failing law shows.

Unlike ``repr``, which keeps values of records out of logs, this is for tests, whose values are made up.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import Any

from connectkit.headers import Headers
from connectkit.record import ConnectRecord, SinkRecord, SourceRecord
from connectkit.schema import Schema, Type
from connectkit.struct import Struct

_PLAIN: dict[Schema, str] = {}
for _type in Type:
    if _type.is_primitive:
        _PLAIN[getattr(Schema, _type.name)] = f"Schema.{_type.name}"
        _PLAIN[getattr(Schema, f"OPTIONAL_{_type.name}")] = f"Schema.OPTIONAL_{_type.name}"


def code_of(thing: Any, *, named: Mapping[Schema, str] | None = None) -> str:
    """An expression that makes an equal schema, value, header collection or record.

    ``named`` are schemas that are told already, by the names that stand for them.

    Names used are those of ``connectkit`` (``Schema``, ``SchemaBuilder``, ``Struct``, ``Headers`` …),
    ``decimal.Decimal`` and ``datetime``'s. Anything else is shown by its ``repr``.
    """
    return _Writer(named or {}).code(thing)


class _Writer:
    """Writes one expression; schemas that contain themselves get names for their builders."""

    def __init__(self, named: Mapping[Schema, str]) -> None:
        self._told = named
        self._names: dict[int, str] = {}
        self._used: set[int] = set()

    def code(self, thing: Any) -> str:
        if isinstance(thing, Schema):
            return self._schema(thing)
        if isinstance(thing, Struct):
            return f"Struct.of({self._schema(thing.schema)}, {self.code(list(thing.values))})"
        if isinstance(thing, ConnectRecord):
            return self._record(thing)
        if isinstance(thing, Headers):
            parts = (f".add({h.key!r}, {self.code(h.value)}, {self.code(h.schema)})" for h in thing)
            return "Headers()" + "".join(parts)
        return self._value(thing)

    def _value(self, value: Any) -> str:
        if isinstance(value, float) and (value != value or value in (float("inf"), float("-inf"))):
            return f"float({str(value)!r})"
        if isinstance(value, Decimal):
            return f"Decimal({str(value)!r})"
        if isinstance(value, datetime):
            return (
                f"datetime.fromisoformat({value.isoformat()!r})" if value.tzinfo is not UTC else _utc(value)
            )
        if isinstance(value, date):
            return f"date({value.year}, {value.month}, {value.day})"
        if isinstance(value, time):
            return f"time.fromisoformat({value.isoformat()!r})"
        if isinstance(value, list | tuple):
            inner = ", ".join(map(self.code, value))
            return f"[{inner}]" if isinstance(value, list) else f"({inner}{',' * (len(value) == 1)})"
        if isinstance(value, Mapping):
            return "{" + ", ".join(f"{self.code(k)}: {self.code(v)}" for k, v in value.items()) + "}"
        return repr(value)

    def _schema(self, schema: Schema) -> str:
        told = self._told.get(schema)
        if told is not None:
            return told
        made = self._builder(schema)
        return made if made.startswith("Schema.") else f"{made}.build()"

    def _builder(self, schema: Schema | None) -> str:
        """A schema's builder, which is built with the one that it stands in."""
        if schema is None:
            return "None"
        plain = _PLAIN.get(schema)
        if plain is not None:
            return plain
        key = id(schema)
        if key in self._names:
            self._used.add(key)
            return self._names[key]
        name = self._names[key] = f"b{len(self._names) + 1}"
        kind, rest = self._parts(schema)
        del self._names[key]
        first = f"({name} := SchemaBuilder.{kind})" if key in self._used else f"SchemaBuilder.{kind}"
        return first + rest

    def _parts(self, schema: Schema) -> tuple[str, str]:
        """The call that makes the builder, and the setters."""
        rest = []
        if schema.type is Type.ARRAY:
            kind = f"array_of({self._builder(schema.value_schema)})"
        elif schema.type is Type.MAP:
            kind = f"map_of({self._builder(schema.key_schema)}, {self._builder(schema.value_schema)})"
        else:
            kind = f"{schema.type.value}()"
        if schema.type is Type.STRUCT:
            rest += [f".field({f.name!r}, {self._builder(f.schema)})" for f in schema.fields]
        rest += [".optional()"] if schema.optional else []
        rest += [f".name({schema.name!r})"] if schema.name is not None else []
        rest += [f".version({schema.version!r})"] if schema.version is not None else []
        rest += [f".doc({schema.doc!r})"] if schema.doc is not None else []
        rest += [f".parameters({dict(schema.parameters)!r})"] if schema.parameters else []
        rest += [f".default({self.code(schema.default)})"] if schema.default is not None else []
        return kind, "".join(rest)

    def _record(self, record: ConnectRecord) -> str:
        if isinstance(record, SourceRecord):
            head: list[Any] = [record.source_partition, record.source_offset, record.topic]
        else:
            assert isinstance(record, SinkRecord)
            head = [record.topic, record.kafka_partition]
        texts = list(map(self.code, head))
        if isinstance(record, SinkRecord):
            texts += [self.code(record.key_schema), self.code(record.key)]
        texts += [self.code(record.value_schema), self.code(record.value)]
        if isinstance(record, SinkRecord):
            texts.append(self.code(record.kafka_offset))
        else:
            named: list[tuple[str, Any]] = [("key_schema", record.key_schema), ("key", record.key)]
            named.append(("kafka_partition", record.kafka_partition))
            texts += [f"{name}={self.code(value)}" for name, value in named if value is not None]
        if record.timestamp is not None:
            texts.append(f"timestamp={record.timestamp!r}")
        if len(record.headers):
            texts.append(f"headers={self.code(record.headers)}")
        return f"{type(record).__name__}({', '.join(texts)})"


def _utc(value: datetime) -> str:
    parts = [value.year, value.month, value.day, value.hour, value.minute, value.second, value.microsecond]
    while len(parts) > 3 and parts[-1] == 0:
        parts.pop()
    return f"datetime({', '.join(map(str, parts))}, tzinfo=UTC)"
