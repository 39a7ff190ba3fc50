"""Values: parsing, conversions, text, inference."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from connectkit import values
from connectkit.schema import Schema
from tests.golden.areas.json import float32_difference
from tests.golden.codec import schema_of, value_of
from tests.golden.compare import (
    Outcome,
    expect,
    pair_difference,
    schema_difference,
    value_difference,
)

Case = dict[str, Any]
_CONVERSIONS: dict[str, Callable[[Schema | None, Any], Any]] = {
    "boolean": values.convert_to_boolean, "int8": values.convert_to_byte, "int16": values.convert_to_short,
    "int32": values.convert_to_integer, "int64": values.convert_to_long,
    "float32": values.convert_to_float, "float64": values.convert_to_double,
    "string": values.convert_to_string, "list": values.convert_to_list, "map": values.convert_to_map,
    "struct": values.convert_to_struct, "date": values.convert_to_date, "time": values.convert_to_time,
    "timestamp": values.convert_to_timestamp,
}  # fmt: skip


def run(case: Case) -> Outcome:
    return _OPS[case["op"]](case)


def _parse(case: Case) -> Outcome:
    return expect(
        case,
        lambda: values.parse_string(case["in"]["text"]),
        lambda out, got: pair_difference(out["result"], got),
    )


def _convert(case: Case) -> Outcome:
    schema, to = schema_of(case["in"]["schema"]), case["in"]["to"]

    def produce() -> Any:
        value = value_of(case["in"]["value"], schema)
        if to == "decimal":
            return values.convert_to_decimal(schema, value, case["in"]["scale"])
        return _CONVERSIONS[to](schema, value)

    def compare(out: dict[str, Any], got: Any) -> Outcome:
        if to == "string" and isinstance(got, str):
            return float32_difference(case, out["value"].get("string"), got)
        return value_difference(out["value"], got)

    return expect(case, produce, compare)


def _to_string(case: Case) -> Outcome:
    schema = schema_of(case["in"]["schema"])
    return expect(
        case,
        lambda: values.convert_to_string(schema, value_of(case["in"]["value"], schema)),
        lambda out, got: float32_difference(case, out["text"], got),
    )


def _infer(case: Case) -> Outcome:
    return expect(
        case,
        lambda: values.infer_schema(value_of(case["in"]["value"])),
        lambda out, got: schema_difference(out["schema"], got),
    )


_OPS: dict[str, Callable[[Case], Outcome]] = {
    "parse": _parse, "convert": _convert, "to-string": _to_string, "infer": _infer,
}  # fmt: skip
