"""Connect values as Avro bytes: one generated function for each pair of schemas.

A function tests what it is given as it goes and raises :class:`MisfitError`, without a word, at anything
that the schema does not allow; :mod:`explain` then finds the place. Names and constants are bound, never
spelled into source. Source: spec registry 2.5; the Avro specification, *Binary encoding*.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from struct import Struct as Packer
from struct import error as PackError  # noqa: N812 - it is an error, and named as one here
from typing import Any, Final

from connectkit import logical
from connectkit.compile import Code, Functions, Late, too_deep
from connectkit.converters import varint
from connectkit.converters.avro import native
from connectkit.converters.avro.anything_codec import write_anything
from connectkit.converters.avro.explain import MisfitError, explain
from connectkit.converters.avro.model import AvroSchema
from connectkit.converters.avro.plan import later, settings
from connectkit.converters.avro.to_avro import AvroOptions, inner, stands_for
from connectkit.converters.avro.write_plan import write_plan
from connectkit.converters.avro.writers import decimal_writer, fixed_writer, plain_bytes
from connectkit.converters.javahash import hash_ordered
from connectkit.errors import DataError, LimitError
from connectkit.limits import DEFAULT_LIMITS, Limits
from connectkit.schema import DECIMAL_NAME, INT_BITS, TEMPORAL_NAMES, TIMESTAMP_NAME, Schema, Type
from connectkit.struct import Struct

Encoder = Callable[[Any, bytes], bytes]
"""``encode(value, prefix)``: the prefix and, behind it, the value."""

_FLOAT: Final = Packer("<f").pack
_DOUBLE: Final = Packer("<d").pack
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MISFITS: Final = (
    MisfitError, TypeError, AttributeError, KeyError, ValueError, OverflowError, PackError, DataError,
    RecursionError,
)  # fmt: skip


def compile_encoder(
    avro: AvroSchema, schema: Schema | None, options: AvroOptions, *, limits: Limits = DEFAULT_LIMITS
) -> Encoder:
    """The function that writes values of ``schema`` as ``avro``, the Avro schema made of it.

    It raises ``ConversionError`` with the path for values that do not fit, and ``LimitError`` for those too
    deep. A root of plain bytes is written bare, as Confluent's serializer does. The compiled codec, where it
    is there, writes what is good; the generated function says what is wrong with the rest.
    """
    if schema is None:
        return lambda value, prefix: write_anything(value, prefix, limits)

    def recover(value: Any, error: Exception) -> bytes:
        if isinstance(error, LimitError):
            raise error
        if isinstance(error, RecursionError):
            raise too_deep(limits.depth) from error
        raise explain(avro, schema, value, options, error) from error

    def generate() -> Encoder:
        return _Compiler(options, limits).root(avro, schema, recover)

    nodes = write_plan(avro, schema, options) if native.codec is not None else None
    if native.codec is None or nodes is None:
        return generate()
    made: Encoder = native.codec.Encoder(
        nodes, Struct, strict_end=False, fallback=later(generate), **settings(limits)
    )
    return made


class _Compiler:
    """Makes the functions of one root, each pair of schemas once."""

    def __init__(self, options: AvroOptions, limits: Limits) -> None:
        self._options = options
        self._limits = limits
        self._functions = Functions()

    def root(self, avro: AvroSchema, schema: Schema, recover: Callable[[Any, Exception], bytes]) -> Encoder:
        code = Code("value", "prefix")
        with code.block("try:"):
            if avro.kind == "bytes":
                write = decimal_writer(schema) if schema.name == DECIMAL_NAME else plain_bytes
                code.line(f"return prefix + {code.bind(write)}(value)")
            else:
                parts = self._write(code, avro, schema, "value", "0", own=True)
                code.line(_joined(code, ["prefix", *parts]))
        with code.block(f"except {code.bind(_MISFITS)} as error:"):
            code.line(f"return {code.bind(recover)}(value, error)")
        return code.build("avro encode", name="avro_encode")

    def _function(self, avro: AvroSchema, schema: Schema) -> Callable[..., bytes] | Late:
        return self._functions.get(lambda: self._generate(avro, schema), avro, schema)

    def _generate(self, avro: AvroSchema, schema: Schema) -> Callable[..., bytes]:
        code = Code("value", "depth")
        code.line(f"if depth > {int(self._limits.depth)}:")
        code.line(f"    raise {code.bind(too_deep)}({int(self._limits.depth)})")
        code.line(_joined(code, self._write(code, avro, schema, "value", "depth", own=True)))
        return code.build("avro encode", name="avro_encode_part")

    def _call(self, code: Code, avro: AvroSchema, schema: Schema, var: str, depth: str) -> list[str]:
        found = self._function(avro, schema)
        name = f"{code.bind(found)}.call" if isinstance(found, Late) else code.bind(found)
        out = code.variable()
        code.line(f"{out} = {name}({var}, {depth} + 1)")
        return [out]

    def _write(
        self, code: Code, avro: AvroSchema, schema: Schema, var: str, depth: str, *, own: bool = False
    ) -> list[str]:
        """Statements that write the variable; returns the expressions of its bytes, in order.

        ``own``: this is a function for exactly these two, and no call to it.
        """
        if avro.kind == "union":
            return self._write_union(code, avro, schema, var, depth)
        if avro.kind in ("record", "array", "map") and not own:
            return self._call(code, avro, schema, var, depth)
        match avro.kind:
            case "record":
                return self._write_record(code, avro, schema, var, depth)
            case "array" | "map":
                return self._write_items(code, avro, schema, var, depth)
            case "enum":
                table = {symbol: varint.write(i) for i, symbol in enumerate(avro.symbols)}
                return [f"{code.bind(table)}[{var}]"]
            case "fixed":
                return [f"{code.bind(fixed_writer(avro, schema))}({var})"]
            case _:
                return _write_scalar(code, schema, var)

    # --- unions

    def _write_union(self, code: Code, avro: AvroSchema, schema: Schema, var: str, depth: str) -> list[str]:
        out = code.variable()
        null = next((i for i, each in enumerate(avro.branches) if each.kind == "null"), None)
        member = avro.nullable_member
        if stands_for(schema, avro):
            return self._write_sum(code, avro, schema, var, depth, null)
        if member is None or null is None:
            raise DataError("The schema's Avro union has no branch for its values")
        with code.block(f"if {var} is None:"):
            code.line(f"{out} = {code.bind(varint.write(null))}")
        with code.block("else:"):
            # Inside of a branch the depth counts on, so that a recursive schema ends in a function.
            parts = self._write(code, member, schema, var, depth)
            code.line(f"{out} = {' + '.join([code.bind(varint.write(1 - null)), *parts])}")
        return [out]

    def _write_sum(
        self, code: Code, avro: AvroSchema, schema: Schema, var: str, depth: str, null: int | None
    ) -> list[str]:
        """A struct of which one field is set: that field's branch."""
        out, slots = code.variable(), code.variable()
        branches = [(i, each) for i, each in enumerate(avro.branches) if each.kind != "null"]
        head = "if"
        if null is not None:
            with code.block(f"if {var} is None:"):
                code.line(f"{out} = {code.bind(varint.write(null))}")
            head = "elif"
        with code.block(
            f"{head} {var}.schema is {code.bind(schema)} or {var}.schema == {code.bind(schema)}:"
        ):
            code.line(f"{slots} = {var}.values")
            head = "if"
            for (index, branch), field in zip(branches, schema.fields, strict=True):
                with code.block(f"{head} {slots}[{int(field.index)}] is not None:"):
                    item = code.variable()
                    code.line(f"{item} = {slots}[{int(field.index)}]")
                    parts = self._write(code, branch, field.schema, item, depth)
                    code.line(f"{out} = {' + '.join([code.bind(varint.write(index)), *parts])}")
                head = "elif"
            with code.block("else:" if branches else "if True:"):
                if null is None:
                    code.line(f"raise {code.bind(MisfitError)}")
                else:  # none of the types is null, so it must be that one
                    code.line(f"{out} = {code.bind(varint.write(null))}")
        with code.block("else:"):
            code.line(f"raise {code.bind(MisfitError)}")
        return [out]

    # --- records, arrays, maps

    def _write_record(self, code: Code, avro: AvroSchema, schema: Schema, var: str, depth: str) -> list[str]:
        known = code.bind(schema)
        code.line(f"if {var}.schema is not {known} and {var}.schema != {known}:")
        code.line(f"    raise {code.bind(MisfitError)}")
        if not schema.fields:
            return [code.bind(b"")]
        variables = [code.variable() for _ in schema.fields]
        code.line(f"{', '.join(variables)}, = {var}.values")
        parts: list[str] = []
        for variable, field, target in zip(variables, schema.fields, avro.fields, strict=True):
            default = field.schema.default
            if default is not None and not self._options.ignore_defaults:
                code.line(f"if {variable} is None:")
                code.line(f"    {variable} = {code.bind(default)}")
            parts += self._write(code, target.schema, field.schema, variable, depth)
        return parts

    def _write_items(self, code: Code, avro: AvroSchema, schema: Schema, var: str, depth: str) -> list[str]:
        out, item = code.variable(), code.variable()
        values = inner(schema.value_schema)
        if schema.type is Type.ARRAY:
            code.line(f"if type({var}) is not list and type({var}) is not tuple:")
            code.line(f"    raise {code.bind(MisfitError)}")
        code.line(f"{out} = [{_length(code, var)}]")
        add = f"{out}.append"
        if schema.type is Type.ARRAY:
            with code.block(f"for {item} in {var}:"):
                for part in self._write(code, avro.items, values, item, depth):
                    code.line(f"{add}({part})")
        else:
            key = code.variable()
            entries = f"{code.bind(hash_ordered)}({var})" if avro.kind == "map" else f"{var}.items()"
            with code.block(f"for {key}, {item} in {entries}:"):
                keys = inner(schema.key_schema)
                if avro.kind == "map":
                    parts = [
                        *_write_scalar(code, keys, key),
                        *self._write(code, avro.items, values, item, depth),
                    ]
                else:
                    first, second = avro.items.fields
                    parts = [
                        *self._write(code, first.schema, keys, key, depth),
                        *self._write(code, second.schema, values, item, depth),
                    ]
                for part in parts:
                    code.line(f"{add}({part})")
        end, joined = code.bind(b"\0"), code.variable()
        code.line(f"if {var}:")
        code.line(f"    {add}({end})")
        code.line(f"{joined} = {code.bind(b''.join)}({out})")
        return [joined]


