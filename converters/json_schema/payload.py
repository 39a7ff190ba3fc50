"""The bytes of values: JSON as Jackson writes and reads it, by functions made once a schema.

Each way has the quick variant for good values and the exact one for all else, as JsonConverter has them.
Source: spec registry 4.4, 4.7. An encoder or decoder is called by one thread at a time.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from connectkit.compile import too_deep
from connectkit.converters.json_big import needs_exact
from connectkit.converters.json_parse import BadJsonError, parse
from connectkit.converters.json_reader import (
    ExactDecimalError,
    NotPlainError,
    ValueFunction,
    load_with_decimals,
)
from connectkit.converters.json_schema.indent import indented
from connectkit.converters.json_schema.read_values import ValueReader
from connectkit.converters.json_schema.write_values import ABSENT, ValueWriter
from connectkit.converters.json_text import OPTIONS, as_jackson, dumps, fast_dumps, fast_loads, raw_only
from connectkit.converters.sniff import looks_like
from connectkit.errors import ConversionError, DataError, LimitError
from connectkit.limits import DEFAULT_LIMITS, Limits
from connectkit.schema import Schema

Encode = Callable[[Any, bytes], bytes | None]
"""From a value, and what stands in front of its text."""
Decode = Callable[[bytes, int], Any]
"""From a message, and where its text begins."""
_SAFE_BYTES: Final = 1000
_MISFITS: Final = (DataError, TypeError, OverflowError, AttributeError, ValueError)


def compile_encoder(
    schema: Schema, writer: ValueWriter, *, indent: bool = False, limits: Limits = DEFAULT_LIMITS
) -> Encode:
    """A function to a value's text; None if there is nothing to write, a null where the schema has none.

    It raises ``ConversionError`` with a path for what does not fit, ``LimitError`` for what is too deep.
    """
    tree = writer.compiled(schema)

    def encode(value: Any, prefix: bytes) -> bytes | None:
        try:
            try:
                made = tree(value)
            except _MISFITS:  # again, for a message that names the place
                made = writer.explain(schema, value)
        except RecursionError as exc:
            raise too_deep(limits.depth) from exc
        if made is ABSENT:
            return None
        try:
            out: bytes = fast_dumps(made, raw_only, OPTIONS)
        except TypeError:  # a lone surrogate, or more levels than orjson writes
            return prefix + dumps(made)
        return prefix + (out if 92 not in out and out.isascii() else as_jackson(out))

    def spread(value: Any, prefix: bytes) -> bytes | None:
        out = encode(value, b"")
        return None if out is None else prefix + indented(out)

    return spread if indent else encode


def compile_decoder(schema: Schema, reader: ValueReader, *, limits: Limits = DEFAULT_LIMITS) -> Decode:
    """A function from a payload to its value; errors have a path and nothing of the value."""
    try:
        value: ValueFunction = reader.compiled(schema)
    except RecursionError as exc:
        raise too_deep(limits.depth) from exc
    load: Callable[[bytes], Any] = fast_loads
    most = limits.value_bytes

    def decode(data: bytes, start: int) -> Any:
        nonlocal load
        data = data[start:]
        if len(data) > _SAFE_BYTES:
            if len(data) > most:
                raise LimitError(
                    f"The message has {len(data)} bytes, more than the {most} that are read as JSON", path="$"
                )
            if needs_exact(data):
                return exactly(data)
        try:
            return value(load(data))
        except ExactDecimalError:
            load = load_with_decimals  # a stream that has decimals as numbers will have more of them
        except (NotPlainError, ValueError):
            return exactly(data)
        except RecursionError as exc:
            raise too_deep(limits.depth) from exc
        return decode(data, 0)

    def exactly(data: bytes) -> Any:
        try:
            return reader.explain(schema, parse(data))
        except BadJsonError as exc:
            hint = looks_like(data)
            raise ConversionError(
                f"The message's payload is no JSON: it {exc.reason}, at byte {exc.at} of it"
                f"{f'; {hint}' if hint else ''}",
                path="$",
            ) from exc
        except RecursionError as exc:
            raise too_deep(limits.depth) from exc

    return decode
