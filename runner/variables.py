"""Resolves ``${provider:path:key}`` in configurations by the worker's config providers (KIP-297).

``path:`` may be left out; a value may hold several variables; what a provider gives is not looked at
again. A variable whose provider is not one of the worker's stays as it is, as in Kafka; one that the
provider does not have is an error here (Kafka leaves it in place, so that a placeholder becomes a
password). Resolved values are :class:`~connectkit.secret.HiddenText`: no message shows them. Only what
starts a connector or task resolves; everything else handles the templates. Thread-safe if the
providers are.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from connectkit.api import ConfigProvider
from connectkit.errors import ConfigError
from connectkit.kinds import split_list
from connectkit.plugin import Registry
from connectkit.secret import GIVEN, HiddenText, RawConfig
from connectkit.suggest import shortened


class Variable(NamedTuple):
    """One ``${provider:path:key}`` in a text, and where it stands in it."""

    provider: str
    path: str
    key: str
    begin: int
    end: int


@dataclass(frozen=True, slots=True)
class Resolved:
    """A configuration with its variables replaced. Printing it shows no replaced value."""

    config: Mapping[str, Any]
    keys: frozenset[str] = frozenset()
    """The keys whose values came from a provider."""
    ttl_ms: Mapping[tuple[str, str], int] = field(default_factory=dict)
    """When to ask again, by provider and path; empty where nothing ever changes."""
    given: frozenset[str] = field(default=frozenset(), repr=False)
    """The texts that stand in the places of the variables."""

    def hide_in(self, config: Mapping[str, Any]) -> RawConfig:
        """A configuration made from this one (a task's), with the same values hidden again."""
        return RawConfig(
            {
                key: HiddenText(value) if key in self.keys and isinstance(value, str) else value
                for key, value in config.items()
            }
        )


def variables_in(text: str) -> Iterator[Variable]:
    """The variables of a text, left to right, in one pass."""
    at = 0
    while (begin := text.find("${", at)) >= 0:
        end = text.find("}", begin)
        if end < 0:
            return
        at = end + 1
        colon = text.find(":", begin, end)
        if colon >= 0:
            second = text.find(":", colon + 1, end)
            path = text[colon + 1 : second] if second >= 0 else ""
            key = text[(second if second >= 0 else colon) + 1 : end]
            yield Variable(text[begin + 2 : colon], path, key, begin, at)


def has_variables(value: object) -> bool:
    """Whether a value is a text with a variable in it."""
    return isinstance(value, str) and next(variables_in(value), None) is not None


class Resolver:
    """Replaces the variables of configurations by what these providers give."""

    def __init__(self, providers: Mapping[str, ConfigProvider[Any]]) -> None:
        self._providers = dict(providers)

    @property
    def names(self) -> frozenset[str]:
        """The names of the providers."""
        return frozenset(self._providers)

    def resolve(self, raw: Mapping[str, Any]) -> Resolved:
        """A copy with every variable replaced, or a ``ConfigError`` with the keys that could not be."""
        wanted: dict[tuple[str, str], set[str]] = {}
        users: dict[str, list[Variable]] = {}
        for name, value in raw.items():
            if isinstance(value, str) and "${" in value:
                known = [each for each in variables_in(value) if each.provider in self._providers]
                for each in known:
                    wanted.setdefault((each.provider, each.path), set()).add(each.key)
                if known:
                    users[name] = known
        if not users:
            return Resolved(RawConfig(raw))
        values: dict[tuple[str, str], Mapping[str, str]] = {}
        ttl_ms: dict[tuple[str, str], int] = {}
        failed: dict[tuple[str, str], str] = {}
        for (provider, path), keys in wanted.items():
            try:
                data = self._providers[provider].get(path, sorted(keys))
            except ConfigError as exc:
                failed[provider, path] = str(exc)
            except Exception as exc:  # noqa: BLE001 - whatever a foreign provider may raise
                failed[provider, path] = f"the config provider failed with {type(exc).__name__}"
            else:
                values[provider, path] = data.data
                if data.ttl_ms is not None and data.ttl_ms >= 0:
                    ttl_ms[provider, path] = data.ttl_ms
        problems = {name: found for name, used in users.items() if (found := _missing(used, values, failed))}
        if problems:
            raise ConfigError(problems=problems)
        result = dict(raw)
        for name, used in users.items():
            result[name] = _replaced(raw[name], used, values)
        given = {values[each.provider, each.path][each.key] for used in users.values() for each in used}
        return Resolved(RawConfig(result), frozenset(users), ttl_ms, frozenset(given))

    def close(self) -> None:
        """Close the providers."""
        for provider in self._providers.values():
            provider.close()


def _missing(
    used: list[Variable],
    values: Mapping[tuple[str, str], Mapping[str, str]],
    failed: Mapping[tuple[str, str], str],
) -> list[str]:
    problems = []
    for each in used:
        place = (each.provider, each.path)
        if place in failed:
            problems.append(f"cannot be resolved by the config provider {each.provider}: {failed[place]}")
        elif each.key not in values[place]:
            at = f" at '{shortened(each.path)}'" if each.path else ""
            problems.append(
                f"asks the config provider {each.provider} for '{shortened(each.key)}'{at}, "
                f"which is not there"
            )
    return list(dict.fromkeys(problems))


def _replaced(
    text: str, used: list[Variable], values: Mapping[tuple[str, str], Mapping[str, str]]
) -> HiddenText:
    parts, at = [], 0
    for each in used:
        given = values[each.provider, each.path][each.key]
        GIVEN.add(given)
        parts += [text[at : each.begin], given]
        at = each.end
    return HiddenText("".join(parts) + text[at:])


def make_resolver(worker: Mapping[str, Any], plugins: Registry) -> Resolver:
    """The resolver with the providers that a worker's file declares in ``config.providers``."""
    names = split_list(str(worker.get("config.providers") or ""))
    problems: dict[str, list[str]] = {}
    providers: dict[str, ConfigProvider[Any]] = {}
    for name in dict.fromkeys(name for name in names if name):
        prefix = f"config.providers.{name}."
        class_name = worker.get(f"{prefix}class")
        if not class_name:
            problems[f"{prefix}class"] = ["is required and is missing"]
            continue
        param = f"{prefix}param."
        raw = {key[len(param) :]: value for key, value in worker.items() if key.startswith(param)}
        for key in worker:
            if key.startswith(prefix) and key != f"{prefix}class" and not key.startswith(param):
                problems[key] = [f"must be written {param}{key[len(prefix) :]}"]
        try:
            providers[name] = plugins.create("config_provider", class_name, raw, where=param.rstrip("."))
        except ConfigError as exc:
            for key, found in (exc.problems or {f"{prefix}class": [str(exc)]}).items():
                problems.setdefault(key, []).extend(found)
    if problems:
        raise ConfigError(problems=problems)
    return Resolver(providers)
