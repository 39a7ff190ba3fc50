"""Avro bytes as Connect values: one function for each writer's and reader's schema.

A function reads what the writer wrote and makes what the reader's Connect schema says, without anything in
between; fields the reader does not have are skipped, those the writer did not have get their defaults
(Avro's schema resolution). It raises without a word at data that end too early or are none;
:func:`compile_decoder` says it in a sentence. Every length is checked against what is left before
anything is made of it. Source: spec registry 2.7, 2.8; the Avro specification, *Schema Resolution*.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from struct import Struct as Packer
from struct import error as PackError  # noqa: N812 - it is an error, and named as one here
from typing import Any, Final

from connectkit.compile import Code, Functions, Late, too_deep
from connectkit.converters import varint
from connectkit.converters.avro import native
from connectkit.converters.avro.anything_codec import read_anything
from connectkit.converters.avro.defaults import read_default
from connectkit.converters.avro.from_avro import is_map_entry, is_sum, member_name
from connectkit.converters.avro.model import MISSING, AvroField, AvroSchema, shown
from connectkit.converters.avro.plan import later, settings
from connectkit.converters.avro.read_plan import read_plan
from connectkit.converters.avro.readers import (
    INT_BITS,
    decimal_reader,
    holder,
    moment_reader,
    real_of,
    symbols_of,
)
from connectkit.converters.avro.resolve import branch_for, field_for, why_not
from connectkit.converters.avro.skip import (
    EmptyItems,
    Skipper,
    checked_count,
    fewest_bytes,
    holds_empty_items,
    no_branch,
)
from connectkit.converters.avro.to_avro import AvroOptions, inner
from connectkit.errors import ConversionError
from connectkit.instant import (
    EXACT_MS,
    timestamp_from,
)
from connectkit.limits import DEFAULT_LIMITS, Limits
from connectkit.schema import (
    DECIMAL_NAME,
    TEMPORAL_NAMES,
    TIMESTAMP_NAME,
    Schema,
    Type,
)
from connectkit.struct import Struct

Decoder = Callable[[bytes, int], Any]
"""``decode(data, at)``: the value that begins there, which must be the last thing in the data."""

_FLOAT: Final = Packer("<f")
_DOUBLE: Final = Packer("<d")
_NEW: Final = Struct.__new__


def compile_decoder(
    writer: AvroSchema,
    reader: AvroSchema,
    schema: Schema | None,
    options: AvroOptions,
    *,
    strict_end: bool = False,
    limits: Limits = DEFAULT_LIMITS,
) -> Decoder:
    """The function that reads data of ``writer`` as ``schema``, the Connect schema made of ``reader``.

    ``strict_end`` refuses data that go on behind the value. Raises ``ConversionError`` for damaged data and
    ``LimitError`` for what is too large or too deep, in time bounded by the size of the data. The compiled
    codec, where it is there, reads what is good; the generated function says what is wrong with the rest.
    """

    def generate() -> Decoder:
        compiler = _Compiler(options, limits, strict_end=strict_end)
        recovery = _Recovery(writer, reader, schema, options, limits, strict_end)
        return compiler.root(writer, reader, schema, recovery)

    nodes = read_plan(writer, reader, schema, options, limits) if native.codec is not None else None
    if native.codec is None or nodes is None:
        return generate()
    made: Decoder = native.codec.Decoder(
        nodes, Struct, strict_end=strict_end, fallback=later(generate), **settings(limits)
    )
    return made


class _Recovery:
    """What to do about data that a generated function could not read."""

    def __init__(
        self,
        writer: AvroSchema,
        reader: AvroSchema,
        schema: Schema | None,
        options: AvroOptions,
        limits: Limits,
        strict_end: bool,
    ) -> None:
        self._limits = limits
        self._lenient: Decoder | None = None
        self._make_lenient: Callable[[], Decoder] = partial(
            _Compiler(options, limits, strict_end=strict_end, errors="replace").root,
            writer, reader, schema, self,
        )  # fmt: skip

    def __call__(self, data: bytes, at: int, error: Exception) -> Any:
        """The value, if the data can be read after all; else raises what is wrong with them."""
        if isinstance(error, UnicodeDecodeError):
            if self._lenient is None:
                self._lenient = self._make_lenient()
            return self._lenient(data, at)  # with U+FFFD for what is no UTF-8, as in Java
        if isinstance(error, RecursionError):
            raise too_deep(self._limits.depth) from error
        raise ConversionError("The Avro data end in the middle of a value: they are cut off") from error


_RECOVERED: Final = (IndexError, PackError, UnicodeDecodeError, RecursionError)


def _at_end(data: bytes, at: int) -> None:
    if at != len(data):
        raise ConversionError(f"The Avro data go on for {len(data) - at} bytes behind the value")


class _Compiler:
    """Makes the functions of one root; those of the parts return the value and where it ends."""

    def __init__(
        self, options: AvroOptions, limits: Limits, *, strict_end: bool, errors: str = "strict"
    ) -> None:
        self._strict_end = strict_end
        self._empties = EmptyItems(limits.items // 10)  # which take memory and no bytes
        self._decode: Callable[[bytes], str] = (
            bytes.decode if errors == "strict" else lambda data: data.decode("utf-8", errors)
        )
        self._options = options
        self._limits = limits
        self._functions = Functions()

    def root(
        self, writer: AvroSchema, reader: AvroSchema, schema: Schema | None, recover: Callable[..., Any]
    ) -> Decoder:
        code = Code("data", "at")
        code.line("begin = at")
        if holds_empty_items(writer):
            code.line(f"{code.bind(self._empties.reset)}()")
        with code.block("try:"):
            value, result = self._root_value(code, writer, reader, schema), code.variable()
            code.line(f"{result} = {value}")
            # A slice of bytes that are not there is short, without a word, but leads beyond the end.
            code.line("if at > len(data):")
            code.line("    raise IndexError")
            if self._strict_end:
                code.line(f"{code.bind(_at_end)}(data, at)")
            code.line(f"return {result}")
        with code.block(f"except {code.bind(_RECOVERED)} as error:"):
            code.line(f"return {code.bind(recover)}(data, begin, error)")
        return code.build("avro decode", name="avro_decode")

    def _root_value(self, code: Code, writer: AvroSchema, reader: AvroSchema, schema: Schema | None) -> str:
        if schema is None:
            out = code.variable()
            code.line(f"{out}, at = {code.bind(read_anything)}(data, at, {code.bind(self._limits)})")
            return out
        if writer.kind == "bytes" and reader.kind == "bytes":  # bare, as Confluent's serializer writes it
            data = code.variable()
            code.line(f"{data} = data[at:]")
            code.line("at = len(data)")
            return self._bytes_value(code, schema, data)
        return self._read(code, writer, reader, schema, "0", own=True)

    def _function(self, writer: AvroSchema, reader: AvroSchema, schema: Schema) -> Callable[..., Any] | Late:
        return self._functions.get(lambda: self._generate(writer, reader, schema), writer, reader, schema)

    def _generate(self, writer: AvroSchema, reader: AvroSchema, schema: Schema) -> Callable[..., Any]:
        code = Code("data", "at", "depth")
        code.line(f"if depth > {int(self._limits.depth)}:")
        code.line(f"    raise {code.bind(too_deep)}({int(self._limits.depth)})")
        value = self._read(code, writer, reader, schema, "depth", own=True)
        code.line(f"return {value}, at")
        return code.build("avro decode", name="avro_decode_part")

    def _read(
        self,
        code: Code,
        writer: AvroSchema,
        reader: AvroSchema,
        schema: Schema,
        depth: str,
        *,
        own: bool = False,
    ) -> str:
        """Statements that read a value and move ``at`` behind it; returns the expression of the value.

        ``own``: this is a function for exactly these, and no call to it.
        """
        if writer.kind == "union":
            return self._read_union(code, writer, reader, schema, depth)
        if reader.kind == "union":
            return self._as_union(code, writer, reader, schema, depth)
        problem = why_not(writer, reader)
        if problem is not None:
            return _refusal(code, problem)
        if writer.kind in ("record", "array", "map") and not own:
            return self._call(code, writer, reader, schema, depth)
        match writer.kind:
            case "record":
                return self._read_record(code, writer, reader, schema, depth)
            case "array" | "map":
                return self._read_items(code, writer, reader, schema, depth)
            case "enum":
                return _read_enum(code, writer, reader)
            case "fixed":
                data = _read_span(code, writer.size)
                return self._bytes_value(code, schema, data)
            case "bytes" | "string":
                return self._read_text(code, writer, reader, schema)
            case "null":
                return "None"
            case _:
                return _read_number(code, writer, reader, schema)

    def _call(self, code: Code, writer: AvroSchema, reader: AvroSchema, schema: Schema, depth: str) -> str:
        found = self._function(writer, reader, schema)
        name = f"{code.bind(found)}.call" if isinstance(found, Late) else code.bind(found)
        out = code.variable()
        code.line(f"{out}, at = {name}(data, at, {depth} + 1)")
        return out

    # --- unions

    def _read_union(
        self, code: Code, writer: AvroSchema, reader: AvroSchema, schema: Schema, depth: str
    ) -> str:
        """Each branch as the reader has it."""
        twice, out = _read_branch(code), code.variable()
        head = "if"
        for number, each in enumerate(writer.branches):
            with code.block(f"{head} {twice} == {2 * number}:"):
                if reader.kind == "union":
                    value = self._as_union(code, each, reader, schema, depth)
                else:
                    value = self._read(code, each, reader, schema, depth)
                code.line(f"{out} = {value}")
            head = "elif"
        with code.block("else:" if writer.branches else "if True:"):
            code.line(f"raise {code.bind(no_branch)}()")
        return out

    def _as_union(
        self, code: Code, writer: AvroSchema, reader: AvroSchema, schema: Schema, depth: str
    ) -> str:
        """What is no union, or one of its branches, as a union of the reader's."""
        number = branch_for(writer, reader)
        if number is None:
            return _refusal(code, f"no branch of the reader's union can take {_called(writer)}")
        branch = reader.branches[number]
        if branch.kind == "null":
            return "None"
        if not is_sum(reader, self._options):
            return self._read(code, writer, branch, schema, depth)
        field = schema.field(member_name(holder(reader, branch), number, self._options))
        assert field is not None
        value = self._read(code, writer, branch, field.schema, depth)
        slots = ", ".join(value if i == field.index else "None" for i in range(len(schema.fields)))
        return _struct(code, schema, f"[{slots}]")

    # --- records, arrays, maps

    def _read_record(
        self, code: Code, writer: AvroSchema, reader: AvroSchema, schema: Schema, depth: str
    ) -> str:
        slots: dict[str, str] = {}
        for field in writer.fields:
            target = field_for(field, reader)
            if target is None:
                self._skip(code, field.schema, depth)
                continue
            connect = schema.field(target.name)
            assert connect is not None
            value = self._read(code, field.schema, target.schema, connect.schema, depth)
            if value.isidentifier():
                slots[target.name] = value
            else:
                slots[target.name] = variable = code.variable()
                code.line(f"{variable} = {value}")
        for target in reader.fields:
            if target.name not in slots:
                slots[target.name] = self._default(code, target, schema)
        return _struct(code, schema, f"[{', '.join(slots[each.name] for each in reader.fields)}]")

    def _default(self, code: Code, field: AvroField, schema: Schema) -> str:
        """The default of a field that the writer does not have; what can be changed is made anew."""
        connect = schema.field(field.name)
        assert connect is not None
        if field.default is MISSING:
            return _refusal(
                code,
                f"the reader's field '{shown(field.name)}' has no default, and the writer does not have it",
            )
        value = read_default(field.schema, connect.schema, field.default)
        if isinstance(value, list | dict | Struct):
            remake = lambda: read_default(field.schema, connect.schema, field.default)  # noqa: E731
            return f"{code.bind(remake)}()"
        return code.bind(value)

    def _read_items(
        self, code: Code, writer: AvroSchema, reader: AvroSchema, schema: Schema, depth: str
    ) -> str:
        out, index = code.variable(), code.variable()
        values = inner(schema.value_schema)
        is_list = schema.type is Type.ARRAY
        code.line(f"{out} = {'[]' if is_list else '{}'}")
        count = code.variable()
        least = fewest_bytes(writer.items, keys=writer.kind == "map")
        self._next_block(code, count, least, f"len({out})")
        with code.block(f"while {count}:"):
            with code.block(f"for {index} in range({count}):"):
                if is_list:
                    code.line(f"{out}.append({self._read(code, writer.items, reader.items, values, depth)})")
                elif writer.kind == "map":
                    key = code.variable()
                    code.line(f"{key} = {_read_string(code, self._decode)}")
                    code.line(f"{out}[{key}] = {self._read(code, writer.items, reader.items, values, depth)}")
                else:
                    self._read_entry(code, writer.items, reader.items, schema, out, depth)
            self._next_block(code, count, least, f"len({out})")
        return out

    def _read_entry(
        self, code: Code, writer: AvroSchema, reader: AvroSchema, schema: Schema, out: str, depth: str
    ) -> None:
        assert is_map_entry(reader)
        wanted = {"key": inner(schema.key_schema), "value": inner(schema.value_schema)}
        found: dict[str, str] = {}
        for field in writer.fields:
            target = field_for(field, reader)
            if target is None:
                self._skip(code, field.schema, depth)
                continue
            found[target.name] = code.variable()
            value = self._read(code, field.schema, target.schema, wanted[target.name], depth)
            code.line(f"{found[target.name]} = {value}")
        if len(found) < 2:
            code.line(f"raise {code.bind(ConversionError)}({code.bind('The writer has a map without keys')})")
            return
        code.line(f"{code.bind(_put)}({out}, {found['key']}, {found['value']})")

    def _next_block(self, code: Code, count: str, least: int, have: str) -> None:
        """Read how many items follow; refuse more than the data can hold, or than the limit allows."""
        code.line(f"{count} = {_read_long(code)}")
        with code.block(f"if {count} < 0:"):
            code.line(f"{count} = -{count}")
            _read_long(code)
        with code.block(f"if {count}:"):
            check = code.bind(checked_count(least, self._limits.items) if least else self._empties.check)
            code.line(f"{check}({count}, len(data) - at, {have})")

    # --- texts and bytes

    def _read_text(self, code: Code, writer: AvroSchema, reader: AvroSchema, schema: Schema) -> str:
        if reader.kind == "string":
            return _read_string(code, self._decode)
        data = code.variable()
        code.line(f"{data} = {_read_bytes(code)}")
        return self._bytes_value(code, schema, data)

    def _bytes_value(self, code: Code, schema: Schema, data: str) -> str:
        if schema.name != DECIMAL_NAME:
            return data
        return f"{code.bind(decimal_reader(schema, self._limits))}({data})"

    # --- what the reader does not want

    def _skip(self, code: Code, schema: AvroSchema, depth: str) -> None:
        code.line(f"at = {code.bind(Skipper(self._limits).skip)}({code.bind(schema)}, data, at, {depth})")


