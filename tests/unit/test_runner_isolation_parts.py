"""The line between worker and task process, without processes: frames, counters, errors, offsets, secrets."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectkit.errors import (
    ConfigError,
    ConnectError,
    DataError,
    FatalTaskError,
    FencedError,
    RetriableError,
)
from connectkit.runner.counters import SinkCounters, SourceCounters
from connectkit.runner.isolation.channel import (
    Channel,
    Message,
    error_from_json,
    error_to_json,
    pack,
    unpack,
)
from connectkit.runner.isolation.figures import freeze, thaw
from connectkit.runner.isolation.parent import check_transferable
from connectkit.runner.isolation.remote import Asking, RemoteFencing, RemoteOffsets, answer
from connectkit.runner.offset_key import partition_key
from connectkit.runner.offsets import MemoryOffsets, OffsetStore
from connectkit.secret import HiddenText
from tests.support.gates import GateSource


@pytest.fixture
def ends() -> Iterator[tuple[Channel, Channel]]:
    one, other = map(Channel, socket.socketpair())
    yield one, other
    one.close()
    other.close()


def test_messages_arrive_whole_and_in_order(ends: tuple[Channel, Channel]) -> None:
    one, other = ends
    sent: list[Message] = [{"t": "x", "n": n, "text": "ü" * n} for n in (0, 1, 300_000, 2)]
    sender = threading.Thread(target=lambda: [one.send(message) for message in sent])
    sender.start()
    assert [other.receive() for _ in sent] == sent
    sender.join()


def test_the_end_is_none_and_sending_to_nobody_is_false(ends: tuple[Channel, Channel]) -> None:
    one, other = ends
    one.send({"t": "last"})
    one.close()
    assert other.receive() == {"t": "last"}
    assert other.receive() is None
    assert other.send({"t": "x", "text": "y" * 1_000_000}) is False


def test_a_frame_that_is_cut_off_or_far_too_large_is_the_end() -> None:
    for data in (b"\x05\x00", b"\x05\x00\x00\x00ab", b"\xff\xff\xff\xff"):
        raw, theirs = socket.socketpair()
        channel = Channel(theirs)
        raw.sendall(data)
        raw.close()
        assert channel.receive() is None
        channel.close()


@given(st.lists(st.tuples(st.integers(0, 500), st.floats(0, 100)), max_size=20))
def test_counters_cross_the_line(noted: list[tuple[int, float]]) -> None:
    source, sink = SourceCounters(1.0), SinkCounters(1.0)
    for count, now in noted:
        source.polled.record(count, 1 + now)
        source.commits.committed(0.1, 1 + now, success=bool(count % 2))
        source.errors.note("a sentence", now)
        source.finished += count // 2
        sink.read.record(count, 1 + now)
        sink.active = count
    for counters in (source, sink):
        copy = type(counters)(99.0)
        thaw(copy, json.loads(json.dumps(freeze(counters))))
        assert copy.metrics(200.0) == counters.metrics(200.0)
        assert copy.errors.last_error == counters.errors.last_error


@pytest.mark.parametrize(
    "error",
    [
        RetriableError("later", wait_s=3.0),
        RetriableError("later"),
        DataError("never", path="$.a"),
        FatalTaskError("stop"),
        FencedError("a newer owner"),
        ConfigError(problems={"a": ["is wrong"]}),
        ConnectError("something"),
    ],
)
def test_errors_keep_their_kind_and_sentence(error: ConnectError) -> None:
    found = error_from_json(json.loads(json.dumps(error_to_json(error))))
    assert type(found) is type(error)
    assert str(error) in str(found)
    assert getattr(found, "wait_s", None) == getattr(error, "wait_s", None)


def test_a_foreign_error_is_told_without_its_text() -> None:
    assert "hunter2" not in json.dumps(error_to_json(ValueError("hunter2")))


def test_what_a_provider_gave_stays_marked() -> None:
    found = unpack(json.loads(json.dumps(pack({"a": HiddenText("hunter2"), "b": "plain", "c": None}))))
    assert found == {"a": "hunter2", "b": "plain", "c": None}
    assert isinstance(found["a"], HiddenText)
    assert not isinstance(found["b"], HiddenText)


def test_plugins_are_named_by_where_another_process_finds_them() -> None:
    assert check_transferable([("source", "Gate", GateSource)]) == [
        ["source", "Gate", "tests.support.gates", "GateSource"]
    ]

    class Local(GateSource):
        """In a function."""

    with pytest.raises(ConnectError, match=r"task\.isolation=thread"):
        check_transferable([("source", "Local", Local)])


class Refusing(MemoryOffsets):
    """A store whose disk is full."""

    def write(self, connector: object, offsets: object) -> None:
        raise FatalTaskError("the disk is full")


def remote(ends: tuple[Channel, Channel], store: OffsetStore) -> Asking:
    """The task's side; the worker's answers in a thread, as its pump does."""
    one, other = ends
    asking = Asking(one)

    def worker() -> None:
        while (message := other.receive()) is not None:
            other.send(answer(message, store, None))

    def reader() -> None:
        while (message := one.receive()) is not None:
            asking.answered(message)

    for run in (worker, reader):
        threading.Thread(target=run, daemon=True).start()
    return asking


def test_offsets_are_the_workers(ends: tuple[Channel, Channel]) -> None:
    store = MemoryOffsets()
    offsets = RemoteOffsets(remote(ends, store))
    partition = {"file": "a", "raw": b"\x00"}
    key = partition_key(partition)
    offsets.write("c", {key: (partition, {"at": 7})})
    assert offsets.read("c", [key, "other"]) == {key: {"at": 7}} == store.read("c", [key])
    assert offsets.partitions("c") == store.partitions("c")
    offsets.write("c", {key: (partition, None)})
    assert offsets.read("c", [key]) == {}


def test_what_the_worker_refuses_is_raised_in_the_task(ends: tuple[Channel, Channel]) -> None:
    asking = remote(ends, Refusing())
    with pytest.raises(FatalTaskError, match="the disk is full"):
        RemoteOffsets(asking).write("c", {"k": ({}, {"at": 1})})
    with pytest.raises(ConnectError, match="cannot fence"):
        RemoteFencing(asking).before_task("c")


def test_a_worker_that_has_gone_is_a_passing_fault(ends: tuple[Channel, Channel]) -> None:
    one, other = ends
    other.close()
    with pytest.raises(RetriableError, match="it has gone"):
        RemoteOffsets(Asking(one)).read("c", ["k"])
