"""Records as rows of CSV files, whole and durable with every commit of their offsets.

Delivery is at least once, and nearly always exactly once: what a file holds behind the last flush is cut
off when a task starts or gives a partition up, so a record is there twice only if the worker died after
a flush and before the commit of its offsets (:mod:`connectkit.connectors.csv_output`).
"""

from __future__ import annotations

import csv
import logging
import re
import time
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from functools import partial
from io import StringIO
from typing import Any, ClassVar

from connectkit.api import SinkConnector, SinkTask, TopicPartition
from connectkit.connectors.csv_output import Output
from connectkit.connectors.csv_rows import Dialect, RowParser
from connectkit.connectors.csv_shape import Shaper
from connectkit.connectors.csv_sink_config import CsvSinkConfig
from connectkit.connectors.folder import reason
from connectkit.errors import BatchError, ConnectError, DataError, FatalTaskError
from connectkit.record import SinkRecord

log = logging.getLogger(__name__)

_UNSAFE = re.compile(r"[^A-Za-z0-9._-]")
_FAULTS = (DataError, csv.Error, UnicodeEncodeError, TypeError, ValueError)


def path_of(pattern: str, topic: str | None, partition: int | None) -> str:
    """The file for a topic and partition; no topic's name can lead out of the folder."""
    if "{" not in pattern:
        return pattern
    name = _UNSAFE.sub(lambda found: "".join(f"%{byte:02X}" for byte in found[0].encode()), topic or "")
    if not name.strip("."):
        name = name.replace(".", "%2E")
    return pattern.replace("{topic}", name).replace(
        "{partition}", str(partition if partition is not None else 0)
    )


class _Planned:
    """Rows that are formatted and not yet taken over: ``put`` takes all of its records or none."""

    __slots__ = ("columns", "data", "output", "rows")

    def __init__(self, output: Output, columns: list[str], rows: list[Sequence[Any]], data: bytes) -> None:
        self.output, self.columns, self.rows, self.data = output, columns, rows, data


