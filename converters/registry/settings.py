"""Confluent's client options as those of confluent-kafka's client, which have other names.

Source: spec registry 6.1, 10.1.
"""

from __future__ import annotations

from typing import Any, Final
from urllib.parse import unquote, urlsplit, urlunsplit

from connectkit.converters.registry.config import RegistryConfig
from connectkit.errors import ConfigError

_SSL: Final = "schema.registry.ssl."
_PEM: Final = {
    "truststore.location": "ssl.ca.location",
    "keystore.location": "ssl.certificate.location",
    "key.location": "ssl.key.location",
    "key.password": "ssl.key.password",
}
_JAVA_STORES: Final = (".jks", ".p12", ".pfx", ".keystore", ".truststore")


def client_settings(config: RegistryConfig) -> dict[str, Any]:
    """The settings of ``SchemaRegistryClient``; ``ConfigError`` for what it cannot do."""
    urls, user_info = _addresses(config)
    settings: dict[str, Any] = {
        "url": ",".join(urls),
        "timeout": max(config.http_read_timeout_ms, config.http_connect_timeout_ms) / 1000,
        "max.retries": config.max_retries,
        "retries.wait.ms": config.retries_wait_ms,
        "retries.max.wait.ms": config.retries_max_wait_ms,
        "cache.capacity": config.max_schemas_per_subject,
    }
    if user_info:
        settings["basic.auth.user.info"] = user_info
    token = config.bearer_auth_token.reveal()
    if token:
        settings["bearer.auth.credentials.source"] = "STATIC_TOKEN"
        settings["bearer.auth.token"] = token
        settings["bearer.auth.logical.cluster"] = str(config.originals.get("bearer.auth.logical.cluster", ""))
        settings["bearer.auth.identity.pool.id"] = str(
            config.originals.get("bearer.auth.identity.pool.id", "")
        )
    if config.proxy_host:
        settings["proxy"] = f"http://{config.proxy_host}:{config.proxy_port}"
    settings.update(_tls(config))
    if config.with_prefix("request.header."):
        raise ConfigError(
            problems={"request.header.*": ["is not supported: the client sends no headers of its own"]}
        )
    return settings


def _addresses(config: RegistryConfig) -> tuple[list[str], str]:
    """The addresses without user and password, and these, from where the configuration says."""
    found, urls = "", []
    for each in config.schema_registry_url:
        parts = urlsplit(each)
        if not parts.hostname:
            raise ConfigError(problems={"schema.registry.url": ["must hold addresses with a host"]})
        if parts.username is not None:
            found = found or f"{unquote(parts.username)}:{unquote(parts.password or '')}"
        host = parts.netloc.rpartition("@")[2]
        urls.append(urlunsplit((parts.scheme, host, parts.path, "", "")).rstrip("/"))
    if config.basic_auth_credentials_source.upper() == "USER_INFO":
        return urls, config.basic_auth_user_info.reveal()
    return urls, found


def _tls(config: RegistryConfig) -> dict[str, str]:
    """TLS by PEM files: Java's own stores have to be converted once."""
    found: dict[str, str] = {}
    for name, value in config.with_prefix(_SSL).items():
        target = _PEM.get(name)
        if target is None:
            continue
        if name.endswith("store.location") and str(value).endswith(_JAVA_STORES):
            raise ConfigError(
                problems={
                    _SSL + name: ["is a Java key store; convert it to PEM once, as the guide to Kafka says"]
                }
            )
        found[target] = str(value)
    return found
