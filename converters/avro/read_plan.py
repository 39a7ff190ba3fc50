"""Plans for reading: the compiled codec's counterpart of the functions that ``decode`` generates.

Makes the same choices at the same places, and raises the same errors about schemas. Source: spec registry
2.7, 2.8; the Avro specification, *Schema Resolution*.
"""

from __future__ import annotations

from functools import partial
from typing import Any, Final

from connectkit.converters.avro.defaults import read_default
from connectkit.converters.avro.from_avro import is_map_entry, is_sum, member_name
from connectkit.converters.avro.model import MISSING, AvroField, AvroSchema
from connectkit.converters.avro.plan import CONSTANT, MADE, C, Node, Part, Plan, UnplannedError
from connectkit.converters.avro.readers import (
    INT_BITS,
    decimal_reader,
    holder,
    moment_reader,
    real_of,
    symbols_of,
)
from connectkit.converters.avro.resolve import branch_for, field_for, why_not
from connectkit.converters.avro.skip import Skipper, fewest_bytes
from connectkit.converters.avro.to_avro import AvroOptions, inner
from connectkit.instant import timestamp_from
from connectkit.limits import Limits
from connectkit.schema import DECIMAL_NAME, TEMPORAL_NAMES, TIMESTAMP_NAME, Schema, Type
from connectkit.struct import Struct

_UNREAD: Final = {
    "null": (C.NULL, 0), "boolean": (C.FIXED, 1), "int": (C.LONG, 0), "long": (C.LONG, 0),
    "float": (C.FIXED, 4), "double": (C.FIXED, 8), "bytes": (C.BYTES, 0), "string": (C.BYTES, 0),
    "enum": (C.LONG, 0),
}  # fmt: skip
"""What moves over a value that nobody wants, and how many bytes it has."""


def read_plan(
    writer: AvroSchema, reader: AvroSchema, schema: Schema | None, options: AvroOptions, limits: Limits
) -> list[Node] | None:
    """The nodes for reading data of ``writer`` as ``schema``; None if only a generated function can."""
    if schema is None or (writer.kind == "bytes" and reader.kind == "bytes"):
        return None
    planner = _Planner(options, limits)
    try:
        root = planner.read(writer, reader, schema)
    except UnplannedError:
        return None
    nodes = planner.plan.nodes
    return [nodes[root], *nodes[1:]]


