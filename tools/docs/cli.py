"""The page about the command line, from the parser itself; the same under every Python version."""

from __future__ import annotations

import argparse
from collections.abc import Iterator

from connectkit.runner.cli.commands import build_parser
from tools.docs.markdown import code, fenced, page, table


def cli_page() -> str:
    """The page."""
    parser = build_parser()
    parts = [fenced(parser.description or "", language="text")]
    parts += [_command(path, command) for path, command in commands(parser)]
    parts.append(
        "## connect-standalone\n\nKafka's name of `connectkit standalone`, for scripts that call it: "
        "`connect-standalone worker.properties connector.{properties,json} ...`"
    )
    return page("Command line", *parts)


def commands(
    parser: argparse.ArgumentParser, above: str = ""
) -> Iterator[tuple[str, argparse.ArgumentParser]]:
    """Every command and sub-command by its words (``topics read``), parents first."""
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for name, command in action.choices.items():
                path = f"{above} {name}".strip()
                yield path, command
                yield from commands(command, path)


def _command(path: str, command: argparse.ArgumentParser) -> str:
    depth = "#" * (2 + path.count(" "))
    arguments = [
        each
        for each in command._actions
        if not isinstance(each, (argparse._HelpAction, argparse._SubParsersAction))
    ]
    nested = any(isinstance(each, argparse._SubParsersAction) for each in command._actions)
    usage = " ".join(["connectkit", path, *(["COMMAND"] if nested else []), *map(_usage, arguments)])
    parts = [f"{depth} {path}", fenced(usage, language="text")]
    if command.description:
        parts.append(fenced(command.description, language="text"))
    if arguments and not nested:
        parts.append(table(("argument", "default", "what it does"), map(_row, arguments)))
    if command.epilog:
        parts.append(fenced(command.epilog, language="text"))
    return "\n\n".join(parts)


def _usage(action: argparse.Action) -> str:
    value = _value(action)
    if action.option_strings:
        text = action.option_strings[0] + (f" {value}" if value else "")
        return text if action.required else f"[{text}]"
    return {"*": f"[{value} ...]", "+": f"{value} [{value} ...]", "?": f"[{value}]"}.get(
        str(action.nargs), value
    )


def _row(action: argparse.Action) -> tuple[str, str, str]:
    value = _value(action)
    names = ", ".join(code(f"{option} {value}".strip()) for option in action.option_strings) or code(value)
    return (
        names,
        _default(action),
        (action.help or "").replace("%(default)s", str(action.default)).replace("%%", "%"),
    )


def _value(action: argparse.Action) -> str:
    """What stands for the argument's value, empty for a switch."""
    if action.option_strings and action.nargs == 0:
        return ""
    if isinstance(action.metavar, str):
        return action.metavar
    if action.choices is not None:
        return "{" + ",".join(map(str, action.choices)) + "}"
    return action.dest.upper().replace("_", "-")


def _default(action: argparse.Action) -> str:
    if action.default in (None, False, argparse.SUPPRESS, []):
        return ""
    return code(str(action.default))
