"""Confluent's client options as those of confluent-kafka's client, which have other names.

Source: spec registry 6.1, 10.1. What cannot be done is refused, and not left out.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import SplitResult, unquote, urlsplit, urlunsplit

from connectkit.converters.registry.config import RegistryConfig
from connectkit.errors import ConfigError

_SSL: Final = "schema.registry.ssl."
_PEM: Final = {
    "truststore.location": "ssl.ca.location",
    "keystore.location": "ssl.certificate.location",
    "key.location": "ssl.key.location",
    "key.password": "ssl.key.password",
}
_STORE_TYPES: Final = ("truststore.type", "keystore.type")
_JAVA_STORES: Final = (".jks", ".p12", ".pfx", ".keystore", ".truststore")
_CONVERT: Final = (
    "is a Java key store; write it as PEM once (keytool -list -rfc -keystore FILE > ca.pem; "
    "openssl pkcs12 -in FILE -nodes -out client.pem) and name that file"
)


@dataclass(frozen=True, slots=True)
class ClientSettings:
    """What a client is made of. ``client`` and ``headers`` may hold secrets, and are not shown."""

    client: Mapping[str, Any] = field(repr=False)
    headers: Mapping[str, str] = field(repr=False)
    connect_timeout_s: float
    read_timeout_s: float
    oauth: OAuth | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class OAuth:
    """How tokens are got from an OAuth server."""

    url: str
    client_id: str
    client_secret: str = field(repr=False)
    scope: str
    buffer_s: float


def client_settings(
    config: RegistryConfig, *, choose: Callable[[int], int] = secrets.randbelow
) -> ClientSettings:
    """The settings of ``SchemaRegistryClient`` and its session; ``ConfigError`` for what they cannot do."""
    urls, user_info = _addresses(config)
    if config.schema_registry_url_randomize:
        first = choose(len(urls))
        urls = urls[first:] + urls[:first]
    client: dict[str, Any] = {
        "url": ",".join(urls),
        "max.retries": config.max_retries,
        "retries.wait.ms": config.retries_wait_ms,
        "retries.max.wait.ms": config.retries_max_wait_ms,
    }
    if user_info:
        client["basic.auth.user.info"] = user_info
    if config.proxy_host:
        client["proxy"] = f"http://{config.proxy_host}:{config.proxy_port}"
    client.update(_tls(config))
    return ClientSettings(
        client,
        _headers(config),
        config.http_connect_timeout_ms / 1000,
        config.http_read_timeout_ms / 1000,
        _oauth(config),
    )


def _oauth(config: RegistryConfig) -> OAuth | None:
    if config.bearer_auth_credentials_source.upper() != "OAUTHBEARER":
        return None
    return OAuth(
        config.bearer_auth_issuer_endpoint_url,
        config.bearer_auth_client_id,
        config.bearer_auth_client_secret.reveal(),
        config.bearer_auth_scope,
        float(config.bearer_auth_cache_expiry_buffer_seconds),
    )


def _headers(config: RegistryConfig) -> dict[str, str]:
    """What is sent with every request: headers of the configuration, and the token."""
    found = {name: str(value) for name, value in config.with_prefix("request.header.").items()}
    token = config.bearer_auth_token.reveal()
    oauth = config.bearer_auth_credentials_source.upper() == "OAUTHBEARER"
    if token and not oauth:
        found["Authorization"] = f"Bearer {token}"
    if token or oauth:
        if config.bearer_auth_logical_cluster:
            found["target-sr-cluster"] = config.bearer_auth_logical_cluster
        if config.bearer_auth_identity_pool_id:
            found["Confluent-Identity-Pool-Id"] = config.bearer_auth_identity_pool_id
    for name, value in found.items():
        if not (name + value).isascii() or not (name + value).isprintable():
            raise ConfigError(
                problems={f"request.header.{name}": ["must be of printable ASCII, as headers of HTTP are"]}
            )
    return found


def _addresses(config: RegistryConfig) -> tuple[list[str], str]:
    """The addresses without user and password, and these, from where the configuration says."""
    found, urls = "", []
    for each in config.schema_registry_url:
        parts = _split(each)
        if parts is None:
            raise ConfigError(
                problems={"schema.registry.url": ["must hold addresses such as http://host:8081"]}
            )
        if parts.username is not None:
            found = found or f"{unquote(parts.username)}:{unquote(parts.password or '')}"
        host = parts.netloc.rpartition("@")[2]
        urls.append(urlunsplit((parts.scheme, host, parts.path, "", "")).rstrip("/"))
    if config.basic_auth_credentials_source.upper() == "USER_INFO":
        return urls, config.basic_auth_user_info.reveal()
    return urls, found


def _split(url: str) -> SplitResult | None:
    """The parts of an address; None if it is none."""
    try:
        parts = urlsplit(url)
        return parts if parts.hostname and (parts.port is None or parts.port > 0) else None
    except ValueError:  # a port that is no number, half an IPv6 address
        return None


def _tls(config: RegistryConfig) -> dict[str, str]:
    """TLS by PEM files: Java's own stores have to be converted once."""
    found: dict[str, str] = {}
    for name, value in config.with_prefix(_SSL).items():
        text = str(value)
        if name in _STORE_TYPES and text.upper() != "PEM":
            raise ConfigError(problems={_SSL + name: ["must be PEM: the file that is named " + _CONVERT]})
        if name.endswith("store.location") and text.lower().endswith(_JAVA_STORES):
            raise ConfigError(problems={_SSL + name: [_CONVERT]})
        if name in _PEM:
            found[_PEM[name]] = text
    return found
