"""Hung plugins hold up nobody else's requests (F14); after any storm the last change counts (F28)."""

from __future__ import annotations

import random
import threading
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from connectkit.plugin import plugins
from connectkit.runner.status import State
from tests.support.plugins import TroubleSink, TroubleSource
from tests.support.rest_worker import RestWorker, rest_worker, wait_until

SOURCE = {"connector.class": "TroubleSource", "topic": "numbers"}
PATIENCE_S = 10.0
"""What a client waits at most; whoever waited for a plugin that hangs would wait for ever."""


class Gate:
    """Where plugins hang, until the test lets them go."""

    opened = threading.Event()


class HungSource(TroubleSource):
    """Hangs where ``where`` says."""

    asked = threading.Event()

    def _at(self, where: str) -> None:
        if self.config.where == where:
            Gate.opened.wait()

    @classmethod
    def check_config(cls, raw: Mapping[str, str | None]) -> Mapping[str, Sequence[str]]:
        cls.asked.set()
        if raw.get("where") == "check":
            Gate.opened.wait()
        return {}

    def start(self) -> None:
        self._at("start")

    def task_configs(self, max_tasks: int) -> list[dict[str, str]]:
        self._at("task_configs")
        own = {key: str(value) for key, value in self.config.originals.items()}
        return [{**own, "where": own.get("task", "")}] * max_tasks

    def stop(self) -> None:
        self._at("stop")


@pytest.fixture
def worker(tmp_path: Path) -> Iterator[RestWorker]:
    Gate.opened = threading.Event()
    plugins.register("source", "TroubleSource", TroubleSource)
    plugins.register("source", "HungSource", HungSource)
    plugins.register("sink", "TroubleSink", TroubleSink)
    with rest_worker(tmp_path, task_shutdown_graceful_timeout_ms="300") as found:
        yield found
        Gate.opened.set()


def patient(worker: RestWorker, method: str, path: str, **kwargs: object) -> int:
    return worker.ask(method, path, timeout_s=PATIENCE_S, **kwargs).status  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "where", ["check", "start", "task_configs", "stop", "task:start", "task:poll", "task:stop"]
)
def test_a_plugin_that_hangs_holds_up_nobody_else(worker: RestWorker, where: str) -> None:
    assert patient(worker, "PUT", "/connectors/good/config", json_body=SOURCE) == 201
    key, _, call = where.rpartition(":")
    body = {**SOURCE, "connector.class": "HungSource", "task" if key else "where": call}
    hung = ThreadPoolExecutor(4)

    def ask_in_vain(method: str, path: str, json_body: object = None) -> None:
        try:
            worker.ask(method, path, json_body=json_body, timeout_s=PATIENCE_S)
        except OSError:
            pass

    waiting = [hung.submit(ask_in_vain, "PUT", "/connectors/hung/config", body)]
    if where == "check":
        assert HungSource.asked.wait(PATIENCE_S)
        assert patient(worker, "PUT", "/connectors/hung/config", json_body=SOURCE) == 201
    wait_until(lambda: "hung" in worker.herder.connectors())
    if call == "stop":
        waiting[0].result(PATIENCE_S)
        waiting.append(hung.submit(ask_in_vain, "POST", "/connectors/hung/restart?includeTasks=true"))
    for round_number in range(3):
        for method, path, expected in (
            ("GET", "/connectors?expand=status&expand=info", 200),
            ("GET", "/connectors/hung/status", 200),
            ("GET", "/connectors/hung/config", 200),
            ("GET", "/connectkit/connectors/hung/status", 200),
            ("GET", "/metrics", 200),
            ("GET", "/health", 200),
            ("PUT", "/connectors/good/pause", 202),
            ("PUT", "/connectors/good/resume", 202),
            ("POST", "/connectors/good/restart?includeTasks=true", 202),
        ):
            assert patient(worker, method, path) == expected, (method, path)
        name = f"new{round_number}"
        assert patient(worker, "PUT", f"/connectors/{name}/config", json_body=SOURCE) == 201
        assert patient(worker, "DELETE", f"/connectors/{name}") == 204
    wait_until(lambda: worker.herder.status("good").connector.state is State.RUNNING)
    # What hangs can be got rid of as well.
    assert patient(worker, "DELETE", "/connectors/hung") in (204, 409)
    Gate.opened.set()
    hung.shutdown(wait=True)


