"""Source offsets: keys by content, the file that is never half-written, the Java worker's file."""

from __future__ import annotations

import base64
import json
import os
import stat
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectkit.errors import ConfigError, ConnectError, DataError, FatalTaskError
from connectkit.runner.java_offsets import JAVA_MAGIC, read_java_offsets
from connectkit.runner.offset_file import OffsetFile
from connectkit.runner.offset_key import partition_key
from connectkit.runner.offsets import StoredOffsets

# Written by Java: a HashMap of byte arrays with four entries (two share one value object), and a null.
JAVA_FILE = base64.b64decode(
    "rO0ABXNyABFqYXZhLnV0aWwuSGFzaE1hcAUH2sHDFmDRAwACRgAKbG9hZEZhY3RvckkACXRocmVzaG9sZHhwP0AAAAAAAAx3"
    "CAAAABAAAAAEdXIAAltCrPMX+AYIVOACAAB4cAAAAC1bImxvY2FsLWZpbGUtc291cmNlIix7ImZpbGVuYW1lIjoidGVzdC50"
    "eHQifV11cQB+AAIAAAAPeyJwb3NpdGlvbiI6MzB9dXEAfgACAAAAGVsiamRiYyIseyJ0YWJsZSI6InNhbWUifV11cQB+AAIA"
    "AAAPeyJiIjoyLCJhIjoieCJ9dXEAfgACAAAAIlsiamRiYyIseyJ0YWJsZSI6Im9yZGVycyIsImRiIjoxfV1xAH4ABnVxAH4A"
    "AgAAABBbImdvbmUiLHsicCI6MX1dcHg="
)

primitives = (
    st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.text() | st.floats(allow_nan=False)
)
maps = st.dictionaries(st.text(), primitives, max_size=4)


def write(store: OffsetFile, connector: str, partition: dict[str, Any], offset: Any) -> None:
    store.write(connector, {partition_key(partition): (partition, offset)})


def opened(path: Path) -> OffsetFile:
    store = OffsetFile(path)
    store.start()
    return store


def test_a_missing_file_is_no_offsets_yet(tmp_path: Path) -> None:
    store = opened(tmp_path / "offsets")
    assert store.read("c", ["{}"]) == {}
    assert not (tmp_path / "offsets").exists()


@given(partition=maps, offset=maps)
def test_what_was_written_is_read_again(tmp_path_factory: Any, partition: Any, offset: Any) -> None:
    path = tmp_path_factory.mktemp("o") / "offsets"
    write(opened(path), "c", partition, offset)
    turned = dict(reversed(partition.items()))
    assert StoredOffsets(opened(path), "c").offset(turned) == offset


def test_integers_come_back_as_integers_and_bytes_as_base64(tmp_path: Path) -> None:
    path = tmp_path / "offsets"
    write(opened(path), "c", {"f": "x"}, {"n": 2**53 + 1, "one": 1.0, "raw": b"\x00\xff", "on": True})
    assert StoredOffsets(opened(path), "c").offset({"f": "x"}) == {
        "n": 2**53 + 1,
        "one": 1.0,
        "raw": "AP8=",
        "on": True,
    }


def test_names_that_utf_8_cannot_carry_are_found_again(tmp_path: Path) -> None:
    partition = {"file": "caf\udce9 \u00fc \U0001f600"}  # os.listdir gives such a name of a Latin-1 file
    assert partition_key(partition) == '{"file":"caf\\udce9 \u00fc \U0001f600"}'
    store = OffsetFile(tmp_path / "offsets")
    store.start()
    write(store, "c", partition, {"last": "\ud800"})
    again = OffsetFile(tmp_path / "offsets")
    again.start()
    assert again.partitions("c") == [(partition, {"last": "\ud800"})]


def test_types_of_keys_are_kept_apart() -> None:
    keys = {partition_key({"p": value}) for value in (1, 1.0, "1", True)}
    assert len(keys) == 4


def test_a_deleted_offset_stays_as_null_and_reads_as_none(tmp_path: Path) -> None:
    path = tmp_path / "offsets"
    store = opened(path)
    write(store, "c", {"p": 1}, {"at": 1})
    write(store, "c", {"p": 1}, None)
    assert StoredOffsets(store, "c").offset({"p": 1}) is None
    assert json.loads(path.read_text())["offsets"] == [
        {"connector": "c", "partition": {"p": 1}, "offset": None}
    ]
    assert opened(path).partitions("c") == []


