"""Source offsets in a topic: Java's bytes, found by content, read to the end, moved from a file."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from connectkit.api import TopicPartition
from connectkit.errors import ConfigError, ConnectError
from connectkit.runner.log.api import Log, OutRecord
from connectkit.runner.offset_file import OffsetFile
from connectkit.runner.offset_key import partition_key
from connectkit.runner.offset_stores import OwnTopic, take_over
from connectkit.runner.offset_topic import OffsetTopic, TopicSettings
from tests.contract.helpers import read, record, send

Unique = Callable[[str], str]
MakeTopic = Callable[..., OffsetTopic]


def settings(name: str, **more: object) -> TopicSettings:
    return TopicSettings(
        topic=name,
        partitions=3,
        replication=1,
        producer={"linger.ms": "1", "acks": "all"},
        consumer={"isolation.level": "read_committed", "auto.offset.reset": "earliest"},
        **more,  # type: ignore[arg-type]  # as given
    )


@pytest.fixture
def name(unique: Unique) -> str:
    return unique("offsets")


@pytest.fixture
def make(log: Log, name: str) -> Iterator[MakeTopic]:
    made: list[OffsetTopic] = []

    def start(**more: object) -> OffsetTopic:
        made.append(OffsetTopic(log, settings(name), **more))  # type: ignore[arg-type]  # as given
        made[-1].start()
        return made[-1]

    yield start
    for each in made:
        each.stop()


def entry(number: int, **partition: object) -> dict[str, tuple[dict[str, object], dict[str, object] | None]]:
    return {partition_key(partition): (partition, {"position": number})}


def raw(log: Log, topic: str, count: int) -> list[tuple[bytes | None, bytes | None]]:
    consumer = log.consumer({})
    consumer.assign({TopicPartition(topic, number): -2 for number in range(3)})
    found = [(message.key(), message.value()) for message in read(consumer, count)]
    consumer.close()
    return found


def write_raw(log: Log, topic: str, *pairs: tuple[bytes | None, bytes | None]) -> None:
    producer = log.producer({"linger.ms": "1"})
    assert send(producer, [record(topic, value, key=key) for key, value in pairs]) == []
    producer.close(5)


def test_the_bytes_are_kafka_connects(log: Log, name: str, make: MakeTopic) -> None:
    make().write("local-file-source", entry(30, filename="test.txt"))
    assert raw(log, name, 1) == [(b'["local-file-source",{"filename":"test.txt"}]', b'{"position":30}')]


def test_the_topic_is_made_compacted(log: Log, name: str, make: MakeTopic) -> None:
    make()
    admin = log.admin()
    info = admin.describe_topic(name)
    assert (info.partitions, info.config["cleanup.policy"]) == (3, "compact")
    admin.close()


def test_another_store_reads_what_was_written(make: MakeTopic) -> None:
    first, second = make(), make()
    first.write("c", entry(1, table="a") | entry(2, table="b"))
    key = partition_key({"table": "a"})
    assert second.read("c", [key]) == {key: {"position": 1}}
    first.write("c", {key: ({"table": "a"}, None)})
    assert second.read("c", [key]) == {}
    assert second.partitions("c") == [({"table": "b"}, {"position": 2})]
    assert make().partitions("c") == [({"table": "b"}, {"position": 2})]
    assert second.partitions("other") == []


def test_a_key_that_java_wrote_is_written_again_as_it_stands(log: Log, name: str, make: MakeTopic) -> None:
    make().stop()
    java = b'["c",{"z":1,"a":"x"}]'
    write_raw(log, name, (java, b'{"position":7}'))
    store = make()
    partition = {"a": "x", "z": 1}
    assert store.read("c", [partition_key(partition)]) == {partition_key(partition): {"position": 7}}
    store.write("c", entry(8, **partition))
    assert raw(log, name, 2)[-1] == (java, b'{"position":8}')


def test_an_own_new_key_stays_the_same_though_members_change_places(
    log: Log, name: str, make: MakeTopic
) -> None:
    store = make()
    store.write("c", entry(1, b=1, a=2))
    store.write("c", entry(2, a=2, b=1))
    assert {key for key, _ in raw(log, name, 2)} == {b'["c",{"b":1,"a":2}]'}


def test_strangers_are_left_alone(
    log: Log, name: str, make: MakeTopic, caplog: pytest.LogCaptureFixture
) -> None:
    make().write("c", entry(1, table="a"))
    strangers = [
        (b"not json", b"{}"),
        (b'["c"]', b"{}"),
        (b'["c",{},3]', b"{}"),
        (b'[1,{"table":"a"}]', b"{}"),
        (b'["c",{"table":["a"]}]', b"{}"),
        (b'["c",{"table":"a"}]', b"[]"),
        (b"\xff", b"{}"),
        (b'["c",{"table":"b"}]', b"{"),
        (b"[" * 10_000, b"{}"),
    ]
    write_raw(log, name, *strangers, (b'["c",{"table":"a"}]', b'{"position":2}'))
    assert make().partitions("c") == [({"table": "a"}, {"position": 2})]
    assert caplog.text.count("is no source offset") == len(strangers)


def test_only_committed_transactions_count(log: Log, name: str, make: MakeTopic, unique: Unique) -> None:
    store = make()
    key = partition_key({"table": "a"})
    producer = log.producer({"transactional.id": unique("id"), "linger.ms": "1"})
    producer.init_transactions(60)
    for number, end in ((1, producer.commit_transaction), (2, producer.abort_transaction)):
        producer.begin_transaction()
        assert send(producer, store.records("c", entry(number, table="a"))) == []
        end(60)
    producer.close(5)
    assert store.read("c", [key]) == {key: {"position": 1}}


def test_the_number_of_tasks_is_remembered_beside_the_offsets(make: MakeTopic) -> None:
    first = make()
    assert first.task_count("c-1") is None
    first.note_task_count("c-1", 4)
    assert make().task_count("c-1") == 4
    first.note_task_count("c-1", 2)
    assert make().task_count("c-1") == 2
    assert make().partitions("c-1") == []


def test_the_number_of_tasks_is_found_beyond_an_open_transaction(
    log: Log, make: MakeTopic, unique: Unique
) -> None:
    """Whoever asks for it is about to end that transaction."""
    store = make()
    store.write("c", entry(1, table="a"))
    producer = log.producer({"transactional.id": unique("id"), "linger.ms": "1"})
    producer.init_transactions(60)
    producer.begin_transaction()
    many = {key: each for number in range(20) for key, each in entry(number, table=str(number)).items()}
    assert send(producer, store.records("d", many)) == []
    store.note_task_count("c", 3)
    again = make()
    assert again.task_count("c") == 3
    producer.abort_transaction(60)
    producer.close(5)
    assert again.partitions("c") == [({"table": "a"}, {"position": 1})]
    assert again.partitions("d") == []


@pytest.mark.parametrize("value", [b"[]", b"{}", b"x", b'{"task-count":"many"}', None])
def test_a_number_of_tasks_that_is_none(log: Log, name: str, make: MakeTopic, value: bytes | None) -> None:
    store = make()
    write_raw(log, name, (b"tasks-fencing-c", value))
    assert store.task_count("c") is None


def test_a_topic_that_loses_offsets_is_refused(log: Log, name: str) -> None:
    admin = log.admin()
    admin.create_topic(name, config={"cleanup.policy": "delete"})
    admin.close()
    store = OffsetTopic(log, settings(name))
    with pytest.raises(ConfigError, match=r"cleanup\.policy=delete"):
        store.start()
    store.stop()


def test_offsets_move_from_the_file_once(log: Log, name: str, make: MakeTopic, tmp_path: Path) -> None:
    path = tmp_path / "offsets"
    file = OffsetFile(path)
    file.start()
    file.write("c", entry(1, table="a") | entry(2, table="b"))
    file.write("d", {partition_key({"x": 1}): ({"x": 1}, None)})
    file.stop()
    make().write("c", entry(9, table="b"))
    store = make(opened=lambda topic: take_over(path, topic))
    assert {json.dumps(p): o["position"] for p, o in store.partitions("c")} == {
        '{"table": "a"}': 1,
        '{"table": "b"}': 9,
    }
    assert not path.exists()
    assert path.with_name("offsets.moved").exists()
    make(opened=lambda topic: take_over(path, topic))


def test_a_connector_with_a_topic_of_its_own(log: Log, name: str, make: MakeTopic, unique: Unique) -> None:
    worker = make()
    own = OffsetTopic(log, settings(unique("own")))
    both = OwnTopic(own, worker)
    worker.write("c", entry(1, table="a") | entry(1, table="b"))
    both.write("c", entry(2, table="b"))
    key_a, key_b = partition_key({"table": "a"}), partition_key({"table": "b"})
    assert both.read("c", [key_a, key_b]) == {key_a: {"position": 1}, key_b: {"position": 2}}
    assert own.partitions("c") == [({"table": "b"}, {"position": 2})]
    # What was written is copied to the worker's store, so that the topic can be given up again.
    worker._append([OutRecord(name, 0, b'["x",{}]', b"{}", None, None)], "a later record")
    assert worker.read("c", [key_b]) == {key_b: {"position": 2}}
    both.write("c", {key_a: ({"table": "a"}, None), key_b: ({"table": "b"}, None)})
    assert both.read("c", [key_a, key_b]) == worker.read("c", [key_a, key_b]) == {}
    assert both.partitions("c") == []
    both.stop()


def test_a_closed_store_says_so(make: MakeTopic) -> None:
    store = make()
    store.stop()
    with pytest.raises(ConnectError, match="closed"):
        store.read("c", [])
    with pytest.raises(ConnectError, match="closed"):
        store.write("c", entry(1, a=1))