class CsvSinkTask(SinkTask[CsvSinkConfig]):
    """Writes to one output for each file that the path means."""

    def __init__(self, config: CsvSinkConfig, *, now: Callable[[], float] = time.time) -> None:
        super().__init__(config)
        self._now = now
        self._pattern = config.pattern()
        self._outputs: dict[str, Output] = {}
        self._owners: dict[str, set[TopicPartition]] = {}
        self._paths: dict[tuple[str | None, int | None], str] = {}
        self._failed: ConnectError | None = None
        self._refused: dict[int, DataError] = {}
        self._skipped_nulls = 0
        self._bom = "".encode(config.encoding)
        self._codec = Dialect(encoding=config.encoding).codec(self._bom)[0]
        self._csv = config.writer_options()
        self._shaper = Shaper(config)

    def start(self) -> None:
        """Nothing yet: files are opened with the partitions, and made with the first record."""

    def open(self, partitions: Collection[TopicPartition]) -> None:
        for place in partitions:
            path = path_of(self._pattern, place.topic, place.partition)
            self._owners.setdefault(path, set()).add(place)
            if path not in self._outputs:
                output = Output(path, adopt=self.config.existing_file == "append")
                if self._guarded(path, partial(output.open, only_if_known=True)):
                    self._outputs[path] = output

    # --- taking records

    def put(self, records: list[SinkRecord]) -> None:
        if self._failed is not None:
            raise self._failed
        now_ms = int(self._now() * 1000)
        planned: list[_Planned] = []
        columns_after: dict[str, list[str]] = {}
        for path, run in self._runs(records):
            self._plan(path, run, planned, columns_after)
        if self._refused:
            self._tell_refused(records)
        for plan in planned:
            self._guarded(plan.output.path, partial(self._take, plan, now_ms))
        self._rotate_by_time(now_ms)
        if any(output.has_sealed for output in self._outputs.values()):
            self.context.request_commit()

    def _runs(self, records: list[SinkRecord]) -> Iterable[tuple[str, list[SinkRecord]]]:
        """Neighbours with one file and one schema, together."""
        run: list[SinkRecord] = []
        before: Any = None
        path = ""
        for record in records:
            if record.value is None:
                self._skip_null(record)
                continue
            shape = record.value_schema or getattr(record.value, "schema", None)
            mark = (record.topic, record.kafka_partition, id(shape), type(record.value))
            if mark != before:
                if run:
                    yield path, run
                run, before, path = [], mark, self._path(record)
            run.append(record)
        if run:
            yield path, run

    def _skip_null(self, record: SinkRecord) -> None:
        if self.config.on_null_value == "fail":
            self._refuse(record, DataError("its value is null; set on.null.value=skip to leave such out"))
            return
        if not self._skipped_nulls:
            log.warning(
                "Records without a value have no row and are left out; the first is %s", _place(record)
            )
        self._skipped_nulls += 1

    def _path(self, record: SinkRecord) -> str:
        key = (record.topic, record.kafka_partition)
        path = self._paths.get(key)
        if path is None:
            path = self._paths[key] = path_of(self._pattern, *key)
        origin = TopicPartition(record.original_topic or "", record.original_kafka_partition or 0)
        self._owners.setdefault(path, set()).add(origin)
        return path

    def _output(self, path: str) -> Output:
        output = self._outputs.get(path)
        if output is None:
            output = Output(path, adopt=self.config.existing_file == "append")
            self._guarded(path, output.open)
            self._outputs[path] = output
        return output

    def _plan(
        self, path: str, run: list[SinkRecord], planned: list[_Planned], columns_after: dict[str, list[str]]
    ) -> None:
        output = self._output(path)
        columns = columns_after.get(path) or output.columns or self._columns_on_disk(output)
        try:
            shape = self._shaper.shape(run[0], columns)
            rows = shape.rows([record.value for record in run])
            plan = _Planned(output, shape.columns, rows, self._format(rows))
        except _FAULTS as error:
            if len(run) == 1:
                self._refuse(run[0], error)
            else:
                # One of them cannot be written: find it by halves, in order.
                middle = len(run) // 2
                self._plan(path, run[:middle], planned, columns_after)
                self._plan(path, run[middle:], planned, columns_after)
            return
        columns_after[path] = shape.columns
        planned.append(plan)

    def _columns_on_disk(self, output: Output) -> list[str]:
        """The header of a file that was taken over and has no journal with its columns yet."""
        if output.is_fresh or not self.config.header:
            return []
        options = self._csv
        dialect = Dialect(
            delimiter=options["delimiter"],
            quote=options["quotechar"],
            escape=options["escapechar"],
            encoding=self.config.encoding,
        )
        head = output.head(dialect.max_row_bytes)
        codec, start = dialect.codec(head)
        found = RowParser(dialect, codec, position=start).feed(head[start:])
        return list(found.rows[0]) if len(found) else []

    def _refuse(self, record: SinkRecord, error: Exception) -> None:
        told = str(error) if isinstance(error, DataError) else _in_words(error, self.config.encoding)
        path = error.path if isinstance(error, DataError) else None
        where = f" at {path}" if path else ""
        refused = DataError(f"Record {_place(record)} cannot be written as CSV{where}: {told}", path=path)
        reporter = self.context.errant_record_reporter
        refused.__cause__ = error
        if reporter is None:
            self._refused[id(record)] = refused
        else:
            reporter.report(record, refused)

    def _tell_refused(self, records: Sequence[SinkRecord]) -> None:
        """Nothing is written yet: the worker decides what becomes of these, and puts the others again."""
        refused, self._refused = self._refused, {}
        first = next(iter(refused.values()))
        failures = {
            number: refused[id(record)] for number, record in enumerate(records) if id(record) in refused
        }
        raise BatchError(str(first), failures, written=False) from first

    def _format(self, rows: Sequence[Sequence[Any]]) -> bytes:
        text = StringIO(newline="")
        csv.writer(text, **self._csv).writerows(rows)
        found = text.getvalue()
        if "\r" in found and self._csv["lineterminator"] == "\n":
            found = self._format_returns(rows)
        return found.encode(self._codec)

    def _format_returns(self, rows: Sequence[Sequence[Any]]) -> str:
        """Rows of which some hold carriage returns: Python's writer quotes those only from 3.13 on."""
        if self._csv["quoting"] == csv.QUOTE_NONE:
            raise csv.Error("a carriage return needs quotes")
        text = StringIO(newline="")
        plain = csv.writer(text, **self._csv)
        quoted = csv.writer(text, **{**self._csv, "quoting": csv.QUOTE_ALL})
        for row in rows:
            returns = any(isinstance(value, str) and "\r" in value for value in row)
            (quoted if returns else plain).writerow(row)
        return text.getvalue()

    def _full(self, output: Output) -> bool:
        rows, size = self.config.rotate_rows, self.config.rotate_bytes
        return bool(rows and output.rows >= rows) or bool(size and output.rows and output.size >= size)

    def _take(self, plan: _Planned, now_ms: int) -> None:
        """Add rows to the output, and begin a new part wherever one is full."""
        output, config = plan.output, self.config
        if output.columns and output.columns != plan.columns:
            output.seal()
        waiting = [(plan.rows, plan.data)]
        while waiting:
            rows, data = waiting.pop()
            if self._full(output):
                output.seal()
            if output.is_fresh:
                output.begin(plan.columns)
                output.append(self._bom + (self._format([plan.columns]) if config.header else b""), 0, now_ms)
            elif not output.columns:
                output.begin(plan.columns)
            fits = len(rows)
            if config.rotate_rows:
                fits = min(fits, config.rotate_rows - output.rows)
            if config.rotate_bytes and output.size + len(data) > config.rotate_bytes:
                # By halves to the row that no longer fits; a row that fits no part has one of its own.
                fits = min(fits, len(rows) // 2 if len(rows) > 1 else 1 - min(output.rows, 1))
            if fits == len(rows):
                output.append(data, fits, now_ms)
            elif fits:
                waiting.append((rows[fits:], self._format(rows[fits:])))
                waiting.append((rows[:fits], self._format(rows[:fits])))
            else:
                output.seal()
                waiting.append((rows, data))
        if self._full(output):
            output.seal()

    # --- time, durability, the end

    def _rotate_by_time(self, now_ms: int) -> None:
        interval_ms = self.config.rotate_interval_ms
        if not interval_ms:
            return
        waits = []
        for output in self._outputs.values():
            began_ms = output.began_ms
            if began_ms is None:
                continue
            # A clock that was set back must not keep a part open for ever.
            left_ms = interval_ms if began_ms > now_ms else began_ms + interval_ms - now_ms
            if left_ms <= 0:
                output.seal()
            else:
                waits.append(left_ms)
        if waits:
            self.context.timeout(min(waits))

    def flush(self, offsets: Mapping[TopicPartition, int]) -> None:
        if self._failed is not None:
            raise self._failed
        for path, output in self._outputs.items():
            self._guarded(path, output.flush)

    def _guarded(self, path: str, act: Callable[[], Any]) -> Any:
        """Do it; a fault of the system fails the task for good, and takes back what is not durable."""
        try:
            return act()
        except OSError as error:
            self._failed = FatalTaskError(
                f"{path} cannot be written: {reason(error)}; what was committed is safe, so put that "
                "right and restart the task."
            )
            self._failed.__cause__ = error
        except ConnectError as error:
            self._failed = error
        for output in self._outputs.values():
            output.discard()
        raise self._failed

    def close(self, partitions: Collection[TopicPartition]) -> None:
        gone = set(partitions)
        for path in list(self._owners):
            self._owners[path] -= gone
            if not self._owners[path]:
                del self._owners[path]
                output = self._outputs.pop(path, None)
                if output is not None:
                    self._close(output)

    def stop(self) -> None:
        for output in self._outputs.values():
            self._close(output)
        self._outputs = {}

    def _close(self, output: Output) -> None:
        try:
            output.close()
        except OSError as error:
            log.warning("%s could not be closed: %s", output.path, reason(error))
        except ConnectError as error:
            log.warning("%s could not be closed: %s", output.path, error)


def _place(record: SinkRecord) -> str:
    return f"{record.original_topic}-{record.original_kafka_partition}@{record.original_kafka_offset}"


def _in_words(error: Exception, encoding: str) -> str:
    """A sentence without the value, which the errors of codecs and of the csv module may hold."""
    if isinstance(error, UnicodeEncodeError):
        return f"it has a character that {encoding} does not have; set encoding=utf-8"
    if isinstance(error, csv.Error):
        return "a field needs quoting or an escape; set quoting=minimal, or escape"
    return "it holds a value that is not of its schema's type"


class CsvSink(SinkConnector[CsvSinkConfig]):
    """Write the records of topics to CSV files."""

    java_names: ClassVar[tuple[str, ...]] = ()
    task_class = CsvSinkTask

    def task_configs(self, max_tasks: int) -> Sequence[Mapping[str, str]]:
        """As many as may work without meeting in one file."""
        pattern = self.config.file
        count = max_tasks if "{topic}" in pattern and "{partition}" in pattern else 1
        return [dict(self.config.originals) for _ in range(count)]

    def alter_offsets(self, offsets: Mapping[TopicPartition, int | None]) -> bool:
        return True
