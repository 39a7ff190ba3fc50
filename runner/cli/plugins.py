"""``connectkit plugins``: what is installed, and the options of one plugin."""

from __future__ import annotations

import argparse
import textwrap
from typing import TYPE_CHECKING, Any

from connectkit.errors import ConfigError
from connectkit.runner.cli.arguments import plugin_files

if TYPE_CHECKING:
    from connectkit.plugin import Found, PluginKind

_TITLES: dict[PluginKind, str] = {
    "source": "Source connectors",
    "sink": "Sink connectors",
    "converter": "Converters",
    "header_converter": "Header converters",
    "transform": "Transforms (transforms.ALIAS.type)",
    "predicate": "Predicates (predicates.ALIAS.type)",
    "config_provider": "Config providers",
}


def add(commands: Any, common: argparse.ArgumentParser) -> None:
    """Add the command to the parser's."""
    parser = commands.add_parser(
        "plugins",
        parents=[plugin_files(common)],
        help="list what is installed, or explain one plugin",
        description="List the installed connectors, converters, transforms …, or explain one of them.",
        epilog="examples:\n  connectkit plugins\n  connectkit plugins CsvSource\n",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("name", nargs="?", metavar="NAME", help="a plugin, by any of its names")
    parser.set_defaults(run=list_or_explain)


def list_or_explain(parsed: argparse.Namespace) -> int:
    """All plugins, or one with its options."""
    return _list() if parsed.name is None else _explain(parsed.name)


def _list() -> int:
    """All plugins by kind: short name, version, distribution, Java names."""
    from connectkit.plugin import KINDS, plugins

    for kind in KINDS:
        found = plugins.all(kind)
        if not found:
            continue
        print(f"{_TITLES[kind]}:")
        width = max(len(info.name) for info in found)
        for info in found:
            java = ", ".join(info.java_names)
            print(f"  {info.name:<{width}}  {info.version:<9}  {java or info.distribution or 'this program'}")
        print()
    print("connectkit plugins NAME explains one with all its options.")
    return 0


def _explain(name: str) -> int:
    from connectkit.plugin import KINDS

    first: ConfigError | None = None
    shown = False
    for kind in KINDS:
        try:
            found = _find(kind, name)
        except ConfigError as exc:
            if first is None or "did you mean" in str(exc) or "means several" in str(exc):
                first = exc
            continue
        if shown:
            print()
        _show(found)
        shown = True
    if not shown:
        assert first is not None
        raise ConfigError(str(first).replace("source connector", "plugin"))
    return 0


def _find(kind: PluginKind, name: str) -> Found:
    """The plugin of that name; a full name that leaves out which side it works on is one here as well."""
    from connectkit.plugin import plugins

    try:
        return plugins.find(kind, name)
    except ConfigError:
        if not any(name in info.names for info in plugins.all(kind)):
            raise
        return plugins.find(kind, f"{name}$Value")


def _show(found: Found) -> None:
    cls: Any = found.cls
    print(
        f"{found.info.name}, a {found.kind.replace('_', ' ')} of {found.info.distribution or 'this program'}"
    )
    for line in (cls.__doc__ or "").strip().splitlines()[:1]:
        print(f"  {line}")
    for java in found.info.java_names:
        print(f"  also named {java}")
    keys = cls.config_type.definition().keys
    print("\nOptions:" if keys else "\nIt has no options.")
    for key in keys:
        default = "required" if key.required else f"default: {key.default_value!r}"
        print(f"  {key.name} ({key.type.lower()}, {default})")
        print(textwrap.fill(key.documentation, 96, initial_indent="      ", subsequent_indent="      "))