def alive(worker: RestWorker, connector: str) -> list[str]:
    """The threads of tasks of a connector that run in this process."""
    prefix = f"task-thread-{connector}-"
    return [each.name for each in threading.enumerate() if each.name.startswith(prefix)]


def test_two_hundred_changes_and_the_last_one_counts(worker: RestWorker) -> None:
    for number in range(200):
        body = {**SOURCE, "topic": f"t{number}", "tasks.max": str(number % 3 + 1)}
        assert patient(worker, "PUT", "/connectors/churned/config", json_body=body) in (200, 201)
    assert worker.ask("GET", "/connectors/churned/config").json()["topic"] == "t199"
    wait_until(lambda: len(alive(worker, "churned")) == 199 % 3 + 1)
    configs = worker.ask("GET", "/connectors/churned/tasks").json()
    assert [each["config"]["topic"] for each in configs] == ["t199"] * (199 % 3 + 1)
    states = [each["state"] for each in worker.ask("GET", "/connectors/churned/status").json()["tasks"]]
    assert states == ["RUNNING"] * (199 % 3 + 1)
    assert patient(worker, "DELETE", "/connectors/churned") == 204
    wait_until(lambda: not alive(worker, "churned"))


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_storms_leave_what_was_asked_for_last(worker: RestWorker, seed: int) -> None:
    chance = random.Random(seed)
    assert patient(worker, "PUT", "/connectors/s/config", json_body={**SOURCE, "tasks.max": "2"}) == 201
    calls = [
        ("PUT", "/connectors/s/pause"),
        ("PUT", "/connectors/s/resume"),
        ("PUT", "/connectors/s/stop"),
        ("POST", "/connectors/s/restart"),
        ("POST", "/connectors/s/restart?includeTasks=true"),
        ("POST", "/connectors/s/tasks/0/restart"),
        ("POST", "/connectors/s/tasks/1/restart"),
    ]
    with ThreadPoolExecutor(6) as pool:
        made = [chance.choice(calls) for _ in range(60)]
        for status in pool.map(lambda call: patient(worker, *call), made):
            assert status in (202, 204, 404, 409)
    assert patient(worker, "PUT", "/connectors/s/resume") == 202
    wait_until(lambda: _running(worker, "s", 2))
    wait_until(lambda: sorted(alive(worker, "s")) == ["task-thread-s-0", "task-thread-s-1"])
    assert patient(worker, "PUT", "/connectors/s/stop") == 204
    wait_until(lambda: not alive(worker, "s"))


def _running(worker: RestWorker, name: str, tasks: int) -> bool:
    found = worker.ask("GET", f"/connectors/{name}/status").json()
    states = [found["connector"]["state"], *(each["state"] for each in found["tasks"])]
    return states == ["RUNNING"] * (tasks + 1)


def test_deleting_while_it_starts_leaves_nothing(worker: RestWorker) -> None:
    with ThreadPoolExecutor(2) as pool:
        for number in range(20):
            name = f"brief{number}"
            made = pool.submit(patient, worker, "PUT", f"/connectors/{name}/config", json_body=SOURCE)
            gone = pool.submit(patient, worker, "DELETE", f"/connectors/{name}")
            assert made.result() in (200, 201, 404, 409)
            assert gone.result() in (204, 404, 409)
            assert patient(worker, "DELETE", f"/connectors/{name}") in (204, 404)
    wait_until(
        lambda: not [each for each in threading.enumerate() if each.name.startswith("task-thread-brief")]
    )
    assert [name for name in worker.herder.connectors() if name.startswith("brief")] == []
