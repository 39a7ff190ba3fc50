"""Text of unknown type to a typed value (Connect's ``Values.parseString``).

The grammar is Connect's own, with all its habits: see spec data 1.8.2. What is no literal, list or map
is a string, and so are lists and maps that are malformed, nested deeper than the limits allow, or have
keys that a Python dict cannot hold. Every text gives a result, in time linear in its length.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache
from typing import Any

from connectkit._numbers import parse_decimal, to_float, to_float32, to_integral
from connectkit._values_convert import convert_to
from connectkit._values_text import DATE_FORMAT, TIME_FORMAT, TIMESTAMP_FORMAT
from connectkit.builder import SchemaBuilder
from connectkit.dateformat import DateFormat
from connectkit.errors import ConversionError, DataError
from connectkit.instant import DAY_MS, date_from, time_from, timestamp_from
from connectkit.limits import DEFAULT_LIMITS, Limits
from connectkit.logical import DATE, TIME, TIMESTAMP, decimal_schema, scale_of
from connectkit.schema import NULL, Schema, SchemaAndValue, Type

_BLANKS = "".join(map(chr, range(0x21)))  # what Java's trim() takes off
# A delimiter, or all up to the next one; a backslash takes the character behind it along.
_TOKEN = re.compile(r'[:,{}\[\]"]|(?:\\.|[^\\:,{}\[\]"])+\\?|\\', re.DOTALL)
# A text that begins with one of the other printable ASCII characters can only be a string.
_STRINGS_BEGIN = frozenset(map(chr, range(0x21, 0x7F))) - frozenset("0123456789+-[{ntf")
_DATE_CHARS, _TIME_CHARS, _TIMESTAMP_CHARS = 10, 13, 24
_RANK = {
    t: i for i, t in enumerate((Type.INT8, Type.INT16, Type.INT32, Type.INT64, Type.FLOAT32, Type.FLOAT64))
}
_INT_SCHEMAS = ((1 << 7, Schema.INT8), (1 << 15, Schema.INT16), (1 << 31, Schema.INT32))
_TRUE = SchemaAndValue(Schema.BOOLEAN, True)
_FALSE = SchemaAndValue(Schema.BOOLEAN, False)


def parse_string(text: str | None, *, limits: Limits = DEFAULT_LIMITS) -> SchemaAndValue:
    """The value that a text stands for, with the narrowest schema. ``null`` and None are ``NULL``."""
    if text is None:
        return NULL
    if not text or text[0] in _STRINGS_BEGIN:
        return SchemaAndValue(Schema.STRING, text)
    return _Parser(text, limits).parse(embedded=False, depth=limits.depth)


def _is_blank(token: str) -> bool:
    """Blank as Kafka's utilities have it: nothing but characters up to U+0020."""
    return not token.strip(_BLANKS)


