"""The herder on an embedded log: states, pauses, restarts, reconfiguration, variables."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

import pytest

from connectkit.api import SourceConnector, SourceTask
from connectkit.config import Config, option
from connectkit.errors import ConfigError, ConflictError, ConnectError, NotFoundError
from connectkit.plugin import plugins
from connectkit.record import SourceRecord
from connectkit.runner.configs.worker import WorkerConfig
from connectkit.runner.control import Target, TaskId
from connectkit.runner.herder import Herder
from connectkit.runner.log.opening import open_log
from connectkit.runner.offset_file import OffsetFile
from connectkit.runner.status import State
from connectkit.runner.variables import make_resolver
from connectkit.runner.worker import Worker
from tests.support.plugins import TroubleSink, TroubleSource
from tests.support.process import until


class CountConfig(Config):
    tables: str = option("a", doc="Tables to read.")
    password: str = option("", doc="A secret.")


class CountTask(SourceTask[CountConfig]):
    """Emits nothing until told."""

    started: ClassVar[list[str]] = []

    def start(self) -> None:
        self.started.append(f"{self.config.tables}/{self.config.password}")

    def poll(self) -> list[SourceRecord] | None:
        self.context.sleep(0.01)
        return None

    def stop(self) -> None:
        pass


class CountSource(SourceConnector[CountConfig]):
    """A task for each table; the tables may change."""

    task_class = CountTask
    tables: ClassVar[str] = ""
    made: ClassVar[list[CountSource]] = []

    def start(self) -> None:
        self.made.append(self)

    def task_configs(self, max_tasks: int) -> Sequence[Mapping[str, str]]:
        names = (self.tables or self.config.tables).split("+")
        own = {key: str(value) for key, value in self.config.originals.items()}
        return [{**own, "tables": name} for name in names]


@pytest.fixture
def herder(tmp_path: Path) -> Iterator[Herder]:
    (tmp_path / "log").mkdir()
    (tmp_path / "secrets.properties").write_text("word=hunter2\n")
    raw = {
        "bootstrap.servers": f"embedded:{tmp_path / 'log'}",
        "key.converter": "JsonConverter",
        "value.converter": "JsonConverter",
        "offset.storage.file.filename": str(tmp_path / "offsets"),
        "offset.flush.interval.ms": "50",
        "task.shutdown.graceful.timeout.ms": "1000",
        "config.providers": "file",
        "config.providers.file.class": "FileConfigProvider",
        "config.providers.file.param.allowed.paths": str(tmp_path),
    }
    registry = plugins.clone()
    registry.register("source", "TroubleSource", TroubleSource)
    registry.register("sink", "TroubleSink", TroubleSink)
    registry.register("source", "CountSource", CountSource)
    config = WorkerConfig.parse(raw, known=lambda key: True)
    worker = Worker(
        config,
        log=open_log(config.bootstrap, {}),
        store=OffsetFile(tmp_path / "offsets"),
        registry=registry,
        resolver=make_resolver(raw, registry),
    )
    made = Herder(worker)
    made.start()
    CountTask.started.clear()
    CountSource.made.clear()
    CountSource.tables = ""
    yield made
    made.stop()


def numbers(**more: str) -> dict[str, str | None]:
    return {"name": "numbers", "connector.class": "TroubleSource", **more}


def states(herder: Herder, name: str) -> list[str]:
    status = herder.status(name)
    return [status.connector.state.value, *(task.state.value for task in status.tasks.values())]


def reach(herder: Herder, name: str, *wanted: str) -> None:
    until(lambda: states(herder, name) == list(wanted), f"{wanted}, but it is {states(herder, name)}")


def produced(herder: Herder) -> Callable[[], float]:
    return lambda: sum(t.counters.written.total for t in herder.tasks() if t.kind == "source")  # type: ignore[attr-defined]


def test_a_connector_is_created_once(herder: Herder) -> None:
    assert herder.put(numbers())
    reach(herder, "numbers", "RUNNING", "RUNNING")
    with pytest.raises(ConflictError, match="numbers"):
        herder.put(numbers())
    assert not herder.put(numbers(topic="other"), replace=True)
    reach(herder, "numbers", "RUNNING", "RUNNING")
    assert herder.connectors() == ["numbers"]
    info = herder.info("numbers")
    assert (info.type, info.config["topic"], list(info.tasks)) == ("source", "other", [TaskId("numbers", 0)])


def test_problems_are_told_before_anything_starts(herder: Herder) -> None:
    with pytest.raises(ConfigError) as caught:
        herder.put(
            {"name": "x", "connector.class": "TroubleSource", "tasks.max": "abc", "errors.tolerance": "q"}
        )
    assert {"tasks.max", "errors.tolerance"} <= set(caught.value.problems)
    assert herder.connectors() == []


def test_a_paused_connector_stops_producing_until_resumed(herder: Herder) -> None:
    herder.put(numbers())
    written = produced(herder)
    until(written, "the first records")
    herder.set_target("numbers", Target.PAUSED)
    reach(herder, "numbers", "PAUSED", "PAUSED")
    before = written()
    herder.set_target("numbers", Target.STARTED)
    until(lambda: written() > before, "records after the pause")
    reach(herder, "numbers", "RUNNING", "RUNNING")


def test_a_stopped_connector_has_no_tasks_and_starts_again(herder: Herder) -> None:
    herder.put(numbers())
    reach(herder, "numbers", "RUNNING", "RUNNING")
    herder.set_target("numbers", Target.STOPPED)
    assert states(herder, "numbers") == ["STOPPED"]
    assert herder.tasks() == []
    herder.set_target("numbers", Target.STARTED)
    reach(herder, "numbers", "RUNNING", "RUNNING")


def test_a_connector_may_be_created_paused_or_stopped(herder: Herder) -> None:
    herder.put(numbers(), target=Target.PAUSED)
    reach(herder, "numbers", "PAUSED")  # as in Kafka, it is not asked for tasks before it is resumed
    assert produced(herder)() == 0
    herder.put({**numbers(), "name": "second"}, target=Target.STOPPED)
    assert states(herder, "second") == ["STOPPED"]


def test_a_failed_task_stays_failed_until_it_is_restarted(herder: Herder) -> None:
    herder.put(numbers(where="poll", how="fail"))
    reach(herder, "numbers", "RUNNING", "FAILED")
    trace = herder.status("numbers").tasks[TaskId("numbers", 0)].trace
    assert trace is not None
    assert "ValueError" in trace
    assert "a value that no log may show" not in trace
    before = herder.tasks()[0]
    herder.restart_task(TaskId("numbers", 0))
    until(lambda: herder.tasks()[0] is not before and states(herder, "numbers")[1] == "FAILED", "the restart")
    with pytest.raises(NotFoundError):
        herder.restart_task(TaskId("numbers", 7))


def test_restarting_only_what_failed_leaves_the_rest(herder: Herder) -> None:
    herder.put(numbers())
    reach(herder, "numbers", "RUNNING", "RUNNING")
    before = herder.tasks()
    herder.restart_connector("numbers", include_tasks=True, only_failed=True)
    assert herder.tasks() == before
    herder.restart_connector("numbers", include_tasks=True)
    assert herder.tasks() != before
    reach(herder, "numbers", "RUNNING", "RUNNING")


def test_a_task_that_cannot_be_built_is_failed_and_can_be_restarted(herder: Herder) -> None:
    herder.put(numbers())
    entry = herder._entries["numbers"]
    entry.task_configs[0]["count"] = "many"
    herder.restart_task(TaskId("numbers", 0))
    assert states(herder, "numbers") == ["RUNNING", "FAILED"]
    entry.task_configs[0]["count"] = "0"
    herder.restart_task(TaskId("numbers", 0))
    reach(herder, "numbers", "RUNNING", "RUNNING")


def test_a_connector_gets_new_tasks_when_it_asks(herder: Herder) -> None:
    herder.put({"name": "count", "connector.class": "CountSource", "tables": "a+b", "tasks.max": "5"})
    reach(herder, "count", "RUNNING", "RUNNING", "RUNNING")
    before = herder.tasks()
    CountSource.made[0].context.request_task_reconfiguration()
    CountSource.tables = "a+b+c"
    CountSource.made[0].context.request_task_reconfiguration()
    reach(herder, "count", "RUNNING", "RUNNING", "RUNNING", "RUNNING")
    assert herder.tasks() != before
    CountSource.tables = "c"
    CountSource.made[0].context.request_task_reconfiguration()
    reach(herder, "count", "RUNNING", "RUNNING")
    assert CountTask.started[-1] == "c/"


def test_a_closed_connectors_context_refuses(herder: Herder) -> None:
    herder.put({"name": "count", "connector.class": "CountSource"})
    context = CountSource.made[0].context
    herder.delete("count")
    with pytest.raises(ConnectError):
        context.request_task_reconfiguration()
    with pytest.raises(NotFoundError):
        herder.status("count")


def test_an_error_that_a_connector_raises_fails_it_and_not_its_tasks(herder: Herder) -> None:
    herder.put({"name": "count", "connector.class": "CountSource"})
    reach(herder, "count", "RUNNING", "RUNNING")
    CountSource.made[0].context.raise_error(ConnectError("the database has gone"))
    reach(herder, "count", "FAILED", "RUNNING")
    assert "the database has gone" in (herder.status("count").connector.trace or "")
    herder.restart_connector("count")
    reach(herder, "count", "RUNNING", "RUNNING")


def test_variables_are_kept_in_configurations_and_resolved_for_tasks(herder: Herder, tmp_path: Path) -> None:
    template = f"${{file:{tmp_path / 'secrets.properties'}:word}}"
    herder.put({"name": "count", "connector.class": "CountSource", "password": template})
    reach(herder, "count", "RUNNING", "RUNNING")
    until(lambda: CountTask.started, "the start")
    assert CountTask.started == ["a/hunter2"]
    assert herder.task_configs("count")[0]["password"] == template
    assert herder.info("count").config["password"] == template


def test_task_configs_carry_the_frameworks_keys(herder: Herder) -> None:
    herder.put({"name": "sink", "connector.class": "TroubleSink", "topics": "t"})
    [config] = herder.task_configs("sink")
    assert config["topics"] == "t"
    assert config["task.class"].endswith("TroubleSinkTask")


def test_stopping_twice_is_stopping_once(herder: Herder) -> None:
    herder.put(numbers())
    assert herder.stop()
    assert herder.stop()
    assert herder.status("numbers").connector.state is State.UNASSIGNED
    with pytest.raises(ConnectError):
        herder.put({**numbers(), "name": "late"})


def test_a_stop_commits_what_was_acknowledged(herder: Herder, tmp_path: Path) -> None:
    herder.put(numbers())
    until(produced(herder), "records")
    assert herder.stop()
    [task] = herder.tasks()
    [entry] = json.loads((tmp_path / "offsets").read_text())["offsets"]
    counters: Any = task.counters  # type: ignore[attr-defined]
    assert entry["offset"]["next"] == counters.written.total


def test_a_restart_of_what_was_deleted_meanwhile_is_no_error(
    herder: Herder, caplog: pytest.LogCaptureFixture
) -> None:
    herder.put(numbers())
    reach(herder, "numbers", "RUNNING", "RUNNING")
    with herder._turns.of("numbers"):  # the restart waits for its turn, while this thread has it
        herder.request_restart("numbers", include_tasks=True, only_failed=False)
        herder.delete("numbers")
    until(lambda: not herder._lanes.busy(), "the restart has not ended")
    assert herder.connectors() == []
    assert [record.message for record in caplog.records if record.levelno >= logging.ERROR] == []
