"""The answer to ``PUT …/config/validate``: every option of a connector with its value and its errors.

Order, groups and counts are Kafka 4.3's (spec runtime 3.7): what has no definition; the framework's options
with transforms and predicates, overlaid by the connector's own; client overrides; the converters'. What is
wrong is found by :mod:`connectkit.runner.validation`, so there is one sentence a mistake; its warnings
(unknown keys, options without effect) are beside, under ``warnings``. Placeholders are never resolved.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from connectkit.config import HIGH, MEDIUM, Kind, Width
from connectkit.errors import ConfigError
from connectkit.kinds import parse_kind, trim
from connectkit.options import ConfigKey
from connectkit.plugin import Found, PluginKind, Registry
from connectkit.runner.configs.client_options import CLIENT_OPTIONS
from connectkit.runner.configs.connector import (
    CLIENT_OVERRIDES,
    CONVERTERS,
    FRAMEWORK,
    ConnectorConfig,
)
from connectkit.runner.configs.worker import WorkerConfig
from connectkit.runner.definitions import (
    Shown,
    class_name,
    class_names,
    embedded,
    in_java_order,
    is_visible,
    recommended_values,
    shown,
    value_text,
    visible_keys,
)
from connectkit.runner.named_plugins import CONVERTER_KINDS
from connectkit.runner.report import Report
from connectkit.runner.validation import validate_connector
from connectkit.secret import HIDDEN, is_sensitive

_CONVERTER_VERSIONS = tuple(f"{each}.plugin.version" for each in CONVERTERS)
_WORD: Mapping[str, tuple[PluginKind, str]] = {
    "transforms": ("transform", "Transformation"),
    "predicates": ("predicate", "Predicate"),
}


def validate_answer(
    raw: Mapping[str, str | None],
    worker: WorkerConfig,
    registry: Registry,
    *,
    providers: Sequence[str] | None = None,
) -> dict[str, Any]:
    """Kafka's ConfigInfos for a connector's configuration, which has a ``connector.class``."""
    report = validate_connector(raw, worker, registry, providers=providers)
    return _Answer(raw, worker, registry, report).make()


class _Answer:
    def __init__(
        self, raw: Mapping[str, str | None], worker: WorkerConfig, registry: Registry, report: Report
    ) -> None:
        self._raw = raw
        self._worker = worker
        self._registry = registry
        self._report = report
        self._left = dict(report.errors)
        """Errors that no entry shows yet."""
        self._groups: list[str] = []
        self._count = 0

    def make(self) -> dict[str, Any]:
        main = self._main()
        more = [*self._overrides(), *self._converters()]
        lost = [self._bare(name) for name in sorted(self._left, key=self._place)]
        made: dict[str, Any] = {
            "name": self._raw.get("connector.class"),
            "error_count": self._count,
            "groups": self._groups,
            "configs": [*lost, *main, *more],
        }
        if self._report.warnings:
            made["warnings"] = {key: list(told) for key, told in self._report.warnings.items()}
        return made

    def _place(self, name: str) -> int:
        names = list(self._raw)
        return names.index(name) if name in names else len(names)

    # --- entries ---------------------------------------------------------------------------------

    def _bare(self, name: str) -> dict[str, Any]:
        """An entry for errors of what has no definition."""
        errors = self._left.pop(name)
        self._count += len(errors)
        return {"definition": None, "value": _value(name, None, errors=errors)}

    def _entry(
        self, each: Shown, raw: Mapping[str, Any], parsed: Mapping[str, Any], *, by_key: bool = False
    ) -> dict[str, Any]:
        """An entry with its definition; ``by_key`` counts one error however many there are."""
        key = each.key
        recommended, problem = recommended_values(key, parsed)
        if each.recommended is not None:
            recommended = list(each.recommended)
        errors = [*self._left.pop(each.name, []), *([problem] if problem else [])]
        self._count += bool(errors) if by_key else len(errors)
        text = value_text(key, raw)
        if each.default is not None and key.name not in raw:
            text = each.default
        if each.of_class is not None and text is not None:
            text = each.of_class(text)
        value = _value(
            each.name,
            text,
            recommended=recommended,
            errors=errors,
            visible=not each.hidden and (problem is not None or is_visible(key, parsed)),
        )
        return {"definition": each.as_json(), "value": value}

    # --- the framework's, the chain's and the connector's own options ----------------------------

    def _main(self) -> list[dict[str, Any]]:
        found = self._report.found
        fits = self._fits("connector.plugin.version")
        framework = FRAMEWORK.get(found.kind if found and fits else "", ConnectorConfig)
        listed = {each.name: each for each in self._framework(framework, found, inherits=fits)}
        chain = [*self._chain("transforms"), *self._chain("predicates")] if fits else []
        entries: dict[str, dict[str, Any]] = {}
        parsed = _parsed([each.key for each in listed.values()], self._raw)
        own: list[Shown] = []
        if found and fits:
            definition = found.cls.config_type.definition()
            own = [shown(key) for key in visible_keys(definition, found.info, self._raw)]
        own_parsed = _parsed([each.key for each in own], self._raw)
        own_by_name = {each.name: each for each in own}
        for each in (*listed.values(), *(each for each, _ in chain), *own):
            self._group(each)
        for name, each in listed.items():
            if name in own_by_name:
                entries[name] = self._entry(own_by_name[name], self._raw, own_parsed)
            else:
                entries[name] = self._entry(each, self._raw, parsed)
        for each, given in chain:
            entries[each.name] = self._entry(each, given, _parsed([each.key], given))
        for each in own:
            if each.name not in entries:
                entries[each.name] = self._entry(each, self._raw, own_parsed)
        return list(entries.values())

    def _group(self, each: Shown) -> None:
        if each.group is not None and each.group not in self._groups:
            self._groups.append(each.group)

    def _framework(
        self, framework: type[ConnectorConfig], found: Found | None, *, inherits: bool
    ) -> list[Shown]:
        """``inherits``: the worker's converters are the defaults."""
        listed = []
        for key in framework.definition().keys:
            if key.extension and key.name not in self._raw:
                continue
            each = shown(key)
            if key.name == "connector.plugin.version" and found:
                each = replace(each, default=found.info.version, recommended=[found.info.version])
            elif key.name in CONVERTERS:
                each = self._converter_class(each, inherits=inherits)
            elif key.name in _CONVERTER_VERSIONS:
                each = self._converter_version(each) if inherits else replace(each, hidden=True)
            listed.append(each)
        return listed

    def _converter_class(self, each: Shown, *, inherits: bool) -> Shown:
        kind = CONVERTER_KINDS[each.name]
        if not inherits:
            return replace(each, of_class=lambda name: self._full_name(kind, name))
        default, _ = self._worker.converter(each.name.partition(".")[0])
        return replace(
            each,
            default=self._full_name(kind, default) or default,
            recommended=self._all_classes(kind),
            of_class=lambda name: self._full_name(kind, name),
        )

    def _converter_version(self, each: Shown) -> Shown:
        which = each.name.removesuffix(".plugin.version")
        name = self._raw.get(which)
        if name is None:
            name = self._worker.converter(which.partition(".")[0])[0]
        found = self._find(CONVERTER_KINDS[which], name)
        version = found.info.version if found else None
        recommended = [version] if version else []
        return replace(each, default=version, recommended=recommended, hidden=found is None)

    def _chain(self, group: str) -> list[tuple[Shown, Mapping[str, Any]]]:
        kind, word = _WORD[group]
        made: list[tuple[Shown, Mapping[str, Any]]] = []
        for alias in _aliases(self._raw.get(group)):
            made += self._link(group, alias, kind, word)
        return made

    def _link(
        self, group: str, alias: str, kind: PluginKind, word: str
    ) -> list[tuple[Shown, Mapping[str, Any]]]:
        """The options of one transform or predicate."""
        prefix = f"{group}.{alias}."
        given = {k[len(prefix) :]: v for k, v in self._raw.items() if k.startswith(prefix)}
        told = f"{group.capitalize()}: {alias}"
        name = given.get("type")
        found = self._find(kind, name) if name else None
        version = found.info.version if found else None
        listed = [
            replace(
                embedded(_type_key(f"{word} type for {alias}"), prefix, told, 0),
                recommended=self._all_classes(kind),
                of_class=lambda name: self._full_name(kind, name),
            ),
            replace(
                embedded(_version_key(f"{word} version for {alias}"), prefix, told, 1),
                default=version,
                recommended=[version] if version else [],
            ),
        ]
        if found is not None and self._fits(f"{prefix}plugin.version"):
            masked = _IMPLICIT if group == "transforms" else ()
            own = visible_keys(found.cls.config_type.definition(), found.info, given)
            keys = [key for key in own if key.name not in {each.name for each in masked}]
            listed += [
                embedded(key, prefix, told if key.group is None else f"{told}: {key.group}", 2 + number)
                for number, key in enumerate(in_java_order([*keys, *masked]))
            ]
        return [(each, given) for each in listed]

    # --- overrides and converters ----------------------------------------------------------------

    def _overrides(self) -> list[dict[str, Any]]:
        """The client options that the connector overrides, of clients that it has."""
        kind = self._report.found.kind if self._report.found else ""
        clients = {"source": ("producer.override.",), "sink": ("consumer.override.",)}.get(kind, ())
        if self._raw.get("errors.deadletterqueue.topic.name") and kind == "sink":
            clients = ("producer.override.", *clients, "admin.override.")
        elif kind == "source" and any(key.startswith("topic.creation.") for key in self._raw):
            clients = (*clients, "admin.override.")
        made = []
        for prefix in CLIENT_OVERRIDES:
            for key, value in self._raw.items():
                wanted = prefix in clients or key in self._left
                if key.startswith(prefix) and key != prefix and wanted and value is not None:
                    made.append(self._override(prefix, key, value))
        return made

    def _override(self, prefix: str, key: str, value: str) -> dict[str, Any]:
        errors = self._left.pop(key, [])
        self._count += bool(errors)
        name = key[len(prefix) :]
        found = CLIENT_OPTIONS[prefix.partition(".")[0]].get(name)
        definition = None
        if found is not None:
            own = _implicit(name, found.kind, None, found.importance, Width.NONE, name)
            definition = replace(shown(own), name=key, default=found.default).as_json()
        text = HIDDEN if is_sensitive(name) else trim(value)
        return {"definition": definition, "value": _value(key, text, errors=errors)}

    def _converters(self) -> list[dict[str, Any]]:
        """The options of the converters that the connector names itself."""
        made: list[dict[str, Any]] = []
        if not self._fits("connector.plugin.version"):
            return made
        for which in ("header.converter", "key.converter", "value.converter"):
            name = self._raw.get(which)
            found = self._find(CONVERTER_KINDS[which], name) if name else None
            if found is None or {which, f"{which}.plugin.version"} & self._report.errors.keys():
                continue
            prefix = f"{which}."
            given = {k[len(prefix) :]: v for k, v in self._raw.items() if k.startswith(prefix)}
            if given.get("converter.type") is None:
                given["converter.type"] = which.partition(".")[0]
            keys = list(visible_keys(found.cls.config_type.definition(), found.info, given))
            parsed = _parsed(keys, given)
            for key in keys:
                each = embedded(key, prefix, key.group, key.order_in_group)
                self._group(each)
                made.append(self._entry(each, given, parsed, by_key=True))
        return made

    def _fits(self, version_key: str) -> bool:
        """Whether the wanted version of a plugin is the installed one; null wants none."""
        return version_key not in self._report.errors or self._raw.get(version_key) is None

    # --- plugins ---------------------------------------------------------------------------------

    def _find(self, kind: PluginKind, name: str) -> Found | None:
        try:
            return self._registry.find(kind, name)
        except ConfigError:
            return None

    def _full_name(self, kind: PluginKind, name: str) -> str | None:
        found = self._find(kind, name)
        return None if found is None else class_name(found, name)

    def _all_classes(self, kind: PluginKind) -> list[str]:
        names: set[str] = set()
        for info in self._registry.all(kind):
            try:
                names.update(class_names(info))
            except ConfigError:
                continue  # its library is not installed
        return sorted(names)


