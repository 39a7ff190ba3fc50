"""The table of a configuration class: one row an option, from what validation itself uses."""

from __future__ import annotations

from connectkit.config import Config, ConfigKey
from connectkit.kinds import Importance
from tools.docs.markdown import code, prose, table

HEAD = ("option", "type", "default", "what it does")


def options_table(config: type[Config], *, prefix: str = "") -> str:
    """Every option of the class in order of declaration; a sentence where there is none."""
    keys = config.definition().keys
    if not keys:
        return "It has no options."
    return table(HEAD, [_row(key, prefix) for key in keys])


def prefixes(config: type[Config]) -> str:
    """A sentence about keys that are taken as they are, empty if there are none."""
    if not config.prefixes:
        return ""
    return (
        f"Keys that begin with {', '.join(code(each) for each in config.prefixes)} are handed on as they are."
    )


def _row(key: ConfigKey, prefix: str) -> tuple[str, str, str, str]:
    name = code(prefix + key.name)
    if key.aliases:
        name += f" (also {', '.join(code(prefix + alias) for alias in key.aliases)})"
    kind = key.type.lower()
    if key.choices:
        kind = ", ".join(code(choice) for choice in key.choices)
    told = prose(key.documentation)
    if key.importance is Importance.HIGH and not told.endswith("."):
        told += "."
    return name, kind, _default(key), told


def _default(key: ConfigKey) -> str:
    if key.default_doc:
        return key.default_doc
    if key.injected:
        return "set by the worker"
    if key.required:
        return "**required**"
    value = key.default_value
    if value is None:
        return "none"
    return code(value) if value else "empty"
