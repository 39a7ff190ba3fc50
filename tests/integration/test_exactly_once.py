"""Exactly-once sources through a whole worker: boundaries, fencing, and offsets that an operator sets."""

from __future__ import annotations

import json
import time
import uuid
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from connectkit.api import SourceConnector, SourceTask, Support, TopicPartition
from connectkit.config import Config, option
from connectkit.errors import ConfigError
from connectkit.plugin import plugins
from connectkit.record import SourceRecord
from connectkit.runner.configs.worker import WorkerConfig
from connectkit.runner.control import Target, TaskId
from connectkit.runner.herder import Herder
from connectkit.runner.log.api import Log
from connectkit.runner.log.opening import open_log
from connectkit.runner.offset_stores import open_store
from connectkit.runner.source_task import WorkerSourceTask
from connectkit.runner.status import State
from connectkit.runner.variables import make_resolver
from connectkit.runner.worker import Worker

DEADLINE_S = 60.0


class NumbersConfig(Config):
    topic: str = option(doc="Where to.")
    upto: int = option(1_000_000, doc="The last number.")
    batch: int = option(5, doc="Numbers a poll.")
    aborts: str = option("", doc="'odd': abort each second batch.")
    task: int = option(0, doc="Which one it is.")


class NumbersTask(SourceTask[NumbersConfig]):
    """Counts on from its stored offset, in a partition of its own."""

    def start(self) -> None:
        self.where = {"task": self.config.task}
        stored = self.context.offset_reader.offset(self.where)
        self.at = stored["n"] if stored else 0
        self.turn = 0

    def poll(self) -> list[SourceRecord] | None:
        if self.at >= self.config.upto:
            self.context.finished()
            self.context.sleep(0.05)
            return None
        self.context.sleep(0.002)
        numbers = range(self.at + 1, min(self.at + self.config.batch, self.config.upto) + 1)
        self.at = numbers[-1]
        transactions = self.context.transaction_context
        if transactions is not None:
            self.turn += 1
            if self.config.aborts == "odd" and self.turn % 2:
                transactions.abort_transaction()
            else:
                transactions.commit_transaction()
        return [
            SourceRecord(self.where, {"n": n}, self.config.topic, None, {"task": self.config.task, "n": n})
            for n in numbers
        ]

    def stop(self) -> None: ...


class Numbers(SourceConnector[NumbersConfig]):
    task_class = NumbersTask

    def task_configs(self, max_tasks: int) -> Sequence[Mapping[str, str]]:
        own = {name: str(getattr(self.config, name)) for name in ("topic", "upto", "batch", "aborts")}
        return [{**own, "task": str(number)} for number in range(max_tasks)]

    def exactly_once_support(self) -> Support:
        return Support.SUPPORTED

    def can_define_transaction_boundaries(self) -> Support:
        return Support.SUPPORTED


