"""Values that fit a schema, values that do not, and values that need none."""

from __future__ import annotations

import math
from datetime import datetime
from decimal import Decimal
from typing import Any

from hypothesis import strategies as st

from connectkit import logical
from connectkit.builder import SchemaBuilder
from connectkit.float32 import round32
from connectkit.instant import DAY_MS, date_from, time_from, timestamp_from
from connectkit.schema import (
    DATE_NAME,
    DECIMAL_NAME,
    FINE_NAMES,
    INT_BITS,
    LOGICAL_NAMES,
    TIME_NAME,
    TIMESTAMP_NAME,
    Schema,
    Type,
)
from connectkit.struct import Struct

# What is easily mistaken for something else, cut off, rounded or trimmed.
_AWKWARD_TEXTS = (
    "",
    " padded ",
    "null",
    "0",
    "true",
    "NaN",
    "a\x00b",
    "line\nbreak",
    "\r\n",
    "\u00e9",
    "e\u0301",
    "\U0001f40d",
    '"',
    "long" * 80,
)
_AWKWARD_BYTES = (b"", b"\x00", b"\xff\xfe", b"text", b"\x80" * 3, b"\x07" * 300)
_AWKWARD_FLOATS = (
    0.0,
    -0.0,
    math.nan,
    math.inf,
    0.1,
    1 / 3,
    1e-7,
    123456789.12345679,
    1e16,
    5e-324,
    1.7976931348623157e308,
)
_AWKWARD_INTEGERS = (0, 1, -1, 255, 256, 1 << 31, (1 << 53) + 1, -(1 << 53) - 1)

_TEXTS = st.sampled_from(_AWKWARD_TEXTS) | st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
_FLOATS = st.sampled_from(_AWKWARD_FLOATS) | st.floats()
_SIMPLE: dict[Type, st.SearchStrategy[Any]] = {
    Type.FLOAT32: (
        st.sampled_from((0.0, -0.0, math.nan, math.inf, 0.1, 1 / 3, 1e-7, 16777217.0, 3.4028234663852886e38))
        | st.floats(width=32)
    ).map(round32),
    Type.FLOAT64: _FLOATS,
    Type.BOOLEAN: st.booleans(),
    Type.STRING: _TEXTS,
    Type.BYTES: st.sampled_from(_AWKWARD_BYTES) | st.binary(max_size=8),
}
for _type, _bits in INT_BITS.items():
    _bound = 1 << (_bits - 1)
    _awkward = [n for n in (*_AWKWARD_INTEGERS, _bound - 1, -_bound) if -_bound <= n < _bound]
    _SIMPLE[_type] = st.sampled_from(_awkward) | st.integers(-_bound, _bound - 1)
_LOGICAL: dict[tuple[str, Type], st.SearchStrategy[Any]] = {
    (DATE_NAME, Type.INT32): st.integers(-700_000, 2_900_000).map(date_from),
    (TIME_NAME, Type.INT32): st.integers(0, DAY_MS - 1).map(time_from),
    (TIMESTAMP_NAME, Type.INT64): st.integers(-62_000_000_000_000, 253_000_000_000_000).map(timestamp_from),
}
# What no ``date``, ``time`` or ``datetime`` holds: years before 1 and after 9999, the end of a day.
_WIDE_LOGICAL: dict[tuple[str, Type], st.SearchStrategy[Any]] = {
    (DATE_NAME, Type.INT32): st.integers(-(10**7), 10**7).map(date_from),
    (TIME_NAME, Type.INT32): st.integers(0, DAY_MS).map(time_from),
    (TIMESTAMP_NAME, Type.INT64): st.integers(-(10**15), 10**15).map(timestamp_from),
}
_UNSCALED = st.integers(-(10**25), 10**25)
_FINE = st.integers(-(1 << 62), (1 << 62) - 1)
_WIDE_FINE = st.integers(-(1 << 63), (1 << 63) - 1)
_FEW = st.integers(0, 3)


@st.composite
def values(draw: st.DrawFn, schema: Schema, *, depth: int = 3, wide: bool = False) -> Any:
    """Values that fit the schema, bounds and all; of a recursive one, at most ``depth`` levels.

    ``wide``: dates and moments also beyond the years that Python knows (:class:`connectkit.Instant`), and
    finer ones to the last bit.
    """
    return draw_value(draw, schema, depth, wide=wide)


