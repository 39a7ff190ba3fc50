"""A secret is in no answer of any route, no log line, no metric, no file and no topic of the worker (S2).

The routes are those of the worker's own OpenAPI document: one that is added is asked from that day on.
"""

from __future__ import annotations

import faulthandler
import io
import logging
import re
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from connectkit.config import Config, Secret, option
from connectkit.errors import ConnectError, DataError
from connectkit.plugin import plugins
from connectkit.runner.observe import set_up_logging
from tests.support.plugins import TroubleSink, TroubleSinkTask, TroubleSource, TroubleSourceTask
from tests.support.rest_worker import RestWorker, rest_worker, wait_until

CANARY = "CANARY-4f1c"
OPEN = {
    "pin": f"{CANARY}-option",
    "db.password": f"{CANARY}-plain-option",
    "api.url": f"https://scott:{CANARY}-userinfo@db.example/x",
    "value.converter.basic.auth.user.info": f"scott:{CANARY}-registry",
}
PROVIDED = {
    "where.file": "${file:%s:key}",
    "where.env": "${env:CANARY_VARIABLE}",
    "mixed": "a${env:CANARY_VARIABLE}b",
}


class LeakyConfig(Config):
    """Of a connector that spills everything it knows into its errors and its log."""

    topic: str = option("leaks", doc="Where to.")
    pin: Secret | None = option(None, doc="A secret whose name does not say so.")
    spill: str = option("", doc="Where it spills: connector.start, start, poll, or nowhere.")


def spilled(config: LeakyConfig) -> str:
    return f"cannot work with {dict(config.originals)} and {config.pin.reveal() if config.pin else ''}"


class LeakyTask(TroubleSourceTask):
    config_type = LeakyConfig

    def start(self) -> None:
        config: Any = self.config
        logging.getLogger("connectkit.leaky").warning("%s", spilled(config))
        if config.spill == "start":
            raise ConnectError(spilled(config))
        self.next = 0

    def poll(self) -> Any:
        config: Any = self.config
        if config.spill == "poll":
            raise ValueError(spilled(config))
        self.context.sleep(0.02)
        return None

    def stop(self) -> None:
        pass


class LeakySource(TroubleSource):
    config_type = LeakyConfig
    task_class = LeakyTask

    def task_configs(self, max_tasks: int) -> Any:
        return [{key: str(value) for key, value in self.config.originals.items()}]

    def stop(self) -> None:
        pass

    def start(self) -> None:
        config: Any = self.config
        if config.spill == "connector.start":
            raise ConnectError(spilled(config))


class LeakySinkTask(TroubleSinkTask):
    config_type = LeakyConfig

    def start(self) -> None:
        pass

    def put(self, records: Any) -> None:
        config: Any = self.config
        if records:
            raise DataError(spilled(config))

    def stop(self) -> None:
        pass


class LeakySink(TroubleSink):
    config_type = LeakyConfig
    task_class = LeakySinkTask


class Told:
    """Everything that the worker said while a test went on."""

    def __init__(self, worker: RestWorker, log: io.StringIO) -> None:
        self.worker = worker
        self.log = log
        self.answers: list[tuple[str, bytes]] = []

    def ask(self, method: str, path: str, **kwargs: Any) -> Any:
        found = self.worker.ask(method, path, **kwargs)
        self.answers.append((f"{method} {path}", found.data + repr(found.headers).encode()))
        return found


@pytest.fixture
def told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Told]:
    monkeypatch.setenv("CANARY_VARIABLE", f"{CANARY}-env")
    secrets = tmp_path / "secrets.properties"
    secrets.write_text(f"key={CANARY}-file\n")
    plugins.register("source", "LeakySource", LeakySource)
    plugins.register("source", "TroubleSource", TroubleSource)
    plugins.register("sink", "LeakySink", LeakySink)
    log = io.StringIO()
    set_up_logging(stream=log, level="DEBUG")
    options = {
        "config_providers": "file,env",
        "config_providers_file_class": "FileConfigProvider",
        "config_providers_file_param_allowed_paths": str(secrets),
        "config_providers_env_class": "EnvVarConfigProvider",
        "config_providers_env_param_allowlist_pattern": "CANARY_.*",
        "producer_sasl_jaas_config": f'x required password="{CANARY}-worker";',
        "admin_ssl_key_password": f"{CANARY}-worker-key",
    }
    with rest_worker(tmp_path, **options) as worker:
        yield Told(worker, log)


def config(tmp_path: Path, spill: str) -> dict[str, str]:
    given = {
        key: value.replace("%s", str(tmp_path / "secrets.properties")) for key, value in PROVIDED.items()
    }
    return {"connector.class": "LeakySource", "spill": spill, **OPEN, **given}


BODIES: dict[str, Any] = {
    "/connectors": {"name": "leaky", "config": {}},
    "/connectkit/preview": {"connector": "leaky", "count": 1, "wait_s": 0.5},
}


