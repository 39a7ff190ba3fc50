"""Java's numbers: texts as BigDecimal reads them, and its narrowing casts. Bounded, and pure.

No function here takes longer for ``1E+3000000`` than for ``1``. Source: Javadoc of BigDecimal; the
Java language specification 5.1.3 (narrowing).
"""

from __future__ import annotations

import math
import re
from decimal import Decimal

from connectkit.float32 import round32

_TEXT = re.compile(r"[+-]?(\d*)(?:\.(\d*))?(?:[eE]([+-]?\d+))?")
_INT32 = 1 << 31
_INT64 = 1 << 63
_MAX_EXPONENT_DIGITS = 10
_TWO_POWER_64_ENDS_AT = 64  # 10**64 is a multiple of 2**64


def parse_decimal(text: str, max_digits: int) -> Decimal | None:
    """The number that ``new BigDecimal(text)`` would make, or None if the text is none.

    A scale outside 32 bits is no number, as in Java; so is one with more digits than allowed.
    """
    found = _TEXT.fullmatch(text)
    if found is None or (not text.isascii() and max(text) > "\uffff"):
        return None
    whole, fraction, exponent_text = found[1], found[2] or "", found[3]
    if not 0 < len(whole) + len(fraction) <= max_digits:
        return None
    exponent = 0
    if exponent_text is not None:
        if len(exponent_text.lstrip("+-").lstrip("0")) > _MAX_EXPONENT_DIGITS:
            return None
        exponent = int(exponent_text)
    if not (-_INT32 <= exponent < _INT32 and -_INT32 <= len(fraction) - exponent < _INT32):
        return None
    number = Decimal(text)
    return number or number.copy_abs()  # BigDecimal has no negative zero


def to_integral(number: Decimal) -> int | None:
    """The number as an integer of 64 bits, or None if it is not one."""
    if not number:
        return 0
    if not 0 <= number.adjusted() <= 18:
        return None
    whole = int(number)
    return whole if whole == number and -_INT64 <= whole < _INT64 else None


def low_64_bits(number: int) -> int:
    """Java's cast of a wider integer to long."""
    return (number + _INT64) % (2 * _INT64) - _INT64


def cast_to_long(number: float | Decimal) -> int:
    """Java's ``longValue()``: cut off after the point; int and Decimal keep 64 bits, float saturates."""
    if isinstance(number, int):
        return low_64_bits(number)
    if isinstance(number, Decimal):
        exponent = number.as_tuple().exponent
        if not isinstance(exponent, int) or number.adjusted() < 0 or exponent >= _TWO_POWER_64_ENDS_AT:
            return 0
        return low_64_bits(int(number))
    if math.isnan(number):
        return 0
    if not -_INT64 <= number < _INT64:
        return _INT64 - 1 if number > 0 else -_INT64
    return int(number)


def cast_to_bits(number: int, bits: int) -> int:
    """Java's cast of a long to a narrower integer: the low bits, signed."""
    half = 1 << (bits - 1)
    return (number + half) % (2 * half) - half


def cast_to_integer(number: float | Decimal, bits: int) -> int:
    """Java's ``byteValue()``, ``shortValue()`` …: a float saturates at 32 bits first, if not at 64."""
    if bits < 64 and isinstance(number, float):
        return cast_to_bits(min(max(cast_to_long(number), -_INT32), _INT32 - 1), bits)
    return cast_to_bits(cast_to_long(number), bits)


def to_float(number: float | Decimal) -> float:
    """Java's ``doubleValue()``: beyond the range it is infinite."""
    try:
        return float(number)
    except OverflowError:
        return math.inf if number > 0 else -math.inf
    except ValueError:  # a signalling NaN, which only decimals have
        return math.nan


def to_float32(number: Decimal) -> float:
    """The binary32 number nearest to a decimal, rounded once and not by way of binary64."""
    near = float(number)
    below, above = math.nextafter(near, -math.inf), math.nextafter(near, math.inf)
    if round32(below) != round32(above) and math.isfinite(near):
        # Close to the middle between two binary32 numbers: the decimal says on which side it is.
        exact = Decimal(near)
        near = below if number < exact else above if number > exact else near
    return round32(near)
