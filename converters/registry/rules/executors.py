"""The executors of rules: those of confluent-kafka for CEL and JSONata, if their libraries are there.

Source: spec registry 6.5, 10.1. An instance belongs to one schema of one converter, and is used by one
thread at a time.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, NamedTuple, Protocol

from connectkit.converters.registry.port import SchemaText
from connectkit.converters.registry.rules.plan import Mode, Rule
from connectkit.errors import ConversionError, SchemaError

CLASSES: Final = {
    "CelExecutor": "CEL", "CelFieldExecutor": "CEL_FIELD", "JsonataExecutor": "JSONATA",
}  # fmt: skip
"""Types by the names of Confluent's classes, without their packages."""
EXTRA: Final = "the extra 'rules' of kafka-connectkit"
Walk = Callable[[Any, Any, Any], Any]
"""Calls a field's function for each field of a value: ``walk(context, function, value)``."""


class Place(NamedTuple):
    """Whose rules are executed."""

    topic: str
    subject: str
    is_key: bool


class Executor(Protocol):
    """What executes rules of one type."""

    def transform(self, ctx: Any, message: Any) -> Any: ...


def executor_of(kind: str) -> Executor | None:
    """A new executor for rules of a type; None if there is none, or its library is not installed."""
    make: Any = None
    try:
        if kind == "CEL":
            from confluent_kafka.schema_registry.rules.cel.cel_executor import CelExecutor

            make = CelExecutor
        elif kind == "CEL_FIELD":
            from confluent_kafka.schema_registry.rules.cel.cel_field_executor import CelFieldExecutor

            make = CelFieldExecutor
        elif kind == "JSONATA":
            from confluent_kafka.schema_registry.rules.jsonata.jsonata_executor import JsonataExecutor

            make = JsonataExecutor
    except ImportError:
        return None
    return None if make is None else make()


def has_cel() -> bool:
    """Whether CEL can be executed."""
    return executor_of("CEL") is not None


class Contexts:
    """Makes what an executor is told beside the value: for the rules of one schema, topic and subject."""

    def __init__(
        self,
        rules: Sequence[Rule],
        mode: Mode,
        place: Place,
        *,
        source: SchemaText | None,
        target: SchemaText,
        tags: Mapping[str, set[str]] | None = None,
        walk: Walk | None = None,
    ) -> None:
        from confluent_kafka.schema_registry import RuleMode
        from confluent_kafka.schema_registry.serde import RuleContext
        from confluent_kafka.serialization import MessageField, SerializationContext

        field = MessageField.KEY if place.is_key else MessageField.VALUE
        made: Any = SerializationContext
        context = made(place.topic, field)
        schemas = None if source is None else _schema(source), _schema(target)
        plain = [_plain_rule(each) for each in rules]
        all_tags = None if tags is None else dict(tags)
        make: Any = RuleContext
        way: Any = RuleMode(mode)
        self._make: Callable[[int], Any] = lambda index: make(
            None, context, *schemas, place.subject, way, plain[index], index, plain, all_tags, walk
        )

    def __call__(self, index: int) -> Any:
        """The context of one of the rules."""
        return self._make(index)


def _plain_rule(rule: Rule) -> Any:
    from confluent_kafka.schema_registry import Rule as ClientRule

    make: Any = ClientRule
    try:
        return make.from_dict(dict(rule.raw))
    except (ValueError, TypeError, AttributeError) as exc:
        raise SchemaError(f"The rule '{rule.name[:80]}' is not one that can be executed") from exc


def _schema(schema: SchemaText) -> Any:
    """For executors, which read metadata and take schemas for keys of a cache."""
    from confluent_kafka.schema_registry import Metadata, Schema

    metadata = None
    if schema.metadata:
        tags = {name: tuple(each) for name, each in (schema.metadata.get("tags") or {}).items()}
        metadata = Metadata.from_dict({**schema.metadata, "tags": tags})
    return Schema(schema.text, schema.kind, metadata=metadata)


def inline_check(validate: Callable[[Any, Any], list[Any]]) -> Callable[[Any], Any]:
    """A function that gives values back, and raises for those that break a check within the schema."""
    from confluent_kafka.schema_registry.rules.cel import cel_validator

    make: Any = cel_validator.CelValidator
    executor = make()

    def check(value: Any) -> Any:
        found = validate(executor, value)
        if found:
            first = found[0]
            name = (first.rule.name if first.rule is not None else None) or "unnamed"
            more = f", and {len(found) - 1} more" if len(found) > 1 else ""
            raise ConversionError(
                f"The check '{name}' of the schema refuses the value at {first.field_path or '$'}{more}"
            )
        return value

    return check
