"""Executes the rules of a schema on a value, one after another, and what is to follow of each.

Source: spec registry 6.5 (``AbstractKafkaSchemaSerDe.executeRules``). A rule that fails, or that nobody here
can execute, is handled by its ``onFailure``, which is ERROR unless it says otherwise; one that encrypts is
never skipped. Errors name the rule and say nothing of the value. Used by one thread at a time.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

from connectkit.converters.registry.port import SchemaText
from connectkit.converters.registry.rules.executors import (
    CLASSES,
    EXTRA,
    Contexts,
    Executor,
    Place,
    Walk,
    executor_of,
)
from connectkit.converters.registry.rules.plan import CONDITION, Mode, Phase, Rule, rules_of
from connectkit.errors import ConfigError, ConversionError

_BY_FIELD: Final = "CEL_FIELD"
_ENCRYPTS: Final = "ENCRYPT"


class Settings(NamedTuple):
    """What a configuration says of rules."""

    environment: str = "CLIENT"
    overrides: Mapping[str, Any] | None = None
    types: frozenset[str] = frozenset(CLASSES.values())
    """The types of rules that may be executed."""
    validation: str = "DISABLED"
    """When checks within a schema are made."""


class RuleRun:
    """The rules of one phase of one schema. Call it with a value to get what they make of it."""

    def __init__(
        self, rules: Sequence[Rule], mode: Mode, contexts: Contexts | None, executors: Mapping[str, Executor],
        place: Place,
    ) -> None:  # fmt: skip
        self._rules = [
            (index, each) for index, each in enumerate(rules) if each.is_for(mode) and not each.disabled
        ]
        self.changes = any(each.kind != CONDITION for _, each in self._rules)
        """Whether what comes out may be something else than what goes in."""
        self._mode: Mode = mode
        self._contexts = contexts
        self._executors = executors
        self._place = place

    def __call__(self, value: Any) -> Any:
        for index, rule in self._rules:
            executor = self._executors.get(rule.type)
            if executor is None or self._contexts is None:
                self._failed(rule, _nobody(rule))
                continue
            try:
                result = executor.transform(self._contexts(index), value)
            except Exception as error:  # noqa: BLE001 - of the rule's own code; its text may hold the value
                self._failed(rule, _why(rule, error))
                continue
            if rule.kind == CONDITION:
                if not result and rule.type != _BY_FIELD:
                    self._failed(rule, _refused(rule))
                    continue
            elif result is None:
                self._failed(rule, "makes nothing of the value")
            else:
                value = result
            self._act(rule, rule.action(self._mode, failed=False))
        return value

    def _failed(self, rule: Rule, why: str) -> None:
        action = rule.action(self._mode, failed=True)
        if action == "ERROR" or (rule.type.startswith(_ENCRYPTS) and self._mode == "WRITE"):
            kind = "key" if self._place.is_key else "value"
            raise ConversionError(
                f"The rule '{rule.name[:80]}' of subject {self._place.subject} {why} "
                f"(the {kind} of topic {self._place.topic})"
            ) from None
        self._act(rule, action)

    def _act(self, rule: Rule, action: str) -> None:
        if action not in ("NONE", "ERROR"):
            raise ConfigError(
                f"The rule '{rule.name[:80]}' of subject {self._place.subject} asks for the action "
                f"{action[:80]}, which is not there; a connector's bad records go where errors.tolerance and "
                "errors.deadletterqueue.topic.name say"
            ) from None
        if action == "ERROR":
            self._failed(rule, "says that what it was successful with is an error")


def rule_run(
    phase: Phase,
    mode: Mode,
    place: Place,
    *,
    source: SchemaText | None,
    target: SchemaText,
    settings: Settings,
    tags: Mapping[str, set[str]] | None = None,
    walk: Walk | None = None,
) -> RuleRun | None:
    """What executes the rules of a phase; None if there are none. Downgrades are the source's rules."""
    owner = source if mode == "DOWNGRADE" and source is not None else target
    rules = rules_of(owner, phase, mode, environment=settings.environment, overrides=settings.overrides)
    if not rules:
        return None
    executors: dict[str, Executor] = {}
    for each in rules:
        if each.type in settings.types and each.type not in executors:
            found = executor_of(each.type)
            if found is not None:
                executors[each.type] = found
    contexts = None
    if executors:
        contexts = Contexts(rules, mode, place, source=source, target=target, tags=tags, walk=walk)
    return RuleRun(rules, mode, contexts, executors, place)


def _nobody(rule: Rule) -> str:
    if rule.type in CLASSES.values():
        return f"is of type {rule.type}, for which {EXTRA} is needed, and rule.executors if it is set"
    return f"is of type {rule.type[:80] or 'none'}, which nothing here executes"


def _refused(rule: Rule) -> str:
    said = rule.doc or rule.expr
    return f"refuses the value{f': {said[:200]}' if said else ''}"


def _why(rule: Rule, error: Exception) -> str:
    if type(error).__name__ == "RuleConditionError":
        return _refused(rule)
    return f"could not be executed ({type(error).__name__})"
