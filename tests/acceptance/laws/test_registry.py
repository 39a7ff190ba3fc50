"""The converters that keep their schemas in a registry keep the laws, too."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from typing import Any

from hypothesis import strategies as st

from connectkit.api import Converter
from connectkit.builder import SchemaBuilder
from connectkit.converters.avro.converter import AvroConverter
from connectkit.converters.json_schema.converter import JsonSchemaConverter
from connectkit.converters.protobuf.converter import ProtobufConverter
from connectkit.converters.registry.opening import mock_registry
from connectkit.plugin import PluginKind, plugins
from connectkit.schema import Schema, Type
from connectkit.testing import ConverterLaws, strategies
from tests.acceptance.laws.losses import each_leaf, json_number
from tests.unit.test_converters_avro_roundtrip import for_avro, like, same
from tests.unit.test_converters_protobuf_roundtrip import fits, for_protobuf
from tests.unit.test_converters_protobuf_roundtrip import same as same_message

KINDS: tuple[PluginKind, ...] = ("converter", "header_converter")
_SCOPES = itertools.count()


class _Registry(ConverterLaws):
    """Each converter with a registry of its own, which takes any schema after any other."""

    scope: str

    def configuration(self) -> Mapping[str, str]:
        return {**self.config, "schema.registry.url": f"mock://laws-{next(_SCOPES)}"}

    def make(self) -> Converter[Any]:
        made = super().make()
        url: Any = made.config.schema_registry_url
        mock_registry(url[0].removeprefix("mock://")).set_level("", "NONE")
        return made

    def schemas(self) -> st.SearchStrategy[Schema]:
        return strategies.schemas(
            field_names=strategies.identifiers(), defaults=False, attributes=False, string_keys=True
        ).map(for_avro)

    def same_schema(self, wanted: Schema | None, found: Schema | None) -> bool:
        """All but the version, which is that of the subject, and the names that the formats require."""
        return wanted is not None and found is not None and like(found, wanted)

    def same_value(self, wanted: Any, found: Any) -> bool:
        return same(wanted, found)


class TestAvro(_Registry):
    converter = AvroConverter


class TestJsonSchema(_Registry):
    converter = JsonSchemaConverter

    def lost(self, schema: Schema | None, value: Any) -> tuple[Schema | None, Any]:
        return schema, each_leaf(schema, value, json_number)


class TestProtobuf(_Registry):
    """Structs, as far as Protobuf can say them: what it reads back has other widths and no nulls."""

    converter = ProtobufConverter

    def schemas(self) -> st.SearchStrategy[Schema]:
        inner = strategies.schemas(
            field_names=strategies.identifiers(), defaults=False, attributes=False, string_keys=True
        )
        fields = st.lists(inner, min_size=1, max_size=3)
        return fields.map(lambda found: for_protobuf(_struct(found), itertools.count()) or _NO_FIELDS)

    def supports(self, schema: Schema) -> bool:
        return False

    def same_schema(self, wanted: Schema | None, found: Schema | None) -> bool:
        return found is not None and found.type is Type.STRUCT

    def same_value(self, wanted: Any, found: Any) -> bool:
        return wanted is None or not fits(wanted) or same_message(wanted, found, wanted.schema)


def _struct(fields: list[Schema]) -> Schema:
    builder = SchemaBuilder.struct()
    for number, schema in enumerate(fields):
        builder.field(f"x{number}", schema)
    return builder.build()


_NO_FIELDS = SchemaBuilder.struct().name("R0").build()


def test_every_installed_converter_is_under_the_laws() -> None:
    here = {cls.converter for cls in _law_classes(ConverterLaws)} - {None}
    installed = {plugins.find(kind, info.name).cls for kind in KINDS for info in plugins.all(kind)}
    assert installed <= here


def _law_classes(base: type[ConverterLaws]) -> list[type[ConverterLaws]]:
    from tests.acceptance.laws import test_json, test_simple  # noqa: F401 - their classes are what is looked for

    found = [base]
    for each in base.__subclasses__():
        found += _law_classes(each)
    return found
