"""Connect values as Protobuf bytes: one generated function a struct gives the library what to write.

A function gives the fields of a message by the names of :mod:`runtime`, as dicts, without zeros where the
schema does not tell them from unset; the library makes the bytes of the outermost. It raises
:class:`MisfitError`, without a word, at what the schema does not allow; :mod:`explain` finds the place.
Source: spec registry 3.5.
"""

from __future__ import annotations

from collections.abc import Callable
from math import copysign
from typing import Any, Final

from connectkit.compile import Code, Functions, Late, too_deep
from connectkit.converters.protobuf.explain import MisfitError, explain
from connectkit.converters.protobuf.from_proto import WRAPPERS
from connectkit.converters.protobuf.linked import FieldType, MessageType
from connectkit.converters.protobuf.logical_types import WRITERS
from connectkit.converters.protobuf.names import scrub
from connectkit.converters.protobuf.options import (
    LOGICAL,
    ProtoOptions,
    enum_name,
    enum_symbols,
    is_union,
)
from connectkit.converters.protobuf.runtime import message_class
from connectkit.errors import ConversionError, DataError, LimitError
from connectkit.limits import DEFAULT_LIMITS, Limits
from connectkit.schema import INT_BITS, Schema, Type

Encoder = Callable[[Any, bytes], bytes]
"""``encode(value, prefix)``: the prefix and, behind it, the message."""

_UNSIGNED: Final = {"uint32": 32, "fixed32": 32, "uint64": 64, "fixed64": 64}
_KINDS: Final = {
    Type.FLOAT32: ("float",), Type.FLOAT64: ("double",), Type.BOOLEAN: ("bool",), Type.STRING: ("string",),
    Type.BYTES: ("bytes",),
}  # fmt: skip
_MISFITS: Final = (
    MisfitError, TypeError, AttributeError, KeyError, ValueError, OverflowError, DataError, RecursionError,
)  # fmt: skip


def compile_encoder(
    message: MessageType, schema: Schema, options: ProtoOptions, *, limits: Limits = DEFAULT_LIMITS
) -> Encoder:
    """The function that writes values of ``schema`` as messages of that type, fields found by name.

    It raises ``ConversionError`` with the path for values that do not fit, and ``LimitError`` for those too
    deep. A value that is no struct is written as the field ``value``.
    """
    made = message_class(message)
    from google.protobuf.message import EncodeError

    parts = _parts(message, schema, options, limits, lenient=False)
    lenient: Callable[[Any], dict[str, Any]] | None = None

    def encode(value: Any, prefix: bytes) -> bytes:
        try:
            data: bytes = made(**parts(value)).SerializeToString()
        except UnicodeEncodeError:
            return again(value, prefix)
        except _MISFITS as error:
            raise _told(error, message, schema, options, limits, value) from error
        except EncodeError as error:
            raise ConversionError(
                f"The value lacks a field that the Protobuf message {message.full_name[:80]} requires"
            ) from error
        return prefix + data

    def again(value: Any, prefix: bytes) -> bytes:
        """Half of a pair is written as a question mark, as in Java."""
        nonlocal lenient
        if lenient is None:
            lenient = _parts(message, schema, options, limits, lenient=True)
        try:
            return prefix + bytes(made(**lenient(value)).SerializeToString())
        except _MISFITS as error:
            raise _told(error, message, schema, options, limits, value) from error

    return encode


def _told(
    error: Exception, message: MessageType, schema: Schema, options: ProtoOptions, limits: Limits, value: Any
) -> Exception:
    if isinstance(error, LimitError):
        return error
    if isinstance(error, RecursionError):
        return too_deep(limits.depth)
    return explain(message, schema, value, options, error)


