"""Offsets kept with the data: nothing twice, nothing lost, and zombies kept out; in SQL and in files."""

from __future__ import annotations

import json
import re
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from connectkit.api import TopicPartition
from connectkit.errors import ConfigError, FatalTaskError, FencedError
from connectkit.exactly_once import SqlOffsets
from connectkit.exactly_once_files import COMMITS, FileOffsets, committed_files
from connectkit.record import SinkRecord

A, B = TopicPartition("t", 0), TopicPartition("t", 1)
OPENED: list[sqlite3.Connection] = []
STYLES = ("qmark", "numeric", "named", "format", "pyformat")


def records(*offsets: int, partition: int = 0, topic: str = "t") -> list[SinkRecord]:
    return [SinkRecord(topic, partition, None, None, None, offset, offset) for offset in offsets]


class Styled:
    """A cursor that speaks another parameter style than SQLite does."""

    def __init__(self, cursor: sqlite3.Cursor, style: str) -> None:
        self._cursor = cursor
        self._style = style

    def __getattr__(self, name: str) -> Any:
        return getattr(self._cursor, name)

    def execute(self, text: str, parameters: Any = ()) -> Any:
        values = parameters
        if self._style == "format":
            assert "?" not in text
            text = text.replace("%s", "?")
        elif self._style == "pyformat":
            text = re.sub(r"%\((\w+)\)s", r":\1", text)
        if values:
            assert isinstance(values, dict) == (self._style in ("named", "pyformat"))
        if self._style == "numeric":  # not by SQLite's ?1, which not every version takes from a sequence
            text = re.sub(r":(\d+)", r":n\1", text)
            values = {f"n{number}": value for number, value in enumerate(values, 1)}
        return self._cursor.execute(text, values)


class StyledConnection:
    """A connection to SQLite with another style, and a commit that a test may break."""

    def __init__(self, path: Path, style: str) -> None:
        self._connection = sqlite3.connect(path, timeout=10)
        OPENED.append(self._connection)
        self._style = style
        self.commit_error: Exception | None = None
        self.commits_though_it_fails = False

    def cursor(self) -> Any:
        return Styled(self._connection.cursor(), self._style)

    def commit(self) -> None:
        error, self.commit_error = self.commit_error, None
        if error is None or self.commits_though_it_fails:
            self._connection.commit()
        if error is not None:
            raise error

    def rollback(self) -> None:
        self._connection.rollback()

    def close(self) -> None:
        self._connection.close()


class Sink:
    """One task of a sink with its own connection."""

    def __init__(self, path: Path, style: str = "qmark", name: str = "s") -> None:
        self.db = StyledConnection(path, style)
        self.offsets = SqlOffsets(self.db, name, paramstyle=style)
        self.offsets.create()
        self.cursor = self.db._connection.cursor()
        self.cursor.execute("CREATE TABLE IF NOT EXISTS data (topic TEXT, part INT, at INT)")
        self.db._connection.commit()

    def put(self, batch: list[SinkRecord]) -> int:
        with self.offsets.transaction(batch) as fresh:
            self.cursor.executemany(
                "INSERT INTO data VALUES (?, ?, ?)",
                [(r.topic, r.kafka_partition, r.kafka_offset) for r in fresh],
            )
        return len(fresh)

    @property
    def rows(self) -> list[tuple[int, int]]:
        return list(self.cursor.execute("SELECT part, at FROM data ORDER BY part, at"))


@pytest.fixture(params=STYLES)
def path(tmp_path: Path, request: pytest.FixtureRequest) -> tuple[Path, str]:
    return tmp_path / "db", request.param


@pytest.fixture(autouse=True)
def closed() -> Iterator[None]:
    yield
    while OPENED:
        OPENED.pop().close()


def test_a_sink_goes_on_where_the_data_end(path: tuple[Path, str]) -> None:
    first = Sink(*path)
    assert first.offsets.open([A, B]) == {}
    assert first.put(records(0, 1) + records(5, partition=1)) == 3
    again = Sink(*path)
    assert again.offsets.open([A, B]) == {A: 2, B: 6}
    assert again.put(records(2)) == 1
    assert again.rows == [(0, 0), (0, 1), (0, 2), (1, 5)]


def test_what_is_written_is_not_written_again(path: tuple[Path, str]) -> None:
    sink = Sink(*path)
    sink.offsets.open([A])
    sink.put(records(0, 1, 2))
    assert sink.put(records(0, 1, 2)) == 0
    assert sink.put(records(1, 2, 3)) == 1
    assert sink.rows == [(0, n) for n in range(4)]


