"""Java client properties, translated for librdkafka; nothing here needs a broker."""

from __future__ import annotations

import logging
import re
from pathlib import Path

import pytest

from connectkit.errors import ConfigError
from connectkit.runner.log.kafka.properties import DANGEROUS, DEFAULTS, NATIVE, PROPERTIES, Fate
from connectkit.runner.log.kafka.translate import Translated, translate

SECRET = "hunter2-canary"


def settings(client: str, **java: str) -> dict[str, str]:
    return full(client, **java).settings


def full(client: str, **java: str) -> Translated:
    return translate(client, "b:9092", {key.replace("__", "."): value for key, value in java.items()})


def problems(client: str, java: dict[str, str]) -> dict[str, list[str]]:
    with pytest.raises(ConfigError) as caught:
        translate(client, "b:9092", java)
    assert SECRET not in str(caught.value)
    return caught.value.problems


def test_the_defaults_are_javas_where_librdkafkas_differ() -> None:
    producer, consumer = settings("p"), settings("c")
    assert producer["bootstrap.servers"] == "b:9092"
    assert producer["partitioner"] == "murmur2_random"
    assert producer["enable.idempotence"] == "true"
    assert producer["queue.buffering.max.kbytes"] == "32768"
    assert consumer["isolation.level"] == "read_uncommitted"
    assert consumer["allow.auto.create.topics"] == "true"
    assert consumer["fetch.queue.backoff.ms"] == "2"
    assert "partitioner" not in consumer
    assert settings("c", fetch__queue__backoff__ms="7")["fetch.queue.backoff.ms"] == "7"


def test_producer_properties() -> None:
    found = translate(
        "p",
        "b:9092",
        {
            "acks": "all",
            "linger.ms": "7",
            "batch.size": "0",
            "compression.type": "zstd",
            "compression.zstd.level": "5",
            "compression.gzip.level": "9",
            "max.request.size": "5000000",
            "buffer.memory": "1048576",
            "max.in.flight.requests.per.connection": "1",
            "delivery.timeout.ms": "2147483647",
            "max.block.ms": str(2**63 - 1),
            "request.timeout.ms": "900000",
            "enable.idempotence": "false",
            "retries": "2147483647",
        },
    )
    wanted = {
        "acks": "all",
        "linger.ms": "7",
        "batch.size": "1",
        "compression.type": "zstd",
        "compression.level": "5",
        "message.max.bytes": "5000000",
        "queue.buffering.max.kbytes": "1024",
        "max.in.flight.requests.per.connection": "1",
        "delivery.timeout.ms": "2147483647",
        "request.timeout.ms": "900000",
        "socket.timeout.ms": "300000",
        "enable.idempotence": "false",
    }
    assert wanted.items() <= found.settings.items()
    assert found.max_block_ms == 2**63 - 1


@pytest.mark.parametrize(
    "java",
    [{"acks": "1"}, {"acks": "0"}, {"retries": "0"}, {"max.in.flight.requests.per.connection": "6"}],
)
def test_idempotence_is_off_where_a_setting_speaks_against_it(java: dict[str, str]) -> None:
    assert translate("p", "b", java).settings["enable.idempotence"] == "false"
    assert translate("p", "b", {"acks": "-1"}).settings["enable.idempotence"] == "true"


def test_a_delivery_does_not_outlast_its_transaction() -> None:
    found = settings("p", transactional__id="x", delivery__timeout__ms="2147483647", acks="all")
    assert found["delivery.timeout.ms"] == found["transaction.timeout.ms"] == "60000"
    assert found["enable.idempotence"] == "true"


def test_consumer_properties() -> None:
    found = translate(
        "c",
        "b",
        {
            "group.id": "g",
            "fetch.max.wait.ms": "100",
            "max.poll.records": "17",
            "auto.offset.reset": "NONE",
            "partition.assignment.strategy": "org.apache.kafka.clients.consumer.RangeAssignor,"
            "org.apache.kafka.clients.consumer.CooperativeStickyAssignor",
            "isolation.level": "read_committed",
            "key.deserializer": "org.apache.kafka.common.serialization.ByteArrayDeserializer",
            "exclude.internal.topics": "false",
            "default.api.timeout.ms": "1234",
        },
    )
    wanted = {
        "fetch.wait.max.ms": "100",
        "auto.offset.reset": "error",
        "partition.assignment.strategy": "range",
        "isolation.level": "read_committed",
    }
    assert wanted.items() <= found.settings.items()
    assert "key.deserializer" not in found.settings
    assert "max.poll.records" not in found.settings
    assert (found.max_poll_records, found.api_timeout_ms, found.exclude_internal_topics) == (17, 1234, False)
    cooperative = "org.apache.kafka.clients.consumer.CooperativeStickyAssignor"
    assert settings("c", partition__assignment__strategy=cooperative)["partition.assignment.strategy"] == (
        "cooperative-sticky"
    )