class _Parser:
    """Reads tokens: delimiters, and the texts between them. One token of look-ahead."""

    __slots__ = ("_at", "_limits", "_next", "_text")

    def __init__(self, text: str, limits: Limits) -> None:
        self._text = text
        self._limits = limits
        self._at = 0
        self._next: str | None = None  # a token that was read but not consumed

    # --- tokens ---

    def _has_next(self) -> bool:
        return self._next is not None or self._at < len(self._text)

    def _mark(self) -> int:
        return self._at - len(self._next or "")

    def _rewind(self, position: int) -> None:
        self._at = position
        self._next = None

    def _take(self) -> str:
        token = self._next
        self._next = None
        return self._read() if token is None else token

    def _read(self) -> str:
        start = self._at
        found = _TOKEN.match(self._text, start)
        assert found is not None  # the callers see to it that there is text left
        self._at = found.end()
        return found[0]

    def _take_text(self, count: int) -> str | None:
        """The text of that many tokens; None, and nothing is taken, if there are fewer."""
        start = self._mark()
        for _ in range(count):
            if not self._has_next():
                self._rewind(start)
                return None
            self._take()
        return self._text[start : self._at]

    def _consume(self, expected: str) -> bool:
        """Take the next token if it is that one, blanks around it and blank tokens before it aside."""
        if not self._has_next():
            return False
        token = self._take()
        while _is_blank(token) and self._at < len(self._text):
            token = self._read()
        if token.strip(_BLANKS) == expected:
            return True
        self._next = token
        return False

    def _consume_literal(self, literal: str, embedded: bool) -> bool:
        start = self._mark()
        if self._consume(literal) and (embedded or not self._has_next()):
            return True
        self._rewind(start)
        return False

    # --- values ---

    def parse(self, *, embedded: bool, depth: int) -> SchemaAndValue:
        """One value. Inside a collection, what is no value is an error; elsewhere it is a string."""
        if not self._has_next():
            return NULL
        if embedded and self._consume('"'):
            return self._parse_quoted()
        if self._consume_literal("null", embedded):
            return NULL
        if self._consume_literal("true", embedded):
            return _TRUE
        if self._consume_literal("false", embedded):
            return _FALSE
        start = self._mark()
        try:
            if self._consume("["):
                return self._parse_array(depth)
            if self._consume("{"):
                return self._parse_map(depth)
        except DataError:
            self._rewind(start)
        token = self._take()
        if _is_blank(token):
            return SchemaAndValue(Schema.STRING, token)
        return self._parse_token(token.strip(_BLANKS), embedded)

    def _parse_token(self, token: str, embedded: bool) -> SchemaAndValue:
        digit = token[:1].isdecimal() and token[0] <= "\uffff"
        if digit:
            start = self._mark()
            rest = self._take_text(4)  # colons that are not escaped split a time into five tokens
            found = None if rest is None else _parse_temporal(token + rest)
            if found is None:
                self._rewind(start)
                found = _parse_temporal(token)
            if found is not None:
                return found
        if digit or token[:1] in ("+", "-"):
            number = _parse_number(token, self._limits.digits)
            if number is not None:
                return number
        if embedded:
            raise ConversionError("Failed to parse embedded value")
        return SchemaAndValue(Schema.STRING, self._text)

    def _parse_quoted(self) -> SchemaAndValue:
        parts: list[str] = []
        while self._has_next() and not self._consume('"'):  # which drops blank tokens, as in Connect
            parts.append(self._take())
        content = "".join(parts)
        return _parse_temporal(content) or SchemaAndValue(Schema.STRING, content)

    def _parse_array(self, depth: int) -> SchemaAndValue:
        if depth <= 0:
            raise ConversionError("Arrays are nested too deeply")
        values: list[Any] = []
        common = _Common()
        while self._has_next():
            if self._consume("]"):
                if common.schema is None:
                    return SchemaAndValue(SchemaBuilder.array_of(None).build(), values)
                element = common.schema
                return SchemaAndValue(
                    SchemaBuilder.array_of(element).build(), [convert_to(element, None, v) for v in values]
                )
            if self._consume(","):
                raise ConversionError("An array has an empty element")
            found = self.parse(embedded=True, depth=depth - 1)
            common.add(found.schema)
            values.append(found.value)
            if len(values) > self._limits.items:
                raise ConversionError("An array has too many elements")
            position = self._mark()
            if self._consume("]"):
                self._rewind(position)
            elif not self._consume(","):
                raise ConversionError("Array elements are not separated by a comma")
        raise ConversionError("An array is not closed")

    def _parse_map(self, depth: int) -> SchemaAndValue:
        if depth <= 0:
            raise ConversionError("Maps are nested too deeply")
        made: dict[tuple[type, Any], Any] = {}  # 1, 1.0 and true are different keys in Java
        keys, items = _Common(), _Common()
        while self._has_next():
            if self._consume("}"):
                return _map_of(keys.schema, items.schema, made)
            if self._consume(","):
                raise ConversionError("A map has an empty entry")
            key = self.parse(embedded=True, depth=depth - 1)
            if key.value is None:
                raise ConversionError("A map cannot have a null key")
            if not self._consume(":"):
                raise ConversionError("A key of a map is not followed by a colon")
            item = self.parse(embedded=True, depth=depth - 1)
            self._consume(",")
            plain = _hashable(key.value)
            made[type(plain), plain] = item.value
            keys.add(key.schema)
            items.add(item.schema)
            if len(made) > self._limits.items:
                raise ConversionError("A map has too many entries")
        raise ConversionError("A map is not closed")