def _called(schema: AvroSchema) -> str:
    return shown(schema.full_name)


def _refusal(code: Code, problem: str) -> str:
    """An expression that raises: such data cannot be read, though the schemas as a whole may do."""
    message = f"The Avro data cannot be read with the reader's schema: {problem}"

    def refuse() -> None:
        raise ConversionError(message)

    return f"{code.bind(refuse)}()"


def _struct(code: Code, schema: Schema, slots: str) -> str:
    out = code.variable()
    code.line(f"{out} = {code.bind(_NEW)}({code.bind(Struct)})")
    code.line(f"{out}.schema = {code.bind(schema)}")
    code.line(f"{out}.values = {slots}")
    return out


def _read_long(code: Code) -> str:
    out = code.variable()
    code.line(f"{out} = data[at]")
    code.line("at += 1")
    code.line(f"if {out} < 128:")
    code.line(f"    {out} = {code.bind(varint.READ)}[{out}]")
    code.line("else:")
    code.line(f"    {out}, at = {code.bind(varint.read_more)}(data, at, {out})")
    return out


def _read_branch(code: Code) -> str:
    """Twice the number of a union's branch, as it stands in the data; it needs no table."""
    out = code.variable()
    code.line(f"{out} = data[at]")
    code.line("at += 1")
    code.line(f"if {out} > 127:")
    code.line(f"    {out}, at = {code.bind(varint.read_more)}(data, at, {out})")
    code.line(f"    {out} *= 2")
    return out


