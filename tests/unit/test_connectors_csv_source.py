"""CsvSource: typed records, exact resumption, and one sentence for whatever is wrong with a file."""

from __future__ import annotations

import csv
import io
import logging
from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connectkit.api import Support
from connectkit.connectors.csv_config import CsvSourceConfig
from connectkit.connectors.csv_source import CsvSource
from connectkit.errors import ConfigError, ConnectError, DataError
from connectkit.record import SourceRecord
from connectkit.schema import Schema
from connectkit.testing import SourceHarness, StoredOffsets
from tests.support.sources import drained, polled


def run(path: Path | str, stored: StoredOffsets | None = None, /, **more: str) -> SourceHarness:
    raw = {"file": str(path), "topic": "t", **{key.replace("_", "."): value for key, value in more.items()}}
    return SourceHarness(CsvSource, raw, stored=stored).start()


def values(records: Sequence[SourceRecord]) -> list[list[Any]]:
    return [record.value.values for record in records]


def types(record: SourceRecord) -> dict[str, str]:
    assert record.value_schema is not None
    return {field.name: field.schema.type.value for field in record.value_schema.fields}


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "f.csv"
    path.write_text("id,name,size,day\n1,a,1.5,2024-01-01\n2,,2,2024-01-02\n")
    return path


def test_a_typed_record(file: Path) -> None:
    records = drained(run(file))
    assert values(records) == [[1, "a", 1.5, date(2024, 1, 1)], [2, None, 2.0, date(2024, 1, 2)]]
    first = records[0]
    assert types(first) == {"id": "int64", "name": "string", "size": "float64", "day": "int32"}
    assert first.source_partition == {"filename": str(file)}
    assert first.source_offset == {
        "position": 36,
        "line": 2,
        "columns": "id:int64,name:string,size:float64,day:date",
    }
    assert (first.key, first.key_schema, first.timestamp) == (None, None, None)


def test_declared_columns_keys_time_and_names(file: Path) -> None:
    (first, _) = drained(
        run(
            file,
            columns="id:int8 not null,day:timestamp",
            key_fields="id,name",
            timestamp_field="day",
            schema_name="row",
            empty_is_null="false",
        )
    )
    assert types(first) == {"id": "int8", "name": "string", "size": "float64", "day": "int64"}
    assert first.key.values == [1, "a"]
    assert first.timestamp == 1704067200000
    assert first.value_schema is not None
    assert first.key_schema is not None
    assert (first.value_schema.name, first.key_schema.name) == ("row", "row_key")
    assert first.value_schema.fields[0].schema is Schema.INT8


def test_empty_fields_and_other_nulls(file: Path) -> None:
    with file.open("a") as out:
        out.write("NA,NA,,\n")
    records = drained(run(file, null_values="NA", empty_is_null="false"))
    assert values(records)[1:] == [[2, "", 2.0, date(2024, 1, 2)], [None, None, None, None]]


@pytest.mark.parametrize("mode", ["tail", "once"])
def test_the_last_line_without_an_end(file: Path, mode: str) -> None:
    with file.open("a") as out:
        out.write("3,c,3,2024-01-03")
    stored = StoredOffsets()
    task = run(file, stored, mode=mode)
    found = values(drained(task))
    assert task.context.done == (mode == "once")
    if mode == "once":
        assert found[-1][:2] == [3, "c"]
        assert values(drained(run(file, stored, mode=mode))) == []
        with file.open("a") as out:
            out.write("\n4,d,4,2024-01-04")
        (last,) = drained(run(file, stored, mode=mode))
        assert last.value.values[0] == 4
        assert last.source_offset is not None
        assert last.source_offset["line"] == 5
    else:
        assert len(found) == 2
        with file.open("a") as out:
            out.write("\n")
        assert values(drained(task))[0][1] == "c"


def test_a_last_line_that_was_sent_and_then_continued(file: Path) -> None:
    file.write_text("a\n1")
    stored = StoredOffsets()
    drained(run(file, stored, mode="once"))
    with file.open("a") as out:
        out.write("2\n")
    with pytest.raises(ConnectError, match=r"no longer has the end of a row at byte 3, behind line 2"):
        polled(run(file, stored, mode="once"))


def test_once_says_when_it_is_done_and_sends_no_more(file: Path) -> None:
    task = run(file, mode="once")
    assert len(drained(task)) == 2
    assert task.context.done
    with file.open("a") as out:
        out.write("3,c,3,2024-01-03\n")
    assert drained(task) == []


