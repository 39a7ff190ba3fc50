"""From JSON to Connect values, by schema: one function a schema, generated.

:meth:`TreeReader.explain` is the law: it takes what the exact reader (:mod:`json_parse`) made, knows where
it is, and coerces as Jackson does. :meth:`TreeReader.compiled` makes a function for what orjson made; it
raises ``NotPlainError`` at anything it does not know to be the same, and the document is then read again by
the law. Source: spec data 2.1, *toConnectData*.
"""

from __future__ import annotations

import binascii
import json
import struct
from collections.abc import Callable
from decimal import Decimal
from functools import partial
from typing import Any, Final

from connectkit import logical
from connectkit.compile import Code, Family
from connectkit.converters import json_path
from connectkit.converters.json_base64 import from_base64
from connectkit.converters.json_parse import MISSING
from connectkit.converters.json_path import Path
from connectkit.converters.json_plain import wrapped
from connectkit.errors import ConversionError, DataError
from connectkit.float32 import round32
from connectkit.instant import (
    DAY_MS,
    date_from,
    time_from,
    timestamp_from,
    timestamp_from_micros,
    timestamp_from_nanos,
)
from connectkit.schema import (
    DATE_NAME,
    INT_BITS,
    LOGICAL_NAMES,
    TIME_NAME,
    TIMESTAMP_MICROS_NAME,
    TIMESTAMP_NAME,
    TIMESTAMP_NANOS_NAME,
    Schema,
    Type,
)
from connectkit.struct import Struct

ValueFunction = Callable[[Any], Any]
MAX_FLOAT32: Final = 3.4028234663852886e38
_TIE_AT_MAX: Final = 3.4028235677973366e38
_TINY32: Final = 2.0**-149
_BITS64 = struct.Struct(">d")
_LONG = struct.Struct(">q")
_FLOAT32 = struct.Struct(">f")
_INT = struct.Struct(">i")
_INLINE_LEVELS = 4
_MOMENTS: Final[dict[str | None, Callable[[int], Any]]] = {
    TIMESTAMP_NAME: timestamp_from,
    TIMESTAMP_MICROS_NAME: timestamp_from_micros,
    TIMESTAMP_NANOS_NAME: timestamp_from_nanos,
}


class NotPlainError(Exception):
    """The fast variant met something that only the exact one can judge."""


class ExactDecimalError(NotPlainError):
    """It met a decimal written as a number with a fraction, whose digits orjson does not keep."""


