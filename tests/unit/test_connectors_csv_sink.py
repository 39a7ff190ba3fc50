"""CsvSink: rows that are whole, durable with a flush, and there once after any kind of end."""

from __future__ import annotations

import csv
import errno
import json
import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connectkit.api import TopicPartition
from connectkit.builder import SchemaBuilder
from connectkit.connectors.csv_sink import CsvSink, path_of
from connectkit.connectors.csv_sink_config import CsvSinkConfig
from connectkit.connectors.csv_source import CsvSource
from connectkit.errors import BatchError, ConfigError, ConnectError, DataError, FatalTaskError
from connectkit.record import SinkRecord
from connectkit.schema import Schema
from connectkit.struct import Struct
from connectkit.testing import Reported, SinkHarness, SourceHarness, sink_record
from tests.support.sources import drained

ROW = SchemaBuilder.struct().field("id", Schema.INT32).field("name", Schema.OPTIONAL_STRING).build()
PLACE = TopicPartition("t", 0)
WIDER = SchemaBuilder.struct().field("id", Schema.INT32).field("size", Schema.OPTIONAL_FLOAT64).build()


def run(path: Path | str, *, reporter: Reported | None = None, **more: str) -> SinkHarness:
    raw = {"file": str(path), **{key.replace("_", "."): value for key, value in more.items()}}
    return SinkHarness(CsvSink, raw, reporter=reporter).start()


def row(number: int, name: str | None = "x", *, topic: str = "t", partition: int = 0) -> SinkRecord:
    return sink_record(Struct.of(ROW, [number, name]), ROW, offset=number, topic=topic, partition=partition)


def wide(number: int) -> SinkRecord:
    return sink_record(Struct.of(WIDER, [number, 0.5]), WIDER, offset=number)


def files(folder: Path) -> dict[str, str]:
    return {
        path.name: path.read_text()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name[0] != "."
    }


def killed(sink: SinkHarness) -> None:
    """What a kill leaves: nothing is closed in order, only descriptors (and with them locks) go."""
    task: Any = sink.task
    for output in task._outputs.values():
        for part in [*output._sealed, output._part]:
            if part is not None:
                os.close(part.fd)
        output._journal.close()
        output._folder.close()
    task._outputs = {}


def test_structs_and_maps(tmp_path: Path) -> None:
    sink = run(tmp_path / "new" / "f.csv")
    sink.put(row(1), row(2, None), row(3, 'a,"b"\n'))
    sink.put(sink_record({"name": "m", "id": True}, offset=4), sink_record({"id": 5}, offset=5))
    sink.stop()
    assert files(tmp_path) == {"f.csv": 'id,name\n1,x\n2,\n3,"a,""b""\n"\ntrue,m\n5,\n'}


def test_options_of_the_text(tmp_path: Path) -> None:
    sink = run(
        tmp_path / "f", columns="name,id,none", delimiter="tab", quoting="nonnumeric", quote="'",
        line_end="crlf", null_text="\\N", encoding="utf-16",
    )  # fmt: skip
    sink.put(row(1, "é"), row(2, None))
    sink.stop()
    assert (tmp_path / "f").read_bytes() == (
        "'name'\t'id'\t'none'\r\n'é'\t1\t'\\N'\r\n'\\N'\t2\t'\\N'\r\n".encode("utf-16")
    )


def test_no_header(tmp_path: Path) -> None:
    sink = run(tmp_path / "f", header="false")
    sink.put(row(1))
    sink.stop()
    again = run(tmp_path / "f", header="false")
    again.put(row(2))
    again.stop()
    assert files(tmp_path) == {"f": "1,x\n2,x\n"}


def test_nothing_is_made_before_the_first_record(tmp_path: Path) -> None:
    sink = run(tmp_path / "new" / "f")
    sink.put()
    sink.stop()
    assert list(tmp_path.iterdir()) == []


def test_a_restart_goes_on_in_the_file(tmp_path: Path) -> None:
    for number in (1, 2, 3):
        sink = run(tmp_path / "f")
        sink.put(row(number))
        sink.stop()
    assert files(tmp_path) == {"f": "id,name\n1,x\n2,x\n3,x\n"}


