"""The table of a configuration class: one row an option, from what validation itself uses."""

from __future__ import annotations

from collections.abc import Sequence

from connectkit.config import Config, ConfigKey, Kind
from tools.docs.markdown import code, prose, table

HEAD = ("option", "type", "default", "what it does")


def options_table(
    config: type[Config], *, prefix: str = "", but_not: type[Config] | None = None, own: Sequence[str] = ()
) -> str:
    """Every option of the class in order of declaration; a sentence where there is none.

    ``but_not`` leaves out the options of a class that were told before; ``own`` names those of them that
    are told all the same, because they mean something else here.
    """
    told = set(but_not.definition().by_name) - set(own) if but_not is not None else set()
    keys = [key for key in config.definition().keys if key.name not in told]
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
    return name, kind, _default(key), prose(key.documentation)


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
    return code(value.replace(",", ", ") if key.kind is Kind.LIST else value) if value else "empty"
