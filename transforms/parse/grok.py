"""Grok: ``%{NAME:field:type}`` becomes a regular expression whose groups are fields.

``%{NAME}`` stands for a definition, standard or the user's own; ``:field`` captures what it matches,
``:type`` gives it a type and ``:timestamp:format`` a moment. ``[a][b]`` as a field is ``a.b``. Groups of
the user's own, ``(?<field>…)``, capture as well. The result is in Java's syntax and becomes an expression
by :func:`connectkit.javaregex.compile_java`, which refuses the explosive ones. Definitions that lead back
to themselves, and expansions beyond 10,000 characters, are refused. Pure functions.
Source: Logstash's documentation of the grok filter.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from connectkit.suggest import did_you_mean, shortened
from connectkit.transforms.parse.patterns import STANDARD, TIMESTAMP_FORMATS
from connectkit.transforms.parse.typed import TIMESTAMP_TYPE, TypedName, check_type

MAX_CHARS: Final = 10_000
GROUP: Final = "_g"
"""How the groups of captures are named; a number follows. Java allows no such name to users."""
_REFERENCE = re.compile(r"%\{([A-Za-z0-9_]+)(?::([^:}]+)(?::([^:}]+)(?::([^}]+))?)?)?\}")
_POSIX = re.compile(r"\[:(\^?)(alpha|digit|alnum|upper|lower|punct|space|blank|cntrl|graph|print|xdigit):\]")
_POSIX_NAMES = {"xdigit": "XDigit"}
_NESTED = re.compile(r"\[([^\[\]]+)\]")
_PYTHON_GROUP = re.compile(r"(?<!\\)\(\?P(?=<)")
_MAX_DEPTH = 32


@dataclass(frozen=True, slots=True)
class Expanded:
    """An expression in Java's syntax, and what its groups ``_g0``, ``_g1`` … capture."""

    regex: str
    captures: tuple[TypedName, ...]


def expand(pattern: str, definitions: Mapping[str, str]) -> Expanded:
    """The expression of a grok pattern; ``ValueError`` says what is wrong with it."""
    work = _Expansion(definitions)
    regex = work.expand(pattern, ())
    if "%{" in _REFERENCE.sub("", pattern):
        raise ValueError("has a %{ that does not go on as NAME, NAME:field or NAME:field:type, and a }")
    return Expanded(regex, tuple(work.captures))


def plain(pattern: str) -> str:
    """An expression of the user's own, with Python's ``(?P<name>`` written as Java's ``(?<name>``."""
    return _PYTHON_GROUP.sub("(?", pattern)


class _Expansion:
    """Collects the captures while definitions are put in place of references."""

    def __init__(self, definitions: Mapping[str, str]) -> None:
        self._definitions = {**STANDARD, **definitions}
        self.captures: list[TypedName] = []
        self._chars = 0

    def expand(self, pattern: str, within: tuple[str, ...]) -> str:
        parts: list[str] = []
        at = 0
        for reference in _REFERENCE.finditer(pattern):
            parts += (_own(pattern[at : reference.start()]), self._referred(reference, within))
            at = reference.end()
        parts.append(_own(pattern[at:]))
        made = "".join(parts)
        self._chars += len(made)
        if len(made) > MAX_CHARS or self._chars > MAX_CHARS * 10:
            raise ValueError(f"is longer than {MAX_CHARS} characters with its definitions in place")
        return made

    def _referred(self, reference: re.Match[str], within: tuple[str, ...]) -> str:
        name, field, kind, form = reference.groups()
        body = self._definitions.get(name)
        if body is None:
            hint = did_you_mean(name, self._definitions)
            raise ValueError(f"refers to '{shortened(name)}', of which there is no definition{hint}")
        if name in within:
            raise ValueError(f"has the definition '{shortened(name)}', which leads back to itself")
        if len(within) >= _MAX_DEPTH:
            raise ValueError(f"has definitions within definitions more than {_MAX_DEPTH} levels deep")
        opening = "(?:"
        if field is not None:
            opening = f"(?<{GROUP}{len(self.captures)}>"
            self.captures.append(_capture(name, field, kind, form))
        return f"{opening}{self.expand(body, (*within, name))})"


def _capture(name: str, field: str, kind: str | None, form: str | None) -> TypedName:
    given = None if kind is None else check_type(kind)
    if form is not None and given != TIMESTAMP_TYPE:
        raise ValueError(f"gives '{shortened(field)}' a format, and only a timestamp has one")
    if given == TIMESTAMP_TYPE and form is None:
        form = TIMESTAMP_FORMATS.get(name)
    return TypedName(field_name(field), given, form)


def field_name(field: str) -> str:
    """The name of a field; ``[a][b]`` is ``a.b``."""
    if field.startswith("[") and "".join(f"[{part}]" for part in _NESTED.findall(field)) == field:
        return ".".join(_NESTED.findall(field))
    return field


def _own(text: str) -> str:
    """Text of a pattern between references, with what Java writes otherwise."""
    text = plain(text)
    if "[:" in text:
        text = _POSIX.sub(
            lambda m: rf"\{'P' if m[1] else 'p'}{{{_POSIX_NAMES.get(m[2], m[2].title())}}}", text
        )
    return text
