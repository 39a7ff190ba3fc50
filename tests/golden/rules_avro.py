"""Differences from Confluent's Avro converter of 7.0: what it cannot do, or does silently.

Each function looks at a case and at what differs, as those of :mod:`tests.golden.rules` do.
"""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any, Final

from connectkit.converters.avro.rules import canonical
from connectkit.errors import SchemaError

Case = dict[str, Any]
_ENDLESS: Final = re.compile(r'"default":[^}]*?"(?:NaN|-?Infinity)"')
_LOST: Final = re.compile(r"schema\S*\.default.*, not null True$")
_DROPPED: Final = re.compile(r"schema\S*\.default: .*, not none$", re.DOTALL)
_UNIONS: Final = ("io.confluent.connect.avro.Union", "org.apache.kafka.connect.data.Union")


def _java_message(case: Case) -> str:
    error = case.get("error") or ((case.get("out") or {}).get("back") or {}).get("error") or {}
    return str(error.get("message"))


def _java_messages(case: Case) -> Iterator[str]:
    error = case.get("error") or ((case.get("out") or {}).get("back") or {}).get("error")
    while error:
        yield str(error.get("message"))
        error = error.get("cause")


def _objects(part: Any) -> Iterator[dict[str, Any]]:
    if isinstance(part, dict):
        yield part
        for each in part.values():
            yield from _objects(each)
    elif isinstance(part, list):
        for each in part:
            yield from _objects(each)


def _written(case: Case) -> Iterator[dict[str, Any]]:
    """The objects of the Avro schema that a case reads."""
    return _objects(json.loads(case["in"].get("avro", "null")))


def endless_default(case: Case, difference: str) -> bool:
    """A default of NaN or an infinity where Avro reads no number out of its text."""
    registered = str((case.get("out") or {}).get("avro"))
    return difference.startswith("avro: ") and _ENDLESS.search(registered) is not None


def lost_default(case: Case, difference: str) -> bool:
    """A part of a default that may be null, of which Java makes a null, or fails at it."""
    written = case["op"] == "avro-from" and difference.startswith("back.")
    found = _LOST.search(difference) or (written and _DROPPED.search(difference))
    return bool(found) or (written and ".default: None, not " in difference)


def dropped_default(case: Case, difference: str) -> bool:
    """A default of an array of entries, or of a union's named type, of which Java makes nothing."""
    return case["op"] in ("avro-to", "avro-schema-to") and _DROPPED.search(difference) is not None


def union_member_default(case: Case, difference: str) -> bool:
    """A union with a member that has a default: Java writes that one, whatever is set."""
    unions = [
        each
        for each in _objects(case["in"]["schema"])
        if each.get("name") == _UNIONS[0] or _UNIONS[1] in (each.get("parameters") or {})
    ]
    has_default = any("default" in field["schema"] for each in unions for field in each.get("fields", ()))
    return has_default and difference.startswith(("bytes: ", "back.value", "raised ", "gave "))


def java_strings(case: Case, difference: str) -> bool:
    """A property of Java's own classes, which says which class of texts is to be made."""
    return "gave " in difference and any("GenericData.StringType" in each for each in _java_messages(case))


def null_of_any_schema(case: Case, difference: str) -> bool:
    """A null under a schema that Avro would not take: nothing is written, so nothing is wrong."""
    return case["in"].get("value") == {"null": True} and ", None, None), not " in difference


def required_member(case: Case, difference: str) -> bool:
    """A union's member that the schema calls required, which Java cannot write."""
    return "gave " in difference and re.match(r"Not an? \w+: \[", _java_message(case)) is not None


def member_name(case: Case, difference: str) -> bool:
    """A union's member that is called otherwise in Connect than in Avro, which Java does not find again."""
    message = _java_message(case)
    return "gave " in difference and (
        message.endswith((" is not a valid field name", "fieldName cannot be null."))
        or re.match(r"Index \d+ out of bounds", message) is not None
    )


