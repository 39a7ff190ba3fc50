"""What Connect's interface lacks: truthful status, logs, plan, preview, metrics."""

from __future__ import annotations

import logging
import re
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from connectkit.plugin import plugins
from connectkit.runner.rest.metrics import Sample, exposition, prometheus_name
from tests.support.plugins import TroubleSink, TroubleSource
from tests.support.rest_worker import RestWorker, rest_worker, wait_until

SOURCE = {"connector.class": "TroubleSource", "topic": "numbers", "tasks.max": "1"}
SINK = {"connector.class": "TroubleSink", "topics": "numbers", "where": "put", "how": "fail"}


@pytest.fixture(scope="module")
def worker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RestWorker]:
    """With a source that runs, and a sink that fails at its first record."""
    plugins.register("source", "TroubleSource", TroubleSource)
    plugins.register("sink", "TroubleSink", TroubleSink)
    logger = logging.getLogger("connectkit")
    before = logger.level
    logger.setLevel(logging.INFO)
    with rest_worker(tmp_path_factory.mktemp("own")) as found:
        assert found.ask("PUT", "/connectors/from/config", json_body=SOURCE).status == 201
        assert found.ask("PUT", "/connectors/to/config", json_body=SINK).status == 201
        wait_until(lambda: found.ask("GET", "/connectors/to/status").json()["tasks"][0]["state"] == "FAILED")
        yield found
    logger.setLevel(before)


def plan(worker: RestWorker, name: str, config: Any) -> Any:
    found = worker.ask("POST", f"/connectkit/connectors/{name}/plan", json_body=config)
    assert found.status == 200, found
    return found.json()


def test_the_index_names_every_endpoint_and_who_asks(worker: RestWorker) -> None:
    found = worker.ask("GET", "/connectkit").json()
    assert found["you"] == "anonymous"
    assert "POST /connectkit/preview" in found["endpoints"]
    paths = set(worker.ask("GET", "/openapi.json").json()["paths"])
    assert {each.partition(" ")[2] for each in found["endpoints"]} <= paths


def test_workers(worker: RestWorker) -> None:
    (found,) = worker.ask("GET", "/connectkit/workers").json()
    assert found["authentication"] == "none"
    assert found["unauthenticated_allowed"] is False
    assert found["connectors"] == 2
    assert found["urls"] == [worker.url]


def test_a_running_source_tells_how_it_is(worker: RestWorker) -> None:
    wait_until(
        lambda: worker.ask("GET", "/connectkit/connectors/from/status").json()["tasks"][0]["rate_per_s"] > 0
    )
    found = worker.ask("GET", "/connectkit/connectors/from/status").json()
    assert found["health"] == "RUNNING"
    (task,) = found["tasks"]
    assert task["last_record_age_s"] < 20
    assert task["stalled"] is False
    assert task["last_error"] is None


def test_all_connectors_at_once(worker: RestWorker) -> None:
    found = worker.ask("GET", "/connectkit/connectors").json()
    assert {"from", "to"} <= set(found)
    one = worker.ask("GET", "/connectkit/connectors/to/status").json()
    assert (found["to"]["name"], found["to"]["health"], found["to"].keys()) == ("to", "FAILED", one.keys())


def test_a_failed_sink_tells_why_without_values(worker: RestWorker) -> None:
    found = worker.ask("GET", "/connectkit/connectors/to/status")
    assert found.json()["health"] == "FAILED"
    assert found.json()["tasks"][0]["last_error"]
    assert b"a value that no log may show" not in found.data


@pytest.mark.parametrize("rest", ["/status", "/logs", "/logs?tail=5", "/dead-letters"])
def test_nobody_is_not_found(worker: RestWorker, rest: str) -> None:
    assert worker.ask("GET", f"/connectkit/connectors/nobody{rest}").status == 404


def test_the_lines_of_one_connector(worker: RestWorker) -> None:
    found = worker.ask("GET", "/connectkit/connectors/to/logs?level=ERROR&task=0").json()
    assert found["name"] == "to"
    assert any("to-0" in line["message"] for line in found["lines"])
    assert {line["level"] for line in found["lines"]} == {"ERROR"}
    assert len(worker.ask("GET", "/connectkit/connectors/to/logs?tail=1").json()["lines"]) == 1
    assert worker.ask("GET", "/connectkit/connectors/from/logs?level=ERROR").json()["lines"] == []


@pytest.mark.parametrize(
    "query", ["tail=-1", "tail=x", "tail=9999999", "level=LOUD", "task=1.5", "tail=" + "9" * 5000]
)
def test_odd_questions_for_lines(worker: RestWorker, query: str) -> None:
    assert worker.ask("GET", f"/connectkit/connectors/to/logs?{query}").status == 400


# --- dead letters


