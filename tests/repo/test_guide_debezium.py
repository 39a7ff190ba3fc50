"""The examples of the guide to Debezium's transforms are run, each record of each."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from connectkit.builder import SchemaBuilder
from connectkit.errors import ConnectError
from connectkit.headers import Headers
from connectkit.plugin import plugins
from connectkit.properties import loads
from connectkit.record import SourceRecord
from connectkit.runner.chain import Chain
from connectkit.schema import Schema
from connectkit.struct import Struct
from tests.golden.rules import entries
from tests.support.change_events import SOURCE, envelope_schema, event, plain

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "guides" / "debezium.md").read_text()
EXAMPLES = re.findall(r"^```properties\n(.*?)^```\n\n```text\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
TYPES: dict[type, Schema] = {
    bool: Schema.OPTIONAL_BOOLEAN, int: Schema.OPTIONAL_INT64, float: Schema.OPTIONAL_FLOAT64,
    str: Schema.OPTIONAL_STRING, type(None): Schema.OPTIONAL_STRING,
}  # fmt: skip


def row_schema(fields: Mapping[str, Any], names: Mapping[str, str]) -> Schema:
    """A row's schema: optional fields, of the types that the values have, with names where they are given."""
    builder = SchemaBuilder.struct().name("srv.shop.t.Value").optional()
    for field, value in fields.items():
        schema = TYPES[type(value)]
        if field in names:
            name = f"io.debezium.time.{names[field]}"
            schema = SchemaBuilder(schema.type).optional().name(name).version(1).build()
        builder.field(field, schema)
    return builder.build()


def struct_of(schema: Schema, fields: Mapping[str, Any] | None) -> Struct | None:
    if fields is None:
        return None
    made = Struct(schema)
    for name, value in fields.items():
        made.put(name, value)
    return made


def record_of(text: str) -> SourceRecord:
    """The record of an example: an event, or a tombstone."""
    given: dict[str, Any] = {"topic": "srv.shop.customers", "table": "customers", **json.loads(text)}
    key_schema = SchemaBuilder.struct().name("srv.shop.customers.Key").field("id", Schema.INT64).build()
    headers = Headers()
    for name, value in given.get("headers", {}).items():
        if isinstance(value, list):
            headers.add(name, value, SchemaBuilder.array(Schema.STRING).build())
        else:
            headers.add_string(name, value)
    value, schema = None, None
    if "op" in given:
        before, after = given.get("before"), given.get("after")
        row = row_schema({**(before or {}), **(after or {})}, given.get("types", {}))
        schema = envelope_schema(row, name="srv.shop.customers.Envelope")
        made = event(
            given["op"], before=struct_of(row, before), after=struct_of(row, after), schema=schema,
            table=given["table"],
        )  # fmt: skip
        value = made.put("source", Struct.of(SOURCE, ["3.6", 1_625_142_600_000, given["table"], 7]))
        value.put("ts_ms", 1_625_142_600_500)
    return SourceRecord(
        {}, {}, given["topic"], schema, value, key_schema=key_schema, key=Struct(key_schema).put("id", 1),
        headers=headers,
    )  # fmt: skip


def outcome(chain: Chain, text: str) -> str:
    """What becomes of a record, as the page writes it."""
    try:
        made = chain.apply(record_of(text))
    except ConnectError as error:
        return f"fails: {error}"
    if made is None:
        return "dropped"
    assert isinstance(made, SourceRecord)
    given = json.loads(text)
    parts: dict[str, Any] = {}
    if made.topic != given.get("topic", "srv.shop.customers"):
        parts["topic"] = made.topic
    if plain(made.key) != {"id": 1}:
        parts["key"] = plain(made.key)
    if made.kafka_partition is not None:
        parts["partition"] = made.kafka_partition
    found = plain(made.value)
    if isinstance(found, dict) and "op" in found and "source" in found:
        # Of an event, what the page gives; and of its source, what a transform could have changed.
        found = {
            name: item for name, item in found.items() if name in ("before", "after") and item is not None
        }
    parts["value"] = found
    headers = {header.key: header.value for header in made.headers}
    if headers:
        parts["headers"] = headers
    return json.dumps(parts, ensure_ascii=False)


@pytest.mark.parametrize(("config", "text"), EXAMPLES, ids=range(len(EXAMPLES)))
def test_an_example_is_as_shown(config: str, text: str) -> None:
    chain = Chain.build(loads(config).values, plugins)
    lines = text.splitlines()
    for before, after in zip(lines[::2], lines[1::2], strict=True):
        assert before.startswith("before ")
        assert after.startswith("after  ")
        for _ in range(3):  # interpreted, then compiled
            assert outcome(chain, before.removeprefix("before ")) == after.removeprefix("after  ")


def test_every_transform_has_an_example() -> None:
    known = {
        name for info in plugins.all("transform") for name in info.names if name.startswith("io.debezium")
    }
    assert len(known) == 7
    shown = " ".join(config for config, _ in EXAMPLES)
    names = {name.rpartition(".")[2] for name in known}
    assert {name for name in names if name not in shown} == {"ToLogicalTopicRouter"}  # the same in new dress
    assert "`ToLogicalTopicRouter`" in PAGE


def test_every_difference_is_told() -> None:
    ours = [entry["reason"] for entry in entries() if str(entry.get("rule")).startswith("debezium-")]
    assert ours
    told = " ".join(PAGE.split())
    assert [reason for reason in ours if reason not in told] == []
