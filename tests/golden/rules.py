"""The differences from Java that we know of: ``differences.json``, and the rules it may call.

An entry of the file has ``reason`` and at least one of ``rule`` (a function here, which looks at the
case and at what differs) and ``id`` (a pattern as of :mod:`fnmatch`); ``op`` narrows either. Rules are
better than ids: they recognise a cause, so they also hold for cases that were not seen before.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from fnmatch import fnmatchcase
from functools import cache
from pathlib import Path
from typing import Any

from tests.golden.areas import op_of
from tests.golden.codec import UnrepresentableError, value_of
from tests.golden.compare import UNREPRESENTABLE
from tests.golden.rules_avro import AVRO_RULES
from tests.golden.rules_debezium import DEBEZIUM_RULES
from tests.golden.rules_protobuf import PROTOBUF_RULES
from tests.golden.rules_rest import REST_RULES
from tests.golden.rules_smt import SMT_RULES

Case = dict[str, Any]
_NARROW = frozenset(("int8", "int16", "int32"))
_INTS = _NARROW | {"int64", "bigint"}
_FLOATS = frozenset(("float32", "float64"))


@cache
def entries() -> list[dict[str, Any]]:
    """The entries of ``differences.json``."""
    found: list[dict[str, Any]] = json.loads(Path(__file__).with_name("differences.json").read_text())
    return found


def told_reason(case: Case, difference: str) -> str | None:
    """Why this difference is expected, or None if it is not."""
    for entry in entries():
        ops = entry.get("op")
        if ops is not None and op_of(case) not in ([ops] if isinstance(ops, str) else ops):
            continue
        if "id" in entry and not fnmatchcase(str(case.get("id")), entry["id"]):
            continue
        if "rule" in entry and not RULES[entry["rule"]](case, difference):
            continue
        if "id" in entry or "rule" in entry:
            return str(entry["reason"])
    return None


def tagged_values(part: Any) -> Iterator[tuple[str, Any]]:
    """Every tag with its content inside a part of a case."""
    if isinstance(part, dict):
        for key, item in part.items():
            yield key, item
            yield from tagged_values(item)
    elif isinstance(part, list):
        for item in part:
            yield from tagged_values(item)


def _answer(case: Case) -> dict[str, Any]:
    """Java's answer where it is one object (a sequence of records has several)."""
    out = case.get("out")
    return out if isinstance(out, dict) else {}


def unrepresentable(case: Case, difference: str) -> bool:
    """The input, or the result of parsing it, cannot be made in Python."""
    if difference.startswith(UNREPRESENTABLE):
        return True
    result = _answer(case).get("result")
    if not isinstance(result, dict) or "struct" in dict(tagged_values(result)):
        return False
    try:
        value_of(result["value"])
    except UnrepresentableError:
        return True
    return False


# --- numbers without a width ---


def pairs(case: Case) -> Iterator[tuple[Any, Any]]:
    """Every value of a case's input with the schema beside it (null: none)."""
    given = case.get("in")
    for record in given if isinstance(given, list) else [given]:
        if not isinstance(record, dict):
            continue
        if "value" in record and case.get("op") not in _RECORD_OPS:
            yield record.get("schema", record.get("source")), record["value"]
        if case.get("op") in _RECORD_OPS:
            for side in ("key", "value"):
                yield record.get(f"{side}_schema"), record.get(side)
            for _, schema, value in record.get("headers") or ():
                yield schema, value
        for call in record.get("calls", ()):
            if isinstance(call.get("value"), dict):
                yield _schema_of_call(record, call), call["value"]


_RECORD_OPS = frozenset(("smt", "smt-seq", "predicate", "chain"))


def _schema_of_call(record: Any, call: Any) -> Any:
    """The schema a call's value has to suit: the call's own, a field's, or that of the builder."""
    if "schema" in call:
        return call["schema"]
    if "field" in call:
        fields = record.get("schema", {}).get("fields", ())
        return next((f["schema"] for f in fields if f["name"] == call["field"]), None)
    return _built_schema(record["calls"]) if call.get("call") == "default" else None


