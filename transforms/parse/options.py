"""The options of Parse, and what can be wrong with them short of making the reader."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import ClassVar, Literal

from connectkit.checks import between, non_empty_string
from connectkit.config import HIGH, LOW, MEDIUM, Config, option
from connectkit.edit import OnMissing, on_missing_option
from connectkit.suggest import shortened
from connectkit.transforms.parse.typed import TYPE_NAMES
from connectkit.transforms.paths import path_problems

Format = Literal[
    "grok", "regex", "common", "combined", "syslog", "rfc3164", "rfc5424", "logfmt", "keyvalue", "csv", "json"
]
PATTERN_FORMATS = ("grok", "regex")
MAX_CHARS = 1 << 24
_NUMBERED = re.compile(r"pattern\.([1-9][0-9]{0,3})")
_DEFINED = re.compile(r"[A-Za-z0-9_]{1,100}")
_DEFINE, _PATTERN = "define.", "pattern."


class ParseOptions(Config):
    """Where the text is, what it is like, and where its fields go."""

    prefixes: ClassVar[tuple[str, ...]] = (_DEFINE, _PATTERN)

    format: Format = option(
        doc="What the text is like: grok or regex (see pattern), common or combined (access logs), syslog "
        "(either kind), rfc3164, rfc5424, logfmt, keyvalue, csv or json.",
        importance=HIGH,
    )
    field: str | None = option(
        None,
        doc="The field that holds the text: a path such as log.message, or headers.NAME. Without it, the "
        "whole key or value is the text.",
        check=non_empty_string,
        importance=HIGH,
    )
    pattern: str | None = option(
        None,
        doc="For grok: a pattern such as %{IP:client} %{NUMBER:took:double}. For regex: an expression "
        "(Java's syntax) with named groups. pattern.1, pattern.2 … are tried after it, in their order; "
        "define.NAME defines a grok pattern of one's own.",
        check=non_empty_string,
        importance=HIGH,
        trim=False,
    )
    fields: list[str] = option(
        [],
        doc="Fields and their types, as name:type or name:timestamp:format. For csv: the columns. For "
        "logfmt, keyvalue and json: the fields to take (without it: all, as text). For the others: types "
        f"other than text. Types are {', '.join(TYPE_NAMES)}.",
        importance=HIGH,
    )
    timestamp_format: str = option(
        "ISO8601",
        doc="The format of timestamps that none is given for: ISO8601, CLF, SYSLOG, UNIX, UNIX_MS or a "
        "pattern of SimpleDateFormat.",
        check=non_empty_string,
        importance=MEDIUM,
    )
    timestamp_type: Literal["auto", "timestamp", "millis", "text"] = option(
        "auto",
        doc="What a timestamp becomes: Connect's Timestamp, milliseconds since 1970, or text (ISO 8601, "
        "UTC). auto: Timestamp in records with a schema, milliseconds in others.",
        importance=MEDIUM,
    )
    timezone: str = option(
        "UTC",
        doc="The zone of times that name none, such as Europe/Berlin or +02:00.",
        check=non_empty_string,
        importance=MEDIUM,
    )
    delimiter: str = option(
        ",", doc="For csv: the character between columns; \\t is a tab.", trim=False, importance=LOW
    )
    quote: str = option('"', doc="For csv: the character around columns; empty: none.", importance=LOW)
    pair_separator: str = option(
        " ",
        doc="For keyvalue: what stands between pairs; \\t is a tab.",
        check=non_empty_string,
        trim=False,
        importance=LOW,
    )
    key_value_separator: str = option(
        "=",
        doc="For keyvalue: what stands between key and value; \\t is a tab.",
        check=non_empty_string,
        trim=False,
        importance=LOW,
    )
    skip_text: bool = option(
        False, doc="For keyvalue: pass over what is no pair, in place of refusing it.", importance=LOW
    )
    empty_is_null: bool = option(
        False,
        doc="Whether an empty text becomes null. Where the type is another, it always does.",
        importance=LOW,
    )
    result_to: Literal["merge", "field", "replace"] = option(
        "merge",
        doc="Where the fields go: merge: beside those of the record; field: into result.field; replace: in "
        "place of the whole key or value.",
        importance=HIGH,
    )
    result_field: str | None = option(
        None,
        doc="The field that takes the result, with result.to=field.",
        check=non_empty_string,
        importance=MEDIUM,
    )
    result_schema: Literal["auto", "struct"] = option(
        "auto",
        doc="auto: records without a schema stay without one; struct: where the result takes the place of "
        "the key or value, it is a struct with a schema.",
        importance=MEDIUM,
    )
    result_schema_name: str | None = option(
        None,
        doc="The name of the schema that is made of the result.",
        check=non_empty_string,
        importance=LOW,
    )
    prefix: str = option("", doc="What is put in front of the names of the fields.", importance=MEDIUM)
    on_existing: Literal["overwrite", "keep", "fail"] = option(
        "overwrite",
        doc="What to do where the record has a field of the same name: overwrite it, keep it, or fail.",
        importance=MEDIUM,
    )
    keep_source: bool = option(False, doc="Whether the text stays in the record.", importance=MEDIUM)
    source_name: str | None = option(
        None,
        doc="The field the text stays in where it has none left: because it was the whole key or value, or "
        "the result replaces all. By default the name of its field, else message.",
        check=non_empty_string,
        importance=LOW,
    )
    on_failure: Literal["fail", "keep", "drop", "tag"] = option(
        "fail",
        doc="What to do with a record whose text cannot be parsed: fail; keep: it goes on with its text, the "
        "fields null; drop it; tag: as keep, with the reason in failure.field or failure.header.",
        importance=HIGH,
    )
    failure_field: str | None = option(
        None,
        doc="With on.failure=tag: the field for the reason.",
        check=non_empty_string,
        importance=MEDIUM,
    )
    failure_header: str = option(
        "parse.failure",
        doc="With on.failure=tag and without failure.field: the header for the reason.",
        check=non_empty_string,
        importance=MEDIUM,
    )
    max_chars: int = option(
        65_536,
        doc="The longest text that is parsed; a longer one counts as one that cannot be.",
        check=between(1, MAX_CHARS),
        importance=LOW,
    )
    on_missing: OnMissing | None = on_missing_option("warn")

    def problems(self) -> Mapping[str, str | Sequence[str]]:
        found: dict[str, str | Sequence[str]] = {}
        if self.field is not None:
            found.update(path_problems("field", [self.field]))
        if (self.result_to == "field") != (self.result_field is not None):
            found["result.field"] = "must be given with result.to=field, and only then"
        if self.failure_field is not None and self.on_failure != "tag":
            found["failure.field"] = "has no effect without on.failure=tag"
        if self.format in PATTERN_FORMATS:
            if not self.patterns():
                found["pattern"] = f"is required with format={self.format}"
        elif self.patterns():
            found["pattern"] = "has no effect unless format is grok or regex"
        for key in self.originals:
            if key.startswith(_PATTERN) and _NUMBERED.fullmatch(key) is None:
                found[shortened(key)] = "must end in a number from 1 to 9999"
            elif key.startswith(_DEFINE) and _DEFINED.fullmatch(key[len(_DEFINE) :]) is None:
                found[shortened(key)] = "must end in a name of letters, digits and _"
        return found

    def patterns(self) -> list[str]:
        """All patterns, in the order in which they are tried."""
        numbered: dict[int, str] = {}
        for key, value in self.originals.items():
            if found := _NUMBERED.fullmatch(key):
                numbered[int(found[1])] = str(value)
        first = [] if self.pattern is None else [self.pattern]
        return first + [numbered[number] for number in sorted(numbered)]

    def definitions(self) -> dict[str, str]:
        """The user's own grok patterns by name."""
        return {name: str(text) for name, text in self.with_prefix(_DEFINE).items()}
