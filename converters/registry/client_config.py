"""The options of a schema registry's client, by Confluent's names.

Source: spec registry 6.1 (``SchemaRegistryClientConfig``).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar, Final

from connectkit.checks import at_least, non_empty_list, one_of_any_case
from connectkit.config import HIGH, LOW, MEDIUM, ConverterConfig, option
from connectkit.secret import Secret

_SCHEMES: Final = ("http://", "https://", "mock://", "embedded:")


def _urls(urls: list[str]) -> str | None:
    kinds = {next((each for each in _SCHEMES if url.startswith(each)), None) for url in urls}
    if None in kinds:
        return "must hold addresses that begin with http://, https://, mock:// or embedded:"
    local = kinds & {"mock://", "embedded:"}
    return "cannot mix a registry in this process with others" if local and len(urls) > 1 else None


def _also(name: str) -> tuple[str]:
    """The name that Confluent's converters know a client's option by, too."""
    return (f"schema.registry.{name}",)


class ClientConfig(ConverterConfig):
    """How a registry is reached, and what of its answers is kept.

    Options may also be given with ``schema.registry.`` before the name; ``request.header.NAME`` is sent with
    every request.
    """

    prefixes: ClassVar[tuple[str, ...]] = ("schema.registry.ssl.", "request.header.")

    schema_registry_url: list[str] = option(
        doc="The registry's addresses, or embedded:DIR for one that lives in a folder.",
        check=(non_empty_list, _urls),
        importance=HIGH,
    )
    schema_registry_url_randomize: bool = option(
        False, doc="Whether the first of several addresses is a random one.", importance=LOW
    )
    max_schemas_per_subject: int = option(
        1000,
        doc="How many schemas of the registry are kept.",
        check=at_least(1),
        importance=LOW,
        aliases=_also("max.schemas.per.subject"),
    )
    latest_cache_size: int = option(
        1000,
        doc="How many subjects' newest schemas are kept.",
        check=at_least(1),
        importance=LOW,
        aliases=_also("latest.cache.size"),
    )
    latest_cache_ttl_sec: int = option(
        -1,
        doc="How long, in seconds, a subject's newest schema is believed to be it; -1 for ever.",
        importance=LOW,
        aliases=_also("latest.cache.ttl.sec"),
    )
    missing_cache_size: int = option(
        10_000,
        doc="How many answers that something is not there are kept.",
        check=at_least(1),
        importance=LOW,
        aliases=_also("missing.cache.size"),
    )
    missing_id_cache_ttl_sec: int = option(
        0,
        doc="How long, in seconds, it is believed that an id is not there; at least one second.",
        check=at_least(0),
        importance=LOW,
        aliases=_also("missing.id.cache.ttl.sec"),
    )
    missing_version_cache_ttl_sec: int = option(
        0,
        doc="The same of a version.",
        check=at_least(0),
        importance=LOW,
        aliases=_also("missing.version.cache.ttl.sec"),
    )
    missing_schema_cache_ttl_sec: int = option(
        0,
        doc="The same of a schema under a subject.",
        check=at_least(0),
        importance=LOW,
        aliases=_also("missing.schema.cache.ttl.sec"),
    )
    max_retries: int = option(
        3,
        doc="How often a request that may succeed later is sent again.",
        check=at_least(0),
        importance=LOW,
        aliases=_also("max.retries"),
    )
    retries_wait_ms: int = option(
        1000,
        doc="The wait before it is sent again, in milliseconds.",
        check=at_least(0),
        importance=LOW,
        aliases=_also("retries.wait.ms"),
    )
    retries_max_wait_ms: int = option(
        20_000,
        doc="The longest such wait, in milliseconds.",
        check=at_least(0),
        importance=LOW,
        aliases=_also("retries.max.wait.ms"),
    )
    http_read_timeout_ms: int = option(
        60_000,
        doc="How long an answer may take, in milliseconds.",
        check=at_least(1),
        importance=LOW,
        aliases=_also("http.read.timeout.ms"),
    )
    http_connect_timeout_ms: int = option(
        60_000,
        doc="How long a connection may take, in milliseconds.",
        check=at_least(1),
        importance=LOW,
        aliases=_also("http.connect.timeout.ms"),
    )
    basic_auth_credentials_source: str = option(
        "URL",
        doc="Where user and password come from: the addresses (URL) or basic.auth.user.info (USER_INFO).",
        check=one_of_any_case("URL", "USER_INFO"),
        importance=MEDIUM,
        aliases=_also("basic.auth.credentials.source"),
    )
    basic_auth_user_info: Secret = option(
        Secret(""), doc="user:password.", aliases=_also("basic.auth.user.info"), importance=MEDIUM
    )
    bearer_auth_credentials_source: str = option(
        "STATIC_TOKEN",
        doc="Where the token comes from: bearer.auth.token (STATIC_TOKEN), or an OAuth server (OAUTHBEARER).",
        check=one_of_any_case("STATIC_TOKEN", "OAUTHBEARER"),
        importance=MEDIUM,
        aliases=_also("bearer.auth.credentials.source"),
    )
    bearer_auth_token: Secret = option(
        Secret(""),
        doc="The token.",
        importance=MEDIUM,
        aliases=_also("bearer.auth.token"),
    )
    bearer_auth_logical_cluster: str = option(
        "",
        doc="The cluster that the token is for.",
        aliases=_also("bearer.auth.logical.cluster"),
        importance=LOW,
    )
    bearer_auth_identity_pool_id: str = option(
        "",
        doc="The identity pool of the token.",
        aliases=_also("bearer.auth.identity.pool.id"),
        importance=LOW,
    )
    bearer_auth_issuer_endpoint_url: str = option(
        "",
        doc="The OAuth server's address for tokens (client credentials), with OAUTHBEARER.",
        importance=MEDIUM,
        aliases=_also("bearer.auth.issuer.endpoint.url"),
    )
    bearer_auth_client_id: str = option(
        "", doc="Who we are to it.", importance=MEDIUM, aliases=_also("bearer.auth.client.id")
    )
    bearer_auth_client_secret: Secret = option(
        Secret(""),
        doc="How we prove it.",
        importance=MEDIUM,
        aliases=_also("bearer.auth.client.secret"),
    )
    bearer_auth_scope: str = option(
        "", doc="The scope that is asked for.", importance=MEDIUM, aliases=_also("bearer.auth.scope")
    )
    bearer_auth_cache_expiry_buffer_seconds: int = option(
        300,
        doc="How long before its end a token is no longer used, in seconds.",
        check=at_least(0),
        importance=LOW,
        aliases=_also("bearer.auth.cache.expiry.buffer.seconds"),
    )
    proxy_host: str = option(
        "",
        doc="The proxy's host.",
        importance=LOW,
        aliases=_also("proxy.host"),
    )
    proxy_port: int = option(
        -1,
        doc="The proxy's port.",
        importance=LOW,
        aliases=_also("proxy.port"),
    )

    def problems(self) -> Mapping[str, str | Sequence[str]]:
        user_info = self.basic_auth_credentials_source.upper() == "USER_INFO"
        oauth = self.bearer_auth_credentials_source.upper() == "OAUTHBEARER"
        if user_info and not self.basic_auth_user_info.reveal():
            return {"basic.auth.user.info": "is needed by basic.auth.credentials.source=USER_INFO"}
        if user_info and (oauth or self.bearer_auth_token.reveal()):
            return {"bearer.auth.token": "cannot be given together with basic.auth.user.info"}
        if oauth and not self.bearer_auth_issuer_endpoint_url.startswith(("http://", "https://")):
            return {"bearer.auth.issuer.endpoint.url": "must be an address of http:// or https://"}
        if oauth and not (self.bearer_auth_client_id and self.bearer_auth_client_secret.reveal()):
            return {"bearer.auth.client.id": "and bearer.auth.client.secret are needed by OAUTHBEARER"}
        return {}