class _Planner:
    """Makes the plan of one pair of schemas."""

    def __init__(self, options: AvroOptions, limits: Limits) -> None:
        self.plan = Plan()
        self.plan.add(C.REFUSE)  # where the root will stand
        self._options = options
        self._limits = limits
        self._skipper = Skipper(limits)

    def read(self, writer: AvroSchema, reader: AvroSchema, schema: Schema) -> int:
        add = self.plan.add
        if writer.kind == "union":
            return self._read_union(writer, reader, schema)
        if reader.kind == "union":
            return self._as_union(writer, reader, schema)
        if why_not(writer, reader) is not None:
            return add(C.REFUSE)
        match writer.kind:
            case "record" | "array" | "map":
                return self._contained(writer, reader, schema)
            case "enum":
                return add(C.ENUM, obj=symbols_of(writer, reader))
            case "fixed":
                return self._bytes(schema, size=writer.size)
            case "bytes" | "string":
                return add(C.STRING) if reader.kind == "string" else self._bytes(schema)
            case "null":
                return add(C.NULL)
            case "boolean":
                return add(C.BOOLEAN)
            case "float":
                return add(C.FLOAT)
            case "double":
                return add(C.DOUBLE)
            case _:
                return self._number(writer, reader, schema)

    def _read_union(self, writer: AvroSchema, reader: AvroSchema, schema: Schema) -> int:
        parts: list[Part] = []
        for each in writer.branches:
            if each.kind == "union":
                raise UnplannedError
            if reader.kind == "union":
                node = self._as_union(each, reader, schema)
            else:
                node = self.read(each, reader, schema)
            parts.append((node, 0, None))
        return self.plan.add(C.UNION, parts=tuple(parts))

    def _as_union(self, writer: AvroSchema, reader: AvroSchema, schema: Schema) -> int:
        number = branch_for(writer, reader)
        if number is None:
            return self.plan.add(C.REFUSE)
        branch = reader.branches[number]
        if branch.kind == "null":
            return self.plan.add(C.NULL)
        if branch.kind == "union":
            raise UnplannedError
        if not is_sum(reader, self._options):
            return self.read(writer, branch, schema)
        field = schema.field(member_name(holder(reader, branch), number, self._options))
        assert field is not None
        node = self.read(writer, branch, field.schema)
        return self.plan.add(C.SUM, a=len(schema.fields), obj=schema, parts=((node, field.index, None),))

    # --- records, arrays, maps

    def _contained(self, writer: AvroSchema, reader: AvroSchema, schema: Schema) -> int:
        key = (id(writer), id(reader), id(schema))
        found = self.plan.place(key, writer, reader, schema)
        if found is not None:
            return found
        if writer.kind == "record":
            made = self._record(writer, reader, schema)
        else:
            made = self._items(writer, reader, schema)
        return self.plan.fill(key, made)

    def _record(self, writer: AvroSchema, reader: AvroSchema, schema: Schema) -> int:
        slots = {field.name: number for number, field in enumerate(reader.fields)}
        parts: list[Part] = []
        have: set[str] = set()
        for field in writer.fields:
            target = field_for(field, reader)
            if target is None:
                parts.append((self._skip(field.schema), -1, None))
                continue
            connect = schema.field(target.name)
            assert connect is not None
            parts.append((self.read(field.schema, target.schema, connect.schema), slots[target.name], None))
            have.add(target.name)
        parts += [self._default(each, slots, schema) for each in reader.fields if each.name not in have]
        return self.plan.add(C.RECORD, a=len(reader.fields), obj=schema, parts=tuple(parts))

    def _default(self, field: AvroField, slots: dict[str, int], schema: Schema) -> Part:
        connect = schema.field(field.name)
        assert connect is not None
        slot = slots[field.name]
        if field.default is MISSING:
            return self.plan.add(C.REFUSE), slot, None
        value = read_default(field.schema, connect.schema, field.default)
        if isinstance(value, list | dict | Struct):
            return MADE, slot, partial(read_default, field.schema, connect.schema, field.default)
        return CONSTANT, slot, value

    def _items(self, writer: AvroSchema, reader: AvroSchema, schema: Schema) -> int:
        values = inner(schema.value_schema)
        is_list = schema.type is Type.ARRAY
        least = fewest_bytes(writer.items, keys=writer.kind == "map")
        if not is_list and writer.kind == "array":
            return self.plan.add(C.ENTRIES, a=least, parts=self._entry(writer.items, reader.items, schema))
        node = self.read(writer.items, reader.items, values)
        return self.plan.add(C.ARRAY if is_list else C.MAP, a=least, parts=((node, 0, None),))

    def _entry(self, writer: AvroSchema, reader: AvroSchema, schema: Schema) -> tuple[Part, ...]:
        assert is_map_entry(reader)
        wanted = {"key": inner(schema.key_schema), "value": inner(schema.value_schema)}
        parts: list[Part] = []
        for field in writer.fields:
            target = field_for(field, reader)
            if target is None:
                parts.append((self._skip(field.schema), -1, None))
                continue
            node = self.read(field.schema, target.schema, wanted[target.name])
            parts.append((node, int(target.name == "value"), None))
        if not {0, 1} <= {slot for _, slot, _ in parts}:
            raise UnplannedError  # a map without keys: only its name is right
        return tuple(parts)

    # --- numbers, texts, bytes

    def _number(self, writer: AvroSchema, reader: AvroSchema, schema: Schema) -> int:
        if reader.kind in ("float", "double"):
            return self.plan.add(C.CALL_LONG, obj=real_of(reader))
        short = int(writer.kind == "int")
        if schema.name == TIMESTAMP_NAME:
            return self.plan.add(C.MOMENT, a=short, obj=timestamp_from)
        if schema.name in TEMPORAL_NAMES:
            return self.plan.add(C.CALL_LONG, a=short, obj=moment_reader(schema))
        return self.plan.add(C.LONG, a=short, b=INT_BITS.get(schema.type, 0))

    def _bytes(self, schema: Schema, *, size: int | None = None) -> int:
        call: Any = decimal_reader(schema, self._limits) if schema.name == DECIMAL_NAME else None
        if size is None:
            return self.plan.add(C.BYTES if call is None else C.CALL_BYTES, obj=call)
        return self.plan.add(C.FIXED if call is None else C.CALL_FIXED, a=size, obj=call)

    # --- what the reader does not want

    def _skip(self, schema: AvroSchema) -> int:
        """What moves over a value: scalars, and unions of them, without a call."""
        if schema.kind == "union" and all(
            each.kind in _UNREAD or each.kind == "fixed" for each in schema.branches
        ):
            branches = tuple((self._skip(each), 0, None) for each in schema.branches)
            return self.plan.add(C.UNION, a=1, parts=branches)
        if schema.kind == "fixed":
            return self.plan.add(C.FIXED, a=schema.size)
        if schema.kind in _UNREAD:
            code, size = _UNREAD[schema.kind]
            return self.plan.add(code, a=size)
        return self.plan.add(C.SKIP, obj=partial(self._skipper.skip, schema))
