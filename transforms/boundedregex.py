r"""Matching that ends: an expression is tried in every way only on texts short enough for that.

Explosive expressions are refused when they are compiled (:mod:`connectkit.redos`); what remains takes
time polynomial in the length of the text, such as the cube of it for ``%{DATA} %{DATA} %{DATA}``. From the
exponent follows the longest text on which the worst case stays within a budget of steps. A longer text is
matched from its beginning without going back into parts already matched; this finds the same match or
none, in linear time. Where it finds none, the text is refused as too long.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from math import comb
from typing import Final

from connectkit.javaregex import compile_java
from connectkit.redos import growth

BUDGET_STEPS: Final = 100_000_000
"""About a second of matching on a slow core."""
_QUANTIFIER = re.compile(r"(?:[*+?]|\{\d+(,\d*)?\})([?+]?)")


class TooLongError(Exception):
    """A text is too long for the expression to be tried on it in every way; ``most_chars`` would do."""

    def __init__(self, most_chars: int) -> None:
        super().__init__(f"has more than the {most_chars} characters the pattern can be tried on")
        self.most_chars = most_chars


@lru_cache(maxsize=64)
def bounded(regex: str) -> Bounded:
    """The compiled expression; judging one takes a while, and a configuration is read more than once.

    ``ValueError`` says what is wrong with it.
    """
    return Bounded(regex)


class Bounded:
    """A compiled expression. ``most_chars`` is the longest text tried in every way. Immutable."""

    __slots__ = ("_quick", "_search", "growth", "most_chars", "pattern")

    def __init__(self, regex: str, *, budget_steps: int = BUDGET_STEPS, max_chars: int = 1 << 24) -> None:
        self.pattern = compile_java(regex)
        self._search = self.pattern.search
        self.growth = growth(self.pattern)
        budget_steps //= self.growth.factor
        self.most_chars = _most_chars(self.growth.exponent, budget_steps, max_chars)
        straight = _straight(regex) if self.most_chars < max_chars else None
        self._quick = None if straight is None else re.compile(straight.pattern, straight.flags).match

    def search(self, text: str) -> re.Match[str] | None:
        """The first match, as ``re.search`` finds it; ``TooLongError`` if that could take too long."""
        if len(text) <= self.most_chars:
            return self._search(text)
        if self._quick is not None and (found := self._quick(text)) is not None:
            return found
        raise TooLongError(self.most_chars)

    def find_all(self, text: str) -> Iterator[re.Match[str]]:
        """The matches one behind the other; ``TooLongError`` as before."""
        if len(text) > self.most_chars:
            raise TooLongError(self.most_chars)
        return self.pattern.finditer(text)


def _most_chars(exponent: int, budget_steps: int, max_chars: int) -> int:
    """The most characters n for which the ways to choose ``exponent`` places stay within the budget."""
    low, high = 1, max_chars
    while low < high:
        middle = (low + high + 1) // 2
        if comb(middle + exponent - 1, exponent) <= budget_steps:
            low = middle
        else:
            high = middle - 1
    return low


def _straight(regex: str) -> re.Pattern[str] | None:
    """The expression with each repetition and what follows it fixed once matched; None: not to be had."""
    items = _top_items(regex)
    if items is None:
        return None
    parts: list[str] = []
    open_part = ""
    for item, varies in items:
        if varies and open_part:
            parts.append(f"(?>{open_part})")
            open_part = item
        elif varies or open_part:
            open_part += item
        else:
            parts.append(item)
    if open_part:
        parts.append(f"(?>{open_part})")
    try:
        return compile_java("".join(parts))
    except ValueError:
        return None


def _top_items(regex: str) -> list[tuple[str, bool]] | None:
    """The items side by side at the top, each with whether its length varies; None where ``|`` is one.

    Neither are there items for an expression with flags, comments or quotes at the top.
    """
    items: list[tuple[str, bool]] = []
    at = 0
    while at < len(regex):
        char = regex[at]
        start = at
        if char in "|)" or regex.startswith(("\\Q", "(?#"), at):
            return None
        if char == "(":
            at = _group_end(regex, at)
            if at < 0 or re.fullmatch(r"\(\?[a-zA-Z]*(?:-[a-zA-Z]*)?\)", regex[start:at]):
                return None
        elif char == "[":
            at = _class_end(regex, at)
        elif char == "\\":
            at = _escape_end(regex, at)
        else:
            at += 1
        varies = char == "("
        if quantifier := _QUANTIFIER.match(regex, at):
            at = quantifier.end()
            varies = varies or not quantifier[0].startswith("{") or quantifier[1] is not None
        items.append((regex[start:at], varies))
    return items


def _group_end(regex: str, at: int) -> int:
    depth = 0
    while at < len(regex):
        char = regex[at]
        if regex.startswith(("\\Q", "(?#"), at):
            return -1
        if char == "\\":
            at = _escape_end(regex, at)
            continue
        if char == "[":
            at = _class_end(regex, at)
            continue
        depth += (char == "(") - (char == ")")
        at += 1
        if depth == 0:
            return at
    return -1


def _class_end(regex: str, at: int) -> int:
    """Behind a class, which may hold others; a ``]`` right at its beginning stands for itself."""
    at += 1
    at += regex.startswith("^", at)
    at += regex.startswith("]", at)
    while at < len(regex) and regex[at] != "]":
        at = (
            _class_end(regex, at)
            if regex[at] == "["
            else _escape_end(regex, at)
            if regex[at] == "\\"
            else at + 1
        )
    return at + 1


def _escape_end(regex: str, at: int) -> int:
    """Behind an escape, braces and digits of a character's code included."""
    found = re.compile(
        r"\\(?:[pP](?:\{[^}]*\}|.)|x\{[^}]*\}|x[0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|0[0-7]{1,3}|c.|k<[^>]*>|.)",
        re.DOTALL,
    ).match(regex, at)
    return at + 1 if found is None else found.end()
