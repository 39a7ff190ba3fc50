"""What differs between ours and what Java answered. Each function returns None or one line.

The rules are those of ``FORMAT.md``: error texts are not compared, moments are compared as instants,
maps only where their order means something. Values of the cases may be shown: they are no secrets.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from math import copysign, isnan
from typing import Any

from connectkit.errors import ConfigError, ConnectError, DataError
from connectkit.float32 import round32
from connectkit.headers import Header
from connectkit.instant import TEMPORAL_TYPES, millis_of
from connectkit.schema import Schema, SchemaAndValue, Type
from connectkit.struct import Struct
from tests.golden.codec import Character, UnrepresentableError, millis_tag, schema_of, value_of

Outcome = str | None
UNREPRESENTABLE = "Python cannot hold "
_SHOWN_CHARS = 160


def expect(
    case: dict[str, Any], produce: Callable[[], Any], compare: Callable[[Any, Any], Outcome]
) -> Outcome:
    """Run ours, and compare what came of it: with ``case["error"]``, or ``compare(case["out"], got)``."""
    try:
        got = produce()
    except UnrepresentableError as error:
        return f"{UNREPRESENTABLE}{error}"
    except Exception as error:  # noqa: BLE001 - whatever ours raises is what is compared
        if "error" in case:
            return error_difference(case["error"], error)
        return f"raised {_error_text(error)}"
    if "error" in case:
        return f"gave {shown(got)}, not {java_kind(case['error'])}: {case['error'].get('message')}"
    return compare(case["out"], got)


def shown(value: Any) -> str:
    """Our value as text, not too long."""
    if isinstance(value, SchemaAndValue):
        text = f"{schema_text(value.schema)} with {shown(value.value)}"
    elif isinstance(value, Struct):
        fields = zip(value.schema.fields, value.values, strict=True)
        text = f"Struct({', '.join(f'{f.name}={shown(v)}' for f, v in fields)})"
    else:
        text = repr(value)
    return text if len(text) <= _SHOWN_CHARS else f"{text[:_SHOWN_CHARS]}…"


def schema_text(schema: Schema | None) -> str:
    return "no schema" if schema is None else repr(schema)


def _error_text(error: BaseException) -> str:
    return f"{type(error).__name__}: {str(error)[:_SHOWN_CHARS]}"


# --- errors ---

_LEAKS = ("java.", "org.apache.avro.", "com.google.")
_CONFIG = "org.apache.kafka.common.config.ConfigException"
_DATA = frozenset(
    (
        "org.apache.kafka.connect.errors.DataException",
        "org.apache.kafka.connect.errors.SchemaBuilderException",
        "org.apache.kafka.connect.errors.SchemaProjectorException",
        "org.apache.kafka.common.errors.SerializationException",
    )
)


def java_kind(error: dict[str, Any]) -> str:
    """What we call Java's error: config, data or connect error, or any."""
    name = error["class"]
    if name.startswith(_LEAKS):
        return "any error"
    return "config error" if name == _CONFIG else "data error" if name in _DATA else "connect error"


def error_difference(expected: dict[str, Any], error: BaseException) -> Outcome:
    """Ours must be of the same kind, and never an error that is not connectkit's own."""
    wanted = java_kind(expected)
    if not isinstance(error, ConnectError):
        return f"raised {_error_text(error)}, which is no error of connectkit"
    if not str(error).strip():
        return f"raised {type(error).__name__} without a message"
    kind = (
        "config error"
        if isinstance(error, ConfigError)
        else "data error"
        if isinstance(error, DataError)
        else "connect error"
    )
    if wanted in ("any error", kind):
        return None
    return f"raised a {kind} ({_error_text(error)}), not a {wanted}: {expected.get('message')}"


# --- schemas ---


