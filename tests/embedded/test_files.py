"""The files of an embedded log: modes, and refusal of what is torn, foreign, newer or unwritable."""

from __future__ import annotations

import os
import sqlite3
import stat
import threading
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from connectkit.api import TopicPartition
from connectkit.errors import ConfigError, FatalTaskError, RetriableError
from connectkit.runner.log.api import OutRecord
from connectkit.runner.log.embedded import EmbeddedLog
from connectkit.runner.log.embedded import store as store_module
from connectkit.runner.log.opening import open_log


def fill(folder: Path, records: int = 50) -> None:
    producer = EmbeddedLog(folder).producer({})
    for i in range(records):
        producer.send([OutRecord("t", None, b"k", b"value %d" % i * 20, None, None)], lambda failed: None)
    producer.close(1)


def read(folder: Path) -> list[bytes | None]:
    consumer = EmbeddedLog(folder).consumer({})
    consumer.assign({TopicPartition("t", 0): -2})
    found: list[bytes | None] = []
    try:
        while messages := consumer.consume(1000, 0):
            found += [message.value() for message in messages]
    finally:
        consumer.close()
    return found


@pytest.mark.skipif(os.name != "posix", reason="modes are POSIX's")
def test_only_the_owner_may_read(tmp_path: Path) -> None:
    previous = os.umask(0)
    try:
        folder = tmp_path / "new" / "log"
        producer = EmbeddedLog(folder).producer({"transactional.id": "x"})
        producer.init_transactions(1)
        producer.begin_transaction()
        producer.send([OutRecord("t", None, None, b"x", None, None)], lambda failed: None)
        modes = {
            path.relative_to(folder).parts[-1].partition("-")[2] or path.suffix: stat.S_IMODE(
                path.stat().st_mode
            )
            for path in folder.rglob("*")
            if path.is_file()
        }
        assert set(modes.values()) == {0o600}
        assert len(modes) == 4  # database, log, index of the log, lock
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
        assert stat.S_IMODE((folder / "members").stat().st_mode) == 0o700
        producer.close(1)
    finally:
        os.umask(previous)


@pytest.mark.skipif(os.name != "posix", reason="modes are POSIX's")
def test_a_file_that_others_may_change_is_refused(tmp_path: Path) -> None:
    fill(tmp_path)
    (tmp_path / "log.db").chmod(0o660)
    with pytest.raises(ConfigError, match="chmod 600"):
        EmbeddedLog(tmp_path)


def test_a_file_cut_at_any_place_is_refused_or_read(tmp_path: Path) -> None:
    fill(tmp_path / "whole")
    whole = (tmp_path / "whole" / "log.db").read_bytes()
    values = read(tmp_path / "whole")
    outcomes = set()
    for size in [*range(0, 120, 7), *range(120, len(whole), 3001), len(whole) - 1]:
        folder = tmp_path / str(size)
        folder.mkdir(mode=0o700)
        torn = folder / "log.db"
        torn.touch(0o600)
        torn.write_bytes(whole[:size])
        refusal, found = None, None
        try:
            found = read(folder)
        except (ConfigError, FatalTaskError) as exc:
            refusal = str(exc)
        assert found == values if refusal is None else str(torn) in refusal
        outcomes.add(refusal is None)
    assert False in outcomes
    assert read(tmp_path / "whole") == values


def test_an_emptied_file_is_refused_not_begun_anew(tmp_path: Path) -> None:
    (tmp_path / "log.db").touch(0o600)
    with pytest.raises(ConfigError, match="is empty"):
        EmbeddedLog(tmp_path)


def test_altered_bytes_of_a_batch_are_noticed(tmp_path: Path) -> None:
    fill(tmp_path, 3)
    path = tmp_path / "log.db"
    whole = bytearray(path.read_bytes())
    at = whole.index(b"value 1")
    whole[at] ^= 1
    path.write_bytes(whole)
    with pytest.raises(FatalTaskError, match=r"t-0 from offset 1 in .*altered") as caught:
        read(tmp_path)
    assert str(path) in str(caught.value)
    assert "value" not in str(caught.value)


