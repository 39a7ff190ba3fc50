"""Explode: one record for each element of an array."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from connectkit.api import R, Transform
from connectkit.errors import DataError
from connectkit.record import ConnectRecord, SchemaPair
from connectkit.schema import Schema, Type
from connectkit.transforms.base import class_name
from connectkit.transforms.multiply import Multiplier, MultiplyConfig


class ExplodeConfig(MultiplyConfig):
    """Which array to take apart, and what the records made of it hold."""


class Explode(Transform[ExplodeConfig]):
    """Make one record of each element of an array in the value; tombstones pass as they are."""

    alias: str | None = None

    def __init__(self, config: ExplodeConfig) -> None:
        super().__init__(config)
        self._multiplier = Multiplier(
            config, schema_of=element_schema, pieces_of=elements, label=lambda: f"{self.alias or 'Explode'}"
        )

    def apply(self, record: R) -> R | list[R]:
        return self._multiplier.apply(record)

    def why_dropped(self, record: ConnectRecord) -> str:
        """What a preview says of a record of which nothing was made."""
        return f"there is nothing in {self.config.path or 'the value'}"

    def output_schemas(self, key_schema: Schema | None, value_schema: Schema | None) -> set[SchemaPair]:
        return self._multiplier.output_schemas(key_schema, value_schema)


def element_schema(schema: Schema) -> Schema:
    """The schema of an array's elements."""
    found = schema.value_schema if schema.type is Type.ARRAY else None
    if found is None:
        raise DataError(f"Only an array can be exploded, and this is of type {schema.type.value}")
    return found


def elements(value: Any) -> Sequence[Any]:
    """The elements of an array."""
    if not isinstance(value, list | tuple):
        raise DataError(f"Only an array can be exploded, and this is of class {class_name(value)}")
    return value