def test_what_was_not_flushed_is_cut_off(tmp_path: Path) -> None:
    sink = run(tmp_path / "f")
    sink.put(row(1))
    sink.commit()
    sink.put(row(2, "y" * (3 << 20)), row(3))
    killed(sink)
    assert len((tmp_path / "f").read_text()) > 1 << 20
    again = run(tmp_path / "f")  # taking the partition up is enough
    assert files(tmp_path) == {"f": "id,name\n1,x\n"}
    again.put(row(2), row(3))
    again.stop()
    assert files(tmp_path) == {"f": "id,name\n1,x\n2,x\n3,x\n"}


def test_partitions_that_are_lost_take_their_rows_along(tmp_path: Path) -> None:
    sink = run(tmp_path / "f")
    sink.put(row(1))
    sink.commit()
    sink.put(row(2))
    sink.revoke([PLACE], lost=True)  # no flush before
    assert files(tmp_path) == {"f": "id,name\n1,x\n"}
    sink.assign([PLACE])
    sink.put(row(2))
    sink.stop()
    assert files(tmp_path) == {"f": "id,name\n1,x\n2,x\n"}


def test_two_writers_of_one_file(tmp_path: Path) -> None:
    first = run(tmp_path / "f")
    first.put(row(1))
    second = run(tmp_path / "f2")
    second.stop()
    with pytest.raises(ConnectError, match="is locked"):
        run(tmp_path / "f")
    first.stop()
    run(tmp_path / "f").stop()


def test_a_file_of_somebody_else(tmp_path: Path) -> None:
    file = tmp_path / "f"
    file.write_text("name,id\nold,1\n")
    for _ in range(2):
        with pytest.raises(ConnectError, match="was not written by this sink"):
            run(file).put(row(1))
    assert [path.name for path in tmp_path.iterdir()] == ["f"]
    sink = run(file, existing_file="append")
    sink.put(row(2))
    sink.stop()
    assert file.read_text() == "name,id\nold,1\nx,2\n"
    again = run(file, existing_file="append")
    again.put(row(3))
    again.stop()
    assert file.read_text() == "name,id\nold,1\nx,2\nx,3\n"


def test_a_foreign_file_that_ends_in_mid_line(tmp_path: Path) -> None:
    file = tmp_path / "f"
    file.write_text("id,name\n1,x")
    with pytest.raises(ConnectError, match="does not end with a line end"):
        run(file, existing_file="append").put(row(2))
    assert file.read_text() == "id,name\n1,x"


def test_a_foreign_file_is_safe_from_a_kill_while_it_is_taken_over(tmp_path: Path) -> None:
    file = tmp_path / "f"
    file.write_text("id,name\n1,x\n")
    (tmp_path / ".f.journal").touch()  # made, and killed before anything was written to it
    with pytest.raises(ConnectError, match="was not written by this sink"):
        run(file).put(row(2))
    assert file.read_text() == "id,name\n1,x\n"


def test_a_file_that_was_removed_or_cut(tmp_path: Path) -> None:
    file = tmp_path / "f"
    sink = run(file)
    sink.put(row(1), row(2))
    sink.stop()
    file.write_text("id,name\n")
    with pytest.raises(ConnectError, match=r"is 8 bytes long and was 16 .* move it and .*\.f\.journal away"):
        run(file)
    file.unlink()
    again = run(file)
    again.put(row(3))
    again.stop()
    assert files(tmp_path) == {"f": "id,name\n3,x\n"}


@pytest.mark.parametrize(
    "content", [b"{", b"[]", b'{"format": "x"}', b'{"format": "connectkit csv sink 1", "part": -1}']
)
def test_a_damaged_or_foreign_journal_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / ".f.journal").write_bytes(content)
    with pytest.raises(ConnectError, match=r"\.f\.journal is not a journal"):
        run(tmp_path / "f")
    assert (tmp_path / ".f.journal").read_bytes() == content


def test_every_cut_of_a_journal_is_refused_or_read(tmp_path: Path) -> None:
    sink = run(tmp_path / "f")
    sink.put(row(1))
    sink.stop()
    journal = tmp_path / ".f.journal"
    whole = journal.read_bytes()
    for size in range(1, len(whole)):
        journal.write_bytes(whole[:size])
        with pytest.raises(ConnectError, match="is not a journal"):
            run(tmp_path / "f")
    assert files(tmp_path) == {"f": "id,name\n1,x\n"}