@pytest.mark.parametrize(
    "content", [b"hello, I am a text file\n" * 300, os.urandom(5000), b"SQLite format 3\x00"]
)
def test_a_foreign_file_is_refused_and_left_alone(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "log.db"
    path.touch(0o600)
    path.write_bytes(content)
    with pytest.raises(ConfigError) as caught:
        open_log(f"embedded:{tmp_path}")
    assert str(path) in str(caught.value)
    assert "bootstrap.servers" in caught.value.problems
    assert path.read_bytes() == content


def test_another_programs_database_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "log.db"
    path.touch(0o600)
    other = sqlite3.connect(path)
    other.execute("CREATE TABLE theirs (x)")
    other.commit()
    other.close()
    before = path.read_bytes()
    with pytest.raises(ConfigError, match="another program"):
        EmbeddedLog(tmp_path)
    assert path.read_bytes() == before
    assert [each.name for each in tmp_path.iterdir()] == ["log.db"]


def test_a_newer_format_is_refused(tmp_path: Path) -> None:
    fill(tmp_path, 1)
    newer = sqlite3.connect(tmp_path / "log.db")
    newer.execute("PRAGMA user_version=2")
    newer.close()
    with pytest.raises(ConfigError, match="format 2"):
        EmbeddedLog(tmp_path)


@pytest.mark.parametrize("place", [lambda p: p / "file" / "log", lambda p: p / "file"])
def test_a_place_that_cannot_be_a_folder_is_refused(tmp_path: Path, place: Callable[[Path], Path]) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(ConfigError) as caught:
        EmbeddedLog(place(tmp_path))
    assert str(tmp_path / "file") in str(caught.value)


def test_a_full_disk_leaves_nothing_half_written(tmp_path: Path) -> None:
    fill(tmp_path, 5)
    producer = EmbeddedLog(tmp_path).producer({})
    (pages,) = producer._connection.sql.execute("PRAGMA page_count").fetchone()
    producer._connection.sql.execute(f"PRAGMA max_page_count={pages + 10}")
    told: list[object] = []
    with pytest.raises(FatalTaskError, match="disk is full") as caught:
        for _ in range(1000):
            producer.send([OutRecord("t", None, None, b"x" * 4000, None, None)] * 3, told.append)
    assert str(tmp_path / "log.db") in str(caught.value)
    producer._connection.sql.execute("PRAGMA max_page_count=1000000")
    producer.send([OutRecord("t", None, None, b"after", None, None)], told.append)
    producer.close(1)
    values = read(tmp_path)
    assert values[-1] == b"after"
    assert (len(values) - 6) % 3 == 0
    assert told == [[]] * ((len(values) - 6) // 3 + 1)


def test_a_topic_made_by_a_failed_append_is_gone(tmp_path: Path) -> None:
    log = EmbeddedLog(tmp_path)
    producer = log.producer({})
    (pages,) = producer._connection.sql.execute("PRAGMA page_count").fetchone()
    producer._connection.sql.execute(f"PRAGMA max_page_count={pages + 1}")
    with pytest.raises(FatalTaskError, match="disk is full"):
        producer.send([OutRecord("new", None, None, b"x" * 100_000, None, None)], lambda failed: None)
    admin = log.admin()
    assert admin.topics() == {}
    producer._connection.sql.execute("PRAGMA max_page_count=1000000")
    producer.send([OutRecord("new", None, None, b"x", None, None)], lambda failed: None)
    assert set(admin.topics()) == {"new"}
    producer.close(1)
    admin.close()


def test_a_log_kept_locked_is_an_error_that_passes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store_module, "_BUSY_TIMEOUT_S", 0.05)
    fill(tmp_path, 1)
    log = EmbeddedLog(tmp_path)
    producer = log.producer({})
    holder = sqlite3.connect(tmp_path / "log.db", isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    with pytest.raises(RetriableError, match="locked"):
        producer.send([OutRecord("t", None, None, b"x", None, None)], lambda failed: None)
    holder.execute("ROLLBACK")
    holder.close()
    producer.send([OutRecord("t", None, None, b"x", None, None)], lambda failed: None)
    producer.close(1)
    assert len(read(tmp_path)) == 2


def test_many_openers_at_once_make_one_log(tmp_path: Path) -> None:
    identities: list[str] = []
    errors: list[Exception] = []

    def open_it() -> None:
        try:
            with closing(EmbeddedLog(tmp_path / "log").admin()) as admin:
                identities.append(admin.cluster_id())
        except Exception as exc:  # noqa: BLE001  # whatever it is fails the test
            errors.append(exc)

    threads = [threading.Thread(target=open_it) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    assert len(set(identities)) == 1


def test_a_closed_client_says_so(tmp_path: Path) -> None:
    log = EmbeddedLog(tmp_path)
    producer, admin = log.producer({}), log.admin()
    producer.close(1)
    producer.close(1)
    admin.close()
    with pytest.raises(FatalTaskError, match="closed"):
        producer.send([OutRecord("t", None, None, b"x", None, None)], lambda failed: None)
    with pytest.raises(FatalTaskError, match="closed"):
        admin.topics()