def test_dead_letters_say_why_and_not_what(worker: RestWorker) -> None:
    dead = {"errors.tolerance": "all", "errors.deadletterqueue.topic.name": "dead"}
    context = {"errors.deadletterqueue.context.headers.enable": "true"}
    cast = {"transforms": "c", "transforms.c.type": "Cast$Value", "transforms.c.spec": "n:boolean"}
    broken = {"value.converter": "IntegerConverter"}
    sink = {"connector.class": "TroubleSink", "topics": "numbers", **dead, **context, **cast, **broken}
    assert worker.ask("PUT", "/connectors/gives-up/config", json_body=sink).status == 201
    path = "/connectkit/connectors/gives-up/dead-letters"
    wait_until(lambda: len(worker.ask("GET", f"{path}?limit=3").json()["letters"]) == 3)
    found = worker.ask("GET", f"{path}?limit=3").json()
    assert found["topic"] == "dead"
    assert found["total"] >= 3
    letter = found["letters"][-1]
    assert letter["stage"] == "VALUE_CONVERTER"
    assert letter["origin"].startswith("numbers-0@")
    assert letter["value_bytes"] > 0
    assert "payload" not in str(found)
    worker.ask("DELETE", "/connectors/gives-up")


@pytest.mark.parametrize("name", ["from", "to"])
def test_who_gives_nothing_up_has_no_letters(worker: RestWorker, name: str) -> None:
    found = worker.ask("GET", f"/connectkit/connectors/{name}/dead-letters").json()
    assert found == {"name": name, "topic": None, "total": 0, "letters": []}


# --- plans


def test_a_plan_for_a_new_connector(worker: RestWorker) -> None:
    found = plan(worker, "new", {**SOURCE, "password": "CANARY"})
    assert found["action"] == "create"
    assert {"key": "password", "change": "added", "new": "[hidden]"} in found["changes"]
    assert "CANARY" not in str(found)
    assert "new" not in worker.herder.connectors()


def test_a_plan_for_a_change_and_for_none(worker: RestWorker) -> None:
    found = plan(worker, "from", {**SOURCE, "topic": "others"})
    assert found["action"] == "change"
    assert found["changes"] == [{"key": "topic", "change": "changed", "old": "numbers", "new": "others"}]
    assert found["errors"] == {}
    assert plan(worker, "from", SOURCE)["action"] == "none"
    assert plan(worker, "from", {**SOURCE, "name": None})["action"] == "none"  # as PUT takes it
    removed = plan(worker, "from", {key: value for key, value in SOURCE.items() if key != "tasks.max"})
    assert removed["changes"] == [{"key": "tasks.max", "change": "removed", "old": "1"}]
    assert worker.ask("GET", "/connectors/from/config").json()["topic"] == "numbers"


def test_a_plan_tells_what_is_wrong(worker: RestWorker) -> None:
    found = plan(worker, "from", {**SOURCE, "tasks.max": "many", "topc": "x"})
    assert found["action"] == "refuse"
    assert "tasks.max" in found["errors"]
    assert found["effects"] == []
    assert "topc" in found["warnings"]
    assert worker.ask("POST", "/connectkit/connectors/from/plan", json_body={"name": "to"}).status == 400


# --- previews


def preview(worker: RestWorker, **body: Any) -> Any:
    return worker.ask("POST", "/connectkit/preview", json_body=body)


MASK = {"transforms": "m", "transforms.m.type": "MaskField$Value", "transforms.m.fields": "card"}


def test_a_preview_of_given_records(worker: RestWorker) -> None:
    found = preview(
        worker, config={**SINK, **MASK}, records=[{"card": "1234", "n": 1}, {"value": {"card": "x"}}]
    )
    assert found.status == 200
    first, second = found.json()["records"]
    assert first["results"][0]["value"] == {"card": "", "n": 1}
    assert second["results"][0]["value"] == {"card": ""}
    assert found.json()["warnings"] == {}
    [(key, said)] = (
        preview(worker, config={**SINK, **MASK, "transforms.other.x": "1"}, records=[{"card": "1"}])
        .json()["warnings"]
        .items()
    )
    assert key == "transforms.other.x"
    assert "not listed" in said[0]


