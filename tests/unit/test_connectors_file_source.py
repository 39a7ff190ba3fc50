"""FileStreamSource: lines, byte positions, waiting; against the rules of Kafka's own connector."""

from __future__ import annotations

import logging
import os
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connectkit.api import Support
from connectkit.connectors.file_source import BLOCK_BYTES, FileStreamSource, FileStreamSourceConfig
from connectkit.errors import ConfigError, ConnectError, LimitError
from connectkit.plugin import plugins
from connectkit.record import SourceRecord
from connectkit.schema import Schema
from connectkit.testing import SourceHarness, StoredOffsets
from tests.support.sources import drained, polled


def run(path: Path | str, stored: StoredOffsets | None = None, **more: str) -> SourceHarness:
    raw = {"file": str(path), "topic": "t", **{key.replace("_", "."): value for key, value in more.items()}}
    return SourceHarness(FileStreamSource, raw, stored=stored).start()


def lines(records: list[SourceRecord]) -> list[tuple[str, int]]:
    return [(record.value, (record.source_offset or {})["position"]) for record in records]


def connector(**raw: str) -> FileStreamSource:
    return FileStreamSource(FileStreamSourceConfig.parse({"topic": "t", **raw}))


def test_all_names_of_kafka_mean_it() -> None:
    for name in (
        "FileStreamSource",
        "FileStreamSourceConnector",
        "org.apache.kafka.connect.file.FileStreamSourceConnector",
    ):
        assert plugins.find("source", name).cls is FileStreamSource


def test_line_ends_and_positions_in_bytes(tmp_path: Path) -> None:
    file = tmp_path / "f"
    file.write_bytes("a\né\r\n\rb\nrest".encode())
    assert lines(drained(run(file))) == [("a", 2), ("é", 6), ("", 7), ("b", 9)]


def test_a_record_is_as_kafkas(tmp_path: Path) -> None:
    file = tmp_path / "f"
    file.write_text("x\n")
    (record,) = polled(run(file))
    assert (record.topic, record.kafka_partition, record.key, record.key_schema) == ("t", None, None, None)
    assert record.value_schema is Schema.STRING
    assert record.timestamp is not None
    assert record.source_partition == {"filename": str(file)}
    assert record.source_offset == {"position": 2}


def test_a_return_at_the_end_waits_for_what_follows(tmp_path: Path) -> None:
    file = tmp_path / "f"
    file.write_bytes(b"a\nb\r")
    task = run(file)
    assert lines(drained(task)) == [("a", 2)]
    with file.open("ab") as out:
        out.write(b"\nc\r")
    assert lines(drained(task)) == [("b", 5)]
    with file.open("ab") as out:
        out.write(b"d")
    assert lines(drained(task)) == [("c", 7)]


def test_an_unterminated_line_waits(tmp_path: Path) -> None:
    file = tmp_path / "f"
    file.write_bytes(b"half")
    task = run(file)
    assert drained(task) == []
    with file.open("ab") as out:
        out.write(b" and half\n")
    assert lines(drained(task)) == [("half and half", 14)]


def test_a_file_that_is_not_there_is_waited_for_and_told_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    file = tmp_path / "folder" / "f"
    task = run(file)
    with caplog.at_level(logging.WARNING):
        assert [polled(task) for _ in range(3)] == [[], [], []]
    assert task.context.slept_s == [1.0, 1.0, 1.0]
    assert len(caplog.records) == 1
    file.parent.mkdir()
    file.write_text("x\n")
    assert lines(polled(task)) == [("x", 2)]


def test_a_position_behind_the_end_waits_and_is_told_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    file = tmp_path / "f"
    file.write_text("x\n")
    stored = StoredOffsets()
    stored.by_partition[(("filename", str(file)),)] = {"position": 4}
    task = run(file, stored)
    with caplog.at_level(logging.WARNING):
        assert polled(task) == polled(task) == []
    assert [r.message for r in caplog.records if "shorter" in r.message] == [
        r.message for r in caplog.records
    ]
    assert len(caplog.records) == 1
    with file.open("a") as out:
        out.write("y\nz\n")
    assert lines(polled(task)) == [("z", 6)]


@pytest.mark.parametrize("position", ["4", 1.5, True, -1])
def test_a_stored_position_that_is_none(tmp_path: Path, position: Any) -> None:
    file = tmp_path / "f"
    file.write_text("x\n")
    stored = StoredOffsets()
    stored.by_partition[(("filename", str(file)),)] = {"position": position}
    with pytest.raises(ConnectError, match=r"incorrect type|negative"):
        polled(run(file, stored))