def _built_schema(calls: Any) -> Any:
    """What a builder's calls make, as far as the classes of its values go."""
    start = calls[0]
    if start["call"] in ("array", "map"):
        return {"type": start["call"], "key": start.get("key"), "value": start.get("value")}
    fields = [{"name": c["arg"], "schema": c.get("schema")} for c in calls if c["call"] == "field"]
    base = {"decimal": "bytes", "date": "int32", "time": "int32", "timestamp": "int64"}
    return {"type": base.get(start["call"], start.get("arg")), "fields": fields}


def has_other_width(schema: Any, tagged: Any) -> bool:
    """Whether a number in the value is narrower or wider than its schema, of the same family."""
    if not isinstance(tagged, dict) or schema is None:
        return False
    tag = next((t for t in tagged if t != "schema"), None)
    wanted = schema.get("type")
    content: Any = tagged.get(tag)
    if tag in _INTS:
        return wanted in _INTS and tag != wanted
    if tag in _FLOATS:
        return wanted in _FLOATS and tag != wanted
    if tag == "array" and wanted == "array":
        return any(has_other_width(schema.get("value"), item) for item in content)
    if tag == "map" and wanted == "map":
        return any(
            has_other_width(schema.get("key"), k) or has_other_width(schema.get("value"), v)
            for k, v in content
        )
    if tag == "struct" and wanted == "struct":
        own = tagged.get("schema", schema)
        schemas = {f["name"]: f["schema"] for f in own.get("fields", ())}
        return any(has_other_width(schemas.get(name), item) for name, item in content)
    return False


def refused_width(case: Case, difference: str) -> bool:
    """Java refuses a number for its class alone; we accept it, since it is in range."""
    refused = "error" in case or any("error" in r for r in _answer(case).get("results", ()))
    return refused and "gave " in difference and any(has_other_width(s, v) for s, v in pairs(case))


_CONVERTER_TYPES = {
    "short-from": "int16",
    "integer-from": "int32",
    "long-from": "int64",
    "float-from": "float32",
    "double-from": "float64",
}


def refused_by_converter(case: Case, difference: str) -> bool:
    """A number converter of Java's takes one class only; ours takes what fits its width."""
    wanted = {"type": _CONVERTER_TYPES[case["op"]]}
    return "error" in case and "gave " in difference and has_other_width(wanted, case["in"]["value"])


def float32_digits(_case: Case, difference: str) -> bool:
    """A float32 without a schema: Python's float has float64's digits. The area looks at the texts."""
    return difference.startswith("float32 without a schema: ")


def refused_bigint(case: Case, difference: str) -> bool:
    """Without a schema Java refuses a BigInteger, and takes a Long of the same value."""
    sizes = [int(item) for tag, item in tagged_values(case["in"]) if tag == "bigint"]
    message = str((case.get("error") or _answer(case).get("error") or {}).get("message"))
    return (
        ("gave " in difference or difference.startswith("failed at step "))
        and "java.math.BigInteger" in message
        and all(-(1 << 63) <= size < 1 << 63 for size in sizes)
    )


def inferred_width(case: Case, difference: str) -> bool:
    """A schema is inferred from a bare number that Java keeps narrower than 64 bits."""
    tags = {tag for tag, _ in tagged_values(case["in"]["value"])}
    bare = case["op"] == "infer" or (case["op"] == "avro-from" and case["in"]["schema"] is None)
    return bare and bool(tags & (_NARROW | {"float32", "bigint"}))


# --- what Confluent's Avro converter of 7.0 cannot do, or does silently ---


def padded_decimal(case: Case, difference: str) -> bool:
    """A decimal shorter than its fixed, which 7.0 refuses and later releases pad."""
    schemas = [item for tag, item in tagged_values(case["in"]) if tag == "parameters"]
    schemas += [case["in"]["schema"].get("parameters", {})]
    return "gave " in difference and any("connect.fixed.size" in each for each in schemas if each)


def truncated_fixed(_case: Case, difference: str) -> bool:
    """Bytes longer than their fixed, of which Java writes the first ones without a word."""
    return "raised ConversionError" in difference and "where the Avro fixed has" in difference


