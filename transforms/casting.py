"""How a value of one type becomes one of another, by Java's rules (narrowing wraps, text is parsed).

Whole numbers wrap around at the width of the target; fractions are cut off and saturate at 32 or 64
bits first, as Java's casts do. Functions here take non-null values and never quote one in an error.
Source: spec data 3.2 and 6.1.
"""

from __future__ import annotations

import math
import re
from base64 import b64encode
from collections.abc import Callable
from decimal import MAX_EMAX, MAX_PREC, MIN_EMIN, Context, Decimal
from fractions import Fraction
from functools import cache
from typing import Any, Final

from connectkit import logical
from connectkit.errors import DataError
from connectkit.float32 import round32
from connectkit.instant import TEMPORAL_TYPES
from connectkit.javatext import decimal_text, float32_text, float_text
from connectkit.kinds import Kind, parse_kind, trim
from connectkit.moments import fine_text
from connectkit.program import INLINE
from connectkit.schema import FINE_NAMES, INT_BITS, TEMPORAL_NAMES, Schema, StructValue, Type
from connectkit.transforms.base import class_name

Caster = Callable[[Any], Any]

TARGETS: Final = {t.value: t for t in Type if t.is_primitive and t is not Type.BYTES}
"""The types a value can be cast to, by name."""

_INTEGER = re.compile(r"[+-]?\d+\Z")
_HALF = {bits: 1 << (bits - 1) for bits in (8, 16, 32, 64)}


def wrap(number: int, bits: int) -> int:
    """The number modulo two to that power, as a signed one."""
    half = _HALF[bits]
    return ((number + half) & ((half << 1) - 1)) - half


def _wrapper(bits: int) -> Caster:
    half = _HALF[bits]
    mask = (half << 1) - 1
    return lambda number: ((number + half) & mask) - half


def float_to_int(number: float, bits: int) -> int:
    """Cut off the fraction; beyond 32 (for narrower types, 64) bits take the limit, then wrap."""
    half = _HALF[64 if bits == 64 else 32]
    if number != number:
        return 0
    if number >= half:
        return wrap(half - 1, bits)
    if number < -half:
        return wrap(-half, bits)
    return wrap(int(number), bits)


def int_to_float32(number: int) -> float:
    """The nearest binary32 number, rounded once (by way of binary64 it could be rounded twice)."""
    return round32(_odd(Fraction(number)) if abs(number) >> 53 else float(number))


def decimal_to_float32(number: Decimal) -> float:
    """The same for a decimal."""
    nearest = float(number)
    if nearest == 0.0 or abs(nearest) > 1e39:
        return round32(nearest)
    return round32(_odd(Fraction(number)))


def _odd(exact: Fraction) -> float:
    """The binary64 next to the number on whichever side has an odd last bit, if it is not exact.

    Rounding that to binary32 gives what rounding the exact number would have given.
    """
    nearest = float(exact)
    found = Fraction(nearest)
    if found == exact:
        return nearest
    mantissa = int(math.frexp(nearest)[0] * (1 << 53))
    if mantissa & 1:
        return nearest
    return math.nextafter(nearest, math.inf if exact > found else -math.inf)


def _decimal_to_int(number: Decimal) -> int:
    """The whole part, modulo two to the power of 64 where it is huge: the low bits are all that counts."""
    sign, digits, exponent = number.as_tuple()
    assert isinstance(exponent, int)
    if exponent <= 0:
        return int(number)
    low = int("".join(map(str, digits))) * pow(10, exponent, 1 << 64)
    return -low if sign else low


def _parse_integer(target: Type) -> Caster:
    bits = INT_BITS[target]
    half = _HALF[bits]

    def parse(text: str) -> int:
        if _INTEGER.match(text) is None:
            raise DataError(f"A string cannot be cast to {target.value}: it is no whole number")
        # 40 characters hold every number in range; zeros in front may make it longer.
        number = int(text) if len(text) <= 40 else _long_integer(text)
        if not -half <= number < half:
            raise DataError(f"A string cannot be cast to {target.value}: its number is out of range")
        return number

    return parse


