"""Clients of Kafka Connect that others wrote, unmodified, on their happy path against our worker.

They are installed from the package index into an environment of their own, which is kept between runs;
without network the tests are skipped. Versions are pinned: another version is another client.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import venv
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from connectkit.runner.rest.security_principals import token_hash
from tests.kafka_server import cache_folder
from tests.support.rest_worker import RestWorker, rest_worker, wait_until

CLIENTS = (
    "kafka-connect-py==1.0.0",
    "kafkaconnect==1.3.1",
    "kafka-connect-healthcheck==0.3.0",
    "kafka-connect-api==0.5.10",
)
TOKEN = "0123456789abcdef0123456789abcdef"


@pytest.fixture(scope="session")
def programs() -> Path:
    """The folder with the programs of the clients."""
    kept = "-".join(each.partition("==")[2] for each in CLIENTS)
    made = cache_folder() / f"clients-{sys.version_info[0]}.{sys.version_info[1]}-{kept}"
    if not made.is_dir():
        work = made.with_name(f"{made.name}.{os.getpid()}")
        venv.create(work, with_pip=True)
        install = [str(work / "bin" / "python"), "-m", "pip", "install", "-q", *CLIENTS, "setuptools<81"]
        done = subprocess.run(install, capture_output=True, text=True, timeout=250, check=False)
        if done.returncode:
            pytest.skip(f"NO CLIENTS: they cannot be installed: {done.stderr.strip().splitlines()[-1:]}")
        work.rename(made)  # its scripts name the old folder, so programs are run as modules
    return made / "bin"


@pytest.fixture
def worker(tmp_path: Path) -> Iterator[RestWorker]:
    (tmp_path / "in.txt").write_text("one\ntwo\n")
    with rest_worker(tmp_path) as made:
        yield made


def lines(folder: Path, **more: str) -> dict[str, str]:
    return {"connector.class": "FileStreamSource", "file": str(folder / "in.txt"), "topic": "t", **more}


def run(programs: Path, *arguments: str) -> str:
    done = subprocess.run(
        [str(programs / "python"), *arguments], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


KC = "import sys; sys.argv[0] = 'kc'; from kafka_connect.cli import cli; cli()"
KC_VALIDATE = (
    "import json, sys; from kafka_connect import KafkaConnect; client = KafkaConnect(sys.argv[1]);"
    "print(json.dumps(client.validate_connector_config('FileStreamSource', json.loads(sys.argv[2]))))"
)


def test_kafka_connect_py(worker: RestWorker, programs: Path) -> None:
    """Its command ``kc``: from creating a connector to deleting it."""

    def kc(*arguments: str) -> Any:
        said = run(programs, "-c", KC, "--url", worker.url, *arguments).strip()
        return json.loads(said) if said[:1] in ("{", "[") else said

    assert "connectkit" in kc("info")["version"]
    plugins = [each["class"] for each in kc("list-plugins")]
    assert "org.apache.kafka.connect.file.FileStreamSourceConnector" in plugins
    config = lines(worker.folder)
    # The class, since the command sends the text of a text, which Kafka Connect refuses as well.
    checked = json.loads(run(programs, "-c", KC_VALIDATE, worker.url, json.dumps({"name": "a", **config})))
    assert checked["error_count"] == 0
    made = kc("create", "-d", json.dumps({"name": "a", "config": config}))
    assert (made["name"], made["type"]) == ("a", "source")
    assert kc("list") == ["a"]
    assert kc("list", "--expand", "info")["a"]["info"]["config"]["topic"] == "t"
    wait_until(lambda: kc("list", "--state", "running") == ["a"])
    assert kc("get", "a")["config"]["file"] == config["file"]
    assert kc("update", "a", "-d", json.dumps({**config, "tasks.max": "2"}))["config"]["tasks.max"] == "2"
    assert kc("config", "a")["tasks.max"] == "2"
    wait_until(lambda: [each["state"] for each in kc("status", "a")["tasks"]] == ["RUNNING"])
    kc("pause", "a")
    wait_until(lambda: kc("status", "a")["connector"]["state"] == "PAUSED")
    kc("resume", "a")
    wait_until(lambda: kc("status", "a")["connector"]["state"] == "RUNNING")
    kc("restart", "a", "--include-tasks")
    wait_until(lambda: [each["id"] for each in kc("list-tasks", "a")] == [{"connector": "a", "task": 0}])
    wait_until(lambda: '"RUNNING"' in json.dumps(kc("task-status", "a", "0")))
    kc("restart-task", "a", "0")
    wait_until(lambda: kc("list-topics", "a")["a"]["topics"] == ["t"])
    kc("reset-topics", "a")
    kc("delete", "a")
    assert kc("list") == []


def test_kafka_connect_py_with_user_and_password(programs: Path, tmp_path: Path) -> None:
    """A client that knows only user and password sends the principal's name and token."""
    options = {
        "rest_principals": "ci",
        "rest_principals_ci_roles": "admin",
        "rest_principals_ci_token_hash": token_hash(TOKEN),
    }
    (tmp_path / "in.txt").write_text("one\n")
    with rest_worker(tmp_path, **options) as worker:
        kc = ("-c", KC, "--url", worker.url, "--auth", f"ci:{TOKEN}")
        body = json.dumps({"name": "a", "config": lines(tmp_path)})
        assert json.loads(run(programs, *kc, "create", "-d", body))["name"] == "a"
        assert json.loads(run(programs, *kc, "list")) == ["a"]