def test_a_preview_of_a_connector_that_runs(worker: RestWorker) -> None:
    wait_until(lambda: len(preview(worker, connector="to", count=2).json()["records"]) == 2)
    found = preview(worker, connector="from", config={**SOURCE, "topic": "elsewhere"}, count=1).json()
    assert found["records"][0]["results"][0]["topic"] == "elsewhere"


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({}, 400),
        ({"config": {}}, 400),
        ({"connector": "nobody"}, 404),
        ({"connector": "to", "config": {"name": "other"}}, 400),
        ({"config": SINK, "from": "../../etc/passwd"}, 404),
        ({"config": SINK, "from": ""}, 400),
        ({"config": SINK, "from": 7}, 400),
        ({"config": SOURCE, "from": "/etc/passwd"}, 400),
        ({"config": SINK, "records": "x"}, 400),
        ({"config": SINK, "records": [], "count": 0}, 400),
        ({"config": SINK, "records": [], "count": 1e9}, 400),
        ({"config": SINK, "records": [], "count": True}, 400),
        ({"config": SINK, "records": [], "wait_s": "x"}, 400),
        ({"config": SINK, "records": [{"value": 1, "headers": 5}]}, 200),
        ({"config": {**SINK, "consumer.override.plugin.library.paths": "/x.so"}, "records": []}, 400),
        ({"config": {**SINK, **MASK, "transforms.m.type": "os.system"}, "records": []}, 400),
    ],
)
def test_odd_previews(worker: RestWorker, body: Any, status: int) -> None:
    found = preview(worker, **body)
    assert found.status == status, found
    assert b"root:" not in found.data


def test_few_previews_at_once(worker: RestWorker) -> None:
    slow = {**SOURCE, "where": "poll", "how": "hang"}
    answers: list[int] = []

    def ask() -> None:
        answers.append(preview(worker, config=slow, wait_s=3).status)

    threads = [threading.Thread(target=ask) for _ in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert sorted(answers) == [200, 200, 429, 429, 429]


# --- metrics


def test_metrics_are_prometheus_text_under_the_names_of_the_rule(worker: RestWorker) -> None:
    found = worker.ask("GET", "/metrics", headers={"Accept": "text/plain;version=0.0.4;q=0.5,*/*;q=0.1"})
    assert found.headers["content-type"].startswith("text/plain; version=0.0.4")
    samples = {
        (sample.name, sample.labels.get("connector"), sample.labels.get("task")): sample
        for family in text_string_to_metric_families(found.data.decode())
        for sample in family.samples
    }
    assert samples["kafka_connect_worker_connector_count", None, None].value == 2
    assert samples["kafka_connect_source_task_source_record_poll_total", "from", "0"].value > 0
    assert samples["kafka_connect_sink_task_sink_record_read_total", "to", "0"].value > 0
    assert samples["kafka_connect_task_error_total_record_failures", "to", "0"].value >= 0
    assert samples["kafka_connect_connector_task_running_ratio", "from", "0"].value > 0
    assert samples["kafka_connect_connector_task_status", "to", "0"].labels["status"] == "failed"
    assert samples["kafka_connect_worker_connector_failed_task_count", "to", None].value == 1
    assert samples["connectkit_task_stalled", "from", "0"].value == 0
    assert all(re.fullmatch(r"(kafka_connect|connectkit|process)_[a-z0-9_]+", name) for name, _, _ in samples)


@pytest.mark.parametrize(
    ("accept", "status"),
    [("text/plain", 200), ("text/*;q=0.1", 200), ("*/*", 200), ("application/json", 406), ("image/png", 406)],
)
def test_metrics_are_text(worker: RestWorker, accept: str, status: int) -> None:
    assert worker.ask("GET", "/metrics", headers={"Accept": accept}).status == status


def test_the_rule() -> None:
    assert prometheus_name("connect-worker-metrics", "task-count") == "kafka_connect_worker_task_count"
    assert prometheus_name("source-task-metrics", "source-record-poll-rate") == (
        "kafka_connect_source_task_source_record_poll_rate"
    )


def test_names_of_connectors_are_escaped() -> None:
    name = 'a"b\\c\nd'
    text = exposition([Sample("sink-task-metrics", "x-total", 1.0, name, 0)]).decode()
    (family,) = text_string_to_metric_families(text)
    assert family.samples[0].labels == {"connector": name, "task": "0"}
    assert exposition([Sample("g", "x", float("nan"))]) == b""


def test_metrics_show_only_what_may_be_seen(tmp_path: Path) -> None:
    from connectkit.runner.rest.security_principals import token_hash

    options = {
        "rest_principals": "few",
        "rest_principals_few_roles": "read:from",
        "rest_principals_few_token_hash": token_hash("x" * 30),
    }
    with rest_worker(tmp_path, **options) as found:
        for name, config in (("from", SOURCE), ("secret", SOURCE)):
            found.herder.put({**config, "name": name})
        headers = {"Authorization": "Bearer " + "x" * 30}
        assert found.ask("GET", "/connectors", headers=headers).json() == ["from"]
        text = found.ask("GET", "/metrics", headers=headers).data.decode()
        assert 'connector="from"' in text
        assert "secret" not in text
        assert found.ask("GET", "/connectkit/connectors/secret/status", headers=headers).status == 403
        assert found.ask("GET", "/metrics").status == 401
