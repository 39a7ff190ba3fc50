"""Differences from Confluent's Protobuf converter of 7.0: what it cannot do, or does silently.

Each function looks at a case and at what differs, as those of :mod:`tests.golden.rules` do.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, Final

Case = dict[str, Any]


def _java_message(case: Case) -> str:
    error = case.get("error") or ((case.get("out") or {}).get("back") or {}).get("error") or {}
    return str(error.get("message"))


def root_logical(case: Case, difference: str) -> bool:
    """A whole value of a logical type: Java writes it as one message and registers another."""
    name = str((case["in"].get("schema") or {}).get("name"))
    return (
        name.startswith("org.apache.kafka.connect.data.")
        and "cannot be a whole Protobuf message" in difference
    )


def oneof_member(case: Case, difference: str) -> bool:
    """A struct of a oneof, whose other members 7.0 holds to be required, and later releases do not."""
    return "gave " in difference and _java_message(case).startswith(
        "Invalid value: null used for required field"
    )


def oneof_wrapper(case: Case, difference: str) -> bool:
    """A member of a oneof: 7.0 makes wrappers of all, later releases of those that say so."""
    return (
        (case.get("config") or {}).get("wrapper.for.nullables") == "true"
        and difference.startswith("proto: ")
        and "oneof" in case["out"]["proto"]
        and "google.protobuf." in case["out"]["proto"].partition("oneof ")[2]
    )


def read_wrapper(case: Case, difference: str) -> bool:
    """A wrapper in a oneof, which later releases mark, to know it again."""
    return (case.get("config") or {}).get(
        "wrapper.for.nullables"
    ) == "true" and ".parameters: [('io.confluent.connect.protobuf.Wrapper', 'true')" in difference


def default_in_list(case: Case, difference: str) -> bool:
    """A default on the elements of a list, which Java puts on the field, where Protobuf allows none."""
    return "gave " in difference and "Repeated fields cannot have default values" in _java_message(case)


def null_in_map(_case: Case, difference: str) -> bool:
    """A null as a map's key or value, where its message is unset: Java reads a message of zeros."""
    has_null_key = "of the map is missing: {None: " in difference or ", None: " in difference
    is_null = re.search(r"\}: None( \(NoneType\))?, not ", difference) is not None
    return difference.startswith(("back.value", "result.value")) and (is_null or has_null_key)


def bad_package(_case: Case, difference: str) -> bool:
    """A package that is no name, of which Java registers a text that cannot be parsed."""
    return "which Protobuf's packages need" in difference


def large_number(_case: Case, difference: str) -> bool:
    """A field number that does not fit the wire's 29 bits."""
    return "the largest there is on the wire is" in difference


def cast_number(case: Case, difference: str) -> bool:
    """A number of another kind than its schema's: Java cuts it to fit."""
    found = re.match(
        r"raised ConversionError: The value has a value of class (int|float|Decimal) at", difference
    )
    return found is not None and "out" in case


def empty_decimal(case: Case, difference: str) -> bool:
    """A Decimal without its bytes, which is zero, or a Date that is not set, which is null."""
    message = _java_message(case)
    return "gave " in difference and ("Zero length BigInteger" in message or message == "YEAR")


def odd_name(case: Case, difference: str) -> bool:
    """A name that is empty, or ends in a dot, of which Java makes a message without a name."""
    message = _java_message(case)
    return "gave " in difference and (
        "Descriptor.getFullName()" in message or message.endswith(": Missing name.")
    )


def shared_name(_case: Case, difference: str) -> bool:
    """A struct under the name of another around it: Java writes it as that one."""
    return "structs within each other" in difference


def no_parameters(_case: Case, difference: str) -> bool:
    """Parameters that are none, which are absent with us."""
    return difference.endswith(".parameters: None, not []")


PROTOBUF_RULES: Final[dict[str, Callable[[Case, str], bool]]] = {
    "protobuf-root-logical": root_logical,
    "protobuf-oneof-member": oneof_member,
    "protobuf-oneof-wrapper": oneof_wrapper,
    "protobuf-read-wrapper": read_wrapper,
    "protobuf-default-in-list": default_in_list,
    "protobuf-null-in-map": null_in_map,
    "protobuf-package": bad_package,
    "protobuf-large-number": large_number,
    "protobuf-cast-number": cast_number,
    "protobuf-empty-decimal": empty_decimal,
    "protobuf-odd-name": odd_name,
    "protobuf-shared-name": shared_name,
    "protobuf-no-parameters": no_parameters,
}
