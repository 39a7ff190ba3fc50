"""Reads JSONPath texts into steps and conditions.

The grammar is that of :mod:`connectkit.transforms.jsonpath`.

Errors are ``ValueError`` in words for an option's problem, with the position. Bounded: texts of at most
4,096 characters, paths of at most 64 steps, conditions nested at most 32 deep.
"""

from __future__ import annotations

import re
from typing import Any

from connectkit.javaregex import compile_java
from connectkit.transforms.jsonpath_steps import (
    Compare,
    Condition,
    Every,
    Filter,
    Index,
    Literal,
    Logic,
    Name,
    Negation,
    Operand,
    PathOperand,
    Scan,
    Slice,
    Step,
    Union,
)

MAX_CHARS = 4_096
MAX_DEPTH = 32
MAX_STEPS = 64


_SPACE = re.compile(r"\s*")
_PLAIN_NAME = re.compile(r"[^\s.\[\]()'\"=!<>~&|,?*]+")
_INDEX = re.compile(r"-?\d{1,9}(?!\d)", re.ASCII)
_BRACKET_SLICE = re.compile(r"\[\s*(-?\d{1,9})?\s*:\s*(-?\d{1,9})?\s*\]", re.ASCII)
_NUMBER = re.compile(r"-?\d{1,30}(\.\d{1,30})?([eE][+-]?\d{1,3})?(?![\w.])", re.ASCII)
_OPERATOR = re.compile(r"==|!=|<=|>=|=~|<|>|(?:in|nin|contains|anyof|noneof|subsetof|size|empty)\b")
_LIST = (list, "a list, as ['a', 'b']")
_NEEDS: dict[str, tuple[type, str]] = {
    "=~": (re.Pattern, "a regular expression between slashes"),
    "in": _LIST, "nin": _LIST, "anyof": _LIST, "noneof": _LIST, "subsetof": _LIST,
    "size": (int, "a whole number"),
    "empty": (bool, "true or false"),
}  # fmt: skip
"""What an operator must have on its right, where that is a constant."""
_WORD = re.compile(r"(true|false|null)\b")
_WORDS = {"true": True, "false": False, "null": None}
_FLAGS = re.compile(r"[imsux]*")


def parse_path(text: str) -> tuple[Step, ...]:
    """The steps of a path that begins with ``$``."""
    if len(text) > MAX_CHARS:
        raise ValueError(f"must have no more than {MAX_CHARS} characters")
    reader = _Reader(text.strip())
    if not reader.take("$"):
        raise reader.wrong("a JSONPath begins with $")
    steps = reader.steps()
    if reader.at < len(reader.text):
        raise reader.wrong("a step was expected, such as .name, ['name'], [0], * or [?(…)]")
    return steps


