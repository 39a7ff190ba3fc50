"""Dead letters of a task on a real broker: written, listed, replayed once, and refused where it must be."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable
from pathlib import Path

import pytest

from connectkit.api import TopicPartition
from connectkit.errors import FatalTaskError
from connectkit.runner.cli import main
from connectkit.runner.log.api import Log, OutRecord
from connectkit.runner.log.opening import open_log
from connectkit.runner.reporters import create_dead_letter_topic

pytestmark = pytest.mark.kafka
Unique = Callable[[str], str]


@pytest.fixture
def kafka(kafka_bootstrap: str) -> Log:
    return open_log(kafka_bootstrap, {})


def values(log: Log, topic: str, count: int) -> list[bytes | None]:
    consumer = log.consumer({"isolation.level": "read_committed"})
    consumer.assign({TopicPartition(topic, 0): 0})
    found: list[bytes | None] = []
    quiet = 0
    while quiet < 6 and len(found) <= count:
        messages = consumer.consume(500, 0.5)
        quiet = 0 if messages else quiet + 1
        found += [m.value() for m in messages]
    consumer.close()
    return found


def test_a_sinks_poison_is_listed_and_replayed_exactly_once(
    kafka: Log, kafka_bootstrap: str, unique: Unique, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    topic, queue, name = unique("orders"), unique("dlq"), unique("sink")
    kafka.admin().create_topic(topic)
    producer = kafka.producer({})
    records = [b"no json" if n % 10 == 3 else json.dumps({"n": n}).encode() for n in range(100)]
    producer.send([OutRecord(topic, 0, None, each, None, None) for each in records], lambda failures: None)
    assert producer.flush(30) == 0
    worker, sink = tmp_path / "worker.properties", tmp_path / "sink.json"
    worker.write_text(
        f"bootstrap.servers={kafka_bootstrap}\noffset.storage.file.filename={tmp_path / 'offsets'}\n"
        "key.converter=StringConverter\nvalue.converter=JsonConverter\n"
        "value.converter.schemas.enable=false\nlisteners=\n"
    )
    config = {
        "name": name, "connector.class": "FileStreamSink", "file": str(tmp_path / "out"), "topics": topic,
        "errors.tolerance": "all", "errors.deadletterqueue.topic.name": queue,
        "errors.deadletterqueue.topic.replication.factor": "1",
        "errors.deadletterqueue.context.headers.enable": "true",
    }  # fmt: skip
    sink.write_text(json.dumps(config))
    assert main(["standalone", str(worker), str(sink), "--until-done"]) == 0
    assert values(kafka, queue, 10) == [b"no json"] * 10
    assert kafka.admin().group_offsets(f"connect-{name}") == {TopicPartition(topic, 0): 100}
    where = ["--bootstrap-servers", kafka_bootstrap]
    capsys.readouterr()
    assert main(["dlq", "list", queue, *where]) == 0
    assert "10 x  VALUE_CONVERTER in JsonConverter: ConversionError" in capsys.readouterr().out
    for _ in range(2):
        assert main(["dlq", "replay", queue, *where]) == 0
    assert values(kafka, topic, 110)[100:] == [b"no json"] * 10


def test_a_queue_with_more_replicas_than_brokers_says_what_to_change(kafka: Log, unique: Unique) -> None:
    queue = unique("dlq")
    with pytest.raises(FatalTaskError, match=r"topic\.replication\.factor"):
        create_dead_letter_topic(kafka.admin(), queue, 3)
    create_dead_letter_topic(kafka.admin(), queue, 1)
    create_dead_letter_topic(kafka.admin(), queue, 3)  # it is there, and that is enough
    assert kafka.admin().describe_topic(queue).partitions == 1


def test_a_name_that_no_topic_can_have_says_so(kafka: Log) -> None:
    with pytest.raises(FatalTaskError, match="cannot be created"):
        create_dead_letter_topic(kafka.admin(), f"no such name/{uuid.uuid4()}", 1)
