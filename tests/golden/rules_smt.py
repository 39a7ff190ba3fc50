"""The known differences of transforms and chains; see :mod:`tests.golden.rules`.

Each rule looks at what Java answered and at what differs, and holds for that cause alone.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

Case = dict[str, Any]

_NARROW_CLASSES = re.compile(r"java\.lang\.(Byte|Short|Integer) objects as timestamps")
_NARROW_FOUND = re.compile(
    r"(key|value|header)[^ ]*( \S+)*: \S+ \((int|float)\), not (int8|int16|int32|float32) "
)
_OTHER_WIDTH = re.compile(
    r"with type (INT|FLOAT)\d+: class java\.lang\.(Byte|Short|Integer|Long|Float|Double) for field"
)
_OTHER_DAY = re.compile(r": Instant\((-?\d+)\) \(Instant\), not timestamp (-?\d+)\Z")


def _answers(case: Case) -> Iterator[dict[str, Any]]:
    out = case.get("out")
    yield from (each for each in (out if isinstance(out, list) else [out]) if isinstance(each, dict))


def _messages(case: Case) -> Iterator[str]:
    for answer in _answers(case):
        error = answer.get("error")
        if isinstance(error, dict):
            yield str(error.get("message"))


def _options(case: Case) -> Iterator[tuple[str, str]]:
    """Class and name of every option that a transform is given."""
    config = case.get("config") or {}
    if "class" in case:
        yield from ((str(case["class"]), key) for key in config)
        return
    for key in config:
        group, _, rest = key.partition(".")
        alias, _, option = rest.partition(".")
        if group == "transforms" and option:
            yield str(config.get(f"transforms.{alias}.type")), option


def schemaless_width(case: Case, difference: str) -> bool:
    """A mask in schemaless data: Java's is as wide as the class of the number it covers."""
    return _NARROW_FOUND.search(difference) is not None and any(
        ".MaskField" in name or name.startswith("MaskField") for name, _ in _options(case)
    )


def narrow_timestamp(case: Case, difference: str) -> bool:
    """Java takes a Long as Unix time and refuses an Integer, a Short and a Byte."""
    gone_on = difference.startswith(("gave ", "failed at step ", "raised "))
    return gone_on and any(_NARROW_CLASSES.search(message) for message in _messages(case))


def renamed_width(case: Case, difference: str) -> bool:
    """A number that a rename puts into the place of another: Java refuses it for its class alone."""
    return (
        difference.startswith("gave ")
        and any(_OTHER_WIDTH.search(message) for message in _messages(case))
        and any("ReplaceField" in name for name, _ in _options(case))
    )


def metadata_of_any_type(case: Case, difference: str) -> bool:
    """Java sets name and version of struct schemas only, and fails for the others by accident."""
    gone_on = difference.startswith(("gave ", "failed at step ", "raised "))
    return (
        gone_on
        and any("Cannot list fields on non-struct type" in message for message in _messages(case))
        and any("SetSchemaMetadata" in name for name, _ in _options(case))
    )


def put_default(case: Case, difference: str) -> bool:
    """A struct default in the place of a null: Java's is not of the field's schema, and is refused."""
    gone_on = difference.startswith(("gave ", "failed at step ", "raised "))
    return gone_on and any(message == "Struct schemas do not match." for message in _messages(case))


def default_of_default(_case: Case, difference: str) -> bool:
    """The default of a struct schema is a struct of that schema, which in Java has the default again."""
    return difference.endswith("schema.default.schema.default: None, not a struct")


def early_replacement(case: Case, difference: str) -> bool:
    """A replacement that is none: Java says so (if at all) at the first topic that matches."""
    return (
        difference.startswith("refused the configuration")
        and "replacement: " in difference
        and any("RegexRouter" in name for name, _ in _options(case))
    )


def early_format(case: Case, difference: str) -> bool:
    """A format of TimestampRouter that is none: Java says so at the first record."""
    return (
        difference.startswith("refused the configuration")
        and "timestamp.format: " in difference
        and any("TimestampRouter" in name for name, _ in _options(case))
    )


def empty_path(case: Case, difference: str) -> bool:
    """An empty path, which Java takes and then fails at with an IllegalArgumentException."""
    return (
        difference.startswith("refused the configuration")
        and "which must name a field" in difference
        and any(option == "field.syntax.version" for _, option in _options(case))
    )


def wrapped_timestamp_date(case: Case, difference: str) -> bool:
    """The midnight before the first millisecond of 64 bits, which Java wraps around to a far future."""
    found = _OTHER_DAY.search(difference)
    if found is None or not any("TimestampConverter" in name for name, _ in _options(case)):
        return False
    ours, theirs = int(found[1]), int(found[2])
    return ours != theirs and (ours - theirs) % (1 << 64) == 0


def newer_syntax_option(case: Case, difference: str) -> bool:
    """The vectors are of Kafka 4.3, in which only ExtractField has ``field.syntax.version``."""
    return difference.startswith("refused the configuration") and any(
        option == "field.syntax.version" and "ExtractField" not in name for name, option in _options(case)
    )


SMT_RULES: dict[str, Callable[[Case, str], bool]] = {
    "schemaless-width": schemaless_width,
    "renamed-width": renamed_width,
    "narrow-timestamp": narrow_timestamp,
    "metadata-of-any-type": metadata_of_any_type,
    "put-default": put_default,
    "default-of-default": default_of_default,
    "early-replacement": early_replacement,
    "early-format": early_format,
    "empty-path": empty_path,
    "wrapped-timestamp-date": wrapped_timestamp_date,
    "newer-syntax-option": newer_syntax_option,
}