def _parts(
    message: MessageType, schema: Schema, options: ProtoOptions, limits: Limits, *, lenient: bool
) -> Callable[[Any], dict[str, Any]]:
    compiler = _Compiler(options, limits, lenient=lenient)
    if schema.type is Type.STRUCT:
        function = compiler.function(message, schema)
        assert not isinstance(function, Late)
        return lambda value: function(value, 0)
    code = Code("value")
    target = message.by_name.get("value")
    if target is None:
        raise DataError(f"The Protobuf message {message.full_name[:80]} has no field for a bare value")
    expression = compiler.value(code, target, schema, "value", "0")
    code.line(f"return {{'f{int(target.number)}': {expression}}}")
    return code.build("protobuf encode", name="protobuf_encode")


class _Compiler:
    """Makes the functions of one root; those of the parts take a struct and the depth."""

    def __init__(self, options: ProtoOptions, limits: Limits, *, lenient: bool) -> None:
        self._options = options
        self._limits = limits
        self._text = _lenient_text if lenient else _text
        self._lenient = lenient
        self._functions = Functions()

    def function(self, message: MessageType, schema: Schema) -> Callable[..., Any] | Late:
        return self._functions.get(lambda: self._generate(message, schema), message, schema)

    def _generate(self, message: MessageType, schema: Schema) -> Callable[..., Any]:
        code = Code("value", "depth")
        code.line(f"if depth > {int(self._limits.depth)}:")
        code.line(f"    raise {code.bind(too_deep)}({int(self._limits.depth)})")
        items = self._struct(code, message, schema, "value")
        code.line(f"return {{{', '.join(items)}}}")
        return code.build("protobuf encode", name="protobuf_encode_part")

    def _struct(self, code: Code, message: MessageType, schema: Schema, var: str) -> list[str]:
        """Statements that take a struct apart; returns the items of the message's dict."""
        known = code.bind(schema)
        code.line(f"if {var}.schema is not {known} and {var}.schema != {known}:")
        code.line(f"    raise {code.bind(MisfitError)}")
        if not schema.fields:
            return []
        variables = [code.variable() for _ in schema.fields]
        code.line(f"{', '.join(variables)}, = {var}.values")
        items: list[str] = []
        for variable, field in zip(variables, schema.fields, strict=True):
            default = field.schema.default
            if default is not None and not self._options.ignore_defaults:
                code.line(f"if {variable} is None:")
                code.line(f"    {variable} = {code.bind(default)}")
            if is_union(field.schema, self._options):
                items += self._union(code, message, field.schema, variable)
                continue
            target = message.by_name.get(self._name(field.name))
            if target is None:
                code.line(f"if {variable} is not None:")
                code.line(f"    raise {code.bind(MisfitError)}")
                continue
            items.append(
                f"'f{int(target.number)}': {self.value(code, target, field.schema, variable, 'depth')}"
            )
        return items

    def _name(self, name: str) -> str:
        return scrub(name) if self._options.scrub else name

    def _union(self, code: Code, message: MessageType, schema: Schema, var: str) -> list[str]:
        """A struct of which the first field that is set is written."""
        outs: list[tuple[FieldType, str]] = []
        known = code.bind(schema)
        slots, item = code.variable(), code.variable()
        for field in schema.fields:
            target = message.by_name.get(self._name(field.name))
            if target is not None:
                out = code.variable()
                code.line(f"{out} = None")
                outs.append((target, out))
        with code.block(f"if {var} is not None:"):
            code.line(f"if {var}.schema is not {known} and {var}.schema != {known}:")
            code.line(f"    raise {code.bind(MisfitError)}")
            code.line(f"{slots} = {var}.values")
            head = "if"
            for field in schema.fields:
                with code.block(f"{head} {slots}[{int(field.index)}] is not None:"):
                    target = message.by_name.get(self._name(field.name))
                    if target is None:
                        code.line(f"raise {code.bind(MisfitError)}")
                    else:
                        out = next(name for each, name in outs if each is target)
                        code.line(f"{item} = {slots}[{int(field.index)}]")
                        code.line(f"{out} = {self.value(code, target, field.schema, item, 'depth')}")
                head = "elif"
            if head == "elif":
                code.line("else:")
                code.line(f"    raise {code.bind(MisfitError)}")
        return [f"'f{int(target.number)}': {out}" for target, out in outs]

    # --- values: the variable may be None, which is then unset

    def value(self, code: Code, target: FieldType, schema: Schema, var: str, depth: str) -> str:
        """Statements that check and change a variable; returns the expression of what the library takes."""
        if schema.type is Type.MAP:
            return self._map(code, target, schema, var, depth)
        if schema.type is Type.ARRAY:
            return self._array(code, target, schema, var, depth)
        if target.repeated:
            return _impossible(code, var)
        return self._one(code, target, schema, var, depth, keep_zero=target.has_presence)

    def _one(
        self, code: Code, target: FieldType, schema: Schema, var: str, depth: str, *, keep_zero: bool
    ) -> str:
        if target.message is not None:
            return self._message(code, target.message, schema, var, depth)
        if schema.type is Type.STRUCT:
            return _impossible(code, var)
        if target.enum is not None:
            number = self._enum(code, target, schema, var)
            return number if keep_zero else f"(None if {number} == {int(target.enum.first)} else {number})"
        return self._scalar(code, target, schema, var, keep_zero=keep_zero)

    def _message(self, code: Code, message: MessageType, schema: Schema, var: str, depth: str) -> str:
        out = code.variable()
        logical = LOGICAL.get(message.full_name)
        if logical is not None:
            if logical != schema.name:
                return _impossible(code, var)
            return f"(None if {var} is None else {code.bind(WRITERS[logical])}({var}))"
        if schema.type is Type.STRUCT:
            function = self.function(message, schema)
            name = f"{code.bind(function)}.call" if isinstance(function, Late) else code.bind(function)
            return f"(None if {var} is None else {name}({var}, {depth} + 1))"
        if message.full_name not in WRAPPERS:
            return _impossible(code, var)
        inside = self._scalar(code, message.fields[0], schema, var, keep_zero=False)
        code.line(f"{out} = None if {var} is None else {{'f1': {inside}}}")
        return out

    def _enum(self, code: Code, target: FieldType, schema: Schema, var: str) -> str:
        assert target.enum is not None
        if schema.type is Type.INT32:
            code.line(f"if type({var}) is not int and {var} is not None:")
            code.line(f"    {var} = {code.bind(_whole)}({var})")
            return var
        if schema.type is not Type.STRING:
            return _impossible(code, var)
        symbols = target.enum.symbols
        if enum_name(schema, self._options) is not None:
            numbers = set(symbols.values())
            said = enum_symbols(schema, self._options).items()
            symbols = {name: int(number) for name, number in said if number.lstrip("+-").isdigit()}
            symbols = {name: number for name, number in symbols.items() if number in numbers}
        out = code.variable()
        code.line(f"{out} = None if {var} is None else {code.bind(symbols)}[{var}]")
        return out

    def _array(self, code: Code, target: FieldType, schema: Schema, var: str, depth: str) -> str:
        items = schema.value_schema
        if not target.repeated or items is None or items.type in (Type.ARRAY, Type.MAP):
            code.line(f"if {var} is not None and {var} != []:")
            code.line(f"    raise {code.bind(MisfitError)}")
            return "None"
        out, item = code.variable(), code.variable()
        code.line(f"{out} = None")
        with code.block(f"if {var} is not None:"):
            code.line(f"if type({var}) is not list and type({var}) is not tuple:")
            code.line(f"    raise {code.bind(MisfitError)}")
            code.line(f"{out} = []")
            with code.block(f"for {item} in {var}:"):
                code.line(f"if {item} is None:")
                code.line(f"    raise {code.bind(MisfitError)}")
                code.line(f"{out}.append({self._one(code, target, items, item, depth, keep_zero=True)})")
        return out

    def _map(self, code: Code, target: FieldType, schema: Schema, var: str, depth: str) -> str:
        entry = target.message
        first, second = (None, None) if entry is None else map(entry.by_name.get, ("key", "value"))
        if first is None or second is None or not target.repeated:
            return _impossible(code, var)
        if schema.key_schema is None or schema.value_schema is None:
            return _impossible(code, var)
        out, key, item = code.variable(), code.variable(), code.variable()
        code.line(f"{out} = None")
        with code.block(f"if {var} is not None:"):
            code.line(f"{out} = []")
            with code.block(f"for {key}, {item} in {var}.items():"):
                keys = self.value(code, first, schema.key_schema, key, depth)
                values = self.value(code, second, schema.value_schema, item, depth)
                code.line(
                    f"{out}.append({{'f{int(first.number)}': {keys}, 'f{int(second.number)}': {values}}})"
                )
        return out

    def _scalar(self, code: Code, target: FieldType, schema: Schema, var: str, *, keep_zero: bool) -> str:
        kind = schema.type
        bits = INT_BITS.get(kind)
        if schema.name in LOGICAL.values() and (kind, schema.name) in _LOGICAL_TYPES:
            return _impossible(code, var)
        if bits is not None:
            return self._integer(code, target, bits, var, keep_zero=keep_zero)
        if target.kind not in _KINDS[kind]:
            return _impossible(code, var)
        match kind:
            case Type.FLOAT32 | Type.FLOAT64:
                code.line(f"if type({var}) is not float and {var} is not None:")
                code.line(f"    {var} = {code.bind(_real)}({var})")
                return var if keep_zero else f"({var} or {code.bind(_negative_zero)}({var}))"
            case Type.BOOLEAN:
                code.line(f"if {var} is not None and {var} is not True and {var} is not False:")
                code.line(f"    raise {code.bind(MisfitError)}")
            case Type.STRING:
                plain = "" if self._lenient else f"type({var}) is not str and "
                code.line(f"if {plain}{var} is not None:")
                code.line(f"    {var} = {code.bind(self._text)}({var})")
            case _:
                code.line(f"if type({var}) is not bytes and {var} is not None:")
                code.line(f"    {var} = {code.bind(_bytes)}({var})")
        return var if keep_zero else f"({var} or None)"

    def _integer(self, code: Code, target: FieldType, bits: int, var: str, *, keep_zero: bool) -> str:
        if target.kind in ("float", "double", "bool", "string", "bytes"):
            return _impossible(code, var)
        code.line(f"if type({var}) is not int and {var} is not None:")
        code.line(f"    {var} = {code.bind(_whole)}({var})")
        unsigned = _UNSIGNED.get(target.kind)
        if bits < 32 or unsigned is not None:
            half = 1 << (bits - 1)
            with code.block(f"if {var} is not None:"):
                code.line(f"if not {-half} <= {var} < {half}:")
                code.line(f"    raise {code.bind(MisfitError)}")
                if unsigned is not None:
                    code.line(f"{var} &= {(1 << unsigned) - 1}")
        return var if keep_zero else f"({var} or None)"