class _Reader:
    """A position in a text."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0
        self.depth = 0

    def wrong(self, reason: str) -> ValueError:
        return ValueError(f"must be a JSONPath: at position {self.at}, {reason}")

    def take(self, mark: str) -> bool:
        if not self.text.startswith(mark, self.at):
            return False
        self.at += len(mark)
        return True

    def match(self, pattern: re.Pattern[str]) -> re.Match[str] | None:
        found = pattern.match(self.text, self.at)
        if found is not None:
            self.at = found.end()
        return found

    def space(self) -> None:
        self.match(_SPACE)

    def expect(self, mark: str) -> None:
        self.space()
        if not self.take(mark):
            raise self.wrong(f"{mark} was expected")

    # --- steps

    def steps(self) -> tuple[Step, ...]:
        found: list[Step] = []
        while True:
            if self.take(".."):
                found.append(Scan(self._bracket() if self._sees("[") else self._dotted()))
            elif self.take("."):
                found.append(self._dotted())
            elif self._sees("["):
                found.append(self._bracket())
            else:
                return tuple(found)
            if len(found) > MAX_STEPS:
                raise self.wrong(f"the path has more than {MAX_STEPS} steps")

    def _sees(self, mark: str) -> bool:
        return self.text.startswith(mark, self.at)

    def _dotted(self) -> Step:
        if self.take("*"):
            return Every()
        found = self.match(_PLAIN_NAME)
        if found is None:
            raise self.wrong("a name was expected behind the dot; quote others, as in ['a name']")
        if self._sees("("):
            raise self.wrong("functions such as length() are not supported")
        return Name(found[0])

    def _bracket(self) -> Step:
        if found := self.match(_BRACKET_SLICE):
            start, end = found[1], found[2]
            return Slice(None if start is None else int(start), None if end is None else int(end))
        self.at += 1
        self.space()
        step: Step
        if self.take("*"):
            step = Every()
        elif self.take("?"):
            self.expect("(")
            step = Filter(self._any_of())
            self.expect(")")
        else:
            step = self._one_or_several()
        self.expect("]")
        return step

    def _one_or_several(self) -> Step:
        parts = [self._selector()]
        self.space()
        while self.take(","):
            self.space()
            parts.append(self._selector())
            self.space()
            if len(parts) > MAX_STEPS:
                raise self.wrong(f"brackets name more than {MAX_STEPS} fields or elements")
        return parts[0] if len(parts) == 1 else Union(tuple(parts))

    def _selector(self) -> Name | Index:
        if self._sees("'") or self._sees('"'):
            return Name(self._quoted())
        if found := self.match(_INDEX):
            return Index(int(found[0]))
        raise self.wrong("a quoted name, a number, *, or ?(…) was expected in the brackets")

    def _quoted(self) -> str:
        quote = self.text[self.at]
        start = self.at
        self.at += 1
        parts: list[str] = []
        while self.at < len(self.text):
            char = self.text[self.at]
            self.at += 1
            if char == quote:
                return "".join(parts)
            if char == "\\" and self.at < len(self.text):
                char = self.text[self.at]
                self.at += 1
            parts.append(char)
        self.at = start
        raise self.wrong("a quotation mark is opened and never closed")

    # --- conditions

    def _any_of(self) -> Condition:
        self.depth += 1
        if self.depth > MAX_DEPTH:
            raise self.wrong(f"conditions are nested more than {MAX_DEPTH} deep")
        parts = [self._all_of()]
        while self._operator("||"):
            parts.append(self._all_of())
        self.depth -= 1
        return parts[0] if len(parts) == 1 else Logic(every=False, parts=tuple(parts))

    def _all_of(self) -> Condition:
        parts = [self._unit()]
        while self._operator("&&"):
            parts.append(self._unit())
        return parts[0] if len(parts) == 1 else Logic(every=True, parts=tuple(parts))

    def _operator(self, mark: str) -> bool:
        self.space()
        return self.take(mark)

    def _unit(self) -> Condition:
        self.space()
        if self._sees("!") and not self._sees("!="):
            self.at += 1
            self.depth += 1
            if self.depth > MAX_DEPTH:
                raise self.wrong(f"conditions are nested more than {MAX_DEPTH} deep")
            made = Negation(self._unit())
            self.depth -= 1
            return made
        if self.take("("):
            inner = self._any_of()
            self.expect(")")
            return inner
        left = self._operand()
        self.space()
        found = self.match(_OPERATOR)
        if found is None:
            if isinstance(left, PathOperand):
                return left
            raise self.wrong("a comparison was expected behind the constant")
        self.space()
        right = self._operand()
        self._check(found[0], right)
        return Compare(found[0], left, right)

    def _check(self, operator: str, right: Operand) -> None:
        if not isinstance(right, Literal):
            if operator == "=~":
                raise self.wrong("=~ needs a regular expression between slashes")
            return
        if operator in _NEEDS:
            kind, wanted = _NEEDS[operator]
            if type(right.value) is not kind:
                raise self.wrong(f"{operator} needs {wanted}")
        elif isinstance(right.value, re.Pattern):
            raise self.wrong(f"{operator} does not take a regular expression; =~ does")

    def _operand(self) -> Operand:
        self.space()
        if self._sees("@") or self._sees("$"):
            from_root = self.text[self.at] == "$"
            self.at += 1
            self.depth += 1
            if self.depth > MAX_DEPTH:
                raise self.wrong(f"conditions are nested more than {MAX_DEPTH} deep")
            made = PathOperand(from_root, self.steps())
            self.depth -= 1
            return made
        if self._sees("/"):
            return Literal(self._regex())
        return Literal(self._constant())

    def _constant(self) -> Any:
        if self._sees("'") or self._sees('"'):
            return self._quoted()
        if word := self.match(_WORD):
            return _WORDS[word[1]]
        if number := self.match(_NUMBER):
            return float(number[0]) if number[1] or number[2] else int(number[0])
        if self.take("["):
            items: list[Any] = []
            self.space()
            while not self.take("]"):
                if items:
                    self.expect(",")
                    self.space()
                if self._sees("["):
                    raise self.wrong("a list may not hold a list")
                items.append(self._constant())
                self.space()
            return items
        raise self.wrong(
            "a path (@.name), a text in quotation marks, a number, true, false or null was expected"
        )

    def _regex(self) -> re.Pattern[str]:
        start = self.at
        self.at += 1
        while self.at < len(self.text) and self.text[self.at] != "/":
            self.at += 2 if self.text[self.at] == "\\" else 1
        if self.at >= len(self.text):
            self.at = start
            raise self.wrong("a regular expression is opened with / and never closed")
        body = self.text[start + 1 : self.at].replace("\\/", "/")
        self.at += 1
        flags = self.match(_FLAGS)
        letters = flags[0] if flags else ""
        try:
            return compile_java(f"(?{letters}){body}" if letters else body)
        except ValueError as exc:
            raise self.wrong(f"the regular expression {exc}") from exc
