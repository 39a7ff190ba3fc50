"""Topics that change under a sink: partitions are added, or a topic is deleted and created again."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewPartitions

from connectkit.api import TopicPartition
from connectkit.runner.log.api import Log, OutRecord
from connectkit.runner.log.opening import open_log
from tests.integration.test_kafka_faults import lines, text_sink
from tests.support.process import until

Unique = Callable[[str], str]


BOTH = ["embedded", pytest.param("kafka", marks=pytest.mark.kafka)]


def send(log: Log, topic: str, texts: list[str], partition: int = 0) -> None:
    producer = log.producer({"linger.ms": "1"})
    producer.send(
        [OutRecord(topic, partition, None, text.encode(), None, None) for text in texts], lambda failed: None
    )
    assert producer.flush(60) == 0
    producer.close(5)


@pytest.mark.kafka
@pytest.mark.parametrize("bootstrap", ["kafka"], indirect=True)
def test_a_partition_that_is_added_is_read_from_its_beginning(
    tmp_path: Path, bootstrap: str, unique: Unique
) -> None:
    topic, log = unique("added"), open_log(bootstrap)
    admin = log.admin()
    admin.create_topic(topic)
    send(log, topic, ["old 1", "old 2"])
    worker = text_sink(tmp_path / "w", bootstrap, topic, consumer_metadata_max_age_ms="500")
    worker.start().ready()
    until(lambda: len(lines(worker)) == 2, "the old texts")
    kafka = AdminClient({"bootstrap.servers": bootstrap})
    for done in kafka.create_partitions([NewPartitions(topic, 2)]).values():
        done.result(30)
    new = [f"new {number}" for number in range(50)]

    def sent() -> bool:
        try:
            return admin.describe_topic(topic).partitions == 2
        except Exception:  # noqa: BLE001 - not everywhere yet
            return False

    until(sent, "the second partition")
    send(log, topic, new, partition=1)
    until(lambda: len(lines(worker)) >= 52, "the texts of the partition that was added")
    assert worker.stop() == 0, worker.err
    assert lines(worker)[2:] == new
    assert admin.group_offsets(f"connect-{topic}-out") == {
        TopicPartition(topic, 0): 2,
        TopicPartition(topic, 1): 50,
    }
    admin.close()
    log.close()


@pytest.mark.parametrize("bootstrap", BOTH, indirect=True)
def test_a_topic_that_was_created_again_is_read_from_its_beginning(
    tmp_path: Path, bootstrap: str, unique: Unique
) -> None:
    """Its group's offsets, if they are still there, lie beyond its end: never silently from there on."""
    topic, log = unique("again"), open_log(bootstrap)
    admin = log.admin()
    admin.create_topic(topic)
    send(log, topic, [f"old {number}" for number in range(100)])
    worker = text_sink(tmp_path / "w", bootstrap, topic)
    worker.start().ready()
    until(lambda: len(lines(worker)) == 100, "the old texts")
    assert worker.stop() == 0, worker.err
    admin.delete_topic(topic)
    until(lambda: topic not in admin.topics(), "the topic's end")
    until(lambda: created(log, topic), "the new topic")
    new = [f"new {number}" for number in range(30)]
    send(log, topic, new)
    admin.set_group_offsets(f"connect-{topic}-out", {TopicPartition(topic, 0): 100})
    again = text_sink(tmp_path / "w2", bootstrap, topic)
    again.start().ready()
    until(lambda: len(lines(again)) >= 30, "the new texts")
    assert again.stop() == 0, again.err
    assert lines(again) == new
    admin.close()
    log.close()


def created(log: Log, topic: str) -> bool:
    admin = log.admin()
    try:
        admin.create_topic(topic)
        return topic in admin.topics()
    except Exception:  # noqa: BLE001 - its deletion is still under way
        return False
    finally:
        admin.close()
