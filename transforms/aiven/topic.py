"""Aiven's ExtractTopic and ExtractTopicFromSchemaName: topics out of records and schemas."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from connectkit.checks import regex as is_regex
from connectkit.config import HIGH, LOW, Config, option
from connectkit.draft import Draft, Side
from connectkit.edit import EditTransform, SideTransform
from connectkit.errors import DataError
from connectkit.javaregex import compile_java
from connectkit.javatext import text_of
from connectkit.program import NONE, Const, Var
from connectkit.schema import Schema, Type
from connectkit.suggest import did_you_mean, shortened
from connectkit.transforms.base import class_name

_NAMING = frozenset(
    (
        Type.INT8, Type.INT16, Type.INT32, Type.INT64, Type.FLOAT32, Type.FLOAT64, Type.BOOLEAN, Type.STRING,
    )
)  # fmt: skip
"""Types whose values can name a topic."""


class AivenExtractTopicConfig(Config):
    """Where the topic's name stands."""

    field_name: str | None = option(
        None,
        doc="The field that holds the name; without one, the whole key or value is the name.",
        importance=HIGH,
    )
    skip_missing_or_null: bool = option(
        False,
        doc="Whether a record whose topic's name is missing, null or empty keeps its topic, or fails.",
        importance=LOW,
    )


class AivenExtractTopic(SideTransform[AivenExtractTopicConfig]):
    """Send records to the topic that their key, their value, or a field in it names.

    Strings, numbers and booleans can name a topic.
    """

    java_names = ("io.aiven.kafka.connect.transforms.ExtractTopic",)
    purpose = "extraction of the topic"

    def edit_side(self, draft: Draft, side: Side) -> None:
        field = self.config.field_name
        if not field:
            source, schema = side.whole(), side.schema
        elif side.is_null:
            raise DataError(f"The {self.side} is null, and a field of it was to name the topic", path="$")
        else:
            source, schema = self._field(side, field)
        if schema is not None and schema.type not in _NAMING:
            raise DataError(
                f"A topic needs a string, number or boolean, and the {self._what(field)} is of type "
                f"{schema.type.value}",
                path=_where(field),
            )
        name = self._namer(schema, self._what(field))
        draft.topic = draft.call(name, source, draft.topic, where=_where(field))

    def _field(self, side: Side, name: str) -> tuple[Var, Schema | None]:
        if side.schema is None:
            side.require_map(self.purpose)
            return side.get_item(name), None
        schema = side.require_struct(self.purpose)
        field = schema.field(name)
        if field is not None:
            return side.read(self.purpose, with_defaults=True)[field.index], field.schema
        known = [each.name for each in schema.fields]
        if self.config.skip_missing_or_null:
            self.missing(name, known)
            return NONE, None
        hint = did_you_mean(name, known)
        raise DataError(f"There is no field '{shortened(name)}' to name the topic{hint}", path=_where(name))

    def _what(self, field: str | None) -> str:
        return f"configured field of the {self.side}" if field else self.side

    def _namer(self, schema: Schema | None, what: str) -> Callable[[Any, str | None], str | None]:
        skips = self.config.skip_missing_or_null

        def name(value: Any, topic: str | None) -> str | None:
            if value is not None:
                if schema is None and not isinstance(value, str | bool | int | float):
                    raise DataError(
                        f"A topic needs a string, number or boolean, and the {what} is of class "
                        f"{class_name(value)}"
                    )
                found = text_of(value, schema)
                if found if schema is not None else found.strip():
                    return found
            if skips:
                return topic
            raise DataError(f"The {what} is null or empty; skip.missing.or.null would keep the present topic")

        return name


def _where(field: str | None) -> str:
    return f"$.{field}" if field else "$"


class ExtractTopicFromSchemaNameConfig(Config):
    """What of the schema's name becomes the topic."""

    topic_map: str | None = option(
        None,
        doc="Topics by schema name, as com.acme.Order:orders,com.acme.Customer:customers.",
        key="schema.name.topic-map",
        importance=LOW,
    )
    schema_name_regex: str | None = option(
        None,
        doc="A regular expression (Java's syntax) with one group, which holds the topic where it is first "
        "found in the schema's name: (?:[.]|^)([^.]*)$ takes what follows the last dot.",
        check=is_regex,
        importance=LOW,
    )

    def problems(self) -> Mapping[str, str | Sequence[str]]:
        if self.topic_map is None:
            return {}
        found: dict[str, str] = {}
        if self.schema_name_regex:
            found["schema.name.regex"] = "must not be given together with schema.name.topic-map"
        try:
            _parse_topics(self.topic_map)
        except ValueError as error:
            found["schema.name.topic-map"] = str(error)
        return found


def _parse_topics(text: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for each in text.split(","):
        name, _, topic = (part.strip() for part in each.partition(":"))
        if not name or not topic or ":" in topic:
            raise ValueError(f"has '{shortened(each)}', which is not of the form schema:topic")
        if name in found:
            raise ValueError(f"names the schema '{shortened(name)}' twice")
        found[name] = topic
    return found


class ExtractTopicFromSchemaName(EditTransform[ExtractTopicFromSchemaNameConfig]):
    """Send records to the topic that the name of their value's schema says."""

    java_names = ("io.aiven.kafka.connect.transforms.ExtractTopicFromSchemaName$Value",)
    reads = frozenset(("value",))

    def __init__(self, config: ExtractTopicFromSchemaNameConfig) -> None:
        super().__init__(config)
        self._topics = _parse_topics(config.topic_map) if config.topic_map is not None else {}
        self._pattern: re.Pattern[str] | None = None
        if config.schema_name_regex:
            self._pattern = compile_java(config.schema_name_regex)

    def edit(self, draft: Draft) -> None:
        schema = draft.value.schema
        if schema is None or schema.name is None:
            raise DataError("The value has no schema with a name, which was to name the topic")
        draft.topic = Const(self._topic_of(schema.name))

    def _topic_of(self, name: str) -> str:
        if name in self._topics:
            return self._topics[name]
        if self._pattern is None or self._pattern.groups != 1:
            return name
        found = self._pattern.search(name)
        if found is None:
            return name
        topic: str | None = found[1]
        if not topic:
            raise DataError("What schema.name.regex takes from the name of the schema is empty")
        return topic