class TreeReader:
    """Reads values for one configuration. Immutable, so any number of threads may share it."""

    __slots__ = ("replace_null",)

    def __init__(self, *, replace_null: bool) -> None:
        self.replace_null = replace_null
        """A null takes the default of its schema."""

    # --- the law ---

    def explain(self, schema: Schema, node: Any, path: Path = None, *, strict: bool = False) -> Any:
        """The value of a node; a ``DataError`` says what is wrong and has the path.

        ``strict`` holds inside a struct: there, what Jackson coerces to null must be allowed to be null.
        """
        if node is None:
            return self._null(schema, path)
        if schema.name in LOGICAL_NAMES:
            return _logical(schema, node, path)
        kind = schema.type
        if kind is Type.STRUCT:
            return self._struct(schema, node, path)
        if kind is Type.ARRAY:
            inner = _inner(schema.value_schema, path)
            items = node if isinstance(node, list) else node.values() if isinstance(node, dict) else ()
            return [
                self.explain(inner, each, json_path.item(path, i), strict=strict)
                for i, each in enumerate(items)
            ]
        if kind is Type.MAP:
            return self._map(schema, node, path, strict)
        value = _scalar(kind, node, path)
        if value is None and strict and not schema.optional:
            where = json_path.text(path)
            raise ConversionError(
                f"The schema requires {_article(kind)} at {where}, not {_word(node)}", path=where
            )
        return value

    def _null(self, schema: Schema, path: Path) -> Any:
        if schema.default is not None and self.replace_null:
            return schema.default
        if schema.optional:
            return None
        where = json_path.text(path)
        raise ConversionError(
            f"Nothing, or a null, stands at {where} where the schema requires {_article(schema.type)}",
            path=where,
        )

    def _struct(self, schema: Schema, node: Any, path: Path) -> Struct:
        if not isinstance(node, dict):
            raise _misfit("A struct", "an object", node, path)
        return Struct.of(
            schema,
            [
                self.explain(f.schema, node.get(f.name), json_path.member(path, f.name), strict=True)
                for f in schema.fields
            ],
        )

    def _map(self, schema: Schema, node: Any, path: Path, strict: bool) -> dict[Any, Any]:
        keys, values = _inner(schema.key_schema, path), _inner(schema.value_schema, path)
        if keys.type is Type.STRING:
            if not isinstance(node, dict):
                raise _misfit("A map with text keys", "an object", node, path)
            return {
                key: self.explain(values, each, json_path.entry(path, i, "value"), strict=strict)
                for i, (key, each) in enumerate(node.items())
            }
        if not isinstance(node, list):
            raise _misfit("A map whose keys are no texts", "an array of pairs", node, path)
        made = {}
        for i, pair in enumerate(node):
            if not isinstance(pair, list) or len(pair) != 2:
                raise _misfit("An entry of a map", "an array of two", pair, json_path.item(path, i))
            at = json_path.entry(path, i, "key")
            key = self.explain(keys, pair[0], at, strict=strict)
            made[_as_key(key, at)] = self.explain(
                values, pair[1], json_path.entry(path, i, "value"), strict=strict
            )
        return made

    # --- the fast variant ---

    def compiled(self, schema: Schema) -> ValueFunction:
        """A function from what orjson read; it gives what :meth:`explain` gives, or ``NotPlainError``."""
        return Family(self._make).get(schema)  # type: ignore[return-value]  # the outermost is done

    def _make(self, family: Family, schema: Schema) -> ValueFunction:
        code = Code("node")
        if schema.type is Type.STRUCT and schema.name not in LOGICAL_NAMES:
            self._make_struct(code, family, schema)
        else:
            code.line(f"return {self._expression(code, family, schema, 'node', 0)}")
        return code.build(f"json read {schema.name or schema.type.value}")

    def _make_struct(self, code: Code, family: Family, schema: Schema) -> None:
        with code.block("if type(node) is not dict:"):
            code.line(f"raise {code.bind(NotPlainError)}")
        variables = [code.variable() for _ in schema.fields]
        if variables:
            code.line("get = node.get")
        for field, variable in zip(schema.fields, variables):
            code.line(f"{variable} = get({code.bind(field.name)})")
        cls = code.bind(Struct)
        code.line(f"made = {cls}.__new__({cls})")
        code.line(f"made.schema = {code.bind(schema)}")
        values = [
            self._expression(code, family, field.schema, variable, 0)
            for field, variable in zip(schema.fields, variables)
        ]
        code.line(f"made.values = [{', '.join(values)}]")
        code.line("return made")

    def _expression(self, code: Code, family: Family, schema: Schema, var: str, level: int) -> str:
        """The value of ``var`` as an expression, itself in parentheses where it needs them."""
        refuse = f"{code.bind(_refuse)}({var})"
        default = schema.default if self.replace_null else None
        value, test = self._fast(code, family, schema, var, level)
        if default is not None:
            inner = f"{value} if {test} else {refuse}" if test else value
            return f"({code.bind(default)} if {var} is None else {inner})"
        if test is None:
            return f"(None if {var} is None else {value})" if schema.optional else value
        if schema.optional:
            if value == var:
                return f"({var} if {test} or {var} is None else {refuse})"
            return f"({value} if {test} else None if {var} is None else {refuse})"
        return f"({value} if {test} else {refuse})"

    def _fast(
        self, code: Code, family: Family, schema: Schema, var: str, level: int
    ) -> tuple[str, str | None]:
        """An expression for plain nodes and the test for them (None: it tests by itself)."""
        kind = schema.type
        if schema.name in LOGICAL_NAMES:
            return _fast_logical(code, schema, var)
        if kind in INT_BITS:
            half = 1 << (INT_BITS[kind] - 1)
            return var, f"type({var}) is int and {-half} <= {var} <= {half - 1}"
        if kind is Type.STRING:
            return var, f"type({var}) is str"
        if kind is Type.BOOLEAN:
            return var, f"{var} is True or {var} is False"
        if kind is Type.FLOAT64:
            return f"({var} if type({var}) is float and {var} else {code.bind(_float64)}({var}))", None
        if kind is Type.FLOAT32:
            return f"{code.bind(_float32)}({var})", None
        if kind is Type.BYTES:
            return f"{code.bind(_bytes)}({var})", None
        if kind is Type.STRUCT or level >= _INLINE_LEVELS:
            function, _ = family.call(code, schema)
            return f"{function}({var})", None
        item = code.variable()
        inner = self._expression(code, family, _inner(schema.value_schema, None), item, level + 1)
        if kind is Type.ARRAY:
            return f"[{inner} for {item} in {var}]", f"type({var}) is list"
        keys, key = _inner(schema.key_schema, None), code.variable()
        if keys.type is Type.STRING:
            return f"{{{key}: {inner} for {key}, {item} in {var}.items()}}", f"type({var}) is dict"
        outer = self._expression(code, family, keys, key, level + 1)
        if keys.type in (Type.ARRAY, Type.MAP, Type.STRUCT):
            return refuse_all(code, var), None
        pairs = f"{code.bind(_pairs)}({var})"
        return f"{{{outer}: {inner} for {key}, {item} in {pairs}}}", None


