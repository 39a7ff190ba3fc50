"""Values of a Python type, as Connect holds them: an enumeration's members, and no other text."""

from __future__ import annotations

import enum
from typing import Annotated, Any, Literal, get_args, get_origin

from hypothesis import assume, reject
from hypothesis import strategies as st

from connectkit.errors import DataError
from connectkit.schema import Schema, Type
from connectkit.struct import Struct
from connectkit.testing.strategies.values import draw_value, filled_value
from connectkit.typed.codec import TypeCodec, type_codec
from connectkit.typed.hints import without_none
from connectkit.typed.shapes import shape_of

_FEW = st.integers(0, 3)


@st.composite
def typed_values(draw: st.DrawFn, hint: Any) -> Any:
    """What :func:`connectkit.schema_of` makes of objects of a type, which the type takes back.

    Values of the type's schema that the type itself refuses are left out: a text that is no member of
    its enumeration, a number that a model's own checks do not let through.
    """
    codec = type_codec(hint)
    value = _draw(draw, hint, codec.schema, 3)
    return None if value is None else _as_it_returns(codec, value)


def _as_it_returns(codec: TypeCodec, value: Any) -> Any:
    """The value that is left when an object was made of it: a default in the place of a null, say."""
    try:
        return codec.to_connect(codec.from_connect(value))
    except DataError:
        reject()


def _draw(draw: st.DrawFn, hint: Any, schema: Schema, depth: int) -> Any:
    inner, optional = without_none(hint)
    if (optional or schema.optional) and (depth < 0 or draw(_FEW) == 0):
        return None
    assume(depth >= -3)  # a class in itself that nothing ends
    origin, args = get_origin(inner), get_args(inner)
    if origin is Annotated:
        named = any(isinstance(each, Schema) for each in args[1:])
        return filled_value(draw, schema, depth) if named else _draw(draw, args[0], schema, depth)
    if isinstance(inner, type) and issubclass(inner, enum.Enum):
        return draw(st.sampled_from([each.value for each in inner]))
    if origin is Literal:
        return draw(st.sampled_from(args))
    if schema.type is Type.ARRAY and schema.value_schema is not None:
        return [_draw(draw, args[0], schema.value_schema, depth - 1) for _ in range(_count(draw, depth))]
    if schema.type is Type.MAP and schema.key_schema is not None and schema.value_schema is not None:
        count = _count(draw, depth)
        keys = [_draw(draw, args[0], schema.key_schema, depth - 1) for _ in range(count)]
        return {key: _draw(draw, args[1], schema.value_schema, depth - 1) for key in keys}
    shape = shape_of(inner) if schema.type is Type.STRUCT else None
    if shape is not None:
        fields = zip(shape.parts, schema.fields, strict=True)
        return Struct.of(schema, [_draw(draw, part.hint, f.schema, depth - 1) for part, f in fields])
    return draw_value(draw, schema, depth) if schema.optional else filled_value(draw, schema, depth)


def _count(draw: st.DrawFn, depth: int) -> int:
    return 0 if depth <= 0 else draw(_FEW)
