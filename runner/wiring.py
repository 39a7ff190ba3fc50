"""Checks the wiring of ``transforms`` and ``predicates`` without making them (spec data 4.2).

Beyond Kafka it finds a predicate alias that is nowhere listed before the chain is built, options that no
plugin has (with *did you mean*), options of aliases that are not listed, and predicates nothing uses.
Values with variables of a config provider are left out: they are not resolved here.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from connectkit.config import Config
from connectkit.errors import ConfigError
from connectkit.kinds import Kind, parse_kind, trim
from connectkit.options import ConfigKey
from connectkit.plugin import Found, PluginKind, Registry
from connectkit.runner.report import Report, problems_of
from connectkit.runner.versions import accepts
from connectkit.suggest import closest, did_you_mean, shortened

_OWN = {
    "transforms": ("type", "plugin.version", "predicate", "negate"),
    "predicates": ("type", "plugin.version"),
}
_KINDS: dict[str, PluginKind] = {"transforms": "transform", "predicates": "predicate"}


def check_wiring(
    raw: Mapping[str, Any], templated: Collection[str], plugins: Registry, report: Report
) -> list[str]:
    """Note what is wrong; return every key that would have been right, for suggestions."""
    checker = _Checker(raw, templated, plugins, report)
    predicates = checker.aliases("predicates")
    transforms = checker.aliases("transforms")
    for alias in predicates:
        checker.plugin("predicates", alias)
    used = [checker.transform(alias, predicates) for alias in transforms]
    for alias in predicates:
        if alias not in used and not checker.is_template_used:
            report.warn(f"predicates.{alias}.type", "is a predicate that no transform uses")
    checker.strays("transforms", transforms)
    checker.strays("predicates", predicates)
    return checker.right_keys


class _Checker:
    def __init__(
        self, raw: Mapping[str, Any], templated: Collection[str], plugins: Registry, report: Report
    ) -> None:
        self.raw = raw
        self.templated = templated
        self.plugins = plugins
        self.report = report
        self.right_keys: list[str] = []
        self.is_template_used = False
        """Whether some transform's predicate is a variable, so that nobody knows which one it uses."""
        self._listed: dict[str, list[str]] = {}

    def aliases(self, group: str) -> list[str]:
        """The aliases listed, without doubles; what is wrong with the list is the framework's to tell."""
        try:
            found = [] if self.raw.get(group) is None else parse_kind(self.raw[group], Kind.LIST)
        except ValueError:
            found = []
        if group in self.templated:
            found = []
        self._listed[group] = [alias for alias in dict.fromkeys(found) if alias]
        return self._listed[group]

    def plugin(self, group: str, alias: str) -> Found | None:
        """Look at the plugin of an alias and at its options."""
        where = f"{group}.{alias}"
        type_key = f"{where}.type"
        kind = _KINDS[group]
        self.right_keys += [f"{where}.{own}" for own in _OWN[group]]
        if type_key in self.templated:
            return None
        name = self.raw.get(type_key)
        if not isinstance(name, str) or not trim(name):
            if type_key not in self.raw or name is not None:
                self.report.error(
                    type_key, f"is required: it names the {kind} that '{shortened(alias)}' stands for"
                )
            return None
        try:
            found = self.plugins.find(kind, name)
        except ConfigError as exc:
            self.report.take(problems_of(exc, type_key))
            return None
        own = self.own_options(group, alias)
        config_type = found.cls.config_type
        self.right_keys += [f"{where}.{each}" for each in config_type.definition().by_name]
        check_version(self.raw, f"{where}.plugin.version", type_key, found, self.report)
        check_options(
            config_type,
            {key: value for key, value in own.items() if key not in _OWN[group]},
            {key[len(where) + 1 :] for key in self.templated if key.startswith(f"{where}.")},
            where,
            self.report,
            also=_OWN[group],
        )
        return found

    def own_options(self, group: str, alias: str) -> dict[str, Any]:
        """The options under an alias, but those of a longer alias (``d.e`` beside ``d``)."""
        prefix = f"{group}.{alias}."
        longer = [
            f"{group}.{a}." for a in self._listed[group] if f"{group}.{a}.".startswith(prefix) and a != alias
        ]
        return {
            key[len(prefix) :]: value
            for key, value in self.raw.items()
            if key.startswith(prefix) and not any(key.startswith(each) for each in longer)
        }

    def transform(self, alias: str, predicates: Collection[str]) -> str | None:
        """Look at one transform; return the predicate it uses."""
        where = f"transforms.{alias}"
        self.plugin("transforms", alias)
        predicate_key, negate_key = f"{where}.predicate", f"{where}.negate"
        negate = self.raw.get(negate_key)
        if negate is not None and negate_key not in self.templated:
            try:
                parse_kind(negate, Kind.BOOLEAN)
            except ValueError as exc:
                self.report.error(negate_key, str(exc))
        if predicate_key in self.templated:
            self.is_template_used = True
            return None
        predicate = self.raw.get(predicate_key)
        if predicate is None:
            if negate is not None and negate_key not in self.report.errors:
                self.report.error(negate_key, f"has nothing to negate: set {predicate_key}, or leave it out")
            return None
        predicate = trim(str(predicate))
        if predicate not in predicates and "predicates" not in self.templated:
            hint = did_you_mean(predicate, predicates)
            self.report.error(
                predicate_key, f"names '{shortened(predicate)}', which is not listed in predicates{hint}"
            )
        return predicate

    def strays(self, group: str, aliases: Collection[str]) -> None:
        """Options under an alias that is not listed have no effect."""
        if group in self.templated:
            return
        for key in self.raw:
            if not key.startswith(f"{group}.") or any(key.startswith(f"{group}.{a}.") for a in aliases):
                continue
            alias = key[len(group) + 1 :].partition(".")[0]
            nearest = closest(alias, aliases)
            hint = f"; did you mean '{nearest}'?" if nearest else ""
            self.report.warn(key, f"has no effect, as '{shortened(alias)}' is not listed in {group}{hint}")