def _read_span(code: Code, size: int) -> str:
    """So many bytes; whether they were there is seen at the end (see ``root``)."""
    start, out = code.variable(), code.variable()
    code.line(f"{start} = at")
    code.line(f"at += {int(size)}")
    code.line(f"{out} = data[{start}:at]")
    return out


def _read_bytes(code: Code) -> str:
    """Bytes behind their length, as an expression; whether they were there is seen at the end."""
    size, start = code.variable(), code.variable()
    code.line(f"{size} = data[at]")
    code.line("at += 1")
    with code.block(f"if {size} < 128:"):
        code.line(f"{start} = at")
        code.line(f"at += {code.bind(varint.LENGTHS)}[{size}]")
    with code.block("else:"):
        code.line(f"{size}, at = {code.bind(varint.read_more_length)}(data, at, {size})")
        code.line(f"{start} = at")
        code.line(f"at += {size}")
    return f"data[{start}:at]"


def _read_string(code: Code, decode: Callable[[bytes], str]) -> str:
    out = code.variable()
    data = _read_bytes(code)
    code.line(f"{out} = {code.bind(decode)}({data})")
    return out


def _read_enum(code: Code, writer: AvroSchema, reader: AvroSchema) -> str:
    index, out = _read_long(code), code.variable()
    symbols = symbols_of(writer, reader)
    code.line(f"{out} = {code.bind(symbols)}[{index}] if 0 <= {index} < {len(symbols)} else None")
    code.line(f"if {out} is None:")
    code.line(f"    raise {code.bind(_no_symbol)}()")
    return out


