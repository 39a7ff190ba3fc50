"""The names of installed plugins: a table a kind, made from entry points without importing anything.

An entry point's name is the plugin's short name; its full Java class names are further entry points of
the same object. From each come Kafka's aliases (runtime 1.10): the simple class name, and that without
the suffix of its kind; an alias that means more than one plugin is dropped. Tables are immutable.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from connectkit.errors import ConfigError
from connectkit.plugin_base import KINDS, Plugin, PluginKind

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

GROUPS: dict[PluginKind, str] = {kind: f"connectkit.{kind}s" for kind in KINDS}
# What Kafka's aliases leave off the end of a simple class name (runtime 1.10).
_SUFFIXES: dict[PluginKind, tuple[str, ...]] = {
    "source": ("Connector",),
    "sink": ("Connector",),
    "converter": ("Converter",),
    "header_converter": ("HeaderConverter", "Converter"),
    "transform": ("Transformation",),
    "predicate": ("Predicate",),
    "config_provider": ("ConfigProvider",),
}
_MAX_NAME_CHARS = 300

Side = Literal["key", "value"]
"""What a sided plugin works on."""


@dataclass(frozen=True, slots=True)
class PluginInfo:
    """One plugin of one kind, known by its entry points and not yet imported."""

    kind: PluginKind
    name: str
    """Its short name; the full one where the short one means several."""
    names: tuple[str, ...]
    """All names it was registered under, the short one first."""
    target: str
    """What is imported, ``module:attribute``."""
    distribution: str
    """The distribution it comes from, empty if registered by a program."""
    load: Callable[[], type[Plugin[Any]]] = field(repr=False, compare=False)
    """Import the class, once; ``ConfigError`` if that fails or it is no plugin of this kind."""
    read_version: Callable[[], str] = field(repr=False, compare=False)

    @property
    def java_names(self) -> tuple[str, ...]:
        """The full Java class names among its names, without ``$Key`` and ``$Value``."""
        return tuple(name for name in self.names if "." in name)

    @property
    def version(self) -> str:
        """The version of its distribution, ``undefined`` where there is none."""
        return self.read_version()


class Table:
    """The names of one kind: registered ones first, then the aliases that mean one plugin only."""

    __slots__ = ("ambiguous", "by_name", "infos")

    def __init__(self, kind: PluginKind, infos: Iterable[PluginInfo]) -> None:
        self.infos: list[PluginInfo] = []
        self.by_name: dict[str, PluginInfo] = {}
        self.ambiguous: dict[str, list[str]] = {}
        taken: dict[str, set[str]] = {}
        for info in infos:
            self.infos.append(info)
            for name in info.names:
                other = self.by_name.setdefault(name, info)
                if other is not info and other.distribution and other.target != info.target:
                    taken.setdefault(name, {_origin(other)}).add(_origin(info))
        for name, origins in taken.items():
            del self.by_name[name]
            self.ambiguous[name] = sorted(origins)
        aliases: dict[str, dict[str, PluginInfo]] = {}
        for info in self.infos:
            for name in info.names:
                simple = name.rpartition(".")[2]
                for alias in (simple, _pruned(kind, simple)):
                    aliases.setdefault(alias, {})[info.target] = info
        for alias, meant in aliases.items():
            if alias in self.by_name or alias in self.ambiguous:
                continue
            if len(meant) == 1:
                self.by_name[alias] = next(iter(meant.values()))
            else:
                self.ambiguous[alias] = sorted(_full_name(info) for info in meant.values())

    def get(self, name: str) -> tuple[PluginInfo | None, Side | None]:
        if not name or len(name) > _MAX_NAME_CHARS:
            return None, None
        if (info := self.by_name.get(name)) is not None:
            return info, None
        base, side = split_side(name)
        return (self.by_name.get(base), side) if side is not None else (None, None)


def split_side(name: str) -> tuple[str, Side | None]:
    """``InsertField$Value`` as ``InsertField`` and ``value``."""
    if name.endswith("$Key"):
        return name[:-4], "key"
    if name.endswith("$Value"):
        return name[:-6], "value"
    return name, None


def _pruned(kind: PluginKind, simple: str) -> str:
    for suffix in _SUFFIXES[kind]:
        if simple.endswith(suffix) and len(simple) > len(suffix):
            return simple[: -len(suffix)]
    return simple


def spoken(kind: PluginKind) -> str:
    """What a message calls a plugin of this kind."""
    if kind in ("source", "sink"):
        return f"{kind} connector"
    return kind.replace("_", " ")


def _origin(info: PluginInfo) -> str:
    return f"{info.target} of {info.distribution or 'this program'}"


def _full_name(info: PluginInfo) -> str:
    """What to write instead of an alias that means several; where it comes from, if there is no such name."""
    return next(iter(info.java_names), None) or _origin(info)


def installed_infos(kind: PluginKind, points: Iterable[EntryPoint]) -> list[PluginInfo]:
    """The plugins of one kind: entry points of one distribution with one target are one plugin."""
    by_target: dict[tuple[str, str], list[EntryPoint]] = {}
    for point in points:
        by_target.setdefault((point.value, _distribution_of(point)), []).append(point)
    named = [
        sorted((point.name for point in same), key=lambda name: ("." in name, _order_of(same, name)))
        for same in by_target.values()
    ]
    taken = Counter(_short(kind, names) for names in named)
    infos = []
    for ((target, distribution), same), names in zip(by_target.items(), named, strict=True):
        short = _short(kind, names)
        if taken[short] > 1 and "." in names[0]:
            short = names[0]  # several vendors have one of this name: only the full one finds it
        infos.append(
            PluginInfo(
                kind=kind,
                name=short,
                names=tuple(names),
                target=target,
                distribution=distribution,
                load=_Loader(kind, short, same[0], distribution),
                read_version=_VersionReader(same[0]),
            )
        )
    return infos


def _short(kind: PluginKind, names: list[str]) -> str:
    """The short name of a plugin with these names, the first of which is without a dot if any is."""
    return names[0] if "." not in names[0] else _pruned(kind, names[0].rpartition(".")[2])


def _order_of(points: list[EntryPoint], name: str) -> int:
    """Where a name stands among its entry points."""
    return next(number for number, point in enumerate(points) if point.name == name)


def _distribution_of(point: EntryPoint) -> str:
    return point.dist.name if point.dist is not None else ""


class _VersionReader:
    """Reads the version of an entry point's distribution when asked."""

    __slots__ = ("_point",)

    def __init__(self, point: EntryPoint) -> None:
        self._point = point

    def __call__(self) -> str:
        dist = self._point.dist
        return (dist.version if dist is not None else "") or "undefined"