def check_options(
    config_type: type[Config],
    raw: Mapping[str, Any],
    templated: Collection[str],
    where: str,
    report: Report,
    *,
    also: Collection[str] = (),
    known: Collection[str] = (),
) -> Config | None:
    """Check options one by one, leaving out those with variables; then all together, if none has any.

    Notes unknown ones as warnings (``also`` are further right names, ``known`` are others' business) and
    returns the typed configuration if it is complete and right.
    """
    prefix = f"{where}." if where else ""
    right = True
    for key in config_type.definition().keys:
        name = next((n for n in (key.name, *key.aliases) if n in raw or n in templated), key.name)
        if name in templated:
            right = False
            continue
        if name in raw and raw[name] is None:
            right = False  # told of once, for all keys
            continue
        _, found = key.read(raw)
        if found:
            right = False
            report.error(prefix + name, found)
    report.take(warnings=_unknown(config_type, raw, prefix, also, known))
    if not right:
        return None
    try:
        return config_type.parse(raw, where=where)
    except ConfigError as exc:
        report.take(problems_of(exc, where))
        return None


def _unknown(
    config_type: type[Config],
    raw: Mapping[str, Any],
    prefix: str,
    also: Collection[str],
    known: Collection[str],
) -> dict[str, list[str]]:
    names = [*config_type.definition().accepted_names, *also]
    return {
        prefix + key: [f"is no option here and has no effect{_meant(prefix, key, names)}"]
        for key in raw
        if key not in names and key not in known and not key.startswith(config_type.prefixes or ("\0",))
    }


def _meant(prefix: str, key: str, names: Collection[str]) -> str:
    nearest = closest(key, names)
    return f"; did you mean '{prefix}{nearest}'?" if nearest else ""


def secret_options(config_type: type[Config]) -> list[ConfigKey]:
    """The options that hold secrets."""
    return [key for key in config_type.definition().keys if key.kind is Kind.PASSWORD]


def check_version(
    raw: Mapping[str, Any], version_key: str, class_key: str, found: Found, report: Report
) -> None:
    """Whether the plugin's version is one the configuration accepts (KIP-891)."""
    wanted = raw.get(version_key)
    if not isinstance(wanted, str):
        return
    if not trim(wanted):
        report.error(version_key, "must be latest, a version, or a range such as [1.0,2.0)")
        report.error(class_key, f"has no version that {version_key} accepts, as that is empty")
        return
    try:
        if accepts(wanted, found.info.version):
            return
        sentence = f"does not accept the installed version {found.info.version} of {found.info.name}"
    except ValueError as exc:
        report.error(version_key, str(exc))
        return
    report.error(version_key, sentence)
    report.error(
        class_key, f"is installed in version {found.info.version}, which {version_key} does not accept"
    )