def _long_integer(text: str) -> int:
    digits = "".join(str(int(digit)) for digit in text.lstrip("+-")).lstrip("0") or "0"
    return 1 << 64 if len(digits) > 40 else int(text[0] * (text[0] == "-") + digits)


def _parse_double(text: str) -> float:
    try:
        if not text.strip("0123456789.+-eE"):  # all that Python and Java read alike
            return float(text)
        number: float = parse_kind(text, Kind.DOUBLE)
    except ValueError:
        raise DataError("A string cannot be cast to a floating point type: it is no number") from None
    return number


def _parse_float(text: str) -> float:
    number = _parse_double(text)
    if number == 0.0 or number != number or abs(number) > 1e39 or "x" in text.lower():
        return round32(number)
    return decimal_to_float32(Decimal(trim(text).rstrip("fFdD")))


_DECIMAL = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d{1,10})?\Z")
_EXACT = Context(prec=MAX_PREC, Emax=MAX_EMAX, Emin=MIN_EMIN)


def parse_decimal(text: str) -> Decimal:
    """A text in the syntax of Java's ``BigDecimal``; ``DataError`` otherwise."""
    if _DECIMAL.match(text) is not None:
        found = _EXACT.create_decimal(text)
        if found.is_finite():
            return found or found.copy_abs()  # a BigDecimal has no negative zero
    raise DataError("The text cannot be converted to a number")


def parse_integer(text: str) -> int:
    """A text in the syntax of Java's ``BigInteger``; ``DataError`` otherwise."""
    if _INTEGER.match(text) is None:
        raise DataError("The text cannot be converted to a whole number")
    return int(_EXACT.create_decimal(text))


def decimal_to_int(number: Decimal, bits: int) -> int:
    """The whole part, wrapped around at that width."""
    return wrap(_decimal_to_int(number), bits)


def _never(target: Type) -> Caster:
    def refuse(value: Any) -> Any:
        raise DataError(f"A value of class {class_name(value)} cannot be cast to {target.value}")

    return refuse


def _base64(value: bytes | bytearray | memoryview) -> str:
    return b64encode(value).decode("ascii")


def _boolean_text(value: bool) -> str:
    return "true" if value else "false"


def _is_true(text: str) -> bool:
    return text.lower() == "true" if text.isascii() else False


def _low_bits_set(number: Decimal) -> bool:
    return decimal_to_int(number, 64) != 0


def _float_is_true(number: float) -> bool:
    return float_to_int(number, 64) != 0


def same(value: Any) -> Any:
    """The cast that changes nothing; draft edits leave it out."""
    return value


def _from_int(target: Type, source: Type) -> Caster:
    bits = INT_BITS.get(target)
    if bits is not None:
        return same if bits >= INT_BITS[source] else _wrapper(bits)
    if target is Type.FLOAT32:
        return float if INT_BITS[source] <= 16 else int_to_float32
    return {Type.FLOAT64: float, Type.BOOLEAN: bool, Type.STRING: str}[target]


def _from_float(target: Type, source: Type) -> Caster:
    bits = INT_BITS.get(target)
    if bits is not None:
        return lambda number: float_to_int(number, bits)
    if target is Type.FLOAT32:
        return same if source is Type.FLOAT32 else round32
    if target is Type.STRING:
        return float32_text if source is Type.FLOAT32 else float_text
    return same if target is Type.FLOAT64 else _float_is_true


def _from_boolean(target: Type) -> Caster:
    if target in INT_BITS:
        return int
    casters: dict[Type, Caster] = {
        Type.FLOAT32: float, Type.FLOAT64: float, Type.BOOLEAN: same, Type.STRING: _boolean_text,
    }  # fmt: skip
    return casters[target]


def _from_string(target: Type) -> Caster:
    if target in INT_BITS:
        return _parse_integer(target)
    return {
        Type.FLOAT32: _parse_float, Type.FLOAT64: _parse_double, Type.BOOLEAN: _is_true, Type.STRING: same,
    }[target]  # fmt: skip


