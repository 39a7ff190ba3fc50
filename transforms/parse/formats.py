"""The reader that a configuration asks for."""

from __future__ import annotations

import csv
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, tzinfo
from typing import Any

from connectkit.suggest import did_you_mean, shortened
from connectkit.transforms.parse.clf import clf_reader
from connectkit.transforms.parse.csvline import csv_reader
from connectkit.transforms.parse.jsontext import json_reader
from connectkit.transforms.parse.keyvalue import keyvalue_splitter
from connectkit.transforms.parse.logfmt import split_logfmt
from connectkit.transforms.parse.matching import FieldsError, pattern_reader
from connectkit.transforms.parse.moments import Moments, zone_of
from connectkit.transforms.parse.options import PATTERN_FORMATS, ParseOptions
from connectkit.transforms.parse.pairs import declared
from connectkit.transforms.parse.reading import OpenReader, Reader, ResultField
from connectkit.transforms.parse.syslog3164 import syslog3164_reader, syslog_reader
from connectkit.transforms.parse.syslog5424 import syslog5424_reader
from connectkit.transforms.parse.typed import TIMESTAMP_TYPE, TypedName, parse_typed_names, typed_field

_FIXED: dict[str, Callable[[Moments], Reader]] = {
    "common": lambda moments: clf_reader(moments, combined=False),
    "combined": lambda moments: clf_reader(moments, combined=True),
    "syslog": syslog_reader,
    "rfc3164": syslog3164_reader,
    "rfc5424": syslog5424_reader,
}


def reader_problem(config: ParseOptions) -> Mapping[str, str]:
    """What stands in the way of making the reader, by option."""
    try:
        zone_of(config.timezone)
    except ValueError as error:
        return {"timezone": str(error)}
    try:
        Moments("millis").parser(config.timestamp_format)
    except ValueError as error:
        return {"timestamp.format": str(error)}
    try:
        fields = parse_typed_names(config.fields)
        for each in fields:
            typed_field(each, Moments("millis"), config.timestamp_format)
    except ValueError as error:
        return {"fields": str(error)}
    if config.format == "csv":
        if found := _csv_problem(config):
            return found
    elif config.format == "keyvalue" and _same(config.pair_separator, config.key_value_separator):
        return {"key.value.separator": "must be another than pair.separator"}
    try:
        make_reader(config, Moments("millis"))
    except FieldsError as error:
        return {"fields": str(error)}
    except ValueError as error:
        return {"pattern" if config.format in PATTERN_FORMATS else "format": str(error)}
    return {}


def _csv_problem(config: ParseOptions) -> Mapping[str, str]:
    if not config.fields:
        return {"fields": "must name the columns with format=csv"}
    delimiter = _unescaped(config.delimiter)
    if len(config.quote) > 1 or config.quote in ("\r", "\n", delimiter):
        return {"quote": "must be one character, another than the delimiter"}
    try:
        csv.reader((), delimiter=delimiter)
    except (TypeError, ValueError):
        return {"delimiter": "must be one character"}
    return {"delimiter": "must not be a line end"} if delimiter in "\r\n" else {}


def _same(pair_separator: str, key_separator: str) -> bool:
    return _unescaped(key_separator) in _unescaped(pair_separator)


def _unescaped(separator: str) -> str:
    return separator.replace("\\t", "\t")


def moments_for(config: ParseOptions, form: str, now_ms: Callable[[], int]) -> Moments:
    """The timestamps as the configuration wants them."""
    zone: tzinfo = UTC if config.timezone == "UTC" else zone_of(config.timezone)
    return Moments(form, zone=zone, now_ms=now_ms)


def make_reader(config: ParseOptions, moments: Moments) -> Reader | OpenReader:
    """The reader; ``ValueError`` says what is wrong with the pattern or, a ``FieldsError``, the fields."""
    fields = parse_typed_names(config.fields)
    form, empty_is_null = config.timestamp_format, config.empty_is_null
    match config.format:
        case "grok" | "regex":
            return pattern_reader(
                config.patterns(),
                config.definitions(),
                fields,
                moments,
                form,
                grok=config.format == "grok",
                empty_is_null=empty_is_null,
            )
        case "csv":
            return csv_reader(
                fields,
                moments,
                form,
                delimiter=_unescaped(config.delimiter),
                quote=config.quote or None,
                empty_is_null=empty_is_null,
            )
        case "json":
            return json_reader(fields, moments, form, empty_is_null=empty_is_null)
        case "logfmt":
            return declared(split_logfmt, fields, moments, form, empty_is_null=empty_is_null)
        case "keyvalue":
            split = keyvalue_splitter(
                _unescaped(config.pair_separator),
                _unescaped(config.key_value_separator),
                skip_text=config.skip_text,
            )
            return declared(split, fields, moments, form, empty_is_null=empty_is_null)
        case _:
            return _retyped(_FIXED[config.format](moments), fields, moments, form, empty_is_null)


def _retyped(
    reader: Reader, wanted: Sequence[TypedName], moments: Moments, form: str, empty_is_null: bool
) -> Reader:
    """The reader with other types for fields that it gives as text."""
    names = [field.name for field in reader.fields]
    fields = list(reader.fields)
    converts = []
    for each in wanted:
        if each.name not in names:
            raise FieldsError(
                f"has '{shortened(each.name)}', which the format has not{did_you_mean(each.name, names)}"
            )
        place = names.index(each.name)
        if each.type is None or (each.type == TIMESTAMP_TYPE and each.name == TIMESTAMP_TYPE):
            continue
        if fields[place].schema.type.value != "string" or each.name == TIMESTAMP_TYPE:
            raise FieldsError(f"gives a type to '{each.name}', which is no text to begin with")
        schema, convert = typed_field(each, moments, form)
        fields[place] = ResultField(each.name, schema)
        if convert is not None:
            converts.append((place, convert))
    if not converts and not empty_is_null:
        return reader
    read_plain = reader.read

    def read(text: str, reference_ms: int | None) -> Sequence[Any]:
        values = list(read_plain(text, reference_ms))
        if empty_is_null and "" in values:
            values = [None if value == "" else value for value in values]
        for place, convert in converts:
            value = values[place]
            if value is not None:
                values[place] = convert(value, reference_ms) if value else None
        return values

    return Reader(tuple(fields), read)