KAFKACONNECT = """
import json, sys
from kafkaconnect.connect import Connect
url, config = sys.argv[1], sys.argv[2]
connect = Connect(url)
said = [connect.create_or_update("a", config)]
said += [getattr(connect, name)() for name in ("list", "plugins")]
said += [getattr(connect, name)("a") for name in ("info", "status", "config", "tasks", "topics")]
said += [getattr(connect, name)("a") for name in ("restart", "pause", "resume", "remove")]
said += [connect.list(), connect.validate_and_create("a", config)]
print(json.dumps([json.loads(each) if each else None for each in said]))
"""


def test_kafkaconnect(worker: RestWorker, programs: Path) -> None:
    """The class ``Connect``, every call of it."""
    config = json.dumps(lines(worker.folder, name="a"))
    found = json.loads(run(programs, "-c", KAFKACONNECT, worker.url, config))
    made, names, plugins, info, status, kept, tasks, topics, *changes, left, again = found
    assert made["name"] == info["name"] == status["name"] == kept["name"] == "a"
    assert (names, left) == (["a"], [])
    assert {each["type"] for each in plugins} == {"source", "sink"}
    assert status["type"] == "source"
    assert len(tasks) == 1
    assert list(topics) == ["a"]
    assert changes == [None] * 4
    assert again["name"] == "a"


KAFKA_CONNECT_API = """
import json, sys, time
from kafka_connect_api.errors import GenericNotFound
from kafka_connect_api.kafka_connect_api import Api, Cluster, Connector
cluster = Cluster(Api(url=sys.argv[1]))
made = Connector(cluster, "a")
made.config = json.loads(sys.argv[2])
while made.state != "RUNNING" or not made.tasks or not made.tasks[0].is_running():
    time.sleep(0.05)
said = [list(cluster.connectors), made.exists(), made.connector_class, repr(made.tasks)]
made.restart()
made.restart_all_tasks()
made.cycle_connector()
while made.state != "RUNNING":
    time.sleep(0.05)
cluster.root_logger = "WARN"
said.append(cluster.root_logger["level"])
made.delete()
try:
    made.exists()
except GenericNotFound as exc:
    said.append(exc.args[1])
print(json.dumps([*said, list(cluster.connectors)]))
"""


def test_kafka_connect_api(worker: RestWorker, programs: Path) -> None:
    """Its classes: a connector through its life, and the level of the root logger."""
    before = worker.ask("GET", "/admin/loggers/root").json()["level"]
    try:
        said = run(programs, "-c", KAFKA_CONNECT_API, worker.url, json.dumps(lines(worker.folder)))
    finally:
        assert worker.ask("PUT", "/admin/loggers/root", json_body={"level": before}).status == 200
    assert json.loads(said) == [["a"], True, "FileStreamSource", "[a.0]", "WARN", 404, []]


HEALTHCHECK = """
import json, sys
from kafka_connect_healthcheck.health import Health
health = Health(sys.argv[1], None, ["FAILED"], None, 0, ["CONNECTOR", "TASK"])
print("\\n" + json.dumps(health.get_health_result()))
"""


def test_kafka_connect_healthcheck(worker: RestWorker, programs: Path) -> None:
    """It calls the worker healthy until a task fails, and then names the task."""

    def health() -> Any:
        return json.loads(run(programs, "-c", HEALTHCHECK, worker.url).splitlines()[-1])

    def create(name: str, config: dict[str, str]) -> None:
        body = {"name": name, "config": config}
        assert worker.ask("POST", "/connectors", json_body=body).status == 201

    create("a", lines(worker.folder))
    assert health()["healthy"] is True
    path = str(worker.folder / "none" / "out.txt")
    create(
        "b", {"connector.class": "FileStreamSink", "topics": "t", "file": path, "task.restart.policy": "none"}
    )
    wait_until(lambda: worker.ask("GET", "/connectors/b/tasks/0/status").json().get("state") == "FAILED")
    found = health()
    assert found["healthy"] is False
    assert [(each["type"], each["connector"]) for each in found["failures"]] == [("task", "b")]
