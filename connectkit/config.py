"""Typed configurations: a frozen class of options that parses, validates and documents itself.

    class MaskConfig(Config):
        fields: list[str] = option(doc="Fields to mask.", check=non_empty_list, importance=HIGH)
        replacement: str | None = option(None, doc="What stands in their place.")

    MaskConfig.parse({"fields": "a,b"}, where="transforms.m").fields    # ["a", "b"]

The key of an option is its attribute with ``_`` as ``.``, unless ``key=`` says otherwise; an option
without a default is required. The annotation is the type: ``str int float bool list[str] Secret
timedelta re.Pattern[str]`` (Java's syntax), a ``Literal`` of texts, an ``Enum`` (by value, any case),
each with ``| None`` if null is allowed. ``parse`` raises one ``ConfigError`` with every problem, and leaves
unknown keys as warnings with *did you mean*. No message holds the value of a secret. Instances are
immutable and compare by their options. Source: spec data 5.1-5.6 (Kafka's ConfigDef).
"""

from __future__ import annotations

import dataclasses
import inspect
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import MISSING, dataclass
from typing import Any, ClassVar, Literal, Self, TypeVar, cast, dataclass_transform, overload

from connectkit.errors import ConfigError
from connectkit.kinds import Importance, Kind, Width
from connectkit.options import ConfigKey, ConfigValue, Definition, make_definition
from connectkit.secret import (
    HIDDEN,
    HiddenText,
    RawConfig,
    Secret,
    is_sensitive,
    scrubbed,
    without_userinfo,
)
from connectkit.suggest import did_you_mean

__all__ = [
    "HIGH",
    "LOW",
    "MEDIUM",
    "Config",
    "ConfigKey",
    "ConfigValue",
    "ConverterConfig",
    "Definition",
    "Importance",
    "Kind",
    "Secret",
    "Width",
    "is_sensitive",
    "option",
]

T = TypeVar("T")
HIGH, MEDIUM, LOW = Importance.HIGH, Importance.MEDIUM, Importance.LOW

Check = Callable[[Any], str | None]
"""Takes the parsed value and returns what is wrong with it ("must …"), or None. Never sees null."""
Recommender = Callable[[Mapping[str, Any]], Iterable[Any]]
"""Takes all parsed values by key and returns the values to recommend."""


@overload
def option(
    *,
    doc: str,
    key: str | None = ...,
    check: Check | Sequence[Check] = ...,
    kind: Kind | None = ...,
    importance: Importance = ...,
    group: str | None = ...,
    order: int = ...,
    width: Width = ...,
    display_name: str | None = ...,
    dependents: Sequence[str] = ...,
    recommender: Recommender | None = ...,
    visible: Callable[[Mapping[str, Any]], bool] | None = ...,
    sensitive: bool | None = ...,
    trim: bool = ...,
    injected: bool = ...,
    extension: bool = ...,
    default_doc: str | None = ...,
    aliases: Sequence[str] = ...,
) -> Any: ...


@overload
def option(
    default: T,
    *,
    doc: str,
    key: str | None = ...,
    check: Check | Sequence[Check] = ...,
    kind: Kind | None = ...,
    importance: Importance = ...,
    group: str | None = ...,
    order: int = ...,
    width: Width = ...,
    display_name: str | None = ...,
    dependents: Sequence[str] = ...,
    recommender: Recommender | None = ...,
    visible: Callable[[Mapping[str, Any]], bool] | None = ...,
    sensitive: bool | None = ...,
    trim: bool = ...,
    injected: bool = ...,
    extension: bool = ...,
    default_doc: str | None = ...,
    aliases: Sequence[str] = ...,
) -> T: ...


