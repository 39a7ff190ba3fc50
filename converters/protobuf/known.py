"""The files that every schema may import without anybody registering them.

Those of ``google/protobuf`` come with the protobuf library; the others are written down here, by the names
and numbers that their public definitions have. Source: spec registry 3.8.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Final

from connectkit.converters.protobuf.from_descriptor import from_descriptor
from connectkit.converters.protobuf.model import ProtoFile
from connectkit.converters.protobuf.parse import parse
from connectkit.errors import ConfigError

MISSING: Final = "Protobuf needs the library protobuf: pip install 'kafka-connectkit[protobuf]'"
"""What to say where the library is not installed."""

if TYPE_CHECKING:
    from google.protobuf import descriptor_pb2

_GOOGLE: Final = frozenset(
    f"google/protobuf/{name}.proto"
    for name in (
        "any api descriptor duration empty field_mask source_context struct timestamp type wrappers"
    ).split()
)

DECIMAL: Final = "confluent/type/decimal.proto"
DATE: Final = "google/type/date.proto"
TIME_OF_DAY: Final = "google/type/timeofday.proto"
TIMESTAMP: Final = "google/protobuf/timestamp.proto"
WRAPPERS: Final = "google/protobuf/wrappers.proto"
VARIANT: Final = "confluent/type/variant.proto"

_MONTHS: Final = (
    "JANUARY FEBRUARY MARCH APRIL MAY JUNE JULY AUGUST SEPTEMBER OCTOBER NOVEMBER DECEMBER".split()
)
_DAYS: Final = "MONDAY TUESDAY WEDNESDAY THURSDAY FRIDAY SATURDAY SUNDAY".split()
_PERIODS: Final = "DAY WEEK FORTNIGHT MONTH QUARTER HALF YEAR".split()


def _fields(text: str) -> str:
    """``"int32 year month"`` as declarations, numbered from 1; parts between commas."""
    words = [(part.split()[0], name) for part in text.split(",") for name in part.split()[1:]]
    return " ".join(f"{kind} {name} = {i};" for i, (kind, name) in enumerate(words, 1))


def _enum(name: str, zero: str, symbols: Sequence[str]) -> str:
    constants = " ".join(f"{each} = {i};" for i, each in enumerate(symbols, 1))
    return f"enum {name} {{ {zero}_UNSPECIFIED = 0; {constants} }}"


_TYPES: Final[dict[str, str]] = {
    "calendar_period": _enum("CalendarPeriod", "CALENDAR_PERIOD", _PERIODS),
    "color": 'import "google/protobuf/wrappers.proto"; message Color { '
    + _fields("float red green blue, google.protobuf.FloatValue alpha")
    + " }",
    "date": f"message Date {{ {_fields('int32 year month day')} }}",
    "datetime": 'import "google/protobuf/duration.proto"; message DateTime { '
    + _fields("int32 year month day hours minutes seconds nanos")
    + " oneof time_offset { google.protobuf.Duration utc_offset = 8; TimeZone time_zone = 9; } } "
    + f"message TimeZone {{ {_fields('string id version')} }}",
    "dayofweek": _enum("DayOfWeek", "DAY_OF_WEEK", _DAYS),
    "decimal": f"message Decimal {{ {_fields('string value')} }}",
    "expr": f"message Expr {{ {_fields('string expression title description location')} }}",
    "fraction": f"message Fraction {{ {_fields('int64 numerator denominator')} }}",
    "interval": 'import "google/protobuf/timestamp.proto"; message Interval { '
    + _fields("google.protobuf.Timestamp start_time end_time")
    + " }",
    "latlng": f"message LatLng {{ {_fields('double latitude longitude')} }}",
    "money": f"message Money {{ {_fields('string currency_code, int64 units, int32 nanos')} }}",
    "month": _enum("Month", "MONTH", _MONTHS),
    "phone_number": "message PhoneNumber { message ShortCode { "
    + _fields("string region_code number")
    + " } oneof kind { string e164_number = 1; ShortCode short_code = 2; } string extension = 3; }",
    "postal_address": "message PostalAddress { int32 revision = 1; string region_code = 2; "
    "string language_code = 3; string postal_code = 4; string sorting_code = 5; "
    "string administrative_area = 6; string locality = 7; string sublocality = 8; "
    "repeated string address_lines = 9; repeated string recipients = 10; string organization = 11; }",
    "quaternion": f"message Quaternion {{ {_fields('double x y z w')} }}",
    "timeofday": f"message TimeOfDay {{ {_fields('int32 hours minutes seconds nanos')} }}",
}
_META: Final = "".join(
    f"extend google.protobuf.{kind}Options {{ Meta {name}_meta = 1088; }} "
    for kind, name in (
        ("File", "file"), ("Message", "message"), ("Field", "field"), ("Enum", "enum"),
        ("EnumValue", "enum_value"),
    )
)  # fmt: skip

TEXTS: Final[dict[str, str]] = {
    **{
        f"google/type/{name}.proto": f'syntax = "proto3"; package google.type; {text}'
        for name, text in _TYPES.items()
    },
    "confluent/meta.proto": 'syntax = "proto3"; package confluent; '
    'import "google/protobuf/descriptor.proto"; '
    f"message Meta {{ string doc = 1; map<string, string> params = 2; repeated string tags = 3; }} {_META}",
    DECIMAL: 'syntax = "proto3"; package confluent.type; '
    f"message Decimal {{ {_fields('bytes value, uint32 precision, int32 scale')} }}",
    VARIANT: 'syntax = "proto3"; package confluent.type; '
    f"message Variant {{ {_fields('bytes metadata value')} }}",
}
KNOWN: Final = frozenset(TEXTS) | _GOOGLE
"""The import paths that need no registering."""


@lru_cache(maxsize=64)
def known_file(path: str) -> ProtoFile | None:
    """The file of an import path, if it is one of the known. Nobody may change it."""
    text = TEXTS.get(path)
    if text is not None:
        return parse(text)
    if path not in _GOOGLE:
        return None
    return from_descriptor(_libraries()[path])


@lru_cache(maxsize=1)
def _libraries() -> dict[str, descriptor_pb2.FileDescriptorProto]:
    """The files that come with the protobuf library."""
    try:
        from google.protobuf import (
            any_pb2,
            api_pb2,
            descriptor_pb2,
            duration_pb2,
            empty_pb2,
            field_mask_pb2,
            source_context_pb2,
            struct_pb2,
            timestamp_pb2,
            type_pb2,
            wrappers_pb2,
        )
    except ImportError as error:
        raise ConfigError(MISSING) from error

    found: dict[str, descriptor_pb2.FileDescriptorProto] = {}
    for module in (
        any_pb2, api_pb2, descriptor_pb2, duration_pb2, empty_pb2, field_mask_pb2, source_context_pb2,
        struct_pb2, timestamp_pb2, type_pb2, wrappers_pb2,
    ):  # fmt: skip
        proto = descriptor_pb2.FileDescriptorProto()
        module.DESCRIPTOR.CopyToProto(proto)
        found[proto.name] = proto
    return found


WRAPPER_KINDS: Final = {
    "DoubleValue": "double", "FloatValue": "float", "Int64Value": "int64", "UInt64Value": "uint64",
    "Int32Value": "int32", "UInt32Value": "uint32", "BoolValue": "bool", "StringValue": "string",
    "BytesValue": "bytes",
}  # fmt: skip
"""The messages of wrappers.proto in their order, and the type of what each holds."""


def _wrappers_text() -> str:
    options = {
        "java_package": '"com.google.protobuf"',
        "java_outer_classname": '"WrappersProto"',
        "java_multiple_files": "true",
        "go_package": '"google.golang.org/protobuf/types/known/wrapperspb"',
        "cc_enable_arenas": "true",
        "objc_class_prefix": '"GPB"',
        "csharp_namespace": '"Google.Protobuf.WellKnownTypes"',
    }
    lines = "".join(f"option {name} = {value};\n" for name, value in options.items())
    messages = "".join(
        f'message {name} {{\n  {kind} value = 1 [json_name = "value"];\n}}\n'
        for name, kind in WRAPPER_KINDS.items()
    )
    return f'syntax = "proto3";\npackage google.protobuf;\n\n{lines}\n{messages}'


WRAPPERS_TEXT: Final = _wrappers_text()
"""What is registered for a value that is no struct: the file of all wrappers."""