class Site:
    """A log, and workers on it that share a group."""

    def __init__(self, bootstrap: str, folder: Path) -> None:
        self.bootstrap = bootstrap
        self.folder = folder
        self.name = f"numbers-{uuid.uuid4().hex[:10]}"
        self.log: Log = open_log(bootstrap, {})
        self.herders: list[Herder] = []
        admin = self.log.admin()
        admin.create_topic(self.name)
        admin.close()

    def herder(self, **options: str) -> Herder:
        raw = {
            "bootstrap.servers": self.bootstrap,
            "key.converter": "JsonConverter",
            "value.converter": "JsonConverter",
            "value.converter.schemas.enable": "false",
            "offset.storage.topic": f"{self.name}-offsets",
            "offset.storage.partitions": "3",
            "offset.storage.replication.factor": "1",
            "exactly.once.source.support": "enabled",
            "task.shutdown.graceful.timeout.ms": "10000",
            "offset.flush.interval.ms": "50",
            **{key.replace("_", "."): value for key, value in options.items()},
        }
        registry = plugins.clone()
        registry.register("source", "Numbers", Numbers)
        config = WorkerConfig.parse(raw, known=lambda key: True)
        log = open_log(self.bootstrap, {})
        worker = Worker(
            config,
            log=log,
            store=open_store(config, log),
            registry=registry,
            resolver=make_resolver(dict(raw), registry),
        )
        self.herders.append(Herder(worker))
        self.herders[-1].start()
        return self.herders[-1]

    def connector(self, **options: str) -> dict[str, str | None]:
        return {
            "name": self.name,
            "connector.class": "Numbers",
            "topic": self.name,
            **{key.replace("_", "."): value for key, value in options.items()},
        }

    def seen(self, isolation: str = "read_committed") -> list[tuple[int, int]]:
        """Task and number of each record in the topic."""
        where = TopicPartition(self.name, 0)
        admin = self.log.admin()
        end = admin.offsets([where])[where]
        admin.close()
        consumer = self.log.consumer({"isolation.level": isolation})
        consumer.assign({where: 0})
        found: list[tuple[int, int]] = []
        deadline_s = time.monotonic() + DEADLINE_S
        while consumer.position(where) < end:
            assert time.monotonic() < deadline_s
            for message in consumer.consume(5000, 0.1):
                value = json.loads(message.value() or b"")
                found.append((value["task"], value["n"]))
        consumer.close()
        return found

    def close(self) -> None:
        for herder in self.herders:
            herder.stop()
        self.log.close()


@pytest.fixture(params=["embedded", pytest.param("kafka", marks=pytest.mark.kafka)])
def site(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Site]:
    if request.param == "kafka":
        bootstrap = request.getfixturevalue("kafka_bootstrap")
    else:
        (tmp_path / "log").mkdir()
        bootstrap = f"embedded:{tmp_path / 'log'}"
    made = Site(bootstrap, tmp_path)
    yield made
    made.close()


def until(reached: Callable[[], Any], what: str) -> None:
    deadline_s = time.monotonic() + DEADLINE_S
    while not reached():
        assert time.monotonic() < deadline_s, what
        time.sleep(0.02)


def tasks(herder: Herder) -> list[WorkerSourceTask]:
    return [task for task in herder.tasks() if isinstance(task, WorkerSourceTask)]


def done(herder: Herder) -> Callable[[], bool]:
    return lambda: all(task.caught_up for task in tasks(herder))


def once(seen: Sequence[tuple[int, int]], upto: int, task: int = 0) -> None:
    assert [n for owner, n in seen if owner == task] == list(range(1, upto + 1))


def test_all_arrives_once_and_the_next_worker_goes_on(site: Site) -> None:
    first = site.herder()
    first.put(site.connector(upto="40", exactly_once_support="required"))
    until(done(first), "the first worker did not finish")
    assert first.stop()
    second = site.herder()
    second.put(site.connector(upto="60"))
    until(done(second), "the second worker did not finish")
    once(site.seen(), 60)
    assert tasks(second)[0].counters.written.total == 20
    assert list(second.offsets(site.name)) == [({"task": 0}, {"n": 60})]