def option(
    default: Any = MISSING,
    *,
    doc: str,
    key: str | None = None,
    check: Check | Sequence[Check] = (),
    kind: Kind | None = None,
    importance: Importance = Importance.MEDIUM,
    group: str | None = None,
    order: int = -1,
    width: Width = Width.NONE,
    display_name: str | None = None,
    dependents: Sequence[str] = (),
    recommender: Recommender | None = None,
    visible: Callable[[Mapping[str, Any]], bool] | None = None,
    sensitive: bool | None = None,
    trim: bool = True,
    injected: bool = False,
    extension: bool = False,
    default_doc: str | None = None,
    aliases: Sequence[str] = (),
) -> Any:
    """Declare an option of a :class:`Config`; without ``default`` it is required.

    ``kind`` is Kafka's type where the annotation leaves it open (``Kind.LONG`` or ``SHORT`` for an int,
    ``CLASS`` for a str). ``check`` returns what is wrong, or None. ``sensitive`` says whether the value
    is kept out of every text; left None, the option's name decides. ``trim=False`` keeps white space.
    ``aliases`` are older names of the key, used when it is absent. ``injected`` marks an option that
    the worker supplies: Kafka shows it as required. ``extension`` marks an option that Kafka Connect's
    plugin of that name does not have: its validate answers list it only where it is given a value.
    ``default_doc`` describes a default in words.
    """
    settings = {
        "doc": doc,
        "key": key,
        "checks": tuple(check) if isinstance(check, Sequence) else (check,),
        "kind": kind,
        "importance": importance,
        "group": group,
        "order": order,
        "width": width,
        "display_name": display_name,
        "dependents": tuple(dependents),
        "recommender": recommender,
        "visible": visible,
        "sensitive": sensitive,
        "trim": trim,
        "injected": injected,
        "extension": extension,
        "default_doc": default_doc,
        "aliases": tuple(aliases),
    }
    metadata = {"connectkit": settings}
    if default is MISSING:
        return dataclasses.field(metadata=metadata, kw_only=True)
    if isinstance(default, list):
        return dataclasses.field(default_factory=lambda: list(default), metadata=metadata, kw_only=True)
    return dataclasses.field(default=default, metadata=metadata, kw_only=True)


