"""From Connect values to the tree of JSON, by schema: one function a schema, generated.

Two variants, as everywhere: :meth:`TreeWriter.explain` walks schema and value, knows where it is, and is
the law; :meth:`TreeWriter.compiled` makes a function that gives the same trees for good values at several
times the speed and hands anything else to the first. Source: spec data 2.1, *fromConnectData*.
"""

from __future__ import annotations

from binascii import b2a_base64
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from functools import partial
from typing import Any, Final

from connectkit import logical
from connectkit.compile import Code, Family, too_deep
from connectkit.converters import json_path, json_plain
from connectkit.converters.json_path import Path
from connectkit.converters.json_text import Raw, float32_node, float_node
from connectkit.errors import ConversionError, DataError, LimitError
from connectkit.instant import EPOCH, TEMPORAL_TYPES
from connectkit.javatext import decimal_text, float_text
from connectkit.schema import (
    DATE_NAME,
    DECIMAL_NAME,
    FINE_NAMES,
    LOGICAL_NAMES,
    TIMESTAMP_MICROS_NAME,
    TIMESTAMP_NAME,
    Schema,
    Type,
)
from connectkit.struct import Struct
from connectkit.validation import fits_type

TreeFunction = Callable[[Any], Any]
MAX_RECURSION: Final = 256
"""Levels of one recursive schema inside itself."""

_EPOCH_DAY = date(1970, 1, 1).toordinal()
_MS = timedelta(milliseconds=1)
_US = timedelta(microseconds=1)
_NANOS_FROM = datetime(1678, 1, 1, tzinfo=UTC)
_NANOS_TO = datetime(2262, 1, 1, tzinfo=UTC)
_COLLECTIONS = (list, tuple, set, frozenset)
_INLINE_LEVELS = 4
_BOUNDS = {
    Type.INT8: "-128 <= {0} <= 127",
    Type.INT16: "-32768 <= {0} <= 32767",
    Type.INT32: "-2147483648 <= {0} <= 2147483647",
    Type.INT64: "-9223372036854775808 <= {0} <= 9223372036854775807",
}
_FLOAT64 = "type({0}) is float and (0.001 <= {0} < 1e7 or -1e7 < {0} <= -0.001 or {0} == 0.0)"


