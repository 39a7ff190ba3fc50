"""TimezoneConverter: the times in change events move to a time zone.

Texts with an offset keep their moment and get the zone's offset. Numbers, which Debezium writes for
columns without a zone, are taken for local times of that zone and become the moments they were there.
The times of ``source`` move the other way, by the zone's offset. What has no zone at all (dates, times of
day) stays. Decided once per schema, and where lists of tables or topics are given for each of these.
Source: Debezium's documentation of the timezone converter and of its temporal types.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from connectkit.checks import non_blank
from connectkit.compile import PerSchema
from connectkit.config import HIGH, Width, option
from connectkit.draft import Draft
from connectkit.edit import EditTransform, OnMissing, on_missing_option
from connectkit.errors import DataError
from connectkit.instant import TEMPORAL_TYPES, millis_of, timestamp_from
from connectkit.schema import DATE_NAME, TIME_NAME, TIMESTAMP_NAME, Field, Schema, Type
from connectkit.struct import Struct
from connectkit.transforms.base import class_name
from connectkit.transforms.debezium.envelope import (
    AFTER,
    BEFORE,
    EPOCH_FIELDS,
    SOURCE,
    envelope_of,
    is_envelope,
)
from connectkit.transforms.debezium.options import DebeziumConfig
from connectkit.transforms.debezium.timezone_rules import ALL_ROWS, Choice, Rules, choice_of
from connectkit.transforms.debezium.variants import Variants
from connectkit.transforms.debezium.zoned_text import (
    parse_time,
    parse_timestamp,
    time_text,
    timestamp_text,
)
from connectkit.transforms.debezium.zones import Zone

KEPT_TABLES = 1000
"""Pairs of topic and table for which it is remembered what is converted."""
_DEBEZIUM = "io.debezium.time."
_UNITS: Final = {"Timestamp": 1_000, "MicroTimestamp": 1_000_000, "NanoTimestamp": 1_000_000_000}
"""How many of its units a second has."""
_EPOCH_UNITS: Final[dict[str, int]] = dict(zip(EPOCH_FIELDS, _UNITS.values(), strict=True))
_WITHOUT_ZONE: Final = frozenset(
    (DATE_NAME, TIME_NAME, *(_DEBEZIUM + name for name in ("Date", "Time", "MicroTime", "NanoTime")))
)
_MAX_LONG = (1 << 63) - 1

Convert = Callable[[Any], Any]


class TimezoneConverterConfig(DebeziumConfig):
    """The time zone, and what to convert."""

    converted_timezone: str = option(
        doc="The time zone: a name such as Europe/Berlin, or an offset such as +02:00.",
        check=non_blank,
        importance=HIGH,
        trim=False,
        order=1,
        width=Width.MEDIUM,
        display_name="Converted Timezone",
    )
    include_list: list[str] = option(
        [],
        doc="What to convert: source:TABLE, topic:TOPIC, either with :FIELD, or NAME:FIELD. FIELD may begin "
        "with before., after. or source.; without, both rows are meant. Default: all times of all rows.",
        importance=HIGH,
        order=1,
        width=Width.MEDIUM,
        display_name="Include List",
    )
    exclude_list: list[str] = option(
        [],
        doc="What to leave alone, in the same forms; not together with include.list.",
        importance=HIGH,
        order=1,
        width=Width.MEDIUM,
        display_name="Exclude List",
    )
    on_missing: OnMissing | None = on_missing_option(
        "a field that a rule names and the rows do not have makes no difference, with one warning"
    )

    def problems(self) -> Mapping[str, str | Sequence[str]]:
        found: dict[str, str] = {}
        try:
            Zone.parse(self.converted_timezone)
        except ValueError as error:
            found["converted.timezone"] = str(error)
        for key, items in (("include.list", self.include_list), ("exclude.list", self.exclude_list)):
            try:
                Rules.parse(items)
            except ValueError as error:
                found[key] = str(error)
        if self.include_list and self.exclude_list:
            found.setdefault("exclude.list", "cannot be given together with include.list")
        return found


class TimezoneConverter(EditTransform[TimezoneConverterConfig]):
    """Convert the times in change events to a time zone."""

    java_names = ("io.debezium.transforms.TimezoneConverter",)
    reads = frozenset(("value",))
    purpose = "conversion to a time zone"

    def __init__(
        self,
        config: TimezoneConverterConfig,
        *,
        clock: Callable[[], float] = time.time,
        choice: Choice | None = None,
    ) -> None:
        """``clock`` gives the present moment, whose offset a time of day gets; ``choice`` overrides lists."""
        self._clock = clock
        self._zone = Zone.parse(config.converted_timezone)
        self._includes = bool(config.include_list)
        self._rules = Rules.parse(config.include_list or config.exclude_list)
        by_list = bool(config.include_list or config.exclude_list)
        self._choice = choice if choice is not None or by_list else ALL_ROWS
        self._tables: PerSchema[Callable[[Any], str | None]] = PerSchema(_table_reader)
        self._by_table: Variants[tuple[str | None, str | None], TimezoneConverter | None] = Variants(
            self._variant, size=KEPT_TABLES
        )
        self._by_choice: dict[Choice, TimezoneConverter] = {}
        super().__init__(config)

    def edit(self, draft: Draft) -> None:
        value = draft.value
        if value.is_null or not is_envelope(value.schema):
            return
        schema, slots = envelope_of(value, self.purpose)
        if self._choice is None:
            draft.hand_over(self._by_rule)
            return
        changed = False
        for name in (BEFORE, AFTER, SOURCE):
            field = schema.field(name)
            if field is None or field.schema.type is not Type.STRUCT:
                continue
            self._tell_missing(self._choice, field)
            convert = self._struct_converter(self._choice, field)
            if convert is not None:
                slots[field.index] = draft.call(convert, slots[field.index], strict=True)
                changed = True
        if changed:
            value.write(schema, slots, unchecked=range(len(slots)))

    # --- what to convert

    def _by_rule(self, record: Any) -> Any:
        value = record.value
        variant = self._by_table[record.topic, self._tables[value.schema](value)]
        return record if variant is None else variant.apply(record)

    def _variant(self, where: tuple[str | None, str | None]) -> TimezoneConverter | None:
        """This transform for a topic and a table; None: nothing is converted."""
        topic, table = where
        fields = self._rules.fields_for(topic, table)
        if self._includes:
            if fields is None:
                return None
            choice = choice_of(fields, named=True) if fields else ALL_ROWS
        else:
            if (fields is None and topic is None and table is None) or fields == set():
                return None
            choice = choice_of(fields, named=False) if fields else ALL_ROWS
        found = self._by_choice.get(choice)
        if found is None:
            found = TimezoneConverter(self.config, clock=self._clock, choice=choice)
            found._told, found.alias = self._told, self.alias
            self._by_choice[choice] = found
        return found

    def _tell_missing(self, choice: Choice, struct: Field) -> None:
        """Report the fields that the rules name and the struct does not have."""
        for name in sorted(choice.listed(struct.name)):
            if struct.schema.field(name) is None:
                self.missing(name, [field.name for field in struct.schema.fields])

    def _struct_converter(self, choice: Choice, struct: Field) -> Convert | None:
        """A function for (non-null) values of a row or of ``source``; None if nothing in it changes."""
        found: list[tuple[int, Any, Convert, str]] = []
        for field in struct.schema.fields:
            if not choice.wanted(struct.name, field.name):
                continue
            name = field.schema.name
            if name in _WITHOUT_ZONE:
                self.warn_once(
                    f"{struct.name}.{field.name}",
                    "the field '%s' has the type %s, which has no time zone, and stays as it is",
                    field.name,
                    name,
                )
                continue
            convert = self._converter(struct.name, field)
            if convert is not None:
                found.append((field.index, field.schema.default, convert, f"$.{struct.name}.{field.name}"))
        return _rewriter(found) if found else None

    # --- how to convert

    def _converter(self, struct: str, field: Field) -> Convert | None:
        schema = field.schema
        name = schema.name
        if name is None:
            units = _EPOCH_UNITS.get(field.name) if struct == SOURCE else None
            return None if units is None else _checked(schema, Type.INT64, self._epoch(units))
        if name == TIMESTAMP_NAME:
            return self._timestamp
        if not name.startswith(_DEBEZIUM):
            return None
        kind = name.removeprefix(_DEBEZIUM)
        if kind in _UNITS:
            return _checked(schema, Type.INT64, self._local(_UNITS[kind]))
        if kind == "ZonedTimestamp":
            return _checked(schema, Type.STRING, self._zoned_timestamp)
        return _checked(schema, Type.STRING, self._zoned_time) if kind == "ZonedTime" else None

    def _epoch(self, units: int) -> Convert:
        offset = self._zone.offset_at_s
        return lambda value: _long(value + offset(value // units) * units)

    def _local(self, units: int) -> Convert:
        offset = self._zone.offset_of_local_s
        return lambda value: _long(value - offset(value // units) * units)

    def _timestamp(self, value: Any) -> Any:
        if not isinstance(value, TEMPORAL_TYPES):
            raise DataError(f"A Timestamp was expected, and a value of class {class_name(value)} found")
        millis = millis_of(value)
        return timestamp_from(millis - self._zone.offset_of_local_s(millis // 1000) * 1000)

    def _zoned_timestamp(self, text: str) -> str:
        found = parse_timestamp(text)
        # As in Debezium, the local time in the text decides which offset of the zone holds.
        return timestamp_text(found.at_offset(self._zone.offset_of_local_s(found.local_s)))

    def _zoned_time(self, text: str) -> str:
        return time_text(parse_time(text).at_offset(self._zone.offset_at_s(int(self._clock()))))


def _rewriter(parts: Sequence[tuple[int, Any, Convert, str]]) -> Callable[[Any], Struct]:
    """Copies structs with some fields converted; unset ones take part with their defaults."""

    def rewrite(struct: Any) -> Struct:
        values = struct.values[:]
        path = ""
        try:
            for index, default, convert, path in parts:  # noqa: B007 - the error handler names it
                value = values[index]
                if value is None:
                    value = default
                if value is not None:
                    values[index] = convert(value)
        except DataError as error:
            if error.path is None:
                error.path = path
            raise
        return Struct.of(struct.schema, values)

    return rewrite


def _checked(schema: Schema, wanted: Type, convert: Convert) -> Convert:
    """The conversion, if the schema is of the type that its name promises."""
    if schema.type is wanted:
        return convert

    def refuse(value: Any) -> Any:
        raise DataError(f"A time is of type {schema.type.value}, and should be of type {wanted.value}")

    return refuse


def _long(value: int) -> int:
    if not -_MAX_LONG - 1 <= value <= _MAX_LONG:
        raise DataError("A time leaves the range of 64 bits in the time zone")
    return value


def _table_reader(schema: Schema) -> Callable[[Any], str | None]:
    """Reads ``source.table`` of change events: None where there is no such text."""
    source = schema.field(SOURCE)
    table = source.schema.field("table") if source and source.schema.type is Type.STRUCT else None
    if source is None or table is None or table.schema.type is not Type.STRING:
        return lambda event: None
    at, inner = source.index, table.index

    def read(event: Any) -> str | None:
        found = event.values[at]
        return None if found is None else found.values[inner]

    return read