def _from_decimal(target: Type) -> Caster:
    bits = INT_BITS.get(target)
    if bits is not None:
        return lambda number: decimal_to_int(number, bits)
    casters: dict[Type, Caster] = {
        Type.FLOAT32: decimal_to_float32, Type.FLOAT64: float, Type.BOOLEAN: _low_bits_set,
        Type.STRING: decimal_text,
    }  # fmt: skip
    return casters[target]


def _moment_text(value: Any) -> str:
    from connectkit.values import convert_to_string  # few casts need it

    return str(convert_to_string(None, value))  # a value that is not null has a text


def _by_class(target: Type, source: Type) -> Caster:
    """The cast that looks at the value's class; ``source`` tells the widths of numbers."""
    integer = _from_int(target, source if source in INT_BITS else Type.INT64)
    fraction = _from_float(target, source if source is Type.FLOAT32 else Type.FLOAT64)
    boolean, string, decimal = _from_boolean(target), _from_string(target), _from_decimal(target)
    other = _never(target)

    def cast(value: Any) -> Any:
        if isinstance(value, bool):
            return boolean(value)
        if isinstance(value, int):
            return integer(value)
        if isinstance(value, float):
            return fraction(value)
        if isinstance(value, str):
            return string(value)
        if isinstance(value, Decimal):
            return decimal(value)
        if target is Type.STRING:
            if isinstance(value, TEMPORAL_TYPES):
                return _moment_text(value)
            if isinstance(value, bytes | bytearray | memoryview):
                return _base64(value)
        return other(value)

    return cast


def caster(schema: Schema, target: Type) -> Caster:
    """The cast of non-null values of that schema."""
    source = schema.type
    if not source.is_primitive:
        message = f"A value of type {source.value} cannot be cast; only primitive ones can, and bytes"

        def refuse(value: Any) -> Any:
            raise DataError(message)

        return refuse
    if schema.name is None:
        if source in INT_BITS:
            return _from_int(target, source)
        if source is Type.FLOAT32 or source is Type.FLOAT64:
            return _from_float(target, source)
        if source is Type.BOOLEAN:
            return _from_boolean(target)
        if source is Type.STRING:
            return _from_string(target)
    fine = schema.name
    if fine is not None and fine in FINE_NAMES and target is Type.STRING:
        return lambda value: fine_text(value, fine)
    cast = _by_class(target, source)
    if schema.name in TEMPORAL_NAMES and target is not Type.STRING:
        return lambda value: cast(logical.from_logical(schema, value))
    return cast


_SCHEMALESS_CLASSES = (bool, int, float, str, bytes, bytearray, memoryview)


@cache
def schemaless_caster(target: Type) -> Caster:
    """The cast of non-null values without a schema, by their class; an ``int`` counts as an INT64."""
    base = _by_class(target, Type.INT64)
    exactly: dict[type, Caster] = {
        bool: _from_boolean(target), int: _from_int(target, Type.INT64),
        float: _from_float(target, Type.FLOAT64), str: _from_string(target),
    }  # fmt: skip

    def cast(value: Any) -> Any:
        known = exactly.get(type(value))
        if known is not None:
            return known(value)
        if isinstance(value, _SCHEMALESS_CLASSES):
            return base(value)
        if isinstance(value, list | tuple | dict | StructValue):
            raise DataError(f"A value of class {class_name(value)} cannot be cast; only primitive ones can")
        raise DataError(f"A value of class {class_name(value)} without a schema cannot be cast")

    if target in _WRITTEN_OUT:
        INLINE[cast] = _WRITTEN_OUT[target]
    return cast


_WRITTEN_OUT = {
    Type.STRING: "(repr({x}) if type({x}) is float and 1e-3 <= {x} < 1e7 else {call})",
    Type.INT64: "({x} if type({x}) is int and -0x8000000000000000 <= {x} < 0x8000000000000000 else {call})",
    Type.FLOAT64: "({x} if type({x}) is float else {call})",
    Type.BOOLEAN: "({x} if type({x}) is bool else {call})",
}
"""The commonest case of each cast, as generated code has it."""