def test_connectors_do_not_see_each_other(tmp_path: Path) -> None:
    store = opened(tmp_path / "offsets")
    write(store, "a", {"p": 1}, {"at": 1})
    write(store, "b", {"p": 1}, {"at": 2})
    assert store.partitions("a") == [({"p": 1}, {"at": 1})]
    assert StoredOffsets(store, "b").offsets([{"p": 1}, {"p": 2}]) == [{"at": 2}, None]


def test_the_file_is_for_its_owner_only(tmp_path: Path) -> None:
    path = tmp_path / "offsets"
    write(opened(path), "c", {"p": 1}, {"at": 1})
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert list(tmp_path.iterdir()) == [path]


def test_every_torn_file_is_refused_by_name(tmp_path: Path) -> None:
    path = tmp_path / "offsets"
    store = opened(path)
    write(store, "connector", {"filename": "in.csv"}, {"position": 10})
    write(store, "other", {"filename": "b.csv"}, {"position": 20})
    whole = path.read_bytes().rstrip()
    for end in range(len(whole)):
        path.write_bytes(whole[:end])
        with pytest.raises(ConfigError, match="offsets"):
            opened(path)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"   ",
        b"\x00\x01\x02",
        b"[]",
        b"{}",
        b'"text"',
        b'{"format": "connectkit-source-offsets", "version": 2, "offsets": []}',
        b'{"format": "connectkit-source-offsets", "version": 1}',
        b'{"format": "connectkit-source-offsets", "version": 1, "offsets": [1]}',
        b'{"format": "connectkit-source-offsets", "version": 1, "offsets": [{"connector": "c"}]}',
        (
            b'{"format": "connectkit-source-offsets", "version": 1,'
            b' "offsets": [{"connector": "c", "partition": {}, "offset": 5}]}'
        ),
        b"[" * 100_000,
        "{é".encode("latin-1"),
    ],
)
def test_foreign_and_damaged_files_are_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "offsets"
    path.write_bytes(content)
    with pytest.raises(ConfigError, match=str(path)):
        opened(path)
    assert path.read_bytes() == content


def test_an_unreadable_file_and_a_missing_folder_are_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="nowhere"):
        opened(tmp_path / "nowhere" / "offsets")
    with pytest.raises(ConfigError, match="cannot be read"):
        opened(tmp_path)


def test_a_failed_write_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "offsets"
    store = opened(path)
    write(store, "c", {"p": 1}, {"at": 1})
    before = path.read_bytes()

    def full(fd: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(FatalTaskError, match="No space left"):
        write(store, "c", {"p": 1}, {"at": 2})
    monkeypatch.undo()
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]
    assert StoredOffsets(store, "c").offset({"p": 1}) == {"at": 1}


def test_left_over_temporary_files_are_cleared(tmp_path: Path) -> None:
    path = tmp_path / "offsets"
    write(opened(path), "c", {"p": 1}, {"at": 1})
    (tmp_path / ".offsets.99.tmp").write_bytes(b"half")
    assert StoredOffsets(opened(path), "c").offset({"p": 1}) == {"at": 1}
    assert list(tmp_path.iterdir()) == [path]


def test_a_link_stays_and_where_it_leads_must_be_there(tmp_path: Path) -> None:
    volume, link = tmp_path / "volume", tmp_path / "offsets.json"
    link.symlink_to(volume / "offsets.json")
    with pytest.raises(ConfigError, match=r"volume/offsets\.json does not exist"):
        OffsetFile(link).start()
    volume.mkdir()
    store = OffsetFile(link)
    store.start()
    write(store, "c", {"p": 1}, {"o": 2})
    assert link.is_symlink()
    again = OffsetFile(volume / "offsets.json")
    again.start()
    assert again.partitions("c") == [({"p": 1}, {"o": 2})]


