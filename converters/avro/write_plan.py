"""Plans for writing: the compiled codec's counterpart of the functions that ``encode`` generates.

Makes the same choices at the same places, and raises the same errors about schemas. Source: spec registry
2.5; the Avro specification, *Binary encoding*.
"""

from __future__ import annotations

from functools import partial
from typing import Any, Final

from connectkit import logical
from connectkit.converters import varint
from connectkit.converters.avro.model import AvroSchema
from connectkit.converters.avro.plan import C, Node, Part, Plan, UnplannedError
from connectkit.converters.avro.to_avro import AvroOptions, inner, stands_for
from connectkit.converters.avro.writers import decimal_writer, fixed_writer
from connectkit.converters.javahash import hash_ordered
from connectkit.errors import DataError
from connectkit.schema import DECIMAL_NAME, INT_BITS, TEMPORAL_NAMES, TIMESTAMP_NAME, Schema, Type

_SCALARS: Final = {
    Type.FLOAT32: C.FLOAT,
    Type.FLOAT64: C.DOUBLE,
    Type.BOOLEAN: C.BOOLEAN,
    Type.STRING: C.STRING,
    Type.BYTES: C.BYTES,
}


def write_plan(avro: AvroSchema, schema: Schema, options: AvroOptions) -> list[Node] | None:
    """The nodes for writing values of ``schema`` as ``avro``; None if only a generated function can."""
    if avro.kind == "bytes":
        return None
    planner = _Planner(options)
    try:
        root = planner.write(avro, schema)
    except UnplannedError:
        return None
    nodes = planner.plan.nodes
    return [nodes[root], *nodes[1:]]


class _Planner:
    """Makes the plan of one pair of schemas."""

    def __init__(self, options: AvroOptions) -> None:
        self.plan = Plan()
        self.plan.add(C.REFUSE)  # where the root will stand
        self._options = options

    def write(self, avro: AvroSchema, schema: Schema) -> int:
        match avro.kind:
            case "union":
                return self._union(avro, schema)
            case "record" | "array" | "map":
                return self._contained(avro, schema)
            case "enum":
                table = {symbol: varint.write(number) for number, symbol in enumerate(avro.symbols)}
                return self.plan.add(C.ENUM, obj=table)
            case "fixed" if schema.name == DECIMAL_NAME:
                return self.plan.add(C.CALL_FIXED, obj=fixed_writer(avro, schema))
            case "fixed":
                return self.plan.add(C.FIXED, a=avro.size)
            case _:
                return self._scalar(schema)

    def _union(self, avro: AvroSchema, schema: Schema) -> int:
        null = next((i for i, each in enumerate(avro.branches) if each.kind == "null"), None)
        member = avro.nullable_member
        if stands_for(schema, avro):
            branches = [(i, each) for i, each in enumerate(avro.branches) if each.kind != "null"]
            if any(each.kind == "union" for _, each in branches):
                raise UnplannedError
            parts = tuple(
                (self.write(each, field.schema), field.index, varint.write(number))
                for (number, each), field in zip(branches, schema.fields, strict=True)
            )
            return self.plan.add(C.SUM, a=-1 if null is None else null, obj=schema, parts=parts)
        if member is None or null is None:
            raise DataError("The schema's Avro union has no branch for its values")
        if member.kind == "union":
            raise UnplannedError
        return self.plan.add(C.NULLABLE, a=null, parts=((self.write(member, schema), 0, None),))

    # --- records, arrays, maps

    def _contained(self, avro: AvroSchema, schema: Schema) -> int:
        key = (id(avro), id(schema))
        found = self.plan.place(key, avro, schema)
        if found is not None:
            return found
        if avro.kind == "record":
            made = self._record(avro, schema)
        elif schema.type is Type.ARRAY:
            node = self.write(avro.items, inner(schema.value_schema))
            made = self.plan.add(C.ARRAY, parts=((node, 0, None),))
        else:
            made = self._map(avro, schema)
        return self.plan.fill(key, made)

    def _record(self, avro: AvroSchema, schema: Schema) -> int:
        parts: list[Part] = []
        for field, target in zip(schema.fields, avro.fields, strict=True):
            default = None if self._options.ignore_defaults else field.schema.default
            parts.append((self.write(target.schema, field.schema), field.index, default))
        return self.plan.add(C.RECORD, obj=schema, parts=tuple(parts))

    def _map(self, avro: AvroSchema, schema: Schema) -> int:
        keys, values = inner(schema.key_schema), inner(schema.value_schema)
        order: Any = None
        if avro.kind == "map":
            order = hash_ordered
            nodes = self._scalar(keys), self.write(avro.items, values)
        else:
            first, second = avro.items.fields
            nodes = self.write(first.schema, keys), self.write(second.schema, values)
        return self.plan.add(C.MAP, obj=order, parts=tuple((node, 0, None) for node in nodes))

    # --- scalars

    def _scalar(self, schema: Schema) -> int:
        add = self.plan.add
        if schema.name == TIMESTAMP_NAME:
            return add(C.MOMENT, obj=partial(logical.from_timestamp, schema))
        if schema.name in TEMPORAL_NAMES:
            return add(C.CALL_LONG, obj=partial(logical.from_logical, schema))
        if schema.name == DECIMAL_NAME and schema.type is Type.BYTES:
            return add(C.CALL_BYTES, obj=decimal_writer(schema))
        if schema.type in INT_BITS:
            return add(C.LONG, a=INT_BITS[schema.type])
        return add(_SCALARS.get(schema.type, C.BYTES))