def java_property(case: Case, difference: str) -> bool:
    """A property of Avro that is no text, which Java keeps in the form that its class prints."""
    odd = any(
        key.startswith("avro") and not isinstance(value, str | int)
        for each in _written(case)
        for key, value in each.items()
    )
    return odd and ".parameters: " in difference


def empty_decimal(case: Case, difference: str) -> bool:
    """A decimal of no bytes, which is zero."""
    return "gave " in difference and any("Zero length BigInteger" in each for each in _java_messages(case))


def borrowed_name(case: Case, difference: str) -> bool:
    """A schema of another type under a logical type's name: Java reads the schema, and fails at its data."""
    return "gave " in difference and "underlying representation should be" in _java_message(case)


def null_default(case: Case, difference: str) -> bool:
    """A connect.default of null, of which Java makes a zero or the text null."""
    said = any("connect.default" in each and each["connect.default"] is None for each in _written(case))
    return said and re.search(r"\.default: (None|.*not none)", difference) is not None


def parameter_order(_case: Case, difference: str) -> bool:
    """Parameters in the order of an equal schema that was there before."""
    found = re.fullmatch(r"\S*\.parameters: (\[.*\]), not (\[.*\])", difference, re.DOTALL)
    if found is not None:
        ours, theirs = map(ast.literal_eval, found.groups())
        return sorted(ours) == sorted(theirs)
    texts = re.fullmatch(r"avro: (['\"].*), not (['\"].*)", difference, re.DOTALL)
    if texts is None:
        return False
    try:
        schemas = [json.loads(ast.literal_eval(each)) for each in texts.groups()]
    except ValueError:
        return False
    return bool(schemas[0] == schemas[1])


def null_of_bad_schema(case: Case, difference: str) -> bool:
    """A null, whose schema Java does not look at when it reads one."""
    return (case.get("out") or {}).get("result", case) is None and difference.startswith("raised SchemaError")


def invalid_default(case: Case, difference: str) -> bool:
    """A default that is none in Avro, of which Java reads what fits."""
    if case["op"] not in ("avro-to", "avro-schema-to") or "default: None, not " not in difference:
        return False
    with suppress(SchemaError):
        canonical(case["in"]["avro"], ())
        return False
    return True


def named_decimal(case: Case, difference: str) -> bool:
    """A decimal in a fixed that somebody else wrote, whose name 7.0 takes for the decimal's."""
    return "gave " in difference and any("Mismatched names" in each for each in _java_messages(case))


def field_parameters(case: Case, difference: str) -> bool:
    """Parameters of a field, which 7.0 does not know."""
    said = any("type" in each and "connect.parameters" in each for each in _written(case))
    return said and re.search(r"\.parameters: \[.*\], not ", difference) is not None


def nested_key(_case: Case, difference: str) -> bool:
    """A map whose keys are lists, maps or structs, which Python's dicts do not take."""
    return "raised ConversionError: The Avro data have a map whose key is itself a list" in difference


AVRO_RULES: dict[str, Callable[[Case, str], bool]] = {
    "avro-endless-default": endless_default,
    "avro-lost-default": lost_default,
    "avro-dropped-default": dropped_default,
    "avro-union-member-default": union_member_default,
    "avro-java-strings": java_strings,
    "avro-null-of-any-schema": null_of_any_schema,
    "avro-required-member": required_member,
    "avro-member-name": member_name,
    "avro-java-property": java_property,
    "avro-empty-decimal": empty_decimal,
    "avro-borrowed-name": borrowed_name,
    "avro-null-default": null_default,
    "avro-parameter-order": parameter_order,
    "avro-null-of-bad-schema": null_of_bad_schema,
    "avro-invalid-default": invalid_default,
    "avro-named-decimal": named_decimal,
    "avro-field-parameters": field_parameters,
    "avro-nested-key": nested_key,
}
