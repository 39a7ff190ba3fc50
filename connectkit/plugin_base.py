"""The base class of all plugins, and the kinds there are.

A plugin is one class with one typed configuration, its generic argument: a ``Mask(Transform[MaskConfig])``
has ``Mask.config_type is MaskConfig`` and, on an instance, ``self.config: MaskConfig``.
"""

from __future__ import annotations

from typing import Any, ClassVar, Generic, Literal, TypeVar, get_args, get_origin

from connectkit.config import Config

C = TypeVar("C", bound=Config)

PluginKind = Literal[
    "source", "sink", "converter", "header_converter", "transform", "predicate", "config_provider"
]
KINDS: tuple[PluginKind, ...] = get_args(PluginKind)


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
