"""What readers make of Avro's numbers and bytes where Connect has something of its own.

Shared by generated functions and by the plans of the compiled codec. Pure functions.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from connectkit import logical
from connectkit.converters.avro.model import AvroSchema
from connectkit.converters.avro.resolve import default_symbol
from connectkit.errors import LimitError
from connectkit.float32 import round32
from connectkit.instant import (
    DAY_MS,
    date_from,
    time_from,
    timestamp_from_micros,
    timestamp_from_nanos,
)
from connectkit.limits import Limits
from connectkit.schema import DATE_NAME, FINE_NAMES, TIMESTAMP_MICROS_NAME, Schema, Type

INT_BITS: Final = {Type.INT8: 8, Type.INT16: 16}
"""What is left of an ``int``'s 32 bits."""


def real_of(reader: AvroSchema) -> Callable[[int], float]:
    """What makes a whole number the reader's ``float`` or ``double``."""
    return round32 if reader.kind == "float" else float


def moment_reader(schema: Schema) -> Callable[[int], Any]:
    """What makes a number a date, a time of day or a fine timestamp."""
    if schema.name in FINE_NAMES:
        return timestamp_from_micros if schema.name == TIMESTAMP_MICROS_NAME else timestamp_from_nanos
    if schema.name == DATE_NAME:
        return date_from
    return lambda millis: time_from(millis) if 0 <= millis < DAY_MS else logical.to_time(schema, millis)


def decimal_reader(schema: Schema, limits: Limits) -> Callable[[bytes], Any]:
    """What makes bytes a decimal; ``LimitError`` for too many digits."""
    scale = logical.schema_scale(schema)
    most = limits.digits * 5 // 12 + 1  # a byte holds 2.4 digits

    def read(data: bytes) -> Any:
        if len(data) > most:
            raise LimitError(
                f"The Avro data have a decimal of more than {limits.digits} digits; "
                "if that is intended, raise the limit 'digits'"
            )
        return logical.decimal_of(data, scale)

    return read


def symbols_of(writer: AvroSchema, reader: AvroSchema) -> tuple[str | None, ...]:
    """The reader's symbols by the writer's numbers; None for those it cannot take."""
    return tuple(each if each in reader.symbols else default_symbol(reader) for each in writer.symbols)


def holder(union: AvroSchema, branch: AvroSchema) -> AvroSchema:
    """The branch whose field takes a value: for a fixed, bytes if they come first, as with Confluent's."""
    if branch.kind == "fixed":
        return next(each for each in union.branches if each is branch or each.kind == "bytes")
    return branch