def _joined(code: Code, parts: list[str]) -> str:
    if len(parts) <= 3:
        return f"return {' + '.join(parts)}"
    return f"return {code.bind(b''.join)}(({', '.join(parts)}))"


def _length(code: Code, var: str) -> str:
    table, write = code.bind(varint.WRITTEN), code.bind(varint.write)
    return f"({table}[len({var})] if len({var}) < {varint.MOST} else {write}(len({var})))"


def _write_scalar(code: Code, schema: Schema, var: str) -> list[str]:
    kind = schema.type
    if schema.name in TEMPORAL_NAMES:
        number = code.variable()
        if schema.name == TIMESTAMP_NAME:
            _write_moment(code, schema, var, number)
        else:
            code.line(f"{number} = {code.bind(partial(logical.from_logical, schema))}({var})")
        return [_number(code, number, varint.MOST, varint.write)]
    if schema.name == DECIMAL_NAME and kind is Type.BYTES:
        data = code.variable()
        code.line(f"{data} = {code.bind(decimal_writer(schema))}({var})")
        return [_length(code, data), data]
    match kind:
        case Type.INT8 | Type.INT16 | Type.INT32 | Type.INT64:
            code.line(f"if type({var}) is not int:")
            code.line(f"    {var} = {code.bind(_whole)}({var})")
            most = min(varint.MOST, 1 << (INT_BITS[kind] - 1))
            return [_number(code, var, most, _bounded(INT_BITS[kind]))]
        case Type.FLOAT32 | Type.FLOAT64:
            code.line(f"if type({var}) is not float:")
            code.line(f"    {var} = {code.bind(_real)}({var})")
            return [f"{code.bind(_FLOAT if kind is Type.FLOAT32 else _DOUBLE)}({var})"]
        case Type.BOOLEAN:
            yes, no = code.bind(b"\1"), code.bind(b"\0")
            return [f"({yes} if {var} is True else {no} if {var} is False else {code.bind(_misfit)}({var}))"]
        case Type.STRING:
            data = code.variable()
            with code.block("try:"):
                code.line(f"{data} = {code.bind(str.encode)}({var})")
            with code.block(f"except {code.bind(UnicodeEncodeError)}:"):
                code.line(f"{data} = {code.bind(_lenient)}({var})")
            return [_length(code, data), data]
        case _:
            data = code.variable()
            code.line(f"{data} = {code.bind(plain_bytes)}({var})")
            return [_length(code, data), data]