# --- records that do not fit


def test_a_put_takes_all_records_or_none(tmp_path: Path) -> None:
    sink = run(tmp_path / "f")
    sink.put(row(1))
    with pytest.raises(BatchError, match=r"Record t-0@3 cannot be written as CSV: its value is neither"):
        sink.put(row(2), sink_record("text", offset=3))
    sink.stop()
    assert files(tmp_path) == {"f": "id,name\n1,x\n"}


def test_a_reporter_gets_what_does_not_fit(tmp_path: Path) -> None:
    reporter = Reported()
    sink = run(tmp_path / "f", reporter=reporter, encoding="latin-1")
    sink.put(row(1), row(2, "€"), wide(3), sink_record(5, offset=4), sink_record({1: 2}, offset=5), row(6))
    sink.stop()
    assert files(tmp_path) == {"f": "id,name\n1,x\n6,x\n"}
    assert [record.kafka_offset for record, _ in reporter.records] == [2, 3, 4, 5]
    told = [str(error) for _, error in reporter.records]
    assert "a character that latin-1 does not have" in told[0]
    assert "(size more and name less); set on.schema.change" in told[1]
    assert not any("€" in message for message in told)


def test_nested_values(tmp_path: Path) -> None:
    schema = (
        SchemaBuilder.struct()
        .field("id", Schema.INT32)
        .field("list", SchemaBuilder.array(Schema.INT32))
        .build()
    )
    record = sink_record(Struct.of(schema, [1, [1, 2]]), schema, offset=7)
    sink = run(tmp_path / "f")
    sink.put(record)
    sink.stop()
    assert files(tmp_path) == {"f": 'id,list\n1,"[1,2]"\n'}
    with pytest.raises(BatchError, match=r"t-0@7 .* at \$\.list: it holds an array") as caught:
        run(tmp_path / "g", nested="fail").put(record)
    refused = caught.value.failures[0]
    assert isinstance(refused, DataError)
    assert refused.path == "$.list"


