"""What compiled expressions call: operators on values of unknown type, bounded where Python's are not.

Where types are known beforehand operators are written out instead; these look at each value. A null in
gives null out. Results are bounded: integers to 64 bits, texts and decimals to :data:`LIMITS`. Errors are
``DataError`` without the place, which the expression adds. Pure functions, hence thread-safe.
"""

from __future__ import annotations

import decimal
from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime, time
from decimal import Decimal
from typing import Any

from connectkit.errors import DataError, LimitError
from connectkit.instant import TEMPORAL_TYPES, Instant, nanos_of
from connectkit.limits import DEFAULT_LIMITS as LIMITS
from connectkit.schema import StructValue
from connectkit.transforms.base import class_name

MAX_INT = (1 << 63) - 1
MIN_INT = -(1 << 63)
MAX_CHARS = LIMITS.value_bytes
MAX_DIGITS = LIMITS.digits

EXACT = decimal.Context(
    prec=MAX_DIGITS,
    Emin=-99_999,
    Emax=99_999,
    rounding=decimal.ROUND_HALF_EVEN,
    traps=[decimal.InvalidOperation, decimal.DivisionByZero, decimal.Overflow, decimal.Inexact],
)
"""For sums and products, which are exact or an error."""
ROUNDED = decimal.Context(
    prec=MAX_DIGITS,
    Emin=-99_999,
    Emax=99_999,
    rounding=decimal.ROUND_HALF_EVEN,
    traps=[decimal.InvalidOperation, decimal.DivisionByZero, decimal.Overflow],
)
QUOTIENT_SCALE = 6
"""Digits behind the point that a quotient of decimals has at least."""


def overflow(*_: Any) -> DataError:
    """The error of an integer that needs more than 64 bits."""
    return DataError("The result needs more than the 64 bits of an int64; float() has room for more")


def too_long(*_: Any) -> DataError:
    """The error of a text that grew beyond all bounds."""
    return LimitError(f"The text would have more than {MAX_CHARS} characters")


def unfit(operator: str, a: Any, b: Any) -> DataError:
    """The error of an operator and classes that do not go together."""
    return DataError(f"'{operator}' cannot combine values of class {class_name(a)} and {class_name(b)}")


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float | Decimal) and not isinstance(value, bool)


def whole(number: int) -> int:
    """An integer of 64 bits."""
    if not MIN_INT <= number <= MAX_INT:
        raise overflow()
    return number


def bounded_text(text: str) -> str:
    """A text within the limit."""
    if len(text) > MAX_CHARS:
        raise too_long()
    return text


# --- decimals


def decimal_add(a: Any, b: Any) -> Decimal:
    """``a + b``, exactly."""
    return EXACT.add(a, b)


def decimal_sub(a: Any, b: Any) -> Decimal:
    """``a - b``, exactly."""
    return EXACT.subtract(a, b)


def decimal_mul(a: Any, b: Any) -> Decimal:
    """``a * b``, exactly."""
    return EXACT.multiply(a, b)


def decimal_mod(a: Any, b: Any) -> Decimal:
    """``a % b``; the sign is that of ``a``, as with Python's decimals."""
    return EXACT.remainder(a, b)


def decimal_floordiv(a: Any, b: Any) -> Decimal:
    """``a // b``, cut off towards zero, as with Python's decimals."""
    return EXACT.divide_int(a, b)


def decimal_div(scale: int) -> Callable[[Any, Any], Decimal]:
    """Division with a quotient of that scale, rounded half to even."""
    unit = Decimal((0, (1,), -scale))
    return lambda a, b: ROUNDED.quantize(ROUNDED.divide(a, b), unit)


def fit_scale(scale: int) -> Callable[[Any], Decimal]:
    """The same number with that many digits behind the point; digits that are not zero are never cut off."""
    unit = Decimal((0, (1,), -scale))

    def fit(value: Any) -> Decimal:
        number = value if type(value) is Decimal else Decimal(value)
        if number.as_tuple().exponent == -scale:
            return number
        try:
            return EXACT.quantize(number, unit)
        except decimal.Inexact:
            raise DataError(
                f"The result has more than {scale} digits behind the point; round(…, {scale}) rounds it"
            ) from None

    return fit