def test_workers_that_share_a_file_keep_each_others_offsets(tmp_path: Path) -> None:
    path = tmp_path / "offsets.json"
    first, second = OffsetFile(path), OffsetFile(path)
    first.start()
    second.start()
    p, q = ({"part": name} for name in "pq")
    first.write("a", {partition_key(p): (p, {"at": 1})})
    second.write("b", {partition_key(p): (p, {"at": 2})})
    first.write("a", {partition_key(q): (q, {"at": 3})})
    third = OffsetFile(path)
    third.start()
    assert third.partitions("a") == [(p, {"at": 1}), (q, {"at": 3})]
    assert third.partitions("b") == [(p, {"at": 2})]
    first.stop()
    first.start()
    assert first.partitions("b") == [(p, {"at": 2})]


def test_a_file_that_is_damaged_while_a_worker_runs_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "offsets.json"
    store = OffsetFile(path)
    store.start()
    store.write("a", {"p": ({"part": "p"}, {"at": 1})})
    path.write_text("not ours")
    with pytest.raises(ConfigError, match=r"offsets\.json"):
        store.write("a", {"p": ({"part": "p"}, {"at": 2})})
    assert path.read_text() == "not ours"


def test_a_closed_store_and_a_closed_reader_refuse(tmp_path: Path) -> None:
    store = opened(tmp_path / "offsets")
    reader = StoredOffsets(store, "c")
    reader.close()
    with pytest.raises(ConnectError):
        reader.offset({"p": 1})
    store.stop()
    with pytest.raises(ConnectError):
        write(store, "c", {"p": 1}, {"at": 1})


@pytest.mark.parametrize("partition", [{"p": [1]}, {"p": object()}, {1: "x"}, ["p"]])
def test_what_cannot_be_stored_is_a_data_error(partition: Any) -> None:
    with pytest.raises(DataError):
        partition_key(partition)


def test_java_offsets_are_taken_over_and_their_file_kept(tmp_path: Path) -> None:
    path = tmp_path / "offsets"
    path.write_bytes(JAVA_FILE)
    store = opened(path)
    assert StoredOffsets(store, "local-file-source").offset({"filename": "test.txt"}) == {"position": 30}
    assert StoredOffsets(store, "jdbc").offset({"db": 1, "table": "orders"}) == {"b": 2, "a": "x"}
    assert StoredOffsets(store, "jdbc").offset({"table": "same"}) == {"b": 2, "a": "x"}
    assert StoredOffsets(store, "gone").offset({"p": 1}) is None
    assert path.read_bytes() == JAVA_FILE
    write(store, "jdbc", {"table": "same"}, {"b": 3})
    assert (tmp_path / "offsets.java").read_bytes() == JAVA_FILE
    again = opened(path)
    assert StoredOffsets(again, "jdbc").offset({"table": "same"}) == {"b": 3}
    assert StoredOffsets(again, "local-file-source").offset({"filename": "test.txt"}) == {"position": 30}


@pytest.mark.parametrize("end", [*range(4, len(JAVA_FILE) - 1, 7), len(JAVA_FILE) - 1])
def test_a_torn_java_file_is_refused(end: int) -> None:
    with pytest.raises(ConfigError, match=r"/data/offsets"):
        read_java_offsets(JAVA_FILE[:end], where="/data/offsets")


@given(st.binary(max_size=60))
def test_no_bytes_behind_javas_magic_do_anything_else_than_be_refused(tail: bytes) -> None:
    with pytest.raises(ConfigError):
        read_java_offsets(JAVA_MAGIC + tail, where="f")


@given(at=st.integers(4, len(JAVA_FILE) - 1), value=st.integers(0, 255))
def test_a_changed_byte_is_read_or_refused(at: int, value: int) -> None:
    changed = bytearray(JAVA_FILE)
    changed[at] = value
    try:
        read_java_offsets(bytes(changed), where="f")
    except ConfigError:
        pass


def test_writes_are_durable_before_they_are_visible(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    order: list[str] = []
    real_fsync, real_replace = os.fsync, Path.replace

    def fsync(fd: int) -> None:
        order.append("fsync")
        real_fsync(fd)

    def replace(self: Path, to: Path) -> Path:
        order.append("rename")
        return real_replace(self, to)

    monkeypatch.setattr(os, "fsync", fsync)
    monkeypatch.setattr(Path, "replace", replace)
    write(opened(tmp_path / "offsets"), "c", {"p": 1}, {"at": 1})
    assert order == ["fsync", "rename", "fsync"]