def test_a_zombie_writes_nothing(path: tuple[Path, str]) -> None:
    zombie, newer = Sink(*path), Sink(*path)
    zombie.offsets.open([A, B])
    zombie.put(records(0))
    newer.offsets.open([A])
    with pytest.raises(FencedError, match="newer task of sink s"):
        zombie.put(records(1, partition=1) + records(1))
    assert newer.rows == [(0, 0)]
    assert newer.put(records(1)) == 1
    zombie.put(records(2, partition=1))  # this one is still its own


def test_a_failing_body_leaves_nothing(path: tuple[Path, str]) -> None:
    sink = Sink(*path)
    sink.offsets.open([A])
    with pytest.raises(KeyError), sink.offsets.transaction(records(0)) as fresh:
        sink.cursor.execute("INSERT INTO data VALUES ('t', 0, 0)")
        assert len(fresh) == 1
        raise KeyError("broken")
    assert sink.rows == []
    assert sink.put(records(0)) == 1


@pytest.mark.parametrize("made", [False, True], ids=["not committed", "committed"])
def test_a_commit_without_an_answer_is_looked_up(path: tuple[Path, str], made: bool) -> None:
    sink = Sink(*path)
    sink.offsets.open([A])
    sink.put(records(0))
    sink.db.commit_error, sink.db.commits_though_it_fails = OSError("no answer"), made
    with pytest.raises(OSError, match="no answer"):
        sink.put(records(1, 2))
    assert sink.put(records(1, 2)) == (0 if made else 2)
    assert sink.rows == [(0, 0), (0, 1), (0, 2)]


def test_a_commit_without_an_answer_and_a_newer_owner(path: tuple[Path, str]) -> None:
    sink = Sink(*path)
    sink.offsets.open([A])
    sink.db.commit_error = OSError("no answer")
    with pytest.raises(OSError, match="no answer"):
        sink.put(records(0))
    Sink(*path).offsets.open([A])
    with pytest.raises(FencedError):
        sink.put(records(0))


def test_sinks_and_topics_do_not_meet(path: tuple[Path, str]) -> None:
    first, second = Sink(*path), Sink(*path, name="other")
    first.offsets.open([A])
    first.put(records(0))
    assert second.offsets.open([A, TopicPartition("u", 0)]) == {}
    second.put(records(0) + records(7, topic="u"))
    assert first.put(records(1)) == 1


def test_offsets_can_be_altered(path: tuple[Path, str]) -> None:
    sink = Sink(*path)
    sink.offsets.open([A])
    sink.put(records(0, 1))
    sink.offsets.alter({A: 1, B: 40})
    with pytest.raises(FencedError):  # what still runs does not go on beside it
        sink.put(records(2))
    assert sink.offsets.open([A, B]) == {A: 1, B: 40}
    sink.offsets.alter({A: None})
    assert sink.offsets.open([A, B]) == {B: 40}


def test_a_topic_that_began_anew_is_not_skipped_silently(tmp_path: Path) -> None:
    sink = Sink(tmp_path / "db")
    sink.offsets.open([A])
    sink.put(records(0, 1, 2))
    again = Sink(tmp_path / "db")
    assert again.offsets.open([A]) == {A: 3}
    with pytest.raises(FatalTaskError, match="deleted and created again"):
        again.put(records(0))


def test_misuse_is_told(tmp_path: Path) -> None:
    sink = Sink(tmp_path / "db")
    with pytest.raises(FatalTaskError, match="call open"):
        sink.put(records(0))
    sink.offsets.open([A])
    sink.offsets.close([A])
    with pytest.raises(FatalTaskError, match="call open"):
        sink.put(records(0))
    db = sqlite3.connect(tmp_path / "db")
    own = sqlite3.connect(tmp_path / "db", isolation_level=None)
    OPENED.extend([db, own])
    with pytest.raises(ConfigError, match="not plain"):
        SqlOffsets(db, "s", table="x; DROP TABLE data")
    with pytest.raises(ConfigError, match="paramstyle"):
        SqlOffsets(db, "s", paramstyle="dollar")
    with pytest.raises(ConfigError, match="autocommit"):
        SqlOffsets(own, "s")
    SqlOffsets(db, "s", table="other.offsets")  # SQLite's module says its style
    with pytest.raises(ConfigError, match="does not say its paramstyle"):
        SqlOffsets(sink.db, "s")


# --- files -----------------------------------------------------------------------------------------


def lines(batch: list[SinkRecord]) -> bytes:
    return b"".join(b"%d\n" % record.value for record in batch)


def written(folder: Path, partition: int = 0) -> list[int]:
    paths = committed_files(folder, "t", partition)
    return [int(line) for path in paths for line in path.read_bytes().split()]


