"""JSON values as the rules of data contracts see them, walked as confluent-kafka walks them.

Numbers that no rule touched keep their text, as a decimal's zeros matter. Source: spec registry 6.5.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from connectkit.converters.json_schema.references import named_trees
from connectkit.converters.json_text import Raw, dumps, float_node
from connectkit.converters.registry.rules.leaves import plain_tree
from connectkit.errors import ConfigError, ConversionError


class _Number(float):
    """A number with its text."""

    __slots__ = ("text",)
    text: str


class JsonNative:
    """The values of one schema; see :class:`~connectkit.converters.registry.rules.stages.Native`."""

    tags = None  # each property has its own beside it

    def __init__(self, text: str, references: Sequence[str]) -> None:
        try:
            from confluent_kafka.schema_registry.common.json_schema import transform, validate_message
            from referencing import Registry
            from referencing.jsonschema import DRAFT7
        except ImportError as exc:
            raise ConfigError(
                "Rules of JSON schemas need the extra 'rules' of kafka-connectkit, which is not installed"
            ) from exc
        self._tree: Any = json.loads(text)
        named = named_trees(references, json.loads).items()
        self._registry: Any = Registry().with_resources(
            [(name, DRAFT7.create_resource(each)) for name, each in named]
        )
        self._resolver: Any = self._registry.resolver_with_root(DRAFT7.create_resource(self._tree))
        self._transform: Any = transform
        self._validate: Any = validate_message

    def read(self, payload: bytes) -> Any:
        return json.loads(payload, parse_float=_number, parse_constant=_no_number)

    def write(self, value: Any) -> bytes:
        return dumps(_tree(plain_tree(value)))

    def walk(self, context: Any, function: Any, value: Any) -> Any:
        return self._transform(context, self._tree, self._registry, self._resolver, "$", value, function)

    def plain(self, value: Any) -> Any:
        return value

    def from_plain(self, value: Any) -> Any:
        return value

    def violations(self, executor: Any, value: Any) -> list[Any]:
        found: list[Any] = self._validate(executor, self._tree, self._registry, self._resolver, value)
        return found


def _number(text: str) -> float:
    found = _Number(text)
    found.text = text
    return found


def _no_number(text: str) -> Any:
    raise ConversionError(f"The message's payload is no JSON: it has the word {text}")


def _tree(value: Any) -> Any:
    """What the writer of JSON knows."""
    if isinstance(value, dict):
        return {name: _tree(each) for name, each in value.items()}
    if isinstance(value, list):
        return [_tree(each) for each in value]
    if isinstance(value, _Number):
        return Raw(value.text)
    return float_node(value) if isinstance(value, float) else value
