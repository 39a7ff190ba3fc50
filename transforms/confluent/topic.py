"""Confluent's ExtractTopic: names the topic after a field, a key, a value or a header."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal

from connectkit.checks import non_empty_string
from connectkit.config import MEDIUM, Config, option
from connectkit.draft import Draft, Kind, Side
from connectkit.edit import NEITHER, EditTransform, SideTransform
from connectkit.errors import DataError
from connectkit.headers import Headers
from connectkit.program import NONE, Var
from connectkit.transforms.base import class_name
from connectkit.transforms.jsonpath import MISSING, compile_path

_SKIP_DOC = "Whether a record whose topic name is missing or null keeps its topic, instead of failing."


class ConfluentExtractTopicConfig(Config):
    """Where the topic's name stands."""

    field: str = option(
        "", doc="The field that holds the name; empty: the whole key or value is the name.", importance=MEDIUM
    )
    field_format: Literal["PLAIN", "JSON_PATH"] = option(
        "PLAIN", doc="Whether the field is a plain name, or a JSONPath into nested fields.", importance=MEDIUM
    )
    skip_missing_or_null: bool = option(False, doc=_SKIP_DOC, importance=MEDIUM)

    def problems(self) -> Mapping[str, str | Sequence[str]]:
        if self.field_format != "JSON_PATH" or not self.field:
            return {}
        try:
            path = compile_path(self.field)
        except ValueError as error:
            return {"field": str(error)}
        return {} if path.is_definite else {"field": "must lead to one value: no wildcards and no filters"}


class ConfluentExtractTopic(SideTransform[ConfluentExtractTopicConfig]):
    """Send records to the topic that their key, their value, or a field in it names."""

    java_names = ("io.confluent.connect.transforms.ExtractTopic",)
    purpose = "extraction of the topic"

    def edit_side(self, draft: Draft, side: Side) -> None:
        field = self.config.field
        where = f"the {self.side}" if not field else f"the configured field of the {self.side}"
        name = topic_namer(where, skips=self.config.skip_missing_or_null)
        draft.topic = draft.call(name, self._source(draft, side), draft.topic, where=_where(field))

    def _source(self, draft: Draft, side: Side) -> Var:
        field = self.config.field
        if not field:
            return side.whole()
        if side.is_null:
            return NONE
        if self.config.field_format == "JSON_PATH":
            read = compile_path(field).value
            return draft.call(lambda value: None if (v := read(value)) is MISSING else v, side.whole())
        if side.kind is Kind.MAP:
            return side.get_item(field)
        schema = side.require_struct(self.purpose)
        found = schema.field(field)
        if found is None:
            return NONE
        return side.read(self.purpose, with_defaults=True)[found.index]


def _where(field: str) -> str:
    return "$" if not field else field if field.startswith("$") else f"$.{field}"


def topic_namer(where: str, *, skips: bool) -> Callable[[Any, str | None], str | None]:
    """From what stands at the place, and the present topic, to the new one."""

    def name(value: Any, topic: str | None) -> str | None:
        if isinstance(value, str) and value:
            return value
        if value is not None and not isinstance(value, str):
            raise DataError(f"A topic needs a string, and {where} is of class {class_name(value)}")
        if skips:
            return topic
        raise DataError(f"There is no topic in {where}; skip.missing.or.null would keep the present one")

    return name


class ExtractTopicHeaderConfig(Config):
    """The header that holds the topic's name."""

    field: str = option(doc="The header's name.", check=non_empty_string, importance=MEDIUM)
    field_format: Literal["PLAIN"] = option("PLAIN", doc="Headers have plain names only.", importance=MEDIUM)
    skip_missing_or_null: bool = option(False, doc=_SKIP_DOC, importance=MEDIUM)


class ExtractTopicHeader(EditTransform[ExtractTopicHeaderConfig]):
    """Send records to the topic that the last header of a name holds."""

    java_names = ("io.confluent.connect.transforms.ExtractTopic$Header",)
    reads = NEITHER

    def edit(self, draft: Draft) -> None:
        key = self.config.field
        name = topic_namer("the configured header", skips=self.config.skip_missing_or_null)

        def from_headers(headers: Headers, topic: str | None) -> str | None:
            found = headers.last_with_name(key)
            return name(None if found is None else found.value, topic)

        draft.topic = draft.call(from_headers, draft.headers, draft.topic)
