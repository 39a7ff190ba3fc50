"""Bad input ends in a value or a data error, soon: the suite's time limit is the test of "soon"."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import suppress
from decimal import Decimal
from typing import Any

import pytest

from connectkit import logical, values
from connectkit.builder import SchemaBuilder
from connectkit.converters.json import JsonConfig, JsonConverter
from connectkit.errors import DataError, LimitError
from connectkit.headers import Headers
from connectkit.javatext import text_of
from connectkit.project import project
from connectkit.schema import DECIMAL_NAME, Schema, Type, same_value
from connectkit.struct import Struct

NUMBERS = [
    "1E+2147483647", "1E-2147483647", "1E+999999999999", "NaN", "sNaN", "NaN123", "Infinity", "-Infinity",
    "-0", "1E+400", "9" * 5_000,
]  # fmt: skip
CONVERSIONS: list[Callable[[Any, Any], Any]] = [
    values.convert_to_boolean, values.convert_to_byte, values.convert_to_long, values.convert_to_float,
    values.convert_to_double, values.convert_to_string, values.convert_to_list, values.convert_to_date,
    values.convert_to_time, values.convert_to_timestamp,
    lambda schema, value: values.convert_to_decimal(schema, value, 2),
    lambda schema, value: values.convert_to(logical.TIMESTAMP_NANOS, schema, value),
]  # fmt: skip


def _ends(form: Callable[[], Any]) -> None:
    """It gives a value or raises a data error; anything else is a failure, and so is no end."""
    with suppress(DataError):
        form()


def _json(**options: str) -> JsonConverter:
    config = {name.replace("_", "."): option for name, option in options.items()}
    return JsonConverter(JsonConfig.parse(config), is_key=False)


@pytest.mark.parametrize("text", NUMBERS)
def test_decimals_of_any_size(text: str) -> None:
    number = Decimal(text)
    for convert in CONVERSIONS:
        _ends(lambda: convert(None, number))  # noqa: B023 - called at once
    for target in (Schema.INT8, Schema.INT64, Schema.FLOAT32, Schema.FLOAT64):
        _ends(lambda: project(Schema.INT8, number, target))  # noqa: B023
    for scale in (0, -2147483647, 2147483647):
        schema = logical.decimal_schema(scale)
        for kind in ("BASE64", "NUMERIC"):
            converter = _json(decimal_format=kind)
            for _ in range(3):  # the exact form, then the generated one
                _ends(lambda: converter.from_connect_data("t", schema, number))  # noqa: B023
    _ends(lambda: Headers().add_decimal("k", number))
    _ends(lambda: text_of(number))
    _ends(lambda: logical.decimal_builder(0).default(number))


@pytest.mark.parametrize(
    "scale", ["2147483647", "-2147483648", "-2147483647", "9" * 20, "1" * 5_000, "", "+"]
)
@pytest.mark.parametrize("data", [b"\0", b"\x7f" * 400, b"\x7f" * 1_000_000])
def test_bytes_as_decimals_of_any_scale(scale: str, data: bytes) -> None:
    schema = SchemaBuilder.bytes().name(DECIMAL_NAME).parameter("scale", scale).build()
    _ends(lambda: logical.to_decimal(schema, data))
    _ends(lambda: project(schema, Decimal("1E+2147483647"), schema))


def test_a_decimal_may_have_all_the_digits_that_the_limit_allows() -> None:
    number = Decimal("9" * 1_000)
    schema = logical.decimal_schema(0)
    assert logical.to_decimal(schema, logical.from_decimal(schema, number)) == number
    with pytest.raises(LimitError, match="1000 digits"):
        logical.to_decimal(schema, b"\x7f" * 500)


@pytest.mark.parametrize(
    "text",
    [
        "1e400", "1e999999999", "1e-999999999", "1e2147483647", "1e2147483648", "1e" + "9" * 100_000,
        "9" * 100_000, "-" * 100_000, "[" * 100_000, "{" * 100_000, "[1," * 50_000, '"' * 100_000,
        "\\" * 100_000, '{"a":' * 5_000, "[[1]," * 1_000, "0" * 100_000 + "1", "[1e2147483647,1]",
        "[1e-2147483647,1e39]", "{1e400:1,2:1}", '[1e2147483647,"a"]', "2019-99999999-99", "9" * 13 + "Z",
    ],
)  # fmt: skip
def test_texts(text: str) -> None:
    _ends(lambda: values.parse_string(text))
    for convert in CONVERSIONS:
        _ends(lambda: convert(None, text))  # noqa: B023


SCHEMAS: list[dict[str, Any]] = [
    *({"type": name} for name in ("int8", "int64", "float", "double", "boolean", "string", "bytes")),
    *({"type": "bytes", "name": DECIMAL_NAME, "parameters": {"scale": s}} for s in ("2", "-2147483648")),
    *({"type": s.type.value, "name": s.name} for s in (logical.DATE, logical.TIME, logical.TIMESTAMP)),
    {"type": "int64", "name": logical.TIMESTAMP_NANOS.name},
]


@pytest.mark.parametrize(
    "node",
    [
        "1e400", "1e999999999", "-1e999999999", "1e-999999999", "1e99999999999999", "1e2147483648",
        "0e999999999", "9" * 1_000, "9" * 1_001, "9" * 100_000, "1." + "9" * 998, "[" * 1_001, "[" * 100_000,
        '{"a":' * 2_000, '"' + "a" * 100_000 + '"', "NaN", "-Infinity",
    ],
)  # fmt: skip
def test_json(node: str) -> None:
    plain, typed = _json(schemas_enable="false"), _json()
    for _ in range(2):
        _ends(lambda: plain.to_connect_data("t", node.encode()))
    for schema in SCHEMAS:
        head = json.dumps({**schema, "optional": False})
        for _ in range(3):
            _ends(lambda: typed.to_connect_data("t", f'{{"schema":{head},"payload":{node}}}'.encode()))  # noqa: B023
        with_default = f'{{"schema":{head[:-1]},"default":{node}}},"payload":null}}'
        _ends(lambda: typed.to_connect_data("t", with_default.encode()))  # noqa: B023


# --- nesting ---


def _nested(levels: int) -> tuple[Schema, Any]:
    schema: Schema = Schema.INT8
    value: Any = 1
    for _ in range(levels):
        schema, value = SchemaBuilder.array(schema).build(), [value]
    return schema, value


@pytest.mark.parametrize("levels", [60, 300, 3_000])
def test_nested_values_and_schemas(levels: int) -> None:
    schema, value = _nested(levels)
    again, other = _nested(levels)
    assert again is schema
    assert hash(again) == hash(schema)
    field = SchemaBuilder.struct().field("a", schema).build()
    for form in (
        lambda: schema.validate(value),
        lambda: values.convert_to_string(schema, value),
        lambda: text_of(value, schema),
        lambda: project(schema, value, schema),
        lambda: same_value(value, other),
        lambda: values.infer_schema(value),
        lambda: Struct.of(field, [value]) == Struct.of(field, [other]),
        lambda: SchemaBuilder.of(schema).default(value),
        lambda: Schema(Type.ARRAY, value_schema=schema) == SchemaBuilder.array(schema).build(),
    ):
        _ends(form)
    converter = _json()
    for _ in range(3):
        _ends(lambda: converter.from_connect_data("t", schema, value))


def test_nested_schemas_in_json() -> None:
    text = '{"type":"array","items":' * 400 + '{"type":"int8"}' + "}" * 400
    _ends(lambda: _json().to_connect_data("t", f'{{"schema":{text},"payload":[]}}'.encode()))
