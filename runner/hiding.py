"""Keeps secrets of configurations out of what REST shows and what is logged, and puts them back.

Shown as ``[hidden]``: options that a plugin declares as secret, other options by the words of their names,
and the user part of URLs; a placeholder of a config provider is shown as it is. Kafka Connect shows all.
So that a client may change what it has read, ``[hidden]`` in a configuration that comes in stands for the
value that is stored under this key. Thread-safe. Source: spec reliability 3.3.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from connectkit.errors import ConfigError
from connectkit.plugin import Registry
from connectkit.runner.named_plugins import Named, named_plugins
from connectkit.runner.variables import variables_in
from connectkit.runner.wiring import secret_options
from connectkit.secret import GIVEN, HIDDEN, without_userinfo

LEAST_CHARS: Final = 8
# Narrower than ``is_sensitive``, which keeps values out of tracebacks and may hide too much: here a hidden
# ``key.fields`` or ``sasl.mechanism`` would hide from people what they have to know.
_NAME: Final = re.compile(
    r"passw(or)?d|passphrase|secret(?!s)|(^|[._-])(token|apikey)$|credentials?$|jaas\.config$"
    r"|(access|api|private|secret|account|shared|encryption|signing)[._-]?key$|user\.info$|keystore\.key$",
    re.IGNORECASE,
)
_USERINFO: Final = re.compile(r"://([^/\s@]+)@")


def shown_config(
    raw: Mapping[str, str | None],
    registry: Registry,
    *,
    task: Mapping[str, str] | None = None,
    more: Iterable[str] = (),
) -> dict[str, str | None]:
    """A connector's configuration as it may be shown, or that of one of its tasks.

    ``more``: keys of secrets that nothing here knows of.
    """
    secret = {*_declared(raw, registry), *more}
    return {
        key: HIDDEN if key in secret and value and not _is_placeholder(value) else _shown(key, value)
        for key, value in (raw if task is None else task).items()
    }


def restored(
    config: Mapping[str, str | None], stored: Mapping[str, str | None] | None
) -> dict[str, str | None]:
    """A configuration that came in, with what is stored where it says ``[hidden]``.

    ``ConfigError`` for a key that has nothing stored.
    """
    found = dict(config)
    problems: dict[str, list[str]] = {}
    for key, value in config.items():
        if value is None or HIDDEN not in value:
            continue
        old = (stored or {}).get(key)
        if old is not None and value in (HIDDEN, without_userinfo(old)):
            found[key] = old
        elif value == HIDDEN:
            problems[key] = [f"says {HIDDEN}, which is how a secret is shown, and nothing is stored for it"]
    if problems:
        raise ConfigError(problems=problems)
    return found


def hide_from_logs(raw: Mapping[str, str | None], registry: Registry, *, more: Iterable[str] = ()) -> None:
    """From now on no log line shows the secrets that are written out in this configuration.

    Those of few characters are left alone: they would blot out other words.
    """
    for key, shown in shown_config(raw, registry, more=more).items():
        value = raw[key]
        if value is None or shown == value:
            continue
        parts = [value] if shown == HIDDEN else []
        for found in _USERINFO.finditer(value):
            parts += [found[1], found[1].partition(":")[2]]
        for part in parts:
            if len(part) >= LEAST_CHARS:
                GIVEN.add(part)


def _shown(key: str, value: str | None) -> str | None:
    if not value or _is_placeholder(value):
        return value
    return HIDDEN if _NAME.search(key) else without_userinfo(value)


def _is_placeholder(value: str) -> bool:
    """Whether a text is one placeholder of a config provider and nothing else."""
    first = next(variables_in(value), None)
    return first is not None and first.begin == 0 and first.end == len(value)


def _declared(raw: Mapping[str, str | None], registry: Registry) -> Iterator[str]:
    """The keys of options that some plugin of the connector declares as secret."""
    try:
        connector: Any = registry.find_connector(raw.get("connector.class") or "").cls
    except ConfigError:
        connector = None
    if connector is not None:
        yield from (key.name for key in secret_options(connector.config_type))
        task_config = getattr(getattr(connector, "task_class", None), "config_type", None)
        if task_config is not None:
            yield from (key.name for key in secret_options(task_config))
    for each in named_plugins(raw):
        yield from _of(each, raw.get(each.key), registry)


def _of(plugin: Named, name: str | None, registry: Registry) -> Iterator[str]:
    if not name:
        return
    try:
        config_type = getattr(registry.find(plugin.kind, name).cls, "config_type", None)
    except ConfigError:
        return
    if config_type is not None:
        yield from (plugin.prefix + key.name for key in secret_options(config_type))