def schema_difference(
    expected: dict[str, Any] | None, got: Schema | None, at: str = "schema", *, ordered: bool = True
) -> Outcome:
    """Compare every attribute, parameters and fields in order; maps in defaults only with ``ordered``."""
    if expected is None or got is None:
        if expected is None and got is None:
            return None
        return f"{at}: {schema_text(got)}, not {'no schema' if expected is None else expected['type']}"
    if not isinstance(got, Schema):
        return f"{at}: a {type(got).__name__} in place of a schema"
    checks: list[tuple[str, Any, Any]] = [
        ("type", expected["type"], got.type.value),
        ("optional", expected["optional"], got.optional),
        ("name", expected.get("name"), got.name),
    ]
    if not expected.get("cyclic"):
        checks += [
            ("version", expected.get("version"), got.version),
            ("doc", expected.get("doc"), got.doc),
            (
                "parameters",
                _entries(expected.get("parameters")),
                _entries(got.parameters),
            ),
        ]
    for what, wanted, found in checks:
        if wanted != found or type(wanted) is not type(found):
            return f"{at}.{what}: {found!r}, not {wanted!r}"
    if expected.get("cyclic"):
        return None
    return _inner_difference(expected, got, at, ordered) or _default_difference(expected, got, at, ordered)


def _inner_difference(expected: dict[str, Any], got: Schema, at: str, ordered: bool) -> Outcome:
    if got.type is Type.STRUCT:
        wanted_names = [f["name"] for f in expected.get("fields", ())]
        names = [f.name for f in got.fields]
        if names != wanted_names:
            return f"{at}.fields: {names}, not {wanted_names}"
        for spec, field in zip(expected.get("fields", ()), got.fields, strict=True):
            found = schema_difference(spec["schema"], field.schema, f"{at}.{field.name}", ordered=ordered)
            if found is not None:
                return found
    if got.type is Type.MAP:
        found = schema_difference(expected.get("key"), got.key_schema, f"{at}.key", ordered=ordered)
        if found is not None:
            return found
    if got.type is Type.MAP or got.type is Type.ARRAY:
        return schema_difference(expected.get("value"), got.value_schema, f"{at}.value", ordered=ordered)
    return None


def _default_difference(expected: dict[str, Any], got: Schema, at: str, ordered: bool) -> Outcome:
    if "default" not in expected:
        return None if got.default is None else f"{at}.default: {shown(got.default)}, not none"
    return value_difference(expected["default"], got.default, ordered=ordered, at=f"{at}.default")


def _entries(parameters: dict[str, str] | None) -> list[tuple[str, str]] | None:
    return None if parameters is None else list(parameters.items())


# --- values ---

_INTS = frozenset(("int8", "int16", "int32", "int64", "bigint"))


def value_difference(
    expected: dict[str, Any], got: Any, *, ordered: bool = True, at: str = "value"
) -> Outcome:
    """Compare a tagged value with ours; without ``ordered``, maps are compared as sets of entries."""
    tag = next(t for t in expected if t != "schema")
    content = expected[tag]
    if tag == "null":
        same = got is None
    elif tag in _INTS:
        same = type(got) is int and got == int(content)
    elif tag in ("float32", "float64"):
        wanted = float(content) if tag == "float64" else round32(float(content))
        same = type(got) is float and _same_float(wanted, got)
    elif tag in ("bool", "string"):
        same = type(got) is type(content) and got == content
    elif tag == "bytes":
        same = isinstance(got, bytes | bytearray | memoryview) and bytes(got) == value_of(expected)
    elif tag == "decimal":
        same = isinstance(got, Decimal) and got.as_tuple() == value_of(expected).as_tuple()
    elif tag in ("date", "time", "timestamp"):
        same = isinstance(got, TEMPORAL_TYPES) and millis_of(got) == millis_tag(expected)
    elif tag == "char":
        same = isinstance(got, Character) and got.text == content
    else:
        return _container_difference(tag, content, expected, got, ordered, at)
    return None if same else f"{at}: {shown(got)} ({type(got).__name__}), not {tag} {str(content)[:80]}"


def _same_float(wanted: float, got: float) -> bool:
    if isnan(wanted) or isnan(got):
        return isnan(wanted) and isnan(got)
    return wanted == got and copysign(1, wanted) == copysign(1, got)


