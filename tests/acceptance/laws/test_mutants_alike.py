"""Converters, transforms and predicates that take one thing for another: the laws catch every one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

import connectkit
from connectkit import Config, Headers, Predicate, Schema, SchemaAndValue, SinkRecord, SourceRecord, Struct
from connectkit.builder import SchemaBuilder
from connectkit.testing import BrokenLawError, ConverterLaws, PredicateLaws
from connectkit.testing.laws.base import Laws
from tests.acceptance.laws.test_mutants import Sound, converter_laws, transform_laws

# --- converters --------------------------------------------------------------------------------------


def cached_by(name: str, key: Callable[[str, Schema], Any]) -> type[Laws]:
    """A converter that keeps the text of a schema under a key that does not say all of it."""

    class Made(Sound):
        def __init__(self, config: Config, *, is_key: bool = False) -> None:
            super().__init__(config, is_key=is_key)
            self._texts: dict[Any, Any] = {}

        def text(self, topic: str, schema: Schema) -> Any:
            return self._texts.setdefault(key(topic, schema), super().text(topic, schema))

    Made.__name__ = Made.__qualname__ = name
    return converter_laws(Made)


def _fields(schema: Schema) -> list[Any]:
    return [(field.name, field.schema.type) for field in schema.fields]


def _nullable(schema: Schema) -> list[Any]:
    return [(field.name, field.schema.type, field.schema.optional) for field in schema.fields]


class _Schemaless(ConverterLaws):
    with_schema = False
    schemaless = True
    stable_schema = False


@connectkit.converter
def swallows_bad_bytes(value: Any) -> bytes:
    """Any value, as JSON."""
    import json

    return json.dumps(value).encode()


@swallows_bad_bytes.reads
def _(data: bytes) -> Any:
    import json

    try:
        return json.loads(data)
    except ValueError:
        return None


def raw_headers(name: str, change: Callable[[Any], Any]) -> type[Laws]:
    """A converter that does something to the headers that are there, where a schema's id may be added."""

    class Made(Sound):
        def from_connect_data(
            self, topic: str, schema: Schema | None, value: Any, headers: Any = None
        ) -> Any:
            if headers is not None:
                headers[:] = change(headers)
            return super().from_connect_data(topic, schema, value, headers)

    Made.__name__ = Made.__qualname__ = name
    return converter_laws(Made)


class Remembers(swallows_bad_bytes):  # type: ignore[misc, valid-type]  # the decorator made a class
    """Keeps what it has read, and gives it out again."""

    def __init__(self, config: Config, *, is_key: bool = False) -> None:
        super().__init__(config, is_key=is_key)
        self._read: dict[bytes | None, SchemaAndValue] = {}

    def to_connect_data(self, topic: str, data: bytes | None, headers: Any = None) -> SchemaAndValue:
        if data not in self._read:
            self._read[data] = super().to_connect_data(topic, data, headers)
        return self._read[data]


# --- transforms and predicates -----------------------------------------------------------------------


def of_record(name: str, change: Callable[[Any], Any]) -> type[Laws]:
    def apply(record: SourceRecord | SinkRecord) -> Any:
        return change(record)

    apply.__name__ = apply.__qualname__ = name
    return transform_laws(connectkit.transform(apply))


def with_headers(name: str, chosen: Callable[[list[Any]], Any]) -> type[Laws]:
    def change(record: Any) -> Any:
        made = Headers()
        for header in chosen(list(record.headers)):
            made.add(header.key, header.value, header.schema)
        return record.new_record(headers=made)

    return of_record(name, change)


class Adds(connectkit.Transform[Config]):
    """Adds a field to structs; a schema is made once for what ``key`` says of it."""

    def __init__(self, config: Config) -> None:
        super().__init__(config)
        self._made: dict[Any, Schema] = {}

    def key(self, record: Any) -> Any:
        return record.value_schema

    def apply(self, record: Any) -> Any:
        if not isinstance(record.value, Struct) or any(f.name == "added" for f in record.value_schema.fields):
            return record
        schema = self._made.get(self.key(record))
        if schema is None:
            builder = SchemaBuilder.struct().name(record.value_schema.name)
            for field in record.value_schema.fields:
                builder.field(field.name, field.schema)
            schema = self._made[self.key(record)] = builder.field("added", Schema.OPTIONAL_STRING).build()
        value = Struct.of(schema, [*record.value.values, None])
        return record.new_record(value_schema=schema, value=value)


def adding(name: str, key: Callable[[Any], Any]) -> type[Laws]:
    return transform_laws(type(name, (Adds,), {"key": lambda self, record: key(record)}))


class EveryFiftieth(connectkit.Transform[Config]):
    count = 0

    def apply(self, record: Any) -> Any:
        self.count += 1
        return None if self.count % 50 == 0 else record


class SameAsBefore(Predicate[Config]):
    last: Any = None

    def test(self, record: Any) -> bool:
        before, self.last = self.last, repr(record.value)
        return bool(before == self.last)


