"""Names of topics made of parts of a record: ``orders-${value.country}``.

A name that Kafka does not allow is an error wherever it comes from, so that no value can lead a record
outside what names of topics may be. A template is immutable; what it makes belongs to one thread.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from datetime import date, datetime, time
from decimal import Decimal
from typing import Any

from connectkit.errors import DataError
from connectkit.javatext import text_of
from connectkit.suggest import shortened
from connectkit.transforms.base import class_name
from connectkit.transforms.paths import RecordPath

MAX_CHARS = 249
"""What Kafka allows: the name becomes that of a folder."""

KEPT_NAMES = 10_000
"""Names that are known to be allowed; beyond it the memory starts anew."""

_LEGAL = re.compile(r"[a-zA-Z0-9._-]+")
_PART = re.compile(r"\$\{([^{}]*)\}")
_TEXTUAL = (str, bool, int, float, Decimal, date, time, datetime)


def name_problem(topic: str) -> str | None:
    """What keeps a text from being the name of a topic ("has a character …"), or None."""
    if not topic:
        return "is empty"
    if topic in (".", ".."):
        return "is a folder's name of its own ('.' or '..')"
    if len(topic) > MAX_CHARS:
        return f"has more than {MAX_CHARS} characters"
    if _LEGAL.fullmatch(topic) is None:
        return "has a character other than letters (a to z), digits, '.', '_' and '-'"
    return None


class TopicTemplate:
    """A name with ``${…}`` for parts of the record; ``ValueError`` says what is wrong with the text."""

    __slots__ = ("_parts", "paths", "text")

    def __init__(self, text: str) -> None:
        self.text = text
        self._parts: list[str | RecordPath] = []
        at = 0
        for match in _PART.finditer(text):
            self._literal(text[at : match.start()])
            self._parts.append(_path(match[1]))
            at = match.end()
        self._literal(text[at:])
        self.paths: list[RecordPath] = [part for part in self._parts if isinstance(part, RecordPath)]
        """What the name is made of, as often as it is named."""
        if not self.paths and (problem := name_problem(text)):
            raise ValueError(f"is to be the name of a topic, and {problem}")

    def _literal(self, text: str) -> None:
        if not text:
            return
        if "${" in text:
            raise ValueError("has a '${' without its '}'")
        if _LEGAL.fullmatch(text) is None or len(text) > MAX_CHARS:
            raise ValueError(
                f"is to be the name of a topic, and {name_problem(text)}; ${{topic}} and ${{value.FIELD}} "
                "stand for parts of the record"
            )
        self._parts.append(text)

    def maker(self, paths: Sequence[str]) -> Callable[[Sequence[Any]], str]:
        """What makes names of what stands at these paths (texts, ``self.paths`` among them), in their order.

        It raises ``DataError`` where that is no name, and remembers the names it made lately.
        """
        if not self.paths:
            return lambda values: self.text
        parts = [part if isinstance(part, str) else paths.index(part.text) for part in self._parts]
        texts = list(paths)
        legal: set[str] = set()

        def make(values: Sequence[Any]) -> str:
            made = "".join(
                [part if isinstance(part, str) else _text(values[part], texts[part]) for part in parts]
            )
            if made in legal:
                return made
            problem = name_problem(made)
            if problem is not None:
                raise DataError(f"The topic made of '{shortened(self.text)}' {problem}")
            if len(legal) >= KEPT_NAMES:
                legal.clear()
            legal.add(made)
            return made

        return make


def _path(text: str) -> RecordPath:
    try:
        found = RecordPath.parse(text)
    except ValueError as error:
        raise ValueError(f"has ${{{shortened(text)}}}, a path that {error}") from error
    if found.has_wildcard:
        raise ValueError(f"has ${{{shortened(text)}}}, which leads to several values")
    return found


def _text(value: Any, path: str) -> str:
    if isinstance(value, str):
        return value
    if value is None:
        raise DataError(f"There is nothing at '{shortened(path)}' to make a topic of", path=path)
    if not isinstance(value, _TEXTUAL):
        raise DataError(f"A value of class {class_name(value)} cannot be part of a topic's name", path=path)
    return text_of(value)