def test_the_schema_of_the_first_rows_holds_after_a_restart(file: Path) -> None:
    file.write_text("a,b\n1,x\n")
    stored = StoredOffsets()
    drained(run(file, stored))
    with file.open("a") as out:
        out.write("2.5,y\n")
    # Now the first rows would give float64; the file was begun with int64.
    with pytest.raises(
        DataError, match=r"f\.csv:3 has no int64 in column a, as the first rows have; declare"
    ):
        polled(run(file, stored))
    assert stored.offset({"filename": str(file)}) == {"position": 8, "line": 2, "columns": "a:int64,b:string"}
    (record,) = drained(run(file, stored, columns="a:float64"))
    assert record.value.values == [2.5, "y"]


def test_a_bad_row_stops_behind_the_rows_before_it(file: Path) -> None:
    with file.open("a") as out:
        out.write("3,c,x,2024-01-03\n4,d,4,2024-01-04\n")
    task = run(file, columns="size:float64")
    assert len(polled(task)) == 2
    for _ in range(2):
        with pytest.raises(DataError, match=r"f\.csv:4 has no float64 in column size; correct it"):
            polled(task)


def test_no_message_holds_the_text_of_a_row(file: Path) -> None:
    with file.open("a") as out:
        out.write("canary,c,canary,canary\n")
    task = run(file, columns="id:int64")
    polled(task)
    with pytest.raises(DataError) as caught:
        polled(task)
    assert "canary" not in str(caught.value)


def test_bad_rows_can_be_left_out(file: Path, caplog: pytest.LogCaptureFixture) -> None:
    with file.open("ab") as out:
        out.write(b'3,c,x,y\n4,d\n5,\xff,5,2024-01-05\n6,"f"g,6,2024-01-06\n7,g,7,2024-01-07\n')
    with caplog.at_level(logging.WARNING):
        records = drained(run(file, on_bad_row="skip", columns="size:float64,id:int64,day:date"))
    assert [row[0] for row in values(records)] == [1, 2, 7]
    told = [record.message for record in caplog.records]
    assert [message.partition(" is left out")[0].rpartition(":")[2] for message in told[:4]] == [
        "4",
        "5",
        "6",
        "7",
    ]
    assert "has 2 columns where 4 are expected" in told[1]
    assert "not valid utf-8 at its byte 3" in told[2]