def test_the_connectors_own_transactions(site: Site) -> None:
    herder = site.herder()
    herder.put(site.connector(upto="40", aborts="odd", transaction_boundary="connector"))
    until(lambda: tasks(herder)[0].finished and not tasks(herder)[0].outlet.in_flight, "it did not finish")
    assert [n for _, n in site.seen()] == [n for n in range(1, 41) if (n - 1) // 5 % 2]
    assert list(herder.offsets(site.name)) == [({"task": 0}, {"n": 40})]


def test_a_newer_worker_fences_the_older(site: Site) -> None:
    older, newer = site.herder(), site.herder()
    older.put(site.connector(upto="1000000"))
    until(lambda: tasks(older)[0].counters.written.total > 20, "nothing came")
    newer.put(site.connector(upto="1000000"))
    until(lambda: older.status(site.name).tasks[TaskId(site.name, 0)].state is State.FAILED, "not fenced")
    trace = older.status(site.name).tasks[TaskId(site.name, 0)].trace or ""
    assert "lost its transactional id" in trace
    assert tasks(older)[0].lives == 1
    written = tasks(newer)[0].counters.written
    before = written.total
    until(lambda: written.total > before + 20, "the newer one did not go on")
    newer.stop()
    seen = site.seen()
    once(seen, len(seen))


def test_all_earlier_tasks_are_fenced_where_there_are_fewer(site: Site) -> None:
    older, newer = site.herder(), site.herder()
    older.put(site.connector(tasks_max="3"))
    until(lambda: all(task.counters.written.total > 10 for task in tasks(older)), "nothing came")
    newer.put(site.connector(tasks_max="1"))
    states = older.status(site.name).tasks
    until(lambda: len(older.status(site.name).tasks) == 3, "tasks are missing")
    until(
        lambda: all(each.state is State.FAILED for each in older.status(site.name).tasks.values()),
        f"not all were fenced: {states}",
    )
    newer.stop()
    counted = Counter(site.seen())
    assert set(counted.values()) == {1}


def test_offsets_that_an_operator_sets_are_where_it_goes_on(site: Site) -> None:
    herder = site.herder()
    herder.put(site.connector(upto="20"))
    until(done(herder), "it did not finish")
    herder.set_target(site.name, Target.STOPPED)
    herder.alter_offsets(site.name, [({"task": 0}, {"n": 15})])
    herder.set_target(site.name, Target.STARTED)
    until(lambda: tasks(herder) and done(herder)(), "it did not finish again")
    assert [n for _, n in site.seen()] == [*range(1, 21), *range(16, 21)]
    herder.set_target(site.name, Target.STOPPED)
    herder.reset_offsets(site.name)
    assert list(herder.offsets(site.name)) == []


def test_a_connector_with_an_offset_topic_of_its_own(site: Site) -> None:
    herder = site.herder()
    herder.put(site.connector(upto="10"))
    until(done(herder), "it did not finish")
    own = site.connector(upto="20", offsets_storage_topic=f"{site.name}-own")
    herder.put(own, replace=True)
    until(done(herder), "it did not finish with its own topic")
    assert tasks(herder)[0].counters.written.total == 10
    herder.put(site.connector(upto="30"), replace=True)  # and back
    until(done(herder), "it did not finish without it")
    once(site.seen(), 30)


def test_offsets_in_a_topic_without_transactions(site: Site) -> None:
    first = site.herder(exactly_once_source_support="disabled")
    first.put(site.connector(upto="40"))
    until(done(first), "it did not finish")
    assert first.stop()
    second = site.herder(exactly_once_source_support="disabled")
    second.put(site.connector(upto="50"))
    until(done(second), "it did not finish")
    once(site.seen("read_uncommitted"), 50)
    with pytest.raises(ConfigError, match=r"exactly\.once\.source\.support=enabled"):
        second.put({**site.connector(exactly_once_support="required"), "name": "other"})


def test_pausing_leaves_no_transaction_open(site: Site) -> None:
    herder = site.herder()
    herder.put(site.connector(transaction_boundary="interval", transaction_boundary_interval_ms="600000"))
    until(lambda: tasks(herder)[0].outlet.in_flight > 20, "nothing was sent")
    assert site.herders
    herder.set_target(site.name, Target.PAUSED)
    until(lambda: tasks(herder)[0].outlet.in_flight == 0, "it was not committed")
    once(site.seen(), len(site.seen()))
    assert len(site.seen()) > 20


def test_tasks_in_processes_of_their_own(site: Site) -> None:
    herder = site.herder()
    herder.put(site.connector(upto="40", tasks_max="2", task_isolation="process"))
    until(lambda: len(site.seen()) >= 80, "not all came")
    once(site.seen(), 40, task=0)
    once(site.seen(), 40, task=1)
    offsets = sorted((where["task"], at["n"]) for where, at in herder.offsets(site.name) if where and at)
    assert offsets == [(0, 40), (1, 40)]
