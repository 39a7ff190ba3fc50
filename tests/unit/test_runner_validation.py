"""Validation: what Kafka refuses, what Kafka lets through, and that no secret is ever told."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectkit.api import SinkConnector, SourceConnector
from connectkit.config import Config, Secret, option
from connectkit.errors import ConfigError
from connectkit.plugin import plugins
from connectkit.runner.configs.worker import WorkerConfig
from connectkit.runner.log.opening import open_log
from connectkit.runner.report import Report
from connectkit.runner.validation import check_connector, validate_connector, validate_worker

CANARY = "CANARY-1414"
REGISTRY = plugins.clone()


class TableConfig(Config):
    prefixes = ("jdbc.",)

    table: str = option(doc="x")
    batch_size: int = option(10, doc="x")
    db_password: Secret | None = option(None, doc="x")


class TableSource(SourceConnector[TableConfig]):
    def task_configs(self, max_tasks: int) -> Sequence[Mapping[str, str]]:
        return [{}]

    @classmethod
    def check_config(cls, raw: Mapping[str, str | None]) -> Mapping[str, Sequence[str]]:
        if raw["table"] == "boom":
            raise RuntimeError(CANARY)
        return {"table": ["does not exist"]} if raw["table"] == "missing" else {}


class TableSink(SinkConnector[TableConfig]):
    def task_configs(self, max_tasks: int) -> Sequence[Mapping[str, str]]:
        return [{}]


REGISTRY.register("source", "TableSource", TableSource)
REGISTRY.register("sink", "TableSink", TableSink)
WORKER_RAW = {
    "bootstrap.servers": "a:1",
    "key.converter": "JsonConverter",
    "value.converter": "JsonConverter",
    "offset.storage.file.filename": "x",
}
PROVIDERS = {
    "config.providers": "env",
    "config.providers.env.class": "EnvVarConfigProvider",
    "config.providers.env.param.allowlist.pattern": "[A-Z]+",
}
WORKER = WorkerConfig.parse({**WORKER_RAW, "config.providers": "file"})
SOURCE = {"name": "s", "connector.class": "TableSource", "table": "t"}
SINK = {"name": "s", "connector.class": "TableSink", "table": "t", "topics": "a"}


def check(base: Mapping[str, Any], worker: WorkerConfig = WORKER, /, **extra: Any) -> Report:
    return validate_connector(
        {**base, **{k.replace("__", "."): v for k, v in extra.items()}}, worker, REGISTRY
    )


def with_transform(kind: str, **options: Any) -> dict[str, Any]:
    own = {f"transforms.x.{key.replace('__', '.')}": value for key, value in options.items()}
    return {**SINK, "transforms": "x", "transforms.x.type": kind, **own}


@pytest.mark.parametrize("base", [SOURCE, SINK])
def test_good_ones_have_nothing_to_say(base: dict[str, str]) -> None:
    report = check(base, jdbc__anything="x", transforms="", tasks__max=" 2 ")
    assert (report.errors, report.warnings, report.ok) == ({}, {}, True)
    assert report.found is not None
    assert report.config is not None
    assert report.config.tasks_max == 2


@pytest.mark.parametrize(
    ("config", "key", "said"),
    [
        ({**SINK, "tasks.max": "abc"}, "tasks.max", "must be a whole number"),
        ({**SINK, "tasks.max": None}, "tasks.max", "must not be null"),
        ({**SINK, "unknown": None}, "unknown", "must not be null"),
        ({**SINK, "table": None}, "table", "must not be null"),
        ({**SINK, "name": ""}, "name", "must not be empty"),
        ({**SINK, "connector.class": "TableSnk"}, "connector.class", "did you mean 'TableSink'?"),
        ({**SINK, "connector.class": "os.system"}, "connector.class", "No installed connector"),
        ({**SINK, "connector.class": "JsonConverter"}, "connector.class", "is a converter, not a connector"),
        ({"name": "s"}, "connector.class", "is required"),
        ({**SINK, "connector.plugin.version": "[9,"}, "connector.plugin.version", "must be latest"),
        ({**SINK, "connector.plugin.version": "9"}, "connector.plugin.version", "does not accept"),
        ({**SINK, "batch.size": "x"}, "batch.size", "whole number"),
        ({**SOURCE, "table": "missing"}, "table", "does not exist"),
        ({**SOURCE, "table": "boom"}, "connector.class", "RuntimeError"),
        ({**SINK, "topics.regex": "a"}, "topics", "only one of them"),
        ({**SINK, "topics": "", "topics.regex": "(a+)+"}, "topics.regex", "must not repeat"),
        ({**SINK, "key.converter": "Jsn"}, "key.converter", "did you mean 'Json'?"),
        (
            {**SINK, "key.converter": "JsonConverter", "key.converter.schemas.enable": "ja"},
            "key.converter.schemas.enable",
            "true or false",
        ),
        ({**SINK, "header.converter": "RegexRouter"}, "header.converter", "is a transform"),
        ({**SINK, "consumer.override.ssl.ca.location": "x"}, "consumer.override.ssl.ca.location", "files"),
        ({**SINK, "producer.override.acks": "0"}, "producer.override.acks", "Allowlist policy"),
        ({**SOURCE, "topic.creation.default.partitions": "0"}, "topic.creation.default.partitions", "-1"),
        (with_transform("RegexRouter", regex="a"), "transforms.x.replacement", "is required"),
        (with_transform("RegexRouter", regex="a", replacement="$1"), "transforms.x.replacement", "group 1"),
        (
            with_transform("RegexRouter", regex="(", replacement="b"),
            "transforms.x.regex",
            "regular expression",
        ),
        (with_transform("Filter", predicate="p"), "transforms.x.predicate", "not listed in predicates"),
        (with_transform("Filter", negate="false"), "transforms.x.negate", "nothing to negate"),
        (with_transform("Filter", negate="maybe"), "transforms.x.negate", "true or false"),
        (with_transform("org.apache.kafka.connect.transforms.Cast"), "transforms.x.type", "$Key"),
        (with_transform("RecordIsTombstone"), "transforms.x.type", "is a predicate"),
        (with_transform("Filter", plugin__version="7"), "transforms.x.plugin.version", "does not accept"),
        ({**SINK, "transforms": "x"}, "transforms.x.type", "is required"),
        ({**SINK, "transforms": "x,x", "transforms.x.type": "Filter"}, "transforms", "twice"),
        ({**SINK, "topics": "a,a"}, "topics", "twice"),
        ({**SINK, "predicates": "p"}, "predicates.p.type", "is required"),
        (
            {**SINK, "predicates": "p", "predicates.p.type": "TopicNameMatches", "predicates.p.pattern": "("},
            "predicates.p.pattern",
            "regular expression",
        ),
    ],
)
def test_errors(config: dict[str, Any], key: str, said: str) -> None:
    report = validate_connector(config, WORKER, REGISTRY)
    assert key in report.errors, report.errors
    assert said in report.errors[key][0]
    assert len(report.errors[key]) == 1
    assert not report.ok


@pytest.mark.parametrize(
    ("config", "key", "said"),
    [
        ({**SOURCE, "tabel": "x"}, "tabel", "did you mean 'table'?"),
        ({**SOURCE, "errors.tolerence": "all"}, "errors.tolerence", "did you mean 'errors.tolerance'?"),
        ({**SOURCE, "completely.different": "x"}, "completely.different", "is no option of TableSource"),
        (
            with_transform("RegexRouter", regex="a", replacement="b", replacment="c"),
            "transforms.x.replacment",
            "did you mean 'transforms.x.replacement'?",
        ),
        (
            {**SOURCE, "transform.x.type": "Filter", **with_transform("Filter")},
            "transform.x.type",
            "'transforms.x.type'",
        ),
        ({**SINK, "transforms.y.type": "Filter"}, "transforms.y.type", "'y' is not listed in transforms"),
        (
            {**SINK, "predicates": "p", "predicates.p.type": "RecordIsTombstone"},
            "predicates.p.type",
            "no transform",
        ),
        (
            {**SINK, "key.converter.schemas.enable": "x"},
            "key.converter.schemas.enable",
            "key.converter is not set",
        ),
        (
            {**SINK, "key.converter": "Json", "key.converter.schema.enable": "true"},
            "key.converter.schema.enable",
            "did you mean 'key.converter.schemas.enable'?",
        ),
        ({**SOURCE, "topics": "a"}, "topics", "option of sink connectors"),
        (
            {**SINK, "topic.creation.default.partitions": "1"},
            "topic.creation.default.partitions",
            "of source",
        ),
        (
            {**SOURCE, "consumer.override.max.poll.records": "1"},
            "consumer.override.max.poll.records",
            "no such",
        ),
        (
            {**SINK, "errors.deadletterqueue.topic.name": "d"},
            "errors.deadletterqueue.topic.name",
            "tolerance=all",
        ),
        (
            {**SINK, "errors.deadletterqueue.context.headers.enable": "true"},
            "errors.deadletterqueue.context.headers.enable",
            "topic.name",
        ),
        ({**SINK, "errors.log.include.messages": "true"}, "errors.log.include.messages", "errors.log.enable"),
        ({**SINK, "table": "${fil:/x:y}"}, "table", "did you mean 'file'?"),
        ({**SINK, "db.password": CANARY}, "db.password", "stands in the open"),
        (
            {**SINK, "connector.class": "Nope", "errors.tolerence": "x"},
            "errors.tolerence",
            "errors.tolerance",
        ),
    ],
)
def test_warnings(config: dict[str, Any], key: str, said: str) -> None:
    report = validate_connector(config, WORKER, REGISTRY)
    assert key in report.warnings, (report.warnings, report.errors)
    assert said in report.warnings[key][0]


def test_every_mistake_is_told_at_once_and_once() -> None:
    report = validate_connector(
        {
            "connector.class": "TableSink",
            "tasks.max": "abc",
            "errors.tolerance": "some",
            "batch.size": "x",
            "transforms": "x",
            "transforms.x.type": "RegexRouter",
            "transforms.x.regex": "(",
            "key.converter": "Nope",
            "consumer.override.debug": "all",
        },
        WORKER,
        REGISTRY,
    )
    assert set(report.errors) == {
        *("name", "tasks.max", "errors.tolerance", "table", "batch.size", "transforms.x.regex"),
        *("transforms.x.replacement", "key.converter", "consumer.override.debug"),
        *("topics", "topics.regex"),
    }
    assert all(len(found) == 1 for found in report.errors.values())
    with pytest.raises(ConfigError) as caught:
        report.raise_errors()
    assert caught.value.problems == report.errors


def test_values_with_variables_are_left_alone() -> None:
    report = check(
        {**with_transform("RegexRouter", regex="${file:/x:regex}", replacement="$1"), "predicates": "p"},
        predicates__p__type="${file:/x:p}",
        batch__size="${file:/x:size}",
        tasks__max="${file:/x:tasks}",
        db__password="${file:/x:pw}",
        key__converter="${file:/x:converter}",
        transforms__x__predicate="${file:/x:p}",
    )
    assert (report.errors, report.warnings) == ({}, {})
    assert report.config is None


def test_secrets_may_have_to_come_from_providers() -> None:
    strict = WorkerConfig.parse(
        {**WORKER_RAW, "config.providers": "file", "secrets.require.providers": "true"}
    )
    assert "secrets.require.providers" in check(SINK, strict, db__password=CANARY).errors["db.password"][0]
    assert check(SINK, strict, db__password="${file:/x:pw}").ok


def test_an_alias_may_have_dots() -> None:
    report = validate_connector(
        {
            **SINK,
            "transforms": "d,d.e",
            "transforms.d.type": "Filter",
            "transforms.d.e.type": "RegexRouter",
            "transforms.d.e.regex": "a",
            "transforms.d.e.replacement": "b",
        },
        WORKER,
        REGISTRY,
    )
    assert report.errors == {}
    assert report.warnings == {}


def test_check_connector_logs_warnings_and_raises_errors(caplog: pytest.LogCaptureFixture) -> None:
    check_connector({**SOURCE, "tabel": "x"}, worker=WORKER, registry=REGISTRY)
    assert "Connector s: tabel is no option" in caplog.text
    with pytest.raises(ConfigError) as caught:
        check_connector({**SOURCE, "tasks.max": "x"}, worker=WORKER, registry=REGISTRY)
    assert list(caught.value.problems) == ["tasks.max"]


@pytest.mark.parametrize("library", ["confluent_kafka", "httpx2"])
def test_a_registry_over_http_whose_extra_is_missing(library: str, monkeypatch: pytest.MonkeyPatch) -> None:
    said = ["needs the extra 'registry' of kafka-connectkit, which is not installed"]
    converter = {"value.converter": "AvroConverter", "value.converter.schema.registry.url": "http://r:8081"}
    worker = {**WORKER_RAW, **PROVIDERS, **converter, "bootstrap.servers": "embedded:./log"}
    assert not validate_worker(worker, REGISTRY).errors
    monkeypatch.setitem(sys.modules, library, None)
    key = "value.converter.schema.registry.url"
    assert validate_worker(worker, REGISTRY).errors == {key: said}
    assert validate_connector({**SINK, **converter}, WORKER, REGISTRY).errors == {key: said}
    with pytest.raises(ConfigError, match="needs the extra 'registry'"):  # as whoever runs it is told
        REGISTRY.create("converter", "AvroConverter", {"schema.registry.url": "http://r:8081"})
    for url in ("mock://here", "embedded:./registry", "${env:URL}"):
        assert key not in validate_worker({**worker, key: url}, REGISTRY).errors


def test_brokers_without_their_client(monkeypatch: pytest.MonkeyPatch) -> None:
    said = ["names brokers, which needs the extra 'kafka' of kafka-connectkit, which is not installed"]
    monkeypatch.setitem(sys.modules, "confluent_kafka", None)
    assert validate_worker(WORKER_RAW, REGISTRY).errors == {"bootstrap.servers": said}
    with pytest.raises(ConfigError) as told:
        open_log("a:1")
    assert told.value.problems == {"bootstrap.servers": said}
    for bootstrap in ("embedded:./log", "${env:BROKERS}"):
        worker = {**WORKER_RAW, **PROVIDERS, "bootstrap.servers": bootstrap}
        assert not validate_worker(worker, REGISTRY).errors


def test_worker() -> None:
    assert validate_worker(WORKER_RAW, REGISTRY).errors == {}
    report = validate_worker(
        {
            "bootstrap.servers": "",
            "key.converter": "Jsn",
            "value.converter": "JsonConverter",
            "value.converter.schemas.enabel": "true",
            "offset.storage.file.filename": "x",
            "offset.flush.interval.ms": "abc",
            "plugin.path": "/x",
            "config.providers": "file",
            "config.providers.file.class": "FileConfigProvider",
            "config.providers.fiel.class": "x",
            "connector.client.config.override.policy": "Some",
            "producer.sasl.jaas.config": CANARY,
        },
        REGISTRY,
    )
    assert set(report.errors) == {
        *("bootstrap.servers", "key.converter", "offset.flush.interval.ms"),
        *("config.providers.file.param.allowed.paths", "connector.client.config.override.policy"),
    }
    assert set(report.warnings) == {
        *("value.converter.schemas.enabel", "plugin.path", "config.providers.fiel.class")
    }
    assert CANARY not in repr(report)


KEYS = [
    *(
        "name",
        "connector.class",
        "table",
        "topics",
        "topics.regex",
        "db.password",
        "batch.size",
        "transforms",
    ),
    *("transforms.x.type", "transforms.x.regex", "transforms.x.predicate", "predicates", "predicates.x.type"),
    *("key.converter", "key.converter.schemas.enable", "producer.override.sasl.jaas.config", "api.token"),
    *("topic.creation.groups", "topic.creation.default.partitions", "tasks.max", "connector.plugin.version"),
]
VALUES = [
    *(
        "x",
        "x,y",
        "",
        "TableSource",
        "TableSink",
        "RegexRouter",
        "${file:/a:b}",
        "${x:y}",
        "1",
        "true",
        "Json",
    ),
    *("[1", "(", "a,,a", f"{CANARY} x", None),
]


@given(st.dictionaries(st.sampled_from(KEYS) | st.text(max_size=12), st.sampled_from(VALUES)))
def test_any_configuration_gets_a_report_without_secrets(raw: dict[str, str | None]) -> None:
    report = validate_connector(raw, WORKER, REGISTRY)
    told = " ".join(s for found in (report.errors, report.warnings) for v in found.values() for s in v)
    for key in ("db.password", "api.token", "producer.override.sasl.jaas.config"):
        others = [value for name, value in raw.items() if name != key and value and CANARY in value]
        if raw.get(key) and not others:
            assert CANARY not in told
    assert report.ok == (not report.errors)
    validate_worker(raw, REGISTRY)


@pytest.mark.parametrize("text", ["${file:/a:k", "${file}", "x ${file:/a:k} ${file:"])
def test_what_only_looks_like_a_variable_is_told(text: str) -> None:
    report = validate_connector({**SOURCE, "table": text}, WORKER, REGISTRY)
    (sentence,) = report.warnings["table"]
    assert "begins a variable of the config provider 'file' that is none" in sentence
    fine = validate_connector({**SOURCE, "table": "${file:/a:k} ${fil} ${"}, WORKER, REGISTRY)
    assert "table" not in fine.warnings
