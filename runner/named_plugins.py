"""The converters, transforms and predicates that a configuration names, and where their options stand.

Read off the texts alone: a class that nobody has and an alias without a class come too, for the caller to
judge. The connector itself is not among them. Pure functions. Source: spec runtime 1.4.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final, NamedTuple

from connectkit.plugin import PluginKind

CONVERTER_KINDS: Final[Mapping[str, PluginKind]] = {
    "key.converter": "converter",
    "value.converter": "converter",
    "header.converter": "header_converter",
}
STEP_KINDS: Final[Mapping[str, PluginKind]] = {"transforms": "transform", "predicates": "predicate"}


class Named(NamedTuple):
    """One plugin of a configuration."""

    key: str
    """The configuration's key for its class: ``transforms.mask.type``."""
    kind: PluginKind
    prefix: str
    """What its options begin with: ``transforms.mask.``."""


def named_plugins(raw: Mapping[str, str | None]) -> Iterator[Named]:
    """The converters that are set, then every listed transform and predicate, set or not."""
    for key, kind in CONVERTER_KINDS.items():
        if raw.get(key):
            yield Named(key, kind, f"{key}.")
    for group, kind in STEP_KINDS.items():
        aliases = (alias.strip() for alias in (raw.get(group) or "").split(","))
        for alias in dict.fromkeys(filter(None, aliases)):
            yield Named(f"{group}.{alias}.type", kind, f"{group}.{alias}.")
