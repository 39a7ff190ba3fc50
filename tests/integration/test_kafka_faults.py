"""A standalone worker while its Kafka fails: brokers die, groups change, topics and records go.

The brokers that die are the tests' own; everything else runs on the shared one.
"""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from confluent_kafka import TopicPartition as KafkaPartition
from confluent_kafka.admin import AdminClient

from connectkit.api import TopicPartition
from connectkit.errors import ConnectError
from connectkit.runner.log.api import Log, OutRecord
from connectkit.runner.log.opening import open_log
from tests.kafka_server import KafkaServer, UnavailableError
from tests.support.plugins import SCRIPT
from tests.support.process import WorkerProcess, until

pytestmark = [pytest.mark.kafka, pytest.mark.faults]
Unique = Callable[[str], str]


@pytest.fixture(scope="module")
def own_kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[KafkaServer]:
    """A broker to be killed; whoever does starts it again."""
    try:
        server = KafkaServer(tmp_path_factory.mktemp("own") / "broker")
    except UnavailableError as exc:
        pytest.skip(f"no Kafka: {exc}")
    yield server
    server.stop()


@pytest.fixture
def kafka(kafka_bootstrap: str) -> Iterator[Log]:
    log = open_log(kafka_bootstrap, {})
    yield log
    log.close()


def numbers_through(folder: Path, bootstrap: str, topic: str, **options: str) -> WorkerProcess:
    """A worker that sends numbers, fifty a second, and writes what it reads of them into a file."""
    folder.mkdir(exist_ok=True)
    plain = {"value.converter": "JsonConverter", "value.converter.schemas.enable": "false"}
    worker = WorkerProcess(folder, bootstrap, **options)
    worker.connector({"name": f"{topic}-in", "connector.class": "TroubleSource", "topic": topic, **plain})
    return worker.connector(
        {
            "name": f"{topic}-out", "connector.class": "FileStreamSink", "topics": topic,
            "file": str(folder / "out.txt"), **plain,
        }
    )  # fmt: skip


def lines(worker: WorkerProcess) -> list[str]:
    path = worker.folder / "out.txt"
    return path.read_text().splitlines() if path.exists() else []


def numbers(worker: WorkerProcess) -> list[int]:
    return [int(line.removeprefix("{n=").removesuffix("}")) for line in lines(worker)]


def assert_all_in_order(found: list[int]) -> None:
    """None is lost, and first sightings are in order; what a broker took before it died comes twice."""
    firsts = list(dict.fromkeys(found))
    assert firsts == list(range(len(firsts))), "numbers are lost or out of order"


@pytest.mark.xdist_group("own-kafka")
def test_a_broker_that_dies_and_returns_loses_nothing(
    tmp_path: Path, own_kafka: KafkaServer, unique: Unique
) -> None:
    worker = numbers_through(tmp_path / "w", own_kafka.bootstrap, unique("dies"))
    worker.start(script=SCRIPT).ready()
    until(lambda: len(lines(worker)) > 20, "the first numbers")
    own_kafka.kill()
    before = len(lines(worker))
    until(lambda: "no answer from Kafka" in worker.log(), "word of the broker that is gone")
    own_kafka.start()
    # More than were made while it was away: what waited, and fresh ones.
    until(lambda: len(lines(worker)) > before + 400, "the numbers of the outage, and fresh ones")
    assert worker.stop() == 0, worker.err
    assert_all_in_order(numbers(worker))


@pytest.mark.xdist_group("own-kafka")
def test_a_worker_stops_in_time_without_a_broker_and_goes_on_with_it(
    tmp_path: Path, own_kafka: KafkaServer, unique: Unique
) -> None:
    worker = numbers_through(
        tmp_path / "w",
        own_kafka.bootstrap,
        unique("away"),
        task_shutdown_graceful_timeout_ms="4000",
        consumer_session_timeout_ms="3000",
    )
    worker.start(script=SCRIPT).ready()
    until(lambda: len(lines(worker)) > 20, "the first numbers")
    own_kafka.kill()
    until(lambda: "no answer from Kafka" in worker.log(), "word of the broker that is gone")
    assert worker.stop() == 0, worker.err
    assert "will be read again" in worker.err
    assert "abandoned" not in worker.err

    own_kafka.start()
    before = len(lines(worker))
    worker.start(script=SCRIPT).ready()
    until(lambda: len(lines(worker)) > before + 50, "more numbers")
    assert worker.stop() == 0, worker.err
    assert_all_in_order(numbers(worker))


