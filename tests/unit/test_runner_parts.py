"""The small parts of the worker: control, counters, statuses, client settings, the commit thread."""

from __future__ import annotations

import io
import logging
import threading
from typing import Any

from connectkit.errors import ConversionError, FatalTaskError
from connectkit.runner.clients import ClientConfigs
from connectkit.runner.commit_schedule import CommitSchedule
from connectkit.runner.configs.connector import SinkConnectorConfig, SourceConnectorConfig
from connectkit.runner.configs.worker import WorkerConfig
from connectkit.runner.control import Control, TaskId
from connectkit.runner.counters import CommitCounters, SinkCounters, SourceCounters, Windowed
from connectkit.runner.observe import log_context, set_up_logging
from connectkit.runner.status import State, StatusStore, trace_of
from tests.support.process import until

TASK = TaskId("orders", 1)

SECTION_8 = {
    "source": """source-record-poll-rate source-record-poll-total source-record-write-rate
        source-record-write-total poll-batch-max-time-ms poll-batch-avg-time-ms source-record-active-count
        source-record-active-count-max transaction-size-avg transaction-size-max transaction-size-min""",
    "sink": """sink-record-read-rate sink-record-read-total sink-record-send-rate sink-record-send-total
        partition-count offset-commit-seq-no offset-commit-completion-rate offset-commit-completion-total
        offset-commit-skip-rate offset-commit-skip-total put-batch-max-time-ms put-batch-avg-time-ms
        sink-record-active-count sink-record-active-count-max""",
    "both": """offset-commit-max-time-ms offset-commit-avg-time-ms batch-size-max batch-size-avg
        offset-commit-failure-percentage offset-commit-success-percentage total-record-failures
        total-record-errors total-records-skipped total-retries total-errors-logged
        deadletterqueue-produce-requests deadletterqueue-produce-failures last-error-timestamp""",
}


def test_counters_have_the_names_of_connects_metrics() -> None:
    assert set(SourceCounters(0).metrics(1)) == set((SECTION_8["source"] + " " + SECTION_8["both"]).split())
    assert set(SinkCounters(0).metrics(1)) == set((SECTION_8["sink"] + " " + SECTION_8["both"]).split())


def test_rates_look_at_the_last_two_windows() -> None:
    seen = Windowed(0.0, window_s=10.0)
    seen.record(100, 1.0)
    assert seen.rate(5.0) == 20.0
    seen.record(50, 12.0)
    assert seen.rate(15.0) == 10.0
    assert seen.average(15.0) == 75.0
    assert seen.maximum(15.0) == 100.0
    assert seen.rate(100.0) == 0.0
    assert seen.total == 150


def test_commit_percentages_add_up() -> None:
    commits = CommitCounters(0.0)
    for success in (True, True, True, False):
        commits.committed(0.01, 1.0, success=success)
    found = commits.metrics(2.0)
    assert found["offset-commit-success-percentage"] == 0.75
    assert found["offset-commit-failure-percentage"] == 0.25
    assert found["offset-commit-max-time-ms"] == 10.0


def test_active_records_are_those_on_their_way() -> None:
    counters = SourceCounters(0.0)
    counters.polled.record(10, 0.0)
    counters.finished += 4
    assert counters.active == 6


def test_a_stop_wakes_whoever_waits() -> None:
    control = Control()
    done = []
    threads = [
        threading.Thread(target=lambda wait=wait: done.append(wait()))
        for wait in (lambda: control.sleep(60), lambda: control.wait(60), control.wait_while_paused)
    ]
    control.pause()
    for thread in threads:
        thread.start()
    control.stop()
    for thread in threads:
        thread.join(10)
    # The middle one may have been woken by neither, if the stop came before it began to wait.
    assert done == [True, True, True]


def test_sleep_ignores_what_is_no_stop_and_resume_ends_a_pause() -> None:
    control = Control(paused=True)
    control.wake()
    assert control.sleep(0.0) is False
    control.resume()
    assert control.wait_while_paused() is False
    assert control.wait(0.0) is False


def test_cancelling_stops_too() -> None:
    control = Control()
    control.cancel()
    assert control.stopping
    assert control.cancelled


def test_statuses_are_kept_by_connector_and_task() -> None:
    store = StatusStore("here")
    told: list[int] = []
    store.listen(lambda: told.append(1))
    store.set_connector("orders", State.RUNNING)
    store.set_task(TaskId("orders", 0), State.RUNNING)
    store.set_task(TASK, State.FAILED, "trace")
    store.set_task(TaskId("other", 0), State.RUNNING)
    assert [t.task for t in store.tasks("orders")] == [0, 1]
    found = store.task(TASK)
    assert found is not None
    assert (found.state, found.trace, found.worker_id) == (State.FAILED, "trace", "here")
    store.forget_tasks("orders", keep=1)
    assert store.task(TASK) is None
    store.forget("orders")
    assert store.connector("orders") is None
    assert store.tasks("other")
    assert len(told) == 4


