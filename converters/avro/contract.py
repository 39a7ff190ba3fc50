"""Avro values as the rules of data contracts see them: fastavro's, walked by confluent-kafka.

Logical types are what is below them (a date is a number of days), as with Confluent's converter. Payloads
come here only after our own codec read them, which has limits. Source: spec registry 6.5, 10.2.
"""

from __future__ import annotations

import io
import json
from collections.abc import Mapping, Sequence
from typing import Any

from connectkit.converters.registry.rules.leaves import plain_tree
from connectkit.errors import ConfigError


class AvroNative:
    """The values of one schema; see :class:`~connectkit.converters.registry.rules.stages.Native`."""

    def __init__(self, text: str, references: Sequence[str]) -> None:
        try:
            from confluent_kafka.schema_registry.common.avro import (
                get_inline_tags,
                transform,
                validate_message,
            )
            from fastavro import schemaless_reader, schemaless_writer
            from fastavro.schema import expand_schema, parse_schema
        except ImportError as exc:
            raise ConfigError(
                "Rules of Avro schemas need the extra 'rules' of kafka-connectkit, which is not installed"
            ) from exc
        named: dict[str, Any] = {}
        for each in references:
            parse_schema(_without_logical_types(json.loads(each)), named)
        tree = _without_logical_types(json.loads(text))
        self._schema: Any = parse_schema(tree, named)
        self._expanded: Any = expand_schema(self._schema)
        self._is_raw = tree == "bytes" or (isinstance(tree, dict) and tree.get("type") == "bytes")
        self._read, self._write = schemaless_reader, schemaless_writer
        self._transform, self._validate = transform, validate_message
        self.tags: Mapping[str, set[str]] | None = get_inline_tags(self._schema)

    def read(self, payload: bytes) -> Any:
        if self._is_raw:
            return payload
        return self._read(
            io.BytesIO(payload),
            self._schema,
            None,
            return_record_name=True,
            return_record_name_override=True,
        )

    def write(self, value: Any) -> bytes:
        made = plain_tree(value)
        if self._is_raw:
            return bytes(made)
        out = io.BytesIO()
        self._write(out, self._schema, made)
        return out.getvalue()

    def walk(self, context: Any, function: Any, value: Any) -> Any:
        return self._transform(context, self._expanded, value, function)

    def plain(self, value: Any) -> Any:
        return value

    def from_plain(self, value: Any) -> Any:
        return value

    def violations(self, executor: Any, value: Any) -> list[Any]:
        return self._validate(executor, self._expanded, value)


def _without_logical_types(tree: Any) -> Any:
    """The schema without them, but in defaults, which are data."""
    if isinstance(tree, list):
        return [_without_logical_types(each) for each in tree]
    if isinstance(tree, dict):
        return {
            name: each if name == "default" else _without_logical_types(each)
            for name, each in tree.items()
            if name != "logicalType"
        }
    return tree