def test_a_topic_that_is_deleted_stops_nothing(
    tmp_path: Path, kafka_bootstrap: str, kafka: Log, unique: Unique
) -> None:
    topic = unique("deleted")
    worker = numbers_through(tmp_path / "w", kafka_bootstrap, topic)
    worker.start(script=SCRIPT).ready()
    until(lambda: len(lines(worker)) > 20, "the first numbers")
    admin = kafka.admin()
    admin.delete_topic(topic)
    before = len(lines(worker))
    until(lambda: len(lines(worker)) > before + 50, "numbers by way of the topic made anew")
    admin.close()
    assert worker.stop() == 0, worker.err
    found = numbers(worker)
    assert len(set(found)) == len(found)


@pytest.mark.parametrize("tolerance", ["none", "all"])
def test_a_record_larger_than_kafka_takes(
    tmp_path: Path, kafka_bootstrap: str, kafka: Log, unique: Unique, tolerance: str
) -> None:
    topic = unique("large")
    (tmp_path / "in.txt").write_text("first\n" + "x" * 2_000_000 + "\nlast\n")
    worker = WorkerProcess(tmp_path, kafka_bootstrap).connector(
        {
            "name": f"{topic}-in", "connector.class": "FileStreamSource", "topic": topic,
            "file": str(tmp_path / "in.txt"), "value.converter": "StringConverter",
            "errors.tolerance": tolerance, "errors.log.enable": "true",
        }
    )  # fmt: skip
    worker.start().ready()
    if tolerance == "none":
        until(lambda: "-in-0 failed" in worker.log(), "the end of the task")
        assert worker.stop() == 4
    else:
        until(lambda: texts_in(kafka, topic) == [b"first", b"last"], "the records on both sides of it")
        assert worker.stop() == 0
    assert topic in worker.err
    assert "max.request.size" in worker.err
    assert "xxx" not in worker.err
    assert b"first" in texts_in(kafka, topic)


def texts_in(kafka: Log, topic: str) -> list[bytes | None]:
    """The values of a topic's first partition, as far as they are there."""
    consumer = kafka.consumer({})
    try:
        consumer.assign({TopicPartition(topic, 0): -2})
        found = [message.value() for message in consumer.consume(100, 1.0)]
        return [*found, *(message.value() for message in consumer.consume(100, 0.2))]
    except ConnectError:  # it is just being created
        return []
    finally:
        consumer.close()


def test_a_dead_letter_topic_that_cannot_be_made_fails_the_task_before_it_reads(
    tmp_path: Path, kafka_bootstrap: str, unique: Unique
) -> None:
    worker = text_sink(tmp_path / "w", kafka_bootstrap, unique("poison"), dead=unique("dead"))
    worker.start().ready()
    assert worker.stop() == 4
    assert "dead letter topic dead-" in worker.err
    assert "errors.deadletterqueue.topic.replication.factor" in worker.err
    assert "Traceback" not in worker.err


# --- sinks of texts ----------------------------------------------------------------------------------


class Texts:
    """Writes ``partition:number`` to a topic, numbers rising in each partition."""

    def __init__(self, log: Log, topic: str, partitions: int = 1) -> None:
        self.topic = topic
        self.sent: list[str] = []
        self._partitions = partitions
        self._producer = log.producer({})
        admin = log.admin()
        admin.create_topic(topic, partitions=partitions, replication=1)
        admin.close()

    def send(self, count: int) -> None:
        first = len(self.sent)
        batch = []
        for number in range(first, first + count):
            partition = number % self._partitions
            text = f"{partition}:{number}"
            self.sent.append(text)
            batch.append(OutRecord(self.topic, partition, None, text.encode(), None, None))
        outcomes: list[object] = []
        self._producer.send(batch, outcomes.append)
        assert self._producer.flush(30) == 0
        assert outcomes == [[]]

    def close(self) -> None:
        self._producer.close(5)


