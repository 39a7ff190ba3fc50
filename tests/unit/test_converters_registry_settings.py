"""Confluent's option names for the registry's client, what they become, and that secrets are not shown."""

from __future__ import annotations

from typing import Any

import pytest

from connectkit.converters.registry.config import RegistryConfig
from connectkit.converters.registry.settings import ClientSettings, client_settings
from connectkit.errors import ConfigError

SSL = "schema.registry.ssl."
CANARY = "s3cr3t-canary"


def settings(**options: str) -> ClientSettings:
    return of({key.replace("_", "."): value for key, value in options.items()})


def of(options: dict[str, str]) -> ClientSettings:
    return client_settings(RegistryConfig.parse({"schema.registry.url": "http://r:8081", **options}))


def test_defaults() -> None:
    found = settings()
    assert found.client == {
        "url": "http://r:8081", "max.retries": 3, "retries.wait.ms": 1000, "retries.max.wait.ms": 20_000,
    }  # fmt: skip
    assert (found.connect_timeout_s, found.read_timeout_s, found.headers) == (60, 60, {})


@pytest.mark.parametrize("prefix", ["", "schema.registry."])
def test_the_clients_options_with_and_without_the_prefix(prefix: str) -> None:
    found = of(
        {
            f"{prefix}max.retries": "1",
            f"{prefix}http.read.timeout.ms": "500",
            f"{prefix}http.connect.timeout.ms": "250",
            f"{prefix}proxy.host": "p",
            f"{prefix}proxy.port": "3128",
            f"{prefix}basic.auth.credentials.source": "USER_INFO",
            f"{prefix}basic.auth.user.info": f"me:{CANARY}",
        }
    )
    assert found.client["max.retries"] == 1
    assert (found.connect_timeout_s, found.read_timeout_s) == (0.25, 0.5)
    assert found.client["proxy"] == "http://p:3128"
    assert found.client["basic.auth.user.info"] == f"me:{CANARY}"
    assert CANARY not in repr(found)


def test_several_addresses_with_credentials_in_one() -> None:
    found = of({"schema.registry.url": f"https://me:{CANARY}%40@a:1/path/,https://b:2"})
    assert found.client["url"] == "https://a:1/path,https://b:2"
    assert found.client["basic.auth.user.info"] == f"me:{CANARY}@"
    assert CANARY not in repr(found)


def test_a_token_and_headers_go_with_every_request() -> None:
    found = of(
        {
            "bearer.auth.credentials.source": "STATIC_TOKEN",
            "bearer.auth.token": CANARY,
            "bearer.auth.logical.cluster": "lsrc-1",
            "request.header.X-Tenant": "shop",
        }
    )
    assert found.headers == {
        "X-Tenant": "shop", "Authorization": f"Bearer {CANARY}", "target-sr-cluster": "lsrc-1",
    }  # fmt: skip
    assert CANARY not in repr(found)


def test_tls_by_pem_files() -> None:
    found = of(
        {
            f"{SSL}truststore.type": "PEM",
            f"{SSL}truststore.location": "ca.pem",
            f"{SSL}keystore.location": "me.pem",
            f"{SSL}key.password": CANARY,
        }
    )
    assert found.client["ssl.ca.location"] == "ca.pem"
    assert found.client["ssl.certificate.location"] == "me.pem"
    assert found.client["ssl.key.password"] == CANARY


@pytest.mark.parametrize(
    ("options", "key", "words"),
    [
        ({f"{SSL}truststore.location": "a.JKS"}, f"{SSL}truststore.location", "PEM"),
        ({f"{SSL}keystore.location": "a.p12"}, f"{SSL}keystore.location", "openssl"),
        ({f"{SSL}keystore.type": "PKCS12"}, f"{SSL}keystore.type", "PEM"),
        ({"schema.registry.url": "http://"}, "schema.registry.url", "host"),
        ({"schema.registry.url": "http://h:port"}, "schema.registry.url", "host"),
        ({"schema.registry.url": "http://[::1"}, "schema.registry.url", "host"),
        ({"schema.registry.url": "ftp://h"}, "schema.registry.url", "begin with"),
        ({"schema.registry.url": "file:///etc/passwd"}, "schema.registry.url", "begin with"),
        ({"schema.registry.url": "mock://a,http://b:1"}, "schema.registry.url", "mix"),
        ({"schema.registry.url": ""}, "schema.registry.url", ""),
        ({"basic.auth.credentials.source": "USER_INFO"}, "basic.auth.user.info", "needed"),
        ({"basic.auth.credentials.source": "SASL_INHERIT"}, "basic.auth.credentials.source", "one of"),
        ({"bearer.auth.credentials.source": "CUSTOM"}, "bearer.auth.credentials.source", "one of"),
        ({"value.subject.name.strategy": "com.me.Own"}, "value.subject.name.strategy", "one of"),
        ({"subject.name.strategy.fallback.type": "MAYBE"}, "subject.name.strategy.fallback.type", "one of"),
        ({"request.header.X": "a\r\nEvil: 1"}, "request.header.X", "ASCII"),
    ],
)  # fmt: skip
def test_what_cannot_be_done_is_refused_by_key(options: dict[str, str], key: str, words: str) -> None:
    with pytest.raises(ConfigError) as caught:
        of(options)
    assert list(caught.value.problems) == [key]
    assert words in caught.value.problems[key][0]


def test_basic_and_bearer_exclude_each_other() -> None:
    options = {"basic.auth.credentials.source": "USER_INFO", "basic.auth.user.info": f"a:{CANARY}"}
    with pytest.raises(ConfigError) as caught:
        of({**options, "bearer.auth.token": CANARY})
    assert CANARY not in str(caught.value)


@pytest.mark.parametrize("key", ["basic.auth.user.info", "bearer.auth.token"])
def test_secrets_are_not_shown(key: str) -> None:
    config: Any = RegistryConfig.parse({"schema.registry.url": f"http://u:{CANARY}@r:1", key: CANARY})
    assert CANARY not in repr(config)
    assert CANARY not in str(config)


def test_misspelt_options_are_told() -> None:
    config = RegistryConfig.parse({"schema.registry.url": "http://r:1", "schema.registry.max.retrys": "1"})
    assert "schema.registry.max.retrys" in config.warnings