def test_plain_and_scram_logins() -> None:
    for mechanism, module in (
        ("PLAIN", "org.apache.kafka.common.security.plain.PlainLoginModule"),
        ("SCRAM-SHA-512", "org.apache.kafka.common.security.scram.ScramLoginModule"),
    ):
        found = settings(
            "c",
            security__protocol="SASL_SSL",
            sasl__mechanism=mechanism,
            sasl__jaas__config=f'{module} required  username="u=\\"x\\"; y"\n  password=\'{SECRET}\' ;',
        )
        assert found["sasl.username"] == 'u="x"; y'
        assert found["sasl.password"] == SECRET
        assert "sasl.jaas.config" not in found


def test_oauthbearer_logins() -> None:
    found = settings(
        "c",
        security__protocol="SASL_SSL",
        sasl__mechanism="OAUTHBEARER",
        sasl__jaas__config="org.apache.kafka.common.security.oauthbearer.OAuthBearerLoginModule required "
        f'clientId="me" clientSecret="{SECRET}" scope=s extension_logicalCluster="lkc";',
        sasl__oauthbearer__token__endpoint__url="https://idp/token",
        sasl__login__callback__handler__class="org.apache.kafka.common.security.oauthbearer."
        "OAuthBearerLoginCallbackHandler",
    )
    assert found["sasl.oauthbearer.method"] == "oidc"
    assert found["sasl.oauthbearer.client.id"] == "me"
    assert found["sasl.oauthbearer.client.secret"] == SECRET
    assert found["sasl.oauthbearer.scope"] == "s"
    assert found["sasl.oauthbearer.extensions"] == "logicalCluster=lkc"
    assert found["sasl.oauthbearer.token.endpoint.url"] == "https://idp/token"


@pytest.mark.parametrize(
    "jaas",
    [
        f'org.apache.kafka.common.security.plain.PlainLoginModule required username="u" password="{SECRET}"',
        f'org.apache.kafka.common.security.plain.PlainLoginModule required password="{SECRET}";',
        f'org.apache.kafka.common.security.plain.PlainLoginModule maybe username="u" password="{SECRET}";',
        f'com.example.MyLoginModule required password="{SECRET}";',
        f'org.apache.kafka.common.security.plain.PlainLoginModule required username="u" "{SECRET}";',
        f"{SECRET}",
        "",
    ],
)
def test_a_bad_login_is_named_and_not_shown(jaas: str) -> None:
    java = {"security.protocol": "SASL_SSL", "sasl.mechanism": "PLAIN", "sasl.jaas.config": jaas}
    assert list(problems("p", java)) == ["sasl.jaas.config"]


def test_kerberos_is_refused_by_name() -> None:
    found = problems("p", {"security.protocol": "SASL_PLAINTEXT"})
    assert "SCRAM" in found["sasl.mechanism"][0]


def test_pem_settings(tmp_path: Path) -> None:
    pem = tmp_path / "store"
    pem.write_text("some text\n-----BEGIN CERTIFICATE-----\n")
    found = settings(
        "c",
        security__protocol="SSL",
        ssl__truststore__location=str(pem),
        ssl__keystore__type="PEM",
        ssl__keystore__location=str(pem),
        ssl__key__password=SECRET,
        ssl__endpoint__identification__algorithm="",
    )
    assert (
        found["ssl.ca.location"] == found["ssl.key.location"] == found["ssl.certificate.location"] == str(pem)
    )
    assert found["ssl.key.password"] == SECRET
    assert found["ssl.endpoint.identification.algorithm"] == "none"
    text = settings(
        "c",
        ssl__truststore__type="PEM",
        ssl__truststore__certificates="CA",
        ssl__keystore__certificate__chain="CHAIN",
        ssl__keystore__key="KEY",
    )
    assert (text["ssl.ca.pem"], text["ssl.certificate.pem"], text["ssl.key.pem"]) == ("CA", "CHAIN", "KEY")


