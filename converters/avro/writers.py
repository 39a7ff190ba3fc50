"""What becomes Avro's bytes by a function of its own: decimals, fixed values.

Shared by generated functions and by the plans of the compiled codec. Pure functions.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from connectkit import logical
from connectkit.converters.avro.explain import MisfitError
from connectkit.converters.avro.model import AvroSchema
from connectkit.schema import DECIMAL_NAME, Schema


def plain_bytes(value: Any) -> bytes:
    """The bytes of what is a value of BYTES; ``MisfitError`` for all else."""
    if type(value) is bytes:
        return value
    if isinstance(value, bytes | bytearray | memoryview):
        return bytes(value)
    raise MisfitError


def decimal_writer(schema: Schema) -> Callable[[Any], bytes]:
    """What makes a decimal its unscaled number's bytes; ``DataError`` if it has too many digits."""
    return lambda value: logical.from_decimal(schema, value)


def fixed_writer(avro: AvroSchema, schema: Schema) -> Callable[[Any], bytes]:
    """What makes a value exactly as many bytes as the fixed has; ``MisfitError`` where they are not."""
    size = avro.size
    decimal = decimal_writer(schema) if schema.name == DECIMAL_NAME else None

    def write(value: Any) -> bytes:
        if decimal is not None:
            data = decimal(value)
            data = data.rjust(size, b"\xff" if data[0] & 0x80 else b"\0")
        else:
            data = plain_bytes(value)
        if len(data) != size:
            raise MisfitError
        return data

    return write
