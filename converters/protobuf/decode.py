"""Protobuf bytes as Connect values: the library parses, generated functions make the structs.

Source: spec registry 3.7 and its appendix on nullability.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, Final

from connectkit.compile import Code, Functions, Late, too_deep
from connectkit.converters.protobuf.from_proto import Slot, layout, unwraps
from connectkit.converters.protobuf.linked import FieldType, MessageType, OneOfType
from connectkit.converters.protobuf.logical_types import reader
from connectkit.converters.protobuf.model import Text, Word
from connectkit.converters.protobuf.options import LOGICAL, VARIANT_TYPE, ProtoOptions
from connectkit.converters.protobuf.runtime import has_required, message_class
from connectkit.errors import ConversionError, LimitError
from connectkit.limits import DEFAULT_LIMITS, Limits
from connectkit.schema import INT_BITS, Schema, Type
from connectkit.struct import Struct

Decoder = Callable[[bytes, int], Any]
"""``decode(data, at)``: the value of the message that is the rest of the data."""

_NEW: Final = Struct.__new__
_SIGN: Final = 1 << 63


def compile_decoder(
    message: MessageType, schema: Schema, options: ProtoOptions, *, limits: Limits = DEFAULT_LIMITS
) -> Decoder:
    """The function that reads messages as ``schema``, the Connect schema made of ``message``.

    Raises ``ConversionError`` for damaged data and ``LimitError`` for what is too large or too deep.
    """
    made = message_class(message)
    from google.protobuf.message import DecodeError

    parse = made.FromString
    compiler = _Compiler(options, limits)
    if unwraps(message, options, is_field=False):
        code = Code("m")
        code.line(f"return {compiler.value(code, message.fields[0], schema, 'm', '0')}")
        read = code.build("protobuf decode", name="protobuf_decode")
        build: Callable[[Any], Any] = read
    else:
        function = compiler.function(message, schema)
        assert not isinstance(function, Late)
        build = lambda m: function(m, 0)  # noqa: E731 - the shorter of two equal things

    if has_required(message):
        parse = partial(_whole, parse, message)

    def decode(data: bytes, at: int) -> Any:
        try:
            return build(parse(data[at:]))
        except DecodeError as error:
            raise ConversionError(
                f"The data are no Protobuf message of type {message.full_name[:80]}, or damaged"
            ) from error
        except RecursionError as error:
            raise too_deep(limits.depth) from error

    return decode


def _whole(parse: Callable[[bytes], Any], message: MessageType, data: bytes) -> Any:
    """A message that has all that it must."""
    found = parse(data)
    if not found.IsInitialized():
        raise ConversionError(
            f"The data lack a field that the Protobuf message {message.full_name[:80]} requires"
        )
    return found


class _Compiler:
    """Makes the functions of one root; those of the parts take a message and the depth."""

    def __init__(self, options: ProtoOptions, limits: Limits) -> None:
        self._options = options
        self._limits = limits
        self._functions = Functions()
        self._under_way: list[MessageType] = []
        self._sizes: dict[int, int] = {}

    def function(self, message: MessageType, schema: Schema) -> Callable[..., Any] | Late:
        return self._functions.get(lambda: self._generate(message, schema), message, schema)

    def _generate(self, message: MessageType, schema: Schema) -> Callable[..., Any]:
        code = Code("m", "depth")
        code.line(f"if depth > {int(self._limits.depth)}:")
        code.line(f"    raise {code.bind(too_deep)}({int(self._limits.depth)})")
        self._under_way.append(message)
        values = [
            self._slot(code, slot, field.schema)
            for slot, field in zip(self._layout(message), schema.fields, strict=True)
        ]
        self._under_way.pop()
        code.line(f"return {_struct(code, schema, values)}")
        return code.build("protobuf decode", name="protobuf_decode_part")

    def _layout(self, message: MessageType) -> list[Slot]:
        if message.full_name == VARIANT_TYPE:
            return [Slot(each.name, each) for each in message.fields]
        return layout(message, self._options)

    def _slot(self, code: Code, slot: Slot, schema: Schema) -> str:
        if isinstance(slot.source, OneOfType):
            return self._union(code, slot.source, schema)
        return self.value(code, slot.source, schema, "m", "depth")

    def _union(self, code: Code, oneof: OneOfType, schema: Schema) -> str:
        out, which = code.variable(), code.variable()
        code.line(f"{which} = m.WhichOneof({code.bind(f'o{oneof.index}')})")
        code.line(f"{out} = None")
        for i, (field, target) in enumerate(zip(oneof.fields, schema.fields, strict=True)):
            with code.block(f"{'if' if i == 0 else 'elif'} {which} == {code.bind(f'f{field.number}')}:"):
                value = self._present(code, field, target.schema, f"m.f{int(field.number)}", "depth")
                values = [value if j == i else "None" for j in range(len(schema.fields))]
                code.line(f"{out} = {_struct(code, schema, values)}")
        return out

    def value(self, code: Code, field: FieldType, schema: Schema, var: str, depth: str) -> str:
        """Statements that read a field of the message ``var``; returns the expression of its value."""
        place = f"{var}.f{int(field.number)}"
        if field.repeated:
            return self._repeated(code, field, schema, place, depth)
        known = code.bind(f"f{field.number}")
        if field.kind == "message":
            out = code.variable()
            always = self._options.struct_for_nulls and self._is_struct(field) and not self._is_open(field)
            if always:
                self._check_generated(field)
            with code.block(f"if {'True' if always else f'{var}.HasField({known})'}:"):
                code.line(f"{out} = {self._present(code, field, schema, place, depth)}")
            code.line("else:")
            code.line(f"    {out} = None")
            return out
        nullable = field.oneof is not None or (
            field.optional and (field.proto3 or self._options.optional_for_proto2)
        )
        default = None if nullable else _default(field)
        if not nullable and default is None:
            return self._present(code, field, schema, place, depth)
        out = code.variable()
        with code.block(f"if {var}.HasField({known}):"):
            code.line(f"{out} = {self._present(code, field, schema, place, depth)}")
        with code.block("else:"):
            if default is None:
                code.line(f"{out} = None")
            else:
                code.line(f"{out} = {self._scalar(code, field, schema, code.bind(default))}")
        return out

    def _is_struct(self, field: FieldType) -> bool:
        message = field.message
        return (
            message is not None
            and message.full_name not in LOGICAL
            and not unwraps(message, self._options, is_field=True)
        )

    def _check_generated(self, field: FieldType) -> None:
        """Structs that are made for nulls have such inside them: refuse schemas where that explodes."""
        assert field.message is not None
        if self._structs(field.message) > self._limits.schema_fields:
            raise LimitError(
                "generate.struct.for.nulls=true would make more than "
                f"{self._limits.schema_fields} structs of a null; limit 'schema_fields'"
            )

    def _structs(self, message: MessageType) -> int:
        """How many structs an unset message is made of."""
        found = self._sizes.get(id(message))
        if found is None:
            self._sizes[id(message)] = 0  # one that contains itself ends there
            inner = [
                each.message
                for each in message.fields
                if each.message is not None and not each.repeated and each.oneof is None
            ]
            found = self._sizes[id(message)] = 1 + sum(map(self._structs, inner))
        return found

    def _is_open(self, field: FieldType) -> bool:
        """Whether the field's message is one around it: unset ones then end it."""
        return any(each is field.message for each in self._under_way)

    def _present(self, code: Code, field: FieldType, schema: Schema, place: str, depth: str) -> str:
        """The value of one that is there."""
        if field.message is None:
            return self._scalar(code, field, schema, place)
        logical = LOGICAL.get(field.message.full_name)
        if logical is not None:
            return f"{code.bind(reader(logical, self._limits))}({place})"
        if unwraps(field.message, self._options, is_field=True):
            return self._scalar(code, field.message.fields[0], schema, f"{place}.f1")
        function = self.function(field.message, schema)
        name = f"{code.bind(function)}.call" if isinstance(function, Late) else code.bind(function)
        return f"{name}({place}, {depth} + 1)"

    def _repeated(self, code: Code, field: FieldType, schema: Schema, place: str, depth: str) -> str:
        code.line(f"if len({place}) > {int(self._limits.items)}:")
        code.line(f"    raise {code.bind(_too_many)}({int(self._limits.items)})")
        if schema.type is Type.MAP:
            return self._map(code, field, schema, place, depth)
        assert schema.value_schema is not None
        item = code.variable()
        inside = self._present(code, field, schema.value_schema, item, depth)
        if inside == item:
            return f"list({place})"
        if field.enum is not None and field.enum.is_closed and not self._options.int_enums:
            table = code.bind(field.enum.numbers)
            return f"[{table}[{item}] for {item} in {place} if {item} in {table}]"
        return f"[{inside} for {item} in {place}]"

    def _map(self, code: Code, field: FieldType, schema: Schema, place: str, depth: str) -> str:
        assert field.message is not None
        assert schema.key_schema is not None
        assert schema.value_schema is not None
        key, value = field.message.fields
        out, entry = code.variable(), code.variable()
        code.line(f"{out} = {{}}")
        with code.block(f"for {entry} in {place}:"):
            first = self.value(code, key, schema.key_schema, entry, depth)
            second = self.value(code, value, schema.value_schema, entry, depth)
            if key.kind == "message":
                code.line(f"{code.bind(_put)}({out}, {first}, {second})")
            else:
                code.line(f"{out}[{first}] = {second}")
        return out

    def _scalar(self, code: Code, field: FieldType, schema: Schema, place: str) -> str:
        if field.enum is not None:
            if schema.type is not Type.STRING:
                return place
            unknown = f"UNKNOWN_ENUM_VALUE_{field.enum.name}_"
            numbers = field.enum.numbers
            closed = field.enum.is_closed

            def symbol(number: int) -> str | None:
                found = numbers.get(number)
                return found if found is not None or closed else f"{unknown}{number}"

            return f"{code.bind(symbol)}({place})"
        if field.kind in ("uint64", "fixed64"):
            return f"{code.bind(_signed)}({place})"
        if field.kind == "string" and not field.proto3:
            return f"{code.bind(_text)}({place})"
        if schema.type in (Type.INT8, Type.INT16):
            return f"{code.bind(_narrow(INT_BITS[schema.type]))}({place})"
        return place


