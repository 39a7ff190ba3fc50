"""Definitions and values of options, in the form of Kafka's REST interface.

Java names stand for the plugins that have them, so that a client which knows Kafka Connect knows ours.
An option that Kafka's plugin of that name does not have is left out unless a configuration uses it.
Source: spec runtime 3.4, 3.7, data 5.6. Pure functions.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from connectkit.errors import ConfigError
from connectkit.kinds import Importance, Kind, parse_kind, trim
from connectkit.options import ConfigKey, Definition
from connectkit.plugin import KINDS, Found, PluginInfo, PluginKind, Registry
from connectkit.secret import HIDDEN

TYPES: Mapping[PluginKind, str] = {
    "sink": "sink",
    "source": "source",
    "transform": "transformation",
    "predicate": "predicate",
    "converter": "converter",
    "header_converter": "header_converter",
}
"""Kafka's names of the kinds that it lists, in its order."""
UNDEFINED = "undefined"


def class_names(info: PluginInfo) -> list[str]:
    """What a configuration calls a plugin in full: its Java names with both sides, or its own name."""
    names = list(info.java_names) or [info.name]
    if info.kind == "transform" and info.load().sided:
        return [f"{name}${side}" for name in names for side in ("Key", "Value")]
    return names


def class_name(found: Found, given: str) -> str:
    """The full name of the plugin that a configuration calls ``given``."""
    names = class_names(found.info)
    given = trim(given)
    if given in names:
        return given
    side = found.extra.get("side")
    return next((name for name in names if side is None or name.endswith(f"${side.title()}")), names[0])


def listed_plugins(registry: Registry, *, connectors_only: bool) -> list[dict[str, str]]:
    """``GET /connector-plugins``: by kind, then by class name."""
    kinds: list[PluginKind] = ["sink", "source"] if connectors_only else list(TYPES)
    listed = []
    for kind in kinds:
        rows = []
        for info in registry.all(kind):
            try:
                names = class_names(info)
            except ConfigError:
                continue  # it needs a library that is not installed
            rows += [(name, info.version) for name in names]
        for name, version in sorted(set(rows)):
            shown = {} if version == UNDEFINED else {"version": version}
            listed.append({"class": name, "type": TYPES[kind], **shown})
    return listed


def find_any(registry: Registry, name: str) -> Found | None:
    """A plugin of any kind by name; None if there is none."""
    kinds: list[PluginKind] = [*TYPES, *(each for each in KINDS if each not in TYPES)]
    for kind in kinds:
        try:
            return registry.find(kind, name)
        except ConfigError:
            continue
    return None


@dataclass(frozen=True, slots=True)
class Shown:
    """One option as it is shown: its definition with the prefix, group and order it has in this place."""

    key: ConfigKey
    name: str
    group: str | None
    order: int
    display_name: str
    dependents: tuple[str, ...]
    default: str | None
    recommended: Sequence[str] | None = None
    """Values that the worker recommends, in place of the option's own recommender."""
    hidden: bool = False
    """It says nothing, as the plugin that it is about is not known."""
    of_class: Callable[[str], str | None] | None = None
    """Makes a full class name of what is given, for options that name plugins."""

    def as_json(self) -> dict[str, Any]:
        """Kafka's ConfigKeyInfo, with the order under its old and its new name."""
        key = self.key
        return {
            "name": self.name,
            "type": key.type,
            "required": key.required,
            "default_value": self.default,
            "importance": key.importance.value,
            "documentation": key.documentation,
            "group": self.group,
            "width": key.width.value,
            "display_name": self.display_name,
            "dependents": list(self.dependents),
            "order": self.order,
            "order_in_group": self.order,
        }


def shown(key: ConfigKey) -> Shown:
    """An option by itself."""
    return Shown(
        key, key.name, key.group, key.order_in_group, key.display_name, key.dependents, key.default_value
    )


def embedded(key: ConfigKey, prefix: str, group: str | None, order: int) -> Shown:
    """An option of a plugin under a prefix such as ``transforms.a.``."""
    return replace(
        shown(key),
        name=prefix + key.name,
        group=group,
        order=order,
        dependents=tuple(prefix + name for name in key.dependents),
    )


def visible_keys(
    definition: Definition, info: PluginInfo | None, used: Collection[str]
) -> Iterator[ConfigKey]:
    """The options that Kafka's plugin has too (all, where Kafka has no such plugin), and those in use."""
    java = info is None or bool(info.java_names)
    for key in definition.keys:
        if not (java and key.extension) or any(name in used for name in (key.name, *key.aliases)):
            yield key


def in_java_order(keys: Sequence[ConfigKey]) -> list[ConfigKey]:
    """The options as Kafka sorts those that it embeds: ours last, by group, needed ones first, by name."""
    groups = [None, *dict.fromkeys(key.group for key in keys if key.group is not None)]
    ranks = list(Importance)
    return sorted(
        keys,
        key=lambda key: (
            key.extension,
            groups.index(key.group),
            key.order_in_group,
            not key.required,
            ranks.index(key.importance),
            key.name,
        ),
    )


def value_text(key: ConfigKey, raw: Mapping[str, Any]) -> str | None:
    """The value of an option as text, also where a check refuses it; None where it cannot be read."""
    name = next((each for each in (key.name, *key.aliases) if each in raw), None)
    if name is None:
        return key.default_value if not key.injected else None
    given = raw[name]
    if given is None:
        return None
    if key.sensitive:
        return HIDDEN
    if key.kind is Kind.STRING:
        return trim(str(given))
    try:
        return key.text(key.convert(given))
    except ValueError:
        if key.kind is Kind.LIST:
            return ",".join(parse_kind(given, Kind.LIST))
        return None


def recommended_values(key: ConfigKey, parsed: Mapping[str, Any]) -> tuple[list[str], str | None]:
    """What the option recommends, or what went wrong when it was asked."""
    if key.recommender is None or key.kind is Kind.PASSWORD:
        return [], None
    try:
        return [str(key.text(value)) for value in key.recommender(parsed)], None
    except (ValueError, ConfigError) as exc:
        return [], str(exc)


def is_visible(key: ConfigKey, parsed: Mapping[str, Any]) -> bool:
    """Whether a form would show the option."""
    return key.visible is None or bool(key.visible(parsed))