def refuse_all(code: Code, var: str) -> str:
    """An expression that leaves everything to the law."""
    return f"{code.bind(_refuse)}({var})"


def _fast_logical(code: Code, schema: Schema, var: str) -> tuple[str, str | None]:
    moment_from = _MOMENTS.get(schema.name)
    if moment_from is not None:
        bounds = f"-9223372036854775808 <= {var} <= 9223372036854775807"
        return f"{code.bind(moment_from)}({var})", f"type({var}) is int and {bounds}"
    if schema.name == DATE_NAME:
        test = f"type({var}) is int and -2147483648 <= {var} <= 2147483647"
        return f"{code.bind(date_from)}({var})", test
    if schema.name == TIME_NAME:
        return f"{code.bind(time_from)}({var})", f"type({var}) is int and 0 <= {var} <= {DAY_MS}"
    try:
        scale = logical.schema_scale(schema)
    except DataError:
        return refuse_all(code, var), None
    return f"{code.bind(partial(_decimal, scale))}({var})", None


def _refuse(_: Any) -> Any:
    raise NotPlainError


def _pairs(node: Any) -> list[Any]:
    if type(node) is list and all(type(pair) is list and len(pair) == 2 for pair in node):
        return node
    raise NotPlainError


def _float64(node: Any) -> float:
    kind = type(node)
    if kind is float and str(node) == "0.0":
        return node  # type: ignore[no-any-return]  # it is a float
    if kind is Decimal:
        return float(node) if node else 0.0
    if kind is int:
        try:
            return float(node)
        except OverflowError:
            pass
    raise NotPlainError


def _float32(node: Any) -> float:
    kind = type(node)
    if kind is float:
        # Half way between two float32 numbers, the digits decide, and they are lost.
        is_tie = _LONG.unpack(_BITS64.pack(node))[0] & 0x1FFFFFFF == 0x10000000
        if abs(node) > 1e-30 and not is_tie:
            return round32(node)
        if str(node) == "0.0":
            return node  # type: ignore[no-any-return]
    elif kind is int and -(1 << 24) <= node <= 1 << 24:
        return float(node)
    raise NotPlainError


def _bytes(node: Any) -> bytes:
    if type(node) is str:
        try:
            return binascii.a2b_base64(node, strict_mode=True)
        except ValueError:  # perhaps only in Python's eyes
            pass
    raise NotPlainError


def _decimal(scale: int, node: Any) -> Decimal:
    kind = type(node)
    if kind is str:
        return logical.decimal_of(_bytes(node), scale) if node else _refuse(node)
    if kind is Decimal:
        return node if node or not node.is_signed() else node.copy_abs()  # type: ignore[no-any-return]
    if kind is int:
        return Decimal(node)
    if kind is float:
        raise ExactDecimalError
    raise NotPlainError


def _refuse_constant(_: str) -> Any:
    raise ValueError


_DECIMALS = json.JSONDecoder(parse_float=Decimal, parse_constant=_refuse_constant)


def load_with_decimals(data: bytes) -> Any:
    """As orjson, but fractions are decimals; documents with escapes are left to the exact reader."""
    if b"\\u" in data:
        raise NotPlainError
    try:
        return _DECIMALS.decode(data.decode("utf-8"))
    except RecursionError:
        raise NotPlainError from None


# --- Jackson's coercions, on exact nodes ---


def _scalar(kind: Type, node: Any, path: Path) -> Any:
    """A primitive; no node is refused but bytes that are no Base64."""
    is_number = isinstance(node, int | Decimal) and not isinstance(node, bool)
    if kind in INT_BITS:
        return narrowed(node, INT_BITS[kind]) if is_number else 0
    if kind is Type.FLOAT64:
        return _as_float64(node) if is_number else 0.0
    if kind is Type.FLOAT32:
        return _as_float32(node) if is_number else 0.0
    if kind is Type.BOOLEAN:
        return node is True
    if kind is Type.STRING:
        return node if isinstance(node, str) else None
    if not isinstance(node, str):
        return None
    try:
        return from_base64(node)
    except ValueError as exc:
        where = json_path.text(path)
        raise ConversionError(f"The bytes at {where} are no Base64: {exc}", path=where) from exc


