"""Aiven's ExtractTimestamp: a field of the key or value becomes the record's timestamp."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

from connectkit.checks import non_empty_string
from connectkit.config import HIGH, LOW, Config, option
from connectkit.draft import Draft, Side
from connectkit.edit import SideTransform
from connectkit.errors import DataError
from connectkit.instant import TEMPORAL_TYPES, millis_of
from connectkit.program import Var
from connectkit.schema import DATE_NAME, TIME_NAME, TIMESTAMP_NAME, Schema, Type
from connectkit.suggest import did_you_mean, shortened
from connectkit.transforms.base import class_name

_LONGEST = (1 << 63) - 1


class ExtractTimestampConfig(Config):
    """Where the time stands."""

    field_name: str = option(
        doc="The field that holds the time: an INT64 or a Timestamp, not null.",
        check=non_empty_string,
        importance=HIGH,
    )
    timestamp_resolution: Literal["milliseconds", "seconds"] = option(
        "milliseconds", doc="What an INT64 counts since 1970; a Timestamp has its own.", importance=LOW
    )


class ExtractTimestamp(SideTransform[ExtractTimestampConfig]):
    """Make a field of the key or value the record's timestamp."""

    java_names = ("io.aiven.kafka.connect.transforms.ExtractTimestamp",)
    purpose = "extraction of the timestamp"

    def edit_side(self, draft: Draft, side: Side) -> None:
        field = self.config.field_name
        if side.schema is None:
            side.require_map(self.purpose)
            source = side.get_item(field)
        else:
            source = self._slot(side, field)
        read = _reader(1000 if self.config.timestamp_resolution == "seconds" else 1)
        draft.timestamp = draft.call(read, source, where=f"$.{field}")

    def _slot(self, side: Side, name: str) -> Var:
        schema = side.require_struct(self.purpose)
        field = schema.field(name)
        if field is None:
            hint = did_you_mean(name, [each.name for each in schema.fields])
            raise DataError(f"There is no field '{shortened(name)}' to take the time from{hint}")
        if not _is_time(field.schema):
            raise DataError(
                f"The time must be an INT64 or a Timestamp, and is of type {field.schema.type.value}",
                path=f"$.{name}",
            )
        return side.read(self.purpose, with_defaults=True)[field.index]


def _is_time(schema: Schema) -> bool:
    return schema.type is Type.INT64 or schema.name in (DATE_NAME, TIME_NAME, TIMESTAMP_NAME)


def _reader(factor: int) -> Callable[[Any], int]:
    def read(value: Any) -> int:
        if isinstance(value, TEMPORAL_TYPES):
            return millis_of(value)
        if isinstance(value, int) and not isinstance(value, bool) and -_LONGEST - 1 <= value <= _LONGEST:
            return max(-_LONGEST - 1, min(value * factor, _LONGEST))
        if value is None:
            raise DataError("The field the time is taken from is missing or null")
        raise DataError(f"The time must be an INT64 or a Timestamp, not a value of class {class_name(value)}")

    return read
