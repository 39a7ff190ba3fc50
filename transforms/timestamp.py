"""TimestampConverter: between text, Unix time and Connect's Date, Time and Timestamp.

Beyond Connect it writes timestamps of micro- and nanoseconds, and reads them and Debezium's types of
time, which it knows by the names of their schemas. Where one of those takes part it counts nanoseconds,
rounded down to what the target holds; else milliseconds, as Connect does.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal

from connectkit.builder import SchemaBuilder
from connectkit.config import HIGH, LOW, MEDIUM, Config, option
from connectkit.dateformat import DateFormat
from connectkit.draft import Draft, Kind, Side, SideName
from connectkit.edit import OnMissing, SideTransform, on_missing_option
from connectkit.errors import ConfigError, ConnectError, DataError
from connectkit.instant import (
    DAY_MS,
    MS_NS,
    TEMPORAL_TYPES,
    date_from,
    millis_of,
    nanos_of,
    time_from,
    timestamp_from,
    timestamp_from_micros,
    timestamp_from_nanos,
)
from connectkit.kinds import trim
from connectkit.logical import DATE, TIME, TIMESTAMP, TIMESTAMP_MICROS, TIMESTAMP_NANOS
from connectkit.moments import fine_reader, parse_iso
from connectkit.schema import DATE_NAME, TIME_NAME, TIMESTAMP_NAME, Field, Schema, Type
from connectkit.struct import Struct
from connectkit.transforms.base import class_name, copy_of, optional_form
from connectkit.transforms.pathapply import edit_paths
from connectkit.transforms.pathedit import Change
from connectkit.transforms.paths import FieldPath, path_problems, syntax_option

_TARGET_SCHEMAS = {
    "string": Schema.STRING, "unix": Schema.INT64, "Date": DATE, "Time": TIME, "Timestamp": TIMESTAMP,
    "TimestampMicros": TIMESTAMP_MICROS, "TimestampNanos": TIMESTAMP_NANOS,
}  # fmt: skip
_FINE_TARGETS = frozenset(("TimestampMicros", "TimestampNanos"))
_UNIT_NS = {
    "nanoseconds": 1, "microseconds": 1_000, "milliseconds": MS_NS, "seconds": 1_000 * MS_NS,
}  # fmt: skip
_LOGICAL_KINDS = {DATE_NAME: "Date", TIME_NAME: "Time", TIMESTAMP_NAME: "Timestamp"}
_MAX_LONG = (1 << 63) - 1
_MIN_LONG = -(1 << 63)


Target = Literal["string", "unix", "Date", "Time", "Timestamp", "TimestampMicros", "TimestampNanos"]


class TimestampConverterConfig(Config):
    """What to convert, to what, and how its text looks."""

    field: str | None = option(
        "", doc="The field to convert; empty: the entire key or value.", importance=HIGH
    )
    target_type: Target = option(doc="What to convert to.", importance=HIGH)
    format: str | None = option(
        "",
        doc="A pattern as of Java's SimpleDateFormat, for converting from or to a string.",
        importance=MEDIUM,
    )
    unix_precision: Literal["nanoseconds", "microseconds", "milliseconds", "seconds"] = option(
        "milliseconds", doc="The unit of Unix times, read and written.", importance=LOW
    )
    replace_null_with_default: bool = option(
        True, doc="Whether unset fields are given their defaults while copying.", importance=MEDIUM
    )

    field_syntax_version: str = syntax_option()
    on_missing: OnMissing | None = on_missing_option(
        "a map is given the missing field as null, with a warning"
    )

    def problems(self) -> Mapping[str, str | Sequence[str]]:
        if self.field and (found := path_problems("field", [self.field], self.field_syntax_version)):
            return found
        if not trim(self.format or ""):
            if self.target_type == "string":
                return {"format": "is needed to convert to a string, such as yyyy-MM-dd'T'HH:mm:ss"}
            return {}
        try:
            DateFormat(self.format or "")
        except ConfigError as error:
            return {"format": str(error)}
        return {}


class TimestampConverter(SideTransform[TimestampConverterConfig]):
    """Turn times into another form: text, Unix time, or Connect's Date, Time and Timestamp."""

    java_names = ("org.apache.kafka.connect.transforms.TimestampConverter",)
    nulls = "edit"
    purpose = "conversion of timestamp formats"

    def __init__(self, config: TimestampConverterConfig, *, side: SideName = "value") -> None:
        super().__init__(config, side=side)
        self._path = FieldPath.of(config.field, config.field_syntax_version) if config.field else None
        pattern = DateFormat(config.format) if config.format and trim(config.format) else None
        self._readers: dict[str, Callable[[Any], int]] = {
            "string": _string_reader(pattern),
            "unix": _unix_reader(config.unix_precision),
            "Date": _temporal_reader("Date"),
            "Time": _temporal_reader("Time"),
            "Timestamp": _temporal_reader("Timestamp"),
        }
        self._write: Callable[[int], Any] = {
            "string": pattern.format if pattern is not None else str,
            "unix": _unix_writer(config.unix_precision),
            "Date": lambda millis: date_from(millis // DAY_MS),
            "Time": lambda millis: time_from(millis % DAY_MS),
            "Timestamp": timestamp_from,
            "TimestampMicros": timestamp_from,
            "TimestampNanos": timestamp_from,
        }[config.target_type]
        self._pattern = pattern
        self._write_nanos = _nanos_writer(config, self._write)
        self._by_class = {kind: self._converter(kind) for kind in ("string", "unix", "Timestamp")}

    def edit_side(self, draft: Draft, side: Side) -> None:
        if self.config.field is None:
            raise DataError("There is nothing to convert: 'field' is null in the configuration")
        if side.schema is None:
            self._edit_schemaless(draft, side)
        elif self._path is None:
            convert = self._converter_of(side.schema)
            after = side.kind if side.kind in (Kind.NULL, Kind.UNKNOWN) else Kind.OTHER
            var = draft.call(convert, side.whole(), where="$", strict=True)
            side.put(self._target(side.schema.optional), var, after)
        elif self._path.name is not None:
            self._edit_struct(draft, side, side.schema, self._path.name)
        elif not side.is_null:
            self._edit_nested(draft, side, self._path)

    def _edit_schemaless(self, draft: Draft, side: Side) -> None:
        if side.is_null:
            return
        if self._path is None:
            side.put(
                None, draft.call(self._convert_by_class, side.whole(), where="$", strict=True), Kind.OTHER
            )
            return
        name = self._path.name
        if name is None:
            self._edit_nested(draft, side, self._path)
            return
        side.require_map(self.purpose)
        found = side.get_item(name, absent=self.missing_in_map)
        side.set_item(name, draft.call(self._convert_by_class, found, where=f"$.{name}", strict=True))

    def _edit_nested(self, draft: Draft, side: Side, path: FieldPath) -> None:
        def of(schema: Schema) -> tuple[Schema, Callable[[Any], Any]]:
            return self._target(schema.optional), self._converter_of(schema, path.text)

        change = Change(of, self._convert_by_class)
        with_default = self.config.replace_null_with_default
        edit_paths(
            self, draft, side, self.purpose, [(path, change)], with_default=with_default, basics=_basics
        )

    def _edit_struct(self, draft: Draft, side: Side, schema: Schema, name: str) -> None:
        if not side.is_null:
            side.require_struct(self.purpose)
        builder = copy_of(schema, fields=False)
        for field in schema.fields:
            target = self._target(field.schema.optional) if field.name == name else field.schema
            builder.field(field.name, target)
        self.tell_missing([name], schema)
        found = schema.field(name)
        converter: Callable[[Any], Any] | None = None
        if found is not None and not (side.is_null and schema.default is None):
            try:
                converter = self._converter_of(found.schema, name)
            except ConnectError as error:
                if side.is_null or schema.default is not None:
                    raise
                self._refuse(draft, side, found, error)
                return
        if schema.optional:
            builder.optional()
        if schema.default is not None:
            builder.default(self._converted_default(schema, builder, converter))
        made = builder.build()
        if side.is_null:
            side.put(made, side.whole(), Kind.NULL)
            return
        slots = side.read(self.purpose, with_defaults=self.config.replace_null_with_default)
        if found is not None and converter is not None:
            at = found.index
            slots[at] = draft.call(converter, slots[at], where=f"$.{name}", strict=True)
        side.write(made, slots)

    def _refuse(self, draft: Draft, side: Side, found: Field, error: ConnectError) -> None:
        """Fail for the field, unless a null in a required field before it fails first, as in Connect."""
        fields = side.require_struct(self.purpose).fields[: found.index]
        slots = side.read(self.purpose, with_defaults=self.config.replace_null_with_default)
        before = [(slots[f.index], f.name, f.schema.type) for f in fields if not f.schema.optional]
        draft.require(before)
        draft.fail(error)

    def _converted_default(
        self, schema: Schema, builder: SchemaBuilder, converter: Callable[[Any], Any] | None
    ) -> Struct:
        made = Struct(builder.build())
        for field in schema.fields:
            value = schema.default.values[field.index]
            if value is None and self.config.replace_null_with_default:
                value = field.schema.default
            if (
                self._path is not None
                and field.name == self._path.name
                and converter is not None
                and value is not None
            ):
                value = converter(value)
            made.put(field.name, value)
        return made

    def _target(self, optional: bool) -> Schema:
        schema = _TARGET_SCHEMAS[self.config.target_type]
        return optional_form(schema) if optional else schema

    def _kind_of(self, schema: Schema, name: str | None = None) -> str:
        """What kind of timestamp a schema stands for."""
        if schema.name in _LOGICAL_KINDS:
            return _LOGICAL_KINDS[schema.name]
        if schema.type is Type.STRING:
            return "string"
        if schema.type is Type.INT64:
            return "unix"
        where = f"The field '{name}'" if name is not None else f"The {self.side}"
        # Not a DataError, as in Connect: it is the configuration that does not fit the schema.
        raise ConnectError(f"{where} is of type {schema.type.value}, which is no known format of a timestamp")

    def _converter_of(self, schema: Schema, name: str | None = None) -> Callable[[Any], Any]:
        read = fine_reader(schema)
        if read is None:
            return self._converter(self._kind_of(schema, name))
        if schema.type is Type.STRING and self._pattern is not None:
            read = _with_pattern(read, self._pattern)
        return _composed(read, self._write_nanos)

    def _converter(self, kind: str) -> Callable[[Any], Any]:
        if self.config.target_type in _FINE_TARGETS:
            if kind == "unix":
                return _composed(_unix_nanos(self.config.unix_precision), self._write_nanos)
            if kind == "Timestamp":
                return _composed(_nanos_of_moment, self._write_nanos)
            if kind == "string" and self._pattern is None:
                return _composed(parse_iso, self._write_nanos)
        if kind == self.config.target_type == "Timestamp":
            return _same_moment
        if (kind, self.config.target_type, self.config.unix_precision) == (
            "unix",
            "Timestamp",
            "milliseconds",
        ):
            return _moment_of_millis
        return _composed(self._readers[kind], self._write)

    def _convert_by_class(self, value: Any) -> Any:
        if type(value) is int:
            kind = "unix"
        elif isinstance(value, TEMPORAL_TYPES):
            kind = "Timestamp"
        elif isinstance(value, str):
            kind = "string"
        elif isinstance(value, int) and not isinstance(value, bool):
            kind = "unix"
        else:
            raise DataError(f"A value of class {class_name(value)} is no timestamp")
        return self._by_class[kind](value)


def _basics(schema: Schema) -> SchemaBuilder:
    builder = copy_of(schema, fields=False)
    return builder.optional() if schema.optional else builder


def _composed(read: Callable[[Any], int], write: Callable[[int], Any]) -> Callable[[Any], Any]:
    return lambda value: write(read(value))


def _same_moment(value: Any) -> Any:
    if isinstance(value, TEMPORAL_TYPES):
        return timestamp_from(millis_of(value))
    raise DataError(f"A Timestamp was expected, and a value of class {class_name(value)} found")


def _moment_of_millis(value: Any) -> Any:
    if isinstance(value, int) and not isinstance(value, bool):
        return timestamp_from(value)
    raise DataError(f"A Unix time was expected, and a value of class {class_name(value)} found")


def _temporal_reader(kind: str) -> Callable[[Any], int]:
    def read(value: Any) -> int:
        if isinstance(value, TEMPORAL_TYPES):
            return millis_of(value)
        raise DataError(f"A {kind} was expected, and a value of class {class_name(value)} found")

    return read


def _string_reader(pattern: DateFormat | None) -> Callable[[Any], int]:
    def read(value: Any) -> int:
        if not isinstance(value, str):
            raise DataError(f"A string was expected, and a value of class {class_name(value)} found")
        if pattern is None:
            raise DataError("A string can only be read as a timestamp if the option 'format' says how")
        return pattern.parse(value)

    return read


# --- nanoseconds ---


def _nanos_of_moment(value: Any) -> int:
    if isinstance(value, TEMPORAL_TYPES):
        return nanos_of(value)
    raise DataError(f"A Timestamp was expected, and a value of class {class_name(value)} found")


def _unix_nanos(precision: str) -> Callable[[Any], int]:
    unit_ns = _UNIT_NS[precision]

    def read(value: Any) -> int:
        if not isinstance(value, int) or isinstance(value, bool):
            raise DataError(f"A Unix time was expected, and a value of class {class_name(value)} found")
        return value * unit_ns

    return read


def _with_pattern(read: Callable[[Any], int], pattern: DateFormat) -> Callable[[Any], int]:
    """ISO 8601, or what the pattern reads: a configuration that names one may mean its own texts."""

    def read_either(value: Any) -> int:
        try:
            return read(value)
        except DataError:
            return _string_reader(pattern)(value) * MS_NS

    return read_either


def _nanos_writer(
    config: TimestampConverterConfig, write_millis: Callable[[int], Any]
) -> Callable[[int], Any]:
    """From nanoseconds to the target, rounded down to what it holds."""
    if config.target_type == "TimestampNanos":
        return timestamp_from_nanos
    if config.target_type == "TimestampMicros":
        return lambda nanos: timestamp_from_micros(nanos // 1_000)
    if config.target_type == "unix":
        unit_ns = _UNIT_NS[config.unix_precision]
        return lambda nanos: _saturated(nanos // unit_ns)
    return lambda nanos: write_millis(nanos // MS_NS)


# --- milliseconds ---


def _saturated(number: int) -> int:
    return _MIN_LONG if number < _MIN_LONG else min(number, _MAX_LONG)


def _toward_zero(number: int, divisor: int) -> int:
    return number // divisor if number >= 0 else -(-number // divisor)


def _unix_reader(precision: str) -> Callable[[Any], int]:
    """From Unix time of that precision to milliseconds; what is finer is cut off toward zero."""
    divisor = {"nanoseconds": 1_000_000, "microseconds": 1_000}.get(precision, 1)
    factor = 1_000 if precision == "seconds" else 1

    def read(value: Any) -> int:
        if not isinstance(value, int) or isinstance(value, bool):
            raise DataError(f"A Unix time was expected, and a value of class {class_name(value)} found")
        if divisor != 1:
            return _toward_zero(value, divisor)
        return _saturated(value * factor) if factor != 1 else value

    return read


def _unix_writer(precision: str) -> Callable[[int], int]:
    factor = {"nanoseconds": 1_000_000, "microseconds": 1_000, "milliseconds": 1}.get(precision)
    if factor is None:
        return lambda millis: _toward_zero(millis, 1_000)
    return lambda millis: _saturated(millis * factor)
