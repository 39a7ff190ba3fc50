"""Administration: topics, their configs, ends, and the offsets of groups."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from connectkit.api import TopicPartition
from connectkit.errors import ConflictError, ConnectError, NotFoundError
from connectkit.runner.log.api import Admin, Log
from tests.contract.helpers import GROUP, Recorder, read_until, record, send

Unique = Callable[[str], str]


@pytest.fixture
def admin(log: Log) -> Iterator[Admin]:
    opened = log.admin()
    yield opened
    opened.close()


def test_a_topic_is_created_once_and_described(admin: Admin, unique: Unique) -> None:
    name = unique("t")
    config = {"cleanup.policy": "compact", "retention.ms": "1234567"}
    assert admin.create_topic(name, partitions=5, config=config) is True
    assert admin.create_topic(name, partitions=2) is False
    info = admin.describe_topic(name)
    assert (info.name, info.partitions) == (name, 5)
    assert config.items() <= info.config.items()
    assert admin.topics()[name].partitions == 5


def test_the_cluster_has_an_id(log: Log, admin: Admin) -> None:
    other = log.admin()
    assert admin.cluster_id()
    assert admin.cluster_id() == other.cluster_id()
    other.close()


def test_a_deleted_topic_is_gone(log: Log, admin: Admin, unique: Unique) -> None:
    name = unique("t")
    admin.create_topic(name)
    producer = log.producer({})
    assert send(producer, [record(name, b"old")]) == []
    producer.close(5)
    admin.delete_topic(name)
    with pytest.raises(NotFoundError, match=name):
        admin.describe_topic(name)
    with pytest.raises(NotFoundError, match=name):
        admin.delete_topic(name)


def test_a_missing_topic_is_not_created_by_looking(admin: Admin, unique: Unique) -> None:
    name = unique("missing")
    with pytest.raises(NotFoundError, match=name):
        admin.describe_topic(name)
    assert name not in admin.topics()


@pytest.mark.parametrize("name", ["", "with space", "a/b", "..", "x" * 250])
def test_a_bad_name_is_refused(admin: Admin, name: str) -> None:
    with pytest.raises(ConnectError):
        admin.create_topic(name)


def test_a_bad_config_is_refused(admin: Admin, unique: Unique) -> None:
    with pytest.raises(ConnectError):
        admin.create_topic(unique("t"), config={"retention.ms": "soon"})


def test_ends_and_beginnings(log: Log, admin: Admin, unique: Unique) -> None:
    name = unique("t")
    admin.create_topic(name, partitions=2)
    producer = log.producer({})
    assert send(producer, [record(name, b"x", partition=1)] * 7) == []
    producer.close(5)
    both = [TopicPartition(name, 0), TopicPartition(name, 1)]
    assert admin.offsets(both) == {both[0]: 0, both[1]: 7}
    assert admin.offsets(both, end=False) == {both[0]: 0, both[1]: 0}
    assert admin.offsets([]) == {}
    with pytest.raises(NotFoundError):
        admin.offsets([TopicPartition(unique("missing"), 0)])


def test_offsets_of_a_group_are_set_and_removed(admin: Admin, unique: Unique) -> None:
    name, group = unique("t"), unique("g")
    admin.create_topic(name, partitions=2)
    first, second = TopicPartition(name, 0), TopicPartition(name, 1)
    assert admin.group_offsets(group) == {}
    admin.set_group_offsets(group, {first: 5, second: 6})
    assert admin.group_offsets(group) == {first: 5, second: 6}
    admin.set_group_offsets(group, {first: None, second: 9})
    assert admin.group_offsets(group) == {second: 9}
    admin.set_group_offsets(group, {first: None})
    assert admin.group_offsets(group) == {second: 9}
    admin.set_group_offsets(group, {second: None})
    assert admin.group_offsets(group) == {}


def test_offsets_of_a_live_group_are_not_set(log: Log, admin: Admin, unique: Unique) -> None:
    name, group = unique("t"), unique("g")
    admin.create_topic(name)
    consumer = log.consumer({**GROUP, "group.id": group})
    listener = Recorder()
    consumer.subscribe(topics=[name], listener=listener)
    read_until(consumer, [], lambda: bool(listener.held))
    with pytest.raises(ConflictError, match=group):
        admin.set_group_offsets(group, {TopicPartition(name, 0): 1})
    consumer.close()
    admin.set_group_offsets(group, {TopicPartition(name, 0): 1})
    assert admin.group_offsets(group) == {TopicPartition(name, 0): 1}