def read_union_member(case: Case, difference: str) -> bool:
    """An int8 or int16 in a union, which Java writes and does not find again."""
    answer = _answer(case)
    error = case.get("error") or answer.get("error") or (answer.get("back") or {}).get("error") or {}
    message = str(error.get("message"))
    return "gave " in difference and message == "Did not find matching union field for data"


def read_map_entry(case: Case, difference: str) -> bool:
    """A map whose entries have the value before the key, of which Java makes the schema and not the data."""
    message = str((case.get("error") or {}).get("message"))
    return "gave " in difference and message.startswith("Invalid type for MAP: class org.apache.avro")


# --- what Java does silently ---


def wrapped_date(case: Case, difference: str) -> bool:
    """A day outside 32 bits, which Java makes another day without a word."""
    millis = [item for tag, item in tagged_values(case["in"]) if tag == "timestamp" and isinstance(item, int)]
    return "raised DataError" in difference and any(abs(m) // 86_400_000 >= 1 << 31 for m in millis)


def struct_default(case: Case, difference: str) -> bool:
    """A struct as default of a struct, made with a schema equal to the builder's: Java wants the builder."""
    defaults = [c["value"] for c in case["in"]["calls"] if c.get("call") == "default"]
    message = case.get("error", {}).get("cause", {}).get("message", "")
    return (
        "gave " in difference
        and message.startswith("Struct schemas do not match")
        and any("struct" in value and "schema" in value for value in defaults)
    )


def nested_bytes(case: Case, difference: str) -> bool:
    """Byte arrays inside a list or a map, which Java's collections compare by identity."""
    compared = case["op"] in ("struct-equals", "schema-equals") and difference == "equal: True"
    return compared and any(
        "bytes" in dict(tagged_values(item))
        for tag, item in tagged_values(case["in"])
        if tag in ("array", "map", "default")
    )


_YEAR_ONE_MS = -62_135_769_600_000


def time_before_christ(case: Case, difference: str) -> bool:
    """The time of day of a timestamp before the year 1: Java sets the year to 1970 and keeps the era."""
    millis = [item for tag, item in tagged_values(case["in"]) if tag == "timestamp" and isinstance(item, int)]
    return case["in"].get("to") == "time" and "gave " in difference and any(m < _YEAR_ONE_MS for m in millis)


def field_after_default(case: Case, difference: str) -> bool:
    """A struct that gets a field after its default: Java keeps a default without it, which breaks later."""
    calls = [call["call"] for call in case["in"]["calls"]]
    late = "default" in calls and "field" in calls[calls.index("default") :]
    return late and "after the default" in difference


_FAR_MS = 10**16  # some 300,000 years


def overflown_date(case: Case, difference: str) -> bool:
    """A year so far away that Java's milliseconds overflowed, and became some other moment."""
    found = case["op"] in ("parse", "header-to") and "'string', not" in difference
    moments = [item for tag, item in tagged_values(_answer(case)) if tag in ("date", "time", "timestamp")]
    return found and any(isinstance(item, int) and abs(item) > _FAR_MS for item in moments)


RULES: dict[str, Callable[[Case, str], bool]] = {
    "float32-digits": float32_digits,
    "refused-by-converter": refused_by_converter,
    "refused-bigint": refused_bigint,
    "padded-decimal": padded_decimal,
    "truncated-fixed": truncated_fixed,
    "read-union-member": read_union_member,
    "read-map-entry": read_map_entry,
    "unrepresentable": unrepresentable,
    "refused-width": refused_width,
    "inferred-width": inferred_width,
    "wrapped-date": wrapped_date,
    "struct-default": struct_default,
    "overflown-date": overflown_date,
    "field-after-default": field_after_default,
    "nested-bytes": nested_bytes,
    "time-before-christ": time_before_christ,
    **AVRO_RULES,
    **SMT_RULES,
    **REST_RULES,
    **DEBEZIUM_RULES,
    **PROTOBUF_RULES,
}