def _too_many(limit: int) -> LimitError:
    return LimitError(
        f"The Protobuf message has a list of more than {limit} elements; "
        "if that is intended, raise the limit 'items'"
    )


def _struct(code: Code, schema: Schema, values: list[str]) -> str:
    out = code.variable()
    code.line(f"{out} = {code.bind(_NEW)}({code.bind(Struct)})")
    code.line(f"{out}.schema = {code.bind(schema)}")
    code.line(f"{out}.values = [{', '.join(values)}]")
    return out


def _default(field: FieldType) -> Any:
    """What a field that is unset stands for, as it would be on the wire; None for a zero."""
    text = field.default
    if field.enum is not None:
        symbol = None if text is None else field.enum.symbols.get(str(text))
        return (field.enum.first if symbol is None else symbol) or None
    if text is None:
        return None
    try:
        match field.kind:
            case "string":
                return str(text) or None
            case "bytes":
                return str(text).encode("latin-1", "replace") or None
            case "bool":
                return True if text == "true" else None
            case "float" | "double":
                return _real(text)
            case _:
                return int(text, 0) or None
    except ValueError:
        return None


def _real(text: Text | Word) -> float:
    return float(text if text.endswith(("inf", "nan")) else text.removesuffix("f"))


def _signed(number: int) -> int:
    """Java has no unsigned integers: the upper half is negative."""
    return number - (_SIGN << 1) if number >= _SIGN else number


def _narrow(bits: int) -> Callable[[int], int]:
    half = 1 << (bits - 1)

    def narrow(number: int) -> int:
        return (number + half & (half << 1) - 1) - half

    return narrow


def _text(found: Any) -> Any:
    """Texts of proto2 need not be UTF-8; the library gives such as bytes."""
    return found.decode("utf-8", "replace") if isinstance(found, bytes) else found


def _put(items: dict[Any, Any], key: Any, value: Any) -> None:
    try:
        items[key] = value
    except TypeError as error:
        raise ConversionError(
            "The Protobuf message has a map whose keys are structs, as Python has none"
        ) from error
