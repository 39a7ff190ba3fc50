"""The options that the converters of a schema registry share, by Confluent's names.

Source: spec registry 1, 6.1 (``AbstractKafkaSchemaSerDeConfig``).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from connectkit.checks import Check, at_least, one_of_any_case
from connectkit.config import LOW, MEDIUM, Kind, option
from connectkit.converters.registry.client_config import ClientConfig
from connectkit.converters.registry.extra import NEEDS, speaks_http
from connectkit.converters.registry.rules.engine import Settings
from connectkit.converters.registry.rules.executors import CLASSES, EXTRA, has_cel
from connectkit.converters.registry.subjects import ASSOCIATED, FALLBACKS, STRATEGIES

_SERIALIZERS: Final = ("PrefixSchemaIdSerializer", "HeaderSchemaIdSerializer")
_DESERIALIZERS: Final = (
    "DualSchemaIdDeserializer", "PrefixSchemaIdDeserializer", "HeaderSchemaIdDeserializer",
    "ConfigSchemaIdDeserializer",
)  # fmt: skip
_PACKAGE: Final = "io.confluent.kafka.serializers.schema.id."


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


class RegistryConfig(ClientConfig):
    """How a converter uses a schema registry.

    How it is reached says :class:`~connectkit.converters.registry.client_config.ClientConfig`.
    """

    prefixes = (*ClientConfig.prefixes, "rule.executors.", "rule.actions.")

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
    use_message_indexes: list[str] = option(
        [],
        doc="The path of a Protobuf message's type, such as 0,1, where ConfigSchemaIdDeserializer is used.",
        importance=LOW,
    )
    propagate_schema_tags: bool = option(
        False, doc="Whether tags of a schema are taken over into the next. Refused.", importance=LOW
    )
    context_name_strategy: str = option(
        "io.confluent.kafka.serializers.context.NullContextNameStrategy",
        doc="How subjects get a context; only NullContextNameStrategy, which gives none.",
        kind=Kind.CLASS,
        check=_one_of_package(("NullContextNameStrategy",)),
        importance=LOW,
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
    subject_name_strategy_cache_size: int = option(
        1000, doc="How many topics' associated subjects are kept.", check=at_least(1), importance=LOW
    )
    subject_name_strategy_cache_expiry_secs: int = option(
        -1, doc="How long, in seconds, they are believed; -1 for ever.", importance=LOW
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
        found = {**super().problems(), **rule_problems(self)}
        if self.schema_registry_url[0].startswith(("http://", "https://")) and not speaks_http():
            found["schema.registry.url"] = NEEDS
        if self.propagate_schema_tags:
            found["propagate.schema.tags"] = "cannot be met: confluent-kafka's client does not send it"
        numbers = self.use_message_indexes
        if any(not each.strip().isascii() or not each.strip().isdigit() for each in numbers):
            found["use.message.indexes"] = "must be numbers from 0 on, with commas between them"
        return found