def round_scale(scale: int) -> Callable[[Any], Decimal]:
    """A number or text as a decimal of that scale, rounded half to even."""
    unit = Decimal((0, (1,), -scale))

    def convert(value: Any) -> Decimal:
        if isinstance(value, bool) or not isinstance(value, int | float | str | Decimal):
            raise DataError(f"A value of class {class_name(value)} is no decimal")
        if isinstance(value, str):
            value = value.strip()
            if len(value) > MAX_DIGITS or not value.isascii() or "_" in value:
                raise DataError("The text is no number")
        elif isinstance(value, float):
            value = repr(value)
        try:
            return ROUNDED.quantize(ROUNDED.create_decimal(value), unit)
        except decimal.DecimalException:
            raise DataError("The value is no finite number of at most 1000 digits") from None

    return convert


# --- operators


def add(a: Any, b: Any) -> Any:
    """``a + b`` of numbers or texts."""
    if a is None or b is None:
        return None
    if isinstance(a, str) and isinstance(b, str):
        return bounded_text(a + b)
    return _numeric("+", a, b, lambda x, y: x + y, decimal_add)


def sub(a: Any, b: Any) -> Any:
    """``a - b``."""
    return _numeric("-", a, b, lambda x, y: x - y, decimal_sub)


def mul(a: Any, b: Any) -> Any:
    """``a * b``; texts are not repeated."""
    return _numeric("*", a, b, lambda x, y: x * y, decimal_mul)


def mod(a: Any, b: Any) -> Any:
    """``a % b``."""
    return _numeric("%", a, b, lambda x, y: x % y, decimal_mod)


