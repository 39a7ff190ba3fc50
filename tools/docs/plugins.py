"""The pages about plugins: an overview, and a page each for transforms, converters and connectors."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from connectkit.plugin import KINDS, Plugin, PluginInfo, PluginKind, plugins
from tools.docs.markdown import anchor, code, docstring, first_line, page, table
from tools.docs.options import options_table, prefixes

DISTRIBUTION = "kafka-connectkit"
TITLES: dict[PluginKind, str] = {
    "source": "Source connectors",
    "sink": "Sink connectors",
    "converter": "Converters",
    "header_converter": "Header converters",
    "transform": "Transforms",
    "predicate": "Predicates",
    "config_provider": "Config providers",
}
PAGE_OF: dict[PluginKind, str] = {
    "source": "connectors.md",
    "sink": "connectors.md",
    "converter": "converters.md",
    "header_converter": "converters.md",
    "transform": "transforms.md",
    "predicate": "transforms.md",
    "config_provider": "config-providers.md",
}
CHAIN = """\
A connector names its transforms and predicates by aliases of its own and configures each under its alias:

```properties
transforms=stamp,route
transforms.stamp.type=InsertField$Value
transforms.stamp.timestamp.field=read_at
transforms.route.type=RegexRouter
transforms.route.regex=(.*)
transforms.route.replacement=raw.$1
transforms.route.predicate=tombstone
transforms.route.negate=true
predicates=tombstone
predicates.tombstone.type=RecordIsTombstone
```

Transforms apply in the order of `transforms`. One with a `predicate` applies to the records of which the
predicate is true, and with `negate=true` to those of which it is not. `$Key` and `$Value` say which side of
the record a transform works on."""


def overview() -> str:
    """Every plugin that comes with the distribution, in one page."""
    intro = (
        "A configuration names a plugin by its short name, or by the Java class name it stands for, full or "
        "short. `connectkit plugins` lists what is installed on a machine, yours included."
    )
    parts = [intro]
    for kind in KINDS:
        rows = [
            (f"[{info.name}]({PAGE_OF[kind]}#{anchor(info.name)})", *_java(info), first_line(info.load()))
            for info in shipped(kind)
        ]
        parts.append(f"## {TITLES[kind]}\n\n" + table(("name", "Java class", "what it does"), rows))
    return page("Plugins", *parts)


def transforms() -> str:
    """The page of transforms and predicates."""
    return page("Transforms and predicates", CHAIN, *_sections("transform", "predicate"))


def converters() -> str:
    """The page of converters and header converters."""
    intro = (
        "`key.converter`, `value.converter` and `header.converter` name a converter, in the worker's "
        "configuration or in a connector's; an option is given with that prefix, such as "
        "`value.converter.schemas.enable=false`."
    )
    return page("Converters", intro, *_sections("converter", "header_converter"))


def connectors() -> str:
    """The page of source and sink connectors."""
    intro = (
        "A connector's configuration has these options beside the ones that "
        "[every connector has](worker.md#every-connector)."
    )
    return page("Connectors", intro, *_sections("source", "sink"))


def config_providers() -> str:
    """The page of config providers."""
    intro = (
        "A config provider fills `${provider:path:key}` and `${provider:key}` in the configurations of the "
        "worker and its connectors. The worker names them in `config.providers` and configures each under "
        "`config.providers.NAME.param.`."
    )
    return page("Config providers", intro, *_sections("config_provider"))


def shipped(kind: PluginKind) -> list[PluginInfo]:
    """The plugins of a kind that this distribution brings, whatever else is installed."""
    return [info for info in plugins.all(kind) if info.distribution == DISTRIBUTION]


def _sections(*kinds: PluginKind) -> list[str]:
    parts = []
    told: set[type[Plugin[Any]]] = set()
    for kind in kinds:
        parts.append(f"## {TITLES[kind]}")
        again: list[str] = []
        for info in shipped(kind):
            cls = info.load()
            if cls in told:
                again.append(f"[{info.name}](#{anchor(info.name)})")
                continue
            told.add(cls)
            parts.append(_section(info, cls))
        if again:
            parts.append(f"Also to be used here: {', '.join(again)}.")
    return parts


def _section(info: PluginInfo, cls: type[Plugin[Any]]) -> str:
    said = [f"### {info.name}", docstring(cls)]
    names = [code(name) for name in info.java_names]
    if names:
        side = ", with `$Key` or `$Value` at its end" if cls.sided else ""
        said.append(f"Java: {', '.join(names)}{side}")
    elif cls.sided:
        said.append(f"Named as `{info.name}$Key` or `{info.name}$Value`.")
    said += [options_table(cls.config_type), prefixes(cls.config_type)]
    return "\n\n".join(part for part in said if part)


def _java(info: PluginInfo) -> Sequence[str]:
    return (", ".join(code(name) for name in info.java_names) or "none",)