def draw_value(draw: st.DrawFn, schema: Schema, depth: int, *, wide: bool = False) -> Any:
    """Draw a value that fits the schema: for strategies that draw more than that."""
    if schema.optional and (depth < 0 or draw(_FEW) == 0):
        return None
    return filled_value(draw, schema, depth, wide=wide)


def filled_value(draw: st.DrawFn, schema: Schema, depth: int, *, wide: bool = False) -> Any:
    """A value that is not null. Draws part by part: to build a strategy for each schema takes longer."""
    if schema.name in LOGICAL_NAMES:
        found = (_WIDE_LOGICAL if wide else _LOGICAL).get((schema.name, schema.type))
        if found is not None:
            return draw(found)
        if schema.name == DECIMAL_NAME and schema.type is Type.BYTES:
            unscaled = draw(_UNSCALED)
            return Decimal((unscaled < 0, tuple(map(int, str(abs(unscaled)))), -logical.schema_scale(schema)))
        if schema.name in FINE_NAMES and schema.type is Type.INT64:
            return logical.to_logical(schema, draw(_WIDE_FINE if wide else _FINE))
    if schema.type is Type.STRUCT:
        return Struct.of(schema, [draw_value(draw, f.schema, depth - 1, wide=wide) for f in schema.fields])
    if schema.type in (Type.ARRAY, Type.MAP):
        inner = schema.value_schema
        count = 0 if depth <= 0 or inner is None else draw(_FEW)
        items: list[Any] = []
        if inner is not None:
            items += (draw_value(draw, inner, depth - 1, wide=wide) for _ in range(count))
        if schema.type is Type.ARRAY:
            # A long one, now and then: lengths are written in ways of their own.
            long = count == 3 and inner is not None and inner.type.is_primitive and draw(_FEW) == 3
            return items * 50 if long else items
        assert schema.key_schema is not None
        return {draw_value(draw, schema.key_schema, depth - 1, wide=wide): item for item in items}
    return draw(_SIMPLE[schema.type])


class _Alien:
    """A class that no schema knows."""

    def __repr__(self) -> str:
        return "object()"


def hostile_values(schema: Schema) -> st.SearchStrategy[Any]:
    """Values that do not fit: of another class, out of range, null where it is required, half a struct."""
    strange: list[Any] = [_Alien(), {1, 2}, complex(1, 2), range(3), datetime(2024, 1, 1), Decimal("NaN")]  # noqa: DTZ001 - a moment nobody knows
    ways: list[st.SearchStrategy[Any]] = [st.sampled_from(strange)]
    if not schema.optional:
        ways.append(st.none())
    if schema.type in INT_BITS and schema.name not in LOGICAL_NAMES:
        bound = 1 << (INT_BITS[schema.type] - 1)
        ways.append(st.sampled_from((bound, -bound - 1, True, 1.0, "1", 1 << 200)))
    elif schema.type is Type.STRING:
        ways.append(st.sampled_from((1, b"text", True, 1.5)))
    elif schema.type in (Type.FLOAT32, Type.FLOAT64):
        ways.append(st.sampled_from((1, "1.5", True)))
    elif schema.type is Type.BOOLEAN:
        ways.append(st.sampled_from((0, 1, "true")))
    elif schema.type is Type.BYTES:
        ways.append(st.sampled_from((1, "text", [1, 2])))
    elif schema.type is Type.STRUCT:
        other = SchemaBuilder.struct().field("other", Schema.STRING).build()
        ways.append(st.just(Struct.of(other, ["x"])))
        ways.append(st.sampled_from(({}, [], "struct")))
    else:
        ways.append(st.sampled_from((1, "text", object)))
    return st.one_of(ways)


_PLAIN_VALUES: st.SearchStrategy[Any] = st.one_of(
    st.none(), st.booleans(), _SIMPLE[Type.INT64], _FLOATS.filter(math.isfinite), _TEXTS
)


def schemaless(*, depth: int = 2) -> st.SearchStrategy[Any]:
    """Values that need no schema: null, booleans, integers, floats, texts, lists, maps of texts."""
    return _PLAIN_VALUES | _collections(depth) if depth > 0 else _PLAIN_VALUES


@st.composite
def _collections(draw: st.DrawFn, depth: int) -> Any:
    inner = schemaless(depth=depth - 1)
    if draw(st.booleans()):
        items = [draw(inner) for _ in range(draw(_FEW))]
        return items * 50 if len(items) == 3 and depth == 1 and draw(_FEW) == 3 else items
    return {draw(_TEXTS): draw(inner) for _ in range(draw(_FEW))}
