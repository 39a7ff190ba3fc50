"""The definition of a configuration: a ``ConfigKey`` an option, its parsing and checking.

Made from the options of a :class:`connectkit.config.Config`, once a class. Source: spec data 5.2, 5.3 and
5.6: the members of ``ConfigKey`` and ``ConfigValue`` are those of Kafka's validate answer. Immutable
after it is made, hence thread-safe.
"""

from __future__ import annotations

import dataclasses
import enum
import re
import types
import typing
from collections.abc import Callable, Iterable, Mapping
from dataclasses import MISSING, dataclass, field
from datetime import timedelta
from typing import Any, Literal, Union, get_args, get_origin

from connectkit.checks import no_duplicates
from connectkit.javaregex import compile_java
from connectkit.kinds import Importance, Kind, Width, parse_kind, trim
from connectkit.secret import HIDDEN, HiddenText, Secret, is_sensitive, scrubbed, without_userinfo
from connectkit.suggest import did_you_mean, shortened

Check = Callable[[Any], str | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfigValue:
    """What validation says of one key; the members of Kafka's validate answer.

    ``value`` is the parsed value as text, None where there is none or it is wrong.
    """

    name: str
    value: str | None
    recommended_values: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    visible: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfigKey:
    """One option; the members with Kafka's names are those of Kafka's validate answer."""

    name: str
    attribute: str
    kind: Kind
    convert: Callable[[Any], Any]
    nullable: bool
    default: Any
    importance: Importance
    documentation: str
    group: str | None
    order_in_group: int
    width: Width
    display_name: str
    dependents: tuple[str, ...]
    checks: tuple[Check, ...]
    choices: tuple[str, ...]
    recommender: Callable[[Mapping[str, Any]], Iterable[Any]] | None
    visible: Callable[[Mapping[str, Any]], bool] | None
    sensitive: bool
    injected: bool
    extension: bool
    default_doc: str | None
    aliases: tuple[str, ...]

    @property
    def type(self) -> str:
        """Kafka's name of the type."""
        return self.kind.value

    @property
    def required(self) -> bool:
        """Whether there is no default (or the worker gives the value)."""
        return self.default is MISSING or self.injected

    @property
    def default_value(self) -> str | None:
        """The default as text, None where there is none."""
        return None if self.required else self.text(self.default)

    def text(self, value: Any) -> str | None:
        """A parsed value as Kafka renders it: lists joined with commas, secrets hidden."""
        if value is None:
            return None
        if self.kind is Kind.PASSWORD or isinstance(value, Secret):
            return HIDDEN
        if isinstance(value, bool):
            return "true" if value else "false"
        if isinstance(value, list):
            return ",".join(str(item.value if isinstance(item, enum.Enum) else item) for item in value)
        if isinstance(value, enum.Enum):
            return str(value.value)
        if isinstance(value, re.Pattern):
            return str(value.pattern)
        if isinstance(value, float):
            from connectkit.javatext import float_text

            return float_text(value)
        if isinstance(value, timedelta):
            return f"{value // timedelta(milliseconds=1)}ms"
        return str(value)

    def problem(self, value: Any) -> str | None:
        """What the checks find wrong with a parsed value, or None."""
        for check in self.checks:
            if found := check(value):
                return found
        return None

    def read(self, raw: Mapping[str, Any], *, deduplicate: bool = False) -> tuple[Any, str | None]:
        """The value of this option in a configuration, and what is wrong with it, or None.

        ``deduplicate`` drops the repetitions in a list that must not have any, instead of refusing it.
        """
        name = self.name
        if name not in raw:
            name = next((alias for alias in self.aliases if alias in raw), name)
        if name not in raw:
            if self.default is MISSING:
                return None, "is required and is missing"
            return list(self.default) if isinstance(self.default, list) else self.default, None
        value = raw[name]
        if value is None:
            return None, None if self.nullable else "must not be null"
        try:
            parsed = self.convert(value)
        except ValueError as exc:
            return None, self._sentence(value, str(exc))
        if deduplicate and no_duplicates in self.checks and isinstance(parsed, list):
            parsed = list(dict.fromkeys(parsed))
        if found := self.problem(parsed):
            return None, self._sentence(value, found)
        return parsed, None

    def _sentence(self, value: Any, found: str) -> str:
        if self.sensitive or not isinstance(value, str) or isinstance(value, HiddenText) or not trim(value):
            return found
        return f"'{shortened(without_userinfo(value))}' {found}"


class Definition:
    """The options of one configuration class, in order of declaration; extensions after all others."""

    __slots__ = ("accepted_names", "by_name", "groups", "keys", "secret_names")

    def __init__(self, keys: Iterable[ConfigKey]) -> None:
        self.keys = tuple(sorted(keys, key=lambda key: key.extension))
        self.by_name = {key.name: key for key in self.keys}
        if len(self.by_name) < len(self.keys):
            names = [key.name for key in self.keys]
            twice = sorted({name for name in names if names.count(name) > 1})
            raise TypeError(f"Configuration {twice[0]} is defined twice.")
        self.accepted_names = frozenset(self.by_name).union(*(key.aliases for key in self.keys))
        self.secret_names = frozenset(key.name for key in self.keys if key.sensitive)
        self.groups = list(dict.fromkeys(key.group for key in self.keys if key.group is not None))
        for key in self.keys:
            if lost := [name for name in key.dependents if name not in self.by_name]:
                raise TypeError(f"{key.name} names the dependents {lost}, which are not defined.")

    def validate(
        self,
        raw: Mapping[str, Any],
        *,
        between: Callable[[Mapping[str, Any]], Mapping[str, list[str]]] = lambda values: {},
    ) -> list[ConfigValue]:
        """A ``ConfigValue`` an option; ``between`` gets all values by attribute if each is right."""
        parsed: dict[str, Any] = {}
        errors: dict[str, list[str]] = {}
        for key in self.keys:
            value, found = key.read(raw)
            parsed[key.name] = value
            errors[key.name] = [found] if found else []
        if not any(errors.values()):
            for name, more in between({key.attribute: parsed[key.name] for key in self.keys}).items():
                errors.setdefault(name, []).extend(more)
        errors = scrubbed(errors, raw, self.secret_names)
        result = []
        for key in self.keys:
            recommended: list[str] = []
            if key.recommender is not None:
                try:
                    recommended = [str(key.text(value)) for value in key.recommender(parsed)]
                except ValueError as exc:
                    errors[key.name].append(str(exc))
            shown = key.text(parsed[key.name])
            if shown is not None and (key.sensitive or isinstance(raw.get(key.name), HiddenText)):
                shown = HIDDEN
            result.append(
                ConfigValue(
                    name=key.name,
                    value=shown,
                    recommended_values=[] if key.kind is Kind.PASSWORD else recommended,
                    errors=errors[key.name],
                    visible=key.visible is None or key.visible(parsed),
                )
            )
        return result


def make_definition(cls: type[Any]) -> Definition:
    """Read the options of a configuration class; a mistake in their declaration is a ``TypeError``."""
    try:
        hints = typing.get_type_hints(cls, localns=dict(vars(cls)))
    except NameError as exc:
        raise TypeError(
            f"The types of {cls.__qualname__} must be importable where it is defined: {exc}."
        ) from exc
    return Definition(_make_key(cls, each, hints[each.name]) for each in dataclasses.fields(cls))


def _make_key(cls: type[Any], declared: dataclasses.Field[Any], hint: Any) -> ConfigKey:
    where = f"{cls.__qualname__}.{declared.name}"
    if "connectkit" not in declared.metadata:
        raise TypeError(f"{where} must be declared with option(...).")
    settings = dict(declared.metadata["connectkit"])
    name = settings.pop("key") or declared.name.replace("_", ".")
    inner, nullable = _without_none(hint)
    trimmed = settings.pop("trim")
    kind, convert, choices = _conversion(where, inner, settings.pop("kind"), trimmed)
    default = declared.default_factory() if declared.default_factory is not MISSING else declared.default
    sensitive = settings.pop("sensitive")
    if sensitive is None:
        sensitive = is_sensitive(name) and kind not in (Kind.BOOLEAN, Kind.CLASS) and not choices
    key = ConfigKey(
        name=name,
        attribute=declared.name,
        kind=kind,
        convert=convert,
        nullable=nullable,
        default=default,
        choices=choices,
        sensitive=sensitive or kind is Kind.PASSWORD,
        documentation=settings.pop("doc"),
        order_in_group=settings.pop("order"),
        display_name=settings.pop("display_name") or name,
        **settings,
    )
    if default is None and not nullable:
        raise TypeError(f"{where} has the default None, so its type must be '… | None'.")
    if default is not MISSING and default is not None:
        _check_default(where, key)
    return key


def _check_default(where: str, key: ConfigKey) -> None:
    """A default is a value that the option could have been given."""
    try:
        right = key.convert(key.default) == key.default
    except ValueError:
        right = False
    if not right:
        raise TypeError(f"The default of {where} is not of its type.")
    if found := key.problem(key.default):
        raise TypeError(f"The default of {where} {found}.")


def _without_none(hint: Any) -> tuple[Any, bool]:
    if get_origin(hint) in (Union, types.UnionType):
        members = [each for each in get_args(hint) if each is not type(None)]
        if len(members) == 1:
            return members[0], True
    return hint, False


_PLAIN = {
    str: Kind.STRING,
    int: Kind.INT,
    float: Kind.DOUBLE,
    bool: Kind.BOOLEAN,
    Secret: Kind.PASSWORD,
}
_REFINED = {Kind.SHORT: int, Kind.LONG: int, Kind.INT: int, Kind.CLASS: str, Kind.PASSWORD: Secret}


def _conversion(
    where: str, hint: Any, kind: Kind | None, trimmed: bool
) -> tuple[Kind, Callable[[Any], Any], tuple[str, ...]]:
    """Kafka's type, the parser and the choices of an annotation."""
    plain = _PLAIN.get(hint) if isinstance(hint, type) else None
    if plain is not None:
        wanted = kind or plain
        if wanted is not plain and _REFINED.get(wanted) is not hint:
            raise TypeError(f"{where} cannot be of kind {wanted.value} with this annotation.")
        return wanted, lambda value: parse_kind(value, wanted, trimmed=trimmed), ()
    origin, args = get_origin(hint), get_args(hint)
    if origin is Literal and all(isinstance(each, str) for each in args):
        return Kind.STRING, _chooser({each: each for each in args}, exact=True), args
    if isinstance(hint, type) and issubclass(hint, enum.Enum):
        members = {str(each.value): each for each in hint}
        return Kind.STRING, _chooser(members, exact=False), tuple(members)
    if origin is list and len(args) == 1:
        if args[0] is str:
            return Kind.LIST, lambda value: parse_kind(value, Kind.LIST), ()
        _, item, choices = _conversion(where, args[0], None, True)

        def items(value: Any) -> list[Any]:
            return [
                item(each) for each in (value if isinstance(value, list) else parse_kind(value, Kind.LIST))
            ]

        return Kind.LIST, items, choices
    if hint is timedelta:
        return Kind.STRING, parse_duration, ()
    if hint is re.Pattern or origin is re.Pattern:
        return Kind.STRING, _compiled, ()
    raise TypeError(f"{where} has a type that no option can have: {hint}.")


def _chooser(members: Mapping[str, Any], *, exact: bool) -> Callable[[Any], Any]:
    by_text = members if exact else {name.casefold(): member for name, member in members.items()}
    listed = ", ".join(members)

    def choose(value: Any) -> Any:
        if isinstance(value, enum.Enum) and value in members.values():
            return value
        text = parse_kind(value, Kind.STRING)
        found = by_text.get(text if exact else text.casefold())
        if found is None:
            raise ValueError(f"must be one of: {listed}{did_you_mean(text, members)}")
        return found

    return choose


_DURATION = re.compile(r"(\d{1,18})\s*(ms|s|m|h|d)?")
_UNITS_MS = {None: 1, "ms": 1, "s": 1000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}


def parse_duration(value: Any) -> timedelta:
    """A duration: a whole number of milliseconds, or one with ``ms``, ``s``, ``m``, ``h`` or ``d``."""
    if isinstance(value, timedelta):
        return value
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value)
    if isinstance(value, str) and (found := _DURATION.fullmatch(trim(value))):
        try:
            return timedelta(milliseconds=int(found[1]) * _UNITS_MS[found[2]])
        except OverflowError:
            pass
    raise ValueError("must be a duration such as 500ms, 30s or 5m (a bare number is milliseconds)")


def _compiled(value: Any) -> re.Pattern[str]:
    """A regular expression, in Java's syntax."""
    return value if isinstance(value, re.Pattern) else compile_java(parse_kind(value, Kind.STRING))
