"""Which rules of a schema's rule set are to be executed, and in what order. Pure functions.

Source: spec registry 6.5 (``RuleSet``, ``AbstractKafkaSchemaSerDe.executeRules``).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

from connectkit.converters.registry.port import SchemaText
from connectkit.errors import SchemaError

Mode = Literal["WRITE", "READ", "UPGRADE", "DOWNGRADE"]
Phase = Literal["domainRules", "encodingRules", "migrationRules"]
_BOTH: Final[Mapping[Mode, str]] = {
    "WRITE": "WRITEREAD", "READ": "WRITEREAD", "UPGRADE": "UPDOWN", "DOWNGRADE": "UPDOWN",
}  # fmt: skip
_SECOND: Final = ("READ", "DOWNGRADE")
_DEFAULTS: Final = "_default_"
CONDITION: Final = "CONDITION"


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule as it is written in the registry, with what the configuration says instead."""

    name: str
    kind: str
    mode: str
    type: str
    doc: str | None
    expr: str | None
    on_success: str | None
    on_failure: str | None
    disabled: bool
    raw: Mapping[str, Any]

    def is_for(self, mode: Mode) -> bool:
        """Whether the rule is executed then."""
        return self.mode in (mode, _BOTH[mode])

    def action(self, mode: Mode, *, failed: bool) -> str:
        """What to do afterwards: ``a,b`` of a rule for both ways is ``a`` on the first of them."""
        said = (self.on_failure if failed else self.on_success) or ("ERROR" if failed else "NONE")
        first, comma, second = said.partition(",")
        if not comma or self.mode not in _BOTH.values():
            return said.strip()
        return (second if mode in _SECOND else first).strip()


def rules_of(
    schema: SchemaText,
    phase: Phase,
    mode: Mode,
    *,
    environment: str = "CLIENT",
    overrides: Mapping[str, Any] | None = None,
) -> Sequence[Rule]:
    """All rules of a phase in the order of the mode, none if the rule set is for another environment.

    Those for other modes are among them, since a rule by tags may look at its neighbours.
    """
    rule_set = schema.rule_set or {}
    found = rule_set.get(phase) or ()
    place = rule_set.get("enableAt")
    if not found or (place is not None and place not in ("ALL", environment)):
        return ()
    rules = [_rule(each, overrides or {}) for each in found]
    if mode in _SECOND:
        rules.reverse()
    return rules if any(each.is_for(mode) and not each.disabled for each in rules) else ()


def _rule(raw: Any, overrides: Mapping[str, Any]) -> Rule:
    if not isinstance(raw, Mapping):
        raise SchemaError("The schema has a rule that is none")
    name = str(raw.get("name") or "")

    def said(option: str, member: str) -> Any:
        for each in (name, _DEFAULTS):
            found = overrides.get(f"{each}.{option}")
            if found is not None:
                return found
        return raw.get(member)

    return Rule(
        name,
        str(raw.get("kind") or "TRANSFORM").upper(),
        str(raw.get("mode") or "").upper(),
        str(raw.get("type") or "").upper(),
        _text(raw.get("doc")),
        _text(raw.get("expr")),
        _text(said("onSuccess", "onSuccess")),
        _text(said("onFailure", "onFailure")),
        str(said("disabled", "disabled")).lower() == "true",
        raw,
    )


def _text(found: Any) -> str | None:
    return found if isinstance(found, str) and found else None