class KnowsByPlace(Predicate[Config]):
    """Remembers which schemas have an email, by where they are in memory."""

    def __init__(self, config: Config) -> None:
        super().__init__(config)
        self._known: dict[int, bool] = {}

    def test(self, record: Any) -> bool:
        schema = record.value_schema
        has = isinstance(record.value, Struct) and any(field.name == "email" for field in schema.fields)
        return self._known.setdefault(id(schema), has)


_seen: list[Any] = []


def forgets_nothing(record: Any) -> Any:
    """Drops what was there before, in whichever chain."""
    _seen.append(record)
    return None if record in _seen[:-1] else record


class OfPlaces(PredicateLaws):
    predicate = KnowsByPlace


class OfRepeats(PredicateLaws):
    predicate = SameAsBefore


class OfSwallowing(_Schemaless):
    converter = swallows_bad_bytes


class OfRemembering(_Schemaless):
    converter = Remembers


APART, ALONE = "schemas_are_told_apart", "records_do_not_depend_on_each_other"
UNTOUCHED = "input_is_untouched"
KEPT = "other_parts_are_kept"


def sorts_tags(record: Any) -> Any:
    for item in record.value.values() if isinstance(record.value, dict) else ():
        if isinstance(item, list):
            item.sort(key=repr)
    return record


def marks_key(record: Any) -> Any:
    if isinstance(record.key, dict):
        record.key["seen"] = True
    elif isinstance(record.key, Struct):
        record.key.values[:1] = [None]
    return record


SOUND = [transform_laws(Adds), with_headers("copies_headers", list)]
MUTANTS = [
    ("by_topic", cached_by("by_topic", lambda t, s: t), APART),
    ("by_name", cached_by("by_name", lambda t, s: s.name or s), APART),
    ("by_place", cached_by("by_place", lambda t, s: id(s)), APART),
    ("by_field_names", cached_by("by_field_names", lambda t, s: tuple(f.name for f in s.fields)), APART),
    (
        "by_defaults_less",
        cached_by("by_defaults_less", lambda t, s: (s.name, s.optional, *_nullable(s))),
        APART,
    ),
    ("raw_twins_lost", raw_headers("raw_twins_lost", lambda h: list(dict(h).items())), UNTOUCHED),
    ("raw_sorted", raw_headers("raw_sorted", lambda h: sorted(h, key=lambda each: each[0])), UNTOUCHED),
    (
        "raw_nulls_lost",
        raw_headers("raw_nulls_lost", lambda h: [x for x in h if x[1] is not None]),
        UNTOUCHED,
    ),
    ("raw_empty_lost", raw_headers("raw_empty_lost", lambda h: [x for x in h if x[1] != b""]), UNTOUCHED),
    ("sorts_tags", of_record("sorts_tags", sorts_tags), UNTOUCHED),
    ("marks_key", of_record("marks_key", marks_key), UNTOUCHED),
    ("by_field_types", cached_by("by_field_types", lambda t, s: (s.name, *_fields(s))), APART),
    ("by_number", cached_by("by_number", lambda t, s: len(s.fields)), APART),
    ("shares_values", OfRemembering, "values_are_not_shared"),
    ("swallows", OfSwallowing, "bad_bytes_are_not_guessed_at"),
    ("adds_by_name", adding("adds_by_name", lambda r: r.value_schema.name), ALONE),
    ("adds_by_place", adding("adds_by_place", lambda r: id(r.value_schema)), APART),
    ("adds_by_fields", adding("adds_by_fields", lambda r: tuple(_fields(r.value_schema))), APART),
    ("headers_reversed", with_headers("headers_reversed", reversed), KEPT),
    ("headers_once", with_headers("headers_once", lambda hs: {h.key: h for h in hs}.values()), KEPT),
    ("headers_doubled", with_headers("headers_doubled", lambda hs: hs + hs[:1]), KEPT),
    ("key_lost", of_record("key_lost", lambda r: r.new_record(key=None, key_schema=None)), KEPT),
    ("timestamp_lost", of_record("timestamp_lost", lambda r: r.new_record(timestamp=None)), KEPT),
    ("every_fiftieth", transform_laws(EveryFiftieth), ALONE),
    ("knows_by_place", OfPlaces, APART),
    ("forgets_nothing", of_record("forgets_nothing", forgets_nothing), ALONE),
    ("same_as_before", OfRepeats, "answers_do_not_depend_on_each_other"),
]


@pytest.mark.parametrize("laws", SOUND, ids=["adds", "copies_headers"])
def test_a_sound_plugin_keeps_every_law(laws: type[Laws]) -> None:
    for name in laws.laws():
        getattr(laws(), f"test_{name}")()


@pytest.mark.parametrize(("laws", "law"), [m[1:] for m in MUTANTS], ids=[m[0] for m in MUTANTS])
def test_a_mutant_breaks_the_law_that_is_about_its_bug(laws: type[Laws], law: str) -> None:
    with pytest.raises(BrokenLawError, match="breaks a law"):
        getattr(laws(), f"test_{law}")()
