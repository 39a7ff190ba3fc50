"""Plugins: the base class of all, and the registry that finds them by the names a configuration says.

A plugin is found only through the entry points of installed distributions (groups ``connectkit.sources``
``sinks`` ``converters`` ``header_converters`` ``transforms`` ``predicates`` ``config_providers``). A text
from a configuration is looked up among their names and never imported. The names alone make the table of
aliases, so nothing is imported but what is asked for: an entry point's name is the plugin's short name,
and its full Java class names are further entry points of the same object. Thread-safe.
Source: runtime 1.10 (aliases), design 3 (one door to a plugin), reliability S8.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, Generic, Literal, TypeVar, get_args, get_origin

from connectkit.config import Config
from connectkit.errors import ConfigError
from connectkit.suggest import did_you_mean, shortened

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

C = TypeVar("C", bound=Config)

PluginKind = Literal[
    "source", "sink", "converter", "header_converter", "transform", "predicate", "config_provider"
]
KINDS: tuple[PluginKind, ...] = get_args(PluginKind)

_GROUPS: dict[PluginKind, str] = {kind: f"connectkit.{kind}s" for kind in KINDS}
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


class Plugin(Generic[C]):
    """Base of all plugins: made as ``cls(config, …)`` with a ``config`` of its generic argument's type.

    ``java_names``: the full Java class names this stands for. ``sided``: takes ``side="key"|"value"``,
    chosen by ``Name$Key`` or ``Name$Value``.
    """

    config_type: ClassVar[type[Config]] = Config
    java_names: ClassVar[tuple[str, ...]] = ()
    sided: ClassVar[bool] = False
    plugin_kind: ClassVar[PluginKind | None] = None  # set by the base class of each kind
    _config_argument: ClassVar[Any] = None

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        argument = _config_argument_of(cls)
        if argument is None:
            return
        cls._config_argument = argument
        if isinstance(argument, type):
            if not issubclass(argument, Config):
                raise TypeError(f"{cls.__qualname__} names {argument.__qualname__}, which is not a Config.")
            cls.config_type = argument
        elif not isinstance(argument, TypeVar):
            raise TypeError(f"{cls.__qualname__} must name its config class itself, not {argument!r}.")

    def __init__(self, config: C) -> None:
        self.config = config

    @classmethod
    def plugin_kinds(cls) -> frozenset[PluginKind]:
        """The kinds this class can serve as, by its base classes."""
        found = (base.__dict__.get("plugin_kind") for base in cls.__mro__)
        return frozenset(kind for kind in found if kind is not None)


def _config_argument_of(cls: type) -> Any:
    """What a class puts in the place of ``C``: a type, a type variable, or None if it says nothing."""
    for base in cls.__dict__.get("__orig_bases__", ()):
        origin = get_origin(base)
        if not (isinstance(origin, type) and issubclass(origin, Plugin)):
            continue
        parameters: tuple[Any, ...] = getattr(origin, "__parameters__", ())
        inherited = parameters[0] if origin is Plugin else origin._config_argument
        if not isinstance(inherited, TypeVar):
            continue
        if inherited in parameters:
            return get_args(base)[parameters.index(inherited)]
    return None


@dataclass(frozen=True, slots=True)
class PluginInfo:
    """One plugin of one kind, known by its entry points and not yet imported."""

    kind: PluginKind
    name: str
    """Its short name."""
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
        self._tables: dict[PluginKind, _Table] | None = None
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
                f"The {_spoken(kind)} {info.name} has no {side} form: leave '${side.title()}' off."
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
        spoken = "connector" if len(kinds) > 1 else _spoken(kind)
        if not name:
            return f"A {spoken} must be named."
        shown = shortened(name)
        for other in KINDS:
            if other not in kinds and self._table(other).get(name)[0] is not None:
                return f"'{shown}' is a {_spoken(other)}, not a {spoken}."
        doubles = [table.ambiguous[name] for each in kinds if name in (table := self._table(each)).ambiguous]
        if doubles:
            return f"'{shown}' means several plugins ({', '.join(doubles[0])}): give the full name."
        base, side = _split_side(name)
        known = [known for each in kinds for known in self._table(each).by_name]
        short = base.rpartition(".")[2] if "." in base else base
        hint = did_you_mean(base, known) or did_you_mean(short, known)
        if side and hint:
            hint = hint.replace("'?", f"${side.title()}'?")
        return f"No installed {spoken} is named '{shown}'{hint or '; connectkit plugins lists them.'}"

    def _table(self, kind: PluginKind) -> _Table:
        with self._lock:
            if self._tables is None:
                self._tables = self._build()
            if kind not in self._tables:
                raise ConfigError(
                    f"'{shortened(str(kind))}' is no kind of plugin; kinds are {', '.join(KINDS)}."
                )
            return self._tables[kind]

    def _build(self) -> dict[PluginKind, _Table]:
        by_group: dict[str, list[EntryPoint]] = {}
        for point in self._read():
            by_group.setdefault(point.group, []).append(point)
        tables = {}
        for kind in KINDS:
            infos = [_added_info(kind, name, cls) for k, name, cls in reversed(self._added) if k == kind]
            infos += _installed_infos(kind, by_group.get(_GROUPS[kind], []))
            if self._allowed is not None:
                allowed = self._allowed
                infos = [
                    info
                    for info in infos
                    if any(n in allowed or f"{kind}:{n}" in allowed for n in info.names)
                ]
            tables[kind] = _Table(kind, infos)
        return tables


class _Table:
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
                self.ambiguous[alias] = sorted(_origin(info) for info in meant.values())

    def get(self, name: str) -> tuple[PluginInfo | None, Literal["key", "value"] | None]:
        if not name or len(name) > _MAX_NAME_CHARS:
            return None, None
        if (info := self.by_name.get(name)) is not None:
            return info, None
        base, side = _split_side(name)
        return (self.by_name.get(base), side) if side is not None else (None, None)


def _split_side(name: str) -> tuple[str, Literal["key", "value"] | None]:
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


def _spoken(kind: PluginKind) -> str:
    if kind in ("source", "sink"):
        return f"{kind} connector"
    return kind.replace("_", " ")


def _origin(info: PluginInfo) -> str:
    return f"{info.target} of {info.distribution or 'this program'}"


def _installed() -> Iterable[EntryPoint]:
    from importlib.metadata import entry_points

    found = entry_points()
    return [point for group in _GROUPS.values() for point in found.select(group=group)]


def _installed_infos(kind: PluginKind, points: Iterable[EntryPoint]) -> list[PluginInfo]:
    by_target: dict[tuple[str, str], list[EntryPoint]] = {}
    for point in points:
        by_target.setdefault((point.value, _distribution_of(point)), []).append(point)
    infos = []
    for (target, distribution), same in by_target.items():
        names = sorted((point.name for point in same), key=lambda name: ("." in name, _order_of(same, name)))
        short = names[0] if "." not in names[0] else _pruned(kind, names[0].rpartition(".")[2])
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
        self._kind, self._name, self._point, self._distribution = kind, name, point, distribution
        self._loaded: type[Plugin[Any]] | None = None
        self._lock = threading.Lock()

    def __call__(self) -> type[Plugin[Any]]:
        if self._loaded is not None:
            return self._loaded
        with self._lock:
            if self._loaded is None:
                try:
                    loaded = self._point.load()
                except Exception as exc:  # whatever a foreign module may raise while it is imported
                    whose = self._distribution or "this program"
                    raise ConfigError(
                        f"The {_spoken(self._kind)} {self._name} of {whose} cannot be imported from "
                        f"{self._point.value}: {type(exc).__name__}: {exc}."
                    ) from exc
                self._loaded = _held_to_kind(self._kind, self._name, loaded, self._distribution)
            return self._loaded


def _held_to_kind(kind: PluginKind, name: str, loaded: object, distribution: str) -> type[Plugin[Any]]:
    if isinstance(loaded, type) and issubclass(loaded, Plugin) and kind in loaded.plugin_kinds():
        return loaded
    raise ConfigError(
        f"{name} of {distribution or 'this program'} is registered as a {_spoken(kind)} but is none: "
        f"its class must extend the base class of that kind in connectkit.api."
    )


def _added_info(kind: PluginKind, name: str, cls: type[Plugin[Any]]) -> PluginInfo:
    return PluginInfo(
        kind=kind,
        name=name,
        names=(name, *(n for n in cls.java_names if n != name)),
        target=f"{cls.__module__}:{cls.__qualname__}",
        distribution="",
        load=lambda: _held_to_kind(kind, name, cls, ""),
        read_version=lambda: str(getattr(cls, "version", "undefined")),
    )


plugins = Registry()
"""The plugins of all installed distributions."""