def _value(
    name: str,
    text: str | None,
    *,
    recommended: Sequence[str] = (),
    errors: Sequence[str] = (),
    visible: bool = True,
) -> dict[str, Any]:
    return {
        "name": name,
        "value": text,
        "recommended_values": list(recommended),
        "errors": list(errors),
        "visible": visible,
    }


def _parsed(keys: Sequence[ConfigKey], raw: Mapping[str, Any]) -> dict[str, Any]:
    return {key.name: key.read(raw)[0] for key in keys}


def _aliases(text: str | None) -> list[str]:
    found = [] if text is None else parse_kind(text, Kind.LIST)
    return [alias for alias in dict.fromkeys(found) if trim(alias)]


def _implicit(name: str, kind: Kind, default: Any, importance: Any, width: Width, display: str) -> ConfigKey:
    """An option that the framework adds to a plugin's own."""
    from dataclasses import MISSING

    return ConfigKey(
        name=name,
        attribute=name,
        kind=kind,
        convert=lambda value: parse_kind(value, kind),
        nullable=default is None,
        default=MISSING if default is ... else default,
        importance=importance,
        documentation=_TOLD.get(name, "An option of Kafka's client."),
        group=None,
        order_in_group=-1,
        width=width,
        display_name=display,
        dependents=(),
        checks=(),
        choices=(),
        recommender=None,
        visible=None,
        sensitive=False,
        injected=False,
        extension=False,
        default_doc=None,
        aliases=(),
    )


_TOLD: Mapping[str, str] = {
    "type": "The class that this alias stands for.",
    "plugin.version": "The version of the plugin: latest, a version, or a range such as [1.0,2.0).",
    "negate": "Whether the transform is applied where the predicate is false, instead of where it is true.",
    "predicate": "The alias of the predicate that decides which records are transformed.",
}


def _type_key(display: str) -> ConfigKey:
    return _implicit("type", Kind.CLASS, ..., HIGH, Width.LONG, display)


def _version_key(display: str) -> ConfigKey:
    return _implicit("plugin.version", Kind.STRING, None, HIGH, Width.LONG, display)


_IMPLICIT = (
    _implicit("negate", Kind.BOOLEAN, False, MEDIUM, Width.NONE, "negate"),
    _implicit("predicate", Kind.STRING, None, MEDIUM, Width.NONE, "predicate"),
)