class TreeWriter:
    """Makes trees of values for one configuration. Immutable, so any number of threads may share it."""

    __slots__ = ("numeric", "replace_null")

    def __init__(self, *, numeric: bool, replace_null: bool) -> None:
        self.numeric = numeric
        """Decimals as numbers, not as Base64."""
        self.replace_null = replace_null
        """A null takes the default of its schema."""

    # --- the law ---

    def explain(self, schema: Schema | None, value: Any, path: Path = None, depth: int = 0) -> Any:
        """The tree of a value; a ``DataError`` says what is wrong and has the path."""
        if schema is None:
            return json_plain.tree(value, path=path)
        if value is None:
            return self._null(schema, path, depth)
        if schema.name in LOGICAL_NAMES:
            return self._logical(schema, value, path)
        kind = schema.type
        if kind is Type.STRUCT:
            return self._struct(schema, value, path, depth)
        if kind is Type.ARRAY:
            if not isinstance(value, _COLLECTIONS):
                raise _misfit(schema, value, path)
            inner = schema.value_schema
            return [self.explain(inner, each, json_path.item(path, i), depth) for i, each in enumerate(value)]
        if kind is Type.MAP:
            return self._map(schema, value, path, depth)
        if not fits_type(kind, value):
            raise _misfit(schema, value, path)
        if kind is Type.FLOAT64:
            return float_node(float(value))
        if kind is Type.FLOAT32:
            return float32_node(float(value))
        if kind is Type.BYTES:
            return json_plain.base64_text(value)
        if kind is Type.STRING:
            return value if type(value) is str else str.__str__(value)
        return value if type(value) is bool else int(value)

    def _null(self, schema: Schema, path: Path, depth: int) -> Any:
        if schema.default is not None and self.replace_null:
            return self.explain(schema, schema.default, path, depth)
        if schema.optional:
            return None
        where = json_path.text(path)
        without = "has no default value" if schema.default is None else "replace.null.with.default is off"
        raise ConversionError(
            f"A null stands at {where} where the schema requires {_article(schema.type)}, and {without}",
            path=where,
        )

    def _logical(self, schema: Schema, value: Any, path: Path) -> Any:
        wanted = "decimal.Decimal" if schema.name == DECIMAL_NAME else "date, time or aware datetime"
        fits = (
            isinstance(value, Decimal) and value.is_finite()
            if schema.name == DECIMAL_NAME
            else isinstance(value, TEMPORAL_TYPES)
        )
        short = str(schema.name).rpartition(".")[2]
        where = json_path.text(path)
        if not fits:
            raise ConversionError(
                f"A {short} at {where} must be a {wanted}, not a value of class {type(value).__name__}",
                path=where,
            )
        try:
            if schema.name == DECIMAL_NAME and self.numeric:
                return Raw(decimal_text(value))
            stored = logical.from_logical(schema, value)
        except DataError as exc:
            raise ConversionError(f"The {short} at {where} cannot be written: {exc}", path=where) from exc
        return json_plain.base64_text(stored) if isinstance(stored, bytes) else stored

    def _struct(self, schema: Schema, value: Any, path: Path, depth: int) -> dict[str, Any]:
        if not isinstance(value, Struct):
            raise _misfit(schema, value, path)
        if depth > MAX_RECURSION:
            raise too_deep(MAX_RECURSION)
        if value.schema is not schema and value.schema != schema:
            where = json_path.text(path)
            raise ConversionError(
                f"The struct at {where} has another schema than the one it is written with", path=where
            )
        return {
            field.name: self.explain(field.schema, item, json_path.member(path, field.name), depth + 1)
            for field, item in zip(schema.fields, value.values)
        }

    def _map(self, schema: Schema, value: Any, path: Path, depth: int) -> Any:
        if not isinstance(value, Mapping):
            raise _misfit(schema, value, path)
        keys, values = schema.key_schema, schema.value_schema
        if keys is None:
            raise ConversionError(f"The map schema at {json_path.text(path)} does not say what its keys are")
        pairs = [
            [
                self.explain(keys, key, json_path.entry(path, i, "key"), depth),
                self.explain(values, each, json_path.entry(path, i, "value"), depth),
            ]
            for i, (key, each) in enumerate(value.items())
        ]
        return {_as_text(key): each for key, each in pairs} if keys.type is Type.STRING else pairs

    # --- the fast variant ---

    def compiled(self, schema: Schema) -> TreeFunction:
        """A function with the results of :meth:`explain`, and its errors without their paths."""
        try:
            recursive = is_recursive(schema)
            return Family(partial(self._make, recursive)).get(schema)  # type: ignore[return-value]  # outermost: done
        except RecursionError as exc:
            raise LimitError("The schema is nested too deeply to be written as JSON") from exc

    def _make(self, recursive: bool, family: Family, schema: Schema) -> TreeFunction:
        code = Code("value", "depth=0")
        if recursive:
            with code.block(f"if depth > {MAX_RECURSION}:"):
                code.line(f"raise {code.bind(too_deep)}({MAX_RECURSION})")
        if schema.type is Type.STRUCT and schema.name not in LOGICAL_NAMES:
            self._make_struct(recursive, code, family, schema)
        else:
            code.line(f"return {self._expression(recursive, code, family, schema, 'value', 0)}")
        return code.build(f"json write {schema.name or schema.type.value}")

    def _make_struct(self, recursive: bool, code: Code, family: Family, schema: Schema) -> None:
        cls, this = code.bind(Struct), code.bind(schema)
        head = f"if type(value) is not {cls} or (value.schema is not {this} and value.schema != {this}):"
        with code.block(head):
            code.line(f"return {code.bind(partial(self.explain, schema))}(value)")
        variables = [code.variable() for _ in schema.fields]
        if variables:
            code.line(f"{', '.join(variables)}, = value.values")
        members = [
            f"{code.bind(field.name)}: {self._expression(recursive, code, family, field.schema, variable, 0)}"
            for field, variable in zip(schema.fields, variables)
        ]
        code.line(f"return {{{', '.join(members)}}}")

    def _expression(
        self, recursive: bool, code: Code, family: Family, schema: Schema | None, var: str, level: int
    ) -> str:
        """The tree of ``var`` as an expression, itself in parentheses where it needs them."""
        if schema is None:
            return f"{code.bind(json_plain.tree)}({var})"
        slow = f"{code.bind(partial(self.explain, schema))}({var})"
        nothing = schema.optional and not (schema.default is not None and self.replace_null)
        fast, test = self._fast(recursive, code, family, schema, var, level)
        if fast is None:
            return f"(None if {var} is None else {slow})" if nothing else slow
        if fast == var:  # written as it is
            return f"({var} if {test}{f' or {var} is None' if nothing else ''} else {slow})"
        if test is None:
            return f"(None if {var} is None else {fast})" if nothing else fast
        return f"({fast} if {test} else {f'None if {var} is None else ' if nothing else ''}{slow})"

    def _fast(
        self, recursive: bool, code: Code, family: Family, schema: Schema, var: str, level: int
    ) -> tuple[str | None, str | None]:
        """An expression for good values and the test for them (None: it tests by itself)."""
        kind, name = schema.type, schema.name
        if name in LOGICAL_NAMES:
            return self._fast_logical(code, schema, var)
        if kind in _BOUNDS:
            return var, f"type({var}) is int and {_BOUNDS[kind].format(var)}"
        if kind is Type.STRING:
            return var, f"type({var}) is str"
        if kind is Type.BOOLEAN:
            return var, f"{var} is True or {var} is False"
        if kind is Type.FLOAT64:
            return var, _FLOAT64.format(var)
        if kind is Type.FLOAT32:
            return f"{code.bind(float32_node)}({var})", f"type({var}) is float"
        if kind is Type.BYTES:
            return f"{code.bind(_base64)}({var})", f"type({var}) is bytes"
        if kind is Type.STRUCT or level >= _INLINE_LEVELS:
            function, _ = family.call(code, schema)
            return f"{function}({var}{', depth + 1' if recursive else ''})", None
        item = code.variable()
        if kind is Type.ARRAY:
            inner = self._expression(recursive, code, family, schema.value_schema, item, level + 1)
            return f"[{inner} for {item} in {var}]", f"type({var}) is list"
        keys, key = schema.key_schema, code.variable()
        if keys is None:
            return None, None
        inner = self._expression(recursive, code, family, schema.value_schema, item, level + 1)
        outer = self._expression(recursive, code, family, keys, key, level + 1)
        if keys.type is not Type.STRING:
            return f"[[{outer}, {inner}] for {key}, {item} in {var}.items()]", f"type({var}) is dict"
        text = f"({key} if type({key}) is str else {code.bind(_as_text)}({outer}))"
        if keys.name in LOGICAL_NAMES:
            text = f"{code.bind(_as_text)}({outer})"
        return f"{{{text}: {inner} for {key}, {item} in {var}.items()}}", f"type({var}) is dict"

    def _fast_logical(self, code: Code, schema: Schema, var: str) -> tuple[str | None, str | None]:
        if schema.name == TIMESTAMP_NAME:
            test = f"type({var}) is {code.bind(datetime)} and {var}.tzinfo is {code.bind(UTC)}"
            return f"{code.bind(_timestamp)}({var})", test
        if schema.name in FINE_NAMES:
            test = f"type({var}) is {code.bind(datetime)} and {var}.tzinfo is {code.bind(UTC)}"
            if schema.name == TIMESTAMP_MICROS_NAME:
                return f"{code.bind(_micros)}({var})", test
            # Nanoseconds do not reach as far as the years of datetime: the exact way says so.
            near = f"{code.bind(_NANOS_FROM)} <= {var} <= {code.bind(_NANOS_TO)}"
            return f"{code.bind(_micros)}({var}) * 1000", f"{test} and {near}"
        if schema.name == DATE_NAME:
            return f"{var}.toordinal() - {_EPOCH_DAY}", f"type({var}) is {code.bind(date)}"
        if schema.name == DECIMAL_NAME:
            test = f"type({var}) is {code.bind(Decimal)} and {var}.is_finite()"
            if self.numeric:
                return f"{code.bind(_decimal)}({var})", test
            try:
                scale = logical.schema_scale(schema)
            except DataError:
                return None, None
            return f"{code.bind(_unscaled)}({var})", f"{test} and {var}.as_tuple().exponent == {-scale}"
        return None, None