def floordiv(a: Any, b: Any) -> Any:
    """``a // b``."""
    return _numeric("//", a, b, lambda x, y: x // y, decimal_floordiv)


def div(a: Any, b: Any) -> Any:
    """``a / b``: a float, or of decimals a decimal."""
    if isinstance(a, Decimal) or isinstance(b, Decimal):
        digits = [-n.as_tuple().exponent for n in (a, b) if isinstance(n, Decimal) and n.is_finite()]  # type: ignore[operator]  # finite ones have a number there
        scale = max(QUOTIENT_SCALE, *digits) if digits else QUOTIENT_SCALE
        if scale > MAX_DIGITS:
            raise LimitError(f"The quotient would have more than {MAX_DIGITS} digits")
        return _numeric("/", a, b, lambda x, y: x / y, decimal_div(scale))
    return _numeric("/", a, b, lambda x, y: x / y, decimal_mul)


def _numeric(
    sign: str,
    a: Any,
    b: Any,
    plain: Callable[[Any, Any], Any],
    exact: Callable[[Any, Any], Decimal],
) -> Any:
    if a is None or b is None:
        return None
    if not (_is_number(a) and _is_number(b)):
        raise unfit(sign, a, b)
    if isinstance(a, Decimal) or isinstance(b, Decimal):
        if isinstance(a, float) or isinstance(b, float):
            raise unfit(sign, a, b)
        return exact(a, b)
    if isinstance(a, int) and isinstance(b, int):
        return _result(plain(whole(a), whole(b)))
    return plain(a, b)


def _result(number: float) -> float:
    return whole(number) if isinstance(number, int) else number


def power(a: Any, b: Any) -> Any:
    """``a ** b``: of integers an integer, and then ``b`` must not be negative."""
    if a is None or b is None:
        return None
    if not (_is_number(a) and _is_number(b)) or isinstance(a, Decimal) or isinstance(b, Decimal):
        raise unfit("**", a, b)
    if isinstance(a, int) and isinstance(b, int):
        if b < 0:
            raise DataError("An integer cannot have a negative exponent; make it a float with float()")
        if b > 63 and not -1 <= a <= 1:
            raise overflow()
        return whole(a ** (b if b < 64 else b % 2 + 2))
    found = a**b
    if isinstance(found, complex):
        raise DataError("A root of a negative number is no number")
    return found


def negative(a: Any) -> Any:
    """``-a``."""
    if isinstance(a, float):
        return -a
    return EXACT.minus(a) if isinstance(a, Decimal) else sub(0, a)


def positive(a: Any) -> Any:
    """``+a``."""
    return a if isinstance(a, float) else add(a, 0)


def _comparable(sign: str, a: Any, b: Any) -> None:
    if _is_number(a) and _is_number(b):
        return
    for kind in (str, bytes, datetime, time):
        if isinstance(a, kind) and isinstance(b, kind):
            return
    if type(a) is date and type(b) is date:
        return
    raise unfit(sign, a, b)


def less(a: Any, b: Any) -> Any:
    """``a < b``."""
    return _ordered("<", a, b, lambda x, y: x < y)


def less_equal(a: Any, b: Any) -> Any:
    """``a <= b``."""
    return _ordered("<=", a, b, lambda x, y: x <= y)


def greater(a: Any, b: Any) -> Any:
    """``a > b``."""
    return _ordered(">", a, b, lambda x, y: x > y)


def greater_equal(a: Any, b: Any) -> Any:
    """``a >= b``."""
    return _ordered(">=", a, b, lambda x, y: x >= y)


def _ordered(sign: str, a: Any, b: Any, compare: Callable[[Any, Any], bool]) -> bool | None:
    if a is None or b is None:
        return None
    if isinstance(a, Instant) or isinstance(b, Instant):
        if not (isinstance(a, TEMPORAL_TYPES) and isinstance(b, TEMPORAL_TYPES)):
            raise unfit(sign, a, b)
        return compare(nanos_of(a), nanos_of(b))
    _comparable(sign, a, b)
    return compare(a, b)


def contains(item: Any, whole_: Any) -> Any:
    """``item in whole``: an element of an array, a key of a map, a field of a struct, a part of a text."""
    if whole_ is None:
        return None
    if isinstance(whole_, StructValue):
        return isinstance(item, str) and whole_.schema.field(item) is not None
    if isinstance(whole_, str):
        if item is None:
            return None
        if not isinstance(item, str):
            raise unfit("in", item, whole_)
        return item in whole_
    if isinstance(whole_, Mapping):
        return isinstance(item, str | int | float | bool | bytes | Decimal | type(None)) and item in whole_
    if isinstance(whole_, list | tuple):
        return item in whole_
    raise unfit("in", item, whole_)


def at_index(items: Any, index: Any) -> Any:
    """The element of a list or character of a text; None where there is none so far."""
    if items is None or index is None:
        return None
    if isinstance(items, Mapping) and isinstance(index, str | int):
        return items.get(index)
    if isinstance(items, StructValue):
        field = items.schema.field(index) if isinstance(index, str) else None
        if field is None:
            raise DataError("The struct has no such field")
        found = items.values[field.index]
        return field.schema.default if found is None else found
    if not isinstance(items, list | tuple | str) or not isinstance(index, int) or isinstance(index, bool):
        raise unfit("[]", items, index)
    return items[index] if -len(items) <= index < len(items) else None


def part(items: Any, *, start: Any = None, end: Any = None) -> Any:
    """``items[start:end]`` of a list or text; an end that is None is open."""
    if not isinstance(items, str | list | tuple):
        raise DataError(f"A value of class {class_name(items)} cannot be cut with [:]")
    for bound in (start, end):
        if bound is not None and (not isinstance(bound, int) or isinstance(bound, bool)):
            raise DataError("The ends of [:] must be integers")
    return items[start:end]


def smallest(*values: Any) -> Any:
    """``min`` of the values, or of one array; null if one is null, and of none."""
    return _extreme("min", values, less)


def largest(*values: Any) -> Any:
    """``max`` of the values, or of one array; null if one is null, and of none."""
    return _extreme("max", values, greater)


def _extreme(name: str, values: Sequence[Any], before: Callable[[Any, Any], Any]) -> Any:
    if len(values) == 1:
        if values[0] is None:
            return None
        if not isinstance(values[0], list | tuple):
            raise DataError(
                f"{name}() of one value needs an array, not a value of class {class_name(values[0])}"
            )
        values = values[0]
    best: Any = None
    for number, value in enumerate(values):
        if value is None:
            return None
        if number == 0 or before(value, best):
            best = value
    return best


def total(items: Any) -> Any:
    """The sum of an array of numbers; 0 of none, null if one is null."""
    if items is None:
        return None
    if not isinstance(items, list | tuple):
        raise DataError(f"sum() needs an array, not a value of class {class_name(items)}")
    found: Any = 0
    for item in items:
        found = add(found, item) if not isinstance(item, str) else sub(found, item)
        if found is None:
            return None
    return found