def narrowed(number: int | Decimal, bits: int) -> int:
    """The low bits of a number's whole part (Java's ``intValue`` and ``longValue``)."""
    if isinstance(number, Decimal):
        if number.adjusted() < 0:
            return 0
        exponent = number.as_tuple().exponent
        if isinstance(exponent, int) and exponent >= 64:
            return 0  # a multiple of 2 to the 64; no need to write it out
        number = int(number)
    return wrapped(number, bits)


def _as_float64(number: int | Decimal) -> float:
    if not number:
        return 0.0
    try:
        return float(number)
    except OverflowError:
        return float("inf") if number > 0 else float("-inf")


def _as_float32(number: int | Decimal) -> float:
    """Rounded once, from the number itself: by way of float64 it could be rounded up twice."""
    wide = _as_float64(number)
    if abs(wide) == _TIE_AT_MAX:
        below = Decimal(number).copy_abs() < Decimal(_TIE_AT_MAX)  # abs() would round
        size = MAX_FLOAT32 if below else float("inf")
        return size if wide > 0 else -size
    near = round32(wide)
    if near == wide or near in (float("inf"), float("-inf")):
        # Equal to a float32 or beyond all of them: what was cut off is far too little to matter.
        return near
    for other in _neighbours32(near):
        if abs(wide - near) == abs(wide - other):  # half way, as far as a float64 can tell
            exact, middle = Decimal(number), Decimal(wide)
            return near if exact == middle else max(near, other) if exact > middle else min(near, other)
    return near


def _neighbours32(x: float) -> tuple[float, float]:
    """The float32 numbers next to one on either side."""
    if x == 0.0:
        return -_TINY32, _TINY32
    bits = _INT.unpack(_FLOAT32.pack(x))[0]
    return _FLOAT32.unpack(_INT.pack(bits - 1))[0], _FLOAT32.unpack(_INT.pack(bits + 1))[0]


def _logical(schema: Schema, node: Any, path: Path) -> Any:
    short = str(schema.name).rpartition(".")[2]
    try:
        return (
            _exact_decimal(schema, node, path) if short == "Decimal" else _moment(schema, short, node, path)
        )
    except (DataError, ValueError) as exc:
        if isinstance(exc, DataError) and exc.path is not None:
            raise
        where = json_path.text(path)
        raise ConversionError(f"The {short} at {where} cannot be read: {exc}", path=where) from exc


def _exact_decimal(schema: Schema, node: Any, path: Path) -> Decimal:
    if isinstance(node, int | Decimal) and not isinstance(node, bool):
        number = Decimal(node)
        return number if number or not number.is_signed() else number.copy_abs()
    if not isinstance(node, str):
        raise _misfit("A Decimal", "a number or a Base64 text", node, path)
    return logical.to_decimal(schema, from_base64(node))


def _moment(schema: Schema, short: str, node: Any, path: Path) -> Any:
    if not isinstance(node, int) or isinstance(node, bool):
        raise _misfit(f"A {short}", "an integer", node, path)
    if schema.name not in _MOMENTS and not -(1 << 31) <= node < 1 << 31:
        raise _misfit(f"A {short}", "an integer of 32 bits", node, path)
    return logical.to_logical(schema, wrapped(node, 64))


def _inner(schema: Schema | None, path: Path) -> Schema:
    if schema is None:
        raise ConversionError(f"The schema does not say what is inside {json_path.text(path)}")
    return schema


def _as_key(key: Any, path: Path) -> Any:
    """A value as a key of a dict: a list becomes a tuple."""
    if isinstance(key, list):
        return tuple(_as_key(each, path) for each in key)
    if isinstance(key, dict | Struct):
        where = json_path.text(path)
        raise ConversionError(f"The map's key at {where} is of a kind that Python has no keys of", path=where)
    return key


def _word(node: Any) -> str:
    """What a node is, in words."""
    if node is MISSING:
        return "an empty document"
    if node is None:
        return "null"
    if isinstance(node, bool):
        return "true or false"
    if isinstance(node, str):
        return "a text"
    if isinstance(node, dict):
        return "an object"
    return "an array" if isinstance(node, list) else "a number"


def _article(kind: Type) -> str:
    return f"{'an' if kind.name[0] in 'AI' else 'a'} {kind}"


def _misfit(what: str, wanted: str, node: Any, path: Path) -> ConversionError:
    where = json_path.text(path)
    return ConversionError(
        f"{what} must be {wanted} in JSON, but at {where} stands {_word(node)}", path=where
    )
