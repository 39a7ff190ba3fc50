"""FileStreamSink: one line a record, appended whole, durable at a flush."""

from __future__ import annotations

import errno
import os
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from connectkit.api import TopicPartition
from connectkit.builder import SchemaBuilder
from connectkit.connectors.file_sink import FileStreamSink, FileStreamSinkConfig
from connectkit.errors import ConnectError, FatalTaskError
from connectkit.plugin import plugins
from connectkit.schema import Schema
from connectkit.struct import Struct
from connectkit.testing import SinkHarness, sink_record


def run(path: Path | str) -> SinkHarness:
    return SinkHarness(FileStreamSink, {"file": str(path), "topics": "t"}).start()


def test_all_names_of_kafka_mean_it() -> None:
    for name in (
        "FileStreamSink",
        "FileStreamSinkConnector",
        "org.apache.kafka.connect.file.FileStreamSinkConnector",
    ):
        assert plugins.find("sink", name).cls is FileStreamSink


def test_values_are_written_as_java_writes_them(tmp_path: Path) -> None:
    schema = SchemaBuilder.struct().field("a", Schema.INT32).field("b", Schema.OPTIONAL_STRING).build()
    values: list[Any] = [
        "text", "", None, 1, 1.0, True, Decimal("1.50"), ["a", 1], {"k": None}, Struct.of(schema, [1, None]),
        datetime(1970, 1, 1, tzinfo=UTC),
    ]  # fmt: skip
    sink = run(tmp_path / "f")
    sink.put(*(sink_record(value, offset=i) for i, value in enumerate(values)))
    sink.stop()
    assert (tmp_path / "f").read_text().split("\n") == [
        "text", "", "null", "1", "1.0", "true", "1.50", "[a, 1]", "{k=null}", "Struct{a=1}",
        "Thu Jan 01 00:00:00 UTC 1970", "",
    ]  # fmt: skip


def test_it_appends_and_ends_a_line_that_was_left_open(tmp_path: Path) -> None:
    file = tmp_path / "f"
    file.write_text("old\nto")
    sink = run(file)
    sink.put(sink_record("new"))
    sink.stop()
    assert file.read_text() == "old\nto\nnew\n"


def test_a_lone_surrogate_is_a_question_mark(tmp_path: Path) -> None:
    sink = run(tmp_path / "f")
    sink.put(sink_record("a\udc80"))
    sink.stop()
    assert (tmp_path / "f").read_text() == "a?\n"


def test_a_flush_is_durable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synced: list[int] = []
    monkeypatch.setattr("os.fsync", synced.append)
    sink = run(tmp_path / "f")
    sink.put(sink_record("a"))
    sink.commit()
    assert len(synced) == 1


def test_a_full_disk_fails_the_task_and_leaves_whole_lines(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "f"
    sink = run(file)
    sink.put(sink_record("first"))
    real = os.write
    calls = iter([3])

    def write(fd: int, data: Any) -> int:
        for size in calls:
            return real(fd, bytes(data)[:size])
        raise OSError(errno.ENOSPC, "full")

    monkeypatch.setattr("os.write", write)
    with pytest.raises(FatalTaskError, match=r"f cannot be written: no space left on device"):
        sink.put(sink_record("second", offset=1), sink_record("third", offset=2))
    monkeypatch.undo()
    assert file.read_text() == "first\n"
    with pytest.raises(FatalTaskError):
        sink.commit()  # the offsets must not be committed
    with pytest.raises(FatalTaskError):
        sink.put()


def test_a_device_that_is_always_full() -> None:
    sink = run("/dev/full")
    with pytest.raises(FatalTaskError, match=r"/dev/full cannot be written: no space left on device"):
        sink.put(sink_record("a"))


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(ConnectError, match=r"cannot be opened for appending: no such file"):
        run(tmp_path / "no" / "f")


def test_standard_output(capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    sink = SinkHarness(FileStreamSink, {"topics": "t"}).start()
    sink.put(sink_record("a"))
    sink.stop()
    assert capfdbinary.readouterr().out == b"a\n"


def test_connector() -> None:
    sink = FileStreamSink(FileStreamSinkConfig.parse({"file": "f"}))
    assert sink.task_configs(3) == [{"file": "f"}] * 3
    assert sink.alter_offsets({TopicPartition("t", 0): None})
