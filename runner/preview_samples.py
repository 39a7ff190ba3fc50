"""Where the records of a preview come from: a file of records, a topic, or the connector's own task.

A topic is read without a consumer group, so that nothing is committed, and decoded by the connector's own
converters. A source's task runs with an offset store of its own, which is forgotten afterwards, and is
never told that a record was written. Each generator is used by one thread and must be closed.
"""

from __future__ import annotations

import csv
import json
import threading
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing
from pathlib import Path
from queue import Empty, Queue
from typing import Any

from connectkit.api import SourceTask
from connectkit.errors import ConfigError, ConnectError
from connectkit.headers import Headers
from connectkit.plugin import Registry
from connectkit.record import CREATE_TIME, ConnectRecord, SinkRecord, SourceRecord
from connectkit.runner.build import Plan, make_connector
from connectkit.runner.control import Control
from connectkit.runner.decode import RecordDecoder, where_of
from connectkit.runner.encode import Converters
from connectkit.runner.log.api import Log
from connectkit.runner.log.reading import bounds_of, read_between
from connectkit.runner.offsets import MemoryOffsets, StoredOffsets
from connectkit.runner.preview import Sample
from connectkit.values import infer_schema

MAX_LINE_BYTES = 16 * 1024 * 1024
RECORD_FILES = (".jsonl", ".ndjson", ".json", ".csv")
"""Endings of files that hold records: a JSON value a line, or rows with names in the first."""

_PARTS = frozenset(("topic", "partition", "offset", "timestamp", "key", "value", "headers"))
_QUIET_S = 1.0
_STOP_S = 2.0


# --- files of records


def from_file(path: Path, *, topic: str, is_source: bool) -> Iterator[Sample]:
    """The records of a file: each line a value, or an object with ``value`` and other parts of a record."""
    try:
        if path.suffix == ".csv":
            with path.open(newline="", encoding="utf-8-sig") as rows:
                for row_number, row in enumerate(csv.DictReader(rows), 2):
                    values = {name: value for name, value in row.items() if name is not None}
                    yield Sample(
                        f"{path.name}:{row_number}", _record({"value": values}, topic, row_number, is_source)
                    )
            return
        with path.open("rb") as lines:
            number = 0
            while line := lines.readline(MAX_LINE_BYTES + 1):
                number += 1
                if line.strip():
                    yield _from_line(line, f"{path.name}:{number}", topic, number, is_source)
    except UnicodeDecodeError as exc:
        raise ConfigError(f"{path} is not UTF-8, and a file of records must be.") from exc
    except csv.Error as exc:
        raise ConfigError(
            f"{path} is no CSV that can be read; a CsvSource connector has more options."
        ) from exc
    except OSError as exc:
        raise ConfigError(f"{path} cannot be read: {exc.strerror}.") from exc


def _from_line(line: bytes, place: str, topic: str, number: int, is_source: bool) -> Sample:
    if len(line) > MAX_LINE_BYTES:
        return Sample(place, None, f"The line has more than {MAX_LINE_BYTES} bytes")
    try:
        parsed = json.loads(line)
    except (ValueError, RecursionError):
        return Sample(place, None, "The line is no JSON; a file of records has one JSON value a line")
    return _from_value(parsed, place, topic, number, is_source)


def from_values(values: Iterable[Any], *, topic: str, is_source: bool) -> Iterator[Sample]:
    """Records that were given as JSON: each a value, or an object as a line of a file may hold it."""
    for number, value in enumerate(values, 1):
        yield _from_value(value, f"record {number}", topic, number, is_source)


def _from_value(parsed: Any, place: str, topic: str, number: int, is_source: bool) -> Sample:
    if not (isinstance(parsed, dict) and "value" in parsed and parsed.keys() <= _PARTS):
        parsed = {"value": parsed}
    try:
        return Sample(place, _record(parsed, topic, number, is_source))
    except (AttributeError, ConnectError, TypeError, ValueError):
        return Sample(place, None, "A part of the record is not of its type")


def _record(parts: Mapping[str, Any], topic: str, number: int, is_source: bool) -> ConnectRecord:
    headers = Headers()
    given = parts.get("headers") or []
    for name, value in given.items() if isinstance(given, dict) else given:
        headers.add(str(name), value, infer_schema(value))
    key, value = parts.get("key"), parts["value"]
    timestamp = parts.get("timestamp")
    partition = parts.get("partition")
    if not all(each is None or isinstance(each, int) for each in (timestamp, partition)):
        raise TypeError("timestamp and partition are integers")
    name = parts.get("topic") or topic
    key_schema, value_schema = _text_schema(key), _text_schema(value)
    if is_source:
        return SourceRecord(
            {}, {}, name, value_schema, value, key_schema=key_schema, key=key, kafka_partition=partition,
            timestamp=timestamp, headers=headers,
        )  # fmt: skip
    offset = parts.get("offset", number - 1)
    return SinkRecord(
        name, partition or 0, key_schema, key, value_schema, value, offset, timestamp, CREATE_TIME, headers
    )