def test_very_many_bad_rows_are_counted_and_not_all_told(
    file: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with file.open("a") as out:
        out.write("x\n" * 1000)
    with caplog.at_level(logging.WARNING):
        assert len(drained(run(file, on_bad_row="skip"))) == 2
    assert len(caplog.records) < 30
    assert "1000 rows left out" in caplog.text


def test_a_null_where_none_may_be(file: Path) -> None:
    task = run(file, columns="name:string not null")
    assert len(polled(task)) == 1
    with pytest.raises(DataError, match=r"f\.csv:3 has nothing in column name"):
        polled(task)


@pytest.mark.parametrize(
    ("content", "more", "problem"),
    [
        ("a,a\n1,2\n", {}, "two columns named a"),
        ("a,b\n1,2\n", {"columns": "aa:string"}, "no column aa.*did you mean 'a'"),
        ("a,b\n1,2\n", {"key.fields": "c"}, "no column c, which key.fields names"),
        ("a,b\n1,2\n", {"timestamp.field": "c"}, "no column c, which timestamp.field names"),
        ("a,b\nx,2\n", {"timestamp.field": "a"}, "is string and cannot be timestamp.field"),
        ("1,2\n", {"header": "false", "columns": "a"}, "has 2 columns and columns declares 1"),
    ],
)
def test_columns_that_do_not_agree(tmp_path: Path, content: str, more: dict[str, str], problem: str) -> None:
    path = tmp_path / "f"
    path.write_text(content)
    with pytest.raises(ConnectError, match=problem):
        polled(run(path, **more))


def test_files_without_a_header(tmp_path: Path) -> None:
    path = tmp_path / "f"
    path.write_text("1,x\n2,y\n")
    assert types(polled(run(path, header="false"))[0]) == {"column1": "int64", "column2": "string"}
    assert types(polled(run(path, header="false", columns="n,t"))[0]) == {"n": "int64", "t": "string"}
    assert values(polled(run(path, header="skip", columns="n,t"))) == [[2, "y"]]


def test_odd_names_in_a_header(tmp_path: Path) -> None:
    path = tmp_path / "f"
    path.write_text('" a b ",,"x,""y"":z"\n1,2,3\n')
    stored = StoredOffsets()
    (record,) = drained(run(path, stored))
    assert list(types(record)) == ["a b", "column2", 'x,"y":z']
    with path.open("a") as out:
        out.write("4,5,6\n")
    assert values(drained(run(path, stored))) == [[4, 5, 6]]


@pytest.mark.parametrize("mode", ["tail", "once"])
def test_a_changed_header_a_cut_file_a_changed_row(file: Path, mode: str) -> None:
    stored = StoredOffsets()
    drained(run(file, stored, mode=mode))
    whole = file.read_text()
    for content, problem in [
        (whole.replace("name", "nam", 1) + " ", "columns of .* are not those"),
        (whole[:-10], "shorter than the position"),
        ("", "shorter than the position"),
        (whole[:-1] + "0,\n", "no longer has the end of a row"),
    ]:
        file.write_text(content)
        with pytest.raises(ConnectError, match=problem):
            polled(run(file, stored, mode=mode))
    file.write_text(whole + "3,c,3,2024-01-03\n")
    assert len(drained(run(file, stored, mode=mode))) == 1


def test_a_file_that_is_cut_while_it_is_read(file: Path) -> None:
    task = run(file)
    drained(task)
    file.write_text("id\n")
    with pytest.raises(ConnectError, match="shorter than the position"):
        polled(task)


def test_an_editor_may_replace_the_file_with_a_longer_one(file: Path) -> None:
    task = run(file)
    drained(task)
    new = file.with_name("new")
    new.write_text(file.read_text() + "3,c,3,2024-01-03\n")
    new.replace(file)
    assert [row[0] for row in values(drained(task))] == [3]


@pytest.mark.parametrize(
    "offset",
    [
        {"position": "1"},
        {"position": -1},
        {"position": 1, "line": 1.5},
        {"columns": 1},
        {"columns": "a:nothing"},
    ],
)
def test_offsets_that_are_none(file: Path, offset: dict[str, Any]) -> None:
    stored = StoredOffsets()
    stored.by_partition[(("filename", str(file)),)] = offset
    with pytest.raises(ConnectError, match="reset this connector's offsets"):
        polled(run(file, stored))


def test_a_file_that_is_not_there(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with pytest.raises(ConnectError, match="is not there; correct file, or set mode=tail"):
        polled(run(tmp_path / "f", mode="once"))
    task = run(tmp_path / "f")
    with caplog.at_level(logging.WARNING):
        assert polled(task) == polled(task) == []
    assert len(caplog.records) == 1
    (tmp_path / "f").write_text("a\n1\n")
    assert values(polled(task)) == [[1]]


def test_empty_files(tmp_path: Path) -> None:
    path = tmp_path / "f"
    path.touch()
    task = run(path, mode="once")
    assert drained(task) == []
    assert task.context.done
    tail = run(path)
    assert drained(tail) == []
    path.write_text("a,b\n")
    assert drained(tail) == []
    path.write_text("a,b\n1,2\n")
    assert values(drained(tail)) == [[1, 2]]


def test_what_is_no_file(tmp_path: Path) -> None:
    import os

    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(ConnectError, match="not an ordinary file"):
        polled(run(tmp_path / "pipe"))


def test_folders_and_patterns(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("b.csv", "a.csv", "c.txt", ".d.csv"):
        (tmp_path / name).write_text(f"n\n{name}\n")
    assert values(drained(run(tmp_path, mode="once"))) == [["a.csv"], ["b.csv"]]
    assert values(drained(run(tmp_path / "*.txt", mode="once"))) == [["c.txt"]]
    monkeypatch.chdir(tmp_path)
    found = drained(run("[ab].csv", mode="once"))
    assert [record.source_partition for record in found] == [{"filename": "a.csv"}, {"filename": "b.csv"}]
    tail = run(tmp_path)
    assert len(drained(tail)) == 2
    (tmp_path / "e.csv").write_text("n\ne\n")
    assert values(drained(tail)) == [["e"]]


def test_tasks_share_the_files(tmp_path: Path) -> None:
    for n in range(12):
        (tmp_path / f"{n}.csv").write_text(f"n\n{n}\n")
    raw = {"file": str(tmp_path), "topic": "t", "mode": "once"}
    runs = [SourceHarness(CsvSource, raw, index=index, tasks_max=3).start() for index in range(3)]
    found = [values(drained(each)) for each in runs]
    assert all(found)
    assert sorted(row for part in found for [row] in part) == list(range(12))
    assert (
        len(CsvSource(CsvSourceConfig.parse({**raw, "file": str(tmp_path / "0.csv")})).task_configs(3)) == 1
    )


def test_a_growing_file_does_not_starve_the_others(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("n\n" + "1\n" * 500)
    (tmp_path / "b.csv").write_text("n\n2\n")
    task = run(tmp_path, batch_size="1")
    for _ in range(300):
        if polled(task)[0].value.values == [2]:
            break
    else:
        pytest.fail("b.csv was never looked at")


def test_configuration() -> None:
    wrong = {
        "file": "", "columns": "a:x", "delimiter": "ab", "encoding": "none", "timezone": "Mars", "mode": "on",
        "infer.rows": "-1",
    }  # fmt: skip
    with pytest.raises(ConfigError) as caught:
        CsvSourceConfig.parse(wrong)
    assert set(caught.value.problems) == {*wrong, "topic"}
    for raw, key in [
        ({"quote": ","}, "delimiter"),
        ({"encoding": "utf-16", "encoding.errors": "replace"}, "encoding.errors"),
    ]:
        with pytest.raises(ConfigError) as caught:
            CsvSourceConfig.parse({"file": "f", "topic": "t", **raw})
        assert set(caught.value.problems) == {key}
    assert CsvSourceConfig.parse({"file": "f", "topic": "t", "delimiter": "\t"}).dialect().delimiter == "\t"
    assert CsvSourceConfig.parse({"file": "f", "topic": "t", "delimiter": "tab"}).dialect().delimiter == "\t"


def test_offsets_that_an_operator_sets() -> None:
    source = CsvSource(CsvSourceConfig.parse({"file": "f", "topic": "t"}))
    here = (("filename", "f"),)
    assert source.exactly_once_support() is Support.SUPPORTED
    assert source.alter_offsets({here: {"position": 5, "line": 2, "columns": "a:int64"}, (("x", 1),): None})
    wrong: list[tuple[Any, Any]] = [
        (here, {}),
        (here, {"position": -1}),
        (here, {"position": 1, "columns": "a:x"}),
        ((("filename", None),), {"position": 1}),
    ]
    for partition, offset in wrong:
        with pytest.raises(ConnectError):
            source.alter_offsets({partition: offset})


cells = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=5)


@settings(max_examples=80)
@given(
    st.lists(st.tuples(cells, cells), min_size=1, max_size=12),
    st.sampled_from(["\n", "\r\n"]),
    st.lists(st.integers(0, 300), max_size=4),
    st.integers(1, 5),
    st.data(),
)
def test_any_rows_any_growth_any_stop_loses_and_repeats_nothing(
    tmp_path_factory: pytest.TempPathFactory,
    table: list[tuple[str, str]],
    end: str,
    cuts: list[int],
    batch: int,
    data: st.DataObject,
) -> None:
    """The file grows in any pieces, the task stops after any record and starts again."""
    path = tmp_path_factory.mktemp("any") / "f.csv"
    text = io.StringIO(newline="")
    writer = csv.writer(text, quoting=csv.QUOTE_ALL, lineterminator=end)
    writer.writerows([("a", "b"), *table])
    whole = text.getvalue().encode()
    stored = StoredOffsets()
    more = {"batch_size": str(batch), "columns": "a:string,b:string", "empty_is_null": "false"}
    found: list[list[Any]] = []
    done = 0
    path.touch()
    for cut in [*sorted(set(cuts)), len(whole)]:
        with path.open("ab") as out:
            out.write(whole[done:cut])
        done = max(done, cut)
        task = run(path, stored, **more)
        while batch_found := polled(task):
            kept = data.draw(st.integers(0, len(batch_found)))
            for record in batch_found[:kept]:
                found.append(record.value.values)
                stored.store([record])
            if kept < len(batch_found):
                break  # stopped here: the rest was polled and never acknowledged
        task.stop()
    last = run(path, stored, **more)
    found += values(drained(last))
    assert found == [list(row) for row in table]