def _container_difference(
    tag: str, content: Any, expected: dict[str, Any], got: Any, ordered: bool, at: str
) -> Outcome:
    if tag == "struct":
        return _struct_difference(content, expected, got, ordered, at)
    if tag == "map":
        return _map_difference(content, got, ordered, at)
    kinds = (list, tuple) if tag == "array" else (set, frozenset, list, tuple)
    if not isinstance(got, kinds) or len(got) != len(content):
        return f"{at}: {shown(got)}, not {tag} of {len(content)}"
    if tag == "set":
        rest = list(got)
        for i, item in enumerate(content):
            match = next((g for g in rest if value_difference(item, g, ordered=ordered) is None), rest)
            if match is rest:
                return f"{at}[{i}]: {shown(got)} lacks an element"
            rest.remove(match)
        return None
    for i, (item, found) in enumerate(zip(content, got, strict=True)):
        difference = value_difference(item, found, ordered=ordered, at=f"{at}[{i}]")
        if difference is not None:
            return difference
    return None


def _struct_difference(
    content: list[Any], expected: dict[str, Any], got: Any, ordered: bool, at: str
) -> Outcome:
    if not isinstance(got, Struct):
        return f"{at}: {shown(got)}, not a struct"
    names = [name for name, _ in content]
    if [f.name for f in got.schema.fields] != names:
        return f"{at}: fields {[f.name for f in got.schema.fields]}, not {names}"
    if "schema" in expected:
        found = schema_difference(expected["schema"], got.schema, f"{at}.schema", ordered=ordered)
        if found is not None:
            return found
    for (name, item), value in zip(content, got.values, strict=True):
        found = value_difference(item, value, ordered=ordered, at=f"{at}.{name}")
        if found is not None:
            return found
    return None


def _map_difference(content: list[Any], got: Any, ordered: bool, at: str) -> Outcome:
    if not isinstance(got, dict) or len(got) != len(content):
        return f"{at}: {shown(got)}, not a map of {len(content)}"
    rest = list(got.items())
    for i, (key, item) in enumerate(content):
        found = next(
            (
                j
                for j, (k, _) in enumerate(rest)
                if value_difference(key, list(k) if isinstance(k, tuple) else k, ordered=ordered) is None
            ),
            None,
        )
        if found is None or (ordered and found != 0):
            return f"{at}: entry {i} of the map is {'in another place' if found else 'missing'}: {shown(got)}"
        difference = value_difference(item, rest.pop(found)[1], ordered=ordered, at=f"{at}{{{i}}}")
        if difference is not None:
            return difference
    return None


def pair_difference(
    expected: dict[str, Any] | None, got: SchemaAndValue, *, ordered: bool = True, at: str = "result"
) -> Outcome:
    """Compare a ``result``; null stands for neither schema nor value."""
    if expected is None:
        expected = {"schema": None, "value": {"null": True}}
    return schema_difference(
        expected["schema"], got.schema, f"{at}.schema", ordered=ordered
    ) or value_difference(expected["value"], got.value, ordered=ordered, at=f"{at}.value")


def header_difference(expected: Any, got: Header, *, ordered: bool = True, at: str = "header") -> Outcome:
    """Compare a header, given as an object or as the list of a record."""
    if isinstance(expected, dict):
        expected = [expected["key"], expected["schema"], expected["value"]]
    key, spec, value = expected
    if got.key != key:
        return f"{at}: named {got.key!r}, not {key!r}"
    return schema_difference(spec, got.schema, f"{at}.schema") or value_difference(
        value, got.value, ordered=ordered, at=f"{at}.value"
    )


def text_difference(expected: str | None, got: str | None, at: str = "text") -> Outcome:
    """Compare texts exactly."""
    return None if expected == got else f"{at}: {got!r}, not {expected!r}"


__all__ = [
    "UNREPRESENTABLE", "Outcome", "error_difference", "expect", "header_difference", "pair_difference",
    "schema_difference", "schema_of", "shown", "text_difference", "value_difference",
]  # fmt: skip
