r"""Regular expressions as Kafka's users write them: Java's syntax, compiled to Python's ``re``.

:func:`compile_java` keeps Java's meaning: ``\d \w \s`` and case are ASCII, ``.`` stops at every line
terminator, ``(?<name>…)``, ``\k<name>``, ``\Q…\E``, ``\p{…}`` (POSIX names, Unicode categories and
``java…``), nested and intersected classes (``[a-z&&[^aeiou]]``), flags in the middle, possessive
quantifiers. What ``re`` cannot do (scripts and blocks, ``\G``, look-behind of varying length) is a
``ValueError`` with one sentence, as is an expression that some text can make run for hours
(:mod:`connectkit.redos`). Matching the whole text is ``fullmatch``, as Java's ``matches``. Pure functions.
Source: documentation of ``java.util.regex.Pattern``; spec data 6.3.
"""

from __future__ import annotations

import re
import sys
import unicodedata
import warnings
from collections.abc import Callable
from functools import lru_cache
from typing import Final

from connectkit.redos import explosive

_LINE_ENDS: Final = r"\n\r\x85\u2028\u2029"
_BLANKS: Final = r" \t\xa0\u1680\u180e\u2000-\u200a\u202f\u205f\u3000"
_VERTICAL: Final = r"\n\x0b\f\r\x85\u2028\u2029"
_POSIX: Final = {
    "Lower": "a-z",
    "Upper": "A-Z",
    "ASCII": r"\x00-\x7f",
    "Alpha": "a-zA-Z",
    "Digit": "0-9",
    "Alnum": "a-zA-Z0-9",
    "Punct": r"!-/:-@\[-`{-~",
    "Graph": "!-~",
    "Print": " -~",
    "Blank": r" \t",
    "Cntrl": r"\x00-\x1f\x7f",
    "XDigit": "0-9a-fA-F",
    "Space": r" \t\n\x0b\f\r",
}
_JAVA_METHODS: Final[dict[str, Callable[[str], bool]]] = {
    "javaLowerCase": str.islower,
    "javaUpperCase": str.isupper,
    "javaLetter": lambda ch: unicodedata.category(ch)[0] == "L",
    "javaDigit": lambda ch: unicodedata.category(ch) == "Nd",
    "javaLetterOrDigit": lambda ch: unicodedata.category(ch)[0] == "L" or unicodedata.category(ch) == "Nd",
    "javaWhitespace": lambda ch: (
        ch in "\t\n\x0b\f\r\x1c\x1d\x1e\x1f"
        or (unicodedata.category(ch)[0] == "Z" and ch not in "\xa0\u2007\u202f")
    ),
}
_CATEGORY: Final = re.compile(r"[LMNPSZC][a-z]?")
_FLAGS: Final = re.compile(r"\(\?([a-zA-Z]*)(?:-([a-zA-Z]*))?([:)])")
_NAME: Final = re.compile(r"[a-zA-Z][a-zA-Z0-9]*")
_TIMES = re.compile(r"\{[0-9]+(?:,[0-9]*)?\}")
_MAX_CHARS: Final = 10_000


def compile_java(pattern: str) -> re.Pattern[str]:
    """The compiled expression; ``ValueError`` says why it is none, in words for an option's problem."""
    if len(pattern) > _MAX_CHARS:
        raise ValueError(f"must be a regular expression of at most {_MAX_CHARS} characters")
    try:
        translated = _Translator(pattern).translate()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)
            compiled = re.compile(translated, re.ASCII)
    except (re.error, OverflowError, RecursionError) as exc:
        said = exc.msg if isinstance(exc, re.error) else "it is too large"
        raise ValueError(f"must be a regular expression: {said}") from exc
    if danger := explosive(compiled):
        raise ValueError(danger)
    return compiled