def text_sink(
    folder: Path, bootstrap: str, topic: str, *, dead: str | None = None, **options: str
) -> WorkerProcess:
    folder.mkdir(exist_ok=True)
    worker = WorkerProcess(
        folder,
        bootstrap,
        consumer_session_timeout_ms="2000",
        consumer_heartbeat_interval_ms="300",
        **options,
    )
    return worker.connector(
        {
            "name": f"{topic}-out", "connector.class": "FileStreamSink", "topics": topic,
            "file": str(folder / "out.txt"), "value.converter": "StringConverter",
            # Three replicas, as is the default, on a cluster of one broker.
            **({} if dead is None else {"errors.deadletterqueue.topic.name": dead}),
        }
    )  # fmt: skip


def assert_in_order(found: list[str]) -> None:
    """In each partition, first sightings come in the order they were written."""
    for partition in {text.partition(":")[0] for text in found}:
        own = [
            int(text.partition(":")[2]) for text in dict.fromkeys(found) if text.startswith(f"{partition}:")
        ]
        assert own == sorted(own)


@pytest.mark.parametrize(
    ("number", "twice"), [(signal.SIGTERM, False), (signal.SIGKILL, True)], ids=["stops", "is killed"]
)
@pytest.mark.parametrize("assignor", ["range", "cooperative-sticky"])
def test_a_second_worker_comes_and_goes(
    tmp_path: Path,
    kafka_bootstrap: str,
    kafka: Log,
    unique: Unique,
    number: signal.Signals,
    twice: bool,
    assignor: str,
) -> None:
    texts = Texts(kafka, unique("shared"), partitions=4)
    options = {"consumer.partition.assignment.strategy".replace(".", "_"): assignor}
    first = text_sink(tmp_path / "1", kafka_bootstrap, texts.topic, **options).start().ready()
    second = text_sink(tmp_path / "2", kafka_bootstrap, texts.topic, **options)
    texts.send(200)
    until(lambda: len(lines(first)) == 200, "the first texts")
    second.start().ready()

    def both_read() -> bool:
        texts.send(40)
        time.sleep(0.05)
        return len(lines(second)) > 100

    until(both_read, "texts at the second worker")
    texts.send(400)
    second.signal(number)
    assert second.wait() in (0, -signal.SIGKILL)
    texts.send(200)
    wanted = set(texts.sent)
    until(lambda: wanted <= {*lines(first), *lines(second)}, "everything at one of the two")
    assert first.stop() == 0, first.err
    texts.close()
    for worker in (first, second):
        assert_in_order(lines(worker))
    if not twice:
        assert len(lines(first)) + len(lines(second)) == len(texts.sent), "a clean stop wrote texts twice"


def delete_up_to(bootstrap: str, topic: str, offset: int) -> None:
    admin = AdminClient({"bootstrap.servers": bootstrap})
    for done in admin.delete_records([KafkaPartition(topic, 0, offset)]).values():
        done.result(30)


@pytest.mark.parametrize("reset", ["earliest", "none"])
def test_records_that_are_gone_before_they_were_read(
    tmp_path: Path, kafka_bootstrap: str, kafka: Log, unique: Unique, reset: str
) -> None:
    texts = Texts(kafka, unique("gone"))
    texts.send(100)
    group = f"connect-{texts.topic}-out"
    admin = kafka.admin()
    admin.set_group_offsets(group, {TopicPartition(texts.topic, 0): 10})
    delete_up_to(kafka_bootstrap, texts.topic, 60)
    worker = text_sink(tmp_path / "w", kafka_bootstrap, texts.topic, consumer_auto_offset_reset=reset)
    worker.start().ready()
    if reset == "none":
        until(lambda: "-0 failed:" in worker.log(), "the end of the task")
        assert worker.stop() == 4
        assert f"{texts.topic}-0" in worker.err
        assert "auto.offset.reset" in worker.err
        assert lines(worker) == []
        assert admin.group_offsets(group) == {TopicPartition(texts.topic, 0): 10}
    else:
        until(lambda: lines(worker) == texts.sent[60:], "what is left")
        assert worker.stop() == 0, worker.err
        assert admin.group_offsets(group) == {TopicPartition(texts.topic, 0): 100}
    admin.close()
    texts.close()
