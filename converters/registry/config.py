"""The options that the converters of a schema registry share, by Confluent's names.

Source: spec registry 1, 6.1 (``AbstractKafkaSchemaSerDeConfig``, ``SchemaRegistryClientConfig``).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from connectkit.checks import Check, at_least, non_empty_list, one_of_any_case
from connectkit.config import HIGH, LOW, MEDIUM, ConverterConfig, Kind, option
from connectkit.converters.registry.rules.engine import Settings
from connectkit.converters.registry.rules.executors import CLASSES, EXTRA, has_cel
from connectkit.converters.registry.subjects import ASSOCIATED, FALLBACKS, STRATEGIES
from connectkit.secret import Secret

_SCHEMES: Final = ("http://", "https://", "mock://", "embedded:")
_SERIALIZERS: Final = ("PrefixSchemaIdSerializer", "HeaderSchemaIdSerializer")
_DESERIALIZERS: Final = (
    "DualSchemaIdDeserializer", "PrefixSchemaIdDeserializer", "HeaderSchemaIdDeserializer",
)  # fmt: skip
_PACKAGE: Final = "io.confluent.kafka.serializers.schema.id."


def _urls(urls: list[str]) -> str | None:
    kinds = {next((each for each in _SCHEMES if url.startswith(each)), None) for url in urls}
    if None in kinds:
        return "must hold addresses that begin with http://, https://, mock:// or embedded:"
    local = kinds & {"mock://", "embedded:"}
    return "cannot mix a registry in this process with others" if local and len(urls) > 1 else None


def _is_strategy(name: str) -> str | None:
    return None if name.rpartition(".")[2] in STRATEGIES else f"must be one of {', '.join(STRATEGIES)}"


def _one_of_package(allowed: Sequence[str]) -> Check:
    def check(name: str) -> str | None:
        return None if name.rpartition(".")[2] in allowed else f"must be one of {', '.join(allowed)}"

    return check


def rule_problems(config: RegistryConfig) -> dict[str, str | Sequence[str]]:
    """What cannot be done of the options about rules."""
    found: dict[str, str | Sequence[str]] = {}
    for name in config.rule_executors:
        said = str(config.originals.get(f"rule.executors.{name}.class") or "")
        if said.rpartition(".")[2] not in CLASSES:
            found["rule.executors"] = (
                f"names an executor that needs rule.executors.NAME.class to be one of {', '.join(CLASSES)}"
            )
    if config.rule_actions:
        found["rule.actions"] = (
            "cannot be met: there are ERROR and NONE; errors.deadletterqueue.topic.name takes bad records"
        )
    if config.validation_rules_execution.upper() != "DISABLED" and not has_cel():
        found["validation.rules.execution"] = f"needs {EXTRA}, which is not installed"
    return found


def _also(name: str) -> tuple[str]:
    """The name that Confluent's converters know a client's option by, too."""
    return (f"schema.registry.{name}",)


class RegistryConfig(ConverterConfig):
    """How a converter uses a schema registry.

    Options of the client may also be given with ``schema.registry.`` before the name;
    ``request.header.NAME`` is sent with every request.
    """

    prefixes = ("schema.registry.ssl.", "request.header.", "rule.executors.", "rule.actions.")

    schema_registry_url: list[str] = option(
        doc="The registry's addresses, or embedded:DIR for one that lives in a folder.",
        check=(non_empty_list, _urls),
        importance=HIGH,
    )
    auto_register_schemas: bool = option(
        True, doc="Whether a schema that is not there yet is registered.", importance=MEDIUM
    )
    normalize_schemas: bool = option(
        False, doc="Whether schemas that only differ in form are the same.", importance=MEDIUM
    )
    use_latest_version: bool = option(
        False,
        doc="Whether the subject's newest schema is used: to read; to write without auto.register.schemas.",
        importance=LOW,
    )
    use_schema_id: int = option(
        -1, doc="The id of the schema to write with, without auto.register.schemas.", importance=LOW
    )
    use_schema_guid: str | None = option(None, doc="The same by its GUID.", importance=LOW)
    use_latest_with_metadata: list[str] = option(
        [], doc="The newest schema with these properties is used; name=value,…", importance=LOW
    )
    id_compatibility_strict: bool = option(
        True, doc="Whether the schema of use.schema.id must be able to read the data.", importance=LOW
    )
    latest_compatibility_strict: bool = option(
        True, doc="Whether the newest schema must be able to read the data.", importance=LOW
    )
    key_subject_name_strategy: str = option(
        ASSOCIATED,
        doc="How subjects of keys are named.",
        kind=Kind.CLASS,
        check=_is_strategy,
        importance=MEDIUM,
    )
    value_subject_name_strategy: str = option(
        ASSOCIATED,
        doc="How subjects of values are named.",
        kind=Kind.CLASS,
        check=_is_strategy,
        importance=MEDIUM,
    )
    subject_name_strategy_fallback_type: str = option(
        "TOPIC",
        doc="How subjects are named where a topic has no associated subject.",
        check=one_of_any_case(*FALLBACKS),
        importance=LOW,
    )
    subject_name_strategy_kafka_cluster_id: str = option(
        "-", doc="The Kafka cluster whose topics have associated subjects.", importance=LOW
    )
    key_schema_id_serializer: str = option(
        _PACKAGE + _SERIALIZERS[0],
        doc="Where a key says its schema: before it, or in a header.",
        kind=Kind.CLASS,
        check=_one_of_package(_SERIALIZERS),
        importance=LOW,
    )
    value_schema_id_serializer: str = option(
        _PACKAGE + _SERIALIZERS[0],
        doc="Where a value says its schema: before it, or in a header.",
        kind=Kind.CLASS,
        check=_one_of_package(_SERIALIZERS),
        importance=LOW,
    )
    key_schema_id_deserializer: str = option(
        _PACKAGE + _DESERIALIZERS[0],
        doc="Where a key's schema is looked for.",
        kind=Kind.CLASS,
        check=_one_of_package(_DESERIALIZERS),
        importance=LOW,
    )
    value_schema_id_deserializer: str = option(
        _PACKAGE + _DESERIALIZERS[0],
        doc="Where a value's schema is looked for.",
        kind=Kind.CLASS,
        check=_one_of_package(_DESERIALIZERS),
        importance=LOW,
    )
    rule_executors: list[str] = option(
        [],
        doc="Names of executors of data contract rules, each with rule.executors.NAME.class.",
        importance=LOW,
    )
    rule_actions: list[str] = option(
        [], doc="Names of actions after data contract rules; there are ERROR and NONE.", importance=LOW
    )
    rule_service_loader_enable: bool = option(
        True, doc="Whether all executors that are installed may be used, not only named ones.", importance=LOW
    )
    execution_environment: str | None = option(
        None,
        doc="Where we are, for rule sets that are enabled at one place only; CLIENT if not set.",
        importance=LOW,
    )
    validation_rules_execution: str = option(
        "DISABLED",
        doc="Whether checks within a schema (confluent:rules) are made of values that are written, before or "
        "after rules of the data contract.",
        check=one_of_any_case("DISABLED", "BEFORE_DOMAIN_RULES", "AFTER_DOMAIN_RULES"),
        importance=LOW,
    )
    schema_backup_enabled: bool = option(
        False,
        doc="Whether values are read into an envelope with their schemas, which registers these where it is "
        "written.",
        importance=LOW,
    )
    schemas_cache_config: int = option(1000, doc="How many converted schemas are kept.", importance=LOW)
    max_schemas_per_subject: int = option(
        1000,
        doc="How many schemas of the registry are kept.",
        check=at_least(1),
        importance=LOW,
        aliases=_also("max.schemas.per.subject"),
    )
    latest_cache_ttl_sec: int = option(
        -1,
        doc="How long, in seconds, a subject's newest schema is believed to be it; -1 for ever.",
        importance=LOW,
        aliases=_also("latest.cache.ttl.sec"),
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
        doc="Where the token comes from.",
        check=one_of_any_case("STATIC_TOKEN"),
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

    @property
    def rule_settings(self) -> Settings:
        """What is said of rules."""
        types = set(CLASSES.values()) if self.rule_service_loader_enable else set()
        for name in self.rule_executors:
            types.add(CLASSES[str(self.originals[f"rule.executors.{name}.class"]).rpartition(".")[2]])
        return Settings(
            self.execution_environment or "CLIENT",
            self.with_prefix("rule.executors."),
            frozenset(types),
            self.validation_rules_execution.upper(),
        )

    def problems(self) -> Mapping[str, str | Sequence[str]]:
        user_info = self.basic_auth_credentials_source.upper() == "USER_INFO"
        if user_info and not self.basic_auth_user_info.reveal():
            return {"basic.auth.user.info": "is needed by basic.auth.credentials.source=USER_INFO"}
        if user_info and self.bearer_auth_token.reveal():
            return {"bearer.auth.token": "cannot be given together with basic.auth.user.info"}
        return rule_problems(self)