def is_recursive(schema: Schema) -> bool:
    """Whether the schema contains itself."""
    done: set[int] = set()
    open_: set[int] = set()

    def visit(each: Schema | None) -> bool:
        if each is None or id(each) in done:
            return False
        if id(each) in open_:
            return True
        open_.add(id(each))
        inner = [each._key_schema, each._value_schema, *(field.schema for field in each._fields)]
        found = any(visit(part) for part in inner)
        open_.discard(id(each))
        done.add(id(each))
        return found

    return visit(schema)


def _base64(value: bytes) -> str:
    return b2a_base64(value, newline=False).decode("ascii")


def _timestamp(value: datetime) -> int:
    return (value - EPOCH) // _MS


def _micros(value: datetime) -> int:
    return (value - EPOCH) // _US


def _decimal(value: Decimal) -> Raw:
    return Raw(decimal_text(value))


def _unscaled(value: Decimal) -> str:
    return _base64(logical.unscaled_bytes(logical.unscaled(value)))


def _as_text(node: Any) -> str:
    """A scalar of the tree as the name of a member."""
    if isinstance(node, str):
        return node
    if isinstance(node, Raw):
        return node.text
    if node is None:
        return "null"
    if isinstance(node, bool):
        return "true" if node else "false"
    return float_text(node) if isinstance(node, float) else str(node)


def _article(kind: Type) -> str:
    return f"{'an' if kind.name[0] in 'AI' else 'a'} {kind}"


def _misfit(schema: Schema, value: Any, path: Path) -> ConversionError:
    where = json_path.text(path)
    reason = f"not a value of class {type(value).__name__}"
    if isinstance(value, int) and not isinstance(value, bool) and schema.type.name.startswith("INT"):
        reason = "but the integer there needs more bits"
    return ConversionError(f"The schema has {_article(schema.type)} at {where}, {reason}", path=where)
