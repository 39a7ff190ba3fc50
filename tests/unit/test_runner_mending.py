"""Tasks and connectors that heal: what fails in passing comes back, by the connector's own policy."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import ClassVar

import pytest

from connectkit.api import SourceConnector, SourceTask
from connectkit.config import Config, option
from connectkit.errors import ConnectError, DataError, FatalTaskError, RetriableError
from connectkit.plugin import Registry
from connectkit.record import SourceRecord
from connectkit.runner.configs.files import ConfigFile
from connectkit.runner.control import Target, TaskId
from connectkit.runner.herder import Herder
from connectkit.runner.mending import options_policy
from connectkit.runner.standalone import create_connectors
from connectkit.runner.status import State
from tests.support.gates import gate_registry, own_config, running_herder
from tests.support.process import until

ERRORS: Mapping[str, Exception] = {
    "refused": ConnectionRefusedError(111, "Connection refused"),
    "later": RetriableError("later"),
    "data": DataError("never"),
    "value": ValueError("a value that no log may show"),
    "probe": ConnectError("probe"),
    "fatal": FatalTaskError("stop"),
}


class FlakyConfig(Config):
    where: str = option("", doc="The call that fails.")
    how: str = option("", doc="What it raises.")


class Flaky:
    """Fails in the named call for as many times as the test says."""

    config: FlakyConfig
    left: ClassVar[int] = 0
    failed: ClassVar[int] = 0

    def fail_here(self, where: str) -> None:
        if self.config.where == where and Flaky.left:
            Flaky.left -= 1
            Flaky.failed += 1
            raise ERRORS[self.config.how]


class FlakyTask(Flaky, SourceTask[FlakyConfig]):
    """Emits nothing."""

    def __init__(self, config: FlakyConfig) -> None:
        super().__init__(config)
        self.fail_here("task.init")

    def start(self) -> None:
        self.fail_here("task.start")

    def poll(self) -> list[SourceRecord] | None:
        self.fail_here("poll")
        self.context.sleep(0.01)
        return None

    def stop(self) -> None:
        pass


class FlakySource(Flaky, SourceConnector[FlakyConfig]):
    """Fails as its task does."""

    task_class = FlakyTask

    def start(self) -> None:
        self.fail_here("start")

    def task_configs(self, max_tasks: int) -> Sequence[Mapping[str, str]]:
        self.fail_here("task_configs")
        return [own_config(self)]


def registry() -> Registry:
    made = gate_registry()
    made.register("source", "FlakySource", FlakySource)
    return made


@pytest.fixture
def herder(tmp_path: Path) -> Iterator[Herder]:
    Flaky.left = Flaky.failed = 0
    with running_herder(tmp_path, registry()) as made:
        yield made


def flaky(where: str, how: str, times: int, **more: str) -> dict[str, str | None]:
    Flaky.left = times
    options = {key.replace("_", "."): value for key, value in more.items()}
    return {
        "name": "flaky",
        "connector.class": "FlakySource",
        "where": where,
        "how": how,
        "task.restart.delay.ms": "1",
        **options,
    }


TASK = TaskId("flaky", 0)


def states(herder: Herder) -> list[str]:
    status = herder.status("flaky")
    return [status.connector.state.value, *(task.state.value for task in status.tasks.values())]


def settled(herder: Herder, *wanted: str) -> None:
    until(
        lambda: not herder.mender.pending() and states(herder) == list(wanted),
        f"{wanted}, but it is {states(herder)}",
    )


@pytest.mark.parametrize("where", ["task.init", "task.start"])
@pytest.mark.parametrize("how", ["refused", "later"])
def test_a_task_heals_after_passing_faults(herder: Herder, where: str, how: str) -> None:
    herder.put(flaky(where, how, 3))
    until(lambda: Flaky.failed == 3, "the failures")
    settled(herder, "RUNNING", "RUNNING")
    assert herder.mender.healer.restarts(TASK) == 3


@pytest.mark.parametrize("how", ["value", "probe", "fatal", "data"])
def test_other_failures_stay_as_kafka_connect_leaves_them(herder: Herder, how: str) -> None:
    herder.put(flaky("poll", how, 1))
    until(lambda: states(herder) == ["RUNNING", "FAILED"], "the failure")
    assert not herder.mender.heals(TASK)
    assert herder.mender.healer.note(TASK)


@pytest.mark.parametrize("how", ["value", "probe", "fatal"])
def test_backoff_restarts_after_unexpected_errors_too(herder: Herder, how: str) -> None:
    herder.put(flaky("poll", how, 2, task_restart_policy="backoff"))
    until(lambda: Flaky.failed == 2, "the failures")
    settled(herder, "RUNNING", "RUNNING")


def test_none_is_kafka_connects_way(herder: Herder) -> None:
    herder.put(flaky("task.start", "refused", 1, task_restart_policy="none"))
    until(lambda: states(herder) == ["RUNNING", "FAILED"], "the failure")
    assert not herder.mender.heals(TASK)
    herder.restart_task(TASK)
    settled(herder, "RUNNING", "RUNNING")


def test_a_budget_leaves_the_task_failed_until_an_operator_restarts_it(herder: Herder) -> None:
    herder.put(flaky("poll", "value", 5, task_restart_policy="backoff", task_restart_max="3"))
    until(lambda: Flaky.failed == 4 and states(herder) == ["RUNNING", "FAILED"], "the end of the budget")
    assert "task.restart.max" in (herder.mender.healer.note(TASK) or "")
    herder.restart_task(TASK)
    until(lambda: Flaky.failed == 5, "one more failure")
    settled(herder, "RUNNING", "RUNNING")


@pytest.mark.parametrize("where", ["start", "task_configs"])
def test_a_connector_heals_and_gets_its_tasks(herder: Herder, where: str) -> None:
    with pytest.raises(OSError, match="refused"):
        herder.put(flaky(where, "refused", 3))
    until(lambda: Flaky.failed == 3, "the failures")
    settled(herder, "RUNNING", "RUNNING")
    assert herder.mender.healer.restarts("flaky") == 3


def test_a_connector_that_raises_an_error_by_its_context_heals_and_its_tasks_run_on(herder: Herder) -> None:
    herder.put(flaky("", "", 0))
    settled(herder, "RUNNING", "RUNNING")
    tasks = herder.tasks()
    herder._entries["flaky"].connector.fail(RetriableError("the database has gone"))
    settled(herder, "RUNNING", "RUNNING")
    assert herder.mender.healer.restarts("flaky") == 1
    assert herder.tasks() == tasks


def test_what_an_operator_does_ends_what_was_planned(herder: Herder) -> None:
    slow = {"task_restart_delay_ms": "600000", "task_restart_delay_max_ms": "600000"}
    herder.put(flaky("task.start", "refused", 1, **slow))
    until(lambda: herder.mender.heals(TASK), "the plan")
    herder.restart_task(TASK)
    assert not herder.mender.pending()
    settled(herder, "RUNNING", "RUNNING")

    herder.put(flaky("task.start", "refused", 1, **slow), replace=True)
    until(lambda: herder.mender.heals(TASK), "the plan")
    herder.set_target("flaky", Target.STOPPED)
    assert not herder.mender.pending()
    Flaky.left = 1
    herder.set_target("flaky", Target.STARTED)
    until(lambda: herder.mender.heals(TASK), "the plan")
    herder.delete("flaky")
    assert not herder.mender.pending()


def test_a_failed_task_of_a_paused_connector_heals_into_its_pause(herder: Herder) -> None:
    herder.put(flaky("task.start", "refused", 1, task_restart_delay_ms="300"))
    until(lambda: herder.mender.heals(TASK), "the plan")
    herder.set_target("flaky", Target.PAUSED)
    settled(herder, "PAUSED", "PAUSED")


def test_the_status_is_failed_while_a_restart_waits(herder: Herder) -> None:
    herder.put(flaky("task.start", "refused", 1, task_restart_delay_ms="600000"))
    until(lambda: herder.mender.heals(TASK), "the plan")
    until(lambda: states(herder) == ["RUNNING", "FAILED"], "the state")
    status = herder.status("flaky").tasks[TASK]
    assert status.state is State.FAILED
    assert "Connection refused" in (status.trace or "")


def test_a_stop_of_the_worker_restarts_nothing(herder: Herder) -> None:
    herder.put(flaky("task.start", "refused", 1, task_restart_delay_ms="600000"))
    until(lambda: herder.mender.heals(TASK), "the plan")
    threads = threading.active_count()
    assert herder.stop()
    assert threading.active_count() <= threads


def test_a_policy_that_cannot_be_read_is_the_default() -> None:
    assert options_policy({"task.restart.policy": "${vault:x:y}"}).mode == "transient"
    assert options_policy({"task.restart.policy": "none", "task.restart.max": None}).mode == "none"


def test_the_command_line_waits_for_a_connector_that_heals(herder: Herder, tmp_path: Path) -> None:
    def file(config: dict[str, str | None]) -> ConfigFile:
        return ConfigFile(path=tmp_path / "flaky.json", config=config)

    create_connectors(herder, [file(flaky("start", "refused", 2))])
    settled(herder, "RUNNING", "RUNNING")
    herder.delete("flaky")
    for how in ("value", "probe"):
        with pytest.raises(ConnectError, match=r"flaky\.json"):
            create_connectors(herder, [file(flaky("start", how, 1))])
        herder.delete("flaky")