def _hashable(key: Any) -> Any:
    if isinstance(key, list):
        return tuple(map(_hashable, key))
    if isinstance(key, dict):
        raise ConversionError("A Python dict cannot have a map as a key")
    return key


def _map_of(key: Schema | None, item: Schema | None, made: dict[tuple[type, Any], Any]) -> SchemaAndValue:
    if key is None:
        plain = {k: v for (_, k), v in made.items()}
        if len(plain) != len(made):
            raise ConversionError("A map has keys that differ in Java but not in Python, such as 1 and true")
        return SchemaAndValue(SchemaBuilder.map_of(None, None).build(), plain)
    align: Callable[[Any], Any] = (lambda v: v) if item is None else (lambda v: convert_to(item, None, v))
    aligned = {_hashable(convert_to(key, None, k)): align(v) for (_, k), v in made.items()}
    return SchemaAndValue(SchemaBuilder.map_of(key, item).build(), aligned)


class _Common:
    """The schema that all elements so far can be converted to; None if there is none."""

    __slots__ = ("_lost", "schema")

    def __init__(self) -> None:
        self.schema: Schema | None = None
        self._lost = False

    def add(self, latest: Schema | None) -> None:
        """Take in the next element's schema. Nulls (no schema) change nothing."""
        if latest is None or self._lost:
            return
        if self.schema is None:
            self.schema = latest
            return
        self.schema = _merged(self.schema, latest)
        self._lost = self.schema is None


def _merged(previous: Schema, latest: Schema) -> Schema | None:
    if previous.type is not latest.type:
        if previous.type not in _RANK or latest.type not in _RANK:
            return None
        return latest if _RANK[previous.type] < _RANK[latest.type] else previous
    if previous.optional == latest.optional:
        return previous if previous.optional else latest
    return previous if previous == latest else None


# --- literals ---


def _parse_number(token: str, max_digits: int) -> SchemaAndValue | None:
    number = parse_decimal(token, max_digits)
    if number is None:
        return None
    whole = to_integral(number)
    if whole is not None:
        for bound, schema in _INT_SCHEMAS:
            if -bound <= whole < bound:
                return SchemaAndValue(schema, whole)
        return SchemaAndValue(Schema.INT64, whole)
    scale = scale_of(number)
    if scale != 0:
        single = to_float32(number)
        if abs(single) != float("inf"):
            return SchemaAndValue(Schema.FLOAT32, single)
        double = to_float(number)
        if abs(double) != float("inf"):
            return SchemaAndValue(Schema.FLOAT64, double)
    return SchemaAndValue(_decimal_schema(scale), number)


@lru_cache(maxsize=256)
def _decimal_schema(scale: int) -> Schema:
    return decimal_schema(scale)


def _parse_temporal(token: str) -> SchemaAndValue | None:
    """A date, time or timestamp, told apart by the length of the text alone."""
    text = token.replace("\\:", ":")
    chars = len(text) if text.isascii() else len(text) + sum(c > "\uffff" for c in text)
    if chars == _DATE_CHARS:
        millis = _moment(DATE_FORMAT, text)
        return None if millis is None else SchemaAndValue(DATE, date_from(millis // DAY_MS))
    if chars == _TIME_CHARS:
        millis = _moment(TIME_FORMAT, text)
        if millis is None:
            return None
        return SchemaAndValue(TIME, time_from(millis))
    if chars == _TIMESTAMP_CHARS:
        millis = _moment(TIMESTAMP_FORMAT, text)
        return None if millis is None else SchemaAndValue(TIMESTAMP, timestamp_from(millis))
    return None


def _moment(form: DateFormat, text: str) -> int | None:
    try:
        return form.parse(text)
    except ConversionError:
        return None