def test_batches_and_blocks(tmp_path: Path) -> None:
    file = tmp_path / "f"
    text = "".join(f"line {n}\n" for n in range(BLOCK_BYTES // 4))
    file.write_text(text)
    task = run(file, batch_size="1000")
    assert len(polled(task)) == 1000
    assert len(polled(run(file, batch_size="0"))) == 1  # as Kafka's does
    assert [value for value, _ in lines(drained(task))] == text.splitlines()[1000:]


def test_a_line_longer_than_a_block(tmp_path: Path) -> None:
    file = tmp_path / "f"
    file.write_text("x" * (3 * BLOCK_BYTES) + "\ny\n")
    assert [len(value) for value, _ in lines(drained(run(file)))] == [3 * BLOCK_BYTES, 1]


def test_a_line_that_never_ends(tmp_path: Path) -> None:
    file = tmp_path / "f"
    with file.open("wb") as out:
        out.write(b"a\n")
        out.truncate(20 << 20)
    task = run(file)
    assert lines(polled(task)) == [("a", 2)]
    with pytest.raises(LimitError, match="begins at byte 2 is longer than 16777216 bytes"):
        polled(task)


def test_invalid_utf8_is_replaced(tmp_path: Path) -> None:
    file = tmp_path / "f"
    file.write_bytes(b"a\nb\xff\xe2\nc\n")
    assert lines(drained(run(file))) == [("a", 2), ("b\ufffd\ufffd", 6), ("c", 8)]


def test_a_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConnectError, match="is a directory"):
        polled(run(tmp_path))


def test_a_pipe(tmp_path: Path) -> None:
    path = tmp_path / "pipe"
    os.mkfifo(path)
    task = run(path)
    assert polled(task) == []
    writer = os.open(path, os.O_WRONLY)
    os.write(writer, b"a\nb")
    assert lines(polled(task)) == [("a", 2)]
    assert polled(task) == []
    os.write(writer, b"c\n")
    os.close(writer)
    assert lines(polled(task)) == [("bc", 5)]
    task.stop()


def test_standard_input(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    read, write = os.pipe()
    with os.fdopen(read, "rb") as stdin:
        monkeypatch.setattr("sys.stdin", stdin)
        task = SourceHarness(FileStreamSource, {"file": "", "topic": "t"}).start()
        assert polled(task) == []
        assert not task.context.done
        os.write(write, b"a\n")
        (record,) = polled(task)
        assert (record.value, record.source_partition, record.source_offset) == (
            "a",
            {"filename": None},
            {"position": None},
        )
        os.close(write)
        assert polled(task) == []
        assert task.context.done
        task.stop()
        assert not stdin.closed


def test_configuration() -> None:
    with pytest.raises(ConfigError) as caught:
        FileStreamSourceConfig.parse({"batch.size": "x"})
    assert set(caught.value.problems) == {"topic", "batch.size"}
    # Kafka's own options and no others, so that its validation answers the same
    definition = FileStreamSourceConfig.definition()
    assert [(key.name, key.default_value) for key in definition.keys] == [
        ("file", None),
        ("topic", None),
        ("batch.size", "2000"),
    ]
    assert connector(file="f").task_configs(5) == [{"topic": "t", "file": "f"}]
    assert connector(file="f").exactly_once_support() is Support.SUPPORTED
    assert connector(file="").exactly_once_support() is Support.UNSUPPORTED


def test_offsets_that_an_operator_sets() -> None:
    source = connector(file="f")
    here = (("filename", "f"),)
    assert source.alter_offsets({here: {"position": 0}, (("junk", 1),): None})
    wrong: list[dict[Any, Any]] = [
        {here: {}},
        {here: {"position": "1"}},
        {here: {"position": -1}},
        {here: {"position": True}},
        {(("other", "f"),): {"position": 1}},
    ]
    for offsets in wrong:
        with pytest.raises(ConnectError):
            source.alter_offsets(offsets)
    with pytest.raises(ConnectError):
        connector().alter_offsets({})


def by_javas_rules(text: str) -> list[str]:
    return [line for line, end in re.findall(r"([^\r\n]*)(\r\n|\n|\r(?!\Z))", text) if end]


@settings(max_examples=60)
@given(
    st.lists(st.text("aé\r\n", max_size=8), max_size=8),
    st.integers(1, 4),
    st.sets(st.integers(0, 20)),
)
def test_any_growth_any_stop(
    tmp_path_factory: pytest.TempPathFactory, parts: list[str], batch: int, stops: set[int]
) -> None:
    """However the file grows and whenever the task is restarted, each line comes once."""
    file = tmp_path_factory.mktemp("any") / "f"
    stored = StoredOffsets()
    file.touch()
    task = run(file, stored, batch_size=str(batch))
    found: list[str] = []
    for number, part in enumerate(parts):
        with file.open("a", newline="") as out:
            out.write(part)
        if number in stops:
            for record in polled(task):
                found.append(record.value)
                stored.store([record])
            task.stop()
            task = run(file, stored, batch_size=str(batch))
        else:
            found += [value for value, _ in lines(drained(task))]
    found += [value for value, _ in lines(drained(task))]
    assert found == by_javas_rules("".join(parts))