def _number(code: Code, var: str, most: int, write: Callable[[int], bytes]) -> str:
    table = code.bind(varint.WRITTEN)
    return f"({table}[{var}] if {varint.LEAST} <= {var} < {int(most)} else {code.bind(write)}({var}))"


def _bounded(bits: int) -> Callable[[int], bytes]:
    if bits == 64:
        return varint.write
    most = 1 << (bits - 1)

    def write(number: int) -> bytes:
        if not -most <= number < most:
            raise OverflowError
        return varint.write(number)

    return write


def _whole(value: Any) -> int:
    if isinstance(value, int) and not isinstance(value, bool):
        return int(value)
    raise MisfitError


def _real(value: Any) -> float:
    if isinstance(value, float):
        return float(value)
    raise MisfitError


def _misfit(value: Any) -> bytes:
    raise MisfitError


def _lenient(value: str) -> bytes:
    return value.encode("utf-8", "replace")  # half of a pair: a question mark, as in Java


def _write_moment(code: Code, schema: Schema, var: str, number: str) -> None:
    """A timestamp's milliseconds; written out for moments in UTC, which need no call."""
    with code.block(f"if type({var}) is {code.bind(datetime)} and {var}.tzinfo is {code.bind(UTC)}:"):
        code.line(f"{number} = {var} - {code.bind(_EPOCH)}")
        seconds = f"{number}.days * 86400 + {number}.seconds"
        code.line(f"{number} = ({seconds}) * 1000 + {number}.microseconds // 1000")
    with code.block("else:"):
        code.line(f"{number} = {code.bind(logical.from_timestamp)}({code.bind(schema)}, {var})")
