"""The JSON converter keeps the laws, with schemas and without."""

from __future__ import annotations

from typing import Any, ClassVar, Literal

from hypothesis import strategies as st

from connectkit.converters.json import JsonConverter
from connectkit.schema import Schema
from connectkit.testing import ConverterLaws, strategies
from tests.acceptance.laws.losses import each_leaf, json_number


class TestJson(ConverterLaws):
    """With the schema in every message."""

    converter = JsonConverter
    nulls: ClassVar[Literal["kept", "default"]] = "default"
    schemaless = True

    def lost(self, schema: Schema | None, value: Any) -> tuple[Schema | None, Any]:
        return schema, each_leaf(schema, value, json_number)


class TestJsonWithNulls(TestJson):
    nulls: ClassVar[Literal["kept", "default"]] = "kept"
    config = {"replace.null.with.default": "false"}


class TestJsonWithoutSchemas(ConverterLaws):
    """Without: maps and lists, whose integers are wide."""

    converter = JsonConverter
    config = {"schemas.enable": "false"}
    with_schema = False
    schemaless = True
    stable_schema = False

    def lost(self, schema: Schema | None, value: Any) -> tuple[Schema | None, Any]:
        return schema, each_leaf(schema, value, json_number)

    def schemaless_values(self) -> st.SearchStrategy[Any]:
        return strategies.schemaless()
