"""A connector that hangs delays only those who wait for it: nobody else, no reading, not its own deletion."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from connectkit.errors import ConnectError, FatalTaskError, NotFoundError
from connectkit.runner import herder as herder_module
from connectkit.runner.control import Target, TaskId
from connectkit.runner.herder import Herder
from connectkit.runner.status import State
from tests.support.gates import gate, running_herder
from tests.support.process import until


@pytest.fixture
def herder(tmp_path: Path) -> Iterator[Herder]:
    with running_herder(tmp_path) as made:
        yield made


class Put(threading.Thread):
    """A request in a thread of its own."""

    def __init__(self, herder: Herder, config: dict[str, str | None], *, replace: bool = False) -> None:
        super().__init__(daemon=True)
        self._call = partial(herder.put, config, replace=replace)
        self.error: Exception | None = None
        self.start()

    def run(self) -> None:
        try:
            self._call()
        except Exception as exc:  # noqa: BLE001 - shown by the test
            self.error = exc


def hanging(where: str, **more: str) -> dict[str, str | None]:
    return {"name": "hung", "connector.class": "GateSource", "where": where, **more}


def running(herder: Herder, name: str) -> bool:
    status = herder.status(name)
    return [status.connector.state, *(t.state for t in status.tasks.values())] == [State.RUNNING] * 2


@pytest.mark.parametrize("where", ["init", "start", "task_configs"])
def test_others_are_created_read_and_changed_while_one_hangs(herder: Herder, where: str) -> None:
    with gate(where) as held:
        put = Put(herder, hanging(where))
        assert held.reached.wait(30)
        herder.put({"name": "other", "connector.class": "TroubleSource"})
        until(lambda: running(herder, "other"), "the other connector")
        assert herder.connectors() == ["hung", "other"]
        assert herder.info("hung").tasks == []
        herder.restart_connector("other", include_tasks=True)
        herder.delete("other")
        held.open.set()
        put.join(30)
        assert put.error is None
        until(lambda: running(herder, "hung"), "the connector that hung")


@pytest.mark.parametrize("where", ["start", "task_configs"])
def test_a_connector_that_hangs_can_be_deleted(
    herder: Herder, where: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("connectkit.runner.worker.CONNECTOR_STOP_S", 0.01)
    with gate(where) as held:
        put = Put(herder, hanging(where))
        assert held.reached.wait(30)
        herder.delete("hung")
        put.join(30)
        assert not put.is_alive()
        assert put.error is None  # what was asked for was done, and undone
        with pytest.raises(NotFoundError):
            herder.status("hung")


def test_a_connector_that_hangs_can_be_replaced_and_the_last_one_counts(
    herder: Herder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("connectkit.runner.worker.CONNECTOR_STOP_S", 0.01)
    with gate("start") as held:
        first = Put(herder, hanging("start"))
        assert held.reached.wait(30)
        herder.put(hanging("", topic="second"), replace=True)
        first.join(30)
    until(lambda: running(herder, "hung"), "the second version")
    assert herder.info("hung").config["topic"] == "second"
    assert herder.task_configs("hung")[0]["topic"] == "second"
    assert len(herder.tasks()) == 1


def test_a_late_connector_is_told_and_gets_its_tasks_when_it_comes(
    herder: Herder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(herder_module, "START_TIMEOUT_S", 0.01)
    with gate("start") as held:
        with pytest.raises(FatalTaskError, match="hung has not reached its state within"):
            herder.put(hanging("start"))
        assert held.reached.wait(30)
        monkeypatch.undo()
    until(lambda: running(herder, "hung"), "the tasks of the late connector")


def test_a_late_answer_about_tasks_fails_the_connector(
    herder: Herder, monkeypatch: pytest.MonkeyPatch
) -> None:
    with gate("task_configs"):
        monkeypatch.setattr(herder_module, "START_TIMEOUT_S", 0.05)
        with pytest.raises(FatalTaskError, match="Asking connector hung for its tasks"):
            herder.put(hanging("task_configs"))
        assert herder.status("hung").connector.state is State.FAILED
    monkeypatch.undo()
    herder.restart_connector("hung")
    until(lambda: running(herder, "hung"), "the restarted connector")


def test_a_stop_during_the_start_waits_for_the_task_that_is_being_built_and_no_other(
    herder: Herder,
) -> None:
    stopping = threading.Thread(target=herder.stop, daemon=True)
    with gate("task.init") as held:
        put = Put(herder, hanging("task.init", **{"tasks.max": "3"}))
        assert held.reached.wait(30)
        stopping.start()
        until(lambda: herder.stopping, "the stop")
        held.open.set()
        put.join(30)
        stopping.join(30)
    assert put.error is None
    assert [task.id for task in herder.tasks()] == [TaskId("hung", 0)]


def test_a_stop_does_not_wait_for_a_connector_that_hangs(
    herder: Herder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("connectkit.runner.worker.CONNECTOR_STOP_S", 0.01)
    with gate("start") as held:
        put = Put(herder, hanging("start"))
        assert held.reached.wait(30)
        assert herder.stop() is False
        put.join(30)
        assert not put.is_alive()
        with pytest.raises(ConnectError):
            herder.put(hanging(""), replace=True)


def test_a_task_that_hangs_in_its_stop_is_abandoned_and_others_are_changed_meanwhile(
    herder: Herder,
) -> None:
    with gate("task.stop") as held:
        herder.put(hanging("task.stop"))
        until(lambda: running(herder, "hung"), "the start")
        change = threading.Thread(target=herder.set_target, args=("hung", Target.STOPPED), daemon=True)
        change.start()
        assert held.reached.wait(30)
        herder.put({"name": "other", "connector.class": "TroubleSource"})
        assert herder.status("hung").connector.state is not State.FAILED
        change.join(30)
        assert herder.tasks() == [t for t in herder.tasks() if t.id == TaskId("other", 0)]
        assert herder.status("hung").connector.state is State.STOPPED