def test_a_trace_shows_sentences_and_places_but_no_foreign_message() -> None:
    try:
        try:
            raise KeyError("4111-1111")
        except KeyError as exc:
            raise ConversionError("The value does not fit", path="$.card") from exc
    except ConversionError as exc:
        trace = trace_of(exc)
    assert trace.startswith(
        "ConversionError: The value does not fit (at $.card)\n    at test_runner_parts.py:"
    )
    assert "Caused by: KeyError\n" in trace
    assert "4111" not in trace


def test_log_lines_carry_connector_and_task() -> None:
    stream = io.StringIO()
    set_up_logging(stream=stream)
    with log_context("[orders|task-1] "):
        logging.getLogger("x").info("inside")
    logging.getLogger("x").info("outside")
    first, second = stream.getvalue().splitlines()
    assert "INFO  [orders|task-1] inside" in first
    assert "INFO  outside" in second


WORKER = WorkerConfig.parse(
    {
        "bootstrap.servers": "a:1,b:2",
        "key.converter": "K",
        "value.converter": "V",
        "offset.storage.file.filename": "f",
        "security.protocol": "SSL",
        "ssl.truststore.type": "PEM",
        "client.id": "mine",
        "producer.acks": "1",
        "producer.linger.ms": "7",
        "consumer.max.poll.records": "9",
        "admin.retries": "3",
    },
    known=lambda key: True,
)


def test_a_producer_is_derived_as_connect_does() -> None:
    connector = SourceConnectorConfig.parse(
        {
            "name": "orders",
            "connector.class": "C",
            "producer.override.linger.ms": "8",
            "producer.override.x": None,
        }
    )
    assert ClientConfigs(WORKER).producer(TASK, connector) == {
        "bootstrap.servers": "a:1,b:2",
        "client.id": "connector-producer-orders-1",
        "max.block.ms": "9223372036854775807",
        "acks": "1",
        "max.in.flight.requests.per.connection": "1",
        "delivery.timeout.ms": "2147483647",
        "linger.ms": "8",
    }


def test_a_consumer_is_derived_as_connect_does() -> None:
    connector = SinkConnectorConfig.parse(
        {"name": "orders", "connector.class": "C", "topics": "t", "consumer.override.group.id": "other"}
    )
    assert ClientConfigs(WORKER).consumer(TASK, connector) == {
        "bootstrap.servers": "a:1,b:2",
        "client.id": "connector-consumer-orders-1",
        "group.id": "other",
        "enable.auto.commit": "false",
        "auto.offset.reset": "earliest",
        "max.poll.records": "9",
    }


def test_an_admin_inherits_the_workers_own_settings() -> None:
    assert ClientConfigs(WORKER).admin() == {
        "bootstrap.servers": "a:1,b:2",
        "client.id": "mine",
        "security.protocol": "SSL",
        "ssl.truststore.type": "PEM",
        "retries": "3",
    }


class _Committing:
    """A task that notes its commits."""

    failed = False
    id = TASK

    def __init__(self, enough: int) -> None:
        self.enough = enough
        self.count = 0
        self.reached = threading.Event()

    def commit_offsets(self) -> bool:
        self.count += 1
        if self.count >= self.enough:
            self.reached.set()
        raise FatalTaskError("the thread must survive this")


def test_the_commit_thread_serves_each_task_until_it_is_removed() -> None:
    schedule = CommitSchedule(0.001)
    one: Any = _Committing(3)
    two: Any = _Committing(3)
    schedule.add(one)
    schedule.add(two)
    assert one.reached.wait(30)
    assert two.reached.wait(30)
    schedule.remove(one)
    schedule.stop()


class _Hanging(_Committing):
    def __init__(self) -> None:
        super().__init__(1)
        self.go_on = threading.Event()

    def commit_offsets(self) -> bool:
        self.reached.set()
        return self.go_on.wait(60)


def test_a_commit_that_hangs_holds_up_no_other() -> None:
    schedule = CommitSchedule(0.001)
    hanging: Any = [_Hanging() for _ in range(3)]
    good: Any = _Committing(500)
    for each in (*hanging, good):
        schedule.add(each)
    assert good.reached.wait(30)
    assert all(each.reached.is_set() for each in hanging)
    assert 4 <= len(schedule._threads) <= 6
    schedule.stop(0.0)
    for each in hanging:
        each.go_on.set()
    until(lambda: not schedule._threads, "the end of its threads")


def test_a_failed_task_is_not_committed() -> None:
    schedule = CommitSchedule(0.001)
    bad: Any = _Committing(1)
    bad.failed = True
    good: Any = _Committing(5)
    schedule.add(bad)
    schedule.add(good)
    assert good.reached.wait(30)
    schedule.stop()
    assert bad.count == 0


def test_a_trace_says_a_class_without_words_once() -> None:
    assert trace_of(ConnectionResetError("a value")) == "ConnectionResetError"
    assert trace_of(FatalTaskError()) == "FatalTaskError"
    assert trace_of(ConnectionResetError(104, "Connection reset")).startswith(
        "ConnectionResetError: Connection reset"
    )
