"""Transforms in tests: made by name, and applied under the laws that hold for all of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from connectkit.errors import ConfigError, DataError
from connectkit.headers import Headers
from connectkit.plugin import plugins
from connectkit.record import ConnectRecord, SinkRecord
from connectkit.schema import Schema, StructValue
from connectkit.validation import validate_value


def make(name: str, **options: Any) -> Any:
    """The transform of that name; ``field_name="a"`` is the option ``field.name``."""
    return plugins.create("transform", name, {key.replace("_", "."): str(v) for key, v in options.items()})


def problems(name: str, **options: Any) -> Mapping[str, Any]:
    """What is wrong with a configuration, by option."""
    try:
        make(name, **options)
    except ConfigError as error:
        return error.problems
    return {}


def sink(
    value: Any = None, schema: Schema | None = None, *, key: Any = None, key_schema: Schema | None = None,
    topic: str = "t", timestamp: int | None = 5, headers: Headers | None = None,
) -> SinkRecord:  # fmt: skip
    """A record on its way to a sink."""
    return SinkRecord(topic, 3, key_schema, key, schema, value, 7, timestamp, 0, headers)


def frozen(value: Any) -> Any:
    """A picture of a value, classes and order included, which only the same value has."""
    if isinstance(value, StructValue):
        return "struct", value.schema, tuple(frozen(each) for each in value.values)
    if isinstance(value, Mapping):
        return "map", tuple((frozen(key), frozen(each)) for key, each in value.items())
    if isinstance(value, list | tuple):
        return "list", tuple(frozen(each) for each in value)
    return type(value).__name__, repr(value)


def picture(record: ConnectRecord | None) -> Any:
    """A picture of all that a transform may look at or change."""
    if record is None:
        return None
    headers = tuple((each.key, each.schema, frozen(each.value)) for each in record.headers)
    return (
        type(record), record.topic, record.kafka_partition, record.timestamp, headers,
        record.key_schema, frozen(record.key), record.value_schema, frozen(record.value),
    )  # fmt: skip


def run(transform: Any, record: Any, *, checked: bool = True) -> Any:
    """What comes of a record, three times: interpreted, compiled, and compiled again.

    Each time the same, the record untouched, and (``checked``) the schemas true of the values.
    """
    before = picture(record)
    made = [transform.apply(record) for _ in range(3)]
    assert picture(record) == before, "the transform changed the record it was given"
    assert picture(made[0]) == picture(made[1]) == picture(made[2])
    if checked and made[0] is not None:
        agree(made[2])
    return made[2]


def agree(record: Any) -> None:
    """Both schemas fit their values; a struct has the very schema that stands beside it."""
    for schema, value in ((record.key_schema, record.key), (record.value_schema, record.value)):
        if schema is not None and not (value is None and schema.optional):
            validate_value(schema, value, None)
        if schema is not None and isinstance(value, StructValue):
            assert value.schema == schema


def fails(transform: Any, record: Any) -> DataError:
    """The ``DataError`` a record fails with, the same interpreted and compiled.

    The record is untouched.
    """
    before = picture(record)
    told = []
    for _ in range(3):
        try:
            transform.apply(record)
        except DataError as error:
            told.append(error)
    assert picture(record) == before
    assert len(told) == 3, "the record did not fail each time"
    assert len({(type(each), str(each), each.path) for each in told}) == 1
    assert str(told[0])[0].isupper()
    return told[0]
