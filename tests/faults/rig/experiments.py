"""The experiments by name: which the rig runs, on what, and which tests stand for those it does not."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from tests.faults.rig import (
    broker_faults,
    huge,
    network_faults,
    poison,
    request_faults,
    scarcity,
    state_files,
    worker_faults,
)
from tests.faults.rig.bench import Bench
from tests.faults.rig.verdict import Verdict

LOGS = ("memory", "embedded", "mock", "kafka")


@dataclass(frozen=True, slots=True, kw_only=True)
class Experiment:
    """``run`` None: the tests named in ``covered_by`` make it."""

    title: str
    run: Callable[[Bench], Iterator[Verdict]] | None = None
    logs: Sequence[str] = ()
    covered_by: Sequence[str] = ()


_ALL = ("embedded", "mock", "kafka")

EXPERIMENTS: dict[str, Experiment] = {
    "F1": Experiment(title="kill -9 of a sink's worker", run=worker_faults.sink_killed, logs=LOGS),
    "F2": Experiment(title="kill -9 of a source's worker", run=worker_faults.source_killed, logs=LOGS),
    "F3": Experiment(
        title="kill -9 of an exactly-once source's worker",
        run=worker_faults.exactly_once_killed,
        logs=("embedded", "kafka"),
    ),
    "F4": Experiment(title="clean stops and starts", run=worker_faults.bounced, logs=_ALL),
    "F5": Experiment(title="a worker frozen for two sessions", run=worker_faults.frozen, logs=_ALL),
    "F6": Experiment(title="brokers die", run=broker_faults.brokers_die, logs=("mock", "kafka")),
    "F7": Experiment(
        title="requests are answered with errors", run=request_faults.requests_fail, logs=("mock",)
    ),
    "F8": Experiment(
        title="the network to the broker breaks", run=network_faults.network_breaks, logs=("kafka",)
    ),
    "F10": Experiment(title="brokers answer late", run=broker_faults.slow_brokers, logs=("mock",)),
    "F12": Experiment(title="poison, and a dead letter queue", run=poison.poisoned, logs=_ALL),
    "F15": Experiment(
        title="the system that a sink writes to is down", run=worker_faults.system_down, logs=_ALL
    ),
    "F16": Experiment(title="the dead letter queue refuses", run=poison.letters_refused, logs=_ALL),
    "F17": Experiment(title="the disk of the offsets is full", run=scarcity.disk_full, logs=("embedded",)),
    "F18": Experiment(
        title="kill -9 while the offset file is written", run=state_files.torn_files, logs=("embedded",)
    ),
    "F21": Experiment(title="huge records", run=huge.huge_records, logs=("embedded", "kafka")),
    "F26": Experiment(title="memory is short", run=scarcity.memory_short, logs=("embedded",)),
    "F11": Experiment(
        title="the registry is down, slow, or answers nonsense",
        covered_by=(
            "tests/integration/test_registry_http.py::test_known_schemas_flow_on_while_the_registry_is_down",
            "tests/unit/test_converters_registry_http.py::test_a_slow_or_broken_answer_ends_in_time",
            "tests/unit/test_converters_registry_http.py::test_redirects_are_not_followed",
            "tests/unit/test_converters_registry_http.py::test_a_large_answer_is_not_read_to_its_end",
        ),
    ),
    "F13": Experiment(
        title="a record that kills the process",
        covered_by=(
            "tests/integration/test_crash_journal.py::test_a_poisonous_record_parks_its_task_at_the_second_death",
        ),
    ),
    "F14": Experiment(
        title="plugins that hang",
        covered_by=(
            "tests/unit/test_runner_watchdog.py::test_a_source_that_hangs_is_given_up_and_healed",
            "tests/unit/test_runner_watchdog.py::test_a_sink_that_hangs_is_given_up_and_its_records_go_to_the_next",
            "tests/unit/test_runner_hung_connectors.py::test_others_are_created_read_and_changed_while_one_hangs",
            "tests/integration/test_isolation.py::test_a_plugin_that_hangs_is_killed_by_the_deadline",
        ),
    ),
    "F19": Experiment(
        title="the same task twice",
        covered_by=(
            "tests/unit/test_runner_eos_task.py",
            "tests/integration/test_exactly_once.py::test_a_newer_worker_fences_the_older",
            "tests/integration/test_exactly_once.py::test_all_earlier_tasks_are_fenced_where_there_are_fewer",
        ),
    ),
    "F24": Experiment(
        title="offsets out of range, topics deleted",
        covered_by=(
            "tests/integration/test_kafka_faults.py::test_records_that_are_gone_before_they_were_read",
            "tests/integration/test_kafka_faults.py::test_a_topic_that_is_deleted_stops_nothing",
            "tests/integration/test_topic_changes.py",
        ),
    ),
    "F25": Experiment(
        title="no more threads",
        covered_by=(
            "tests/unit/test_runner_watchdog.py::test_threads_that_cannot_be_started_fail_a_task_until_they_can",
        ),
    ),
    "F28": Experiment(title="storms of changes", covered_by=("tests/integration/test_rest_churn.py",)),
}