def _no_symbol() -> ConversionError:
    return ConversionError("The Avro data have a symbol that the reader's enum does not")


def _read_number(code: Code, writer: AvroSchema, reader: AvroSchema, schema: Schema) -> str:
    match writer.kind:
        case "boolean":
            out = code.variable()
            code.line(f"{out} = data[at] == 1")
            code.line("at += 1")
            return out
        case "float" | "double":
            packer = _FLOAT if writer.kind == "float" else _DOUBLE
            out = code.variable()
            code.line(f"{out}, = {code.bind(packer.unpack_from)}(data, at)")
            code.line(f"at += {packer.size}")
            return out
    out = _read_long(code)
    if reader.kind in ("float", "double"):
        return f"{code.bind(real_of(reader))}({out})"
    if writer.kind == "int":
        code.line(f"if not -2147483648 <= {out} <= 2147483647:")
        code.line(f"    raise {code.bind(_no_int)}()")
    if schema.name == TIMESTAMP_NAME:  # written out where timestamp_from would only pass it on
        quick = f"{code.bind(datetime.fromtimestamp)}({out} / 1000, {code.bind(UTC)})"
        return f"({quick} if 0 <= {out} < {EXACT_MS} else {code.bind(timestamp_from)}({out}))"
    if schema.name in TEMPORAL_NAMES:
        return f"{code.bind(moment_reader(schema))}({out})"
    bits = INT_BITS.get(schema.type)
    if bits is not None:
        return f"(({out} + {1 << (bits - 1)} & {(1 << bits) - 1}) - {1 << (bits - 1)})"
    return out


def _no_int() -> ConversionError:
    return ConversionError("The Avro data have an int of more than 32 bits: they are damaged, or not Avro")


def _put(found: dict[Any, Any], key: Any, value: Any) -> None:
    try:
        found[key] = value
    except TypeError as exc:
        raise ConversionError("The Avro data have a map whose key is itself a list, map or struct") from exc
