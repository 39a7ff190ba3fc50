"""The frame of the laws: what a subclass must name, and what it is told where it does not."""

from __future__ import annotations

import enum
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import pytest
from hypothesis import given

import connectkit
from connectkit import Schema, SchemaBuilder, Struct
from connectkit.testing import (
    BrokenLawError,
    ConverterLaws,
    SinkLaws,
    SourceLaws,
    TransformLaws,
    code_of,
    strategies,
)
from connectkit.typed import type_codec


@connectkit.sink
def nothing(batch: list[connectkit.SinkRecord]) -> None:
    """Writes nothing."""


@pytest.mark.parametrize(
    ("base", "attribute", "plugin"),
    [
        (ConverterLaws, "converter", lambda value: value),
        (SourceLaws, "connector", nothing),
        (TransformLaws, "transform", nothing),
    ],
)
def test_a_plugin_of_another_kind_is_refused_where_the_class_stands(
    base: Any, attribute: str, plugin: Any
) -> None:
    with pytest.raises(TypeError, match=f"Mine.{attribute} must be a class of"):
        type("Mine", (base,), {attribute: plugin})


def test_a_class_without_a_plugin_has_no_tests() -> None:
    class Base(ConverterLaws):
        """For others."""

    assert not [name for name in dir(Base) if name.startswith("test_")]


def test_a_sink_law_asks_for_what_is_written() -> None:
    class OfNothing(SinkLaws):
        connector = nothing

    with pytest.raises(NotImplementedError, match=r"OfNothing.written\(\) must read back"):
        OfNothing().written(Path())


def test_another_object_is_equal_and_no_sibling() -> None:
    from connectkit.testing.strategies.siblings import another_object

    schema = connectkit.SchemaBuilder.struct().name("R").field("a", Schema.STRING).doc("d").build()
    other = another_object(schema)
    assert other == schema
    assert other is not schema
    assert code_of(other) == code_of(schema)
    assert len(strategies.BLOBS) > 10


@dataclass
class Row:
    id: int


@connectkit.sink
def of_rows(batch: list[Row]) -> None:
    """Writes nothing."""


def test_a_sink_law_asks_for_values_of_the_type_that_the_sink_takes(tmp_path: Path) -> None:
    class OfRows(SinkLaws):
        connector = of_rows

        def written(self, directory: Path) -> list[Any]:
            return []

    with pytest.raises(NotImplementedError, match=r"takes Row, and the laws have texts: override value"):
        OfRows().value(0)


@connectkit.converter
def of_nothing(value: Any) -> bytes:
    """Only writes."""
    return repr(value).encode()


@of_nothing.reads
def _(data: bytes) -> Any:
    raise LookupError


def test_a_law_names_its_sentence_also_where_the_plugin_raises() -> None:
    class OfNothing(ConverterLaws):
        converter = of_nothing
        with_schema = False
        schemaless = True

    for name in ("round_trip", "values_are_not_shared", "input_is_untouched"):
        with pytest.raises(BrokenLawError, match="could not be read: ConversionError"):
            getattr(OfNothing(), f"test_{name}")()


class Shade(enum.Enum):
    DARK = "dark"


@dataclass
class Picture:
    shade: Shade
    sides: list[Literal["left", "right"]]
    tags: list[str] = field(default_factory=list)
    best: Picture | None = None


@given(strategies.typed_values(Picture))
def test_values_of_a_type_are_taken_back_by_it(value: Any) -> None:
    codec = type_codec(Picture)
    codec.schema.validate(value)
    assert codec.to_connect(codec.from_connect(value)) == value


def test_a_schema_that_was_told_is_named() -> None:
    schema = SchemaBuilder.struct().field("a", Schema.STRING).build()
    told = code_of(Struct.of(schema, ["x"]), named={schema: "schema"})
    assert told == "Struct.of(schema, ['x'])"
