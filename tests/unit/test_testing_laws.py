"""The frame of the laws: what a subclass must name, and what it is told where it does not."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import connectkit
from connectkit import Schema
from connectkit.testing import ConverterLaws, SinkLaws, SourceLaws, TransformLaws, code_of, strategies


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