# ``option`` is not named as a field specifier: checkers look for ``default=`` by keyword only and would
# take every ``option(None, …)`` for required. So they see each option as one with a default, and a
# required one that is left out is found when the object is made.
@dataclass_transform(kw_only_default=True, frozen_default=True, eq_default=True)
@dataclass(frozen=True, kw_only=True, repr=False)
class Config:
    """Base of all configurations; on its own, one without options.

    ``prefixes`` names keys that are taken as they are (``("jdbc.",)``): they are no unknown keys and are
    read with :meth:`with_prefix`. Override :meth:`problems` for rules between options.
    """

    prefixes: ClassVar[tuple[str, ...]] = ()
    _definition: ClassVar[Definition | None] = None

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        for name in inspect.get_annotations(cls):
            if name in _RESERVED:
                raise TypeError(f"{cls.__name__}.{name} hides a member of Config: rename it and give key=.")
        cls._definition = None
        dataclass(frozen=True, kw_only=True, repr=False)(cls)

    def __post_init__(self) -> None:
        """Hold an object made in code to the same checks as a parsed one."""
        problems: dict[str, list[str]] = {}
        for key in self.definition().keys:
            value = getattr(self, key.attribute)
            if value is not None and (found := key.problem(value)):
                problems[key.name] = [found]
        problems = problems or _merged(self.problems())
        if problems:
            raise ConfigError(problems=problems)

    @classmethod
    def definition(cls) -> Definition:
        """What each option is, in order of declaration: everything Kafka's validate answer needs."""
        if cls._definition is None:
            cls._definition = make_definition(cls)
        return cls._definition

    @classmethod
    def parse(
        cls, raw: Mapping[str, Any], *, where: str = "", known: Collection[str] | Callable[[str], bool] = ()
    ) -> Self:
        """The configuration, or a ``ConfigError`` with all problems by key, ``where.`` before each key.

        ``known`` holds, or decides about, keys that are somebody else's and so not reported as unknown.
        """
        definition = cls.definition()
        prefix = f"{where}." if where else ""
        values: dict[str, Any] = {}
        problems: dict[str, list[str]] = {}
        for key in definition.keys:
            # As Kafka: what a connector's configuration is refused for, a plugin parsed by itself drops.
            value, found = key.read(raw, deduplicate=not where)
            if found:
                problems[prefix + key.name] = [found]
            values[key.attribute] = value
        if problems:
            raise ConfigError(problems=scrubbed(problems, raw, definition.secret_names))
        self = object.__new__(cls)
        for attribute, value in values.items():
            object.__setattr__(self, attribute, value)
        object.__setattr__(self, "_originals", RawConfig(raw, hidden=definition.secret_names))
        object.__setattr__(self, "_warnings", cls.unknown_keys(raw, where=where, known=known))
        if between := _merged(self.problems()):
            between = scrubbed(between, raw, definition.secret_names)
            raise ConfigError(problems={prefix + name: found for name, found in between.items()})
        return self

    @classmethod
    def unknown_keys(
        cls, raw: Mapping[str, Any], *, where: str = "", known: Collection[str] | Callable[[str], bool] = ()
    ) -> dict[str, list[str]]:
        """A sentence for each key that no option has, with the name it may be a misspelling of."""
        definition = cls.definition()
        names = definition.accepted_names
        is_known = known if callable(known) else known.__contains__
        prefix = f"{where}." if where else ""
        return {
            prefix + key: [f"is not an option here and has no effect{did_you_mean(key, names)}"]
            for key in raw
            if key not in names and not key.startswith(cls.prefixes or ("\0",)) and not is_known(key)
        }

    @classmethod
    def validate(cls, raw: Mapping[str, Any]) -> list[ConfigValue]:
        """Every option's value, recommended values and errors, as Kafka's ``ConfigDef.validate``.

        Never raises; unknown keys have no entry; a mistake is told once (Kafka may tell it twice).
        """
        return cls.definition().validate(raw, between=cls._between)

    @classmethod
    def _between(cls, values: Mapping[str, Any]) -> dict[str, list[str]]:
        self = object.__new__(cls)
        for attribute, value in values.items():
            object.__setattr__(self, attribute, value)
        return _merged(self.problems())

    def problems(self) -> Mapping[str, str | Sequence[str]]:
        """What is wrong between options, by key; asked only once every option by itself is right."""
        return {}

    @property
    def originals(self) -> Mapping[str, Any]:
        """The mapping this was parsed from, unknown keys included; prints no secret.

        An object made in code gives its options as they are.
        """
        found = self.__dict__.get("_originals")
        if found is None:
            definition = self.definition()
            return RawConfig(
                {key.name: getattr(self, key.attribute) for key in definition.keys},
                hidden=definition.secret_names,
            )
        return cast("RawConfig", found)

    @property
    def warnings(self) -> Mapping[str, Sequence[str]]:
        """Sentences about keys that no option has, by full key; empty for an object made in code."""
        return cast("dict[str, list[str]]", self.__dict__.get("_warnings", {}))

    def with_prefix(self, prefix: str) -> Mapping[str, Any]:
        """The originals that begin with the prefix, without it; one that is only the prefix is left out."""
        return RawConfig(
            {k[len(prefix) :]: v for k, v in self.originals.items() if k.startswith(prefix) and k != prefix}
        )

    def __repr__(self) -> str:
        raw = self.originals
        shown = ", ".join(
            f"{key.attribute}={_shown(key, getattr(self, key.attribute), raw.get(key.name))}"
            for key in self.definition().keys
        )
        return f"{type(self).__name__}({shown})"


_RESERVED = frozenset(
    ("definition", "originals", "parse", "problems", "unknown_keys", "validate", "warnings", "with_prefix")
)


def _shown(key: ConfigKey, value: Any, raw: Any) -> str:
    if value is None:
        return "None"
    return HIDDEN if key.sensitive or isinstance(raw, HiddenText) else without_userinfo(repr(value))


def _merged(problems: Mapping[str, str | Sequence[str]]) -> dict[str, list[str]]:
    return {
        name: [found] if isinstance(found, str) else list(found) for name, found in problems.items() if found
    }


class ConverterConfig(Config):
    """What every converter's configuration has; the worker fills ``converter.type`` in."""

    converter_type: Literal["key", "value", "header"] = option(
        "value",
        doc="How this converter will be used.",
        importance=LOW,
        injected=True,
    )
