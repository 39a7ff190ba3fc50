"""The options of workers, connectors and topics to create, and the override policies."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest

from connectkit.errors import ConfigError
from connectkit.runner.configs.connector import (
    Boundary,
    ConnectorConfig,
    ExactlyOnce,
    SinkConnectorConfig,
    SourceConnectorConfig,
)
from connectkit.runner.configs.overrides import GREEN_LIST, OverridePolicy, is_policy, red_reason
from connectkit.runner.configs.topics import check_creation, creation_groups
from connectkit.runner.configs.worker import WorkerConfig, worker_warnings

WORKER = {
    "bootstrap.servers": "a:1, b:2",
    "key.converter": "JsonConverter",
    "key.converter.schemas.enable": "false",
    "value.converter": "StringConverter",
    "offset.storage.file.filename": "/tmp/x",
    "producer.linger.ms": "5",
}
DEAD = "errors.deadletterqueue.topic."
SINK = {"name": "s", "connector.class": "X", "topics": "a,b"}


def test_worker() -> None:
    worker = WorkerConfig.parse(WORKER)
    assert worker.bootstrap == "a:1,b:2"
    assert worker.converter("key")[0] == "JsonConverter"
    assert dict(worker.converter("key")[1]) == {"schemas.enable": "false"}
    assert worker.converter("header") == ("org.apache.kafka.connect.storage.SimpleHeaderConverter", {})
    assert dict(worker.client("producer")) == {"linger.ms": "5"}
    assert (worker.offset_flush_interval_ms, worker.task_shutdown_graceful_timeout_ms) == (60_000, 5_000)
    assert not worker.warnings
    with pytest.raises(ConfigError) as caught:
        WorkerConfig.parse({})
    assert set(caught.value.problems) == {*("bootstrap.servers", "key.converter", "value.converter")}


def test_where_a_worker_keeps_source_offsets() -> None:
    bare = {key: value for key, value in WORKER.items() if not key.startswith("offset.")}
    with pytest.raises(ConfigError, match=r"offset\.storage\.topic names") as caught:
        WorkerConfig.parse(bare)
    assert set(caught.value.problems) == {"offset.storage.file.filename"}
    worker = WorkerConfig.parse(
        {
            **bare,
            "offset.storage.topic": "connect-offsets",
            "offset.storage.min.insync.replicas": "2",
            "offset.storage.partitions": "-1",
            "exactly.once.source.support": "ENABLED",
        },
        known=lambda key: True,
    )
    assert worker.exactly_once
    assert worker.offset_topic_settings() == {"min.insync.replicas": "2"}
    assert worker.transactional_id("orders", 1) == "connect-standalone-orders-1"
    named = WorkerConfig.parse({**bare, "offset.storage.topic": "o", "group.id": "g"})
    assert named.transactional_id("orders", 1) == "g-orders-1"
    assert not named.exactly_once
    assert not WorkerConfig.parse({**WORKER, "exactly.once.source.support": "preparing"}).exactly_once
    with pytest.raises(ConfigError) as caught:
        WorkerConfig.parse({**WORKER, "exactly.once.source.support": "enabled"})
    assert set(caught.value.problems) == {"exactly.once.source.support"}


def test_settings_of_the_offset_topic_are_looked_at() -> None:
    raw = {
        **WORKER,
        "offset.storage.segment.bytes": "1",
        "offset.storage.cleanup.policy": "delete",
        "offset.storage.segment.bites": "1",
        "offset.storage.topics": "x",
    }
    warnings = worker_warnings(raw)
    assert set(warnings) == {
        "offset.storage.cleanup.policy", "offset.storage.segment.bites", "offset.storage.topics",
    }  # fmt: skip
    assert "'offset.storage.segment.bytes'" in warnings["offset.storage.segment.bites"][0]
    assert "'offset.storage.topic'" in warnings["offset.storage.topics"][0]


def test_worker_warnings() -> None:
    raw = {
        **WORKER,
        "security.protocol": "SSL",
        "config.providers.file.class": "x",
        "ofset.flush.interval.ms": "1",
        "producer.linger.sm": "1",
        "producer.librdkafka.only": "1",
        "internal.key.converter.schemas.enable": "x",
        "nothing.like.it": "x",
    }
    warnings = worker_warnings(raw)
    assert set(warnings) == {
        *("ofset.flush.interval.ms", "producer.linger.sm", "nothing.like.it"),
        "internal.key.converter.schemas.enable",
    }
    assert "'offset.flush.interval.ms'" in warnings["ofset.flush.interval.ms"][0]
    assert "'linger.ms'" in warnings["producer.linger.sm"][0]


def test_source() -> None:
    source = SourceConnectorConfig.parse(
        {
            "name": "s",
            "connector.class": "X",
            "exactly.once.support": "REQUIRED",
            "transaction.boundary": "Poll",
        }
    )
    assert (source.exactly_once_support, source.transaction_boundary) == (ExactlyOnce.REQUIRED, Boundary.POLL)
    assert (source.tasks_max, source.errors_tolerance, source.transforms) == (1, "none", [])
    assert source.converter("key") is None
    assert dict(source.overrides("producer")) == {}


@pytest.mark.parametrize(
    ("extra", "keys"),
    [
        ({"topics.regex": "x"}, {"topics", "topics.regex"}),
        ({"topics": ""}, {"topics", "topics.regex"}),
        ({"topics": "a,,b"}, {"topics"}),
        ({"topics": "", "topics.regex": "("}, {"topics.regex"}),
        ({"errors.deadletterqueue.topic.name": "b"}, {"topics"}),
        ({"topics": "", "topics.regex": "a.*", "errors.deadletterqueue.topic.name": "ab"}, {"topics.regex"}),
        ({"name": ""}, {"name"}),
        ({"name": "a\nb"}, {"name"}),
        ({"tasks.max": "0"}, {"tasks.max"}),
        ({"errors.tolerance": "ALL"}, {"errors.tolerance"}),
        ({"config.action.reload": "RESTART"}, {"config.action.reload"}),
        ({"errors.retry.timeout": "x", "tasks.max": "abc"}, {"errors.retry.timeout", "tasks.max"}),
        ({f"{DEAD}replication.factor": "40000"}, {f"{DEAD}replication.factor"}),
    ],
)
def test_sink_rules(extra: dict[str, str], keys: set[str]) -> None:
    with pytest.raises(ConfigError) as caught:
        SinkConnectorConfig.parse({**SINK, **extra})
    assert set(caught.value.problems) == keys
    assert all(len(found) == 1 for found in caught.value.problems.values())


def test_sink() -> None:
    sink = SinkConnectorConfig.parse({**SINK, "topics": "", "topics.regex": "a.*"})
    assert sink.topics_pattern is not None
    assert sink.topics_pattern.fullmatch("abc")
    assert sink.dead_letter_topic is None
    assert SinkConnectorConfig.parse(SINK).topics == ["a", "b"]


def test_definitions_are_kafkas() -> None:
    """Against the answers of Kafka 4.3 (names, types, defaults, groups, order, widths)."""
    path = Path(__file__).parents[1] / "golden" / "data" / "connector-definitions.json.gz"
    with gzip.open(path, "rt") as file:
        expected = json.load(file)
    for cls, names in ((SourceConnectorConfig, expected["source"]), (SinkConnectorConfig, expected["sink"])):
        found = {
            key.name: {
                "name": key.name,
                "type": key.type,
                "required": key.required,
                "default_value": key.default_value,
                "importance": key.importance.value,
                "group": key.group,
                "order_in_group": key.order_in_group,
                "width": key.width.value,
                "display_name": key.display_name,
                "dependents": list(key.dependents),
            }
            for key in cls.definition().keys
            if not key.extension
        }
        assert list(found) == [each["name"] for each in names]
        for each in names:
            assert found[each["name"]] == each
    groups = ConnectorConfig.definition().groups
    assert groups[:4] == ["Common", "Transforms", "Predicates", "Error Handling"]


# --- topic.creation ----------------------------------------------------------------------------------


def test_topic_creation() -> None:
    groups, warnings = creation_groups(
        {
            "topic.creation.groups": "big, small",
            "topic.creation.default.replication.factor": "-1",
            "topic.creation.default.partitions": "3",
            "topic.creation.default.cleanup.policy": "compact",
            "topic.creation.big.include": "orders.*, pay(?<n>s)",
            "topic.creation.big.exclude": "orders-test",
            "topic.creation.big.partitions": "12",
            "topic.creation.small.include": "x",
            "name": "s",
        }
    )
    assert not warnings
    assert [g.name for g in groups] == ["big", "small", "default"]
    big, small, default = groups
    assert (big.partitions, big.replication_factor, dict(big.settings)) == (12, -1, {})
    assert (small.partitions, default.settings) == (3, {"cleanup.policy": "compact"})
    assert [big.matches(t) for t in ("orders-1", "pays", "orders-test", "xorders")] == [
        True,
        True,
        False,
        False,
    ]
    assert default.matches("any\nthing")
    assert creation_groups({"name": "x"}) == ([], {})


def test_a_misspelt_setting_of_topics_is_told_beside_the_problems() -> None:
    problems, warnings = check_creation(
        {
            "topic.creation.default.replication.factor": "1",
            "topic.creation.default.partitons": "3",
            "topic.creation.default.cleanup.polcy": "compact",
            "topic.creation.default.confluent.placement": "x",
        }
    )
    default = "topic.creation.default."
    assert set(problems) == {f"{default}partitions"}
    assert warnings == {
        f"{default}partitons": [f"is no setting of topics; did you mean '{default}partitions'?"],
        f"{default}cleanup.polcy": [f"is no setting of topics; did you mean '{default}cleanup.policy'?"],
    }


def test_topic_creation_mistakes() -> None:
    with pytest.raises(ConfigError) as caught:
        creation_groups(
            {
                "topic.creation.groups": "a",
                "topic.creation.a.include": "(",
                "topic.creation.a.partitions": "0",
                "topic.creation.default.partitions": "x",
            }
        )
    assert set(caught.value.problems) == {
        "topic.creation.a.include",
        "topic.creation.a.partitions",
        "topic.creation.default.partitions",
        "topic.creation.default.replication.factor",
    }
    _, warnings = creation_groups(
        {
            "topic.creation.groups": "default,group",
            "topic.creation.default.partitions": "1",
            "topic.creation.default.replication.factor": "1",
            "topic.creation.default.include": "x",
            "topic.creation.gruop.include": "x",
        }
    )
    assert set(warnings) == {
        "topic.creation.groups",
        "topic.creation.default.include",
        "topic.creation.group.include",
        "topic.creation.gruop.include",
    }
    assert "'topic.creation.group.'" in warnings["topic.creation.gruop.include"][0]


# --- override policies -------------------------------------------------------------------------------

RED = """
    plugin.library.paths ssl.engine.location ssl.engine.factory.class ssl.providers sasl.kerberos.kinit.cmd
    oauthbearer_token_refresh_cb error_cb interceptors interceptor.classes opaque ssl.keystore.location
    ssl.ca.location some.file client.keytab offset.store.path sasl.oauthbearer.token.endpoint.url
    sasl.oauthbearer.metadata.authentication.type bootstrap.servers security.protocol sasl.jaas.config
    enable.ssl.certificate.verification ssl.endpoint.identification.algorithm
    enable.sasl.oauthbearer.unsecure.jwt debug log_level log_cb metadata.broker.list sasl.password
    enable.auto.commit transactional.id SSL.Engine.Location
    """.split()


@pytest.mark.parametrize("name", RED)
@pytest.mark.parametrize("policy", ["None", "Allowlist", "All"])
def test_the_red_list_is_refused_under_every_policy(name: str, policy: str) -> None:
    assert red_reason(name)
    assert OverridePolicy(policy).problem(name)
    assert OverridePolicy(policy, (*GREEN_LIST, "ssl.*", "sasl.*", "*")).problem(name)


def test_policies() -> None:
    assert [OverridePolicy().problem(n) for n in ("linger.ms", "fetch.min.bytes", "max.poll.records")] == [
        None
    ] * 3
    assert "Allowlist" in str(OverridePolicy().problem("client.id"))
    assert OverridePolicy("All").problem("client.id") is None
    assert OverridePolicy("None").problem("linger.ms")
    assert OverridePolicy("Principal").problem("security.protocol") is None
    assert OverridePolicy("Principal").problem("linger.ms")
    assert OverridePolicy("Allowlist", ["security.protocol"]).problem("security.protocol") is None
    assert OverridePolicy("Allowlist", ["plugin.library.paths"]).problem("plugin.library.paths")
    assert OverridePolicy("None", ["security.protocol"]).problem("security.protocol")
    assert not any(red_reason(name.removesuffix(".*")) for name in GREEN_LIST)
    full = "org.apache.kafka.connect.connector.policy.AllConnectorClientConfigOverridePolicy"
    assert OverridePolicy(full).problem("client.id") is None
    assert is_policy(full) is None
    assert "did you mean 'Allowlist'?" in str(is_policy("Allowlst"))