def _logical_types() -> frozenset[tuple[Type, str]]:
    from connectkit.logical import DATE, TIME, TIMESTAMP
    from connectkit.schema import DECIMAL_NAME

    found = {(each.type, each.name) for each in (DATE, TIME, TIMESTAMP) if each.name is not None}
    return frozenset(found | {(Type.BYTES, DECIMAL_NAME)})


_LOGICAL_TYPES: Final = _logical_types()


def _impossible(code: Code, var: str) -> str:
    """No value fits; unset ones do."""
    code.line(f"if {var} is not None:")
    code.line(f"    raise {code.bind(MisfitError)}")
    return "None"


def _whole(value: Any) -> int:
    if isinstance(value, int) and not isinstance(value, bool):
        return int(value)
    raise MisfitError


def _real(value: Any) -> float:
    if isinstance(value, float):
        return float(value)
    raise MisfitError


def _negative_zero(value: float | None) -> float | None:
    """A zero that is not the default."""
    return value if value is not None and copysign(1.0, value) < 0 else None


def _text(value: Any) -> str:
    if isinstance(value, str):
        return str(value)
    raise MisfitError


def _lenient_text(value: Any) -> str:
    return _text(value).encode("utf-8", "replace").decode()


def _bytes(value: Any) -> bytes:
    if isinstance(value, bytes | bytearray | memoryview):
        return bytes(value)
    raise MisfitError