class _Translator:
    """Walks a pattern once; ``wrappers`` holds, for each open group, its flags ``(?i:`` still open.

    ``captures`` has the number of each open group that captures, 0 for one that does not.
    """

    def __init__(self, pattern: str) -> None:
        self.text = pattern
        self.at = 0
        self.out: list[str] = []
        self.wrappers: list[list[str]] = [[]]
        self.dotall: list[bool] = [False]
        self.captures: list[int] = []
        self.groups = 0

    def translate(self) -> str:
        while self.at < len(self.text):
            char = self.text[self.at]
            if char == "\\":
                self.out.append(self._escape())
            elif char == "[":
                self.at += 1
                self.out.append(self._class())
            elif char == "(":
                self._open()
            elif char == ")":
                if len(self.wrappers) == 1:
                    raise ValueError("must be a regular expression: unbalanced parenthesis")
                self.out.append(")" * (len(self.wrappers.pop()) + 1))
                self.dotall.pop()
                self.captures.pop()
                self.at += 1
            elif char == "|":
                opened = self.wrappers[-1]
                self.out.append(")" * len(opened) + "|" + "".join(opened))
                self.at += 1
            elif char == "{":
                self.out.append(self._times())
            elif char == ".":
                self.out.append("." if self.dotall[-1] else f"[^{_LINE_ENDS}]")
                self.at += 1
            else:
                self.out.append(char)
                self.at += 1
        self.out.append(")" * len(self.wrappers[0]))
        return "".join(self.out)

    def _times(self) -> str:
        """``{2}``, ``{2,}`` or ``{2,3}``; Java takes no other brace than an escaped one."""
        found = _TIMES.match(self.text, self.at)
        if found is None:
            raise ValueError("must be a regular expression: a { is followed by no number; write \\{ for it")
        self.at = found.end()
        return found[0]

    def _open(self) -> None:
        rest = self.text[self.at :]
        dotall = self.dotall[-1]
        named = rest.startswith("(?<") and rest[3:4] not in ("=", "!")
        captures = named or not rest.startswith("(?")
        if named:
            self.out.append("(?P<")
            self.at += 3
        elif found := _FLAGS.match(rest):
            on, off, end = found[1], found[2] or "", found[3]
            for letter in on + off:
                if letter not in "idmsuxU":
                    raise ValueError(f"must be a regular expression: unknown flag {letter}")
            dotall = ("s" in on or dotall) and "s" not in off
            if ("u" in on or "U" in on) and "u" not in off and "U" not in off:
                kept = "".join(dict.fromkeys(c for c in on.replace("U", "u") if c != "d"))
            else:
                kept = "".join(dict.fromkeys(c for c in on if c in "imsx"))
            dropped = "".join(dict.fromkeys(c for c in off if c in "imsx"))
            wrapper = f"(?{kept}{'-' + dropped if dropped else ''}:"
            self.out.append(wrapper)
            self.at += found.end()
            if end == ")":
                self.wrappers[-1].append(wrapper)
                self.dotall[-1] = dotall
                return
        else:
            self.out.append("(")
            self.at += 1
            if rest.startswith("(?"):
                self.out.append("?")
                self.at += 1
                for mark in ("<=", "<!", ":", "=", "!", ">"):
                    if self.text.startswith(mark, self.at):
                        self.out.append(mark)
                        self.at += len(mark)
                        break
                else:
                    raise ValueError("must be a regular expression: unknown group after (?")
        self.wrappers.append([])
        self.dotall.append(dotall)
        self.groups += captures
        self.captures.append(self.groups if captures else 0)

    def _escape(self) -> str:
        """An escape outside a class."""
        char = self.text[self.at + 1 : self.at + 2]
        if char == "Q":
            return re.escape(self._quoted())
        if char == "k":
            end = self.text.find(">", self.at)
            name = self.text[self.at + 3 : end]
            if self.text[self.at + 2 : self.at + 3] != "<" or end < 0 or not _NAME.fullmatch(name):
                raise ValueError("must be a regular expression: \\k must be followed by a group's <name>")
            self.at = end + 1
            return f"(?P={name})"
        simple = {
            "z": r"\Z",
            "Z": rf"(?=(?:\r\n|[{_LINE_ENDS}])?\Z)",
            "R": rf"(?>\r\n|[{_VERTICAL}])",  # once taken it stays: as good as Java's, and bounded
            "A": r"\A",
            "b": r"\b",
            "B": r"\B",
        }
        if char in simple:
            self.at += 2
            return simple[char]
        if char in "123456789" and char:
            return self._back_reference()
        content, negated, single = self._class_escape()
        if single is not None:
            return re.escape(single)
        return f"[{'^' if negated else ''}{content}]"

    def _back_reference(self) -> str:
        """A reference by number: more digits belong to it as long as there are so many groups.

        A group that is not there, or not over yet, has matched nothing: the reference never matches.
        """
        self.at += 2
        number = int(self.text[self.at - 1])
        while (digit := self.text[self.at : self.at + 1]) in "0123456789" and digit:
            if number * 10 + int(digit) > self.groups:
                break
            number = number * 10 + int(digit)
            self.at += 1
        if number > self.groups or number in self.captures:
            return "(?!)"
        return f"(?:\\{number})"

    def _quoted(self) -> str:
        end = self.text.find("\\E", self.at + 2)
        quoted = self.text[self.at + 2 : end if end >= 0 else len(self.text)]
        self.at = end + 2 if end >= 0 else len(self.text)
        return quoted

    def _class_escape(self) -> tuple[str, bool, str | None]:
        """An escape for one character: content of a class, whether negated, or the one character."""
        char = self.text[self.at + 1 : self.at + 2]
        if not char:
            raise ValueError("must be a regular expression: it ends in a lone backslash")
        self.at += 2
        if char in "dDwWsS":
            return rf"\{char.lower()}", char.isupper(), None
        if char in "hH":
            return _BLANKS, char == "H", None
        if char in "vV":
            return _VERTICAL, char == "V", None
        if char in "pP":
            content, negated = self._property()
            return content, negated != (char == "P"), None
        if char in "tnrfae":
            return "", False, {"t": "\t", "n": "\n", "r": "\r", "f": "\f", "a": "\a", "e": "\x1b"}[char]
        if char in "xuc0":
            return "", False, self._code(char)
        if char.isascii() and char.isalpha():
            raise ValueError(f"must be a regular expression: \\{char} is not supported")
        return "", False, char

    def _code(self, char: str) -> str:
        rest = self.text[self.at :]
        patterns = {
            "x": r"\{([0-9a-fA-F]{1,6})\}|([0-9a-fA-F]{2})",
            "u": r"([0-9a-fA-F]{4})",
            "c": r"(?s:(.))",
            "0": r"([0-3][0-7]{2}|[0-7]{1,2})",
        }
        found = re.match(patterns[char], rest)
        if found is None:
            raise ValueError(f"must be a regular expression: malformed \\{char}")
        self.at += found.end()
        digits = next(group for group in found.groups() if group is not None)
        if char == "c":
            return chr(ord(digits) ^ 64)
        code = int(digits, 8 if char == "0" else 16)
        if code > sys.maxunicode:
            raise ValueError(f"must be a regular expression: \\{char} names no character")
        return chr(code)

    def _property(self) -> tuple[str, bool]:
        if self.text[self.at : self.at + 1] == "{":
            end = self.text.find("}", self.at)
            name = self.text[self.at + 1 : end] if end >= 0 else ""
            self.at = end + 1
        else:
            name = self.text[self.at : self.at + 1]
            self.at += 1
        if name in _POSIX:
            return _POSIX[name], False
        for prefix in ("Is", "general_category=", "gc="):
            name = name.removeprefix(prefix)
        name = {"Alphabetic": "L", "Letter": "L", "Digit": "Nd", "Lowercase": "Ll", "Uppercase": "Lu"}.get(
            name, name
        )
        content = _category(name) if _CATEGORY.fullmatch(name) or name in _JAVA_METHODS else ""
        if not content:
            raise ValueError(f"must be a regular expression: \\p{{{name[:30]}}} is not supported")
        return content, False

    def _class(self) -> str:
        """A class, from behind its ``[`` to behind its ``]``, as an expression for one character."""
        negated = self.text.startswith("^", self.at)
        self.at += negated
        operands: list[tuple[str, list[str]]] = []  # content of a plain class, and other alternatives
        content, others, first = "", list[str](), True
        while True:
            if self.at >= len(self.text):
                raise ValueError("must be a regular expression: a character class is not closed")
            char = self.text[self.at]
            if char == "]" and not first:
                self.at += 1
                break
            first = False
            if char == "[":
                self.at += 1
                others.append(self._class())
            elif self.text.startswith("&&", self.at):
                self.at += 2
                operands.append((content, others))
                content, others = "", []
                if self.text[self.at : self.at + 1] == "]":
                    self.at += 1
                    break
            else:
                more, other = self._class_item()
                content += more
                others += other
        operands.append((content, others))
        parts = [_union(each, more) for each, more in operands if each or more]
        if len(parts) == 1 and len(operands[0][1]) == 0 and negated:
            return f"[^{operands[0][0]}]"
        joined = "".join(f"(?={part})" for part in parts[:-1]) + parts[-1]
        if negated:
            return f"(?:(?!{joined})[\\s\\S])"
        return joined if len(parts) == 1 else f"(?:{joined})"

    def _class_item(self) -> tuple[str, list[str]]:
        """A character, range or escape inside a class."""
        if self.text.startswith("\\Q", self.at):
            return "".join(map(_in_class, self._quoted())), []
        low = self._class_char()
        if isinstance(low, tuple):
            content, negated = low
            return ("", [f"[^{content}]"]) if negated else (content, [])
        after = self.text[self.at : self.at + 2]
        if after.startswith("-") and len(after) == 2 and after[1] not in "[]":
            self.at += 1
            high = self._class_char()
            if isinstance(high, tuple) or high < low:
                raise ValueError("must be a regular expression: bad range in a character class")
            return f"{_in_class(low)}-{_in_class(high)}", []
        return _in_class(low), []

    def _class_char(self) -> str | tuple[str, bool]:
        if self.text[self.at] != "\\":
            self.at += 1
            return self.text[self.at - 1]
        content, negated, single = self._class_escape()
        return single if single is not None else (content, negated)


def _union(content: str, others: list[str]) -> str:
    alternatives = ([f"[{content}]"] if content else []) + others
    return alternatives[0] if len(alternatives) == 1 else f"(?:{'|'.join(alternatives)})"


def _in_class(char: str) -> str:
    return "\\" + char if char in "\\]^-[&~|" else char


@lru_cache(maxsize=64)
def _category(name: str) -> str:
    """The characters of a Unicode category as the content of a class; a scan of all, once a category."""
    test = _JAVA_METHODS.get(name) or (lambda ch: unicodedata.category(ch).startswith(name))
    ranges: list[str] = []
    begin = -1
    for code in range(sys.maxunicode + 2):
        inside = code <= sys.maxunicode and test(chr(code))
        if inside and begin < 0:
            begin = code
        elif not inside and begin >= 0:
            ranges.append(f"\\U{begin:08x}-\\U{code - 1:08x}")
            begin = -1
    return "".join(ranges)
