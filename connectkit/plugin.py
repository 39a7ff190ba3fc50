"""The plugin registry: finds and makes plugins by the names that a configuration says.

A plugin is found only through the entry points of installed distributions (groups ``connectkit.sources``
``sinks`` ``converters`` ``header_converters`` ``transforms`` ``predicates`` ``config_providers``). A text
from a configuration is looked up among their names and never imported. The names alone make the table of
aliases, so nothing is imported but what is asked for: an entry point's name is the plugin's short name,
and its full Java class names are further entry points of the same object. Thread-safe.
Source: runtime 1.10 (aliases), design 3 (one door to a plugin), reliability S8. :class:`Plugin` itself and
the tables of names are in :mod:`connectkit.plugin_base` and :mod:`connectkit.plugin_names`.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from connectkit.errors import ConfigError
from connectkit.plugin_base import KINDS, Plugin, PluginKind
from connectkit.plugin_names import (
    GROUPS,
    PluginInfo,
    Table,
    added_info,
    installed_infos,
    split_side,
    spoken,
)
from connectkit.suggest import closest, shortened

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

__all__ = ["KINDS", "Found", "Plugin", "PluginInfo", "PluginKind", "Registry", "plugins"]


@dataclass(frozen=True, slots=True)
class Found:
    """A plugin looked up by name: its class, and what the name adds to its arguments."""

    cls: type[Plugin[Any]]
    extra: dict[str, Any]
    info: PluginInfo

    @property
    def kind(self) -> PluginKind:
        return self.info.kind


class Registry:
    """The plugins a program may use. Thread-safe; look-ups import nothing but the class found."""

    def __init__(self, *, entry_points: Callable[[], Iterable[EntryPoint]] | None = None) -> None:
        self._read = entry_points or _installed
        self._lock = threading.RLock()
        self._tables: dict[PluginKind, Table] | None = None
        self._added: list[tuple[PluginKind, str, type[Plugin[Any]]]] = []
        self._allowed: frozenset[str] | None = None

    def register(self, kind: PluginKind, name: str, cls: type[Plugin[Any]]) -> None:
        """Add a class under a name and its ``java_names``; it goes before an installed one so named."""
        if kind not in KINDS:
            raise ConfigError(f"'{shortened(str(kind))}' is no kind of plugin; kinds are {', '.join(KINDS)}.")
        with self._lock:
            self._added.append((kind, name, cls))
            self._tables = None

    def clone(self) -> Registry:
        """Another registry with the same plugins, to be extended or restricted by itself."""
        other = Registry(entry_points=self._read)
        with self._lock:
            other._added = list(self._added)
            other._allowed = self._allowed
            other._tables = self._tables
        return other

    def local(self) -> tuple[list[tuple[PluginKind, str, type[Plugin[Any]]]], frozenset[str] | None]:
        """What was registered here, and what it is restricted to: for the registry of another process."""
        with self._lock:
            return list(self._added), self._allowed

    def allow(self, names: Collection[str] | None) -> None:
        """Restrict to these plugins (by any of their names, or ``kind:name``); None lifts it."""
        with self._lock:
            self._allowed = None if names is None else frozenset(names)
            self._tables = None

    def all(self, kind: PluginKind) -> list[PluginInfo]:
        """All plugins of a kind by short name, none imported."""
        return sorted(self._table(kind).infos, key=lambda info: info.name)

    def find(self, kind: PluginKind, name: str) -> Found:
        """The plugin a configuration means by this name; ``ConfigError`` says why there is none."""
        name = name.strip()
        table = self._table(kind)
        info, side = table.get(name)
        if info is None:
            raise ConfigError(self._not_found(kind, name))
        cls = info.load()
        if side is not None and not cls.sided:
            raise ConfigError(
                f"The {spoken(kind)} {info.name} has no {side} form: leave '${side.title()}' off."
            )
        if side is None and cls.sided and "." in name:
            raise ConfigError(
                f"{shortened(name)} must say which side it works on"
                f"; did you mean {shortened(name)}$Key or {shortened(name)}$Value?"
            )
        return Found(cls, {} if side is None else {"side": side}, info)

    def find_connector(self, name: str) -> Found:
        """The source or sink connector of this name."""
        for kind in ("source", "sink"):
            if self._table(kind).get(name.strip())[0] is not None:
                return self.find(kind, name)
        raise ConfigError(self._not_found("source", name.strip(), ("source", "sink")))

    def create(
        self, kind: PluginKind, name: str, raw: Mapping[str, Any], *, where: str = "", **extra: Any
    ) -> Any:
        """Find, configure and make a plugin; ``where`` is put before the keys in messages."""
        found = self.find(kind, name)
        config_type = found.cls.config_type
        if kind in ("converter", "header_converter") and "converter.type" in config_type.definition().by_name:
            use = "header" if kind == "header_converter" else "key" if extra.get("is_key") else "value"
            raw = {**raw, "converter.type": use}
        return found.cls(config_type.parse(raw, where=where), **{**found.extra, **extra})

    def _not_found(self, kind: PluginKind, name: str, kinds: tuple[PluginKind, ...] = ()) -> str:
        kinds = kinds or (kind,)
        wanted = "connector" if len(kinds) > 1 else spoken(kind)
        if not name:
            return f"A {wanted} must be named."
        shown = shortened(name)
        for other in KINDS:
            if other not in kinds and self._table(other).get(name)[0] is not None:
                return f"'{shown}' is a {spoken(other)}, not a {wanted}."
        if self._allowed is not None:
            everything = self.clone()
            everything.allow(None)
            if any(everything._table(each).get(name)[0] is not None for each in kinds):
                return f"The {wanted} '{shown}' is installed, but is not one of the plugins that are allowed."
        base, side = split_side(name)
        doubles = [
            table.ambiguous[known]
            for each in kinds
            for known in dict.fromkeys((name, base))
            if known in (table := self._table(each)).ambiguous
        ]
        form = f"${side.title()}" if side else ""
        if doubles:
            full = ", ".join(f"{each}{form}" if ":" not in each else each for each in doubles[0])
            return f"'{shown}' means several plugins ({full}): give the full name."
        known = [known for each in kinds for known in self._table(each).by_name]
        hint = _nearest(base, known)
        stem, _, end = name.rpartition("$")
        if hint is None and stem and (meant := closest(end, ("Key", "Value"))):
            hint, form = _nearest(stem, known), f"${meant}"
        if hint is None:
            return f"No installed {wanted} is named '{shown}'; connectkit plugins lists them."
        return f"No installed {wanted} is named '{shown}'; did you mean '{hint}{form}'?"

    def _table(self, kind: PluginKind) -> Table:
        with self._lock:
            if self._tables is None:
                self._tables = self._build()
            if kind not in self._tables:
                raise ConfigError(
                    f"'{shortened(str(kind))}' is no kind of plugin; kinds are {', '.join(KINDS)}."
                )
            return self._tables[kind]

    def _build(self) -> dict[PluginKind, Table]:
        by_group: dict[str, list[EntryPoint]] = {}
        for point in self._read():
            by_group.setdefault(point.group, []).append(point)
        tables = {}
        for kind in KINDS:
            infos = [added_info(kind, name, cls) for k, name, cls in reversed(self._added) if k == kind]
            infos += installed_infos(kind, by_group.get(GROUPS[kind], []))
            if self._allowed is not None:
                allowed = self._allowed
                infos = [
                    info
                    for info in infos
                    if any(n in allowed or f"{kind}:{n}" in allowed for n in info.names)
                ]
            tables[kind] = Table(kind, infos)
        return tables


def _nearest(name: str, known: Iterable[str]) -> str | None:
    """The known name meant by a misspelt one: by its last part, of the same package if there is one."""
    package, _, simple = name.rpartition(".")
    by_simple: dict[str, list[str]] = {}
    for each in known:
        by_simple.setdefault(each.rpartition(".")[2], []).append(each)
    found = simple if simple in by_simple else closest(simple, by_simple)
    if found is None:
        return None
    return next(
        (each for each in by_simple[found] if each.rpartition(".")[0] == package), by_simple[found][0]
    )


def _installed() -> Iterable[EntryPoint]:
    from importlib.metadata import entry_points

    found = entry_points()
    return [point for group in GROUPS.values() for point in found.select(group=group)]


plugins = Registry()
"""The plugins of all installed distributions."""