def test_null_values(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    sink = run(tmp_path / "f")
    sink.put(row(1), sink_record(None, ROW, offset=2), sink_record(None, offset=3), row(4))
    sink.stop()
    assert files(tmp_path) == {"f": "id,name\n1,x\n4,x\n"}
    assert caplog.text.count("without a value") == 1
    with pytest.raises(BatchError, match=r"t-0@2 .* is null"):
        run(tmp_path / "g", on_null_value="fail").put(sink_record(None, offset=2))


def test_a_change_of_schema(tmp_path: Path) -> None:
    with pytest.raises(BatchError, match=r"t-0@2 .*size more and name less"):
        run(tmp_path / "a" / "f").put(row(1), wide(2))
    for change, wanted in [
        ("ignore", {"f.csv": "id,name\n1,x\n2,\n3,x\n"}),
        (
            "new-file",
            {
                "f-000001.csv": "id,name\n1,x\n",
                "f-000002.csv": "id,size\n2,0.5\n",
                "f-000003.csv": "id,name\n3,x\n",
            },
        ),
    ]:
        sink = run(tmp_path / change / "f.csv", on_schema_change=change)
        sink.put(row(1), wide(2), row(3))
        sink.stop()
        assert files(tmp_path / change) == wanted


def test_an_order_of_fields_is_no_change(tmp_path: Path) -> None:
    turned = SchemaBuilder.struct().field("name", Schema.STRING).field("id", Schema.INT64).build()
    sink = run(tmp_path / "f")
    sink.put(row(1), sink_record(Struct.of(turned, ["y", 2]), turned, offset=2))
    sink.stop()
    assert files(tmp_path) == {"f": "id,name\n1,x\n2,y\n"}


def test_maps_with_other_keys(tmp_path: Path) -> None:
    first, other = sink_record({"a": 1}, offset=1), sink_record({"a": 2, "b": 3}, offset=2)
    with pytest.raises(BatchError, match="b more"):
        run(tmp_path / "a" / "f").put(first, other)
    sink = run(tmp_path / "b" / "f", on_schema_change="new-file")
    sink.put(first, other)
    sink.stop()
    assert files(tmp_path / "b") == {"f-000001": "a\n1\n", "f-000002": "a,b\n2,3\n"}


def test_other_columns_than_the_file_has(tmp_path: Path) -> None:
    sink = run(tmp_path / "f", columns="id")
    sink.put(row(1))
    sink.stop()
    with pytest.raises(ConnectError, match="begun with other columns"):
        run(tmp_path / "f", columns="name").put(row(2))


def test_columns_that_no_record_has(tmp_path: Path) -> None:
    with pytest.raises(BatchError, match="none of the fields"):
        run(tmp_path / "f", columns="a,b").put(row(1))


def test_carriage_returns_are_quoted(tmp_path: Path) -> None:
    sink = run(tmp_path / "f")
    sink.put(row(1, "a\rb"), row(2))
    sink.stop()
    assert (tmp_path / "f").read_bytes() == b'id,name\n"1","a\rb"\n2,x\n'
    with pytest.raises(BatchError, match="needs quoting"):
        run(tmp_path / "g", quoting="none").put(row(1, "a\rb"))


# --- parts


def test_parts_by_rows(tmp_path: Path) -> None:
    sink = run(tmp_path / "f.csv", rotate_rows="2")
    sink.put(*(row(n) for n in range(1, 6)))
    assert all(name.endswith(".part") for name in files(tmp_path))
    assert sink.context.commits_requested == 1
    sink.commit()
    assert files(tmp_path) == {
        "f-000001.csv": "id,name\n1,x\n2,x\n",
        "f-000002.csv": "id,name\n3,x\n4,x\n",
        "f-000003.csv.part": "id,name\n5,x\n",
    }
    sink.put(row(6))
    sink.stop()
    assert files(tmp_path)["f-000003.csv"] == "id,name\n5,x\n6,x\n"


def test_parts_by_bytes(tmp_path: Path) -> None:
    sink = run(tmp_path / "f-{seq}.csv", rotate_bytes="20")
    sink.put(*(row(n) for n in range(1, 6)), row(6, "y" * 50), row(7))
    sink.stop()
    assert list(files(tmp_path).values()) == [
        "id,name\n1,x\n2,x\n3,x\n",
        "id,name\n4,x\n5,x\n",
        f"id,name\n6,{'y' * 50}\n",
        "id,name\n7,x\n",
    ]


def test_parts_by_time(tmp_path: Path) -> None:
    clock = [1000.0]
    sink = SinkHarness(CsvSink, {"file": str(tmp_path / "f"), "rotate.interval.ms": "5000"})
    task: Any = sink.task
    task._now = lambda: clock[0]
    sink.start()
    sink.put(row(1))
    assert sink.context.timeouts_ms == [5000]
    clock[0] += 4
    sink.put(row(2))
    assert sink.context.timeouts_ms == [5000, 1000]
    assert sink.context.commits_requested == 0
    clock[0] += 1
    sink.put()
    assert sink.context.commits_requested == 1
    sink.commit()
    assert files(tmp_path) == {"f-000001": "id,name\n1,x\n2,x\n"}
    sink.put(row(3))
    clock[0] -= 1000
    sink.put()
    assert sink.context.timeouts_ms[-1] == 5000
    sink.stop()


def test_parts_after_a_kill(tmp_path: Path) -> None:
    sink = run(tmp_path / "f", rotate_rows="3")
    sink.put(row(1))
    sink.commit()
    sink.put(*(row(n) for n in range(2, 9)))
    killed(sink)
    again = run(tmp_path / "f", rotate_rows="3")
    assert files(tmp_path) == {"f-000001.part": "id,name\n1,x\n"}
    again.put(*(row(n) for n in range(2, 9)))
    again.stop()
    assert files(tmp_path) == {
        "f-000001": "id,name\n1,x\n2,x\n3,x\n",
        "f-000002": "id,name\n4,x\n5,x\n6,x\n",
        "f-000003": "id,name\n7,x\n8,x\n",
    }


def test_numbers_are_not_given_twice(tmp_path: Path) -> None:
    for number in (1, 2):
        sink = run(tmp_path / "f", rotate_rows="1")
        sink.put(row(number))
        sink.stop()
        for path in tmp_path.glob("f-*"):
            path.rename(tmp_path / f"taken {path.name}")  # somebody works them off
    assert set(files(tmp_path)) == {"taken f-000001", "taken f-000002"}


def test_a_part_never_overwrites(tmp_path: Path) -> None:
    sink = run(tmp_path / "f", rotate_rows="1")
    sink.put(row(1))
    (tmp_path / "f-000001").write_text("foreign")
    with pytest.raises(FatalTaskError, match="has appeared and is not overwritten"):
        sink.commit()
    with pytest.raises(FatalTaskError):
        sink.put()
    assert files(tmp_path) == {"f-000001": "foreign"}


def test_parts_of_somebody_else(tmp_path: Path) -> None:
    (tmp_path / "f-000001.part").write_text("foreign")
    with pytest.raises(ConnectError, match="was not written by this sink"):
        run(tmp_path / "f", rotate_rows="1").put(row(1))
    assert files(tmp_path) == {"f-000001.part": "foreign"}


# --- files by topic and partition


def test_a_file_a_topic_and_partition(tmp_path: Path) -> None:
    places = [TopicPartition("t", 0), TopicPartition("t", 1), TopicPartition("u", 0)]
    raw = {"file": str(tmp_path / "{topic}" / "{partition}.csv")}
    sink = SinkHarness(CsvSink, raw, partitions=places).start()
    sink.put(row(1), row(2, partition=1), row(3, topic="u"), row(4))
    sink.commit()
    sink.put(row(5), row(6, topic="u"))
    sink.revoke(places[:1], lost=True)
    sink.stop()
    assert (tmp_path / "t" / "0.csv").read_text() == "id,name\n1,x\n4,x\n"
    assert (tmp_path / "t" / "1.csv").read_text() == "id,name\n2,x\n"
    assert (tmp_path / "u" / "0.csv").read_text() == "id,name\n3,x\n6,x\n"


@pytest.mark.parametrize(
    ("topic", "path"),
    [
        ("a.b-c_1", "x/a.b-c_1"),
        ("../../etc", "x/..%2F..%2Fetc"),
        ("..", "x/%2E%2E"),
        ("é", "x/%C3%A9"),
        ("", "x/"),
    ],
)
def test_no_topic_leads_out_of_the_folder(topic: str, path: str) -> None:
    assert path_of("x/{topic}", topic, 0) == path


def test_tasks_never_meet_in_a_file() -> None:
    def count(file: str) -> int:
        return len(CsvSink(CsvSinkConfig.parse({"file": file})).task_configs(4))

    assert [count(file) for file in ("f", "{topic}", "{partition}", "{topic}-{partition}")] == [1, 1, 1, 4]


def test_configuration() -> None:
    wrong = {
        "file": "{when}/f", "columns": "a,,b", "delimiter": "", "quoting": "some", "line.end": "cr",
        "rotate.rows": "-1", "encoding": "x",
    }  # fmt: skip
    with pytest.raises(ConfigError) as caught:
        CsvSinkConfig.parse(wrong)
    assert set(caught.value.problems) == set(wrong)
    for file in ("f/", "{seq}/f", "{seq}{seq}"):
        with pytest.raises(ConfigError):
            CsvSinkConfig.parse({"file": file})
    for raw, key in [({"quote": ","}, "delimiter"), ({"null.text": "a\nb"}, "null.text")]:
        with pytest.raises(ConfigError) as caught:
            CsvSinkConfig.parse({"file": "f", **raw})
        assert set(caught.value.problems) == {key}


# --- faults


def test_a_full_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sink = run(tmp_path / "f")
    sink.put(row(1))
    sink.commit()
    sink.put(row(2), row(3))
    real = os.write
    left = [5]

    def write(fd: int, data: Any) -> int:
        if not left[0]:
            raise OSError(errno.ENOSPC, "full")
        size, left[0] = left[0], 0
        return real(fd, bytes(data)[:size])

    with monkeypatch.context() as patch:
        patch.setattr("os.write", write)
        with pytest.raises(FatalTaskError, match=r"f cannot be written: no space left on device"):
            sink.commit()
    assert files(tmp_path) == {"f": "id,name\n1,x\n"}
    for act in (sink.commit, sink.put):
        with pytest.raises(FatalTaskError):
            act()
    sink.task.stop()
    again = run(tmp_path / "f")
    again.put(row(2), row(3))
    again.stop()
    assert files(tmp_path) == {"f": "id,name\n1,x\n2,x\n3,x\n"}


def test_what_is_no_ordinary_file(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(ConnectError, match="not an ordinary file"):
        run(tmp_path / "pipe").put(row(1))
    assert [path.name for path in tmp_path.iterdir()] == ["pipe"]


def test_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "f").touch()
    with pytest.raises(ConnectError, match=r"not a directory|file exists"):
        run(tmp_path / "f" / "g").put(row(1))


@settings(max_examples=60)
@given(
    st.lists(
        st.tuples(st.integers(1, 5), st.sampled_from(["flush", "kill", "stop", "go on", "lose"])), max_size=12
    ),
    st.sampled_from([{}, {"rotate.rows": "3"}, {"rotate.bytes": "40"}]),
    st.text('a,"\n\r ', max_size=4),
)
def test_any_ends_lose_and_repeat_nothing(
    tmp_path_factory: pytest.TempPathFactory, steps: list[tuple[int, str]], limits: dict[str, str], name: str
) -> None:
    """Records are put, flushed (which commits them), and the task ends in every way, at any time."""
    folder = tmp_path_factory.mktemp("any")
    raw = {"file": str(folder / "f.csv"), **limits}
    committed = at = 0
    sink = SinkHarness(CsvSink, raw).start()
    for count, what in steps:
        sink.put(*(row(n, name) for n in range(at, at + count)))
        at += count
        if what in {"flush", "stop"}:
            sink.commit()
            committed = at
        if what == "kill":
            killed(sink)
        elif what == "lose":
            sink.revoke([PLACE], lost=True)
        elif what == "stop":
            sink.stop()
        if what in {"kill", "lose", "stop"}:
            at = committed
            sink = SinkHarness(CsvSink, raw).start()
    sink.stop()
    assert not list(folder.glob("*.part"))
    found = []
    for path in sorted(folder.glob("f*.csv")):
        with path.open(newline="") as file:
            found += list(csv.reader(file))[1:]
    assert found == [[str(n), name] for n in range(at)]


values = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=6)


