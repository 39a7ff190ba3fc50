"""Schemas, structs, projection, logical types and headers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from connectkit import logical
from connectkit.builder import SchemaBuilder
from connectkit.errors import ConnectError
from connectkit.headers import Header, Headers
from connectkit.project import project
from connectkit.schema import Field, Schema, SchemaAndValue, Type
from connectkit.struct import Struct
from tests.golden.areas.json import FLOAT32_DIGITS, float32_difference
from tests.golden.codec import UnrepresentableError, schema_of, some_schema_of, value_of
from tests.golden.compare import (
    Outcome,
    error_difference,
    expect,
    header_difference,
    schema_difference,
    shown,
    text_difference,
    value_difference,
)

Case = dict[str, Any]


def run(case: Case) -> Outcome:
    return _OPS[case["op"]](case)


# --- builder ---

_STARTS: dict[str, Callable[[dict[str, Any]], SchemaBuilder]] = {
    "type": lambda call: SchemaBuilder(Type(call["arg"]) if call.get("arg") is not None else None),  # type: ignore[arg-type]  # a null type is one of the cases
    "array": lambda call: SchemaBuilder.array(schema_of(call.get("value"))),  # type: ignore[arg-type]
    "map": lambda call: SchemaBuilder.map(schema_of(call.get("key")), schema_of(call.get("value"))),  # type: ignore[arg-type]
    "decimal": lambda call: logical.decimal_builder(call["arg"]),
    "date": lambda _: logical.date_builder(),
    "time": lambda _: logical.time_builder(),
    "timestamp": lambda _: logical.timestamp_builder(),
}
_QUESTIONS: dict[str, Callable[[SchemaBuilder], Any]] = {
    "keySchema": lambda builder: builder.key_schema,
    "valueSchema": lambda builder: builder.value_schema,
    "fields": lambda builder: Schema(Type.STRUCT, fields=builder.fields),
}


def _builder(case: Case) -> Outcome:
    first, *calls = case["in"]["calls"]

    def produce() -> tuple[Schema | None, bool]:
        builder = _STARTS[first["call"]](first)
        for call in calls:
            if call["call"] in _QUESTIONS:
                return _QUESTIONS[call["call"]](builder), False
            _set(builder, call)
        return builder.build(), True

    def compare(out: dict[str, Any], got: tuple[Schema | None, bool]) -> Outcome:
        schema, built = got
        found = schema_difference(out["schema"], schema)
        return found or (text_difference(out["text"], str(schema)) if built and "text" in out else None)

    return expect(case, produce, compare)


def _set(builder: SchemaBuilder, call: dict[str, Any]) -> None:
    name, arg = call["call"], call.get("arg")
    if name == "optional":
        builder.optional()
    elif name == "required":
        builder.required()
    elif name == "parameter":
        builder.parameter(call["key"], call["value"])
    elif name == "field":
        builder.field(arg, schema_of(call.get("schema")))  # type: ignore[arg-type]  # null is one of the cases
    elif name == "default":
        builder.default(_default(builder, call["value"]))
    else:
        setters: dict[str, Callable[[Any], Any]] = {
            "name": builder.name,
            "version": builder.version,
            "doc": builder.doc,
            "parameters": builder.parameters,
        }
        setters[name](arg)


def _default(builder: SchemaBuilder, tagged: dict[str, Any]) -> Any:
    if tagged.get("of") == "self":
        made = Struct(builder.build())
        for name, item in tagged["struct"]:
            field = made.schema.field(name)
            made.put(name, value_of(item, None if field is None else field.schema))
        return made
    if "array" in tagged or "map" in tagged or "struct" in tagged:
        return value_of(tagged, builder.build())
    return value_of(tagged)


# --- schemas ---


def _schema_get(case: Case) -> Outcome:
    schema, call, arg = some_schema_of(case["in"]["schema"]), case["in"]["call"], case["in"].get("arg")

    def produce() -> Any:
        if call == "fields":
            return schema.fields
        if call == "field":
            return schema.field(arg)
        return (
            str(schema)
            if call == "text"
            else schema.key_schema
            if call == "keySchema"
            else schema.value_schema
        )

    def compare(out: dict[str, Any], got: Any) -> Outcome:
        if call == "text":
            return text_difference(out["text"], got)
        if call == "fields":
            if len(out["fields"]) != len(got):
                return f"{len(got)} fields, not {len(out['fields'])}"
            differences = (_field_difference(f, g) for f, g in zip(out["fields"], got, strict=True))
            return next((d for d in differences if d), None)
        return (
            _field_difference(out["field"], got) if call == "field" else schema_difference(out["schema"], got)
        )

    return expect(case, produce, compare)


def _field_difference(expected: dict[str, Any] | None, got: Field | None) -> Outcome:
    if expected is None or got is None:
        return None if expected is None and got is None else f"field: {got}, not {expected}"
    if (got.name, got.index) != (expected["name"], expected["index"]):
        return f"field: {got}, not {expected['name']} at {expected['index']}"
    if "text" in expected and str(got) != expected["text"]:
        return text_difference(expected["text"], str(got))
    return schema_difference(expected["schema"], got.schema)


def _schema_equals(case: Case) -> Outcome:
    a, b = (some_schema_of(case["in"][x]) for x in "ab")
    return expect(case, lambda: a == b, _equal_difference(a, b))


def _struct_equals(case: Case) -> Outcome:
    a, b = (value_of(case["in"][x]) for x in "ab")
    return expect(case, lambda: a == b, lambda out, got: None if out["equal"] is got else f"equal: {got}")


def _equal_difference(a: Schema, b: Schema) -> Callable[[Any, Any], Outcome]:
    def compare(out: dict[str, Any], got: bool) -> Outcome:
        if out["equal"] is not got:
            return f"equal: {got}"
        return "equal, but the hashes differ" if got and hash(a) != hash(b) else None

    return compare


def _validate(case: Case) -> Outcome:
    schema = some_schema_of(case["in"]["schema"])
    return expect(
        case,
        lambda: schema.validate(value_of(case["in"]["value"], schema), case["in"].get("field")),
        lambda out, got: None,
    )


# --- structs ---

_GETTERS = {
    "getInt8": Type.INT8, "getInt16": Type.INT16, "getInt32": Type.INT32, "getInt64": Type.INT64,
    "getFloat32": Type.FLOAT32, "getFloat64": Type.FLOAT64, "getBoolean": Type.BOOLEAN,
    "getString": Type.STRING, "getBytes": Type.BYTES, "getArray": Type.ARRAY, "getMap": Type.MAP,
    "getStruct": Type.STRUCT,
}  # fmt: skip


def _struct(case: Case) -> Outcome:
    schema = some_schema_of(case["in"]["schema"])

    def produce() -> tuple[list[Any], Struct]:
        struct = Struct(schema)
        results: list[Any] = []
        for call in case["in"]["calls"]:
            try:
                results.append(_struct_call(struct, call))
            except UnrepresentableError:
                raise
            except Exception as error:  # noqa: BLE001 - compared below
                results.append(error)
        return results, struct

    def compare(out: dict[str, Any], got: tuple[list[Any], Struct]) -> Outcome:
        results, struct = got
        for i, (expected, result) in enumerate(zip(out["results"], results, strict=True)):
            found = _result_difference(expected, result)
            if found is not None:
                return f"call {i} ({case['in']['calls'][i]['call']}): {found}"
        return value_difference(out["value"], struct)

    return expect(case, produce, compare)


def _struct_call(struct: Struct, call: dict[str, Any]) -> Any:
    name, field = call["call"], call.get("field")
    if name == "put":
        known = struct.schema.field(field) if field is not None else None
        struct.put(field, value_of(call["value"], None if known is None else known.schema))  # type: ignore[arg-type]  # null is one of the cases
        return None
    if name == "validate":
        return struct.validate()
    if name == "text":
        return str(struct)
    assert field is not None
    if name == "get":
        return struct.get(field)
    if name == "getWithoutDefault":
        return struct.get_without_default(field)
    return struct.get_typed(field, _GETTERS[name])


def _result_difference(expected: dict[str, Any], got: Any) -> Outcome:
    if "error" in expected:
        if not isinstance(got, Exception):
            return f"gave {shown(got)}, not {expected['error'].get('message')}"
        return error_difference(expected["error"], got)
    if isinstance(got, Exception):
        return f"raised {type(got).__name__}: {got}"
    if "value" in expected:
        tagged = expected["value"]
        return text_difference(tagged, got) if isinstance(tagged, str) else value_difference(tagged, got)
    return None


# --- projection and logical types ---


def _project(case: Case) -> Outcome:
    source, target = some_schema_of(case["in"]["source"]), some_schema_of(case["in"]["target"])
    return expect(
        case,
        lambda: project(source, value_of(case["in"]["value"], source), target),
        lambda out, got: value_difference(out["value"], got, ordered=False),
    )


_FROM: dict[str, Callable[[Schema, Any], Any]] = {
    "decimal": logical.from_decimal, "date": logical.from_date, "time": logical.from_time,
    "timestamp": logical.from_timestamp,
}  # fmt: skip
_TO: dict[str, Callable[[Schema, Any], Any]] = {
    "decimal": logical.to_decimal, "date": logical.to_date, "time": logical.to_time,
    "timestamp": logical.to_timestamp,
}  # fmt: skip


def _logical(case: Case) -> Outcome:
    schema = some_schema_of(case["in"]["schema"])
    convert = (_FROM if case["op"] == "logical-from" else _TO)[case["in"]["type"]]
    return expect(
        case,
        lambda: convert(schema, value_of(case["in"]["value"])),
        lambda out, got: value_difference(out["value"], got),
    )


# --- headers ---


def _headers(case: Case) -> Outcome:
    def produce() -> tuple[list[Any], Headers]:
        headers = Headers()
        results: list[Any] = []
        for call in case["in"]["calls"]:
            try:
                results.append(_header_call(headers, call))
            except ConnectError as error:
                results.append(error)
        return results, headers

    def compare(out: dict[str, Any], got: tuple[list[Any], Headers]) -> Outcome:
        results, headers = got
        for i, (expected, result) in enumerate(zip(out["results"], results, strict=True)):
            if "text" in expected and isinstance(result, str):
                found = float32_difference(case, expected["text"], result)
            else:
                found = _header_result_difference(expected, result)
            if found is not None and found.startswith(FLOAT32_DIGITS):
                return found
            if found is not None:
                return f"call {i} ({case['in']['calls'][i]['call']}): {found}"
        return _list_difference(out["headers"], list(headers))

    return expect(case, produce, compare)


_ADDERS = {
    "addString": "add_string", "addBytes": "add_bytes", "addBoolean": "add_boolean", "addByte": "add_byte",
    "addShort": "add_short", "addInt": "add_int", "addLong": "add_long", "addFloat": "add_float",
    "addDouble": "add_double", "addStruct": "add_struct", "addDecimal": "add_decimal",
    "addDate": "add_date", "addTime": "add_time", "addTimestamp": "add_timestamp",
}  # fmt: skip


def _header_call(headers: Headers, call: dict[str, Any]) -> Any:
    name, key = call["call"], call.get("key")
    schema = schema_of(call.get("schema"))
    value = value_of(call["value"], schema) if call.get("value") is not None else None
    if name in _ADDERS:
        return getattr(headers, _ADDERS[name])(key, value) and None
    if name in ("add", "addList", "addMap"):
        method = {"add": headers.add, "addList": headers.add_list, "addMap": headers.add_map}[name]
        return method(key, value, schema) and None  # type: ignore[arg-type]  # a null key is one of the cases
    if name == "addPair":
        pair = SchemaAndValue(schema, value) if "value" in call else None
        return headers.add_pair(key, pair) and None  # type: ignore[arg-type]
    keys: list[Any] = [key] if "key" in call else []
    simple: dict[str, Callable[[], Any]] = {
        "size": lambda: len(headers),
        "isEmpty": lambda: not headers,
        "text": lambda: str(headers),
        "lastWithName": lambda: headers.last_with_name(key),  # type: ignore[arg-type]
        "allWithName": lambda: list(headers.all_with_name(key)),
        "remove": lambda: headers.remove(key) and None,  # type: ignore[arg-type]
        "clear": lambda: headers.clear() and None,
        "retainLatest": lambda: headers.retain_latest(*keys) and None,
    }
    return simple[name]()


def _header_result_difference(expected: dict[str, Any], got: Any) -> Outcome:
    if "error" in expected or isinstance(got, Exception):
        return _result_difference(expected, got)
    if "header" in expected:
        if expected["header"] is None or got is None:
            return None if expected["header"] is None and got is None else f"header: {got}"
        return header_difference(expected["header"], got)
    if "headers" in expected:
        return _list_difference(expected["headers"], got)
    for name in ("size", "isEmpty"):
        if name in expected:
            return None if expected[name] == got else f"{name}: {got!r}, not {expected[name]!r}"
    return None


def _list_difference(expected: list[Any], got: list[Header]) -> Outcome:
    if len(expected) != len(got):
        return f"{len(got)} headers, not {len(expected)}"
    differences = (header_difference(e, g, at=f"headers[{i}]") for i, (e, g) in enumerate(zip(expected, got)))
    return next((d for d in differences if d), None)


_OPS: dict[str, Callable[[Case], Outcome]] = {
    "builder": _builder, "schema-get": _schema_get, "schema-equals": _schema_equals,
    "struct-equals": _struct_equals, "validate": _validate, "struct": _struct, "project": _project,
    "logical-from": _logical, "logical-to": _logical, "headers": _headers,
}  # fmt: skip