def test_files_go_on_where_the_commits_end(tmp_path: Path) -> None:
    first = FileOffsets(tmp_path, suffix=".txt")
    assert first.open([A, B]) == {}
    first.write(records(0, 1) + records(5, partition=1), lines)
    first.write(records(0, 1, 2), lines)
    again = FileOffsets(tmp_path, suffix=".txt")
    assert again.open([A, B]) == {A: 3, B: 6}
    again.write(records(3), lines)
    assert written(tmp_path) == [0, 1, 2, 3]
    assert written(tmp_path, 1) == [5]
    assert all(path.suffix == ".txt" for path in committed_files(tmp_path, "t", 0))
    again.close([A])
    with pytest.raises(FatalTaskError):
        again.write(records(4), lines)


def test_a_zombie_commits_no_file(tmp_path: Path) -> None:
    zombie, newer = FileOffsets(tmp_path), FileOffsets(tmp_path)
    zombie.open([A])
    zombie.write(records(0), lines)
    assert newer.open([A]) == {A: 1}
    with pytest.raises(FencedError, match="newer task"):
        zombie.write(records(1), lines)
    newer.write(records(1), lines)
    assert written(tmp_path) == [0, 1]
    assert len([path for path in (tmp_path / "t-0").iterdir() if path.is_file()]) == 2


@pytest.mark.parametrize("step", ["encode", "replace", "link", "sync"])
def test_whatever_step_a_crash_interrupts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str) -> None:
    first = FileOffsets(tmp_path)
    first.open([A])
    first.write(records(0), lines)

    def crash(*args: object, **kwargs: object) -> bytes:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        if step == "replace":
            patched.setattr(Path, "replace", crash)
        elif step == "link":
            patched.setattr("os.link", crash)
        elif step == "sync":
            patched.setattr("connectkit.exactly_once_files._sync", crash)
        with pytest.raises(KeyboardInterrupt):
            first.write(records(1), crash if step == "encode" else lines)
    again = FileOffsets(tmp_path)
    assert again.open([A]) == {A: 1}
    again.write(records(1, 2), lines)
    assert written(tmp_path) == [0, 1, 2]
    assert len([path for path in (tmp_path / "t-0").iterdir() if path.is_file()]) == 2


def test_a_crash_after_the_commit_keeps_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import connectkit.exactly_once_files as module

    first = FileOffsets(tmp_path)
    first.open([A])
    synced = []
    real = module._sync

    def sync(folder: Path) -> None:
        synced.append(folder.name)
        if folder.name == COMMITS:
            raise KeyboardInterrupt
        real(folder)

    with monkeypatch.context() as patched:
        patched.setattr(module, "_sync", sync)
        with pytest.raises(KeyboardInterrupt):
            first.write(records(0), lines)
    assert synced == ["t-0", COMMITS]
    assert FileOffsets(tmp_path).open([A]) == {A: 1}
    assert written(tmp_path) == [0]


@pytest.mark.parametrize(
    "text", ["", "{", "[]", '{"format":"x"}', '{"format":"connectkit-file-commit","version":2}']
)
def test_a_commit_that_is_none_is_refused_by_name(tmp_path: Path, text: str) -> None:
    FileOffsets(tmp_path).open([A])
    path = tmp_path / "t-0" / COMMITS / f"{9:020}.json"
    path.write_text(text)
    with pytest.raises(ConfigError, match=re.escape(str(path))):
        FileOffsets(tmp_path).open([A])


def test_other_files_in_the_folder_are_left_alone(tmp_path: Path) -> None:
    FileOffsets(tmp_path).open([A])
    (tmp_path / "t-0" / "README").write_text("mine")
    (tmp_path / "t-0" / COMMITS / "note.txt").write_text("mine")
    assert FileOffsets(tmp_path).open([A]) == {}
    assert (tmp_path / "t-0" / "README").exists()


def test_a_topic_of_files_that_began_anew_is_not_skipped_silently(tmp_path: Path) -> None:
    first = FileOffsets(tmp_path)
    first.open([A])
    first.write(records(0, 1), lines)
    again = FileOffsets(tmp_path)
    again.open([A])
    with pytest.raises(FatalTaskError, match="created again"):
        again.write(records(0), lines)


def test_a_commit_is_plain_json(tmp_path: Path) -> None:
    first = FileOffsets(tmp_path)
    first.open([A])
    first.write(records(0, 1), lines)
    commit = json.loads((tmp_path / "t-0" / COMMITS / f"{2:020}.json").read_text())
    assert commit["next_offset"] == 2
    assert [file["size_bytes"] for file in commit["files"]] == [4]
