"""Debezium's transforms on events about rows of ten columns: nanoseconds of CPU a record.

Beside each stands the same edit written by hand on a dict: the row taken out of the event, and what the
transform adds to it.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from benchmarks.transforms import RECORDS, best_ns
from connectkit.builder import SchemaBuilder
from connectkit.headers import Headers
from connectkit.plugin import plugins
from connectkit.record import SourceRecord
from connectkit.runner.chain import Chain
from connectkit.runner.memory import tune_memory
from connectkit.schema import Schema
from connectkit.struct import Struct

Plain = dict[str, Any]
_TEXT, _NUMBER = Schema.OPTIONAL_STRING, Schema.INT64


def _struct(name: str, fields: dict[str, Schema], *, optional: bool = False) -> Schema:
    builder = SchemaBuilder.struct().name(name)
    for field, schema in fields.items():
        builder.field(field, schema)
    return builder.optional().build() if optional else builder.build()


ROW = _struct("s.t.Value", {f"c{i}": _TEXT if i % 2 else _NUMBER for i in range(10)}, optional=True)
_OUTBOX_COLUMNS = ("id", "aggregatetype", "aggregateid", "type", "payload")
OUTBOX = _struct("s.o.Value", dict.fromkeys(_OUTBOX_COLUMNS, Schema.STRING), optional=True)
SOURCE = _struct("s.Source", {"ts_ms": _NUMBER, "table": Schema.STRING, "lsn": _NUMBER})
KEY = _struct("s.t.Key", {"id": _NUMBER})
_PAYLOAD = '{"id": 1, "name": "x", "items": [{"sku": "a", "qty": 2}]}'


def _envelope(row: Schema) -> Schema:
    fields = {"before": row, "after": row, "source": SOURCE, "op": Schema.STRING, "ts_ms": _NUMBER}
    return _struct(row.name.removesuffix("Value") + "Envelope" if row.name else "Envelope", fields)


def _record(number: int, row: Schema) -> SourceRecord:
    values: list[Any] = [f"text {number}" if i % 2 else number for i in range(10)]
    if row is OUTBOX:
        values = [f"e{number}", "order", str(number), "Placed", _PAYLOAD]
    envelope = _envelope(row)
    source = Struct.of(SOURCE, [1_625_142_600_000, "t", number])
    value = Struct.of(envelope, [None, Struct.of(row, values), source, "c", 1_625_142_600_500])
    headers = Headers().add_string("trace", "abc")
    return SourceRecord(
        {}, {}, "s.t", envelope, value, key_schema=KEY, key=Struct.of(KEY, [number]), headers=headers
    )


def _plain(value: Any) -> Any:
    if isinstance(value, Struct):
        return {f.name: _plain(v) for f, v in zip(value.schema.fields, value.values, strict=True)}
    return value


# --- by hand


def unwrap(event: Plain) -> Plain:
    return dict(event["after"])


def unwrap_and_add(event: Plain) -> Plain:
    made = unwrap(event)
    made["__op"], made["__source_ts_ms"] = event["op"], event["source"]["ts_ms"]
    return made


def rewrite(event: Plain) -> Plain:
    made = unwrap_and_add(event)
    made["__deleted"] = "false"
    return made


def route(event: Plain) -> Any:
    row = event["after"]
    return "outbox.event." + row["aggregatetype"], row["aggregateid"], row["payload"]


def expand(event: Plain) -> Any:
    return json.loads(event["after"]["payload"])


def same(event: Plain) -> Plain:
    return event


CASES: list[tuple[str, dict[str, str], Schema, Callable[[Plain], Any]]] = [
    ("ExtractNewRecordState", {}, ROW, unwrap),
    ("ExtractNewRecordState", {"add.fields": "op,source.ts_ms"}, ROW, unwrap_and_add),
    (
        "ExtractNewRecordState",
        {"add.fields": "op,source.ts_ms", "delete.tombstone.handling.mode": "rewrite"},
        ROW,
        rewrite,
    ),
    ("ByLogicalTableRouter", {"topic.regex": "(.*)", "topic.replacement": "all"}, ROW, same),
    ("EventRouter", {}, OUTBOX, route),
    ("EventRouter", {"table.fields.additional.placement": "type:envelope"}, OUTBOX, route),
    ("EventRouter", {"table.expand.json.payload": "true"}, OUTBOX, expand),
    ("HeaderToValue", {"headers": "trace", "fields": "trace", "operation": "move"}, ROW, same),
    ("TimezoneConverter", {"converted.timezone": "+02:00"}, ROW, same),
    ("PartitionRouting", {"partition.payload.fields": "change.c0", "partition.topic.num": "8"}, ROW, same),
]


def main() -> None:
    """Print a line for each transform."""
    tune_memory()
    print(f"{'nanoseconds of CPU a record':72}{'events':>8}{'by hand':>8}")
    for name, options, row, edit in CASES:
        config = {"transforms": "t", "transforms.t.type": name}
        config.update({f"transforms.t.{key}": value for key, value in options.items()})
        chain = Chain.build(config, plugins)
        records = [_record(number, row) for number in range(RECORDS)]
        plain = [_plain(record.value) for record in records]
        for _ in range(3):
            chain.apply_batch(records)
        ours = best_ns(lambda chain=chain, records=records: chain.apply_batch(records))  # type: ignore[misc]  # bound now
        hand = best_ns(lambda edit=edit, plain=plain: [edit(event) for event in plain])  # type: ignore[misc]  # bound now
        told = " ".join(f"{key}={value}" for key, value in options.items())
        print(f"{f'{name} {told}'[:71]:72}{ours:8.0f}{hand:8.0f}", flush=True)


if __name__ == "__main__":
    main()