@settings(max_examples=60)
@given(
    st.lists(st.tuples(values, values), min_size=1, max_size=8),
    st.sampled_from(["minimal", "all", "nonnumeric"]),
    st.sampled_from(["lf", "crlf"]),
    st.sampled_from([",", ";", "tab", "|"]),
    st.sampled_from(["utf-8", "utf-8-sig", "utf-16"]),
)
def test_what_is_written_is_read_back(
    tmp_path_factory: pytest.TempPathFactory,
    table: list[tuple[str, str]],
    quoting: str,
    line_end: str,
    delimiter: str,
    encoding: str,
) -> None:
    schema = SchemaBuilder.struct().field("a", Schema.STRING).field("b", Schema.STRING).build()
    path = tmp_path_factory.mktemp("any") / "f"
    sink = run(path, quoting=quoting, line_end=line_end, delimiter=delimiter, encoding=encoding)
    sink.put(*(sink_record(Struct.of(schema, list(each)), schema, offset=n) for n, each in enumerate(table)))
    sink.stop()
    source = SourceHarness(
        CsvSource,
        {
            "file": str(path), "topic": "t", "delimiter": delimiter, "encoding": encoding, "mode": "once",
            "columns": "a:string,b:string", "empty.is.null": "false",
        },
    )  # fmt: skip
    assert [tuple(record.value.values) for record in drained(source.start())] == table


def test_the_journal_says_what_is_safe(tmp_path: Path) -> None:
    sink = run(tmp_path / "f")
    sink.put(row(1))
    sink.commit()
    entry = json.loads((tmp_path / ".f.journal").read_text())
    assert (entry["length"], entry["rows"], entry["columns"]) == (12, 1, ["id", "name"])
    sink.stop()