def _text_schema(value: Any) -> Any:
    """Objects and lists have no schema; plain values that of their class, as most sources give them."""
    return None if isinstance(value, dict | list) else infer_schema(value)


# --- topics


def from_topic(
    log: Log,
    topic: str,
    converters: Converters,
    *,
    admin_settings: Mapping[str, str],
    consumer_settings: Mapping[str, str],
    count: int,
    wait_s: float,
) -> Iterator[Sample]:
    """The first records of a topic, in the order they are read; the settings are those of clients.

    It ends with ``count`` records, at the end that the topic has now, or when none came for ``wait_s``
    (what is left may be the marks of transactions, which nobody is shown).
    """
    admin = log.admin(admin_settings)
    try:
        begins, ends = bounds_of(admin, topic)
    finally:
        admin.close()
    decoder = RecordDecoder(converters)
    reading = read_between(log, consumer_settings, begins, ends, most=count, quiet_s=wait_s)
    with closing(reading) as batches:
        for messages in batches:
            for message in messages:
                yield _decoded(decoder, message)


def _decoded(decoder: RecordDecoder, message: Any) -> Sample:
    place = where_of(message)
    try:
        (record,) = decoder.decode([message], {})
    except Exception as error:  # noqa: BLE001 - shown in its place, and the next record goes on
        said = str(error) if isinstance(error, ConnectError) else f"it raised {type(error).__name__}"
        return Sample(place, None, f"The converters cannot decode it: {said}")
    return Sample(place, record)


# --- a source's own task


class _Context:
    """What a task may ask for; its end comes with ``control.stop``."""

    def __init__(self, configs: Mapping[str, str], name: str) -> None:
        self.configs = configs
        self.offset_reader = StoredOffsets(MemoryOffsets(), name)
        self.transaction_context = None
        self.control = Control()
        self.is_finished = False

    @property
    def stopping(self) -> bool:
        return self.control.stopping

    def sleep(self, seconds: float) -> bool:
        return self.control.sleep(seconds)

    def finished(self) -> None:
        self.is_finished = True


class _ConnectorContext:
    def request_task_reconfiguration(self) -> None:
        """The tasks of a preview stay as they are."""

    def raise_error(self, error: Exception) -> None:
        """What the connector finds wrong aside, its task finds too."""


_END = object()


def from_source(
    raw: Mapping[str, Any], plan: Plan, registry: Registry, *, count: int, wait_s: float
) -> Iterator[Sample]:
    """The first records that the connector's first task reads.

    It ends with ``count`` records, when the task has nothing more for a second, or after ``wait_s``. Poll
    runs on a thread of its own; one that does not come back is left behind.
    """
    connector = make_connector(raw, registry)
    try:
        connector.initialize(_ConnectorContext())
        connector.start()
        try:
            configs = list(connector.task_configs(1))
        finally:
            connector.stop()
    except ConnectError:
        raise
    except Exception as error:
        raise _foreign(f"Connector {plan.config.name}", error) from error
    if not configs:
        return
    config = {key: value for key, value in configs[0].items() if value is not None}
    cls: Any = plan.found.cls
    task_class = cls.task_class
    context = _Context(config, plan.config.name)
    found: Queue[Any] = Queue(maxsize=4)
    thread = threading.Thread(
        target=_poll,
        args=(task_class(task_class.config_type.parse(config, known=lambda key: True)), context, found),
        name=f"preview-{plan.config.name}",
        daemon=True,
    )
    thread.start()
    number = 0
    until = time.monotonic() + wait_s
    try:
        while number < count:
            left = until - time.monotonic() if number == 0 else min(until - time.monotonic(), _QUIET_S)
            try:
                batch = found.get(timeout=max(left, 0.0))
            except Empty:
                return
            if batch is _END:
                return
            if isinstance(batch, ConnectError):
                raise batch
            if isinstance(batch, BaseException):
                raise _foreign(f"The task of connector {plan.config.name}", batch) from batch
            for record in batch[: count - number]:
                number += 1
                yield Sample(f"record {number}", record)
    finally:
        context.control.stop()
        thread.join(_STOP_S)


def _foreign(who: str, error: BaseException) -> ConnectError:
    """What is said of an exception that is not ours: its class, as its text may quote a value."""
    return ConnectError(f"{who} raised {type(error).__name__}; --debug shows where")


def _poll(task: SourceTask[Any], context: _Context, found: Queue[Any]) -> None:
    """The task's thread: from its start to its stop."""
    try:
        task.initialize(context)
        task.start()
        try:
            while not context.stopping:
                batch = task.poll()
                if batch:
                    _put(found, batch, context)
                elif context.is_finished:
                    break
                else:
                    context.sleep(0.05)
        finally:
            task.stop()
        _put(found, _END, context)
    except BaseException as error:  # noqa: BLE001 - a plugin may raise anything; the reader is told
        _put(found, error, context)


def _put(found: Queue[Any], item: Any, context: _Context) -> None:
    while not context.stopping:
        try:
            found.put(item, timeout=0.1)
        except Exception:  # noqa: BLE001, S112 - full: look again whether anybody still reads
            continue
        return