class _Loader:
    """Imports an entry point's class once, and holds it against its kind."""

    __slots__ = ("_distribution", "_kind", "_loaded", "_lock", "_name", "_point")

    def __init__(self, kind: PluginKind, name: str, point: EntryPoint, distribution: str) -> None:
        self._kind: PluginKind = kind
        self._name, self._point, self._distribution = name, point, distribution
        self._loaded: type[Plugin[Any]] | None = None
        self._lock = threading.Lock()

    def __call__(self) -> type[Plugin[Any]]:
        if self._loaded is not None:
            return self._loaded
        with self._lock:
            if self._loaded is None:
                try:
                    loaded = self._point.load()
                except (
                    Exception,
                    SystemExit,
                ) as exc:  # whatever a foreign module may raise while it is imported
                    whose = self._distribution or "this program"
                    raise ConfigError(
                        f"The {spoken(self._kind)} {self._name} of {whose} cannot be imported from "
                        f"{self._point.value}: {type(exc).__name__}: {exc}."
                    ) from exc
                self._loaded = _held_to_kind(self._kind, self._name, loaded, self._distribution)
            return self._loaded


def _held_to_kind(kind: PluginKind, name: str, loaded: object, distribution: str) -> type[Plugin[Any]]:
    if isinstance(loaded, type) and issubclass(loaded, Plugin) and kind in loaded.plugin_kinds():
        return loaded
    raise ConfigError(
        f"{name} of {distribution or 'this program'} is registered as a {spoken(kind)} but is none: "
        f"its class must extend the base class of that kind in connectkit.api."
    )


def added_info(kind: PluginKind, name: str, cls: type[Plugin[Any]]) -> PluginInfo:
    """A plugin that a program registers itself."""
    return PluginInfo(
        kind=kind,
        name=name,
        names=(name, *(n for n in cls.java_names if n != name)),
        target=f"{cls.__module__}:{cls.__qualname__}",
        distribution="",
        load=lambda: _held_to_kind(kind, name, cls, ""),
        read_version=lambda: str(getattr(cls, "version", "undefined")),
    )