def test_pkcs12_key_stores_are_passed_on() -> None:
    found = settings(
        "c", ssl__keystore__type="PKCS12", ssl__keystore__location="/k.p12", ssl__keystore__password=SECRET
    )
    assert (found["ssl.keystore.location"], found["ssl.keystore.password"]) == ("/k.p12", SECRET)


def test_java_stores_are_refused_with_the_way_out() -> None:
    found = problems(
        "c",
        {
            "ssl.truststore.location": "/t.jks",
            "ssl.truststore.password": SECRET,
            "ssl.keystore.location": "/k.jks",
            "ssl.keystore.password": SECRET,
        },
    )
    assert "keytool" in found["ssl.truststore.location"][0]
    assert "openssl pkcs12" in found["ssl.keystore.location"][0]
    assert problems("c", {"ssl.truststore.type": "PKCS12", "ssl.truststore.location": "/t.p12"})


@pytest.mark.parametrize("key", [*DANGEROUS, "error_cb", "oauthbearer_token_refresh_cb", "anything_cb"])
@pytest.mark.parametrize("client", ["p", "c", "a"])
def test_what_loads_code_is_refused(client: str, key: str) -> None:
    assert list(problems(client, {key: SECRET})) == [key]


@pytest.mark.parametrize(
    ("client", "java"),
    [
        ("p", {"interceptor.classes": "com.example.I"}),
        ("p", {"partitioner.class": "com.example.P"}),
        ("c", {"partition.assignment.strategy": "com.example.A"}),
        ("c", {"auto.offset.reset": "by_duration:PT1H"}),
        ("c", {"sasl.login.class": "com.example.L"}),
        ("c", {"sasl.login.callback.handler.class": "com.example.L"}),
        ("c", {"ssl.engine.factory.class": "com.example.S"}),
        ("p", {"max.block.ms": "soon"}),
        ("p", {"request.timeout.ms": "soon"}),
        ("p", {"delivery.timeout.ms": "5", "linger.ms": "10"}),
    ],
)
def test_what_cannot_be_done_is_refused(client: str, java: dict[str, str]) -> None:
    assert next(iter(java)) in problems(client, java)


def test_all_problems_come_at_once() -> None:
    found = problems(
        "p",
        {
            "interceptor.classes": "a.B",
            "plugin.library.paths": "x",
            "max.block.ms": "x",
            "buffer.memory": "y",
        },
    )
    assert sorted(found) == ["buffer.memory", "interceptor.classes", "max.block.ms", "plugin.library.paths"]


def test_unknown_keys_are_warned_about_and_left_out(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        found = settings(
            "p",
            linger__mss="5",
            metrics__context__connect__kafka__cluster__id="x",
            group__id="g",
            wholly__unknown=SECRET,
        )
    assert not {"linger.mss", "wholly.unknown", "group.id"} & found.keys()
    messages = [record.getMessage() for record in caplog.records]
    assert len(messages) == 2
    assert "did you mean linger.ms?" in messages[0]
    assert SECRET not in "".join(messages)


def test_the_table_is_sound() -> None:
    names = [entry.name for entry in PROPERTIES]
    assert len(names) == len(set(names))
    for entry in PROPERTIES:
        assert entry.doc
        assert set(entry.clients) <= set("pca")
        assert (entry.target is not None) == (entry.fate is Fate.PASSED)
        assert re.fullmatch(r"[a-z0-9.]+", entry.name)
    natives = set().union(*NATIVE.values())
    assert not natives & DANGEROUS.keys()
    assert not [name for name in natives if name.endswith("_cb")]
    assert set(DEFAULTS) == {"pca", "p", "c", "a"}


def test_a_small_fetch_brings_librdkafkas_other_limit_down() -> None:
    assert settings("c", fetch__max__bytes="65536")["message.max.bytes"] == "65536"
    assert settings("c", fetch__max__bytes="5")["fetch.max.bytes"] == "1000"
    assert settings("c", fetch__max__bytes="52428800")["message.max.bytes"] == "1000000"