@pytest.mark.parametrize("spill", ["", "connector.start", "start", "poll"])
def test_no_route_and_no_log_shows_a_secret(told: Told, tmp_path: Path, spill: str) -> None:
    given = config(tmp_path, spill)
    told.ask("PUT", "/connectors/leaky/config", json_body=given)
    if spill in ("start", "poll"):
        wait_until(
            lambda: (
                "FAILED"
                in [each["state"] for each in told.ask("GET", "/connectors/leaky/status").json()["tasks"]]
            )
        )
    document = told.ask("GET", "/openapi.json").json()
    values = {"connector": "leaky", "task": "0", "plugin": "LeakySource", "logger": "connectkit"}
    asked = 0
    # Deleting last: what is gone shows nothing.
    operations = [(path, method) for path, each in document["paths"].items() for method in each]
    for path, method in sorted(operations, key=lambda each: each[1] == "delete"):
        target = re.sub(r"{(\w+)}", lambda found: values[found[1]], path)
        body = BODIES.get(path, given if method in ("put", "post", "patch") else None)
        for query in ("", "?expand=status&expand=info&includeTasks=true&tail=1000"):
            told.ask(method.upper(), target + query, json_body=body)
            asked += 1
    assert asked > 50

    with tempfile.TemporaryFile() as dump:
        faulthandler.dump_traceback(dump, all_threads=True)
        dump.seek(0)
        told.answers.append(("a dump of the threads", dump.read()))
    for what, data in told.answers:
        assert CANARY.encode() not in data, what
    log = told.log.getvalue()
    assert "leaky" in log
    assert CANARY not in log, next(line for line in log.splitlines() if CANARY in line)


def test_no_file_of_the_worker_holds_what_a_provider_gave(told: Told, tmp_path: Path) -> None:
    given = {key: value for key, value in config(tmp_path, "").items() if key not in OPEN}
    assert told.ask("PUT", "/connectors/leaky/config", json_body=given).status == 201
    told.ask("PUT", "/connectors/leaky/pause")
    secret_file = tmp_path / "secrets.properties"
    own_file = tmp_path / "worker.properties"
    files = [each for each in tmp_path.rglob("*") if each.is_file() and each not in (secret_file, own_file)]
    assert files
    for each in files:
        assert CANARY.encode() not in each.read_bytes(), each


def test_no_dead_letter_holds_a_secret(told: Told, tmp_path: Path) -> None:
    numbers = {"connector.class": "TroubleSource", "topic": "numbers"}
    assert told.ask("PUT", "/connectors/numbers/config", json_body=numbers).status == 201
    dead = {
        **config(tmp_path, ""),
        "connector.class": "LeakySink",
        "topics": "numbers",
        "errors.tolerance": "all",
        "put.bisect": "always",
        "errors.deadletterqueue.topic.name": "dead",
        "errors.deadletterqueue.context.headers.enable": "true",
        "errors.log.enable": "true",
        "errors.log.include.messages": "true",
    }
    assert told.ask("PUT", "/connectors/leaky/config", json_body=dead).status == 201
    path = "/connectkit/connectors/leaky/dead-letters"
    wait_until(lambda: len(told.ask("GET", path).json()["letters"]) > 2)
    assert "[hidden]" in told.ask("GET", path).json()["letters"][0]["message"]
    for found in ("/connectors/leaky/status", "/connectkit/connectors/leaky/status", "/metrics"):
        told.ask("GET", found)
    for what, data in told.answers:
        assert CANARY.encode() not in data, what
    assert CANARY not in told.log.getvalue()
    files = [each for each in (tmp_path / "log").rglob("*") if each.is_file()]
    assert any(b"__connect.errors." in each.read_bytes() for each in files)
    for each in files:
        assert CANARY.encode() not in each.read_bytes(), each


def test_placeholders_are_shown_and_stored_as_they_are(told: Told, tmp_path: Path) -> None:
    given = config(tmp_path, "")
    told.ask("PUT", "/connectors/leaky/config", json_body=given)
    shown = told.ask("GET", "/connectors/leaky/config").json()
    for key in PROVIDED:
        assert shown[key] == given[key]
    validated = told.ask("PUT", "/connector-plugins/LeakySource/config/validate", json_body=given)
    assert CANARY.encode() not in validated.data
    for hidden in ("pin", "db.password", "value.converter.basic.auth.user.info"):
        assert shown[hidden] == "[hidden]"
    again = told.ask("PUT", "/connectors/leaky/config", json_body=shown)
    assert again.status == 200
    assert told.worker.herder.info("leaky").config["pin"] == OPEN["pin"]
    assert told.worker.herder.info("leaky").config["api.url"] == OPEN["api.url"]


@pytest.mark.parametrize(
    "key", ["config.providers", "config.providers.x.class", "config.providers.x.param.allowed.paths"]
)
def test_a_request_declares_no_providers(told: Told, tmp_path: Path, key: str) -> None:
    body = {**config(tmp_path, ""), key: "FileConfigProvider"}
    found = told.ask("PUT", "/connectors/leaky/config", json_body=body)
    assert found.status == 400
    assert key in found.json()["message"]
    assert "leaky" not in told.worker.herder.connectors()
