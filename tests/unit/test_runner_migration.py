"""``connectkit migrate check``: each verdict, its reason, and that the known equivalents are there."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from connectkit.plugin import KINDS, plugins
from connectkit.runner.cli import main
from connectkit.runner.client.known import EQUIVALENTS
from connectkit.runner.client.migration import Checked, Finding, check_connector, counts
from tests.support.java_rest import JavaCluster, file_sink, java_cluster

JDBC = "io.confluent.connect.jdbc.JdbcSinkConnector"


def check(config: dict[str, str], *, kind: str = "sink", theirs: frozenset[str] | None = None) -> Checked:
    return check_connector("c", kind, {"name": "c", **config}, plugins, lambda _: theirs, has_offsets=True)


def of(checked: Checked, key: str) -> Finding:
    [found] = [each for each in checked.findings if each.key == key]
    return found


def test_kafka_s_own_connectors_run_as_they_are() -> None:
    smt = "org.apache.kafka.connect.transforms"
    found = check(
        file_sink(
            transforms="hoist,drop",
            **{
                "transforms.hoist.type": f"{smt}.HoistField$Value",
                "transforms.hoist.field": "line",
                "transforms.drop.type": f"{smt}.Filter",
                "transforms.drop.predicate": "dead",
                "predicates": "dead",
                "predicates.dead.type": f"{smt}.predicates.RecordIsTombstone",
                "value.converter": "org.apache.kafka.connect.json.JsonConverter",
                "value.converter.schemas.enable": "false",
                "header.converter": "org.apache.kafka.connect.storage.SimpleHeaderConverter",
                "errors.tolerance": "all",
                "tasks.max": "3",
            },
        )
    )
    assert [each for each in found.findings if each.verdict != "supported"] == []
    assert found.verdict == "supported"
    assert of(found, "connector.class").sentence == "runs here, as FileStreamSink"
    assert of(found, "transforms.hoist.type").kind == "transform"
    assert of(found, "predicates.dead.type").kind == "predicate"
    assert of(found, "header.converter").kind == "header converter"
    assert "connect-c" in of(found, "offsets").sentence
    assert "key.converter come from the worker's file" in found.notes[0]


def test_a_connector_that_is_not_here() -> None:
    found = check({"connector.class": JDBC, "topics": "t", "connection.url": "jdbc:x", "tasks.max": "2"})
    assert found.verdict == "missing"
    assert "No installed connector is named" in of(found, "connector.class").sentence
    assert of(found, "connection.url") == Finding(
        "missing", "option", "connection.url", "connection.url", f"belongs to {JDBC}"
    )
    assert of(found, "tasks.max").verdict == "supported"
    assert of(found, "topics").verdict == "supported"


def test_a_transform_that_is_here_under_another_name() -> None:
    name = "io.debezium.transforms.Filter"
    config = {"transforms": "f", "transforms.f.type": name, "transforms.f.condition": "value.op == 'd'"}
    found = check(file_sink(**config))
    assert of(found, "transforms.f.type").verdict == "equivalent"
    assert "Expression does this" in of(found, "transforms.f.type").sentence
    assert of(found, "transforms.f.condition").sentence == f"belongs to {name}"


def test_a_source_with_another_connector_begins_anew() -> None:
    name = "com.github.jcustenborder.kafka.connect.spooldir.SpoolDirCsvSourceConnector"
    found = check({"connector.class": name}, kind="source")
    assert of(found, "connector.class").verdict == "equivalent"
    assert of(found, "offsets").verdict == "lossy"
    moved = check({"connector.class": "FileStreamSource", "topic": "t"}, kind="source")
    assert of(moved, "offsets").verdict == "supported"


@pytest.mark.parametrize(
    ("theirs", "verdict"),
    [(frozenset({"gizmo"}), "missing"), (frozenset({"file"}), "supported"), (None, "lossy")],
)
def test_an_option_that_we_do_not_know(theirs: frozenset[str] | None, verdict: str) -> None:
    assert of(check(file_sink(gizmo="1"), theirs=theirs), "gizmo").verdict == verdict


@pytest.mark.parametrize(
    ("option", "value", "verdict"),
    [
        ("connector.plugin.version", "[4.0,5)", "lossy"),
        ("tasks.max", "many", "missing"),
        ("consumer.override.max.poll.records", "10", "supported"),
        ("consumer.override.ssl.keystore.location", "/x.jks", "lossy"),
        ("errors.deadletterqueue.topic.name", "dead", "supported"),
    ],
)
def test_options_of_the_framework(option: str, value: str, verdict: str) -> None:
    assert of(check(file_sink(**{option: value})), option).verdict == verdict


def test_placeholders_are_not_resolved_and_told() -> None:
    found = check(file_sink(file="${vault:a/b:c}", **{"value.converter": "${env:CONVERTER}"}))
    assert of(found, "value.converter").verdict == "lossy"
    assert of(found, "file").verdict == "supported"
    assert "config providers env, vault" in found.notes[-1]


def test_no_class_at_all() -> None:
    assert of(check({"topics": "t"}), "connector.class").verdict == "missing"


def test_a_connector_is_as_good_as_its_worst() -> None:
    found = [check(file_sink()), check({"connector.class": JDBC})]
    assert counts(found) == {"supported": 1, "equivalent": 0, "lossy": 0, "missing": 1}
    assert Checked("x", "sink").verdict == "supported"


@pytest.mark.parametrize("name", EQUIVALENTS)
def test_an_equivalent_is_installed_and_not_needless(name: str) -> None:
    infos = [info for kind in KINDS for info in plugins.all(kind)]
    assert EQUIVALENTS[name].name in {info.name for info in infos}
    assert not any(name in info.names for info in infos)


# --- the command


@pytest.fixture
def cluster() -> Iterator[JavaCluster]:
    with java_cluster() as made:
        yield made


def test_the_command(cluster: JavaCluster, capsys: pytest.CaptureFixture[str]) -> None:
    cluster.connectors["good"] = file_sink(name="good")
    assert main(["migrate", "check", cluster.url]) == 0
    said = capsys.readouterr().out
    assert "is Kafka Connect 4.3.0 with 1 connector\n" in said
    assert "good (sink): supported" in said
    assert said.endswith("\n1 connector: 1 supported\n")
    cluster.connectors["bad"] = {
        "name": "bad", "connector.class": JDBC, "topics": "t", "connection.password": "hunter22hunter22"
    }  # fmt: skip
    cluster.connectors["odd"] = file_sink(name="odd", gizmo="hunter22hunter22")
    assert main(["migrate", "check", cluster.url, "--all"]) == 3
    said = capsys.readouterr().out
    assert f"missing     connector.class = {JDBC}: No installed connector" in said
    assert "supported   gizmo: nobody reads it, there or here" in said
    assert main(["migrate", "check", cluster.url, "bad", "--json"]) == 3
    found = json.loads(capsys.readouterr().out)
    assert found["summary"]["missing"] == 1
    assert [each["name"] for each in found["connectors"]] == ["bad"]
    assert "hunter22" not in said + json.dumps(found)
    assert {method for method, _, _ in cluster.asked} == {"GET"}


def test_an_empty_cluster_and_none(cluster: JavaCluster, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["migrate", "check", cluster.url]) == 0
    assert "0 connectors: nothing to move" in capsys.readouterr().out
    assert main(["migrate", "check", cluster.url, "nobody"]) == 2
    assert main(["migrate", "check", "http://127.0.0.1:1"]) == 2
    assert "cannot be reached" in capsys.readouterr().err
